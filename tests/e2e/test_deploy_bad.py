"""deploy: what goes wrong on the way, and settings that are seldom used."""
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

import deploy_host
import stack
from test_deploy import shows_nothing

pytestmark = [pytest.mark.sim,
              pytest.mark.skipif(not os.path.exists("/usr/sbin/sshd"), reason="needs openssh-server")]
READS = ("status", "logs", "history", "check", "audit-leaks")


@pytest.fixture
def lab(tmp_path):
    lab = deploy_host.Lab(tmp_path, stack.BIN)
    yield lab
    lab.stop()


def change(lab, old, new):
    path = lab.folder / "deploy.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("verb", [*READS, "rollback"])
def test_wrong_use_of_each_verb(lab, verb):
    for words, says in (((verb,), "which target"), ((verb, "cor"), "did you mean core?"),
                        ((verb, "core", "web"), "there are backend, db, all"),
                        ((verb, "workers", "D"), 'has no node "D"'),
                        ((verb, "core", "-c", "/nonexistent.yaml"), "init writes one")):
        done = lab.run(*words)
        assert done.returncode == 2 and says in done.stderr, (words, done.stderr)
    assert lab.calls() == []


def test_init_refuses(lab):
    done = lab.run("init", "core")
    assert done.returncode == 2 and "takes no arguments" in done.stderr
    done = lab.run("init", "-c", f"{lab.folder}/nowhere/deploy.yaml")
    assert done.returncode == 1 and "nowhere/deploy.yaml" in done.stderr


@pytest.mark.parametrize("verb", READS)
def test_a_host_that_cannot_be_reached(lab, verb):
    """The other host's part is shown, the failure is told with its remedy, and the status says so."""
    lab.run("workers", "B", "C", "--tag", "one")
    change(lab, "host: c.lab", "host: closed.host")
    done = lab.run(verb, "workers")
    assert done.returncode == (3 if verb == "check" else 1), done.stderr
    assert re.search(r"✗ closed\.host: SSH connection refused.*\n      \S", done.stderr), done.stderr
    if verb in ("status", "history"):
        assert "one" in done.stdout
    if verb == "logs":
        assert "B: a line of the log" in done.stdout
    shows_nothing(lab, done.stdout, done.stderr)


@pytest.mark.parametrize("verb", ["status", "history", "logs"])
def test_a_host_whose_workdir_has_gone(lab, verb):
    lab.run("core", "backend", "--tag", "one")
    shutil.rmtree(lab.work["core"])
    done = lab.run(verb, "core")
    if verb != "logs":
        assert done.returncode == 1 and str(lab.work["core"]) in done.stderr, done.stderr
    else:
        assert done.returncode == 0  # containers are found without it


def test_failures_of_all_hosts_and_of_op_are_told_together(lab):
    change(lab, "host: b.lab", "host: nowhere.invalid")
    change(lab, "workers:\n    nodes:\n", "workers:\n    nodes:\n      A: {host: closed.host, workdir: /opt/a}\n")
    lab.flag("no_compose")
    lab.flag("daemon_down")
    (lab.folder / "local/op").unlink()
    done = lab.run("workers", "A", "B", "C", "--tag", "x", "--dry-run")
    told = re.findall(r"  ✗ (\S+): (.*)\n      (\S.*)", done.stderr)
    assert done.returncode == 3 and done.stdout == "" and "5 prerequisites are missing" in done.stderr, done.stderr
    assert sorted(where for where, _, _ in told) == ["1Password", "c.lab", "c.lab", "closed.host", "nowhere.invalid"]
    for says in ("DNS resolution failed", "connection refused", "daemon does not answer", "compose is not installed", "op"):
        assert any(says in what for _, what, _ in told), says


def test_rollback_changes_nothing_where_one_history_cannot_be_read(lab):
    lab.run("workers", "B", "C", "--tag", "one")
    lab.run("workers", "B", "C", "--tag", "two")
    change(lab, "host: c.lab", "host: closed.host")
    count = len(lab.compose_calls())
    for words, status in ((("--skip-validation",), 1), ((), 3)):
        done = lab.run("rollback", "workers", *words)
        assert done.returncode == status and "SSH connection refused" in done.stderr
        assert "nothing was changed" in done.stderr or status == 3
    assert len(lab.compose_calls()) == count


