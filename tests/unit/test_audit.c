/* The audit trail on a real file: durability, chain, heads, pages, bad texts, a disk that takes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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

static const int64_t start_us = 1700000000000000;

struct place {
	char folder[64];
	char path[80];
	struct key *key;
	struct loop *loop;
	struct audit *audit;
};

static struct audit_options options_of(struct place *p, size_t queue_max, bool read_only)
{
	return (struct audit_options){
		.path = p->path,
		.sign_key = p->key,
		.queue_max = queue_max,
		.sign_every_ms = 3600 * 1000,
		.loop = read_only ? NULL : p->loop,
	};
}

static void open_trail(struct place *p, size_t queue_max, bool read_only)
{
	struct audit_options o = options_of(p, queue_max, read_only);
	struct err e = { 0 };

	if (audit_open(&o, &p->audit, &e) < 0)
		fail_msg("%s", e.text);
}

static void close_trail(struct place *p)
{
	audit_close(p->audit);
	p->audit = NULL;
}

static int set_up(void **state)
{
	struct place *p = mem_new(sizeof(*p));
	struct err e = { 0 };

	(void)snprintf(p->folder, sizeof(p->folder), "/tmp/mk8s-audit-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	(void)snprintf(p->path, sizeof(p->path), "%s/audit.db", p->folder);
	assert_int_equal(key_generate(KEY_P256, &p->key, &e), 0);
	p->loop = loop_new(&e);
	assert_non_null(p->loop);
	open_trail(p, 10000, false);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const endings[] = { "", "-wal", "-shm" };
	struct place *p = *state;

	close_trail(p);
	loop_free(p->loop);
	key_free(p->key);
	for (size_t i = 0; i < COUNT_OF(endings); i++) {
		AUTO_FREE char *path = mem_printf("%s%s", p->path, endings[i]);

		(void)unlink(path);
	}
	assert_int_equal(rmdir(p->folder), 0);
	free(p);
	return 0;
}

static struct audit_row row_of(enum audit_stage stage, const char *id, int64_t time_us)
{
	return (struct audit_row){
		.stage = stage,
		.id = id,
		.time_unix_us = time_us,
		.user_id = "u-1",
		.user = "dev@example.com",
		.cluster_id = "c-1",
		.cluster = "dev-1",
		.command = "kubectl get",
		.verb = "get",
		.resource = "pods",
		.namespace = "default",
		.name = "web",
		.decision = stage == AUDIT_RECEIVED ? "allow" : "",
		.rule = stage == AUDIT_RECEIVED ? "developer, rule 1 (dev-*)" : "",
		.source = "192.0.2.1",
		.user_agent = "kubectl/v1.33",
		.status = stage == AUDIT_COMPLETE ? 200 : 0,
		.duration_ms = stage == AUDIT_COMPLETE ? 7 : 0,
		.count = 1,
	};
}

static void add(struct place *p, const struct audit_row *row)
{
	struct err e = { 0 };

	if (audit_append_wait(p->audit, row, &e) < 0)
		fail_msg("%s", e.text);
}

/* `count` requests with ids r0, r1 ..., both rows, one second apart. */
static void add_requests(struct place *p, int count)
{
	for (int i = 0; i < count; i++) {
		char id[16];
		struct audit_row row;

		(void)snprintf(id, sizeof(id), "r%d", i);
		row = row_of(AUDIT_RECEIVED, id, start_us + i * 1000000ll);
		add(p, &row);
		row = row_of(AUDIT_COMPLETE, id, start_us + i * 1000000ll + 500);
		add(p, &row);
	}
}

static struct audit_report verify(struct place *p)
{
	struct audit_report report;
	struct err e = { 0 };

	if (audit_verify(p->audit, &report, &e) < 0)
		fail_msg("%s", e.text);
	return report;
}

static struct json *query(struct place *p, const struct audit_filter *f)
{
	AUTO_BUF struct buf text;
	struct json *doc = NULL;
	struct err e = { 0 };

	buf_init(&text, 64 * 1024 * 1024);
	if (audit_query(p->audit, f, &text, &e) < 0 ||
	    json_parse(buf_span(&text), JSON_LIMITS(64 * 1024 * 1024), &doc, &e) < 0)
		fail_msg("%s", e.text);
	return doc;
}

