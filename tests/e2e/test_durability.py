"""What survives: kill -9 under concurrent changes, a disk that fails, the order of disk and forward, a graceful stop."""
import contextlib
import os
import pathlib
import random
import re
import shutil
import sqlite3
import subprocess
import threading
import time

import pytest
from stack import BIN, SLOW, STATIC, Api, Central, raw_connect, wait_for

ROUNDS = int(os.environ.get("MK8S_KILL_ROUNDS", "3"))
WRITERS = 24
CHANGES = ("create", "update", "patch", "delete", "deletecollection")


def configmaps(namespace):
    return f"/clusters/c/k8s/api/v1/namespaces/{namespace}/configmaps"


class Writers:
    """Threads that change objects through central without pause; each failure is noted, none ends them."""

    def __init__(self, central, token, namespace):
        self.central, self.token, self.namespace = central, token, namespace
        self.made, self.cut, self.other = 0, 0, []
        self.stopping = False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.write, args=(i,), daemon=True) for i in range(WRITERS)]
        for thread in self.threads:
            thread.start()

    def change(self, connection, number):
        kind = number % 3
        body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"k-"}}'
        head = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        method, path = "POST", configmaps(self.namespace)
        if kind == 1:
            method, path, body = "PATCH", path + "/shared", f'{{"data":{{"n":"{number}"}}}}'
            head["Content-Type"] = "application/merge-patch+json"
        elif kind == 2:
            method, path, body = "DELETE", path + f"/none-{number}", None
        connection.request(method, path, body, head)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def write(self, index):
        number = index
        connection = None
        while not self.stopping:
            number += WRITERS
            try:
                connection = connection or Api(self.central).connect(10)
                status = self.change(connection, number)
            except Exception:  # noqa: BLE001 (whatever a killed server does to a client)
                connection = None
                with self.lock:
                    self.cut += 1
                time.sleep(0.02)
                continue
            with self.lock:
                if status in (200, 201, 404, 409):
                    self.made += 1
                else:
                    self.other.append(status)
            if status in (429, 503):
                time.sleep(0.05)

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join(20)


def received_ids(central):
    """Ids of the rows written before a request went on; central has stopped."""
    with contextlib.closing(sqlite3.connect(central.state / "audit.db")) as database:
        return {row[0] for row in database.execute("SELECT id FROM audit_logs WHERE stage = 0")}


def changes_seen(cluster, namespace):
    """Audit ids of changes in a namespace that the API server has received from the agent."""
    return {e["auditID"] for e in cluster.audit_events()
            if e["stage"] == "RequestReceived" and e["verb"] in CHANGES
            and e.get("objectRef", {}).get("namespace") == namespace
            and e["user"]["username"].startswith("system:serviceaccount:agents:")}


