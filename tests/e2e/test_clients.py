"""Programs that people use on clusters, unchanged, through central: an old and a current kubectl, Python's client, client-go, helm.

make kube brings them; on the simulated cluster exec and port-forward end at a peer of their own (upgrade_peer.py).
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading

import pytest
import sim
import stack
import upgrade_peer

PYTHON_CLIENT = pathlib.Path(__file__).resolve().parents[1] / "kube" / "python_client.py"
MINE = ["ours-1", "ours-2"]
EACH = 12


def tool(name):
    path = sim.find_client(name)
    if not path:
        pytest.skip(f"there is no {name} in build/kube: run make kube")
    return path


@pytest.fixture(scope="module")
def spaces(cluster):
    """Two namespaces of the limited user's, one that is not; EACH labelled config maps in every one."""
    for namespace in (*MINE, "theirs"):
        cluster.create_namespace(namespace)
        for i in range(EACH):
            make(cluster, namespace, f"old-{i:02d}", {"round": "first"})
    yield cluster
    for namespace in (*MINE, "theirs"):
        cluster.api("DELETE", f"/api/v1/namespaces/{namespace}")


def make(cluster, namespace, name, labels):
    cluster.api("POST", f"/api/v1/namespaces/{namespace}/configmaps", {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}})


def needs_protobuf():
    if not stack.REAL:
        pytest.skip("it writes protobuf, which the simulated API server does not read")


@pytest.fixture(scope="module")
def home(tmp_path_factory, central):
    """home(cluster, api, *options): the environment of a user's program that finds that cluster."""
    def make_home(cluster_name, api, *options):
        cli = stack.Cli(tmp_path_factory.mktemp("home"), central).login(api.email)
        cli.write_kubeconfig(cluster_name, *options)
        return {**cli.kubectl_env(), "CLIENTGO_JSON": "" if stack.REAL else "1", "PYTHONPATH": sim.find_client("python") or ""}
    return make_home


@pytest.fixture(scope="module")
def everyone(home, user, spaces):
    return home("prod", user)


@pytest.fixture(scope="module")
def limited(home, central, agent, spaces):
    """The environment of a user of two namespaces."""
    central.add_role("ours", namespaces=MINE, verbs=["get", "list", "watch", "create", "update", "patch", "delete"])
    return home("prod", central.add_user("ours"))


def run(argv, env, stdin=b"", timeout_s=90, status=0):
    done = subprocess.run(list(map(str, argv)), env=env, input=stdin, capture_output=True, timeout=timeout_s * stack.SLOW)
    assert done.returncode == status, f"{argv}: {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done