/* What a stranger with the file does. */
static void tamper(struct place *p, const char *sql)
{
	struct store_options o = { 0 };
	struct store *s = NULL;
	struct err e = { 0 };

	if (store_open(p->path, &o, &s, &e) < 0 || store_exec(s, sql, STORE_NO_ARGS, NULL, &e) < 0)
		fail_msg("%s: %s", sql, e.text);
	store_close(s);
}

struct reports {
	struct place *place;
	int expected, good, bad;
	int64_t rows_seen; /* entries that a query saw when the first report came */
};

static void on_report(void *arg, const struct err *why)
{
	struct reports *r = arg;

	if (r->good + r->bad == 0) {
		AUTO_JSON struct json *doc = query(r->place, &(struct audit_filter){ .limit = 1000 });

		r->rows_seen = (int64_t)json_count(json_get(doc, "entries"));
	}
	if (why->code == ERR_NONE)
		r->good++;
	else
		r->bad++;
	if (r->good + r->bad == r->expected)
		loop_stop(r->place->loop);
}

static void a_report_comes_when_the_row_is_on_disk(void **state)
{
	struct place *p = *state;
	struct reports r = { .place = p, .expected = 20 };

	for (int i = 0; i < 40; i++) {
		char id[16];
		struct audit_row row;
		struct err e = { 0 };

		(void)snprintf(id, sizeof(id), "r%d", i);
		row = row_of(AUDIT_RECEIVED, id, start_us + i);
		/* Every second row waits for nobody; it goes with the others. */
		assert_int_equal(audit_append(p->audit, &row, i % 2 ? on_report : NULL, &r, &e), 0);
	}
	loop_run(p->loop);
	assert_int_equal(r.good, 20);
	assert_int_equal(r.bad, 0);
	assert_true(r.rows_seen >= 2); /* the row reported first and the one before it */
	assert_true(audit_is_healthy(p->audit));
	assert_int_equal(verify(p).row_count, 40);
}

static void rows_that_nobody_waits_for_are_there_soon(void **state)
{
	struct place *p = *state;
	struct audit_row row = row_of(AUDIT_RECEIVED, "r", start_us);
	uint64_t begin_ms = clock_mono_ms();
	struct err e = { 0 };

	assert_int_equal(audit_append(p->audit, &row, NULL, NULL, &e), 0);
	while (verify(p).row_count == 0 && clock_mono_ms() - begin_ms < 5000)
		(void)usleep(5000);
	assert_int_equal(verify(p).row_count, 1);
	if (clock_mono_ms() - begin_ms > 1000) /* 100 ms and what a busy machine adds */
		fail_msg("after %llu ms", (unsigned long long)(clock_mono_ms() - begin_ms));
}

static void a_closed_trail_verifies_to_its_end(void **state)
{
	struct place *p = *state;
	struct audit_report report;

	assert_int_equal(verify(p).row_count, 0); /* an empty one verifies */
	add_requests(p, 10);
	report = verify(p);
	assert_int_equal(report.row_count, 20);
	assert_int_equal(report.first_bad_seq, 0);
	assert_int_equal(report.signed_until_seq, 0); /* the next head is an hour off */
	for (int i = 0; i < 3; i++) {
		close_trail(p);
		open_trail(p, 100, i % 2 == 0);
		report = verify(p);
		assert_int_equal(report.first_bad_seq, 0);
		assert_int_equal(report.row_count, 20);
		assert_int_equal(report.signed_until_seq, 20);
		assert_string_equal(report.sentence, "20 rows verify, signed up to row 20");
	}
	close_trail(p);
	open_trail(p, 100, false);
	add_requests(p, 1);
	report = verify(p);
	assert_int_equal(report.row_count, 22);
	assert_int_equal(report.signed_until_seq, 20);
}

static void heads_are_signed_as_time_goes_by(void **state)
{
	struct place *p = *state;
	struct audit_options o = options_of(p, 100, false);
	uint64_t begin_ms = clock_mono_ms();
	struct err e = { 0 };

	close_trail(p);
	o.sign_every_ms = 50;
	assert_int_equal(audit_open(&o, &p->audit, &e), 0);
	add_requests(p, 2);
	while (verify(p).signed_until_seq < 4 && clock_mono_ms() - begin_ms < 5000)
		(void)usleep(10000);
	assert_int_equal(verify(p).signed_until_seq, 4);
	assert_int_equal(verify(p).first_bad_seq, 0);
}

