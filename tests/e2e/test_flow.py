"""The main job: requests to a cluster through central and an agent, by plain HTTP."""
import json
import uuid

from stack import Api

PODS = "/clusters/prod/k8s/api/v1/namespaces/a/pods"


def test_a_request_reaches_the_cluster_as_the_user(user, cluster):
    answer = user.get(PODS + "/web")
    assert answer.status == 200, answer
    assert answer.json["metadata"]["name"] == "web"
    event = [e for e in cluster.audit_events() if e["requestURI"].endswith("/namespaces/a/pods/web")
             and e["stage"] == "ResponseComplete" and "impersonatedUser" in e][-1]
    who = event["impersonatedUser"]
    assert who["username"] == f"mk8s:{user.email}"
    assert set(who["groups"]) == {"mk8s:users", "mk8s:role:everything", "system:authenticated"}
    assert event["user"]["username"] == "system:serviceaccount:agents:agent"


def test_the_cluster_can_be_named_by_its_uuid(user, central):
    cluster_id = central.admin.want(200, "GET", "/clusters/prod")["id"]
    assert uuid.UUID(cluster_id)
    answer = user.get(f"/clusters/{cluster_id}/k8s/version")
    assert answer.status == 200 and answer.json["major"] == "1"


def test_changes_are_made_and_read_back(user):
    path = "/clusters/prod/k8s/api/v1/namespaces/a/configmaps"
    made = user.want(201, "POST", path, {"apiVersion": "v1", "kind": "ConfigMap",
                                         "metadata": {"name": "made"}, "data": {"k": "1"}})
    made["data"]["k"] = "2"
    assert user.want(200, "PUT", path + "/made", made)["data"] == {"k": "2"}
    patched = user.ask("PATCH", path + "/made", json.dumps({"data": {"l": "3"}}),
                       {"Content-Type": "application/merge-patch+json"})
    assert patched.status == 200 and patched.json["data"] == {"k": "2", "l": "3"}
    assert user.ask("DELETE", path + "/made").status == 200
    assert user.get(path + "/made").status == 404


def test_the_servers_own_errors_come_through(user):
    answer = user.get(PODS + "/nope")
    assert answer.status == 404
    assert answer.json["message"] == 'pods "nope" not found' and answer.json["reason"] == "NotFound"


def test_a_long_body_comes_whole(user, cluster):
    big = "x" * 900_000
    path = "/clusters/prod/k8s/api/v1/namespaces/b/configmaps"
    user.want(201, "POST", path, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "big"},
                                  "data": {"big": big}})
    assert user.want(200, "GET", path + "/big")["data"]["big"] == big
    assert user.ask("DELETE", path + "/big").status == 200


def test_a_watch_brings_changes_at_once(user, cluster):
    version = user.want(200, "GET", "/clusters/prod/k8s/api/v1/namespaces/b/configmaps")["metadata"]["resourceVersion"]
    watch = f"/clusters/prod/k8s/api/v1/namespaces/b/configmaps?watch=1&resourceVersion={version}&timeoutSeconds=30"
    with user.stream(watch) as events:
        cluster.api("POST", "/api/v1/namespaces/b/configmaps", {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "watched"}})
        event = json.loads(events.readline())
        assert event["type"] == "ADDED" and event["object"]["metadata"]["name"] == "watched"
        cluster.api("DELETE", "/api/v1/namespaces/b/configmaps/watched")
        assert json.loads(events.readline())["type"] == "DELETED"


def test_a_log_is_followed(user, cluster):
    cluster.create_pod("b", "talker")
    cluster.append_log("b", "talker", "one")
    with user.stream("/clusters/prod/k8s/api/v1/namespaces/b/pods/talker/log?follow=true") as log:
        assert log.status == 200
        assert log.readline() == b"one\n"
        cluster.append_log("b", "talker", "two", "three")
        assert log.readline() == b"two\n" and log.readline() == b"three\n"
    cluster.api("DELETE", "/api/v1/namespaces/b/pods/talker")


def test_two_hundred_requests_at_once(user):
    import concurrent.futures
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: user.get(PODS + "/web").status, range(200)))
    assert answers == [200] * 200


def test_without_a_token_nothing_is_told(central, agent):
    for path in (PODS, "/clusters/nope/k8s/api/v1/pods", "/clusters", "/users", "/audit"):
        answer = Api(central).get(path)
        assert answer.status == 401, (path, answer)
    for token in ("x", "a.b.c", "Bearer", "ey" * 5000):
        assert Api(central, token).get(PODS).status in (401, 431), token
