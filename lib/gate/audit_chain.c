/* The rows of the trail: schema, cleaning, canonical form, hash. */
#include <string.h>

#include "lib/base/attr.h"
#include "lib/base/mem.h"
#include "lib/format/hex.h"
#include "lib/format/json.h"
#include "lib/format/utf8.h"
#include "lib/gate/audit_inner.h"

enum { TEXT_MAX = 1024 };

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

const struct store_migration audit_migrations[] = {
	{ 1,
	  "CREATE TABLE audit_logs (\n"
	  "	seq INTEGER PRIMARY KEY,\n"
	  "	stage INTEGER NOT NULL,\n" /* 0 received, 1 complete */
	  "	time_unix_us INTEGER NOT NULL,\n"
	  "	status INTEGER NOT NULL,\n"
	  "	duration_ms INTEGER NOT NULL,\n"
	  "	bytes_in INTEGER NOT NULL,\n"
	  "	bytes_out INTEGER NOT NULL,\n"
	  "	count INTEGER NOT NULL,\n"
	  "	id TEXT NOT NULL,\n"
	  "	user_id TEXT NOT NULL,\n"
	  "	user_email TEXT NOT NULL,\n"
	  "	cluster_id TEXT NOT NULL,\n"
	  "	cluster_name TEXT NOT NULL,\n"
	  "	command TEXT NOT NULL,\n"
	  "	verb TEXT NOT NULL,\n"
	  "	api_group TEXT NOT NULL,\n"
	  "	resource TEXT NOT NULL,\n"
	  "	subresource TEXT NOT NULL,\n"
	  "	namespace TEXT NOT NULL,\n"
	  "	name TEXT NOT NULL,\n"
	  "	decision TEXT NOT NULL,\n"
	  "	rule TEXT NOT NULL,\n"
	  "	source TEXT NOT NULL,\n"
	  "	user_agent TEXT NOT NULL,\n"
	  "	hash BLOB NOT NULL\n"
	  ") STRICT;\n"
	  "CREATE INDEX audit_logs_id ON audit_logs(id);\n"
	  "CREATE INDEX audit_logs_time ON audit_logs(time_unix_us);\n"
	  "CREATE TABLE audit_heads (\n"
	  "	seq INTEGER PRIMARY KEY,\n"
	  "	time_unix_us INTEGER NOT NULL,\n"
	  "	hash BLOB NOT NULL,\n"
	  "	signature BLOB NOT NULL\n"
	  ") STRICT;\n" },
	{ 2,
	  "CREATE TABLE audit_checkpoints (\n"
	  "	seq INTEGER PRIMARY KEY,\n" /* of the last row that was pruned */
	  "	time_unix_us INTEGER NOT NULL,\n"
	  "	hash BLOB NOT NULL,\n"
	  "	signature BLOB NOT NULL\n"
	  ") STRICT;\n" },
};
const size_t audit_migration_count = COUNT_OF(audit_migrations);

/* The texts of a row in the order of the table. */
static void row_texts(const struct audit_row *row, const char *ret[AUDIT_TEXTS])
{
	const char *const texts[AUDIT_TEXTS] = {
		row->id,       row->user_id,   row->user,	 row->cluster_id, row->cluster,	 row->command,
		row->verb,     row->api_group, row->resource, row->subresource, row->namespace, row->name,
		row->decision, row->rule,      row->source,	 row->user_agent,
	};

	for (size_t i = 0; i < AUDIT_TEXTS; i++)
		ret[i] = texts[i] ? texts[i] : "";
}

/* Cut to the limit, in front of a character. */
static struct span text_cut(const char *text)
{
	size_t len = strnlen(text, TEXT_MAX + 1);

