"""Which rule allows a request: GET /why and `mk8s why`, as the requests themselves show it."""

import pytest


@pytest.fixture(scope="module")
def asked(central, agent):
    central.add_role("why-a", namespaces=["a"], verbs=["get", "list", "watch", "logs"], resources=["pods"])
    central.add_role("why-other", cluster="other-*")
    return central.add_user("why-a", "why-other")


def why(api, status=200, **query):
    words = "&".join(f"{name}={value}" for name, value in query.items())
    return api.want(status, "GET", f"/why?{words}")


@pytest.mark.parametrize("path, query", [
    ("/api/v1/namespaces/a/pods", {"verb": "list", "resource": "pods", "namespace": "a"}),
    ("/api/v1/pods", {"verb": "list", "resource": "pods"}),
    ("/api/v1/namespaces/a/pods/web", {"verb": "get", "resource": "pods", "namespace": "a", "name": "web"}),
    ("/api/v1/namespaces/b/pods", {"verb": "list", "resource": "pods", "namespace": "b"}),
    ("/api/v1/namespaces/a/secrets", {"verb": "list", "resource": "secrets", "namespace": "a"}),
    ("/api/v1/nodes", {"verb": "list", "resource": "nodes"}),
    ("/version", {"verb": "get", "resource": "/version"}),
    ("/metrics", {"verb": "get", "resource": "/metrics"}),
])
def test_the_answer_is_what_happens(asked, path, query):
    answer = why(asked, cluster="prod", **query)
    happens = asked.get("/clusters/prod/k8s" + path)
    assert answer["allowed"] == (happens.status != 403), (answer, happens)
    assert bool(answer["rule"]) == answer["allowed"] and bool(answer["reason"]) != answer["allowed"]
    if not answer["allowed"]:
        assert happens.json["message"] == answer["reason"]


def test_rules_say_what_they_lack(asked):
    answer = why(asked, cluster="prod", verb="get", resource="pods", namespace="b")
    assert [(r["role"], r["rule"], r["lacks"]) for r in answer["rules"]] == [
        ("why-a", 1, "namespace"), ("why-other", 1, "cluster")]
    answer = why(asked, cluster="prod", verb="exec", resource="pods", namespace="a")
    assert answer["role_verb"] == "exec" and answer["rules"][0]["lacks"] == "verb"
    answer = why(asked, cluster="prod", verb="watch", resource="pods")
    assert answer["allowed"] and answer["only_namespaces"] == ["a"]


def test_others_are_an_administrators_to_ask_about(asked, central):
    query = {"cluster": "prod", "verb": "get", "resource": "pods", "namespace": "a"}
    assert why(asked, user=asked.email, **query)["allowed"]
    assert why(central.admin, user=asked.email, **query)["rule"] == "why-a, rule 1 (*)"
    assert why(asked, 403, user="admin@localhost", **query)["status"] == 403
    assert why(asked, 403, user="nobody@example.com", **query)["status"] == 403
    assert why(central.admin, 404, user="nobody@example.com", **query)["status"] == 404


@pytest.mark.parametrize("query, status, says", [
    ({"verb": "get", "resource": "pods"}, 400, "cluster"),
    ({"cluster": "prod", "resource": "pods"}, 400, "verb"),
    ({"cluster": "prod", "verb": "get"}, 400, "resource"),
    ({"cluster": "prod", "verb": "get", "resource": ""}, 400, "resource"),
    ({"cluster": "prod", "verb": "peek", "resource": "pods"}, 400, "verb"),
    ({"cluster": "prod", "verb": "get", "resource": "p" * 600}, 400, "resource"),
    ({"cluster": "unknown", "verb": "get", "resource": "pods"}, 404, "not found"),
])
def test_questions_that_make_no_sense(asked, query, status, says):
    assert says in why(asked, status, **query)["detail"]


def test_a_cluster_that_is_not_seen_is_unknown(central, agent):
    central.add_role("why-blind", cluster="elsewhere")
    api = central.add_user("why-blind")
    assert why(api, 404, cluster="prod", verb="get", resource="pods")["detail"] == 'cluster "prod" not found'


def test_the_command_line(asked, central, make_cli):
    cli = make_cli(central, asked.email)
    cli.ok("clusters", "use", "prod")
    assert cli.ok("why", "get", "pods", "web", "-n", "a") == "yes: why-a, rule 1 (*)\n"
    assert cli.ok("why", "list", "pods") == "yes, for what is in a: why-a, rule 1 (*)\n"
    no = cli.run("why", "delete", "pods", "-n", "a", "--cluster", "prod")
    assert no.returncode == 1 and no.stdout.startswith(f'no: user "{asked.email}" cannot delete resource "pods"')
    assert no.stdout.splitlines()[1:] == ["  why-a, rule 1 (*): its verbs do not cover this",
                                          "  why-other, rule 1 (other-*): its clusters do not cover this"]
    assert '"allowed": true' in cli.ok("why", "get", "pods", "-n", "a", "-o", "json")
    assert cli.run("why", "get", "pods", "--user", "admin@localhost").returncode == 3
    assert cli.run("why", "get").returncode == 2
