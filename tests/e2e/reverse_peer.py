"""An agent of a few lines on a reversed connection: as much HTTP/2 as a test needs to answer one ExecuteCommand.

It reads no header block: central's first request is the hello, a body that begins with "{" is a user's rules, one that
begins with NUL is the command's.
"""

import socket
import ssl
import struct

DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def header_block(fields):
    """HPACK: every field as a literal that is not indexed, without Huffman's code (RFC 7541 6.2.2)."""
    block = b""
    for name, value in fields:
        for text in (b"\x00", name.encode(), value.encode()):
            block += text if text == b"\x00" else bytes([len(text)]) + text
    return block


class ReversePeer:
    def __init__(self, central, cert, key, timeout_s=30):
        context = ssl.create_default_context(cafile=str(central.ca_file))
        context.set_alpn_protocols(["mk8s-reverse/1"])
        context.load_cert_chain(cert, key)
        plain = socket.create_connection(("127.0.0.1", central.grpc_port), timeout_s)
        self.tls = context.wrap_socket(plain, server_hostname="localhost")
        self.held, self.input, self.command, self.greeted = b"", b"", None, False
        self.is_reset = False
        assert self._take(len(PREFACE)) == PREFACE
        self._frame(SETTINGS, 0, 0, b"")
        self._frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 24))
        while not self.greeted:
            self.step()

    def close(self):
        self.tls.close()

    def _take(self, count):
        while len(self.held) < count:
            piece = self.tls.recv(65536)
            if not piece:
                raise EOFError("central closed the connection")
            self.held += piece
        taken, self.held = self.held[:count], self.held[count:]
        return taken

    def _frame(self, kind, flags, stream, payload):
        self.tls.sendall(struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload)

    def _answer(self, stream, status, body=b""):
        self._frame(HEADERS, END_HEADERS, stream, header_block([(":status", str(status))]))
        self._frame(DATA, END_STREAM, stream, body)

    def step(self):
        """One frame of central's."""
        head = self._take(9)
        length, kind, flags, stream = int.from_bytes(head[:3], "big"), head[3], head[4], int.from_bytes(head[5:], "big")
        payload = self._take(length)
        if kind == SETTINGS and not flags & ACK:
            self._frame(SETTINGS, ACK, 0, b"")
        elif kind == PING and not flags & ACK:
            self._frame(PING, ACK, 0, payload)
        elif kind == HEADERS and not self.greeted:
            self._answer(stream, 200, b'{"instance": "x", "kind": "main", "agent_version": "0"}')
            self.greeted = True
        elif kind == HEADERS and flags & END_STREAM:  # it wants a second connection
            self._answer(stream, 404)
        elif kind == DATA and stream == self.command:
            self.input += payload
        elif kind == DATA and payload[:1] == b"\x00":
            self.command, self.input = stream, payload
        elif kind == DATA and flags & END_STREAM:  # rules
            self._answer(stream, 204)
        elif kind == RST_STREAM and stream == self.command:
            self.is_reset = True

    # -- the command ------------------------------------------------------------------------------

    def next_input(self, pb):
        """The next CommandInput, or None when central has reset the call."""
        while not self.is_reset:
            if len(self.input) >= 5 and len(self.input) >= 5 + int.from_bytes(self.input[1:5], "big"):
                length = int.from_bytes(self.input[1:5], "big")
                message, self.input = self.input[5:5 + length], self.input[5 + length:]
                return pb.CommandInput.FromString(message)
            self.step()
        return None

    def wait_input(self, pb, kind):
        """The next one of that kind."""
        while (found := self.next_input(pb)) and found.WhichOneof("input") != kind:
            pass
        return found and getattr(found, kind)

    def begin(self):
        self._frame(HEADERS, END_HEADERS, self.command,
                    header_block([(":status", "200"), ("content-type", "application/grpc")]))

    def send_raw(self, data):
        for at in range(0, len(data), 16384):
            self._frame(DATA, 0, self.command, data[at:at + 16384])

    def send(self, event):
        message = event if isinstance(event, bytes) else event.SerializeToString()
        self.send_raw(b"\x00" + struct.pack(">I", len(message)) + message)

    def end(self, status="0", sentence=""):
        self._frame(HEADERS, END_HEADERS | END_STREAM, self.command,
                    header_block([("grpc-status", status), ("grpc-message", sentence)]))

    def refuse(self, status, sentence):
        """Trailers-Only."""
        self._frame(HEADERS, END_HEADERS | END_STREAM, self.command, header_block([
            (":status", "200"), ("content-type", "application/grpc"), ("grpc-status", status), ("grpc-message", sentence)]))

    def answer_http(self, status):
        self._answer(self.command, status, b"no")

    def reset(self):
        self._frame(RST_STREAM, 0, self.command, struct.pack(">I", 8))
