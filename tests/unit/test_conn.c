/* Plain connections: the callback contract, back-pressure, ends. */
#include "tests/unit/net_peer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "lib/base/mem.h"

static void test_echo_and_end(void **state)
{
	struct loop *l = net_loop_new();
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

/* Closes with a reset. */
static void raw_reset(int fd)
{
	struct linger now = { .l_onoff = 1 };

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(fd);
}

/* A port on which nobody listens. */
static uint16_t port_without_listener(struct loop *l)
{
	struct door *d = door_new(l, &(struct door_options){ 0 });
	uint16_t port = door_port(d);

	door_free(d);
	return port;
}

static void test_dial_that_fails(void **state)
{
	static const struct {
		const char *host, *proxy;
		enum err_code code;
		const char *says;
	} rows[] = {
		{ "127.0.0.1", NULL, ERR_UNREACHABLE, "(127.0.0.1): connection refused" },
		{ "localhost", NULL, ERR_UNREACHABLE, "connection refused" },
		{ "no-such-name.invalid", NULL, ERR_UNREACHABLE,
		  "cannot resolve the name of no-such-name.invalid:" },
		{ "a..b", NULL, ERR_UNREACHABLE, "cannot resolve" },
		{ "", NULL, ERR_INPUT, "'' is not a host name" },
		{ "127.0.0.1", "127.0.0.1:1", ERR_INPUT, "http://[user:password@]host:port" },
		{ "127.0.0.1", "https://127.0.0.1:1", ERR_INPUT, "only http" },
		{ "127.0.0.1", "http://a%zz:secret@127.0.0.1:1", ERR_INPUT, "malformed" },
		{ "127.0.0.1", "http://127.0.0.1:1", ERR_UNREACHABLE, "the proxy 127.0.0.1:1" },
		{ "127.0.0.1", "http://[::1]:1", ERR_UNREACHABLE, "the proxy [::1]:1" },
	};
	struct loop *l = net_loop_new();
	uint16_t port = port_without_listener(l);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct conn_target target = { .host = rows[i].host,
					      .port = port,
					      .proxy = rows[i].proxy,
					      .timeout_ms = 10000 };
		struct peer p;

		peer_init(&p);
		p.in_call = true;
		p.c = conn_dial(l, &target, &peer_events, &p);
		assert_non_null(p.c);
		assert_int_equal(p.closes, 0);
		p.in_call = false;
		WAIT_FOR(l, p.closes);
		print_message("row %zu: %s\n", i, p.why.text);
		assert_int_equal(p.opens, 0);
		assert_int_equal(p.why.code, rows[i].code);
		assert_non_null(strstr(p.why.text, rows[i].says));
		assert_null(strstr(p.why.text, "secret"));
		peer_free(&p);
	}
	loop_free(l);
}

static void test_dial_to_a_name_tries_every_address(void **state)
{
	struct loop *l = net_loop_new();
	struct door *d = door_new(l, &(struct door_options){ 0 }); /* IPv4 only */
	struct conn_target target = { .host = "localhost",
				      .port = door_port(d),
				      .timeout_ms = 5000 };
	struct peer p;

	(void)state;
	peer_init(&p);
	p.c = conn_dial(l, &target, &peer_events, &p);
	assert_memory_equal(conn_peer(p.c), "localhost:", 10);
	WAIT_FOR(l, p.opens);
	assert_string_equal(conn_peer_ip(p.c), "127.0.0.1");
	conn_close(p.c);
	WAIT_FOR(l, p.closes);
	peer_free(&p);
	door_free(d);
	loop_free(l);
}

