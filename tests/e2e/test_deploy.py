"""deploy: against a real sshd on loopback, with a stand-in for docker on its side that records what it gets."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import tempfile
import time

import pytest

import deploy_host
import stack

pytestmark = [pytest.mark.sim,
              pytest.mark.skipif(not os.path.exists("/usr/sbin/sshd"), reason="needs openssh-server")]

NASTY = {
    "db_username": "o'brien \"$USER\" `id` \\ $(id) !x",
    "db_password": "-rf /; line1-of-pw\nline2-of-pw\n\n'",
    "jwt_secret": "".join(chr(c) for c in range(1, 256)) + "end-of-jwt",
    "grafana_password": ("k'\"$`\\-" * 9400)[:65536],
    "ghcr_token": "ghp_'token\"$with`all\\of-it",
}


@pytest.fixture
def lab(tmp_path):
    lab = deploy_host.Lab(tmp_path, stack.BIN)
    yield lab
    lab.stop()


def variables(call):
    return {name: call["env"].get(name) for name in ("DB_USER", "DB_PASSWORD", "JWT_SECRET", "GF_ADMIN_PASSWORD")}


def as_bytes(text):
    """A value as 1Password has it (text), in the shape in which the stand-in records bytes."""
    return text.encode().decode("latin-1")


def wanted(lab):
    return {"DB_USER": as_bytes(lab.fields["db_username"]), "DB_PASSWORD": as_bytes(lab.fields["db_password"]),
            "JWT_SECRET": as_bytes(lab.fields["jwt_secret"]), "GF_ADMIN_PASSWORD": as_bytes(lab.fields["grafana_password"])}


def shows_nothing(lab, *texts):
    for text in texts:
        for value in lab.fields.values():
            for form in deploy_host.forms(as_bytes(value)):
                assert form not in text.encode(), form[:40]


def test_no_socket_or_folder_of_ssh_is_left(lab):
    with tempfile.TemporaryDirectory(dir="/tmp") as run:  # a socket's path is short
        for _ in range(5):
            assert lab.run("status", "core", XDG_RUNTIME_DIR=run).returncode == 0
            assert os.listdir(run) == []


def test_core_deploys_with_every_variable(lab):
    done = lab.run("core", "backend", "--tag", "sha-1")
    assert done.returncode == 0, done.stderr
    pull, up = lab.compose_calls()
    assert pull["argv"] == ["compose", "pull", "backend"]
    assert up["argv"] == ["compose", "up", "-d", "--wait", "--wait-timeout", "5", "backend"]
    for call in (pull, up):
        assert variables(call) == wanted(lab)
        assert call["env"]["IMAGE_TAG"] == "sha-1" and call["env"]["DB_NAME"] == "ktrdr"
        assert call["cwd"] == str(lab.work["core"]) and call["stdin"] == ""
    assert "deployed backend, tag sha-1" in done.stdout
    assert (lab.state / "op_calls").read_text().count("item get") == 1
    assert lab.lock_is_free() and lab.remote_processes() == []


def test_core_all_takes_no_service(lab):
    assert lab.run("core", "all", "--tag", "x").returncode == 0
    assert lab.compose_calls()[0]["argv"] == ["compose", "pull"]


def test_other_commands_of_docker_see_no_secret(lab):
    lab.run("core", "backend", "--tag", "x")
    for call in lab.calls():
        if call["argv"][0] != "compose" or call["argv"][-1] in ("version", "--short", "--help"):
            shows_nothing(lab, json.dumps(call["env"]))


def test_workers_on_two_hosts_at_once(lab):
    done = lab.run("workers", "B", "C", "--tag", "t", "--profile", "scale-2")
    assert done.returncode == 0, done.stderr
    calls = lab.compose_calls()
    assert {c["cwd"] for c in calls} == {str(lab.work["b"]), str(lab.work["c"])}
    assert all(c["argv"][:3] == ["compose", "--profile", "scale-2"] for c in calls) and len(calls) == 4
    for line in done.stdout.splitlines():
        assert re.match("[BC]: ", line)


def test_tag_is_gits_commit(lab):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], cwd=lab.folder, check=True)
    assert lab.run("core", "backend").returncode == 2, "no commit yet"
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], cwd=lab.folder, check=True)
    sha = subprocess.run([*git, "rev-parse", "--short", "HEAD"], cwd=lab.folder, capture_output=True, text=True).stdout.strip()
    assert lab.run("core", "backend").returncode == 0
    assert lab.compose_calls()[-1]["env"]["IMAGE_TAG"] == f"sha-{sha}"


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_every_byte_arrives_and_none_shows(lab, shell):
    """Arguments and environments of all processes, this side's and the host's, and what is on disk afterwards."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    os.symlink(shutil.which(shell), lab.folder / "remote" / "sh")
    lab.item(NASTY)
    lab.flag("slow", "0.5")
    with deploy_host.Watch([as_bytes(v) for v in NASTY.values()]) as watch:
        done = lab.run("core", "backend", "--tag", "t")
    assert done.returncode == 0, done.stderr
    assert variables(lab.compose_calls()[-1]) == wanted(lab)
    auth = json.loads(lab.compose_calls()[0]["env"]["DOCKER_AUTH_CONFIG"])["auths"]["ghcr.io"]["auth"]
    import base64
    assert base64.b64decode(auth).decode() == "kpiteira:" + NASTY["ghcr_token"]
    assert watch.looked > 1000 and watch.args == set()
    for line in watch.environ:
        assert b"docker\0compose" in line, "only docker compose has them: " + repr(line)
    shows_nothing(lab, done.stdout, done.stderr, (lab.folder / "sshd.log").read_text())
    on_disk(lab)


