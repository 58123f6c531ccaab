"""Paths, verbs and scopes: what is decided must be what the API server does."""
import json
import uuid

import pytest
from stack import raw_exchange

K8S = "/clusters/prod/k8s"


@pytest.fixture(scope="module")
def only_a(central, agent, roles):
    """May read and change namespace a, nothing else."""
    return central.add_user("only-a")


def send(central, api, method, target, *fields, body=b""):
    lines = "".join(f"{field}\r\n" for field in fields)
    head = (f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api.token}\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n{lines}\r\n")
    answer = raw_exchange(central, head.encode("latin-1") + body)
    return int(answer.split(b" ", 2)[1]), answer


@pytest.mark.parametrize("path", [
    "/api/v1/namespaces/a/../b/secrets", "/api/v1/namespaces/a/%2e%2e/b/secrets",
    "/api/v1/namespaces/a/%252e%252e/b/secrets", "/api/v1/namespaces/a/..;/b/secrets",
    "/api/v1/namespaces/a//pods", "//api/v1/namespaces/a/pods", "/api/v1/namespaces/a/./pods",
    "/api/v1/namespaces/a\\..\\b/pods", "/api/v1/namespaces/a%5c..%5cb/pods", "/api/v1/namespaces/a%2fpods",
    "/api/v1/namespaces/a/pods%2fweb", "/api/v1/namespaces/a/pods/%00", "/api/v1/namespaces/a/pods/web%0a",
    "/api/v1/namespaces/%c0%ae%c0%ae/pods", "/api/v1/namespaces/%ef%bc%8e%ef%bc%8e/../pods", "/api/v1/namespaces/%zz/pods",
    "/api/v1/namespaces/a/pods;x=y", "/api/v1/namespaces/a/" + "p" * 9000, "/api/v1/namespaces/a/pods/..",
    "/../../users", "/..%2f..%2fusers", "/%2e%2e/%2e%2e/users",
])
def test_paths_that_two_parsers_could_read_apart_are_refused(central, user, cluster, path):
    before = len(cluster.audit_events())
    status, answer = send(central, user, "GET", K8S + path)
    assert status in (400, 404, 413, 414, 431), answer[:300]
    assert b'"users"' not in answer
    new = [e["requestURI"] for e in cluster.audit_events()[before:]
           if e.get("impersonatedUser", {}).get("username") == f"mk8s:{user.email}"]
    assert new == [], "it was forwarded"


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/api/v1/namespaces/a/pods", 200),
    ("GET", "/api/v1/namespaces/a/pods/web", 200),
    ("GET", "/api/v1/namespaces/a/pods/web/log", 200),
    ("GET", "/version", 200), ("GET", "/api", 200), ("GET", "/apis", 200), ("GET", "/openapi/v3", 200),
    ("GET", "/api/v1/namespaces/b/pods", 403),
    ("GET", "/api/v1/namespaces/b/pods/web", 403),
    ("GET", "/api/v1/watch/namespaces/b/pods", 403),
    ("GET", "/api/v1/namespaces/b/pods?watch=1", 403),
    ("GET", "/api/v1/namespaces/b", 403),
    ("GET", "/api/v1/namespaces/b/status", 403),
    ("PUT", "/api/v1/namespaces/b/finalize", 403),
    ("GET", "/api/v1/nodes", 403),
    ("GET", "/apis/example.com/v1/namespaces/b/widgets", 403),
    ("GET", "/apis/metrics.k8s.io/v1beta1/namespaces/b/pods", 403),
    ("DELETE", "/api/v1/namespaces/a/pods", 403),
    ("GET", "/api/v1/namespaces/a/pods/web/exec?command=id", 403),
    ("POST", "/api/v1/namespaces/a/pods/web/exec?command=id", 403),
    ("GET", "/api/v1/namespaces/a/pods/web/attach", 403),
    ("GET", "/api/v1/namespaces/a/pods/web/portforward", 403),
    ("GET", "/api/v1/namespaces/a/pods/web/proxy/", 403),
    ("GET", "/api/v1/namespaces/a/services/web/proxy/metrics", 403),
    ("GET", "/api/v1/proxy/namespaces/a/pods/web", 403),
    ("GET", "/api/v1/nodes/node-1/proxy/run/a/b", 403),
    ("PATCH", "/api/v1/namespaces/a/pods/web/ephemeralcontainers", 403),
    ("POST", "/api/v1/namespaces/a/serviceaccounts/default/token", 403),
    ("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles", 403),
    ("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/rolebindings", 403),
    ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", 403),
    ("GET", "/metrics", 403), ("GET", "/logs/", 403), ("GET", "/debug/pprof/", 403), ("POST", "/version", 403),
])
def test_what_a_role_of_one_namespace_may(central, only_a, method, path, status):
    body = b"{}" if method in ("POST", "PUT", "PATCH") else b""
    fields = ["Content-Type: application/json"] if body else []
    got, answer = send(central, only_a, method, K8S + path, *fields, body=body)
    assert got == status, answer[:600]
    if status == 403:
        denial = json.loads(answer.split(b"\r\n\r\n", 1)[1])
        assert denial["kind"] == "Status" and denial["reason"] == "Forbidden"
        assert only_a.email in denial["message"] and "only-a" in denial["message"]


