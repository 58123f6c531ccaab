"""1Password's two doors with recorded answers: a program `op`, and a Connect server with its real paths."""

import http.server
import json
import os
import pathlib
import ssl
import stat
import subprocess
import sys
import threading
import time
import urllib.parse

VAULT = {"id": "vaulthomelab22222222222222", "name": "KTRDR Homelab Secrets"}
OTHER = {"id": "vaultother2222222222222222", "name": "Other"}
VALUES = {
    "db_username": "ktrdr",
    "db_password": "s3cr3t-db'\"$HOME`id`\\ ü",
    "jwt_secret": "jwt-0123456789-0123456789-abcdef",
    "grafana_password": "--grafana line 1\nline 2\n",
    "ghcr_token": "ghp_sentinelTokenOfTheRegistry01",
}
OTP_URI = "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP"
FILE_CONTENT = bytes(range(256)) * 4


def op_item(title="ktrdr-homelab-core", ident="itemcore222222222222222222", vault=VAULT):
    """An item as `op item get --format json` prints it."""
    sections = [{"id": "add more"}, {"id": "secta", "label": "Primary"}, {"id": "sectb", "label": "Replica"}]
    fields = [
        {"id": "notesPlain", "type": "STRING", "purpose": "NOTES", "label": "notesPlain",
         "reference": f"op://{vault['name']}/{title}/notesPlain"},
    ]
    for number, (label, value) in enumerate(VALUES.items()):
        kind = "STRING" if label == "db_username" else "CONCEALED"
        fields.append({"id": f"field{number}", "section": sections[0], "type": kind, "label": label, "value": value,
                       "reference": f"op://{vault['name']}/{title}/{label}", "entropy": 120.5})
    fields += [
        {"id": "empty1", "type": "CONCEALED", "label": "empty"},
        {"id": "otp1", "type": "OTP", "label": "one-time password", "value": OTP_URI, "totp": "492039"},
    ]
    return {"id": ident, "title": title, "version": 3, "vault": vault, "category": "LOGIN",
            "created_at": "2026-11-01T10:00:00Z", "updated_at": "2026-11-02T10:00:00Z",
            "urls": [{"primary": True, "href": "https://example.com"}], "sections": sections, "fields": fields,
            "files": [{"id": "file1", "name": "server.key", "size": 1024, "section": sections[1],
                       "content_path": f"/v1/vaults/{vault['id']}/items/{ident}/files/file1/content"}]}


def repeated_item():
    """Two sections with one label each, and labels that are there twice."""
    item = op_item("repeated", "itemrepeat2222222222222222")
    a, b = item["sections"][1], item["sections"][2]
    item["files"] = []
    item["fields"] = [
        {"id": "pa", "section": a, "type": "CONCEALED", "label": "password", "value": "first-of-two"},
        {"id": "pb", "section": b, "type": "CONCEALED", "label": "password", "value": "second-of-two"},
    ]
    return item


def key_item():
    """An SSH key: PKCS#8, and the form of OpenSSH that only op gives."""
    item = op_item("deploy key", "itemkey2222222222222222222")
    item["fields"] = [
        {"id": "public_key", "type": "STRING", "label": "public key", "value": "ssh-ed25519 AAAA"},
        {"id": "private_key", "type": "SSHKEY", "label": "private key", "value": "-----BEGIN PRIVATE KEY-----\nx\n",
         "ssh_formats": {"other": 1, "openssh": {"reference": "op://x", "value": "-----BEGIN OPENSSH PRIVATE KEY-----\ny\n"}}},
    ]
    return item


def connect_item(item):
    """The same as Connect gives it: a field's section is only its id, no references, camelCase."""
    shown = {"id": item["id"], "title": item["title"], "vault": {"id": item["vault"]["id"]}, "category": "LOGIN",
             "version": 3, "createdAt": item["created_at"], "updatedAt": item["updated_at"],
             "sections": item["sections"], "files": item.get("files", []), "fields": []}
    for field in item["fields"]:
        field = {k: v for k, v in field.items() if k not in ("reference", "ssh_formats")}
        if "section" in field:
            field["section"] = {"id": field["section"]["id"]}
        shown["fields"].append(field)
    return shown


NOT_SIGNED_IN = "You are not currently signed in. Please run `op signin --help` for instructions"
STAMP = "[ERROR] 2026/11/21 09:00:00 "