def on_disk(lab):
    """Our folders, the host's and the home hold no value; the engine's own state is the engine's."""
    for path in lab.folder.rglob("*"):
        if not path.is_file() or lab.state in path.parents:
            continue
        content = path.read_bytes()
        for value in lab.fields.values():
            for form in deploy_host.forms(as_bytes(value)):
                assert form not in content, path


@pytest.mark.parametrize("version", ["2.37.3", "v2.9.0", "1.29.2", "dev"])
def test_old_compose_gets_a_config_in_memory_that_goes_away(lab, version):
    lab.flag("compose_version", version)
    assert lab.run("core", "backend", "--tag", "t").returncode == 0
    call = lab.compose_calls()[0]
    assert call["env"]["DOCKER_CONFIG"].startswith("/dev/shm/mk8s-docker.") and "DOCKER_AUTH_CONFIG" not in call["env"]
    assert "ghcr.io" in json.loads(call["config"])["auths"]
    assert not os.path.exists(call["env"]["DOCKER_CONFIG"])
    assert not [c for c in lab.calls() if c["argv"][0] == "login"]


def test_tmpfs_file(lab):
    text = (lab.folder / "deploy.yaml").read_text()
    text = text.replace("JWT_SECRET: jwt_secret", "JWT_SECRET: {field: jwt_secret, delivery: tmpfs-file}")
    (lab.folder / "deploy.yaml").write_text(text)
    lab.item(NASTY)
    assert lab.run("core", "backend", "--tag", "t").returncode == 0
    up = lab.compose_calls()[-1]
    path = pathlib.Path(up["env"]["JWT_SECRET_FILE"])
    try:
        assert "JWT_SECRET" not in up["env"] and path.parts[1:3] == ("dev", "shm")
        assert path.read_bytes() == NASTY["jwt_secret"].encode()
        assert path.stat().st_mode & 0o777 == 0o444 and path.parent.stat().st_mode & 0o777 == 0o700
        assert "--force-recreate" in up["argv"]
        assert as_bytes("end-of-jwt") not in (lab.state / "calls.jsonl").read_text()
        lab.run("core", "backend", "--tag", "t")
        assert "--force-recreate" not in lab.compose_calls()[-1]["argv"], "nothing changed"
    finally:
        shutil.rmtree(path.parent)


def test_what_docker_prints_is_redacted(lab):
    lab.flag("no_pull")
    done = lab.run("core", "backend", "--tag", "t")
    assert done.returncode == 1 and "token was ***" in done.stderr and "nothing was changed" in done.stdout
    shows_nothing(lab, done.stdout, done.stderr)
    assert [h["outcome"] for h in lab.history()] == ["failed"] and lab.running() == {}


