/* The routes of the frame itself: /healthz, /readyz, /metrics, /openapi.json. */
#include "lib/net/server_answer.h"
#include "lib/net/server_inner.h"

#include <stdio.h>

#define METRICS_BODY_MAX (8 * 1024 * 1024)
#define OPENAPI_BODY_MAX (1024 * 1024)

static void get_health(void *app, struct http_stream *s, const char *const *params)
{
	(void)app;
	(void)params;
	server_stream_answer(s, 200, "text/plain; charset=utf-8", SPAN("ok\n"));
}

static void get_ready(void *app, struct http_stream *s, const char *const *params)
{
	const struct server_listener *from = app;
	struct server *server = from->server;
	char why[200] = "stopping";

	(void)params;
	if (server->stopping ||
	    (server->o.is_ready && !server->o.is_ready(server->o.app, why, sizeof(why))))
		answer_problem_later(s, 503, 1, why);
	else
		server_stream_answer(s, 200, "text/plain; charset=utf-8", SPAN("ok\n"));
}

static void get_metrics(void *app, struct http_stream *s, const char *const *params)
{
	const struct server_listener *from = app;
	struct server *server = from->server;
	struct metrics *m = server->metrics;
	AUTO_BUF struct buf body;
	struct err e;

	(void)params;
	metrics_set(m, &server_families[FAMILY_IN_FLIGHT], NULL, (double)server->visit_count);
	metrics_set(m, &server_families[FAMILY_CONNECTIONS], NULL, (double)server->conn_count);
	metrics_set(m, &server_families[FAMILY_JOBS], NULL, (double)pool_busy(server->pool));
	buf_init(&body, METRICS_BODY_MAX);
	metrics_print(m, &body);
	if (buf_ok(&body, "the metrics text", &e) < 0)
		answer_problem(s, 500, e.text, NULL);
	else
		answer_own(s, 200, "text/plain; version=0.0.4; charset=utf-8", &body, NULL);
}

static void get_openapi(void *app, struct http_stream *s, const char *const *params)
{
	AUTO_BUF struct buf body;
	struct err e;

	(void)params;
	buf_init(&body, OPENAPI_BODY_MAX);
	server_put_openapi(app, &body);
	if (buf_ok(&body, "the OpenAPI document", &e) < 0)
		answer_problem(s, 500, e.text, NULL);
	else
		answer_own(s, 200, "application/json", &body, NULL);
}

static const struct route own_routes[] = {
	{ "GET", "/healthz", ACCESS_PUBLIC, NULL, get_health, 0, "The process answers" },
	{ "GET", "/readyz", ACCESS_PUBLIC, NULL, get_ready, 0, "The server takes requests" },
	{ "GET", "/metrics", ACCESS_PUBLIC, NULL, get_metrics, 0,
	  "Metrics in Prometheus' text format" },
	{ "GET", "/openapi.json", ACCESS_PUBLIC, NULL, get_openapi, 0, "This document" },
};

const struct route_table server_own_routes = { own_routes, COUNT_OF(own_routes) };
