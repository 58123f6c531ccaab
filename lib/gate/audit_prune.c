/* Pruning the trail: old rows go, a signed checkpoint says up to where. */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/crypto/key.h"
#include "lib/gate/audit_inner.h"

enum {
	STEP_ROWS = 1000, /* so that a change never waits long for its row */
	SCRATCH_MAX = 1024 * 1024,
	PRUNE_PART = 10, /* a tenth of the retention ... */
	PRUNE_MIN_MS = 1000,
	PRUNE_MAX_MS = 600 * 1000, /* ... within these */
};

uint64_t audit_prune_every_ms(uint64_t retention_ms)
{
	uint64_t every_ms = retention_ms / PRUNE_PART;

	return every_ms < PRUNE_MIN_MS ? PRUNE_MIN_MS :
	       every_ms > PRUNE_MAX_MS ? PRUNE_MAX_MS :
					 every_ms;
}

int audit_checkpoint_load(struct store *s, const struct key *key, struct audit_chain *ret_chain,
			  bool *ret_is_signed, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	AUTO_BUF struct buf text;
	struct audit_chain chain = { 0 };
	int got;

	buf_init(&text, 1024);
	if (store_select(s,
			 "SELECT seq, time_unix_us, hash, signature FROM audit_checkpoints ORDER BY seq DESC LIMIT 1",
			 STORE_NO_ARGS, &rows, e) < 0)
		return -1;
	got = store_next(&rows, e);
	if (got < 0)
		return -1;
	*ret_is_signed = true;
	if (got > 0) {
		chain.seq = store_int(&rows, 0);
		if (store_bytes(&rows, 2).len == HASH_SIZE)
			memcpy(chain.hash, store_bytes(&rows, 2).at, HASH_SIZE);
		audit_checkpoint_print(&chain, store_int(&rows, 1), &text);
		*ret_is_signed = key_verify(key, buf_span(&text), store_bytes(&rows, 3));
	}
	*ret_chain = chain;
	return 0;
}

struct prune {
	struct audit *audit;
	int64_t before_unix_us;
	struct audit_chain chain; /* up to here rows go; set by the transaction */
	int64_t count;
};

/*
 * Walks the oldest rows as audit_verify does: rows that were tampered with must not vanish behind
 * our own signature.
 */
static int walk_old(struct prune *p, struct store_rows *rows, struct buf *scratch, struct err *e)
{
	struct audit_fields fields;
	int got;

	while ((got = store_next(rows, e)) > 0) {
		struct audit_chain next = { .seq = store_int(rows, 0) };

		if (store_int(rows, 2) >= p->before_unix_us || next.seq >= p->audit->signed_seq)
			return 0; /* the last head keeps a row to stand on */
		if (next.seq != p->chain.seq + 1 || audit_fields_read(rows, &fields) < 0 ||
		    audit_hash(&fields, next.seq, p->chain.hash, scratch, next.hash, e) < 0 ||
		    !span_equal(store_bytes(rows, AUDIT_COLUMNS - 1), span_from(next.hash, HASH_SIZE)))
			return err_set(e, ERR_CORRUPT, "row %lld does not verify, so nothing is pruned",
				       (long long)(p->chain.seq + 1));
		p->chain = next;
		p->count++;
	}
	return got;
}

static int find_old(struct store *s, struct prune *p, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	AUTO_BUF struct buf scratch;
	bool is_signed;

	buf_init(&scratch, SCRATCH_MAX);
	if (audit_checkpoint_load(s, p->audit->options.sign_key, &p->chain, &is_signed, e) < 0)
		return -1;
	if (!is_signed)
		return err_set(e, ERR_CORRUPT, "the signature of the checkpoint does not verify, so nothing is pruned");
	if (store_select(s, "SELECT " AUDIT_COLUMN_NAMES " FROM audit_logs ORDER BY seq LIMIT $1",
			 STORE_ARGS(STORE_INT(STEP_ROWS)), &rows, e) < 0)
		return -1;
	return walk_old(p, &rows, &scratch, e);
}

static int put_checkpoint(struct store *s, const struct prune *p, struct err *e)
{
	AUTO_BUF struct buf text;
	uint8_t signature[KEY_SIGNATURE_SIZE];
	int64_t now_us = clock_unix_us();
	size_t len;

	buf_init(&text, 1024);
	audit_checkpoint_print(&p->chain, now_us, &text);
	if (key_sign(p->audit->options.sign_key, buf_span(&text), signature, &len, e) < 0 ||
	    store_exec(s, "DELETE FROM audit_checkpoints", STORE_NO_ARGS, NULL, e) < 0)
		return -1;
	return store_exec(s,
			  "INSERT INTO audit_checkpoints (seq, time_unix_us, hash, signature) VALUES ($1, $2, $3, $4)",
			  STORE_ARGS(STORE_INT(p->chain.seq), STORE_INT(now_us), STORE_BLOB(p->chain.hash, HASH_SIZE),
				     STORE_BLOB(signature, len)),
			  NULL, e);
}

static int prune_step(struct store *s, void *arg, struct err *e)
{
	struct prune *p = arg;
	struct store_value last;

	p->count = 0;
	if (find_old(s, p, e) < 0)
		return -1;
	if (p->count == 0)
		return 0;
	last = STORE_INT(p->chain.seq);
	if (put_checkpoint(s, p, e) < 0 ||
	    store_exec(s, "DELETE FROM audit_logs WHERE seq <= $1", &last, 1, NULL, e) < 0)
		return -1;
	return store_exec(s, "DELETE FROM audit_heads WHERE seq <= $1", &last, 1, NULL, e);
}

bool audit_prune(struct audit *a)
{
	struct prune p = { .audit = a, .before_unix_us = clock_unix_us() - (int64_t)a->options.retention_ms * 1000 };
	struct err e = { 0 };

	if (store_transaction(a->writer, prune_step, &p, &e) < 0) {
		log_event(LOG_ERROR, "the audit trail could not be pruned", LOG_STR("error", e.text));
		return false;
	}
	if (p.count)
		log_event(LOG_INFO, "audit rows pruned", LOG_INT("rows", p.count),
			  LOG_INT("last_row", p.chain.seq));
	return p.count == STEP_ROWS;
}
