/* Reading the trail: one entry a request, newest first, by pages. */
#include <stdio.h>
#include <string.h>

#include "lib/format/hex.h"
#include "lib/format/json.h"
#include "lib/format/timefmt.h"
#include "lib/gate/audit_inner.h"

enum { LIMIT_MAX = 1000, CURSOR_SIZE = 48 };

/*
 * `r` is a request's first row, `c` its `complete` row where that is another one. The order of
 * `column` below.
 */
static const char page_sql[] =
	"SELECT r.id, r.time_unix_us, r.user_email, r.cluster_name, r.command, r.verb, r.resource, r.subresource, "
	"r.namespace, r.name, coalesce(c.status, r.status), coalesce(c.decision, ''), r.decision, "
	"coalesce(c.rule, ''), r.rule, r.source, coalesce(c.duration_ms, r.duration_ms), coalesce(c.hash, r.hash), "
	"r.seq, r.count, coalesce(c.verb, '') "
	"FROM audit_logs r LEFT JOIN audit_logs c ON c.id = r.id AND c.stage = 1 AND r.stage = 0 "
	"WHERE (r.stage = 0 OR NOT EXISTS (SELECT 1 FROM audit_logs x WHERE x.id = r.id AND x.stage = 0)) "
	"AND r.time_unix_us >= $1 AND r.time_unix_us <= $2 AND (r.time_unix_us < $2 OR r.seq < $3) "
	"AND ($4 = '' OR r.user_email = $4 OR r.user_id = $4) "
	"AND ($5 = '' OR r.cluster_name = $5 OR r.cluster_id = $5) AND ($6 = '' OR r.verb = $6) "
	"ORDER BY r.time_unix_us DESC, r.seq DESC LIMIT $7";

enum column {
	COL_ID, COL_TIME, COL_USER, COL_CLUSTER, COL_COMMAND, COL_VERB, COL_RESOURCE, COL_SUBRESOURCE, COL_NAMESPACE,
	COL_NAME, COL_STATUS, COL_DECISION, COL_DECISION_FIRST, COL_RULE, COL_RULE_FIRST, COL_SOURCE, COL_DURATION,
	COL_HASH, COL_SEQ, COL_COUNT, COL_VERB_LATER,
};

/* Where a page begins: rows before this time, or of it and with a lower number. */
struct place {
	int64_t time_unix_us, seq;
};

static int cursor_parse(const char *cursor, struct place *ret_place, struct err *e)
{
	struct span rest = span_of(cursor), part;
	uint64_t time_us, seq;

	if (!span_take_part(&rest, '-', &part) || span_to_u64(part, INT64_MAX, &time_us) < 0 ||
	    !rest.at || span_to_u64(rest, INT64_MAX, &seq) < 0)
		return err_set(e, ERR_INPUT, "cursor must be the next_cursor of the page before");
	*ret_place = (struct place){ (int64_t)time_us, (int64_t)seq };
	return 0;
}

static void put_member(struct buf *into, const char *name, struct span text)
{
	(void)buf_printf(into, ",\"%s\":", name);
	json_put_quoted(into, text);
}

/* The first of two columns that is not empty. */
static struct span either(const struct store_rows *rows, enum column a, enum column b)
{
	struct span text = store_bytes(rows, (int)a);

	return text.len ? text : store_bytes(rows, (int)b);
}

static void put_resource(struct buf *into, const struct store_rows *rows)
{
	char text[2100];
	const char *sub = store_str(rows, COL_SUBRESOURCE);

	(void)snprintf(text, sizeof(text), "%s%s%s", store_str(rows, COL_RESOURCE), *sub ? "/" : "",
		       sub);
	put_member(into, "resource", span_of(text));
}

static void put_hash(struct buf *into, struct span hash)
{
	char digits[HASH_HEX_SIZE] = "";

	if (hash.len == HASH_SIZE)
		hex_encode(hash.at, HASH_SIZE, digits);
	put_member(into, "hash", span_of(digits));
}

