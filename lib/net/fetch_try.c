/* One try of one request: libcurl's options, its callbacks, and the loop that watches the clock. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/format/url.h"
#include "lib/net/fetch_inner.h"

#define FETCH_ANSWER_MAX ((size_t)64 * 1024 * 1024)
#define FETCH_POLL_MS 60000

/* "Name: value" as "name: value\n"; what is no field is left out. */
static void take_field(struct fetch_try *t, struct span line)
{
	ptrdiff_t colon = span_find(line, ':');
	struct buf *into = &t->answer->fields;

	if (colon <= 0)
		return;
	for (ptrdiff_t i = 0; i < colon; i++)
		(void)buf_put_char(into, (char)tolower((unsigned char)line.at[i]));
	(void)buf_put_str(into, ": ");
	(void)buf_put_span(into,
			   span_trim(span_from(line.at + colon + 1, line.len - (size_t)colon - 1)));
	(void)buf_put_char(into, '\n');
}

/* libcurl calls it with whole lines: of each head (1xx too) and of trailers. */
static size_t on_line(char *at, size_t size, size_t count, void *arg)
{
	struct fetch_try *t = arg;
	struct span line = span_from(at, size * count);
	long status = 0;

	t->heard_ms = clock_mono_ms();
	while (line.len > 0 && (line.at[line.len - 1] == '\n' || line.at[line.len - 1] == '\r'))
		line.len--;
	if (t->head_done) /* trailers */
		return size * count;
	if (span_starts(line, SPAN("HTTP/"))) {
		buf_reset(&t->answer->fields);
	} else if (line.len > 0) {
		take_field(t, line);
	} else {
		(void)curl_easy_getinfo(t->f->easy, CURLINFO_RESPONSE_CODE, &status);
		t->head_done = status >= 200 || status == 101;
		t->answer->status = (int)status;
	}
	if (t->head_done && t->rq->on_chunk)
		t->deadline_ms = UINT64_MAX;
	return t->answer->fields.failed ? CURL_WRITEFUNC_ERROR : size * count;
}

static size_t on_body(char *at, size_t size, size_t count, void *arg)
{
	struct fetch_try *t = arg;
	struct span bytes = span_from(at, size * count);

	t->heard_ms = clock_mono_ms();
	if (!t->rq->on_chunk || t->answer->status < 200 || t->answer->status > 299)
		return buf_put_span(&t->answer->body, bytes) < 0 ? CURL_WRITEFUNC_ERROR : bytes.len;
	t->delivered = true;
	t->stopped = !t->rq->on_chunk(t->rq->owner, bytes);
	return t->stopped ? CURL_WRITEFUNC_ERROR : bytes.len;
}

static size_t on_read(char *into, size_t size, size_t count, void *arg)
{
	struct fetch_try *t = arg;
	size_t len = t->rq->body.len - t->body_sent;

	if (len > size * count)
		len = size * count;
	if (len)
		memcpy(into, t->rq->body.at + t->body_sent, len);
	t->body_sent += len;
	return len;
}

static bool is_idempotent(const char *method)
{
	static const char *const known[] = { "GET", "HEAD", "PUT", "DELETE", "OPTIONS" };

	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (strcmp(method, known[i]) == 0)
			return true;
	return false;
}

/* libcurl would send a request again when a kept connection dies under it; a POST is never sent
 * twice. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct fetch_try *t = arg;

	if (origin != SEEK_SET || offset != 0 ||
	    (t->body_sent > 0 && !is_idempotent(t->rq->method ? t->rq->method : "GET")))
		return CURL_SEEKFUNC_FAIL;
	t->body_sent = 0;
	return CURL_SEEKFUNC_OK;
}

static CURLcode on_tls(CURL *easy, void *ssl_config, void *arg)
{
	struct fetch_try *t = arg;
	struct fetch *f = t->f;

	(void)easy;
	if (!f->tls) /* the machine's CAs: read only when a server must be verified by them */
		f->tls = tls_client_new(&(struct tls_client_options){ 0 }, &f->tls_err);
	if (!f->tls)
		return CURLE_SSL_CACERT_BADFILE;
	tls_check_begin(f->check, f->tls, t->host, ssl_config);
	return CURLE_OK;
}

