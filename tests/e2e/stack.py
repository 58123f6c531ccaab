"""Central, agents and users of one test: processes with their own state, and clients for them.

Every process is started and stopped here; what it wrote on standard error is kept, and a sanitizer's report in it fails the
test run (see conftest.py).
"""

import base64
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "kube"))
import cluster as kube  # noqa: E402 (its folder is known only now)
import sim  # noqa: E402

BIN = str(pathlib.Path(os.environ.get("MK8S_BIN", HERE.parents[1] / "build" / "mk8s")).resolve())
REAL = os.environ.get("KUBE") == "1"
ADMIN = "admin@localhost"
PASSWORD = "correct-horse-battery"
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 30
REPORT = re.compile(r"ERROR: (Address|Leak|Thread)Sanitizer|runtime error:|SUMMARY: .*Sanitizer")
# What every process gets of the environment: nothing of the user's.
KEPT = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TMPDIR", "LD_LIBRARY_PATH")


def is_instrumented():
    return b"__asan_init" in pathlib.Path(BIN).read_bytes()


SLOW = 4 if is_instrumented() else 1
STATIC = b"INTERP" not in subprocess.run(["readelf", "-lW", BIN], capture_output=True).stdout


def wait_for(what, done, timeout_s=20, every_s=0.05):
    """The first true value of done(); AssertionError after the timeout."""
    deadline = time.monotonic() + timeout_s * SLOW
    while True:
        value = done()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s * SLOW} s in vain for {what}")
        time.sleep(every_s)


def base_env(home, **more):
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**env, "HOME": str(home), **{name: str(value) for name, value in more.items()}}


class Process:
    """One server process; standard output and error go to NAME.out and NAME.err in `where`."""

    started = []  # all of them, for conftest

    def __init__(self, where, name, argv, env):
        self.name = name
        self.out, self.err = where / f"{name}.out", where / f"{name}.err"
        self.argv = list(map(str, argv))
        self._begin = self.err.stat().st_size if self.err.exists() else 0
        main = threading.current_thread() is threading.main_thread()
        with open(self.out, "ab") as out, open(self.err, "ab") as err:
            self.popen = subprocess.Popen(self.argv, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                          start_new_session=True,
                                          preexec_fn=kube.die_with_parent if main else None)
        Process.started.append(self)

    @property
    def pid(self):
        return self.popen.pid

    def said(self):
        """What this run has written on standard error so far."""
        with open(self.err, errors="replace") as err:
            err.seek(self._begin)
            return err.read()

    def wait_said(self, text, timeout_s=START_TIMEOUT_S):
        """The first line with `text`."""
        def find():
            line = next((line for line in self.said().splitlines() if text in line), None)
            if line is None and self.popen.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.popen.returncode}:\n{self.said()[-3000:]}")
            return line
        return wait_for(f"{self.name} to say {text!r}; it said:\n{self.said()[-2000:]}", find, timeout_s)

    def is_up(self):
        return self.popen.poll() is None

    def kill(self):
        """-9, and gone when it returns."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait(10)

    def stop(self, timeout_s=STOP_TIMEOUT_S):
        """SIGTERM; returns the exit status."""
        if self.is_up():
            self.popen.terminate()
        try:
            return self.popen.wait(timeout_s * SLOW)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop in {timeout_s * SLOW} s:\n{self.said()[-3000:]}")

    def report(self):
        """A sanitizer's report, or None."""
        found = REPORT.search(self.said())
        return self.said()[max(0, found.start() - 200):][:6000] if found else None


def log_values(line):
    """name="value" and name=value of a log line."""
    return {name: quoted or plain for name, quoted, plain in
            re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|(\S+))', line)}


class Answer:
    def __init__(self, answer):
        self.status = answer.status
        self.headers = answer.headers
        self.body = answer.read()

    @property
    def text(self):
        return self.body.decode(errors="replace")

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.text[:400]}>"


class Api:
    """A client of central's REST API; `token` may be None."""

    def __init__(self, central, token=None):
        self.central = central
        self.token = token

    def connect(self, timeout_s=30):
        return http.client.HTTPSConnection("127.0.0.1", self.central.http_port, timeout=timeout_s * SLOW,
                                           context=self.central.tls_context())

    def head(self, more=None):
        head = dict(more or {})
        if self.token and not any(name.lower() == "authorization" for name in head):
            head["Authorization"] = f"Bearer {self.token}"
        return head

    def ask(self, method, path, body=None, headers=None, timeout_s=30):
        head = self.head(headers)
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            head.setdefault("Content-Type", "application/json")
        connection = self.connect(timeout_s)
        with contextlib.closing(connection):
            connection.request(method, path, body, head)
            return Answer(connection.getresponse())

    def get(self, path, **options):
        return self.ask("GET", path, **options)

    def want(self, status, method, path, body=None, **options):
        """As ask, for an answer that must have that status."""
        answer = self.ask(method, path, body, **options)
        assert answer.status == status, f"{method} {path}: {answer!r}"
        return answer.json if answer.body else None

    @contextlib.contextmanager
    def stream(self, path, headers=None, timeout_s=30):
        """A GET whose body is read piece by piece from the response that this gives."""
        connection = self.connect(timeout_s)
        with contextlib.closing(connection):
            connection.request("GET", path, None, self.head(headers))
            yield connection.getresponse()