def test_failing_health_check_rolls_back_to_the_digest_before(lab):
    assert lab.run("core", "backend", "--tag", "good").returncode == 0
    before = lab.running()
    lab.flag("unhealthy", "bad")
    done = lab.run("core", "backend", "--tag", "bad")
    assert done.returncode == 4, done.stderr
    assert lab.running() == before
    assert before["backend"] in done.stdout and "rolled back to what ran before" in done.stdout
    assert "cannot connect with ***" in done.stdout, "the last log lines"
    shows_nothing(lab, done.stdout, done.stderr)
    assert [(h["tag"], h["outcome"]) for h in lab.history()] == [("good", "deployed"), ("bad", "rolled-back")]
    assert lab.history()[-1]["images"] == before
    assert "bad" in lab.run("status", "core").stdout and "rolled-back" in lab.run("status", "core").stdout


def test_no_rollback_leaves_it(lab):
    lab.run("core", "backend", "--tag", "good")
    lab.flag("unhealthy", "bad")
    done = lab.run("core", "backend", "--tag", "bad", "--no-rollback")
    assert done.returncode == 1 and "no rollback was wanted" in done.stdout
    assert lab.history()[-1]["outcome"] == "failed"


def test_first_deploy_that_fails_has_nothing_to_go_back_to(lab):
    lab.flag("unhealthy", "bad")
    done = lab.run("core", "backend", "--tag", "bad")
    assert done.returncode == 1 and "nothing ran before" in done.stdout


def test_health_url(lab):
    lab.write_config(extra=f"    health_url: http://127.0.0.1:{lab.port}/")
    text = (lab.folder / "deploy.yaml").read_text().replace("health_timeout: 5s", "health_timeout: 1s")
    (lab.folder / "deploy.yaml").write_text(text)
    done = lab.run("core", "backend", "--tag", "x")
    assert done.returncode == 1 and "did not become healthy" in done.stdout
    page = subprocess.Popen(["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", str(deploy_host.free_port())],
                            cwd=lab.state, stderr=subprocess.DEVNULL)
    try:
        port = page.args[-1]
        (lab.folder / "deploy.yaml").write_text(text.replace(f":{lab.port}/", f":{port}/").replace("timeout: 1s", "timeout: 9s"))
        assert lab.run("core", "backend", "--tag", "x").returncode == 0
    finally:
        page.kill()
        page.wait()


def test_rollback_history_and_status_tell_the_truth(lab):
    for tag in ("one", "two"):
        assert lab.run("core", "backend", "--tag", tag).returncode == 0
    two = lab.running()
    done = lab.run("rollback", "core")
    assert done.returncode == 0, done.stderr
    one = lab.running()
    assert one != two and lab.history()[0]["images"] == one
    assert variables(lab.compose_calls()[-1]) == wanted(lab), "with today's secrets"
    assert [(h["action"], h["tag"]) for h in lab.history()] == [("deploy", "one"), ("deploy", "two"), ("rollback", "one")]
    assert lab.run("rollback", "core", "--tag", "two").returncode == 0 and lab.running() == two
    missing = lab.run("rollback", "core", "--tag", "never")
    assert missing.returncode == 1 and "never was never deployed" in missing.stderr
    rows = lab.run("history", "core").stdout.splitlines()
    assert len(rows) == 5 and rows[1].split()[2:5] == ["deploy", "backend", "one"]
    status = lab.run("status", "core").stdout
    assert "tag two" in status and two["backend"] in status


def test_rollback_before_any_deploy(lab):
    done = lab.run("rollback", "core")
    assert done.returncode == 1 and "nothing was deployed here yet" in done.stderr


def wait_for_pull(lab):
    stack.wait_for("the pull", lambda: (lab.state / "pulling").exists())


