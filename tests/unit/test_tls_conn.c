/* TLS connections against ourselves: trust, pins, client certificates, resumption, bulk, cuts. */
#include "tests/unit/net_peer.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

static struct pki main_pki, other_pki, expired_pki, named_pki;

static struct loop *loop_make(void)
{
	struct err e;
	struct loop *l = loop_new(&e);

	assert_non_null(l);
	return l;
}

static void test_echo(void **state)
{
	struct loop *l = loop_make();
	struct tls *server = tls_server_for(&main_pki, NULL, false, alpn_h2_h1);
	struct tls *client = tls_client_for(buf_span(&main_pki.ca), NULL, NULL, alpn_h1);
	struct door *d = door_new(l, &(struct door_options){ .tls = server });
	struct peer p;

	(void)state;
	d->echoes = d->ends_back = true;
	peer_dial(&p, l, door_port(d), client, NULL);
	WAIT_FOR(l, p.opens == 1 || p.closes);
	assert_string_equal(p.why.text, "");
	assert_string_equal(conn_alpn(p.c), "http/1.1");
	assert_true(conn_peer_cert(p.c).len > 100);
	conn_write(p.c, SPAN("hello "));
	conn_write(p.c, SPAN("world"));
	conn_end(p.c);
	WAIT_FOR(l, p.closes && d->peers[0].closes);
	assert_true(span_equal_str(buf_span(&p.got), "hello world"));
	assert_int_equal(p.reads, 1); /* both writes are one record */
	assert_string_equal(p.why.text, "");
	assert_int_equal(p.why.code, ERR_NONE);
	peer_free(&p);
	door_free(d);
	tls_unref(server);
	tls_unref(client);
	loop_free(l);
}

static int set_up(void **state)
{
	static const char *const names[] = { "central.example", "10.9.8.7" };

	(void)state;
	pki_init(&main_pki, &(struct pki_options){ .ca_name = "main CA" });
	pki_init(&other_pki, &(struct pki_options){ .ca_name = "other CA" });
	pki_init(&expired_pki, &(struct pki_options){ .ca_name = "old CA",
						      .leaf_age_s = 10 * 86400 });
	pki_init(&named_pki, &(struct pki_options){ .ca_name = "named CA",
						    .names = names,
						    .name_count = COUNT_OF(names) });
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pki_free(&main_pki);
	pki_free(&other_pki);
	pki_free(&expired_pki);
	pki_free(&named_pki);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
