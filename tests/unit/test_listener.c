/* The listener: limits, addresses, and no descriptors left. */
#include "tests/unit/net_peer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "lib/base/attr.h"

static void test_limits_of_the_listener(void **state)
{
	static const struct {
		unsigned conn_max, conn_per_ip_max;
	} rows[] = { { 3, 0 }, { 1000, 3 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct loop *l = net_loop_new();
		struct door *d =
			door_new(l, &(struct door_options){
					    .conn_max = rows[i].conn_max,
					    .conn_per_ip_max = rows[i].conn_per_ip_max });
		int fds[5], more;
		char byte;

		for (int n = 0; n < 5; n++)
			fds[n] = net_raw_connect(door_port(d));
		WAIT_FOR(l, d->count == 3);
		for (int n = 0; n < 10; n++)
			net_turn(l);
		assert_int_equal(d->count, 3);
		assert_int_equal(read(fds[3], &byte, 1), 0); /* closed at once */
		assert_int_equal(read(fds[4], &byte, 1), 0);
		conn_close(d->peers[1].c);
		WAIT_FOR(l, d->peers[1].closes);
		more = net_raw_connect(door_port(d));
		WAIT_FOR(l, d->count == 4);
		close(more);
		for (int n = 0; n < 5; n++)
			close(fds[n]);
		door_free(d);
		loop_free(l);
	}
}

static void test_no_descriptors(void **state)
{
	struct loop *l = net_loop_new();
	struct door *d = door_new(l, &(struct door_options){ 0 });
	struct rlimit old, low;
	int fds[4], next;

	(void)state;
	net_turn(l);
	for (int i = 0; i < 4; i++)
		fds[i] = net_raw_connect(door_port(d));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	next = dup(0);
	close(next);
	low = (struct rlimit){ .rlim_cur = (rlim_t)next + 1, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0); /* room for one */
	for (int i = 0; i < 60; i++)
		net_turn(l);
	assert_int_equal(d->count, 1); /* the others wait in the kernel's queue */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	WAIT_FOR(l, d->count == 4);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	door_free(d);
	loop_free(l);
}

static void test_listen_addresses(void **state)
{
	struct loop *l = net_loop_new();
	struct door *d = door_new(l, &(struct door_options){ 0 });
	const struct {
		const char *address;
		uint16_t port;
		enum err_code code; /* ERR_NONE: it listens */
		const char *says;
	} rows[] = {
		{ "127.0.0.1", 0, ERR_NONE, "" },
		{ "0.0.0.0", 0, ERR_NONE, "" },
		{ NULL, 0, ERR_NONE, "" },
		{ "127.0.0.1", door_port(d), ERR_EXISTS, "in use" },
		{ "localhost", 0, ERR_INPUT, "'localhost': not an IPv4 or IPv6 address" },
		{ "300.0.0.1", 0, ERR_INPUT, "'300.0.0.1'" },
		{ "", 0, ERR_INPUT, "''" },
		{ "192.0.2.1", 0, ERR_IO, "192.0.2.1" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct listener_options o = { .address = rows[i].address,
					      .port = rows[i].port,
					      .conn_max = 10 };
		struct err e = { 0 };
		struct listener *n = listener_open(l, &o, NULL, NULL, &e);

		print_message("row %zu: %s\n", i, e.text);
		assert_int_equal(e.code, rows[i].code);
		assert_non_null(strstr(e.text, rows[i].says));
		assert_int_equal(n != NULL, rows[i].code == ERR_NONE);
		if (n)
			assert_int_not_equal(listener_port(n), 0);
		listener_close(n);
	}
	door_free(d);
	loop_free(l);
}

static void on_conn_count(void *owner, struct conn *c)
{
	char *ips = owner;

	size_t len = strlen(ips);

	(void)snprintf(ips + len, 100 - len, "%s ", conn_peer_ip(c));
	conn_close(c); /* not attached: nobody is told */
}

static void test_all_addresses_are_both_families(void **state)
{
	struct listener_options o = { .conn_max = 10 };
	struct loop *l = net_loop_new();
	char ips[100] = "";
	struct err e;
	struct listener *n = listener_open(l, &o, on_conn_count, ips, &e);
	struct conn_target v4 = { .host = "127.0.0.1", .timeout_ms = 5000 }, v6 = v4;
	struct peer p, q;

	(void)state;
	assert_non_null(n);
	v6.host = "::1";
	v4.port = v6.port = listener_port(n);
	peer_init(&p);
	peer_init(&q);
	p.ends_back = q.ends_back = true;
	p.c = conn_dial(l, &v4, &peer_events, &p);
	WAIT_FOR(l, p.closes);
	q.c = conn_dial(l, &v6, &peer_events, &q);
	assert_memory_equal(conn_peer(q.c), "[::1]:", 6);
	WAIT_FOR(l, q.closes);
	if (q.opens) /* else this machine has no IPv6 */
		assert_string_equal(ips, "127.0.0.1 ::1 ");
	else
		assert_string_equal(ips, "127.0.0.1 ");
	peer_free(&p);
	peer_free(&q);
	listener_close(n);
	loop_free(l);
}

static void test_connections_outlive_the_listener(void **state)
{
	struct loop *l = net_loop_new();
	struct door *d = door_new(l, &(struct door_options){ 0 });
	int fd = net_raw_connect(door_port(d)), late;
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons(door_port(d)),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	(void)state;
	WAIT_FOR(l, d->count == 1);
	listener_close(d->listener);
	d->listener = NULL;
	late = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(late, (struct sockaddr *)&v4, sizeof(v4)), -1);
	assert_int_equal(errno, ECONNREFUSED);
	assert_int_equal(write(fd, "still here", 10), 10);
	WAIT_FOR(l, d->peers[0].got.len == 10);
	conn_close(d->peers[0].c);
	WAIT_FOR(l, d->peers[0].closes);
	close(late);
	close(fd);
	door_free(d);
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits_of_the_listener),
		cmocka_unit_test(test_no_descriptors),
		cmocka_unit_test(test_listen_addresses),
		cmocka_unit_test(test_all_addresses_are_both_families),
		cmocka_unit_test(test_connections_outlive_the_listener),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