def test_second_deploy_is_refused_by_the_holders_name_or_waits(lab):
    lab.flag("slow", "60")
    first = lab.start("core", "backend", "--tag", "first")
    wait_for_pull(lab)
    second = lab.run("core", "backend", "--tag", "second")
    assert second.returncode == 1
    assert re.search(r"locked by \S+@\S+ \(deploy of core\), since 20", second.stdout)
    assert "a deploy is running" in lab.run("status", "core").stdout
    third = lab.start("core", "backend", "--tag", "third", "--lock-wait", "30")
    assert any(b"waiting at most 30 s" in line for line in third.stdout)
    lab.unflag("slow")
    assert third.wait(30) == 0
    assert first.wait(30) == 0
    assert [h["tag"] for h in lab.history()] == ["first", "third"]
    first.communicate()
    third.communicate()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_leaves_no_command_and_no_lock(lab, how):
    lab.flag("slow", "60")
    deploy = lab.start("core", "backend", "--tag", "x")
    wait_for_pull(lab)
    assert lab.remote_processes() and not lab.lock_is_free()
    started = time.monotonic()
    deploy.send_signal(how)
    out, err = deploy.communicate(timeout=30)
    stack.wait_for("the host's processes to end", lambda: not lab.remote_processes())
    assert lab.lock_is_free() and time.monotonic() - started < 20
    if how != signal.SIGKILL:
        assert deploy.returncode == 1 and b"interrupted" in err
    stack.wait_for("the record", lambda: lab.history())
    assert lab.history()[-1]["outcome"] == "interrupted" and lab.running() == {}


def test_connection_cut_during_the_deploy(lab):
    lab.flag("slow", "60")
    deploy = lab.start("core", "backend", "--tag", "x")
    wait_for_pull(lab)
    for pid in subprocess.run(["pgrep", "-f", f"sshd: {lab.user()}@notty"], capture_output=True, text=True).stdout.split():
        if b"notty" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() and descends(int(pid), lab.sshd.pid):
            os.kill(int(pid), signal.SIGKILL)
    out, err = deploy.communicate(timeout=60)
    assert deploy.returncode == 1, err
    stack.wait_for("the host's processes to end", lambda: not lab.remote_processes())
    assert lab.lock_is_free()