/* On 20 rows with a head on the last; `bad` is where the first fault is seen. */
static const struct {
	const char *sql;
	int64_t bad;
	const char *says;
} tamper_rows[] = {
	{ "UPDATE audit_logs SET user_email = 'x' WHERE seq = 7", 7, "changed" },
	{ "UPDATE audit_logs SET name = '' WHERE seq = 1", 1, "changed" },
	{ "UPDATE audit_logs SET status = 403 WHERE seq = 20", 20, "changed" },
	{ "UPDATE audit_logs SET time_unix_us = time_unix_us + 1 WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET count = 2 WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET stage = 1 WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET bytes_in = 1 WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET bytes_out = 1 WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET duration_ms = 1 WHERE seq = 6", 6, "changed" },
	{ "UPDATE audit_logs SET id = 'x' WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET user_id = 'x' WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET cluster_id = 'x' WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET cluster_name = 'x' WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET command = 'x' WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET verb = 'x' WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET api_group = 'x' WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET resource = 'x' WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET subresource = 'x' WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET namespace = 'x' WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET decision = 'deny' WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET rule = 'x' WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET source = 'x' WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET user_agent = 'x' WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET resource = 'po', subresource = 'ds' WHERE seq = 5", 5, "changed" },
	{ "UPDATE audit_logs SET hash = zeroblob(32) WHERE seq = 9", 9, "changed" },
	{ "UPDATE audit_logs SET hash = zeroblob(31) WHERE seq = 9", 9, "changed" },
	{ "UPDATE audit_logs SET hash = (SELECT hash FROM audit_logs WHERE seq = 8) WHERE seq = 9", 9, "changed" },
	{ "UPDATE audit_logs SET user_email = CAST(x'64ff' AS TEXT) WHERE seq = 4", 4, "UTF-8" },
	{ "UPDATE audit_logs SET name = CAST(x'77656200' AS TEXT) WHERE seq = 4", 4, "changed" },
	{ "DELETE FROM audit_logs WHERE seq = 1", 1, "missing" },
	{ "DELETE FROM audit_logs WHERE seq = 12", 12, "missing" },
	{ "DELETE FROM audit_logs WHERE seq BETWEEN 5 AND 9", 5, "missing" },
	{ "DELETE FROM audit_logs WHERE seq = 20", 20, "cut" },
	{ "DELETE FROM audit_logs WHERE seq > 10", 11, "cut" },
	{ "DELETE FROM audit_logs", 1, "cut" },
	{ "UPDATE audit_logs SET seq = 0 WHERE seq = 1", 1, "missing" },
	{ "UPDATE audit_logs SET seq = seq + 100", 1, "missing" },
	{ "UPDATE audit_heads SET hash = zeroblob(32)", 20, "signed" },
	{ "UPDATE audit_heads SET signature = zeroblob(70)", 20, "signature" },
	{ "UPDATE audit_heads SET signature = x''", 20, "signature" },
	{ "UPDATE audit_heads SET time_unix_us = time_unix_us + 1", 20, "signature" },
	{ "UPDATE audit_heads SET seq = 21", 21, "missing" },
	{ "UPDATE audit_heads SET seq = 19", 19, "signed" },
	{ "UPDATE audit_heads SET seq = 0", 0, "no row" },
};

static void each_change_is_found(void **state)
{
	struct place *p = *state;

	add_requests(p, 10);
	for (size_t i = 0; i < COUNT_OF(tamper_rows); i++) {
		struct audit_report report;
		AUTO_FREE char *keep = mem_printf("%s.keep", p->path);
		struct store_options o = { 0 };
		struct store *s = NULL;
		struct err e = { 0 };

		close_trail(p);
		assert_int_equal(store_open(p->path, &o, &s, &e), 0);
		assert_int_equal(store_checkpoint(s, &e), 0);
		assert_int_equal(store_backup(s, keep, &e), 0);
		store_close(s);
		tamper(p, tamper_rows[i].sql);
		open_trail(p, 10, true);
		report = verify(p);
		if (report.first_bad_seq != tamper_rows[i].bad || !strstr(report.sentence, tamper_rows[i].says))
			fail_msg("%s: %lld: %s", tamper_rows[i].sql, (long long)report.first_bad_seq, report.sentence);
		close_trail(p);
		assert_int_equal(rename(keep, p->path), 0);
	}
	open_trail(p, 10, true);
	assert_int_equal(verify(p).first_bad_seq, 0);
}

