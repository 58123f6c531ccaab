"""POST /clusters/{id}/exec under load, ill will and mishaps: limits, several agents, kill -9, a disk that fails."""
import concurrent.futures
import contextlib
import json
import pathlib
import random
import re
import socket
import subprocess
import threading
import time
import uuid

import pytest
import stack
from stack import SLOW, STATIC, wait_for
from test_durability import changes_seen, received_ids, traced
from test_exec_command import EXEC, NDJSON, lines_of, manifest, new_name, rows_of, run, streaming

MIB = 1024 * 1024


def ask(api, *command, path=EXEC, headers=None, **members):
    return api.ask("POST", path, {"command": list(command), **members}, headers, timeout_s=60)


@pytest.fixture(scope="module")
def big(cluster):
    """A namespace with six config maps of 900 KB."""
    name = f"big-{uuid.uuid4().hex[:6]}"
    cluster.create_namespace(name)
    for number in range(6):
        cluster.api("POST", f"/api/v1/namespaces/{name}/configmaps", json.loads(manifest(f"m{number}", name, key="x" * 900_000)))
    yield name
    cluster.api("DELETE", f"/api/v1/namespaces/{name}")


SEED = r'''curl -X POST https://central.example.com/clusters/production-us-east/exec \
  -H "Authorization: Bearer $TOKEN" \
  -H "Content-Type: application/json" \
  -d '{"command": ["get", "pods", "-n", "default"]}'
'''


def test_the_example_of_the_documentation_to_the_letter(make_central, make_agent, cluster, tmp_path):
    """But for the token; where central is and which CA to trust stands in curl's own file."""
    central = make_central(server_names="central.example.com,localhost,127.0.0.1")
    make_agent(central, "production-us-east")
    api = central.add_user(central.add_role("pod-readers", cluster="production-*", namespaces=["default"],
                                            verbs=["get", "list"], resources=["pods"]))
    cluster.create_pod("default", "nginx-7c5b4f6b8d-x2j4k")
    (tmp_path / ".curlrc").write_text(f'silent\nshow-error\nfail-with-body\ncacert = "{central.ca_file}"\n'
                                      f'connect-to = "central.example.com:443:127.0.0.1:{central.http_port}"\n')
    done = subprocess.run(["sh", "-c", SEED], env=stack.base_env(tmp_path, TOKEN=api.token), capture_output=True, text=True,
                          timeout=60 * SLOW)
    cluster.api("DELETE", "/api/v1/namespaces/default/pods/nginx-7c5b4f6b8d-x2j4k?gracePeriodSeconds=0")
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert list(answer) == ["output", "exit_code"] and answer["exit_code"] == 0
    assert re.fullmatch(r"NAME                     READY   STATUS    RESTARTS   AGE\n"
                        r"nginx-7c5b4f6b8d-x2j4k   [01]/1     \w+ +0          \d+[smhd]\w*\n", answer["output"]), answer


def test_two_namespaces_of_three(central, cluster, user):
    third = new_name()
    cluster.create_namespace(third)
    cluster.create_pod(third, "hidden")
    api = central.add_user(central.add_role(new_name(), verbs=["get", "list", "watch"], namespaces=["a", "b"]))
    for output in ([], ["-o", "wide"], ["-o", "json"], ["-o", "yaml"], ["-o", "name"], ["--chunk-size=1"],
                   ["-o", "json", "--chunk-size=1"], ["--sort-by=.metadata.name"], ["-o", "jsonpath={.items[*].metadata.name}"],
                   ["-o", "custom-columns=N:.metadata.namespace,P:.metadata.name"], ["--show-labels"], ["-l", "app=web"]):
        answer = run(api, "get", "pods", "-A", *output)
        assert answer["exit_code"] == 0, (output, answer)
        assert "hidden" not in json.dumps(answer) and third not in json.dumps(answer), (output, answer)
        assert answer["output"].count("web") >= 2, (output, answer)
    assert "hidden" in run(user, "get", "pods", "-A")["output"]
    names = run(api, "get", "ns", "-o", "name")
    assert names["output"].split() == ["namespace/a", "namespace/b"], names
    for command in (["get", "pods", "-n", third], ["get", "pod", "hidden", "-n", third], ["get", "ns", third],
                    ["get", "secrets", "-n", third, "-o", "yaml"], ["delete", "pods", "-A", "--all"], ["get", "nodes"]):
        answer = run(api, *command)
        assert answer["exit_code"] == 1 and answer["output"] == "", (command, answer)


