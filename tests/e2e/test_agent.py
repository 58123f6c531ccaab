"""Agents: away and back, several, renewal under load, certificates that are refused, the contract spoken by others."""
import collections
import contextlib
import json
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import uuid

import pytest
import stack
from stack import HERE, SLOW, Api, wait_for

PODS = "/k8s/api/v1/namespaces/a/pods"


@pytest.fixture
def openssl(tmp_path):
    def run(*args, **options):
        done = subprocess.run(["openssl", *map(str, args)], cwd=tmp_path, capture_output=True, text=True, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout
    return run


@pytest.fixture
def csr(tmp_path, openssl):
    """(path of a key, PEM of a request) as an agent makes them."""
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem")
    openssl("req", "-new", "-key", "key.pem", "-subj", "/CN=agent", "-out", "csr.pem")
    return tmp_path / "key.pem", (tmp_path / "csr.pem").read_text()


# -- away and back ------------------------------------------------------------------------------------


def test_an_agent_that_is_away_is_503_with_retry_after(make_central, make_agent):
    central = make_central()
    central.add_cluster("c")
    answer = central.admin.get("/clusters/c" + PODS)
    assert answer.status == 503 and int(answer.headers["retry-after"]) >= 1, answer
    assert answer.json["kind"] == "Status" and "c" in answer.json["message"]
    agent = make_agent(central, "c", central.admin.want(200, "POST", "/clusters/c/token", {})["token"])
    assert central.admin.get("/clusters/c" + PODS).status == 200
    agent.process.kill()
    wait_for("the cluster to be seen as away", lambda: central.status_of("c") == "disconnected")
    assert central.admin.get("/clusters/c" + PODS).status == 503
    agent.start()
    assert central.admin.get("/clusters/c" + PODS).status == 200


def test_stock_kubectl_says_soon_that_the_agent_is_away(make_central, make_cli, stock_kubectl):
    central = make_central()
    central.add_cluster("c")
    cli = make_cli(central, "admin@localhost")
    cli.write_kubeconfig("c")
    begin = time.monotonic()
    done = cli.kubectl("get", "pods", check=False)
    assert done.returncode == 1 and "ServiceUnavailable" in done.stderr
    assert time.monotonic() - begin < 8 * SLOW, "it asks for /api five times, and tries each ten times"
    assert central.admin.get("/clusters/c/k8s/api").headers["retry-after"] == "0"
    assert central.admin.get("/clusters/c" + PODS).headers["retry-after"] == "1"


def test_an_agent_that_its_api_server_does_not_know_is_no_sign_out(make_central, agent_kubeconfig, tmp_path):
    central = make_central()
    kubeconfig = tmp_path / "stale.kubeconfig"
    kubeconfig.write_text(re.sub(r'("?token"?: *"?)[^"\n]+', r"\1stale", pathlib.Path(agent_kubeconfig).read_text()))
    agent = stack.Agent(tmp_path / "agent", central, "c", central.add_cluster("c")["token"], kubeconfig).start()
    answer = central.admin.get("/clusters/c" + PODS)
    assert answer.status == 502 and "agent's own credential" in answer.json["message"], answer
    agent.stop()


def test_agents_come_back_after_a_restart_of_central(make_central, make_agent):
    central = make_central()
    make_agent(central, "c")
    token = central.admin.token
    central.restart()
    central.wait_connected("c")
    assert Api(central, token).get("/clusters/c" + PODS).status == 200, "sessions outlive a restart"
    central.process.kill()
    central.start()
    central.wait_connected("c")
    assert Api(central, token).get("/clusters/c" + PODS).status == 200


def test_two_agents_of_one_cluster(make_central, make_agent):
    central = make_central()
    token = central.add_cluster("c")["token"]
    one, two = make_agent(central, "c", token), make_agent(central, "c", token)
    time.sleep(1)
    for _ in range(10):
        assert central.admin.get("/clusters/c" + PODS).status == 200
    assert one.stop() == 0
    for _ in range(10):
        assert central.admin.get("/clusters/c" + PODS).status == 200
    two.stop()
    assert central.admin.get("/clusters/c" + PODS).status == 503


@pytest.fixture
def two_agents(make_central, make_agent, cluster):
    """Two agents of one cluster that the API server can tell apart, and which of them each request came by."""
    central = make_central()
    token = central.add_cluster("c")["token"]
    agents = {}
    for name in ("one", "two"):
        kubeconfig = cluster.create_service_account("agents", name, "impersonator")[1]
        agents[name] = make_agent(central, "c", token, kubeconfig=kubeconfig, drain="2s")
    wait_for("both", lambda: all("connected to central" in agent.process.said() for agent in agents.values()))
    time.sleep(0.5)
    namespace = f"load-{uuid.uuid4().hex[:8]}"
    cluster.create_namespace(namespace)

    def came_by(verb):
        """How many requests with this verb in the namespace came by each agent."""
        seen = {e["auditID"]: e["user"]["username"].rsplit(":", 1)[1] for e in cluster.audit_events()
                if e["verb"] == verb and e.get("objectRef", {}).get("namespace") == namespace}
        return collections.Counter(seen.values())
    return central, agents, f"/clusters/c/k8s/api/v1/namespaces/{namespace}/configmaps", came_by


def test_the_least_loaded_agent_is_taken(two_agents):
    central, agents, path, came_by = two_agents
    with contextlib.ExitStack() as open_streams:
        for _ in range(12):
            open_streams.enter_context(central.admin.stream(path + "?watch=1"))
            time.sleep(0.1)
        wait_for("twelve watches", lambda: sum(came_by("watch").values()) == 12)
        assert came_by("watch") == {"one": 6, "two": 6}
        agents["late"] = type(agents["one"])(agents["one"].dir.parent / "late", central, "c",
                                             agents["one"].settings["AGENT_TOKEN"], agents["one"].kubeconfig).start()
        try:
            wait_for("a third one", lambda: "connected to central" in agents["late"].process.said())
            time.sleep(0.5)
            for _ in range(4):
                assert central.admin.get(path).status == 200
            assert came_by("list") == {"one": 4}, "one that has nothing to do yet takes what comes"
        finally:
            agents["late"].stop()


def test_one_that_leaves_is_drained(two_agents):
    central, agents, path, came_by = two_agents
    statuses, stopping = [], threading.Event()

    def ask():
        while not stopping.is_set():
            statuses.append(central.admin.get(path + "/none").status)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    with central.admin.stream(path + "?watch=1"):
        wait_for("requests by both", lambda: set(came_by("get")) == {"one", "two"})
        assert agents["one"].stop() == 0
        before = len(statuses)
        wait_for("requests after it", lambda: len(statuses) > before + 50)
    stopping.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {404}, "no request was lost"
    before = came_by("get")
    assert central.admin.get(path + "/none").status == 404
    wait_for("the row", lambda: came_by("get")["two"] == before["two"] + 1)


def test_a_stopping_agent_finishes_what_it_serves(make_central, make_agent):
    central = make_central()
    agent = make_agent(central, "c", drain="5s")
    with central.admin.stream("/clusters/c" + PODS + "?watch=1") as events:
        assert json.loads(events.readline())["type"] == "ADDED"
        begin = time.monotonic()
        assert agent.stop() == 0
        assert time.monotonic() - begin < 15 * SLOW


def test_a_removed_cluster_is_cut_off(make_central, make_agent):
    central = make_central()
    agent = make_agent(central, "c")
    with central.admin.stream("/clusters/c" + PODS + "?watch=1", timeout_s=10) as events:
        assert events.readline()
        assert central.admin.ask("DELETE", "/clusters/c").status == 204
        begin = time.monotonic()
        with contextlib.suppress(OSError, Exception):
            while events.readline():
                pass
        assert time.monotonic() - begin < 5 * SLOW
    assert central.admin.get("/clusters/c" + PODS).status == 404
    agent.process.kill()


def test_a_revoked_token_and_another_clusters_token_are_refused(make_central, make_agent):
    central = make_central()
    old = central.add_cluster("c")["token"]
    other = central.add_cluster("other")["token"]
    central.admin.want(200, "POST", "/clusters/c/token", {})
    for token in (old, other, "nonsense"):
        agent = make_agent(central, "c", token, wait=False)
        assert "not valid" in agent.process.wait_said("error=")
        assert token not in agent.process.said()
        agent.stop()
    assert central.status_of("c") == "disconnected"


@pytest.mark.parametrize("pin", ["sha256:" + "0" * 64])
def test_an_agent_does_not_speak_to_another_central(make_central, make_agent, pin):
    central = make_central()
    agent = make_agent(central, "c", wait=False, tls_ca_sha256=pin)
    assert "pin" in agent.process.wait_said("error=")
    assert central.status_of("c") == "disconnected"


def test_a_proxy_with_connect_is_used(make_central, make_agent):
    central = make_central()
    seen = []
    with connect_proxy(seen) as port:
        token = central.add_cluster("c")["token"]
        agent = make_agent(central, "c", token, wait=False)
        agent.stop()
        agent.settings["HTTPS_PROXY"] = f"http://user:secret@127.0.0.1:{port}"
        agent.start()
        assert central.admin.get("/clusters/c" + PODS).status == 200
        assert seen and all(line.startswith(f"CONNECT 127.0.0.1:{central.grpc_port} ") for line, _ in seen)
        assert all("Basic dXNlcjpzZWNyZXQ=" in head for _, head in seen)
        agent.stop()
        assert "secret" not in agent.process.said()


@contextlib.contextmanager
def connect_proxy(seen):
    """A proxy that serves CONNECT; notes (request line, head)."""
    server = socket.create_server(("127.0.0.1", 0))

    def pump(source, sink):
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                sink.sendall(piece)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def serve(client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        line = head.split(b"\r\n")[0].decode()
        seen.append((line, head.decode()))
        host, port = line.split()[1].rsplit(":", 1)
        upstream = socket.create_connection((host, int(port)))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        threading.Thread(target=pump, args=(client, upstream), daemon=True).start()
        pump(upstream, client)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()


# -- certificates -------------------------------------------------------------------------------------


def test_renewal_under_load_fails_no_request(make_central, make_agent):
    """Certificates of a minute: over 100 s both the agent's certificate is replaced at least twice."""
    seconds = 45 if SLOW == 1 else 90
    central = make_central(agent_cert_lifetime="20s")
    make_agent(central, "c")
    api = central.admin
    statuses, end = [], time.monotonic() + seconds

    def load():
        connection = api.connect()
        while time.monotonic() < end:
            connection.request("GET", "/clusters/c" + PODS + "/web", None, api.head())
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
            time.sleep(0.01)
    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) > 4 * seconds and set(statuses) == {200}, {s: statuses.count(s) for s in set(statuses)}
    assert central.process.said().count("/Renew") >= 2, "it was renewed"


def tls_alert(central, context):
    """How a TLS connection to the agents' port ends: the error, or None when it stays."""
    try:
        with socket.create_connection(("127.0.0.1", central.grpc_port), 10) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as tls:
                tls.settimeout(2)
                with contextlib.suppress(TimeoutError):
                    return None if tls.recv(1) else "closed"
    except OSError as error:
        return str(error) or type(error).__name__
    return None


def agent_context(central, cert=None, key=None, alpn="mk8s-reverse/1"):
    context = ssl.create_default_context(cafile=str(central.ca_file))
    context.set_alpn_protocols([alpn])
    if cert:
        context.load_cert_chain(cert, key)
    return context


def test_certificates_that_open_no_reverse_connection(make_central, openssl, tmp_path, csr):
    """None, one of another CA, an expired one, one signed by central's CA name but not its key."""
    central = make_central()
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "fake.key",
            "-out", "fake.pem", "-days", "2", "-subj", "/CN=mk8s")
    (tmp_path / "ext").write_text("extendedKeyUsage=clientAuth\n")
    openssl("x509", "-req", "-in", "csr.pem", "-CA", "fake.pem", "-CAkey", "fake.key", "-CAcreateserial", "-days", "1",
            "-extfile", "ext", "-out", "foreign.pem")
    assert tls_alert(central, agent_context(central, tmp_path / "foreign.pem", tmp_path / "key.pem"))
    assert tls_alert(central, agent_context(central)), "no certificate, no reverse connection"
    assert central.process.is_up()