def descends(pid, ancestor):
    while pid > 1:
        if pid == ancestor:
            return True
        pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return False


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_script_cut_at_any_line_runs_nothing(lab, shell):
    """The script of --dry-run is the one that is sent; each of its beginnings is given to a shell."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    dry = lab.run("core", "backend", "--tag", "x", "--dry-run").stdout
    sent = lab.folder / "sent"
    lab.script("local/ssh.real", (lab.folder / "local/ssh").read_text())
    lab.script("local/ssh", f"#!/bin/sh\ncat >{sent}\n")
    names = dict.fromkeys(re.findall(r"^#   (\S+): field", dry, re.M), "v'x")
    subprocess.run(["sh"], input=dry, text=True, env=lab.env(**names), check=True, timeout=30)
    lines = sent.read_text().splitlines(keepends=True)
    assert lines[0] == "{\n" and lines[-1] == "}\n" and len(lines) > 100
    before = len(lab.calls())
    env = lab.env(PATH=f"{lab.folder}/remote:/usr/bin:/bin")
    for cut in range(len(lines)):
        text = "".join(lines[:cut]) + lines[cut][:(len(lines[cut]) - 1) // 2]
        subprocess.run([shell], input=text, text=True, env=env, capture_output=True, timeout=30)
    assert len(lab.calls()) == before and not (lab.work["core"] / ".deploy").exists()
    subprocess.run([shell], input="".join(lines), text=True, env=env, capture_output=True, timeout=30)
    assert lab.history()[-1]["outcome"] == "deployed", "the whole one does run"


def test_dry_run_changes_nothing_and_its_output_does_what_the_deploy_does(lab):
    lab.item(NASTY)
    before = sorted(lab.work["core"].rglob("*"))
    dry = lab.run("core", "backend", "--tag", "x", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert sorted(lab.work["core"].rglob("*")) == before
    assert "item get" not in (lab.state / "op_calls").read_text()
    assert [c for c in lab.compose_calls() if "pull" in c["argv"] or "-d" in c["argv"]] == []
    shows_nothing(lab, dry.stdout)
    assert '"$DB_PASSWORD"' in dry.stdout
    assert lab.run("core", "backend", "--tag", "x").returncode == 0
    deployed = lab.compose_calls()
    names = {name: lab.fields[field] for name, field in re.findall(r"^#   (\S+): field (\S+)", dry.stdout, re.M)}
    pasted = subprocess.run(["sh"], input=dry.stdout.encode(), env=lab.env(**names), capture_output=True, timeout=60)
    assert pasted.returncode == 0, pasted.stderr
    again = lab.compose_calls()[len(deployed):]
    def essence(calls):
        return [(c["argv"], c["cwd"], variables(c), c["env"].get("IMAGE_TAG"), c["env"].get("DOCKER_AUTH_CONFIG")) for c in calls]
    assert essence(again) == essence(deployed)


def test_dry_run_with_every_quote_in_bash(lab):
    dry = lab.run("workers", "B", "C", "--tag", "x", "--dry-run").stdout
    names = {name: NASTY["db_password"] for name in re.findall(r"^#   (\S+): field", dry, re.M)}
    subprocess.run(["bash"], input=dry.encode(), env=lab.env(**names), capture_output=True, timeout=60, check=True)
    assert {c["env"]["DB_USER"] for c in lab.compose_calls()} == {as_bytes(NASTY["db_password"])}
    assert {c["cwd"] for c in lab.compose_calls()} == {str(lab.work["b"]), str(lab.work["c"])}


def break_dns(lab):
    lab.write_config(host="nowhere.invalid")


def break_port(lab):
    lab.write_config(host="closed.host")


def break_key(lab):
    (lab.folder / "authorized").write_text("")


def break_host_key(lab):
    lab.keygen("otherkey")
    lab.know("otherkey")


def forget_host_key(lab):
    (lab.folder / "known").write_text("")


def break_docker(lab):
    (lab.folder / "remote/docker").rename(lab.folder / "remote/no-docker")


def break_op(lab):
    (lab.folder / "local/op").unlink()


BROKEN = [
    (break_dns, "DNS resolution failed"),
    (break_port, "SSH connection refused"),
    (break_key, "SSH refused the key"),
    (break_host_key, "the host key changed"),
    (forget_host_key, "the host key is not known"),
    (break_docker, "docker is not installed"),
    (lambda lab: lab.flag("daemon_down"), "daemon does not answer"),
    (lambda lab: lab.flag("no_compose"), "docker compose is not installed"),
    (lambda lab: lab.flag("old_compose"), "docker compose is too old"),
    (lambda lab: (lab.work["core"] / "docker-compose.yml").unlink(), "the compose file is not in workdir"),
    (lambda lab: shutil.rmtree(lab.work["core"]), "the folder workdir of deploy.yaml does not exist"),
    (break_op, "is not installed"),
    (lambda lab: lab.flag("signed_out"), "igned in"),
]


@pytest.mark.parametrize("breaks, says", BROKEN, ids=[says.replace(" ", "-") for _, says in BROKEN])
def test_each_prerequisite(lab, breaks, says):
    breaks(lab)
    for words in (("check", "core"), ("core", "backend", "--tag", "x"), ("core", "backend", "--tag", "x", "--dry-run")):
        done = lab.run(*words)
        assert done.returncode == 3, (words, done.stderr)
        told = re.findall(r"  ✗ (.*)\n      (\S.*)", done.stderr)
        assert len(told) == 1 and says in told[0][0], done.stderr
    assert lab.history() == [] and "item get" not in ((lab.state / "op_calls").read_text() if (lab.state / "op_calls").exists() else "")


def test_all_failures_are_told_together(lab):
    lab.flag("no_compose")
    lab.flag("daemon_down")
    lab.flag("signed_out")
    (lab.work["core"] / "docker-compose.yml").unlink()
    done = lab.run("check", "core")
    assert done.returncode == 3 and done.stderr.count("✗") == 4 and "4 prerequisites are missing" in done.stderr


def test_skip_validation(lab):
    lab.flag("old_compose")
    assert lab.run("core", "backend", "--tag", "x", "--skip-validation").returncode == 0


def test_missing_fields_are_all_named(lab):
    lab.item({"db_username": "user-name", "db_password": "", "ghcr_token": "token-token"})
    done = lab.run("core", "backend", "--tag", "x")
    assert done.returncode == 3 and done.stderr.count("✗") == 3, done.stderr
    assert lab.history() == []


def test_logs_leave_secrets_out(lab):
    lab.run("core", "all", "--tag", "x")
    lab.flag("log", "connecting as ktrdr_user with pa55word-of-db\n")
    done = lab.run("logs", "core", "backend")
    assert done.returncode == 0 and done.stdout.strip() == "connecting as *** with ***"
    assert "pa55word-of-db" in lab.run("logs", "core", "--raw").stdout


def test_audit_finds_what_leaked(lab):
    lab.run("core", "backend", "--tag", "x")
    clean = lab.run("audit-leaks", "core")
    assert clean.returncode == 0 and "no place was found" in clean.stderr, clean.stdout
    (lab.work["core"] / ".env").write_text("DB_PASSWORD=pa55word-of-db\n")
    lab.flag("inspect_env", "GF=grafana-pa55")
    sleeper = subprocess.Popen(["sh", "-c", "sleep 60; : pa55word-of-db"])
    try:
        with deploy_host.Watch(["jwt-" + "s" * 40]) as watch:
            done = lab.run("audit-leaks", "core")
    finally:
        sleeper.kill()
        sleeper.wait()
    assert done.returncode == 1 and watch.args == set()
    assert "DB_PASSWORD ./.env" in done.stdout and f"/proc/{sleeper.pid}/cmdline" in done.stdout
    assert re.search("GF_ADMIN_PASSWORD container .* docker inspect", done.stdout)
    shows_nothing(lab, done.stdout, done.stderr)


def test_init_writes_an_example_that_parses(lab):
    (lab.folder / "deploy.yaml").unlink()
    env = {"MK8S_DEPLOY_CONFIG": ""}
    assert lab.run("init", **env).returncode == 0
    again = lab.run("init", **env)
    assert again.returncode == 1 and "left as it is" in again.stderr
    root = pathlib.Path(__file__).resolve().parents[2]
    assert (lab.folder / "deploy.yaml").read_text() == (root / "packaging/examples/deploy.yaml").read_text()
    assert lab.run("core", "nothing", **env).returncode == 2


@pytest.mark.parametrize("words, says", [
    ((), "a verb is missing"),
    (("--dry-run", "core"), "a verb comes first"),
    (("cor", "backend"), 'did you mean core?'),
    (("core",), "which service of core"),
    (("workers",), "which node of workers"),
    (("core", "web", "--tag", "x"), "there are backend, db, all"),
    (("workers", "D", "--tag", "x"), 'has no node "D"'),
    (("workers", "B", "B", "--tag", "x"), "named twice"),
    (("core", "backend", "--tag", "a b"), "is no tag"),
    (("core", "backend", "--tag", "-x"), "is no tag"),
    (("core", "backend", "--tag", "x", "--profile", "y"), "has no profile"),
    (("status",), "which target"),
    (("rollback",), "which target"),
    (("core", "backend", "--tga", "x"), "did you mean --tag"),
])
def test_wrong_use(lab, words, says):
    done = lab.run(*words)
    assert done.returncode == 2 and says in done.stderr, done.stderr
    assert lab.calls() == []


def test_ktrdr_is_the_same(lab):
    link = lab.folder / "ktrdr"
    link.symlink_to(stack.BIN)
    def ktrdr(*words):
        return subprocess.run([link, *words], capture_output=True, text=True, env=lab.env(), timeout=60)
    assert "deploy" in ktrdr("--help").stdout and ktrdr("--help").returncode == 0
    assert all(word in ktrdr("deploy", "--help").stdout for word in ("core", "workers", "audit-leaks"))
    assert "--dry-run" in ktrdr("deploy", "core", "--help").stdout
    assert ktrdr("deploy", "core", "backend", "--tag", "x").returncode == 0
    assert ktrdr("apply").returncode == 2


GUIDE = (pathlib.Path(__file__).resolve().parents[2] / "docs/user-guides/deployment-homelab.md").read_text()


def test_the_guide_has_its_sections():
    wanted = {"Prerequisites": ["1Password setup", "SSH key configuration", "op CLI installation"],
              "1Password configuration": ["Vault structure", "Required fields"],
              "First-time deployment": ["Deploy core", "Deploy workers", "Verify services"],
              "Updating deployments": ["Deploy new versions", "Rollback procedure"],
              "Scaling workers": ["Using profiles"], "Troubleshooting": ["Common errors", "Debug commands"]}
    found = {}
    for level, title in re.findall(r"^(##+) (.*)$", GUIDE, re.M):
        if level == "##":
            found[title] = last = []
        else:
            last.append(title)
    assert {title: found.get(title) for title in wanted} == wanted
    for verb in ("init", "check", "core", "workers", "status", "logs", "history", "rollback", "audit-leaks"):
        assert re.search(rf"^    mk8s deploy {verb}\b", GUIDE, re.M), verb


def blocks():
    """The examples: blocks of indented lines."""
    return [re.sub("^    ", "", block, flags=re.M) for block in re.findall(r"(?:^    .*\n)+", GUIDE, re.M)]


def own_layout(lab):
    """What `mk8s deploy init` wrote, with the folders of this machine."""
    path = lab.folder / "deploy.yaml"
    text = path.read_text().replace("health_timeout: 2m", "health_timeout: 5s")
    for theirs, ours in (("/opt/ktrdr-core", "core"), ("/opt/ktrdr-workers-b", "b"), ("/opt/ktrdr-workers-c", "c")):
        text = text.replace(theirs, str(lab.work[ours]))
    path.write_text(text)


def test_every_example_of_the_guide(lab):
    """In the guide's order, as a new user types them; the hosts' names are its own."""
    (lab.folder / "deploy.yaml").unlink()
    for name in ("mk8s", "ktrdr"):
        (lab.folder / "local" / name).symlink_to(lab.binary)
    (lab.folder / "home/.ssh").mkdir()
    for end in ("", ".pub"):
        shutil.copy(f"{lab.folder}/userkey{end}", f"{lab.folder}/home/.ssh/id_ed25519{end}")
    lab.item({name: f"{value}-of-the-guide" for name, value in lab.fields.items()})  # audit-leaks sees the whole machine
    subprocess.run("git init -q; git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x", shell=True, cwd=lab.folder,
                   check=True)
    typed = {"ssh-keygen": f"{lab.folder}/home/.ssh/new\n\n\n"}
    count = 0
    for line in "".join(block for block in blocks() if not block.startswith("# ")).splitlines():
        done = subprocess.run(["sh", "-c", line], input=typed.get(line.split()[0], ""), cwd=lab.folder, text=True,
                              env=lab.env(MK8S_DEPLOY_CONFIG=""), capture_output=True, timeout=60)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        if line == "mk8s deploy init":
            own_layout(lab)
        count += 1
    assert count > 30 and (lab.folder / "home/.ssh/new").exists()


def test_the_guides_files_in_memory(lab):
    """Its piece of deploy.yaml gives the variable that its piece of docker-compose.yml reads."""
    pieces = [block for block in blocks() if block.startswith("# ")]
    ours, compose = "".join(pieces).split("# docker-compose.yml\n")
    line = ours.splitlines()[-1].strip()
    variable = re.search(r"\$\{(\w+)\}", compose)[1]
    text = (lab.folder / "deploy.yaml").read_text()
    assert line.split(":")[0] + ": jwt_secret" in text
    (lab.folder / "deploy.yaml").write_text(text.replace("JWT_SECRET: jwt_secret", line))
    assert lab.run("core", "backend", "--tag", "t").returncode == 0
    path = pathlib.Path(lab.compose_calls()[-1]["env"][variable])
    try:
        assert path.read_text() == lab.fields["jwt_secret"]
    finally:
        shutil.rmtree(path.parent)


def test_manual_has_every_verb_and_option(lab):
    page = (pathlib.Path(__file__).resolve().parents[2] / "man/mk8s-deploy.8").read_text()
    verbs = re.findall(r"^  ([a-z-]+) +\S", lab.run("--help").stdout, re.M)
    assert len(verbs) == 9
    for verb in verbs:
        assert re.search(rf"^\.(It )?Cm {verb}\b", page, re.M), verb
        for option in re.findall(r"--([a-z-]+)", lab.run(verb, "--help").stdout):
            assert re.search(rf"Fl (\w , )?-{option}\b|, -{option}\b", page), option


def test_notices_of_op_are_passed_on(lab):
    text = (lab.folder / "local/op").read_text()
    lab.script("local/op", text.replace('elif args[:2] == ["item", "get"]:\n',
                                        'elif args[:2] == ["item", "get"]:\n    sys.stderr.write("Update op soon\\n")\n'))
    done = lab.run("core", "backend", "--tag", "x")
    assert done.returncode == 0 and "\nop: Update op soon\n" in done.stderr


def test_history_with_lines_of_others(lab):
    lab.run("core", "backend", "--tag", "one")
    with open(lab.work["core"] / ".deploy/history.jsonl", "a") as file:
        file.write("not ours\n")
    done = lab.run("history", "core")
    assert done.returncode == 0 and "1 lines of the history are none of ours" in done.stderr and " one " in done.stdout
