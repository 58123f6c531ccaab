"""Bad input: each row with its exit code and what the sentence must name."""
import json
import os
import socket
import subprocess

import pytest
from stack import BIN, PASSWORD, Api, Central, Process, base_env, wait_for

SEEDS = {
    "central.yaml": """\
server:
  http_port: 8080
  grpc_port: 9090

database:
  driver: sqlite
  url: sqlite:///{dir}/mk8s.db

auth:
  jwt_secret: "your-secret-key"
  token_expiry: 24h

tls:
  enabled: true
  cert_file: {dir}/tls.crt
  key_file: {dir}/tls.key
""",
    "agent.yaml": """\
central:
  url: https://central.example.com:9090
  token: ${{AGENT_TOKEN}}

cluster:
  name: production-us-east

tls:
  insecure: false
  ca_file: {dir}/ca.crt
""",
    "config.yaml": """\
central_url: https://central.example.com:8080
current_cluster: production-us-east
""",
}


def run(*args, env=None, stdin="", cwd=None, timeout_s=20):
    return subprocess.run([BIN, *map(str, args)], input=stdin, capture_output=True, text=True, timeout=timeout_s,
                          env=env, cwd=cwd)


@pytest.fixture
def env(tmp_path):
    return base_env(tmp_path, MK8S_CENTRAL_SERVER_HTTP_PORT=0, MK8S_CENTRAL_SERVER_GRPC_PORT=0,
                    MK8S_CENTRAL_SERVER_ADDRESS="127.0.0.1")


@pytest.mark.parametrize("text, says", [
    ("server:\n  http_port: eighty\n", [":2:", "http_port"]),
    ("server:\n  http_port: 70000\n", [":2:", "65535"]),
    ("server:\n  htp_port: 80\n", [":2:", "htp_port", "http_port"]),
    ("server:\n  http_port: 1\n  http_port: 2\n", ["line 3"]),
    ("server: [1, 2\n", [":"]),
    ("server: 7\n", [":1:", "server"]),
    ("auth:\n  token_expiry: soon\n", [":2:", "token_expiry"]),
    ("auth:\n  token_expiry: 24\n", [":2:", "token_expiry"]),
    ("tls:\n  enabled: maybe\n", [":2:", "enabled"]),
    ("database:\n  driver: oracle\n", [":2:", "driver"]),
        ("log:\n  level: loud\n", [":2:", "loud"]),
    ("auth:\n  admin_password: ${NO_SUCH_VARIABLE_HERE}\n", ["NO_SUCH_VARIABLE_HERE"]),
    ("\t x: y\n", [":"]),
    ("a: &a [*a, *a]\n", [":"]),
    ("\u0000", ["control"]),
])
def test_configurations_that_central_refuses(tmp_path, env, text, says):
    config = tmp_path / "central.yaml"
    config.write_text(text)
    done = run("central", "--config", config, "--state-dir", tmp_path / "state", env=base_env(tmp_path))
    assert done.returncode == 2, done
    assert "central.yaml" in done.stderr
    for word in says:
        assert word in done.stderr, done.stderr
    assert not (tmp_path / "state").exists(), "nothing was made"


@pytest.mark.parametrize("args, code, says", [
    (["central", "--config", "/nonexistent/central.yaml"], 2, ["/nonexistent/central.yaml", "No such file"]),
    (["central", "--config", "/"], 2, ["directory"]),
    (["central", "--state-dir", "/proc/nonexistent"], 1, ["/proc/nonexistent"]),
    (["central", "--no-such-option"], 2, ["--no-such-option"]),
    (["central", "extra"], 2, ["extra"]),
    (["agent", "--config", "/nonexistent/agent.yaml"], 2, ["/nonexistent/agent.yaml"]),
    (["agent"], 2, ["--kubeconfig", "KUBERNETES_SERVICE_HOST"]),
    (["agent", "--kubeconfig", "/nonexistent/kubeconfig"], 2, ["/nonexistent/kubeconfig"]),
])
def test_servers_that_cannot_start(env, args, code, says):
    done = run(*args, env=env)
    assert done.returncode == code, done
    for word in says:
        assert word in done.stderr, done.stderr


def test_a_wrong_value_that_the_environment_overrides_is_told(tmp_path, env):
    config = tmp_path / "central.yaml"
    config.write_text("server:\n  http_port: eighty\n  drain: 20s\nauth: {token_expiry: \"${NO_SUCH_VARIABLE_HERE}\"}\n")
    done = run("central", "--config", config, "--check-config",
               env={**env, "MK8S_CENTRAL_SERVER_DRAIN": "1s", "MK8S_CENTRAL_AUTH_TOKEN_EXPIRY": "1h"})
    assert done.returncode == 0 and done.stdout == "ok\n", done
    assert f"{config}:2:14: server.http_port: 'eighty'" in done.stderr, done
    assert "MK8S_CENTRAL_SERVER_HTTP_PORT is used instead" in done.stderr, done
    assert "drain" not in done.stderr and "NO_SUCH" not in done.stderr, done


