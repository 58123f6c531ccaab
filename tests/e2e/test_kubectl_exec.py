"""The built-in kubectl's exec through central and agent: streams, terminal, exit status, and peers that break the rules."""

import fcntl
import hashlib
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

import pod_peer
import stack


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    peer = pod_peer.PodPeer(tmp_path_factory.mktemp("peer"))
    yield peer
    peer.close()


@pytest.fixture(scope="module")
def agent_of_peer(request, tmp_path_factory, central, roles, peer):
    name = request.module.__name__.replace("_", "-")
    agent = stack.Agent(tmp_path_factory.mktemp("agent"), central, name, central.add_cluster(name)["token"],
                        peer.kubeconfig()).start()
    yield agent
    assert agent.stop() == 0, agent.process.said()[-3000:]


@pytest.fixture(scope="module")
def cli(request, tmp_path_factory, central, agent_of_peer):
    cli = stack.Cli(tmp_path_factory.mktemp("home"), central).login(central.add_user("everything").email)
    cli.ok("clusters", "use", request.module.__name__.replace("_", "-"))
    return cli


@pytest.fixture
def kubectl(cli):
    """kubectl(args, stdin): the CompletedProcess, its output as bytes."""
    def run(*args, stdin=b"", timeout_s=30):
        done = subprocess.run([stack.BIN, "kubectl", "-n", "a", *map(str, args)], input=stdin, capture_output=True,
                              timeout=timeout_s * stack.SLOW, env=cli.env())
        assert not stack.REPORT.search(done.stderr.decode(errors="replace")), done.stderr[:6000]
        return done
    return run


def test_streams_and_status(kubectl):
    done = kubectl("exec", "shell", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout) == (7, b"out\n")
    assert done.stderr == b"err\ncommand terminated with exit code 7\n"
    done = kubectl("exec", "pod/shell", "-c", "main", "--", "printf", "%s|", "", "a b", "&command=x", "ü")
    assert (done.returncode, done.stdout) == (0, "|a b|&command=x|ü|".encode()), done
    assert kubectl("exec", "shell", "--", "sh", "-c", "exit 255").returncode == 255


def test_standard_input_and_its_end(kubectl):
    data = os.urandom(5_000_000)
    done = kubectl("exec", "-i", "shell", "--", "sha256sum", stdin=data)
    assert done.stdout.split()[:1] == [hashlib.sha256(data).hexdigest().encode()], done
    assert kubectl("exec", "-i", "shell", "--", "wc", "-c", stdin=b"").stdout.strip() == b"0"
    assert kubectl("exec", "-i", "shell", "--", "true", stdin=data).returncode == 0
    assert kubectl("exec", "-i", "shell", "--", "head", "-c", "3", stdin=data).stdout == data[:3]


