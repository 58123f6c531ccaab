"""The audit trail as Kubernetes audit events, its pruning, and a disk that takes no more rows."""
import json
import re
import sqlite3
import subprocess
import time

import pytest
import sim
from stack import ADMIN, SLOW, Central, wait_for

NDJSON = {"Accept": "application/x-ndjson"}
# audit.k8s.io/v1 Event: every member with its Go type (k8s.io/apiserver/pkg/apis/audit/v1/types.go).
STRING, NUMBER, MAP = str, int, dict
EVENT = {"kind": STRING, "apiVersion": STRING, "level": STRING, "auditID": STRING, "stage": STRING, "requestURI": STRING,
         "verb": STRING, "user": MAP, "impersonatedUser": MAP, "sourceIPs": list, "userAgent": STRING, "objectRef": MAP,
         "responseStatus": MAP, "requestObject": MAP, "responseObject": MAP, "requestReceivedTimestamp": STRING,
         "stageTimestamp": STRING, "annotations": MAP}
REQUIRED = {"kind", "apiVersion", "level", "auditID", "stage", "requestURI", "verb", "user", "requestReceivedTimestamp",
            "stageTimestamp"}
USER = {"username", "uid", "groups", "extra"}
OBJECT = {"resource", "namespace", "name", "uid", "apiGroup", "apiVersion", "resourceVersion", "subresource"}
STATUS = {"metadata", "status", "message", "reason", "details", "code"}
MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def check_event(event):
    """What a strict reader of the Go types would find wrong."""
    assert set(event) <= set(EVENT) and REQUIRED <= set(event), event
    for name, value in event.items():
        assert isinstance(value, EVENT[name]), (name, value)
    assert event["kind"] == "Event" and event["apiVersion"] == "audit.k8s.io/v1" and event["level"] == "Metadata"
    assert event["stage"] in ("RequestReceived", "ResponseComplete")
    assert set(event["user"]) <= USER and set(event.get("objectRef", {})) <= OBJECT
    assert set(event.get("responseStatus", {})) <= STATUS
    assert all(isinstance(value, str) for value in event["annotations"].values())
    assert MICRO_TIME.fullmatch(event["stageTimestamp"]) and MICRO_TIME.fullmatch(event["requestReceivedTimestamp"])
    assert event["requestReceivedTimestamp"] <= event["stageTimestamp"]
    assert ("responseStatus" in event) == (event["stage"] == "ResponseComplete")


def events_of(text):
    return [json.loads(line) for line in text.splitlines()]


def export(central, query=""):
    answer = central.admin.get(f"/audit?limit=1000{query}", headers=NDJSON)
    assert answer.status == 200 and answer.headers["content-type"] == "application/x-ndjson", answer
    return events_of(answer.text)


def seq_of(event):
    return int(event["annotations"]["mk8s/seq"])


@pytest.fixture(scope="module")
def trail(tmp_path_factory, agent_kubeconfig):
    import stack
    where = tmp_path_factory.mktemp("trail")
    central = Central(where / "central").start()
    agent = stack.Agent(where / "agent", central, "c", central.add_cluster("c")["token"], agent_kubeconfig).start()
    central.add_role("reader", verbs=["get", "list"])
    central.reader = central.add_user("reader")
    head = {"User-Agent": "tester/1 \u00e9".encode(), "Kubectl-Command": "kubectl apply"}
    central.made = central.admin.ask("POST", "/clusters/c/k8s/apis/apps/v1/namespaces/a/deployments?dryRun=All", {}, headers=head)
    assert central.reader.get("/clusters/c/k8s/api/v1/namespaces/a/pods/web").status == 200
    assert central.reader.ask("DELETE", "/clusters/c/k8s/api/v1/namespaces/a/pods/web").status == 403
    assert stack.Api(central, "junk").get("/clusters/c/k8s/api").status == 401
    wait_for("the rows", lambda: len(central.audit(cluster="c", limit=10)) >= 3)
    yield central
    assert agent.stop() == 0 and central.stop() == 0


