"""deploy with 1Password Connect as the source: its server over TLS, no op program, the same host as in test_deploy."""
import os
import pathlib
import signal
import time

import pytest

import deploy_host
import onepassword
import stack
from test_deploy import NASTY, as_bytes, shows_nothing, variables, wanted

pytestmark = [pytest.mark.sim,
              pytest.mark.skipif(not os.path.exists("/usr/sbin/sshd"), reason="needs openssh-server")]


@pytest.fixture
def lab(tmp_path):
    lab = deploy_host.Lab(tmp_path, stack.BIN)
    (lab.folder / "local/op").unlink()
    lab.item(NASTY)
    yield lab
    lab.stop()


@pytest.fixture
def connect(lab):
    cert, key = lab.folder / "cert.pem", lab.folder / "key.pem"
    onepassword.certificate(cert, key)
    item = onepassword.op_item()
    item["fields"] = [{"id": f"f{n}", "type": "CONCEALED", "label": label, "value": value}
                      for n, (label, value) in enumerate(lab.fields.items())]
    server = onepassword.Connect(items=[item], cert=cert, key=key)
    server.env = {**server.environment(), "SSL_CERT_FILE": str(cert)}
    yield server
    server.close()


def test_deploy_from_connect(lab, connect):
    """Every byte arrives; the token and the values are in no argument, no environment but compose's, and no file."""
    lab.flag("slow", "1")
    with deploy_host.Watch([as_bytes(v) for v in NASTY.values()]) as watch:
        done = lab.run("core", "backend", "--tag", "t", **connect.env)
    assert done.returncode == 0, done.stderr
    assert variables(lab.compose_calls()[-1]) == wanted(lab)
    assert [path for path in connect.asked if "/items/" in path] == [
        "/v1/vaults/vaulthomelab22222222222222/items/itemcore222222222222222222"], "one read of the item"
    assert watch.looked > 1000 and watch.args == set()
    assert all(b"docker\0compose" in line for line in watch.environ)
    shows_nothing(lab, done.stdout, done.stderr)
    for path in lab.folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            assert connect.TOKEN.encode() not in content, path
            if lab.state not in path.parents:
                assert not any(form in content for v in NASTY.values() for form in deploy_host.forms(as_bytes(v))), path


def test_dry_run_reads_no_item(lab, connect):
    assert lab.run("core", "backend", "--tag", "t", "--dry-run", **connect.env).returncode == 0
    assert connect.asked and not any("/items" in path for path in connect.asked)


def test_rollback_and_logs_read_it_too(lab, connect):
    for tag in ("one", "two"):
        assert lab.run("core", "backend", "--tag", tag, **connect.env).returncode == 0
    assert lab.run("rollback", "core", **connect.env).returncode == 0
    assert variables(lab.compose_calls()[-1]) == wanted(lab)
    lab.flag("log", f"user {NASTY['ghcr_token']} came\n")
    assert lab.run("logs", "core", **connect.env).stdout.strip() == "user *** came"


@pytest.mark.parametrize("more, says, remedy", [
    ({"OP_CONNECT_TOKEN": "wrong-token-sentinel"}, "refused the token", "valid token"),
    ({"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"}, "certificate", "op check"),
    ({"OP_CONNECT_HOST": "https://localhost:1"}, "localhost:1", "op check"),
])
def test_prerequisite_that_is_missing(lab, connect, more, says, remedy):
    lab.flag("daemon_down")
    done = lab.run("core", "backend", "--tag", "t", **{**connect.env, **more})
    assert done.returncode == 3 and done.stderr.count("\u2717") == 2, done.stderr
    assert says in done.stderr and remedy in done.stderr and "daemon" in done.stderr
    assert connect.TOKEN not in done.stderr and "wrong-token-sentinel" not in done.stderr
    assert lab.compose_calls() == []


def test_half_an_environment_is_wrong_use(lab, connect):
    done = lab.run("core", "backend", "--tag", "t", **{**connect.env, "OP_CONNECT_TOKEN": ""})
    assert done.returncode == 2 and "without OP_CONNECT_TOKEN" in done.stderr


def test_ssh_gets_no_token(lab, connect):
    lab.script("local/ssh", (lab.folder / "local/ssh").read_text().replace("exec ", f"env >>{lab.folder}/ssh_env; exec "))
    assert lab.run("core", "backend", "--tag", "t", **connect.env).returncode == 0
    env = (lab.folder / "ssh_env").read_text()
    assert "PATH=" in env and "SSL_CERT_FILE=" in env and "OP_" not in env


def test_interrupted_while_connect_is_silent(lab, connect):
    """Ctrl-C ends the question, too; nothing was begun on the host."""
    assert lab.run("core", "backend", "--tag", "t", **connect.env).returncode == 0
    connect.delay = 50
    asked = len(connect.asked)
    deploy = lab.start("core", "backend", "--tag", "u", **connect.env)
    stack.wait_for("the question", lambda: len(connect.asked) > asked)
    began = time.monotonic()
    deploy.send_signal(signal.SIGINT)
    out, err = deploy.communicate(timeout=45)
    connect.delay = 0
    assert deploy.returncode == 1 and b"interrupted" in err and time.monotonic() - began < 30, err
    assert [h["tag"] for h in lab.history()] == ["t"]


def lines(pid):
    rows = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(row.split(":", 1) for row in rows)


def test_memory_is_locked_and_no_core_can_be_dumped(lab, connect):
    """Of mk8s and of its ssh, while the values are in memory."""
    lab.flag("slow", "60")
    deploy = lab.start("core", "backend", "--tag", "t", **connect.env)
    stack.wait_for("the pull", lambda: (lab.state / "pulling").exists(), timeout_s=40)
    try:
        flags = [row.split()[1:] for row in pathlib.Path(f"/proc/{deploy.pid}/smaps").read_text().splitlines()
                 if row.startswith("VmFlags")]
        no_lock = b"__asan_" in pathlib.Path(stack.BIN).read_bytes()  # which makes mlock do nothing
        assert any("dd" in row and ("lo" in row or no_lock) for row in flags)
        assert no_lock or int(lines(deploy.pid)["VmLck"].split()[0]) >= 4
        for pid in [deploy.pid, *children(deploy.pid)]:
            limit = [row for row in pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines() if "core file" in row]
            assert limit[0].split()[4] == "0", (pid, limit)
    finally:
        lab.unflag("slow")
        deploy.communicate(timeout=60)
    assert deploy.returncode == 0


def children(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found
