"""Measures central, agent and CLI against the direct call in the same run; writes build/bench.json and a table.

Usage: MK8S_BIN=build/mk8s KUBESIM=build/kubesim python3 tests/bench/bench.py [--quick]
Needs h2load (nghttp2-client), curl, openssl and openssh-server; nginx and kubectl are measured where they are installed.
"""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import sim  # noqa: E402 (its folder is known only now)
import stack  # noqa: E402
import streams  # noqa: E402
from bench_deploy import bench_deploy  # noqa: E402

QUICK = "--quick" in sys.argv
ROUNDS = 2 if QUICK else 5
POD = "/api/v1/namespaces/default/pods/bench"
HZ = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """User and system seconds of a process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / HZ


def resident_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def run(*argv, **options):
    return subprocess.run([*map(str, argv)], check=True, capture_output=True, text=True, timeout=300, **options).stdout


class Bench:
    """One simulated cluster behind central, everything on loopback with TLS."""

    def __init__(self, where):
        self.dir = pathlib.Path(where)
        self.sim = sim.SimCluster(self.dir / "sim").start()
        self.sim.create_pod("default", "bench")
        self.central = stack.Central(self.dir / "central").start()
        self.join_token = self.central.add_cluster("bench")["token"]
        self.kubeconfig = stack.impersonator(self.sim)
        self.agent = self.new_agent(0).start()
        self.token = self.central.admin.token
        self.url = self.central.url + "/clusters/bench/k8s"
        self.nginx = None

    def new_agent(self, number):
        return stack.Agent(self.dir / f"agent{number}", self.central, "bench", self.join_token, self.kubeconfig)

    def stop(self):
        for process in stack.Process.started:
            process.kill()
        if self.nginx:
            self.nginx.kill()
        self.sim.stop()


def say(text):
    print(text, file=sys.stderr, flush=True)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def latencies_us(url, token, count, log):
    """Microseconds of `count` GETs, one after another on one connection."""
    if os.path.exists(log):
        os.unlink(log)
    run("h2load", "-n", str(count), "-c", "1", "-m", "1", "--log-file", log, "-H", "Authorization: Bearer " + token, url)
    rows = [line.split() for line in open(log)]
    bad = [row for row in rows if row[1] != "200"]
    if bad or len(rows) != count:
        raise RuntimeError(f"{url}: {len(bad)} of {len(rows)} answers are not 200")
    return [int(row[2]) for row in rows]


def start_nginx(b):
    """nginx as a TLS proxy in front of the same API server, for comparison; its URL, or None."""
    path = "/usr/sbin:" + os.environ["PATH"]
    if not shutil.which("nginx", path=path):
        return None
    root = b.dir / "nginx"
    root.mkdir()
    port = 20000 + os.getpid() % 20000
    (root / "nginx.conf").write_text(f"""daemon off; worker_processes 1; error_log stderr; pid {root}/pid; user root;
