"""Users who go away: what they asked for ends, and the tunnel that carried it stays."""
import contextlib
import struct
import time

from stack import SLOW, raw_connect, wait_for

CONNECTIONS, AT_ONCE, ROUNDS = 6, 50, 10  # 3,000 requests
HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE = 1, 3, 4, 8
END_STREAM, END_HEADERS = 1, 4
CANCEL = 8


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def hpack(fields):
    """Literals without indexing and without Huffman codes (RFC 7541 6.2.2)."""
    def text(value):
        value = value.encode()
        head = bytes([len(value)]) if len(value) < 127 else b"\x7f" + varint(len(value) - 127)
        return head + value

    def varint(number):
        out = b""
        while number > 127:
            out += bytes([number % 128 + 128])
            number //= 128
        return out + bytes([number])
    return b"".join(b"\0" + text(name) + text(value) for name, value in fields)


class H2:
    """As much of an HTTP/2 client as asks and cancels."""

    def __init__(self, central):
        self.tls = raw_connect(central, ("h2",), timeout_s=20)
        self.tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, b"")
                         + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 2**30)))
        self.last = -1

    def ask(self, path, token):
        self.last += 2
        self.tls.sendall(frame(HEADERS, END_STREAM | END_HEADERS, self.last, hpack([
            (":method", "GET"), (":scheme", "https"), (":authority", "x"), (":path", path),
            ("authorization", f"Bearer {token}")])))
        return self.last

    def cancel(self, streams):
        self.tls.sendall(b"".join(frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)) for stream in streams))


def test_users_who_cancel_do_not_end_the_tunnel(make_central, make_agent):
    central = make_central()
    agent = make_agent(central, "c", upstream_conn_max=1)  # which the bystander has: all others wait in the agent
    admin = central.admin
    path = "/clusters/c/k8s/api/v1/namespaces/a/pods"
    with admin.stream(path + "?watch=1", timeout_s=60) as bystander, contextlib.ExitStack() as stack:
        assert bystander.readline()
        clients = [H2(central) for _ in range(CONNECTIONS)]
        for client in clients:
            stack.enter_context(client.tls)
        begin = time.monotonic()
        for _ in range(ROUNDS):
            asked = [(client, [client.ask(path + "/web", admin.token) for _ in range(AT_ONCE)]) for client in clients]
            time.sleep(0.1)  # they are on the tunnel
            for client, streams in asked:
                client.cancel(streams)
        took_s = time.monotonic() - begin
        assert central.status_of("c") == "connected", agent.process.said()
    wait_for("the requests to be over", lambda: admin.get(path).status == 200, 20)
    assert "disconnected" not in central.process.said()
    assert agent.process.said().count("connected to central") == 1, f"within {took_s:.1f} s: {agent.process.said()}"
    assert took_s < 15 * SLOW
