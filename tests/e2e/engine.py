"""A real Docker engine with compose, and a registry, for deploys that end in containers.

The engine is Debian's dockerd with a data folder of its own, without bridge and iptables, in a mount namespace (where
the machine's second cgroup hierarchy is left out). It needs root, and what `make engine` makes.
"""
import base64
import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tarfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MADE = pathlib.Path(os.environ.get("ENGINE_BIN", ROOT / "build/engine"))
PLUGINS = MADE / "cli-plugins"
PATH = f"{os.environ['PATH']}:/usr/sbin:{MADE}/root/usr/bin:{MADE}/root/usr/sbin"
DOCKER = shutil.which("docker", path=PATH)
REPOSITORY = "ktrdr/backend"
TOKEN_USER = "kpiteira"

START = """
! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified
! [ -d /etc/docker ] || mount -t tmpfs none /etc/docker
exec dockerd --data-root {0}/data --exec-root {0}/exec --pidfile {0}/pid -H unix://{0}/docker.sock --storage-driver vfs \\
    --bridge none --iptables=false --ip6tables=false --ip-forward=false --cgroup-parent /mk8s-test
"""


def why_not():
    """Why no engine can be had here, or None."""
    for program in ("dockerd", "containerd", "runc", "docker", "unshare", "gcc"):
        if not shutil.which(program, path=PATH):
            return f"needs {program}: make engine"
    if not (PLUGINS / "docker-compose").exists():
        return "needs docker compose: make engine"
    if os.getuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        return "needs root with mount namespaces"
    return None


class Registry:
    """An image registry on loopback (distribution's v2 API, reading only) that wants a user and a token."""

    def __init__(self, token, program):
        self.blobs, self.tags, self.asked = {}, {}, []
        self.wanted = "Basic " + base64.b64encode(f"{TOKEN_USER}:{token}".encode()).decode()
        self.program = program
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                registry.answer(self)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.name = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def keep(self, content):
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        return {"digest": digest, "size": len(content)}

    def push(self, tag):
        """An image of one program, FROM scratch."""
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as tar:
            tar.add(self.program, "serve")
        layer = layer.getvalue()
        config = {"architecture": "amd64", "os": "linux",
                  "config": {"Entrypoint": ["/serve"], "Cmd": [tag], "Healthcheck": {
                      "Test": ["CMD", "/serve", "check", tag], "Interval": 500_000_000, "Timeout": 5_000_000_000, "Retries": 2}},
                  "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                    "config": {"mediaType": "application/vnd.docker.container.image.v1+json",
                               **self.keep(json.dumps(config).encode())},
                    "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                                **self.keep(gzip.compress(layer, mtime=0))}]}
        self.tags[tag] = self.keep(json.dumps(manifest).encode())["digest"]
        return f"{self.name}/{REPOSITORY}@{self.tags[tag]}"

    def answer(self, handler):
        allowed = handler.headers.get("Authorization") == self.wanted
        self.asked.append((handler.path, allowed))
        content, kind = b"{}", "application/json"
        if not allowed:
            return self.send(handler, 401, content, kind, {"WWW-Authenticate": 'Basic realm="test"'})
        at = handler.path.rsplit("/", 1)[-1]
        if "/manifests/" in handler.path:
            content, kind = self.blobs.get(self.tags.get(at, at)), "application/vnd.docker.distribution.manifest.v2+json"
        elif "/blobs/" in handler.path:
            content, kind = self.blobs.get(at), "application/octet-stream"
        if content is None:
            return self.send(handler, 404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}', kind, {})
        return self.send(handler, 200, content, kind,
                         {"Docker-Content-Digest": "sha256:" + hashlib.sha256(content).hexdigest()})

    @staticmethod
    def send(handler, status, content, kind, fields):
        handler.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)),
                            "Docker-Distribution-Api-Version": "registry/2.0", **fields}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(content)


class Engine:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.data, self.client = self.folder / "data", DOCKER
        (self.folder / "config").mkdir(parents=True)
        (self.folder / "config" / "cli-plugins").symlink_to(PLUGINS)
        self.env = {**os.environ, "PATH": PATH, "DOCKER_HOST": f"unix://{self.folder}/docker.sock", "DOCKER_CONFIG": f"{self.folder}/config"}
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(["unshare", "-m", "sh", "-ec", START.format(self.folder)], stdin=subprocess.DEVNULL,
                                        env=self.env, stdout=self.log, stderr=self.log, start_new_session=True)
        end = time.monotonic() + 90
        while not self.docker("version", "--format", "{{.Server.Version}}", check=False):
            assert time.monotonic() < end and self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.2)
        self.program = self.folder / "serve"
        subprocess.run(["gcc", "-static", "-O1", "-o", self.program, ROOT / "tests/engine/serve.c"], check=True, timeout=60)

    def docker(self, *words, check=True):
        got = subprocess.run([DOCKER, *words], env=self.env, capture_output=True, timeout=60)
        assert not check or got.returncode == 0, got.stderr
        return got.stdout.decode("utf-8", "surrogateescape").strip() if got.returncode == 0 else ""

    def containers(self, workdir):
        """What runs of a workdir: service to its container's inspection."""
        ids = self.docker("ps", "-q", "--filter", f"label=com.docker.compose.project.working_dir={workdir}").split()
        rows = json.loads(self.docker("inspect", *ids)) if ids else []
        return {row["Config"]["Labels"]["com.docker.compose.service"]: row for row in rows}

    def stop(self):
        ids = self.docker("ps", "-aq", check=False).split()
        if ids:
            self.docker("rm", "-f", *ids, check=False)
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(30)
        finally:
            self.log.close()
        shutil.rmtree(self.data, ignore_errors=True)
