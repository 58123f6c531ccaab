"""exec sessions recorded by central: what is in the files, who may see them, and what happens where they cannot be written."""

import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import stat
import struct
import subprocess
import termios
import time
import zlib

import pytest

import sim
import stack
import upgrade_peer
from stack import wait_for

PODS = "/clusters/upgrades/k8s/api/v1/namespaces/a/pods/"
DICTIONARY = pathlib.Path(__file__).resolve().parents[2] / "lib" / "net" / "spdy_dictionary.c"
WEBSOCKET = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
SPDY = ("Connection: Upgrade", "Upgrade: SPDY/3.1", "X-Stream-Protocol-Version: v4.channel.k8s.io", "Content-Length: 0")


class Recorded:
    """A central that records, an agent and a peer whose pods run commands."""

    def __init__(self, where, state=None, **settings):
        self.peer = upgrade_peer.UpgradePeer(where)
        self.central = stack.Central(where / "central", audit_record_exec="true", **settings)
        if state:
            self.central.state = state
        self.central.start()
        token = self.central.add_cluster("upgrades")["token"]
        self.agent = stack.Agent(where / "agent", self.central, "upgrades", token, self.peer.kubeconfig()).start()
        self.central.add_role("everything", cluster="upgrades")
        self.user = self.central.add_user("everything")
        self.cli = stack.Cli(where / "home", self.central).login(self.user.email)
        self.cli.write_kubeconfig("upgrades")
        self.admin = stack.Cli(where / "admin", self.central).login()

    def close(self):
        self.agent.stop()
        self.central.stop()
        self.peer.close()

    @property
    def folder(self):
        return self.central.state / "recordings"

    def kubectl(self, *args, stdin=b"", timeout_s=60):
        return subprocess.run([sim.find_kubectl(), "-n", "a", *args], input=stdin, capture_output=True,
                              timeout=timeout_s * stack.SLOW, env=self.cli.kubectl_env())

    def start(self, *args, **options):
        return subprocess.Popen([sim.find_kubectl(), "-n", "a", *args], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.cli.kubectl_env(), **options)

    def newest(self):
        """The id of the newest session's row, once it is complete."""
        def find():
            row = next((r for r in self.central.audit(limit=20) if "exec" in r["resource"] or "attach" in r["resource"]), None)
            return row and row["status"] and row["id"]
        return wait_for("a row of an exec session", find)

    def lines(self, session):
        return check_cast(self.central.admin.get(f"/audit/{session}/recording").text)


def check_cast(text, whole=True):
    """The head and the events of an asciicast v2 file (docs.asciinema.org/manual/asciicast/v2)."""
    lines = text.split("\n")
    if whole:
        assert lines[-1] == "", lines[-1]
    head, events = json.loads(lines[0]), [json.loads(line) for line in lines[1:-1]]
    assert head["version"] == 2 and isinstance(head["timestamp"], int)
    assert 0 < head["width"] <= 65535 and 0 < head["height"] <= 65535
    assert set(head) <= {"version", "width", "height", "timestamp", "title", "env", "duration", "idle_time_limit"}
    before = 0
    for at, code, data in events:
        assert isinstance(at, float) and at >= before and code in ("o", "r") and isinstance(data, str)
        assert code == "o" or re.fullmatch(r"[1-9]\d*x[1-9]\d*", data)
        before = at
    return head, events


def output_of(events):
    return "".join(data for _, code, data in events if code == "o")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    if not sim.find_kubectl():
        pytest.skip("there is no kubectl")
    recorded = Recorded(tmp_path_factory.mktemp("recorded"))
    yield recorded
    recorded.close()