class Central:
    """central with its state in `where`; settings as configuration keys with '_' for '.': auth_token_expiry."""

    def __init__(self, where, **settings):
        self.dir = pathlib.Path(where)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.state = self.dir / "state"
        self.password_file = self.dir / "admin-password"
        self.password_file.touch(0o600)
        self.password_file.write_text(PASSWORD + "\n")
        self.settings = {"server_address": "127.0.0.1", "server_http_port": 0, "server_grpc_port": 0,
                         "server_rate_per_second": 0, "auth_admin_password_file": self.password_file, **settings}
        self.http_port = self.grpc_port = 0
        self.process = None

    def env(self):
        return base_env(self.dir, **{f"MK8S_CENTRAL_{name.upper()}": value
                                     for name, value in self.settings.items()})

    def start(self):
        """Returns when it is ready; after the first time on the same ports."""
        self.process = Process(self.dir, "central", [BIN, "central", "--state-dir", self.state], self.env())
        values = log_values(self.process.wait_said("central ready"))
        self.http_port, self.grpc_port = int(values["http_port"]), int(values["grpc_port"])
        self.settings.update(server_http_port=self.http_port, server_grpc_port=self.grpc_port)
        self.ca_sha256 = values["ca_sha256"]
        self.ca_file = self.state / "ca.crt"
        self.url = f"https://127.0.0.1:{self.http_port}"
        return self

    def restart(self):
        assert self.process.stop() == 0
        return self.start()

    def stop(self):
        return self.process.stop() if self.process else 0

    def tls_context(self):
        return ssl.create_default_context(cafile=str(self.ca_file))

    # -- who signs in -----------------------------------------------------------------------------

    def login(self, email=ADMIN, password=PASSWORD):
        """An Api with a new session."""
        answer = Api(self).want(200, "POST", "/auth/login", {"email": email, "password": password})
        api = Api(self, answer["token"])
        api.refresh_token = answer["refresh_token"]
        return api

    @property
    def admin(self):
        """One administrator's session, kept."""
        if not hasattr(self, "_admin"):
            self._admin = self.login()
        return self._admin

    def add_role(self, name, **rule):
        """A role of one rule; clusters are given as `cluster`, a name with *."""
        role = {"name": name, "clusters": [{"name": rule.get("cluster", "*"),
                                            "namespaces": rule.get("namespaces", ["*"]),
                                            "verbs": rule.get("verbs", ["*"]),
                                            "resources": rule.get("resources", ["*"])}]}
        self.admin.want(201, "POST", "/roles", role)
        return name

    def add_user(self, *roles, email=None):
        """An Api of a new user who holds the roles."""
        email = email or f"u{uuid.uuid4().hex[:10]}@example.com"
        self.admin.want(201, "POST", "/users", {"email": email, "password": PASSWORD, "roles": list(roles)})
        api = self.login(email)
        api.email = email
        return api

    def add_cluster(self, name):
        return self.admin.want(201, "POST", "/clusters", {"name": name})

    def wait_connected(self, name, timeout_s=20):
        wait_for(f"cluster {name} to be connected", lambda: self.status_of(name) == "connected", timeout_s)

    def status_of(self, name):
        return self.admin.want(200, "GET", f"/clusters/{name}")["status"]

    def audit(self, **query):
        path = "/audit?" + "&".join(f"{name}={value}" for name, value in query.items())
        return self.admin.want(200, "GET", path)["entries"]

    def wait_audit(self, request_id, **query):
        """The row of that request; reads and denials are on disk within 100 ms."""
        return wait_for(f"the row of {request_id}", lambda: next(
            (row for row in self.audit(limit=50, **query) if row["id"] == request_id), None), 5)


class Agent:
    """An agent of `cluster_name`, for a Kubernetes API server that a kubeconfig reaches."""

    def __init__(self, where, central, cluster_name, token, kubeconfig, **settings):
        self.dir = pathlib.Path(where)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.central, self.name = central, cluster_name
        self.kubeconfig = kubeconfig
        self.settings = {"MK8S_AGENT_TLS_CA_SHA256": central.ca_sha256,
                         "CENTRAL_URL": f"https://127.0.0.1:{central.grpc_port}",
                         "CLUSTER_NAME": cluster_name, "AGENT_TOKEN": token,
                         "MK8S_AGENT_CENTRAL_BACKOFF_MAX": "1s",
                         **{f"MK8S_AGENT_{name.upper()}": value for name, value in settings.items()}}
        self.process = None

    def start(self, wait=True):
        self.process = Process(self.dir, "agent", [BIN, "agent", "--kubeconfig", self.kubeconfig],
                               base_env(self.dir, **self.settings))
        if wait:
            self.central.wait_connected(self.name)
        return self

    def stop(self):
        return self.process.stop() if self.process else 0


