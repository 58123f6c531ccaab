/* TLS connections against ourselves: trust, pins, client certificates, resumption, bulk, cuts. */
#include "tests/unit/net_peer.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/crypto/cert.h"

static struct pki main_pki, other_pki, expired_pki, named_pki;

static void test_echo(void **state)
{
	struct loop *l = net_loop_new();
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

enum own_cert { OWN_NONE, OWN_GOOD, OWN_FOREIGN, OWN_EXPIRED, OWN_SERVER };

/* One handshake; `p` is open afterwards or closed. */
static void shake(struct loop *l, struct door *d, struct tls *client, const char *server_name,
		  struct peer *p)
{
	peer_dial(p, l, door_port(d), client, server_name);
	WAIT_FOR(l, p->opens || p->closes);
}

static void hang_up(struct loop *l, struct peer *p)
{
	if (p->c)
		conn_close(p->c);
	WAIT_FOR(l, p->closes);
	peer_free(p);
}

/* main CA pinned, and in the chain, but the leaf is the other CA's */
static struct buf forged_chain;

enum { MAIN, EXPIRED, NAMED, FORGED, NO_CA };
enum { CA_NONE, CA_SAME, CA_OTHER, CA_BOTH };

static const struct trust_row {
	int server, ca, pin;
	const char *name;
	const char *says; /* NULL: it opens */
} trust_rows[] = {
	{ MAIN, CA_SAME, CA_NONE, NULL, NULL },
	{ MAIN, CA_SAME, CA_NONE, "localhost", NULL },
	{ MAIN, CA_SAME, CA_NONE, "LOCALHOST", NULL },
	{ MAIN, CA_SAME, CA_NONE, "::1", NULL },
	{ MAIN, CA_OTHER, CA_NONE, NULL,
	  "the certificate 'main CA' is self-signed and not trusted" },
	{ MAIN, CA_BOTH, CA_NONE, NULL, NULL },
	{ MAIN, CA_SAME, CA_NONE, "other.example",
	  "', not for 'other.example'" },
	{ MAIN, CA_SAME, CA_NONE, "127.0.0.2", "not for '127.0.0.2'" },
	{ NAMED, CA_SAME, CA_NONE, NULL,
	  "the certificate 'central.example' is for '" },
	{ NAMED, CA_SAME, CA_NONE, "central.example", NULL },
	{ NAMED, CA_SAME, CA_NONE, "10.9.8.7", NULL },
	{ NAMED, CA_SAME, CA_NONE, "x.central.example", "not for 'x.central.example'" },
	{ EXPIRED, CA_SAME, CA_NONE, NULL, "the certificate 'localhost' expired 20" },
	{ EXPIRED, CA_OTHER, CA_NONE, "a",
	  "', not for 'a'; the certificate 'old CA' is self-signed and not trusted" },
	{ NO_CA, CA_OTHER, CA_NONE, NULL,
	  "'localhost' is not signed by a trusted CA (its issuer is 'main CA')" },
	/* with a pin alone, the pinned CA must be in the chain that was sent */
	{ MAIN, CA_NONE, CA_SAME, NULL, NULL },
	{ MAIN, CA_NONE, CA_SAME, "127.0.0.2", "not for '127.0.0.2'" },
	{ MAIN, CA_NONE, CA_OTHER, NULL, "no CA in its chain with the pinned key sha256:" },
	{ NAMED, CA_NONE, CA_SAME, NULL, "not for '127.0.0.1'" },
	{ NAMED, CA_NONE, CA_SAME, "10.9.8.7", NULL },
	{ EXPIRED, CA_NONE, CA_SAME, NULL, "expired" },
	{ NO_CA, CA_NONE, CA_SAME, NULL, "no CA in its chain with the pinned key" },
	{ FORGED, CA_NONE, CA_SAME, NULL, "is not signed by a trusted CA" },
	/* with a CA besides, it must be in the chain that was verified */
	{ MAIN, CA_SAME, CA_SAME, NULL, NULL },
	{ NO_CA, CA_SAME, CA_SAME, NULL, NULL },
	{ MAIN, CA_SAME, CA_OTHER, NULL, "no CA in its chain with the pinned key" },
	{ MAIN, CA_OTHER, CA_SAME, NULL, "is self-signed and not trusted" },
	{ FORGED, CA_SAME, CA_SAME, NULL, "is not signed by a trusted CA" },
	{ FORGED, CA_BOTH, CA_SAME, NULL, "no CA in its chain with the pinned key" },
	/* nothing at all is verified */
	{ MAIN, CA_NONE, CA_NONE, "whatever", NULL },
	{ EXPIRED, CA_NONE, CA_NONE, "whatever", NULL },
};

static struct tls *trust_server(const struct trust_row *row, const struct pki *k)
{
	struct tls_server_options o = { .cert_pem = buf_span(&k->chain), .key_pem = buf_span(&k->key), .alpn = alpn_h1 };
	struct tls *server;
	struct err e;

	if (row->server == NO_CA)
		o.cert_pem = buf_span(&k->cert);
	if (row->server == FORGED)
		o.cert_pem = buf_span(&forged_chain);
	server = tls_server_new(&o, &e);
	assert_non_null(server);
	return server;
}

static struct tls *trust_client(const struct trust_row *row, const struct pki *k)
{
	/* what the client knows of FORGED is the CA it pretends to come from */
	const struct pki *known = row->server == FORGED ? &main_pki : k;
	const char *pins[] = { NULL, known->pin.at, other_pki.pin.at };
	struct span certs[] = { SPAN_NONE, buf_span(&known->ca), buf_span(&other_pki.ca), SPAN_NONE };
	AUTO_BUF struct buf both;

	buf_init(&both, 65536);
	buf_put_span(&both, certs[1]);
	buf_put_span(&both, certs[2]);
	certs[3] = buf_span(&both);
	return tls_client_for(certs[row->ca], NULL, pins[row->pin], alpn_h1);
}

static void check_trust(const struct trust_row *row, const struct peer *p)
{
	assert_int_equal(p->opens, row->says == NULL);
	if (row->says) {
		assert_non_null(strstr(p->why.text, row->says));
		assert_int_equal(p->why.code, ERR_PROTOCOL);
		assert_memory_equal(p->why.text, "TLS with ", 9);
	} else if (row->ca == CA_NONE && row->pin == CA_NONE) {
		assert_int_equal(conn_peer_cert(p->c).len, 0); /* none was verified */
	} else {
		assert_true(conn_peer_cert(p->c).len > 0);
	}
}

static void test_trust(void **state)
{
	const struct pki *pkis[] = { &main_pki, &expired_pki, &named_pki, &other_pki, &main_pki };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(trust_rows); i++) {
		const struct trust_row *row = &trust_rows[i];
		struct loop *l = net_loop_new();
		struct tls *server = trust_server(row, pkis[row->server]), *client = trust_client(row, pkis[row->server]);
		struct door *d = door_new(l, &(struct door_options){ .tls = server });
		struct peer p;

		shake(l, d, client, row->name, &p);
		if (p.closes || row->says)
			print_message("row %zu: %s\n", i, p.why.text);
		check_trust(row, &p);
		hang_up(l, &p);
		WAIT_FOR(l, row->says ? d->count == 0 : d->count == 1);
		door_free(d);
		tls_unref(client);
		tls_unref(server);
		loop_free(l);
	}
}

