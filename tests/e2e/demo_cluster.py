"""A cluster for tests/demo.sh: some pods, one that talks, and the account of an agent.

    python3 tests/e2e/demo_cluster.py --state-dir DIR

prints the path of the kubeconfig for the agent, then adds a line to the talker's log each second until SIGTERM. It is simulated, or with
KUBE=1 a real one.
"""

import argparse
import itertools
import signal
import sys
import time

import stack


def prepare(cluster):
    cluster.create_namespace("shop")
    for name in ("cart-7c5b4f6b8d-x2j4k", "payment-6d8f9b7c4-q9w2m"):
        cluster.create_pod("shop", name, labels={"app": name.split("-")[0]})
    cluster.create_pod("default", "talker")
    cluster.append_log("default", "talker", "the talker begins")
    return stack.impersonator(cluster)


def main():
    parser = argparse.ArgumentParser(description="Runs a cluster for tests/demo.sh.")
    parser.add_argument("--state-dir", required=True, metavar="DIR")
    args = parser.parse_args()
    for signo in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signo, lambda *_: sys.exit(0))
    with stack.make_cluster(args.state_dir) as cluster:
        print(prepare(cluster), flush=True)
        for number in itertools.count(1):
            time.sleep(1)
            if ended := cluster.watch_processes():
                sys.exit(f"{ended} ended by itself")
            cluster.append_log("default", "talker", f"line {number} of the talker")


if __name__ == "__main__":
    main()