/* The URL is checked before libcurl sees it; sentences name its origin alone. */
static int try_take_url(struct fetch_try *t, struct err *e)
{
	struct url url;
	char port[8] = "";

	if (url_split(span_of(t->rq->url), &url, e) < 0)
		return err_set(e, ERR_INPUT, "the URL of a request is malformed");
	if (!span_equal_nocase(url.scheme, SPAN("https")) &&
	    !span_equal_nocase(url.scheme, SPAN("http")))
		return err_set(
			e, ERR_INPUT,
			"a URL with the scheme '%.*s' cannot be fetched, only http and https",
			url.scheme.len > 20 ? 20 : (int)url.scheme.len, url.scheme.at);
	if (span_to_str(url.host, t->host, sizeof(t->host)) < 0)
		return err_set(e, ERR_INPUT, "the host of a URL is longer than %zu bytes",
			       sizeof(t->host) - 1);
	if (url.port)
		(void)snprintf(port, sizeof(port), ":%u", (unsigned)url.port);
	(void)snprintf(t->origin, sizeof(t->origin), "%.*s://%s%s%s%s", SPAN_ARG(url.scheme),
		       url.host_is_ipv6 ? "[" : "", t->host, url.host_is_ipv6 ? "]" : "", port);
	return 0;
}

static void add_line(struct fetch_try *t, const char *line)
{
	struct curl_slist *longer = curl_slist_append(t->fields, line);

	if (!longer)
		abort(); /* as mem_new does */
	t->fields = longer;
}

/* libcurl reads "Name:" as "leave it out" and "Name;" as "empty". */
static int try_add_field(struct fetch_try *t, const char *field, struct err *e)
{
	size_t name_len = strcspn(field, ":");
	const char *value = field + name_len;
	AUTO_SECRET char *empty = NULL;

	for (const char *c = field; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return err_set(e, ERR_INPUT,
				       "a header field may not hold control characters");
	if (name_len == 0 || *value != ':')
		return err_set(e, ERR_INPUT, "a header field must read 'Name: value'");
	if (value[1 + strspn(value + 1, " ")] != '\0') {
		add_line(t, field);
		return 0;
	}
	empty = mem_printf("%.*s;", (int)name_len, field);
	add_line(t, empty);
	return 0;
}

static int try_set_fields(struct fetch_try *t, struct err *e)
{
	bool has_type = false;

	for (size_t i = 0; t->rq->fields && t->rq->fields[i]; i++) {
		if (try_add_field(t, t->rq->fields[i], e) < 0)
			return -1;
		has_type = has_type || strncasecmp(t->rq->fields[i], "content-type:", 13) == 0;
	}
	add_line(t, "Expect:"); /* no extra round trip for large bodies */
	if (!has_type)
		add_line(t, "Content-Type:");
	(void)curl_easy_setopt(t->f->easy, CURLOPT_HTTPHEADER, t->fields);
	return 0;
}

static int try_set_method(struct fetch_try *t, struct err *e)
{
	const char *method = t->rq->method ? t->rq->method : "GET";
	CURL *easy = t->f->easy;

	for (const char *c = method; *c; c++)
		if (*c < 'A' || *c > 'Z')
			return err_set(e, ERR_INPUT, "'%.20s' is not a request method", method);
	if (strcmp(method, "HEAD") == 0) {
		(void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
		return 0;
	}
	if (t->rq->body.len || strcmp(method, "POST") == 0) {
		(void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
		(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
				       (curl_off_t)t->rq->body.len);
		(void)curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
		(void)curl_easy_setopt(easy, CURLOPT_READDATA, t);
		(void)curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
		(void)curl_easy_setopt(easy, CURLOPT_SEEKDATA, t);
	}
	(void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	return 0;
}

/* Options of libcurl's that this build knows cannot fail but for memory, which a later step
 * reports. */
static void try_set_options(struct fetch_try *t)
{
	const struct fetch *f = t->f;
	CURL *easy = f->easy;

	curl_easy_reset(easy); /* keeps connections and sessions */
	(void)curl_easy_setopt(easy, CURLOPT_URL, t->rq->url);
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 65536L);
	(void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	(void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)f->connect_timeout_ms);
	(void)curl_easy_setopt(easy, CURLOPT_USERAGENT, f->user_agent);
	(void)curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	if (f->proxy)
		(void)curl_easy_setopt(easy, CURLOPT_PROXY, f->proxy);
	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, f->insecure ? 0L : 1L);
	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, f->insecure ? 0L : 2L);
	(void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls);
	(void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, t);
	(void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->curl_text);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_line);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
}

