"""The built-in kubectl's diff, explain and top through central: differences, secrets, a program of one's own, refusals."""

import json
import pathlib
import stat
import uuid

import pytest


@pytest.fixture
def cli(make_cli, central, user):
    cli = make_cli(central, user.email)
    cli.ok("clusters", "use", "prod")
    return cli


@pytest.fixture
def name():
    return f"d{uuid.uuid4().hex[:8]}"


def config(name, **data):
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "a"}, "data": data})


def secret(name, **data):
    return json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "a"}, "data": data})


def diff(cli, text, *args, **env):
    return cli.run("kubectl", "diff", "-f", "-", *args, stdin=text, **env)


def changed(text):
    return [line for line in text.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def test_differences(cli, name):
    new = diff(cli, config(name, a="1"))
    assert new.returncode == 1 and f"\n+++ MERGED/v1.ConfigMap.a.{name}\n@@ -0,0 +1," in new.stdout, new.stderr
    assert cli.run("kubectl", "-n", "a", "get", "cm", name).returncode == 1
    cli.ok("kubectl", "apply", "-f", "-", stdin=config(name, a="1", b="2"))
    same = diff(cli, config(name, a="1", b="2"))
    assert (same.returncode, same.stdout) == (0, "")
    other = diff(cli, config(name, a="1", b="3"))
    assert other.returncode == 1 and set(changed(other.stdout)) >= {'-  b: "2"', '+  b: "3"'}
    assert cli.ok("kubectl", "-n", "a", "get", "cm", name, "-o", "jsonpath={.data.b}") == "2"


def test_secrets_are_masked(cli, name):
    cli.ok("kubectl", "apply", "-f", "-", stdin=secret(name, a="b25l", b="dHdv"))
    done = diff(cli, secret(name, a="b25l", b="b3RoZXI=", c="bmV3"))
    assert done.returncode == 1 and "+  b: '*** (after)'" in done.stdout and "+  c: '***'" in done.stdout
    assert not any(value in done.stdout for value in ("b25l", "dHdv", "b3RoZXI=", "bmV3"))
    assert "-  b: dHdv" in diff(cli, secret(name, a="b25l", b="b3RoZXI="), "--show-secrets").stdout


@pytest.mark.parametrize("text, args, says", [
    ("", [], None),
    ("{}", [], "apiVersion or kind is not set"),
    ("kind: [", [], "error parsing"),
    ("", ["--prune"], "unknown option --prune"),
    ("", ["x"], "Unexpected args"),
    ("", ["--server-side=false"], "applies on the server only"),
])
def test_refused(cli, text, args, says):
    done = diff(cli, text, *args)
    assert done.returncode == (2 if says else 0) and (says or "") in done.stderr and done.stdout == ""


def test_not_allowed(make_cli, central, user, cli, name):
    reader = make_cli(central, central.add_user("reader").email)
    reader.ok("clusters", "use", "prod")
    done = diff(reader, config(name, a="1"))
    assert done.returncode > 1 and "Forbidden" in done.stderr and done.stdout == ""


def test_a_program_of_ones_own(cli, name, tmp_path):
    tool = tmp_path / "my-diff"
    tool.write_text('#!/bin/sh\necho "$@"\nfor file in "$1"/* "$2"/*; do\nwhile read -r line; do echo "$line"; done <"$file"\n'
                    'done\nexit ${MY_STATUS:-1}\n')
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    folder = tmp_path / "tmp"
    folder.mkdir()
    cli.ok("kubectl", "apply", "-f", "-", stdin=config(name, a="1"))
    env = {"KUBECTL_EXTERNAL_DIFF": f"{tool} -x $(false) --y=1", "TMPDIR": str(folder)}
    done = diff(cli, config(name, a="2"), **env)
    first, *rest = done.stdout.splitlines()
    assert done.returncode == 1 and first.startswith(f"{folder}/LIVE-") and f" {folder}/MERGED-" in first
    assert first.endswith(" -x --y=1") and 'a: "1"' in rest and 'a: "2"' in rest
    assert diff(cli, config(name, a="2"), MY_STATUS="0", **env).returncode == 0
    bad = diff(cli, config(name, a="2"), MY_STATUS="7", **env)
    assert bad.returncode == 2 and "exit status 7" in bad.stderr
    gone = diff(cli, config(name, a="2"), KUBECTL_EXTERNAL_DIFF="/no/such/program")
    assert gone.returncode == 2 and "/no/such/program" in gone.stderr
    assert list(folder.iterdir()) == [] and not list(pathlib.Path("/tmp").glob(f"LIVE-*/*.{name}"))


def test_on_the_agent(user, name):
    answer = user.want(200, "POST", "/clusters/prod/exec", {"command": ["diff", "-f", "-"], "stdin": config(name, a="1")},
                       timeout_s=60)
    assert answer["exit_code"] == 1 and '+  a: "1"' in answer["output"]


def test_explain_and_top(cli):
    assert cli.ok("kubectl", "explain", "pods.spec").startswith("KIND:       Pod\nVERSION:    v1\n\nFIELD: spec <")
    nope = cli.run("kubectl", "explain", "pods.nope.x")
    assert nope.returncode == 1 and nope.stdout == "KIND:       Pod\nVERSION:    v1\n\n"
    assert nope.stderr == 'error: field "x" does not exist\n'
    top = cli.run("kubectl", "top", "pods")
    assert (top.returncode, top.stderr) == (1, "error: Metrics API not available\n")
