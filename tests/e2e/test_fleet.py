"""One kubectl command on many clusters: merged output, each cluster's failure, exit status."""
import json
import os
import signal
import time

import pytest
import stack

FLEET = ("k", "--all-clusters")


@pytest.fixture(scope="module")
def where(tmp_path_factory):
    return tmp_path_factory.mktemp("fleet")


@pytest.fixture(scope="module")
def own(where):
    central = stack.Central(where / "central").start()
    yield central
    assert central.stop() == 0


@pytest.fixture(scope="module")
def agents(where, own, agent_kubeconfig):
    """east, west and south answer, north is away."""
    agents = {}
    for name in ("prod-east", "prod-west", "south"):
        token = own.add_cluster(name)["token"]
        agents[name] = stack.Agent(where / name, own, name, token, agent_kubeconfig).start()
    own.add_cluster("prod-north")
    own.add_cluster("unseen")
    yield agents
    for agent in agents.values():
        agent.stop()


@pytest.fixture(scope="module")
def fleet(where, own, agents):
    """A user who may read pods in prod-* and only logs in south."""
    own.add_role("prod", cluster="prod-*", verbs=["get", "list", "watch", "logs"])
    own.add_role("south", cluster="south", verbs=["logs"])
    cli = stack.Cli(where / "home", own)
    return cli.login(own.add_user("prod", "south").email)


