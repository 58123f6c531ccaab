/* Recording a session on its way through central. */
#include "lib/gate/proxy_record.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/gate/exec_stream.h"
#include "lib/gate/proxy_upstream.h"
#include "lib/gate/recorder.h"

static bool is_session(const struct proxied *p)
{
	return p->resource && strcmp(p->resource, "pods") == 0 && p->api_group[0] == '\0' &&
	       (strcmp(p->subresource, "exec") == 0 || strcmp(p->subresource, "attach") == 0);
}

/* The kubelet behind a node's proxy runs commands, too. */
static bool may_hide_session(const struct proxied *p)
{
	const struct http_head *request = p->head;

	return p->resource && strcmp(p->resource, "nodes") == 0 && strcmp(p->subresource, "proxy") == 0 &&
	       (request->protocol.len ||
		!(span_equal_str(request->method, "GET") || span_equal_str(request->method, "HEAD")));
}

int proxy_record_check(const struct proxied *p, struct err *e)
{
	if (!p->central->recorder)
		return 0;
	if (may_hide_session(p))
		err_set(e, ERR_DENIED,
			"sessions are recorded here, and those through a node's proxy cannot be: only GET without upgrade");
	else if (is_session(p) && p->ask)
		err_set(e, ERR_DENIED, "sessions are recorded here, and one inside a command cannot be: use mk8s kubectl %s",
			p->subresource);
	else if (is_session(p) && p->head->protocol.len && !exec_stream_is_known(p->head))
		err_set(e, ERR_DENIED,
			"sessions are recorded here, and this one's protocol cannot be read: v5.channel.k8s.io, "
			"v4.channel.k8s.io and SPDY/3.1 can");
	else
		return 0;
	return 403;
}

static void record_ready(void *owner, const struct err *why)
{
	struct proxied *p = owner;
	char message[sizeof(why->text) + 80];

	p->pending--;
	p->recording_begins = false;
	(void)snprintf(message, sizeof(message), "the session cannot be recorded, so it is not begun: %s", why->text);
	if (why->code != ERR_NONE)
		proxied_refuse(p, 503, message, 5);
	else
		proxied_forward(p);
	proxied_free_if_unused(p);
}

static void record_failed(void *owner, const struct err *why)
{
	struct proxied *p = owner;

	if (p->relay)
		relay_abort(p->relay, why);
}

static void record_drained(void *owner)
{
	struct proxied *p = owner;

	if (p->relay)
		relay_hold(p->relay, false);
}

static const struct recording_events recording_events = { record_ready, record_failed, record_drained };

void proxy_record_forward(struct proxied *p)
{
	AUTO_FREE char *title = NULL;

	if (!p->central->recorder || !is_session(p) || !relay_request(p->relay)->protocol.len) {
		proxied_forward(p);
		return;
	}
	title = mem_printf("%s: %s %s/%s on %s", p->user, p->subresource, p->namespace, p->name, p->cluster);
	p->pending++;
	p->recording_begins = true;
	p->recording = recording_begin(p->central->recorder, p->id, title, &recording_events, p);
}

static void session_output(void *owner, int stream, struct span bytes)
{
	struct proxied *p = owner;

	recording_output(p->recording, stream, bytes);
}

static void session_resize(void *owner, unsigned width, unsigned height)
{
	struct proxied *p = owner;

	recording_resize(p->recording, width, height);
}

static const struct exec_events session_events = { session_output, session_resize };

/* relay_tap_fn: what cannot be read ends the session. */
static int session_bytes(void *ctx, bool from_down, struct span bytes, struct err *e)
{
	struct proxied *p = ctx;

	if (exec_stream_feed(p->session, from_down, bytes, e) < 0)
		return err_context(e, "the session cannot be recorded");
	if (recording_is_full(p->recording))
		relay_hold(p->relay, true);
	return 0;
}

bool proxy_record_granted(struct proxied *p, const struct http_head *answer)
{
	struct err e = { 0 };

	if (!p->recording)
		return true;
	p->session = exec_stream_new(relay_request(p->relay), answer, &session_events, p, &e);
	if (!p->session) {
		proxied_refuse(p, 502, e.text, 0);
		return false;
	}
	relay_set_tap(p->relay, session_bytes, p);
	return true;
}

void proxy_record_end(struct proxied *p)
{
	if (p->recording)
		recording_end(p->recording, p->session != NULL);
	if (p->recording_begins)
		p->pending--; /* record_ready will not come */
	p->recording_begins = false;
	exec_stream_free(p->session);
	p->recording = NULL;
	p->session = NULL;
}
