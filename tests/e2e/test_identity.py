"""Who the cluster believes is asking: attacks on the identity that the agent states (proved by the API server's own log)."""
import contextlib
import itertools
import uuid

import pytest
from stack import raw_exchange

ATTACKS = [
    ["Impersonate-User: system:admin"],
    ["impersonate-user: system:admin", "IMPERSONATE-USER: other"],
    ["Impersonate-User: x", "Impersonate-Group: system:masters", "Impersonate-Group: other"],
    ["Impersonate-Uid: 0", "Impersonate-Extra-Scopes: all", "Impersonate-Extra-a%2fb: c"],
    ["Impersonate_User: system:admin"],
    ["Connection: impersonate-user, impersonate-group, authorization, upgrade"],
    ["Connection:", "Connection: Impersonate-User"],
    ["Connection: close, Impersonate-User", "TE: Impersonate-Group", "Trailer: Authorization"],
    ["Keep-Alive: impersonate-user", "Proxy-Connection: impersonate-group"],
    ["X-Remote-User: system:admin", "X-Remote-Group: system:masters", "X-Remote-Extra-Scopes: all"],
    ["X-Forwarded-User: admin", "X-Forwarded-For: 127.0.0.1", "Forwarded: for=1.2.3.4;by=x", "X-Real-IP: 10.0.0.1"],
    ["X-Forwarded-Client-Cert: Subject=admin", "X-Forwarded-Host: evil", "X-Original-URL: /api/v1/secrets"],
    ["X-HTTP-Method-Override: DELETE", "X-Method-Override: DELETE"],
    ["Cookie: token=x", "Proxy-Authorization: Basic YTpi"],
    ["Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.c3lzdGVt"],
    ["Audit-ID: 00000000-0000-0000-0000-000000000000"],
]


def completed(cluster, agent_name):
    """The audit event of the request that had that User-Agent."""
    found = [e for e in cluster.audit_events() if e.get("userAgent") == agent_name and e["stage"] == "ResponseComplete"]
    return found[-1] if found else None


@pytest.mark.parametrize("fields", ATTACKS, ids=lambda f: f[0].split(":")[0] + "-" + str(len(f)))
def test_what_the_client_says_of_itself_is_not_passed_on(central, user, cluster, fields):
    mark = f"attack-{uuid.uuid4().hex}"
    lines = "".join(f"{field}\r\n" for field in fields)
    request = (f"GET /clusters/prod/k8s/api/v1/namespaces/a/pods/web HTTP/1.1\r\nHost: 127.0.0.1\r\n"
               f"Authorization: Bearer {user.token}\r\nUser-Agent: {mark}\r\nConnection: close\r\n{lines}\r\n")
    answer = raw_exchange(central, request.encode())
    status = int(answer.split(b" ", 2)[1])
    assert status in (200, 400), answer[:300]
    event = completed(cluster, mark)
    if status == 400:
        assert event is None, "a refused request went on"
        return
    assert event["impersonatedUser"]["username"] == f"mk8s:{user.email}"
    assert sorted(event["impersonatedUser"]["groups"]) == sorted(["mk8s:users", "mk8s:role:everything",
                                                                  "system:authenticated"])
    assert "extra" not in event["impersonatedUser"] and "uid" not in event["impersonatedUser"]
    assert event["user"]["username"] == "system:serviceaccount:agents:agent"
    assert event["verb"] == "get" and event["auditID"] != "00000000-0000-0000-0000-000000000000"
    assert event["sourceIPs"] == ["127.0.0.1"]


def test_a_role_newer_than_the_manifest_is_explained(central, cluster, make_agent):
    group = "rbac.authorization.k8s.io"
    cluster.api("POST", f"/apis/{group}/v1/clusterroles", {
        "apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": "impersonator-of-some"}, "rules": [
            {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"]},
            {"apiGroups": [""], "resources": ["groups"], "verbs": ["impersonate"],
             "resourceNames": ["mk8s:users", "mk8s:role:known", "system:authenticated"]}]})
    _, kubeconfig = cluster.create_service_account("agents", "limited", "impersonator-of-some")
    central.add_role("known"), central.add_role("newer")
    agent = make_agent(central, "limited", kubeconfig=kubeconfig)
    path = "/clusters/limited/k8s/api/v1/namespaces/a/pods/web"
    assert central.add_user("known").get(path).status == 200
    answer = central.add_user("newer").get(path)
    assert answer.status == 403 and answer.json["reason"] == "Forbidden", answer
    assert "cannot impersonate" in answer.json["message"]
    assert "mk8s clusters token limited --manifest" in answer.json["message"], answer
    assert agent.stop() == 0
    central.admin.want(204, "DELETE", "/clusters/limited")


@pytest.mark.parametrize("make", [
    lambda t: [f"Authorization: Bearer {t}", f"Authorization: Bearer {t}"],
    lambda t: [f"Authorization: Bearer {t}", "Authorization: Basic YWRtaW46eA=="],
    lambda t: ["Authorization: Basic YWRtaW46eA==", f"Authorization: Bearer {t}"],
    lambda t: [f"Authorization: Bearer {t}, Basic x"],
    lambda t: [f"Authorization: Basic {t}"],
    lambda t: [f"Cookie: token={t}"],
    lambda t: [f"X-Authorization: Bearer {t}"],
])
def test_one_bearer_token_or_none(central, user, cluster, make):
    mark = f"attack-{uuid.uuid4().hex}"
    lines = "".join(f"{field}\r\n" for field in make(user.token))
    answer = raw_exchange(central, (f"GET /clusters/prod/k8s/api/v1/namespaces/a/pods HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                                    f"User-Agent: {mark}\r\nConnection: close\r\n{lines}\r\n").encode())
    assert int(answer.split(b" ", 2)[1]) in (400, 401), answer[:300]
    assert completed(cluster, mark) is None


@pytest.mark.parametrize("query", ["access_token={}", "token={}", "authorization=Bearer%20{}"])
def test_a_token_in_the_query_is_none(central, user, agent, query):
    request = f"GET /auth/me?{query.format(user.token)} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    assert raw_exchange(central, request.encode()).startswith(b"HTTP/1.1 401")


def test_the_lower_case_scheme_is_the_same(central, user):
    assert user.get("/auth/me", headers={"authorization": f"bearer {user.token}"}).status == 200


def test_the_users_token_never_reaches_the_cluster(user, cluster, session_dir):
    assert user.get("/clusters/prod/k8s/api/v1/namespaces/a/pods").status == 200
    for path in itertools.chain(session_dir.rglob("*.err"), session_dir.rglob("*.log"), session_dir.rglob("*.out")):
        assert user.token not in path.read_text(errors="replace"), path
    with contextlib.suppress(FileNotFoundError):
        assert user.token.split(".")[2].encode() not in (session_dir / "central/state/audit.db").read_bytes()


@pytest.mark.parametrize("email", ["system:admin", "system:masters@example.com,x", "a\r\nb@example.com", "a\0@example.com",
                                   "x" * 70000 + "@example.com", "ünïcode@example.com", "a b@example.com"])
def test_names_that_could_be_taken_for_another_are_refused(central, email):
    answer = central.admin.ask("POST", "/users", {"email": email, "password": "correct-horse-battery"})
    assert answer.status in (400, 413), answer