def test_killed_at_any_moment_every_change_has_its_row(make_central, make_agent, cluster):
    cluster.create_namespace("kill")
    cluster.api("POST", "/api/v1/namespaces/kill/configmaps", {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shared"}})
    central = make_central()
    make_agent(central, "c")
    token = central.admin.token
    writers = Writers(central, token, "kill")
    chance = random.Random()
    try:
        for _ in range(ROUNDS):
            before = writers.made
            wait_for("changes to pass", lambda: writers.made >= before + 60, 30)
            time.sleep(chance.uniform(0, 0.3))
            central.process.kill()
            central.start()
            central.wait_connected("c")
        before = writers.made
        wait_for("changes to pass again", lambda: writers.made >= before + 20, 30)
    finally:
        writers.stop()
    assert Api(central, token).get("/clusters/c/k8s/version").status == 200
    assert Api(central, token).get("/audit/verify").json["ok"] is True
    assert central.stop() == 0
    seen, rows = changes_seen(cluster, "kill"), received_ids(central)
    print(f"{ROUNDS} kills: {writers.made} changes made, {writers.cut} cut off, {len(seen)} reached the API server")
    assert len(seen) >= 50 and writers.cut >= 50, "too little happened to prove anything"
    assert seen - rows == set(), f"{len(seen - rows)} of {len(seen)} changes have no row"
    assert not [s for s in writers.other if s not in (401, 429, 502, 503, 504)], writers.other


@contextlib.contextmanager
def traced(central, strace, log, *more):
    """strace on all threads of a central that runs."""
    tracer = subprocess.Popen([strace, "-f", "-qq", "-y", "-s", "64", "-o", log, "-p", str(central.process.pid), *more],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    status = f"/proc/{central.process.pid}/status"
    try:
        wait_for("strace to attach", lambda: "TracerPid:\t0\n" not in open(status).read())
        time.sleep(0.5)
        yield
    finally:
        tracer.terminate()
        tracer.wait(10)


@pytest.mark.skipif(not STATIC, reason="LeakSanitizer does not work under strace")
def test_the_disk_comes_before_the_forward(make_central, make_agent, strace, tmp_path):
    """In a trace of central: the row's fdatasync ends before the request's bytes go to the agent."""
    central = make_central()
    make_agent(central, "c")
    agent_socket = wait_for("the agent's connection", lambda: agent_peer(central))
    log = tmp_path / "trace"
    calls = "trace=fdatasync,fsync,pwrite64,write,writev,sendmsg,sendto"
    with traced(central, strace, log, "-e", calls):
        answer = central.admin.ask("DELETE", configmaps("a") + "/no-such-object", timeout_s=60)
        assert answer.status == 404, answer
        time.sleep(0.5)
    lines = log.read_text(errors="replace").splitlines()
    sync = next(i for i, line in enumerate(lines) if re.search(r"(fdatasync|fsync)\(\d+<[^>]*audit\.db", line))
    if "unfinished" in lines[sync]:
        pid = lines[sync].split()[0]
        sync = next(i for i, line in enumerate(lines) if i > sync and line.startswith(pid) and "resumed" in line)
    row = next(i for i, line in enumerate(lines) if re.search(r"pwrite64\(\d+<[^>]*audit\.db", line))
    forward = next(i for i, line in enumerate(lines)
                   if re.search(r" (write|writev|sendmsg|sendto)\(", line) and agent_socket in line)
    assert row < sync < forward, "\n".join(lines[max(0, forward - 30):forward + 2])


def agent_peer(central):
    """How strace -y names the reverse connection's socket in central: by its inode. The connection by which the agent
    registered may be there for a moment, too."""
    rows = [line.split() for table in ("tcp", "tcp6")
            for line in pathlib.Path("/proc/net", table).read_text().splitlines()[1:]]
    found = [inode for _, local, _, state, _, _, _, _, _, inode, *_ in rows
             if state == "01" and int(local.rpartition(":")[2], 16) == central.grpc_port]
    return f"socket:[{found[0]}]" if len(found) == 1 else None


@pytest.mark.skipif(not STATIC, reason="LeakSanitizer does not work under strace")
def test_a_disk_that_fails_forwards_nothing(make_central, make_agent, strace, cluster, tmp_path):
    central = make_central()
    make_agent(central, "c")
    assert central.admin.ask("DELETE", configmaps("a") + "/no-such-object").status == 404
    before = changes_seen(cluster, "a")
    inject = ("-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO")
    with traced(central, strace, tmp_path / "trace", *inject):
        statuses = [central.admin.ask("POST", configmaps("a"), {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "lost-"}}, timeout_s=60).status
            for _ in range(5)]
        read = central.admin.get(configmaps("a")).status
    assert "EIO" in (tmp_path / "trace").read_text(), "nothing was injected"
    assert all(status in (500, 503) for status in statuses), statuses
    assert changes_seen(cluster, "a") == before, "a change went on without its row"
    assert read in (200, 500, 503)
    assert "lost-" not in central.admin.get("/clusters/c/k8s/version").text
    central.process.kill()
    central.start()
    central.wait_connected("c")
    assert central.admin.get("/audit/verify").json["ok"] is True


def test_a_graceful_stop_lets_requests_end(make_central, make_agent):
    central = make_central(server_drain="6s")
    make_agent(central, "c")
    admin = central.admin
    with admin.stream("/clusters/c/k8s/api/v1/namespaces/a/pods?watch=1", timeout_s=30) as events:
        assert events.readline()
        begin = time.monotonic()
        central.process.popen.terminate()
        wait_for("new connections to be refused", lambda: not can_connect(central), 10)
        with contextlib.suppress(Exception):
            while events.readline():
                pass
        assert central.process.popen.wait(30 * SLOW) == 0
        assert time.monotonic() - begin < 15 * SLOW
    assert "stopping" in central.process.said()
    central.start()
    assert central.login().get("/audit/verify").json["ok"] is True


def can_connect(central):
    try:
        raw_connect(central, timeout_s=2).close()
        return True
    except OSError:
        return False


def test_a_second_signal_cuts_the_drain_short(make_central, make_agent):
    central = make_central(server_drain="60s")
    make_agent(central, "c")
    with central.admin.stream("/clusters/c/k8s/api/v1/namespaces/a/pods?watch=1", timeout_s=30) as events:
        assert events.readline()
        central.process.popen.terminate()
        time.sleep(0.5)
        central.process.popen.terminate()
        assert central.process.popen.wait(10 * SLOW) == 0


@pytest.mark.skipif(not STATIC, reason="only the static binary runs without a C library")
@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_an_empty_chroot_signs_in_over_tls(make_central, tmp_path):
    """Only the program, /etc/resolv.conf and a CA file: names resolve, TLS verifies."""
    central = make_central()
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    shutil.copy(BIN, root / "mk8s")
    shutil.copy(central.ca_file, root / "ca.crt")
    with contextlib.suppress(OSError):
        shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")

    def run(*args, stdin=""):
        return subprocess.run(["/mk8s", *args], input=stdin, capture_output=True, text=True, timeout=30, cwd=root,
                              preexec_fn=lambda: os.chroot(root), env={"HOME": "/"})
    version = run("version")
    assert version.returncode == 0 and "0.1" in version.stdout, version
    login = run("login", f"https://127.0.0.1:{central.http_port}", "--email", "admin@localhost", "--password-stdin",
                "--ca-file", "/ca.crt", stdin=central.password_file.read_text())
    assert login.returncode == 0, login
    assert run("clusters", "list").returncode == 0
    unknown = run("login", "https://no-such-name.invalid", "--email", "a@b", "--password-stdin", stdin="x\n")
    assert unknown.returncode == 4 and "no-such-name.invalid" in unknown.stderr, unknown


def test_reload_takes_a_new_log_level(make_central):
    import signal
    central = make_central()
    os.kill(central.process.pid, signal.SIGHUP)
    assert central.process.wait_said("reloaded")
    assert Api(central).get("/healthz").status == 200


def test_state_is_for_its_owner_only(make_central):
    central = make_central()
    assert central.state.stat().st_mode & 0o777 == 0o700
    for path in central.state.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    assert isinstance(central, Central)