/* A time in years that dates can be written for: a row may have been tampered with. */
static void put_time(struct buf *into, int64_t unix_us)
{
	static const int64_t year_9999_us = 253402300799ll * 1000000;
	char date[TIMEFMT_SIZE];

	if (unix_us < 0 || unix_us > year_9999_us)
		unix_us = 0;
	timefmt_date_us(unix_us, date);
	put_member(into, "time", span_of(date));
}

static void put_entry(struct buf *into, const struct store_rows *rows)
{
	(void)buf_put_str(into, "{\"id\":");
	json_put_quoted(into, store_bytes(rows, COL_ID));
	put_time(into, store_int(rows, COL_TIME));
	put_member(into, "user", store_bytes(rows, COL_USER));
	put_member(into, "cluster", store_bytes(rows, COL_CLUSTER));
	put_member(into, "command", store_bytes(rows, COL_COMMAND));
	put_member(into, "verb", either(rows, COL_VERB, COL_VERB_LATER));
	put_resource(into, rows);
	put_member(into, "namespace", store_bytes(rows, COL_NAMESPACE));
	put_member(into, "name", store_bytes(rows, COL_NAME));
	(void)buf_printf(into, ",\"status\":%lld", (long long)store_int(rows, COL_STATUS));
	put_member(into, "decision", either(rows, COL_DECISION, COL_DECISION_FIRST));
	put_member(into, "rule", either(rows, COL_RULE, COL_RULE_FIRST));
	put_member(into, "source", store_bytes(rows, COL_SOURCE));
	(void)buf_printf(into, ",\"duration_ms\":%lld", (long long)store_int(rows, COL_DURATION));
	put_hash(into, store_bytes(rows, COL_HASH));
	if (store_int(rows, COL_COUNT) > 1)
		(void)buf_printf(into, ",\"count\":%lld", (long long)store_int(rows, COL_COUNT));
	(void)buf_put_char(into, '}');
}

/* One row more than the page is asked for: its being there says that there is a next page. */
static int put_page(struct store_rows *rows, unsigned limit, struct buf *into, struct err *e)
{
	struct place last = { 0 };
	unsigned count = 0;
	int got;

	(void)buf_put_str(into, "{\"entries\":[");
	while ((got = store_next(rows, e)) > 0 && count < limit) {
		if (count++ > 0)
			(void)buf_put_char(into, ',');
		put_entry(into, rows);
		last = (struct place){ store_int(rows, COL_TIME), store_int(rows, COL_SEQ) };
	}
	if (got < 0)
		return -1;
	(void)buf_put_char(into, ']');
	if (got > 0)
		(void)buf_printf(into, ",\"next_cursor\":\"%lld-%lld\"", (long long)last.time_unix_us,
				 (long long)last.seq);
	(void)buf_put_char(into, '}');
	return buf_ok(into, "the answer", e);
}

int audit_query(struct audit *a, const struct audit_filter *f, struct buf *into, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	struct place from = { INT64_MAX, INT64_MAX };

	if (f->limit < 1 || f->limit > LIMIT_MAX)
		return err_set(e, ERR_INPUT, "limit must be 1 to %d", LIMIT_MAX);
	if (f->until_unix_us > 0)
		from = (struct place){ f->until_unix_us, 0 }; /* not itself */
	if (f->cursor && cursor_parse(f->cursor, &from, e) < 0)
		return -1;
	if (store_select(a->reader, page_sql,
			 STORE_ARGS(STORE_INT(f->since_unix_us), STORE_INT(from.time_unix_us),
				    STORE_INT(from.seq), STORE_TEXT(f->user ? f->user : ""),
				    STORE_TEXT(f->cluster ? f->cluster : ""),
				    STORE_TEXT(f->verb ? f->verb : ""),
				    STORE_INT((int64_t)f->limit + 1)),
			 &rows, e) < 0)
		return -1;
	return put_page(&rows, f->limit, into, e);
}
