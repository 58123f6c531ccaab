"""op: fetch, check, run, inject, by an `op` that says what 1Password's says, and by Connect."""
import base64
import json
import os
import pathlib
import pty
import shutil
import stat
import subprocess
import tempfile
import time

import pytest

import onepassword
from onepassword import FAILURES, FILE_CONTENT, VALUES

BIN = os.path.abspath(os.environ.get("MK8S_BIN", "build/mk8s"))
ITEM = "ktrdr-homelab-core"
SECRETS = {label: value for label, value in VALUES.items() if label != "db_username"}


@pytest.fixture
def op(tmp_path):
    return onepassword.Op(tmp_path / "bin")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    onepassword.certificate(cert, key)
    return cert, key


@pytest.fixture
def connect(certificate):
    server = onepassword.Connect(cert=certificate[0], key=certificate[1])
    server.ca = ["--ca-file", str(certificate[0])]
    yield server
    server.close()


def environment(source):
    if isinstance(source, onepassword.Op):
        return onepassword.clean_environment(PATH=f"{source.folder}:{os.environ['PATH']}")
    return onepassword.clean_environment(PATH="/usr/bin:/bin", **source.environment())


def run(source, verb, *words, stdin=b"", program=(BIN, "op"), **more):
    more_words = getattr(source, "ca", [])
    got = subprocess.run([*program, verb, *more_words, *map(str, words)], input=stdin, capture_output=True, timeout=60,
                         env={**environment(source), **more})
    for value in VALUES.values():
        if len(value) > 6:
            assert value.encode() not in got.stderr
    assert b"Sanitizer" not in got.stderr, got.stderr.decode()
    return got


def says(got, status, *texts):
    text = got.stderr.decode()
    assert got.returncode == status, text
    for part in texts:
        assert part in text, text
    return text


@pytest.fixture(params=["op", "connect"])
def source(request):
    return request.getfixturevalue(request.param)


def fetched(source, *words):
    got = run(source, "fetch", *words, "-o", "json")
    says(got, 0)
    return json.loads(got.stdout)


# Both sources give the same.

def test_concealed_fields_and_only_those(source):
    assert fetched(source, ITEM) == {**SECRETS, "empty": ""}


def test_all_fields_with_the_code_of_a_one_time_password(source):
    assert fetched(source, ITEM, "--all-fields") == {"notesPlain": "", **VALUES, "empty": "", "one-time password": "492039"}


@pytest.mark.parametrize("name, value", [
    ("db_username", VALUES["db_username"]), ("DB_PASSWORD", VALUES["db_password"]),
    ("one-time password", "492039"), ("field2", VALUES["jwt_secret"]), ("id=field2", VALUES["jwt_secret"]),
    ("label=jwt_secret", VALUES["jwt_secret"]), ("add more/jwt_secret", VALUES["jwt_secret"]),
    ("add more.field2", VALUES["jwt_secret"]),
])
def test_one_field_raw(source, name, value):
    got = run(source, "fetch", ITEM, "--field", name, "-o", "raw")
    says(got, 0)
    assert got.stdout.decode() == value


def test_a_file_is_fetched_as_it_is(source):
    got = run(source, "fetch", ITEM, "-f", "server.key", "-o", "raw")
    says(got, 0)
    assert got.stdout == FILE_CONTENT
    says(run(source, "fetch", ITEM, "-f", "server.key", "-o", "json"), 1, "use -o raw")


@pytest.mark.parametrize("words, status, texts", [
    (["-f", "nothing"], 1, ['has no field "nothing"', "db_password", "add more/db_username"]),
    (["-f", "empty"], 1, ['field "empty"', "is empty"]),
    (["-o", "xml"], 2, ["env, json, dotenv, shell or raw"]),
    (["-o", "raw"], 2, ["one field"]),
    (["-o", "env"], 1, ["grafana_password", "line break"]),
    (["-f", "jwt_secret", "--all-fields"], 2, ["exclude"]),
    (["--vault", "No Such Vault"], 1, ["there is no"]),
])
def test_fetch_refuses(source, words, status, texts):
    got = run(source, "fetch", ITEM, *words)
    says(got, status, *texts)
    assert got.stdout == b""