class Grpc:
    """The published contract, spoken by grpcio."""

    def __init__(self, central, module, cert=None, key=None):
        import grpc
        self.pb = module
        options = [("grpc.ssl_target_name_override", "localhost")]
        credentials = grpc.ssl_channel_credentials(
            central.ca_file.read_bytes(), key and pathlib.Path(key).read_bytes(), cert and cert.encode())
        self.channel = grpc.secure_channel(f"127.0.0.1:{central.grpc_port}", credentials, options)

    def call(self, name, request, timeout_s=10):
        answer = getattr(self.pb, f"{name}Response")
        method = self.channel.unary_unary(f"/mk8s.agent.v1.AgentService/{name}",
                                          request_serializer=lambda m: m.SerializeToString(),
                                          response_deserializer=answer.FromString)
        return method(request, timeout=timeout_s * SLOW)

    def code(self, name, request):
        import grpc
        with pytest.raises(grpc.RpcError) as error:
            self.call(name, request)
        return error.value.code().name

    def close(self):
        self.channel.close()


@pytest.fixture(scope="session")
def agent_pb(session_dir):
    """The messages of proto/agent.proto, compiled by protoc."""
    pytest.importorskip("grpc")
    proto = HERE.parents[1] / "proto"
    subprocess.run(["protoc", f"--proto_path={proto}", f"--python_out={session_dir}", "agent.proto"], check=True)
    sys.path.insert(0, str(session_dir))
    import agent_pb2
    return agent_pb2


