"""Readers that stand still: a pager behind a watch or a log, a stopped terminal."""
import signal
import subprocess
import time
import uuid

import pytest
import sim
from stack import wait_for

PAUSE_S = 65  # above the 60 s after which other output without progress ends its connection
COUNT, SIZE = 400, 60_000  # far more than all buffers on the way hold


@pytest.fixture(scope="module")
def big(cluster):
    """Config maps whose list is 24 MB."""
    namespace = f"big-{uuid.uuid4().hex[:6]}"
    cluster.create_namespace(namespace)
    cluster.fill(namespace, COUNT, SIZE, "configmaps")
    yield namespace
    cluster.api("DELETE", f"/api/v1/namespaces/{namespace}")


def watch_path(cluster_name, namespace):
    return f"/clusters/{cluster_name}/k8s/api/v1/namespaces/{namespace}/configmaps?watch=1"


def kubectl_raw(env, cluster_name, path):
    """kubectl get --raw; an old kubectl puts the path in the place of the server's own, a newer one behind it."""
    argv = [sim.find_kubectl(), "get", "--raw"]
    is_old = subprocess.run([*argv, "/api"], env=env, capture_output=True, timeout=30).returncode != 0
    return [*argv, f"/clusters/{cluster_name}/k8s{path}" if is_old else path]


def count_events(stream):
    """Reads as many events as there are objects."""
    seen = 0
    while seen < COUNT and (line := stream.readline()):
        seen += line.startswith(b'{"type":"ADDED"')
    return seen


@pytest.mark.sim
def test_a_paused_reader_of_a_watch_is_not_cut(central, user, agent, big, make_cli, stock_kubectl):
    cli = make_cli(central, user.email)
    cli.write_kubeconfig("prod")
    argv = kubectl_raw(cli.kubectl_env(), "prod", f"/api/v1/namespaces/{big}/configmaps?watch=1")
    pager, stopped = (subprocess.Popen(argv, env=cli.kubectl_env(), stdout=subprocess.PIPE) for _ in range(2))
    try:
        assert stopped.stdout.peek(1)
        stopped.send_signal(signal.SIGSTOP)  # Ctrl-Z: not even PING is answered
        with user.stream(watch_path("prod", big)) as events:  # HTTP/1.1
            time.sleep(PAUSE_S)
            stopped.send_signal(signal.SIGCONT)
            assert count_events(events) == COUNT
        for process in (pager, stopped):
            assert count_events(process.stdout) == COUNT
            assert process.poll() is None
    finally:
        for process in (pager, stopped):
            process.kill()
            process.communicate()


@pytest.mark.sim
def test_a_reader_that_never_comes_back_is_cut(make_central, make_agent, big):
    central = make_central(server_stall_timeout="2s")
    make_agent(central, "c")
    admin = central.admin
    begin = time.monotonic()
    with admin.stream(watch_path("c", big)):
        row = wait_for("the watch to end", lambda: next(
            (r for r in central.audit(limit=20, cluster="c") if r["verb"] == "watch" and r["status"]), None), 20)
    assert time.monotonic() - begin >= 1.5 and row["resource"] == "configmaps"
    assert admin.get("/clusters/c/k8s/version").status == 200
