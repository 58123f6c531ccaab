"""The built-in kubectl, through central and agent, against the real one on the same API server (see compare_kubectl.py)."""

import contextlib
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]
import cluster as kube  # noqa: E402 (their folders are known only now)
import compare_kubectl as compare  # noqa: E402
import metrics_api  # noqa: E402
import stack  # noqa: E402


@pytest.fixture(scope="session")
def sides(tmp_path_factory):
    """sides(row): both kubectls, each in a new namespace; row "top" and those behind it find a metrics API."""
    where = tmp_path_factory.mktemp("compare")
    with contextlib.ExitStack() as until_end, kube.RealCluster(allow_exec=True) as cluster:
        central = stack.Central(where / "central").start()
        agent = stack.Agent(where / "agent", central, "prod", central.add_cluster("prod")["token"],
                            stack.impersonator(cluster)).start()
        cli = stack.Cli(where / "home", central).login()
        cli.ok("clusters", "use", "prod")

        def make(row):
            if row == "top":
                until_end.enter_context(metrics_api.MetricsApi(cluster))
            names = [f"{row}-real-1", f"{row}-ours-1"]
            for name in names:
                cluster.create_namespace(name)

            def get(path):
                return cluster.api("GET", path)
            return (compare.Side([stack.BIN, "kubectl"], names[1], get, cli.env(), 60 * stack.SLOW),
                    compare.Side([cluster.bin / "kubectl"], names[0], get, cluster.kubectl_env()))
        yield make
        agent.stop()
        central.stop()


@pytest.mark.parametrize("row", compare.ROWS)
def test_row(sides, row):
    found = compare.compare(row, *sides(row))
    if row in compare.KNOWN:
        assert found, f"{row} agrees by now: take it out of KNOWN"
    else:
        assert not found, "\n".join(found)
