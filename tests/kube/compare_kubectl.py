"""The built-in kubectl beside the real one: the same commands, each in a namespace of its own on a real API server.

Standard output and exit status must agree once what differs between any two runs (ages, dates, uids, hashes, addresses,
column widths that follow from them) is masked. What is known to differ is in KNOWN, with the reason; a row that is listed
there and agrees is a failure, too.

    python3 tests/kube/compare_kubectl.py --kubeconfig FILE -- COMMAND...   shows what differs, COMMAND is the built-in one
"""

import argparse
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
REAL = pathlib.Path(os.environ.get("KUBE_BIN") or HERE.parents[1] / "build" / "kube") / "kubectl"

# Rows and reasons of differences that stay; man/mk8s-kubectl.1 tells users.
KNOWN = {
    "client-json": "objects that no server has seen are printed with their members by name, in JSON too",
    "diff-new-secret": "a secret that is new is compared with nothing; kubectl takes it for one that was \"null\"",
    "describe-node": "describe node lists the pods without the sums of their requests and limits",
    "describe-others": "kinds without a form of their own are described from all of their fields",
    "yaml-words": "y, n, yes, no, on and off are texts in YAML, not booleans",
    "version": "the client's version is mk8s's own",
}

MASKS = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "DATE"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
    (r"/tmp/(LIVE|MERGED)-\d+/", r"\1/"),
    (r"^((?:---|\+\+\+) [^\t\n]+)\t.*$", r"\1"),
    (r"\b10\.\d+\.\d+\.\d+", "IP"),
    (r"(?<=-)(?=[a-z0-9]*\d)[a-z0-9]{8,10}(-[a-z0-9]{5})?\b", "HASH"),
    (r"(?<=-HASH-)[a-z0-9]{5}\b", "HASH"),
    (r"(resourceVersion\"?: \"?)\d+", r"\1N"),
    (r"\b(\d+[smhd]){1,2}\b( \(x\d+ over (\d+[smhd]){1,2}\))?", "AGE"),
    (r" {2,}", "  "),
    (r"-{3,}", "---"),
    (r"[ \t]+$", ""),
]