def test_the_contract_by_another_implementation(make_central, agent_pb, csr, tmp_path, openssl):
    central = make_central()
    added = central.add_cluster("c")
    key, request = csr
    grpc = Grpc(central, agent_pb)
    register = agent_pb.RegisterRequest(cluster_name="c", join_token=added["token"], csr_pem=request)
    answer = grpc.call("Register", register)
    assert answer.cluster_id == added["id"] and answer.not_after_unix_s > time.time()
    text = openssl("x509", "-noout", "-text", "-ext", "subjectAltName", input=answer.certificate_pem)
    assert added["id"] in text
    wrong = agent_pb.RegisterRequest(cluster_name="c", join_token="wrong", csr_pem=request)
    assert grpc.code("Register", wrong) == "UNAUTHENTICATED"
    nowhere = agent_pb.RegisterRequest(cluster_name="nowhere", join_token=added["token"], csr_pem=request)
    assert grpc.code("Register", nowhere) == "UNAUTHENTICATED"
    assert grpc.code("Heartbeat", agent_pb.HeartbeatRequest()) == "PERMISSION_DENIED"
    assert grpc.code("Renew", agent_pb.RenewRequest(csr_pem=request)) == "PERMISSION_DENIED"
    bad = agent_pb.RegisterRequest(cluster_name="c", join_token=added["token"], csr_pem="no request")
    assert grpc.code("Register", bad) == "INVALID_ARGUMENT"
    method = grpc.channel.unary_unary("/mk8s.agent.v1.AgentService/NoSuchCall")
    import grpc as grpcio
    with pytest.raises(grpcio.RpcError) as error:
        method(b"", timeout=10)
    assert error.value.code().name == "UNIMPLEMENTED"
    grpc.close()
    member = Grpc(central, agent_pb, answer.certificate_pem, key)
    beat = agent_pb.HeartbeatRequest(metadata=agent_pb.Metadata(agent_version="other", kubernetes_version="v9.9.9",
                                                                platform="plan9/mips"))
    member.call("Heartbeat", beat)
    assert central.admin.want(200, "GET", "/clusters/c")["metadata"]["kubernetes_version"] == "v9.9.9"
    renewed = member.call("Renew", agent_pb.RenewRequest(csr_pem=request))
    assert "BEGIN CERTIFICATE" in renewed.certificate_pem
    big = agent_pb.HeartbeatRequest(metadata=agent_pb.Metadata(agent_version="x" * (5 << 20)))
    assert member.code("Heartbeat", big) == "RESOURCE_EXHAUSTED"
    member.close()


