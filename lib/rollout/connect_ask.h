/* Questions to 1Password Connect; only source_connect.c includes it. */
#ifndef MK8S_ROLLOUT_CONNECT_ASK_H
#define MK8S_ROLLOUT_CONNECT_ASK_H

#include "lib/format/json.h"
#include "lib/rollout/source_inner.h"

#define CONNECT_LIST_MAX (4 * 1024 * 1024)

/* GET of a path; `into` gets the body of a 2xx. Every other answer is a failure of the source and an error. */
int connect_ask(struct secret_source *s, const char *path, struct buf *into, struct err *e);
/* The same for a list in JSON, which the caller frees. */
int connect_ask_list(struct secret_source *s, const char *path, struct json **ret, struct err *e);
/* Ends the connection, and with it the last answer that its buffers hold; the next question makes another. */
void connect_close(struct secret_source *s);

#endif