POD = """apiVersion: v1
kind: Pod
metadata: {name: %s, labels: {app: %s, tier: front}}
spec:
  containers:
  - {name: main, image: "busybox:1", env: [{name: A, value: b}], resources: {requests: {cpu: 100m, memory: 64Mi}}}
  - {name: side, image: "proxy:2"}
"""
WEB = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "nginx:1", ports: [{containerPort: 80, name: http}]}]}
"""
SECRET = """apiVersion: v1
kind: Secret
metadata: {name: hush}
data: {a: b25l, b: b25l, c: dGhyZWU=}
"""
PODS = POD % ("one", "one") + "---\n" + POD % ("two", "two")
MADE = [("create -f -", PODS), "wait pod/one pod/two --for=condition=Ready"]
ROLLED = [("create -f -", WEB), "!rollout status deployment/web"]

# name: steps; a step is a command line, or (command line, standard input). "!" in front: only the exit status
# counts; "~": the lines come in any order (kubectl walks a map, or asks for all logs at once); "=": nothing is masked but
# blanks at line ends.
ROWS = {
    "create": [("create -f -", PODS), ("!create -f -", PODS), ("create -f - -o name", POD % ("three", "x")),
               ("create -f - --dry-run=server", POD % ("four", "x")), ("create -f - --dry-run=client", POD % ("five", "x")),
               "get pods -o name"],
    "create-generated": [("create -f - -o jsonpath={.metadata.generateName}",
                          "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: gen-}\n")],
    "create-forms": ["create configmap c --from-literal=a=b --from-literal=c=d", "get cm c -o jsonpath={.data}",
                     "create secret generic s --from-literal=a=b", "get secret s -o yaml",
                     "create serviceaccount robot", "create sa robot2 -o name",
                     "create deployment d --image=a/nginx:1 --replicas=2 --port=80 --dry-run=client -o yaml",
                     "create deployment d --image=nginx --dry-run=client -o yaml -- sleep 5",
                     "create job j --image=busybox --dry-run=client -o yaml -- date",
                     "create namespace x --dry-run=client -o yaml", "create ns x --dry-run=server",
                     "!create deployment d", "!create configmap"],
    "jsonpath": [*MADE, "get pods -o jsonpath={.items[*].metadata.name}",
                 "get pods -o jsonpath={.items[0].spec.containers[1].image}",
                 "get pod one -o jsonpath={.spec.containers[-1].name}",
                 """get pods -o 'jsonpath={range .items[*]}{.metadata.name}{"\\t"}{.status.phase}{"\\n"}{end}'""",
                 "get pods -o 'jsonpath={.items[?(@.metadata.name==\"two\")].metadata.labels}'",
                 "get pods -o \"jsonpath={.items[*].metadata['name','namespace']}\"",
                 "get pod one -o 'jsonpath={.metadata.labels.nope}'", "get pod one -o jsonpath={..image}",
                 "get pod one -o jsonpath={.spec.containers[*].name}{.nope}-{.metadata.labels.tier}",
                 "get pod one -o 'jsonpath={.spec.containers[0:2].name}'", "get pod one -o jsonpath={.spec.containers[0].env}",
                 "get pod one -o jsonpath=.metadata.name", "!get pod one -o jsonpath={.spec.containers[7].name}",
                 "!get pod one -o jsonpath={.a", "get pod one -o 'jsonpath={.metadata.labels.app}{\"\\n\"}'"],
    "columns": [*MADE, "get pods -o custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[*].image,NO:.nope",
                "get pod one -o custom-columns=L:metadata.labels", "get pods --no-headers -o custom-columns=N:{.metadata.name}",
                "!get pods -o custom-columns=N"],
    "sort": [*MADE, "get pods --sort-by=.metadata.name", "get pods --sort-by={.metadata.labels.app} -o name",
             "get pods --sort-by=.status.startTime -o name"],
    "label": [*MADE, "label pod one x=y", "label pod one x=y", "!label pod one x=z", "label pod one x=z --overwrite",
              "label pods --all both=1", "label pods -l app=two z-", "label pod one x-", "label pod/one tier=a --overwrite -o name",
              "~label pod one --list", "!label pod one", "!label pod none a=b", "label pod one q=1 --dry-run=server",
              "get pod one -o jsonpath={.metadata.labels}"],
    "annotate": [*MADE, "annotate pod one x=y", "!annotate pod one x=z", "annotate pod one x=z --overwrite", "annotate pod one x-",
                 "annotate pods --all a=b", "~annotate pod one --list"],
    "scale": [*ROLLED, "scale deployment web --replicas=3", "!rollout status deploy/web",
              "scale deploy/web --replicas=1 --current-replicas=3",
              "!scale deploy/web --replicas=1 --current-replicas=9", "!scale deploy/web", "!scale deploy/none --replicas=1",
              "scale deploy --all --replicas=2", "get deploy web -o jsonpath={.spec.replicas}"],
    "patch": [*ROLLED, """patch deploy web -p '{"spec":{"replicas":1}}'""",
              "!rollout status deploy/web", """patch deploy web -p '{"spec":{"replicas":1}}'""",
              """patch deploy/web --type=json -p '[{"op":"replace","path":"/spec/replicas","value":2}]'""",
              """patch deploy web --type=merge -p '{"metadata":{"labels":{"m":"1"}}}' -o name""",
              "patch deploy web -p 'metadata: {labels: {z: \"2\"}}'", "!patch deploy web --type=odd -p {}",
              "!patch deploy web", "get deploy web -o jsonpath={.metadata.labels}"],
    "wait": [*MADE, "wait --for=condition=Ready pod/one", "wait --for=condition=Ready pods --all",
             "wait --for=jsonpath={.status.phase}=Running pod/one", "wait --for=jsonpath={.status.phase} pod/one",
             "!wait --for=condition=Odd pod/one --timeout=1s", "!wait --for=delete pod/one --timeout=1s",
             "!wait --for=condition=Ready pods -l app=none", "!wait pod/one", "delete pod two",
             "wait --for=create pod/one", "!wait --for=create pod/none --timeout=1s"],
    "describe": [*MADE, "describe pod one", "describe pod/two", "describe pods -l tier=front", "!describe pod none",
                 ("create -f -", WEB), "!rollout status deploy/web", "wait deploy/web --for=condition=Available",
                 "describe deployment web", "create configmap c --from-literal=a=b", "describe cm c",
                 "create secret generic s --from-literal=a=b", "describe secret s"],
    "rollout": [*ROLLED, "rollout status deploy/web --watch=false", "rollout history deploy/web",
                "rollout history deploy/web --revision=1", "!rollout history deploy/web --revision=7",
                """patch deploy web -p '{"spec":{"template":{"metadata":{"labels":{"v":"2"}}}}}'""",
                "!rollout status deploy/web", "rollout history deploy/web", "rollout undo deploy/web",
                "!rollout status deploy/web", "rollout history deploy/web", "rollout undo deploy/web --to-revision=3",
                "!rollout undo deploy/web --to-revision=9", "rollout pause deploy/web", "!rollout pause deploy/web",
                "!rollout restart deploy/web", "rollout resume deploy/web", "!rollout resume deploy/web",
                "rollout restart deploy/web", "!rollout status deploy/web", "!rollout odd deploy/web",
                "get deploy web -o jsonpath={.spec.template.metadata.labels}"],
    "replace": [("create -f -", PODS), ("replace -f -", PODS), ("!replace -f -", POD % ("none", "x")), "!replace",
                ("create -f -", WEB), ("replace -f -", WEB.replace("nginx:1", "nginx:9")),
                "get deploy web -o jsonpath={.spec.template.spec.containers[0].image}"],
    "set-image": [*ROLLED, "set image deployment/web main=nginx:2", "set image deployment/web main=nginx:2",
                  "set image deploy web *=nginx:3", "!set image deploy/web nope=x", "!set image deploy/web", "!set image",
                  "get deploy web -o jsonpath={.spec.template.spec.containers[*].image}"],
    "nodes": ["cordon node-1", "cordon node-1", "get node node-1 -o jsonpath={.spec.unschedulable}", "uncordon node-1",
              "uncordon node/node-1", "!cordon none", "!cordon", "taint node node-1 a=b:NoSchedule c:NoExecute",
              "!taint node node-1 a=b:NoSchedule", "taint nodes node-1 a=x:NoSchedule --overwrite", "taint node node-1 a:NoSchedule-",
              "taint node node-1 c-", "!taint node node-1 c-", "!taint node node-1", "!taint node node-1 a=b:Odd",
              "get node node-1 -o jsonpath={.spec.taints}", "!drain node-1 --dry-run=client"],
    "auth": ["auth can-i get pods", "auth can-i list nodes", "auth can-i create deployments.apps -A", "auth can-i get /version",
             "auth can-i get pods/x", "auth can-i get pods --subresource=log -q", "!auth can-i",
             "=auth can-i --list", "=auth can-i --list --no-headers", "auth can-i --list get pods", "auth can-i --list -A",
             "auth can-i get pods --no-headers"],
    "api": ["api-resources", "api-resources --namespaced=false -o name", "api-resources --api-group=apps -o wide",
            "api-resources --verbs=list,create --no-headers", "api-versions", "!api-versions x"],
    "events": [*ROLLED, "events --for deployment/web", "events --for deploy/web --types=Warning", "!events --for web",
               "events --for deployment/web --no-headers"],
    "run": ["run a --image=busybox", "run b --image=x --labels=k=v,l=w --env=A=b --port=80 --restart=Never -o name",
            "run c --image=x --dry-run=client -o yaml -- one two", "run c --image=x --command --dry-run=client -o yaml -- one two",
            "!run", "!run a --image=busybox", "!run d", "get pod b -o jsonpath={.spec.containers[0].env}{.metadata.labels}"],
    "expose": [*ROLLED, "expose deploy web --port=80 --target-port=http", "get svc web -o jsonpath={.spec.ports}{.spec.selector}",
               "expose deploy web --name=other --type=NodePort -o name", "expose deploy web --name=third --dry-run=client -o yaml",
               "!expose deploy web", "!expose deploy none --port=1", "!expose cm kube-root-ca.crt --port=1",
               "get svc other -o jsonpath={.spec.type}", "!wait --for=jsonpath={.subsets} endpoints/web --timeout=10s",
               "!describe svc third"],
    "logs": [*MADE, "logs one", "logs one -c side", "logs one --all-containers", "~logs one --all-containers --prefix",
             "logs -l app=one", "~logs -l app=one --all-containers --prefix", "logs -l app=none", "logs pod/one --tail=1",
             "!logs one -c nope", "!logs none", "!logs", "!logs one --all-containers -c main", "!logs one -l a=b", ("create -f -", WEB), "!rollout status deploy/web",
             "logs deploy/web", "logs deployment/web -c main --tail=1", "~logs deploy/web --all-pods", "!logs rs -l app=web",
             "expose deploy web --port=80", "logs svc/web --all-containers", "!logs deploy/none", "!logs cm/kube-root-ca.crt",
             "!logs deploy/web -c none", "!logs svc/none --pod-running-timeout=0"],
    "exec": [*MADE, "exec one -c main -- sh -c 'echo out; echo err >&2'", "!exec one -c main -- false", "exec one -- echo default",
             ("exec -i pod/one -c side -- head -c 3", "abcdef"), "exec one -c main -- printf '%s|' '' 'a b'", "!exec none -- ls",
             "!exec one -c none -- ls", "!exec one", "!exec one ls", "!exec -- ls", "exec -it one -c main -- echo x",
             ("create -f -", WEB), "!rollout status deploy/web", "exec deploy/web -- echo from-deploy",
             "expose deploy web --port=80", "exec svc/web -- echo from-service", "!exec cm/kube-root-ca.crt -- ls"],
    "cp": [*MADE, "!cp -c main one:/etc/hostname /dev/null", "!cp -c main one:/etc/hostname /dev/null/x", "!cp one:/a two:/b",
           "!cp a b", "!cp one: x", "!cp :a x", "!cp a", "!cp /nowhere one:/tmp/x", "!cp none:/etc/hostname x"],
    "port-forward": [*MADE, "!port-forward one", "!port-forward none :80", "!port-forward one :http", "!port-forward one 80:",
                     "!port-forward one x:80", "!port-forward one :80 --address=example.com", "!port-forward cm/kube-root-ca.crt :1",
                     "!port-forward one :80 --address=203.0.113.1", ("create -f -", WEB), "!rollout status deploy/web",
                     "expose deploy web --port=80 --target-port=http", "!port-forward svc/web :81"],
    "explain": ["explain pods", "explain pod.spec", "explain po.spec.containers --recursive", "explain deploy --recursive",
                "explain deployments.apps.spec", "explain crd --recursive", "explain svc.spec.type", "explain pods.spec.nodeSelector",
                "explain pods.spec.containers.imagePullPolicy", "explain hpa.spec", "explain hpa --api-version=autoscaling/v1",
                "explain crd.spec.versions.schema.openAPIV3Schema", "explain events.events.k8s.io", "explain pods.",
                "explain leases.coordination.k8s.io.spec.holderIdentity", "explain pods.spec.nope", "explain po.nope.x",
                "explain nope", "explain hpa --api-version=autoscaling/v9", "explain", "explain pods nodes",
                "explain 'pods[0]'", "explain pods -o x"],
    "top-none": ["top pods", "top nodes"],
    "top": ["=top pods", "=top pod small", "=top pods -l tier=front", "=top pods --containers", "=top pods -A --containers --sum",
            "=top pods --sum", "=top pods --no-headers --sum", "top pods -A --no-headers --sum", "=top pods --sort-by=cpu",
            "=top pods --sort-by=memory --containers", "=top pods --show-swap", "top pods --show-swap --sum",
            "=top nodes", "=top node node-1", "=top no --show-capacity", "=top nodes --show-swap", "=top nodes --no-headers",
            "=top nodes --sort-by=cpu", "=top pods --use-protocol-buffers=false", "=top pods -n default", "top pod none",
            "top no none", "top pods --sort-by=x", "!top pods a b", "top pod a -l a=b", "top nodes -l a=b", "!top", "!top x",
            "top nodes --sum"],
    "diff": [("diff --server-side -f -", PODS), ("apply --server-side -f -", WEB + "---\n" + SECRET), "!rollout status deploy/web",
             ("diff --server-side -f -", WEB + "---\n" + SECRET),
             ("diff --server-side -f -", WEB.replace("nginx:1", "nginx:2").replace("replicas: 2", "replicas: 5")
              + "---\n" + SECRET.replace("b25l", "dHdv").replace("c: ", "d: ")),
             ("diff --server-side -f - --show-secrets", SECRET.replace("b25l", "dHdv")),
             ("diff --server-side -f - --show-managed-fields", SECRET.replace("c: ", "d: ")),
             ("diff --server-side -f - --field-manager=other", WEB.replace("nginx:1", "nginx:2")),
             ("diff --server-side -f - --field-manager=other --force-conflicts", WEB.replace("nginx:1", "nginx:2")),
             ("diff -f -", WEB.replace("nginx:1", "nginx:2")), ("diff -f -", "kind: X"), "diff", "diff x", "diff --nope",
             "diff -f /nonexistent"],
    "diff-new-secret": [("diff --server-side -f -", SECRET)],
    "client-json": ["run c --image=x --dry-run=client -o json"],
    "describe-node": ["describe node node-1"],
    "describe-others": ["describe serviceaccount default"],
    "yaml-words": [("create -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata: {a: yes}\n")],
    "version": ["version"],
}


SETTLE_TIMEOUT_S = 60
SETTLE_EVERY_S = 0.1


def is_settled(deployment):
    """The controller has nothing left to write: it has seen the last change, and all replicas are as asked for."""
    spec, status = deployment["spec"], deployment.get("status", {})
    reasons = [condition.get("reason") for condition in status.get("conditions", [])]
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas", "readyReplicas")]
    return (status.get("observedGeneration") == deployment["metadata"]["generation"]
            and (spec.get("paused") or (set(counts) == {spec["replicas"]} and "NewReplicaSetAvailable" in reasons))
            and not status.get("terminatingReplicas"))


def mask(text, namespace):
    text = text.replace(namespace, "NS")
    for pattern, to in MASKS:
        text = re.sub(pattern, to, text, flags=re.M)
    return text


class Side:
    """One of the two kubectls: its command, its environment, the namespace it works in; get(path) asks the API server."""

    def __init__(self, command, namespace, get, env=None, timeout_s=60):
        self.command, self.namespace, self.env, self.timeout_s = list(map(str, command)), namespace, env, timeout_s
        self.get = get

    def settle(self):
        """Returns when two looks at the namespace are the same, and its deployments are settled. kubectl says "(no change)"
        when the object before and after a patch is the same: a controller's status in between would make it differ."""
        deadline, before = time.monotonic() + SETTLE_TIMEOUT_S, None
        while time.monotonic() < deadline:
            deployments = self.get(f"/apis/apps/v1/namespaces/{self.namespace}/deployments")["items"]
            others = [self.get(f"/api/v1/namespaces/{self.namespace}/{kind}")["items"] for kind in ("pods", "events")]
            now = [(item["metadata"]["name"], item["metadata"]["resourceVersion"])
                   for items in (deployments, *others) for item in items]
            if now == before and all(map(is_settled, deployments)):
                return
            before = now
            time.sleep(SETTLE_EVERY_S)
        raise AssertionError(f"{self.namespace} is not settled after {SETTLE_TIMEOUT_S} s: {deployments}")

    def run(self, step):
        line, stdin = step if isinstance(step, tuple) else (step, "")
        words = [word.replace("@NS@", self.namespace) for word in shlex.split(line.lstrip("!~="))]
        if "-n" not in words and "-A" not in words:
            words = ["-n", self.namespace, *words]
        done = subprocess.run([*self.command, *words], input=stdin, capture_output=True, text=True, env=self.env,
                              timeout=self.timeout_s)
        text = "" if line.startswith("!") else mask(done.stdout, self.namespace)
        if line.startswith("="):
            text = re.sub(r"[ \t]+$", "", done.stdout, flags=re.M)
        if line.startswith("~"):
            text = "\n".join(sorted(text.splitlines()))
        status = done.returncode if line.startswith("diff") else done.returncode != 0
        return status, text, done


