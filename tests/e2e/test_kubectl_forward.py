"""The built-in kubectl's port-forward through central and agent: many connections, ends of each side, broken peers."""

import contextlib
import os
import signal
import socket
import struct
import threading

import pytest

import pod_peer
import stack
from test_kubectl_exec import agent_of_peer, cli, kubectl, peer  # noqa: F401 (fixtures)


@pytest.fixture
def forward(cli):  # noqa: F811
    """forward(args): the process and the local ports that it told of."""
    made = []

    def start(*args, lines=2):
        run = cli.start("kubectl", "-n", "a", "port-forward", *args)
        made.append(run)
        told = stack.read_lines(run, lines)
        assert all(line.startswith("Forwarding from ") for line in told), told
        return run, [int(line.split(" -> ")[0].rsplit(":", 1)[1]) for line in told]
    yield start
    for run in made:
        if run.poll() is None:
            run.kill()
        run.communicate()


def exchange(port, data, host="127.0.0.1"):
    """What comes back until the other side ends; our side ends once all is sent."""
    with socket.create_connection((host, port), 20 * stack.SLOW) as stream:
        def send():
            stream.sendall(data)
            stream.shutdown(socket.SHUT_WR)
        threading.Thread(target=send, daemon=True).start()
        got = b""
        while piece := stream.recv(65536):
            got += piece
        return got


def test_connections(forward):
    run, ports = forward("shell", ":80")
    assert ports[0] == ports[1]
    data = os.urandom(2_000_000)
    assert exchange(ports[0], data) == data
    assert exchange(ports[0], b"") == b""
    with contextlib.suppress(OSError):
        assert exchange(ports[1], b"six", "::1") == b"six"
    results = []
    threads = [threading.Thread(target=lambda i=i: results.append(exchange(ports[0], bytes([i]) * 300_000) ==
                                                                  bytes([i]) * 300_000)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8
    with socket.create_connection(("127.0.0.1", ports[0])) as stream:  # one that resets
        stream.sendall(b"x")
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert exchange(ports[0], b"still there") == b"still there"
    run.send_signal(signal.SIGINT)
    assert run.wait(10 * stack.SLOW) == 0
    assert f"Handling connection for {ports[0]}\n" in run.stdout.read()


def test_a_reader_that_stands_still_holds_no_memory(forward):
    run, ports = forward("shell", ":80")
    with socket.create_connection(("127.0.0.1", ports[0])) as stream:
        stream.settimeout(2)
        with contextlib.suppress(TimeoutError):
            stream.sendall(bytes(50_000_000))
        with open(f"/proc/{run.pid}/status") as status:
            peak_kb = int(status.read().split("VmHWM:")[1].split()[0])
    assert peak_kb < (40_000 if stack.SLOW == 1 else 400_000)


def test_ports_and_addresses(forward):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    run, ports = forward("pod/shell", f"{free}:80", ":81", "--address", "127.0.0.1,127.0.0.2", lines=4)
    assert ports[:2] == [free, free] and exchange(free, b"a", "127.0.0.2") == b"a"
    run.send_signal(signal.SIGTERM)
    assert run.wait(10 * stack.SLOW) == -signal.SIGTERM


@pytest.mark.parametrize("args,says", [
    (["shell"], "TYPE/NAME and list of ports are required for port-forward"),
    (["shell", "80:"], "remote port cannot be empty"),
    (["shell", "http"], "Pod 'shell' does not have a named port 'http'"),
    (["shell", "x:80"], "error parsing local port 'x'"),
    (["shell", "1:2:3"], "invalid port format '1:2:3'"),
    (["shell", ":80", "--address=example.com"], "example.com is not a valid IP"),
    (["shell", ":80", "--address=203.0.113.1"], "unable to listen on any of the requested ports: [{0 80}]"),
    (["forbidden", ":80"], "error upgrading connection: "),
    (["wrong-accept", ":80"], "error upgrading connection: "),
])
def test_refusals(kubectl, args, says):  # noqa: F811
    done = kubectl("port-forward", *args)
    assert done.returncode in (1, 3, 4) and says in done.stderr.decode(), done


@pytest.mark.parametrize("frames,says", [
    (b"HTTP/1.1 400 Bad Request\r\n\r\n" * 3, "lost connection to pod"),
    (struct.pack(">HHI", 0x8002, 1, 0), "does not hold frames of SPDY/3.1"),
    (struct.pack(">HHI", 0x8003, 2, 0xffffff), "a SPDY frame has the length 16777215"),
    (struct.pack(">HHIII", 0x8003, 7, 8, 0, 0), "lost connection to pod"),
    (struct.pack(">II", 99, 3) + b"odd", "lost connection to pod"),
])
def test_peers_that_break_the_rules(kubectl, peer, frames, says):  # noqa: F811
    pod_peer.SAYS["spdy"] = pod_peer.frame(0x82, frames) + pod_peer.frame(0x88, b"")
    done = kubectl("port-forward", "spdy", ":80")
    assert done.returncode in (1, 4) and says in done.stderr.decode(), done
