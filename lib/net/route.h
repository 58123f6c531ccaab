/* Finds the route of a request in const tables, by the decoded segments of its path
 * (spec/architecture.md). */
#ifndef MK8S_NET_ROUTE_H
#define MK8S_NET_ROUTE_H

#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/net/server.h"

#define ROUTE_SEGMENT_MAX 8 /* of a pattern; deeper paths only match a pattern that ends with "*"  \
			     */
#define ROUTE_TEXT_SIZE 1024 /* all decoded parameters together, with their NULs */

struct route_table {
	const struct route *routes;
	size_t count;
};

enum route_verdict {
	ROUTE_FOUND,
	ROUTE_UNKNOWN, /* 404 */
	ROUTE_OTHER_METHOD, /* 405; ret->allow lists those that are served */
	ROUTE_BAD, /* 400, with a sentence */
};

struct route_match {
	const struct route *route;
	size_t table; /* the index of its table */
	const char *param[ROUTE_PARAM_MAX]; /* into `text`, NULL behind the last */
	char text[ROUTE_TEXT_SIZE];
	char allow[80]; /* "GET, HEAD, POST" */
};

/*
 * A literal segment beats a parameter, a parameter beats "*"; HEAD is served by GET; "*" matches
 * no, one or many segments. A segment that is empty, "." or "..", holds %2f, a control character,
 * malformed UTF-8 or a malformed escape matches nothing but the "*" of a pattern; a path that has
 * one and matches nothing is ROUTE_BAD.
 */
enum route_verdict route_find(const struct route_table *tables, size_t table_count,
			      struct span method, struct span path, struct route_match *ret,
			      struct err *e);

#endif
