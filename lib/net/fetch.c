/* The blocking HTTP client: making it, and trying again. */
#include "lib/net/fetch.h"

#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/crypto/random.h"
#include "lib/net/fetch_inner.h"

#define CONNECT_TIMEOUT_MS 10000
#define CA_FILE_MAX (8 * 1024 * 1024)
#define BACKOFF_MS 100
#define BACKOFF_MAX_MS 5000
#define RETRY_AFTER_MAX_S 30

/* Our anchors and our client certificate must never be used towards a proxy, so that is spoken to
 * in plain HTTP. */
static int check_proxy(const char *proxy, const char *from, struct err *e)
{
	if (proxy && strncasecmp(proxy, "https://", 8) == 0)
		return err_set(e, ERR_INPUT, "the proxy %s must be an http:// URL", from);
	return 0;
}

static int check_proxies(const struct fetch_options *o, struct err *e)
{
	static const char *const names[] = { "https_proxy", "HTTPS_PROXY", "http_proxy",
					     "all_proxy", "ALL_PROXY" };

	if (o->proxy)
		return check_proxy(o->proxy, "that was given", e);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (check_proxy(getenv(names[i]), names[i], e) < 0)
			return -1;
	return 0;
}

/* What can be known now is loaded now; the machine's bundle is not (5 ms, and often not needed). */
static int load_tls(struct fetch *f, const struct fetch_options *o, struct err *e)
{
	AUTO_BUF struct buf file;
	struct tls_client_options t = { .ca_pem = span_of(o->ca_pem),
					.cert_pem = span_of(o->cert_pem),
					.key_pem = span_of(o->key_pem),
					.ca_sha256 = o->ca_sha256,
					.insecure = o->insecure };

	buf_init(&file, CA_FILE_MAX);
	if (o->ca_file && !o->insecure) {
		if (file_read(o->ca_file, &file, e) < 0)
			return err_context(e, "the CA file");
		t.ca_pem = buf_span(&file);
	}
	if (!t.ca_pem.len && !t.cert_pem.len && !t.ca_sha256 && !t.insecure)
		return 0;
	f->tls = tls_client_new(&t, e);
	if (!f->tls && o->ca_file)
		return err_context(e, "the CA file %s", o->ca_file);
	return f->tls ? 0 : -1;
}

/*
 * libcurl's memory is wiped before it goes back: its buffers have held tokens and answers, such as 1Password's items.
 * curl_global_init_mem(3).
 */
static void wipe_free(void *at)
{
	if (at)
		secret_wipe(at, malloc_usable_size(at));
	free(at);
}

static void *wipe_realloc(void *at, size_t size)
{
	size_t old = at ? malloc_usable_size(at) : 0;
	void *made = size > old || !at ? malloc(size) : at;

	if (!made || made == at)
		return made;
	if (at)
		memcpy(made, at, old);
	wipe_free(at);
	return made;
}

struct fetch *fetch_new(const struct fetch_options *o, struct err *e)
{
	struct fetch *f;

	if (check_proxies(o, e) < 0)
		return NULL;
	/* counted, and safe on any thread */
	if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wipe_free, wipe_realloc, strdup, calloc) !=
	    CURLE_OK) {
		(void)err_set(e, ERR_NOMEM, "libcurl cannot be readied");
		return NULL;
	}
	f = mem_new(sizeof(*f));
	f->check = tls_check_new();
	f->insecure = o->insecure;
	f->proxy = mem_dup_str(o->proxy);
	f->user_agent = mem_dup_str(o->user_agent ? o->user_agent : "mk8s/" MK8S_VERSION);
	f->connect_timeout_ms = o->connect_timeout_ms ? o->connect_timeout_ms : CONNECT_TIMEOUT_MS;
	f->multi = curl_multi_init();
	f->easy = curl_easy_init();
	if (!f->multi || !f->easy)
		(void)err_set(e, ERR_NOMEM, "no memory for an HTTP client");
	else if (load_tls(f, o, e) == 0)
		return f;
	fetch_free(f);
	return NULL;
}

void fetch_free(struct fetch *f)
{
	if (!f)
		return;
	curl_easy_cleanup(f->easy);
	(void)curl_multi_cleanup(f->multi);
	tls_check_free(f->check);
	tls_unref(f->tls);
	secret_free(f->proxy); /* may hold a password */
	free(f->user_agent);
	free(f);
	curl_global_cleanup();
}

