/*
 * TLS with OpenSSL on the other side: versions, resumption, certificates of other kinds, refusals.
 */
#include "tests/unit/net_peer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "tests/unit/net_tool.h"

static struct pki pki;
static char folder[] = "/tmp/mk8s-openssl-XXXXXX";

static void put_file(const char *name, struct span content)
{
	AUTO_FREE char *path = mem_printf("%s/%s", folder, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(content.at, 1, content.len, f), content.len);
	fclose(f);
}

static void get_file(const char *name, struct buf *into)
{
	AUTO_FREE char *path = mem_printf("%s/%s", folder, name);
	FILE *f = fopen(path, "r");
	char chunk[4096];
	size_t len;

	assert_non_null(f);
	buf_init(into, 65536);
	while ((len = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_put(into, chunk, len);
	fclose(f);
}

static void test_s_client(void **state)
{
	static const struct {
		const char *options;
		bool client_auth;
		const char *says, *says_too;
		unsigned handed_out;
	} rows[] = {
		{ "-tls1_3 -alpn http/1.1", false, "New, TLSv1.3, Cipher is ", "ALPN protocol: http/1.1",
		  1 },
		{ "-tls1_2 -alpn h2", false,
		  "New, TLSv1.2, Cipher is ECDHE-ECDSA-AES128-GCM-SHA256", "ALPN protocol: h2", 1 },
		{ "-tls1_3 -verify_return_error", false, "Verification: OK", "echo me", 1 },
		{ "-tls1_2 -verify_return_error", false, "Verification: OK", "echo me", 1 },
		{ "-tls1_3 -groups P-256", false, "Server Temp Key: ECDH, prime256v1", "echo me", 1 },
		{ "-tls1_3 -groups P-521:X25519", false, "Server Temp Key: ", "echo me", 1 },
		{ "-tls1_3", false, "Server Temp Key: X25519", "", 1 },
		{ "-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256", false,
		  "TLS_CHACHA20_POLY1305_SHA256", "echo me", 1 },
		{ "-alpn nonsense", false, "alert no application protocol", "", 0 },
		{ "-tls1_1 -cipher ALL@SECLEVEL=0", false, "alert protocol version", "", 0 },
		{ "-tls1_2 -cipher AES128-SHA", false, "alert handshake failure", "", 0 },
		{ "-tls1_3 -cert client.pem -key client.key", true, "Verification: OK", "echo me", 1 },
		{ "-tls1_2 -cert client.pem -key client.key", true, "Verification: OK", "echo me", 1 },
		{ "-tls1_3", true, "Requested Signature Algorithms", "echo me", 1 },
		{ "-tls1_2", true, "Acceptable client certificate CA names", "echo me", 1 },
		{ "-tls1_3 -cert rsa.pem -key rsa.key", true, "alert unknown ca", "", 0 },
		{ "-tls1_2 -cert rsa.pem -key rsa.key", true, "alert unknown ca", "", 0 },
		{ "-tls1_3 -cert chain.pem -key key.pem", true, "alert unsupported certificate", "", 0 },
		{ "-tls1_2 -cert chain.pem -key key.pem", true, "alert unsupported certificate", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct loop *l = net_loop_new();
		struct tls *server = tls_server_for(&pki, rows[i].client_auth ? &pki : NULL,
						    !rows[i].client_auth, alpn_h2_h1);
		struct door *d = door_new(l, &(struct door_options){ .tls = server });
		struct tool t;

		d->echoes = d->ends_back = true;
		tool_run(&t, l, folder,
			 "(printf 'ohce '; sleep 0.2; printf 'echo me\n'; sleep 0.3) | openssl s_client "
			 "-connect 127.0.0.1:%u -CAfile ca.pem %s 2>&1",
			 door_port(d), rows[i].options);
		print_message("row %zu: %s\n", i, rows[i].options);
		assert_said(&t, rows[i].says);
		assert_said(&t, rows[i].says_too);
		assert_int_equal(d->count, rows[i].handed_out);
		tool_free(&t);
		door_free(d);
		tls_unref(server);
		loop_free(l);
	}
}

static void test_s_client_resumes(void **state)
{
	static const struct {
		const char *options;
		bool tickets;
		const char *says;
		unsigned handed_out;
	} rows[] = {
		{ "-tls1_3", true, "Reused, TLSv1.3", 2 },
		{ "-tls1_2", true, "Reused, TLSv1.2", 2 },
		{ "-tls1_3", false, "Can't open session file", 1 }, /* it got no session to keep */
		{ "-tls1_2", false, "New, TLSv1.2", 2 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct loop *l = net_loop_new();
		struct tls *server = tls_server_for(&pki, NULL, rows[i].tickets, alpn_h2_h1);
		struct door *d = door_new(l, &(struct door_options){ .tls = server });
		struct tool t;

		d->ends_back = true;
		tool_run(&t, l, folder,
			 "rm -f session; for option in -sess_out -sess_in; do sleep 0.3 | openssl "
			 "s_client -connect 127.0.0.1:%u -CAfile ca.pem $option session %s; done 2>&1",
			 door_port(d), rows[i].options);
		print_message("row %zu: %s\n", i, rows[i].options);
		assert_said(&t, rows[i].says);
		assert_int_equal(d->count, rows[i].handed_out);
		tool_free(&t);
		door_free(d);
		tls_unref(server);
		loop_free(l);
	}
}

/* Starts s_server and waits until it listens; *ret_port. */
static void server_start(struct tool *t, struct loop *l, const char *options, uint16_t *ret_port)
{
	struct door *d = door_new(l, &(struct door_options){ 0 }); /* finds a free port */
	uint16_t port = door_port(d);

	door_free(d);
	tool_start(t, folder, "exec openssl s_server -accept 127.0.0.1:%u %s 2>&1", port, options);
	WAIT_FOR(l, (tool_read(t), strstr(buf_str(&t->text), "ACCEPT") || t->is_over));
	assert_false(t->is_over);
	*ret_port = port;
}

/* One request; the answer tells what the server thinks of the session. */
static void ask(struct loop *l, uint16_t port, struct tls *client, struct peer *p)
{
	peer_dial(p, l, port, client, NULL);
	WAIT_FOR(l, p->opens || p->closes);
	if (p->c)
		conn_write(p->c, SPAN("GET / HTTP/1.0\r\n\r\n"));
	WAIT_FOR(l, p->ends || p->closes);
	if (p->c)
		conn_end(p->c);
	WAIT_FOR(l, p->closes);
	(void)buf_put_char(&p->got, '\0');
}

enum { CA, RSA, P384 };

static const struct s_server_row {
	const char *options;
	int ca;
	bool has_own;
	const char *first, *second; /* in the answers, or why there is none */
} s_server_rows[] = {
	{ "-www -tls1_3 -cert chain.pem -key key.pem", CA, false,
	  "New, TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256", "Reused, TLSv1.3" },
	{ "-www -tls1_2 -cert chain.pem -key key.pem", CA, false,
	  "New, TLSv1.2, Cipher is ECDHE-ECDSA-AES128-GCM-SHA256", "Reused, TLSv1.2" },
	{ "-www -tls1_3 -no_ticket -cert chain.pem -key key.pem", CA, false, "New, TLSv1.3",
	  "TLSv1.3" },
	{ "-www -tls1_3 -num_tickets 0 -cert chain.pem -key key.pem", CA, false,
	  "New, TLSv1.3", "New, TLSv1.3" },
	{ "-www -tls1_3 -groups P-384 -cert chain.pem -key key.pem", CA, false,
	  "New, TLSv1.3", "Reused, TLSv1.3" }, /* HelloRetryRequest */
	{ "-www -tls1_3 -cert rsa.pem -key rsa.key", RSA, false, "New, TLSv1.3", "Reused" },
	{ "-www -tls1_2 -cert rsa.pem -key rsa.key", RSA, false,
	  "New, TLSv1.2, Cipher is ECDHE-RSA-AES128-GCM-SHA256", "Reused" },
	{ "-www -tls1_3 -cert p384.pem -key p384.key", P384, false, "New, TLSv1.3", "Reused" },
	{ "-www -tls1_2 -cert p384.pem -key p384.key", P384, false, "New, TLSv1.2", "Reused" },
	{ "-www -tls1_3 -Verify 3 -verify_return_error -CAfile ca.pem -cert chain.pem -key key.pem",
	  CA, true, "New, TLSv1.3", "New, TLSv1.3" },
	{ "-www -tls1_2 -Verify 3 -verify_return_error -CAfile ca.pem -cert chain.pem -key key.pem",
	  CA, true, "New, TLSv1.2", "New, TLSv1.2" },
	{ "-www -tls1_3 -Verify 3 -verify_return_error -CAfile ca.pem -cert chain.pem -key key.pem",
	  CA, false, "'certificate required' (116)", "'certificate required' (116)" },
	{ "-www -tls1_2 -Verify 3 -verify_return_error -CAfile ca.pem -cert chain.pem -key key.pem",
	  CA, false, "'handshake failure: no common parameters' (40)", "(40)" },
	{ "-www -tls1_3 -Verify 3 -verify_return_error -CAfile rsa.pem -cert chain.pem -key "
	  "key.pem",
	  CA, true, "'unknown CA' (48)", "'unknown CA' (48)" },
	{ "-www -tls1_3 -cert rsa.pem -key rsa.key", CA, false,
	  "the certificate 'rsa' is self-signed and not trusted", "not trusted" },
	{ "-www -tls1_1 -cipher ALL@SECLEVEL=0 -cert chain.pem -key key.pem", CA, false,
	  "'protocol version not supported' (70)", "(70)" },
	{ "-www -tls1_2 -cipher ECDHE-ECDSA-AES128-SHA -cert chain.pem -key key.pem", CA, false,
	  "no common parameters' (40)", "(40)" },
	{ "-www -alpn odd/1 -tls1_3 -cert chain.pem -key key.pem", CA, false,
	  "no common protocol (ALPN); ours: http/1.1", "no common protocol" },
};

static void test_s_server(void **state)
{
	AUTO_BUF struct buf rsa, p384;

	(void)state;
	get_file("rsa.pem", &rsa);
	get_file("p384.pem", &p384);
	for (size_t i = 0; i < COUNT_OF(s_server_rows); i++) {
		const struct s_server_row *row = &s_server_rows[i];
		const struct span cas[] = { buf_span(&pki.ca), buf_span(&rsa), buf_span(&p384) };
		struct loop *l = net_loop_new();
		struct tls *client = tls_client_for(cas[row->ca], row->has_own ? &pki : NULL,
						    NULL, alpn_h1);
		struct peer p;
		struct tool t;
		uint16_t port;

		server_start(&t, l, row->options, &port);
		for (int n = 0; n < 2; n++) {
			const char *says = n ? row->second : row->first;

			ask(l, port, client, &p);
			if (!strstr(p.got.at, says) && !strstr(p.why.text, says))
				fail_msg("row %zu (%s), connection %d: not '%s' but '%s' '%s'", i,
					 row->options, n, says, p.why.text, p.got.at);
			peer_free(&p);
		}
		print_message("row %zu: %s\n", i, row->options);
		tool_free(&t);
		tls_unref(client);
		loop_free(l);
	}
}

static void test_no_renegotiation(void **state)
{
	struct loop *l = net_loop_new();
	struct tls *server = tls_server_for(&pki, NULL, true, alpn_h1);
	struct door *d = door_new(l, &(struct door_options){ .tls = server });
	struct tool t;

	(void)state;
	tool_run(&t, l, folder,
		 "(sleep 0.2; echo R; sleep 0.3) | openssl s_client -tls1_2 -connect 127.0.0.1:%u "
		 "-CAfile ca.pem 2>&1",
		 door_port(d));
	assert_said(&t, "RENEGOTIATING");
	assert_said(&t, "no renegotiation");
	assert_int_equal(d->count, 1);
	WAIT_FOR(l, d->peers[0].closes);
	assert_non_null(strstr(d->peers[0].why.text, "wants to renegotiate"));
	tool_free(&t);
	door_free(d);
	tls_unref(server);
	loop_free(l);
}

static void test_curl(void **state)
{
	struct loop *l = net_loop_new();
	struct tls *server = tls_server_for(&pki, NULL, true, alpn_h1);
	struct door *d = door_new(l, &(struct door_options){ .tls = server });
	struct tool t;

	(void)state;
	tool_start(&t, folder, "curl -sS --cacert ca.pem https://localhost:%u/ 2>&1", door_port(d));
	WAIT_FOR(l, d->count == 1 && d->peers[0].got.len);
	assert_memory_equal(d->peers[0].got.at, "GET / HTTP/1.1\r\n", 16);
	conn_write(d->peers[0].c, SPAN("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nthe body"));
	conn_close_after_flush(d->peers[0].c, 1000);
	WAIT_FOR(l, (tool_read(&t), t.is_over));
	assert_string_equal(buf_str(&t.text), "the body"); /* no complaint about a missing close_notify */
	tool_free(&t);
	tool_run(&t, l, folder, "curl -sS https://localhost:%u/ 2>&1", door_port(d));
	assert_said(&t, "curl: (60)");
	tool_free(&t);
	door_free(d);
	tls_unref(server);
	loop_free(l);
}

static int set_up(void **state)
{
	struct loop *l = net_loop_new();
	struct tool t;

	(void)state;
	pki_init(&pki, &(struct pki_options){ .ca_name = "main CA" });
	assert_non_null(mkdtemp(folder));
	put_file("ca.pem", buf_span(&pki.ca));
	put_file("chain.pem", buf_span(&pki.chain));
	put_file("key.pem", buf_span(&pki.key));
	put_file("client.pem", buf_span(&pki.client_cert));
	put_file("client.key", buf_span(&pki.client_key));
	tool_run(&t, l, folder,
		 "for kind in rsa:rsa:2048 p384:ec; do openssl req -x509 -nodes -days 2 -newkey "
		 "${kind#*:} $([ ${kind#*:} = ec ] && echo -pkeyopt ec_paramgen_curve:P-384) "
		 "-keyout ${kind%%%%:*}.key -out ${kind%%%%:*}.pem -subj /CN=${kind%%%%:*} "
		 "-addext subjectAltName=IP:127.0.0.1 || exit 1; done 2>&1; echo made");
	assert_said(&t, "made");
	tool_free(&t);
	loop_free(l);
	return 0;
}

static int tear_down(void **state)
{
	struct loop *l = net_loop_new();
	struct tool t;

	(void)state;
	tool_run(&t, l, "/tmp", "rm -rf '%s'", folder);
	tool_free(&t);
	loop_free(l);
	pki_free(&pki);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_s_client),
		cmocka_unit_test(test_s_client_resumes),
		cmocka_unit_test(test_s_server),
		cmocka_unit_test(test_no_renegotiation),
		cmocka_unit_test(test_curl),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