static void test_client_certificates(void **state)
{
	static const struct {
		enum own_cert own;
		const char *says; /* NULL: it opens */
	} rows[] = {
		{ OWN_NONE, NULL },
		{ OWN_GOOD, NULL },
		{ OWN_FOREIGN, "'unknown CA' (48)" },
		{ OWN_EXPIRED, "'certificate expired' (45)" },
		{ OWN_SERVER, "'unsupported certificate' (43)" },
	};
	const struct pki *owns[] = { NULL, &main_pki, &other_pki, &expired_pki, &main_pki };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct pki *own = owns[rows[i].own];
		struct tls_client_options o = { .ca_pem = buf_span(&main_pki.ca), .alpn = alpn_h1 };
		/* the expired leaf is the client CA's own */
		const struct pki *ca = rows[i].own == OWN_EXPIRED ? &expired_pki : &main_pki;
		struct tls *server = tls_server_for(&main_pki, ca, false, alpn_h1), *client;
		struct loop *l = net_loop_new();
		struct door *d = door_new(l, &(struct door_options){ .tls = server });
		struct cert_info info;
		struct peer p;
		struct err e;

		if (own && rows[i].own != OWN_SERVER) {
			o.cert_pem = buf_span(&own->client_cert);
			o.key_pem = buf_span(&own->client_key);
		} else if (own) {
			o.cert_pem = buf_span(&own->cert);
			o.key_pem = buf_span(&own->key);
		}
		client = tls_client_new(&o, &e);
		assert_non_null(client);
		shake(l, d, client, NULL, &p);
		if (!rows[i].says) {
			WAIT_FOR(l, d->count == 1);
			if (own) {
				assert_int_equal(cert_parse(conn_peer_cert(d->peers[0].c), &info, &e), 0);
				assert_string_equal(info.uri, "mk8s://cluster/1");
			} else {
				assert_int_equal(conn_peer_cert(d->peers[0].c).len, 0);
			}
		} else {
			WAIT_FOR(l, p.closes); /* TLS 1.3: we may have been open for a moment */
			print_message("row %zu: %s\n", i, p.why.text);
			assert_non_null(strstr(p.why.text, rows[i].says));
			assert_int_equal(d->count, 0);
		}
		hang_up(l, &p);
		door_free(d);
		tls_unref(client);
		tls_unref(server);
		loop_free(l);
	}
}

