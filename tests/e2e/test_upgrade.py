"""exec, attach, cp and raw upgrades through central and agent, in front of a peer that shows what reaches an API server."""

import base64
import contextlib
import hashlib
import os
import pathlib
import pty
import re
import select
import socket
import subprocess
import threading
import time

import pytest

import sim
import stack
import upgrade_peer

PREFIX = "/clusters/upgrades/k8s/api/v1/namespaces/a/pods/"
WEBSOCKET = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
SPDY = ("Connection: Upgrade", "Upgrade: SPDY/3.1", "X-Stream-Protocol-Version: v4.channel.k8s.io",
        "X-Stream-Protocol-Version: channel.k8s.io", "Content-Length: 0")

SPDY_ONLY = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"}

# Of kubectl cp: long enough that what is kept back would show.
CP_MIB = {"websocket": 100, "spdy": 50, "old": 50}


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    peer = upgrade_peer.UpgradePeer(tmp_path_factory.mktemp("peer"))
    yield peer
    peer.close()


@pytest.fixture(scope="module")
def agent_of_peer(tmp_path_factory, central, roles, peer):
    token = central.add_cluster("upgrades")["token"]
    agent = stack.Agent(tmp_path_factory.mktemp("agent"), central, "upgrades", token, peer.kubeconfig()).start()
    yield agent
    assert agent.stop() == 0, agent.process.said()[-3000:]


@pytest.fixture(scope="module")
def who(central, agent_of_peer):
    return central.add_user("everything")


@pytest.fixture(params=["websocket", "spdy", "old"])
def kubectl(request, make_cli, central, who, stock_kubectl):
    """kubectl(args, stdin) on the peer's cluster: the CompletedProcess, its output as bytes. By WebSocket, by SPDY, and an
    old one, which knows only SPDY."""
    cli = make_cli(central, who.email)
    cli.write_kubeconfig("upgrades", *(["--old-clients"] if request.param == "old" else []))
    program = sim.find_kubectl(old=request.param == "old")
    if not program:
        pytest.skip("there is no old kubectl in build/kube/old: see tests/kube/clients.sh")
    env = {**cli.kubectl_env(), **(SPDY_ONLY if request.param == "spdy" else {})}

    def run(*args, stdin=b"", timeout_s=60):
        return subprocess.run([program, "-n", "a", *map(str, args)], input=stdin, capture_output=True,
                              timeout=timeout_s * stack.SLOW, env=env)
    run.env, run.program, run.name = env, program, request.param
    return run