/* Milliseconds that may still pass without news; 0: too late. */
static uint64_t try_patience_ms(const struct fetch_try *t)
{
	uint64_t now = clock_mono_ms(), until = t->deadline_ms;

	if (t->head_done && t->rq->on_chunk && t->rq->idle_timeout_ms &&
	    t->heard_ms + t->rq->idle_timeout_ms < until)
		until = t->heard_ms + t->rq->idle_timeout_ms;
	return now < until ? until - now : 0;
}

CURLcode fetch_try_perform(struct fetch_try *t)
{
	CURLM *multi = t->f->multi;
	int running = 1, left;
	struct curl_waitfd cancel = { .fd = t->rq->cancel_fd, .events = CURL_WAIT_POLLIN };
	unsigned more = t->rq->cancel_fd > 0;
	uint64_t patience_ms;
	CURLMsg *message;

	if (curl_multi_add_handle(multi, t->f->easy) != CURLM_OK)
		return CURLE_OUT_OF_MEMORY;
	for (;;) {
		if (curl_multi_perform(multi, &running) != CURLM_OK)
			return CURLE_OUT_OF_MEMORY;
		while ((message = curl_multi_info_read(multi, &left)))
			if (message->msg == CURLMSG_DONE)
				return message->data.result;
		patience_ms = try_patience_ms(t);
		t->timed_out = patience_ms == 0;
		if (t->timed_out)
			return CURLE_OPERATION_TIMEDOUT;
		if (patience_ms > FETCH_POLL_MS)
			patience_ms = FETCH_POLL_MS;
		(void)curl_multi_poll(multi, &cancel, more, (int)patience_ms, NULL);
		t->cancelled = more && cancel.revents;
		if (t->cancelled)
			return CURLE_ABORTED_BY_CALLBACK;
	}
}

/* Fields may hold tokens. */
void fetch_try_wipe_fields(struct fetch_try *t)
{
	for (struct curl_slist *line = t->fields; line; line = line->next)
		secret_wipe(line->data, strlen(line->data));
	curl_slist_free_all(t->fields);
	t->fields = NULL;
}

static int try_judge(struct fetch_try *t, CURLcode rc, struct err *e)
{
	if (rc == CURLE_OK &&
	    !t->head_done) /* libcurl takes a head that is cut short for a whole answer */
		rc = CURLE_RECV_ERROR;
	if (rc == CURLE_OK || t->stopped)
		return 0;
	if (t->cancelled)
		return err_set(e, ERR_IO, "interrupted");
	if (rc != CURLE_WRITE_ERROR)
		return fetch_describe(t, rc, e);
	if (t->answer->fields.failed)
		return err_set(e, ERR_LIMIT, "the head of the answer of %s is larger than %d bytes",
			       t->origin, FETCH_FIELDS_MAX);
	return err_set(e, ERR_LIMIT, "the answer of %s is larger than %zu bytes", t->origin,
		       t->answer->body.max);
}

int fetch_try_prepare(struct fetch_try *t, struct err *e)
{
	if (try_take_url(t, e) < 0)
		return -1;
	buf_init(&t->answer->fields, FETCH_FIELDS_MAX);
	buf_init(&t->answer->body, t->rq->answer_max ? t->rq->answer_max : FETCH_ANSWER_MAX);
	try_set_options(t);
	if (try_set_method(t, e) < 0 || try_set_fields(t, e) < 0) {
		fetch_try_wipe_fields(t);
		return -1;
	}
	err_clear(&t->f->tls_err);
	return 0;
}

int fetch_try_run(struct fetch_try *t, bool *ret_nothing_sent, struct err *e)
{
	struct fetch *f = t->f;
	long sent = 0;
	CURLcode rc;
	int result;

	*ret_nothing_sent = false;
	if (fetch_try_prepare(t, e) < 0)
		return -1;
	rc = fetch_try_perform(t);
	(void)curl_easy_getinfo(f->easy, CURLINFO_REQUEST_SIZE, &sent);
	*ret_nothing_sent = rc != CURLE_OK && sent == 0;
	result = try_judge(t, rc, e);
	(void)curl_multi_remove_handle(f->multi, f->easy);
	curl_easy_reset(f->easy); /* nothing in it points at `t` any more */
	fetch_try_wipe_fields(t);
	return result;
}
