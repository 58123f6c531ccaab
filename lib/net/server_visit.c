/* One request as the frame sees it. */
#include "lib/net/server_visit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/crypto/random.h"
#include "lib/format/hex.h"
#include "lib/net/http_stream.h"
#include "lib/net/server_inner.h"

#define VISIT_PATH_SIZE 1024 /* of a path in the log; longer ones are cut */

const struct metric_family server_families[FAMILY_COUNT] = {
	[FAMILY_REQUESTS] = { "mk8s_http_requests_total", METRIC_COUNTER,
			      "Requests that ended; code 0: the client left before an answer.",
			      "route,method,code", NULL },
	[FAMILY_DURATION] = { "mk8s_http_request_duration_seconds", METRIC_HISTOGRAM,
			      "Time from a request's head to the end of its answer.", "route",
			      NULL },
	[FAMILY_IN_FLIGHT] = { "mk8s_http_requests_in_flight", METRIC_GAUGE,
			       "Requests being served.", NULL, NULL },
	[FAMILY_CONNECTIONS] = { "mk8s_http_connections", METRIC_GAUGE,
				 "Open connections that speak HTTP.", NULL, NULL },
	[FAMILY_JOBS] = { "mk8s_worker_jobs", METRIC_GAUGE,
			  "Jobs that wait for a worker or run on one.", NULL, NULL },
};

/* Methods as labels: a fixed set, so that no peer makes new ones. */
static const char *visit_method(struct span method)
{
	static const char *const known[] = { "GET",   "HEAD",   "POST",    "PUT",
					     "PATCH", "DELETE", "OPTIONS", "CONNECT" };

	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (span_equal_str(method, known[i]))
			return known[i];
	return "other";
}

static void visit_count(const struct visit *v, const struct http_stream *s, double duration_s)
{
	struct metrics *m = v->server->metrics;
	char labels[180];

	(void)snprintf(labels, sizeof(labels), "%.120s,%s,%d", v->route,
		       visit_method(http_stream_request(s)->method), http_stream_stats(s)->status);
	metrics_add(m, &server_families[FAMILY_REQUESTS], labels, 1);
	(void)snprintf(labels, sizeof(labels), "%.120s", v->route);
	metrics_add(m, &server_families[FAMILY_DURATION], labels, duration_s);
}

static void visit_log(const struct visit *v, const struct http_stream *s, uint64_t duration_us)
{
	const struct http_head *rq = http_stream_request(s);
	const struct http_stats *stats = http_stream_stats(s);
	struct span rest = rq->target, path = SPAN_NONE;
	char method[24], path_text[VISIT_PATH_SIZE], grpc[16] = "";

	(void)span_take_part(&rest, '?', &path);
	(void)snprintf(method, sizeof(method), "%.*s", SPAN_ARG(rq->method));
	(void)snprintf(path_text, sizeof(path_text), "%.*s", SPAN_ARG(path));
	if (v->grpc_status >= 0)
		(void)snprintf(grpc, sizeof(grpc), "%d", v->grpc_status);
	log_event(LOG_INFO, "request", LOG_STR("server", v->server->o.name),
		  LOG_STR("method", method), LOG_STR("path", path_text),
		  LOG_INT("status", stats->status), LOG_STR("grpc_status", grpc),
		  LOG_INT("bytes_in", stats->bytes_in), LOG_INT("bytes_out", stats->bytes_out),
		  LOG_INT("duration_ms", duration_us / 1000), LOG_STR("peer", v->shown.peer_ip),
		  LOG_STR("user", v->user), LOG_STR("request_id", v->shown.request_id),
		  LOG_STR("trace_id", v->shown.trace_id));
}

static void visit_end(void *arg, const struct http_stream *s)
{
	struct visit *v = arg;
	uint64_t now_us = clock_mono_us(), started_us = http_stream_stats(s)->started_us;
	uint64_t duration_us = now_us > started_us ? now_us - started_us : 0;

	v->server->visit_count--;
	visit_count(v, s, (double)duration_us / 1e6);
	if (v->server->o.access_log)
		visit_log(v, s, duration_us);
	free(v->user);
	free(v);
}

