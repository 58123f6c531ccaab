/*
 * A WebSocket client (RFC 6455) on libcurl: messages out whole, messages in by pieces as they come, nothing
 * held but one of each. Opening blocks; sending and receiving never do. One thread at a time.
 */
#ifndef MK8S_NET_WS_H
#define MK8S_NET_WS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/net/fetch.h"

struct ws;

enum { WS_SEND_MAX = 64 * 1024, WS_PIECE_MAX = 32 * 1024 };

struct ws_request {
	const char *url;           /* https:// or http:// */
	const char *const *fields; /* "Name: value", NULL-terminated */
	const char *protocols;     /* offered, the first one liked best: "a, b" */
	uint64_t timeout_ms;       /* until the handshake's end; 0: 30 s */
};

/*
 * Connects and upgrades. NULL: no connection (as fetch_do, *ret_status 0), an answer other than 101 (ERR_PROTOCOL,
 * *ret_status says which), or one that no WebSocket server gives: a wrong Sec-WebSocket-Accept, a
 * protocol that was not offered, an extension (ERR_PROTOCOL). The caller frees the result.
 */
struct ws *ws_open(const struct fetch_options *o, const struct ws_request *rq, int *ret_status,
		   struct err *e);
/* Closes the connection; takes NULL. */
void ws_free(struct ws *w);

/* The protocol that the server chose. */
const char *ws_protocol(const struct ws *w);
/* The connection, to poll: for reading always, for writing while ws_is_sending. */
int ws_fd(const struct ws *w);

enum ws_kind { WS_MESSAGE, WS_PONG, WS_CLOSED };

/* What came: a part of a message (text or binary), an answered ping, or the peer's close. */
struct ws_piece {
	enum ws_kind kind;
	bool first, last;   /* of the message; both for one that came whole */
	unsigned close_code; /* of WS_CLOSED: RFC 6455 7.4; 1005 when none was given */
	struct span bytes;  /* until the next call */
};

/*
 * 1 and the next piece; 0 when nothing has come (poll is then right to wait); -1: the connection has ended or the
 * peer broke the protocol (masked frames, reserved bits, long control frames ...). Pings are answered.
 */
int ws_receive(struct ws *w, struct ws_piece *ret_piece, struct err *e);

/* Takes one binary message, `head` and `body` together at most WS_SEND_MAX, while none is being sent. */
int ws_send(struct ws *w, struct span head, struct span body, struct err *e);
/* Asks the peer to show that it is there. */
int ws_ping(struct ws *w, struct err *e);
/* Says that nothing more will be sent (code 1000). */
int ws_close(struct ws *w, struct err *e);
/* Whether something is still on its way, so that ws_send must wait. */
bool ws_is_sending(const struct ws *w);
/* Goes on with it. */
int ws_flush(struct ws *w, struct err *e);

#endif