def test_repeated_labels_are_listed(source):
    for words in (["repeated"], ["repeated", "-f", "password"]):
        says(run(source, "fetch", *words), 1, "Primary/password", "Replica/password", "id=pa", "id=pb")
    for name, value in (("Primary/password", "first-of-two"), ("sectb/password", "second-of-two"),
                        ("pb", "second-of-two")):
        assert list(fetched(source, "repeated", "-f", name).values()) == [value]


def test_by_vault_name_and_by_ids(source):
    assert fetched(source, ITEM, "--vault", onepassword.VAULT["name"]) == fetched(
        source, "itemcore222222222222222222", "--vault", onepassword.VAULT["id"])


@pytest.mark.parametrize("item", ["nothing here", 'quo"te\\', "nothinghere222222222222222"])
def test_no_such_item(source, item):
    says(run(source, "fetch", item), 1, "there is no item", item)


def test_shell_output_gives_every_byte_back(source):
    got = run(source, "fetch", ITEM, "-o", "shell")
    says(got, 0)
    back = subprocess.run(["sh", "-c", 'eval "$(cat)"; printf "%s\\0" "$db_password" "$grafana_password"'],
                          input=got.stdout, capture_output=True, check=True).stdout
    assert back.decode().split("\0")[:2] == [VALUES["db_password"], VALUES["grafana_password"]]


def test_dotenv_and_env(source):
    got = run(source, "fetch", ITEM, "-o", "dotenv", "-f", "grafana_password", "-f", "jwt_secret")
    assert got.stdout.decode() == ('grafana_password="--grafana line 1\\nline 2\\n"\n'
                                   f"jwt_secret='{VALUES['jwt_secret']}'\n")
    got = run(source, "fetch", ITEM, "-f", "db_password", "-f", "add more/jwt_secret")
    assert got.stdout.decode() == f"db_password={VALUES['db_password']}\nadd_more_jwt_secret={VALUES['jwt_secret']}\n"


def test_run_gives_the_command_its_variables(source):
    got = run(source, "run", "--item", ITEM, "--map", "DB_USER=db_username", "P=db_password", "--",
              "sh", "-c", 'printf "%s|%s|%s" "$DB_USER" "$P" "$1"; exit 7', "sh", "--map")
    assert got.returncode == 7, got.stderr
    assert got.stdout.decode() == f"ktrdr|{VALUES['db_password']}|--map"
    got = run(source, "run", "--item", ITEM, "--", "env", "-0", empty="old", jwt_secret="old")
    have = dict(pair.split("=", 1) for pair in got.stdout.decode().split("\0") if pair)
    assert {name: have[name] for name in SECRETS} == SECRETS and have["empty"] == ""


@pytest.mark.parametrize("words, status, texts", [
    (["--", "true"], 2, ["which item"]),
    (["--item", ITEM], 2, ["which command"]),
    (["--item", ITEM, "true"], 2, ["--"]),
    (["--item", ITEM, "--map", "1A=db_username", "--", "true"], 2, ["name of a variable"]),
    (["--item", ITEM, "--map", "A", "--", "true"], 2, ["NAME=FIELD"]),
    (["--item", ITEM, "--map", "A=none", "--", "true"], 1, ["no field"]),
    (["--item", ITEM, "--map", "A=empty", "--", "true"], 1, ["is empty"]),
    (["--item", ITEM, "--map", "A=jwt_secret", "--map", "A=ghcr_token", "--", "true"], 1, ["variable A"]),
    (["--item", ITEM, "--", "/nonexistent/program"], 127, ["cannot be run"]),
    (["--item", ITEM, "--", "/etc/passwd"], 126, ["cannot be run"]),
    (["--item", "repeated", "--", "true"], 1, ["password"]),
])
def test_run_refuses(source, words, status, texts):
    says(run(source, "run", *words), status, *texts)


