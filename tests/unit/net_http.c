/* What the tests of HTTP share. */
#include "tests/unit/net_http.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "lib/base/mem.h"

/* One request on the server's side. */
struct visit {
	struct test_server *server;
	struct http_stream *s;
	enum { VISIT_ECHO, VISIT_STOP, VISIT_DEAF, VISIT_BYTES, VISIT_HEAD, VISIT_OTHER } kind;
	size_t left; /* VISIT_BYTES */
	bool ended;
};

static void must(int result)
{
	assert_int_equal(result, 0);
}

static void visit_feed(struct visit *v)
{
	static const char block[16 * 1024] = "0123456789abcdef";
	struct err e;

	while (v->left && http_stream_queued(v->s) < HTTP_STREAM_LOW_WATER * 2) {
		size_t len = v->left < sizeof(block) ? v->left : sizeof(block);

		must(http_stream_send(v->s, span_from(block, len), &e));
		v->left -= len;
	}
	if (!v->left && !v->ended) {
		v->ended = true;
		must(http_stream_end(v->s, NULL, 0, &e));
	}
}

static void visit_on_body(void *owner, struct http_stream *s, struct span bytes)
{
	struct visit *v = owner;
	struct err e;

	v->server->body_bytes += bytes.len;
	if (v->kind == VISIT_DEAF)
		return;
	if (v->kind == VISIT_STOP && !v->ended) {
		v->ended = true;
		must(http_stream_end(s, NULL, 0, &e));
		return;
	}
	if (v->kind == VISIT_ECHO)
		(void)http_stream_send(s, bytes, &e); /* may be over its limit: the test sees the bytes missing */
	if (v->kind != VISIT_ECHO || http_stream_queued(s) <= HTTP_STREAM_LOW_WATER)
		http_stream_consume(s, SIZE_MAX);
}

static void visit_on_drain(void *owner, struct http_stream *s)
{
	struct visit *v = owner;

	if (v->kind == VISIT_BYTES)
		visit_feed(v);
	else if (v->kind == VISIT_ECHO)
		http_stream_consume(s, SIZE_MAX);
}

static void visit_on_close(void *owner, struct http_stream *s, const struct err *why)
{
	struct visit *v = owner;
	struct test_server *t = v->server;

	t->closes++;
	t->open--;
	t->last_close = *why;
	if (t->held == s)
		t->held = NULL;
	if (t->deaf == s)
		t->deaf = NULL;
	free(v);
}

static void answer(struct http_stream *s, int status, const char *length, bool end)
{
	struct http_field fields[] = { { SPAN("x-test"), SPAN("yes") }, { SPAN("content-length"), span_of(length) } };
	struct http_head head = { .status = status, .fields = fields, .field_count = length ? 2 : 1 };
	struct err e;

	must(http_stream_answer(s, &head, end, &e));
}

static void answer_text(struct http_stream *s, struct span text)
{
	char length[24];
	struct err e;

	(void)snprintf(length, sizeof(length), "%zu", text.len);
	answer(s, 200, length, false);
	must(http_stream_send(s, text, &e));
	must(http_stream_end(s, NULL, 0, &e));
}

static void answer_head(struct http_stream *s)
{
	const struct http_head *r = http_stream_request(s);
	struct buf b AUTO_BUF;

	buf_init(&b, 1024 * 1024);
	buf_printf(&b, "method=%.*s\ntarget=%.*s\nauthority=%.*s\nended=%d\n", SPAN_ARG(r->method),
		   SPAN_ARG(r->target), SPAN_ARG(r->authority), http_stream_ended(s));
	for (size_t i = 0; i < r->field_count; i++)
		buf_printf(&b, "%.*s=%.*s\n", SPAN_ARG(r->fields[i].name), SPAN_ARG(r->fields[i].value));
	answer_text(s, buf_span(&b));
}

static void visit_on_end(void *owner, struct http_stream *s, const struct http_field *trailers, size_t count)
{
	struct visit *v = owner;
	struct err e;

	v->server->ends++;
	if (v->kind == VISIT_HEAD)
		answer_head(s);
	if (v->kind == VISIT_ECHO && !v->ended) {
		v->ended = true;
		must(http_stream_end(s, trailers, count, &e));
	}
}

static const struct http_events visit_events = {
	.on_body = visit_on_body,
	.on_end = visit_on_end,
	.on_drain = visit_on_drain,
	.on_close = visit_on_close,
};

