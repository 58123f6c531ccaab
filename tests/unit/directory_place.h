/* What the tests of the directory share: one on a real file in a folder of its own. */
#ifndef MK8S_TESTS_DIRECTORY_PLACE_H
#define MK8S_TESTS_DIRECTORY_PLACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/crypto/random.h"
#include "lib/format/json.h"
#include "lib/gate/directory.h"
#include "lib/gate/words.h"

#define PASSWORD SPAN("correct horse battery")

struct place {
	char folder[64];
	char path[80];
	struct store *store;
	struct directory *directory;
};

/* An empty directory, and what takes it away. */
int directory_set_up(void **state);
int directory_tear_down(void **state);

/* A user with PASSWORD and these roles, NULL for none. */
void user_make(struct place *p, const char *email, const char *role, const char *second_role);
/* Now and so many seconds. */
int64_t later(int64_t s);

#endif
