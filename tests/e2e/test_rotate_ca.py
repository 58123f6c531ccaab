"""mk8s central rotate-ca: nobody is lost, whatever the command is killed in."""
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest
from stack import BIN, SLOW, Agent, Central, wait_for
from test_state import admin_verb, ok

LIFETIME_S = 12
FINISH_S = LIFETIME_S + 14  # what rotate-ca finish waits for, and a bit
PODS = "/clusters/{}/k8s/api/v1/namespaces/a/pods/web"
PIN = re.compile(r"sha256:[0-9a-f]{64}")


class Load(threading.Thread):
    """Requests one after the other on new and on kept connections; anything but 200 is kept."""

    def __init__(self, central, cluster):
        super().__init__(daemon=True)
        self.api, self.path = central.admin, PODS.format(cluster)
        self.count, self.bad, self.over = 0, [], False
        self.start()

    def run(self):
        kept = self.api.connect()
        while not self.over:
            try:
                kept.request("GET", self.path, None, self.api.head())
                answer = kept.getresponse()
                answer.read()
                statuses = [answer.status] + ([self.api.get(self.path).status] if self.count % 10 == 0 else [])
            except OSError as error:
                statuses = [repr(error)]
            self.bad += [status for status in statuses if status != 200]
            self.count += 1
            time.sleep(0.02)

    def end(self):
        self.over = True
        self.join(30)
        return self.bad


def anchors(central):
    """The certificates of /ca.pem, in order."""
    return re.findall(r"-----BEGIN.*?END CERTIFICATE-----\n", central.admin.get("/ca.pem").text, re.S)


def is_trusted(central, pem):
    context = ssl.create_default_context(cadata=pem)
    try:
        with socket.create_connection(("127.0.0.1", central.http_port), 10) as plain, \
                context.wrap_socket(plain, server_hostname="localhost"):
            return True
    except ssl.SSLCertVerificationError:
        return False


def start_agent(tmp_path, central, kubeconfig, name, pin, made):
    agent = Agent(tmp_path / f"agent-{len(made)}", central, name, central.admin.want(
        200, "POST", f"/clusters/{name}/token", {})["token"], kubeconfig)
    agent.settings["MK8S_AGENT_TLS_CA_SHA256"] = pin
    made.append(agent)
    return agent


def test_a_new_ca_loses_nobody(make_central, make_cli, agent_kubeconfig, tmp_path):
    central = make_central(agent_cert_lifetime=f"{LIFETIME_S}s")
    made = []
    try:
        for name in ("old", "new"):
            central.add_cluster(name)
        old_pin = central.ca_sha256
        old = start_agent(tmp_path, central, agent_kubeconfig, "old", old_pin, made).start()
        load = Load(central, "old")
        cli = make_cli(central, "admin@localhost")
        assert len(anchors(central)) == 1
        [old_ca] = anchors(central)

        said = ok(admin_verb(central, "rotate-ca"))
        new_pin, shown_old = PIN.findall(said)[:2]
        began = time.monotonic()
        assert shown_old == old_pin and new_pin != old_pin and "old" in said.splitlines()[-1], said
        wait_for("central to have it", lambda: len(anchors(central)) == 2, 10)
        new_ca = anchors(central)[0]
        assert is_trusted(central, old_ca) and is_trusted(central, new_ca), "each alone is enough"
        assert central.admin.want(200, "POST", "/clusters/new/token", {})["ca_sha256"] == new_pin
        again = ok(admin_verb(central, "rotate-ca"))
        assert PIN.findall(again)[:2] == [new_pin, old_pin], "asking again changes nothing"
        new = start_agent(tmp_path, central, agent_kubeconfig, "new", new_pin, made).start()
        late = start_agent(tmp_path, central, agent_kubeconfig, "old", old_pin, made).start()
        assert central.admin.get(PODS.format("new")).status == 200
        cli.ok("clusters", "list")
        early = admin_verb(central, "rotate-ca", "finish")
        assert early.returncode != 0 and "finish-now" in early.stderr, early
        assert admin_verb(central, "rotate-ca", "nonsense").returncode == 2

        time.sleep(max(0, FINISH_S - (time.monotonic() - began)))
        behind = admin_verb(central, "rotate-ca", "finish")
        assert behind.returncode != 0 and "manifest of old" in behind.stderr, behind
        assert new_pin in ok(admin_verb(central, "rotate-ca", "finish-now"))
        wait_for("central to have it", lambda: anchors_of(central, new_ca) == [new_ca], 10)
        wait_for("the old CA to end", lambda: not is_trusted(central, old_ca), 10)
        assert is_trusted(central, new_ca)
        time.sleep(LIFETIME_S)  # each agent renews at least once with the new leaf
        assert load.end() == [] and load.count > 50, "no request failed"
        assert all(agent.process.said().count("joined") == 1 for agent in (old, new, late)), "they followed by themselves"
        assert old.process.stop() == 0 and late.process.stop() == 0
        old.settings["AGENT_TOKEN"] = late.settings["AGENT_TOKEN"]
        assert old.start(wait=False).process.wait_said("no CA in its chain with the pinned key")
        assert old.process.stop() == 0
        old.settings["MK8S_AGENT_TLS_CA_SHA256"] = new_pin
        old.start()
        assert central.restart() and central.ca_sha256 == new_pin
        central.wait_connected("old")
    finally:
        for agent in made:
            agent.stop()


