/* See net_stage.h. */
#include "tests/unit/net_stage.h"

void stage_start(struct stage *s)
{
	struct err e;

	s->loop = loop_new(&e);
	assert_non_null(s->loop);
	test_server_start(&s->server, s->loop);
	buf_init(&s->got, 64 * 1024 * 1024);
}

void stage_stop(struct stage *s)
{
	WAIT_FOR(s->loop, s->server.conns_closed == s->server.conns);
	assert_int_equal(s->server.open, 0);
	assert_int_equal(s->server.requests, s->server.closes);
	assert_int_equal(s->server.requests, s->server.observed);
	test_server_stop(&s->server);
	loop_free(s->loop);
	buf_free(&s->got);
}

/* Sends, and reads until `until` or the end. */
const char *talk(struct stage *s, int fd, const char *bytes, const char *until)
{
	buf_reset(&s->got);
	raw_send(fd, span_of(bytes));
	raw_read(s->loop, fd, until, 3000, &s->got);
	return buf_str(&s->got);
}