# What op says, as recorded; by the name of the case: (text, what ours must say, exit status).
FAILURES = {
    "signed out": (STAMP + NOT_SIGNED_IN, ["not signed in", "op signin"], 3),
    "account signed out": (STAMP + "account is not signed in", ["not signed in", "op signin"], 3),
    "no session": (STAMP + "no active session found for account my", ["session", "has ended", "op signin"], 3),
    "no session token": (STAMP + "could not find session token for account my", ["no 1Password session"], 3),
    "no account": (STAMP + 'no account found for filter "work"', ["op account list"], 3),
    "no item": (STAMP + '"ktrdr-homelab-core" isn\'t an item. Specify the item with its UUID, name, or domain.',
                ['no item "ktrdr-homelab-core"', "--vault"], 1),
    "no item in vault": (STAMP + '"ktrdr-homelab-core" isn\'t an item in the "V" vault. Specify the item with its UUID, '
                         "name, or domain.", ['no item "ktrdr-homelab-core"'], 1),
    "several": (STAMP + 'More than one item matches "ktrdr-homelab-core". Try again and specify the item by its ID:\n'
                '\t* for the item "ktrdr-homelab-core" in vault A: aaaaaaaaaaaaaaaaaaaaaaaaaa\n'
                '\t* for the item "ktrdr-homelab-core" in vault B: bbbbbbbbbbbbbbbbbbbbbbbbbb\n',
                ["several items", "A: aaaaaaaaaaaaaaaaaaaaaaaaaa", "B: bbbbbbbbbbbbbbbbbbbbbbbbbb"], 1),
    "no vault": (STAMP + '"V" isn\'t a vault in this account. Specify the vault with its ID or name.',
                 ["no vault", "op vault list"], 1),
    "needs vault": ("Using service account…\n" + STAMP + "a vault query must be provided when this command is called by a "
                    "service account, please specify a vault", ["--vault", "service account"], 2),
    "not authenticated": (STAMP + "service account token set, but not authenticated yet", ["OP_SERVICE_ACCOUNT_TOKEN"], 3),
    "malformed token": (STAMP + "failed to DecodeSACredentials: unexpected end", ["not a whole token"], 3),
    "crash": ("panic: runtime error: invalid memory address or nil pointer dereference\n"
              "[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x1]\n\ngoroutine 1 [running]:\n",
              ["crashed", "copy the token again"], 3),
    "deleted account": (STAMP + "failed to authenticate: Server: (403) (Forbidden (Service Account Deleted)), deleted",
                        ["has been deleted"], 3),
    "rate limit": (STAMP + "(429) Too Many Requests: You've reached the maximum number of this type of requests this service "
                   "account is allowed to make. Please retry in 58 minutes and 3 seconds", ["rate limit", "58 minutes"], 1),
    "not found": (STAMP + "(404) Not Found: The requested resource was not found.", ["no item"], 1),
    "unknown": (STAMP + "the moon is in the wrong phase", ["the moon is in the wrong phase"], 1),
}

PROGRAM = '''#!%(python)s
import json, os, pathlib, sys, time
here = pathlib.Path(%(here)r)
play = json.loads((here / "play.json").read_text())
args = sys.argv[1:]
with open(here / "calls", "a") as calls:
    calls.write(json.dumps({"argv": args, "env": sorted(os.environ)}) + "\\n")
def fail(text):
    sys.stderr.write(text if text.endswith("\\n") else text + "\\n")
    sys.exit(1)
if play.get("sleep"):
    time.sleep(play["sleep"])
if args == ["--version"]:
    print(play.get("version", "2.30.0"))
    sys.exit(0)
if args[:1] == ["whoami"] and play.get("whoami"):
    print(json.dumps(play["whoami"]))
    sys.exit(0)
if play.get("fail"):
    fail(play["fail"])
if args[:1] == ["whoami"]:
    fail("[ERROR] 2026/11/21 09:00:00 account is not signed in")
if args[:2] == ["vault", "list"]:
    print(json.dumps(play["vaults"]))
elif args[:2] == ["item", "get"]:
    found = [i for i in play["items"] if args[2] in (i["id"], i["title"])]
    if "--vault" in args:
        vault = args[args.index("--vault") + 1]
        found = [i for i in found if vault in i["vault"].values()]
    if not found:
        fail("[ERROR] 2026/11/21 09:00:00 \\"%%s\\" isn't an item. Specify the item with its UUID, name, or domain." %% args[2])
    item = found[0]
    if play.get("conceal") and "--reveal" not in args:
        for field in item["fields"]:
            if field["type"] == "CONCEALED" and "value" in field:
                field["value"] = "[use 'op item get %%s --reveal' to reveal]" %% item["id"]
    if play.get("notice"):
        sys.stderr.write(play["notice"])
    print(json.dumps(item, indent=2))
elif args[:1] == ["read"]:
    sys.stdout.buffer.write(bytes.fromhex(play["file"]))
else:
    fail('[ERROR] 2026/11/21 09:00:00 unknown command "%%s" for "op"' %% " ".join(args))
'''