def test_an_unreadable_configuration(tmp_path, env):
    config = tmp_path / "central.yaml"
    config.write_text("server: {}\n")
    config.chmod(0)
    if os.geteuid() == 0:
        done = run("central", "--config", config / "x", env=env)
        assert done.returncode == 2 and "Not a directory" in done.stderr
        return
    done = run("central", "--config", config, env=env)
    assert done.returncode == 2 and "Permission denied" in done.stderr and "central.yaml" in done.stderr


def test_a_busy_port(tmp_path, env):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("central", "--state-dir", tmp_path / "s", env={**env, "MK8S_CENTRAL_SERVER_HTTP_PORT": str(port)})
    assert done.returncode == 1
    assert str(port) in done.stderr and "in use" in done.stderr


def test_two_centrals_on_one_state_directory(make_central, env):
    central = make_central()
    done = run("central", "--state-dir", central.state, env=env)
    assert done.returncode == 1 and str(central.state) in done.stderr, done
    assert Api(central).get("/healthz").status == 200


def test_a_state_that_is_no_database(tmp_path, env):
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / "central.db").write_text("this is no database, and it is long enough to be looked at" * 40)
    done = run("central", "--state-dir", tmp_path / "state", env=env)
    assert done.returncode == 1 and "central.db" in done.stderr, done


def test_the_seeds_files_load_unchanged(tmp_path, env):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    "tls.key", "-out", "tls.crt", "-days", "2", "-subj", "/CN=localhost"], cwd=tmp_path, check=True,
                   capture_output=True)
    for name, text in SEEDS.items():
        (tmp_path / name).write_text(text.format(dir=tmp_path))
    done = run("central", "--config", tmp_path / "central.yaml", "--check-config", env=base_env(tmp_path))
    assert done.returncode == 0 and done.stdout == "ok\n", done
    assert "jwt_secret" in done.stderr and "your-secret-key" not in done.stderr
    process = Process(tmp_path, "central", [BIN, "central", "--config", tmp_path / "central.yaml", "--state-dir",
                                            tmp_path / "state"], env)
    process.wait_said("central ready")
    assert process.stop() == 0
    (tmp_path / "ca.crt").write_text((tmp_path / "tls.crt").read_text())
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": "https://127.0.0.1:1"}}], "users": [{"name": "x", "user": {}}]}))
    agent = Process(tmp_path, "agent", [BIN, "agent", "--config", tmp_path / "agent.yaml", "--kubeconfig", kubeconfig],
                    base_env(tmp_path, AGENT_TOKEN="some-token-some-token-some-token"))
    agent.wait_said("central.example.com")
    assert agent.stop() == 0
    cli = run("status", env=base_env(tmp_path, MK8S_CONFIG=tmp_path / "config.yaml"))
    assert cli.returncode in (3, 4), cli
    assert "central.example.com" in cli.stderr + cli.stdout or "not logged in" in cli.stderr


@pytest.mark.parametrize("args, code, says", [
    (["login", "{url}", "--email", "admin@localhost", "--password-stdin", "--ca-sha256", "{pin}"], 3, "password"),
    (["login", "{url}", "--email", "admin@localhost", "--password-stdin"], 4, "certificate"),
    (["login", "{url}", "--email", "admin@localhost", "--password-stdin", "--ca-sha256", "sha256:" + "0" * 64], 4, "pin"),
    (["login", "{url}", "--email", "admin@localhost", "--password-stdin", "--ca-sha256", "nonsense"], 2, "sha256:"),
    (["login", "https://127.0.0.1:1", "--email", "a@b", "--password-stdin"], 4, "127.0.0.1:1"),
    (["login", "https://no-such-host.invalid", "--email", "a@b", "--password-stdin"], 4, "no-such-host.invalid"),
    (["login", "ftp://x", "--email", "a@b", "--password-stdin"], 2, "https"),
    (["login", "{url}", "--ca-file", "/nonexistent/ca", "--email", "a@b", "--password-stdin"], 1, "/nonexistent/ca"),
    (["clusters", "list"], 3, "mk8s login"),
    (["clusters", "lst"], 2, "list"),
    (["k", "--cluster", "prod", "get", "pods"], 3, "mk8s login"),
    (["roles", "apply"], 2, "-f"),
    (["roles", "apply", "-f", "/nonexistent/roles.yaml"], 1, "/nonexistent/roles.yaml"),
    (["frobnicate"], 2, "frobnicate"),
    (["status", "--no-such"], 2, "--no-such"),
])
def test_command_lines_that_fail(make_cli, central, args, code, says):
    cli = make_cli(central)
    words = [word.format(url=central.url, pin=central.ca_sha256) for word in args]
    done = cli.run(*words, stdin="not-the-password\n")
    assert done.returncode == code, done
    assert says in done.stderr and done.stderr.startswith("mk8s"), done.stderr
    assert "not-the-password" not in done.stderr and done.stdout == ""


