"""An agent that breaks ExecuteCommand's rules, or does not finish: central says so, decides as ever, and lives on."""

import json
import threading
import uuid

import pytest
from reverse_peer import ReversePeer
from stack import SLOW, wait_for
from test_agent import Grpc, agent_pb, csr, openssl  # noqa: F401 (fixtures)


@pytest.fixture
def agent_files(central, roles, agent_pb, csr, tmp_path):  # noqa: F811
    """The name of a cluster, and certificate and key of an agent of it."""
    name = f"odd-{uuid.uuid4().hex[:6]}"
    token = central.add_cluster(name)["token"]
    grpc = Grpc(central, agent_pb)
    answer = grpc.call("Register", agent_pb.RegisterRequest(cluster_name=name, join_token=token, csr_pem=csr[1]))
    grpc.close()
    cert = tmp_path / "agent.pem"
    cert.write_text(answer.certificate_pem)
    return name, cert, csr[0]


@pytest.fixture
def play(central, agent_pb, agent_files):  # noqa: F811
    """play(script, api, command): the HTTP answer to a command whose agent does what script(peer, pb) does."""
    name, cert, key = agent_files
    api_of_admin = central.add_user("everything")

    def run(script, api=api_of_admin, command=("get", "pods"), headers=None, **members):
        peer = ReversePeer(central, cert, key)
        central.wait_connected(name)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(api.ask(
            "POST", f"/clusters/{name}/exec", {"command": list(command), **members}, headers, timeout_s=30)))
        thread.start()
        while peer.command is None:
            peer.step()
        assert peer.wait_input(agent_pb, "start").command == list(command)
        script(peer, agent_pb)
        thread.join(30 * SLOW)
        peer.close()
        wait_for("the cluster to be away", lambda: central.status_of(name) == "disconnected")
        return answers[0]
    return run


def request(pb, number=1, method="GET", target="/api/v1/namespaces/a/pods", **more):
    return pb.CommandEvent(request=pb.CommandRequest(number=number, method=method, target=target, **more))


def stdout(pb, data):
    return pb.CommandEvent(stdout_part=data)


def leave(pb, code=0):
    return pb.CommandEvent(exit=pb.CommandExit(code=code))


def test_an_agent_that_keeps_the_rules(play, central, agent_pb):  # noqa: F811
    seen = {}

    def script(peer, pb):
        peer.begin()
        peer.send(request(pb))
        seen["decision"] = peer.wait_input(pb, "decision")
        peer.send(pb.CommandEvent(request_done=pb.CommandRequestDone(number=1, status=200, bytes_received=5)))
        peer.send(stdout(pb, b"hello \xff\xc3"))
        peer.send(stdout(pb, b"\xa4\n"))
        peer.send(leave(pb, 3))
        peer.end()
    answer = play(script)
    assert answer.status == 200 and answer.json == {"output": "hello \ufffdä\n", "exit_code": 3}
    assert seen["decision"].status == 0 and len(seen["decision"].rules) == 64 and seen["decision"].number == 1
    row = wait_for("its complete row", lambda: next(
        (row for row in central.audit(limit=50) if row["id"] == seen["decision"].audit_id and row["status"]), None), 5)
    assert (row["verb"], row["resource"], row["status"], row["decision"]) == ("list", "pods", 200, "allow")


def frame(length, flag=0):
    return bytes([flag]) + length.to_bytes(4, "big")


