"""Lists and watches over all namespaces as a user who may see two of them."""

import json
import re
import subprocess
import threading

import pytest
import sim
import stack

PODS = "/clusters/prod/k8s/api/v1/pods"
CONFIGMAPS = "/clusters/prod/k8s/api/v1/configmaps"
NAMESPACES = "/clusters/prod/k8s/api/v1/namespaces"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
PROTOBUF = "application/vnd.kubernetes.protobuf"
MINE = {"mine-1", "mine-2"}
COUNT = 1500 if stack.REAL else 5000  # objects; a real API server makes them one by one


@pytest.fixture(scope="module")
def filled(cluster):
    """Pods in two namespaces of the user's and in one that is not."""
    for namespace in ("mine-1", "mine-2", "foreign"):
        cluster.create_namespace(namespace)
        cluster.create_pod(namespace, "web", labels={"app": "web"})
        cluster.create_pod(namespace, "db", labels={"app": "db"})
    yield cluster
    for namespace in ("mine-1", "mine-2", "foreign"):  # other tests count what is there
        for name in ("web", "db"):
            cluster.api("DELETE", f"/api/v1/namespaces/{namespace}/pods/{name}?gracePeriodSeconds=0")
        cluster.api("DELETE", f"/api/v1/namespaces/{namespace}")


@pytest.fixture(scope="module")
def limited(central, agent, filled):
    central.add_role("mine", namespaces=sorted(MINE), verbs=["get", "list", "watch"])
    return central.add_user("mine")


def names(listed):
    return sorted((item["metadata"]["namespace"], item["metadata"]["name"]) for item in listed["items"])


EXPECTED = [("mine-1", "db"), ("mine-1", "web"), ("mine-2", "db"), ("mine-2", "web")]


def test_a_list_has_only_what_is_granted(limited):
    listed = limited.want(200, "GET", PODS)
    assert listed["kind"] == "PodList" and listed["metadata"]["resourceVersion"]
    assert names(listed) == EXPECTED
    assert names(limited.want(200, "GET", PODS + "?labelSelector=app%3Dweb")) == [EXPECTED[1], EXPECTED[3]]


def test_a_table_has_only_what_is_granted(limited):
    table = limited.want(200, "GET", PODS, headers={"Accept": TABLE})
    assert table["kind"] == "Table" and table["columnDefinitions"][0]["name"] == "Name"
    assert sorted(row["object"]["metadata"]["namespace"] for row in table["rows"]) == sorted(e[0] for e in EXPECTED)
    assert "foreign" not in json.dumps(table)


def test_a_table_without_objects_is_filtered_too(limited):
    table = limited.want(200, "GET", PODS + "?includeObject=None", headers={"Accept": TABLE})
    assert len(table["rows"]) == 4 and all(row.get("object") is None for row in table["rows"])
    whole = limited.want(200, "GET", PODS + "?includeObject=Object", headers={"Accept": TABLE})
    assert all(row["object"]["spec"] for row in whole["rows"])


def test_namespaces_are_filtered_by_their_name(limited):
    listed = limited.want(200, "GET", NAMESPACES)
    assert {item["metadata"]["name"] for item in listed["items"]} == MINE
    table = limited.want(200, "GET", NAMESPACES, headers={"Accept": TABLE})
    assert {row["cells"][0] for row in table["rows"]} == MINE


def test_what_has_no_namespace_stays_forbidden(limited):
    for path in ("/api/v1/nodes", "/api/v1/persistentvolumes", "/apis/storage.k8s.io/v1/storageclasses",
                 "/api/v1/namespaces/foreign/pods", "/api/v1/namespaces/foreign"):
        assert limited.get("/clusters/prod/k8s" + path).status == 403, path


@pytest.mark.parametrize("accept", [PROTOBUF, "application/cbor", PROTOBUF + ";stream=watch", "application/yaml",
                                    "text/html, " + PROTOBUF])
def test_what_cannot_be_filtered_is_not_acceptable(limited, accept):
    answer = limited.get(PODS, headers={"Accept": accept})
    assert answer.status == 406, answer
    assert answer.json["kind"] == "Status" and "application/json" in answer.json["message"]


@pytest.mark.parametrize("accept", [PROTOBUF + ",application/json", "*/*", "application/*;q=0.5",
                                    "application/cbor, Application/JSON"])
