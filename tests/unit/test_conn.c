/* Plain connections and the listener: the callback contract, back-pressure, ends, limits. */
#include "tests/unit/net_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "lib/base/mem.h"

static struct loop *loop_make(void)
{
	struct err e;
	struct loop *l = loop_new(&e);

	assert_non_null(l);
	return l;
}

static void test_echo_and_end(void **state)
{
	struct loop *l = loop_make();
	struct door *d = door_new(l, &(struct door_options){ 0 });
	struct peer p;

	(void)state;
	d->echoes = d->ends_back = true;
	peer_dial(&p, l, door_port(d), NULL, NULL);
	WAIT_FOR(l, p.opens == 1);
	assert_string_equal(conn_peer_ip(p.c), "127.0.0.1");
	assert_memory_equal(conn_peer(p.c), "127.0.0.1:", 10);
	assert_string_equal(conn_alpn(p.c), "");
	assert_int_equal(conn_peer_cert(p.c).len, 0);
	p.in_call = true;
	conn_write(p.c, SPAN("hello "));
	conn_write(p.c, SPAN("world"));
	conn_end(p.c);
	conn_write(p.c, SPAN("never sent"));
	p.in_call = false;
	WAIT_FOR(l, p.closes && d->peers[0].closes);
	assert_true(span_equal_str(buf_span(&p.got), "hello world"));
	assert_int_equal(p.ends, 1);
	assert_int_equal(d->peers[0].ends, 1);
	assert_int_equal(p.why.code, ERR_NONE);
	assert_int_equal(d->peers[0].why.code, ERR_NONE);
	peer_free(&p);
	door_free(d);
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo_and_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
