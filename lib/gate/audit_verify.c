/* Verifying the trail: every row's hash, every number, the signed heads. */
#include <stdio.h>
#include <string.h>

#include "lib/crypto/key.h"
#include "lib/gate/audit_inner.h"

/*
 * Signatures of the newest heads are checked, a day's: the hash that each signs binds all rows
 * before it.
 */
enum { HEADS_CHECKED = 1440 };

struct walk {
	struct audit *audit;
	struct store_rows rows, heads;
	bool has_head; /* `heads` stands on one not passed yet */
	int64_t signatures_from_seq; /* those of heads from this row on are checked */
	struct audit_chain chain, known; /* `known`: what the writer of this process has committed */
	struct buf scratch;
	struct audit_report report;
};

static int found_bad(struct walk *w, int64_t seq, const char *what)
{
	w->report.first_bad_seq = seq;
	(void)snprintf(w->report.sentence, sizeof(w->report.sentence), "row %lld: %s",
		       (long long)seq, what);
	return 1;
}

static int next_head(struct walk *w, struct err *e)
{
	int got = store_next(&w->heads, e);

	w->has_head = got > 0;
	return got < 0 ? -1 : 0;
}

static bool hash_is(const struct store_rows *rows, int column, const uint8_t hash[HASH_SIZE])
{
	return span_equal(store_bytes(rows, column), span_from(hash, HASH_SIZE));
}

static bool signature_holds(struct walk *w)
{
	struct audit_chain head = { .seq = store_int(&w->heads, 0) };

	if (store_bytes(&w->heads, 2).len != HASH_SIZE)
		return false;
	memcpy(head.hash, store_bytes(&w->heads, 2).at, HASH_SIZE);
	buf_reset(&w->scratch);
	audit_head_print(&head, store_int(&w->heads, 1), &w->scratch);
	return key_verify(w->audit->options.sign_key, buf_span(&w->scratch), store_bytes(&w->heads, 3));
}

/* A head that stands on this row. */
static int check_head(struct walk *w, struct err *e)
{
	if (!w->has_head || store_int(&w->heads, 0) != w->chain.seq)
		return 0;
	if (!hash_is(&w->heads, 2, w->chain.hash))
		return found_bad(w, w->chain.seq, "it is not the row that was signed: it or a row before was changed");
	if (w->chain.seq >= w->signatures_from_seq) {
		if (!signature_holds(w))
			return found_bad(w, w->chain.seq, "the signature of this head does not verify");
		w->report.signed_until_seq = w->chain.seq;
	}
	return next_head(w, e);
}

/* 0: the row is good, 1: it is not, -1: an error. */
static int check_row(struct walk *w, struct err *e)
{
	int64_t seq = store_int(&w->rows, 0);
	struct audit_fields fields;
	uint8_t hash[HASH_SIZE];

	if (seq != w->chain.seq + 1)
		return found_bad(w, w->chain.seq + 1, "it is missing");
	if (audit_fields_read(&w->rows, &fields) < 0)
		return found_bad(w, seq, "it was changed: a text in it is no UTF-8");
	if (audit_hash(&fields, seq, w->chain.hash, &w->scratch, hash, e) < 0)
		return found_bad(w, seq, "it was changed: it is larger than any row");
	if (!hash_is(&w->rows, AUDIT_COLUMNS - 1, hash))
		return found_bad(w, seq, "it was changed: its hash does not fit to it and the row before");
	w->chain.seq = seq;
	memcpy(w->chain.hash, hash, sizeof(hash));
	w->report.row_count++;
	if (seq == w->known.seq && memcmp(hash, w->known.hash, HASH_SIZE) != 0)
		return found_bad(w, seq, "it is not the row that this process has written");
	return check_head(w, e);
}

static int check_end(struct walk *w)
{
	if (w->has_head)
		return found_bad(w, w->chain.seq + 1,
				 "it is missing: the trail was cut behind the row before, "
				 "a signed head stands on a later one");
	if (w->chain.seq < w->known.seq)
		return found_bad(w, w->chain.seq + 1,
				 "it is missing: the trail was cut behind the row before");
	return 0;
}