HOSTILE = {
    "garbage": lambda peer, pb: peer.send_raw(frame(4) + b"\xff\xff\xff\xff"),
    "compressed": lambda peer, pb: peer.send_raw(frame(1, 1) + b"x"),
    "flag": lambda peer, pb: peer.send_raw(frame(1, 7) + b"x"),
    "announced too large": lambda peer, pb: peer.send_raw(frame(0xFFFFFFFF)),
    "too large": lambda peer, pb: peer.send(stdout(pb, b"x" * (256 * 1024))),
    "cut": lambda peer, pb: (peer.send_raw(frame(100) + b"x"), peer.end()),
    "empty": lambda peer, pb: peer.send(b""),
    "no exit": lambda peer, pb: peer.end(),
    "a failure": lambda peer, pb: peer.end("13", "broken"),
    "reset": lambda peer, pb: peer.reset(),
    "gone": lambda peer, pb: peer.close(),
    "number 0": lambda peer, pb: peer.send(request(pb, 0)),
    "number 2": lambda peer, pb: peer.send(request(pb, 2)),
    "two at once": lambda peer, pb: (peer.send(request(pb, 1)), peer.send(request(pb, 2))),
    "done before asked": lambda peer, pb: peer.send(pb.CommandEvent(request_done=pb.CommandRequestDone(number=1))),
    "another's done": lambda peer, pb: (peer.send(request(pb, 1)), peer.wait_input(pb, "decision"), peer.send(
        pb.CommandEvent(request_done=pb.CommandRequestDone(number=9)))),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_an_agent_that_breaks_the_rules(play, central, what):
    def script(peer, pb):
        peer.begin()
        HOSTILE[what](peer, pb)
    answer = play(script)
    assert answer.status in (502, 503) and answer.json["detail"], answer
    assert central.process.is_up()


def test_refusals_of_an_agent(play):
    busy = play(lambda peer, pb: peer.refuse("8", "no worker is free"))
    assert busy.status == 429 and busy.headers["retry-after"], busy
    old = play(lambda peer, pb: peer.answer_http(404))
    assert old.status == 501 and "too old" in old.json["detail"], old


@pytest.mark.parametrize("method, target, status", [
    ("GET", "/api/v1/namespaces/b/pods", 403), ("DELETE", "/api/v1/namespaces/a/pods/web", 403),
    ("GET", "/api/v1/namespaces/a/../b/pods", 400), ("GET", "https://elsewhere/api/v1/namespaces/a/pods", 400),
    ("GET", "", 400), ("GET", "/api/v1/namespaces/a/pods/%2e%2e/%2e%2e/b/pods", 400), ("GET", "/metrics", 403),
    ("", "/api/v1/namespaces/a/pods", 400), ("get", "/api/v1/namespaces/a/pods", 403),
    ("GET", "/api/v1/namespaces/a/pods/web/exec?command=id", 403), ("GET", "/api/v1/namespaces/a/pods\r\nX: y", 400),
])
def test_what_an_agent_asks_is_decided_by_central_alone(play, central, method, target, status):
    api = central.add_user(central.add_role(f"r-{uuid.uuid4().hex[:6]}", verbs=["get", "list"], namespaces=["a"]))
    seen = {}

    def script(peer, pb):
        peer.begin()
        peer.send(request(pb, 1, method, target))
        seen["decision"] = peer.wait_input(pb, "decision")
        peer.send(leave(pb, 1))
        peer.end()
    assert play(script, api).json["exit_code"] == 1
    assert seen["decision"].status == status, seen
    assert json.loads(seen["decision"].body)["kind"] == "Status"


def test_a_limited_list_names_its_namespaces(play, central):
    api = central.add_user("only-a")
    seen = {}

    def script(peer, pb):
        peer.begin()
        peer.send(request(pb, 1, "GET", "/api/v1/pods?limit=500&continue=anything"))
        seen["decision"] = peer.wait_input(pb, "decision")
        peer.send(leave(pb))
        peer.end()
    assert play(script, api).status == 200
    assert seen["decision"].status == 0 and list(seen["decision"].only_namespaces) == ["a"]


def test_an_agent_that_does_not_end_is_ended(play):
    seen = {}

    def script(peer, pb):
        peer.begin()
        peer.send(stdout(pb, b"so far"))
        seen["cancel"] = peer.wait_input(pb, "cancel")
        seen["after"] = peer.next_input(pb)
    answer = play(script, timeout_s=1)
    assert answer.json["exit_code"] == 124 and answer.json["output"] == "so far"
    assert seen["cancel"] is not None and seen["after"] is None  # it was reset


def test_what_was_streamed_stands_when_the_agent_breaks_off(play):
    def script(peer, pb):
        peer.begin()
        peer.send(stdout(pb, b"so far"))
        peer.reset()
    answer = play(script, headers={"Accept": "application/x-ndjson"})
    first, last = [json.loads(line) for line in answer.text.splitlines()]
    assert first == {"stream": "stdout", "data": "so far"} and last["exit_code"] == 1 and last["error"]
