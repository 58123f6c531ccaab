"""The agent's own roles cap what central allows."""

import json
import subprocess

import pytest
import stack

ROLES = """roles:
  - name: cap
    clusters:
      - name: "capp*"
        namespaces: ["a"]
        verbs: ["get", "list", "watch", "patch"]
        resources: ["pods", "configmaps"]
"""


class CappedAgent(stack.Agent):
    def start(self, wait=True):
        config = self.dir / "agent.yaml"
        config.write_text(ROLES)
        self.process = stack.Process(self.dir, "agent", [
            stack.BIN, "agent", "--config", config, "--kubeconfig", self.kubeconfig],
            stack.base_env(self.dir, **self.settings))
        self.central.wait_connected(self.name)
        return self


@pytest.fixture(scope="module")
def capped(central, user, agent_kubeconfig, tmp_path_factory):
    """Central allows this user everything."""
    token = central.add_cluster("capped")["token"]
    agent = CappedAgent(tmp_path_factory.mktemp("capped"), central, "capped", token, agent_kubeconfig).start()
    yield user
    assert agent.stop() == 0


K8S = "/clusters/capped/k8s"


@pytest.mark.parametrize("path", ["/api/v1/namespaces/a/pods", "/api/v1/namespaces/a/pods/web", "/version",
                                  "/api/v1/namespaces/a/configmaps?watch=1&timeoutSeconds=1"])
def test_what_both_allow_passes(capped, path):
    assert capped.get(K8S + path).status == 200


@pytest.mark.parametrize("method, path, says", [
    ("GET", "/api/v1/namespaces/b/pods", "cannot list"),
    ("GET", "/api/v1/namespaces/a/secrets", "cannot list"),
    ("GET", "/api/v1/pods", "some namespaces only"),
    ("GET", "/api/v1/nodes", "cannot list"),
    ("GET", "/metrics", "cannot get path"),
    ("DELETE", "/api/v1/namespaces/a/pods/web", "cannot delete"),
    ("GET", "/api/v1/namespaces/a/pods/web/log", '"logs"'),
])
def test_what_the_cap_does_not_allow_is_refused(capped, method, path, says):
    answer = capped.ask(method, K8S + path)
    assert answer.status == 403 and answer.json["reason"] == "Forbidden", answer
    assert answer.json["message"].startswith("the agent's own roles") and says in answer.json["message"]


def test_an_apply_patch_that_may_create_is_refused(capped):
    answer = capped.ask("PATCH", K8S + "/api/v1/namespaces/a/configmaps/x?fieldManager=t", json.dumps({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}), {
            "Content-Type": "application/apply-patch+yaml"})
    assert answer.status == 403 and "apply patch" in answer.json["message"], answer


def test_central_still_decides(central, capped):
    central.add_role("cap-b", namespaces=["b"], verbs=["get", "list"])
    api = central.add_user("cap-b")
    assert api.get(K8S + "/api/v1/namespaces/a/pods").json["message"].startswith(f'user "{api.email}"')


@pytest.mark.parametrize("text, says", [
    ("roles: all\n", "roles"),
    ("roles:\n  - name: cap\n    clusters:\n      - name: '*'\n        verbs: [gett]\n", "gett"),
    ("roles:\n  - clusters: []\n", "name"),
    ("roles:\n  - name: cap\n    rules: []\n", "rules"),
])
def test_a_cap_that_is_no_role_document_starts_nothing(tmp_path, text, says):
    config = tmp_path / "agent.yaml"
    config.write_text(text)
    done = subprocess.run([stack.BIN, "agent", "--config", config, "--check-config"], capture_output=True, text=True,
                          env=stack.base_env(tmp_path))
    assert done.returncode != 0 and says in done.stderr and "ok" not in done.stdout
