"""SelfSubjectAccessReviews: central's verdict and the API server's, both."""

import json

import pytest
import stack

REVIEWS = "/clusters/prod/k8s/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@pytest.fixture(scope="module")
def limited(central, agent):
    central.add_role("review-a", namespaces=["a"], verbs=["get", "list", "watch", "logs", "create"],
                     resources=["pods", "deployments", "rolebindings"])
    return central.add_user("review-a")


def review(api, status=201, **attributes):
    kind = "nonResourceAttributes" if "path" in attributes else "resourceAttributes"
    answer = api.want(status, "POST", REVIEWS, {"apiVersion": "authorization.k8s.io/v1",
                                                "kind": "SelfSubjectAccessReview", "spec": {kind: attributes}})
    return answer


@pytest.mark.parametrize("allowed, attributes", [
    (True, {"verb": "get", "resource": "pods", "namespace": "a"}),
    (True, {"verb": "list", "resource": "pods"}),
    (True, {"verb": "list", "group": "apps", "resource": "deployments", "namespace": "a"}),
    (True, {"verb": "get", "resource": "pods", "subresource": "log", "namespace": "a"}),
    (True, {"verb": "get", "path": "/version"}),
    (False, {"verb": "get", "resource": "pods", "namespace": "b"}),
    (False, {"verb": "delete", "resource": "pods", "namespace": "a"}),
    (False, {"verb": "get", "resource": "secrets", "namespace": "a"}),
    (False, {"verb": "list", "group": "look.alike", "resource": "deployments", "namespace": "a"}),
    (False, {"verb": "create", "resource": "pods", "subresource": "exec", "namespace": "a"}),
    (False, {"verb": "create", "group": "rbac.authorization.k8s.io", "resource": "rolebindings", "namespace": "a"}),
    (False, {"verb": "*", "resource": "pods", "namespace": "a"}),
    (False, {"verb": "*", "group": "*", "resource": "*"}),
    (False, {"verb": "list", "resource": "nodes"}),
    (False, {"verb": "get", "path": "/metrics"}),
    (False, {"verb": "", "resource": "pods", "namespace": "a"}),
])
def test_the_answer_is_what_would_happen(limited, allowed, attributes):
    answer = review(limited, **attributes)
    assert answer["kind"] == "SelfSubjectAccessReview" and answer["spec"]
    assert answer["status"]["allowed"] == allowed, answer
    if not allowed:
        assert limited.email in answer["status"]["reason"] and "review-a" in answer["status"]["reason"]


def test_who_may_everything_may(user):
    assert review(user, verb="*", group="*", resource="*")["status"]["allowed"]
    assert review(user, verb="get", path="/metrics")["status"]["allowed"]


@pytest.mark.parametrize("body", [
    "", "{", "[]", "{}", '{"spec":{}}', '{"spec":{"resourceAttributes":{},"nonResourceAttributes":{}}}',
    '{"spec":{"nonResourceAttributes":{"verb":"get"}}}', "k8s\0\n", '{"spec":{"resourceAttributes":{}},"spec":{}}',
    json.dumps({"spec": {"resourceAttributes": {"verb": "get", "resource": "p" * 70_000}}}),
])
def test_what_is_no_review_is_refused(limited, body):
    answer = limited.ask("POST", REVIEWS, body, {"Content-Type": "application/json"})
    assert answer.status in (400, 413) and answer.json["kind"] == "Status", answer


def test_kubectl_auth_can_i(central, limited, make_cli, stock_kubectl):
    cli = make_cli(central, limited.email)
    cli.write_kubeconfig("prod")
    for answer, words in (("yes", "list pods -n a"), ("no", "list pods -n b"), ("yes", "list pods -A"),
                          ("no", "delete pods -n a"), ("yes", "get pods --subresource=log -n a"),
                          ("no", "get secrets -n a"), ("no", "get nodes"), ("no", "* *"),
                          ("yes", "list deployments.apps -n a"), ("no", "get /metrics"), ("yes", "get /version")):
        if answer == "yes" and not stack.REAL:
            continue  # kubectl asks in protobuf, which the simulated server does not read
        done = cli.kubectl("auth", "can-i", *words.split(), check=False)
        assert done.stdout.split()[:1] == [answer], (words, done)
        assert done.returncode == (0 if answer == "yes" else 1)


def test_a_review_is_in_the_trail(limited, central):
    answer = limited.ask("POST", REVIEWS, json.dumps({"spec": {"resourceAttributes": {
        "verb": "get", "resource": "secrets"}}}), {"Content-Type": "application/json"})
    assert answer.status == 201
    row = central.audit(limit=50, user=limited.email)
    assert any(r["resource"] == "selfsubjectaccessreviews" for r in row)
