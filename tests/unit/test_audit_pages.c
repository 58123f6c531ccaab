/* Questions to the audit trail: entries, filters, pages, texts of any kind, refusals summed up. */
#include "tests/unit/audit_place.h"

#include <sys/statvfs.h>
#include <unistd.h>

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
	struct audit_row row = row_of(AUDIT_RECEIVED, "done", START_US);
	AUTO_JSON struct json *doc = NULL;

	row.subresource = "log";
	add(p, &row);
	row = row_of(AUDIT_RECEIVED, "open", START_US + 10);
	add(p, &row);
	row = row_of(AUDIT_COMPLETE, "done", START_US + 20);
	add(p, &row);
	row = row_of(AUDIT_COMPLETE, "alone", START_US + 30);
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
		row = row_of(AUDIT_RECEIVED, id, START_US + i * 1000000ll);
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
		row = row_of(AUDIT_COMPLETE, id, START_US + i * 1000000ll + 5);
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
		row = row_of(AUDIT_RECEIVED, id, START_US + i / 5);
		add(p, &row);
	}
	for (size_t i = 0; i < COUNT_OF(limits); i++) {
		AUTO_FREE char *cursor = NULL;
		int next = 24;

		do {
			struct audit_filter f = { .limit = limits[i], .cursor = cursor, .until_unix_us = START_US + 1000 };
			AUTO_JSON struct json *doc = query(p, &f);

			for (size_t k = 0; k < json_count(json_get(doc, "entries")); k++) {
				char id[16];

				(void)snprintf(id, sizeof(id), "r%d", next--);
				assert_string_equal(entry_str(doc, k, "id"), id);
			}
			free(cursor);
			cursor = mem_dup_str(json_str(doc, "next_cursor"));
			if (cursor && next == 12) {
				struct audit_row late = row_of(AUDIT_RECEIVED, "late", START_US + 100000);

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

		row = row_of(AUDIT_RECEIVED, "r", START_US + (int64_t)i);
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
	row = row_of(AUDIT_RECEIVED, "r", START_US + 1000);
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

/* With less than a tenth of the disk free there are no such rows, on purpose. */
static bool disk_is_nearly_full(void)
{
	struct statvfs st;

	return statvfs("/tmp", &st) == 0 && st.f_bavail * 100 / st.f_blocks < 10;
}

static void refusals_are_summed_up_by_address(void **state)
{
	struct place *p = *state;
	AUTO_JSON struct json *doc = NULL;
	int64_t others = 0;

	if (disk_is_nearly_full())
		skip();
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

#define ROW(name) cmocka_unit_test_setup_teardown(name, trail_set_up, trail_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(the_two_rows_of_a_request_are_one_entry),
		ROW(filters_choose),
		ROW(pages_join_without_gap_or_repeat),
		ROW(bad_questions_are_refused),
		ROW(any_text_gives_one_line_of_json),
		ROW(refusals_are_summed_up_by_address),
	};
	struct err e = { 0 };

	if (crypto_init(&e) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