@pytest.mark.parametrize("command", [
    ["--namespace=a", "attach", "web"], ["-n", "a", "attach", "-it", "web"], ["--namespace", "a", "attach", "web"], ["cp", "a/web:/etc/passwd", "x"], ["cp", "/etc/passwd", "a/web:/x"],
    ["port-forward", "-n", "a", "web", "8080:80"], ["edit", "configmap", "x"], ["debug", "web"], ["proxy", "--port=0"]])
def test_verbs_that_need_the_users_machine_say_what_to_use(central, roles, user, command):
    api = central.add_user("everything")
    answer = run(api, *command)
    assert answer["exit_code"] == 1 and answer["output"] == "", answer
    assert re.fullmatch(r"error: (\S+) is not taken here: .*; use mk8s kubectl \1\n", answer["stderr"]), answer
    assert [row["verb"] for row in rows_of(central, api, 1)] == ["command"]  # nothing was asked


@pytest.mark.parametrize("command", [
    ["apply", "-k", "."], ["create", "configmap", "x", "--from-file=/etc/passwd"], ["create", "configmap", "x", "--from-env-file=/etc/passwd"],
    ["create", "secret", "generic", "x", "--from-file=k=/etc/shadow"], ["patch", "pod", "web", "-n", "a", "--patch-file=/etc/passwd"],
    ["delete", "-f", "/etc/passwd"], ["replace", "-f", "/etc/passwd"], ["get", "-f", "/etc/passwd"],
    ["get", "pods", "-o", "jsonpath-file=/etc/passwd"], ["get", "pods", "-o", "go-template-file=/etc/passwd"],
    ["get", "pods", "-o", "custom-columns-file=/etc/passwd"], ["diff", "-f", "/etc/passwd"], ["apply", "-f", "/proc/self/environ"],
    ["create", "-f", "/dev/stdin"], ["apply", "-f", "-", "--cache-dir=/tmp"], ["get", "pods", "--kubeconfig", "/etc/passwd"],
    ["get", "pods", "-s", "http://127.0.0.1:1"], ["config", "view"], ["plugin", "list"], ["kustomize", "."]])
def test_no_file_of_the_agents_is_read(central, roles, user, command):
    api = central.add_user("everything")
    answer = run(api, *command, stdin="")
    assert answer["exit_code"] == (2 if "diff" in command else 1), answer
    assert answer["output"] == "" and answer["stderr"].startswith("error: "), answer
    assert "root:" not in answer["stderr"] and "PATH=" not in answer["stderr"]
    assert not [row for row in rows_of(central, api, 1) if row["verb"] in ("create", "patch", "delete", "update")]


def test_a_command_in_a_cluster_whose_sessions_are_recorded(make_central, make_agent, tmp_path):
    """No way around the recording: central denies exec, whoever asks."""
    central = make_central(audit_record_exec="true")
    make_agent(central, "c")
    api = central.add_user(central.add_role("everything"))
    answer = run(api, "exec", "web", "-n", "a", "--", "id", path="/clusters/c/exec")
    assert answer["exit_code"] == 1 and answer["output"] == "" and "recorded" in answer["stderr"], answer
    wait_for("the denial's row", lambda: [row for row in central.audit(limit=20, user=api.email)
                                          if row["resource"] == "pods/exec" and row["decision"] == "deny"])
    assert run(api, "get", "pods", "-n", "a", path="/clusters/c/exec")["exit_code"] == 0


