"""deploy: where the values go, seen at every execve and every write of both sides, and in the memory of the program."""
import os
import pathlib
import re
import shutil
import subprocess
import time

import pytest

import deploy_host
import onepassword
import stack
from test_deploy import shows_nothing

INSTRUMENTED = b"__asan_" in pathlib.Path(stack.BIN).read_bytes()
pytestmark = [pytest.mark.sim, pytest.mark.skipif(not os.path.exists("/usr/sbin/sshd"), reason="needs openssh-server"),
              pytest.mark.skipif(os.getuid() != 0, reason="needs root: sshd and the program are traced")]

FIELDS = {name: f"-{core}'\"$x`id`\\ \n{core}-line-two\n" for name, core in (
    ("db_username", "SentinelOfTheUser"), ("db_password", "SentinelOfThePassword"), ("jwt_secret", "SentinelOfTheJwt"),
    ("grafana_password", "SentinelOfGrafana"), ("ghcr_token", "SentinelOfTheRegistry"))}
CORES = [value[1:value.index("'")] for value in FIELDS.values()]
FORMS = set().union(*(deploy_host.forms(text) for text in [*CORES, *FIELDS.values()]))


@pytest.fixture
def lab(tmp_path):
    lab = deploy_host.Lab(tmp_path, stack.BIN)
    lab.item(FIELDS)
    yield lab
    lab.stop()


class Trace:
    """Every execve and every write of the program, of the host's sshd, and of all that they start."""

    CALLS = "trace=execve,execveat,write,writev,pwrite64,pwritev,sendto,sendmsg"

    def __init__(self, strace, lab):
        self.strace, self.lab, self.logs = strace, lab, [lab.state / "theirs", lab.state / "ours"]
        self.options = [strace, "-f", "-qq", "-xx", "-v", "-y", "-s", "200000", "-e", self.CALLS]

    def run(self, *words):
        there = subprocess.Popen([*self.options, "-o", self.logs[0], "-p", str(self.lab.sshd.pid)], stderr=subprocess.DEVNULL)
        stack.wait_for("strace to attach", lambda: "TracerPid:\t0\n" not in pathlib.Path(
            f"/proc/{self.lab.sshd.pid}/status").read_text())
        try:
            done = subprocess.run([*self.options, "-o", self.logs[1], stack.BIN, "deploy", *words], env=self.lab.env(),
                                  cwd=self.lab.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
            stack.wait_for("the host's processes to end", lambda: not self.lab.remote_processes())
        finally:
            there.terminate()
            there.wait(20)
        return done

    @staticmethod
    def plain(text):
        return re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), text)

    def calls(self):
        """(name, what stands in its parentheses), decoded; a call that another process interrupted is put together."""
        for log in self.logs:
            begun = {}
            for line in log.read_bytes().splitlines():
                pid, text = line.split(maxsplit=1)
                if text.endswith(b"<unfinished ...>"):
                    begun[pid] = text[:-len(b"<unfinished ...>")]
                    continue
                if text.startswith(b"<... "):
                    text = begun.pop(pid, b"") + text.partition(b" resumed>")[2]
                name, _, rest = text.partition(b"(")
                yield name.decode(), rest


def holds(text):
    return any(form in text for form in FORMS)


def all_is_well(_):
    pass


def old_compose(lab):
    lab.flag("compose_version", "2.30.0")


def file_in_memory(lab):
    path = lab.folder / "deploy.yaml"
    path.write_text(path.read_text().replace("JWT_SECRET: jwt_secret", "JWT_SECRET: {field: jwt_secret, delivery: tmpfs-file}"))


def failing_pull(lab):
    lab.flag("no_pull")


def unhealthy(lab):
    assert lab.run("core", "backend", "--tag", "good").returncode == 0
    lab.flag("unhealthy", "x")


def in_bash(lab):
    os.symlink(shutil.which("bash"), lab.folder / "remote" / "sh")


@pytest.mark.skipif(INSTRUMENTED, reason="LeakSanitizer does not work under strace")
@pytest.mark.parametrize("prepare, status", [(all_is_well, 0), (in_bash, 0), (old_compose, 0), (file_in_memory, 0),
                                             (failing_pull, 1), (unhealthy, 4)])
