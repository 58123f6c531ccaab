/*
 * Paths and queries decoded as Go's net/url does, without heap memory. For request_info and
 * request_path.
 */
#ifndef MK8S_KUBE_QUERY_H
#define MK8S_KUBE_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/span.h"

enum { QUERY_PAIRS_MAX = 1000 };

enum query_part { QUERY_PATH, QUERY_VALUE }; /* in a value '+' is a blank */

/*
 * Splits a request-target in origin form at its first '?'. ERR_INPUT when it does not start with
 * '/' or holds a control character, ERR_LIMIT for a path above REQUEST_PATH_MAX.
 */
int query_split_target(struct span target, struct span *ret_path, struct span *ret_query,
		       struct err *e);

/*
 * Decodes into `into` (room for raw.len bytes; no NUL is added). -1 for a '%' without two hex
 * digits.
 */
int query_decode(struct span raw, enum query_part part, char *into, size_t *ret_len);

struct query_value {
	bool is_there;
	struct span raw; /* still encoded; its escapes are good */
};

/*
 * Finds the first value of each of `names`. Pairs that Go drops (a ';', a bad escape in name or
 * value) are dropped. ERR_LIMIT above QUERY_PAIRS_MAX pairs, where Go versions differ.
 */
int query_find(struct span query, const char *const *names, size_t count,
	       struct query_value *ret_values, struct err *e);

/* Decodes into `into` with a NUL; false when the encoded value does not fit or a NUL comes out. */
bool query_value_copy(const struct query_value *v, char *into, size_t into_size);

/*
 * A bool of the API: absent, "0" and "false" without regard to case are false. `fold_unicode`: the
 * server compares with Unicode folding, where a long s (U+017F) is an s.
 */
bool query_value_is_true(const struct query_value *v, bool fold_unicode);

#endif
