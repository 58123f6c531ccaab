/* A blocking Kubernetes client on lib/net/fetch: requests and streams. One thread at a time. */
#ifndef MK8S_KUBE_CLIENT_H
#define MK8S_KUBE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/kube/kubeconfig.h"
#include "lib/kube/status.h"

#define KUBE_JSON "application/json"
/* gateway.md 6.1: what kubectl sends for a table, with plain JSON for servers that know none. */
#define KUBE_TABLE                                                                  \
	"application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io," \
	"application/json"
#define KUBE_APPLY_YAML "application/apply-patch+yaml"

struct kube_client;
struct ws;

struct kube_request;

/* What becomes of a request that was asked about. Owned by the guard until its `after`. */
struct kube_pass {
	int status; /* 0: it is sent; else it is not, and this with `body` is the server's answer */
	struct span body;
	const char *path, *accept;	/* instead of the request's own; NULL: as they are */
	const char *const *fields;	/* further "Name: value" lines, NULL-terminated; NULL: none */
	/* What the body of a 2xx becomes: appends what stays; `is_end` once behind it. NULL: as it is. */
	int (*filter)(void *ctx, struct span bytes, bool is_end, struct buf *out, struct err *e);
	void *filter_ctx;
};

/* Stands between a client and its server: nothing is sent that it was not asked about. */
struct kube_guard {
	void *owner;
	/* -1: it is not sent, and fails with `e`. */
	int (*before)(void *owner, const struct kube_request *rq, struct kube_pass *ret_pass,
		      struct err *e);
	/* What came of one that was let through: the server's status (0: no answer), bytes both ways. */
	void (*after)(void *owner, int status, uint64_t bytes_sent, uint64_t bytes_received);
	/*
	 * More bytes of an answer that is held whole, before they are. -1: it is given up, and the request
	 * fails with `e`. NULL: it may be held.
	 */
	int (*hold)(void *owner, const struct kube_request *rq, size_t bytes, struct err *e);
	int cancel_fd;	   /* a request is given up when this becomes readable; -1: never */
	size_t answer_max; /* bytes of one answer that is held whole; 0: the client's own limit */
};

/* `t` is borrowed and must outlive the client. */
struct kube_client *kube_client_new(const struct kube_target *t, const char *user_agent, struct err *e);
void kube_client_free(struct kube_client *c);
/*
 * From now on no answer is waited for past that time of clock_mono_ms (requests then fail with ERR_TIMEOUT), and
 * unless `may_retry` every request is made once.
 */
void kube_client_set_deadline(struct kube_client *c, uint64_t deadline_mono_ms, bool may_retry);
/* For every request from now on; `guard` is borrowed and must outlive the client. */
void kube_client_set_guard(struct kube_client *c, const struct kube_guard *guard);
/* The namespace of the target. */
const char *kube_client_namespace(const struct kube_client *c);
/* The server's URL. */
const char *kube_client_server(const struct kube_client *c);

struct kube_request {
	const char *method; /* NULL: GET */
	const char *path;   /* "/api/v1/pods?limit=500", encoded; put behind the server's URL */
	const char *accept; /* NULL: KUBE_JSON */
	const char *content_type; /* NULL: KUBE_JSON when there is a body */
	struct span body;
	uint64_t timeout_ms; /* 0: 60 s; of a stream: until the head */
};

struct kube_answer {
	int status;
	char content_type[160];
	struct buf body;
	struct buf warnings; /* texts of Warning: 299 headers, one a line */
};
void kube_answer_free(struct kube_answer *a);

/*
 * 0 for 2xx. Else -1: the server's own message and the matching code (kube_status_to_err); `ret_status` (may be
 * NULL) is then filled with the Status and is to be freed. No answer: as fetch_do, and ret_status->code is 0. 429 and
 * 503 with Retry-After are tried again for GET. The answer is to be given to kube_answer_free in any case.
 */
int kube_do(struct kube_client *c, const struct kube_request *rq, struct kube_answer *ret_answer,
	    struct kube_status *ret_status, struct err *e);

/* As kube_do, with the body of a 2xx handed out in pieces; false from `on_chunk` ends the stream without an error. */
int kube_stream(struct kube_client *c, const struct kube_request *rq,
		bool (*on_chunk)(void *owner, struct span bytes), void *owner,
		struct kube_status *ret_status, struct err *e);

/*
 * A WebSocket (lib/net/ws.h) to `path`, with one of `protocols`. Where the server refuses, the same is asked for
 * without upgrade, to get its Status: then as kube_do. NULL: a failure. The caller frees it before the client.
 */
struct ws *kube_open_ws(struct kube_client *c, const char *path, const char *protocols,
			struct kube_status *ret_status, struct err *e);

#endif