class Cli:
    """The command line of one user: a home of its own."""

    def __init__(self, where, central):
        self.home = pathlib.Path(where)
        self.home.mkdir(parents=True, exist_ok=True)
        self.central = central
        self.with_kubectl = False

    def env(self, **more):
        path = self.home / "no-programs"  # so that `mk8s kubectl` is the built-in one
        kubectl = sim.find_kubectl()
        if self.with_kubectl and kubectl:
            path = pathlib.Path(kubectl).parent
        return {**base_env(self.home, **more), "PATH": str(path), "NO_COLOR": "1"}

    def run(self, *args, stdin="", timeout_s=30, **env):
        done = subprocess.run([BIN, *map(str, args)], input=stdin, capture_output=True, text=True,
                              timeout=timeout_s * SLOW, env=self.env(**env))
        assert not REPORT.search(done.stderr), done.stderr[:6000]
        return done

    def ok(self, *args, **options):
        """Standard output of a run that must succeed."""
        done = self.run(*args, **options)
        assert done.returncode == 0, f"mk8s {' '.join(map(str, args))}: {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def login(self, email=ADMIN, password=PASSWORD):
        self.ok("login", self.central.url, "--email", email, "--password-stdin", "--ca-sha256",
                self.central.ca_sha256, stdin=password + "\n")
        return self

    def start(self, *args, **env):
        """A run in the background; the caller stops it."""
        return subprocess.Popen([BIN, *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env=self.env(**env))

    def kubectl(self, *args, stdin=None, timeout_s=60, check=True):
        """Stock kubectl with the kubeconfig of `mk8s kubeconfig --cluster` (see write_kubeconfig)."""
        done = subprocess.run([sim.find_kubectl(), *args], input=stdin, capture_output=True, text=True,
                              timeout=timeout_s * SLOW, env=self.kubectl_env())
        if check:
            assert done.returncode == 0, f"kubectl {' '.join(args)}: {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def kubectl_env(self):
        env = self.env(KUBECONFIG=self.home / "kubeconfig")
        bin_dir = self.home / "bin"
        bin_dir.mkdir(exist_ok=True)
        with contextlib.suppress(FileExistsError):
            (bin_dir / "mk8s").symlink_to(BIN)
        env["PATH"] = f"{bin_dir}:{env['PATH']}"
        return env

    def write_kubeconfig(self, cluster, *options):
        path = self.home / "kubeconfig"
        path.touch(0o600)
        path.write_text(self.ok("kubeconfig", "--cluster", cluster, *options))
        return path


def read_lines(popen, count, timeout_s=20):
    """That many lines of a process's standard output, or AssertionError."""
    lines = []
    done = threading.Event()

    def read():
        while len(lines) < count:
            line = popen.stdout.readline()
            if not line:
                break
            lines.append(line.rstrip("\n"))
        done.set()
    threading.Thread(target=read, daemon=True).start()
    if not done.wait(timeout_s * SLOW) or len(lines) < count:
        popen.kill()
        raise AssertionError(f"{len(lines)} of {count} lines came: {lines}; {popen.stderr.read()[-2000:]}")
    return lines


def raw_connect(central, alpn=("http/1.1",), timeout_s=10):
    """A TLS socket to central's API."""
    context = central.tls_context()
    context.set_alpn_protocols(list(alpn))
    plain = socket.create_connection(("127.0.0.1", central.http_port), timeout_s * SLOW)
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


def raw_exchange(central, request, timeout_s=10, half_close=False):
    """What comes back until the peer closes, or `timeout_s` of silence."""
    received = b""
    with raw_connect(central, timeout_s=timeout_s) as tls:
        with contextlib.suppress(OSError):
            tls.sendall(request)
        tls.settimeout(timeout_s)
        with contextlib.suppress(OSError):
            while piece := tls.recv(65536):
                received += piece
    return received


def make_cluster(where):
    """The cluster that tests run on: simulated, or with KUBE=1 a real one."""
    return kube.RealCluster(where) if REAL else sim.SimCluster(where)


def impersonator(cluster):
    """The kubeconfig of a service account that may impersonate, as the agent's manifest gives it; under other names, so
    that tests may apply and delete that manifest."""
    group = "rbac.authorization.k8s.io"
    with contextlib.suppress(kube.ApiError):
        cluster.api("POST", f"/apis/{group}/v1/clusterroles", {
            "apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": "impersonator"},
            "rules": [{"apiGroups": [""], "resources": ["users", "groups"], "verbs": ["impersonate"]}]})
        cluster.bind_cluster_role("cluster-admin", {"kind": "Group", "name": "mk8s:users"})
    token, kubeconfig = cluster.create_service_account("agents", "agent", "impersonator")
    return kubeconfig


def encode(text):
    return base64.b64encode(text.encode()).decode()
