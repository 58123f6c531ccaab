/* TLS configurations: what they refuse; sessions byte by byte; the machine's CAs; kept sessions. */
#include "lib/net/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/net/tls_resume.h"
#include "lib/net/tls_stream.h"
#include "tests/unit/net_peer.h"

static struct pki pki, other_pki;

static void test_server_options(void **state)
{
	enum { GOOD, OTHER, EMPTY, JUNK, CUT, KEY };
	static const struct {
		int cert, key, ca;
		const char *says; /* NULL: accepted */
	} rows[] = {
		{ GOOD, GOOD, GOOD, NULL },
		{ EMPTY, GOOD, GOOD, "the certificate is not a PEM certificate" },
		{ JUNK, GOOD, GOOD, "the certificate is not a PEM certificate" },
		{ CUT, GOOD, GOOD, "the certificate is not a PEM certificate" },
		{ KEY, GOOD, GOOD, "the certificate is not a PEM certificate" },
		{ GOOD, EMPTY, GOOD, "the private key is not a PEM key" },
		{ GOOD, JUNK, GOOD, "the private key is not a PEM key" },
		{ GOOD, CUT, GOOD, "the private key is not a PEM key" },
		{ GOOD, OTHER, GOOD, "the private key does not belong to the certificate" },
		{ GOOD, GOOD, EMPTY, "the CA for clients is not a PEM certificate" },
		{ GOOD, GOOD, JUNK, "the CA for clients is not a PEM certificate" },
	};
	const struct span certs[] = {
		buf_span(&pki.chain), buf_span(&other_pki.cert),	   SPAN_NONE,
		SPAN("hello"),	      span_from(pki.cert.at, pki.cert.len / 2), buf_span(&pki.key),
	};
	const struct span keys[] = {
		buf_span(&pki.key), buf_span(&other_pki.key),
		SPAN_NONE,	    SPAN("hello"),
		span_from(pki.key.at, pki.key.len / 2),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tls_server_options o = { .cert_pem = certs[rows[i].cert],
						.key_pem = keys[rows[i].key],
						.client_ca_pem = certs[rows[i].ca],
						.client_auth = TLS_CLIENT_OPTIONAL,
						.alpn = alpn_h1 };
		struct err e = { 0 };
		struct tls *t = tls_server_new(&o, &e);

		if (t)
			assert_ptr_equal(tls_ref(t), t);
		tls_unref(t);
		tls_unref(t);
		print_message("row %zu: %s\n", i, e.text);
		assert_int_equal(t != NULL, rows[i].says == NULL);
		assert_int_equal(e.code, rows[i].says ? ERR_INPUT : ERR_NONE);
		assert_non_null(strstr(e.text, rows[i].says ? rows[i].says : ""));
	}
}