static void visit_bytes(struct visit *v, struct span number, bool with_length)
{
	char length[24];
	uint64_t n;

	must(span_to_u64(number, UINT32_MAX * 4ULL, &n));
	v->kind = VISIT_BYTES;
	v->left = (size_t)n;
	(void)snprintf(length, sizeof(length), "%" PRIu64, n);
	answer(v->s, 200, with_length ? length : NULL, false);
	visit_feed(v);
}

static void on_observed(void *arg, const struct http_stream *s)
{
	struct test_server *t = arg;

	t->observed++;
	assert_true(http_stream_stats(s)->started_us > 0);
}

static bool starts(struct span text, const char *with, struct span *ret_rest)
{
	size_t len = strlen(with);

	if (!span_starts(text, span_of(with)))
		return false;
	*ret_rest = span_from(text.at + len, text.len - len);
	return true;
}

static int granting(const struct test_server *t)
{
	return t->h2 ? 200 : 101;
}

static void visit_grant_end(struct visit *v)
{
	struct err e;

	http_stream_await_upgrade(v->s);
	answer(v->s, granting(v->server), NULL, false);
	assert_true(http_stream_is_raw(v->s));
	v->ended = true;
	must(http_stream_send(v->s, SPAN("bye"), &e));
	must(http_stream_end(v->s, NULL, 0, &e));
	http_stream_unwant(v->s);
}

static void visit_refuse(struct visit *v, struct span status)
{
	struct err e;
	uint64_t n;

	must(span_to_u64(status, 599, &n));
	http_stream_await_upgrade(v->s);
	answer(v->s, (int)n, NULL, false);
	assert_false(http_stream_is_raw(v->s));
	v->ended = true;
	must(http_stream_send(v->s, SPAN("no"), &e));
	must(http_stream_end(v->s, NULL, 0, &e));
}

/* The paths of upgrades; false where the request asks for none. */
static bool visit_upgrade(struct visit *v, struct span target)
{
	struct span rest;

	if (!http_stream_request(v->s)->protocol.len)
		return false;
	if (span_equal(target, SPAN("/upgrade"))) {
		v->kind = VISIT_ECHO;
		http_stream_await_upgrade(v->s);
		answer(v->s, granting(v->server), NULL, false);
	} else if (span_equal(target, SPAN("/grant-end"))) {
		visit_grant_end(v);
	} else if (starts(target, "/refuse/", &rest)) {
		visit_refuse(v, rest);
	} else {
		return false;
	}
	return true;
}

static void on_request(void *owner, struct http_stream *s)
{
	struct test_server *t = owner;
	struct span target = http_stream_request(s)->target, rest;
	struct visit *v = mem_new(sizeof(*v));

	t->requests++;
	t->open++;
	v->server = t;
	v->s = s;
	v->kind = VISIT_OTHER;
	http_stream_attach(s, &visit_events, v);
	http_stream_observe(s, on_observed, t);
	if (visit_upgrade(v, target)) {
		return;
	} else if (span_equal(target, SPAN("/echo"))) {
		v->kind = VISIT_ECHO;
		answer(s, 200, NULL, false);
	} else if (starts(target, "/bytes/", &rest)) {
		visit_bytes(v, rest, true);
	} else if (starts(target, "/stream/", &rest)) {
		visit_bytes(v, rest, false);
	} else if (starts(target, "/stall/", &rest)) {
		http_stream_allow_stall(s);
		visit_bytes(v, rest, false);
	} else if (span_equal(target, SPAN("/early"))) {
		answer(s, 413, NULL, true);
	} else if (span_equal(target, SPAN("/stop"))) {
		v->kind = VISIT_STOP;
		answer(s, 200, NULL, false);
	} else if (span_equal(target, SPAN("/hold"))) {
		t->held = s;
	} else if (span_equal(target, SPAN("/deaf"))) {
		v->kind = VISIT_DEAF;
		t->deaf = s;
		answer(s, 200, NULL, false);
	} else if (span_equal(target, SPAN("/reset"))) {
		http_stream_reset(s, HTTP_RESET_INTERNAL);
	} else if (span_equal(target, SPAN("/204"))) {
		answer(s, 204, NULL, true);
	} else {
		v->kind = VISIT_HEAD;
	}
}

static void on_h1_closed(void *arg)
{
	struct test_server *t = arg;

	t->conns_closed++;
	t->h1 = NULL;
}

