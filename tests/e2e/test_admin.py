"""Users, roles, clusters and join tokens: their life over the REST API, with codes and bodies."""
import uuid

import pytest
from stack import PASSWORD, Api, wait_for

RULE = {"name": "*", "namespaces": ["*"], "verbs": ["get"], "resources": ["*"]}
SEED = """\
roles:
  - name: developer
    clusters:
      - name: "dev-*"           # Wildcard matching
        namespaces: ["*"]       # All namespaces
        verbs: ["get", "list", "logs", "exec"]
        resources: ["pods", "services", "deployments"]

  - name: viewer
    clusters:
      - name: "*"
        namespaces: ["*"]
        verbs: ["get", "list"]
        resources: ["*"]

  - name: admin
    clusters:
      - name: "*"
        namespaces: ["*"]
        verbs: ["*"]
        resources: ["*"]

# User assignment
users:
  - email: "dev@example.com"
    roles: ["developer"]
  - email: "ops@example.com"
    roles: ["admin"]
"""


@pytest.fixture
def admin(central):
    return central.admin


def test_the_life_of_a_user(admin, roles):
    email = f"life-{uuid.uuid4().hex[:8]}@example.com"
    made = admin.want(201, "POST", "/users", {"email": email, "password": PASSWORD, "roles": ["reader"]})
    assert set(made) >= {"id", "email", "roles", "disabled", "created_at"} and "password" not in made
    assert made["email"] == email and made["roles"] == ["reader"] and made["disabled"] is False
    for name in (made["id"], email):
        assert admin.want(200, "GET", f"/users/{name}")["email"] == email
    assert email in [u["email"] for u in admin.want(200, "GET", "/users")["users"]]
    assert admin.ask("POST", "/users", {"email": email, "password": PASSWORD}).status == 409
    assert admin.ask("PUT", f"/users/{made['id']}/roles", {"roles": ["everything", "reader"]}).status == 200
    assert sorted(admin.want(200, "GET", f"/users/{email}")["roles"]) == ["everything", "reader"]
    assert admin.ask("DELETE", f"/users/{email}").status == 204
    assert admin.ask("GET", f"/users/{email}").status == 404
    assert admin.ask("DELETE", f"/users/{email}").status == 404


@pytest.mark.parametrize("method, path, body, status, says", [
    ("POST", "/users", {"password": PASSWORD}, 400, "email"),
    ("POST", "/users", {"email": "no-at-sign", "password": PASSWORD}, 400, "email"),
    ("POST", "/users", {"email": "a@b.example", "password": "short"}, 400, "12"),
    ("POST", "/users", {"email": "a@b.example", "password": "x" * 73}, 400, "72"),
    ("POST", "/users", {"email": "a@b.example"}, 400, "password"),
    ("POST", "/users", {"email": "a@b.example", "password": PASSWORD, "roles": ["nope"]}, 404, "nope"),
    ("POST", "/users", {"email": "a@b.example", "password": PASSWORD, "rolls": []}, 400, "rolls"),
    ("POST", "/users", b"[1, 2", 400, "line 1"),
    ("PUT", "/users/ghost@example.com/roles", {"roles": []}, 404, "ghost"),
    ("POST", "/roles", {"name": "bad", "clusters": [{**RULE, "verbs": ["gett"]}]}, 400, "gett"),
    ("POST", "/roles", {"name": "bad", "clusters": [{**RULE, "verbs": "get"}]}, 400, "verbs"),
    ("POST", "/roles", {"name": "", "clusters": []}, 400, "name"),
    ("PUT", "/roles/bad", {"name": "other", "clusters": []}, 400, ""),
    ("GET", "/roles/nope", None, 404, "nope"),
    ("POST", "/clusters", {"name": "Has Blanks"}, 400, "name"),
    ("POST", "/clusters", {}, 400, "name"),
    ("POST", "/clusters", {"name": "prod"}, 409, "prod"),
    ("GET", "/clusters/nope", None, 404, "nope"),
    ("DELETE", "/clusters/nope", None, 404, "nope"),
    ("POST", "/clusters/nope/token", {}, 404, "nope"),
    ("DELETE", "/users", None, 405, ""),
    ("GET", "/nothing/here", None, 404, ""),
])
def test_refusals_are_problems_that_name_the_reason(admin, agent, method, path, body, status, says):
    answer = admin.ask(method, path, body)
    if status == 404 and method == "POST" and answer.status == 400:
        status = 400  # an unknown role is a wrong member of the body
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json.get("detail", ""), answer