def run_row(row, side):
    """What each step of the row gives."""
    given, settles = [], False
    for step in ROWS[row]:
        if settles:
            side.settle()
        given.append(side.run(step))
        settles = settles or isinstance(step, tuple) and "kind: Deployment" in step[1]
    return given


def compare(row, ours, theirs):
    """What differs, step by step; empty when nothing does."""
    differences = []
    wanted = run_row(row, theirs)  # one after the other: nodes belong to both
    for step, want, have in zip(ROWS[row], wanted, run_row(row, ours)):
        line = step[0] if isinstance(step, tuple) else step
        if want[:2] != have[:2]:
            differences.append(f"{row}: {line}\n--- kubectl: {want[2].returncode} {want[2].stderr}\n{want[1]}\n"
                               f"--- built-in: {have[2].returncode} {have[2].stderr}\n{have[1]}")
    return differences


def main():
    parser = argparse.ArgumentParser(description="Compares the built-in kubectl with the real one.")
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--row", action="append", help="only these rows")
    parser.add_argument("command", nargs="+", help="the built-in kubectl's command")
    args = parser.parse_args()
    env = {**os.environ, "KUBECONFIG": args.kubeconfig}
    failed = 0

    def get(path):
        return json.loads(subprocess.run([REAL, "get", "--raw", path], env=env, check=True, capture_output=True).stdout)
    for row in args.row or ROWS:
        names = [f"{row}-{side}-{os.getpid()}" for side in ("real", "ours")]
        for name in names:
            subprocess.run([REAL, "create", "namespace", name], env=env, check=True, capture_output=True)
        found = compare(row, Side(args.command, names[1], get, env), Side([REAL], names[0], get, env))
        failed += bool(found) != (row in KNOWN)
        print("\n".join(found) or f"{row}: same")
        subprocess.run([REAL, "delete", "namespace", "--wait=false", *names], env=env, check=True, capture_output=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
