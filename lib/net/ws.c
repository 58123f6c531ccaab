/* The WebSocket client: the handshake, and frames as libcurl gives and takes them. */
#include "lib/net/ws.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/random.h"
#include "lib/format/base64.h"
#include "lib/net/fetch_inner.h"

enum { KEY_SIZE = 16, CONTROL_MAX = 125, VALUE_SIZE = 128, FIELDS_MAX = 16, NO_CODE = 1005 };

/* RFC 6455 1.3: what the server puts behind our key. */
#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

/* Control frames: one of each waits at most. */
enum { PONG, PING, CLOSE, CONTROLS };

/* A frame on its way, or waiting for one that is. */
struct out {
	char *at;
	size_t size, len, sent;
	unsigned flags; /* CURLWS_*; 0: nothing */
};

struct ws {
	struct fetch *f;
	struct fetch_request fetch_rq;
	struct fetch_try t; /* libcurl's options point into it */
	struct fetch_answer answer;
	char *url; /* wss:// */
	char key[32];
	char protocol[VALUE_SIZE];
	bool goes_on; /* the last piece did not end its message */
	struct out message;
	struct out control[CONTROLS];
	struct out *begun; /* has to be finished before any other */
	char message_bytes[WS_SEND_MAX], control_bytes[CONTROLS][CONTROL_MAX];
	char in[WS_PIECE_MAX];
};

static void make_key(struct ws *w)
{
	uint8_t bytes[KEY_SIZE];
	struct buf text;

	random_bytes(bytes, sizeof(bytes));
	buf_init(&text, sizeof(w->key));
	base64_encode(span_from(bytes, sizeof(bytes)), BASE64_STD, &text);
	(void)span_to_str(buf_span(&text), w->key, sizeof(w->key)); /* 24 characters */
	buf_free(&text);
}

static bool is_accepted(const struct ws *w)
{
	AUTO_FREE char *text = mem_printf("%s%s", w->key, ACCEPT_GUID);
	uint8_t hash[HASH_SHA1_SIZE];
	char given[VALUE_SIZE];
	struct buf wanted;
	bool same;

	hash_sha1(span_of(text), hash);
	buf_init(&wanted, VALUE_SIZE);
	base64_encode(span_from(hash, sizeof(hash)), BASE64_STD, &wanted);
	same = fetch_answer_field(&w->answer, "sec-websocket-accept", given, sizeof(given)) &&
	       span_equal_str(buf_span(&wanted), given);
	buf_free(&wanted);
	return same;
}

static bool is_offered(const char *protocols, const char *protocol)
{
	struct span rest = span_of(protocols), part;

	while (span_take_part(&rest, ',', &part))
		if (span_equal_str(span_trim(part), protocol))
			return true;
	return false;
}

static int check_answer(struct ws *w, const char *protocols, struct err *e)
{
	const char *origin = w->t.origin;
	char value[VALUE_SIZE];

	if (!fetch_answer_field(&w->answer, "upgrade", value, sizeof(value)) ||
	    !span_equal_nocase(span_of(value), SPAN("websocket")) || !is_accepted(w))
		return err_set(e, ERR_PROTOCOL, "%s answered an upgrade as no WebSocket server does",
			       origin);
	if (fetch_answer_field(&w->answer, "sec-websocket-extensions", value, sizeof(value)))
		return err_set(e, ERR_PROTOCOL, "%s uses a WebSocket extension that was not offered",
			       origin);
	if (!fetch_answer_field(&w->answer, "sec-websocket-protocol", w->protocol,
				sizeof(w->protocol)) ||
	    !is_offered(protocols, w->protocol))
		return err_set(e, ERR_PROTOCOL, "%s speaks none of the protocols offered (%s)", origin,
			       protocols);
	return 0;
}

/* libcurl takes ws:// and wss:// for WebSockets. */
static char *socket_url(const char *url)
{
	const char *rest = strchr(url, ':');
	bool tls = rest && span_equal_nocase(span_from(url, (size_t)(rest - url)), SPAN("https"));

	return mem_printf("%s%s", tls ? "wss" : "ws", rest ? rest : "");
}

