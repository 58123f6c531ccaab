/* One request to the simulated API server, from its head to the last byte of its answer. On the loop alone. */
#ifndef MK8S_TESTS_KUBESIM_CALL_H
#define MK8S_TESTS_KUBESIM_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/map.h"
#include "lib/kube/request_info.h"
#include "lib/net/http.h"
#include "lib/net/loop.h"
#include "tests/kubesim/access.h"
#include "tests/kubesim/resources.h"

/* What a test switched on for requests whose target begins with `prefix` (PUT /sim/faults). */
struct fault {
	char prefix[256];
	char method[16];     /* "" any */
	int64_t latency_ms;  /* before anything is done */
	int64_t status;      /* answered instead of doing it; 0: none */
	int64_t retry_after_s; /* with it; 0: none */
	int64_t cut_after_bytes; /* of the answer's body; -1: never */
	int64_t slow_bytes_per_s; /* 0: as fast as it goes */
	int64_t times;       /* left; -1: always */
};

enum { FAULT_MAX = 16 };

struct sim {
	struct loop *loop;
	struct resources resources;
	struct access access;
	uint64_t version;   /* the newest resourceVersion */
	struct map *logs;   /* "NAMESPACE/POD" -> struct log */
	struct fault faults[FAULT_MAX];
	size_t fault_count;
	int audit_fd;       /* -1: none */
	uint16_t port;
};

enum form { FORM_JSON, FORM_TABLE };

struct call {
	struct sim *sim;
	struct http_stream *s;
	const struct http_head *head;
	char *audit_id; /* owned, as are the next three */
	struct json *certificate_user;
	struct json *impersonated;
	struct loop_timer *timer;
	const struct json *user; /* who authenticated; NULL before */
	struct kind *kind;       /* of resource requests that name one */
	enum form form;          /* as Accept wants it */
	int64_t received_unix_us;
	struct fault fault;      /* a copy; .prefix "" is none */
	struct buf body;
	struct buf out;          /* of the answer's body; what is before `sent` went to the stream */
	size_t sent;
	uint64_t sent_total;
	int status;
	bool began;              /* the answer's head went out */
	bool is_whole;           /* nothing is added to `out` any more */
	bool ended;
	/* Adds to `out` when there is room; false when there is nothing to add now. NULL: nothing ever comes. */
	bool (*more)(struct call *c);
	void (*on_gone)(struct call *c); /* frees `work` */
	void *work;
	struct request_info info;
};

/* Serves a request that has just come. */
void call_begin(struct sim *sim, struct http_stream *s);

/* Who it is done as. */
const struct json *call_acting(const struct call *c);

/* Answers with what is in `out`. */
void call_answer(struct call *c, int status, const char *content_type);
/* The head of an answer whose body comes by `more`. */
void call_stream(struct call *c, const char *content_type);
/* Sends what there is and may be sent. */
void call_flush(struct call *c);
/* Nothing comes any more: ends the body after what is in `out`. */
void call_finish(struct call *c);

struct failure {
	int code;
	const char *reason; /* NULL: what belongs to the code */
	const char *message;
	const char *name;   /* details.name; NULL: none */
	const struct resource *resource; /* details.group and .kind; NULL: none */
	const char *causes; /* a JSON array, or NULL */
};

/* Answers with a Status. */
void call_fail(struct call *c, const struct failure *f);
/* 404: TYPE "NAME" not found. */
void call_fail_not_found(struct call *c, const struct resource *r, const char *name);
/* 404, 405 and 415, as the server says them. */
void call_fail_code(struct call *c, int code);
/* Appends the JSON of a Status. */
void failure_put(struct buf *out, const struct failure *f);

/* The first value of a query parameter; "" when there is none. */
void call_query(const struct call *c, const char *name, char *into, size_t into_size);

#endif
