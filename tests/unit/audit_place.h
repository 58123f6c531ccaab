/* What the tests of the audit trail share: a trail in a folder of its own, rows for it, questions to it. */
#ifndef MK8S_TESTS_AUDIT_PLACE_H
#define MK8S_TESTS_AUDIT_PLACE_H

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
#include "lib/crypto/key.h"
#include "lib/crypto/random.h"
#include "lib/format/json.h"
#include "lib/gate/audit.h"
#include "lib/net/loop.h"
#include "lib/store/store.h"

#define START_US 1700000000000000ll

struct place {
	char folder[64];
	char path[80];
	struct key *key;
	struct loop *loop;
	struct audit *audit; /* NULL: closed */
};

/* A place with an open trail, or with none yet; and what takes either away. */
int trail_set_up(void **state);
int trail_set_up_closed(void **state);
int trail_tear_down(void **state);

struct audit_options options_of(struct place *p, size_t queue_max, bool read_only);
void open_trail_with(struct place *p, const struct audit_options *o);
void open_trail(struct place *p, size_t queue_max, bool read_only);
void close_trail(struct place *p);

struct audit_row row_of(enum audit_stage stage, const char *id, int64_t time_us);
/* Appends and waits. */
void add(struct place *p, const struct audit_row *row);
/* `count` requests with ids r0, r1 ..., both rows, one second apart. */
void add_requests(struct place *p, int count);

struct audit_report verify(struct place *p);
/* The answer; json_free. */
struct json *query(struct place *p, const struct audit_filter *f);
/* What a stranger with the file does. */
void tamper(struct place *p, const char *sql);

#endif