static void set_options(struct ws *w)
{
	CURL *easy = w->f->easy;

	(void)curl_easy_setopt(easy, CURLOPT_URL, w->url);
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "ws,wss");
	(void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 2L);
	/* libcurl's own answer would come into the middle of a message that is half sent */
	(void)curl_easy_setopt(easy, CURLOPT_WS_OPTIONS, (long)CURLWS_NOAUTOPONG);
}

static int shake_hands(struct ws *w, const struct ws_request *rq, int *ret_status, struct err *e)
{
	CURLcode rc;

	if (fetch_try_prepare(&w->t, e) < 0)
		return -1;
	w->url = socket_url(rq->url);
	set_options(w);
	rc = fetch_try_perform(&w->t);
	*ret_status = w->answer.status;
	if (rc == CURLE_HTTP_RETURNED_ERROR)
		return err_set(e, ERR_PROTOCOL, "%s refused the upgrade with status %d", w->t.origin,
			       w->answer.status);
	if (rc != CURLE_OK)
		return fetch_describe(&w->t, rc, e);
	return check_answer(w, rq->protocols, e);
}

static struct ws *new_of(struct fetch *f, const struct ws_request *rq)
{
	struct ws *w = mem_new(sizeof(*w));

	w->f = f;
	w->fetch_rq = (struct fetch_request){ .url = rq->url, .fields = rq->fields };
	w->fetch_rq.timeout_ms = rq->timeout_ms ? rq->timeout_ms : FETCH_TIMEOUT_MS;
	w->t = (struct fetch_try){ .f = f, .rq = &w->fetch_rq, .answer = &w->answer };
	w->t.deadline_ms = clock_mono_ms() + w->fetch_rq.timeout_ms;
	w->message = (struct out){ .at = w->message_bytes, .size = WS_SEND_MAX };
	for (size_t i = 0; i < CONTROLS; i++)
		w->control[i] = (struct out){ .at = w->control_bytes[i], .size = CONTROL_MAX };
	make_key(w);
	return w;
}

struct ws *ws_open(const struct fetch_options *o, const struct ws_request *rq, int *ret_status,
		   struct err *e)
{
	AUTO_FREE char *protocols = mem_printf("Sec-WebSocket-Protocol: %s", rq->protocols);
	const char *fields[FIELDS_MAX] = { protocols };
	AUTO_FREE char *key = NULL;
	struct ws_request all = *rq;
	struct fetch *f;
	struct ws *w;
	size_t count = 2;

	*ret_status = 0;
	f = fetch_new(o, e);
	if (!f)
		return NULL;
	all.fields = fields;
	w = new_of(f, &all);
	fields[1] = key = mem_printf("Sec-WebSocket-Key: %s", w->key);
	for (size_t i = 0; rq->fields && rq->fields[i]; i++) {
		assert(count < FIELDS_MAX - 1);
		fields[count++] = rq->fields[i];
	}
	if (shake_hands(w, &all, ret_status, e) < 0) {
		ws_free(w);
		return NULL;
	}
	w->fetch_rq = (struct fetch_request){ 0 }; /* its strings are the caller's */
	return w;
}

void ws_free(struct ws *w)
{
	if (!w)
		return;
	(void)curl_multi_remove_handle(w->f->multi, w->f->easy);
	fetch_free(w->f);
	fetch_try_wipe_fields(&w->t);
	fetch_answer_free(&w->answer);
	free(w->url);
	secret_wipe(w, sizeof(*w)); /* what was typed may be a password */
	free(w);
}

const char *ws_protocol(const struct ws *w)
{
	return w->protocol;
}

int ws_fd(const struct ws *w)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	(void)curl_easy_getinfo(w->f->easy, CURLINFO_ACTIVESOCKET, &fd);
	return fd;
}

static int describe(struct ws *w, CURLcode rc, struct err *e)
{
	if (w->t.curl_text[0] && strncmp(w->t.curl_text, "[WS]", 4) == 0)
		return err_set(e, ERR_PROTOCOL, "%s broke the WebSocket protocol:%s", w->t.origin,
			       w->t.curl_text + 4);
	if (rc == CURLE_GOT_NOTHING || rc == CURLE_RECV_ERROR || rc == CURLE_SEND_ERROR)
		return err_set(e, ERR_UNREACHABLE, "the connection to %s ended early", w->t.origin);
	return err_set(e, ERR_PROTOCOL, "the connection to %s failed: %s", w->t.origin,
		       curl_easy_strerror(rc));
}