def test_much_output(kubectl, cli):
    done = kubectl("exec", "shell", "--", "head", "-c", "20000000", "/dev/zero")
    assert done.returncode == 0 and done.stdout == bytes(20_000_000)
    run = subprocess.Popen([stack.BIN, "kubectl", "-n", "a", "exec", "shell", "--", "cat", "/dev/zero"], env=cli.env(),
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert run.stdout.read(100_000) == bytes(100_000)
    run.stdout.close()
    assert run.wait(20 * stack.SLOW) != 0  # nobody reads any more


@pytest.mark.parametrize("args,says", [
    (["exec"], "pod, type/name or --filename must be specified"),
    (["exec", "shell"], "you must specify at least one command for the container"),
    (["exec", "shell", "--"], "you must specify at least one command for the container"),
    (["exec", "--", "ls"], "pod, type/name or --filename must be specified"),
    (["exec", "shell", "ls"], "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead"),
    (["exec", "shell", "-c", "nope", "--", "ls"], "container nope is not valid for pod shell out of: main"),
    (["exec", "shell", "--pod-running-timeout=0s", "--", "ls"], "--pod-running-timeout must be higher than zero"),
    (["exec", "shell", "--kubeconfig=x", "--", "ls"], "is not taken here"),
    (["exec", "forbidden", "--", "ls"], "refused the upgrade with status 403"),
    (["exec", "moved", "--", "ls"], "refused the upgrade with status"),
    (["exec", "ok", "--", "ls"], "refused the upgrade with status 502"),
])
def test_refusals(kubectl, args, says):
    done = kubectl(*args)
    assert done.returncode in (1, 3, 4) and says in done.stderr.decode(), done


@pytest.mark.parametrize("pod,status,out,says", [
    ("masked", 1, b"", "masked input frame"),
    ("reserved", 1, b"", "invalid reserved bits"),
    ("odd-opcode", 1, b"", "invalid opcode"),
    ("long-ping", 1, b"", "PING frame is too big"),
    ("negative", 1, b"", "frame length"),
    ("channel-99", 0, b"out\n", ""),
    ("fragments", 0, b"out\n", ""),
    ("text-frames", 0, b"out\n", ""),
    ("status-cut", 1, b"out\n", "error stream protocol error"),
    ("status-odd", 1, b"", "error stream protocol error: not an object"),
    ("status-word", 1, b"", "error stream protocol error: unknown error"),
    ("status-long", 1, b"", "error stream protocol error"),
    ("code-300", 1, b"", 'invalid exit code value "300"'),
    ("code-word", 1, b"", 'invalid exit code value "one"'),
    ("code-none", 1, b"", "details must be set"),
    ("refuses", 1, b"", r"error: container is\x1b[2J gone"),
    ("cut", 4, b"out\n", "error reading from error stream"),
    ("closes", 4, b"out\n", "closed before the command ended"),
    ("no-close", 3, b"out\n", "command terminated with exit code 3"),
    ("wrong-accept", 1, b"", "answered an upgrade as no WebSocket server does"),
    ("wrong-protocol", 1, b"", "speaks none of the protocols offered"),
])
def test_peers_that_break_the_rules(kubectl, pod, status, out, says):
    done = kubectl("exec", pod, "--", "echo", "out")
    text = done.stderr.decode()
    assert (done.returncode, done.stdout) == (status, out) and (says in text or says.replace("\\x1b", "\\u001b") in text), done


def test_a_frame_without_end_costs_no_memory(cli):
    """A frame that claims 2^62 bytes is passed on as it comes."""
    run = cli.start("kubectl", "-n", "a", "exec", "huge", "--", "x")
    assert stack.read_lines(run, 1) == ["out"]
    with open(f"/proc/{run.pid}/status") as status:
        peak_kb = int(status.read().split("VmHWM:")[1].split()[0])
    run.kill()
    run.communicate()
    assert peak_kb < (40_000 if stack.SLOW == 1 else 400_000)


def test_version_4_has_no_end_of_input(kubectl):
    done = kubectl("exec", "-i", "version-4", "--", "head", "-c", "3", stdin=b"abcdef")
    assert (done.returncode, done.stdout) == (0, b"abc"), done


class Terminal:
    """The command line at a terminal of its own."""

    def __init__(self, cli, *args, columns=90, rows=30):
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen([stack.BIN, "kubectl", "-n", "a", *args], stdin=slave, stdout=slave, stderr=slave,
                                        env=cli.env(TERM="xterm"), start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.got = b""

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text)

    def until(self, text, timeout_s=20):
        deadline = time.monotonic() + timeout_s * stack.SLOW
        while text not in self.got:
            assert time.monotonic() < deadline, self.got
            if select.select([self.master], [], [], 0.2)[0]:
                self.got += os.read(self.master, 65536)
        taken, _, self.got = self.got.partition(text)
        return taken

    def is_as_before(self):
        return termios.tcgetattr(self.slave) == self.before

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture
def terminal(cli):
    made = []

    def make(*args, **size):
        made.append(Terminal(cli, *args, **size))
        return made[-1]
    yield make
    for one in made:
        one.end()


def test_terminal(terminal, peer):
    t = terminal("exec", "-it", "shell", "--", "sh", columns=91, rows=31)
    t.type(b"stty size; echo ready-$((1+1))\n")
    t.until(b"31 91")
    t.until(b"ready-2")
    assert not t.is_as_before()
    t.resize(120, 40)
    os.kill(t.process.pid, signal.SIGWINCH)
    deadline = time.monotonic() + 10 * stack.SLOW
    while (120, 40) not in peer.sizes and time.monotonic() < deadline:
        time.sleep(0.05)
    t.type(b"echo asleep; sleep 100\n")
    t.until(b"\nasleep")
    t.type(b"\x03")
    t.until(b"^C")
    t.until(b"# ")
    t.type(b"stty size; exit 9\n")
    t.until(b"40 120")
    t.until(b"command terminated with exit code 9")
    assert t.process.wait(10 * stack.SLOW) == 9
    assert t.is_as_before()


def test_a_new_size_arrives_while_much_is_written(terminal, peer):
    t = terminal("exec", "-it", "shell", "--", "yes")
    t.until(b"y\r\n")
    for columns in range(101, 121):
        t.resize(columns, 50)
        deadline = time.monotonic() + 10 * stack.SLOW
        while (columns, 50) not in peer.sizes:
            assert time.monotonic() < deadline, columns
            t.until(b"y\r\n")


@pytest.mark.parametrize("number,status", [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP),
                                           (signal.SIGINT, 1), (signal.SIGQUIT, -signal.SIGQUIT)])
def test_the_terminal_is_given_back_when_a_signal_ends_it(terminal, number, status):
    t = terminal("exec", "-it", "shell", "--", "sh", "-c", "echo up; cat")
    t.until(b"up")
    assert not t.is_as_before()
    t.process.send_signal(number)
    assert t.process.wait(10 * stack.SLOW) == status
    assert t.is_as_before()


@pytest.mark.parametrize("pod", ["cut", "masked", "code-300", "wrong-accept"])
def test_the_terminal_is_given_back_when_the_peer_fails(terminal, pod):
    t = terminal("exec", "-it", pod, "--", "cat")
    assert t.process.wait(20 * stack.SLOW) in (1, 4)
    assert t.is_as_before()


def test_without_a_terminal(kubectl, peer):
    done = kubectl("exec", "-it", "shell", "--", "cat", stdin=b"abc")
    assert (done.returncode, done.stdout) == (0, b"abc")
    assert done.stderr == b"Unable to use a TTY - input is not a terminal or the right kind of file\n"
    assert kubectl("exec", "-itq", "shell", "--", "true").stderr == b""
    assert "tty" not in peer.upgrades()[-1].target
    done = kubectl("exec", "-t", "shell", "--", "echo", "x")
    assert (done.stdout, done.stderr) == (b"x\n", b"")