static bool visit_is_hex(struct span text)
{
	bool all_zero = true;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
		all_zero = all_zero && c == '0';
	}
	return !all_zero;
}

/* W3C Trace Context 2.2.2: version-traceid-parentid-flags; a later version may go on behind another
 * dash. */
static bool visit_trace_valid(struct span text)
{
	if (text.len < 55 || text.at[2] != '-' || text.at[35] != '-' || text.at[52] != '-')
		return false;
	if (!span_starts(text, SPAN("00")) &&
	    (!visit_is_hex(span_from(text.at, 2)) || span_starts(text, SPAN("ff")) ||
	     (text.len > 55 && text.at[55] != '-')))
		return false;
	if (span_starts(text, SPAN("00")) && text.len != 55)
		return false;
	return visit_is_hex(span_from(text.at + 3, 32)) &&
	       visit_is_hex(span_from(text.at + 36, 16)) &&
	       (span_equal_str(span_from(text.at + 53, 2), "00") ||
		visit_is_hex(span_from(text.at + 53, 2)));
}

void visit_trace(const struct http_head *head, char ret_trace_id[33], char ret_traceparent[56])
{
	const struct span *given = http_field_find(head, "traceparent");
	const char *flags = "00";
	uint8_t random[24];
	char span_id[17];

	random_bytes(random, sizeof(random));
	random[0] |= 1; /* ids that are all zero are not valid */
	random[16] |= 1;
	hex_encode(random, 16, ret_trace_id);
	hex_encode(random + 16, 8, span_id);
	if (given && http_field_count(head, "traceparent") == 1 && visit_trace_valid(*given)) {
		memcpy(ret_trace_id, given->at + 3, 32);
		flags = given->at + 53;
	}
	(void)snprintf(ret_traceparent, 56, "00-%s-%s-%.2s", ret_trace_id, span_id, flags);
}

static bool visit_is_address(const char *text)
{
	struct in6_addr address;

	return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

/* The peer's address, or the last entry of X-Forwarded-For where that is trusted. */
static void visit_peer_ip(const struct http_stream *s, bool behind_proxy, char *into,
			  size_t into_size)
{
	const struct http_head *head = http_stream_request(s);
	struct span rest = SPAN_NONE, part = SPAN_NONE;
	char text[48];

	(void)snprintf(into, into_size, "%s", http_stream_peer_ip(s));
	for (size_t i = 0; behind_proxy && i < head->field_count; i++)
		if (span_equal_str(head->fields[i].name, "x-forwarded-for"))
			rest = head->fields[i].value; /* the last field holds the last entry */
	while (span_take_part(&rest, ',', &part))
		;
	if (span_to_str(span_trim(part), text, sizeof(text)) == 0 && visit_is_address(text))
		(void)snprintf(into, into_size, "%s", text);
}

struct visit *visit_begin(struct server *server, struct http_stream *s)
{
	struct visit *v = mem_new(sizeof(*v));

	v->server = server;
	v->route = "none";
	v->grpc_status = -1;
	random_uuid(v->shown.request_id);
	visit_trace(http_stream_request(s), v->shown.trace_id, v->shown.traceparent);
	visit_peer_ip(s, server->o.behind_proxy, v->shown.peer_ip, sizeof(v->shown.peer_ip));
	server->visit_count++;
	http_stream_observe(s, visit_end, v);
	return v;
}

static struct visit *visit_of(const struct http_stream *s)
{
	return s->observer == visit_end ? s->observer_arg : NULL;
}

const struct server_visit *server_stream_visit(const struct http_stream *s)
{
	struct visit *v = visit_of(s);

	return v ? &v->shown : NULL;
}

void server_stream_set_user(struct http_stream *s, const char *user)
{
	struct visit *v = visit_of(s);

	if (!v)
		return;
	free(v->user);
	v->user = mem_dup_str(user);
}

/* grpc_server_options.on_status */
void visit_grpc_status(struct http_stream *s, enum grpc_status status)
{
	struct visit *v = visit_of(s);

	if (v)
		v->grpc_status = (int)status;
}