static void test_close_while_dialling(void **state)
{
	static const char *const hosts[] = { "127.0.0.1", "localhost", "no-such-name.invalid" };
	struct loop *l = net_loop_new();
	struct door *d = door_new(l, &(struct door_options){ 0 });

	(void)state;
	for (size_t i = 0; i < 2 * COUNT_OF(hosts); i++) {
		struct conn_target target = { .host = hosts[i / 2],
					      .port = door_port(d),
					      .timeout_ms = 5000 };
		struct peer p;

		peer_init(&p);
		p.in_call = true;
		p.c = conn_dial(l, &target, &peer_events, &p);
		if (i % 2) {
			p.in_call = false;
			net_turn(l);
			p.in_call = true;
		}
		if (p.c) {
			conn_close(p.c);
			conn_close(p.c);
			conn_close_after_flush(p.c, 1000);
			assert_int_equal(p.closes, 0);
			p.in_call = false;
			WAIT_FOR(l, p.closes);
			assert_int_equal(p.why.code, ERR_NONE);
		}
		peer_free(&p);
	}
	door_free(d);
	loop_free(l);
}

static void test_end_from_the_other_side(void **state)
{
	struct loop *l = net_loop_new();
	struct door *d = door_new(l, &(struct door_options){ 0 });
	struct peer p;

	(void)state;
	peer_dial(&p, l, door_port(d), NULL, NULL);
	WAIT_FOR(l, p.opens && d->count);
	conn_end(p.c);
	WAIT_FOR(l, d->peers[0].ends);
	net_turn(l);
	assert_int_equal(d->peers[0].closes, 0); /* our direction is still open */
	conn_write(d->peers[0].c, SPAN("late answer"));
	WAIT_FOR(l, p.got.len);
	assert_int_equal(p.ends, 0);
	conn_end(d->peers[0].c);
	WAIT_FOR(l, p.closes && d->peers[0].closes);
	assert_int_equal(p.ends, 1);
	assert_int_equal(p.why.code, ERR_NONE);
	assert_int_equal(d->peers[0].why.code, ERR_NONE);
	peer_free(&p);
	door_free(d);
	loop_free(l);
}

static void test_pause_stops_the_kernel_and_drain_follows(void **state)
{
	const size_t len = 24 * 1024 * 1024;
	char *sent = net_pattern_new(len);
	struct loop *l = net_loop_new();
	struct door *d = door_new(l, &(struct door_options){ 0 });
	size_t stuck;
	struct peer p;

	(void)state;
	peer_dial(&p, l, door_port(d), NULL, NULL);
	WAIT_FOR(l, p.opens && d->count);
	conn_pause(d->peers[0].c);
	p.in_call = true;
	conn_write(p.c, span_from(sent, len / 2));
	conn_write(p.c, span_from(sent + len / 2, len - len / 2));
	assert_in_range(conn_queued(p.c), 1, len);
	p.in_call = false;
	for (int i = 0; i < 50; i++)
		net_turn(l);
	stuck = conn_queued(p.c);
	assert_in_range(stuck, len / 2, len); /* what the kernel's buffers did not take */
	assert_int_equal(d->peers[0].reads, 0);
	assert_int_equal(p.drains, 0);
	d->peers[0].in_call = true;
	conn_resume(d->peers[0].c);
	conn_resume(d->peers[0].c);
	d->peers[0].in_call = false;
	d->peers[0].pauses = true; /* now one read at a time */
	for (int i = 0; i < 20; i++) {
		unsigned reads = d->peers[0].reads;

		WAIT_FOR(l, d->peers[0].reads > reads);
		assert_int_equal(d->peers[0].reads, reads + 1);
		net_turn(l);
		assert_int_equal(d->peers[0].reads, reads + 1);
		conn_resume(d->peers[0].c);
	}
	d->peers[0].pauses = false;
	WAIT_FOR(l, d->peers[0].got.len == len);
	assert_memory_equal(d->peers[0].got.at, sent, len);
	assert_int_equal(p.drains, 1);
	assert_int_equal(conn_queued(p.c), 0);
	conn_write(p.c, SPAN("small")); /* never above the mark: no drain */
	WAIT_FOR(l, d->peers[0].got.len == len + 5);
	assert_int_equal(p.drains, 1);
	conn_close(p.c);
	WAIT_FOR(l, p.closes && d->peers[0].ends);
	free(sent);
	peer_free(&p);
	door_free(d);
	loop_free(l);
}

