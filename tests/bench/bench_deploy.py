"""deploy beside the plain ssh and op commands that it wraps: one host on loopback, programs in place of docker and op that do nothing."""
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import deploy_host  # noqa: E402 (its folder is known only now)
import stack  # noqa: E402

DOCKER = """#!/bin/sh
case "$*" in
"compose version --short") echo 2.40.3 ;;
"compose up --help") echo --wait-timeout ;;
version*) echo 28.5.1 ;;
ps*) echo 0123456789ab ;;
"image inspect"*) echo ghcr.io/ktrdr/backend@sha256:00 ;;
inspect*) echo backend sha256:00 ;;
esac
"""
OP = """#!/bin/sh
[ "$1" != item ] || exec cat '%s/item.json'
[ "$1" != vault ] || echo '[]'
"""


def took_ms(command):
    start = time.perf_counter()
    done = command()
    ms = (time.perf_counter() - start) * 1e3
    assert done.returncode == 0, done.stderr
    return ms


def bench_deploy(b, result):
    print("deploy: one service on one host, beside the same script by plain ssh", file=sys.stderr, flush=True)
    folder = pathlib.Path(b.dir) / "deploy"
    folder.mkdir()
    lab = deploy_host.Lab(folder, stack.BIN)
    try:
        lab.script("remote/docker", DOCKER)
        lab.script("local/op", OP % lab.state)
        result["deploy"] = measure(lab)
    finally:
        lab.stop()


def measure(lab):
    words = ["core", "backend", "--tag", "x"]
    pasted = lab.run(*words, "--dry-run").stdout
    names = {name: lab.fields[field] for name, field in re.findall(r"^#   (\S+): field (\S+)", pasted, re.M)}
    get = "op item get ktrdr-homelab-core --vault 'KTRDR Homelab Secrets' --format json >/dev/null\n"
    two = f"ssh core.lab 'cd {lab.work['core']} && docker compose pull backend && docker compose up -d --wait backend'\n"

    def shell(text):
        return took_ms(lambda: subprocess.run(["sh"], input=text.encode(), env=lab.env(**names), capture_output=True, timeout=60))

    rows = {"deploy_ms": [], "with_checks_ms": [], "same_script_by_ssh_ms": [], "two_commands_by_ssh_ms": []}
    for _ in range(15):
        rows["two_commands_by_ssh_ms"].append(shell(get + two))
        rows["same_script_by_ssh_ms"].append(shell(get + pasted))
        rows["with_checks_ms"].append(took_ms(lambda: lab.run(*words)))
        rows["deploy_ms"].append(took_ms(lambda: lab.run(*words, "--skip-validation")))
    found = {name: round(statistics.median(values), 1) for name, values in rows.items()}
    found["own_ms"] = round(found["deploy_ms"] - found["same_script_by_ssh_ms"], 1)
    return found