/* With the key of the heads alone an attacker could not, and without it a whole new chain does not fit the head. */
static void another_key_does_not_verify(void **state)
{
	struct place *p = *state;
	struct key *other = NULL, *own = p->key;
	struct err e = { 0 };

	add_requests(p, 3);
	close_trail(p);
	assert_int_equal(key_generate(KEY_P256, &other, &e), 0);
	p->key = other;
	open_trail(p, 10, true);
	assert_int_equal(verify(p).first_bad_seq, 6);
	p->key = own;
	key_free(other);
}

/* The newest rows have no head yet, but the process that wrote them knows. */
static void a_running_central_misses_its_newest_rows(void **state)
{
	struct place *p = *state;

	add_requests(p, 5);
	assert_int_equal(verify(p).first_bad_seq, 0);
	tamper(p, "DELETE FROM audit_logs WHERE seq > 6");
	assert_int_equal(verify(p).first_bad_seq, 7);
	tamper(p, "DELETE FROM audit_logs");
	assert_int_equal(verify(p).first_bad_seq, 1);
}

/* Rows written behind a cut take the numbers of those that are gone; the old head still tells. */
static void a_cut_is_found_after_more_rows(void **state)
{
	struct place *p = *state;

	add_requests(p, 5);
	close_trail(p);
	tamper(p, "DELETE FROM audit_logs WHERE seq > 6");
	open_trail(p, 10, false);
	add_requests(p, 10);
	assert_int_equal(verify(p).first_bad_seq, 10);
}

static const char *entry_str(const struct json *doc, size_t at, const char *name)
{
	const char *text = json_str(json_at(json_get(doc, "entries"), at), name);

	return text ? text : "(missing)";
}

static int64_t entry_int(const struct json *doc, size_t at, const char *name)
{
	int64_t value = -999;

	(void)json_int(json_at(json_get(doc, "entries"), at), name, &value);
	return value;
}

static void the_two_rows_of_a_request_are_one_entry(void **state)
{
	struct place *p = *state;
	struct audit_row row = row_of(AUDIT_RECEIVED, "done", start_us);
	AUTO_JSON struct json *doc = NULL;

	row.subresource = "log";
	add(p, &row);
	row = row_of(AUDIT_RECEIVED, "open", start_us + 10);
	add(p, &row);
	row = row_of(AUDIT_COMPLETE, "done", start_us + 20);
	add(p, &row);
	row = row_of(AUDIT_COMPLETE, "alone", start_us + 30);
	row.decision = "deny";
	row.status = 403;
	row.count = 3;
	add(p, &row);
	doc = query(p, &(struct audit_filter){ .limit = 100 });
	assert_int_equal(json_count(json_get(doc, "entries")), 3);
	assert_null(json_get(doc, "next_cursor"));
	assert_string_equal(entry_str(doc, 0, "id"), "alone");
	assert_string_equal(entry_str(doc, 0, "decision"), "deny");
	assert_int_equal(entry_int(doc, 0, "status"), 403);
	assert_int_equal(entry_int(doc, 0, "count"), 3);
	assert_string_equal(entry_str(doc, 1, "id"), "open");
	assert_int_equal(entry_int(doc, 1, "status"), 0);
	assert_string_equal(entry_str(doc, 2, "id"), "done");
	assert_string_equal(entry_str(doc, 2, "time"), "2023-11-14T22:13:20.000000Z");
	assert_string_equal(entry_str(doc, 2, "user"), "dev@example.com");
	assert_string_equal(entry_str(doc, 2, "cluster"), "dev-1");
	assert_string_equal(entry_str(doc, 2, "command"), "kubectl get");
	assert_string_equal(entry_str(doc, 2, "verb"), "get");
	assert_string_equal(entry_str(doc, 2, "resource"), "pods/log");
	assert_string_equal(entry_str(doc, 2, "namespace"), "default");
	assert_string_equal(entry_str(doc, 2, "name"), "web");
	assert_int_equal(entry_int(doc, 2, "status"), 200);
	assert_string_equal(entry_str(doc, 2, "decision"), "allow");
	assert_string_equal(entry_str(doc, 2, "rule"), "developer, rule 1 (dev-*)");
	assert_string_equal(entry_str(doc, 2, "source"), "192.0.2.1");
	assert_int_equal(entry_int(doc, 2, "duration_ms"), 7);
	assert_int_equal(strlen(entry_str(doc, 2, "hash")), 64);
	assert_int_equal(entry_int(doc, 2, "count"), -999);
}

