"""POST /clusters/{id}/exec: the agent runs the built-in kubectl, central decides about each of its API requests."""
import concurrent.futures
import contextlib
import http.client
import json
import subprocess
import threading
import time
import uuid

import pytest
import stack
from stack import SLOW, wait_for

EXEC = "/clusters/prod/exec"
NDJSON = {"Accept": "application/x-ndjson"}


def run(api, *command, path=EXEC, **members):
    """The answer of a command that ran: {"output", "exit_code", maybe "stderr"}."""
    return api.want(200, "POST", path, {"command": list(command), **members}, timeout_s=60)


def manifest(name, namespace="a", **data):
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace},
                       "data": {key: str(value) for key, value in data.items()}})


def new_name():
    return f"x-{uuid.uuid4().hex[:8]}"


def rows_of(central, api, count, cluster="prod"):
    """The newest rows of that user, when `count` of them are complete."""
    def find():
        rows = [row for row in central.audit(limit=200, user=api.email, cluster=cluster) if row["status"]]
        return rows if len(rows) >= count else None
    return wait_for(f"{count} rows of {api.email}", find, 5)


@contextlib.contextmanager
def streaming(api, *command, path=EXEC, **members):
    """The open answer of a command whose output comes as lines of JSON."""
    connection = api.connect(60)
    with contextlib.closing(connection):
        connection.request("POST", path, json.dumps({"command": list(command), **members}), api.head(NDJSON))
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        assert answer.headers["content-type"] == "application/x-ndjson"
        yield answer


def lines_of(answer):
    return [json.loads(line) for line in answer.read().decode().splitlines()]


def read_until(answer, word):
    """The answer's lines until one has the word; AssertionError when none does."""
    text = ""
    while word not in text:
        line = answer.readline().decode()
        assert line, text
        text += line
    return text


def test_the_seeds_example_with_curl(central, user):
    done = subprocess.run(["curl", "-sS", "--fail-with-body", "--cacert", str(central.ca_file), "-X", "POST",
                           f"{central.url}/clusters/prod/exec", "-H", f"Authorization: Bearer {user.token}",
                           "-H", "Content-Type: application/json",
                           "-d", '{"command":["get","pods","-n","a"]}'],
                          capture_output=True, text=True, timeout=60 * SLOW)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert set(answer) == {"output", "exit_code"} and answer["exit_code"] == 0
    assert answer["output"].startswith("NAME") and "\nweb " in answer["output"]


@pytest.mark.parametrize("command, says", [
    (["get", "pods", "-n", "a", "-o", "name"], "pod/web\n"),
    (["get", "pod", "web", "-n", "b", "-o", "jsonpath={.metadata.namespace}"], "b"),
    (["get", "ns", "a", "-o", "name"], "namespace/a\n"),
    (["version", "-o", "json"], "serverVersion"),
    (["api-versions"], "apps/v1\n"),
    (["auth", "can-i", "get", "pods"], "yes\n"),
])
def test_commands_give_kubectls_output(user, command, says):
    answer = run(user, *command)
    assert answer["exit_code"] == 0 and says in answer["output"], answer


def test_the_namespace_is_default_where_none_is_given(user):
    answer = run(user, "get", "pod", "nobody-there")
    assert answer["exit_code"] == 1 and answer["output"] == ""
    assert answer["stderr"] == 'Error from server (NotFound): pods "nobody-there" not found\n'


def test_a_command_and_each_of_its_requests_have_rows(central, roles):
    api = central.add_user("everything")
    answer = api.ask("POST", EXEC, {"command": ["get", "pods", "-n", "a"]}, {"User-Agent": "ops/1"})
    assert answer.json["exit_code"] == 0
    rows = rows_of(central, api, 2)
    command = next(row for row in rows if row["verb"] == "command")
    assert command["id"] == answer.headers["x-request-id"] and command["status"] == 200
    requests = [row for row in rows if row is not command]
    assert [(row["verb"], row["resource"], row["namespace"]) for row in requests] == [("list", "pods", "a")]
    for row in rows:
        assert row["command"] == "kubectl get pods -n a" and row["cluster"] == "prod"
        assert row["decision"] == "allow" and row["status"] == 200 and row["source"] == "127.0.0.1"


