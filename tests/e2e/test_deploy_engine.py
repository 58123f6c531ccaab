"""deploy: to a real Docker engine with the real docker compose, through a real sshd and from a registry that wants a token."""
import json
import os
import pathlib
import re
import subprocess
import time

import pytest

import deploy_host
import engine as engines
import stack
from test_deploy import NASTY, as_bytes, shows_nothing

pytestmark = [pytest.mark.skipif(not os.path.exists("/usr/sbin/sshd"), reason="needs openssh-server"),
              pytest.mark.skipif(bool(engines.why_not()), reason=str(engines.why_not()))]

VARIABLES = ("DB_USER", "DB_PASSWORD", "JWT_SECRET", "GF_ADMIN_PASSWORD")


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    engine = engines.Engine(tmp_path_factory.mktemp("engine") / "e")
    yield engine
    engine.stop()


@pytest.fixture
def registry(engine):
    registry = engines.Registry(NASTY["ghcr_token"], engine.program)
    for tag in ("one", "two", "bad"):
        registry.push(tag)
    yield registry
    registry.close()


@pytest.fixture
def lab(tmp_path, engine, registry):
    lab = deploy_host.Lab(tmp_path, stack.BIN, engine)
    lab.item(NASTY)
    compose(lab, registry, "environment:\n" + "".join(f"      {name}: ${{{name}}}\n" for name in VARIABLES))
    path = lab.folder / "deploy.yaml"
    path.write_text(path.read_text().replace("ghcr.io", registry.name).replace("[backend, db]", "[backend]")
                    .replace("health_timeout: 5s", "health_timeout: 30s"))
    yield lab
    lab.stop()
    for workdir in lab.work.values():
        for row in engine.containers(workdir).values():
            engine.docker("rm", "-f", row["Id"])


def compose(lab, registry, more):
    (lab.work["core"] / "docker-compose.yml").write_text(
        f"services:\n  backend:\n    image: {registry.name}/{engines.REPOSITORY}:${{IMAGE_TAG}}\n"
        f"    network_mode: host\n    {more}")


def backend(lab):
    return lab.engine.containers(lab.work["core"])["backend"]


def variables(row):
    return dict(pair.split("=", 1) for pair in row["Config"]["Env"] if pair.split("=", 1)[0] in VARIABLES)


def wanted(lab):
    return {"DB_USER": lab.fields["db_username"], "DB_PASSWORD": lab.fields["db_password"],
            "JWT_SECRET": lab.fields["jwt_secret"], "GF_ADMIN_PASSWORD": lab.fields["grafana_password"]}


def holding(folder, values):
    """Files below a folder that hold one of the values in any of its forms."""
    found = []
    forms = [form for value in values for form in deploy_host.forms(as_bytes(value))]
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            found += [str(path) for form in forms if form in content][:1]
    return found


def test_every_byte_reaches_the_container_and_no_other_process_shows_it(lab, registry):
    with deploy_host.Watch([as_bytes(v) for v in NASTY.values()]) as watch:
        done = lab.run("core", "backend", "--tag", "one")
    assert done.returncode == 0, done.stderr + done.stdout
    assert variables(backend(lab)) == wanted(lab)
    assert backend(lab)["State"]["Health"]["Status"] == "healthy"
    assert lab.history()[-1]["images"] == {"backend": f"{registry.name}/{engines.REPOSITORY}@{registry.tags['one']}"}
    assert watch.looked > 1000 and watch.args == set()
    for line in watch.environ:  # an empty one is in the midst of exec
        assert re.search(rb"compose|^/serve|^runc|^$", line), line
    shows_nothing(lab, done.stdout, done.stderr, (lab.folder / "sshd.log").read_text())
    assert holding(lab.folder, NASTY.values()) == [str(lab.state / "item.json")], "which is the stand-in of 1Password"
    assert holding(lab.engine.folder / "config", [NASTY["ghcr_token"]]) == []
    assert holding(lab.engine.data, [NASTY["ghcr_token"]]) == []
    assert any(allowed for _, allowed in registry.asked)
    assert lab.lock_is_free() and lab.remote_processes() == []