def test_one_host_of_two_rolls_back(lab):
    lab.run("workers", "C", "--tag", "good")
    lab.run("workers", "B", "--tag", "good")
    lab.flag("unhealthy", "bad")
    shutil.rmtree(lab.work["b"])
    done = lab.run("workers", "B", "C", "--tag", "bad", "--skip-validation")
    assert done.returncode == 1, "the worse of the two"
    assert "B: failed" in done.stderr and "C: rolled back" in done.stderr
    assert lab.history("c")[-1]["outcome"] == "rolled-back"


def test_a_command_that_takes_too_long(lab):
    change(lab, "command_timeout: 60s", "command_timeout: 2s")
    lab.flag("slow", "60")
    began = time.monotonic()
    done = lab.run("core", "backend", "--tag", "x")
    assert done.returncode == 1 and "the time limit was reached" in done.stderr and "command_timeout" in done.stderr
    assert time.monotonic() - began < 30
    stack.wait_for("the host's processes to end", lambda: not lab.remote_processes())
    assert lab.lock_is_free() and lab.history()[-1]["outcome"] == "interrupted"


def test_a_host_that_answers_nothing(lab):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        config = lab.folder / "ssh_config"
        config.write_text(f"Host silent.host\n  HostName 127.0.0.1\n  Port {silent.getsockname()[1]}\n" + config.read_text())
        lab.write_config(host="silent.host")
        began = time.monotonic()
        done = lab.run("check", "core")
    assert done.returncode == 3 and "timed out" in done.stderr and time.monotonic() - began < 30, done.stderr


def test_no_ssh_on_this_machine(lab):
    (lab.folder / "local/ssh").unlink()
    tools = lab.folder / "few"
    tools.mkdir()
    for name in ("env", "python3"):
        (tools / name).symlink_to(shutil.which(name, path="/usr/bin:/bin"))
    path = f"{lab.folder}/local:{tools}"
    done = lab.run("check", "core", PATH=path)
    assert done.returncode == 3 and "ssh is not installed on this machine" in done.stderr and "openssh-client" in done.stderr
    done = lab.run("core", "backend", "--tag", "x", "--skip-validation", PATH=path)
    assert done.returncode == 1 and "openssh-client" in done.stderr, done.stderr


def test_no_git_on_this_machine(lab):
    done = lab.run("core", "backend", PATH=f"{lab.folder}/local")
    assert done.returncode in (1, 2) and "--tag" in done.stderr and "git" in done.stderr, done.stderr
    assert lab.calls() == []


@pytest.mark.parametrize("shell, says", [("exit 3", "a POSIX shell did not run there"),
                                         ("echo you shall not pass >&2; exit 255", "SSH failed: you shall not pass"),
                                         ("exit 255", "SSH failed without a word")])
def test_a_login_shell_that_runs_nothing(lab, shell, says):
    lab.script("remote/sh", f"#!/bin/bash\n{shell}\n")
    done = lab.run("check", "core")
    assert done.returncode == 3 and says in done.stderr and "try by hand" in done.stderr, done.stderr


def test_a_field_that_no_variable_can_hold(lab):
    lab.item({**lab.fields, "jwt_secret": "x" * (120 * 1024 + 1)})
    done = lab.run("core", "backend", "--tag", "x")
    assert done.returncode == 3 and "too long for a variable" in done.stderr and "in a file" in done.stderr
    assert lab.history() == []


def test_compose_files_by_name(lab):
    """They are asked for beforehand, given to compose in their order, and pinned behind them."""
    change(lab, "    services: [backend, db]\n", "    services: [backend, db]\n    compose_files: [base.yml, more files.yml]\n")
    done = lab.run("core", "backend", "--tag", "one")
    assert done.returncode == 3 and done.stderr.count("the compose file is not in workdir") >= 1
    for name in ("base.yml", "more files.yml"):
        (lab.work["core"] / name).write_text("services: {}\n")
    for tag in ("one", "two"):
        assert lab.run("core", "backend", "--tag", tag).returncode == 0
    files = ["-f", "base.yml", "-f", "more files.yml"]
    assert lab.compose_calls()[-1]["argv"][:6] == ["compose", *files, "up"]
    assert lab.run("rollback", "core").returncode == 0
    assert lab.compose_calls()[-1]["argv"][:8] == ["compose", *files, "-f", ".deploy/pinned.yaml", "up"]


def test_status_before_any_deploy(lab):
    done = lab.run("status", "core")
    assert done.returncode == 0 and "nothing was deployed here yet" in done.stdout and "no container" in done.stdout


