"""A real Kubernetes cluster for tests, on loopback: etcd, kube-apiserver, kube-controller-manager
and, as its kubelet, kwok.

    with RealCluster() as cluster:
        cluster.kubectl("get", "nodes")

There is no scheduler: an admission policy puts a pod that names no node on `node-1`, where it runs
at once, without doing anything.

    python3 tests/kube/cluster.py --state-dir DIR

starts one, prints the path of its administrator's kubeconfig and stops at SIGTERM or SIGINT.
The programs come from $KUBE_BIN, else from build/kube (see build.sh).
"""

import argparse
import atexit
import base64
import contextlib
import ctypes
import datetime
import http.client
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = ("kube-apiserver", "kube-controller-manager", "etcd", "kubectl", "kwok")
NODE = "node-1"
START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 8
PORT_TRIES = 3
DEFAULT_LOG_LINE = "no log is set for this pod"
PR_SET_PDEATHSIG = 1


class ClusterError(Exception):
    """The cluster did not start, or a helper's request was refused; says what and where to look."""


class ApiError(ClusterError):
    """An answer of 400 or more to a helper's request."""

    def __init__(self, method, path, status, text):
        super().__init__(f"{method} {path} was answered {status}: {text[:500]}")
        self.status = status


def find_programs():
    """The directory that holds PROGRAMS; ClusterError when there is none."""
    where = pathlib.Path(os.environ.get("KUBE_BIN") or HERE.parents[1] / "build" / "kube")
    for name in PROGRAMS:
        if not os.access(where / name, os.X_OK):
            raise ClusterError(f"{where / name} is not there: run `make kube`, or set KUBE_BIN")
    return where.resolve()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def die_with_parent():
    """Run in the child: a test run that is killed leaves no servers behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def review_subject(subject):
    """The subject of a binding as a SubjectAccessReview names it."""
    if subject["kind"] == "Group":
        return {"groups": [subject["name"]]}
    if subject["kind"] == "User":
        return {"user": subject["name"]}
    return {"user": f"system:serviceaccount:{subject['namespace']}:{subject['name']}"}


def review_attributes(rule):
    """One request that a rule of a role allows."""
    if "nonResourceURLs" in rule:
        return {"nonResourceAttributes": {"path": rule["nonResourceURLs"][0],
                                          "verb": rule["verbs"][0]}}
    resource, _, subresource = rule["resources"][0].partition("/")
    return {"resourceAttributes": {"verb": rule["verbs"][0], "group": rule["apiGroups"][0],
                                   "resource": resource, "subresource": subresource,
                                   "name": rule.get("resourceNames", [""])[0]}}


class Pki:
    """Keys and certificates of one cluster: a CA, the servers' certificate, clients on demand."""

    def __init__(self, where):
        self.dir = where
        where.mkdir()
        self.ca = where / "ca.pem"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30",
                      "-subj", "/CN=test-cluster-ca", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.issue("server", "/CN=kube-apiserver", "serverAuth",
                   "subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost,DNS:kubernetes.default.svc")
        self._openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
                      "-out", "sa.key")

    def _openssl(self, *args):
        done = subprocess.run(["openssl", *args], cwd=self.dir, capture_output=True, text=True)
        if done.returncode:
            raise ClusterError(f"openssl {args[0]} failed: {done.stderr.strip()}")

    def issue(self, name, subject, usage, *extensions):
        """Writes NAME.key and NAME.pem, signed by the cluster's CA; returns both paths."""
        key, request, cert = f"{name}.key", f"{name}.csr", f"{name}.pem"
        (self.dir / f"{name}.ext").write_text("\n".join(
            ["basicConstraints=CA:FALSE", "subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid",
             f"extendedKeyUsage={usage}", *extensions]) + "\n")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-keyout", key, "-out", request, "-subj", subject)
        self._openssl("x509", "-req", "-in", request, "-CA", "ca.pem", "-CAkey", "ca.key",
                      "-set_serial", str(secrets.randbits(64)), "-days", "30",
                      "-extfile", f"{name}.ext", "-out", cert)
        return self.dir / key, self.dir / cert


