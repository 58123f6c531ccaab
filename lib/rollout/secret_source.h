/*
 * Where secrets come from: the `op` program or 1Password Connect (REST), behind one interface.
 *
 * An item is read once a source, whatever is asked of it; nothing is written anywhere. A source is for
 * one thread at a time. Every failure of 1Password is a sentence that says what to do; its own words
 * (the text of op, the message of Connect) follow in brackets.
 */
#ifndef MK8S_ROLLOUT_SECRET_SOURCE_H
#define MK8S_ROLLOUT_SECRET_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/rollout/secret_item.h"

struct secret_source;

/* What the last failure was. Codes: *_MISSING and *_TOKEN are ERR_AUTH as SIGNED_OUT (exit status 3). */
enum secret_failure {
	SECRET_FAILURE_NONE,
	SECRET_FAILURE_OP_MISSING,  /* no op on PATH; ERR_AUTH */
	SECRET_FAILURE_SIGNED_OUT,  /* ERR_AUTH */
	SECRET_FAILURE_TOKEN,       /* service account or Connect token malformed, refused, deleted; ERR_AUTH */
	SECRET_FAILURE_NO_ITEM,     /* ERR_NOT_FOUND */
	SECRET_FAILURE_NO_VAULT,    /* ERR_NOT_FOUND */
	SECRET_FAILURE_NEEDS_VAULT, /* ERR_USAGE */
	SECRET_FAILURE_SEVERAL,     /* several items match; ERR_EXISTS */
	SECRET_FAILURE_RATE_LIMIT,  /* ERR_BUSY */
	SECRET_FAILURE_REFERENCE,   /* op refused a reference; ERR_INPUT */
	SECRET_FAILURE_UNREACHABLE, /* Connect or 1Password's servers; ERR_UNREACHABLE, ERR_TIMEOUT */
	SECRET_FAILURE_OTHER,
};

struct secret_source_options {
	const char *account; /* op's --account; NULL: op's own choice */
	/*
	 * Connect, when both are there; NULL, NULL: op. Callers fill them from OP_CONNECT_HOST and OP_CONNECT_TOKEN
	 * (secret_source_environment). http:// is taken for loopback and for names without a dot.
	 */
	const char *connect_url, *connect_token;
	const char *ca_file; /* trust anchors for Connect; NULL: the machine's */
	uint64_t timeout_ms; /* for one call of op or one request; 0: 60 s */
	int cancel_fd;       /* stops a running op, or a request, when readable; 0 or -1: none */
};

/* Fills the Connect members from the environment (borrowed); one without the other is ERR_USAGE. */
int secret_source_environment(struct secret_source_options *o, struct err *e);

/*
 * Strings are copied. Nothing is run or asked yet: a missing op fails at the first use. The caller
 * owns the source.
 */
struct secret_source *secret_source_new(const struct secret_source_options *o, struct err *e);
/* Takes NULL; wipes every item. */
void secret_source_free(struct secret_source *s);

/* "op" or "connect". */
const char *secret_source_kind(const struct secret_source *s);
/* Of the last call that failed. */
enum secret_failure secret_source_failure(const struct secret_source *s);

/* What op wrote to standard error at its last call, whole, without the tokens of the environment; borrowed
 * until the next call. Empty for Connect. */
struct span secret_source_words(const struct secret_source *s);

struct secret_identity {
	char account[256]; /* "alice@example.com (my.1password.com)", "service account", Connect's URL */
	char version[64];  /* of op or of Connect; "" unknown */
	size_t vault_count; /* that it may see */
};

/* Installed and signed in: really asks (lists the vaults). */
int secret_source_check(struct secret_source *s, struct secret_identity *ret, struct err *e);

/*
 * The item by name or id; `vault` (name or id) may be NULL where the source can do without. Read at the first
 * call, kept until secret_source_free; borrowed.
 */
int secret_source_item(struct secret_source *s, const char *vault, const char *item,
		       const struct secret_item **ret, struct err *e);

/* Appends the content of a file of the item (one more request). `into` is secret or locked. */
int secret_source_file(struct secret_source *s, const struct secret_item *item,
		       const struct secret_file *file, struct buf *into, struct err *e);

#endif
