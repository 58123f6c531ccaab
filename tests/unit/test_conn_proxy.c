/* Dialling through a proxy: CONNECT, its answers, credentials. */
#include "tests/unit/net_peer.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"

static struct pki pki;

/* Dials `host`:443 through the door; runs until the door has the request. */
static void dial_through(struct loop *l, struct door *d, const char *host, const char *userinfo,
			 struct tls *tls, struct peer *p)
{
	AUTO_FREE char *proxy = mem_printf("http://%s127.0.0.1:%u", userinfo, door_port(d));
	struct conn_target target = { .host = host,
				      .port = 443,
				      .tls = tls,
				      .proxy = proxy,
				      .timeout_ms = 2000 };

	peer_init(p);
	p->in_call = true;
	p->c = conn_dial(l, &target, &peer_events, p);
	p->in_call = false;
	WAIT_FOR(l, d->count && span_ends(buf_span(&d->peers[0].got), SPAN("\r\n\r\n")));
}

static void test_requests(void **state)
{
	static const struct {
		const char *host, *userinfo, *want;
	} rows[] = {
		{ "api.example", "",
		  "CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n\r\n" },
		{ "192.0.2.7", "",
		  "CONNECT 192.0.2.7:443 HTTP/1.1\r\nHost: 192.0.2.7:443\r\n\r\n" },
		{ "2001:db8::7", "",
		  "CONNECT [2001:db8::7]:443 HTTP/1.1\r\nHost: [2001:db8::7]:443\r\n\r\n" },
		{ "a", "user:pass@",
		  "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n"
		  "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n" },
		{ "a", "us%40er:p%3ass@",
		  "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n"
		  "Proxy-Authorization: Basic dXNAZXI6cDpzcw==\r\n\r\n" },
		{ "a", "user@",
		  "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n"
		  "Proxy-Authorization: Basic dXNlcjo=\r\n\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct loop *l = net_loop_new();
		struct door *d = door_new(l, &(struct door_options){ 0 });
		struct peer p;

		dial_through(l, d, rows[i].host, rows[i].userinfo, NULL, &p);
		assert_string_equal(buf_str(&d->peers[0].got), rows[i].want);
		assert_int_equal(p.opens, 0);
		conn_close(p.c);
		WAIT_FOR(l, p.closes);
		peer_free(&p);
		door_free(d);
		loop_free(l);
	}
}

static void test_names_that_are_none(void **state)
{
	static const char *const hosts[] = { "", "a b", "a\r\nX: y", "a\n", "\x7f" };
	struct loop *l = net_loop_new();
	struct door *d = door_new(l, &(struct door_options){ 0 });
	AUTO_FREE char *proxy = mem_printf("http://127.0.0.1:%u", door_port(d));

	(void)state;
	for (size_t i = 0; i < COUNT_OF(hosts); i++) {
		struct conn_target target = { .host = hosts[i], .proxy = proxy, .timeout_ms = 2000 };
		struct peer p;

		peer_init(&p);
		p.c = conn_dial(l, &target, &peer_events, &p);
		WAIT_FOR(l, p.closes && d->count == i + 1);
		assert_non_null(strstr(p.why.text, "this is no host name"));
		assert_int_equal(d->peers[i].got.len, 0);
		peer_free(&p);
	}
	door_free(d);
	loop_free(l);
}

static void test_answers(void **state)
{
	static const struct {
		const char *answer;
		const char *says; /* NULL: open, and "tunnelled" is read */
		enum err_code code;
	} rows[] = {
		{ "HTTP/1.1 200 Connection established\r\n\r\ntunnelled", NULL, ERR_NONE },
		{ "HTTP/1.0 200 OK\r\nServer: x\r\nVia: y\r\n\r\ntunnelled", NULL, ERR_NONE },
		/* RFC 9110 9.3.6: these two mean nothing in a 2xx to CONNECT */
		{ "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntunnelled", NULL, ERR_NONE },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ntunnelled", NULL, ERR_NONE },
		{ "HTTP/1.1 204 No Content\r\n\r\ntunnelled", NULL, ERR_NONE },
		{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\ntunnelled", NULL, ERR_NONE },
		{ "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
		  "answered 407: it wants user and password", ERR_UNREACHABLE },
		{ "HTTP/1.1 403 Forbidden\r\n\r\n", "asked for api.example:443, answered 403",
		  ERR_UNREACHABLE },
		{ "HTTP/1.1 502 Bad Gateway\r\n\r\n", "answered 502", ERR_UNREACHABLE },
		{ "HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n", "answered 302", ERR_UNREACHABLE },
		{ "SSH-2.0-OpenSSH_9.2\r\n", "not HTTP", ERR_UNREACHABLE },
		{ "\x16\x03\x01\x02", "not HTTP", ERR_UNREACHABLE },
		{ "HTTP/1.1 abc\r\n\r\n", "not HTTP", ERR_UNREACHABLE },
		{ "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "not HTTP", ERR_UNREACHABLE },
	};

	(void)state;
	for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
		struct span answer = span_of(rows[i / 2].answer);
		struct loop *l = net_loop_new();
		struct door *d = door_new(l, &(struct door_options){ 0 });
		struct peer p;

		dial_through(l, d, "api.example", "", NULL, &p);
		if (i % 2 == 0)
			conn_write(d->peers[0].c, answer);
		for (size_t n = 0; i % 2 && n < answer.len && !p.closes; n++) { /* byte by byte */
			conn_write(d->peers[0].c, span_from(answer.at + n, 1));
			net_turn(l);
		}
		if (rows[i / 2].says) {
			WAIT_FOR(l, p.closes);
			print_message("row %zu: %s\n", i / 2, p.why.text);
			assert_int_equal(p.opens, 0);
			assert_int_equal(p.why.code, rows[i / 2].code);
			assert_non_null(strstr(p.why.text, rows[i / 2].says));
		} else {
			WAIT_FOR(l, p.got.len == 9);
			assert_int_equal(p.opens, 1);
			assert_string_equal(buf_str(&p.got), "tunnelled");
			conn_write(p.c, SPAN("and back"));
			WAIT_FOR(l, span_ends(buf_span(&d->peers[0].got), SPAN("and back")));
			conn_close(p.c);
			WAIT_FOR(l, p.closes);
		}
		peer_free(&p);
		door_free(d);
		loop_free(l);
	}
}

/* The loop goes on without the door. */
static void end_door(struct loop *l, struct door *d)
{
	if (d->peers[0].c)
		conn_close(d->peers[0].c);
	WAIT_FOR(l, d->peers[0].closes);
	door_free(d);
}

static void test_answers_that_do_not_end(void **state)
{
	struct loop *l = net_loop_new();
	struct door *d = door_new(l, &(struct door_options){ 0 });
	struct peer p;

	(void)state;
	dial_through(l, d, "api.example", "user:sesame@", NULL, &p); /* endless */
	conn_write(d->peers[0].c, SPAN("HTTP/1.1 200 OK\r\n"));
	while (!p.closes) {
		if (d->peers[0].c)
			conn_write(d->peers[0].c, SPAN("X-Filler: 0123456789012345678901234567\r\n"));
		net_turn(l);
		assert_true(d->peers[0].got_len < 1000);
	}
	print_message("%s\n", p.why.text);
	assert_non_null(strstr(p.why.text, "endless"));
	peer_free(&p);
	end_door(l, d);

	d = door_new(l, &(struct door_options){ 0 });
	dial_through(l, d, "api.example", "user:sesame@", NULL, &p); /* none */
	WAIT_FOR(l, p.closes);
	print_message("%s\n", p.why.text);
	assert_int_equal(p.why.code, ERR_TIMEOUT);
	assert_non_null(strstr(p.why.text, "within 2000 ms (the proxy's answer)"));
	assert_null(strstr(p.why.text, "sesame"));
	peer_free(&p);
	end_door(l, d);

	d = door_new(l, &(struct door_options){ 0 });
	dial_through(l, d, "api.example", "user:sesame@", NULL, &p); /* cut */
	conn_write(d->peers[0].c, SPAN("HTTP/1.1 200 OK\r\nX"));
	conn_end(d->peers[0].c);
	WAIT_FOR(l, p.closes);
	print_message("%s\n", p.why.text);
	assert_int_equal(p.why.code, ERR_UNREACHABLE);
	assert_non_null(strstr(p.why.text, "during the proxy's answer"));
	peer_free(&p);
	end_door(l, d);

	d = door_new(l, &(struct door_options){ 0 });
	dial_through(l, d, "api.example", "user:sesame@", NULL, &p);
	conn_write(d->peers[0].c, SPAN("HTTP/1.1 407 No\r\n\r\n"));
	WAIT_FOR(l, p.closes);
	print_message("%s\n", p.why.text);
	assert_non_null(strstr(p.why.text, "refuses this"));
	assert_null(strstr(p.why.text, "sesame"));
	peer_free(&p);
	end_door(l, d);
	loop_free(l);
}

/* TLS to the real server behind it: the proxy only passes bytes on. */
static void test_tls_through_the_tunnel(void **state)
{
	struct loop *l = net_loop_new();
	struct tls *server = tls_server_for(&pki, NULL, true, alpn_h1);
	struct tls *client = tls_client_for(buf_span(&pki.ca), NULL, NULL, alpn_h1);
	struct door *proxy = door_new(l, &(struct door_options){ 0 });
	struct door *d = door_new(l, &(struct door_options){ .tls = server });
	struct peer p, beyond;

	(void)state;
	d->echoes = d->ends_back = true;
	dial_through(l, proxy, "localhost", "", client, &p);
	peer_dial(&beyond, l, door_port(d), NULL, NULL);
	WAIT_FOR(l, beyond.opens);
	buf_reset(&proxy->peers[0].got);
	conn_write(proxy->peers[0].c, SPAN("HTTP/1.1 200 OK\r\n\r\n"));
	for (bool asked = false; p.got.len < 5;) {
		struct buf *up = &proxy->peers[0].got, *down = &beyond.got;

		net_turn(l);
		assert_string_equal(p.why.text, "");
		conn_write(beyond.c, buf_span(up));
		buf_reset(up);
		conn_write(proxy->peers[0].c, buf_span(down));
		buf_reset(down);
		if (p.opens && !asked)
			conn_write(p.c, SPAN("hello"));
		asked = asked || p.opens;
	}
	assert_string_equal(buf_str(&p.got), "hello");
	assert_string_equal(conn_alpn(p.c), "http/1.1");
	loop_free(l);
	d->listener = proxy->listener = NULL;
	door_free(d);
	door_free(proxy);
	peer_free(&p);
	peer_free(&beyond);
	tls_unref(client);
	tls_unref(server);
}

static int set_up(void **state)
{
	(void)state;
	pki_init(&pki, &(struct pki_options){ .ca_name = "main CA" });
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pki_free(&pki);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_names_that_are_none),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_answers_that_do_not_end),
		cmocka_unit_test(test_tls_through_the_tunnel),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
