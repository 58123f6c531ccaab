/* The agent's reversed connections: dialled by us, asked on by central. */
#include <stdlib.h>
#include <strings.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/gate/agent_link_limits.h"
#include "lib/gate/agent_rules.h"

#define LINK_DIAL_TIMEOUT_MS 30000
#define LINK_BULK_IDLE_MS (5 * 60 * 1000)
#define LINK_SETTLE_MS 2000
#define LINK_CUT_MAX 3 /* links in a row that closed before their hello: register anew */

const struct h2_limits agent_h2_limits = {
	.stream_max = 1000,
	.stream_window = 1024 * 1024,
	.conn_window = 16 * 1024 * 1024,
	.head_max = 64 * 1024,
	.field_count_max = 64,
	.ping_interval_ms = 10000,
	.write_timeout_ms = 60000,
	.stall_timeout_ms = 24 * 3600 * 1000, /* of one stream: how long its user may stand still is central's matter */
	.reset_rate = 1000, /* central resets a stream for each user that goes away */
	.extended_connect = true,
};

struct agent_link {
	struct agent_link *next;
	struct agent *agent;
	struct h2 *h2; /* NULL while it is dialled */
	struct tls *tls; /* held: tells which certificate it runs with */
	struct agent_rules *rules;
	bool bulk, greeted, draining;
};

/* Whether `host` is exempt: NO_PROXY's comma list of names, suffixes and "*". */
static bool is_proxy_exempt(const char *host)
{
	const char *list = getenv("NO_PROXY") ? getenv("NO_PROXY") : getenv("no_proxy");
	struct span rest = span_of(list), part, name = span_of(host);

	while (span_take_part(&rest, ',', &part)) {
		part = span_trim(part);
		if (span_equal_str(part, "*"))
			return true;
		if (part.len && part.at[0] == '.')
			part = span_from(part.at + 1, part.len - 1);
		if (!part.len || part.len > name.len)
			continue;
		if (span_equal_nocase(span_from(name.at + (name.len - part.len), part.len), part) &&
		    (part.len == name.len || name.at[name.len - part.len - 1] == '.'))
			return true;
	}
	return false;
}

struct conn_target agent_target(const struct agent *a, struct tls *tls)
{
	const char *proxy = getenv("HTTPS_PROXY") ? getenv("HTTPS_PROXY") : getenv("https_proxy");

	return (struct conn_target){
		.host = a->host,
		.port = a->port,
		.tls = tls,
		.proxy = proxy && *proxy && !is_proxy_exempt(a->host) ? proxy : NULL,
		.timeout_ms = LINK_DIAL_TIMEOUT_MS,
	};
}

static void link_remove(struct agent_link *k)
{
	for (struct agent_link **at = &k->agent->links; *at; at = &(*at)->next) {
		if (*at == k) {
			*at = k->next;
			break;
		}
	}
	agent_rules_free(k->rules);
	tls_unref(k->tls);
	free(k);
}

static void link_gone(struct agent_link *k, const struct err *why)
{
	struct agent *a = k->agent;
	bool was_wanted = !k->bulk && !k->draining;
	bool cut = was_wanted && !k->greeted && k->h2;
	struct err e = *why;

	link_remove(k);
	if (a->stopping) {
		if (!a->links)
			agent_finish(a);
		return;
	}
	if (!was_wanted || agent_has_main_link(a))
		return;
	a->cut_links = cut ? a->cut_links + 1 : 0;
	if (a->cut_links >= LINK_CUT_MAX)
		agent_forget_certificate(a);
	if (e.code == ERR_NONE)
		err_set(&e, ERR_UNREACHABLE, "central closed the connection");
	agent_retry_later(a, "connection to central ended", &e);
}

static void link_h2_closed(void *owner, struct h2 *h UNUSED, const struct err *why)
{
	link_gone(owner, why);
}

static void link_h2_goaway(void *owner, struct h2 *h UNUSED)
{
	struct agent_link *k = owner;

	if (k->draining || k->bulk || k->agent->stopping)
		return;
	k->draining = true; /* central leaves or restarts: another connection takes over */
	agent_link_open(k->agent, false);
}

static void link_open(void *owner, struct conn *c)
{
	static const struct h2_events events = { .on_goaway = link_h2_goaway, .on_close = link_h2_closed };
	struct agent_link *k = owner;
	struct http_acceptor acceptor = { agent_serve, k };
	struct h2_limits limits = agent_h2_limits;

	if (k->bulk)
		limits.idle_timeout_ms = LINK_BULK_IDLE_MS;
	k->h2 = h2_server_new(k->agent->loop, c, &limits, &acceptor, &events, k);
}

static void link_failed(void *owner, const struct err *why)
{
	link_gone(owner, why);
}

void agent_link_open(struct agent *a, bool bulk)
{
	static const struct conn_events events = { .on_open = link_open, .on_close = link_failed };
	struct conn_target target = agent_target(a, a->link_tls);
	struct agent_link *k;

	for (k = a->links; k; k = k->next) {
		if (bulk && k->bulk && !k->draining)
			return;
	}
	k = mem_new(sizeof(*k));
	k->agent = a;
	k->bulk = bulk;
	k->tls = tls_ref(a->link_tls);
	k->rules = agent_rules_new();
	k->next = a->links;
	a->links = k;
	(void)conn_dial(a->loop, &target, &events, k);
}

static void link_drain(struct agent_link *k)
{
	if (k->draining)
		return;
	k->draining = true;
	if (k->h2)
		h2_drain(k->h2);
}

void agent_links_drain_old(struct agent *a)
{
	for (struct agent_link *k = a->links; k; k = k->next) {
		if (k->greeted && k->tls != a->link_tls)
			link_drain(k);
	}
}

void agent_links_drain_all(struct agent *a)
{
	for (struct agent_link *k = a->links; k; k = k->next)
		link_drain(k);
}

void agent_links_close(struct agent *a)
{
	for (struct agent_link *k = a->links; k; k = k->next) {
		if (k->h2)
			h2_close(k->h2);
	}
}

bool agent_has_main_link(const struct agent *a)
{
	for (const struct agent_link *k = a->links; k; k = k->next) {
		if (!k->bulk && !k->draining)
			return true;
	}
	return false;
}

void agent_link_greeted(struct agent_link *k)
{
	struct agent *a = k->agent;

	if (k->greeted)
		return;
	k->greeted = true;
	if (k->bulk)
		return;
	a->failures = 0;
	a->cut_links = 0;
	log_event(LOG_INFO, "connected to central", LOG_STR("central", a->host), LOG_INT("port", a->port));
	loop_timer_start(a->settle, LINK_SETTLE_MS, 0); /* central must have seen our hello before it loses the old link */
	loop_timer_start(a->report, 0, 5 * 60 * 1000);
}

struct agent *agent_link_agent(struct agent_link *k)
{
	return k->agent;
}

bool agent_link_is_bulk(const struct agent_link *k)
{
	return k->bulk;
}

struct agent_rules *agent_link_rules(struct agent_link *k)
{
	return k->rules;
}
