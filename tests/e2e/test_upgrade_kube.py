"""exec, attach and port-forward by stock kubectl through central and agent on a real API server and kubelet interface, over
WebSocket and over SPDY/3.1. The stand-in kubelet gives neither exit codes nor the end of stdin (see test_upgrade.py)."""

import contextlib
import hashlib
import os
import select
import socket
import subprocess
import threading

import pytest

import sim
import stack
import test_recording

pytestmark = pytest.mark.skipif(not stack.REAL, reason="needs a real API server")
SPDY = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"}


@pytest.fixture(scope="module")
def exec_cluster(tmp_path_factory):
    with stack.kube.RealCluster(tmp_path_factory.mktemp("exec-cluster"), allow_exec=True) as cluster:
        cluster.create_namespace("a")
        cluster.create_pod("a", "web")
        yield cluster


@pytest.fixture(scope="module")
def exec_agent(tmp_path_factory, central, exec_cluster, roles):
    token = central.add_cluster("with-exec")["token"]
    agent = stack.Agent(tmp_path_factory.mktemp("agent"), central, "with-exec", token,
                        stack.impersonator(exec_cluster)).start()
    yield agent
    assert agent.stop() == 0, agent.process.said()[-3000:]


@pytest.fixture(params=["websocket", "spdy", "old"])
def kubectl(request, make_cli, central, exec_agent):
    """(argv, environment) of kubectl on that cluster; an old one knows only SPDY."""
    old = request.param == "old"
    if not sim.find_kubectl(old):
        pytest.skip("there is no old kubectl in build/kube/old: see tests/kube/clients.sh")
    cli = make_cli(central, central.add_user("everything").email)
    cli.write_kubeconfig("with-exec", *(["--old-clients"] if old else []))
    return [sim.find_kubectl(old), "-n", "a"], {**cli.kubectl_env(), **(SPDY if request.param == "spdy" else {})}


def run(kubectl, *args, stdin=b""):
    argv, env = kubectl
    return subprocess.run([*argv, *args], input=stdin, capture_output=True, timeout=60 * stack.SLOW, env=env)


def test_exec(kubectl):
    done = run(kubectl, "exec", "web", "--", "sh", "-c", "echo out; echo err >&2")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"out\n", b"err\n"), done
    assert run(kubectl, "exec", "web", "--", "false").returncode != 0
    data = os.urandom(2_000_000)
    done = run(kubectl, "exec", "-i", "web", "--", "sh", "-c", f"head -c {len(data)} | sha256sum", stdin=data)
    assert done.stdout.split()[:1] == [hashlib.sha256(data).hexdigest().encode()], done
    done = run(kubectl, "exec", "web", "--", "sh", "-c", "head -c 5000000 /dev/zero")
    assert done.returncode == 0 and done.stdout == bytes(5_000_000)


def test_attach(kubectl, exec_cluster):
    """The stand-in kubelet shows there what comes into the pod's log from then on."""
    argv, env = kubectl
    attached = subprocess.Popen([*argv, "attach", "web"], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
    ended = threading.Event()

    def talk():
        while not ended.wait(0.3):
            exec_cluster.append_default_log("still there")
    threading.Thread(target=talk, daemon=True).start()
    try:
        assert stack.read_lines(attached, 3) == ["still there"] * 3
        assert attached.poll() is None
    finally:
        ended.set()
        attached.kill()
        attached.wait()


def test_cp_from_the_pod(kubectl, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(10_000_000))
    done = run(kubectl, "cp", f"web:{source}", target)
    assert done.returncode == 0 and target.read_bytes() == source.read_bytes(), done


@pytest.fixture(scope="module")
def recording(tmp_path_factory, exec_cluster):
    """A central that records sessions, with an agent on that cluster."""
    where = tmp_path_factory.mktemp("recording")
    central = stack.Central(where / "central", audit_record_exec="true").start()
    agent = stack.Agent(where / "agent", central, "with-exec", central.add_cluster("with-exec")["token"],
                        stack.impersonator(exec_cluster)).start()
    central.add_role("everything")
    yield central
    assert agent.stop() == 0 and central.stop() == 0


@pytest.mark.parametrize("way", [{}, SPDY], ids=["websocket", "spdy"])
def test_sessions_are_recorded(make_cli, recording, way):
    cli = make_cli(recording, recording.add_user("everything").email)
    cli.write_kubeconfig("with-exec")
    terminal = test_recording.Terminal([sim.find_kubectl(), "-n", "a", "exec", "-it", "web", "--", "sh", "-c",
                                        "sleep 1; echo mar''ker; stty size; sleep 1"], {**cli.kubectl_env(), **way})
    terminal.until(b"marker")
    terminal.wait()
    session = stack.wait_for("its row", lambda: next((r["id"] for r in recording.audit(limit=5)
                                                     if "exec" in r["resource"] and r["status"]), None))
    head, events = test_recording.check_cast(recording.admin.get(f"/audit/{session}/recording").text)
    assert "marker" in test_recording.output_of(events)
    assert (head["width"], head["height"]) == (111, 33)
    assert cli.ok("audit", "play", session, "-o", "raw") == test_recording.output_of(events).replace("\r\n", "\n")


def test_watch_by_websocket(central, exec_agent):
    """Events as frames; who may not watch gets none."""
    path = "/clusters/with-exec/k8s/api/v1/namespaces/a/pods?watch=true"
    for role, status in (("everything", b"101"), ("elsewhere", b"404")):
        user = central.add_user(role)
        with stack.raw_connect(central) as tls:
            tls.sendall((f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {user.token}\r\n"
                         "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                         "Origin: http://x\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
            got = b""
            while piece := tls.recv(65536):
                got += piece
                if b'"type":"ADDED"' in got:
                    break
            assert got.startswith(b"HTTP/1.1 " + status), got
            assert (b'"type":"ADDED"' in got) == (status == b"101")


def test_port_forward(kubectl, exec_cluster):
    argv, env = kubectl
    data = os.urandom(1_000_000)

    def echo(stream):
        with stream, contextlib.suppress(OSError):
            while piece := stream.recv(65536):
                stream.sendall(piece)

    def serve(listener):
        with contextlib.suppress(OSError):
            while True:  # the stand-in kubelet keeps connections of forwards that have ended
                threading.Thread(target=echo, args=(listener.accept()[0],), daemon=True).start()
    with socket.create_server(("127.0.0.1", exec_cluster.forward_port)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        forward = subprocess.Popen([*argv, "port-forward", "web", ":80"], env=env, stdout=subprocess.PIPE, text=True)
        try:
            port = int(stack.read_lines(forward, 1)[0].split(":")[1].split()[0])
            for _ in range(3):
                with socket.create_connection(("127.0.0.1", port), 20) as client:
                    view, got = memoryview(data), b""
                    while len(got) < len(data):
                        readable, writable, _ = select.select([client], [client] if view else [], [], 20)
                        assert readable or writable, len(got)
                        if writable:
                            view = view[client.send(view[:65536]):]
                        if readable:
                            got += client.recv(65536)
                    assert got == data
        finally:
            forward.terminate()
            forward.wait(10)
        listener.shutdown(socket.SHUT_RDWR)