def test_logs_are_followed_until_ctrl_c(lab):
    lab.run("core", "backend", "--tag", "x")
    text = (lab.folder / "remote/docker").read_text()
    lab.script("remote/docker", text.replace('elif args[:1] == ["logs"]:\n', 'elif args[:1] == ["logs"] and "-f" in args:\n'
                                             '    for n in range(600):\n        print("line", n, "pa55word-of-db", flush=True)\n'
                                             '        time.sleep(0.1)\nelif args[:1] == ["logs"]:\n'))
    logs = lab.start("logs", "core", "-f", "--tail", "5")
    lines = [logs.stdout.readline() for _ in range(5)]
    assert lines[:2] == [b"line 0 ***\n", b"line 1 ***\n"], "at once, and redacted"
    assert ["logs", "--tail", "5", "-f"] == [c["argv"][:4] for c in lab.calls() if c["argv"][0] == "logs"][-1]
    logs.send_signal(signal.SIGINT)
    out, err = logs.communicate(timeout=30)
    assert logs.returncode == 0, err
    stack.wait_for("the host's processes to end", lambda: not lab.remote_processes())


def test_logs_that_docker_cannot_give(lab):
    lab.run("core", "backend", "--tag", "x")
    text = (lab.folder / "remote/docker").read_text()
    lab.script("remote/docker", text.replace('elif args[:1] == ["logs"]:\n', 'elif args[:1] == ["logs"]:\n'
                                             '    sys.exit("no logs with pa55word-of-db")\n'))
    done = lab.run("logs", "core")
    assert "no logs with ***" in done.stdout + done.stderr and done.returncode == 1, (done.returncode, done.stdout, done.stderr)


def test_interrupted_while_op_waits(lab):
    """For the app to be unlocked, for instance: op is ended, and nothing was begun on the host."""
    text = (lab.folder / "local/op").read_text()
    lab.script("local/op", text.replace('elif args[:2] == ["item", "get"]:\n',
                                        'elif args[:2] == ["item", "get"]:\n    import time\n    time.sleep(60)\n'))
    (lab.state / "op_calls").write_text("")
    deploy = lab.start("core", "backend", "--tag", "x")
    stack.wait_for("op", lambda: "item get" in (lab.state / "op_calls").read_text())
    deploy.send_signal(signal.SIGTERM)
    out, err = deploy.communicate(timeout=30)
    assert deploy.returncode == 1 and b"interrupted" in err, err
    assert lab.history() == [] and not (lab.work["core"] / ".deploy").exists()


def test_no_tmpfs_for_files_in_memory(lab):
    """A folder on a disk is refused, and the deploy with it."""
    lab.write_config(top=f"tmpfs_dir: {lab.folder}")
    change(lab, "JWT_SECRET: jwt_secret", "JWT_SECRET: {field: jwt_secret, delivery: tmpfs-file}")
    kind = subprocess.run(["stat", "-f", "-c", "%T", lab.folder], capture_output=True, text=True).stdout.strip()
    if kind == "tmpfs":
        pytest.skip("the tests' folder is a tmpfs itself")
    done = lab.run("core", "backend", "--tag", "x")
    assert done.returncode == 1 and "is no tmpfs; secrets would be on a disk" in done.stdout
    assert lab.history()[-1]["outcome"] == "failed" and lab.running() == {}
    for path in lab.folder.rglob("*"):
        if path.is_file() and lab.state not in path.parents:
            assert lab.fields["jwt_secret"].encode() not in path.read_bytes(), path


def test_a_host_without_flock(lab):
    path = lab.folder / "sshd_config"
    few = lab.folder / "few-there"
    few.mkdir()
    for program in deploy_host.tools().iterdir():
        if program.name != "flock":
            (few / program.name).symlink_to(os.readlink(program))
    os.killpg(lab.sshd.pid, signal.SIGTERM)
    lab.sshd.wait(10)
    path.write_text(path.read_text().replace(str(deploy_host.tools()), str(few)))
    lab.sshd = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", path], stderr=subprocess.DEVNULL, start_new_session=True)
    stack.wait_for("sshd", lambda: socket.socket().connect_ex(("127.0.0.1", lab.port)) == 0)
    done = lab.run("check", "core")
    assert done.returncode == 3 and "flock" in done.stderr and "util-linux" in done.stderr, done.stderr
    done = lab.run("core", "backend", "--tag", "x", "--skip-validation")
    assert done.returncode == 1 and "flock is not installed" in done.stdout and lab.running() == {}
