"""Does with Python's `kubernetes` client what tests/e2e/test_clients.py asks for, by the kubeconfig of $KUBECONFIG.

    python_client.py crud NAMESPACE
    python_client.py watch LABEL COUNT            over all namespaces; prints "TYPE NAMESPACE/NAME"
    python_client.py exec NAMESPACE POD           three commands with the streams they must have; prints the exit status of one
    python_client.py forward NAMESPACE POD PORT   sends standard input, prints as many bytes as come back
"""

import os
import sys
import threading

from kubernetes import client, config, stream, watch
from kubernetes.client.exceptions import ApiException

TIMEOUT_S = 60


def refused(status, call, *args, **options):
    try:
        call(*args, **options)
    except ApiException as error:
        assert error.status == status, error
        return
    raise AssertionError(f"not refused with {status}")


def crud(core, namespace):
    name = f"python-{os.getpid()}"
    body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name), data={"a": "1"})
    made = core.create_namespaced_config_map(namespace, body)
    refused(409, core.create_namespaced_config_map, namespace, body)
    events = watch.Watch().stream(core.list_namespaced_config_map, namespace, field_selector=f"metadata.name={name}",
                                  resource_version=made.metadata.resource_version, timeout_seconds=TIMEOUT_S)
    made.data = {"a": "2"}
    core.replace_namespaced_config_map(name, namespace, made)
    refused(409, core.replace_namespaced_config_map, name, namespace, made)  # an old version
    patched = core.patch_namespaced_config_map(name, namespace, {"data": {"b": "ü"}})
    assert patched.data == {"a": "2", "b": "ü"}, patched.data
    assert [item.metadata.name for item in core.list_namespaced_config_map(
        namespace, field_selector=f"metadata.name={name}").items] == [name]
    core.delete_namespaced_config_map(name, namespace)
    refused(404, core.read_namespaced_config_map, name, namespace)
    seen = []
    for event in events:
        seen.append(event["type"])
        if seen[-1] == "DELETED":
            break
    assert seen == ["MODIFIED", "MODIFIED", "DELETED"], seen
    print("crud ok")


def watch_all(core, label, count):
    for event in watch.Watch().stream(core.list_config_map_for_all_namespaces, label_selector=label,
                                      timeout_seconds=TIMEOUT_S):
        meta = event["object"].metadata
        print(event["type"], f"{meta.namespace}/{meta.name}", flush=True)
        count -= 1
        if not count:
            return
    raise AssertionError("the watch ended early")


def run(core, namespace, pod):
    def start(command, **options):
        return stream.stream(core.connect_get_namespaced_pod_exec, pod, namespace, command=command, stdout=True,
                             stderr=True, stdin=False, tty=False, **options)
    assert start(["echo", "whole"]) == "whole\n"
    both = start(["sh", "-c", "echo out; echo err >&2; exit 3"], _preload_content=False)
    both.run_forever(timeout=TIMEOUT_S)
    assert (both.read_stdout(), both.read_stderr()) == ("out\n", "err\n")
    try:
        print("status", both.returncode)
    except (KeyError, TypeError, ValueError):  # kwok names none
        print("status unknown")
    echo = stream.stream(core.connect_get_namespaced_pod_exec, pod, namespace, command=["head", "-n", "1"], stdin=True,
                         stdout=True, stderr=True, tty=False, _preload_content=False)
    echo.write_stdin("to and fro\n")
    assert echo.readline_stdout(timeout=TIMEOUT_S) == "to and fro"
    echo.close()
    print("exec ok")


def forward(core, namespace, pod, port):
    data = sys.stdin.buffer.read()
    connection = stream.portforward(core.connect_get_namespaced_pod_portforward, pod, namespace, ports=str(port))
    tunnel = connection.socket(port)
    tunnel.setblocking(True)
    sender = threading.Thread(target=tunnel.sendall, args=(data,), daemon=True)
    sender.start()
    left = len(data)
    while left:
        piece = tunnel.recv(min(left, 65536))
        assert piece, f"{left} of {len(data)} bytes missing; {connection.error(port)}"
        sys.stdout.buffer.write(piece)
        left -= len(piece)
    sys.stdout.flush()
    os._exit(0)  # the client's own thread would keep the connection


def main():
    config.load_kube_config()
    core = client.CoreV1Api()
    deed, *args = sys.argv[1:]
    if deed == "crud":
        crud(core, args[0])
    elif deed == "watch":
        watch_all(core, args[0], int(args[1]))
    elif deed == "exec":
        run(core, *args)
    else:
        forward(core, args[0], args[1], int(args[2]))


if __name__ == "__main__":
    main()
