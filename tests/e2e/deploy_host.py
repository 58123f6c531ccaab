"""A host to deploy to: a real sshd on loopback, and a stand-in for docker that records what it is given."""
import atexit
import base64
import functools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

DOCKER = r'''#!/usr/bin/python3
"""Stands in for docker: records argv, environment and standard input, and plays compose on two small files."""
import hashlib, json, os, pathlib, re, sys, time
state = pathlib.Path(%r)
args = sys.argv[1:]
def flag(name):
    path = state / name
    return path.read_text() if path.exists() else None
record = {"argv": args, "env": {k.decode("latin-1"): v.decode("latin-1") for k, v in os.environb.items()},
          "cwd": os.getcwd(), "stdin": sys.stdin.buffer.read().decode("latin-1")}
config = os.environ.get("DOCKER_CONFIG")
if config:
    record["config"] = (pathlib.Path(config) / "config.json").read_text()
with open(state / "calls.jsonl", "a") as calls:
    calls.write(json.dumps(record) + "\n")
def running(folder):
    return state / ("running" + folder.replace("/", "_") + ".json")
def now(folder=os.getcwd()):
    return json.loads(running(folder).read_text()) if running(folder).exists() else {}
def containers():
    """id, service, image of those that the filters leave."""
    at = [a.split("=", 2)[2] for a in args if a.startswith("label=com.docker.compose.project.working_dir=")]
    only = [a.split("=", 2)[2] for a in args if a.startswith("label=com.docker.compose.service=")]
    for file in sorted(state.glob("running_*.json")):
        if not at or file == running(at[0]):
            for service, image in sorted(json.loads(file.read_text()).items()):
                if not only or service in only:
                    yield hashlib.sha1(f"{file}{service}".encode()).hexdigest()[:12], service, image
if args[:1] == ["version"]:
    print(flag("client_version") or "28.5.1")
    if "Server" in args[-1] and flag("daemon_down"):
        sys.exit("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?")
elif args[:1] == ["context"]:
    print("default")
elif args[:1] == ["ps"]:
    for name, service, image in containers():
        print(f"container {service}\t{image}\tUp 2 minutes (healthy)" if "--format" in args else name)
elif args[:1] == ["inspect"]:
    if "--format" in args:
        for name, service, image in containers():
            if name == args[-1]:
                print(service, "sha256:" + hashlib.sha256(image.encode()).hexdigest())
    else:
        print(json.dumps([{"Config": {"Env": (flag("inspect_env") or "").split("\n")}}]))
elif args[:2] == ["image", "inspect"]:
    for _, _, image in containers():
        if args[-1] == "sha256:" + hashlib.sha256(image.encode()).hexdigest():
            print(image)
elif args[:1] == ["logs"]:
    print(flag("log") or "a line of the log")
elif args[:1] == ["compose"]:
    if flag("no_compose"):
        sys.exit("docker: 'compose' is not a docker command.")
    files, rest, i = [], [], 1
    while i < len(args):
        if args[i] in ("-f", "--profile"):
            files += [args[i + 1]] if args[i] == "-f" else []
            i += 2
        else:
            rest.append(args[i]); i += 1
    if rest == ["version", "--short"]:
        print(flag("compose_version") or "2.40.3")
    elif rest == ["version"]:
        print("Docker Compose version v2.40.0")
    elif rest == ["up", "--help"]:
        print("  --wait" if flag("old_compose") else "  --wait  --wait-timeout int")
    elif rest[0] == "pull":
        print("pulling", *rest[1:], os.environ.get("ECHO_SECRET", ""), file=sys.stderr)
        if flag("slow"):
            (state / "pulling").write_text("")
            until = time.time() + float(flag("slow"))
            while flag("slow") and time.time() < until:
                time.sleep(0.05)
        if flag("no_pull"):
            sys.exit("manifest unknown; token was " + os.environ.get("DB_PASSWORD", ""))
    elif rest[0] == "up":
        services = [r for r in rest[rest.index("--wait-timeout") + 2:] if not r.startswith("-")]
        pins = {}
        for name in files:
            if name.endswith("pinned.yaml"):
                pins = dict(re.findall(r'"(\S+)":\n    image: "(\S+)"', open(name).read()))
        after = now()
        for service in services or ["backend", "db"]:
            digest = hashlib.sha256(os.environ["IMAGE_TAG"].encode()).hexdigest()
            after[service] = pins.get(service) or f"ghcr.io/ktrdr/{service}@sha256:{digest}"
        running(os.getcwd()).write_text(json.dumps(after))
        bad = flag("unhealthy")
        if bad and not pins and bad == os.environ["IMAGE_TAG"]:
            sys.exit("container backend-1 is unhealthy")
    elif rest[0] == "logs":
        print("backend-1  | cannot connect with " + os.environ.get("DB_PASSWORD", ""))
else:
    sys.exit("stand-in: no " + " ".join(args))
'''

