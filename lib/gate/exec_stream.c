/* The streams of an exec session, read as they pass by. */
#include "lib/gate/exec_stream.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/format/base64.h"
#include "lib/format/json.h"
#include "lib/net/spdy_frames.h"
#include "lib/net/ws_frames.h"

/* The channels of v4.channel.k8s.io and its kin. */
enum { STDOUT = 1, STDERR = 2, RESIZE = 4, NO_CHANNEL = -1 };

enum {
	MESSAGE_MAX = 1024 * 1024, /* of base64: it is decoded whole */
	RESIZE_MAX = 4096,
	STREAMS_MAX = 16, /* of SPDY: a session has five */
	SIZE_MAX_COLUMNS = 65535,
};

/* One direction of a WebSocket. */
struct way {
	struct exec_stream *session;
	struct ws_frames frames;
	int channel; /* of the message under way */
	struct buf message;
};

struct spdy_stream {
	uint32_t id;
	int channel;
};

struct exec_stream {
	const struct exec_events *events;
	void *owner;
	bool is_base64;
	struct way client, server; /* of a WebSocket */
	struct spdy_frames *spdy_client, *spdy_server; /* NULL: it is a WebSocket */
	struct spdy_stream streams[STREAMS_MAX];
	size_t stream_count;
	struct buf resize; /* SPDY: JSON documents one behind another */
};

static const struct {
	const char *name;
	bool is_base64;
} subprotocols[] = {
	{ "v5.channel.k8s.io", false },	       { "v4.channel.k8s.io", false },
	{ "v3.channel.k8s.io", false },	       { "v2.channel.k8s.io", false },
	{ "channel.k8s.io", false },	       { "v4.base64.channel.k8s.io", true },
	{ "base64.channel.k8s.io", true },
};

/* -1: unknown. */
static int find_subprotocol(struct span name)
{
	for (size_t i = 0; i < COUNT_OF(subprotocols); i++)
		if (span_equal_str(name, subprotocols[i].name))
			return (int)i;
	return -1;
}

bool exec_stream_is_known(const struct http_head *request)
{
	if (span_equal_str(request->protocol, "spdy/3.1"))
		return true;
	if (!span_equal_str(request->protocol, "websocket"))
		return false;
	for (size_t i = 0; i < request->field_count; i++) {
		struct span rest = request->fields[i].value, part;

		if (!span_equal_str(request->fields[i].name, "sec-websocket-protocol"))
			continue;
		while (span_take_part(&rest, ',', &part)) {
			part = span_trim(part);
			if (find_subprotocol(part) < 0 &&
			    !span_starts(part, SPAN("base64url.bearer.authorization.k8s.io.")))
				return false;
		}
	}
	return true;
}

static void tell_resize(struct exec_stream *s, const struct json *size)
{
	int64_t width, height;

	if (json_int(size, "Width", &width) == 0 && json_int(size, "Height", &height) == 0 && width > 0 &&
	    height > 0 && width <= SIZE_MAX_COLUMNS && height <= SIZE_MAX_COLUMNS)
		s->events->on_resize(s->owner, (unsigned)width, (unsigned)height);
}

/* What is no size changes nothing for the server either. */
static void read_resize(struct exec_stream *s, struct span text)
{
	AUTO_JSON struct json *size = NULL;
	struct err ignored = { 0 };

	if (json_parse(span_trim(text), JSON_LIMITS(RESIZE_MAX), &size, &ignored) == 0)
		tell_resize(s, size);
}

/* WebSocket. */

static int end_base64(struct way *w, struct err *e)
{
	AUTO_BUF struct buf bytes;
	struct exec_stream *s = w->session;

	buf_init(&bytes, MESSAGE_MAX);
	if (w->channel != STDOUT && w->channel != STDERR && w->channel != RESIZE)
		return 0;
	if (base64_decode(buf_span(&w->message), BASE64_STD, &bytes, e) < 0)
		return err_context(e, "a message of the session");
	if (w->channel == RESIZE)
		read_resize(s, buf_span(&bytes));
	else
		s->events->on_output(s->owner, w->channel, buf_span(&bytes));
	return 0;
}

static int keep(struct way *w, struct span bytes, size_t max, struct err *e)
{
	if (w->message.len + bytes.len > max || buf_put_span(&w->message, bytes) < 0)
		return err_set(e, ERR_LIMIT, "a message of the session is larger than %zu bytes", max);
	return 0;
}

/* Of the client's messages only sizes are read: what is typed may be a password. */
static int take_part(struct way *w, struct span bytes, bool last, struct err *e)
{
	struct exec_stream *s = w->session;
	bool from_client = w == &s->client;
	int rc = 0;

	if (w->channel == NO_CHANNEL || from_client != (w->channel == RESIZE))
		return 0;
	if (!s->is_base64 && w->channel != RESIZE) {
		if (w->channel == STDOUT || w->channel == STDERR)
			s->events->on_output(s->owner, w->channel, bytes);
		return 0;
	}
	rc = keep(w, bytes, w->channel == RESIZE ? RESIZE_MAX : MESSAGE_MAX, e);
	if (rc == 0 && last && s->is_base64)
		rc = end_base64(w, e);
	else if (rc == 0 && last)
		read_resize(s, buf_span(&w->message));
	return rc;
}