static void test_no_common_protocol(void **state)
{
	struct loop *l = net_loop_new();
	struct tls *server = tls_server_for(&main_pki, NULL, false, alpn_h2_h1);
	struct tls *client = tls_client_for(buf_span(&main_pki.ca), NULL, NULL, alpn_odd);
	struct door *d = door_new(l, &(struct door_options){ .tls = server });
	struct peer p;

	(void)state;
	shake(l, d, client, NULL, &p);
	print_message("%s\n", p.why.text);
	assert_non_null(strstr(p.why.text, "no common protocol (ALPN); ours: odd/1"));
	assert_int_equal(d->count, 0);
	hang_up(l, &p);
	tls_unref(client);
	client = tls_client_for(buf_span(&main_pki.ca), NULL, NULL, NULL); /* none offered */
	shake(l, d, client, NULL, &p);
	assert_int_equal(p.opens, 1);
	WAIT_FOR(l, d->count == 1);
	assert_string_equal(conn_alpn(d->peers[0].c), "");
	hang_up(l, &p);
	door_free(d);
	tls_unref(client);
	tls_unref(server);
	loop_free(l);
}

/*
 * Whether the second connection is resumed. Against this server only TLS 1.3 is spoken, where a
 * client gets no certificate in a resumed session (and always gets one in a full handshake).
 */
static bool resumes(bool tickets, const struct pki *own, const char *second_name, bool reload)
{
	struct loop *l = net_loop_new();
	struct tls *server = tls_server_for(&main_pki, own && !tickets ? &main_pki : NULL, tickets,
					    alpn_h1);
	struct tls *again = tls_server_for(&main_pki, NULL, tickets, alpn_h1);
	struct tls *client = tls_client_for(buf_span(&main_pki.ca), own, NULL, alpn_h1);
	struct door *d = door_new(l, &(struct door_options){ .tls = server });
	struct peer p;
	bool was;

	d->echoes = true;
	for (int i = 0; i < 2; i++) {
		shake(l, d, client, i ? second_name : "localhost", &p);
		assert_string_equal(p.why.text, "");
		conn_write(p.c, SPAN("hello"));
		WAIT_FOR(l, p.got.len == 5); /* the ticket came before */
		was = conn_peer_cert(p.c).len == 0;
		hang_up(l, &p);
		if (reload)
			listener_set_tls(d->listener, again);
	}
	door_free(d);
	tls_unref(client);
	tls_unref(server);
	tls_unref(again);
	loop_free(l);
	return was;
}

static void test_resumption(void **state)
{
	(void)state;
	assert_true(resumes(true, NULL, "localhost", false));
	assert_false(resumes(true, NULL, "127.0.0.1", false)); /* verified for another name */
	assert_false(resumes(false, NULL, "localhost", false));
	assert_false(resumes(true, &main_pki, "localhost", false)); /* presents a certificate */
	assert_false(resumes(false, &main_pki, "localhost", false));
	assert_false(resumes(true, NULL, "localhost", true)); /* the new server's key is another */
}