static const struct {
	struct audit_filter filter;
	size_t count; /* of 10 requests, one a second; r3 is another user's, r4 on another cluster, r5 a delete */
} filter_rows[] = {
	{ { .user = NULL }, 10 },
	{ { .user = "dev@example.com" }, 9 },
	{ { .user = "u-1" }, 9 },
	{ { .user = "ops@example.com" }, 1 },
	{ { .user = "dev" }, 0 },
	{ { .user = "DEV@example.com" }, 0 },
	{ { .user = "' OR 1 = 1 --" }, 0 },
	{ { .cluster = "dev-1" }, 9 },
	{ { .cluster = "c-1" }, 9 },
	{ { .cluster = "prod-1" }, 1 },
	{ { .cluster = "dev-*" }, 0 },
	{ { .verb = "get" }, 9 },
	{ { .verb = "delete" }, 1 },
	{ { .verb = "delete", .user = "ops@example.com" }, 0 },
	{ { .since_unix_us = 1700000003000000 }, 7 },
	{ { .since_unix_us = 1700000003000001 }, 6 },
	{ { .until_unix_us = 1700000003000000 }, 3 },
	{ { .since_unix_us = 1700000002000000, .until_unix_us = 1700000004000000 }, 2 },
	{ { .since_unix_us = 1800000000000000 }, 0 },
};

static void filters_choose(void **state)
{
	struct place *p = *state;

	for (int i = 0; i < 10; i++) {
		char id[16];
		struct audit_row row;

		(void)snprintf(id, sizeof(id), "r%d", i);
		row = row_of(AUDIT_RECEIVED, id, start_us + i * 1000000ll);
		if (i == 3) {
			row.user = "ops@example.com";
			row.user_id = "u-2";
		} else if (i == 4) {
			row.cluster = "prod-1";
			row.cluster_id = "c-2";
		} else if (i == 5) {
			row.verb = "delete";
		}
		add(p, &row);
		row = row_of(AUDIT_COMPLETE, id, start_us + i * 1000000ll + 5);
		add(p, &row);
	}
	for (size_t i = 0; i < COUNT_OF(filter_rows); i++) {
		struct audit_filter f = filter_rows[i].filter;
		AUTO_JSON struct json *doc = NULL;

		f.limit = 1000;
		doc = query(p, &f);
		if (json_count(json_get(doc, "entries")) != filter_rows[i].count)
			fail_msg("row %zu: %zu entries", i, json_count(json_get(doc, "entries")));
	}
}

/* Pages of every size give each request once, newest first, also where times are equal and rows are added meanwhile. */
static void pages_join_without_gap_or_repeat(void **state)
{
	static const unsigned limits[] = { 1, 2, 3, 7, 24, 25, 26, 1000 };
	struct place *p = *state;

	for (int i = 0; i < 25; i++) {
		char id[16];
		struct audit_row row;

		(void)snprintf(id, sizeof(id), "r%d", i);
		row = row_of(AUDIT_RECEIVED, id, start_us + i / 5);
		add(p, &row);
	}
	for (size_t i = 0; i < COUNT_OF(limits); i++) {
		AUTO_FREE char *cursor = NULL;
		int next = 24;

		do {
			struct audit_filter f = { .limit = limits[i], .cursor = cursor, .until_unix_us = start_us + 1000 };
			AUTO_JSON struct json *doc = query(p, &f);

			for (size_t k = 0; k < json_count(json_get(doc, "entries")); k++) {
				char id[16];

				(void)snprintf(id, sizeof(id), "r%d", next--);
				assert_string_equal(entry_str(doc, k, "id"), id);
			}
			free(cursor);
			cursor = mem_dup_str(json_str(doc, "next_cursor"));
			if (cursor && next == 12) {
				struct audit_row late = row_of(AUDIT_RECEIVED, "late", start_us + 100000);

				add(p, &late); /* newer than the page that was shown */
			}
		} while (cursor);
		assert_int_equal(next, -1);
	}
}

