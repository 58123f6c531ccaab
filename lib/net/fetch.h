/*
 * The blocking HTTP client of workers and of the CLI (libcurl): timeouts, retries with jitter,
 * streaming, pins.
 */
#ifndef MK8S_NET_FETCH_H
#define MK8S_NET_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

struct fetch; /* one client: its connections are kept and used again; one thread at a time */

struct fetch_options {
	const char *ca_file; /* trust anchors: a file, or PEM text; both NULL: the machine's */
	const char *ca_pem;
	const char *ca_sha256; /* "sha256:<hex>" pin over a CA's SPKI, or NULL */
	const char *cert_pem, *key_pem; /* client certificate, or NULL */
	bool insecure;
	const char *proxy; /* NULL: the environment's HTTPS_PROXY and NO_PROXY; "": none */
	uint64_t connect_timeout_ms; /* 0: 10 s */
	const char *user_agent;
};

/* Strings are copied. The caller owns the result. */
struct fetch *fetch_new(const struct fetch_options *o, struct err *e);
void fetch_free(struct fetch *f);

struct fetch_request {
	const char *method; /* NULL: GET */
	const char *url;
	const char *const *fields; /* "Name: value" strings, NULL-terminated; may be NULL */
	struct span body;
	uint64_t timeout_ms; /* for the whole exchange; 0: 30 s. With on_chunk: until the head, then
				idle_timeout_ms */
	uint64_t idle_timeout_ms; /* with on_chunk: longest silence; 0: no limit */
	unsigned retry_max; /* further tries after connection failures, 429 and 503 (Retry-After
			       honoured); only for GET, HEAD, or where nothing was sent */
	size_t answer_max; /* bytes; 0: 64 MiB */
	int cancel_fd;     /* the exchange is given up when this becomes readable: ERR_IO; 0 or -1: none */
	/* Streaming: called for each part of a 2xx answer's body, on this thread; false ends the
	 * exchange in order. */
	bool (*on_chunk)(void *owner, struct span bytes);
	void *owner;
};

struct fetch_answer {
	int status;
	struct buf fields; /* "name: value\n" lines, names in lower case */
	struct buf body; /* what on_chunk did not get */
};

/* 0 for every HTTP status. Connection failures: ERR_UNREACHABLE, ERR_TIMEOUT, certificate:
 * ERR_UNREACHABLE with the reason. Fills an answer that the caller gives to fetch_answer_free in
 * any case. */
int fetch_do(struct fetch *f, const struct fetch_request *rq, struct fetch_answer *ret_answer,
	     struct err *e);
/* The value of a field of the answer, copied into `into`; false when there is none. */
bool fetch_answer_field(const struct fetch_answer *a, const char *name, char *into,
			size_t into_size);
void fetch_answer_free(struct fetch_answer *a);

#endif