def test_the_export_is_kubernetes_audit_events(trail):
    events = export(trail)
    for event in events:
        check_event(event)
    assert [seq_of(e) for e in events] == list(range(1, len(events) + 1)), "all rows, oldest first"
    read = [e for e in events if e["user"].get("username") == trail.reader.email and e["verb"] == "get"
            and e.get("objectRef", {}).get("name") == "web"]
    assert [e["stage"] for e in read] == ["RequestReceived", "ResponseComplete"] and len({e["auditID"] for e in read}) == 1
    assert read[1]["responseStatus"]["code"] == 200 and read[1]["sourceIPs"] == ["127.0.0.1"]
    assert read[1]["requestURI"] == "/clusters/c/k8s/api/v1/namespaces/a/pods/web"
    assert read[1]["objectRef"] == {"resource": "pods", "namespace": "a", "name": "web"}
    assert read[0]["annotations"]["authorization.k8s.io/decision"] == "allow" and read[0]["annotations"]["mk8s/cluster"] == "c"
    denied = [e for e in events if e["verb"] == "delete" and e["stage"] == "ResponseComplete"][0]
    assert denied["annotations"]["authorization.k8s.io/decision"] == "forbid" and denied["responseStatus"]["code"] == 403
    applied = [e for e in events if e.get("objectRef", {}).get("resource") == "deployments"]
    assert applied[0]["objectRef"]["apiGroup"] == "apps" and applied[0]["annotations"]["mk8s/command"] == "kubectl apply"


