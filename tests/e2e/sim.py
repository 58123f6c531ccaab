"""A simulated cluster for tests: kubesim behind the interface of tests/kube/cluster.py's RealCluster.

    with SimCluster() as cluster:
        cluster.api("GET", "/api/v1/nodes")

    python3 tests/e2e/sim.py --state-dir DIR [--name NAME]

starts one, prints the path of its administrator's kubeconfig and stops at SIGTERM or SIGINT.
The program is $KUBESIM, else build/kubesim.
"""

import argparse
import atexit
import json
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "kube"))
import cluster as kube  # noqa: E402 (its folder is known only now)

DEFAULT_LOG_LINE = kube.DEFAULT_LOG_LINE


def find_kubesim():
    path = pathlib.Path(os.environ.get("KUBESIM") or HERE.parents[1] / "build" / "kubesim")
    if not os.access(path, os.X_OK):
        raise kube.ClusterError(f"{path} is not there: run `make kubesim`, or set KUBESIM")
    return path.resolve()


def find_client(name):
    """A program, or folder, that `make kube` has put into $KUBE_BIN or build/kube; None when it is not there."""
    where = [pathlib.Path(w) for w in (os.environ.get("KUBE_BIN"), HERE.parents[1] / "build" / "kube") if w]
    return next((str(folder / name) for folder in where if os.access(folder / name, os.X_OK)), None)


def find_kubectl(old=False):
    """Stock kubectl: $KUBE_BIN, build/kube, PATH; None when there is none. `old` is one that is at least five minor
    versions older (see tests/kube/clients.sh)."""
    return find_client("old/kubectl") if old else find_client("kubectl") or shutil.which("kubectl")


class SimCluster(kube.RealCluster):
    """One simulated cluster; everything it writes is below `state_dir`."""

    def __init__(self, state_dir=None):
        self.program = find_kubesim()
        kubectl = find_kubectl()
        self.bin = pathlib.Path(kubectl).parent if kubectl else None
        self._own_dir = state_dir is None
        self.dir = pathlib.Path(state_dir or tempfile.mkdtemp(prefix="kubesim-")).resolve()
        self._processes = []
        self._socket_dir = None
        self.port = 0

    def start(self):
        self.dir.mkdir(parents=True, exist_ok=True)
        atexit.register(self.stop)
        try:
            self._prepare_sim()
            self._start_sim()
        except BaseException:
            self.stop()
            raise
        return self

    def _prepare_sim(self):
        (self.dir / "log").mkdir()
        self.pki = kube.Pki(self.dir / "pki")
        self.ca_file = self.pki.ca
        self.audit_log = self.dir / "log" / "audit.log"
        self.kubeconfig = self.dir / "admin.kubeconfig"
        self.admin_token = secrets.token_urlsafe(24)
        tokens = self.dir / "pki" / "tokens.csv"
        tokens.touch(0o600)
        tokens.write_text(f'{self.admin_token},token-admin,token-admin,"system:masters"\n')
        self._admin_key, self._admin_cert = self.pki.issue(
            "admin", "/O=system:masters/CN=admin", "clientAuth")

    def _start_sim(self):
        pki = self.pki.dir
        error_log = open(self.dir / "log" / "kubesim.log", "ab")
        main = threading.current_thread() is threading.main_thread()
        process = subprocess.Popen(
            [str(self.program), "--port", str(self.port), "--cert", f"{pki}/server.pem",
             "--key", f"{pki}/server.key", "--client-ca", f"{pki}/ca.pem",
             "--token-file", f"{pki}/tokens.csv", "--audit-log", str(self.audit_log)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=error_log, text=True,
            start_new_session=True, preexec_fn=kube.die_with_parent if main else None)
        error_log.close()
        self._processes.append(("kubesim", process))
        line = process.stdout.readline()
        if not line.startswith("kubesim ready port="):
            raise kube.ClusterError("kubesim did not start" + self._tail("kubesim"))
        self.port = int(line.split("=")[1])
        self.url = f"https://127.0.0.1:{self.port}"
        self._write_admin_kubeconfig()

    # -- what only a simulation can ---------------------------------------------------------------

    def control(self, method, path, body=""):
        status, text = self._exchange(method, f"/sim/{path}", body)
        if status != 200:
            raise kube.ClusterError(f"{method} /sim/{path} was answered {status}: {text}")

    def set_faults(self, *faults):
        """See tests/kubesim/control.c; none sets none."""
        self.control("PUT", "faults", json.dumps(faults))

    def fill(self, namespace, count, size=0, resource="pods", prefix="pod"):
        self.control("POST", f"fill?resource={resource}&namespace={namespace}&count={count}"
                             f"&size={size}&prefix={prefix}")

    def compact(self):
        self.control("POST", "compact")

    # -- what RealCluster does by its kubelet -----------------------------------------------------

    def append_log(self, namespace, pod, *lines):
        self.control("POST", f"logs/{namespace}/{pod}", "\n".join(lines))

    def add_node(self, name):
        self.api("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node",
                                           "metadata": {"name": name}})


def main():
    parser = argparse.ArgumentParser(description="Runs a simulated Kubernetes API server.")
    parser.add_argument("--state-dir", required=True, metavar="DIR",
                        help="new or empty directory for everything it writes; it stays")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    try:
        with SimCluster(args.state_dir) as cluster:
            print(cluster.kubeconfig, flush=True)
            while not (ended := cluster.watch_processes()):
                time.sleep(0.2)
            raise kube.ClusterError(f"{ended} ended by itself" + cluster._tail(ended))
    except kube.ClusterError as error:
        print(f"sim.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
