/* The HTTP client and TLS: which servers it trusts, and what it says about the others. */
#include "tests/unit/fetch_script.h"

#include <pthread.h>

#include "lib/base/clock.h"
#include "lib/crypto/ca.h"
#include "lib/net/loop.h"
#include "lib/net/server.h"

/* A TLS server of the frame, with a certificate for localhost and 127.0.0.1 from a CA of its own.
 */
struct secure {
	struct loop *loop;
	struct server *server;
	pthread_t thread;
	uint16_t port;
	struct ca *ca, *other_ca;
	char *ca_pem, *other_pem;
};

static void on_stopped(void *app)
{
	loop_stop(((struct secure *)app)->loop);
}

static void stop_now(void *arg)
{
	server_stop(((struct secure *)arg)->server, 0, on_stopped);
}

static void *secure_run(void *arg)
{
	loop_run(((struct secure *)arg)->loop);
	return NULL;
}

static struct tls *server_tls(struct ca *ca, int64_t now_unix_s)
{
	static const char *const names[] = { "localhost", "127.0.0.1" };
	static const char *const alpn[] = { "http/1.1", NULL };
	const struct ca_server want = { names, 2, now_unix_s, 3600 };
	struct tls_server_options o = { .alpn = alpn };
	struct buf key, cert;
	struct tls *tls;
	struct err e;

	buf_init_secret(&key, 8192);
	buf_init(&cert, 16384);
	assert_int_equal(ca_issue_server(ca, &want, &key, &cert, &e), 0);
	(void)buf_put_span(&cert, ca_cert_pem(ca));
	o.cert_pem = buf_span(&cert);
	o.key_pem = buf_span(&key);
	tls = tls_server_new(&o, &e);
	if (!tls)
		fail_msg("%s", e.text);
	buf_free(&key);
	buf_free(&cert);
	return tls;
}

static void secure_start(struct secure *s, int64_t now_unix_s)
{
	struct server_listen listen = {
		.listener = { .address = "0.0.0.0", .conn_max = 10, .handshake_timeout_ms = 5000 },
		.health = true
	};
	struct server_options o = {
		.name = "secure", .app = s, .worker_count = 1, .worker_queue_max = 1
	};
	struct listener *n;
	struct err e = { 0 };

	*s = (struct secure){ 0 };
	assert_int_equal(ca_create("test CA", clock_unix_s() - 100000, 200000, &s->ca, &e), 0);
	assert_int_equal(ca_create("other CA", clock_unix_s(), 86400, &s->other_ca, &e), 0);
	s->ca_pem = span_dup(ca_cert_pem(s->ca));
	s->other_pem = span_dup(ca_cert_pem(s->other_ca));
	s->loop = loop_new(&e);
	s->server = server_new(s->loop, &o, &e);
	listen.listener.tls = server_tls(s->ca, now_unix_s);
	n = server_listen(s->server, &listen, &e);
	if (!n)
		fail_msg("%s", e.text);
	tls_unref(listen.listener.tls);
	s->port = listener_port(n);
	assert_int_equal(pthread_create(&s->thread, NULL, secure_run, s), 0);
}

static void secure_stop(struct secure *s)
{
	loop_post(s->loop, stop_now, s);
	(void)pthread_join(s->thread, NULL);
	server_free(s->server);
	loop_free(s->loop);
	ca_free(s->ca);
	ca_free(s->other_ca);
	free(s->ca_pem);
	free(s->other_pem);
}

static int ask_secure(const struct secure *s, const struct fetch_options *o, const char *host,
		      struct err *e)
{
	struct fetch *f = fetch_new(o, e);
	struct fetch_answer a;
	char url[100];
	int rc;

