"""POST /clusters/{id}/exec with kubectl exec: a command in a pod, without a terminal."""
import time

import pytest
import stack
from test_exec_command import lines_of, new_name, rows_of, streaming
from test_kubectl_exec import agent_of_peer, peer  # noqa: F401

CLUSTER = "test-exec-pods"
PATH = f"/clusters/{CLUSTER}/exec"


def run(api, *command, **members):
    return api.want(200, "POST", PATH, {"command": list(command), **members}, timeout_s=60)


@pytest.fixture
def api(central, agent_of_peer):  # noqa: F811
    return central.add_user("everything")


@pytest.mark.parametrize("words, output, stderr, code", [
    (["echo", "out"], "out\n", None, 0),
    (["sh", "-c", "echo out; echo err >&2; exit 7"], "out\n", "err\ncommand terminated with exit code 7\n", 7),
])
def test_a_command_in_a_pod(api, words, output, stderr, code):
    answer = run(api, "exec", "shell", "-n", "a", "--", *words)
    assert (answer["output"], answer.get("stderr"), answer["exit_code"]) == (output, stderr, code), answer


def test_its_rows(central, api):
    run(api, "exec", "shell", "-n", "a", "--", "echo", "hunter2")
    rows = {row["resource"]: row for row in rows_of(central, api, 3, CLUSTER)}
    assert rows["pods/exec"]["name"] == "shell" and rows["pods/exec"]["status"] == 101, rows
    assert rows[""]["command"] == "kubectl exec shell -n a -- ..."


def test_without_the_right_nothing_runs(central, roles, agent_of_peer):  # noqa: F811
    reader = central.add_user(central.add_role(new_name(), cluster=CLUSTER, verbs=["get", "list"]))
    answer = run(reader, "exec", "shell", "-n", "a", "--", "echo", "out")
    assert answer["exit_code"] == 1 and answer["output"] == "" and "Forbidden" in answer["stderr"], answer


@pytest.mark.parametrize("flags", [["-i"], ["-it"]])
def test_there_is_no_standard_input(api, flags):
    answer = run(api, "exec", *flags, "shell", "-n", "a", "--", "cat", stdin="x")
    assert answer["exit_code"] == 1 and "no standard input" in answer["stderr"], answer


@pytest.mark.parametrize("how", ["limit", "away", "logout"])
def test_a_silent_command_ends(central, roles, agent_of_peer, how):  # noqa: F811
    api = central.add_user("everything")
    began = time.monotonic()
    if how == "limit":
        answer = run(api, "exec", "shell", "-n", "a", "--", "sleep", "60", timeout_s=2)
        assert answer["exit_code"] == 124, answer
    else:
        with streaming(api, "exec", "shell", "-n", "a", "--", "sh", "-c", "echo there; sleep 60", path=PATH) as answer:
            assert "there" in answer.readline().decode()
            began = time.monotonic()
            if how == "logout":
                assert api.ask("POST", "/auth/logout", {"refresh_token": api.refresh_token}).status == 204
                assert lines_of(answer)[-1]["error"]
    rows = {row["resource"]: row for row in rows_of(central, api, 3, CLUSTER)}
    assert time.monotonic() - began < 8 * stack.SLOW and rows["pods/exec"]["duration_ms"] < 40000, rows
