"""/openapi.json is a valid OpenAPI 3.1 document, and central's answers are what it says."""
import json
import pathlib
import re
import shutil
import subprocess
import uuid

import pytest
from stack import PASSWORD, Api

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
JSON_TYPES = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": list, "null": type(None)}
# Answers that are no JSON of central's own.
OTHER_ANSWERS = re.compile(r"^/(clusters/\{id\}/k8s/.*|ca\.pem|audit/.*/recording|healthz|readyz|metrics|openapi\.json)$")


@pytest.fixture(scope="module")
def document(central):
    answer = Api(central).get("/openapi.json")
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    return answer.json


def resolve(document, schema):
    while "$ref" in schema:
        at = document
        assert schema["$ref"].startswith("#/")
        for part in schema["$ref"][2:].split("/"):
            at = at[part]
        schema = at
    return schema


def check_schema(document, schema, seen=()):
    """JSON Schema as far as the document uses it: known words, known types, references that lead somewhere."""
    if schema.get("$ref") in seen:
        return
    seen = (*seen, schema.get("$ref"))
    schema = resolve(document, schema)
    assert set(schema) <= {"type", "format", "required", "properties", "items", "description", "additionalProperties"}, schema
    types = schema.get("type", [])
    assert set([types] if isinstance(types, str) else types) <= set(JSON_TYPES)
    assert set(schema.get("required", [])) <= set(schema.get("properties", {}))
    for inner in [*schema.get("properties", {}).values(), *(schema[name] for name in ("items", "additionalProperties") if name in schema)]:
        check_schema(document, inner, seen)


def check_value(document, schema, value, where):
    schema = resolve(document, schema)
    types = schema.get("type")
    if types:
        allowed = tuple(JSON_TYPES[name] for name in ([types] if isinstance(types, str) else types))
        assert isinstance(value, allowed) and (bool in allowed or not isinstance(value, bool)), (where, value)
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", [])) <= set(value) <= set(schema["properties"]), (where, value)
        for name, inner in value.items():
            check_value(document, schema["properties"][name], inner, f"{where}.{name}")
    if isinstance(value, list) and "items" in schema:
        for inner in value:
            check_value(document, schema["items"], inner, f"{where}[]")
    if schema.get("format") == "date-time" and value is not None:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value), (where, value)


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_the_document_is_valid(document):
    assert set(document) == {"openapi", "info", "paths", "components"} and re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"]["title"] and document["info"]["version"]
    for schema in document["components"]["schemas"].values():
        check_schema(document, schema)
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        assert path.startswith("/") and method in METHODS, where
        assert set(operation) <= {"summary", "parameters", "requestBody", "responses", "security"}, where
        assert operation["summary"] and operation["responses"], where
        inside = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
        assert inside == re.findall(r"\{(\w+)\}", path), where
        keys = [(p["in"], p["name"]) for p in operation["parameters"]]
        assert len(keys) == len(set(keys)), where
        for parameter in operation["parameters"]:
            assert set(parameter) == {"name", "in", "required", "schema"}, where
            assert parameter["in"] == "query" or parameter["in"] == "path" and parameter["required"] is True, where
            check_schema(document, parameter["schema"])
        for status, response in operation["responses"].items():
            assert re.fullmatch(r"[1-5]\d\d|default", status) and response["description"], where
        for owner in [*operation["responses"].values(), operation.get("requestBody", {})]:
            for media in owner.get("content", {}).values():
                check_schema(document, media["schema"])
        for need in operation.get("security", []):
            assert set(need) <= set(document["components"]["securitySchemes"]), where


def routes_of_the_code():
    """(method, path) of each row of the tables that the server dispatches by."""
    root = pathlib.Path(__file__).resolve().parents[2] / "lib"
    found = set()
    for name in ("gate/api.c", "net/server_health.c"):
        for method, pattern in re.findall(r'\{ "([A-Z]+|\*)", "(/[^"]*)", ACCESS_', (root / name).read_text()):
            path = pattern.replace("/*", "/{path}")
            found |= {(m, path) for m in (METHODS - {"trace"} if method == "*" else {method.lower()})}
    return found


def test_it_names_the_codes_routes_and_no_others(document):
    described = {(method, path) for path, method, _ in operations(document)}
    routes = routes_of_the_code()
    assert len(routes) > 35 and ("post", "/auth/login") in routes and ("delete", "/clusters/{id}/k8s/{path}") in routes
    assert described == routes, (routes - described, described - routes)


def test_each_operation_is_served_to_whom_it_says(document, central):
    for path, method, operation in operations(document):
        answer = Api(central).ask(method.upper(), re.sub(r"\{\w+\}", "none", path), {} if "requestBody" in operation else None)
        assert (answer.status == 401) == bool(operation.get("security")) or path == "/auth/logout", (method, path, answer)
        assert answer.status not in (404, 405, 501), (method, path, answer)