def test_a_removed_clusters_and_an_expired_certificate_are_refused(make_central, agent_pb, csr):
    central = make_central(agent_cert_lifetime="10s")
    key, request = csr
    members = {}
    for name in ("gone", "stays"):
        token = central.add_cluster(name)["token"]
        grpc = Grpc(central, agent_pb)
        members[name] = grpc.call("Register", agent_pb.RegisterRequest(cluster_name=name, join_token=token,
                                                                       csr_pem=request)).certificate_pem
        grpc.close()
    stays, gone = (Grpc(central, agent_pb, members[name], key) for name in ("stays", "gone"))
    stays.call("Heartbeat", agent_pb.HeartbeatRequest())
    gone.call("Heartbeat", agent_pb.HeartbeatRequest())
    assert central.admin.ask("DELETE", "/clusters/gone").status == 204
    assert gone.code("Heartbeat", agent_pb.HeartbeatRequest()) in ("PERMISSION_DENIED", "UNAUTHENTICATED", "UNAVAILABLE")
    gone.close()
    stays.close()
    time.sleep(11)
    late = Grpc(central, agent_pb, members["stays"], key)
    assert late.code("Heartbeat", agent_pb.HeartbeatRequest()) in ("PERMISSION_DENIED", "UNAUTHENTICATED", "UNAVAILABLE")
    late.close()


