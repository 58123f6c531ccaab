/* The inside of the HTTP client, for lib/net/fetch*.c and ws.c. */
#ifndef MK8S_NET_FETCH_INNER_H
#define MK8S_NET_FETCH_INNER_H

#include <curl/curl.h>

#include "lib/net/fetch.h"
#include "lib/net/tls_fetch.h"

#define FETCH_FIELDS_MAX (512 * 1024)
#define FETCH_ORIGIN_SIZE 300
#define FETCH_TIMEOUT_MS 30000

struct fetch {
	CURLM *multi; /* keeps the connections */
	CURL *easy;
	struct tls *tls; /* NULL: the machine's CAs, not yet loaded */
	struct tls_check *check;
	struct err tls_err; /* why they could not be loaded */
	bool insecure;
	char *proxy; /* NULL: the environment's */
	char *user_agent;
	uint64_t connect_timeout_ms;
};

/* One try of one request. */
struct fetch_try {
	struct fetch *f;
	const struct fetch_request *rq;
	struct fetch_answer *answer;
	struct curl_slist *fields;
	char host[256]; /* of the URL */
	char origin[FETCH_ORIGIN_SIZE]; /* "https://host:port": all that sentences show of a URL */
	char curl_text[CURL_ERROR_SIZE];
	size_t body_sent;
	uint64_t deadline_ms; /* monotonic, until the head where on_chunk is set; then UINT64_MAX */
	uint64_t heard_ms; /* monotonic: the last bytes came */
	bool head_done;
	bool stopped; /* on_chunk said so */
	bool timed_out;
	bool cancelled; /* by cancel_fd */
	bool delivered; /* on_chunk has got something */
};

/* Runs one try. 0, or -1; *ret_nothing_sent says whether the request cannot have reached a server.
 */
int fetch_try_run(struct fetch_try *t, bool *ret_nothing_sent, struct err *e);
/* Its parts: the options of `f->easy`; adding it to `f->multi` and waiting for its end; secrets. */
int fetch_try_prepare(struct fetch_try *t, struct err *e);
CURLcode fetch_try_perform(struct fetch_try *t);
void fetch_try_wipe_fields(struct fetch_try *t);
/* The sentence for what libcurl ended with. Always -1. */
int fetch_describe(const struct fetch_try *t, CURLcode rc, struct err *e);

#endif