static void bad_questions_are_refused(void **state)
{
	static const struct audit_filter bad[] = {
		{ .limit = 0 },
		{ .limit = 1001 },
		{ .limit = 1, .cursor = "" },
		{ .limit = 1, .cursor = "-" },
		{ .limit = 1, .cursor = "1" },
		{ .limit = 1, .cursor = "1-" },
		{ .limit = 1, .cursor = "-1" },
		{ .limit = 1, .cursor = "1-2-3" },
		{ .limit = 1, .cursor = "1-x" },
		{ .limit = 1, .cursor = "99999999999999999999-1" },
		{ .limit = 1, .cursor = "1 OR 1-1" },
	};
	struct place *p = *state;

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		AUTO_BUF struct buf text;
		struct err e = { 0 };

		buf_init(&text, 4096);
		if (audit_query(p->audit, &bad[i], &text, &e) == 0 || e.code != ERR_INPUT)
			fail_msg("row %zu: %s", i, e.text);
	}
	{
		AUTO_BUF struct buf text;
		struct err e = { 0 };

		buf_init(&text, 100);
		add_requests(p, 3);
		assert_int_equal(audit_query(p->audit, &(struct audit_filter){ .limit = 10 }, &text, &e), -1);
		assert_int_equal(e.code, ERR_LIMIT);
	}
}

static void any_text_gives_one_line_of_json(void **state)
{
	static const struct {
		const char *text, *reads;
	} texts[] = {
		{ "line\nbreak\r\n", "line\nbreak\r\n" },
		{ "\x1b[31mred\x1b]52;c;x\x07", "\x1b[31mred\x1b]52;c;x\x07" },
		{ "quote\" back\\slash", "quote\" back\\slash" },
		{ "\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "a\xc3", "a\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "'; DROP TABLE audit_logs; --", "'; DROP TABLE audit_logs; --" },
		{ NULL, "" },
	};
	struct place *p = *state;
	AUTO_FREE char *huge = mem_new(1024 * 1024 + 1);
	struct audit_row row;

	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		AUTO_BUF struct buf line;
		AUTO_JSON struct json *doc = NULL;
		struct err e = { 0 };

		row = row_of(AUDIT_RECEIVED, "r", start_us + (int64_t)i);
		row.name = row.user = row.user_agent = row.command = texts[i].text;
		add(p, &row);
		buf_init(&line, 65536);
		assert_int_equal(audit_query(p->audit, &(struct audit_filter){ .limit = 1 }, &line, &e), 0);
		assert_null(memchr(line.at, '\n', line.len));
		assert_null(memchr(line.at, '\x1b', line.len));
		assert_int_equal(json_parse(buf_span(&line), JSON_LIMITS(65536), &doc, &e), 0);
		assert_string_equal(entry_str(doc, 0, "name"), texts[i].reads);
		assert_string_equal(entry_str(doc, 0, "command"), texts[i].reads);
	}
	/* A megabyte is cut, in front of a character. */
	for (size_t i = 0; i < 1024 * 1024; i += 2)
		memcpy(huge + i, "\xc3\xa9", 2);
	huge[0] = 'x';
	row = row_of(AUDIT_RECEIVED, "r", start_us + 1000);
	row.name = huge + 1; /* begins with half a character, so that the limit falls into one */
	add(p, &row);
	{
		AUTO_JSON struct json *doc = query(p, &(struct audit_filter){ .limit = 1 });
		const char *name = entry_str(doc, 0, "name");

		assert_true(strlen(name) > 1000 && strlen(name) <= 1026);
		assert_memory_equal(name + strlen(name) - 2, "\xc3\xa9", 2);
	}
	assert_int_equal(verify(p).first_bad_seq, 0);
	close_trail(p);
	open_trail(p, 10, true);
	assert_int_equal(verify(p).first_bad_seq, 0);
}