OP = r'''#!/usr/bin/python3
"""Stands in for 1Password's op: one item, and the words op uses when it is not signed in."""
import json, pathlib, sys
state = pathlib.Path(%r)
args = sys.argv[1:]
with open(state / "op_calls", "a") as calls:
    calls.write(" ".join(args) + "\n")
if args[:1] == ["--version"]:
    print("2.31.0")
elif (state / "signed_out").exists():
    sys.exit("[ERROR] 2026/01/02 15:04:05 You are not currently signed in. Please run `op signin --help` for instructions")
elif args[:2] == ["vault", "list"]:
    print(json.dumps([{"id": "v" * 26, "name": "KTRDR Homelab Secrets"}]))
elif args[:1] in (["whoami"], ["account"]):
    print(json.dumps({"url": "my.1password.com", "email": "karl@example.com", "user_uuid": "U", "account_uuid": "A"}))
elif args[:2] == ["item", "get"]:
    print((state / "item.json").read_text())
elif args != ["signin"]:
    sys.exit("[ERROR] 2026/01/02 15:04:05 unknown command " + " ".join(args))
'''


@functools.cache
def tools():
    """A folder with this machine's programs, but a docker that may be among them: a host's docker is what a test gives it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="deploy-tools-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for path in ("/usr/bin", "/usr/sbin", "/bin", "/sbin"):
        for program in pathlib.Path(path).iterdir():
            if not program.name.startswith("docker") and not (folder / program.name).is_symlink():
                (folder / program.name).symlink_to(program)
    return folder


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def base64_within(raw):
    """What base64 of any text makes of the value in it: by where the value begins among groups of three, and by alphabet."""
    found = set()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw)[(before * 8 + 5) // 6:(before + len(raw)) * 8 // 6]
        found |= {whole, whole.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def forms(value):
    """What a secret may look like where it does not belong: raw, quoted for a shell, base64, in a URL, hex, JSON."""
    raw = value.encode("latin-1")
    return base64_within(raw) | {
        raw, raw.replace(b"'", b"'\\''"), raw.replace(b"'", b"'\"'\"'"), re.sub(rb'([\\"$`])', rb"\\\1", raw),
        urllib.parse.quote(raw).encode(), urllib.parse.quote(raw, safe="").encode(), urllib.parse.quote_plus(raw).encode(),
        raw.hex().encode(), raw.hex().upper().encode(), json.dumps(value).encode()[1:-1]}


class Watch:
    """Looks at the arguments and the environment of every process while it runs."""

    def __init__(self, secrets):
        self.forms = set().union(*(forms(s) for s in secrets))
        self.args, self.environ, self.looked = set(), set(), 0
        self.thread = threading.Thread(target=self.look)
        self.stop = False

    def look(self):
        while not self.stop:
            for process in pathlib.Path("/proc").glob("[0-9]*"):
                try:
                    line, env = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
                except OSError:
                    continue
                self.looked += 1
                if any(form in line for form in self.forms):
                    self.args.add(line)
                if any(form in env for form in self.forms):
                    self.environ.add(line)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        self.thread.join()


class Lab:
    """The host, this side's op and ssh, and deploy.yaml, in one folder."""

    def __init__(self, folder, binary, engine=None):
        """`engine`: a real one (engine.Engine) instead of the stand-in."""
        self.folder, self.binary, self.engine = folder, binary, engine
        self.state = folder / "engine"
        self.work = {name: folder / "opt" / name for name in ("core", "b", "c")}
        for path in (self.state, folder / "remote", folder / "local", folder / "home", folder / "there", *self.work.values()):
            path.mkdir(parents=True)
        for path in self.work.values():
            (path / "docker-compose.yml").write_text("services: {}\n")
        if not engine:
            self.script("remote/docker", DOCKER % str(self.state))
        self.script("local/op", OP % str(self.state))
        self.port = free_port()
        self.start_sshd()
        self.write_config()
        self.item({"db_username": "ktrdr_user", "db_password": "pa55word-of-db", "jwt_secret": "jwt-" + "s" * 40,
                   "grafana_password": "grafana-pa55", "ghcr_token": "ghp_tokentokentoken"})

    def script(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)

    def keygen(self, name):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / name], check=True, timeout=30)

    def start_sshd(self):
        for name in ("hostkey", "userkey"):
            self.keygen(name)
        shutil.copy(self.folder / "userkey.pub", self.folder / "authorized")
        path = f"{self.folder}/remote:{tools()}"
        more = ""
        if self.engine:
            path += f":{os.path.dirname(self.engine.client)}"
            more = "".join(f" {name}={self.engine.env[name]}" for name in ("DOCKER_HOST", "DOCKER_CONFIG"))
        (self.folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.folder}/hostkey\nPidFile none\n"
            f"AuthorizedKeysFile {self.folder}/authorized\nUsePAM no\nStrictModes no\nPermitRootLogin prohibit-password\n"
            f"PasswordAuthentication no\nSetEnv PATH={path} HOME={self.folder}/there{more}\nMaxStartups 100\nMaxSessions 100\n")
        os.makedirs("/run/sshd", exist_ok=True)
        self.sshd = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", self.folder / "sshd_config"],
                                     stderr=open(self.folder / "sshd.log", "w"), start_new_session=True)
        for _ in range(100):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            time.sleep(0.05)
        self.know()
        (self.folder / "ssh_config").write_text(
            "Host *.lab *.ktrdr.home.mynerd.place\n  HostName 127.0.0.1\n"
            f"  Port {self.port}\nHost closed.host\n  HostName 127.0.0.1\n  Port 1\nHost *\n"
            f"  IdentityFile {self.folder}/userkey\n  IdentitiesOnly yes\n  IdentityAgent none\n"
            f"  UserKnownHostsFile {self.folder}/known\n  GlobalKnownHostsFile /dev/null\n  User {self.user()}\n")
        self.script("local/ssh", f'#!/bin/sh\nexec /usr/bin/ssh -F "{self.folder}/ssh_config" "$@"\n')

    @staticmethod
    def user():
        import getpass
        return getpass.getuser()

    def know(self, key="hostkey"):
        (self.folder / "known").write_text(f"[127.0.0.1]:{self.port} " + (self.folder / f"{key}.pub").read_text())

    def write_config(self, host="core.lab", extra="", secrets="", top=""):
        text = f"""\
onepassword: {{item: ktrdr-homelab-core, vault: KTRDR Homelab Secrets}}
registry: {{server: ghcr.io, user: kpiteira, token_field: ghcr_token}}
command_timeout: 60s
{top}
targets:
  core:
    host: {host}
    workdir: {self.work['core']}
    services: [backend, db]
    health_timeout: 5s
{extra}
    env: {{DB_NAME: ktrdr}}
    secrets:
      DB_USER: db_username
      DB_PASSWORD: db_password
      JWT_SECRET: jwt_secret
      GF_ADMIN_PASSWORD: grafana_password
{secrets}
  workers:
    nodes:
      B: {{host: b.lab, workdir: {self.work['b']}}}
      C: {{host: c.lab, workdir: {self.work['c']}}}
    profiles: [scale-2, scale-3]
    secrets: {{DB_USER: db_username, DB_PASSWORD: db_password}}
"""
        (self.folder / "deploy.yaml").write_text(text)

    def item(self, fields):
        self.fields = fields
        (self.state / "item.json").write_text(json.dumps({
            "id": "i" * 26, "title": "ktrdr-homelab-core", "version": 1, "category": "LOGIN",
            "vault": {"id": "v" * 26, "name": "KTRDR Homelab Secrets"},
            "fields": [{"id": f"field{n}", "type": "CONCEALED", "label": label, "value": value}
                       for n, (label, value) in enumerate(fields.items())]}))

    def env(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("OP_", "SSH_"))}
        return {**env, "PATH": f"{self.folder}/local:/usr/bin:/bin", "HOME": str(self.folder / "home"),
                "MK8S_DEPLOY_CONFIG": str(self.folder / "deploy.yaml"), **more}

    def start(self, *words, **more):
        return subprocess.Popen([self.binary, "deploy", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, env=self.env(**more), cwd=self.folder, start_new_session=True)

    def run(self, *words, **more):
        process = self.start(*words, **more)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(words, process.returncode, out.decode("utf-8", "replace"),
                                           err.decode("utf-8", "replace"))

    def flag(self, name, text="1"):
        (self.state / name).write_text(text)

    def unflag(self, name):
        (self.state / name).unlink(missing_ok=True)

    def calls(self):
        path = self.state / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def compose_calls(self):
        return [c for c in self.calls() if c["argv"][0] == "compose" and c["argv"][-1] not in ("version", "--short", "--help")]

    def history(self, node="core"):
        path = self.work[node] / ".deploy" / "history.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def running(self, node="core"):
        path = self.state / ("running" + str(self.work[node]).replace("/", "_") + ".json")
        return json.loads(path.read_text()) if path.exists() else {}

    def lock_is_free(self, node="core"):
        return subprocess.run(["flock", "-n", self.work[node] / ".deploy" / "lock", "true"], timeout=10).returncode == 0

    def remote_processes(self):
        """Of this host's sessions: what runs with its folder on PATH."""
        mark, found = f"{self.folder}/remote:".encode(), []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_bytes())
            except OSError:
                continue
        return found

    def stop(self):
        os.killpg(self.sshd.pid, signal.SIGTERM)
        self.sshd.wait(10)
