"""SPDY/3.1 as a kubelet speaks it, enough for exec, attach and port-forward: the server's side of one connection."""

import struct
import threading
import zlib

# The header dictionary of SPDY/3, section 2.6.10.1: words behind their length, then one text.
WORDS = (
    "options|head|post|put|delete|trace|accept|accept-charset|accept-encoding|accept-language|accept-rang"
    "es|age|allow|authorization|cache-control|connection|content-base|content-encoding|content-language|c"
    "ontent-length|content-location|content-md5|content-range|content-type|date|etag|expect|expires|from|"
    "host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|location|ma"
    "x-forwards|pragma|proxy-authenticate|proxy-authorization|range|referer|retry-after|server|te|trailer"
    "|transfer-encoding|upgrade|user-agent|vary|via|warning|www-authenticate|method|get|status|200 OK|ver"
    "sion|HTTP/1.1|url|public|set-cookie|keep-alive|origin"
).split("|")
TEXT = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Au"
    "thoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidd"
    "en404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr Ma"
    "y Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,imag"
    "e/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicpri"
    "vatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = b"".join(struct.pack(">I", len(word)) + word.encode() for word in WORDS) + TEXT.encode()
SYN_STREAM, SYN_REPLY, PING, GOAWAY = 1, 2, 6, 7
FIN = 1
CHANNELS = {"stdin": 0, "stdout": 1, "stderr": 2, "error": 3, "resize": 4}


class Spdy:
    """One connection by recv() -> bytes (none at the end) and sendall(bytes)."""

    def __init__(self, recv, sendall, behind=b""):
        self._recv, self._sendall, self._buffer = recv, sendall, behind
        self._lock = threading.Lock()
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self.streams = {}  # id: headers

    def _take(self, count):
        while len(self._buffer) < count:
            piece = self._recv()
            if not piece:
                raise EOFError
            self._buffer += piece
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _headers(self, block):
        text = self._inflate.decompress(block)
        at, values = 4, []
        for _ in range(2 * struct.unpack(">I", text[:4])[0]):
            size = struct.unpack(">I", text[at:at + 4])[0]
            values.append(text[at + 4:at + 4 + size].decode())
            at += 4 + size
        return dict(zip(values[::2], values[1::2]))

    def _reply(self, stream):
        with self._lock:
            block = self._deflate.compress(struct.pack(">I", 0)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
            self._sendall(struct.pack(">HHBxHI", 0x8003, SYN_REPLY, 0, len(block) + 4, stream) + block)

    def send(self, stream, payload, last=False):
        with self._lock:
            self._sendall(struct.pack(">II", stream, (FIN << 24 if last else 0) | len(payload)) + payload)

    def frames(self):
        """(stream, its headers when it begins or None, data, whether it ends), until the peer is gone."""
        while True:
            first, second = struct.unpack(">II", self._take(8))
            flags, payload = second >> 24, self._take(second & 0xffffff)
            kind = first & 0xffff if first >> 31 else 0
            if not kind:
                yield first, None, payload, bool(flags & FIN)
            elif kind == SYN_STREAM:
                stream = struct.unpack(">I", payload[:4])[0] & 0x7fffffff
                self.streams[stream] = self._headers(payload[10:])
                self._reply(stream)
                yield stream, self.streams[stream], b"", bool(flags & FIN)
            elif kind == PING:
                with self._lock:
                    self._sendall(struct.pack(">II", first, second) + payload)
            elif kind == GOAWAY:
                return


class ExecStreams:
    """The streams of exec and attach, with the channels of the WebSocket protocol in place of stream ids."""

    def __init__(self, spdy, wanted):
        self._spdy, self._ids, self._early = spdy, {}, []
        frames = self._frames = spdy.frames()
        while len(self._ids) < wanted:
            stream, headers, data, last = next(frames)
            if headers is not None:
                self._ids[CHANNELS[headers["streamtype"]]] = stream
            else:
                self._early.append((stream, data, last))

    def send(self, channel, payload):
        if channel in self._ids:
            self._spdy.send(self._ids[channel], payload)

    def close(self):
        for stream in self._ids.values():
            self._spdy.send(stream, b"", True)

    def messages(self):
        """Messages as a WebSocket brings them; the end of stdin as the v5 protocol tells it."""
        channels = {stream: channel for channel, stream in self._ids.items()}
        early, self._early = self._early, []
        for stream, data, last in self._all(early):
            channel = channels.get(stream)
            if data:
                yield bytes([channel]) + data
            if last and channel == 0:
                yield b"\xff\x00"

    def _all(self, early):
        yield from early
        for stream, headers, data, last in self._frames:
            if headers is None:
                yield stream, data, last


def serve_echo_forward(spdy):
    """A port-forward whose every port sends back what it gets."""
    for stream, headers, data, last in spdy.frames():
        kind = spdy.streams.get(stream, {}).get("streamtype")
        if kind == "data" and (data or last):
            spdy.send(stream, data, last)
        elif kind == "error" and last:
            spdy.send(stream, b"", True)