def test_the_api_server_sees_the_user_and_the_rows_id(central, cluster, roles):
    api = central.add_user("everything")
    name = new_name()
    assert run(api, "create", "-f", "-", stdin=manifest(name))["exit_code"] == 0
    row = next(row for row in rows_of(central, api, 2) if row["verb"] == "create")
    event = wait_for("the API server's event", lambda: next(
        (e for e in cluster.audit_events() if e["auditID"] == row["id"] and e["stage"] == "ResponseComplete"), None))
    assert event["impersonatedUser"]["username"] == f"mk8s:{api.email}"
    assert set(event["impersonatedUser"]["groups"]) >= {"mk8s:users", "mk8s:role:everything", "system:authenticated"}


@pytest.mark.parametrize("role, command, allowed", [
    ("reader", ["get", "pods", "-n", "a"], True),
    ("reader", ["logs", "web", "-n", "a"], True),
    ("reader", ["delete", "pod", "nobody", "-n", "a"], False),
    ("reader", ["create", "configmap", "never", "-n", "a"], False),
    ("reader", ["label", "pod", "web", "x=y", "-n", "a"], False),
    ("only-a", ["get", "pods", "-n", "a"], True),
    ("only-a", ["get", "pods", "-n", "b"], False),
    ("only-a", ["get", "nodes"], False),
    ("only-a", ["get", "pod", "web", "-n", "b", "-o", "yaml"], False),
])
def test_roles_decide_as_in_the_pass_through(central, roles, user, role, command, allowed):
    api = central.add_user(role)
    answer = run(api, *command)
    rows = rows_of(central, api, 2)
    denied = [row for row in rows if row["decision"] == "deny"]
    if allowed:
        assert answer["exit_code"] == 0 and not denied, answer
        return
    assert answer["exit_code"] == 1 and answer["output"] == "" and denied, answer
    assert answer["stderr"].startswith(f'Error from server (Forbidden): user "{api.email}" cannot '), answer
    assert f"roles looked at: {role}" in answer["stderr"]
    assert denied[0]["status"] == 403 and denied[0]["command"].startswith("kubectl ")


def test_the_sentence_of_a_denial_is_that_of_the_pass_through(central, roles, user):
    api = central.add_user("only-a")
    direct = api.get("/clusters/prod/k8s/api/v1/namespaces/b/pods").json["message"]
    assert run(api, "get", "pods", "-n", "b")["stderr"] == f"Error from server (Forbidden): {direct}\n"


@pytest.mark.parametrize("output", [[], ["-o", "json"], ["-o", "name"], ["-o", "wide"]])
def test_a_list_over_all_namespaces_shows_what_the_role_grants(central, roles, user, output):
    api = central.add_user("only-a")
    everything, own = run(user, "get", "pods", "-A", *output), run(api, "get", "pods", "-A", *output)
    assert own["exit_code"] == 0, own
    if not output:
        seen = {line.split()[0] for line in own["output"].splitlines()[1:]}
        assert seen == {"a"} and {line.split()[0] for line in everything["output"].splitlines()[1:]} >= {"a", "b"}
    elif output[1] == "json":
        assert {item["metadata"]["namespace"] for item in json.loads(own["output"])["items"]} == {"a"}
    assert len(own["output"]) < len(everything["output"])


def test_a_watch_over_all_namespaces_shows_what_the_role_grants(central, cluster, roles, user):
    api = central.add_user("only-a")
    first, hidden, shown = new_name(), new_name(), new_name()
    cluster.api("POST", "/api/v1/namespaces/a/configmaps", json.loads(manifest(first)))
    with streaming(api, "get", "configmaps", "-A", "-w", "--no-headers") as answer:
        text = read_until(answer, first)
        cluster.api("POST", "/api/v1/namespaces/b/configmaps", json.loads(manifest(hidden, "b")))
        cluster.api("POST", "/api/v1/namespaces/a/configmaps", json.loads(manifest(shown)))
        text += read_until(answer, shown)
    assert hidden not in text and '"exit_code"' not in text