def test_the_api_servers_own_decoder_reads_it(trail, make_cli, tmp_path):
    """auditread is made of k8s.io/apiserver's types and strict codec (tests/kube/auditread)."""
    reader = sim.find_client("auditread")
    if not reader:
        pytest.skip("there is no auditread: make kube")
    text = make_cli(trail, ADMIN).ok("audit", "export")
    done = subprocess.run([reader], input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    understood = done.stdout.splitlines()
    assert len(understood) == len(text.splitlines())
    assert any(f' ResponseComplete get pods "a" "web" 200 {trail.reader.email}' in line for line in understood)
    assert any(f' ResponseComplete delete pods "a" "web" 403 {trail.reader.email}' in line for line in understood)
    event = json.loads(text.splitlines()[0])
    for broken in ({**event, "stage": "Other"}, {**event, "extra": 1}, {**event, "sourceIPs": "x"}, {**event, "kind": "Pod"},
                   {**event, "stageTimestamp": "yesterday"}):
        assert subprocess.run([reader], input=json.dumps(broken), capture_output=True, text=True).returncode == 1, broken


def test_the_export_takes_filters_and_goes_on(trail):
    whole = export(trail)
    assert [e["annotations"] for e in export(trail, f"&cursor={seq_of(whole[4])}")] == [e["annotations"] for e in whole[5:]]
    mine = export(trail, f"&user={trail.reader.email}&cluster=c")
    assert mine and {e["user"]["username"] for e in mine} == {trail.reader.email}
    assert {e["verb"] for e in export(trail, "&verb=delete")} == {"delete"}
    assert export(trail, "&since=2100-01-01T00:00:00Z") == [] == export(trail, "&until=2000-01-01T00:00:00Z")
    two = trail.admin.get("/audit?limit=2", headers=NDJSON)
    assert [seq_of(e) for e in events_of(two.text)] == [1, 2]
    assert trail.admin.get("/audit?cursor=1-2", headers=NDJSON).status == 400
    assert trail.admin.get("/audit?limit=0", headers=NDJSON).status == 400
    assert trail.reader.get("/audit", headers=NDJSON).status == 403
    plain = trail.admin.get("/audit", headers={"Accept": "application/json, application/x-ndjson;q=0"})
    assert plain.status == 200


def test_the_command_line_exports_all_pages(trail, make_cli):
    cli = make_cli(trail, "admin@localhost")
    connection = trail.admin.connect()
    for _ in range(520):  # two rows each: more than a page of 1,000
        connection.request("GET", "/clusters/c/k8s/version", None, trail.admin.head())
        assert connection.getresponse().read()
    connection.close()
    events = wait_for("all rows", lambda: next((e for e in [events_of(cli.ok("audit", "export"))] if len(e) > 1040), None))
    for event in events:
        check_event(event)
    assert [seq_of(e) for e in events] == list(range(1, len(events) + 1))
    assert [seq_of(e) for e in events_of(cli.ok("audit", "export", "--limit", "3", "--after", "2"))] == [3, 4, 5]
    assert cli.ok("audit", "export", "--user", "nobody@example.com") == ""
    assert cli.run("audit", "export", "--after", "x").returncode != 0


def test_old_rows_are_pruned_and_the_rest_verifies(make_central):
    central = make_central(audit_retention="2s")
    for i in range(5):
        central.admin.want(201, "POST", "/roles", {"name": f"r{i}", "clusters": []})
    central.restart()  # signs a head, behind which rows may go
    time.sleep(2)
    report = wait_for("rows to be pruned", lambda: next(
        (r for r in [central.admin.want(200, "GET", "/audit/verify")] if r["pruned_until_row"] > 0), None), 15)
    assert report["ok"] is True and "pruned" in report["sentence"]
    rows = [seq_of(e) for e in export(central)]
    assert min(rows) == report["pruned_until_row"] + 1
    assert central.stop() == 0
    with sqlite3.connect(central.state / "audit.db") as database:
        database.execute("DELETE FROM audit_checkpoints")
    database.close()
    central.settings["audit_retention"] = "0s"
    central.start()
    report = central.admin.want(200, "GET", "/audit/verify")
    assert report["ok"] is False and report["first_bad_row"] == 1, "without its checkpoint a pruned trail is a cut one"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MiB."""
    where = tmp_path / "disk"
    where.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=0755", "tmpfs", str(where)], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


def test_a_full_disk_refuses_changes_and_lets_reads_pass(small_disk, tmp_path, agent_kubeconfig):
    import stack
    central = Central(tmp_path / "central")
    central.state = small_disk / "state"
    central.start()
    agent = stack.Agent(tmp_path / "agent", central, "c", central.add_cluster("c")["token"], agent_kubeconfig).start()
    base = "/clusters/c/k8s/api/v1/namespaces/a"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "full-"}}
    try:
        assert central.admin.ask("POST", f"{base}/configmaps", body).status == 201
        before = len(central.admin.want(200, "GET", f"{base}/configmaps")["items"])
        with open(small_disk / "fill", "wb", buffering=0) as fill:
            for size in (65536, 512):
                while True:
                    try:
                        if fill.write(b"x" * size) < size:
                            break
                    except OSError:
                        break
        statuses = []
        deadline = time.monotonic() + 20 * SLOW
        while time.monotonic() < deadline and statuses[-3:] != [503] * 3:  # pages of the log that were free are used first
            statuses.append(central.admin.ask("POST", f"{base}/configmaps", body).status)
        assert statuses[-3:] == [503] * 3, statuses
        made = len(central.admin.want(200, "GET", f"{base}/configmaps")["items"])
        assert made - before == statuses.count(201), "what was refused was not done"
        assert central.admin.ask("POST", "/roles", {"name": "late", "clusters": []}).status == 503
        assert central.admin.get(f"{base}/pods/web").status == 200, "reads pass"
        assert central.admin.get("/readyz").status == 503
        (small_disk / "fill").unlink()
        wait_for("changes to be taken again", lambda: central.admin.ask("POST", f"{base}/configmaps", body).status == 201, 20)
        assert central.admin.get("/readyz").status == 200
        assert central.admin.want(200, "GET", "/audit/verify")["ok"] is True
        reads = wait_for("the read's row", lambda: [r for r in central.audit(verb="get", limit=20) if r["name"] == "web"])
        assert reads[0]["status"] == 200, "its row came when there was room"
    finally:
        assert agent.stop() == 0 and central.stop() == 0
