"""What bench.py measures of streams and filtered lists: echo in an exec, kubectl cp, lists of a user of two namespaces."""

import hashlib
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import sim  # noqa: E402 (its folder is known only now)
import stack  # noqa: E402
import upgrade_peer  # noqa: E402

SIZES_MIB = {True: 100, False: 1024}  # of cp, by whether it is quick
LISTED = 5000


class Streams:
    """An API server for upgrades alone, reached directly and as cluster `streams`."""

    def __init__(self, b):
        self.dir = b.dir / "streams"
        self.dir.mkdir()
        self.peer = upgrade_peer.UpgradePeer(self.dir)
        token = b.central.add_cluster("streams")["token"]
        self.agent = stack.Agent(self.dir / "agent", b.central, "streams", token, self.peer.kubeconfig()).start()


def upgraded(connection, path, token):
    """Sends an upgrade and reads its answer and the peer's greeting."""
    connection.sendall((f"POST {path}/api/v1/namespaces/a/pods/echo/exec?command=x&stdin=true HTTP/1.1\r\nHost: x\r\n"
                        f"Authorization: Bearer {token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
    got = b""
    while b"hello " not in got:
        got += connection.recv(65536)


def echo_us(connection, count):
    times = []
    for _ in range(count):
        start = time.perf_counter()
        connection.sendall(b"k")
        got = connection.recv(16)
        if got != b"k":
            raise RuntimeError(f"the echo of a key is {got}")
        times.append((time.perf_counter() - start) * 1e6)
    return times


def bench_exec(b, result, rounds):
    """Microseconds from a key to its echo, one after another."""
    s = b.streams
    seen = {"direct": [], "central": []}
    for _ in range(rounds):
        with stack.socket.create_connection(("127.0.0.1", s.peer.port)) as direct:
            upgraded(direct, "", b.token)
            seen["direct"] += echo_us(direct, 500)
        with stack.raw_connect(b.central) as through:
            upgraded(through, "/clusters/streams/k8s", b.token)
            seen["central"] += echo_us(through, 500)
    result["exec_echo"] = {f"{name}_p{share}_us": round(sorted(values)[len(values) * share // 100])
                           for name, values in seen.items() for share in (50, 99)}


class PeakMemory:
    """The highest resident size of processes while it is open, and how much they grew, in bytes."""

    def __init__(self, *pids):
        self.pids, self.ended = pids, threading.Event()

    def _sizes(self):
        return [int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
                for pid in self.pids]

    def __enter__(self):
        self.before = self.peak = self._sizes()
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def _watch(self):
        while not self.ended.wait(0.1):
            self.peak = list(map(max, self.peak, self._sizes()))

    def __exit__(self, *_):
        self.ended.set()


def copy_mb_s(env, source, target, size, kubeconfig=None):
    env = {**env, "KUBECONFIG": str(kubeconfig)} if kubeconfig else env
    start = time.perf_counter()
    subprocess.run([sim.find_kubectl(), "-n", "a", "cp", source, target], env=env, check=True, timeout=1800,
                   capture_output=True)
    return size / 1e6 / (time.perf_counter() - start)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def bench_cp(b, result, quick):
    """kubectl cp to the pod and back; what comes back is what went."""
    s = b.streams
    if not sim.find_kubectl():
        result["cp"] = None
        return
    cli = stack.Cli(s.dir / "home", b.central).login()
    cli.write_kubeconfig("streams")
    source, there, back = s.dir / "source", s.dir / "there", s.dir / "back"
    block = os.urandom(1 << 20)
    with open(source, "wb") as out:
        for i in range(SIZES_MIB[quick]):
            out.write(hashlib.sha256(bytes([i & 255, i >> 8])).digest() + block[32:])
    size = source.stat().st_size
    figures = result["cp"] = {"bytes": size}
    for name, kubeconfig in (("direct", s.peer.kubeconfig()), ("central", None)):
        with PeakMemory(b.central.process.pid, s.agent.process.pid) as memory:
            figures[f"{name}_to_pod_mb_s"] = round(copy_mb_s(cli.kubectl_env(), source, f"shell:{there}", size, kubeconfig), 1)
            figures[f"{name}_from_pod_mb_s"] = round(copy_mb_s(cli.kubectl_env(), f"shell:{there}", back, size, kubeconfig), 1)
        if digest(back) != digest(source):
            raise RuntimeError(f"cp {name}: other bytes came back")
        there.unlink()
        back.unlink()
    source.unlink()
    figures["central_rss_growth"], figures["agent_rss_growth"] = [p - was for p, was in zip(memory.peak, memory.before)]


def list_ms(b, base, token, query, context):
    connection = stack.http.client.HTTPSConnection(base.split("/")[2], context=context)
    start = time.perf_counter()
    path = "/" + "/".join(base.split("/")[3:])
    connection.request("GET", path.rstrip("/") + query, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{query}: {answer.status} {body[:300]}")
    return (time.perf_counter() - start) * 1000, body.count(b'"uid":')


def bench_filter(b, result, rounds):
    """A list over all namespaces of LISTED config maps, a fifth of them in the two namespaces of the user's."""
    for namespace, part in (("f-1", 10), ("other", 80), ("f-2", 10)):
        b.sim.create_namespace(namespace)
        b.sim.fill(namespace, LISTED * part // 100, resource="configmaps", prefix="c", size=500)
    b.central.add_role("of-two", namespaces=["f-1", "f-2"], verbs=["list"])
    token = b.central.add_user("of-two").token
    ours = b.central.tls_context()
    direct = stack.ssl.create_default_context(cafile=str(b.sim.ca_file))
    query = "/api/v1/configmaps"
    rows = {"direct": (b.sim.url, b.sim.admin_token, direct), "unfiltered": (b.url, b.token, ours),
            "filtered": (b.url, token, ours)}
    figures = result["list_5000"] = {}
    times = {name: [] for name in rows}
    for _ in range(3 * rounds):
        for name, (base, bearer, context) in rows.items():
            took, figures[name + "_items"] = list_ms(b, base, bearer, query, context)
            times[name].append(took)
    for name, values in times.items():
        figures[name + "_p50_ms"] = round(statistics.median(values), 1)
    if figures["filtered_items"] >= figures["unfiltered_items"] / 4:
        raise RuntimeError(f"the filter let pass too much: {figures}")


def bench_streams(b, result, rounds, quick):
    b.streams = Streams(b)
    bench_exec(b, result, rounds)
    bench_cp(b, result, quick)
    bench_filter(b, result, rounds)