def test_an_apply_patch_without_create_changes_only_what_is_there(central, cluster, user):
    role = central.add_role(new_name(), verbs=["get", "patch"], resources=["configmaps"])
    api = central.add_user(role)
    name = new_name()
    cluster.api("POST", "/api/v1/namespaces/a/configmaps", json.loads(manifest(name)))
    assert run(api, "apply", "-f", "-", stdin=manifest(name, key=1))["exit_code"] == 0
    answer = run(api, "apply", "-f", "-", stdin=manifest(new_name()))
    assert answer["exit_code"] == 1 and "may patch, but not create" in answer["stderr"], answer


def test_may_i_is_answered_by_both(central, roles, user):
    api = central.add_user("reader")
    assert run(api, "auth", "can-i", "list", "pods")["output"] == "yes\n"
    answer = run(api, "auth", "can-i", "delete", "pods")
    assert answer["exit_code"] == 1 and answer["output"].startswith("no - user"), answer


def test_standard_input_is_applied(cluster, user):
    name = new_name()
    answer = run(user, "apply", "-f", "-", stdin=manifest(name, key="ä" * 70000))
    assert answer == {"output": f"configmap/{name} created\n", "exit_code": 0} or "serverside-applied" in answer["output"]
    assert cluster.api("GET", f"/api/v1/namespaces/a/configmaps/{name}")["data"]["key"] == "ä" * 70000


def test_files_that_were_sent_along_are_applied(cluster, user):
    first, second = new_name(), new_name()
    files = {"dir/one.yaml": manifest(first), "dir/two.json": manifest(second), "dir/read.me": "none", "x.yaml": "{"}
    assert run(user, "apply", "-f", "./dir/one.yaml", files=files)["exit_code"] == 0
    assert cluster.api("GET", f"/api/v1/namespaces/a/configmaps/{first}")
    answer = run(user, "apply", "-f", "dir", files=files)
    assert answer["exit_code"] == 0 and first in answer["output"] and second in answer["output"], answer


@pytest.mark.parametrize("path", ["/etc/passwd", "x.yaml", "dir", "../x", "https://127.0.0.1/x.yaml", "file:///etc/passwd"])
def test_files_that_were_not_sent_along_are_refused(user, path):
    answer = run(user, "apply", "-f", path, files={"other.yaml": manifest("never")})
    assert answer["exit_code"] == 1 and "was not sent along" in answer["stderr"], answer


@pytest.mark.parametrize("flag", [
    "--server=https://127.0.0.1:1", "--kubeconfig=/root/.kube/config", "--token=abc", "--as=root", "--as-group=x",
    "--context=x", "--cluster=x", "--user=x", "--username=x", "--password=x", "--client-certificate=x", "--client-key=x",
    "--certificate-authority=x", "--insecure-skip-tls-verify", "--tls-server-name=x", "--as-uid=1"])
@pytest.mark.parametrize("before", [True, False])
def test_flags_of_connection_and_identity_are_refused(central, user, flag, before):
    command = [flag, "get", "pods"] if before else ["get", "pods", flag]
    answer = run(user, *command)
    assert answer["exit_code"] == 1 and answer["output"] == "", answer
    assert f"{flag.split('=')[0]} is not taken here" in answer["stderr"]


@pytest.mark.parametrize("command", [["port-forward", "web", "8080:80"], ["-n", "a", "attach", "web"], ["edit", "pod", "web"],
                                     ["proxy"], ["cp", "web:/x", "y"], ["debug", "web"], ["-s", "https://x", "get", "pods"],
                                     ["get", "pods", "--raw=/metrics"], ["krew"], ["get", "pods", "-t", "x"]])
def test_what_needs_the_users_machine_is_refused(user, command):
    answer = run(user, *command)
    assert answer["exit_code"] == 1 and answer["output"] == "" and answer["stderr"].startswith("error: "), answer


