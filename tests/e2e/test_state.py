"""The verbs of mk8s central on a state directory: reset-password, rotate-keys, backup; beside a running central and without one."""
import base64
import json
import shutil
import stat
import subprocess

import pytest
from stack import ADMIN, BIN, PASSWORD, SLOW, Api, Central, wait_for


def admin_verb(central, *words, state=None):
    return subprocess.run([BIN, "central", "--state-dir", str(state or central.state), *map(str, words)], env=central.env(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30 * SLOW)


def ok(done):
    assert done.returncode == 0, done.stderr
    return done.stdout


def kid_of(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["kid"]


def row_of(central, verb):
    return wait_for(f"the row of {verb}", lambda: next(iter(central.audit(limit=5, verb=verb)), None), 10)


def test_a_reset_password_works_at_once_and_ends_the_sessions(make_central):
    central = make_central()
    admin = central.login()
    said = ok(admin_verb(central, "reset-password", ADMIN.upper()))
    password = said.removeprefix("password: ").strip()
    assert said == f"password: {password}\n" and len(password) == 24
    assert Api(central).ask("POST", "/auth/login", {"email": ADMIN, "password": PASSWORD}).status == 401
    wait_for("the old session to end", lambda: admin.get("/auth/me").status == 401, 5)
    central._admin = central.login(ADMIN, password)
    row = row_of(central, "reset-password")
    assert row["command"] == "mk8s central reset-password" and row["resource"] == "users"
    assert row["name"] == ADMIN.upper() and row["source"] == "local"
    assert password not in central.process.said()


def test_a_stopped_central_finds_the_reset_at_its_start(make_central):
    central = make_central()
    assert central.stop() == 0
    password = ok(admin_verb(central, "reset-password", ADMIN)).split()[1]
    central.start()
    central._admin = central.login(ADMIN, password)
    assert row_of(central, "reset-password")["name"] == ADMIN
    assert central.admin.want(200, "GET", "/audit/verify")["ok"] is True


def test_tokens_of_the_old_key_verify_until_they_end(make_central):
    central = make_central()
    old = central.login()
    ok(admin_verb(central, "rotate-keys"))

    def keys():
        return {key["kid"] for key in Api(central).want(200, "GET", "/.well-known/jwks.json")["keys"]}
    wait_for("the new key", lambda: len(keys()) == 2, 10)
    new = central.login()
    assert kid_of(new.token) != kid_of(old.token)
    assert keys() == {kid_of(new.token), kid_of(old.token)}
    assert old.get("/auth/me").status == 200 and new.get("/auth/me").status == 200
    central.restart()
    assert old.get("/auth/me").status == 200, "and after a start"
    assert kid_of(central.login().token) == kid_of(new.token)
    assert row_of(central, "rotate-keys")["resource"] == "keys"


def test_jwks_verifies_tokens_elsewhere(make_central):
    """By Python's own arithmetic: RFC 8017, 8.2.2, over the published modulus."""
    import hashlib
    central = make_central()
    head, claims, signature = central.login().token.split(".")

    def number(text):
        return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
    key = next(k for k in Api(central).want(200, "GET", "/.well-known/jwks.json")["keys"] if k["kid"] == kid_of(head + "."))
    assert key["kty"] == "RSA" and key["alg"] == "RS256" and key["use"] == "sig" and "d" not in key
    modulus = number(key["n"])
    assert modulus.bit_length() == 3072
    digest = hashlib.sha256(f"{head}.{claims}".encode()).digest()
    block = pow(number(signature), number(key["e"]), modulus).to_bytes(384, "big")
    info = bytes.fromhex("3031300d060960864801650304020105000420")
    assert block == b"\x00\x01" + b"\xff" * (384 - 3 - len(info) - 32) + b"\x00" + info + digest


def test_a_backup_of_a_running_central_starts(make_central, tmp_path):
    central = make_central()
    central.add_role("reader")
    user = central.add_user("reader")
    central.add_cluster("prod")
    copy = tmp_path / "copy"
    ok(admin_verb(central, "backup", copy))
    after = central.add_user("reader")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o700
    files = [path for path in copy.rglob("*") if path.is_file()]
    assert {"central.db", "audit.db", "ca.crt", "ca.key", "audit.key"} <= {path.name for path in files}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert row_of(central, "backup")["resource"] == "state"
    assert central.stop() == 0

    restored = Central(tmp_path / "restored")
    restored.state = copy
    restored.start()
    try:
        assert restored.ca_sha256 == central.ca_sha256
        assert restored.login(user.email).get("/auth/me").status == 200
        assert Api(restored, user.token).get("/auth/me").status == 200, "tokens go on verifying"
        gone = Api(restored).ask("POST", "/auth/login", {"email": after.email, "password": PASSWORD})
        assert gone.status == 401, "what came after the backup is not in it"
        assert [c["name"] for c in restored.admin.want(200, "GET", "/clusters")["clusters"]] == ["prod"]
        assert restored.admin.want(200, "GET", "/audit/verify")["ok"] is True
        assert any(row["verb"] == "create" for row in restored.audit(limit=100))
    finally:
        assert restored.stop() == 0


def test_a_backup_never_writes_over_anything(make_central, tmp_path):
    central = make_central()
    used = tmp_path / "used"
    used.mkdir()
    (used / "file").write_text("mine")
    done = admin_verb(central, "backup", used)
    assert done.returncode == 1 and "not empty" in done.stderr
    assert [path.name for path in used.iterdir()] == ["file"]
    done = admin_verb(central, "backup", used / "file")
    assert done.returncode == 1 and (used / "file").read_text() == "mine"
    assert admin_verb(central, "backup", tmp_path / "no" / "such").returncode == 1


@pytest.mark.parametrize("words, status, says", [
    (["reset-password"], 2, "usage: mk8s central reset-password EMAIL"),
    (["reset-password", "a@b.example", "x"], 2, "usage"),
    (["reset-password", "ghost@example.com"], 2, "there is no user"),
    (["rotate-keys", "now"], 2, "usage: mk8s central rotate-keys"),
    (["backup"], 2, "usage: mk8s central backup DIR"),
    (["rotate"], 2, "no verb"),
])
def test_what_is_no_verb(central, words, status, says):
    done = admin_verb(central, *words)
    assert (done.returncode, done.stdout) == (status, "") and says in done.stderr, done


def test_a_folder_that_is_no_state_directory_stays_as_it_is(central, tmp_path):
    for words in (["rotate-keys"], ["reset-password", ADMIN], ["backup", tmp_path / "copy"]):
        done = admin_verb(central, *words, state=tmp_path / "none")
        assert done.returncode == 2 and "no state directory" in done.stderr
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "empty").mkdir()
    assert admin_verb(central, "rotate-keys", state=tmp_path / "empty").returncode == 2
    shutil.rmtree(tmp_path / "empty")
