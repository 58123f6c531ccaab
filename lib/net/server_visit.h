/* One request as the frame sees it: its ids, its line in the access log, its counts. */
#ifndef MK8S_NET_SERVER_VISIT_H
#define MK8S_NET_SERVER_VISIT_H

#include "lib/net/server.h"

struct visit {
	struct server_visit shown; /* first: what applications may see */
	struct server *server;
	const char *route; /* label of the metrics: a pattern, a gRPC path, or "none" */
	int grpc_status; /* -1: not a gRPC call */
	char *user; /* owned; NULL: nobody known */
};

/* Begins a visit on `s`; it ends itself, with log line and counts, when the stream closes. */
struct visit *visit_begin(struct server *server, struct http_stream *s);

/*
 * The trace context of a request (W3C Trace Context 2.2): that of its traceparent, or a new one.
 * Gives the trace id (32 digits and NUL) and a traceparent with a span of our own (55 and NUL).
 */
void visit_trace(const struct http_head *head, char ret_trace_id[33], char ret_traceparent[56]);

/* grpc_server_options.on_status: the call's status for the log. */
void visit_grpc_status(struct http_stream *s, enum grpc_status status);

#endif
