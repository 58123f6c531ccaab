"""mk8s central backup of a central under load: what is restored serves the same people and clusters, and no half of a copy has its name."""
import os
import signal
import sqlite3
import subprocess
import threading
import time

import pytest
from stack import BIN, SLOW, Api, wait_for

PODS = "/k8s/api/v1/namespaces/a/pods"


def backup(central, where, **options):
    return subprocess.run([BIN, "central", "--state-dir", str(central.state), "backup", str(where)], env=central.env(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * SLOW, **options)


class Load:
    """Changes and reads through central, and changes of central itself, by some threads until stopped."""

    def __init__(self, central):
        self.central, self.stopping, self.done, self.bad = central, False, 0, []
        self.token = central.admin.token
        self.threads = [threading.Thread(target=self.work, args=(i,)) for i in range(4)]
        for thread in self.threads:
            thread.start()

    def work(self, which):
        api, i = Api(self.central, self.token), 0
        while not self.stopping:
            i += 1
            if which == 0:
                answer = api.ask("POST", "/roles", {"name": f"r{i}", "clusters": []})
            elif which == 1:
                answer = api.get("/clusters/c" + PODS)
            else:
                answer = api.ask("POST", "/clusters/c/k8s/api/v1/namespaces/a/configmaps", {
                    "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "backup-"}})
            self.done += 1
            if answer.status not in (200, 201):
                self.bad.append(answer.status)

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join(20 * SLOW)


@pytest.fixture
def loaded(make_central, make_agent):
    central = make_central()
    agent = make_agent(central, "c")
    load = Load(central)
    yield central, agent, load
    load.stop()


def test_a_restored_backup_serves_the_same_people_and_clusters(loaded, tmp_path):
    central, agent, load = loaded
    central.add_role("restored-reader", cluster="c", namespaces=["a"], verbs=["get", "list"], resources=["pods"])
    user = central.add_user("restored-reader")
    user.want(200, "GET", "/clusters/c" + PODS)
    before = load.done
    wait_for("load", lambda: load.done > before + 50, 30)
    copy = tmp_path / "copy"
    done = backup(central, copy)
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path)).count("copy") == 1 and not list(tmp_path.glob("copy.partial*"))
    before = load.done
    wait_for("load behind the backup", lambda: load.done > before + 20, 30)
    load.stop()
    assert load.bad == [], "nobody noticed"
    central.process.kill()  # the machine is lost

    central.state = copy
    central.start()
    central.wait_connected("c")  # the agent is as it was: it comes by itself
    assert agent.process.is_up()
    assert user.want(200, "GET", "/clusters/c" + PODS)["items"], "tokens go on verifying"
    again = central.login(user.email)
    assert again.get("/clusters/c" + PODS).status == 200 and again.get("/clusters/c/k8s/api/v1/namespaces/b/pods").status == 403
    report = central.admin.want(200, "GET", "/audit/verify")
    assert report["ok"] is True, report
    rows = central.audit(limit=500)
    assert any(row["verb"] == "create" and row["resource"] == "configmaps" for row in rows), "the trail goes on where it was"
    assert rows[0]["time"] > rows[-1]["time"]


def test_minus_nine_leaves_nothing_half_under_the_name(loaded, tmp_path):
    central, _, load = loaded
    whole = 0
    began = time.monotonic()
    assert backup(central, tmp_path / "first").returncode == 0
    takes = time.monotonic() - began
    for i in range(20):
        copy = tmp_path / f"copy{i}"
        running = subprocess.Popen([BIN, "central", "--state-dir", str(central.state), "backup", str(copy)], env=central.env(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(takes * 1.3 * i / 20)
        running.send_signal(signal.SIGKILL)
        running.wait()
        if not copy.exists():
            continue
        whole += 1
        assert {"central.db", "audit.db", "audit.key", "ca.key", "ca.crt"} <= {path.name for path in copy.rglob("*")}
        for name in ("central.db", "audit.db"):
            database = sqlite3.connect(copy / name)
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",), (i, name)
            database.close()
    assert load.bad == []
    cut = len(list(tmp_path.glob("copy*.partial-*")))
    print(f"20 kills: {whole} were whole, {cut} cut")
    assert cut > 0, "no kill came in the middle"
    last = tmp_path / "copy0"
    if not last.exists():
        assert backup(central, last).returncode == 0, "what was cut is in nobody's way"


def test_where_a_backup_may_go(make_central, tmp_path):
    central = make_central()
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o755)
    assert backup(central, f"{empty}//").returncode == 0
    assert (empty / "central.db").exists() and empty.stat().st_mode & 0o777 == 0o700
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    done = backup(central, link)
    assert done.returncode == 1 and "no folder" in done.stderr
    assert backup(central, "by-name", cwd=tmp_path).returncode == 0 and (tmp_path / "by-name" / "central.db").exists()
    for wrong in (tmp_path / "no" / "such", central.state / "inside", ""):
        done = backup(central, wrong)
        assert done.returncode != 0 and done.stderr, wrong
    assert not list(tmp_path.glob("*.partial*")) and not list(central.state.glob("inside*"))


def test_a_full_disk_leaves_nothing(make_central, tmp_path):
    central = make_central()
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        done = backup(central, disk / "copy")
        assert done.returncode == 1 and done.stderr.strip() and list(disk.iterdir()) == [], done
        done = backup(central, disk)
        assert done.returncode == 1 and "file system" in done.stderr and list(disk.iterdir()) == [], done
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    assert not list(tmp_path.glob("*.partial*"))