@pytest.mark.parametrize("body, status, says", [
    ("", 400, "body"), ("{", 400, "body"), ("[]", 400, "body"), ("{}", 400, "command"),
    ('{"command":[]}', 400, "command"), ('{"command":"get pods"}', 400, "command"), ('{"command":[1]}', 400, "command"),
    ('{"command":["get"],"stdin":1}', 400, "stdin"), ('{"command":["get"],"files":[]}', 400, "files"),
    ('{"command":["get"],"files":{"x":1}}', 400, "files"), ('{"command":["get"],"files":{"":""}}', 400, "files"),
    ('{"command":["get"],"files":{"-":""}}', 400, "files"), ('{"command":["get"],"timeout_s":0}', 400, "timeout_s"),
    ('{"command":["get"],"timeout_s":"1"}', 400, "timeout_s"), ('{"command":["get"],"timeout_s":100000}', 400, "timeout_s"),
    ('{"command":["get"],"argv":[]}', 400, "argv"), ('{"command":["get","a\\u0000b"]}', 400, "body"),
    (json.dumps({"command": ["x"] * 1025}), 413, "command"), (json.dumps({"command": ["x" * 65537]}), 413, "command"),
    (json.dumps({"command": ["get"], "stdin": "x" * (3 * 1024 * 1024 + 1)}), 413, "files"),
    (json.dumps({"command": ["get"], "files": {f"f{i}": "" for i in range(65)}}), 413, "files"),
    (json.dumps({"command": ["get"], "stdin": "x" * (9 * 1024 * 1024)}), 413, "8 MiB"),
])
def test_malformed_orders_are_refused_with_the_members_name(user, body, status, says):
    answer = user.ask("POST", EXEC, body, {"Content-Type": "application/json"})
    assert answer.status == status and says in answer.json["detail"], answer
    assert answer.headers["content-type"] == "application/problem+json"


def test_who_may_not_see_the_cluster_gets_the_answer_of_an_unknown_one(central, roles, user):
    api = central.add_user("elsewhere")
    body = {"command": ["get", "pods"]}
    hidden, unknown = api.ask("POST", EXEC, body), api.ask("POST", "/clusters/nowhere/exec", body)
    assert hidden.status == unknown.status == 404
    assert hidden.json["detail"].replace("prod", "nowhere") == unknown.json["detail"]


def test_without_a_token_nothing_runs(central, agent):
    answer = stack.Api(central).ask("POST", EXEC, {"command": ["get", "pods"]})
    assert answer.status == 401
    assert stack.Api(central, "x.y.z").ask("POST", EXEC, {"command": ["get", "pods"]}).status == 401
    assert stack.Api(central).get(EXEC).status == 405


def test_a_cluster_without_agent_is_503(central, user):
    name = f"away-{uuid.uuid4().hex[:6]}"
    central.add_cluster(name)
    answer = user.ask("POST", f"/clusters/{name}/exec", {"command": ["get", "pods"]})
    assert answer.status == 503 and answer.headers["retry-after"] and name in answer.json["detail"], answer


def test_output_streams_as_it_comes(cluster, user):
    name = new_name()
    with streaming(user, "get", "configmaps", "-n", "a", "-w", "-o", "name", timeout_s=30) as answer:
        threading.Timer(1, lambda: cluster.api("POST", "/api/v1/namespaces/a/configmaps", json.loads(manifest(name)))).start()
        for line in answer:
            line = json.loads(line)
            assert line["stream"] == "stdout", line
            if name in line["data"]:
                break


def test_a_stream_ends_with_the_exit_code(user):
    with streaming(user, "get", "pods", "-n", "a") as answer:
        lines = lines_of(answer)
    assert lines[-1] == {"exit_code": 0} and "web" in "".join(line["data"] for line in lines[:-1])
    with streaming(user, "get", "pod", "nobody", "-n", "a") as answer:
        *said, last = lines_of(answer)
    assert last == {"exit_code": 1} and {line["stream"] for line in said} == {"stderr"}


def test_characters_are_whole_in_every_line(cluster, user):
    name = new_name()
    text = "é€𝄞" * 30000
    cluster.api("POST", "/api/v1/namespaces/a/configmaps", json.loads(manifest(name, key=text)))
    with streaming(user, "get", "configmap", name, "-n", "a", "-o", "jsonpath={.data.key}") as answer:
        *said, last = lines_of(answer)
    assert "".join(line["data"] for line in said) == text and last["exit_code"] == 0 and len(said) > 1


