"""The audit trail: what is in it, that it verifies, and that a change to the file is found."""
import shutil
import sqlite3
import time

import pytest
from stack import PASSWORD, Api, Central, wait_for


@pytest.fixture
def trail(make_central, make_agent):
    """A central with some requests behind it."""
    central = make_central()
    make_agent(central, "c")
    for i in range(12):
        central.admin.want(201, "POST", "/clusters/c/k8s/api/v1/namespaces/a/configmaps", {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": f"t{i}-"}})
    yield central
    central.admin.ask("DELETE", "/clusters/c/k8s/api/v1/namespaces/a/configmaps")


def verify(central):
    return central.admin.get("/audit/verify").json


def is_whole(report):
    return report.get("ok", report.get("verified")) is True


def test_the_rows_of_a_request(trail, cluster):
    row = wait_for("both halves of a row", lambda: next(
        (r for r in trail.audit(limit=50) if r["resource"] == "configmaps" and r["status"]), None))
    assert {"id", "time", "user", "cluster", "command", "verb", "resource", "namespace", "name", "status", "decision",
            "rule", "source", "duration_ms", "hash"} <= set(row)
    assert row["user"] == "admin@localhost" and row["cluster"] == "c" and row["namespace"] == "a"
    assert row["status"] == 201 and row["decision"] == "allow" and row["source"] == "127.0.0.1"
    assert row["id"] in {e["auditID"] for e in cluster.audit_events()}, "both trails join on the id"


def test_filters_and_pages(trail):
    trail.admin.get("/clusters/c/k8s/api/v1/namespaces/b/pods")
    wait_for("the read's row", lambda: trail.audit(verb="list"))
    assert {r["verb"] for r in trail.audit(verb="create", limit=5)} == {"create"}
    assert trail.audit(user="nobody@example.com") == []
    assert trail.audit(cluster="c", limit=3) and trail.audit(since="2100-01-01T00:00:00Z") == []
    first = trail.admin.want(200, "GET", "/audit?limit=4")
    second = trail.admin.want(200, "GET", f"/audit?limit=4&cursor={first['next_cursor']}")
    ids = [r["id"] for r in first["entries"] + second["entries"]]
    assert len(ids) == 8 == len(set(ids))
    assert trail.admin.get("/audit?limit=nonsense").status == 400
    assert trail.admin.get("/audit?since=yesterday").status == 400


def test_secrets_are_not_in_the_trail(trail):
    secret = "do-not-keep-this-anywhere"
    trail.admin.want(201, "POST", "/clusters/c/k8s/api/v1/namespaces/a/secrets", {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": secret}})
    assert trail.admin.ask("DELETE", "/clusters/c/k8s/api/v1/namespaces/a/secrets/s").status == 200
    trail.stop()
    for path in trail.state.iterdir():
        content = path.read_bytes()
        assert secret.encode() not in content, path
        assert trail.admin.token.encode() not in content and PASSWORD.encode() not in content, path
    trail.start()


def test_refusals_before_a_sign_in_are_counted_in_one_row(trail):
    for _ in range(50):
        assert Api(trail, "nonsense").get("/clusters/c/k8s/version").status == 401
    assert len([r for r in trail.audit(limit=100) if r["status"] == 401]) <= 3


def test_names_with_control_characters_stay_in_their_field(trail):
    path = "/clusters/c/k8s/api/v1/namespaces/a/pods/%1b%5b31m%0d%0aX%22"
    assert trail.admin.get(path).status in (400, 404)
    assert trail.admin.want(200, "GET", "/audit?limit=100")["entries"]


TAMPERS = {
    "a changed row": "UPDATE {table} SET {text} = 'x' WHERE {id} = (SELECT {id} FROM {table} ORDER BY {id} LIMIT 1 OFFSET 6)",
    "a removed row": "DELETE FROM {table} WHERE {id} = (SELECT {id} FROM {table} ORDER BY {id} LIMIT 1 OFFSET 6)",
    "rows cut off at the end": "DELETE FROM {table} WHERE {id} > (SELECT {id} FROM {table} ORDER BY {id} LIMIT 1 OFFSET 10)",
    "all rows gone": "DELETE FROM {table}",
}


def rows_table(database):
    """The table with the chain, one of its text columns and its key, whatever their names."""
    for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({name})")]
        if any("hash" in column for column in columns) and database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] > 10:
            text = next((c for c in columns if c in ("email", "user", "user_email", "command", "source", "path", "name")), None)
            return {"table": name, "text": text or columns[2], "id": "rowid"}
    raise AssertionError("no table with hashes")


@pytest.mark.parametrize("how", TAMPERS)
def test_tampering_is_found(trail, tmp_path, how):
    report = verify(trail)
    assert report, report
    whole = trail.admin.get("/audit/verify")
    assert whole.status == 200
    assert trail.stop() == 0
    copy = Central(tmp_path / "copy")
    shutil.copytree(trail.state, copy.state)
    database = sqlite3.connect(copy.state / "audit.db")
    for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        database.execute(f"DROP TRIGGER {trigger}")
    database.execute(TAMPERS[how].format(**rows_table(database)))
    database.commit()
    database.close()
    trail.start()
    assert trail.admin.get("/audit/verify").json["ok"] is True
    try:
        copy.start()
    except AssertionError as error:
        assert "audit" in str(error), "it may refuse to start on a broken trail, saying so"
        return
    try:
        after = copy.login().get("/audit/verify")
        assert after.json["ok"] is False, f"{how}: {after!r}"
    finally:
        copy.stop()


def test_verify_by_the_command_line_fails_with_status_1(trail, make_cli):
    assert trail.stop() == 0
    database = sqlite3.connect(trail.state / "audit.db")
    for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        database.execute(f"DROP TRIGGER {trigger}")
    database.execute(TAMPERS["a changed row"].format(**rows_table(database)))
    database.commit()
    database.close()
    trail.start()
    done = make_cli(trail, "admin@localhost").run("audit", "verify")
    assert done.returncode == 1 and "row" in done.stdout + done.stderr, done


def test_rows_survive_a_graceful_stop(trail):
    for _ in range(20):
        trail.admin.get("/clusters/c/k8s/api/v1/namespaces/a/pods/web")
    trail.restart()
    rows = [r for r in trail.audit(limit=200, verb="get") if r["name"] == "web"]
    assert len(rows) >= 20 and all(r["status"] == 200 for r in rows)
    time.sleep(0.1)