	if (len > TEXT_MAX) {
		len = TEXT_MAX;
		while (len > TEXT_MAX - 4 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	return span_from(text, len);
}

/*
 * Copies with U+FFFD for what is no UTF-8, so that a row reads back as it was hashed. Gives the
 * length, at most three times that of `text`.
 */
static size_t text_clean(struct span text, char *into)
{
	size_t len = 0;

	for (;;) {
		size_t good = utf8_find_bad(text);

		if (good)
			memcpy(into + len, text.at, good);
		len += good;
		if (good == text.len)
			return len;
		memcpy(into + len, replacement, sizeof(replacement) - 1);
		len += sizeof(replacement) - 1;
		text = span_from(text.at + good + 1, text.len - good - 1);
	}
}

struct audit_pending *audit_pending_new(const struct audit_row *row)
{
	const char *texts[AUDIT_TEXTS];
	struct span cut[AUDIT_TEXTS];
	struct audit_pending *p;
	size_t room = 0;
	char *at;

	row_texts(row, texts);
	for (size_t i = 0; i < AUDIT_TEXTS; i++) {
		cut[i] = text_cut(texts[i]);
		room += utf8_valid(cut[i]) ? cut[i].len : 3 * cut[i].len;
	}
	p = mem_new(sizeof(*p) + room);
	p->fields = (struct audit_fields){ .number = {
		(int64_t)row->stage, row->time_unix_us, row->status, row->duration_ms,
		(int64_t)(row->bytes_in & INT64_MAX), (int64_t)(row->bytes_out & INT64_MAX), row->count,
	} };
	at = (char *)(p + 1);
	for (size_t i = 0; i < AUDIT_TEXTS; i++) {
		p->fields.text[i] = span_from(at, text_clean(cut[i], at));
		at += p->fields.text[i].len;
	}
	return p;
}

int audit_fields_read(const struct store_rows *rows, struct audit_fields *ret_fields)
{
	for (int i = 0; i < AUDIT_NUMBERS; i++)
		ret_fields->number[i] = store_int(rows, 1 + i);
	for (int i = 0; i < AUDIT_TEXTS; i++) {
		ret_fields->text[i] = store_bytes(rows, 1 + AUDIT_NUMBERS + i);
		if (!utf8_valid(ret_fields->text[i]))
			return -1;
	}
	return 0;
}

static void put_number(struct buf *into, int64_t value)
{
	char digits[24];
	size_t at = sizeof(digits);
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		digits[--at] = '-';
	(void)buf_put(into, digits + at, sizeof(digits) - at);
}

int audit_hash(const struct audit_fields *f, int64_t seq, const uint8_t prev[HASH_SIZE],
	       struct buf *scratch, uint8_t ret[HASH_SIZE], struct err *e)
{
	buf_reset(scratch);
	(void)buf_put(scratch, prev, HASH_SIZE);
	(void)buf_put_char(scratch, '[');
	put_number(scratch, seq);
	for (size_t i = 0; i < AUDIT_NUMBERS; i++) {
		(void)buf_put_char(scratch, ',');
		put_number(scratch, f->number[i]);
	}
	for (size_t i = 0; i < AUDIT_TEXTS; i++) {
		(void)buf_put_char(scratch, ',');
		json_put_quoted(scratch, f->text[i]);
	}
	(void)buf_put_char(scratch, ']');
	if (buf_ok(scratch, "an audit row", e) < 0)
		return -1;
	hash_sha256(buf_span(scratch), ret);
	return 0;
}

static void place_print(const char *what, const struct audit_chain *at, int64_t time_unix_us,
			struct buf *into)
{
	char digits[HASH_HEX_SIZE];

	hex_encode(at->hash, HASH_SIZE, digits);
	(void)buf_printf(into, "mk8s audit %s\n%lld\n%s\n%lld\n", what, (long long)at->seq, digits,
			 (long long)time_unix_us);
}

void audit_head_print(const struct audit_chain *head, int64_t time_unix_us, struct buf *into)
{
	place_print("head", head, time_unix_us, into);
}

void audit_checkpoint_print(const struct audit_chain *last, int64_t time_unix_us, struct buf *into)
{
	place_print("checkpoint", last, time_unix_us, into);
}
