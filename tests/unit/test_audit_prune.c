/* Pruning the audit trail: what stays verifies, what is tampered with is found, and old heads count too. */
#include "tests/unit/audit_place.h"

#include <unistd.h>

enum { WAIT_MS = 10000, HOUR_MS = 3600 * 1000 };

static void open_pruning(struct place *p, uint64_t retention_ms, uint64_t sign_every_ms)
{
	struct audit_options o = options_of(p, 10000, false);

	o.sign_every_ms = sign_every_ms;
	o.retention_ms = retention_ms;
	open_trail_with(p, &o);
}

/* `count` rows of that time; the last one is waited for. */
static void add_rows(struct place *p, int count, int64_t time_us)
{
	for (int i = 0; i < count; i++) {
		char id[24];
		struct audit_row row = { .stage = AUDIT_COMPLETE, .id = id, .time_unix_us = time_us, .user = "dev@example.com",
					 .command = "GET /x", .verb = "get", .decision = "allow", .count = 1 };
		struct err e = { 0 };

		(void)snprintf(id, sizeof(id), "r%d", i);
		if ((i + 1 < count ? audit_append(p->audit, &row, NULL, NULL, &e) :
				     audit_append_wait(p->audit, &row, &e)) < 0)
			fail_msg("%s", e.text);
	}
}

static struct audit_report wait_pruned(struct place *p, int64_t until_seq)
{
	uint64_t begin_ms = clock_mono_ms();
	struct audit_report report = verify(p);

	while (report.pruned_until_seq < until_seq && clock_mono_ms() - begin_ms < WAIT_MS) {
		(void)usleep(10000);
		report = verify(p);
	}
	assert_int_equal(report.pruned_until_seq, until_seq);
	return report;
}

/* 30 old rows behind a head, pruned to the last of them; then 10 rows of now. */
static void make_pruned(struct place *p)
{
	open_pruning(p, 0, HOUR_MS);
	add_rows(p, 30, START_US);
	close_trail(p);
	open_pruning(p, HOUR_MS, HOUR_MS);
	(void)wait_pruned(p, 29);
	add_rows(p, 10, clock_unix_us());
	close_trail(p);
}

static void what_stays_verifies(void **state)
{
	struct place *p = *state;
	struct audit_report report;

	make_pruned(p);
	for (int i = 0; i < 2; i++) {
		open_pruning(p, i ? HOUR_MS : 0, HOUR_MS);
		report = wait_pruned(p, i ? 30 : 29); /* the next head lets the last old row go */
		assert_int_equal(report.first_bad_seq, 0);
		assert_int_equal(report.row_count, i ? 10 : 11);
		assert_int_equal(report.signed_until_seq, 40);
		assert_non_null(strstr(report.sentence, "pruned"));
		close_trail(p);
	}
}

static void nothing_young_is_pruned(void **state)
{
	struct place *p = *state;

	open_pruning(p, 0, HOUR_MS);
	add_rows(p, 5, clock_unix_us());
	add_rows(p, 5, START_US); /* behind young ones: they wait for those */
	close_trail(p);
	open_pruning(p, HOUR_MS, HOUR_MS);
	(void)usleep(300000);
	assert_int_equal(verify(p).row_count, 10);
	assert_int_equal(verify(p).pruned_until_seq, 0);
}

static void many_rows_go_in_batches(void **state)
{
	struct place *p = *state;

	open_pruning(p, 0, HOUR_MS);
	add_rows(p, 2500, START_US);
	close_trail(p);
	open_pruning(p, HOUR_MS, HOUR_MS);
	assert_int_equal(wait_pruned(p, 2499).row_count, 1);
	assert_int_equal(verify(p).first_bad_seq, 0);
}