static void test_bulk_and_pause(void **state)
{
	const size_t len = 6 * 1024 * 1024 + 12345;
	char *sent = net_pattern_new(len);
	struct loop *l = net_loop_new();
	struct tls *server = tls_server_for(&main_pki, NULL, true, alpn_h1);
	struct tls *client = tls_client_for(buf_span(&main_pki.ca), NULL, NULL, alpn_h1);
	struct door *d = door_new(l, &(struct door_options){ .tls = server });
	struct peer p;
	unsigned reads;

	(void)state;
	shake(l, d, client, NULL, &p);
	WAIT_FOR(l, d->count == 1);
	for (size_t at = 0, n = 1; at < len; at += n, n = n * 3 + 1) { /* odd sizes, then large */
		if (n > len - at)
			n = len - at;
		conn_write(d->peers[0].c, span_from(sent + at, n));
	}
	p.pauses = true;
	for (int i = 0; i < 30; i++) {
		reads = p.reads;
		WAIT_FOR(l, p.reads > reads);
		net_turn(l);
		assert_int_equal(p.reads, reads + 1); /* what is decrypted already waits as well */
		p.in_call = true;
		conn_resume(p.c);
		p.in_call = false;
	}
	p.pauses = false;
	conn_close_after_flush(d->peers[0].c, 20000);
	WAIT_FOR(l, p.ends);
	assert_int_equal(p.got.len, len);
	assert_memory_equal(p.got.at, sent, len);
	conn_end(p.c);
	WAIT_FOR(l, p.closes && d->peers[0].closes);
	assert_int_equal(p.why.code, ERR_NONE);
	free(sent);
	peer_free(&p);
	door_free(d);
	tls_unref(client);
	tls_unref(server);
	loop_free(l);
}

static void test_half_close(void **state)
{
	struct loop *l = net_loop_new();
	struct tls *server = tls_server_for(&main_pki, NULL, true, alpn_h1);
	struct tls *client = tls_client_for(buf_span(&main_pki.ca), NULL, NULL, alpn_h1);
	struct door *d = door_new(l, &(struct door_options){ .tls = server });
	struct peer p;

	(void)state;
	shake(l, d, client, NULL, &p);
	conn_write(p.c, SPAN("question"));
	conn_end(p.c);
	WAIT_FOR(l, d->count == 1 && d->peers[0].ends);
	assert_true(span_equal_str(buf_span(&d->peers[0].got), "question"));
	conn_write(d->peers[0].c, SPAN("answer"));
	WAIT_FOR(l, p.got.len == 6);
	assert_int_equal(p.ends + p.closes, 0);
	conn_end(d->peers[0].c);
	WAIT_FOR(l, p.closes && d->peers[0].closes);
	assert_int_equal(p.ends, 1);
	assert_int_equal(p.why.code, ERR_NONE);
	assert_int_equal(d->peers[0].why.code, ERR_NONE);
	peer_free(&p);
	door_free(d);
	tls_unref(client);
	tls_unref(server);
	loop_free(l);
}

static void test_a_cut_is_no_end(void **state)
{
	const size_t len = 20 * 1024 * 1024;
	char *sent = net_pattern_new(len);
	struct loop *l = net_loop_new();
	struct tls *server = tls_server_for(&main_pki, NULL, true, alpn_h1);
	struct tls *client = tls_client_for(buf_span(&main_pki.ca), NULL, NULL, alpn_h1);
	struct door *d = door_new(l, &(struct door_options){ .tls = server });
	struct peer p;

	(void)state;
	shake(l, d, client, NULL, &p);
	WAIT_FOR(l, d->count == 1);
	conn_write(d->peers[0].c, span_from(sent, len));
	conn_close(d->peers[0].c); /* drops the greater part */
	WAIT_FOR(l, p.closes);
	print_message("%s\n", p.why.text);
	assert_int_equal(p.ends, 0);
	assert_int_equal(p.why.code, ERR_UNREACHABLE);
	assert_non_null(strstr(p.why.text, "was cut (no TLS close_notify)"));
	assert_in_range(p.got.len, 1, len - 1);
	assert_memory_equal(p.got.at, sent, p.got.len);
	free(sent);
	peer_free(&p);
	/* with nothing queued, a close is an end in order */
	shake(l, d, client, NULL, &p);
	WAIT_FOR(l, d->count == 2);
	conn_close(d->peers[1].c);
	WAIT_FOR(l, p.ends);
	hang_up(l, &p);
	door_free(d);
	tls_unref(client);
	tls_unref(server);
	loop_free(l);
}

