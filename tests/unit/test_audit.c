/* The audit trail on a real file: when a row is on disk, a disk that takes nothing, many writers, readers. */
#include "tests/unit/audit_place.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

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
		row = row_of(AUDIT_RECEIVED, id, START_US + i);
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
	struct audit_row row = row_of(AUDIT_RECEIVED, "r", START_US);
	uint64_t begin_ms = clock_mono_ms();
	struct err e = { 0 };

	assert_int_equal(audit_append(p->audit, &row, NULL, NULL, &e), 0);
	while (verify(p).row_count == 0 && clock_mono_ms() - begin_ms < 5000)
		(void)usleep(5000);
	assert_int_equal(verify(p).row_count, 1);
	if (clock_mono_ms() - begin_ms > 1000) /* 100 ms and what a busy machine adds */
		fail_msg("after %llu ms", (unsigned long long)(clock_mono_ms() - begin_ms));
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
	struct audit_row row = row_of(AUDIT_RECEIVED, "r", START_US);
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
	struct audit_row row = row_of(AUDIT_RECEIVED, "r", START_US);
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
		row = row_of(AUDIT_RECEIVED, id, START_US);
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
	struct audit_row row = row_of(AUDIT_RECEIVED, "r", START_US);
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

#define ROW(name) cmocka_unit_test_setup_teardown(name, trail_set_up, trail_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(a_report_comes_when_the_row_is_on_disk),
		ROW(rows_that_nobody_waits_for_are_there_soon),
		ROW(a_disk_that_takes_nothing_refuses_and_recovers),
		ROW(a_probe_of_a_change_finds_the_disk_well_again),
		ROW(many_threads_make_one_chain),
		ROW(the_command_line_only_reads),
	};
	struct err e = { 0 };

	if (crypto_init(&e) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
