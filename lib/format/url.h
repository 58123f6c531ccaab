/* URLs (RFC 3986) and query strings, read strictly. */
#ifndef MK8S_FORMAT_URL_H
#define MK8S_FORMAT_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

/* In a query a space is written +. */
enum url_part { URL_PATH, URL_QUERY };

/*
 * Appends `text` with %XX decoded. -1 and ERR_INPUT for a % without two digits; any byte may come
 * out, NUL and / included: the caller judges. ERR_LIMIT above the buffer's ceiling.
 */
int url_decode(struct span text, enum url_part part, struct buf *into, struct err *e);

/*
 * Appends `text` with everything but unreserved characters (A-Z a-z 0-9 - . _ ~) as %XX; failures
 * stay in the buffer.
 */
void url_encode(struct span text, enum url_part part, struct buf *into);

struct url {
	struct span scheme;   /* "https"; the case is as written */
	struct span userinfo; /* without @; empty when absent */
	struct span host;     /* without the brackets of an IPv6 literal; never empty */
	bool host_is_ipv6;
	uint16_t port;        /* 0: none given */
	struct span path;     /* from the /, or empty; still encoded */
	struct span query;    /* without ?; still encoded */
};

/*
 * Splits an absolute URL with an authority. The parts borrow from `text`. ERR_INPUT for a missing
 * scheme or host, a port outside 1..65535, a fragment, an IPv6 zone, blanks, control characters or
 * bytes above 0x7E.
 */
int url_split(struct span text, struct url *ret, struct err *e);

/*
 * Takes the next pair off the front of `*rest` (a query without ?) and replaces the content of the
 * two buffers by the decoded name and value, as Go's url.ParseQuery does: pairs at &, empty ones
 * skipped, + a space. 1: a pair, 0: no more, -1: ERR_INPUT for ; in a pair or a malformed escape.
 */
int url_query_next(struct span *rest, struct buf *ret_name, struct buf *ret_value, struct err *e);

/*
 * Replaces the content of `ret_value` by the first value of `name`. 1: found, 0: not there, -1:
 * malformed query.
 */
int url_query_get(struct span query, const char *name, struct buf *ret_value, struct err *e);

#endif
