"""Fixtures: one cluster, central and agent that the whole run shares, and makers of further ones.

Environment: MK8S_BIN, KUBESIM, KUBE=1 (a real kube-apiserver), KUBE_BIN, MK8S_KILL_ROUNDS.
"""

import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import sim  # noqa: E402
import stack  # noqa: E402


# Files that look at every process of this machine: their own tests must not run at once (pytest-xdist, see run.sh).
# On a real cluster no file's tests do: what a file sets up takes long there, and each worker would do it.
ONE_AT_A_TIME = ("test_deploy",)  # and what begins so


def pytest_configure(config):
    config.addinivalue_line("markers", "sim: needs what only the simulated cluster has")
    config.addinivalue_line("markers", "xdist_group(name): tests that one worker runs, one after the other")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        for name in ONE_AT_A_TIME:
            if item.path.stem.startswith(name):
                item.add_marker(pytest.mark.xdist_group(name))
                break
        else:
            if stack.REAL:
                item.add_marker(pytest.mark.xdist_group(item.path.stem))
    if stack.REAL:
        for item in items:
            if item.get_closest_marker("sim"):
                item.add_marker(pytest.mark.skip(reason="only the simulated cluster has switches for faults"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows the end of every server's log with a failure."""
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        for process in stack.Process.started[-4:]:
            tail = "\n".join(process.said().splitlines()[-25:])
            report.sections.append((f"{process.name} ({process.err})", tail))


@pytest.fixture(autouse=True)
def no_sanitizer_report():
    """A report in any process's standard error fails the test during which it came."""
    yield
    for process in stack.Process.started:
        if process.report():
            text = process.report()
            stack.Process.started.remove(process)
            pytest.fail(f"{process.name}: {text}")


@pytest.fixture(scope="session")
def session_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="session")
def cluster(session_dir):
    """The Kubernetes cluster: namespaces a and b, pod web in each."""
    with stack.make_cluster(session_dir / "cluster") as cluster:
        for namespace in ("a", "b"):
            cluster.create_namespace(namespace)
            cluster.create_pod(namespace, "web", labels={"app": "web"})
        yield cluster


@pytest.fixture(scope="session")
def agent_kubeconfig(cluster):
    return stack.impersonator(cluster)


@pytest.fixture(scope="session")
def central(session_dir):
    central = stack.Central(session_dir / "central").start()
    yield central
    assert central.stop() == 0, central.process.said()[-3000:]


@pytest.fixture(scope="session")
def agent(session_dir, central, cluster, agent_kubeconfig):
    """An agent of cluster `prod` at the shared central."""
    token = central.add_cluster("prod")["token"]
    agent = stack.Agent(session_dir / "agent", central, "prod", token, agent_kubeconfig).start()
    yield agent
    assert agent.stop() == 0, agent.process.said()[-3000:]


@pytest.fixture(scope="session")
def roles(central):
    """Roles that many tests use."""
    central.add_role("everything")
    central.add_role("reader", verbs=["get", "list", "watch", "logs"])
    central.add_role("only-a", verbs=["get", "list", "watch", "logs", "create", "update", "patch", "delete"],
                     namespaces=["a"])
    central.add_role("elsewhere", cluster="other-*")


@pytest.fixture(scope="session")
def user(central, agent, roles):
    """A user who may do everything on `prod`; its agent is connected."""
    return central.add_user("everything")


@pytest.fixture
def make_central(tmp_path):
    """make_central(**settings): a central of the test's own."""
    made = []

    def make(**settings):
        made.append(stack.Central(tmp_path / f"central{len(made)}", **settings).start())
        return made[-1]
    yield make
    for central in made:
        central.process.kill() if not central.process.is_up() else central.stop()


@pytest.fixture
def make_agent(tmp_path, agent_kubeconfig):
    """make_agent(central, name, token=None): an agent of the test's own for the shared cluster."""
    made = []

    def make(central, name, token=None, wait=True, kubeconfig=None, **settings):
        token = token or central.add_cluster(name)["token"]
        agent = stack.Agent(tmp_path / f"agent{len(made)}", central, name, token, kubeconfig or agent_kubeconfig, **settings)
        made.append(agent)
        return agent.start(wait)
    yield make
    for agent in made:
        agent.stop()


@pytest.fixture
def make_cli(tmp_path):
    """make_cli(central): a home for the command line."""
    made = []

    def make(central, email=None):
        made.append(stack.Cli(tmp_path / f"home{len(made)}", central))
        return made[-1].login(email) if email else made[-1]
    return make


@pytest.fixture
def stock_kubectl():
    if not sim.find_kubectl():
        pytest.skip("there is no kubectl in KUBE_BIN, PATH or build/kube")


@pytest.fixture
def strace():
    path = shutil.which("strace")
    if not path:
        pytest.skip("there is no strace")
    return path