def test_the_life_of_a_role(admin, central):
    name = f"role-{uuid.uuid4().hex[:8]}"
    role = {"name": name, "clusters": [RULE]}
    assert admin.want(201, "POST", "/roles", role)["name"] == name
    assert admin.want(200, "GET", f"/roles/{name}") == role
    assert admin.ask("POST", "/roles", role).status == 409
    role["clusters"][0] = {**RULE, "verbs": ["get", "list"]}
    assert admin.ask("PUT", f"/roles/{name}", role).status == 200
    assert admin.want(200, "GET", f"/roles/{name}") == role
    assert name in [r["name"] for r in admin.want(200, "GET", "/roles")["roles"]]
    user = central.add_user(name)
    assert admin.ask("DELETE", f"/roles/{name}").status == 409, "somebody holds it"
    assert admin.ask("DELETE", f"/users/{user.email}").status == 204
    assert admin.ask("DELETE", f"/roles/{name}").status == 204
    assert admin.ask("GET", f"/roles/{name}").status == 404


def test_a_role_as_yaml(admin):
    text = "name: from-yaml\nclusters:\n- name: '*'\n  namespaces: [a]\n  verbs: [get]\n  resources: [pods]\n"
    answer = admin.ask("POST", "/roles", text, {"Content-Type": "application/yaml"})
    assert answer.status == 201, answer
    assert admin.want(200, "GET", "/roles/from-yaml")["clusters"][0]["namespaces"] == ["a"]


def test_the_life_of_a_cluster(admin):
    made = admin.want(201, "POST", "/clusters", {"name": "cycle", "labels": {"env": "test"}})
    assert {"id", "name", "status", "token", "ca_sha256", "manifest"} <= set(made)
    assert made["status"] == "disconnected" and made["ca_sha256"].startswith("sha256:")
    shown = admin.want(200, "GET", "/clusters/cycle")
    assert shown["labels"] == {"env": "test"} and "token" not in shown
    assert made["token"] not in admin.get("/clusters").text
    token = admin.want(200, "POST", "/clusters/cycle/token", {})["token"]
    assert token != made["token"]
    assert admin.ask("DELETE", "/clusters/cycle").status == 204
    assert admin.get("/clusters/cycle").status == 404
    assert admin.ask("POST", "/clusters/cycle/token", {}).status == 404


@pytest.mark.parametrize("method, path, body", [
    ("GET", "/users", None), ("POST", "/users", {"email": "x@y.example", "password": PASSWORD}),
    ("GET", "/roles", None), ("POST", "/roles", {"name": "mine", "clusters": [RULE]}),
    ("POST", "/clusters", {"name": "mine"}), ("DELETE", "/clusters/prod", None),
    ("POST", "/clusters/prod/token", {}), ("GET", "/audit", None), ("GET", "/audit/verify", None),
])
def test_who_is_no_administrator_administers_nothing(central, user, roles, method, path, body):
    for api, status in ((central.add_user("reader"), 403), (Api(central), 401)):
        answer = api.ask(method, path, body)
        assert answer.status == status, (path, answer)
    assert central.status_of("prod") == "connected"


def test_one_does_not_raise_oneself(central, roles):
    api = central.add_user("reader")
    assert api.ask("PUT", f"/users/{api.email}/roles", {"roles": ["everything"]}).status == 403
    assert central.admin.want(200, "GET", f"/users/{api.email}")["roles"] == ["reader"]