@pytest.mark.parametrize("args, code, says", [
    (["clusters", "use", "nope"], 1, "nope"),
    (["k", "--cluster", "nope", "get", "pods"], 1, "nope"),
    (["k", "--cluster", "away", "get", "pods"], 1, "away"),
    (["k", "--cluster", "prod", "get", "nonsense"], 1, "nonsense"),
    (["k", "--cluster", "prod", "get", "pods", "-o", "nonsense"], 1, "nonsense"),
    (["k", "--cluster", "prod", "apply", "-f", "/nonexistent.yaml"], 1, "/nonexistent.yaml"),
    (["k", "--cluster", "prod", "frobnicate"], 1, "frobnicate"),
    (["k", "--cluster", "prod", "get", "pod", "nope", "-n", "a"], 1, 'pods "nope" not found'),
])
def test_requests_that_fail(make_cli, central, user, args, code, says):
    if central.admin.get("/clusters/away").status == 404:
        central.add_cluster("away")
    done = make_cli(central, "admin@localhost").run(*args)
    done_user = make_cli(central, user.email).run(*args)
    assert done_user.returncode in (code, 2, 4), done_user
    assert says in done_user.stderr, done_user.stderr
    assert done.returncode != 0


@pytest.mark.parametrize("text", [
    "{" * 100000, '{"a":' * 3000, "[" * 50000 + "]" * 50000, '{"kind":"ConfigMap","kind":"Secret"}', '"\\u0000"',
"{\"a\":1e999999}", "nul", "a: b: c", "? [x]: y", "&a [*a]", "!!python/object:os.system {}",
    "a: " + "x" * 2_000_000, "%YAML 9.9\n---\na: b", "- &x [" + "*x," * 10 + "]",
])
def test_hostile_manifests_and_roles(make_cli, central, user, tmp_path, text):
    path = tmp_path / "hostile.yaml"
    path.write_text(text)
    cli = make_cli(central, user.email)
    for args in (["k", "--cluster", "prod", "apply", "-f", path], ["roles", "apply", "-f", path]):
        done = cli.run(*args)
        assert done.returncode in (1, 2, 3), done
        assert done.stderr.startswith(("mk8s", "error", "Error")) and len(done.stderr) < 2000, done.stderr[:300]
    answer = central.admin.ask("POST", "/roles", text[:100000].encode(), {"Content-Type": "application/yaml"})
    assert answer.status in (400, 413), answer


@pytest.mark.sim
def test_a_connection_that_is_cut_in_mid_stream(make_cli, central, user, cluster):
    cluster.fill("b", 400, 2000, resource="configmaps", prefix="cut")
    cluster.set_faults({"prefix": "/api/v1/namespaces/b/configmaps", "cut_after_bytes": 300_000})
    try:
        done = make_cli(central, user.email).run("k", "--cluster", "prod", "get", "cm", "-n", "b", "-o", "json")
        assert done.returncode not in (0, 2), done.stdout[:200]
        assert done.stderr, "it must say so"
    finally:
        cluster.set_faults()
        cluster.api("DELETE", "/api/v1/namespaces/b/configmaps")


@pytest.mark.sim
@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_the_api_servers_failures_come_through(central, user, cluster, status):
    cluster.set_faults({"prefix": "/api/v1/namespaces/a/secrets", "status": status, "retry_after_s": 7})
    try:
        answer = user.get("/clusters/prod/k8s/api/v1/namespaces/a/secrets")
        assert answer.status == status and answer.headers["retry-after"] == "7"
        assert answer.json["message"] == "a failure that a test asked for"
    finally:
        cluster.set_faults()


@pytest.mark.sim
def test_a_slow_answer_holds_up_nobody(central, user, cluster):
    import threading
    cluster.set_faults({"prefix": "/api/v1/namespaces/b/secrets", "latency_ms": 3000})
    try:
        slow = threading.Thread(target=user.get, args=("/clusters/prod/k8s/api/v1/namespaces/b/secrets",))
        slow.start()
        import time
        begin = time.monotonic()
        for _ in range(20):
            assert user.get("/clusters/prod/k8s/api/v1/namespaces/a/pods/web").status == 200
        assert time.monotonic() - begin < 2.5
        slow.join()
    finally:
        cluster.set_faults()


def test_a_hostile_json_body_is_refused_by_central(central):
    for body in (b"{" * 100000, b'{"a":' * 100000, b'"' + b"x" * 5_000_000, b"\xff\xfe", b'{"email":"\\ud800"}'):
        answer = Api(central).ask("POST", "/auth/login", body, {"Content-Type": "application/json"})
        assert answer.status in (400, 413), answer


def test_the_admins_password_is_asked_again_when_it_does_not_do(tmp_path):
    central = Central(tmp_path / "c")
    central.password_file.write_text("short\n")
    process = Process(tmp_path, "central", [BIN, "central", "--state-dir", tmp_path / "s"], central.env())
    wait_for("it to end", lambda: not process.is_up())
    assert process.popen.returncode == 2 and "12" in process.said()
    assert PASSWORD not in process.said() and "short\n" not in process.said()