/* 100 ms, 200 ms, 400 ms ... at most 5 s, and of that a random part, so that many clients do not
 * come back at once. */
static uint64_t backoff_ms(unsigned tries)
{
	uint64_t most = tries < 6 ? (uint64_t)BACKOFF_MS << tries : BACKOFF_MAX_MS;
	uint32_t random;

	random_bytes(&random, sizeof(random));
	return (most < BACKOFF_MAX_MS ? most : BACKOFF_MAX_MS) * random / UINT32_MAX;
}

/* What Retry-After asks for (seconds or a date); -1: nothing that is understood. */
static int64_t retry_after_ms(const struct fetch_answer *a)
{
	char text[64];
	uint64_t seconds;
	time_t date;

	if (!fetch_answer_field(a, "retry-after", text, sizeof(text)))
		return -1;
	if (span_to_u64(span_of(text), 100000000, &seconds) == 0)
		return (int64_t)seconds * 1000;
	date = curl_getdate(text, NULL);
	if (date < 0)
		return -1;
	return date > clock_unix_s() ? (int64_t)(date - clock_unix_s()) * 1000 : 0;
}

static bool is_repeatable(const struct fetch_request *rq)
{
	return !rq->method || strcmp(rq->method, "GET") == 0 || strcmp(rq->method, "HEAD") == 0;
}

/* How long to wait before the next try; -1: there is no use in one. */
static int64_t retry_wait_ms(const struct fetch_try *t, int result, bool nothing_sent,
			     unsigned tries, const struct err *e)
{
	int64_t wait_ms = (int64_t)backoff_ms(tries), asked_ms;

	if (t->delivered || t->stopped || t->cancelled || (!is_repeatable(t->rq) && !nothing_sent))
		return -1;
	if (result < 0)
		return (e->code == ERR_UNREACHABLE && !tls_check_refusal(t->f->check)) ||
				       (e->code == ERR_TIMEOUT && !t->timed_out) ?
			       wait_ms :
			       -1;
	if (t->answer->status != 429 && t->answer->status != 503)
		return -1;
	asked_ms = retry_after_ms(t->answer);
	if (asked_ms > RETRY_AFTER_MAX_S * 1000)
		return -1;
	return asked_ms > wait_ms ? asked_ms : wait_ms;
}

/* Sleeps; less where the exchange is given up. */
static void sleep_ms(const struct fetch_request *rq, int64_t ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	struct pollfd cancel = { .fd = rq->cancel_fd, .events = POLLIN };

	if (rq->cancel_fd > 0) {
		(void)poll(&cancel, 1, (int)ms);
		return;
	}
	while (nanosleep(&left, &left) < 0)
		;
}

int fetch_do(struct fetch *f, const struct fetch_request *rq, struct fetch_answer *ret_answer,
	     struct err *e)
{
	uint64_t deadline_ms =
		clock_mono_ms() + (rq->timeout_ms ? rq->timeout_ms : FETCH_TIMEOUT_MS);
	bool nothing_sent;
	int64_t wait_ms;
	int result;

	*ret_answer = (struct fetch_answer){ 0 };
	for (unsigned tries = 0;; tries++) {
		struct fetch_try t = {
			.f = f, .rq = rq, .answer = ret_answer, .deadline_ms = deadline_ms
		};

		result = fetch_try_run(&t, &nothing_sent, e);
		if (tries >= rq->retry_max)
			return result;
		wait_ms = retry_wait_ms(&t, result, nothing_sent, tries, e);
		if (wait_ms < 0 || clock_mono_ms() + (uint64_t)wait_ms >= deadline_ms)
			return result;
		sleep_ms(rq, wait_ms);
		fetch_answer_free(ret_answer);
	}
}

bool fetch_answer_field(const struct fetch_answer *a, const char *name, char *into,
			size_t into_size)
{
	struct span rest = buf_span(&a->fields), wanted = span_of(name), line;

	while (rest.len > 0 && span_take_part(&rest, '\n', &line)) {
		if (!span_starts(line, wanted) || line.len < wanted.len + 2 ||
		    line.at[wanted.len] != ':')
			continue;
		return span_to_str(span_from(line.at + wanted.len + 2, line.len - wanted.len - 2),
				   into, into_size) == 0;
	}
	return false;
}

void fetch_answer_free(struct fetch_answer *a)
{
	buf_free(&a->fields);
	buf_free(&a->body);
	*a = (struct fetch_answer){ 0 };
}