def test_the_time_limit_ends_a_command(central, roles, user):
    api = central.add_user("everything")
    began = time.monotonic()
    answer = run(api, "get", "pods", "-n", "a", "-w", "-o", "name", timeout_s=2)
    assert 1.5 < time.monotonic() - began < 8 * SLOW
    assert answer["exit_code"] == 124 and "pod/web" in answer["output"] and "time limit" in answer["stderr"], answer
    assert next(row for row in rows_of(central, api, 2) if row["verb"] == "command")["status"] == 504
    with streaming(api, "get", "pods", "-n", "a", "-w", timeout_s=1) as answer:
        assert lines_of(answer)[-1] == {"exit_code": 124}


@pytest.mark.sim
def test_the_time_limit_ends_a_command_whose_api_server_is_silent(cluster, user):
    cluster.set_faults({"prefix": "/api/v1/namespaces/a/secrets", "latency_ms": 20000})
    try:
        began = time.monotonic()
        answer = run(user, "get", "secrets", "-n", "a", timeout_s=1)
        assert answer["exit_code"] == 124 and time.monotonic() - began < 8 * SLOW, answer
    finally:
        cluster.set_faults()


def test_a_client_that_goes_away_ends_its_command(central, roles, user):
    api = central.add_user("everything")
    with streaming(api, "get", "pods", "-n", "a", "-w", timeout_s=60) as answer:
        answer.readline()
    rows = rows_of(central, api, 2)
    command = next(row for row in rows if row["verb"] == "command")
    assert command["status"] == 499 and command["duration_ms"] < 30000
    assert all(row["status"] for row in rows)


@pytest.mark.parametrize("take_away", ["logout", "disable", "roles", "narrow"])
def test_a_right_that_is_taken_away_ends_the_command(central, roles, user, take_away):
    role = central.add_role(new_name(), cluster="prod")
    api = central.add_user(role)
    with streaming(api, "get", "pods", "-n", "a", "-w", timeout_s=60) as answer:
        answer.readline()
        began = time.monotonic()
        if take_away == "logout":
            assert api.ask("POST", "/auth/logout", {"refresh_token": api.refresh_token}).status == 204
        elif take_away == "disable":
            central.admin.want(200, "PATCH", f"/users/{api.email}", {"disabled": True})
        elif take_away == "roles":
            central.admin.ask("PUT", f"/users/{api.email}/roles", {"roles": []})
        else:
            central.admin.want(200, "PUT", f"/roles/{role}", {"name": role, "clusters": [
                {"name": "prod", "namespaces": ["b"], "verbs": ["*"], "resources": ["*"]}]})
        last = lines_of(answer)[-1]
        assert time.monotonic() - began < 5 + SLOW
    assert last["exit_code"] == 1 and last["error"], last
    ended = {row["verb"]: row["decision"] for row in rows_of(central, api, 3)}
    assert ended == {"command": "deny", "list": "allow", "watch": "deny"}


def test_an_agent_that_is_killed_ends_the_command(central, user, make_agent):
    name = f"dies-{uuid.uuid4().hex[:6]}"
    agent = make_agent(central, name)
    connection = user.connect(60)
    with contextlib.closing(connection):
        connection.request("POST", f"/clusters/{name}/exec", json.dumps(
            {"command": ["get", "pods", "-n", "a", "-w"], "timeout_s": 60}), user.head())
        time.sleep(2 * SLOW)
        agent.process.kill()
        answer = stack.Answer(connection.getresponse())
    assert answer.status == 502 and "agent" in answer.json["detail"] or name in answer.json["detail"], answer


def test_an_agent_that_stops_ends_its_commands(central, user, make_agent):
    name = f"stops-{uuid.uuid4().hex[:6]}"
    agent = make_agent(central, name, drain="1s")
    results = []
    thread = threading.Thread(target=lambda: results.append(
        user.ask("POST", f"/clusters/{name}/exec", {"command": ["get", "pods", "-n", "a", "-w"], "timeout_s": 60}, timeout_s=60)))
    thread.start()
    time.sleep(2 * SLOW)
    assert agent.stop() == 0
    thread.join(30 * SLOW)
    assert results and results[0].status == 502, results