static void test_peers_that_speak_no_tls(void **state)
{
	struct loop *l = net_loop_new();
	struct tls *server = tls_server_for(&main_pki, NULL, true, alpn_h1);
	struct tls *client = tls_client_for(buf_span(&main_pki.ca), NULL, NULL, alpn_h1);
	struct door *d = door_new(l, &(struct door_options){ .tls = server,
							     .handshake_timeout_ms = 300 });
	struct door *plain = door_new(l, &(struct door_options){ 0 });
	struct conn_target slow = { .host = "127.0.0.1", .tls = client, .timeout_ms = 200 };
	uint64_t began_ms;
	struct peer p;

	(void)state;
	/* a plain client of a TLS listener: garbage, silence, and leaving */
	peer_dial(&p, l, door_port(d), NULL, NULL);
	WAIT_FOR(l, p.opens);
	conn_write(p.c, SPAN("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
	WAIT_FOR(l, p.ends || p.closes);
	hang_up(l, &p);
	began_ms = clock_mono_ms();
	peer_dial(&p, l, door_port(d), NULL, NULL);
	WAIT_FOR(l, p.ends || p.closes);
	assert_in_range(clock_mono_ms() - began_ms, 250, 5000);
	hang_up(l, &p);
	peer_dial(&p, l, door_port(d), NULL, NULL);
	WAIT_FOR(l, p.opens);
	hang_up(l, &p);
	assert_int_equal(d->count, 0);
	/* a TLS client of a plain server: garbage, leaving, silence */
	peer_dial(&p, l, door_port(plain), client, NULL);
	WAIT_FOR(l, plain->count == 1 && plain->peers[0].got.len);
	conn_write(plain->peers[0].c, SPAN("HTTP/1.1 400 Bad Request\r\n\r\n"));
	WAIT_FOR(l, p.closes);
	print_message("%s\n", p.why.text);
	assert_int_equal(p.why.code, ERR_PROTOCOL);
	assert_non_null(strstr(p.why.text, "the peer does not speak TLS"));
	peer_free(&p);
	peer_dial(&p, l, door_port(plain), client, NULL);
	WAIT_FOR(l, plain->count == 2 && plain->peers[1].got.len);
	conn_close(plain->peers[1].c);
	WAIT_FOR(l, p.closes);
	print_message("%s\n", p.why.text);
	assert_int_equal(p.why.code, ERR_UNREACHABLE);
	assert_non_null(strstr(p.why.text, "closed the connection during the TLS handshake"));
	peer_free(&p);
	peer_init(&p);
	slow.port = door_port(plain);
	p.c = conn_dial(l, &slow, &peer_events, &p);
	WAIT_FOR(l, p.closes);
	print_message("%s\n", p.why.text);
	assert_int_equal(p.why.code, ERR_TIMEOUT);
	assert_non_null(strstr(p.why.text, "within 200 ms (the TLS handshake)"));
	peer_free(&p);
	door_free(d);
	door_free(plain);
	tls_unref(client);
	tls_unref(server);
	loop_free(l);
}

static void test_many_handshakes_at_once(void **state)
{
	static struct peer peers[40];
	struct loop *l = net_loop_new();
	struct tls *server = tls_server_for(&main_pki, NULL, true, alpn_h1);
	struct tls *client = tls_client_for(buf_span(&main_pki.ca), NULL, NULL, alpn_h1);
	struct door *d = door_new(l, &(struct door_options){ .tls = server });
	size_t open = 0;

	(void)state;
	d->echoes = true;
	for (size_t i = 0; i < COUNT_OF(peers); i++)
		peer_dial(&peers[i], l, door_port(d), client, NULL);
	WAIT_FOR(l, d->count == COUNT_OF(peers));
	for (size_t i = 0; i < COUNT_OF(peers); i++) {
		WAIT_FOR(l, peers[i].opens);
		conn_write(peers[i].c, SPAN("x"));
	}
	for (size_t i = 0; i < COUNT_OF(peers); i++) {
		WAIT_FOR(l, peers[i].got.len == 1);
		open++;
	}
	assert_int_equal(open, COUNT_OF(peers));
	loop_free(l); /* with all of them open */
	for (size_t i = 0; i < COUNT_OF(peers); i++)
		peer_free(&peers[i]);
	d->listener = NULL;
	door_free(d);
	tls_unref(client);
	tls_unref(server);
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
	buf_init(&forged_chain, 65536);
	buf_put_span(&forged_chain, buf_span(&other_pki.cert));
	buf_put_span(&forged_chain, buf_span(&main_pki.ca));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pki_free(&main_pki);
	pki_free(&other_pki);
	pki_free(&expired_pki);
	pki_free(&named_pki);
	buf_free(&forged_chain);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_trust),
		cmocka_unit_test(test_client_certificates),
		cmocka_unit_test(test_no_common_protocol),
		cmocka_unit_test(test_resumption),
		cmocka_unit_test(test_bulk_and_pause),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_a_cut_is_no_end),
		cmocka_unit_test(test_peers_that_speak_no_tls),
		cmocka_unit_test(test_many_handshakes_at_once),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
