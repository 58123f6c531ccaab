/* One reversed connection as central holds it: hello, rules, bulk. */
#include "lib/gate/tunnel_link.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/net/http_ask.h"

#define LINK_ASK_TIMEOUT_MS 10000
#define LINK_ANSWER_MAX (16 * 1024)
#define LINK_BULK_AGAIN_MS 10000

/* Rules that the agent holds, or that are on their way to it. */
struct link_rules {
	bool known;
	struct rules_waiter *waiters;
};

struct rules_waiter {
	struct rules_waiter *next;
	void (*done)(void *owner, const struct err *why);
	void *owner;
};

static void link_ask(struct tunnel_link *k, const char *method, const char *target,
		     struct span body, http_ask_fn *done, void *owner)
{
	struct http_field fields[] = { { SPAN("content-type"), SPAN("application/json") } };
	struct http_head head = {
		.method = span_of(method),
		.scheme = SPAN("https"),
		.authority = SPAN("agent"),
		.target = span_of(target),
		.fields = fields,
		.field_count = body.len ? 1 : 0,
	};
	struct http_ask *a = http_ask_new(k->loop, LINK_ASK_TIMEOUT_MS, LINK_ANSWER_MAX, done, owner);

	http_ask_send(a, h2_request(k->h2, &head, body.len == 0, &http_ask_events, a), body);
}

/* The link lives longer than its streams, and with them longer than this answer. */
static void hello_done(void *owner, const struct err *why, int status, struct span body)
{
	struct tunnel_link *k = owner;
	struct err e = { 0 };
	AUTO_JSON struct json *hello = NULL;
	const char *kind, *instance;

	if (why->code != ERR_NONE || status != 200 ||
	    json_parse(body, JSON_LIMITS(LINK_ANSWER_MAX), &hello, &e) < 0 ||
	    !(kind = json_str(hello, "kind"))) {
		log_event(LOG_WARN, "agent without hello", LOG_STR("cluster_id", k->peer.cluster_id),
			  LOG_INT("status", status), LOG_STR("error", why->text));
		h2_close(k->h2);
		return;
	}
	k->bulk = strcmp(kind, "bulk") == 0;
	instance = json_str(hello, "instance");
	(void)snprintf(k->instance, sizeof(k->instance), "%s", instance ? instance : "");
	k->events.on_ready(k->events.owner, k);
}

static void link_h2_ready(void *owner, struct h2 *h UNUSED)
{
	link_ask(owner, "GET", "/mk8s/hello", SPAN_NONE, hello_done, owner);
}

static void tell_waiters(struct link_rules *rules, const struct err *why)
{
	struct rules_waiter *w = rules->waiters;

	rules->waiters = NULL;
	while (w) {
		struct rules_waiter *next = w->next;

		w->done(w->owner, why);
		free(w);
		w = next;
	}
}

static void link_h2_closed(void *owner, struct h2 *h UNUSED, const struct err *why UNUSED)
{
	struct tunnel_link *k = owner;
	size_t cursor = 0;

	k->events.on_closed(k->events.owner, k);
	for (struct link_rules *r; (r = map_next(k->rules, &cursor));)
		free(r); /* their waiters were told when the stream of the PUT closed */
	map_free(k->rules);
	free(k);
}

static const struct h2_events link_events = { .on_ready = link_h2_ready,
					      .on_close = link_h2_closed };

struct tunnel_link *tunnel_link_new(struct loop *l, struct conn *c, const struct h2_limits *limits,
				    const struct tunnel_peer *peer, const struct tunnel_link_events *events)
{
	struct tunnel_link *k = mem_new(sizeof(*k));

	k->loop = l;
	k->peer = *peer;
	k->events = *events;
	k->rules = map_new();
	k->h2 = h2_client_new(l, c, limits, &link_events, k);
	return k;
}

struct h2 *tunnel_link_h2(struct tunnel_link *k)
{
	return k->h2;
}

bool tunnel_link_knows(const struct tunnel_link *k, const char *rules_sha256)
{
	const struct link_rules *rules = map_get(k->rules, span_of(rules_sha256));

	return rules && rules->known;
}

static void rules_done(void *owner, const struct err *why, int status, struct span body UNUSED)
{
	struct link_rules *rules = owner;
	struct err e = *why;

	rules->known = e.code == ERR_NONE && status == 204;
	if (e.code == ERR_NONE && status != 204)
		err_set(&e, ERR_PROTOCOL, "the agent refused the rules with status %d", status);
	tell_waiters(rules, &e);
}

void tunnel_link_teach(struct tunnel_link *k, const char *rules_sha256, struct span rules_json,
		       void (*done)(void *owner, const struct err *why), void *owner)
{
	struct link_rules *rules = map_get(k->rules, span_of(rules_sha256));
	struct rules_waiter *w = mem_new(sizeof(*w));
	AUTO_FREE char *target = mem_printf("/mk8s/rules/%s", rules_sha256);
	bool is_first;

	if (!rules) {
		rules = mem_new(sizeof(*rules));
		(void)map_put(k->rules, span_of(rules_sha256), rules);
	}
	is_first = !rules->waiters;
	*w = (struct rules_waiter){ rules->waiters, done, owner };
	rules->waiters = w;
	if (is_first)
		link_ask(k, "PUT", target, rules_json, rules_done, rules);
}

void tunnel_link_forget(struct tunnel_link *k, const char *rules_sha256)
{
	struct link_rules *rules = map_get(k->rules, span_of(rules_sha256));

	if (rules)
		rules->known = false;
}

static void bulk_done(void *owner UNUSED, const struct err *why UNUSED, int status UNUSED,
		      struct span body UNUSED)
{
	/* The agent dials, or does not; until then the main connection serves. */
}

void tunnel_link_ask_bulk(struct tunnel_link *k)
{
	uint64_t now = loop_now_ms(k->loop);

	if (k->bulk_asked_ms && now - k->bulk_asked_ms < LINK_BULK_AGAIN_MS)
		return;
	k->bulk_asked_ms = now;
	link_ask(k, "POST", "/mk8s/bulk", SPAN_NONE, bulk_done, k);
}