def test_output_that_is_too_large_is_said_and_can_be_streamed(central, cluster, user):
    names = [new_name() for _ in range(6)]
    for name in names:
        cluster.api("POST", "/api/v1/namespaces/b/configmaps", json.loads(manifest(name, "b", key="x" * 900000)))
    try:
        answer = user.ask("POST", EXEC, {"command": ["get", "configmaps", "-n", "b", "-o", "json"]}, timeout_s=60)
        assert answer.status == 413 and "application/x-ndjson" in answer.json["detail"], answer
        with streaming(user, "get", "configmaps", "-n", "b", "-o", "json") as answer:
            *said, last = lines_of(answer)
        assert last == {"exit_code": 0}
        assert len(json.loads("".join(line["data"] for line in said))["items"]) >= 6
    finally:
        for name in names:
            cluster.api("DELETE", f"/api/v1/namespaces/b/configmaps/{name}")


def test_twenty_at_once(user):
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: user.ask("POST", EXEC, {"command": ["get", "pods", "-n", "a", "-o", "name"]},
                                                   timeout_s=60), range(20)))
    assert {answer.status for answer in answers} == {200}, answers
    assert all(answer.json["exit_code"] == 0 and "pod/web\n" in answer.json["output"] for answer in answers)


def test_more_than_an_agent_takes_are_told_to_come_again(central, user, make_agent):
    name = f"small-{uuid.uuid4().hex[:6]}"
    make_agent(central, name, commands_max=2)
    path = f"/clusters/{name}/exec"

    def ask(_):
        return user.ask("POST", path, {"command": ["get", "pods", "-n", "a", "-w"], "timeout_s": 3}, timeout_s=60)
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(ask, range(5)))
    assert sorted(answer.status for answer in answers) == [200, 200, 429, 429, 429], answers
    assert all(answer.headers["retry-after"] for answer in answers if answer.status == 429)
    assert run(user, "get", "pods", "-n", "a", path=path)["exit_code"] == 0


def test_the_agents_own_roles_hold_for_commands(central, user, agent_kubeconfig, tmp_path):
    name = f"capped-{uuid.uuid4().hex[:6]}"
    agent = stack.Agent(tmp_path, central, name, central.add_cluster(name)["token"], agent_kubeconfig)
    config = tmp_path / "agent.yaml"
    config.write_text('roles:\n  - name: cap\n    clusters:\n      - name: "*"\n        namespaces: ["a"]\n'
                      '        verbs: ["get", "list"]\n        resources: ["pods"]\n')
    agent.process = stack.Process(tmp_path, "agent", [stack.BIN, "agent", "--config", config, "--kubeconfig",
                                                      agent_kubeconfig], stack.base_env(tmp_path, **agent.settings))
    central.wait_connected(name)
    path = f"/clusters/{name}/exec"
    assert run(user, "get", "pods", "-n", "a", path=path)["exit_code"] == 0
    for command in (["get", "pods", "-n", "b"], ["get", "pods", "-A"], ["delete", "pod", "nobody", "-n", "a"]):
        answer = run(user, *command, path=path)
        assert answer["exit_code"] == 1 and "the agent's own roles" in answer["stderr"], answer
    assert agent.stop() == 0


@pytest.mark.parametrize("command, text", [
    (["create", "secret", "generic", "x", "--from-literal=password=hunter2"], "kubectl create secret generic x --from-literal=..."),
    (["create", "secret", "generic", "x", "--from-literal", "password=hunter2"], "kubectl create secret generic x --from-literal ..."),
    (["patch", "secret", "x", "-p", '{"data":{"a":"hunter2"}}'], "kubectl patch secret x -p ..."),
    (["run", "x", "--env=PASSWORD=hunter2"], "kubectl run x --env=..."),
    (["annotate", "pod", "nobody", "token=hunter2"], "kubectl annotate pod nobody token=..."),
    (["exec", "web", "--", "login", "hunter2"], "kubectl exec web -- ..."),
    (["label", "pod", "nobody", "tier=web"], "kubectl label pod nobody tier=web"),
])
def test_values_that_may_be_secret_are_no_part_of_the_trail(central, roles, user, command, text):
    api = central.add_user("reader")
    run(api, *command)
    rows = rows_of(central, api, 1)
    assert {row["command"] for row in rows} == {text}
    assert "hunter2" not in json.dumps(rows)
