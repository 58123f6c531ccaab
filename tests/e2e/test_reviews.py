"""Reviews of one's own rights: central's verdict and the API server's, both."""

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


RULES = "/clusters/{}/k8s/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


def rules_of(api, namespace="a", cluster="prod"):
    """{(verb, group, resource, name)} and {(verb, path)} that a review names, and its status."""
    answer = api.want(201, "POST", RULES.format(cluster), {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}})
    assert answer["kind"] == "SelfSubjectRulesReview", answer
    status = answer["status"]
    return ({(verb, group, resource, name) for rule in status["resourceRules"] for verb in rule["verbs"]
             for group in rule["apiGroups"] for resource in rule["resources"] for name in rule.get("resourceNames", [""])},
            {(verb, path) for rule in status["nonResourceRules"] for verb in rule["verbs"] for path in rule["nonResourceURLs"]},
            status)


def without_reviews(resources):
    return {r for r in resources if not r[2].startswith("selfsubject")}


def test_the_list_of_rights_is_no_longer_than_the_roles(limited):
    resources, paths, status = rules_of(limited)
    assert without_reviews(resources) == {
        *((verb, "", "pods", "") for verb in ("get", "list", "watch", "create")),
        *((verb, "apps", "deployments", "") for verb in ("get", "list", "watch", "create")),
        *((verb, "", "pods/log", "") for verb in ("get", "create", "update", "patch", "delete")),
        *((verb, "rbac.authorization.k8s.io", "rolebindings", "") for verb in ("get", "list", "watch")),
    }, "and not to create rolebindings, which needs admin"
    assert ("get", "/version") in paths and not any(path in ("*", "/metrics") for _, path in paths)
    assert not status["incomplete"]
    assert without_reviews(rules_of(limited, "b")[0]) == set()


def test_each_right_of_the_list_is_one_by_a_single_review(limited):
    """The two kinds of review say the same."""
    asked = 0
    for verb, group, resource, name in rules_of(limited)[0]:
        parent, _, part = resource.partition("/")
        assert review(limited, verb=verb, group=group, resource=parent, subresource=part, name=name,
                      namespace="a")["status"]["allowed"], (verb, group, resource)
        asked += 1
    assert asked > 10


def test_who_may_everything_may_what_the_cluster_lets(user, central, cluster, make_agent):
    assert ("*", "*", "*", "") in rules_of(user)[0], "mk8s:users are cluster-admin there"
    namespace = "reviewed"
    cluster.create_namespace(namespace)
    kubeconfig = cluster.create_service_account(namespace, "narrow", "view")[1]
    make_agent(central, "prod-narrow", kubeconfig=kubeconfig, impersonate="false")
    central.add_role("reviews-narrow", cluster="prod-narrow")
    api = central.add_user("reviews-narrow")
    narrow = rules_of(api, namespace, "prod-narrow")[0]
    assert ("list", "", "pods", "") in narrow, "the agent's own account is bound to view"
    assert not [r for r in narrow if "*" in r or r[2] == "secrets" or (r[0] == "delete" and r[2] == "pods")], narrow


def test_a_namespace_and_wide_readers(central, agent):
    central.add_role("review-own", namespaces=["a"], verbs=["get", "list"], resources=["namespaces"])
    own = without_reviews(rules_of(central.add_user("review-own"))[0])
    assert own == {("get", "", "namespaces", "a"), ("list", "", "namespaces", "")}
    central.add_role("review-wide", verbs=["get", "list", "watch"])
    resources, _, status = rules_of(central.add_user("review-wide"))
    assert {("list", "*", "*", ""), ("get", "", "secrets", ""), ("get", "apps", "deployments", "")} <= resources
    assert not {("get", "*", "*", ""), ("get", "", "pods/log", ""), ("get", "", "pods/exec", "")} & resources
    assert status["incomplete"] and "central's roles" in status["evaluationError"], "custom resources are not listed one by one"


@pytest.mark.parametrize("accept", ["application/vnd.kubernetes.protobuf", "application/vnd.kubernetes.protobuf,application/json",
                                    "application/yaml", "*/*"])
def test_the_list_of_rights_is_json_whatever_is_accepted(limited, accept):
    answer = limited.ask("POST", RULES.format("prod"), json.dumps({"spec": {"namespace": "a"}}),
                         {"Content-Type": "application/json", "Accept": accept, "Accept-Encoding": "gzip"})
    assert answer.status == 201 and answer.json["status"]["resourceRules"]


@pytest.mark.parametrize("body", [
    "", "{", "[]", "{}", '{"spec":{}}', '{"spec":{"namespace":""}}', '{"spec":{"namespace":7}}', "k8s\0\n",
    '{"spec":{"namespace":"a"},"spec":{"namespace":"b"}}', json.dumps({"spec": {"namespace": "n" * 70_000}}),
])
def test_what_is_no_rules_review_is_refused(limited, body):
    answer = limited.ask("POST", RULES.format("prod"), body, {"Content-Type": "application/json"})
    assert answer.status in (400, 413) and answer.json["kind"] == "Status", answer


def test_whoami(central, limited, make_cli):
    user = json.loads(make_cli(central, limited.email).ok("kubectl", "--cluster", "prod", "auth", "whoami", "-o", "json"))
    user = user["status"]["userInfo"]
    assert user["username"] == f"mk8s:{limited.email}"
    assert {"mk8s:users", "mk8s:role:review-a", "system:authenticated"} <= set(user["groups"])


def test_kubectl_lists_rights_and_says_who_one_is(central, limited, make_cli, stock_kubectl):
    if not stack.REAL:
        pytest.skip("kubectl asks in protobuf, which the simulated server does not read")
    cli = make_cli(central, limited.email)
    cli.write_kubeconfig("prod")
    assert f"mk8s:{limited.email}" in cli.kubectl("auth", "whoami").stdout
    lines = [line.split() for line in cli.kubectl("auth", "can-i", "--list", "-n", "a").stdout.splitlines()]
    told = {line[0]: set(" ".join(line).rpartition("[")[2].rstrip("]").split()) for line in lines if line}
    assert told["pods"] == {"get", "list", "watch", "create"}
    assert told["rolebindings.rbac.authorization.k8s.io"] == {"get", "list", "watch"}
    assert not {"*.*", "secrets", "nodes", "pods/exec"} & set(told), told


def test_a_command_gets_no_list_that_is_not_cut_down(limited):
    done = limited.want(200, "POST", "/clusters/prod/exec", {"command": ["auth", "can-i", "--list", "-n", "a"]})
    assert done["exit_code"] == 1 and "mk8s kubectl auth can-i --list" in done["stderr"] and done["output"] == ""


def test_a_review_is_in_the_trail(limited, central):
    answer = limited.ask("POST", REVIEWS, json.dumps({"spec": {"resourceAttributes": {
        "verb": "get", "resource": "secrets"}}}), {"Content-Type": "application/json"})
    assert answer.status == 201
    stack.wait_for("the review's row", lambda: any(
        row["resource"] == "selfsubjectaccessreviews" for row in central.audit(limit=50, user=limited.email)))
