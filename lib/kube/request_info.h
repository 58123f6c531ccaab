/*
 * What the API server makes of a request: a port of its RequestInfo (apiserver
 * pkg/endpoints/request), which decides who may do what. Any difference from the server is a way
 * around authorization.
 *
 * No heap memory. Decoding follows Go's net/url: the path is decoded once, '+' stays; in the query
 * '+' is a blank, a pair with ';' or a bad escape is dropped, the first value of a name counts.
 */
#ifndef MK8S_KUBE_REQUEST_INFO_H
#define MK8S_KUBE_REQUEST_INFO_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/span.h"

enum {
	REQUEST_PATH_MAX = 8 * 1024,         /* bytes of a raw path */
	REQUEST_INFO_ARENA_LEN = 20 * 1024,  /* decoded path twice, selectors, name */
};

/*
 * Strings are terminated, live in `arena`, and are "" where the server's are. Do not copy the
 * struct by value.
 */
struct request_info {
	bool is_resource;
	const char *verb; /* get list watch create update patch delete deletecollection proxy, "" for other methods;
			     the method in lower case when !is_resource */
	const char *path; /* decoded */
	const char *api_prefix, *api_group, *api_version;
	const char *namespace, *resource, *name, *subresource;
	const char *rest; /* what follows the subresource (verb proxy: the name), uninterpreted, without '/' in front */
	const char *label_selector, *field_selector; /* only of list, watch, deletecollection */
	size_t used;
	char arena[REQUEST_INFO_ARENA_LEN];
};

/*
 * `method` as sent (case matters), `target` the raw request-target in origin form, query included.
 * 0, or -1: ERR_INPUT where the server answers 400 or 500 (a bad escape, /api/v1/watch without
 * more) and for %00; ERR_LIMIT when something does not fit. A caller denies what fails. `verb` ""
 * matches no rule.
 */
int request_info_parse(struct request_info *ret_info, struct span method, struct span target,
		       struct err *e);

/*
 * Our own policy, stricter than the server's: the target must be canonical, so that no two parsers
 * can disagree. ERR_INPUT for a path that does not start with '/', has empty, "." or ".." segments
 * (also encoded; one '/' at the end is fine), blanks, control characters, ';', '\\' or '#',
 * escapes of '/', '\\', ';', '%' or control characters, or that decodes to no UTF-8; for a query
 * with blanks, control characters, '#' or bad escapes. ERR_LIMIT above REQUEST_PATH_MAX.
 */
int request_path_check(struct span target, struct err *e);

/*
 * The first value of a query parameter, decoded; false when it is absent or, encoded, does not
 * fit.
 */
bool request_query_value(struct span target, const char *name, char *into, size_t into_size);

/*
 * How the server reads a bool parameter: absent, "0" and "false" in any case are false, all else
 * is true.
 */
bool request_query_bool(struct span target, const char *name);

#endif