def request(token, method, pod, fields, subresource="exec?command=x&stdin=true"):
    lines = [f"{method} {PREFIX}{pod}/{subresource} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def read_until(tls, text, timeout_s=10):
    got = b""
    tls.settimeout(timeout_s * stack.SLOW)
    while text not in got:
        piece = tls.recv(65536)
        assert piece, got
        got += piece
    return got


@pytest.mark.parametrize("method,fields", [("GET", WEBSOCKET), ("POST", WEBSOCKET), ("POST", SPDY), ("GET", SPDY)])
def test_bytes_pass_unchanged(central, who, peer, method, fields):
    """Every byte both ways, from the first behind the 101 on; each side ends for itself."""
    data = os.urandom(3_000_000)
    with stack.raw_connect(central) as tls:
        tls.sendall(request(who.token, method, "echo", fields))
        got = read_until(tls, b"hello ")
        assert got.startswith(b"HTTP/1.1 101 ")
        assert b"set-cookie" not in got.lower()
        echoed = got.partition(b"hello ")[2]
        view = memoryview(data)
        while view or len(echoed) < len(data):
            readable, writable, _ = select.select([tls], [tls] if view else [], [], 20)
            assert readable or writable
            if writable:
                view = view[tls.send(view[:65536]):]
            if readable or tls.pending():
                piece = tls.recv(65536)
                assert piece, f"cut after {len(echoed)} of {len(data)} bytes, {len(view)} not sent"
                echoed += piece
    assert echoed == data
    head = peer.upgrades()[-1]
    assert head.method == method and head.target == "/api/v1/namespaces/a/pods/echo/exec?command=x&stdin=true"
    assert head.get("authorization") == "Bearer of-the-agent"
    assert head.get("impersonate-user") == f"mk8s:{who.email}"
    assert head.all("x-stream-protocol-version") == (
        ["v4.channel.k8s.io", "channel.k8s.io"] if fields is SPDY else [])


def test_nothing_goes_before_the_101(central, who, peer):
    with stack.raw_connect(central) as tls:
        tls.sendall(request(who.token, "GET", "hold", WEBSOCKET) + b"GET /early HTTP/1.1\r\nHost: x\r\n\r\n")
        got = read_until(tls, b"/early HTTP/1.1\r\nHost: x\r\n\r\n")
    assert got.partition(b"\r\n\r\n")[2].startswith(b"hello GET /early")
    assert peer.upgrades()[-1].behind == b""


@pytest.mark.parametrize("pod,status", [("ok", 502), ("moved", 302), ("forbidden", 403), ("missing", 404),
                                        ("other", 502), ("bare", 502)])
@pytest.mark.parametrize("fields", [WEBSOCKET, SPDY], ids=["websocket", "spdy"])
def test_what_is_not_granted_is_an_answer(central, who, peer, pod, status, fields):
    """The connection ends, and what stood behind the request reaches nobody (CVE-2018-1002105, CVE-2020-8559)."""
    before = len(peer.heads)
    second = b"GET /clusters/upgrades/k8s/api/v1/namespaces/a/pods/second HTTP/1.1\r\nHost: x\r\n\r\n"
    got = stack.raw_exchange(central, request(who.token, "GET", pod, fields) + second)
    assert got.startswith(f"HTTP/1.1 {status} ".encode()), got
    assert b"connection: close" in got and b"location:" not in got.lower()
    assert got.count(b"HTTP/1.1 ") == 1
    stack.wait_for("the agent to close", lambda: peer.upgrades()[-1].behind is not None)
    time.sleep(0.2)
    assert len(peer.heads) == before + 1 and peer.heads[-1].behind == b""


@pytest.mark.parametrize("fields", [
    ("Connection: Upgrade", "Upgrade: h2c"), ("Connection: Upgrade", "Upgrade: tcp"),
    ("Connection: Upgrade", "Upgrade: websocket, SPDY/3.1"), ("Upgrade: websocket",),
    ("Connection: Upgrade", "Upgrade: websocket", "Upgrade: SPDY/3.1")])
def test_other_upgrades_are_ignored(central, who, peer, fields):
    got = stack.raw_exchange(central, request(who.token, "GET", "echo", (*fields, "Connection: close"), "status"))
    assert got.startswith(b"HTTP/1.1 200 "), got
    assert not peer.heads[-1].get("upgrade")


def test_no_credential_as_a_subprotocol(central, who, peer):
    token = base64.urlsafe_b64encode(b"of-somebody").decode().rstrip("=")
    for offered, passed in ((f"base64url.bearer.authorization.k8s.io.{token}, v5.channel.k8s.io", "v5.channel.k8s.io"),
                            (f"base64url.bearer.authorization.k8s.io.{token}", "")):
        with stack.raw_connect(central) as tls:
            tls.sendall(request(who.token, "GET", "echo", (
                *WEBSOCKET, f"Sec-WebSocket-Protocol: {offered}", "Impersonate-User: root", "Sec-WebSocket-Extensions: permessage-deflate")))
            read_until(tls, b"hello ")
        head = peer.upgrades()[-1]
        assert head.get("sec-websocket-protocol") == passed
        assert head.all("impersonate-user") == [f"mk8s:{who.email}"] and not head.get("sec-websocket-extensions")


@pytest.fixture(scope="module")
def by_verb(central, agent_of_peer):
    """Users who may do one thing: `exec`, `port-forward`, or everything that is neither, as `get`."""
    verbs = {"exec": ["exec"], "port-forward": ["port-forward"],
             "get": ["get", "list", "watch", "create", "update", "patch", "delete", "logs"]}
    return {name: central.add_user(central.add_role(f"upgrades-{name}", verbs=verbs, resources=["pods"]))
            for name, verbs in verbs.items()}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("subresource,verb", [("exec?command=x", "exec"), ("attach", "exec"),
                                              ("portforward?ports=80", "port-forward")])
@pytest.mark.parametrize("fields", [WEBSOCKET, SPDY], ids=["websocket", "spdy"])
def test_the_verb_is_asked_for_whatever_the_method(central, by_verb, peer, method, subresource, verb, fields):
    """Gateway attack A15."""
    before = len(peer.heads)
    got = stack.raw_exchange(central, request(by_verb["get"].token, method, "echo", fields, subresource))
    assert got.startswith(b"HTTP/1.1 403 ") and verb.encode() in got, got
    assert len(peer.heads) == before
    with stack.raw_connect(central) as tls:
        tls.sendall(request(by_verb[verb].token, method, "echo", fields, subresource))
        read_until(tls, b"hello ")


@pytest.mark.parametrize("subresource", ["exec?command=x&stdin=true", "attach?stdin=true", "portforward?ports=80"])
@pytest.mark.parametrize("fields", [WEBSOCKET, SPDY], ids=["websocket", "spdy"])
def test_revocation_ends_it(central, agent_of_peer, peer, fields, subresource):
    user = central.add_user("everything")
    with stack.raw_connect(central) as tls:
        tls.sendall(request(user.token, "POST", "echo", fields, subresource))
        got = read_until(tls, b"hello ").decode()
        request_id = re.search(r"audit-id: (\S+)", got).group(1)
        central.admin.want(200, "PUT", f"/users/{user.email}/roles", {"roles": []})
        began = time.monotonic()
        tls.settimeout(10 * stack.SLOW)
        with contextlib.suppress(OSError):
            while tls.recv(65536):
                pass
        assert time.monotonic() - began < 5 * stack.SLOW
    row = stack.wait_for("the row of its end", lambda: next(
        (row for row in central.audit(limit=50) if row["id"] == request_id and row["decision"] == "deny"), None))
    assert row["verb"] == "create" and row["status"] == 101
    assert row["resource"] == "pods/" + subresource.partition("?")[0] and row["user"] == user.email


@pytest.mark.parametrize("args", [["exec", "-i", "shell", "--", "cat"], ["port-forward", "shell", ":80"]], ids=["exec", "port-forward"])
def test_revocation_ends_kubectl(kubectl, central, args):
    """The program itself ends, soon after its user's roles are gone."""
    user = central.add_user("everything")
    running = subprocess.Popen([kubectl.program, "-n", "a", "--token", user.token, *args], env=kubectl.env,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        running.stdin.write("hello\n")
        running.stdin.flush()
        said = stack.read_lines(running, 1)[0]
        if args[0] == "port-forward":  # it asks when the first connection comes
            client = socket.create_connection(("127.0.0.1", int(said.split(":")[1].split()[0])), 20 * stack.SLOW)
            client.sendall(b"there")
            assert client.recv(100) == b"there"
        central.admin.want(200, "PUT", f"/users/{user.email}/roles", {"roles": []})
        began = time.monotonic()
        running.wait(20 * stack.SLOW)  # by SPDY a cut stream is its 0
        assert time.monotonic() - began < 5 * stack.SLOW
    finally:
        running.kill()
        running.wait()


def test_exec(kubectl):
    done = kubectl("exec", "shell", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout) == (7, b"out\n"), done
    assert b"err\n" in done.stderr
    data = os.urandom(1_000_000)
    done = kubectl("exec", "-i", "shell", "--", "sha256sum", stdin=data)  # ends at the end of stdin
    assert done.returncode == 0 and done.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest(), done
    done = kubectl("attach", "-i", "shell", stdin=b"to and fro")
    assert done.returncode == 0 and done.stdout == b"to and fro", done


def test_exec_under_a_terminal(kubectl, peer):
    """A prompt, a resize and an exit status through a real terminal."""
    pid, master = pty.fork()
    if pid == 0:
        os.execve(kubectl.program, ["kubectl", "-n", "a", "exec", "-it", "shell", "--", "sh"], kubectl.env)
    import fcntl
    import struct
    import termios
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
    said = b""

    def until(text):
        nonlocal said
        deadline = time.monotonic() + 20 * stack.SLOW
        while text not in said:
            assert time.monotonic() < deadline, said
            if select.select([master], [], [], 0.2)[0]:
                with contextlib.suppress(OSError):
                    said += os.read(master, 4096)
    os.write(master, b"echo mar''ker; tty\n")
    until(b"marker")
    stack.wait_for("the terminal's size", lambda: (111, 33) in peer.sizes)
    os.write(master, b"stty size\n")
    until(b"33 111")
    os.write(master, b"exit 5\n")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    os.close(master)


def peak_kib(process):
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text()).group(1))


