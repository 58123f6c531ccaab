"""Memory that cannot be had: a process without it ends with a sentence, and what was acknowledged is there afterwards."""

import contextlib
import pathlib
import resource
import subprocess
import threading

import pytest
import stack
from stack import BIN, STATIC, Api, wait_for

MIB = 1 << 20
pytestmark = pytest.mark.skipif(not STATIC, reason="a sanitizer's shadow needs more than any limit")


def address_space(pid):
    """Bytes of address space in use."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmSize:")[1].split()[0]) * 1024


def limit(pid, size):
    resource.prlimit(pid, resource.RLIMIT_AS, (size, size))


@pytest.mark.parametrize("mib", [6, 12, 24])
@pytest.mark.parametrize("words", [["central", "--state-dir", "state"], ["agent", "--kubeconfig", "KUBECONFIG"],
                                   ["clusters"], ["kubectl", "get", "pods"]], ids=lambda words: words[0])
def test_a_start_without_memory_says_so(words, mib, make_central, agent_kubeconfig, tmp_path):
    words = [str(agent_kubeconfig) if word == "KUBECONFIG" else word for word in words]
    env = stack.base_env(tmp_path, MK8S_CENTRAL_SERVER_ADDRESS="127.0.0.1", MK8S_CENTRAL_SERVER_HTTP_PORT=0,
                         MK8S_CENTRAL_SERVER_GRPC_PORT=0, CENTRAL_URL="https://127.0.0.1:1", CLUSTER_NAME="c", AGENT_TOKEN="t")
    done = subprocess.run([BIN, *words], cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=30, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (mib * MIB, mib * MIB)))
    assert done.returncode == 1, (done.returncode, done.stderr)
    assert len(done.stderr.strip().splitlines()[-1]) > 20, done.stderr


class Writers:
    """Threads that make roles until told to stop or central is gone; `made` has those whose 201 came."""

    def __init__(self, central, count=8):
        self.central, self.token, self.made, self.stopping = central, central.admin.token, [], False
        self.threads = [threading.Thread(target=self.write, args=(i,), daemon=True) for i in range(count)]
        for thread in self.threads:
            thread.start()

    def write(self, number):
        with contextlib.suppress(Exception):  # whatever a process that ends does to a client
            connection = Api(self.central).connect(10)
            head = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            for n in range(10_000):
                if self.stopping:
                    return
                name = f"r{number}-{n}"
                connection.request("POST", "/roles", f'{{"name":"{name}","clusters":[]}}', head)
                answer = connection.getresponse()
                answer.read()
                if answer.status == 201:
                    self.made.append(name)

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join(20)


def send_large(central, token):
    """Most of a large body; the first bytes that come back, or None when nothing does."""
    head = f"POST /roles HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 1000000\r\n\r\n"
    tls = stack.raw_connect(central)
    with contextlib.suppress(OSError):
        tls.sendall(head.encode() + b'{"name":"' + b"x" * 900_000)
        tls.settimeout(0.01)
        return tls, tls.recv(12)
    return tls, None


def test_memory_that_ends_under_load_takes_no_change_back(make_central):
    """Large bodies come when nothing new can be mapped: they are refused. Whether central lives on or ends by itself, what
    it has acknowledged stays."""
    central = make_central()
    writers = Writers(central)
    wait_for("changes to pass", lambda: len(writers.made) >= 50)
    limit(central.process.pid, MIB)
    answers, kept = [], []
    for _ in range(200):
        with contextlib.suppress(OSError):
            tls, answer = send_large(central, writers.token)
            kept.append(tls)
            answers.append(answer)
    writers.stop()
    for tls in kept:
        tls.close()
    assert any(answer in (b"HTTP/1.1 503", b"") for answer in answers) or not central.process.is_up(), answers
    if central.process.is_up():
        assert Api(central).get("/healthz").status == 200
        central.process.kill()
    else:
        said = central.process.said()
        assert central.process.popen.returncode == 1 and "mk8s: out of memory: " in said.splitlines()[-1], said[-2000:]
    central.start()
    api = central.login()
    names = {role["name"] for role in api.get("/roles").json["roles"]}
    assert set(writers.made) <= names, sorted(set(writers.made) - names)[:5]
    assert api.get("/audit/verify").json["ok"] is True


@pytest.mark.sim
def test_a_filtered_list_needs_no_memory_for_its_length(make_central, make_agent, cluster):
    """32 MB of objects, half of them granted, with 8 MB of address space more than a short list took."""
    for namespace in ("granted", "withheld"):
        cluster.create_namespace(namespace)
        cluster.fill(namespace, 8000, 2000, resource="secrets", prefix="large")
    central = make_central()
    make_agent(central, "c")
    central.add_role("half", namespaces=["granted"], verbs=["get", "list"])
    api = central.add_user("half")
    path = "/clusters/c/k8s/api/v1/secrets"
    try:
        api.want(200, "GET", path + "?limit=10")
        limit(central.process.pid, address_space(central.process.pid) + 8 * MIB)
        answer = api.get(path, timeout_s=60)
        assert answer.status == 200 and len(answer.body) > 16 * MIB, answer.status
        assert {item["metadata"]["namespace"] for item in answer.json["items"]} == {"granted"}
        assert len(answer.json["items"]) == 8000
    finally:
        for namespace in ("granted", "withheld"):
            cluster.api("DELETE", f"/api/v1/namespaces/{namespace}/secrets")
            cluster.api("DELETE", f"/api/v1/namespaces/{namespace}")
