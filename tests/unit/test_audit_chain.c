/* The chain of the audit trail and its signed heads: what verifies, and every change that is found. */
#include "tests/unit/audit_place.h"

#include <unistd.h>

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

/* After a failed commit the chain goes on from what the file holds, whoever wrote it. */
static void a_foreign_row_stops_one_commit_and_is_found(void **state)
{
	struct place *p = *state;
	struct audit_row row = row_of(AUDIT_RECEIVED, "r", START_US);
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

#define ROW(name) cmocka_unit_test_setup_teardown(name, trail_set_up, trail_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(a_closed_trail_verifies_to_its_end),
		ROW(heads_are_signed_as_time_goes_by),
		ROW(each_change_is_found),
		ROW(another_key_does_not_verify),
		ROW(a_running_central_misses_its_newest_rows),
		ROW(a_cut_is_found_after_more_rows),
		ROW(a_foreign_row_stops_one_commit_and_is_found),
	};
	struct err e = { 0 };

	if (crypto_init(&e) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