/* After make_pruned: rows 30 to 40, a checkpoint at 29. */
static const struct {
	const char *sql;
	int64_t bad;
	const char *says;
} tamper_rows[] = {
	{ "DELETE FROM audit_checkpoints", 1, "missing" },
	{ "UPDATE audit_checkpoints SET seq = 28", 28, "checkpoint" },
	{ "UPDATE audit_checkpoints SET hash = zeroblob(32)", 29, "checkpoint" },
	{ "UPDATE audit_checkpoints SET hash = x''", 29, "checkpoint" },
	{ "UPDATE audit_checkpoints SET signature = zeroblob(70)", 29, "checkpoint" },
	{ "UPDATE audit_checkpoints SET time_unix_us = 1", 29, "checkpoint" },
	{ "INSERT INTO audit_checkpoints SELECT 35, time_unix_us, hash, signature FROM audit_checkpoints", 35,
	  "checkpoint" },
	{ "INSERT INTO audit_checkpoints SELECT 40, time_unix_us, hash, signature FROM audit_heads WHERE seq = 40", 40,
	  "checkpoint" }, /* a head's signature is none of a checkpoint */
	{ "DELETE FROM audit_logs WHERE seq = 30", 30, "missing" },
	{ "DELETE FROM audit_logs WHERE seq < 35", 30, "missing" },
	{ "DELETE FROM audit_logs WHERE seq > 35", 36, "cut" },
	{ "UPDATE audit_logs SET name = 'x' WHERE seq = 30", 30, "changed" },
	{ "UPDATE audit_heads SET signature = zeroblob(70) WHERE seq = 30", 30, "signature" },
	{ "UPDATE audit_heads SET seq = 29 WHERE seq = 30", 29, "no row" },
};

static void each_change_is_found(void **state)
{
	struct place *p = *state;

	make_pruned(p);
	for (size_t i = 0; i < COUNT_OF(tamper_rows); i++) {
		struct audit_options o = { .path = p->path, .sign_key = p->key, .queue_max = 10 };
		AUTO_FREE char *keep = mem_printf("%s.keep", p->path);
		struct audit_report report;
		struct err e = { 0 };

		assert_int_equal(audit_file_copy(p->path, keep, &e), 0);
		tamper(p, tamper_rows[i].sql);
		assert_int_equal(audit_open(&o, &p->audit, &e), 0);
		report = verify(p);
		if (report.first_bad_seq != tamper_rows[i].bad || !strstr(report.sentence, tamper_rows[i].says))
			fail_msg("%s: %lld: %s", tamper_rows[i].sql, (long long)report.first_bad_seq, report.sentence);
		close_trail(p);
		assert_int_equal(rename(keep, p->path), 0);
	}
}

/* Otherwise pruning would sign away what was done to the rows. */
static void tampered_rows_are_not_pruned(void **state)
{
	static const struct {
		const char *sql;
		int64_t bad;
	} rows[] = {
		{ "UPDATE audit_logs SET name = 'x' WHERE seq = 5", 5 },
		{ "DELETE FROM audit_logs WHERE seq < 10", 1 },
		{ "DELETE FROM audit_logs WHERE seq = 12", 12 },
		{ "UPDATE audit_checkpoints SET signature = x'00'", 29 },
	};
	struct place *p = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_FREE char *keep = mem_printf("%s.keep", p->path);
		struct err e = { 0 };

		if (rows[i].bad == 29) {
			(void)unlink(p->path);
			make_pruned(p);
		} else if (i == 0) {
			open_pruning(p, 0, HOUR_MS);
			add_rows(p, 30, START_US);
			close_trail(p);
		}
		assert_int_equal(audit_file_copy(p->path, keep, &e), 0);
		tamper(p, rows[i].sql);
		open_pruning(p, HOUR_MS, HOUR_MS);
		(void)usleep(200000);
		assert_int_equal(verify(p).first_bad_seq, rows[i].bad);
		close_trail(p);
		assert_int_equal(rename(keep, p->path), 0);
	}
}

static void every_recent_head_is_checked(void **state)
{
	struct place *p = *state;

	for (int i = 0; i < 5; i++) {
		open_pruning(p, 0, HOUR_MS);
		add_rows(p, 2, START_US);
		close_trail(p); /* signs a head */
	}
	tamper(p, "UPDATE audit_heads SET signature = zeroblob(70) WHERE seq = 4");
	open_pruning(p, 0, HOUR_MS);
	assert_int_equal(verify(p).first_bad_seq, 4);
	assert_non_null(strstr(verify(p).sentence, "signature"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_stays_verifies, trail_set_up_closed, trail_tear_down),
		cmocka_unit_test_setup_teardown(nothing_young_is_pruned, trail_set_up_closed, trail_tear_down),
		cmocka_unit_test_setup_teardown(many_rows_go_in_batches, trail_set_up_closed, trail_tear_down),
		cmocka_unit_test_setup_teardown(each_change_is_found, trail_set_up_closed, trail_tear_down),
		cmocka_unit_test_setup_teardown(tampered_rows_are_not_pruned, trail_set_up_closed, trail_tear_down),
		cmocka_unit_test_setup_teardown(every_recent_head_is_checked, trail_set_up_closed, trail_tear_down),
	};
	struct err e = { 0 };

	if (crypto_init(&e) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
