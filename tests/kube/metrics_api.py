"""metrics.k8s.io/v1beta1 for a RealCluster, as an aggregated API: a small server in metrics-server's place, whose answers
are always the same.

    with MetricsApi(cluster):
        cluster.kubectl("top", "nodes")
"""

import http.server
import json
import ssl
import threading
import time
import urllib.parse

GROUP = "metrics.k8s.io"
VERSION = f"{GROUP}/v1beta1"
TIMEOUT_S = 60


def usage(cpu, memory, **more):
    return {"cpu": cpu, "memory": memory, **more}


# name: its labels, containers and what they use; in every namespace but those that EMPTY names.
PODS = {
    "zero": ({"app": "zero"}, {"main": usage("0", "0")}),
    "small": ({"app": "small", "tier": "front"}, {"main": usage("1234567n", "5Mi"), "aside": usage("1n", "1500Ki")}),
    "large": ({"app": "large", "tier": "front"}, {"main": usage("1500m", "3Gi", swap="64Mi"), "b": usage("2", "1048577")}),
}
NODE = usage("250100u", "1234567Ki")
EMPTY = ("default",)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        words = url.path.strip("/").split("/")
        query = urllib.parse.parse_qs(url.query)
        if words == ["apis", *VERSION.split("/")]:
            self.answer(200, {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": VERSION, "resources": [
                {"name": "nodes", "singularName": "", "namespaced": False, "kind": "NodeMetrics", "verbs": ["get", "list"]},
                {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}]})
        elif words[:3] != ["apis", *VERSION.split("/")]:
            self.answer(404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404})
        else:
            self.answer(*self.metrics(words[3:], query))

    def metrics(self, words, query):
        namespace = "everywhere"
        if words[0] == "namespaces":
            namespace, words = words[1], words[2:]
        items = self.nodes() if words[0] == "nodes" else self.pods(namespace, query.get("labelSelector", [""])[0])
        kind = "NodeMetrics" if words[0] == "nodes" else "PodMetrics"
        if len(words) == 1:
            return 200, {"kind": f"{kind}List", "apiVersion": VERSION, "metadata": {}, "items": items}
        for item in items:
            if item["metadata"]["name"] == words[1]:
                return 200, {"kind": kind, "apiVersion": VERSION, **item}
        return 404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404,
                     "message": f'{words[0]}.{GROUP} "{words[1]}" not found'}

    @staticmethod
    def item(name, namespace=None, **more):
        metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
        return {"metadata": metadata, "timestamp": "2026-01-01T00:00:00Z", "window": "15s", **more}

    def nodes(self):
        return [self.item("node-1", usage=NODE)]

    def pods(self, namespace, selector):
        wanted = dict(part.split("=") for part in selector.split(",") if part)
        return [self.item(name, namespace, containers=[{"name": c, "usage": u} for c, u in containers.items()])
                for name, (labels, containers) in PODS.items()
                if wanted.items() <= labels.items() and namespace not in EMPTY]


class MetricsApi:
    def __init__(self, cluster):
        self.cluster = cluster

    def __enter__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cluster.pki.dir / "server.pem", self.cluster.pki.dir / "server.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.register()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def register(self):
        """The aggregator finds a service of type ExternalName by its name: localhost."""
        port = self.server.server_address[1]
        self.cluster.api("POST", "/api/v1/namespaces/kube-system/services", {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "metrics"},
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}})
        self.cluster.api("POST", "/apis/apiregistration.k8s.io/v1/apiservices", {
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": f"v1beta1.{GROUP}"},
            "spec": {"group": GROUP, "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
                     "insecureSkipTLSVerify": True,
                     "service": {"namespace": "kube-system", "name": "metrics", "port": port}}})
        deadline = time.monotonic() + TIMEOUT_S
        while not self.is_served():
            if time.monotonic() > deadline:
                raise AssertionError(f"{VERSION} is not served after {TIMEOUT_S} s")
            time.sleep(0.1)

    def is_served(self):
        groups = [group["name"] for group in self.cluster.api("GET", "/apis")["groups"]]
        try:
            return GROUP in groups and self.cluster.api("GET", f"/apis/{VERSION}/nodes")["items"]
        except Exception:  # the aggregator's 503, until it has looked
            return False