def anchors_of(central, new_ca):
    """As anchors, where only the new CA may be trusted already: the file has followed."""
    wait_for("the file", lambda: central.ca_file.read_text() == new_ca, 5)
    return anchors(central)


STATES = {  # what is left when the command was killed behind that file
    "ca-next.key": (["ca-next.key"], []),
    "ca-next.crt": (["ca-next.key", "ca-next.crt"], []),
    "ca.crt": (["ca-next.key", "ca-next.crt", "ca-cross.crt"], ["ca.crt"]),
    "ca.key": (["ca-next.key", "ca-next.crt", "ca-cross.crt"], ["ca.crt", "ca.key"]),
    "no ca-cross.crt": (["ca-next.key", "ca-next.crt"], ["ca.crt", "ca.key"]),
    "no ca-next.crt": (["ca-next.key"], ["ca.crt", "ca.key"]),
}


@pytest.mark.parametrize("state", STATES)
def test_what_a_killed_command_leaves_is_whole(tmp_path, make_central, state):
    central = make_central()
    assert central.stop() == 0
    before = ok(admin_verb(central, "rotate-ca"))
    new_pin, old_pin = PIN.findall(before)[:2]
    whole = {path.name: path.read_bytes() for path in central.state.glob("ca*")}
    present, moved = STATES[state]
    for name in ("ca-next.key", "ca-next.crt", "ca-cross.crt"):
        if name not in present:
            (central.state / name).unlink()
    for name in moved:
        (central.state / name).write_bytes(whole[name.replace("ca.", "ca-next.")])
    central.start()
    assert central.ca_sha256 == (new_pin if moved else old_pin)
    assert is_trusted(central, (central.state / "ca.crt").read_text())
    if moved:
        assert new_pin in ok(admin_verb(central, "rotate-ca", "finish"))
        assert sorted(path.name for path in central.state.glob("ca*")) in (
            ["ca.crt", "ca.key", "central.db"], ["ca.crt", "ca.key"], ["ca-next.key", "ca.crt", "ca.key"]), state
        assert (central.state / "ca.key").read_bytes() == whole["ca-next.key"]
    else:
        pins = PIN.findall(ok(admin_verb(central, "rotate-ca")))[:2]
        assert pins[1] == old_pin and (pins[0] == new_pin) == ("ca-next.crt" in present)
    assert is_trusted(central, (central.state / "ca.crt").read_text())
    assert central.restart()


def test_kill_9_at_any_moment(make_central):
    central = make_central()
    argv = [BIN, "central", "--state-dir", str(central.state), "rotate-ca"]
    for i in range(12):
        words = [] if i % 2 == 0 else ["finish-now"]
        running = subprocess.Popen([*argv, *words], env=central.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.004 * i * SLOW)
        running.send_signal(signal.SIGKILL)
        running.wait()
        assert is_trusted(central, (central.state / "ca.crt").read_text()) or wait_for(
            "central to follow", lambda: is_trusted(central, (central.state / "ca.crt").read_text()), 10)
        ok(admin_verb(central, "rotate-ca", *words))
    assert central.restart()
    assert is_trusted(central, (central.state / "ca.crt").read_text())


def test_a_backup_in_mid_rotation_is_one(make_central, tmp_path):
    central = make_central()
    new_pin = PIN.findall(ok(admin_verb(central, "rotate-ca")))[0]
    ok(admin_verb(central, "backup", tmp_path / "copy"))
    other = Central(tmp_path / "other")
    shutil.move(tmp_path / "copy", other.state)
    other.start()
    try:
        assert other.ca_sha256 == new_pin and len(anchors(other)) == 2
    finally:
        assert other.stop() == 0
