/* What the two sources share; only secret_source.c and source_*.c include it. */
#ifndef MK8S_ROLLOUT_SOURCE_INNER_H
#define MK8S_ROLLOUT_SOURCE_INNER_H

#include "lib/rollout/item_parse.h"
#include "lib/rollout/op_error.h"
#include "lib/rollout/redact.h"
#include "lib/rollout/secret_source.h"

#define SOURCE_WORDS_MAX (256 * 1024) /* of op's standard error: it may end in a long trace */

struct fetch;

struct source_kind {
	const char *name;
	int (*check)(struct secret_source *s, struct secret_identity *ret, struct err *e);
	int (*item)(struct secret_source *s, const char *vault, const char *item,
		    struct item_store **ret, struct err *e);
	int (*file)(struct secret_source *s, const struct secret_item *item,
		    const struct secret_file *file, struct buf *into, struct err *e);
};

extern const struct source_kind source_op, source_connect;

/* An item that was read, and under which names. */
struct source_entry {
	char *vault, *item; /* as asked; vault NULL: none */
	struct item_store *store;
};

struct secret_source {
	const struct source_kind *kind;
	char *account, *url, *ca_file;
	struct buf authorization; /* "Authorization: Bearer TOKEN", locked */
	uint64_t timeout_ms;
	int cancel_fd;
	char *program; /* op; NULL: not looked for yet */
	struct fetch *fetch;
	struct redactor *redactor; /* the tokens of the environment */
	struct buf words; /* op's standard error, redacted */
	enum secret_failure failure;
	struct err limit; /* the rate limit's sentence, while limit_end_ms is ahead */
	uint64_t limit_end_ms;
	struct source_entry *entries;
	size_t entry_count;
};

/* Sets the failure of the source and the error; always -1. */
int source_fail(struct secret_source *s, enum secret_failure failure, enum err_code code,
		struct err *e, const char *fmt, ...) PRINTF(5, 6);

#endif