TEMPLATE = """# every line of it
user: {{ op://KTRDR Homelab Secrets/ktrdr-homelab-core/db_username }}
same: "{{op://vaulthomelab22222222222222/ktrdr-homelab-core/db_username}}"
pass: {{ op://KTRDR Homelab Secrets/ktrdr-homelab-core/add more/db_password }}
code: op://vaulthomelab22222222222222/itemcore222222222222222222/otp1?attribute=otp, and
uri: {{ op://KTRDR Homelab Secrets/ktrdr-homelab-core/otp1?attribute=value }}
{{ .Go }} {{ "stays" }} xop://not/a/reference
"""


def test_inject_to_a_file_and_to_a_pipe(source, tmp_path):
    template, out = tmp_path / "in.yaml", tmp_path / "out.yaml"
    template.write_text(TEMPLATE)
    says(run(source, "inject", "-i", template, "-o", out), 0)
    expected = f"""# every line of it
user: ktrdr
same: "ktrdr"
pass: {VALUES['db_password']}
code: 492039, and
uri: {onepassword.OTP_URI}
{{{{ .Go }}}} {{{{ "stays" }}}} xop://not/a/reference
"""
    assert out.read_text() == expected
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert run(source, "inject", "-i", "-", stdin=TEMPLATE.encode()).stdout.decode() == expected


@pytest.mark.parametrize("text, status, says_what", [
    ("a\n{{ op://v/i\n", 1, 'line 2: "{{ op://" has no "}}"'),
    ("{{ op://a/b }}", 1, "too few parts"),
    ("op://a/b/c/d/e", 1, "too many '/'"),
    ("x\n\n{{ op://a//c }}", 1, "line 3"),
    ("{{ op://a/b&c/d }}", 1, "use the ID"),
    ("{{ op://KTRDR Homelab Secrets/ktrdr-homelab-core/none }}", 1, "has no field"),
    ("{{ op://KTRDR Homelab Secrets/ktrdr-homelab-core/jwt_secret?attribute=otp }}", 1, "not a one-time password"),
    ("{{ op://KTRDR Homelab Secrets/ktrdr-homelab-core/jwt_secret?attribute=x }}", 1, "attribute is one of"),
    ("{{ op://KTRDR Homelab Secrets/ktrdr-homelab-core/jwt_secret?attribute=size }}", 1, "size is of files"),
    ("{{ op://KTRDR Homelab Secrets/ktrdr-homelab-core/jwt_secret?ssh-format=openssh }}", 1, "is not an SSH key"),
    ("{{ op://KTRDR Homelab Secrets/ktrdr-homelab-core/server.key?attribute=purpose }}", 1, "is a file"),
    ("op://KTRDR/deploy-key/private-key?ssh-format=pem", 1, "only ssh-format is openssh"),
    ("op://a/b/c?other=1", 1, "attribute=NAME or ssh-format"),
])
def test_inject_refuses_and_writes_nothing(source, tmp_path, text, status, says_what):
    out = tmp_path / "out"
    says(run(source, "inject", "-i", "-", "-o", out, stdin=text.encode()), status, says_what)
    assert not out.exists()


ATTRIBUTES = {
    "db_password?attribute=type": "CONCEALED", "db_password?attribute=id": "field1", "notesPlain?attribute=purpose": "NOTES",
    "db_password?attribute=title": "db_password", "otp1?attribute=type": "OTP", "otp1?attr=otp": "492039",
    "otp1?attribute=value": onepassword.OTP_URI, "db_password?attribute=purpose": "",
    "server.key?attribute=size": str(len(FILE_CONTENT)), "server.key?attribute=name": "server.key",
    "server.key?attribute=id": "file1", "Primary/server.key?attribute=name": "server.key",
}


def test_attributes_of_references(source):
    text = "".join(f"{{{{ op://KTRDR Homelab Secrets/{ITEM}/{name} }}}}\n" for name in ATTRIBUTES)
    got = run(source, "inject", "-i", "-", stdin=text.encode())
    says(got, 0)
    assert got.stdout.decode().splitlines() == list(ATTRIBUTES.values())