def test_a_file_in_memory_is_at_rest_nowhere(lab, registry):
    """With tmpfs-file delivery not even the engine's own state holds a value."""
    names = {"DB_PASSWORD": "db_password", "JWT_SECRET": "jwt_secret", "GF_ADMIN_PASSWORD": "grafana_password"}
    text = (lab.folder / "deploy.yaml").read_text()
    for name, field in names.items():
        text = text.replace(f"      {name}: {field}\n", f"      {name}: {{field: {field}, delivery: tmpfs-file}}\n")
    (lab.folder / "deploy.yaml").write_text(text.replace("      DB_USER: db_username\n", "", 1))
    secrets = "".join(f'  {name.lower()}: {{file: "${{{name}_FILE}}"}}\n' for name in names)
    compose(lab, registry, "secrets: [" + ", ".join(name.lower() for name in names) + "]\nsecrets:\n" + secrets)
    before = set(holding(lab.engine.data, NASTY.values()))  # earlier tests deliver by env
    folder = pathlib.Path(f"/dev/shm/mk8s-deploy-{os.getuid()}-core-core")
    try:
        done = lab.run("core", "backend", "--tag", "one")
        assert done.returncode == 0, done.stderr + done.stdout
        row = backend(lab)
        for name, field in names.items():
            got = subprocess.run([engines.DOCKER, "exec", row["Id"], "/serve", "cat", f"/run/secrets/{name.lower()}"],
                                 env=lab.engine.env, capture_output=True, timeout=30)
            assert got.stdout == NASTY[field].encode(), name
        assert set(holding(lab.engine.data, NASTY.values())) <= before
        inspected = json.dumps(row)
        assert not any(value in inspected or json.dumps(value)[1:-1] in inspected for value in NASTY.values())
        lab.item({**lab.fields, "jwt_secret": "another-jwt-secret"})
        assert lab.run("core", "backend", "--tag", "one").returncode == 0
        assert backend(lab)["Id"] != row["Id"], "made anew, for the secret is another"
    finally:
        for path in folder.glob("*"):
            path.unlink()
        folder.rmdir()


def test_unhealthy_image_rolls_back_and_the_records_say_so(lab, registry):
    assert lab.run("core", "backend", "--tag", "one").returncode == 0
    one = backend(lab)["Image"]
    lab.item({**NASTY, "db_password": "pa55word-of-db"})  # the image called bad logs it
    bad = lab.run("core", "backend", "--tag", "bad")
    assert bad.returncode == 4, bad.stderr + bad.stdout
    assert backend(lab)["Image"] == one and backend(lab)["State"]["Health"]["Status"] == "healthy"
    assert registry.tags["one"] in bad.stdout and "rolled back to what ran before" in bad.stdout
    assert "cannot connect with ***" in bad.stdout, "the last log lines"
    shows_nothing(lab, bad.stdout, bad.stderr)
    assert lab.run("core", "backend", "--tag", "two").returncode == 0
    two = backend(lab)["Image"]
    assert two != one
    assert lab.run("rollback", "core").returncode == 0 and backend(lab)["Image"] == one
    assert lab.run("rollback", "core", "--tag", "two").returncode == 0 and backend(lab)["Image"] == two
    assert [(h["action"], h["tag"], h["outcome"]) for h in lab.history()] == [
        ("deploy", "one", "deployed"), ("deploy", "bad", "rolled-back"), ("deploy", "two", "deployed"),
        ("rollback", "one", "deployed"), ("rollback", "two", "deployed")]
    status = lab.run("status", "core").stdout
    assert "tag two" in status and "(healthy)" in status
    assert len(lab.run("history", "core").stdout.splitlines()) == 6