events {{ worker_connections 512; }}
http {{ access_log {root}/access; client_body_temp_path {root}/b; proxy_temp_path {root}/p; fastcgi_temp_path {root}/f;
 uwsgi_temp_path {root}/u; scgi_temp_path {root}/s; keepalive_requests 1000000;
 upstream sim {{ server {b.sim.url[8:]}; keepalive 64; }}
 server {{ listen 127.0.0.1:{port} ssl http2; ssl_certificate {b.sim.pki.dir}/server.pem;
  ssl_certificate_key {b.sim.pki.dir}/server.key;
  location / {{ proxy_pass https://sim; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }} }} }}
""")
    b.nginx = subprocess.Popen(["nginx", "-c", root / "nginx.conf", "-p", root], stderr=subprocess.DEVNULL,
                               env={**os.environ, "PATH": path})
    time.sleep(0.5)
    return f"https://127.0.0.1:{port}"


def bench_proxy_get(b, result):
    say("proxy_get: one small object, one connection, one request at a time")
    count = 500 if QUICK else 2000
    nginx = start_nginx(b)
    urls = {"direct": (b.sim.url + POD, b.sim.admin_token), "central": (b.url + POD, b.token)}
    if nginx:
        urls["nginx"] = (nginx + POD, b.sim.admin_token)
    seen = {name: [] for name in urls}
    for _ in range(ROUNDS):
        for name, (url, token) in urls.items():
            seen[name] += latencies_us(url, token, count, b.dir / "latency.log")
    figures = result["proxy_get"] = {}
    for name, values in seen.items():
        figures[name + "_p50_us"] = percentile(values, 0.50)
        figures[name + "_p99_us"] = percentile(values, 0.99)


def bench_rate(b, result):
    say("rps_per_core: requests for each CPU second of central")
    rates = []
    for _ in range(ROUNDS):
        count = 10000 if QUICK else 30000
        before = cpu_seconds(b.central.process.pid)
        out = run("h2load", "-n", str(count), "-c", "8", "-m", "4", "-H", "Authorization: Bearer " + b.token,
                  b.url + POD)
        if f"{count} succeeded" not in out:
            raise RuntimeError(out)
        time.sleep(0.3)  # the audit rows of the last requests are central's work too
        rates.append(count / (cpu_seconds(b.central.process.pid) - before))
    result["proxy_get"]["rps_per_core"] = round(statistics.median(rates))


def download_mb_s(url, token, ca):
    out = run("curl", "-sS", "--cacert", ca, "-H", "Authorization: Bearer " + token, "-o", "/dev/null", "-w",
              "%{http_code} %{size_download} %{time_total}", url)
    code, size, seconds = out.split()
    if code != "200" or int(size) < 9_000_000:
        raise RuntimeError(f"{url}: {out}")
    return int(size) / 1e6 / float(seconds)


def bench_list(b, result):
    say("list_10mb: a list of ten megabytes")
    b.sim.fill("big", 1000, size=10000)
    path = "/api/v1/namespaces/big/pods"
    direct, central = [], []
    for _ in range(3 * ROUNDS):
        direct.append(download_mb_s(b.sim.url + path, b.sim.admin_token, str(b.sim.ca_file)))
        central.append(download_mb_s(b.url + path, b.token, b.central.ca_file))
    result["list_10mb"] = {"direct_mb_s": round(statistics.median(direct), 1),
                           "central_mb_s": round(statistics.median(central), 1)}


def command_us(argv, env):
    start = time.perf_counter()
    subprocess.run(argv, check=True, env=env, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - start) * 1e6


def bench_cli(b, result):
    say("cli_start: a whole `mk8s k get pod`, beside kubectl's")
    cli = stack.Cli(b.dir / "home", b.central).login()
    cli.ok("clusters", "use", "bench")
    cli.write_kubeconfig("bench")
    ours, theirs, own = [], [], []
    for _ in range(5 * ROUNDS):
        before = os.times()
        ours.append(command_us([stack.BIN, "k", "get", "pod", "bench"], cli.env()))
        after = os.times()
        own.append((after.children_user + after.children_system - before.children_user - before.children_system) * 1e6)
        if sim.find_kubectl():
            theirs.append(command_us([sim.find_kubectl(), "get", "pod", "bench"], cli.kubectl_env()))
    result["cli_start_us"] = round(statistics.median(ours))
    result["cli_cpu_us"] = round(statistics.mean(own))
    result["kubectl_start_us"] = round(statistics.median(theirs)) if theirs else None


def bench_idle(b, result):
    count = 100 if QUICK else 1000
    say(f"idle_agents: {count} more agents")
    result["agent_rss_bytes"] = resident_bytes(b.agent.process.pid)
    before = resident_bytes(b.central.process.pid)
    agents = []
    for number in range(1, count + 1):
        agents.append(b.new_agent(number))
        agents[-1].start(wait=False)
        if number % 20 == 0:
            agents[number - 20].process.wait_said("connected to central", 120)
    for agent in agents:
        agent.process.wait_said("connected to central", 120)
    time.sleep(5)
    result["idle_agent_bytes"] = (resident_bytes(b.central.process.pid) - before) // count
    result["idle_agents"] = count


def bench_streams(b, result):
    say("exec_echo, cp, list_5000: streams and filtered lists")
    streams.bench_streams(b, result, ROUNDS, QUICK)


def print_table(result, prefix=""):
    for name, value in result.items():
        if isinstance(value, dict):
            print_table(value, prefix + name + ".")
        else:
            print(f"{prefix + name:32} {value:>12}" if value is not None else f"{prefix + name:32} not measured")


def main():
    result = {}
    with tempfile.TemporaryDirectory(prefix="mk8s-bench-") as where:
        b = Bench(where)
        try:
            for part in (bench_proxy_get, bench_rate, bench_list, bench_streams, bench_cli, bench_deploy, bench_idle):
                part(b, result)
        finally:
            b.stop()
    pathlib.Path("build").mkdir(exist_ok=True)
    pathlib.Path("build/bench.json").write_text(json.dumps(result, indent=2) + "\n")
    print_table(result)


if __name__ == "__main__":
    main()