def test_ssh_format(source):
    place = "op://KTRDR Homelab Secrets/deploy key/private key"
    got = run(source, "inject", "-i", "-", stdin=f"{{{{ {place} }}}}".encode())
    assert got.stdout == b"-----BEGIN PRIVATE KEY-----\nx\n"
    got = run(source, "inject", "-i", "-", stdin=f"{{{{ {place}?ssh-format=openssh }}}}".encode())
    if isinstance(source, onepassword.Op):
        assert got.stdout == b"-----BEGIN OPENSSH PRIVATE KEY-----\ny\n"
    else:
        says(got, 1, "which Connect does not have", "ssh-keygen -p -f")


def test_inject_without_template(source, tmp_path):
    says(run(source, "inject"), 2, "-i FILE")
    says(run(source, "inject", "-i", tmp_path / "none"), 1, "none")


def test_check(source):
    got = run(source, "check", "-o", "json")
    says(got, 0)
    doc = json.loads(got.stdout)
    assert doc["ok"] is True and doc["vaults"] == 2
    if isinstance(source, onepassword.Op):
        assert (doc["source"], doc["version"]) == ("op", "2.30.0")
    else:
        assert (doc["source"], doc["version"], doc["account"]) == ("connect", "1.7.2", source.url)
    assert "vaults   2" in run(source, "check").stdout.decode()


@pytest.mark.parametrize("reveal", [False, True])
def test_a_terminal_sees_no_secret_unasked(source, reveal):
    ours, theirs = pty.openpty()
    words = ["--reveal"] if reveal else []
    got = subprocess.run([BIN, "op", "fetch", ITEM, "-f", "jwt_secret", *getattr(source, "ca", []), *words], stdout=theirs,
                         stderr=subprocess.PIPE, env=environment(source), timeout=60)
    os.close(theirs)
    seen = os.read(ours, 65536).decode()
    os.close(ours)
    assert got.returncode == 0, got.stderr
    assert (VALUES["jwt_secret"] in seen) == reveal
    assert (b"--reveal" in got.stderr) != reveal


# What only `op` does.

@pytest.mark.parametrize("case", FAILURES)
def test_every_recorded_failure_has_its_sentence(op, case):
    text, texts, status = FAILURES[case]
    op.play(fail=text)
    got = run(op, "fetch", ITEM, "--vault", "V", "--account", "my")
    said = says(got, status, *texts)
    for line in text.splitlines():
        assert line.removeprefix(onepassword.STAMP).strip()[:40] in said, said
    assert got.stdout == b"" and len(op.calls()) == 1


def test_check_of_connect_that_is_not_there(connect):
    got = run(connect, "check", "-o", "json", OP_CONNECT_HOST="https://localhost:1")
    assert json.loads(got.stdout)["failure"] == "unreachable" and got.returncode == 4
    says(run(connect, "check", "-o", "xml"), 2, "xml")


def play_fields(op, **fields):
    item = onepassword.op_item()
    item["fields"] = [{"id": f"f{n}", "type": "CONCEALED", "label": label, "value": value}
                      for n, (label, value) in enumerate(fields.items())]
    op.play(items=[item])


@pytest.mark.parametrize("fields, texts", [
    ({"LD PRELOAD": "/tmp/x.so"}, ["LD_PRELOAD", "say so: --map"]), ({"PATH": "/tmp"}, ["PATH", "say so: --map"]),
    ({}, ["no concealed field"]), ({"a b": "1", "a-b": "2"}, ["two fields would become the variable a_b"]),
    ({"x": "a\0b"}, ["u0000 is not accepted"]),
])
def test_variables_that_nobody_asked_for_are_refused(op, fields, texts):
    play_fields(op, **fields)
    got = run(op, "run", "--item", ITEM, "--", "true")
    assert got.returncode != 0
    says(got, 1, *texts)


def test_a_variable_of_the_loader_when_it_is_asked_for(op):
    play_fields(op, **{"LD PRELOAD": "", "path": "/asked/for"})
    got = run(op, "run", "--item", ITEM, "--map", "LD_LIBRARY_PATH=path", "--", "/usr/bin/env")
    assert b"LD_LIBRARY_PATH=/asked/for" in got.stdout