static void refusals_are_summed_up_by_address(void **state)
{
	struct place *p = *state;
	AUTO_JSON struct json *doc = NULL;
	int64_t others = 0;

	for (int i = 0; i < 1000; i++)
		audit_refused(p->audit, "192.0.2.7", i ? "later" : "POST /auth/login");
	audit_refused(p->audit, "2001:db8::1", "GET /clusters");
	close_trail(p);
	open_trail(p, 10000, false);
	doc = query(p, &(struct audit_filter){ .limit = 100 });
	assert_int_equal(json_count(json_get(doc, "entries")), 2);
	for (size_t i = 0; i < 2; i++) {
		bool many = strcmp(entry_str(doc, i, "source"), "192.0.2.7") == 0;

		assert_int_equal(entry_int(doc, i, "count"), many ? 1000 : -999);
		assert_string_equal(entry_str(doc, i, "command"), many ? "POST /auth/login" : "GET /clusters");
		assert_string_equal(entry_str(doc, i, "decision"), "refuse");
		assert_int_equal(entry_int(doc, i, "status"), 401);
	}
	/* However many addresses there are, memory and rows are bounded. */
	for (int i = 0; i < 10000; i++) {
		char source[32];

		(void)snprintf(source, sizeof(source), "10.%d.%d.%d", i >> 16, (i >> 8) & 255, i & 255);
		audit_refused(p->audit, source, "x");
	}
	close_trail(p);
	open_trail(p, 10000, false);
	assert_int_equal(verify(p).row_count, 2 + 4096 + 1);
	json_free(doc);
	doc = query(p, &(struct audit_filter){ .limit = 1000 });
	for (size_t i = 0; i < json_count(json_get(doc, "entries")); i++)
		if (strcmp(entry_str(doc, i, "source"), "others") == 0)
			others = entry_int(doc, i, "count");
	if (others == 0) { /* on a later page: its time is the newest, so it stands on the first */
		fail_msg("no row for the others");
	}
	assert_int_equal(others, 10000 - 4096);
}