def start(argv, env):
    return subprocess.Popen(list(map(str, argv)), env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def python_client(*args):
    tool("python")
    return [sys.executable, PYTHON_CLIENT, *args]


def clientgo(*args):
    return [tool("clientgo"), *args]  # reads and writes protobuf by itself, which the simulated server does not know


# -- create, read, watch --------------------------------------------------------------------------


@pytest.mark.parametrize("client", [python_client, clientgo])
@pytest.mark.parametrize("who", ["everyone", "limited"])
def test_objects(request, client, who):
    """Create, read, update, patch, list, delete and a watch of it all; conflicts and absences as the client knows them."""
    assert run(client("crud", "ours-1"), request.getfixturevalue(who)).stdout == b"crud ok\n"


@pytest.mark.parametrize("client", [python_client, clientgo])
def test_elsewhere_is_forbidden(limited, client):
    done = run(client("crud", "theirs"), limited, status=1)
    assert b"roles looked at: ours" in done.stderr, done


def test_pythons_watch_of_all_namespaces(limited, spaces):
    watching = start(python_client("watch", "round=python", "3"), limited)
    try:
        threading.Timer(2, lambda: [make(spaces, namespace, name, {"round": "python"}) for namespace, name in (
            ("theirs", "p1"), ("ours-1", "p2"), ("theirs", "p3"), ("ours-2", "p4"), ("ours-1", "p5"))]).start()
        lines = stack.read_lines(watching, 3, 30)  # some may be there when it begins
        assert sorted(lines) == ["ADDED ours-1/p2", "ADDED ours-1/p5", "ADDED ours-2/p4"]
        assert watching.wait(20) == 0
    finally:
        watching.kill()


INFORMERS = [[], ["nostream"], ["protobuf"], ["nostream", "protobuf", "chunk=5"]]


@pytest.mark.parametrize("options", INFORMERS, ids=["streamed", "listed", "protobuf", "chunks"])
def test_informer_of_two_namespaces(limited, spaces, agent, options):
    """A shared informer over all namespaces sees the user's two; it goes on where it was when the tunnel was away."""
    name = "-".join(["i", *options]).replace("=", "")
    for namespace in ("theirs", *MINE):
        make(spaces, namespace, f"{name}-there", {"round": name})
    going = start(clientgo("inform", f"round in (first,{name})", *options), limited)
    try:
        if "chunk=5" in options:
            assert stack.read_lines(going, 1, 40) == [f"listed {2 * EACH + 2} in {-(-3 * (EACH + 1) // 5)} pages"]
        lines = stack.read_lines(going, 1 + 2 * EACH + 2, 40)
        assert lines[0] == f"synced {2 * EACH + 2}" and not any("theirs" in line for line in lines)
        change(spaces, name, "live")
        assert stack.read_lines(going, 3, 30) == [f"added ours-1/{name}-live", f"added ours-2/{name}-live",
                                                  f"deleted ours-1/{name}-live"]
        agent.process.kill()
        change(spaces, name, "away")
        agent.start()
        seen = [""]
        while seen[-1] != f"added ours-2/{name}-away":  # a list may come first, as for any server that was away
            seen += stack.read_lines(going, 1, 60)
            assert seen[-1].startswith("updated ours-") or seen[-1].endswith("-away"), seen
    finally:
        going.kill()
        going.wait()


def change(cluster, name, kind):
    for namespace in ("theirs", *MINE):
        make(cluster, namespace, f"{name}-{kind}", {"round": name})
    cluster.api("DELETE", f"/api/v1/namespaces/ours-1/configmaps/{name}-{kind}")


# -- exec and port-forward ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pod(tmp_path_factory, central, roles, home):
    """(environment, namespace, pod name) of a pod that runs commands and forwards ports."""
    where = tmp_path_factory.mktemp("pod")
    token = central.add_cluster("pods")["token"]
    if stack.REAL:
        with stack.kube.RealCluster(where / "cluster", allow_exec=True) as cluster:
            cluster.create_namespace("a")
            cluster.create_pod("a", "web")
            with echo_server(cluster.forward_port):
                yield from served(where, central, token, stack.impersonator(cluster), home, "web")
    else:
        peer = upgrade_peer.UpgradePeer(where)
        yield from served(where, central, token, peer.kubeconfig(), home, "shell")
        peer.close()


def served(where, central, token, kubeconfig, home, name):
    agent = stack.Agent(where / "agent", central, "pods", token, kubeconfig).start()
    yield home("pods", central.add_user("everything")), "a", name
    assert agent.stop() == 0


class echo_server:
    """Sends back what it gets on a loopback port."""

    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", port))

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while True:
            try:
                stream = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._echo, args=(stream,), daemon=True).start()

    @staticmethod
    def _echo(stream):
        with stream:
            while piece := stream.recv(65536):
                stream.sendall(piece)


def test_python_exec(pod):
    env, namespace, name = pod
    out = run(python_client("exec", namespace, name), env).stdout.splitlines()
    assert out[-1] == b"exec ok" and out[0] in ((b"status 3", b"status unknown") if stack.REAL else (b"status 3",))


def test_python_port_forward(pod):
    if not stack.REAL:
        pytest.skip("Python's client forwards ports in a way that the stand-in does not speak")
    env, namespace, name = pod
    data = os.urandom(1_000_000)
    assert run(python_client("forward", namespace, name, 80), env, stdin=data).stdout == data


@pytest.mark.parametrize("kind", ["ws", "spdy"])
def test_clientgo_exec(pod, kind):
    env, namespace, name = pod
    done = run(clientgo("exec", kind, namespace, name, "sh", "-c", "echo out; echo err >&2"), env)
    assert (done.stdout, done.stderr) == (b"out\n", b"err\n")
    data = os.urandom(300_000)
    done = run(clientgo("exec", kind, namespace, name, "head", "-c", len(data)), env, stdin=data)
    assert done.stdout == data
    if not stack.REAL:  # kwok tells no status
        run(clientgo("exec", kind, namespace, name, "sh", "-c", "exit 5"), env, status=5)