@pytest.mark.parametrize("query", ["watch=1", "watch=true", "watch=TRUE", "%77atch=1", "watch", "watch=", "watch=x",
                                   "watch=0", "watch=false", "a;watch=1", "watch=false&watch=true",
                                   "fieldSelector=metadata.name%3Dweb", "fieldSelector=metadata.name%3Dweb&watch=1"])
def test_the_verb_is_the_api_servers(central, user, cluster, query):
    """The row in central's trail names the verb that the API server's own log has."""
    mark = f"verb-{uuid.uuid4().hex}"
    target = f"{K8S}/api/v1/namespaces/a/pods?timeoutSeconds=1&{query}"
    status, answer = send(central, user, "GET", target, f"User-Agent: {mark}")
    events = [e for e in cluster.audit_events() if e.get("userAgent") == mark]
    if status == 400:
        assert not events, answer
        return
    assert status == 200, answer[:300]
    row = central.wait_audit(events[-1]["auditID"], user=user.email)
    assert row["verb"] == events[-1]["verb"]


@pytest.mark.parametrize("method", ["get", "TRACE", "CONNECT", "BREW", "PROPFIND"])
def test_odd_methods_do_not_pass(central, only_a, cluster, method):
    before = len(cluster.audit_events())
    status, answer = send(central, only_a, method, K8S + "/api/v1/namespaces/a/pods/web")
    assert status in (400, 403, 405, 501), answer[:200]
    assert not [e for e in cluster.audit_events()[before:]
                if e.get("impersonatedUser", {}).get("username") == f"mk8s:{only_a.email}"]


@pytest.mark.parametrize("path, says", [
    ("/api/v1/namespaces/a/pods/" + "x" * 8200, "8192"),
    ("/api/v1/namespaces/a/pods/web?pretty=" + "x" * 66000, ""),
    ("/api/v1/namespaces/a/pods?labelSelector=" + "x" * 30000, "selectors are longer"),
    ("/api/v1/namespaces/a/pods?" + "a=b&" * 4000, "parameters"),
])
def test_a_path_that_is_too_long_is_414(user, path, says):
    answer = user.get(K8S + path)
    assert answer.status == 414 and says in answer.text, answer


def test_an_apply_that_makes_an_object_needs_create(central, agent):
    central.add_role("patcher", verbs=["get", "patch"], namespaces=["a"])
    api = central.add_user("patcher")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "fresh"}}
    answer = api.ask("PATCH", K8S + "/api/v1/namespaces/a/configmaps/fresh?fieldManager=t", json.dumps(body),
                     {"Content-Type": "application/apply-patch+yaml"})
    assert answer.status == 403, answer
    assert central.login().get("/clusters/prod").status == 200
    assert api.get(K8S + "/api/v1/namespaces/a/configmaps/fresh").status == 404


@pytest.mark.parametrize("name", ["PROD", "prod%2e", "%70rod", "prod%00", "local", "0", "..", "%2e%2e", "рrod", "prod "])
def test_cluster_names_have_one_spelling(central, user, name):
    status, answer = send(central, user, "GET", f"/clusters/{name.encode().decode('latin-1')}/k8s/version")
    # a percent-encoded letter is the same letter; nothing else may find the cluster
    assert status == 200 if name == "%70rod" else status in (400, 404), answer[:200]


def test_a_cluster_that_one_may_not_see_answers_as_an_unknown_one(central, agent, roles):
    api = central.add_user("elsewhere")

    def answers(name):
        found = []
        for method, path in (("GET", ""), ("GET", "/k8s/api/v1/pods"), ("GET", "/k8s/version"),
                             ("POST", "/k8s/api/v1/namespaces/a/pods"), ("DELETE", ""), ("POST", "/token")):
            answer = api.ask(method, f"/clusters/{name}{path}", {} if method == "POST" else None)
            body = answer.json
            body.pop("instance", None)
            fields = {k: v for k, v in answer.headers.items()
                      if k not in ("x-request-id", "date", "audit-id", "content-length")}
            found.append((answer.status, json.dumps(body).replace(name, "NAME"), sorted(fields.items())))
        return found
    hidden, unknown = answers("prod"), answers("prodx")
    assert hidden == unknown
    assert "prod" not in [c["name"] for c in api.want(200, "GET", "/clusters")["clusters"]]