def test_missing_tag_and_wrong_token_change_nothing(lab, registry):
    assert lab.run("core", "backend", "--tag", "one").returncode == 0
    before = backend(lab)["Id"]
    missing = lab.run("core", "backend", "--tag", "never")
    assert missing.returncode == 1 and "the pull failed; nothing was changed" in missing.stdout, missing.stdout
    lab.item({**NASTY, "ghcr_token": "another-token-of-ours"})
    refused = lab.run("core", "backend", "--tag", "two")
    assert refused.returncode == 1 and "the pull failed" in refused.stdout
    shows_nothing(lab, refused.stdout, refused.stderr)
    assert backend(lab)["Id"] == before


def test_interrupted_pull_leaves_what_ran(lab, registry):
    assert lab.run("core", "backend", "--tag", "one").returncode == 0
    before, answer = backend(lab)["Id"], registry.answer

    def slow(handler):
        if handler.path.endswith("/two"):
            time.sleep(20)
        return answer(handler)
    registry.answer = slow
    count = len(registry.asked)
    deploy = lab.start("core", "backend", "--tag", "two")
    stack.wait_for("the pull", lambda: b"pulling" in deploy.stdout.readline())
    time.sleep(0.5)
    deploy.send_signal(2)
    deploy.communicate(timeout=30)
    stack.wait_for("the host's processes to end", lambda: not lab.remote_processes())
    assert deploy.returncode == 1 and lab.lock_is_free() and backend(lab)["Id"] == before
    assert lab.history()[-1]["outcome"] == "interrupted" and len(registry.asked) >= count


def test_dry_run_pasted_in_a_shell_deploys(lab):
    dry = lab.run("core", "backend", "--tag", "two", "--dry-run")
    assert dry.returncode == 0 and lab.engine.containers(lab.work["core"]) == {}
    names = {name: lab.fields[field] for name, field in re.findall(r"^#   (\S+): field (\S+)", dry.stdout, re.M)}
    pasted = subprocess.run(["sh"], input=dry.stdout.encode(), env=lab.env(**names), capture_output=True, timeout=90)
    assert pasted.returncode == 0, pasted.stderr
    assert variables(backend(lab)) == wanted(lab) and lab.history()[-1]["tag"] == "two"


def test_logs_and_audit(lab):
    lab.item({**NASTY, "db_password": "pa55word-of-db"})
    assert lab.run("core", "backend", "--tag", "bad", "--no-rollback").returncode == 1
    logs = lab.run("logs", "core", "backend")
    assert logs.returncode == 0 and "serving bad" in logs.stdout and "cannot connect with ***" in logs.stdout
    audit = lab.run("audit-leaks", "core")
    assert audit.returncode == 1
    assert re.search("DB_PASSWORD container .*: docker inspect", audit.stdout)
    assert re.search("DB_PASSWORD container .*: log", audit.stdout)
    shows_nothing(lab, audit.stdout, audit.stderr)


def test_compose_reads_the_token_from_its_environment(lab, registry):
    """What the choice between DOCKER_AUTH_CONFIG and a file rests on."""
    version = subprocess.run([engines.DOCKER, "compose", "version", "--short"], env=lab.engine.env, capture_output=True, text=True)
    assert re.fullmatch(r"v?2\.\d+\.\d+\n", version.stdout) and int(version.stdout.split(".")[1]) >= 38
    auth = json.dumps({"auths": {registry.name: {"auth": registry.wanted.split()[1]}}})
    for more, status in (({}, 1), ({"DOCKER_AUTH_CONFIG": auth}, 0)):
        got = subprocess.run([engines.DOCKER, "compose", "pull"], cwd=lab.work["core"], capture_output=True, timeout=60,
                             env={**lab.engine.env, "IMAGE_TAG": "two", **dict.fromkeys(VARIABLES, "x"), **more})
        assert got.returncode == status, got.stderr