def test_the_seeds_role_document_by_the_command_line(make_central, make_cli, tmp_path):
    central = make_central()
    cli = make_cli(central, "admin@localhost")
    for email in ("dev@example.com", "ops@example.com"):
        central.admin.want(201, "POST", "/users", {"email": email, "password": PASSWORD})
    (tmp_path / "roles.yaml").write_text(SEED)
    cli.ok("roles", "apply", "-f", tmp_path / "roles.yaml")
    assert central.admin.want(200, "GET", "/users/dev@example.com")["roles"] == ["developer"]
    assert central.admin.want(200, "GET", "/users/ops@example.com")["roles"] == ["admin"]
    assert central.admin.want(200, "GET", "/roles/developer")["clusters"] == [{
        "name": "dev-*", "namespaces": ["*"], "verbs": ["get", "list", "logs", "exec"],
        "resources": ["pods", "services", "deployments"]}]
    assert "developer" in cli.ok("roles", "list")
    for cluster in ("dev-1", "stage"):
        central.add_cluster(cluster)
    again = cli.run("roles", "apply", "-f", tmp_path / "roles.yaml")
    assert again.returncode == 0 and again.stderr == "", "no role is new"
    (tmp_path / "more.yaml").write_text("roles:\n- name: tester\n  clusters:\n  - {name: 'dev-*', namespaces: ['*'], "
                                        "verbs: [get], resources: [pods]}\n")
    more = cli.run("roles", "apply", "-f", tmp_path / "more.yaml")
    assert more.returncode == 0 and "New roles (tester)" in more.stderr and "on dev-1: mk8s clusters token" in more.stderr
    assert "stage" not in more.stderr and more.stdout == "The roles are applied.\n"


@pytest.mark.parametrize("text", ["{}", "roles: []\n", "roles: []\nusers: []\n", "", "# nothing\n"])
def test_a_role_document_with_nothing_in_it_is_not_applied(central, make_cli, tmp_path, text):
    cli = make_cli(central, "admin@localhost")
    (tmp_path / "roles.yaml").write_text(text)
    done = cli.run("roles", "apply", "-f", tmp_path / "roles.yaml")
    assert done.returncode == 1 and "applied." not in done.stdout, done
    assert "nothing was applied" in done.stderr or "document is expected, there are 0" in done.stderr, done


def test_rows_name_what_is_made(central, admin):
    tail = uuid.uuid4().hex[:8]
    for path, member, name in (("/clusters", "name", f"row-{tail}"), ("/users", "email", f"row-{tail}@example.com"),
                               ("/roles", "name", f"row-{tail}")):
        body = {member: name, **({"password": PASSWORD} if member == "email" else {})}
        body.update({"clusters": []} if path == "/roles" else {})
        admin.want(201, "POST", path, body)
        admin.want(409, "POST", path, body)
        admin.want(400, "POST", path, {**body, member: 7})
        rows = wait_for("the rows", lambda: (lambda found: found if all(row["status"] for row in found) else None)(
            [row for row in central.audit(limit=20) if row["command"] == f"POST {path}"][:3]))
        assert [(row["status"], row["name"]) for row in rows] == [(400, ""), (409, name), (201, name)], rows


def test_the_row_of_a_sign_in_has_its_duration(central):
    central.login()
    row = next(row for row in central.audit(limit=10) if row["verb"] == "login")
    assert row["duration_ms"] > 5, row


def test_operation_endpoints(central):
    api = Api(central)
    assert api.get("/healthz").status == 200 and api.get("/readyz").status == 200
    metrics = api.get("/metrics")
    assert metrics.status == 200 and "# TYPE" in metrics.text
    paths = api.want(200, "GET", "/openapi.json")["paths"]
    assert {"/auth/login", "/clusters", "/users", "/roles", "/audit"} <= set(paths)
