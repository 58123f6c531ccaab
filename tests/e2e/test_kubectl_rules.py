"""auth can-i --list of the built-in kubectl, beside stock kubectl's, for users of several rights."""

import re

import pytest

import stack


def lines_of(text):
    """The lines, without regard to their order and that of their verbs: the API server's answers vary in it."""
    found = []
    for line in text.splitlines():
        rest, _, verbs = line.rstrip("]").rpartition("[")
        found.append((re.sub(r" +", " ", rest), sorted(verbs.split())))
    return sorted(found)


@pytest.fixture(scope="module")
def rights(central, agent, roles):
    central.add_role("by-name", verbs=["get", "delete"], resources=["pods", "pods/log", "configmaps"], namespaces=["a"])
    central.add_role("apps-too", verbs=["list", "get"], resources=["deployments.apps", "pods"], namespaces=["a", "b"])


@pytest.mark.parametrize("held", [["everything"], ["reader"], ["by-name"], ["by-name", "apps-too", "only-a"], ["elsewhere"]])
def test_as_stock_kubectl(make_cli, central, rights, stock_kubectl, held):
    cli = make_cli(central, central.add_user(*held).email)
    if held == ["elsewhere"]:
        assert cli.run("kubectl", "--cluster", "prod", "auth", "can-i", "--list").returncode != 0
        return
    cli.ok("clusters", "use", "prod")
    cli.write_kubeconfig("prod")
    for namespace in ("a", "b"):
        built_in = cli.run("kubectl", "auth", "can-i", "--list", "-n", namespace)
        assert built_in.returncode == 0 and built_in.stdout.startswith("Resources ") and " [" in built_in.stdout
        if stack.REAL:  # kubesim reads no protobuf here, which is what stock kubectl sends
            stock = cli.kubectl("auth", "can-i", "--list", "-n", namespace)
            assert lines_of(built_in.stdout) == lines_of(stock.stdout)