def test_of_what_is_acceptable_json_is_taken(limited, accept):
    answer = limited.get(PODS, headers={"Accept": accept, "Accept-Encoding": "gzip"})
    assert answer.headers["Content-Type"] == "application/json" and not answer.headers["Content-Encoding"]
    assert names(answer.json) == EXPECTED


def test_errors_of_the_server_pass(limited):
    answer = limited.get(PODS + "?labelSelector=%21%21")
    assert answer.status == 400 and answer.json["kind"] == "Status", answer


def watch(api, query, count, act, headers=None):
    """The first `count` events of a watch after act()."""
    version = api.want(200, "GET", CONFIGMAPS)["metadata"]["resourceVersion"]
    with api.stream(f"{CONFIGMAPS}?watch=1&resourceVersion={version}&timeoutSeconds=20{query}", headers) as events:
        assert events.status == 200
        act()
        return [json.loads(events.readline()) for _ in range(count)]


def make(cluster, namespace, name):
    cluster.api("POST", f"/api/v1/namespaces/{namespace}/configmaps",
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"brace": '}]"{'}})


def drop(cluster, namespace, name):
    cluster.api("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/{name}")


def test_a_watch_brings_only_what_is_granted(limited, filled):
    def act():
        for namespace in ("foreign", "mine-1", "mine-2"):
            make(filled, namespace, f"w-{namespace}")
        for namespace in ("foreign", "mine-1", "mine-2"):
            drop(filled, namespace, f"w-{namespace}")
    events = watch(limited, "", 4, act)
    assert [(e["type"], e["object"]["metadata"]["name"]) for e in events] == [
        ("ADDED", "w-mine-1"), ("ADDED", "w-mine-2"), ("DELETED", "w-mine-1"), ("DELETED", "w-mine-2")]


def test_a_watched_table_keeps_its_columns(limited, filled):
    def act():
        make(filled, "foreign", "first")
        make(filled, "mine-1", "second")
        make(filled, "mine-2", "third")
    try:
        events = watch(limited, "", 2, act, {"Accept": TABLE})
    finally:
        for namespace, name in (("foreign", "first"), ("mine-1", "second"), ("mine-2", "third")):
            drop(filled, namespace, name)
    assert [e["object"]["rows"][0]["cells"][0] for e in events] == ["second", "third"]
    assert events[0]["object"]["columnDefinitions"][0]["name"] == "Name"
    if stack.REAL:  # the simulated one says them every time
        assert not events[1]["object"]["columnDefinitions"]


def test_an_expired_version_is_told_in_the_watch(limited):
    answer = limited.get(CONFIGMAPS + "?watch=1&resourceVersion=1&timeoutSeconds=1")
    lines = answer.text.splitlines()
    assert answer.status == 410 or not lines or all(json.loads(line)["type"] for line in lines)