def test_cp(kubectl, tmp_path, central, agent_of_peer, peer):
    """There and back intact, while central and agent hold a bounded part of it."""
    source, back, there = tmp_path / "source", tmp_path / "back", peer.dir / f"there-{kubectl.name}"
    block = os.urandom(1 << 20)
    with open(source, "wb") as out:
        for i in range(CP_MIB[kubectl.name]):
            out.write(hashlib.sha256(bytes([i & 255, i >> 8])).digest() + block[32:])
    servers = (central.process, agent_of_peer.process)
    before = [peak_kib(process) for process in servers]
    done = kubectl("cp", source, f"shell:{there}", timeout_s=300)
    assert done.returncode == 0, done
    done = kubectl("cp", f"shell:{there}", back, timeout_s=300)
    assert done.returncode == 0, done
    there.unlink()
    with open(back, "rb") as one, open(source, "rb") as other:
        assert hashlib.file_digest(one, "sha256").digest() == hashlib.file_digest(other, "sha256").digest()
    grown = [peak_kib(process) - was for process, was in zip(servers, before)]
    if not stack.is_instrumented():  # ASan keeps freed memory
        assert max(grown) < 32 * 1024, f"central and agent grew by {grown} KiB"


def test_port_forward(kubectl):
    """Three connections at once, each with its own bytes and its own end."""
    data = [os.urandom(1_000_000) for _ in range(3)]
    with forwarding([kubectl.program, "-n", "a", "port-forward", "shell", ":80"], kubectl.env) as port:
        clients = [socket.create_connection(("127.0.0.1", port), 20 * stack.SLOW) for _ in data]
        senders = [threading.Thread(target=lambda c=c, d=d: (c.sendall(d), c.shutdown(socket.SHUT_WR)), daemon=True)
                   for c, d in zip(clients, data)]
        for sender in senders:
            sender.start()
        for client, sent in zip(clients, data):
            got = b""
            while piece := client.recv(1 << 18):
                got += piece
            assert got == sent
            client.close()


@contextlib.contextmanager
def forwarding(argv, env):
    """The local port of a kubectl port-forward that runs."""
    forward = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield int(stack.read_lines(forward, 1)[0].split(":")[1].split()[0])
    finally:
        forward.terminate()
        forward.wait(10)