def test_tables_are_merged_and_failures_have_lines(fleet):
    done = fleet.run(*FLEET, "get", "pods", "-n", "a")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["CLUSTER", "NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert [line.split()[:3] for line in lines[1:]] == [["prod-east", "web", "1/1"], ["prod-west", "web", "1/1"]]
    assert len({line.index("web") for line in lines[1:]} | {lines[0].index("NAME")}) == 1
    errors = done.stderr.splitlines()
    assert [line.split(":")[0] for line in errors] == ["prod-north", "south"], errors
    assert "no agent" in errors[0] and "Forbidden" in errors[1]
    assert done.returncode == 1


def test_all_namespaces_several_kinds_and_events(fleet):
    done = fleet.run("k", "--clusters", "prod-?ast,prod-w*", "get", "pods,ns", "-A")
    assert done.returncode == 0 and not done.stderr
    first, second = done.stdout.split("\n\n")
    assert first.split()[:3] == ["CLUSTER", "NAMESPACE", "NAME"] and first.count("pod/web") == 4
    assert second.split()[:2] == ["CLUSTER", "NAME"] and second.count("namespace/a ") == 2
    bare = fleet.ok("k", "--clusters=prod-*st", "get", "ns", "a", "--no-headers").splitlines()
    assert [line.split()[:2] for line in bare] == [["prod-east", "a"], ["prod-west", "a"]]
    columns = fleet.ok("k", "--clusters=prod-*st", "get", "ns", "a", "-o", "custom-columns=N:.metadata.name")
    assert [line.split() for line in columns.splitlines()] == [["CLUSTER", "N"], ["prod-east", "a"], ["prod-west", "a"]]


@pytest.mark.parametrize("option", [["-o", "json"], ["-ojson"], ["-o=json"], ["--output=json"], ["-Aojson"]])
def test_json_is_one_list_whose_items_say_their_cluster(fleet, option):
    done = fleet.run(*FLEET, "get", "pods", "-l", "app=web", *option, *(["-n", "a"] if "-A" not in option[0] else []))
    document = json.loads(done.stdout)
    assert (document["apiVersion"], document["kind"]) == ("v1", "List")
    assert {item["cluster"] for item in document["items"]} == {"prod-east", "prod-west"}
    assert list(document["items"][0])[:3] == ["cluster", "apiVersion", "kind"]
    assert all(item["kind"] == "Pod" and item["metadata"]["name"] == "web" for item in document["items"])
    assert len(document["items"]) == (4 if "-A" in option[0] else 2)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("option", [["-o", "yaml"], ["-oyaml"], ["-Aoyaml"], ["-Ao", "yaml"]])
def test_yaml_says_what_json_says(fleet, option):
    yaml = pytest.importorskip("yaml")
    where = [] if "A" in option[0] else ["-n", "a"]
    one = yaml.safe_load(fleet.ok("k", "--clusters", "prod-*st", "get", "pods", *where, *option))
    other = json.loads(fleet.ok("k", "--clusters", "prod-*st", "get", "pods", *(where or ["-A"]), "-o", "json"))
    assert [(i["cluster"], i["metadata"]["namespace"]) for i in one["items"]] == \
        [(i["cluster"], i["metadata"]["namespace"]) for i in other["items"]]


def test_names_single_objects_and_text(fleet):
    two = ("k", "--clusters", "prod-*st")
    assert fleet.ok(*two, "get", "pod", "web", "-n", "a", "-o", "name").splitlines() == \
        ["prod-east pod/web", "prod-west pod/web"]
    assert fleet.ok(*two, "get", "pod", "web", "-n", "a", "-o", "jsonpath={.status.phase}").splitlines() == \
        ["prod-east Running", "prod-west Running"]
    one = json.loads(fleet.ok(*two, "get", "pod", "web", "-n", "a", "-o", "json"))
    assert [item["cluster"] for item in one["items"]] == ["prod-east", "prod-west"]
    described = fleet.ok(*two, "describe", "pod", "web", "-n", "a").splitlines()
    assert described[0].startswith("[prod-east] Name:") and all(line.startswith("[prod-") for line in described)
    assert "CLUSTER" in fleet.ok(*two, "auth", "whoami").splitlines()[0]


@pytest.mark.parametrize("words", [
    ["delete", "pod", "web", "-n", "a"], ["apply", "-f", "x.yaml"], ["scale", "deploy", "x", "--replicas=1"],
    ["rollout", "restart", "deploy/x"], ["-n", "a", "label", "pod", "web", "a=b"], ["get", "pods", "-w"],
    ["get", "pods", "-Aw"], ["logs", "-f", "web"], ["nosuch"], ["get", "pods", "--nosuch"], ["get", "-f", "-"]])
def test_what_changes_or_follows_is_refused_once(fleet, words):
    done = fleet.run(*FLEET, *words)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done
    assert not done.stdout


@pytest.mark.parametrize("words", [
    ["--clusters", "nosuch-*", "get", "ns"], ["--clusters", "unseen", "get", "ns"]])
def test_no_such_cluster(fleet, words):
    done = fleet.run("k", *words)
    assert done.returncode == 1 and "none of the 4 clusters" in done.stderr


@pytest.mark.parametrize("words", [
    ["--all-clusters"], ["--clusters"], ["--all-clusters", "--cluster", "a", "get", "ns"],
    ["--all-clusters", "--clusters=a", "get", "ns"], ["--cluster-timeout", "3s", "get", "ns"],
    ["--all-clusters", "--cluster-timeout", "soon", "get", "ns"], ["--all-clusters", "--cluster-timeout=0", "get", "ns"]])
def test_misuse(fleet, words):
    assert fleet.run("k", *words).returncode == 2


def test_exit_status_when_none_answers(fleet):
    assert fleet.run("k", "--clusters", "south", "get", "pods", "-n", "a").returncode == 3
    assert fleet.run("k", "--clusters", "prod-north,south", "get", "pods", "-n", "a").returncode == 1
    assert fleet.run(*FLEET, "get", "ns", MK8S_TOKEN="x").returncode == 3
    assert fleet.run(*FLEET, "auth", "can-i", "delete", "pods", "-n", "a").returncode == 1


def test_a_stock_kubectl_on_the_path_does_not_matter(fleet, stock_kubectl):
    fleet.with_kubectl = True
    try:
        assert fleet.ok("k", "--clusters", "prod-*st", "get", "ns", "a").startswith("CLUSTER")
    finally:
        fleet.with_kubectl = False




def test_a_silent_cluster_is_given_up_and_the_others_are_shown(fleet, agents):
    os.kill(agents["prod-west"].process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        done = fleet.run("k", "--clusters", "prod-*st", "--cluster-timeout", f"{2 * stack.SLOW}s", "get", "ns", "a")
        assert time.monotonic() - began < 8 * stack.SLOW
        assert [line.split()[0] for line in done.stdout.splitlines()] == ["CLUSTER", "prod-east"]
        assert done.returncode == 1 and done.stderr.startswith("prod-west: ") and done.stderr.count("\n") == 1
    finally:
        os.kill(agents["prod-west"].process.pid, signal.SIGCONT)


def test_twenty_clusters(make_central, make_agent, make_cli):
    central = make_central()
    names = [f"c{i:02}" for i in range(20)]
    for name in names:
        make_agent(central, name, wait=False)
    for name in names:
        central.wait_connected(name, 60)
    central.add_role("everything")
    cli = make_cli(central, central.add_user("everything").email)
    began = time.monotonic()
    rows = cli.ok(*FLEET, "get", "pods", "-A").splitlines()
    assert [line.split()[0] for line in rows if " web " in line] == [name for name in names for _ in range(2)]
    assert time.monotonic() - began < 15 * stack.SLOW
