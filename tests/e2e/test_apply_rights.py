"""An apply patch needs patch, and create where the object is new."""

import json

import pytest
import stack

CONFIGMAPS = "/clusters/prod/k8s/api/v1/namespaces/a/configmaps"
APPLY = {"Content-Type": "application/apply-patch+yaml"}


@pytest.fixture(scope="module")
def user_with(central, agent):
    made = {}

    def make(*verbs):
        if verbs not in made:
            central.add_role("apply-" + "-".join(verbs), namespaces=["a"], verbs=list(verbs))
            made[verbs] = central.add_user("apply-" + "-".join(verbs))
        return made[verbs]
    return make


def apply(api, name, value):
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": value}}
    return api.ask("PATCH", f"{CONFIGMAPS}/{name}?fieldManager=test&force=true", json.dumps(body), APPLY)


@pytest.fixture
def object_there(cluster):
    path = "/api/v1/namespaces/a/configmaps"
    cluster.api("POST", path, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "there"}})
    yield "there"
    cluster.api("DELETE", path + "/there")


def is_there(user, name):
    return user.get(f"{CONFIGMAPS}/{name}").status == 200


def test_who_may_create_makes_it(user_with, user):
    assert apply(user_with("patch", "create"), "made", "1").status == 201
    assert apply(user_with("patch", "create"), "made", "2").status == 200
    assert user.ask("DELETE", CONFIGMAPS + "/made").status == 200


def test_who_may_only_patch_changes_what_is_there(user_with, object_there):
    answer = apply(user_with("patch", "get"), object_there, "changed")
    assert answer.status == 200 and answer.json["data"] == {"k": "changed"}, answer


def test_who_may_only_patch_makes_nothing(user_with, user, central):
    answer = apply(user_with("patch", "get"), "new", "x")
    assert answer.status == 403 and answer.json["reason"] == "Forbidden", answer
    assert 'may patch, but not create configmaps "new"' in answer.json["message"]
    assert not is_there(user, "new")
    row = stack.wait_for("the denial's row", lambda: next(
        (row for row in central.audit(limit=20, verb="patch") if row["name"] == "new" and row["status"]), None))
    assert row["decision"] == "deny" and row["status"] == 403 and not row["rule"]


def test_without_get_it_cannot_be_told(user_with, user, object_there):
    for name in ("new", object_there):
        answer = apply(user_with("patch"), name, "x")
        assert answer.status == 403 and '"get"' in answer.json["message"], answer
    assert not is_there(user, "new")


def test_who_may_not_patch_is_asked_nothing(user_with, user):
    for verbs in (("create",), ("create", "get", "update")):
        answer = apply(user_with(*verbs), "new", "x")
        assert answer.status == 403 and "cannot patch" in answer.json["message"], answer
    assert not is_there(user, "new")


def test_a_large_body_waits_for_the_question(user_with, object_there):
    answer = apply(user_with("patch", "get"), object_there, "x" * 700_000)
    assert answer.status == 200 and len(answer.json["data"]["k"]) == 700_000


def test_other_patches_ask_nothing(user_with, object_there):
    merge = {"Content-Type": "application/merge-patch+json"}
    answer = user_with("patch").ask("PATCH", f"{CONFIGMAPS}/{object_there}", '{"data":{"k":"merged"}}', merge)
    assert answer.status == 200 and answer.json["data"]["k"] == "merged"


def test_an_agent_that_is_away_is_told(central, agent, user_with):
    central.add_cluster("apply-away")
    answer = user_with("patch", "get").ask(
        "PATCH", "/clusters/apply-away/k8s/api/v1/namespaces/a/configmaps/x?fieldManager=t", "{}", APPLY)
    assert answer.status == 503 and answer.headers["Retry-After"], answer
