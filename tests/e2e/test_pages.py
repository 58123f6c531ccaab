"""What is told twice must agree: manual pages, completion and the list of libraries against tables and the lock."""
import json
import os
import pathlib
import re
import subprocess

import pytest

BIN = os.environ.get("MK8S_BIN", "build/mk8s")
ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*command, **options):
    return subprocess.run([BIN, *command], capture_output=True, text=True, timeout=30, **options)


def page(name):
    return (ROOT / "man" / name).read_text()


@pytest.mark.parametrize("applet", ["central", "agent"])
def test_manual_has_every_key_with_its_default(applet):
    rows = re.findall(r"^(\S+)  \((.*)\)$", run(applet, "--help-config").stdout, re.M)
    text = page(f"mk8s-{applet}.8")
    assert len(rows) > 10
    for key, kind in rows:
        item = re.search(rf"^\.It Cm {re.escape(key)} Pq (.*)$", text, re.M)
        assert item, key
        assert item[1].replace(" | ", "|") == kind, key
    assert len(re.findall(r"^\.It Cm \S+ Pq ", text, re.M)) == len(rows)


@pytest.mark.parametrize("applet", ["central", "agent"])
def test_manual_has_every_option_of_a_server(applet):
    options = re.findall(r"--([a-z-]+)", run(applet, "--help").stdout)
    text = page(f"mk8s-{applet}.8")
    assert "config" in options
    for option in options:
        assert re.search(rf"Fl (\w , )?-{option}\b|, -{option}\b", text), option


def verbs_with_options():
    script = run("completion", "bash").stdout
    return re.findall(r"^\t'([^']+)'[^)]*\) found='([^']*)'", script, re.M)


def test_manual_has_every_verb_and_option():
    text = page("mk8s.1")
    verbs = verbs_with_options()
    assert len(verbs) > 25
    for verb, words in verbs:
        if any(v.startswith(f"{verb} ") for v, _ in verbs):
            continue
        options = [w[2:] for w in words.split() if w.startswith("--") and w != "--help"]
        items = re.findall(rf"^\.It Cm {verb}\b.*(?:\n\.(?:Op|It).*)*", text, re.M)
        assert items, verb
        for option in options:
            assert re.search(rf"-{option}\b", "\n".join(items)), f"{verb} --{option}"


def test_every_verb_tells_its_usage():
    for verb, _ in verbs_with_options():
        got = run(*verb.split(), "--help")
        assert got.returncode == 0 and got.stderr == ""
        assert got.stdout.startswith(f"usage: mk8s {verb}"), verb
        assert "--help" in got.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_the_verbs(shell):
    got = run("completion", shell)
    assert got.returncode == 0 and got.stderr == ""
    for word in ("kubeconfig", "password-stdin", "verify"):
        assert word in got.stdout


def test_bash_completes():
    script = run("completion", "bash").stdout
    ask = 'COMP_WORDS=(mk8s clusters a); COMP_CWORD=2; _mk8s; echo "${COMPREPLY[@]}"'
    got = subprocess.run(["bash", "-c", f"{script}\n{ask}"], capture_output=True, text=True, timeout=30)
    assert got.stdout == "add\n" and got.stderr == ""


def test_libraries_are_those_of_the_lock():
    lock = [line.split() for line in (ROOT / "vendor/sources.lock").read_text().splitlines()
            if line and not line.startswith("#")]
    told = json.loads(run("version", "--licenses", "-o", "json").stdout)["libraries"]
    told = {(entry["name"], entry["version"], entry["license"]) for entry in told}
    assert {(line[0], line[1], line[3]) for line in lock} == {row for row in told if row[0] != "llhttp"}
    assert any(row[0] == "llhttp" for row in told), "which comes with nghttp2"


def test_version():
    version = json.loads(run("version", "-o", "json").stdout)
    assert list(version) == ["version"]
    assert run("version").stdout == run("--version").stdout == f"mk8s {version['version']}\n"


