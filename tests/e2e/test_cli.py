"""The command line: its own kubectl and stock kubectl through central, and what is printed when it is refused."""
import json
import pathlib
import re
import stat
import shutil
import subprocess
import time
import uuid

import pytest
from stack import PASSWORD, read_lines, wait_for

MANIFEST = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
data:
  k: "1"
---
apiVersion: v1
kind: Service
metadata:
  name: {name}
spec:
  ports: [{{port: 80}}]
"""


@pytest.fixture
def cli(make_cli, central, user):
    cli = make_cli(central, user.email)
    cli.ok("clusters", "use", "prod")
    return cli


@pytest.fixture
def name():
    return f"n{uuid.uuid4().hex[:8]}"


@pytest.fixture
def manifest(tmp_path, name):
    path = tmp_path / "app.yaml"
    path.write_text(MANIFEST.format(name=name))
    return path


@pytest.fixture
def kubectl(cli, stock_kubectl):
    """The home of a user whose kubeconfig is the one of `mk8s kubeconfig`."""
    cli.write_kubeconfig("prod")
    return cli


def test_login_remembers_status_and_logout_forgets(make_cli, central, user):
    cli = make_cli(central)
    assert cli.run("status").returncode == 3
    cli.login(user.email)
    assert user.email in cli.ok("status") and "prod" in cli.ok("clusters", "list")
    for path in (cli.home / ".mk8s").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((cli.home / ".mk8s").stat().st_mode) == 0o700
    cli.ok("logout")
    assert cli.run("clusters", "list").returncode == 3


def test_get_as_table_wide_json_yaml_and_names(cli):
    table = cli.ok("k", "get", "pods", "-n", "a").splitlines()
    assert table[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert any(line.split()[:3] == ["web", "1/1", "Running"] for line in table[1:])
    assert "NODE" in cli.ok("k", "get", "pods", "-n", "a", "-o", "wide").splitlines()[0]
    assert json.loads(cli.ok("k", "get", "pod", "web", "-n", "a", "-o", "json"))["metadata"]["name"] == "web"
    assert json.loads(cli.ok("k", "get", "pods", "-n", "a", "-o", "json"))["kind"] in ("List", "PodList")
    assert "kind: Pod" in cli.ok("k", "get", "pod", "web", "-n", "a", "-o", "yaml")
    assert "pod/web" in cli.ok("k", "get", "pods", "-n", "a", "-o", "name").split()
    everywhere = cli.ok("kubectl", "get", "pods", "-A", "-l", "app=web").splitlines()
    assert everywhere[0].startswith("NAMESPACE") and len(everywhere) == 3


def test_the_built_in_table_is_stock_kubectls(cli, kubectl, cluster):
    for args in (["get", "pods", "-n", "a"], ["get", "pods", "-A", "-o", "wide"], ["get", "ns", "a", "b"],
                 ["get", "pod", "web", "-n", "a", "-o", "name"], ["get", "nodes"],
                 ["get", "pods,services", "-n", "a"], ["get", "pods", "-n", "a", "--show-labels"]):
        ages = re.compile(r" +\d+[smhd](\d+[smhd])?")
        assert ages.sub(" AGE", cli.ok("k", *args)) == ages.sub(" AGE", kubectl.kubectl(*args).stdout), args
    for args in (["get", "pod", "web", "-n", "a", "-o", "yaml"], ["get", "pod", "web", "-n", "a", "-o", "json"],
                 ["get", "pods", "-n", "a", "-o", "yaml"], ["get", "pods", "-n", "a", "-o", "json"]):
        assert cli.ok("k", *args) == kubectl.kubectl(*args).stdout, args


def test_apply_watch_and_delete_with_the_built_in(cli, manifest, name):
    watch = cli.start("k", "get", "configmaps", "-n", "a", "-w", "--field-selector", f"metadata.name={name}")
    assert "applied" in cli.ok("k", "apply", "-n", "a", "-f", manifest)
    manifest.write_text(manifest.read_text().replace('"1"', '"2"'))
    cli.ok("k", "apply", "-n", "a", "-f", manifest)
    assert json.loads(cli.ok("k", "get", "cm", name, "-n", "a", "-o", "json"))["data"] == {"k": "2"}
    assert "deleted" in cli.ok("k", "delete", "-n", "a", "-f", manifest)
    assert cli.run("k", "get", "cm", name, "-n", "a").returncode == 1
    seen = read_lines(watch, 3)  # the head, the object, its change
    watch.terminate()
    watch.wait(10)
    assert sum(line.startswith(name) for line in seen) == 2, seen


def test_the_built_in_follows_a_log(cli, cluster, name):
    cluster.create_pod("a", name)
    cluster.append_log("a", name, "first")
    follower = cli.start("k", "logs", "-f", "-n", "a", name)
    assert read_lines(follower, 1) == ["first"]
    cluster.append_log("a", name, "second")
    assert read_lines(follower, 1) == ["second"]
    follower.terminate()
    follower.wait(10)
    assert cli.ok("k", "logs", "-n", "a", name, "--tail", "1") == "second\n"
    cli.ok("k", "delete", "pod", name, "-n", "a")


def test_stock_kubectl_works_through_the_kubeconfig(kubectl, manifest, name, cluster):
    assert "web" in kubectl.kubectl("get", "pods", "-n", "a").stdout
    assert "created" in kubectl.kubectl("apply", "-n", "a", "-f", str(manifest)).stdout
    assert "unchanged" in kubectl.kubectl("apply", "-n", "a", "-f", str(manifest)).stdout
    described = kubectl.kubectl("describe", "pod", "web", "-n", "a").stdout
    assert "Name:" in described and "Running" in described
    assert "deleted" in kubectl.kubectl("delete", "-n", "a", "-f", str(manifest)).stdout
    assert kubectl.kubectl("version").stdout.count("Version") >= 2


def test_stock_kubectl_watches_and_follows(kubectl, cluster, name):
    from sim import find_kubectl
    watch = subprocess.Popen([find_kubectl(), "get", "pods", "-n", "b", "-w"], env=kubectl.kubectl_env(), text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert "NAME" in read_lines(watch, 1)[0]
    cluster.create_pod("b", name)
    cluster.append_log("b", name, "first")
    wait_for("the pod in the watch", lambda: name in read_lines(watch, 1)[0])
    watch.terminate()
    watch.wait(10)
    follow = subprocess.Popen([find_kubectl(), "logs", "-f", "-n", "b", name], env=kubectl.kubectl_env(), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert read_lines(follow, 1) == ["first"]
    cluster.append_log("b", name, "second")
    assert read_lines(follow, 1) == ["second"]
    follow.terminate()
    follow.wait(10)
    kubectl.kubectl("delete", "pod", name, "-n", "b")


def test_mk8s_kubectl_uses_the_one_on_path(cli, stock_kubectl):
    cli.with_kubectl = True
    described = cli.ok("kubectl", "describe", "pod", "web", "-n", "a")
    assert "Name:" in described, "only stock kubectl describes"
    assert cli.run("kubectl", "get", "pod", "nope", "-n", "a").returncode == 1


def test_a_denial_is_printed_and_is_a_row(central, make_cli, agent, roles, stock_kubectl):
    reader = central.add_user("reader")
    cli = make_cli(central, reader.email)
    cli.ok("clusters", "use", "prod")
    cli.write_kubeconfig("prod")
    built_in = cli.run("k", "delete", "pod", "web", "-n", "a")
    stock = cli.kubectl("delete", "pod", "web", "-n", "a", check=False)
    for done in (built_in, stock):
        assert done.returncode != 0
        assert f'user "{reader.email}" cannot delete resource "pods"' in done.stderr, done.stderr
        assert "Forbidden" in done.stderr and "reader" in done.stderr
    rows = wait_for("both rows", lambda: [
        r for r in central.audit(user=reader.email) if r["verb"] == "delete"][1:] and central.audit(user=reader.email))
    denied = [r for r in rows if r["verb"] == "delete"]
    assert {(r["decision"], r["status"], r["resource"], r["namespace"], r["name"]) for r in denied} == {
        ("deny", 403, "pods", "a", "web")}


def test_clusters_add_prints_a_manifest_that_applies(make_cli, central, cluster, stock_kubectl, name):
    cli = make_cli(central, "admin@localhost")
    text = cli.ok("clusters", "add", name)
    applied = cluster.kubectl("apply", "-f", "-", stdin=text).stdout
    assert applied.count("created") + applied.count("configured") + applied.count("unchanged") >= 4, applied
    assert cli.ok("clusters", "list").split(name)[1].split()[0] == "disconnected"
    token = cli.ok("clusters", "token", name).strip()
    assert token and token not in text
    cli.ok("clusters", "rm", name)
    assert name not in cli.ok("clusters", "list")
    cluster.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=text)


def test_users_and_roles_by_the_command_line(make_cli, central, roles, name):
    cli = make_cli(central, "admin@localhost")
    email = f"{name}@example.com"
    cli.ok("users", "add", email, "--role", "reader", "--password-stdin", stdin=PASSWORD + "\n")
    assert any(line.split()[0] == email and "reader" in line for line in cli.ok("users", "list").splitlines())
    cli.ok("users", "roles", email, "everything")
    assert central.admin.want(200, "GET", f"/users/{email}")["roles"] == ["everything"]
    cli.ok("users", "disable", email)
    assert make_cli(central).run("login", central.url, "--email", email, "--password-stdin", "--ca-sha256",
                                 central.ca_sha256, stdin=PASSWORD + "\n").returncode == 3
    cli.ok("users", "enable", email)
    make_cli(central, email)
    cli.ok("users", "rm", email)
    assert email not in cli.ok("users", "list")
    assert "verbs" in cli.ok("roles", "get", "reader")


def test_audit_by_the_command_line(make_cli, central, user):
    cli = make_cli(central, "admin@localhost")
    assert "TIME" in cli.ok("audit", "list", "--limit", "3").splitlines()[0]
    assert "verify" in cli.ok("audit", "verify")
    rows = json.loads(cli.ok("audit", "list", "--limit", "2", "-o", "json"))
    assert len(rows if isinstance(rows, list) else rows["entries"]) == 2


def test_the_credential_plugin(cli, central):
    got = json.loads(cli.ok("credential", "--cluster", "prod"))
    assert got["kind"] == "ExecCredential" and got["apiVersion"] == "client.authentication.k8s.io/v1"
    assert got["status"]["token"].count(".") == 2 and got["status"]["expirationTimestamp"]


@pytest.mark.parametrize("asked,given", [("client.authentication.k8s.io/v1beta1", "v1beta1"), ("client.authentication.k8s.io/v1", "v1"),
                                         ("client.authentication.k8s.io/v9", "v1"), ('x"', "v1")])
def test_the_credential_plugin_answers_the_version_asked_for(cli, asked, given):
    for info in (json.dumps({"apiVersion": asked, "kind": "ExecCredential", "spec": {"interactive": False}}), asked):
        got = json.loads(cli.ok("credential", "--cluster", "prod", KUBERNETES_EXEC_INFO=info))
        assert got["apiVersion"] == "client.authentication.k8s.io/" + (given if info[0] == "{" else "v1")


def test_a_kubeconfig_for_old_clients(cli):
    texts = [cli.ok("kubeconfig", "--cluster", "prod", *more) for more in ((), ("--old-clients",))]
    assert "k8s.io/v1\n" in texts[0] and texts[0].replace("k8s.io/v1\n", "k8s.io/v1beta1\n") == texts[1]


def test_kubeconfig_merges_beside_what_is_there(cli):
    path = cli.home / "merged"
    path.write_text("apiVersion: v1\nkind: Config\ncurrent-context: mine\nclusters: []\nusers: []\n"
                    "contexts:\n- name: mine\n  context: {cluster: x, user: y}\n")
    path.chmod(0o600)
    cli.ok("kubeconfig", "--cluster", "prod", "--merge", "--file", path)
    merged = path.read_text()
    assert "mine" in merged and "prod" in merged and "clusters/prod/k8s" in merged or "/k8s" in merged


def test_other_homes_by_environment(cli, central, tmp_path):
    token = central.login().token
    done = cli.run("clusters", "list", HOME=tmp_path, MK8S_URL=central.url, MK8S_TOKEN=token,
                   SSL_CERT_FILE=central.ca_file)
    assert done.returncode == 0 and "prod" in done.stdout, done.stderr


# What a shell offers behind some words, one a line, by its own machinery as far as that runs without a terminal.
OFFERS = {
    "bash": """source "$1"; shift; complete -p mk8s >/dev/null || exit 9
               COMP_WORDS=(mk8s "$@"); COMP_CWORD=$#; _mk8s; printf '%s\\n' "${COMPREPLY[@]}\"""",
    "zsh": """autoload -Uz compinit; compinit -u -D; source "$1"; shift; [[ $_comps[mk8s] == _mk8s ]] || exit 9
              compadd() { shift; print -l -- "$@" }
              words=(mk8s "$@"); CURRENT=$#words; _mk8s""",
    "fish": "source $argv[1]; complete -C (string join -- ' ' mk8s $argv[2..])",
}


