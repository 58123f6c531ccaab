"""An API server whose pods do to the built-in kubectl what no honest one does; `shell` runs commands (upgrade_peer)."""

import contextlib
import io
import json
import struct
import tarfile
import urllib.parse

import upgrade_peer

SUCCESS = json.dumps({"metadata": {}, "status": "Success"}).encode()


def failure(code):
    return json.dumps({"status": "Failure", "reason": "NonZeroExitCode", "message": "no",
                       "details": {"causes": [{"reason": "ExitCode", "message": code}]}}).encode()


def frame(first, payload, size=None):
    size = len(payload) if size is None else size
    head = bytes([first, size]) if size < 126 else bytes([first, 126]) + struct.pack(">H", size) if size < 65536 \
        else bytes([first, 127]) + struct.pack(">Q", size)
    return head + payload


def say(channel, payload):
    return frame(0x82, bytes([channel]) + payload)


END = say(3, SUCCESS) + frame(0x88, b"\x03\xe8")
# What a pod sends once it is connected to, by its name.
SAYS = {
    "masked": b"\x82\x85\0\0\0\0\x01out\n" + END,
    "reserved": b"\xc2\x05\x01out\n" + END,
    "odd-opcode": b"\x83\x05\x01out\n" + END,
    "long-ping": frame(0x89, b"x" * 126) + END,
    "huge": frame(0x82, b"\x01out\n", 1 << 62),
    "negative": frame(0x82, b"\x01out\n", (1 << 64) - 1),
    "channel-99": say(99, b"x") + frame(0x82, b"") + say(1, b"out\n") + END,
    "fragments": frame(0x02, b"\x01o") + frame(0x89, b"") + frame(0x00, b"") + frame(0x00, b"u") + frame(0x80, b"t\n") + END,
    "text-frames": frame(0x81, b"\x01out\n") + END,
    "status-cut": say(1, b"out\n") + say(3, SUCCESS[:-4]) + frame(0x88, b""),
    "status-odd": say(3, b'["Success"]') + frame(0x88, b""),
    "status-word": say(3, b'{"status":"Perhaps"}') + frame(0x88, b""),
    "status-long": say(3, b'{"message":"' + b"x" * 200_000 + b'"}') + frame(0x88, b""),
    "code-300": say(3, failure("300")) + frame(0x88, b""),
    "code-word": say(3, failure("one")) + frame(0x88, b""),
    "code-none": say(3, b'{"status":"Failure","reason":"NonZeroExitCode"}') + frame(0x88, b""),
    "refuses": say(3, b'{"status":"Failure","message":"container is\\u001b[2J gone"}') + frame(0x88, b""),
    "cut": say(1, b"out\n"),
    "closes": say(1, b"out\n") + frame(0x88, b"\x03\xf3"),
    "no-close": say(1, b"out\n") + say(3, failure("3")),
}
# How it answers the handshake otherwise than it should.
SHAKES = {"wrong-accept": (b"Sec-WebSocket-Accept: ", b"Sec-WebSocket-Accept: AAAA"),
          "wrong-protocol": (b"v5.channel.k8s.io", b"v9.channel.k8s.io"),
          "extension": (b"Set-Cookie: a=b", b"Sec-WebSocket-Extensions: permessage-deflate"),
          "version-4": (b"v5.channel.k8s.io", b"v4.channel.k8s.io")}


def archive(*members):
    """A tar of (name, kind, content or link)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.mode = kind, 0o644
            if kind == tarfile.REGTYPE:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            else:
                member.linkname = content
                tar.addfile(member)
    return out.getvalue()


class PodPeer(upgrade_peer.UpgradePeer):
    """`tars`: what any command in the pod of that name gives."""

    def __init__(self, where):
        super().__init__(where)
        self.tars = {}

    def _upgrade(self, stream, head, behind):
        pod = head.target.split("/")[6]
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(head.target).query, keep_blank_values=True)
        if pod in SAYS or pod in self.tars:
            stream.sendall(self._granted(head))
            says = SAYS.get(pod) or b"".join(
                say(1, self.tars[pod][at:at + 10_000]) for at in range(0, len(self.tars[pod]), 10_000)) + END
            stream.sendall(says)
            if pod == "cut":
                return
            with contextlib.suppress(OSError, EOFError, AssertionError):
                for _ in upgrade_peer.WebSocket(stream, behind).messages():
                    pass
        elif pod in SHAKES:
            stream.sendall(self._granted(head).replace(*SHAKES[pod]))
            self._exec(stream, head, behind, query)
        elif pod == "shell" and head.target.split("?")[0].endswith("/exec"):
            stream.sendall(self._granted(head))
            self._exec(stream, head, behind, query)
        else:
            super()._upgrade(stream, head, behind)