	if (!f)
		fail_msg("%s", e->text);
	(void)snprintf(url, sizeof(url), "https://%s:%u/healthz", host, (unsigned)s->port);
	rc = fetch_do(f, &(struct fetch_request){ .url = url, .timeout_ms = 5000, .retry_max = 2 },
		      &a, e);
	if (rc == 0)
		assert_string_equal(buf_str(&a.body), "ok\n");
	fetch_answer_free(&a);
	fetch_free(f);
	return rc;
}

static void test_trust(void **state)
{
	struct secure s;
	struct err e = { 0 };

	(void)state;
	secure_start(&s, clock_unix_s());
	const char *pin = ca_info(s.ca)->pin, *other_pin = ca_info(s.other_ca)->pin;
	const struct {
		struct fetch_options o;
		const char *host, *says; /* NULL: works */
	} rows[] = {
		{ { .ca_pem = s.ca_pem }, "127.0.0.1", NULL },
		{ { .ca_pem = s.ca_pem }, "localhost", NULL },
		{ { .ca_pem = s.ca_pem, .ca_sha256 = pin }, "localhost", NULL },
		{ { .ca_sha256 = pin }, "localhost", NULL },
		{ { .insecure = true }, "localhost", NULL },
		{ { .insecure = true }, "127.0.0.2", NULL },
		{ { .ca_pem = s.other_pem }, "127.0.0.1", "trusted" },
		{ { 0 }, "127.0.0.1", "trusted" },
		{ { .ca_pem = s.ca_pem }, "127.0.0.2", "not for '127.0.0.2'" },
		{ { .ca_sha256 = pin }, "127.0.0.2", "not for '127.0.0.2'" },
		{ { .ca_sha256 = other_pin }, "localhost", "pinned key sha256:" },
		{ { .ca_pem = s.ca_pem, .ca_sha256 = other_pin },
		  "localhost",
		  "pinned key sha256:" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fetch_options o = rows[i].o;
		char origin[60];
		int rc;

		o.proxy = "";
		(void)snprintf(origin, sizeof(origin), "https://%s:%u: ", rows[i].host,
			       (unsigned)s.port);
		rc = ask_secure(&s, &o, rows[i].host, &e);
		if ((rc == 0) != (rows[i].says == NULL))
			fail_msg("row %zu: %d %s", i, rc, e.text);
		if (rc < 0 && (e.code != ERR_UNREACHABLE || !strstr(e.text, rows[i].says) ||
			       strncmp(e.text, origin, strlen(origin)) != 0))
			fail_msg("row %zu: %d %s", i, (int)e.code, e.text);
	}
	secure_stop(&s);
}

static void test_expired(void **state)
{
	struct secure s;
	struct err e = { 0 };

	(void)state;
	secure_start(&s, clock_unix_s() - 7200);
	assert_int_equal(ask_secure(&s, &(struct fetch_options){ .ca_pem = s.ca_pem, .proxy = "" },
				    "localhost", &e),
			 -1);
	if (e.code != ERR_UNREACHABLE || !strstr(e.text, "expired"))
		fail_msg("%s", e.text);
	secure_stop(&s);
}

/* TLS towards something that speaks none. */
static void test_no_tls(void **state)
{
	static const char *const answers[] = { "HTTP/1.1 400 Bad Request\r\n\r\n" };
	struct fetch_answer a;
	struct fetch *f = new_fetch();
	struct script s;
	struct err e;
	char url[60];

	(void)state;
	script_start(&s, answers, 1);
	(void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", (unsigned)s.port);
	assert_int_equal(
		fetch_do(f, &(struct fetch_request){ .url = url, .timeout_ms = 500 }, &a, &e), -1);
	if ((e.code != ERR_UNREACHABLE && e.code != ERR_TIMEOUT) ||
	    !strstr(e.text, url[0] ? "https://127.0.0.1" : ""))
		fail_msg("%s", e.text);
	fetch_answer_free(&a);
	fetch_free(f);
	script_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trust),
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_no_tls),
	};

	return cmocka_run_group_tests(tests, fetch_set_up, NULL);
}