static void test_client_options(void **state)
{
	static const char good[] =
		"sha256:0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef";
	static const struct {
		bool has_ca, insecure;
		const char *pin, *says;
	} rows[] = {
		{ true, false, NULL, NULL },
		{ true, false, good, NULL },
		{ false, false, good, NULL },
		{ false, true, NULL, NULL },
#define PIN "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		{ false, false, PIN "," PIN "," PIN "," PIN, NULL },
		{ false, false, PIN "," PIN "," PIN "," PIN "," PIN, "more than 4 pins" },
		{ true, false, PIN ",sha256:0123", "is not sha256:" },
		{ true, false, PIN " " PIN, "is not sha256:" },
		{ true, false, ",", "is not sha256:" },
		{ true, true, NULL, "at once" },
		{ false, true, good, "at once" },
		{ false, false, "", "the pin '' is not sha256: and 64" },
		{ false, false, good + 7, "is not sha256:" },
		{ false, false, "sha256:", "is not sha256:" },
		{ false, false, "sha256:0123", "is not sha256:" },
		{ false, false, "sha1:0123456789abcdef0123456789abcdef01234567", "is not sha256:" },
		{ true, false,
		  "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg",
		  "is not sha256:" },
		{ true, false,
		  "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0",
		  "is not sha256:" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tls_client_options o = { .ca_pem = rows[i].has_ca ? buf_span(&pki.ca) :
									   SPAN_NONE,
						.ca_sha256 = rows[i].pin,
						.insecure = rows[i].insecure };
		struct err e = { 0 };
		struct tls *t = tls_client_new(&o, &e);

		print_message("row %zu: %s\n", i, e.text);
		assert_int_equal(t != NULL, rows[i].says == NULL);
		assert_int_equal(e.code, rows[i].says ? ERR_INPUT : ERR_NONE);
		assert_non_null(strstr(e.text, rows[i].says ? rows[i].says : ""));
		tls_unref(t);
	}
	tls_unref(NULL);
}

static void test_machine_ca(void **state)
{
	char path[] = "/tmp/mk8s-ca-XXXXXX";
	int fd = mkstemp(path);
	struct tls_client_options o = { 0 };
	AUTO_BUF struct buf pem;
	struct err e = { 0 };
	struct tls *t;

	(void)state;
	buf_init(&pem, 1024 * 1024);
	assert_int_equal(write(fd, pki.ca.at, pki.ca.len), (ssize_t)pki.ca.len);
	close(fd);
	assert_int_equal(setenv("SSL_CERT_FILE", path, 1), 0);
	assert_int_equal(tls_machine_ca_load(&pem, &e), 0);
	assert_true(span_equal(buf_span(&pem), buf_span(&pki.ca)));
	t = tls_client_new(&o, &e);
	assert_non_null(t);
	tls_unref(t);
	unlink(path);
	/* what was named and is not there is not replaced by something else */
	assert_int_equal(tls_machine_ca_load(&pem, &e), -1);
	assert_non_null(strstr(e.text, "SSL_CERT_FILE"));
	assert_non_null(strstr(e.text, path));
	assert_null(tls_client_new(&o, &e));
	unsetenv("SSL_CERT_FILE");
}

struct end {
	struct tls_stream *stream;
	struct buf *out;
	bool is_open;
};

static int on_emit(void *arg, struct span bytes)
{
	struct end *n = arg;

	return buf_put_span(n->out, bytes);
}

/* Feeds `from` to `n`, `step` bytes at a time. */
static void feed(struct end *n, struct buf *from, size_t step, struct buf *into)
{
	static char plain[TLS_RECORD_LEN];
	struct err e;

	while (from->len) {
		size_t len = from->len < step ? from->len : step, got;
		struct span part = span_from(from->at, len);

		while (part.len) {
			enum tls_step s = n->is_open ? tls_stream_read(n->stream, &part, plain, &got, &e) :
						       tls_stream_handshake(n->stream, &part, &e);

			if (s == TLS_STEP_FAILED)
				fail_msg("%s", e.text);
			n->is_open = n->is_open || s == TLS_STEP_OPEN;
			if (s == TLS_STEP_BYTES)
				buf_put(into, plain, got);
			if (s == TLS_STEP_END)
				buf_put_str(into, "|");
		}
		buf_consume(from, len);
	}
}

/* However the bytes are cut, the same comes out. */
static void test_stream_in_pieces(void **state)
{
	static const size_t steps[] = { 1, 2, 3, 7, 100, 1000, 100000 };
	struct tls *server_tls = tls_server_for(&pki, NULL, true, alpn_h2_h1);
	struct tls *client_tls = tls_client_for(buf_span(&pki.ca), NULL, NULL, alpn_h1);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		AUTO_BUF struct buf up, down, at_client, at_server;
		struct end client = { .out = &up }, server = { .out = &down };
		struct span nothing = SPAN_NONE;
		struct err e;

		buf_init(&up, 1024 * 1024);
		buf_init(&down, 1024 * 1024);
		buf_init(&at_client, 1024 * 1024);
		buf_init(&at_server, 1024 * 1024);
		client.stream = tls_stream_new(client_tls, "localhost", 1, on_emit, &client, &e);
		server.stream = tls_stream_new(server_tls, NULL, 0, on_emit, &server, &e);
		assert_non_null(client.stream);
		assert_non_null(server.stream);
		assert_int_equal(tls_stream_handshake(client.stream, &nothing, &e), TLS_STEP_MORE);
		while (up.len || down.len) {
			feed(&server, &up, steps[i], &at_server);
			feed(&client, &down, steps[i], &at_client);
		}
		assert_true(client.is_open && server.is_open);
		assert_string_equal(tls_stream_alpn(client.stream), "http/1.1");
		assert_string_equal(tls_stream_alpn(server.stream), "http/1.1");
		assert_string_equal(tls_stream_name(client.stream), "localhost:1");
		assert_int_equal(tls_stream_write(client.stream, SPAN("question"), &e), 0);
		assert_int_equal(tls_stream_write(server.stream, span_from(pki.chain.at, 1000), &e), 0);
		tls_stream_end(client.stream);
		feed(&server, &up, steps[i], &at_server);
		feed(&client, &down, steps[i], &at_client);
		assert_true(span_equal_str(buf_span(&at_server), "question|"));
		assert_true(span_equal(buf_span(&at_client), span_from(pki.chain.at, 1000)));
		/* after the first one, sessions are resumed: no certificate comes */
		assert_int_equal(tls_stream_peer_cert(client.stream).len > 0, i == 0);
		tls_stream_free(client.stream);
		tls_stream_free(server.stream);
	}
	tls_stream_free(NULL);
	tls_unref(server_tls);
	tls_unref(client_tls);
}

