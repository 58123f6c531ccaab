"""op: answers that are none, words in wrong places, and terminals."""
import json
import os
import pty
import subprocess

import pytest

import onepassword
from onepassword import VALUES
from test_op import BIN, ITEM, certificate, connect, environment, op, play_fields, run, says, source  # noqa: F401 (fixtures)

VAULT = onepassword.VAULT["id"]
CORE = f"/v1/vaults/{VAULT}/items/itemcore222222222222222222"


def field(n):
    return {"id": f"f{n}", "type": "CONCEALED", "label": f"l{n}", "value": "v"}


ODD = [
    ("/v1/vaults", 200, {"vaults": []}, 1, "did not answer with a list in JSON"),
    ("/v1/vaults", 200, b"<html>a proxy's page</html>", 1, "is it 1Password Connect"),
    ("/v1/vaults", 200, b"", 1, "is it 1Password Connect"),
    ("/v1/vaults", 200, [], 1, "can read no vault"),
    ("/v1/vaults", 200, [{"id": "../../health", "name": "x"}], 1, "an id that is none"),
    ("/v1/vaults", 200, [{"name": "x"}], 1, "an id that is none"),
    ("/v1/vaults", 200, [{"id": f"{n:026}", "name": str(n)} for n in range(2000)], 2, "add --vault"),
    ("/v1/vaults", 400, {"status": 400, "message": "Invalid filter"}, 1, "did not take the question (Connect: Invalid filter)"),
    ("/v1/vaults", 403, {"status": 403, "message": "vault x is not in scope"}, 3, "may not read this vault"),
    ("/v1/vaults", 403, b"\x1b[31mred", 3, "may not read this vault"),
    ("/v1/vaults", 500, {"message": "\x1b]0;title\x07 " + "x" * 5000}, 4, "answered with status 500"),
    (f"/v1/vaults/{VAULT}/items", 200, [{"id": "a/b", "title": ITEM}], 1, "an id that is none"),
    (f"/v1/vaults/{VAULT}/items", 200, [{"id": 7, "title": ITEM}], 1, "an id that is none"),
    (f"/v1/vaults/{VAULT}/items", 200, {}, 1, "did not answer with a list in JSON"),
    (CORE, 404, {"status": 404, "message": "item not found"}, 1, "found nothing"),
    (CORE, 200, [], 1, "item"),
    (CORE, 200, b'{"id": "x"', 1, "JSON"),
    (CORE, 200, b"[" * 5000, 1, ""),
    (CORE, 200, {"id": "i", "title": ITEM, "fields": "none"}, 1, ""),
    (CORE, 200, {"id": "i", "title": ITEM, "fields": [field(n) for n in range(20000)]}, 1, "more than"),
]


@pytest.mark.parametrize("path, status, doc, ends, text", ODD)
def test_odd_answers_of_connect(connect, path, status, doc, ends, text):  # noqa: F811
    route = connect.route

    def odd(handler, parts, query):
        if handler.path.split("?")[0] == path:
            return connect.send(handler, status, doc)
        return route(handler, parts, query)
    connect.route = odd
    got = run(connect, "fetch", ITEM)
    said = says(got, ends, text)
    assert got.stdout == b"" and "\x1b" not in said and connect.TOKEN not in said and len(said) < 1500


@pytest.mark.parametrize("printed, text", [("", "really 1Password's op"), ("{}", "really 1Password's op"), ("ok\n", "")])
def test_an_op_that_is_another_program(op, printed, text):  # noqa: F811
    """Such as an `op` that is none of 1Password's: it says yes to everything."""
    op.path.write_text(f"#!/bin/sh\nprintf %s '{printed}'\n")
    got = run(op, "check", "-o", "json")
    doc = json.loads(got.stdout)
    assert got.returncode == 1 and doc["ok"] is False and doc["failure"] == "other" and text in doc["message"]
    got = run(op, "fetch", ITEM)
    says(got, 1)
    assert got.stdout == b""


def test_an_op_that_dies_without_a_word(op):  # noqa: F811
    op.path.write_text("#!/bin/sh\nexit 9\n")
    says(run(op, "fetch", ITEM), 1, "status 9", "said nothing")


@pytest.mark.parametrize("words, status, text", [
    (["fetch", ""], 2, "name of the item is empty"), (["fetch", ITEM, "--vault", ""], 2, "name of the vault is empty"),
    (["fetch", ITEM, "--vault", "-v"], 2, "by its ID"),
    (["run", "--item", ITEM, "P=jwt_secret", "--", "true"], 2, "stands in front of --"),
    (["fetch", ITEM, "-f", "jwt_secret", "-f", "jwt_secret"], 1, "jwt_secret"),
    (["fetch", ITEM, "-f", "server.key"], 1, "raw"),
    (["run", "--item", ITEM, "--map", "K=server.key", "--", "true"], 1, "is a file"),
])
def test_wrong_words(source, words, status, text):  # noqa: F811
    got = run(source, words[0], *words[1:])
    says(got, status, text)
    assert got.stdout == b""


def test_an_item_without_what_was_asked(op):  # noqa: F811
    op.play(items=[{**onepassword.op_item(), "fields": [], "files": []}])
    says(run(op, "fetch", ITEM), 1, "has no concealed field", "--all-fields")
    says(run(op, "fetch", ITEM, "--all-fields"), 1, "has no field")
    says(run(op, "fetch", ITEM, "-f", "x"), 1, "it has none")


def test_a_long_list_of_fields_is_cut(op):  # noqa: F811
    play_fields(op, **{f"field-number-{n}": "x" for n in range(400)})
    said = says(run(op, "fetch", ITEM, "-f", "another"), 1, "field-number-0", "...")
    assert len(said) < 4000


def on_terminal(source, *words, stdin=subprocess.DEVNULL):  # noqa: F811
    ours, theirs = pty.openpty()
    got = subprocess.run([BIN, "op", *words, *getattr(source, "ca", [])], stdin=stdin, stdout=theirs, stderr=subprocess.PIPE,
                         env=environment(source), timeout=60)
    os.close(theirs)
    os.set_blocking(ours, False)
    try:
        seen = os.read(ours, 1 << 16).decode()
    except OSError:
        seen = ""
    os.close(ours)
    return got, seen


@pytest.mark.parametrize("form", ["env", "json", "dotenv", "shell"])
def test_a_terminal_sees_names_alone(source, form):  # noqa: F811
    got, seen = on_terminal(source, "fetch", ITEM, "-o", form, "-f", "jwt_secret", "-f", "ghcr_token")
    assert got.returncode == 0 and "jwt_secret" in seen and "ghcr_token" in seen
    assert not any(value in seen for value in VALUES.values())


def test_a_template_is_not_filled_on_a_terminal(source, tmp_path):  # noqa: F811
    template = tmp_path / "t"
    template.write_text("{{ op://KTRDR Homelab Secrets/ktrdr-homelab-core/jwt_secret }}\n")
    got, seen = on_terminal(source, "inject", "-i", str(template))
    assert got.returncode == 2 and b"--reveal" in got.stderr and seen == ""
    got, seen = on_terminal(source, "inject", "-i", str(template), "--reveal")
    assert got.returncode == 0 and VALUES["jwt_secret"] in seen