/* Nothing larger than a file now is may be written: as a full disk, but undone at will. */
static void disk_limit(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_disk_that_takes_nothing_refuses_and_recovers(void **state)
{
	struct place *p = *state;
	struct audit_row row = row_of(AUDIT_RECEIVED, "r", start_us);
	struct reports r = { .place = p, .expected = 1 };
	struct sigaction ignore = { .sa_handler = SIG_IGN }, was;
	struct err e = { 0 };
	int64_t rows_before;

	close_trail(p);
	open_trail(p, 8, false);
	add_requests(p, 3);
	rows_before = verify(p).row_count;
	assert_int_equal(sigaction(SIGXFSZ, &ignore, &was), 0);
	disk_limit(1);

	assert_int_equal(audit_append(p->audit, &row, on_report, &r, &e), 0);
	loop_run(p->loop);
	assert_int_equal(r.bad, 1);
	assert_false(audit_is_healthy(p->audit));
	/* Now at once, without a report. */
	assert_int_equal(audit_append(p->audit, &row, on_report, &r, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	assert_int_equal(audit_append_wait(p->audit, &row, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	/* Rows of reads wait, as far as the queue reaches. */
	for (int i = 0; i < 8; i++)
		assert_int_equal(audit_append(p->audit, &row, NULL, NULL, &e), 0);
	assert_int_equal(audit_append(p->audit, &row, NULL, NULL, &e), -1);
	assert_int_equal(e.code, ERR_BUSY);
	(void)usleep(1200 * 1000);
	assert_false(audit_is_healthy(p->audit)); /* a try a second, which failed */
	assert_int_equal(verify(p).row_count, rows_before);

	disk_limit(RLIM_INFINITY);
	for (int i = 0; i < 500 && !audit_is_healthy(p->audit); i++)
		(void)usleep(10000);
	assert_true(audit_is_healthy(p->audit));
	assert_int_equal(sigaction(SIGXFSZ, &was, NULL), 0);
	add_requests(p, 1);
	assert_int_equal(verify(p).row_count, rows_before + 8 + 2);
	assert_int_equal(verify(p).first_bad_seq, 0);
	close_trail(p);
	open_trail(p, 8, true);
	assert_int_equal(verify(p).first_bad_seq, 0);
	assert_int_equal(verify(p).signed_until_seq, rows_before + 10);
}

static void a_probe_of_a_change_finds_the_disk_well_again(void **state)
{
	struct place *p = *state;
	struct audit_row row = row_of(AUDIT_RECEIVED, "r", start_us);
	struct sigaction ignore = { .sa_handler = SIG_IGN }, was;
	struct err e = { 0 };

	assert_int_equal(sigaction(SIGXFSZ, &ignore, &was), 0);
	disk_limit(1);
	assert_int_equal(audit_append_wait(p->audit, &row, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	disk_limit(RLIM_INFINITY);
	assert_int_equal(sigaction(SIGXFSZ, &was, NULL), 0);
	assert_int_equal(audit_append_wait(p->audit, &row, &e), -1); /* not yet: one try a second */
	(void)usleep(1100 * 1000);
	err_clear(&e);
	if (audit_append_wait(p->audit, &row, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(audit_is_healthy(p->audit));
	assert_int_equal(verify(p).row_count, 1);
}

/* After a failed commit the chain goes on from what the file holds, whoever wrote it. */
static void a_foreign_row_stops_one_commit_and_is_found(void **state)
{
	struct place *p = *state;
	struct audit_row row = row_of(AUDIT_RECEIVED, "r", start_us);
	struct err e = { 0 };

	add_requests(p, 2);
	tamper(p, "INSERT INTO audit_logs SELECT 5, stage, time_unix_us, status, duration_ms, bytes_in, bytes_out, count, "
		  "'forged', user_id, user_email, cluster_id, cluster_name, command, verb, api_group, resource, "
		  "subresource, namespace, name, decision, rule, source, user_agent, hash FROM audit_logs WHERE seq = 4");
	assert_int_equal(audit_append_wait(p->audit, &row, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	assert_false(audit_is_healthy(p->audit));
	(void)usleep(1100 * 1000);
	err_clear(&e);
	if (audit_append_wait(p->audit, &row, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(verify(p).first_bad_seq, 5);
}

struct writer {
	struct place *place;
	int number, failures;
};

static void *write_rows(void *arg)
{
	struct writer *w = arg;

	for (int i = 0; i < 100; i++) {
		char id[32];
		struct audit_row row;
		struct err e = { 0 };

		(void)snprintf(id, sizeof(id), "w%d-%d", w->number, i);
		row = row_of(AUDIT_RECEIVED, id, start_us);
		if (i % 2)
			w->failures += audit_append_wait(w->place->audit, &row, &e) < 0;
		else
			w->failures += audit_append(w->place->audit, &row, NULL, NULL, &e) < 0;
	}
	return NULL;
}

static void many_threads_make_one_chain(void **state)
{
	struct place *p = *state;
	struct writer writers[8];
	pthread_t threads[COUNT_OF(writers)];

	for (size_t i = 0; i < COUNT_OF(writers); i++) {
		writers[i] = (struct writer){ p, (int)i, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, write_rows, &writers[i]), 0);
	}
	for (size_t i = 0; i < COUNT_OF(writers); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(writers[i].failures, 0);
	}
	close_trail(p);
	open_trail(p, 10, true);
	assert_int_equal(verify(p).row_count, 800);
	assert_int_equal(verify(p).first_bad_seq, 0);
}

static void the_command_line_only_reads(void **state)
{
	struct place *p = *state;
	struct audit_row row = row_of(AUDIT_RECEIVED, "r", start_us);
	struct audit_options o = options_of(p, 10, true);
	struct audit *missing = NULL;
	struct err e = { 0 };
	struct stat st;

	add_requests(p, 1);
	close_trail(p);
	open_trail(p, 10, true);
	assert_int_equal(audit_append(p->audit, &row, NULL, NULL, &e), -1);
	assert_int_equal(audit_append_wait(p->audit, &row, &e), -1);
	assert_int_equal(verify(p).row_count, 2);
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	o.path = "/nonexistent/audit.db";
	assert_int_equal(audit_open(&o, &missing, &e), -1);
	assert_null(missing);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(a_report_comes_when_the_row_is_on_disk),
		ROW(rows_that_nobody_waits_for_are_there_soon),
		ROW(a_closed_trail_verifies_to_its_end),
		ROW(heads_are_signed_as_time_goes_by),
		ROW(each_change_is_found),
		ROW(another_key_does_not_verify),
		ROW(a_running_central_misses_its_newest_rows),
		ROW(a_cut_is_found_after_more_rows),
		ROW(the_two_rows_of_a_request_are_one_entry),
		ROW(filters_choose),
		ROW(pages_join_without_gap_or_repeat),
		ROW(bad_questions_are_refused),
		ROW(any_text_gives_one_line_of_json),
		ROW(refusals_are_summed_up_by_address),
		ROW(a_disk_that_takes_nothing_refuses_and_recovers),
		ROW(a_probe_of_a_change_finds_the_disk_well_again),
		ROW(a_foreign_row_stops_one_commit_and_is_found),
		ROW(many_threads_make_one_chain),
		ROW(the_command_line_only_reads),
	};
	struct err e = { 0 };

	if (crypto_init(&e) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