/* Whether a client and that server open a session. */
static bool can_open(struct tls *server_tls)
{
	struct tls *client_tls = tls_client_for(buf_span(&pki.ca), NULL, NULL, alpn_h1);
	AUTO_BUF struct buf up, down, none;
	struct end client = { .out = &up }, server = { .out = &down };
	struct span nothing = SPAN_NONE;
	struct err e;

	buf_init(&up, 1024 * 1024);
	buf_init(&down, 1024 * 1024);
	buf_init(&none, 1024);
	client.stream = tls_stream_new(client_tls, "localhost", 1, on_emit, &client, &e);
	server.stream = tls_stream_new(server_tls, NULL, 0, on_emit, &server, &e);
	assert_int_equal(tls_stream_handshake(client.stream, &nothing, &e), TLS_STEP_MORE);
	while (up.len || down.len) {
		feed(&server, &up, 100000, &none);
		feed(&client, &down, 100000, &none);
	}
	tls_stream_free(client.stream);
	tls_stream_free(server.stream);
	tls_unref(client_tls);
	return client.is_open && server.is_open;
}

/* The longest chain that is taken can also be sent. */
static void test_length_of_the_chain(void **state)
{
	struct tls *longest = NULL, *t;
	struct tls_server_options o = { .key_pem = buf_span(&pki.key), .alpn = alpn_h1 };
	struct err e = { 0 };
	AUTO_BUF struct buf chain;

	(void)state;
	buf_init(&chain, 64 * 1024);
	(void)buf_put_span(&chain, buf_span(&pki.cert));
	o.cert_pem = buf_span(&chain);
	while ((t = tls_server_new(&o, &e))) {
		tls_unref(longest);
		longest = t;
		assert_int_equal(buf_put_span(&chain, buf_span(&pki.ca)), 0);
		o.cert_pem = buf_span(&chain);
	}
	assert_int_equal(e.code, ERR_LIMIT);
	assert_non_null(strstr(e.text, "at most 8000 can be sent"));
	assert_true(chain.len > TLS_CHAIN_MAX);
	assert_true(can_open(longest));
	tls_unref(longest);
}

