"""An API server for upgrades alone: one namespace, any pod; exec, attach and port-forward over WebSocket and SPDY.

What a pod does with an upgrade is said by its name: `shell` runs the command on this machine and echoes on each port, `echo`
sends raw bytes back, `hold` answers after a second, `spdy` says something whenever it hears something, the others refuse in the
ways of ANSWERS. Every head that came is kept in `heads`, with what came behind it.
"""

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import pty
import select
import socket
import struct
import subprocess
import termios
import threading
import urllib.parse

import spdy_peer

SWITCH = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
ANSWERS = {
    "ok": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "moved": "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n",
    "forbidden": "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
    "missing": "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
    "other": SWITCH + "Upgrade: h2c\r\n\r\n",
    "bare": "HTTP/1.1 101 Switching Protocols\r\n\r\n",
}


class Head:
    def __init__(self, text):
        lines = text.split("\r\n")
        self.method, self.target, _ = lines[0].split(" ")
        self.fields = [(name.lower(), value.strip()) for name, _, value in
                       (line.partition(":") for line in lines[1:] if line)]
        self.behind = b""

    def all(self, name):
        return [value for field, value in self.fields if field == name]

    def get(self, name):
        return next(iter(self.all(name)), "")


class WebSocket:
    """Frames of a server: whole messages in, binary messages out."""

    def __init__(self, stream, behind):
        self.socket, self.buffer = stream, behind
        self.lock = threading.Lock()

    def _take(self, count):
        while len(self.buffer) < count:
            piece = self.socket.recv(1 << 18)
            if not piece:
                raise EOFError
            self.buffer += piece
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _send(self, opcode, payload):
        size = len(payload)
        head = bytes([0x80 | opcode]) + (bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size)
                                         if size < 65536 else b"\x7f" + struct.pack(">Q", size))
        with self.lock:
            self.socket.sendall(head + payload)

    def send(self, channel, payload):
        self._send(2, bytes([channel]) + payload)

    def send_binary(self, payload):
        self._send(2, payload)

    def close(self):
        self._send(8, struct.pack(">H", 1000))

    def messages(self):
        """Until the peer closes."""
        message = b""
        while True:
            first, second = self._take(2)
            size = second & 0x7f
            size = struct.unpack(">H", self._take(2))[0] if size == 126 else \
                struct.unpack(">Q", self._take(8))[0] if size == 127 else size
            assert second & 0x80, "a client masks"
            mask = self._take(4)
            payload = self._take(size)
            key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
            payload = (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")
            opcode = first & 15
            if opcode == 8:
                return
            if opcode == 9:
                self._send(10, payload)
            elif opcode < 3:
                message += payload
                if first & 0x80:
                    yield message
                    message = b""


def is_spdy(head):
    return head.get("upgrade").lower() == "spdy/3.1"


class UpgradePeer:
    """Serves on a loopback port until close()."""

    def __init__(self, where):
        self.dir = where
        self.heads, self.sizes = [], []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def upgrades(self):
        return [head for head in self.heads if head.get("upgrade")]

    def kubeconfig(self):
        path = self.dir / "peer.kubeconfig"
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "peer",
            "clusters": [{"name": "peer", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{"name": "peer", "user": {"token": "of-the-agent"}}],
            "contexts": [{"name": "peer", "context": {"cluster": "peer", "user": "peer"}}]}))
        path.chmod(0o600)
        return path

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                stream, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(stream,), daemon=True).start()

    def _serve(self, stream):
        buffer = b""
        with stream, contextlib.suppress(OSError, EOFError):
            while True:
                while b"\r\n\r\n" not in buffer:
                    piece = stream.recv(65536)
                    if not piece:
                        return
                    buffer += piece
                text, _, buffer = buffer.partition(b"\r\n\r\n")
                head = Head(text.decode())
                self.heads.append(head)
                if head.get("upgrade"):
                    self._upgrade(stream, head, buffer)
                    return
                stream.sendall(self._plain(head))

    def _plain(self, head):
        path = urllib.parse.urlsplit(head.target).path
        answers = {
            "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.0", "platform": "linux/amd64"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
            "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [
                {"name": "pods", "singularName": "pod", "kind": "Pod", "namespaced": True, "verbs": ["get"]}]},
        }
        body = answers.get(path)
        if path.startswith("/api/v1/namespaces/a/pods/"):
            body = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": path.split("/")[6], "namespace": "a"},
                    "spec": {"containers": [{"name": "main", "stdin": True}]}, "status": {"phase": "Running"}}
        text = json.dumps(body or {"kind": "Status", "status": "Failure", "code": 404})
        return (f"HTTP/1.1 {200 if body else 404} x\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(text)}\r\n\r\n{text}").encode()

    def _upgrade(self, stream, head, behind):
        url = urllib.parse.urlsplit(head.target)
        pod, query = url.path.split("/")[6], urllib.parse.parse_qs(url.query)
        if pod in ANSWERS:
            stream.sendall(ANSWERS[pod].encode())
            stream.settimeout(1)
            head.behind = behind
            with contextlib.suppress(TimeoutError):
                while piece := stream.recv(65536):
                    head.behind += piece
        elif pod == "spdy":
            self._spdy(stream, head)
        elif pod == "shell":
            stream.sendall(self._granted(head))
            if url.path.endswith("/portforward"):
                self._forward(stream, head, behind)
            else:
                self._exec(stream, head, behind, query)
        else:
            self._echo(stream, head, behind, 1 if pod == "hold" else 0)

    @staticmethod
    def _granted(head):
        fields = f"Upgrade: {head.get('upgrade')}\r\n"
        if head.get("sec-websocket-key"):
            digest = hashlib.sha1((head.get("sec-websocket-key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode())
            fields += f"Sec-WebSocket-Accept: {base64.b64encode(digest.digest()).decode()}\r\n"
        offered = head.get("sec-websocket-protocol").split(",")[0].strip()
        if offered:
            fields += f"Sec-WebSocket-Protocol: {offered}\r\n"
        if head.get("x-stream-protocol-version"):
            fields += f"X-Stream-Protocol-Version: {head.get('x-stream-protocol-version')}\r\n"
        return (SWITCH + fields + "Set-Cookie: a=b\r\n\r\n").encode()

    def _echo(self, stream, head, behind, wait_s):
        if wait_s and select.select([stream], [], [], wait_s)[0]:
            behind += stream.recv(65536)
        head.behind = behind
        stream.sendall(self._granted(head) + b"hello " + behind)
        while piece := stream.recv(1 << 18):
            stream.sendall(piece)
        stream.sendall(b" end")
        stream.shutdown(socket.SHUT_WR)

    @staticmethod
    def _forward(stream, head, behind):
        if is_spdy(head):
            spdy_peer.serve_echo_forward(spdy_peer.Spdy(lambda: stream.recv(1 << 18), stream.sendall, behind))
        else:  # SPDY in messages
            web = WebSocket(stream, behind)
            messages = filter(None, web.messages())  # some are empty
            spdy_peer.serve_echo_forward(spdy_peer.Spdy(lambda: next(messages, b""), web.send_binary))
            web.close()

    def _spdy(self, stream, head):
        """After every piece that came: a frame of data on stream 5, in two halves."""
        stream.sendall(self._granted(head))
        while stream.recv(65536):
            text = "said \u00e9 by spdy\r\n".encode()
            for half in (text[:6], text[6:]):
                stream.sendall(struct.pack(">II", 5, len(half)) + half)

    def _exec(self, stream, head, behind, query):
        if is_spdy(head):
            names = ("stdin", "stdout", "stderr", "tty")  # with a terminal there is a stream of sizes
            web = spdy_peer.ExecStreams(spdy_peer.Spdy(lambda: stream.recv(1 << 18), stream.sendall, behind),
                                        1 + sum(query.get(name) == ["true"] for name in names))
        else:
            web = WebSocket(stream, behind)
        command = query.get("command", ["cat"])
        if query.get("tty") == ["true"]:
            master, slave = pty.openpty()
            child = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, cwd=self.dir,
                                     start_new_session=True,
                                     preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
            os.close(slave)
            stdin, readers = master, [(1, master)]
        else:
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                     cwd=self.dir)
            master, stdin = None, child.stdin.fileno()
            readers = [(1, child.stdout.fileno()), (2, child.stderr.fileno())]
        threading.Thread(target=self._stdin, args=(web, child, stdin, master), daemon=True).start()
        threads = [threading.Thread(target=self._pump, args=(web, *reader)) for reader in readers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        code = child.wait()
        web.send(3, json.dumps({"status": "Success"} if code == 0 else {
            "status": "Failure", "reason": "NonZeroExitCode", "message": f"exit {code}",
            "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]}}).encode())
        web.close()
        with contextlib.suppress(OSError):
            stream.shutdown(socket.SHUT_WR)  # at once, as the API server does; some clients wait for it
            stream.settimeout(5)
            while stream.recv(65536):
                pass

    @staticmethod
    def _pump(web, channel, fd):
        with contextlib.suppress(OSError):
            while piece := os.read(fd, 32768):
                web.send(channel, piece)

    def _stdin(self, web, child, fd, master):
        with contextlib.suppress(OSError, EOFError, AssertionError):
            for message in web.messages():
                if message[0] == 0:
                    view = memoryview(message)[1:]
                    while view:
                        view = view[os.write(fd, view):]
                elif message[0] == 4 and master is not None:
                    size = json.loads(message[1:])
                    self.sizes.append((size["Width"], size["Height"]))
                    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", size["Height"], size["Width"], 0, 0))
                elif message[:2] == b"\xff\x00" and child.stdin:
                    child.stdin.close()
            return
        child.kill()