def test_op_missing(op):
    op.path.unlink()
    got = run(op, "fetch", ITEM, PATH=str(op.folder))
    says(got, 3, "not installed", "OP_CONNECT_HOST")
    got = run(op, "check", "-o", "json", PATH=str(op.folder))
    assert got.returncode == 3 and json.loads(got.stdout)["failure"] == "op_missing"


def test_a_link_to_this_program_is_not_op(op, tmp_path):
    first = tmp_path / "first"
    first.mkdir()
    (first / "op").symlink_to(BIN)
    got = run(op, "fetch", ITEM, "-f", "db_username", PATH=f"{first}:{op.folder}")
    says(got, 0)
    assert got.stdout == b"db_username=ktrdr\n"
    says(run(op, "fetch", ITEM, PATH=str(first)), 3, "not installed")


def test_one_read_an_item(op, tmp_path):
    run(op, "fetch", ITEM, "-f", "db_password", "-f", "jwt_secret", "-f", "ghcr_token")
    assert [call["argv"] for call in op.calls()] == [["item", "get", ITEM, "--format", "json"]]
    op.play()
    run(op, "inject", "-i", "-", stdin=TEMPLATE.encode())
    assert len(op.calls()) == 2  # the vault by name and by id


def test_reveal_only_where_op_hides(op):
    op.play(conceal=True)
    assert fetched(op, ITEM) == {**SECRETS, "empty": ""}
    assert [call["argv"][-1] for call in op.calls()] == ["json", "--reveal"]


def test_an_op_that_cannot_reveal(op):
    item = onepassword.op_item()
    item["fields"][2]["value"] = "[use 'op item get x --reveal' to reveal]"
    op.play(items=[item])
    says(run(op, "fetch", ITEM), 1, "update op")


@pytest.mark.parametrize("items, says_what", [([{"title": ITEM, "id": ""}], "no id"), ([{"title": ITEM, "id": 3}], "no id")])
def test_what_is_no_item(op, items, says_what):
    op.play(items=items)
    says(run(op, "fetch", ITEM), 1, says_what)


def test_notices_of_op_are_passed_on(op):
    op.play(notice="Using service account token\n")
    says(run(op, "fetch", ITEM, "-f", "db_username"), 0, "op: Using service account token")


def test_check_tells_a_service_account(op):
    op.play(whoami={"URL": "https://my.1password.com", "ServiceAccountType": "SERVICE_ACCOUNT"})
    assert "service account (https://my.1password.com)" in run(op, "check").stdout.decode()


# The word for scripts in `check -o json`, by the name of the recorded failure; all others are "signed_out".
KINDS = {"no item": "no_item", "no item in vault": "no_item", "not found": "no_item", "several": "several",
         "no vault": "no_vault", "needs vault": "needs_vault", "not authenticated": "token", "malformed token": "token",
         "crash": "token", "deleted account": "token", "rate limit": "rate_limit", "unknown": "other"}


@pytest.mark.parametrize("case", FAILURES)
def test_check_names_the_kind_of_each_failure(op, case):
    op.play(fail=FAILURES[case][0])
    got = run(op, "check", "-o", "json")
    doc = json.loads(got.stdout)
    kind = KINDS.get(case, "signed_out")
    assert (doc["ok"], doc["failure"]) == (False, kind) and doc["message"]
    assert got.returncode == FAILURES[case][2]
    assert f"failure: {kind}" in run(op, "check", "-o", "yaml").stdout.decode()


def test_check_does_not_believe_whoami(op):
    says(run(op, "check"), 0)
    op.play(fail=onepassword.STAMP + onepassword.NOT_SIGNED_IN)
    got = run(op, "check", "-o", "json")
    assert json.loads(got.stdout)["failure"] == "signed_out" and got.returncode == 3


def test_account_reaches_op_and_the_environment_by_list(op):
    run(op, "fetch", ITEM, "--vault", "KTRDR Homelab Secrets", "--account", "work", SOME_SECRET="x", OP_SESSION_work="t")
    call = op.calls()[0]
    assert call["argv"] == ["item", "get", ITEM, "--format", "json", "--vault", "KTRDR Homelab Secrets", "--account", "work"]
    assert "SOME_SECRET" not in call["env"] and "OP_SESSION_work" in call["env"]