/* A flipped bit anywhere in what comes ends the session; it never passes as data. */
static void test_stream_with_a_wrong_bit(void **state)
{
	struct tls *server_tls = tls_server_for(&pki, NULL, false, alpn_h1);
	struct tls *client_tls = tls_client_for(SPAN_NONE, NULL, pki.pin.at, alpn_h1);
	unsigned refused = 0, rounds = 60;

	(void)state;
	for (unsigned i = 0; i < rounds; i++) {
		AUTO_BUF struct buf up, down;
		struct end client = { .out = &up }, server = { .out = &down };
		struct span nothing = SPAN_NONE, part;
		enum tls_step s;
		struct err e;

		buf_init(&up, 1024 * 1024);
		buf_init(&down, 1024 * 1024);
		client.stream = tls_stream_new(client_tls, "localhost", 1, on_emit, &client, &e);
		server.stream = tls_stream_new(server_tls, NULL, 0, on_emit, &server, &e);
		(void)tls_stream_handshake(client.stream, &nothing, &e);
		part = buf_span(&up);
		assert_int_equal(tls_stream_handshake(server.stream, &part, &e), TLS_STEP_MORE);
		down.at[(size_t)i * 7919 % down.len] ^= 1;
		part = buf_span(&down);
		s = tls_stream_handshake(client.stream, &part, &e);
		refused += s == TLS_STEP_FAILED;
		assert_true(s == TLS_STEP_FAILED || s == TLS_STEP_MORE); /* MORE: a length grew */
		tls_stream_free(client.stream);
		tls_stream_free(server.stream);
	}
	print_message("%u of %u refused, the others wait\n", refused, rounds);
	assert_true(refused > rounds * 8 / 10);
	tls_unref(server_tls);
	tls_unref(client_tls);
}

static void test_resume_table(void **state)
{
	struct tls_resume *r = tls_resume_new();
	AUTO_BUF struct buf got;
	static char large[TLS_RESUME_SESSION_MAX + 1];
	char name[20];

	(void)state;
	buf_init_secret(&got, TLS_RESUME_SESSION_MAX);
	assert_false(tls_resume_get(r, "a", &got));
	tls_resume_put(r, "a", SPAN("one"));
	tls_resume_put(r, "a", SPAN("two"));
	assert_true(tls_resume_get(r, "a", &got));
	assert_true(span_equal_str(buf_span(&got), "two"));
	for (int i = 0; i < TLS_RESUME_MAX; i++) { /* "a" is used meanwhile, so "n0" makes room */
		(void)snprintf(name, sizeof(name), "n%d", i);
		tls_resume_put(r, name, SPAN("x"));
		buf_reset(&got);
		assert_true(tls_resume_get(r, "a", &got));
	}
	assert_false(tls_resume_get(r, "n0", &got));
	assert_true(tls_resume_get(r, "n1", &got));
	tls_resume_drop(r, "a");
	tls_resume_drop(r, "a");
	assert_false(tls_resume_get(r, "a", &got));
	tls_resume_put(r, "large", span_from(large, sizeof(large)));
	assert_false(tls_resume_get(r, "large", &got));
	tls_resume_free(r);
	tls_resume_free(NULL);
}

static int set_up(void **state)
{
	(void)state;
	pki_init(&pki, &(struct pki_options){ .ca_name = "main CA" });
	pki_init(&other_pki, &(struct pki_options){ .ca_name = "other CA" });
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pki_free(&pki);
	pki_free(&other_pki);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server_options),
		cmocka_unit_test(test_client_options),
		cmocka_unit_test(test_machine_ca),
		cmocka_unit_test(test_stream_in_pieces),
		cmocka_unit_test(test_length_of_the_chain),
		cmocka_unit_test(test_stream_with_a_wrong_bit),
		cmocka_unit_test(test_resume_table),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