@pytest.mark.parametrize("kind", ["ws", "spdy"])
def test_clientgo_port_forward(pod, kind):
    env, namespace, name = pod
    data = os.urandom(500_000)
    forward = start(clientgo("forward", kind, namespace, name, 80), env)
    try:
        with socket.create_connection(("127.0.0.1", int(stack.read_lines(forward, 1)[0])), 20 * stack.SLOW) as client:
            threading.Thread(target=client.sendall, args=(data,), daemon=True).start()
            got = b""
            while len(got) < len(data):
                piece = client.recv(1 << 18)
                assert piece, f"{len(got)} of {len(data)} bytes"
                got += piece
        assert got == data
    finally:
        forward.kill()
        forward.wait()


# -- helm -----------------------------------------------------------------------------------------


TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-settings
  namespace: {{ .Release.Namespace }}
data:
  colour: {{ .Values.colour | quote }}
  revision: "{{ .Release.Revision }}"
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  replicas: 1
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec: {containers: [{name: main, image: none}]}
"""


@pytest.mark.parametrize("who", ["everyone", "limited"])
def test_helm(request, spaces, tmp_path, who):
    """A chart's whole life: its releases are secrets in the namespace."""
    needs_protobuf()
    env, chart = request.getfixturevalue(who), tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 0.1.0\n")
    (chart / "values.yaml").write_text("colour: red\n")
    (chart / "templates" / "all.yaml").write_text(TEMPLATE)
    release = f"r-{who}"

    def helm(*args):
        return run([tool("helm"), "--namespace", "ours-1", *args], env).stdout.decode()

    def settings():
        return spaces.api("GET", f"/api/v1/namespaces/ours-1/configmaps/{release}-settings")["data"]
    helm("install", release, chart)
    assert settings() == {"colour": "red", "revision": "1"}
    helm("upgrade", release, chart, "--set", "colour=blue")
    assert settings() == {"colour": "blue", "revision": "2"}
    assert [row["revision"] for row in json.loads(helm("history", release, "-o", "json"))] == [1, 2]
    helm("rollback", release, "1")
    assert settings()["colour"] == "red"
    assert [row["name"] for row in json.loads(helm("list", "-o", "json"))] == [release]
    helm("uninstall", release)
    with pytest.raises(stack.kube.ApiError):
        settings()
    assert json.loads(helm("list", "-o", "json")) == []


# -- kubectl, current and old ---------------------------------------------------------------------


@pytest.fixture(scope="module", params=["current", "old"])
def kubectl(request, home, user, spaces):
    """kubectl(*args, stdin=b"", status=0): standard output; kubectl.start(*args) runs in the background."""
    old = request.param == "old"
    program = sim.find_kubectl(old=old)
    if not program:
        pytest.skip("there is no such kubectl: see tests/kube/clients.sh")
    env = home("prod", user, *(["--old-clients"] if old else []))

    def call(*args, **options):
        return run([program, "-n", "ours-2", *args], env, **options).stdout.decode()
    call.start = lambda *args: start([program, "-n", "ours-2", *args], env)
    call.name = request.param
    return call


def test_kubectl_changes(kubectl, tmp_path):
    name = f"made-{kubectl.name}"
    text = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}}).encode()
    apply = ["apply", *([] if stack.REAL else ["--validate=false"])]  # an old one needs its schema as protobuf
    assert "created" in kubectl(*apply, "-f", "-", stdin=text)
    assert "unchanged" in kubectl(*apply, "-f", "-", stdin=text)
    assert "configured" in kubectl(*apply, "-f", "-", stdin=text.replace(b'"1"', b'"2"'))
    assert "serverside-applied" in kubectl(*apply, "--server-side", "--force-conflicts", "-f", "-", stdin=text)
    kubectl("label", "configmap", name, "x=y")
    kubectl("annotate", "configmap", name, "note=z")
    kubectl("patch", "configmap", name, "--type=json", "-p", '[{"op":"replace","path":"/data/a","value":"3"}]')
    assert kubectl("get", "configmap", name, "-o", "jsonpath={.data.a} {.metadata.labels.x}") == "3 y"
    assert name in kubectl("describe", "configmap", name) and "ConfigMap" in kubectl("get", "-o", "yaml", "cm", name)
    threading.Timer(2 * stack.SLOW, lambda: kubectl("delete", "configmap", name)).start()
    kubectl("wait", "--for=delete", f"configmap/{name}", "--timeout=60s")
    assert "NotFound" in run_status(kubectl, "get", "configmap", name)