def test_another_clusters_certificate_does_not_serve_this_one(make_central, make_agent, agent_pb, csr):
    """The cluster is the certificate's, whatever the caller says."""
    central = make_central()
    first = central.add_cluster("first")
    central.add_cluster("second")
    key, request = csr
    grpc = Grpc(central, agent_pb)
    cert = grpc.call("Register", agent_pb.RegisterRequest(cluster_name="first", join_token=first["token"],
                                                          csr_pem=request)).certificate_pem
    grpc.close()
    member = Grpc(central, agent_pb, cert, key)
    member.call("Heartbeat", agent_pb.HeartbeatRequest(metadata=agent_pb.Metadata(kubernetes_version="v7")))
    member.close()
    assert central.admin.want(200, "GET", "/clusters/first")["metadata"]["kubernetes_version"] == "v7"
    assert central.admin.want(200, "GET", "/clusters/second").get("metadata", {}).get("kubernetes_version") != "v7"


def test_guessing_join_tokens_is_slowed_down(make_central, agent_pb, csr):
    central = make_central()
    central.add_cluster("c")
    grpc = Grpc(central, agent_pb)
    codes = [grpc.code("Register", agent_pb.RegisterRequest(cluster_name="c", join_token=f"t{i}", csr_pem=csr[1]))
             for i in range(40)]
    assert codes[0] == "UNAUTHENTICATED" and codes[-1] == "RESOURCE_EXHAUSTED", codes
    grpc.close()