def test_a_validator_of_the_standard_finds_nothing(document, tmp_path):
    """openapi-spec-validator (PyPI), where it is installed."""
    validator = shutil.which("openapi-spec-validator")
    if not validator:
        pytest.skip("there is no openapi-spec-validator on PATH")
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    done = subprocess.run([validator, str(file)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done
    broken = json.loads(json.dumps(document))
    broken["paths"]["/users"]["get"]["parameters"] = [{"name": "x"}]
    file.write_text(json.dumps(broken))
    assert subprocess.run([validator, str(file)], capture_output=True, timeout=120).returncode != 0


def success(operation):
    return next((status, response) for status, response in operation["responses"].items() if status.startswith("2"))


def test_every_answer_is_described(document):
    for path, method, operation in operations(document):
        status, response = success(operation)
        if not OTHER_ANSWERS.match(path):
            assert status == "204" or response["content"]["application/json"]["schema"].get("$ref"), f"{method} {path}"
    names = {p["name"] for p in document["paths"]["/audit"]["get"]["parameters"]}
    assert names == {"user", "cluster", "verb", "since", "until", "limit", "cursor"}
    required = {p["name"] for p in document["paths"]["/why"]["get"]["parameters"] if p["required"]}
    assert required == {"cluster", "verb", "resource"}


def test_schemas_are_used(document):
    text = json.dumps(document)
    for name in document["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in text, name


def test_answers_are_as_described(document, central, agent):
    role, email, name = (f"open-{uuid.uuid4().hex[:8]}" for _ in range(3))
    email += "@example.com"
    rule = {"name": "*", "namespaces": ["*"], "verbs": ["get"], "resources": ["*"]}
    session = Api(central).want(200, "POST", "/auth/login", {"email": "admin@localhost", "password": PASSWORD})
    calls = [  # method, pattern, path, body
        ("post", "/auth/login", None, {"email": "admin@localhost", "password": PASSWORD}),
        ("post", "/auth/refresh", None, {"refresh_token": session["refresh_token"]}),
        ("get", "/auth/me", None, None), ("get", "/.well-known/jwks.json", None, None),
        ("post", "/roles", None, {"name": role, "clusters": [rule]}), ("get", "/roles", None, None),
        ("get", "/roles/{name}", f"/roles/{role}", None),
        ("put", "/roles/{name}", f"/roles/{role}", {"name": role, "clusters": []}),
        ("put", "/roles", None, {"roles": [{"name": role, "clusters": [rule]}]}),
        ("post", "/users", None, {"email": email, "password": PASSWORD, "roles": [role]}), ("get", "/users", None, None),
        ("get", "/users/{id}", f"/users/{email}", None), ("patch", "/users/{id}", f"/users/{email}", {"disabled": True}),
        ("put", "/users/{id}/roles", f"/users/{email}/roles", {"roles": []}),
        ("delete", "/users/{id}", f"/users/{email}", None), ("delete", "/roles/{name}", f"/roles/{role}", None),
        ("post", "/clusters", None, {"name": name, "labels": {"a": "b"}}), ("get", "/clusters", None, None),
        ("get", "/clusters/{id}", "/clusters/prod", None), ("get", "/clusters/{id}", f"/clusters/{name}", None),
        ("post", "/clusters/{id}/token", f"/clusters/{name}/token", {}),
        ("post", "/clusters/{id}/exec", "/clusters/prod/exec", {"command": ["get", "ns"], "stdin": "", "files": {"a": "b"},
                                                                "timeout_s": 30}),
        ("post", "/clusters/{id}/exec", "/clusters/prod/exec", {"command": ["get", "nothing"]}),
        ("delete", "/clusters/{id}", f"/clusters/{name}", None),
        ("get", "/why", "/why?cluster=prod&verb=list&resource=pods&user=admin@localhost", None),
        ("get", "/audit", "/audit?limit=50", None), ("get", "/audit/verify", None, None),
    ]
    for method, pattern, path, body in calls:
        operation = document["paths"][pattern][method]
        where = f"{method} {pattern}"
        if body is not None:
            check_value(document, operation["requestBody"]["content"]["application/json"]["schema"], body, where)
        answer = central.admin.ask(method.upper(), path or pattern, body)
        status, response = success(operation)
        assert str(answer.status) == status, (where, answer)
        if status != "204":
            check_value(document, response["content"]["application/json"]["schema"], answer.json, where)
    lines = central.admin.ask("POST", "/clusters/prod/exec", {"command": ["get", "ns"]}, {"Accept": "application/x-ndjson"})
    described = success(document["paths"]["/clusters/{id}/exec"]["post"])[1]["content"]["application/x-ndjson"]["schema"]
    assert len(lines.text.splitlines()) >= 2
    for line in lines.text.splitlines():
        check_value(document, described, json.loads(line), line)
    problem = Api(central).get("/auth/me")
    check_value(document, document["paths"]["/auth/me"]["get"]["responses"]["default"]["content"]["application/problem+json"][
        "schema"], problem.json, "problem")
