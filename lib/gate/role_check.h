/* Checks that the parsers of roles, documents and request bodies share. */
#ifndef MK8S_GATE_ROLE_CHECK_H
#define MK8S_GATE_ROLE_CHECK_H

#include <stdbool.h>

#include "lib/base/err.h"

struct json;

/*
 * ERR_INPUT unless `object` is an object with members of `known` (NULL-terminated) only; the
 * nearest is named.
 */
int role_members_check(const struct json *object, const char *const *known, struct err *e);

/* 1 to 63 of A-Z a-z 0-9 - _ . and not a mark at the start. */
bool role_name_valid(const char *name);

#endif