def run_status(kubectl, *args):
    done = kubectl.start(*args)
    assert done.wait(60) == 1
    return done.stderr.read()


def test_kubectl_rollout(kubectl, spaces):
    needs_protobuf()
    name = f"roll-{kubectl.name}"
    kubectl("create", "deployment", name, "--image=none")
    watching = kubectl.start("rollout", "status", f"deployment/{name}", "--timeout=60s")
    assert watching.wait(60 * stack.SLOW) == 0, watching.stderr.read()
    assert "successfully rolled out" in watching.stdout.read()
    kubectl("scale", f"deployment/{name}", "--replicas=2")
    kubectl("set", "image", f"deployment/{name}", "none=other")
    assert kubectl("get", "deployment", name, "-o", "jsonpath={.spec.replicas} {..image}") == "2 other"
    assert "rolled back" in kubectl("rollout", "undo", f"deployment/{name}")
    assert len(kubectl("rollout", "history", f"deployment/{name}").split("\n")) > 3
    kubectl("rollout", "restart", f"deployment/{name}")
    kubectl("delete", "deployment", name)


def test_kubectl_follows_a_log(kubectl, spaces):
    name = f"talks-{kubectl.name}"
    spaces.create_pod("ours-2", name)
    spaces.append_log("ours-2", name, "one")
    kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s") if stack.REAL else None
    following = kubectl.start("logs", "-f", name)
    try:
        assert stack.read_lines(following, 1) == ["one"]
        spaces.append_log("ours-2", name, "two", "three")
        assert stack.read_lines(following, 2) == ["two", "three"]
        assert following.poll() is None
    finally:
        following.send_signal(signal.SIGINT)
        following.wait(10)
    assert kubectl("logs", name, "--tail=1") == "three\n"


def test_kubectl_watches(kubectl, spaces):
    label = f"watched-{kubectl.name}"
    watching = kubectl.start("get", "configmaps", "-A", "-l", f"round={label}", "-w", "--no-headers")
    try:
        threading.Timer(2, lambda: [make(spaces, namespace, label, {"round": label}) for namespace in MINE]).start()
        assert [line.split()[0] for line in stack.read_lines(watching, 2)] == MINE
    finally:
        watching.kill()
        watching.wait()


METRICS = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {
    "name": "pods.metrics.k8s.io", "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in"}}, "spec": {
        "group": "metrics.k8s.io", "scope": "Namespaced",
        "names": {"plural": "pods", "kind": "PodMetrics", "listKind": "PodMetricsList"},
        "versions": [{"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
            "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}}


@pytest.fixture(scope="module")
def metrics(spaces):
    """The metrics of one pod, as a custom resource; there is no metrics server in the tests."""
    if not stack.REAL:
        pytest.skip("the simulated API server knows no custom resources")
    spaces.api("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", METRICS)

    def put():
        try:
            return spaces.api("POST", "/apis/metrics.k8s.io/v1beta1/namespaces/ours-2/pods", {
                "apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics", "metadata": {"name": "busy"},
                "timestamp": "2026-01-01T00:00:00Z", "window": "10s",
                "containers": [{"name": "main", "usage": {"cpu": "250m", "memory": "64Mi"}}]})
        except stack.kube.ApiError:
            return None
    stack.wait_for("the metrics to be served", put)
    yield
    spaces.api("DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/pods.metrics.k8s.io")


def test_kubectl_top(kubectl, metrics):
    lines = kubectl("top", "pods").splitlines()
    assert lines[0].split()[:2] == ["NAME", "CPU(cores)"] and lines[1].split() == ["busy", "250m", "64Mi"]