def test_tokens_are_not_repeated(op):
    token = "ops_eyJzaWduSW5BZGRyZXNzIjoi"
    op.play(fail=f"{onepassword.STAMP}failed to DecodeSACredentials: {token}\nline of {token}")
    text = says(run(op, "fetch", ITEM, OP_SERVICE_ACCOUNT_TOKEN=token), 3, "not a whole token")
    assert token not in text


def test_an_item_that_looks_like_an_option(op):
    says(run(op, "fetch", "--", "-item"), 2, "by its ID")
    assert op.calls() == []


def test_interrupted_op_does_not_stay(op):
    op.play(sleep=60)
    ours = subprocess.Popen([BIN, "op", "fetch", ITEM], env=environment(op), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not op.calls() and time.monotonic() < deadline:
        time.sleep(0.05)
    ours.terminate()
    ours.wait(10)
    deadline = time.monotonic() + 5
    while running(op.path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(op.path)


def running(path):
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(path).encode() in entry.read_bytes():
                found.append(entry)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("name", ["op-fetch", "1password", "mk8s-op"])
def test_other_names(op, tmp_path, name):
    link = tmp_path / name
    link.symlink_to(BIN)
    got = run(op, "fetch", ITEM, "-f", "db_username", program=(link,))
    says(got, 0)
    assert got.stdout == b"db_username=ktrdr\n"
    if name == "op-fetch":
        got = subprocess.run([link, ITEM, "-f", "db_username"], env=environment(op), capture_output=True, timeout=30)
        assert got.stdout == b"db_username=ktrdr\n"


# What only Connect does.

def test_connect_needs_both_variables(connect):
    says(run(connect, "fetch", ITEM, OP_CONNECT_TOKEN=""), 2, "without OP_CONNECT_TOKEN")


@pytest.mark.parametrize("host, says_what", [
    ("http://connect.example.com", "in the clear"), ("ftp://localhost", "https://"), ("localhost:8080", "address"),
    ("https://user@localhost", "no more"),
])
def test_connect_addresses_that_are_refused(connect, host, says_what):
    says(run(connect, "fetch", ITEM, OP_CONNECT_HOST=host), 1 if says_what == "address" else 2, says_what)


def test_connect_token_refused(connect):
    text = says(run(connect, "fetch", ITEM, OP_CONNECT_TOKEN="wrong-token-sentinel"), 3, "refused the token",
                "Invalid token signature")
    assert "wrong-token-sentinel" not in text
    assert len(connect.asked) == 2  # once more after a 401, not oftener


def test_connect_that_has_just_started(connect):
    connect.refuse_first = 1
    assert fetched(connect, ITEM, "-f", "db_username") == {"db_username": "ktrdr"}


def test_connect_rate_limit_is_waited_for(connect):
    connect.limit = 1
    start = time.monotonic()
    assert fetched(connect, ITEM, "-f", "db_username") == {"db_username": "ktrdr"}
    assert time.monotonic() - start >= 1
    connect.limit = 100
    says(run(connect, "fetch", ITEM), 1, "rate limit")


def test_connect_several_items(connect):
    connect.items.append(onepassword.op_item(ident="itemcopy222222222222222222", vault=onepassword.OTHER))
    says(run(connect, "fetch", ITEM), 1, "several items", "itemcopy222222222222222222", "itemcore222222222222222222")
    assert fetched(connect, ITEM, "--vault", "Other", "-f", "db_username") == {"db_username": "ktrdr"}


def test_connect_reads_the_item_once(connect):
    run(connect, "fetch", ITEM, "--vault", onepassword.VAULT["name"], "-f", "jwt_secret", "-f", "ghcr_token")
    assert len(connect.asked) == 3  # vault, item, its fields
    assert connect.asked[0] == "/v1/vaults?filter=name+eq+%22KTRDR+Homelab+Secrets%22"


def test_connect_unreachable_and_untrusted(connect):
    says(run(connect, "check", OP_CONNECT_HOST="https://localhost:1"), 4, "localhost:1")
    connect.ca = []
    text = says(run(connect, "check"), 4, "certificate")
    assert onepassword.Connect.TOKEN not in text


# Nothing leaks.

def forms(value):
    raw = value.encode()
    return [raw, base64.b64encode(raw), raw.hex().encode(), json.dumps(value).encode()[1:-1]]


def test_nothing_shows_in_proc_or_rests_on_disk(op, tmp_path):
    """While the command runs: no secret in any argument list, none in the environment of ours."""
    home = tmp_path / "home"
    home.mkdir()
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    child = subprocess.Popen([BIN, "op", "run", "--item", ITEM, "--map", "P=jwt_secret", "--", "cat", fifo],
                             env={**environment(op), "HOME": str(home)}, cwd=home)
    deadline = time.monotonic() + 20
    while not pathlib.Path(f"/proc/{child.pid}/cmdline").read_bytes().startswith(b"cat") and time.monotonic() < deadline:
        time.sleep(0.02)
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes()
        except OSError:
            continue
        assert not any(form in line for value in SECRETS.values() for form in forms(value)), line
    assert VALUES["jwt_secret"].encode() in pathlib.Path(f"/proc/{child.pid}/environ").read_bytes()
    fifo.write_text("")
    assert child.wait(20) == 0
    for path in home.rglob("*"):
        assert path.is_dir() or not any(form in path.read_bytes() for v in SECRETS.values() for form in forms(v))
    assert list(home.iterdir()) == []


def test_memory_of_tokens_is_locked_and_left_out_of_dumps(connect):
    connect.delay = 3
    child = subprocess.Popen([BIN, "op", "fetch", ITEM, "-o", "json", *connect.ca], env=environment(connect),
                             stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not connect.asked and time.monotonic() < deadline:
        time.sleep(0.02)
    flags = [line.split()[1:] for line in pathlib.Path(f"/proc/{child.pid}/smaps").read_text().splitlines()
             if line.startswith("VmFlags")]
    connect.delay = 0
    assert child.wait(30) == 0
    no_lock = b"__asan_" in pathlib.Path(BIN).read_bytes()  # which makes mlock do nothing
    assert any("dd" in row and ("lo" in row or no_lock) for row in flags)


@pytest.mark.skipif(os.getuid() != 0, reason="only root sees the difference")
def test_the_process_is_not_dumpable():
    with tempfile.TemporaryDirectory() as folder:  # that other users may enter
        os.chmod(folder, 0o755)
        check_not_dumpable(shutil.copy(BIN, pathlib.Path(folder, "mk8s")))


def check_not_dumpable(program):
    child = subprocess.Popen([program, "op", "inject", "-i", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, user=65534, group=65534, extra_groups=[])
    proc = pathlib.Path(f"/proc/{child.pid}")
    deadline = time.monotonic() + 20
    while b"inject" not in (proc / "cmdline").read_bytes() or (proc / "wchan").read_text() in ("", "0"):
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    time.sleep(0.2)
    owner = (proc / "environ").stat().st_uid
    child.communicate(b"", timeout=20)
    assert owner == 0  # the kernel takes the files of a process that may not be dumped from its user


@pytest.mark.parametrize("words, status, says_what", [
    ([], 2, "verb is missing"), (["fecth"], 2, 'did you mean "mk8s op fetch"'), (["fetch"], 2, "something is missing"),
    (["fetch", "a", "b"], 2, "too much"), (["check", "--nope"], 2, "--nope"),
])
def test_command_lines_that_are_wrong(words, status, says_what):
    got = subprocess.run([BIN, "op", *words], capture_output=True, text=True, timeout=30)
    assert got.returncode == status and says_what in got.stderr, got.stderr


@pytest.mark.parametrize("words", [[], ["fetch"], ["check"], ["run"], ["inject"]])
def test_help(words):
    got = subprocess.run([BIN, "op", *words, "--help"], capture_output=True, text=True, timeout=30)
    assert got.returncode == 0 and got.stdout.startswith("usage: mk8s op") and got.stderr == ""