static int on_part(void *owner, const struct ws_part *part, struct err *e)
{
	struct way *w = owner;
	struct span bytes = part->bytes;

	if (part->first) {
		w->channel = NO_CHANNEL;
		buf_reset(&w->message);
	}
	if (w->channel == NO_CHANNEL && bytes.len) {
		w->channel = (uint8_t)bytes.at[0];
		if (w->session->is_base64)
			w->channel -= '0';
		bytes = span_from(bytes.at + 1, bytes.len - 1);
	}
	return take_part(w, bytes, part->last, e);
}

/* SPDY. */

static int channel_of(struct span type)
{
	static const struct {
		const char *type;
		int channel;
	} rows[] = { { "stdout", STDOUT }, { "stderr", STDERR }, { "resize", RESIZE } };

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (span_equal_str(type, rows[i].type))
			return rows[i].channel;
	return NO_CHANNEL;
}

static int on_stream(void *owner, uint32_t stream, const struct http_field *fields, size_t count, struct err *e)
{
	struct exec_stream *s = owner;
	struct span type = SPAN_NONE;

	for (size_t i = 0; i < count; i++)
		if (span_equal_str(fields[i].name, "streamtype"))
			type = fields[i].value;
	for (size_t i = 0; i < s->stream_count; i++)
		if (s->streams[i].id == stream)
			return err_set(e, ERR_PROTOCOL, "a SPDY stream is opened twice");
	if (s->stream_count == STREAMS_MAX)
		return err_set(e, ERR_LIMIT, "the session opens more than %d streams", STREAMS_MAX);
	if (memchr(type.at ? type.at : "", '\0', type.len))
		return err_set(e, ERR_PROTOCOL, "a SPDY stream has more than one type");
	s->streams[s->stream_count++] = (struct spdy_stream){ stream, channel_of(type) };
	return 0;
}

/* The server opens none that matter. */
static int on_server_stream(void *owner UNUSED, uint32_t stream UNUSED, const struct http_field *fields UNUSED,
			    size_t count UNUSED, struct err *e UNUSED)
{
	return 0;
}

static int channel_of_stream(const struct exec_stream *s, uint32_t stream)
{
	for (size_t i = 0; i < s->stream_count; i++)
		if (s->streams[i].id == stream)
			return s->streams[i].channel;
	return NO_CHANNEL;
}

static int on_server_data(void *owner, uint32_t stream, struct span bytes, struct err *e UNUSED)
{
	struct exec_stream *s = owner;
	int channel = channel_of_stream(s, stream);

	if (channel == STDOUT || channel == STDERR)
		s->events->on_output(s->owner, channel, bytes);
	return 0;
}

/* A document ends with its brace: sizes hold no other. */
static int on_client_data(void *owner, uint32_t stream, struct span bytes, struct err *e)
{
	struct exec_stream *s = owner;

	if (channel_of_stream(s, stream) != RESIZE)
		return 0;
	for (size_t i = 0; i < bytes.len; i++) {
		if (s->resize.len == RESIZE_MAX)
			return err_set(e, ERR_LIMIT, "a terminal's size is larger than %d bytes", RESIZE_MAX);
		(void)buf_put_char(&s->resize, bytes.at[i] == '\n' ? ' ' : bytes.at[i]);
		if (bytes.at[i] != '}')
			continue;
		read_resize(s, buf_span(&s->resize));
		buf_reset(&s->resize);
	}
	return 0;
}

static const struct spdy_frames_events client_events = { on_stream, on_client_data };
static const struct spdy_frames_events server_events = { on_server_stream, on_server_data };

struct exec_stream *exec_stream_new(const struct http_head *request, const struct http_head *answer,
				    const struct exec_events *events, void *owner, struct err *e)
{
	const struct span *chosen = http_field_find(answer, "sec-websocket-protocol");
	bool is_spdy = span_equal_str(request->protocol, "spdy/3.1");
	int known = chosen ? find_subprotocol(*chosen) : -1;
	struct exec_stream *s;

	if (!is_spdy && chosen && known < 0) {
		err_set(e, ERR_PROTOCOL, "the session's subprotocol is not known");
		return NULL;
	}
	s = mem_new(sizeof(*s));
	s->events = events;
	s->owner = owner;
	s->is_base64 = known >= 0 && subprotocols[known].is_base64;
	s->client = (struct way){ .session = s, .channel = NO_CHANNEL };
	s->server = s->client;
	ws_frames_init(&s->client.frames, true);
	ws_frames_init(&s->server.frames, false);
	buf_init(&s->client.message, MESSAGE_MAX);
	buf_init(&s->server.message, MESSAGE_MAX);
	buf_init(&s->resize, RESIZE_MAX);
	if (is_spdy) {
		s->spdy_client = spdy_frames_new(&client_events, s);
		s->spdy_server = spdy_frames_new(&server_events, s);
	}
	return s;
}

void exec_stream_free(struct exec_stream *s)
{
	if (!s)
		return;
	spdy_frames_free(s->spdy_client);
	spdy_frames_free(s->spdy_server);
	buf_free(&s->client.message);
	buf_free(&s->server.message);
	buf_free(&s->resize);
	free(s);
}

int exec_stream_feed(struct exec_stream *s, bool from_client, struct span bytes, struct err *e)
{
	struct way *w = from_client ? &s->client : &s->server;

	if (s->spdy_client)
		return spdy_frames_feed(from_client ? s->spdy_client : s->spdy_server, bytes, e);
	return ws_frames_feed(&w->frames, bytes, on_part, w, e);
}