class Op:
    """A folder with an `op` that plays what `play` says; `calls` is what it was asked."""

    def __init__(self, folder, **play):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.path = self.folder / "op"
        self.path.write_text(PROGRAM % {"python": sys.executable, "here": str(self.folder)})
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)
        self.play(**play)

    def play(self, **play):
        play = {"vaults": [VAULT, OTHER], "items": [op_item(), repeated_item(), key_item()], "file": FILE_CONTENT.hex(), **play}
        (self.folder / "play.json").write_text(json.dumps(play))
        (self.folder / "calls").write_text("")

    def calls(self):
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]


class Connect:
    """1Password Connect (openapi 1.7.1) on loopback, over TLS where `cert` and `key` are given."""

    TOKEN = "eyJhbGciOiJFUzI1NiJ9.connect-token-sentinel.sig"

    def __init__(self, items=None, cert=None, key=None, vaults=None):
        self.vaults = vaults or [VAULT, OTHER]
        self.items = items or [op_item(), repeated_item(), key_item()]
        self.refuse_first = self.limit = self.delay = 0
        self.asked = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.scheme = "http"
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.scheme = "https"
        self.url = f"{self.scheme}://{'localhost' if cert else '127.0.0.1'}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def environment(self):
        return {"OP_CONNECT_HOST": self.url, "OP_CONNECT_TOKEN": self.TOKEN}

    def send(self, handler, status, doc, headers=()):
        body = doc if isinstance(doc, bytes) else json.dumps(doc).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def refuse(self, handler, status, message, headers=()):
        self.send(handler, status, {"status": status, "message": message}, headers)

    def answer(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        self.asked.append(handler.path)
        time.sleep(self.delay)
        if url.path == "/heartbeat":
            return self.send(handler, 200, b".")
        if url.path == "/health":
            return self.send(handler, 200, {"name": "1Password Connect API", "version": "1.7.2", "dependencies": []})
        if self.refuse_first > 0:
            self.refuse_first -= 1
            return self.refuse(handler, 401, "invalid bearer token")
        if handler.headers.get("Authorization") != "Bearer " + self.TOKEN:
            return self.refuse(handler, 401, "Invalid token signature")
        if self.limit > 0:
            self.limit -= 1
            return self.refuse(handler, 429, "Too Many Requests", [("Retry-After", "1")])
        return self.route(handler, url.path.strip("/").split("/"), urllib.parse.parse_qs(url.query))

    @staticmethod
    def filtered(rows, query, key):
        """`KEY eq "VALUE"`, with \\ in front of quotes."""
        text = query.get("filter", [None])[0]
        if text is None:
            return rows
        assert text.startswith(f'{key} eq "') and text.endswith('"'), text
        wanted = text[len(key) + 5:-1].replace('\\"', '"').replace("\\\\", "\\")
        return [row for row in rows if row["title" if key == "title" else "name"] == wanted]

    def route(self, handler, parts, query):
        if parts == ["v1", "vaults"]:
            return self.send(handler, 200, self.filtered(self.vaults, query, "name"))
        if parts[:2] != ["v1", "vaults"] or len(parts) < 4 or parts[3] != "items":
            return self.refuse(handler, 404, "not found")
        if parts[2] not in [vault["id"] for vault in self.vaults]:
            return self.refuse(handler, 403, f"vault {parts[2]} is not in scope")
        rows = [item for item in self.items if item["vault"]["id"] == parts[2]]
        if len(parts) == 4:
            found = self.filtered(rows, query, "title")
            return self.send(handler, 200, [{"id": i["id"], "title": i["title"], "vault": {"id": parts[2]}} for i in found])
        item = next((item for item in rows if item["id"] == parts[4]), None)
        if item is None:
            return self.refuse(handler, 404, f"item {parts[4]} not found")
        if len(parts) == 5:
            return self.send(handler, 200, connect_item(item))
        return self.send(handler, 200, FILE_CONTENT)


def certificate(cert, key):
    """A certificate of localhost that is its own CA."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-out", cert,
                    "-keyout", key], check=True, capture_output=True)


def clean_environment(**more):
    """Ours without anything of 1Password's."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("OP_")}
    return {**env, **more}
