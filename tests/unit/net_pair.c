/* See net_pair.h. */
#include "tests/unit/net_pair.h"

static void pair_on_ready(void *owner, struct h2 *h UNUSED)
{
	((struct pair *)owner)->readies++;
}

static void pair_on_goaway(void *owner, struct h2 *h UNUSED)
{
	((struct pair *)owner)->goaways++;
}

static void pair_on_close(void *owner, struct h2 *h UNUSED, const struct err *why)
{
	struct pair *p = owner;

	p->closes++;
	p->why = *why;
	p->h2 = NULL;
}

static void pair_on_open(void *owner, struct conn *c)
{
	static const struct h2_events events = { pair_on_ready, pair_on_goaway, pair_on_close };
	struct pair *p = owner;

	p->h2 = h2_client_new(p->stage.loop, c, &p->limits, &events, p);
}

static void pair_on_dial_failed(void *owner, const struct err *why)
{
	(void)owner;
	fail_msg("%s", why->text);
}

void pair_dial(struct pair *p)
{
	static const struct conn_events events = { .on_open = pair_on_open, .on_close = pair_on_dial_failed };
	struct conn_target target = { .host = "127.0.0.1", .port = test_server_port(&p->stage.server), .timeout_ms = 3000 };

	p->readies = 0;
	p->conn = conn_dial(p->stage.loop, &target, &events, p);
	WAIT_FOR(p->stage.loop, p->readies == 1);
}

void pair_start(struct pair *p)
{
	if (!p->limits.head_max)
		p->limits = (struct h2_limits){
			.stream_max = 100,
			.stream_window = 256 * 1024,
			.conn_window = 1024 * 1024,
			.head_max = 16 * 1024,
			.field_count_max = 100,
		};
	stage_start_h2(&p->stage);
	pair_dial(p);
}

void pair_stop(struct pair *p)
{
	if (p->h2)
		h2_close(p->h2);
	WAIT_FOR(p->stage.loop, !p->h2);
	stage_stop(&p->stage);
}

void pair_ask(struct pair *p, struct test_ask *a, const char *method, const char *target, bool end)
{
	struct http_head head = test_head(method, target);

	test_ask_init(a);
	a->in_call = true;
	a->s = h2_request(p->h2, &head, end, &test_ask_events, a);
	a->in_call = false;
}