static void on_h2_close(void *owner, struct h2 *h, const struct err *why)
{
	struct test_server *t = owner;

	t->conns_closed++;
	t->last_h2_close = *why;
	if (t->h2 == h)
		t->h2 = NULL;
}

static void on_conn(void *owner, struct conn *c)
{
	static const struct h2_events h2_events = { .on_close = on_h2_close };
	struct test_server *t = owner;
	struct http_acceptor acceptor = { on_request, t };

	t->conns++;
	if (t->is_h2 || strcmp(conn_alpn(c), "h2") == 0)
		t->h2 = h2_server_new(t->loop, c, &t->h2_limits, &acceptor, &h2_events, t);
	else
		t->h1 = h1_server_new(t->loop, c, &t->h1_limits, &acceptor, on_h1_closed, t);
}

void test_server_start(struct test_server *t, struct loop *l)
{
	static const struct h1_limits h1 = {
		.head_max = 16 * 1024,
		.field_count_max = 100,
		.head_timeout_ms = 10000,
		.idle_timeout_ms = 10000,
		.body_timeout_ms = 10000,
		.write_timeout_ms = 10000,
	};
	static const struct h2_limits h2 = {
		.stream_max = 100,
		.stream_window = 256 * 1024,
		.conn_window = 1024 * 1024,
		.head_max = 16 * 1024,
		.field_count_max = 100,
		.ping_interval_ms = 5000,
		.idle_timeout_ms = 20000,
		.write_timeout_ms = 10000,
		.body_timeout_ms = 10000,
	};
	struct listener_options o = { .address = "127.0.0.1", .conn_max = 2000, .handshake_timeout_ms = 5000 };
	struct err e;

	t->loop = l;
	if (!t->h1_limits.head_max)
		t->h1_limits = h1;
	if (!t->h2_limits.head_max)
		t->h2_limits = h2;
	o.tls = t->tls;
	t->listener = listener_open(l, &o, on_conn, t, &e);
	assert_non_null(t->listener);
}

void test_server_stop(struct test_server *t)
{
	listener_close(t->listener);
	t->listener = NULL;
}

uint16_t test_server_port(const struct test_server *t)
{
	return listener_port(t->listener);
}

void test_server_release(struct test_server *t)
{
	assert_non_null(t->held);
	answer_text(t->held, SPAN("released"));
	t->held = NULL;
}

static void put_field(struct buf *b, const struct http_field *f)
{
	buf_printf(b, "%.*s=%.*s\n", SPAN_ARG(f->name), SPAN_ARG(f->value));
}

static void ask_on_head(void *owner, struct http_stream *s, const struct http_head *head)
{
	struct test_ask *a = owner;

	assert_ptr_equal(a->s, s);
	assert_false(a->in_call);
	a->heads++;
	a->status = head->status;
	for (size_t i = 0; i < head->field_count; i++)
		put_field(&a->fields, &head->fields[i]);
}

static void ask_on_body(void *owner, struct http_stream *s, struct span bytes)
{
	struct test_ask *a = owner;

	assert_false(a->in_call);
	assert_int_equal(a->heads, 1);
	a->body_len += bytes.len;
	if (a->body_len < 1024 * 1024)
		buf_put_span(&a->body, bytes);
	if (!a->consumes_none)
		http_stream_consume(s, bytes.len);
}

static void ask_on_end(void *owner, struct http_stream *s, const struct http_field *trailers, size_t count)
{
	struct test_ask *a = owner;

	(void)s;
	assert_false(a->in_call);
	a->ends++;
	for (size_t i = 0; i < count; i++)
		put_field(&a->trailers, &trailers[i]);
}

static void ask_feed(struct test_ask *a)
{
	static const char block[16 * 1024] = "fedcba9876543210";
	struct err e;

	while (a->send_left && http_stream_queued(a->s) < HTTP_STREAM_LOW_WATER * 2) {
		size_t len = a->send_left < sizeof(block) ? a->send_left : sizeof(block);

		must(http_stream_send(a->s, span_from(block, len), &e));
		a->send_left -= len;
	}
	if (!a->send_left && a->pumps) {
		a->pumps = false;
		must(http_stream_end(a->s, NULL, 0, &e));
	}
}

