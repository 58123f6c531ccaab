/* What the tests of the rule share: roles and requests written as short texts. */
#ifndef MK8S_TESTS_AUTHZ_ASK_H
#define MK8S_TESTS_AUTHZ_ASK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/gate/authz.h"

/* Rules as "CLUSTER NAMESPACES VERBS RESOURCES", lists by commas, "-" for an empty one; rules by ';'. role_free. */
struct role *role_make(const char *name, const char *rules);
void parse_request(const char *method, const char *target, struct request_info *ret_info);
/* What a user with one role of these rules gets; NULL: one without a role. */
struct authz_answer ask(const char *rules, const char *cluster, const char *method, const char *target,
			bool apply_patch);

#endif
