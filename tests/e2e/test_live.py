"""Streams that run end within 5 s of the right's end, whatever took it away, and say so in the audit trail."""
import http.client
import time
import uuid

import pytest
from stack import PASSWORD, SLOW, wait_for

WITHIN_S = 5


def logout(central, api):
    assert api.ask("POST", "/auth/logout", {"refresh_token": api.refresh_token}).status == 204


def disable(central, api):
    assert central.admin.ask("PATCH", f"/users/{api.email}", {"disabled": True}).status in (200, 204)


def remove(central, api):
    assert central.admin.ask("DELETE", f"/users/{api.email}").status == 204


def take_roles(central, api):
    assert central.admin.ask("PUT", f"/users/{api.email}/roles", {"roles": []}).status in (200, 204)


def narrow_role(central, api):
    assert central.admin.ask("PUT", f"/roles/{api.role}", {
        "name": api.role, "clusters": [{"name": "*", "namespaces": ["b"], "verbs": ["*"], "resources": ["*"]}]}).status in (200, 204)


def reset_by_admin(central, api):
    assert central.admin.ask("PATCH", f"/users/{api.email}", {"password": PASSWORD + "2"}).status in (200, 204)


def other_session_changes_password(central, api):
    other = central.login(api.email)
    assert other.ask("POST", "/auth/password", {"old": PASSWORD, "new": PASSWORD + "2"}).status == 204


def replay(central, api):
    """A refresh token used twice: the family ends."""
    assert api.ask("POST", "/auth/refresh", {"refresh_token": api.refresh_token}).status == 200
    assert api.ask("POST", "/auth/refresh", {"refresh_token": api.refresh_token}).status == 401


@pytest.fixture
def talker(cluster):
    name = f"talker-{uuid.uuid4().hex[:6]}"
    cluster.create_pod("a", name)
    cluster.append_log("a", name, "one")
    yield name
    cluster.api("DELETE", f"/api/v1/namespaces/a/pods/{name}")


def paths(cluster_name, talker):
    base = f"/clusters/{cluster_name}/k8s/api/v1/namespaces/a/pods"
    return {"watch": f"{base}?watch=1&timeoutSeconds=120", "log": f"{base}/{talker}/log?follow=true"}


def read_to_end(stream):
    """Seconds until it ended, cut or whole."""
    begin = time.monotonic()
    try:
        while stream.read1(65536):
            pass
    except (OSError, http.client.HTTPException):  # cut in mid-body
        pass
    return time.monotonic() - begin


def last_row(central, request_id):
    return wait_for(f"the last row of {request_id}", lambda: next(
        (row for row in central.audit(limit=50, cluster="prod") if row["id"] == request_id and row["status"]), None), 5)


def check_ends(central, api, streams, take_away):
    began = {}
    for kind, stream in streams.items():
        assert stream.status == 200 and stream.readline(), kind
        began[kind] = stream.headers["audit-id"]
    take_away(central, api)
    for kind, stream in streams.items():
        assert read_to_end(stream) < WITHIN_S * SLOW, f"{kind} went on"
    for kind, request_id in began.items():
        row = last_row(central, request_id)
        assert row["decision"] == "deny", f"{kind}: {row}"
        assert row["status"] == 200 and row["resource"] == ("pods" if kind == "watch" else "pods/log")


@pytest.mark.parametrize("take_away", [logout, disable, remove, take_roles, narrow_role, reset_by_admin,
                                       other_session_changes_password, replay])
def test_streams_end_with_the_right(central, agent, talker, take_away):
    role = central.add_role(f"live-{uuid.uuid4().hex[:6]}", verbs=["get", "list", "watch", "logs"])
    api = central.add_user(role)
    api.role = role
    bystander = central.add_user(central.add_role(f"live-{uuid.uuid4().hex[:6]}"))
    where = paths("prod", talker)
    with bystander.stream(where["watch"]) as other, api.stream(where["watch"]) as watch, api.stream(where["log"]) as log:
        assert other.readline()
        check_ends(central, api, {"watch": watch, "log": log}, take_away)
        assert bystander.get("/auth/me").status == 200 and not other.isclosed(), "nobody else is touched"


def test_streams_end_with_the_cluster(make_central, make_agent, talker):
    central = make_central()
    make_agent(central, "prod")
    where = paths("prod", talker)
    with central.admin.stream(where["watch"]) as watch, central.admin.stream(where["log"]) as log:
        check_ends(central, central.admin, {"watch": watch, "log": log},
                   lambda c, _: c.admin.want(204, "DELETE", "/clusters/prod"))


def test_streams_end_with_the_token(make_central, make_agent, talker):
    central = make_central(auth_token_expiry="8s")
    make_agent(central, "prod")
    api = central.login()
    begin = time.monotonic()
    where = paths("prod", talker)
    with api.stream(where["watch"]) as watch, api.stream(where["log"]) as log:
        assert watch.readline() and log.readline()
        read_to_end(watch), read_to_end(log)
        ran = time.monotonic() - begin
        assert 6 < ran < 8 + WITHIN_S * SLOW
        ids = [stream.headers["audit-id"] for stream in (watch, log)]
    central._admin = central.login()
    for request_id in ids:
        assert last_row(central, request_id)["decision"] == "deny"


def test_streams_end_after_a_password_reset_on_the_state_directory(make_central, make_agent, talker):
    from test_state import admin_verb, ok
    central = make_central()
    make_agent(central, "prod")
    api = central.login()
    with api.stream(paths("prod", talker)["log"]) as log:
        assert log.readline()
        password = ok(admin_verb(central, "reset-password", "admin@localhost")).split()[1]
        assert read_to_end(log) < WITHIN_S * SLOW
    central._admin = central.login("admin@localhost", password)


def test_a_stolen_session_cannot_guess_its_password(make_central):
    central = make_central()
    api = central.add_user(central.add_role("none-at-all"))
    answers = [api.ask("POST", "/auth/password", {"old": f"wrong-guess-{i}", "new": PASSWORD + "x"}) for i in range(7)]
    assert [a.status for a in answers][:5] == [403] * 5 and answers[-1].status == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert api.ask("POST", "/auth/login", {"email": api.email.upper(), "password": PASSWORD}).status == 429, "one count for both"
    wait_for("the wait to end", lambda: api.ask("POST", "/auth/password", {
        "old": PASSWORD, "new": PASSWORD + "x"}).status == 204, 20, 1)