@pytest.mark.parametrize("words, status, says", [
    ((), 2, "a verb is missing"),
    (("clusters",), 2, "a verb is missing"),
    (("clusters", "lst"), 2, 'did you mean "mk8s clusters list"?'),
    (("clusters", "use"), 2, "something is missing"),
    (("clusters", "list", "x"), 2, '"x" is too much'),
    (("clusters", "list", "-o", "xml"), 2, "table, json, yaml or name"),
    (("clusters", "add", "x", "--lable", "a=b"), 2, "did you mean --label?"),
    (("clusters", "add", "x", "--label", "ab"), 2, "KEY=VALUE"),
    (("clusters", "token", "x", "--bind", "view"), 2, "need --manifest"),
    (("login",), 2, "which central"),
    (("login", "http://central.example.com"), 2, "https only"),
    (("login", "ftp://central.example.com"), 2, "it must be https"),
    (("login", "https://u:p@central.example.com"), 2, "it must be https"),
    (("login", "https://localhost:1", "--ca-sha256", "ab"), 2, "64 hexadecimal digits"),
    (("login", "https://localhost:1", "--ca-file", "/nonexistent"), 1, "No such file"),
    (("login", "https://localhost:1", "--ca-file", "/dev/null"), 1, "no certificate"),
    (("login", "https://localhost:1", "--email", "a@b", "--password-stdin"), 2, "no password"),
    (("status",), 3, "not logged in"),
    (("users", "list"), 3, "not logged in"),
    (("kubectl", "get", "pods"), 2, "no cluster is selected"),
    (("k", "--cluster"), 2, "the name is missing"),
    (("k", "--cluster", "c", "get", "pods"), 3, "not logged in"),
    (("kubeconfig", "--all", "--cluster", "x"), 2, "exclude each other"),
    (("kubeconfig", "--file", "x"), 2, "needs --merge"),
    (("roles", "apply"), 2, "-f FILE is missing"),
    (("audit", "list", "--since", "yesterday"), 2, "neither a date"),
    (("completion", "tcsh"), 2, "bash, zsh or fish"),
])
def test_bad_command_line(tmp_path, words, status, says):
    got = run(*words, env={"HOME": str(tmp_path)}, stdin=subprocess.DEVNULL)
    assert got.returncode == status, got.stderr
    assert got.stderr.startswith("mk8s: ") and got.stderr.count("\n") == 1
    assert says in got.stderr and got.stdout == ""


@pytest.mark.parametrize("text, says", [
    ("central_url: [1]", "config.yaml:1: central_url: it must be a text"),
    ("\ncurent_cluster: a", "config.yaml:2: there is no key \"curent_cluster\"; did you mean current_cluster?"),
    ("- a", "config.yaml:1: it must be one map"),
    ("a: b: c", "config.yaml"),
    ("central_url: http://central.example.com", "central_url"),
    ("central_url: \"\\e[31m\"", "central_url"),
])
def test_bad_configuration(tmp_path, text, says):
    (tmp_path / "config.yaml").write_text(text)
    got = run("status", env={"MK8S_CONFIG": str(tmp_path / "config.yaml")})
    assert got.returncode == 1
    assert says in got.stderr and "\x1b" not in got.stderr


