/* The bearer token of a request. */
#ifndef MK8S_GATE_BEARER_H
#define MK8S_GATE_BEARER_H

#include "lib/net/http.h"

/* The one bearer token of Authorization, borrowed from the head; ERR_AUTH with what to do. */
int bearer_token(const struct http_head *head, struct span *ret_token, struct err *e);

#endif