static void test_two_ready_in_one_round_the_first_closes_both(void **state)
{
	struct loop *l = net_loop_new();
	struct door *d = door_new(l, &(struct door_options){ 0 });
	int fds[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		fds[i] = net_raw_connect(door_port(d));
	WAIT_FOR(l, d->count == 2);
	for (int i = 0; i < 2; i++) {
		d->peers[i].also_close = d->peers[1 - i].c;
		d->peers[i].also_check = &d->peers[1 - i];
		assert_int_equal(write(fds[i], "x", 1), 1);
	}
	usleep(20 * 1000);
	WAIT_FOR(l, d->peers[0].closes && d->peers[1].closes);
	assert_int_equal(d->peers[0].reads + d->peers[1].reads, 1);
	assert_int_equal(d->peers[0].why.code, ERR_NONE);
	assert_int_equal(d->peers[1].why.code, ERR_NONE);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	door_free(d);
	loop_free(l);
}

static void test_reset_by_the_peer(void **state)
{
	struct loop *l = net_loop_new();
	struct door *d = door_new(l, &(struct door_options){ 0 });
	int fd = net_raw_connect(door_port(d));

	(void)state;
	WAIT_FOR(l, d->count == 1);
	raw_reset(fd);
	WAIT_FOR(l, d->peers[0].closes);
	print_message("%s\n", d->peers[0].why.text);
	assert_int_equal(d->peers[0].why.code, ERR_UNREACHABLE);
	assert_memory_equal(d->peers[0].why.text, "connection to 127.0.0.1:", 24);
	assert_non_null(strstr(d->peers[0].why.text, "connection reset by peer"));
	assert_int_equal(d->peers[0].ends, 0);
	/* the next one while we write */
	fd = net_raw_connect(door_port(d));
	WAIT_FOR(l, d->count == 2);
	raw_reset(fd);
	for (int i = 0; i < 100 && d->peers[1].c; i++) {
		conn_write(d->peers[1].c, SPAN("x"));
		net_turn(l);
	}
	assert_int_equal(d->peers[1].closes, 1);
	assert_int_equal(d->peers[1].why.code, ERR_UNREACHABLE);
	door_free(d);
	loop_free(l);
}

static void test_close_after_flush_delivers_all(void **state)
{
	const size_t len = 8 * 1024 * 1024;
	char *sent = net_pattern_new(len);
	struct loop *l = net_loop_new();
	struct door *d = door_new(l, &(struct door_options){ 0 });
	struct peer p;

	(void)state;
	peer_dial(&p, l, door_port(d), NULL, NULL);
	WAIT_FOR(l, p.opens && d->count);
	p.ends_back = true;
	d->peers[0].in_call = true; /* it hears nothing of what the other still sends */
	conn_write(d->peers[0].c, span_from(sent, len));
	conn_close_after_flush(d->peers[0].c, 5000);
	conn_close_after_flush(d->peers[0].c, 1);
	conn_write(d->peers[0].c, SPAN("never sent"));
	for (int i = 0; i < 10 && p.c; i++) { /* input unread at a close would become a reset */
		conn_write(p.c, span_from(sent, 100 * 1000));
		net_turn(l);
	}
	WAIT_FOR(l, p.closes && d->peers[0].closes);
	assert_int_equal(p.why.code, ERR_NONE);
	assert_int_equal(p.ends, 1);
	assert_int_equal(p.got.len, len);
	assert_memory_equal(p.got.at, sent, len);
	assert_int_equal(d->peers[0].why.code, ERR_NONE);
	free(sent);
	peer_free(&p);
	door_free(d);
	loop_free(l);
}

static void test_close_after_flush_has_an_end(void **state)
{
	const size_t len = 16 * 1024 * 1024;
	struct loop *l = net_loop_new();
	struct door *d = door_new(l, &(struct door_options){ 0 });
	char *sent = net_pattern_new(len);
	uint64_t began_ms = clock_mono_ms();
	struct peer p;

	(void)state;
	peer_dial(&p, l, door_port(d), NULL, NULL);
	WAIT_FOR(l, p.opens && d->count);
	conn_pause(p.c); /* it never reads */
	conn_write(d->peers[0].c, span_from(sent, len));
	conn_close_after_flush(d->peers[0].c, 200);
	WAIT_FOR(l, d->peers[0].closes);
	assert_in_range(clock_mono_ms() - began_ms, 190, 5000);
	assert_int_equal(d->peers[0].why.code, ERR_NONE);
	/* with an empty queue, and a peer that does not close: the time to linger */
	conn_close(p.c);
	WAIT_FOR(l, p.closes);
	peer_free(&p);
	peer_dial(&p, l, door_port(d), NULL, NULL);
	WAIT_FOR(l, p.opens && d->count == 2);
	conn_close_after_flush(d->peers[1].c, 60 * 1000);
	WAIT_FOR(l, d->peers[1].closes);
	conn_close(p.c);
	WAIT_FOR(l, p.closes);
	free(sent);
	peer_free(&p);
	door_free(d);
	loop_free(l);
}

static void test_loop_free_with_everything_open(void **state)
{
	struct loop *l = net_loop_new();
	struct door *d = door_new(l, &(struct door_options){ 0 });
	struct conn_target target = { .host = "localhost", .port = 1, .timeout_ms = 1000 };
	struct peer open, closing, dialling, resolving;
	int fd = net_raw_connect(door_port(d));

	(void)state;
	peer_dial(&open, l, door_port(d), NULL, NULL);
	peer_dial(&closing, l, door_port(d), NULL, NULL);
	WAIT_FOR(l, open.opens && closing.opens && d->count == 3);
	peer_dial(&dialling, l, door_port(d), NULL, NULL);
	peer_init(&resolving);
	resolving.c = conn_dial(l, &target, &peer_events, &resolving);
	conn_write(open.c, SPAN("lost"));
	conn_close(closing.c);
	loop_free(l);
	assert_int_equal(open.closes + closing.closes + dialling.closes + resolving.closes, 0);
	assert_int_equal(d->peers[0].closes, 0);
	close(fd);
	d->listener = NULL; /* gone with the loop */
	door_free(d);
}

static void test_close_drops_what_is_queued(void **state)
{
	struct loop *l = net_loop_new();
	struct door *d = door_new(l, &(struct door_options){ 0 });
	int fd = net_raw_connect(door_port(d));
	char byte;

	(void)state;
	WAIT_FOR(l, d->count == 1);
	conn_write(d->peers[0].c, SPAN("dropped"));
	conn_close(d->peers[0].c);
	WAIT_FOR(l, d->peers[0].closes);
	assert_int_equal(d->peers[0].why.code, ERR_NONE);
	assert_int_equal(read(fd, &byte, 1), 0);
	close(fd);
	door_free(d);
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo_and_end),
		cmocka_unit_test(test_dial_that_fails),
		cmocka_unit_test(test_dial_to_a_name_tries_every_address),
		cmocka_unit_test(test_close_while_dialling),
		cmocka_unit_test(test_end_from_the_other_side),
		cmocka_unit_test(test_pause_stops_the_kernel_and_drain_follows),
		cmocka_unit_test(test_two_ready_in_one_round_the_first_closes_both),
		cmocka_unit_test(test_reset_by_the_peer),
		cmocka_unit_test(test_close_after_flush_delivers_all),
		cmocka_unit_test(test_close_after_flush_has_an_end),
		cmocka_unit_test(test_close_drops_what_is_queued),
		cmocka_unit_test(test_loop_free_with_everything_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