# -- chunks ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(filled):
    """COUNT config maps, a tenth of them in the user's namespaces, between foreign ones."""
    if stack.REAL:
        def fill(part):
            for i in range(part, COUNT, 8):
                namespace = {0: "mine-1", 5: "mine-2"}.get(i % 10, "foreign")
                make(filled, namespace, f"many-{i:05d}")
        threads = [threading.Thread(target=fill, args=(part,)) for part in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    else:
        for namespace, count in (("mine-1", COUNT // 10), ("foreign", COUNT - COUNT // 5), ("mine-2", COUNT // 10)):
            filled.fill(namespace, count, resource="configmaps", prefix="many")
    return filled


def page(api, query, token=None, status=200):
    more = f"&continue={token}" if token else ""
    return api.want(status, "GET", f"{CONFIGMAPS}?{query}{more}")


def test_chunks_together_are_the_list(limited, many):
    whole = [item for item in names(limited.want(200, "GET", CONFIGMAPS)) if item[1].startswith("many")]
    assert len(whole) == COUNT // 5 and {namespace for namespace, _ in whole} == MINE
    found, token, pages = [], None, 0
    while pages == 0 or token:
        listed = page(limited, "limit=500", token)
        assert "remainingItemCount" not in listed["metadata"]
        found += names(listed)
        token = listed["metadata"].get("continue")
        pages += 1
    assert pages > COUNT // 500 - 1
    assert sorted(item for item in found if item[1].startswith("many")) == whole


def test_continue_tells_nothing_and_is_bound(limited, many, central, user):
    first = page(limited, "limit=10")["metadata"]["continue"]
    assert re.fullmatch(r"mk8s1\.[A-Za-z0-9_-]+", first)
    assert first != page(limited, "limit=10")["metadata"]["continue"]
    assert page(limited, "limit=20&resourceVersionMatch=", first)["kind"] == "ConfigMapList"
    theirs = page(user, "limit=10")["metadata"]["continue"]
    flipped = first[:-1] + ("A" if first[-1] != "A" else "B")
    other = central.add_user("mine")
    for api, query, token in ((limited, "limit=10", theirs), (limited, "limit=10", flipped), (limited, "limit=10", "x"),
                              (limited, "limit=10", first[:20]), (limited, "limit=10", first * 200),
                              (limited, "limit=10&labelSelector=a%3Db", first), (other, "limit=10", first)):
        status = page(api, query, token, 410)
        assert status["kind"] == "Status" and status["reason"] == "Expired", (query, token)
    answer = limited.get(f"{PODS}?limit=10&continue={first}")
    assert answer.status == 410, answer


def test_a_taken_namespace_ends_the_watch(central, filled, agent):
    role = "shrinking"
    central.add_role(role, namespaces=sorted(MINE), verbs=["get", "list", "watch"])
    api = central.add_user(role)
    with api.stream(CONFIGMAPS + "?watch=1&timeoutSeconds=60") as events:
        assert events.status == 200
        central.admin.want(200, "PUT", f"/roles/{role}", {"name": role, "clusters": [
            {"name": "*", "namespaces": ["mine-1"], "verbs": ["get", "list", "watch"], "resources": ["*"]}]})
        with pytest.raises((OSError, stack.http.client.HTTPException)):
            while events.readline():
                pass
            raise OSError("ended in order")


# -- kubectl --------------------------------------------------------------------------------------


@pytest.fixture
def cli(central, limited, make_cli, stock_kubectl):
    cli = make_cli(central, limited.email)
    cli.write_kubeconfig("prod")
    return cli


def rows(text):
    return sorted(tuple(line.split()[:2]) for line in text.splitlines() if not line.startswith("NAMESPACE"))


def test_kubectl_get_all_namespaces(cli):
    out = cli.kubectl("get", "pods", "-A").stdout
    assert out.startswith("NAMESPACE") and rows(out) == EXPECTED
    assert names(json.loads(cli.kubectl("get", "pods", "-A", "-o", "json").stdout)) == EXPECTED
    yaml = cli.kubectl("get", "pods", "-A", "-o", "yaml").stdout
    assert sorted(re.findall(r"^    namespace: (\S+)$", yaml, re.M)) == [e[0] for e in EXPECTED]
    assert "foreign" not in yaml
    assert cli.kubectl("get", "ns", "-o", "name").stdout.split() == ["namespace/mine-1", "namespace/mine-2"]


def test_kubectl_in_chunks(cli, many):
    for options in (("--chunk-size=500",), ("--chunk-size=500", "-o", "name"), ("--chunk-size=0",)):
        out = cli.kubectl("get", "configmaps", "-A", *options).stdout
        assert sum("many" in line for line in out.splitlines()) == COUNT // 5, options
        assert "foreign" not in out


def test_kubectl_watches(cli, filled):
    watching = subprocess.Popen([sim.find_kubectl(), "get", "configmaps", "-A", "-w", "-l", "watched=yes"],
                                env=cli.kubectl_env(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        threading.Timer(1.5, lambda: [
            filled.api("POST", f"/api/v1/namespaces/{namespace}/configmaps", {
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": f"seen-{namespace}", "labels": {"watched": "yes"}}})
            for namespace in ("foreign", "mine-1", "mine-2")]).start()
        lines = stack.read_lines(watching, 3)
    finally:
        watching.kill()
        watching.wait()
        for namespace in ("foreign", "mine-1", "mine-2"):
            drop(filled, namespace, f"seen-{namespace}")
    assert lines[0].split()[:2] == ["NAMESPACE", "NAME"]
    assert rows("\n".join(lines[1:])) == [("mine-1", "seen-mine-1"), ("mine-2", "seen-mine-2")]
