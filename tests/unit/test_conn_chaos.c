/* Connections whose owners do anything at any moment: nothing leaks, nothing is touched after its end. */
#include "tests/unit/net_peer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

#define PAIRS 60
#define ROUNDS 400

static struct pki pki;

/* xorshift: the same run for the same seed */
static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

struct wild {
	struct conn *c;
	struct wild *other; /* often closed from here */
	uint32_t *seed;
	size_t sent, got; /* the pattern's bytes, in order */
	unsigned opens, ends, closes;
	bool is_paused, in_act;
};

static const char *pattern;
#define PATTERN_LEN (4 * 1024 * 1024)

static void act(struct wild *w);

static void on_open(void *owner, struct conn *c)
{
	struct wild *w = owner;

	assert_false(w->in_act);
	w->c = c;
	w->opens++;
	act(w);
}

static void on_read(void *owner, struct span bytes)
{
	struct wild *w = owner;

	assert_false(w->in_act || w->is_paused);
	assert_int_equal(w->closes + w->ends, 0);
	assert_true(bytes.len <= PATTERN_LEN - w->got);
	assert_memory_equal(bytes.at, pattern + w->got, bytes.len);
	w->got += bytes.len;
	act(w);
}

static void on_drain(void *owner)
{
	struct wild *w = owner;

	assert_false(w->in_act);
	assert_int_equal(w->closes, 0);
	act(w);
}

static void on_end(void *owner)
{
	struct wild *w = owner;

	assert_false(w->in_act);
	assert_int_equal(w->ends++ + w->closes, 0);
	act(w);
	if (w->c)
		conn_end(w->c);
}

static void on_close(void *owner, const struct err *why)
{
	struct wild *w = owner;

	assert_false(w->in_act);
	assert_int_equal(w->closes++, 0);
	assert_true(why->code == ERR_NONE || why->text[0]);
	w->c = NULL;
	if (w->other->c && next_random(w->seed) % 8 == 0)
		conn_close(w->other->c);
}

static const struct conn_events wild_events = { on_open, on_read, on_drain, on_end, on_close };

static void send_some(struct wild *w)
{
	static const size_t most[] = { 1, 100, 5000, 16384, 16385, 70000, 300000 };
	size_t len = next_random(w->seed) % most[next_random(w->seed) % COUNT_OF(most)] + 1;

	if (len > PATTERN_LEN - w->sent || conn_queued(w->c) > 1024 * 1024)
		return;
	conn_write(w->c, span_from(pattern + w->sent, len));
	w->sent += len;
}

static void act(struct wild *w)
{
	uint32_t dice = next_random(w->seed) % 100;

	if (!w->c)
		return;
	w->in_act = true;
	if (dice < 60) {
		send_some(w);
	} else if (dice < 70) {
		w->is_paused = true;
		conn_pause(w->c);
	} else if (dice < 95) {
		w->is_paused = false;
		conn_resume(w->c);
	} else if (dice < 97) {
		conn_end(w->c);
	} else if (dice < 98) {
		conn_close_after_flush(w->c, next_random(w->seed) % 50);
	} else {
		conn_close(w->c);
	}
	w->in_act = false;
}

struct zoo {
	struct wild servers[PAIRS];
	unsigned count;
	uint32_t *seed;
	struct wild *clients;
};

static void on_conn(void *owner, struct conn *c)
{
	struct zoo *z = owner;
	struct wild *w = &z->servers[z->count];

	*w = (struct wild){ .c = c, .seed = z->seed, .other = &z->clients[z->count] };
	z->count++;
	if (next_random(z->seed) % 20 == 0) {
		conn_close(c); /* without ever attaching: nobody hears of it */
		w->c = NULL;
		w->closes = 1;
		return;
	}
	conn_attach(c, &wild_events, w);
}

static size_t run(uint32_t seed, struct tls *server, struct tls *client)
{
	static struct wild clients[PAIRS];
	struct zoo z = { .seed = &seed, .clients = clients };
	struct loop *l = net_loop_new();
	struct listener_options o = { .address = "127.0.0.1",
				      .tls = server,
				      .conn_max = PAIRS - 5,
				      .handshake_timeout_ms = 5000 };
	struct listener *n = listener_open(l, &o, on_conn, &z, &(struct err){ 0 });
	struct conn_target target = { .host = "127.0.0.1",
				      .port = listener_port(n),
				      .tls = client,
				      .timeout_ms = 3000 };
	size_t moved = 0;

	for (size_t i = 0; i < PAIRS; i++) {
		clients[i] = (struct wild){ .seed = &seed, .other = &clients[(i + 1) % PAIRS] };
		clients[i].c = conn_dial(l, &target, &wild_events, &clients[i]);
		if (next_random(&seed) % 10 == 0)
			conn_close(clients[i].c);
	}
	for (int i = 0; i < ROUNDS; i++) {
		struct wild *w = &clients[next_random(&seed) % PAIRS];

		if (w->c && w->opens)
			act(w);
		w = &z.servers[next_random(&seed) % PAIRS];
		if (w->c)
			act(w);
		if (i % 4 == 0)
			net_turn(l);
	}
	loop_free(l); /* with whatever is left */
	for (size_t i = 0; i < PAIRS; i++)
		moved += clients[i].got + (i < z.count ? z.servers[i].got : 0);
	return moved;
}

static void test_plain(void **state)
{
	size_t moved = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= 8; seed++)
		moved += run(seed * 2654435761u, NULL, NULL);
	print_message("%zu bytes moved\n", moved);
	assert_true(moved > 1000 * 1000);
}

static void test_tls(void **state)
{
	struct tls *server = tls_server_for(&pki, NULL, true, alpn_h1);
	struct tls *client = tls_client_for(buf_span(&pki.ca), NULL, NULL, alpn_h1);
	size_t moved = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= 4; seed++)
		moved += run(seed * 40503u, server, client);
	print_message("%zu bytes moved\n", moved);
	assert_true(moved > 1000 * 1000);
	tls_unref(server);
	tls_unref(client);
}

struct shared {
	struct tls *server, *client;
};

/* A loop of its own, the configurations shared with the other threads. */
static void *thread_main(void *arg)
{
	const struct shared *s = arg;
	struct loop *l = net_loop_new();
	struct door *d = door_new(l, &(struct door_options){ .tls = s->server });
	struct peer p;

	d->echoes = true;
	for (int i = 0; i < 20; i++) {
		peer_dial(&p, l, door_port(d), s->client, "localhost");
		WAIT_FOR(l, p.opens || p.closes);
		assert_string_equal(p.why.text, "");
		conn_write(p.c, SPAN("hello"));
		WAIT_FOR(l, p.got.len == 5);
		conn_close(p.c);
		WAIT_FOR(l, p.closes);
		peer_free(&p);
	}
	loop_free(l);
	d->listener = NULL;
	door_free(d);
	return NULL;
}

static void test_configurations_shared_by_threads(void **state)
{
	struct shared s = { .server = tls_server_for(&pki, NULL, true, alpn_h1),
			    .client = tls_client_for(buf_span(&pki.ca), NULL, NULL, alpn_h1) };
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread_main, &s), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		pthread_join(threads[i], NULL);
	tls_unref(s.server);
	tls_unref(s.client);
}

static int set_up(void **state)
{
	(void)state;
	pki_init(&pki, &(struct pki_options){ .ca_name = "main CA" });
	pattern = net_pattern_new(PATTERN_LEN);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pki_free(&pki);
	free((void *)(uintptr_t)pattern);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_configurations_shared_by_threads),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