class Terminal:
    """A program under a pseudo terminal of 111 columns and 33 lines."""

    def __init__(self, argv, env):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
            os.execve(argv[0], argv, env)
        self.said = b""

    def resize(self, width, height):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def type(self, text):
        os.write(self.master, text)

    def until(self, text):
        deadline = time.monotonic() + 20 * stack.SLOW
        while text not in self.said:
            assert time.monotonic() < deadline, self.said
            if select.select([self.master], [], [], 0.2)[0]:
                with contextlib.suppress(OSError):
                    self.said += os.read(self.master, 4096)

    def wait(self):
        with contextlib.suppress(OSError):
            while os.read(self.master, 4096):
                pass
        os.close(self.master)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.mark.parametrize("way", [{}, {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false"}], ids=["websocket", "spdy"])
def test_a_terminal_session(recorded, way):
    terminal = Terminal([sim.find_kubectl(), "-n", "a", "exec", "-it", "shell", "--", "sh"],
                        {**recorded.cli.kubectl_env(), **way})
    recorded.peer.sizes.clear()
    wait_for("the terminal's size", lambda: (111, 33) in recorded.peer.sizes)
    terminal.type(b"echo mar''ker; stty -echo; echo qu''iet\n")
    terminal.until(b"quiet\r\n")
    terminal.type(b"read typed; stty echo; echo do''ne\n")
    time.sleep(0.3)
    terminal.type(b"typed-password\n")
    terminal.until(b"done\r\n")
    terminal.resize(100, 40)
    wait_for("the new size", lambda: (100, 40) in recorded.peer.sizes)
    terminal.type(b"exit 5\n")
    assert terminal.wait() == 5
    session = recorded.newest()
    head, events = recorded.lines(session)
    assert (head["width"], head["height"]) == (111, 33) or events[1][1:] == ["r", "111x33"]
    assert head["title"] == f"{recorded.user.email}: exec a/shell on upgrades"
    assert "marker\r\n" in output_of(events) and "done\r\n" in output_of(events)
    assert [data for _, code, data in events if code == "r"][-1] == "100x40"
    path = recorded.folder / f"{session}.cast"
    assert "typed-password" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(recorded.folder.stat().st_mode) == 0o700
    raw = subprocess.run([stack.BIN, "audit", "play", session, "-o", "raw"], capture_output=True, env=recorded.admin.env())
    assert raw.stdout.decode() == output_of(events) and raw.returncode == 0
    assert recorded.admin.ok("audit", "play", session, "-o", "cast") == path.read_text()


@pytest.fixture(params=["websocket", "spdy", "old"])
def any_kubectl(request, recorded):
    """Runs kubectl over WebSocket, over SPDY, and one of 1.20, which knows nothing else."""
    old = request.param == "old"
    if not sim.find_kubectl(old):
        pytest.skip("there is no old kubectl in build/kube/old: see tests/kube/clients.sh")
    home = stack.Cli(recorded.cli.home.parent / f"any-{request.param}", recorded.central).login(recorded.user.email)
    home.write_kubeconfig("upgrades", *(["--old-clients"] if old else []))
    way = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false"} if request.param == "spdy" else {}

    def run(*args, stdin=b""):
        return subprocess.run([sim.find_kubectl(old), "-n", "a", *args], input=stdin, capture_output=True,
                              timeout=60 * stack.SLOW, env={**home.kubectl_env(), **way})
    return run


def test_exec_is_played_back_whatever_it_came_by(recorded, any_kubectl):
    done = any_kubectl("exec", "-i", "shell", "--", "sh", "-c", "cat; echo err >&2; exit 7", stdin=b"to and fro\n")
    assert done.stdout == b"to and fro\n" and b"err\n" in done.stderr, done
    session = recorded.newest()
    assert sorted(recorded.admin.ok("audit", "play", session, "-o", "raw").splitlines()) == ["err", "to and fro"]
    assert "exec a/shell" in recorded.lines(session)[0]["title"]


def test_attach_is_played_back_whatever_it_came_by(recorded, any_kubectl):
    done = any_kubectl("attach", "-i", "shell", stdin=b"echo attached\nexit\n")
    session = recorded.newest()
    row = next(r for r in recorded.central.audit(limit=20) if r["id"] == session)
    assert row["resource"] == "pods/attach" and b"attached" in done.stdout, (row, done)
    assert recorded.admin.ok("audit", "play", session, "--idle-limit", "0.1").encode() == done.stdout
    assert "attach a/shell" in recorded.lines(session)[0]["title"]


@pytest.mark.parametrize("text, says", [
    ("{", "line 1"), ("{}", "asciicast"), ('{"version": 3}', "asciicast"), ('{"version": "2"}', "asciicast"), ("[2]", "asciicast"),
    ('{"version": 2}\nx', "line 1"), ('{"version": 2}\n[]', "event"), ('{"version": 2}\n[0.1, "o"]', "event"),
    ('{"version": 2}\n[0.1, "o", ["x"]]', "event"), ('{"version": 2}\n{"a": 1, "b": "o", "c": "x", "d": 1}', "event"),
    ('{"version": 2}\n[0.1, "o", "x", 1]', "event"), ('{"version": 2}\n[0.1, "o", "\\u0000"]', "line 1"),
    ('{"version": 2}\n[-5, "o", "shown"]\n[1e999, "o", " too"]', None), ('{"version": 2}\n[0.1, "x", "not shown"]', None),
    ('{"version": 2}\n[0.1, "o", "cut', None),
])
def test_a_file_that_was_tampered_with_is_played_as_far_as_it_is_one(recorded, text, says):
    recorded.kubectl("exec", "shell", "--", "true")
    session = recorded.newest()
    (recorded.folder / f"{session}.cast").write_text(text + ("" if text.endswith("cut") else "\n"))
    done = recorded.admin.run("audit", "play", session, "--idle-limit", "0.1", "--speed", "100")
    assert done.returncode == (1 if says else 0) and (says or "") in done.stderr, done
    assert done.stdout == ("shown too" if "shown" in text and "-5" in text else "")


def test_playing_keeps_time(recorded):
    assert recorded.kubectl("exec", "shell", "--", "sh", "-c", "echo one; sleep 3; echo two").returncode == 0
    session = recorded.newest()
    times = []
    for options in (["--idle-limit", "0.1"], ["--speed", "3"]):
        began = time.monotonic()
        assert recorded.admin.ok("audit", "play", session, *options) == "one\ntwo\n"
        times.append(time.monotonic() - began)
    assert 0.1 <= times[0] < times[1] and times[1] >= 1
    for options in (["--speed", "0"], ["--speed", "x"], ["--idle-limit", "-1"], ["-o", "json"]):
        assert recorded.admin.run("audit", "play", session, *options).returncode == 2


def test_output_errors_and_characters_cut_in_two(recorded):
    done = recorded.kubectl("exec", "shell", "--", "sh", "-c", r"echo err >&2; printf '\303'; sleep 0.5; printf '\251\377.'")
    assert done.stdout == b"\xc3\xa9\xff." and done.stderr == b"err\n"
    head, events = recorded.lines(recorded.newest())
    assert (head["width"], head["height"]) == (80, 24)
    assert sorted(output_of(events)) == sorted("err\n\u00e9\ufffd.")


def test_much_output_passes_whole(recorded):
    def peak_kib():
        return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{recorded.central.process.pid}/status").read_text())[1])
    before = peak_kib()
    done = recorded.kubectl("exec", "shell", "--", "sh", "-c", "yes 0123456789 | head -c 40000000", timeout_s=120)
    assert done.returncode == 0 and len(done.stdout) == 40_000_000
    assert stack.is_instrumented() or peak_kib() - before < 40_000
    session = recorded.newest()
    assert (recorded.folder / f"{session}.cast").stat().st_size > 40_000_000
    assert len(recorded.admin.ok("audit", "play", session, "-o", "raw", timeout_s=120)) == 40_000_000


def test_who_may_see_it(recorded, central, user):
    recorded.kubectl("exec", "shell", "--", "true")
    session = recorded.newest()
    path = f"/audit/{session}/recording"
    assert recorded.user.get(path).status == 403
    assert stack.Api(recorded.central).get(path).status == 401
    for name in ("x", "00000000-0000-4000-8000-000000000000", "..%2f..%2fkeys", session.upper(), session + "%00", "..", "%2e%2e"):
        assert recorded.central.admin.get(f"/audit/{name}/recording").status in (400, 404), name
    assert recorded.central.admin.get(f"{path}?offset=x").status == 400
    assert recorded.central.admin.get(f"{path}?offset=999999").text == ""
    assert recorded.central.admin.get(path).headers["content-type"] == "application/x-asciicast"
    assert not (central.state / "recordings").exists(), "recording is off by itself"


def open_raw(recorded, pod, fields, subresource="exec?command=x&stdin=true&stdout=true"):
    lines = [f"POST {PODS}{pod}/{subresource} HTTP/1.1", "Host: x", f"Authorization: Bearer {recorded.user.token}", *fields]
    tls = stack.raw_connect(recorded.central)
    tls.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    tls.settimeout(10 * stack.SLOW)
    return tls


def read_all(tls):
    got = b""
    with contextlib.suppress(OSError):
        while piece := tls.recv(65536):
            got += piece
    return got


class SpdyClient:
    def __init__(self):
        dictionary = bytes(int(b, 16) for b in re.findall("0x([0-9a-f]{2})", DICTIONARY.read_text()))
        self.deflate = zlib.compressobj(zdict=dictionary)

    def open(self, stream, **fields):
        block = struct.pack(">I", len(fields)) + b"".join(
            struct.pack(">I", len(text)) + text for pair in fields.items() for text in (pair[0].encode(), pair[1].encode()))
        block = self.deflate.compress(block) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        return struct.pack(">HHIIIBB", 0x8003, 1, 10 + len(block), stream, 0, 0, 0) + block

    @staticmethod
    def data(stream, payload):
        return struct.pack(">II", stream, len(payload)) + payload


def test_spdy(recorded):
    client = SpdyClient()
    with open_raw(recorded, "spdy", SPDY) as tls:
        assert b" 101 " in tls.recv(65536)
        tls.sendall(client.open(1, streamtype="error") + client.open(3, streamtype="stdin") +
                    client.open(5, streamtype="stdout") + client.open(7, streamtype="resize"))
        tls.sendall(client.data(7, b'{"Width":120,"Height":50}\n'))
        wait_for("output", lambda: b"by spdy" in tls.recv(65536))
    session = recorded.newest()
    _, events = recorded.lines(session)
    assert "said \u00e9 by spdy\r\n" in output_of(events) and "\ufffd" not in output_of(events)


@pytest.mark.parametrize("pod,fields,subresource", [
    ("shell", (*WEBSOCKET, "Sec-WebSocket-Protocol: v9.channel.k8s.io"), "exec?command=x"),
    ("shell", (*WEBSOCKET, "Sec-WebSocket-Protocol: v4.channel.k8s.io, base64.binary.k8s.io"), "attach?stdout=true"),
    ("../../../nodes/n/proxy/exec/a/b/c", SPDY, "?command=x")])
def test_what_cannot_be_read_is_refused(recorded, pod, fields, subresource):
    before = len(recorded.peer.upgrades())
    if ".." in pod:
        lines = ["POST /clusters/upgrades/k8s/api/v1/nodes/n/proxy/exec/a/b/c?command=x HTTP/1.1", "Host: x",
                 f"Authorization: Bearer {recorded.user.token}", *fields]
        tls = stack.raw_connect(recorded.central)
        tls.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    else:
        tls = open_raw(recorded, pod, fields, subresource)
    tls.settimeout(2)
    with tls:
        got = read_all(tls)
    assert got.startswith(b"HTTP/1.1 403 ") and b"sessions are recorded here" in got
    assert len(recorded.peer.upgrades()) == before
    wait_for("the row", lambda: recorded.central.audit(limit=1)[0]["decision"] == "deny")


def test_a_session_that_turns_unreadable_is_ended(recorded):
    """The pod `echo` answers with bytes that are no frames of a WebSocket; this client sends what is no SPDY/3.1."""
    with open_raw(recorded, "echo", (*WEBSOCKET, "Sec-WebSocket-Protocol: v4.channel.k8s.io")) as tls:
        got = read_all(tls)
        assert b"hello" not in got
    with open_raw(recorded, "spdy", SPDY) as tls:
        assert b" 101 " in tls.recv(65536)
        tls.sendall(b"\x80\x02\x00\x01\x00\x00\x00\x04abcd")
        assert b"said" not in read_all(tls)


def test_port_forward_is_not_recorded(recorded):
    before = set(os.listdir(recorded.folder))
    with open_raw(recorded, "echo", (*WEBSOCKET, "Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io"), "portforward") as tls:
        assert b" 101 " in tls.recv(65536)
    with open_raw(recorded, "forbidden", SPDY) as tls:
        assert b" 403 " in tls.recv(65536)
    wait_for("no recording of what was not granted", lambda: set(os.listdir(recorded.folder)) == before)


def test_revocation_ends_a_session_and_its_recording(recorded):
    central = recorded.central
    user = central.add_user("everything")
    home = stack.Cli(recorded.cli.home.parent / "revoked", central).login(user.email)
    home.write_kubeconfig("upgrades")
    session = subprocess.Popen([sim.find_kubectl(), "-n", "a", "exec", "shell", "--", "sh", "-c",
                                "while echo tick; do sleep 0.1; done"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=home.kubectl_env(), text=True)
    assert stack.read_lines(session, 3) == ["tick"] * 3
    central.admin.want(200, "PATCH", f"/users/{user.email}", {"disabled": True})
    session.wait(10 * stack.SLOW)
    head, events = recorded.lines(recorded.newest())
    assert user.email in head["title"] and output_of(events).startswith("tick\n" * 3)


def test_the_backup_has_it(recorded, tmp_path):
    recorded.kubectl("exec", "shell", "--", "echo", "kept")
    session = recorded.newest()
    copy = tmp_path / "copy"
    subprocess.run([stack.BIN, "central", "backup", "--state-dir", recorded.central.state, copy], check=True,
                   env=recorded.central.env(), capture_output=True)
    assert (copy / "recordings" / f"{session}.cast").read_text() == (recorded.folder / f"{session}.cast").read_text()


@pytest.fixture
def own(tmp_path):
    made = []

    def make(**options):
        if not sim.find_kubectl():
            pytest.skip("there is no kubectl")
        made.append(Recorded(tmp_path, **options))
        return made[-1]
    yield make
    for one in made:
        one.close()


def test_minus_nine_leaves_a_readable_file(own):
    recorded = own()
    session = recorded.start("exec", "shell", "--", "sh", "-c", "i=0; while echo tick $i; do i=$((i+1)); sleep 0.02; done",
                             text=True)
    stack.read_lines(session, 20)
    recorded.central.process.kill()
    session.kill()
    session.wait(10)
    path, = recorded.folder.iterdir()
    head, events = check_cast(path.read_text(), whole=False)
    assert output_of(events).startswith("".join(f"tick {i}\n" for i in range(18)))
    recorded.central.start()
    assert recorded.admin.ok("audit", "play", path.stem, "-o", "raw").startswith("tick 0\ntick 1\n")


def test_old_recordings_go_with_their_rows(own):
    recorded = own(audit_retention="3s")
    recorded.kubectl("exec", "shell", "--", "true")
    wait_for("the recording", lambda: list(recorded.folder.iterdir()), 5)
    wait_for("its end", lambda: not list(recorded.folder.iterdir()), 20)


def test_a_full_disk_ends_sessions_and_refuses_new_ones(own, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=0755", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        recorded = own(state=disk / "state")
        assert recorded.kubectl("exec", "shell", "--", "echo", "fits").stdout == b"fits\n"
        done = recorded.kubectl("exec", "shell", "--", "sh", "-c", "yes 0123456789 | head -c 40000000")
        assert done.returncode != 0 and 1_000_000 < len(done.stdout) < 30_000_000
        refused = recorded.kubectl("exec", "shell", "--", "echo", "late")
        assert refused.returncode != 0 and refused.stdout == b"" and b"cannot be recorded" in refused.stderr, refused
        assert recorded.central.admin.get("/readyz").status == 200, "the trail has room"
        assert recorded.central.admin.want(200, "GET", "/audit/verify")["ok"] is True
    finally:
        if "recorded" in locals():
            recorded.central.stop()
        subprocess.run(["umount", "-l", str(disk)], check=True)