class RealCluster:
    """One cluster. Everything it writes is below `state_dir` (a new temporary directory by default,
    removed by stop()). With allow_exec, `kubectl exec` runs commands on this machine for whoever
    reaches the kubelet's loopback port, which asks for no credentials, and a port-forward to any
    pod and port ends at forward_port of this machine."""

    def __init__(self, state_dir=None, allow_exec=False):
        self.bin = find_programs()
        self.allow_exec = allow_exec
        self._own_dir = state_dir is None
        self.dir = pathlib.Path(state_dir or tempfile.mkdtemp(prefix="kube-")).resolve()
        self._processes = []
        self._socket_dir = None
        self.port = 0

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # -- life -----------------------------------------------------------------------------------

    def start(self):
        """Returns when the API server is ready, the node Ready and kwok at work."""
        self.dir.mkdir(parents=True, exist_ok=True)
        if any(self.dir.iterdir()):
            raise ClusterError(f"{self.dir} is not empty: name a new or empty directory")
        atexit.register(self.stop)
        try:
            self._prepare()
            self._start_etcd()
            self._start_apiserver()
            self._start_controllers()
            self._set_up_objects()
            self._start_kwok()
            self._wait("the policy that places pods", self._places_pods)
            self._wait(f"{NODE} to be Ready", self._node_ready)
            self._wait("the rules of cluster role view", lambda: self.api(
                "GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/view").get("rules"))
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        """Ends every process; a second call does nothing."""
        atexit.unregister(self.stop)
        while self._processes:
            name, process = self._processes.pop()
            process.terminate()
            try:
                process.wait(2 if name == "kube-apiserver" else STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._socket_dir:
            shutil.rmtree(self._socket_dir, ignore_errors=True)
        if self._own_dir:
            shutil.rmtree(self.dir, ignore_errors=True)

    def _prepare(self):
        for name in ("log", "podlogs"):
            (self.dir / name).mkdir()
        self.pki = Pki(self.dir / "pki")
        self.ca_file = self.pki.ca
        self.audit_log = self.dir / "log" / "audit.log"
        self.kubeconfig = self.dir / "admin.kubeconfig"
        self.admin_token = secrets.token_urlsafe(24)
        tokens = self.dir / "pki" / "tokens.csv"
        tokens.touch(0o600)
        tokens.write_text(f'{self.admin_token},token-admin,token-admin,"system:masters"\n')
        self._admin_key, self._admin_cert = self.pki.issue(
            "admin", "/O=system:masters/CN=admin", "clientAuth")
        self._default_log = self.dir / "podlogs" / "default.log"
        self._append(self._default_log, DEFAULT_LOG_LINE)

    def _spawn(self, name, *args):
        log = open(self.dir / "log" / f"{name}.log", "ab")
        # The death signal is bound to the thread that forks, so only the main thread asks for it.
        main = threading.current_thread() is threading.main_thread()
        process = subprocess.Popen([str(self.bin / name), *map(str, args)], stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.dir,
                                   preexec_fn=die_with_parent if main else None)
        log.close()
        self._processes.append((name, process))
        return process

    def _start_etcd(self):
        """On sockets in a private directory: loopback ports would let every local user write.
        A socket's path has room for 107 bytes, so it is not below the state directory."""
        self._socket_dir = tempfile.mkdtemp(prefix="etcd-")
        self._spawn("etcd", "--name=default", f"--data-dir={self.dir / 'etcd'}", "--log-level=warn",
                    f"--listen-client-urls=unix://{self._socket_dir}/client",
                    "--advertise-client-urls=http://localhost:2379",
                    f"--listen-peer-urls=unix://{self._socket_dir}/peer", "--unsafe-no-fsync")

    def _apiserver_args(self):
        pki = self.pki.dir
        return [
            f"--etcd-servers=unix://{self._socket_dir}/client",
            "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}", "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--tls-cert-file={pki}/server.pem", f"--tls-private-key-file={pki}/server.key",
            f"--client-ca-file={pki}/ca.pem", f"--token-auth-file={pki}/tokens.csv",
            "--anonymous-auth=false", "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pki}/sa.key",
            f"--service-account-signing-key-file={pki}/sa.key",
            # Else a new namespace refuses pods until a controller has made its default account.
            "--disable-admission-plugins=ServiceAccount",
            f"--kubelet-certificate-authority={pki}/ca.pem",
            f"--kubelet-client-certificate={pki}/admin.pem",
            f"--kubelet-client-key={pki}/admin.key",
            "--kubelet-preferred-address-types=InternalIP",
            f"--audit-policy-file={HERE / 'audit-policy.yaml'}",
            f"--audit-log-path={self.audit_log}",
        ]

    def _start_apiserver(self):
        deadline = time.monotonic() + START_TIMEOUT_S
        for _ in range(PORT_TRIES):
            self.port = free_port()
            process = self._spawn("kube-apiserver", *self._apiserver_args())
            while process.poll() is None:
                if self._ready():
                    self.url = f"https://127.0.0.1:{self.port}"
                    self._write_admin_kubeconfig()
                    return
                if time.monotonic() > deadline:
                    raise ClusterError(f"kube-apiserver is not ready after {START_TIMEOUT_S} s"
                                       + self._tail("kube-apiserver"))
                time.sleep(0.1)
            self._processes.pop()
            if "address already in use" not in self._tail("kube-apiserver"):
                break
        raise ClusterError("kube-apiserver ended" + self._tail("kube-apiserver"))

    def _start_controllers(self):
        pki = self.pki.dir
        self._spawn(
            "kube-controller-manager", f"--kubeconfig={self.kubeconfig}", "--leader-elect=false",
            "--secure-port=0", f"--service-account-private-key-file={pki}/sa.key",
            f"--root-ca-file={pki}/ca.pem", f"--cluster-signing-cert-file={pki}/ca.pem",
            f"--cluster-signing-key-file={pki}/ca.key",
            f"--flex-volume-plugin-dir={self.dir}",
            # kwok sends no heartbeats: they would only fill the audit log.
            "--controllers=*,-node-lifecycle-controller,-taint-eviction-controller")

    def _ready(self):
        try:
            return self._exchange("GET", "/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _tail(self, name):
        log = self.dir / "log" / f"{name}.log"
        lines = log.read_text(errors="replace").splitlines()[-15:]
        return f"; the end of {log}:\n" + "\n".join(lines)

    def _start_kwok(self):
        text = (HERE / "kwok.yaml").read_text()
        if self.allow_exec:
            self.forward_port = free_port()
            text += (HERE / "kwok-exec.yaml").read_text().replace("@FORWARD@", str(self.forward_port))
        config = self.dir / "kwok.yaml"
        config.write_text(text.replace("@LOG@", json.dumps(str(self._default_log))))
        process = self._spawn(
            "kwok", f"--config={config}", f"--kubeconfig={self.kubeconfig}", "--manage-all-nodes",
            "--enable-crds=Logs", "--node-ip=127.0.0.1", f"--node-port={self._kubelet_port}",
            f"--node-name={NODE}", f"--server-address=127.0.0.1:{self._kubelet_port}",
            f"--tls-cert-file={self.pki.dir}/server.pem",
            f"--tls-private-key-file={self.pki.dir}/server.key")

        def listening():
            if process.poll() is not None:
                raise ClusterError("kwok ended" + self._tail("kwok"))
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self._kubelet_port), 1).close()
                return True
            return False
        self._wait("kwok to listen", listening)

    def _wait(self, what, done, timeout_s=30):
        deadline = time.monotonic() + timeout_s
        while not done():
            if time.monotonic() > deadline:
                raise ClusterError(f"waited {timeout_s} s for {what} in vain; logs are in "
                                   f"{self.dir / 'log'}")
            time.sleep(0.05)

    # -- the objects that kubelet, scheduler and kwok's own installation would bring -------------

    def _set_up_objects(self):
        self._wait("the default namespace", lambda: self._exists("/api/v1/namespaces/default"))
        self._kubelet_port = free_port()
        self.add_node(NODE)
        self._create_pod_placement()
        self.create_crd("kwok.x-k8s.io", "v1alpha1", "logs", "Logs")

    def _exists(self, path):
        return self._exchange("GET", path)[0] == 200

    def add_node(self, name):
        """A node whose kubelet is kwok, which makes it Ready."""
        self.api("POST", "/api/v1/nodes", {
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}})

    def _node_ready(self):
        conditions = self.api("GET", f"/api/v1/nodes/{NODE}")["status"].get("conditions", ())
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def _create_pod_placement(self):
        """In the scheduler's place: pods that name no node get ours when they are created."""
        kind = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolic"
        head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "place-pods"}}
        self.api("POST", kind + "ies", {**head, "kind": "MutatingAdmissionPolicy", "spec": {
            "failurePolicy": "Fail", "reinvocationPolicy": "Never",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                "resources": ["pods"]}]},
            "matchConditions": [{"name": "unplaced", "expression":
                                 "!has(object.spec.nodeName) || object.spec.nodeName == ''"}],
            "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {
                "expression": f'Object{{spec: Object.spec{{nodeName: "{NODE}"}}}}'}}]}})
        self.api("POST", kind + "ybindings", {**head, "kind": "MutatingAdmissionPolicyBinding",
                                              "spec": {"policyName": "place-pods"}})

    def _places_pods(self):
        pod = self.api("POST", "/api/v1/namespaces/default/pods?dryRun=All", {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"},
            "spec": {"containers": [{"name": "main", "image": "none"}]}})
        return pod["spec"].get("nodeName") == NODE

    def create_crd(self, group, version, plural, kind, namespaced=True):
        """A custom resource that takes any content; returns when it is served."""
        self.api("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {"group": group, "scope": "Namespaced" if namespaced else "Cluster",
                     "names": {"plural": plural, "singular": kind.lower(), "kind": kind,
                               "listKind": f"{kind}List"},
                     "versions": [{"name": version, "served": True, "storage": True,
                                   "subresources": {"status": {}},
                                   "schema": {"openAPIV3Schema": {
                                       "type": "object",
                                       "x-kubernetes-preserve-unknown-fields": True}}}]}})
        self._wait(f"{plural}.{group} to be served",
                   lambda: self._exists(f"/apis/{group}/{version}/{plural}"))

    # -- helpers --------------------------------------------------------------------------------

    def tls_context(self):
        """Verifies the API server; shows no client certificate."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    def _exchange(self, method, path, body=None, content_type="application/json"):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30,
                                                 context=self.tls_context())
        with contextlib.closing(connection):
            connection.request(method, path, body, {
                "Authorization": f"Bearer {self.admin_token}", "Accept": "application/json",
                "Content-Type": content_type})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")

    def api(self, method, path, body=None):
        """One request as administrator, JSON in and out; a PATCH is a strategic merge.
        Returns the answer's object; ApiError at 400 and more."""
        kind = "application/json"
        if method == "PATCH":
            kind = "application/strategic-merge-patch+json"
        status, text = self._exchange(method, path, json.dumps(body) if body else None, kind)
        if status >= 400:
            raise ApiError(method, path, status, text)
        return json.loads(text)

    def kubectl(self, *args, stdin=None, check=True, kubeconfig=None, timeout_s=60):
        """Runs kubectl as administrator; returns the CompletedProcess, its output as text."""
        done = subprocess.run([str(self.bin / "kubectl"), *args], input=stdin, text=True,
                              capture_output=True, timeout=timeout_s,
                              env=self.kubectl_env(kubeconfig))
        if check and done.returncode:
            raise ClusterError(f"kubectl {' '.join(args)} ended {done.returncode}: {done.stderr}")
        return done

    def kubectl_env(self, kubeconfig=None):
        """The environment in which kubectl finds this cluster and none of the user's files."""
        return {**os.environ, "HOME": str(self.dir),
                "KUBECONFIG": str(kubeconfig or self.kubeconfig)}

    def write_kubeconfig(self, name, user):
        """DIR/NAME.kubeconfig for `user`, a kubeconfig user such as {"token": ...}; its path."""
        path = self.dir / f"{name}.kubeconfig"
        ca = base64.b64encode(self.ca_file.read_bytes()).decode()
        path.touch(0o600)
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": name,
            "clusters": [{"name": "test", "cluster": {
                "server": self.url, "certificate-authority-data": ca}}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": "test", "user": name}}],
        }, indent=1) + "\n")
        return path

    def _write_admin_kubeconfig(self):
        self.write_kubeconfig("admin", {
            "client-certificate-data": base64.b64encode(self._admin_cert.read_bytes()).decode(),
            "client-key-data": base64.b64encode(self._admin_key.read_bytes()).decode()})

    def create_namespace(self, name):
        """Also when it is there already."""
        with self._already_there():
            self.api("POST", "/api/v1/namespaces", {
                "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    @contextlib.contextmanager
    def _already_there(self):
        try:
            yield
        except ApiError as error:
            if error.status != http.client.CONFLICT:
                raise

    def create_service_account(self, namespace, name, cluster_role=None, valid_s=3600):
        """Makes namespace and account where missing, binds the cluster role when one is named.
        Returns (token, path of a kubeconfig with that token)."""
        self.create_namespace(namespace)
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        with self._already_there():
            self.api("POST", accounts, {"apiVersion": "v1", "kind": "ServiceAccount",
                                        "metadata": {"name": name}})
        if cluster_role:
            self.bind_cluster_role(cluster_role, {
                "kind": "ServiceAccount", "namespace": namespace, "name": name})
        token = self.api("POST", f"{accounts}/{name}/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": valid_s}})["status"]["token"]
        return token, self.write_kubeconfig(f"{namespace}-{name}", {"token": token})

    def bind_cluster_role(self, role, subject):
        """`subject` as in a ClusterRoleBinding; for users and groups the apiGroup is filled in.
        Returns when the API server heeds it."""
        if subject["kind"] != "ServiceAccount":
            subject = {"apiGroup": "rbac.authorization.k8s.io", **subject}
        group = "rbac.authorization.k8s.io"
        self.api("POST", f"/apis/{group}/v1/clusterrolebindings", {
            "apiVersion": f"{group}/v1", "kind": "ClusterRoleBinding",
            "metadata": {"generateName": f"{role}-"}, "subjects": [subject],
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role}})
        rules = self.api("GET", f"/apis/{group}/v1/clusterroles/{role}").get("rules")
        if rules:
            question = {**review_subject(subject), **review_attributes(rules[0])}
            self._wait(f"the binding of {role}", lambda: self.api(
                "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
                    "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
                    "spec": question})["status"]["allowed"])

    def issue_client_cert(self, user, groups=()):
        """(key path, certificate path) for a user of this cluster."""
        subject = "".join(f"/O={group}" for group in groups) + f"/CN={user}"
        return self.pki.issue(f"client-{user}", subject, "clientAuth")

    def create_pod(self, namespace, name, **metadata):
        """A pod with one container `main`; returns when it runs."""
        pods = f"/api/v1/namespaces/{namespace}/pods"
        self.api("POST", pods, {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata},
            "spec": {"containers": [{"name": "main", "image": "none"}]}})
        self._wait(f"pod {namespace}/{name} to run", lambda: self.api(
            "GET", f"{pods}/{name}").get("status", {}).get("phase") == "Running")

    def append_log(self, namespace, pod, *lines):
        """Adds lines to the log of a pod that runs; the first time it returns when the kubelet
        shows that log."""
        file = self.dir / "podlogs" / f"{namespace}_{pod}.log"
        known = file.exists()
        self._append(file, *lines)
        if known:
            return
        self.api("POST", f"/apis/kwok.x-k8s.io/v1alpha1/namespaces/{namespace}/logs", {
            "apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Logs", "metadata": {"name": pod},
            "spec": {"logs": [{"logsFile": str(file), "follow": True}]}})
        log = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        shown = (200, "".join(line + "\n" for line in lines))
        self._wait(f"the log of {namespace}/{pod}", lambda: self._exchange("GET", log) == shown)

    def append_default_log(self, *lines):
        """To what pods without a log of their own show; attach shows it as it comes."""
        self._append(self._default_log, *lines)

    @staticmethod
    def _append(file, *lines):
        """In the kubelet's own log format: time, stream, F for a full line, text."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        with open(file, "a") as out:
            out.write("".join(f"{now} stdout F {line}\n" for line in lines))

    def audit_events(self):
        """The API server's audit events so far, oldest first."""
        with open(self.audit_log) as log:
            return [json.loads(line) for line in log if line.endswith("\n")]

    def resident_kib(self):
        """Resident memory of each program, in KiB."""
        sizes = {}
        for name, process in self._processes:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            sizes[name] = int(status.split("VmRSS:")[1].split()[0])
        return sizes

    def watch_processes(self):
        """The name of a program that has ended by itself, else None."""
        for name, process in self._processes:
            if process.poll() is not None:
                return name
        return None


def main():
    parser = argparse.ArgumentParser(description="Runs a real Kubernetes API server for tests.")
    parser.add_argument("--state-dir", required=True, metavar="DIR",
                        help="new or empty directory for everything it writes; it stays")
    parser.add_argument("--allow-exec", action="store_true",
                        help="kubectl exec runs commands on this machine, for every local user")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    try:
        with RealCluster(args.state_dir, args.allow_exec) as cluster:
            print(cluster.kubeconfig, flush=True)
            while not (ended := cluster.watch_processes()):
                time.sleep(0.5)
            raise ClusterError(f"{ended} ended by itself" + cluster._tail(ended))
    except ClusterError as error:
        print(f"cluster.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