def test_one_user_takes_not_all_of_central(make_central, make_agent, cluster):
    central = make_central(commands_max_per_user=2, commands_max=3)
    make_agent(central, "c")
    role = central.add_role("everything")
    first, second, third = (central.add_user(role) for _ in range(3))
    path, watch = "/clusters/c/exec", ["get", "pods", "-n", "a", "-w"]
    with contextlib.ExitStack() as open_ones:
        for api in (first, first, second):
            connection = api.connect(60)
            open_ones.enter_context(contextlib.closing(connection))
            connection.request("POST", path, json.dumps({"command": watch, "timeout_s": 60}), api.head(NDJSON))
            assert json.loads(connection.getresponse().readline())["stream"] == "stdout"
            if api is first and connection is not None:
                continue
            for other in (first, third):  # one has two already; then there are three
                answer = ask(other, "get", "pods", "-n", "a", path=path)
                assert answer.status == 429 and answer.headers["retry-after"] and "as many commands" in answer.json["detail"], answer
    wait_for("a place", lambda: ask(first, "get", "pods", "-n", "a", path=path).status == 200)
    assert ask(third, "get", "pods", "-n", "a", path=path).status == 200


def test_answers_that_nobody_reads_are_counted(central, roles, user, big):
    """32 MiB for one user; what was not taken counts, and is given back with its connection."""
    greedy, other = central.add_user("everything"), central.add_user("everything")
    body = json.dumps({"command": ["get", "configmaps", "m0", "m1", "m2", "m3", "-n", big, "-o", "jsonpath={.items[*].data.key}"]})
    request = (f"POST {EXEC} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {greedy.token}\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    full = ["get", "configmaps", "m0", "m1", "m2", "m3", "-n", big, "-o", "jsonpath={.items[*].data.key}"]
    with contextlib.ExitStack() as sockets:
        for _ in range(12):
            plain = socket.socket()
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            plain.connect(("127.0.0.1", central.http_port))
            tls = sockets.enter_context(central.tls_context().wrap_socket(plain, server_hostname="localhost"))
            tls.sendall(request.encode())
            assert tls.recv(12)[-3:] in (b"200", b"503")
        refused = ask(greedy, *full)
        assert refused.status == 503 and refused.headers["retry-after"] and "of one user" in refused.json["detail"], refused
        assert ask(other, *full).json["exit_code"] == 0
    wait_for("the memory to be given back", lambda: ask(greedy, *full).status == 200)


def test_the_head_of_a_stream_does_not_wait_for_output(user):
    began = time.monotonic()
    with streaming(user, "get", "pods", "-n", "a", "-l", "no=such", "-w", timeout_s=8 * SLOW) as answer:
        assert time.monotonic() - began < 5 * SLOW
        assert lines_of(answer)[-1] == {"exit_code": 124}


def test_a_stream_that_no_agent_takes_has_a_status(central, user):
    name = f"away-{uuid.uuid4().hex[:6]}"
    central.add_cluster(name)
    answer = user.ask("POST", f"/clusters/{name}/exec", {"command": ["get", "pods"]}, NDJSON)
    assert answer.status == 503 and answer.headers["content-type"] == "application/problem+json", answer
    answer = user.ask("POST", EXEC, {"command": []}, NDJSON)
    assert answer.status == 400, answer


def resident_mib(process):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1]) / 1024


def test_a_reader_that_stands_still_holds_up_the_agent_not_central(central, agent, user, big):
    """5.4 MB, twice, to readers who read nothing for a while."""
    before = resident_mib(central.process)
    connections = [user.connect(60) for _ in range(2)]
    for connection in connections:
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 * 1024)
        plain.connect(("127.0.0.1", central.http_port))
        connection.sock = central.tls_context().wrap_socket(plain, server_hostname="localhost")
        connection.request("POST", EXEC, json.dumps({"command": ["get", "configmaps", "-n", big, "-o", "json"], "timeout_s": 120}),
                           user.head(NDJSON))
    answers = [connection.getresponse() for connection in connections]
    time.sleep(2)
    if SLOW == 1:
        assert resident_mib(central.process) - before < 12
    assert run(user, "get", "pods", "-n", "a")["exit_code"] == 0
    for connection, answer in zip(connections, answers):
        *said, last = [json.loads(line) for line in answer.read().splitlines()]
        assert last == {"exit_code": 0}
        assert len(json.loads("".join(line["data"] for line in said))["items"]) >= 6
        connection.close()


