/* The patches of the Kubernetes API, on JSON trees. */
#ifndef MK8S_TESTS_KUBESIM_PATCH_H
#define MK8S_TESTS_KUBESIM_PATCH_H

#include "lib/base/err.h"
#include "lib/format/json.h"

/* RFC 7386. */
void patch_merge(struct json *into, const struct json *patch);

/*
 * A strategic merge: as patch_merge, but lists of objects merge by their `name` (or type, port, ip, uid, key), with
 * "$patch": "delete" and "replace"; "$setElementOrder" and "$retainKeys" are passed over.
 */
void patch_strategic(struct json *into, const struct json *patch);

/* RFC 6902 without move and copy. ERR_INPUT when it does not apply; `into` may be half changed then. */
int patch_json(struct json **into, const struct json *patch, struct err *e);

/* Server-side apply by one owner: what `before` (or NULL) had applied and `now` lacks goes, `now` is merged. */
void patch_apply(struct json *into, const struct json *before, const struct json *now);

/* Appends ".data.b" for each field of `now` that `other` applied with another value; returns how many. */
size_t patch_conflicts(const struct json *now, const struct json *other, const char *path, struct json *ret_fields);

#endif