static struct out *next_out(struct ws *w)
{
	for (size_t i = 0; i < CONTROLS; i++)
		if (w->control[i].flags)
			return &w->control[i];
	return w->message.flags ? &w->message : NULL;
}

bool ws_is_sending(const struct ws *w)
{
	return w->begun || w->message.flags || w->control[PONG].flags || w->control[PING].flags ||
	       w->control[CLOSE].flags;
}

int ws_flush(struct ws *w, struct err *e)
{
	for (;;) {
		struct out *o = w->begun ? w->begun : next_out(w);
		size_t sent = 0;
		CURLcode rc;

		if (!o)
			return 0;
		w->begun = o;
		rc = curl_ws_send(w->f->easy, o->at + o->sent, o->len - o->sent, &sent, 0, o->flags);
		o->sent += sent;
		if (rc == CURLE_AGAIN || (rc == CURLE_OK && o->sent < o->len))
			return 0;
		if (rc != CURLE_OK)
			return describe(w, rc, e);
		o->flags = 0;
		w->begun = NULL;
	}
}

static void put_out(struct out *o, unsigned flags, struct span head, struct span body)
{
	assert(head.len <= o->size && body.len <= o->size - head.len);
	if (head.len)
		memcpy(o->at, head.at, head.len);
	if (body.len)
		memcpy(o->at + head.len, body.at, body.len);
	o->len = head.len + body.len;
	o->sent = 0;
	o->flags = flags;
}

int ws_send(struct ws *w, struct span head, struct span body, struct err *e)
{
	assert(!w->message.flags);
	put_out(&w->message, CURLWS_BINARY, head, body);
	return ws_flush(w, e);
}

/* One of each kind waits; a second one says nothing that the first does not. */
static int send_control(struct ws *w, int which, unsigned flags, struct span bytes, struct err *e)
{
	if (!w->control[which].flags)
		put_out(&w->control[which], flags, bytes, SPAN_NONE);
	return ws_flush(w, e);
}

int ws_ping(struct ws *w, struct err *e)
{
	return send_control(w, PING, CURLWS_PING, SPAN_NONE, e);
}

int ws_close(struct ws *w, struct err *e)
{
	return send_control(w, CLOSE, CURLWS_CLOSE, SPAN("\x03\xe8"), e);
}

static void take_piece(struct ws *w, const struct curl_ws_frame *frame, size_t len,
		       struct ws_piece *ret)
{
	bool ends = frame->bytesleft == 0;

	*ret = (struct ws_piece){ .kind = WS_MESSAGE, .bytes = span_from(w->in, len) };
	if (frame->flags & CURLWS_PONG) {
		ret->kind = WS_PONG;
	} else if (frame->flags & CURLWS_CLOSE) {
		ret->kind = WS_CLOSED;
		ret->close_code = len < 2 ? NO_CODE
					  : (unsigned)(unsigned char)w->in[0] << 8 | (unsigned char)w->in[1];
	} else {
		ret->first = !w->goes_on;
		ret->last = ends && !(frame->flags & CURLWS_CONT);
		w->goes_on = !ret->last;
	}
}

int ws_receive(struct ws *w, struct ws_piece *ret_piece, struct err *e)
{
	for (;;) {
		const struct curl_ws_frame *frame = NULL;
		size_t len = 0;
		CURLcode rc = curl_ws_recv(w->f->easy, w->in, sizeof(w->in), &len, &frame);

		if (rc == CURLE_AGAIN)
			return 0;
		if (rc != CURLE_OK)
			return describe(w, rc, e);
		if (!(frame->flags & CURLWS_PING)) {
			take_piece(w, frame, len, ret_piece);
			return 1;
		}
		if (len > CONTROL_MAX || frame->bytesleft)
			continue; /* libcurl gives a small frame whole, unless it came in parts */
		if (send_control(w, PONG, CURLWS_PONG, span_from(w->in, len), e) < 0)
			return -1;
	}
}