def test_an_agents_memory_for_commands_is_limited(central, user, make_agent, big):
    name = f"lean-{uuid.uuid4().hex[:6]}"
    agent = make_agent(central, name, commands_memory="128Mi")
    path = f"/clusters/{name}/exec"
    for output in (["-o", "json"], ["-o", "name"], ["-o", "json", "--chunk-size=1"], ["-o", "jsonpath={.items[0].kind}"]):
        answer = run(user, "get", "configmaps", "-n", big, *output, path=path)
        assert answer["exit_code"] == 1 and "commands.memory" in answer["stderr"], (output, answer["stderr"])
    assert run(user, "get", "configmaps", "m0", "-n", big, "-o", "name", path=path)["exit_code"] == 0
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: ask(user, "get", "configmaps", "m0", "m1", "-n", big, "-o", "name", path=path), range(12)))
    assert {answer.status for answer in answers} == {200}
    for answer in answers:
        assert answer.json["exit_code"] == 0 or "try again" in answer.json["stderr"], answer
    assert agent.process.is_up() and run(user, "get", "pods", "-n", "a", path=path)["exit_code"] == 0


def test_input_is_limited_by_the_agents_memory(central, user, make_agent):
    name = f"lean-{uuid.uuid4().hex[:6]}"
    make_agent(central, name, commands_memory="128Mi")
    path = f"/clusters/{name}/exec"
    files = {f"f{i}.yaml": "# " + "x" * (1024 * 1023) for i in range(3)}
    answer = ask(user, "apply", "-f", "f0.yaml", path=path, files=files)
    assert answer.status == 429 and "commands.memory" in answer.json["detail"], answer
    answer = ask(user, "apply", "-f", "-", path=path, stdin="# " + "x" * (3 * MIB - 2))
    assert answer.status == 429 and "commands.memory" in answer.json["detail"], answer
    assert run(user, "get", "pods", "-n", "a", path=path)["exit_code"] == 0


def test_curl_sends_large_input(central, cluster, user, tmp_path):
    """With Expect: 100-continue, over HTTP/1.1 and HTTP/2, and without a content type that says JSON."""
    name = new_name()
    (tmp_path / "body").write_text(json.dumps({"command": ["apply", "-f", "-"], "stdin": manifest(name, key="x" * 700_000)}))
    for option in ("--http1.1", "--http2"):
        done = subprocess.run(["curl", "-sS", option, "--fail-with-body", "--cacert", str(central.ca_file), "-d", f"@{tmp_path}/body",
                               "-H", f"Authorization: Bearer {user.token}", "-H", "Expect: 100-continue", central.url + EXEC],
                              capture_output=True, text=True, timeout=60 * SLOW)
        assert done.returncode == 0 and json.loads(done.stdout)["exit_code"] == 0, done.stdout + done.stderr
    assert len(cluster.api("GET", f"/api/v1/namespaces/a/configmaps/{name}")["data"]["key"]) == 700_000


def line_or_nothing(answer):
    with contextlib.suppress(Exception):
        return answer.readline()
    return b""


def test_several_agents(central, user, make_agent):
    """Commands go to both; when one leaves, its own end, the other's go on, and new ones run."""
    name = f"two-{uuid.uuid4().hex[:6]}"
    token = central.add_cluster(name)["token"]
    agents = [make_agent(central, name, token, commands_max=2, drain="1s") for _ in range(2)]
    path = f"/clusters/{name}/exec"
    time.sleep(0.5)
    with contextlib.ExitStack() as stacked:
        answers, connections = [], []
        for _ in range(4):  # each agent takes two
            connection = user.connect(60)
            stacked.enter_context(contextlib.closing(connection))
            connection.connect()
            connections.append(connection.sock)
            connection.request("POST", path, json.dumps({"command": ["get", "pods", "-n", "a", "-w", "-o", "name"], "timeout_s": 60}),
                               user.head(NDJSON))
            answers.append(connection.getresponse())
            assert answers[-1].status == 200, answers[-1].read()
            assert json.loads(answers[-1].readline())["data"] == "pod/web\n"
        assert ask(user, "get", "pods", "-n", "a", path=path).status == 429
        began = time.monotonic()
        assert agents[0].stop() == 0
        wait_for("a place", lambda: ask(user, "get", "pods", "-n", "a", path=path).status in (200, 429))
        ended = []
        for answer in answers:
            thread = threading.Thread(target=lambda a=answer: ended.append(line_or_nothing(a)), daemon=True)
            thread.start()
        wait_for("two to end", lambda: len(ended) == 2, 10)
        assert all(json.loads(line)["exit_code"] == 1 and json.loads(line)["error"] for line in ended), ended
        for plain in connections:
            with contextlib.suppress(OSError):
                plain.shutdown(socket.SHUT_RDWR)
        wait_for("the others to see it", lambda: len(ended) == 4, 10)
        assert time.monotonic() - began < 30 * SLOW
    wait_for("a command", lambda: ask(user, "get", "pods", "-n", "a", path=path).status == 200)