def test_the_documented_configuration_loads(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("central_url: https://central.example.com:8080\ncurrent_cluster: production-us-east\n")
    got = run("status", env={"MK8S_CONFIG": str(config)})
    assert got.returncode == 3 and "not logged in to https://central.example.com:8080" in got.stderr


def credentials(folder, mode=0o600):
    (folder / "config.yaml").write_text("central_url: https://localhost:1\n")
    path = folder / "credentials.json"
    path.write_text(json.dumps({"central_url": "https://localhost:1", "email": "a@b", "token": "t",
                                "refresh_token": "r", "expires_at": "2999-01-01T00:00:00Z"}))
    path.chmod(mode)
    return path


def make_link(path):
    path.rename(path.with_name("x"))
    path.symlink_to("x")


@pytest.mark.parametrize("spoil, status, says", [
    (lambda path: None, 4, "cannot connect"),
    (lambda path: path.chmod(0o640), 3, "chmod 600"),
    (make_link, 3, "symbolic link"),
    (lambda path: (path.unlink(), path.mkdir()), 3, "is no file"),
    (lambda path: path.write_text("{"), 1, "credentials.json"),
    (lambda path: path.write_text("{}"), 3, "damaged"),
    (lambda path: path.parent.chmod(0o777), 3, "chmod o-w"),
])
def test_credentials_that_are_not_safe_are_refused(tmp_path, spoil, status, says):
    path = credentials(tmp_path)
    spoil(path)
    got = run("status", env={"MK8S_CONFIG": str(tmp_path / "config.yaml")})
    assert got.returncode == status, got.stderr
    assert says in got.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file away needs root")
def test_somebody_elses_credentials_are_refused(tmp_path):
    path = credentials(tmp_path)
    os.chown(path, 12345, 12345)
    os.chown(tmp_path, 12346, 12346)
    tmp_path.chmod(0o755)
    path.chmod(0o600)
    got = run("status", env={"MK8S_CONFIG": str(tmp_path / "config.yaml")})
    assert got.returncode == 3 and "belongs to user 12345" in got.stderr


def test_a_token_goes_to_no_other_central(tmp_path):
    credentials(tmp_path)
    got = run("status", env={"MK8S_CONFIG": str(tmp_path / "config.yaml"), "MK8S_URL": "https://localhost:2"})
    assert got.returncode == 3 and "not logged in to https://localhost:2" in got.stderr


def test_own_binary_on_path_is_no_kubectl(tmp_path):
    """A link named kubectl to this program is skipped; the built-in one then finds nobody to talk to."""
    credentials(tmp_path)
    (tmp_path / "kubectl").symlink_to(os.path.abspath(BIN))
    got = run("k", "--cluster", "c", "get", "pods",
              env={"MK8S_CONFIG": str(tmp_path / "config.yaml"), "PATH": str(tmp_path)})
    assert got.returncode == 4 and "localhost:1" in got.stderr


def test_kubectl_on_path_gets_a_private_kubeconfig(tmp_path):
    credentials(tmp_path)
    fake = tmp_path / "kubectl"
    fake.write_text('#!/bin/sh\necho "$KUBECONFIG" "$@"\nexit 7\n')
    fake.chmod(0o755)
    got = run("k", "--cluster", "c", "-n", "x", "get", "pods",
              env={"MK8S_CONFIG": str(tmp_path / "config.yaml"), "PATH": str(tmp_path)})
    path = tmp_path / "kubectl-c.yaml"
    assert got.returncode == 7
    assert got.stdout == f"{path} -n x get pods\n"
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    assert "https://localhost:1/clusters/c/k8s" in text and "- credential" in text
    assert '"t"' not in text and "token:" not in text


def test_credential_is_an_exec_credential(tmp_path):
    credentials(tmp_path)
    got = run("credential", "--cluster", "c", "--config", str(tmp_path / "config.yaml"), env={})
    assert json.loads(got.stdout) == {
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": {"expirationTimestamp": "2999-01-01T00:00:00Z", "token": "t"}}


def test_logout_forgets_even_when_central_is_away(tmp_path):
    path = credentials(tmp_path)
    got = run("logout", env={"MK8S_CONFIG": str(tmp_path / "config.yaml")})
    assert got.returncode == 4 and "logged out here" in got.stderr
    assert not path.exists()


@pytest.mark.parametrize("applet, words, status, says", [
    ("central", ("x",), 2, "\"x\""),
    ("central", ("--config", "/nonexistent.yaml"), 2, "/nonexistent.yaml"),
    ("central", ("--state-dir", "/proc/x"), 1, "/proc/x"),
    ("agent", ("x",), 2, "options only"),
    ("agent", ("--context", "x"), 2, "needs --kubeconfig"),
    ("agent", ("--kubeconfig", "/nonexistent"), 2, "/nonexistent"),
    ("agent", (), 2, "--kubeconfig"),
])
def test_bad_start_of_a_server(applet, words, status, says):
    got = run(applet, *words, env={})
    assert got.returncode == status, got.stderr
    assert says in got.stderr and got.stdout == ""