static void ask_on_drain(void *owner, struct http_stream *s)
{
	struct test_ask *a = owner;

	(void)s;
	assert_false(a->in_call);
	a->drains++;
	if (a->pumps)
		ask_feed(a);
}

static void ask_on_close(void *owner, struct http_stream *s, const struct err *why)
{
	struct test_ask *a = owner;

	assert_ptr_equal(a->s, s);
	assert_false(a->in_call);
	a->closes++;
	a->why = *why;
	a->s = NULL;
}

const struct http_events test_ask_events = {
	.on_head = ask_on_head,
	.on_body = ask_on_body,
	.on_end = ask_on_end,
	.on_drain = ask_on_drain,
	.on_close = ask_on_close,
};

void test_ask_init(struct test_ask *a)
{
	*a = (struct test_ask){ .s = NULL };
	buf_init(&a->fields, 1024 * 1024);
	buf_init(&a->body, 2 * 1024 * 1024);
	buf_init(&a->trailers, 1024 * 1024);
}

void test_ask_free(struct test_ask *a)
{
	buf_free(&a->fields);
	buf_free(&a->body);
	buf_free(&a->trailers);
}

void test_ask_pump(struct test_ask *a, size_t len)
{
	a->send_left = len;
	a->pumps = true;
	a->in_call = true;
	ask_feed(a);
	a->in_call = false;
}

struct http_head test_head(const char *method, const char *target)
{
	return (struct http_head){
		.method = span_of(method),
		.scheme = SPAN("http"),
		.authority = SPAN("test.example"),
		.target = span_of(target),
	};
}

int raw_connect(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(connect(fd, (struct sockaddr *)&to, sizeof(to)));
	must(fcntl(fd, F_SETFL, O_NONBLOCK));
	return fd;
}

void raw_send(int fd, struct span bytes)
{
	while (bytes.len) {
		ssize_t n = send(fd, bytes.at, bytes.len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return; /* the server may have closed: the test looks at what came */
		if (n <= 0)
			return;
		bytes = span_from(bytes.at + n, bytes.len - (size_t)n);
	}
}

static bool raw_read_once(int fd, struct buf *got)
{
	char bytes[16 * 1024];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		must(buf_put(got, bytes, (size_t)n));
	return n == 0 || (errno != EAGAIN && errno != EINTR);
}

void raw_read(struct loop *l, int fd, const char *until, unsigned ms, struct buf *got)
{
	uint64_t end_ms = clock_mono_ms() + ms;

	while (clock_mono_ms() < end_ms) {
		net_turn(l);
		if (raw_read_once(fd, got))
			return;
		if (until && strstr(buf_str(got), until))
			return;
	}
}

bool raw_is_closed(struct loop *l, int fd, unsigned ms)
{
	uint64_t end_ms = clock_mono_ms() + ms;
	struct buf got AUTO_BUF;

	buf_init(&got, 64 * 1024 * 1024);
	while (clock_mono_ms() < end_ms) {
		net_turn(l);
		if (raw_read_once(fd, &got))
			return true;
	}
	return false;
}

bool have_program(const char *name)
{
	const char *path = getenv("PATH");
	struct span rest = span_of(path), part;
	char full[4096];

	while (path && span_take_part(&rest, ':', &part)) {
		int n = snprintf(full, sizeof(full), "%.*s/%s", SPAN_ARG(part), name);

		if (n > 0 && (size_t)n < sizeof(full) && access(full, X_OK) == 0)
			return true;
	}
	return false;
}

int run_beside(struct loop *l, const char *const *argv, unsigned ms, struct buf *output)
{
	uint64_t end_ms = clock_mono_ms() + ms;
	int pipe_fds[2], status = 0;
	bool over = false;
	pid_t pid;

	must(pipe2(pipe_fds, O_CLOEXEC));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)dup2(pipe_fds[1], 1);
		(void)dup2(pipe_fds[1], 2);
		(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(pipe_fds[1]);
	must(fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK));
	while (!over && clock_mono_ms() < end_ms) {
		char bytes[16 * 1024];
		ssize_t n;

		net_turn(l);
		over = waitpid(pid, &status, WNOHANG) == pid;
		while ((n = read(pipe_fds[0], bytes, sizeof(bytes))) > 0)
			(void)buf_put(output, bytes, (size_t)n); /* cut when it is more than the test wants */
	}
	close(pipe_fds[0]);
	if (!over) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		fail_msg("%s took longer than %u ms", argv[0], ms);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