static int check_checkpoint(struct walk *w, struct store *s, struct err *e)
{
	bool is_signed;

	if (audit_checkpoint_load(s, w->audit->options.sign_key, &w->chain, &is_signed, e) < 0)
		return -1;
	w->report.pruned_until_seq = w->chain.seq;
	return is_signed ? 0 :
			   found_bad(w, w->chain.seq,
				     "the signature of the checkpoint there does not verify");
}

static int find_signatures(struct walk *w, struct store *s, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	int got;

	if (store_select(s, "SELECT seq FROM audit_heads ORDER BY seq DESC LIMIT 1 OFFSET $1",
			 STORE_ARGS(STORE_INT(HEADS_CHECKED - 1)), &rows, e) < 0)
		return -1;
	got = store_next(&rows, e);
	if (got > 0)
		w->signatures_from_seq = store_int(&rows, 0);
	return got < 0 ? -1 : 0;
}

/*
 * The first row is read before all else: the open result set keeps everything at one state of the
 * file.
 */
static int walk(struct walk *w, struct store *s, struct err *e)
{
	int got = store_next(&w->rows, e);
	int rc = got < 0 ? -1 : check_checkpoint(w, s, e);

	if (rc == 0)
		rc = find_signatures(w, s, e);
	if (rc == 0)
		rc = next_head(w, e);
	/* A head that stands on no row: on one below the first. */
	if (rc == 0 && w->has_head && store_int(&w->heads, 0) <= w->chain.seq)
		return found_bad(w, store_int(&w->heads, 0), "a signed head stands on no row");
	while (rc == 0 && got > 0) {
		rc = check_row(w, e);
		if (rc == 0 && (got = store_next(&w->rows, e)) < 0)
			rc = -1;
	}
	return rc == 0 ? check_end(w) : rc;
}

static int walk_store(struct walk *w, struct store *s, struct err *e)
{
	int rc;

	if (store_select(s,
			 "SELECT seq, time_unix_us, hash, signature FROM audit_heads ORDER BY seq",
			 STORE_NO_ARGS, &w->heads, e) < 0)
		return -1;
	rc = store_select(s, "SELECT " AUDIT_COLUMN_NAMES " FROM audit_logs ORDER BY seq",
			  STORE_NO_ARGS, &w->rows, e);
	if (rc == 0)
		rc = walk(w, s, e);
	store_rows_end(&w->rows);
	store_rows_end(&w->heads);
	return rc;
}

static void print_good(struct audit_report *r)
{
	char pruned[64] = "";

	if (r->pruned_until_seq)
		(void)snprintf(pruned, sizeof(pruned), " behind row %lld, up to which the trail was pruned",
			       (long long)r->pruned_until_seq);
	(void)snprintf(r->sentence, sizeof(r->sentence), "%lld rows verify%s, signed up to row %lld",
		       (long long)r->row_count, pruned, (long long)r->signed_until_seq);
}

int audit_verify(struct audit *a, struct audit_report *ret_report, struct err *e)
{
	struct store_options options = { .read_only = true,
					 .migrations = audit_migrations,
					 .migration_count = audit_migration_count };
	struct walk w = { .audit = a };
	struct store *s;
	int rc;

	pthread_mutex_lock(&a->lock);
	w.known = a->committed;
	pthread_mutex_unlock(&a->lock);
	if (store_open(a->path, &options, &s, e) < 0) /* of its own: a long walk must not hold up queries */
		return -1;
	buf_init(&w.scratch, 1024 * 1024);
	rc = walk_store(&w, s, e);
	buf_free(&w.scratch);
	store_close(s);
	if (rc < 0)
		return -1;
	if (rc == 0)
		print_good(&w.report);
	*ret_report = w.report;
	return 0;
}
