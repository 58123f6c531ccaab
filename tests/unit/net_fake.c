/* See net_fake.h. */
#include "tests/unit/net_fake.h"

void fake_start(struct fake *f, unsigned conn_max)
{
	struct h1_pool_options o = {
		.limits = { .head_max = 4096, .field_count_max = 20, .head_timeout_ms = 400, .write_timeout_ms = 2000 },
		.conn_max = conn_max,
		.queue_timeout_ms = 300,
		.idle_timeout_ms = 400,
	};
	struct err e;

	f->loop = loop_new(&e);
	f->door = door_new(f->loop, &(struct door_options){ 0 });
	o.target = (struct conn_target){ .host = "127.0.0.1", .port = door_port(f->door), .timeout_ms = 3000 };
	f->pool = h1_pool_new(f->loop, &o);
}

void fake_stop(struct fake *f)
{
	h1_pool_free(f->pool);
	for (size_t i = 0; i < f->door->count; i++)
		WAIT_FOR(f->loop, !f->door->peers[i].c || (conn_close(f->door->peers[i].c), f->door->peers[i].closes));
	for (int i = 0; i < 20; i++)
		net_turn(f->loop);
	door_free(f->door);
	loop_free(f->loop);
}

void fake_ask(struct fake *f, struct test_ask *a, const char *method, const char *target, bool end)
{
	struct http_head head = test_head(method, target);

	test_ask_init(a);
	a->in_call = true;
	a->s = h1_pool_request(f->pool, &head, end, &test_ask_events, a);
	a->in_call = false;
}

/* Waits for the nth request on the ith connection and answers. */
void fake_answer(struct fake *f, size_t i, unsigned reads, const char *bytes)
{
	WAIT_FOR(f->loop, f->door->count > i && f->door->peers[i].reads >= reads);
	conn_write(f->door->peers[i].c, span_of(bytes));
}
