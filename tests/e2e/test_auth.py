"""Sessions: login, refresh, replay, logout, passwords, disabled users, tokens that are not ours."""
import base64
import concurrent.futures
import contextlib
import http.client
import json
import time

import pytest
from stack import ADMIN, PASSWORD, SLOW, Api


def refresh(central, token):
    return Api(central).ask("POST", "/auth/refresh", {"refresh_token": token})


def test_login_answers_as_the_contract_says(central):
    answer = Api(central).want(200, "POST", "/auth/login", {"email": ADMIN, "password": PASSWORD})
    assert set(answer) == {"token", "expires_at", "refresh_token"}
    head, claims, _ = answer["token"].split(".")
    head = json.loads(base64.urlsafe_b64decode(head + "=="))
    claims = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert head["alg"] == "RS256" and head["kid"]
    assert {"iss", "aud", "exp", "nbf", "sid"} <= set(claims)
    keys = Api(central).want(200, "GET", "/.well-known/jwks.json")["keys"]
    assert head["kid"] in [key["kid"] for key in keys]


def test_me_tells_what_one_may(central, user):
    me = user.want(200, "GET", "/auth/me")
    assert me["email"] == user.email and me["roles"] == ["everything"]
    assert me["clusters"] == [{"name": "*", "namespaces": ["*"], "verbs": ["*"], "resources": ["*"]}]


@pytest.mark.parametrize("body, status", [
    ({"email": "ghost@example.com", "password": PASSWORD}, 401),
    ({"email": ADMIN, "password": "wrong"}, 401),
    ({"email": ADMIN, "password": "x" * 500}, 401),
    ({"email": ADMIN}, 400),
    ({"email": ADMIN, "password": 7}, 400),
    ([], 400),
    (b"{", 400),
    (b'{"email":"a@b.c","password":"x","password":"y"}', 400),
    (b"", 400),
])
def test_login_refuses(make_central, body, status):
    answer = Api(make_central()).ask("POST", "/auth/login", body)
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status and PASSWORD not in answer.text


def test_unknown_user_and_wrong_password_answer_alike(make_central):
    central = make_central()
    wrong = Api(central).ask("POST", "/auth/login", {"email": ADMIN, "password": "wrong-password"}).json
    ghost = Api(central).ask("POST", "/auth/login", {"email": "ghost@example.com", "password": "wrong-password"}).json
    assert {**wrong, "instance": ""} == {**ghost, "instance": ""}


def test_guessing_is_slowed_down(make_central):
    central = make_central()
    statuses = []
    for _ in range(30):
        answer = Api(central).ask("POST", "/auth/login", {"email": ADMIN, "password": "wrong-password"})
        statuses.append(answer.status)
        if answer.status == 429:
            assert int(answer.headers["retry-after"]) >= 1
            break
    assert statuses[-1] == 429 and set(statuses[:-1]) == {401}


def try_login(central, email, password="wrong-password", source="127.0.0.1"):
    """The status of a sign-in from an address of this machine."""
    connection = http.client.HTTPSConnection("127.0.0.1", central.http_port, timeout=30 * SLOW, context=central.tls_context(),
                                             source_address=(source, 0))
    with contextlib.closing(connection):
        connection.request("POST", "/auth/login", json.dumps({"email": email, "password": password}),
                           {"Content-Type": "application/json"})
        return connection.getresponse().status


def test_guessing_at_many_accounts_slows_down_its_address_alone(make_central):
    central = make_central()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(lambda i: try_login(central, f"ghost{i}@example.com", source="127.0.0.2"), range(28)))
    assert statuses.count(401) >= 20 and try_login(central, "another@example.com", source="127.0.0.2") == 429, statuses
    assert try_login(central, ADMIN, PASSWORD, source="127.0.0.2") == 429, "nor with the right one"
    assert try_login(central, ADMIN, PASSWORD) == 200


def test_guessing_at_an_account_from_everywhere_slows_down_that_account_alone(make_central):
    central = make_central()
    central.add_role("reader")
    other = central.add_user("reader")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda i: try_login(central, ADMIN.upper() if i % 2 else ADMIN, source=f"127.0.1.{i + 1}"), range(8)))
    assert try_login(central, ADMIN, PASSWORD, source="127.0.2.1") == 429, "from an address that never failed"
    assert try_login(central, other.email, PASSWORD, source="127.0.1.1") == 200


def test_refresh_rotates_and_a_replay_ends_the_family(central):
    api = central.login()
    second = refresh(central, api.refresh_token)
    assert second.status == 200 and second.json["refresh_token"] != api.refresh_token
    assert Api(central, second.json["token"]).get("/auth/me").status == 200
    assert refresh(central, api.refresh_token).status == 401, "a replayed token is refused"
    assert refresh(central, second.json["refresh_token"]).status == 401, "and its family ends"
    assert Api(central, second.json["token"]).get("/auth/me").status == 401


def test_logout_ends_the_session(central):
    api = central.login()
    assert api.ask("POST", "/auth/logout", {"refresh_token": api.refresh_token}).status == 204
    assert api.get("/auth/me").status == 401
    assert refresh(central, api.refresh_token).status == 401


def test_a_new_password_ends_other_sessions(central, roles):
    api = central.add_user("reader")
    other = central.login(api.email)
    new = "another-long-password"
    assert api.ask("POST", "/auth/password", {"old": "wrong-old-one", "new": new}).status in (401, 403)
    assert api.ask("POST", "/auth/password", {"old": PASSWORD, "new": "short"}).status == 400
    assert api.ask("POST", "/auth/password", {"old": PASSWORD, "new": "x" * 73}).status == 400
    assert api.ask("POST", "/auth/password", {"old": PASSWORD, "new": new}).status == 204
    assert other.get("/auth/me").status == 401
    assert central.login(api.email, new).get("/auth/me").status == 200


def test_a_disabled_user_is_out_at_once(central, roles):
    api = central.add_user("reader")
    assert api.get("/auth/me").status == 200
    assert central.admin.ask("PATCH", f"/users/{api.email}", {"disabled": True}).status in (200, 204)
    assert api.get("/auth/me").status == 401
    assert Api(central).ask("POST", "/auth/login", {"email": api.email, "password": PASSWORD}).status == 401


def forge(token, **head):
    """The same claims under another head, without a signature that fits."""
    old, claims, signature = token.split(".")
    new = {**json.loads(base64.urlsafe_b64decode(old + "==")), **head}
    return ".".join((base64.urlsafe_b64encode(json.dumps(new).encode()).rstrip(b"=").decode(), claims, signature))


@pytest.mark.parametrize("change", [
    lambda t: forge(t, alg="none"), lambda t: forge(t, alg="HS256"), lambda t: forge(t, kid="../../etc/passwd"),
    lambda t: forge(t, jku="https://example.com/"), lambda t: forge(t, alg="none").rsplit(".", 1)[0] + ".",
    lambda t: t + ".", lambda t: t[:-1], lambda t: t[:-4] + "AAAA", lambda t: t + "=", lambda t: " " + t + "x",
    lambda t: t.replace(".", ".e30.", 1),
])
def test_forged_tokens_are_refused(central, user, change):
    assert Api(central, change(user.token)).get("/auth/me").status == 401


def test_a_token_ends(make_central):
    central = make_central(auth_token_expiry="2s")
    api = central.login()
    assert api.get("/auth/me").status == 200
    time.sleep(3)
    assert api.get("/auth/me").status == 401
    assert refresh(central, api.refresh_token).status == 200