def create(api, namespace, path):
    return ask(api, "create", "-f", "-", path=path, stdin=json.dumps({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "k-", "namespace": namespace}}))


def test_killed_at_any_moment_every_change_of_a_command_has_its_row(make_central, make_agent, cluster):
    namespace = f"kill-{uuid.uuid4().hex[:6]}"
    cluster.create_namespace(namespace)
    central = make_central()
    make_agent(central, "c")
    token, path = central.admin.token, "/clusters/c/exec"
    made, stopping = [], threading.Event()

    def write():
        while not stopping.is_set():
            try:
                made.append(create(stack.Api(central, token), namespace, path).json["exit_code"])
            except Exception:  # noqa: BLE001 (whatever a killed server does to a client)
                time.sleep(0.05)
    threads = [threading.Thread(target=write, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            before = len(made)
            wait_for("changes to pass", lambda: len(made) >= before + 20, 30)
            time.sleep(random.uniform(0, 0.2))
            central.process.kill()
            central.start()
            central.wait_connected("c")
    finally:
        stopping.set()
        for thread in threads:
            thread.join(60)
    assert stack.Api(central, token).get("/audit/verify").json["ok"] is True
    assert central.stop() == 0
    seen = changes_seen(cluster, namespace)
    assert len(seen) >= 30, "too little happened to prove anything"
    assert seen - received_ids(central) == set()


@pytest.mark.skipif(not STATIC, reason="LeakSanitizer does not work under strace")
def test_a_disk_that_fails_lets_no_change_of_a_command_pass(make_central, make_agent, strace, cluster, tmp_path):
    namespace = f"lost-{uuid.uuid4().hex[:6]}"
    cluster.create_namespace(namespace)
    central = make_central()
    make_agent(central, "c")
    assert create(central.admin, namespace, "/clusters/c/exec").json["exit_code"] == 0
    before = changes_seen(cluster, namespace)
    with traced(central, strace, tmp_path / "trace", "-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO"):
        answers = [create(central.admin, namespace, "/clusters/c/exec") for _ in range(3)]
    assert "EIO" in (tmp_path / "trace").read_text(), "nothing was injected"
    for answer in answers:
        assert answer.status in (500, 503) or answer.json["exit_code"] == 1, answer
    assert changes_seen(cluster, namespace) == before, "a change went on without its row"
    central.process.kill()
    central.start()


def test_a_client_that_goes_away_ends_the_agents_request_too(cluster, central, roles, user):
    """The watch on the API server ends with the client, in seconds, not with the time limit."""
    api = central.add_user("everything")
    connection = api.connect(60)
    connection.request("POST", EXEC, json.dumps({"command": ["get", "pods", "-n", "b", "-w"], "timeout_s": 300}), api.head(NDJSON))
    connection.getresponse().readline()
    connection.close()
    rows_of(central, api, 2)

    def ended():
        return next((e for e in cluster.audit_events() if e["verb"] == "watch" and e["stage"] == "ResponseComplete" and
                     e.get("impersonatedUser", {}).get("username") == f"mk8s:{api.email}"), None)
    wait_for("the watch to end on the API server", ended, 5)


def test_a_body_that_is_too_large_is_not_read_to_its_end(central, user):
    with central.tls_context().wrap_socket(socket.create_connection(("127.0.0.1", central.http_port)),
                                           server_hostname="localhost") as tls:
        tls.sendall(f"POST {EXEC} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {user.token}\r\n"
                    f"Content-Length: {64 * MIB}\r\n\r\n".encode())
        with contextlib.suppress(OSError):
            tls.sendall(b"x" * (8 * MIB + 1))
        tls.settimeout(30 * SLOW)
        assert tls.recv(12)[-3:] == b"413"