@pytest.mark.parametrize("shell", OFFERS)
def test_shells_complete_verbs_options_and_clusters(cli, shell, tmp_path):
    program = shutil.which(shell)
    script = tmp_path / "script"
    script.write_text(cli.ok("completion", shell))
    if not program:
        pytest.skip(f"there is no {shell}")
    options = {"bash": ["--norc", "-c"], "zsh": ["-f", "-c"], "fish": ["--no-config", "-c"]}[shell]
    env = {**cli.kubectl_env(), "HOME": str(cli.home)}

    def offers(*words, **more):
        argv = [program, *options, OFFERS[shell], *(["name"] if shell != "fish" else []), str(script), *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env={**env, **more})
        assert done.returncode == 0 and done.stderr == "", done
        return {line.split("\t")[0] for line in done.stdout.splitlines()}
    assert {"clusters", "kubectl", "login"} <= offers("")
    assert {"add", "list", "rm", "token", "use"} <= offers("clusters", "")
    assert "prod" in offers("clusters", "use", "") and "prod" in offers("clusters", "rm", "")
    assert "prod" not in offers("clusters", "add", "")
    assert "prod" in offers("kubectl", "--cluster", "") and "prod" in offers("kubeconfig", "--cluster", "pr")
    assert "--cluster" in offers("kubeconfig", "--")
    if shell == "bash":  # which takes "--cluster=pr" apart
        assert "prod" in offers("kubeconfig", "--cluster", "=", "pr") and "prod" in offers("why", "--cluster", "=")
    assert "prod" not in offers("clusters", "use", "", MK8S_CONFIG=str(tmp_path / "none")), "nobody is signed in"


def test_version(cli):
    assert "0.1" in cli.ok("version")
    assert re.search("mbed|MIT|Apache", cli.ok("version", "--licenses"))


def test_a_refused_token_is_renewed_by_refresh(make_central, make_cli):
    central = make_central(auth_token_expiry="2s")
    cli = make_cli(central, "admin@localhost")
    time.sleep(2.5)
    assert cli.run("clusters", "list").returncode == 0


def test_no_secret_in_arguments_or_environment_of_children(cli, stock_kubectl, user):
    cli.with_kubectl = True
    watch = cli.start("kubectl", "get", "pods", "-n", "a", "-w")
    read_lines(watch, 1)
    looked = 0
    for child in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            line, environ = (child / "cmdline").read_text(errors="replace"), (child / "environ").read_text(errors="replace")
        except OSError:  # another test's, which has ended
            continue
        if "kubectl" in line:
            looked += 1
            assert "eyJ" not in line + environ, child
    assert looked
    watch.terminate()
    watch.wait(10)