def test_every_execve_and_every_write(strace, lab, prepare, status):
    """No value in any argument, in no environment but that of docker compose, written to no file outside memory."""
    prepare(lab)
    trace = Trace(strace, lab)
    memory = pathlib.Path(f"/dev/shm/mk8s-deploy-{os.getuid()}-core-core")
    try:
        done = trace.run("core", "backend", "--tag", "x")
        assert done.returncode == status, done.stderr
        judge(lab, trace)
    finally:
        shutil.rmtree(memory, ignore_errors=True)
    shows_nothing(lab, done.stdout, done.stderr)
    assert not any(core in done.stdout + done.stderr for core in CORES)


def judge(lab, trace):
    programs, given, sent, files = set(), 0, 0, set()
    for name, rest in trace.calls():
        if name.startswith("execve"):
            program, args, env = re.match(rb'"([^"]*)", \[(.*?)\], \[(.*?)\]', rest).groups()
            program, args, env = trace.plain(program), trace.plain(args), trace.plain(env)
            programs.add(os.path.basename(program).decode())
            assert not holds(args), args
            if holds(env):
                assert args.startswith(b'"docker", "compose"'), args
                given += 1
        elif holds(trace.plain(rest)):
            to = re.match(rb"\d+<([^>]*)>", rest)
            to = trace.plain(to[1]).decode() if to else rest[:40].decode()
            if re.match(r"(pipe|socket|UNIX|UNIX-STREAM):", to):
                sent += 1
            else:
                files.add(to)
    assert {"ssh", "op", "sh", "docker", "base64"} <= programs and given >= 1 and sent >= 2, (programs, given, sent)
    stand_ins = {str(lab.state / "calls.jsonl")}
    assert {name for name in files - stand_ins if not name.startswith("/dev/shm/mk8s-")} == set()


def memory_of(pid):
    """(writable memory's content, whether a core dump would leave it out) of each mapping."""
    at = None
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for row in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
            begin = re.match(r"([0-9a-f]+)-([0-9a-f]+) (....)", row)
            if begin:
                at = (int(begin[1], 16), int(begin[2], 16), begin[3])
            elif row.startswith("VmFlags") and "w" in at[2]:
                mem.seek(at[0])
                yield mem.read(at[1] - at[0]), "dd" in row.split()


@pytest.fixture
def connect(lab):
    """1Password Connect with the lab's item; its environment."""
    cert, key = lab.folder / "cert.pem", lab.folder / "key.pem"
    onepassword.certificate(cert, key)
    item = onepassword.op_item()
    item["fields"] = [{"id": f"f{n}", "type": "CONCEALED", "label": label, "value": value}
                      for n, (label, value) in enumerate(lab.fields.items())]
    server = onepassword.Connect(items=[item], cert=cert, key=key)
    yield {**server.environment(), "SSL_CERT_FILE": str(cert)}
    server.close()


@pytest.mark.skipif(INSTRUMENTED, reason="the sanitizer's shadow is too large to be read")
@pytest.mark.parametrize("source, delivery", [("op", "env"), ("op", "tmpfs-file"), ("connect", "env")])
def test_no_copy_is_left_in_memory_that_could_be_dumped(lab, request, source, delivery):
    """While the host pulls: what was read of op or Connect, the item, the script, the forms to be left out."""
    if delivery != "env":
        file_in_memory(lab)
    lab.flag("slow", "60")
    deploy = lab.start("core", "backend", "--tag", "x", **(request.getfixturevalue("connect") if source == "connect" else {}))
    try:
        stack.wait_for("the pull", lambda: (lab.state / "pulling").exists())
        time.sleep(0.3)
        found = {True: 0, False: 0}
        for content, left_out in memory_of(deploy.pid):
            found[left_out] += sum(content.count(core.encode()) for core in CORES)
    finally:
        lab.unflag("slow")
        deploy.communicate(timeout=60)
        shutil.rmtree(f"/dev/shm/mk8s-deploy-{os.getuid()}-core-core", ignore_errors=True)
    assert deploy.returncode == 0 and found[True] >= len(CORES) and found[False] == 0, found
