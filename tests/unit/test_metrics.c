/* Metrics: the text format byte for byte, escaping, the cap on series, counting from several
 * threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "lib/base/attr.h"
#include "lib/base/buf.h"
#include "lib/net/metrics.h"

static const double two_bounds[] = { 0.5, 2, 0 };

enum { PLAIN, LABELLED, LEVEL, TIMES, TIMES_LABELLED };
static const struct metric_family families[] = {
	[PLAIN] = { "t_plain_total", METRIC_COUNTER, "Plain.", NULL, NULL },
	[LABELLED] = { "t_by_total", METRIC_COUNTER, "By two.", "route,code", NULL },
	[LEVEL] = { "t_level", METRIC_GAUGE, "Level.", NULL, NULL },
	[TIMES] = { "t_seconds", METRIC_HISTOGRAM, "Times.", NULL, two_bounds },
	[TIMES_LABELLED] = { "t_by_seconds", METRIC_HISTOGRAM, "Times by.", "route", two_bounds },
};

static struct metrics *new_metrics(void)
{
	struct metrics *m = metrics_new();

	metrics_register(m, families, COUNT_OF(families));
	return m;
}

static char *print(struct metrics *m)
{
	struct buf text;

	buf_init(&text, 1024 * 1024);
	metrics_print(m, &text);
	return buf_take_str(&text);
}

static void expect_front(struct metrics *m, const char *expected)
{
	char *text = print(m);

	if (strncmp(text, expected, strlen(expected)) != 0)
		fail_msg("got:\n%s\nexpected:\n%s", text, expected);
	free(text);
}

static void test_text(void **state)
{
	struct metrics *m = new_metrics();

	(void)state;
	metrics_add(m, &families[LABELLED], "/a,200", 1);
	metrics_add(m, &families[LABELLED], "/a,200", 2);
	metrics_add(m, &families[LABELLED], "/a,404", 0.5);
	metrics_add(m, &families[LEVEL], NULL, 5);
	metrics_add(m, &families[LEVEL], NULL, -2);
	metrics_add(m, &families[TIMES], NULL, 0.5);
	metrics_add(m, &families[TIMES], NULL, 0.6);
	metrics_add(m, &families[TIMES], NULL, 7);
	metrics_add(m, &families[TIMES_LABELLED], "/a", 0.25);
	expect_front(m, "# HELP t_plain_total Plain.\n"
			"# TYPE t_plain_total counter\n"
			"t_plain_total 0\n"
			"# HELP t_by_total By two.\n"
			"# TYPE t_by_total counter\n"
			"t_by_total{route=\"/a\",code=\"200\"} 3\n"
			"t_by_total{route=\"/a\",code=\"404\"} 0.5\n"
			"# HELP t_level Level.\n"
			"# TYPE t_level gauge\n"
			"t_level 3\n"
			"# HELP t_seconds Times.\n"
			"# TYPE t_seconds histogram\n"
			"t_seconds_bucket{le=\"0.5\"} 1\n"
			"t_seconds_bucket{le=\"2\"} 2\n"
			"t_seconds_bucket{le=\"+Inf\"} 3\n"
			"t_seconds_sum 8.1\n"
			"t_seconds_count 3\n"
			"# HELP t_by_seconds Times by.\n"
			"# TYPE t_by_seconds histogram\n"
			"t_by_seconds_bucket{route=\"/a\",le=\"0.5\"} 1\n"
			"t_by_seconds_bucket{route=\"/a\",le=\"2\"} 1\n"
			"t_by_seconds_bucket{route=\"/a\",le=\"+Inf\"} 1\n"
			"t_by_seconds_sum{route=\"/a\"} 0.25\n"
			"t_by_seconds_count{route=\"/a\"} 1\n"
			"# HELP process_cpu_seconds_total User and system CPU time in seconds.\n");
	metrics_free(m);
	metrics_free(NULL);
}

/* Label values as they are given, and as they must be printed. */
static const struct {
	const char *labels, *printed;
} label_rows[] = {
	{ "a,b", "{route=\"a\",code=\"b\"} 1\n" },
	{ "", "{route=\"\",code=\"\"} 1\n" },
	{ "a", "{route=\"a\",code=\"\"} 1\n" },
	{ ",b", "{route=\"\",code=\"b\"} 1\n" },
	{ "a,b,c", "{route=\"a\",code=\"b,c\"} 1\n" },
	{ "q\"q,b", "{route=\"q\\\"q\",code=\"b\"} 1\n" },
	{ "b\\s,n\nl", "{route=\"b\\\\s\",code=\"n\\nl\"} 1\n" },
};

static void test_labels(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(label_rows); i++) {
		struct metrics *m = new_metrics();
		char *text;

		metrics_add(m, &families[LABELLED], label_rows[i].labels, 1);
		text = print(m);
		if (!strstr(text, label_rows[i].printed))
			fail_msg("row %zu: not in\n%s", i, text);
		free(text);
		metrics_free(m);
	}
}

static size_t count_of(const char *text, const char *what)
{
	size_t count = 0;

	for (; (text = strstr(text, what)); text++)
		count++;
	return count;
}

static void test_series_are_bounded(void **state)
{
	struct metrics *m = new_metrics();
	char label[400], *text;

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 5000; i++) {
			(void)snprintf(label, sizeof(label), "/%d,200", i);
			metrics_add(m, &families[LABELLED], label, 1);
		}
	}
	memset(label, 'x', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	metrics_add(m, &families[LABELLED], label, 1);
	text = print(m);
	assert_int_equal(count_of(text, "\nt_by_total{"), 256);
	/* 255 series of their own, each counted twice; the rest together */
	assert_non_null(strstr(text, "t_by_total{route=\"/254\",code=\"200\"} 2\n"));
	assert_null(strstr(text, "route=\"/255\""));
	assert_non_null(strstr(text, "t_by_total{route=\"other\",code=\"other\"} 9491\n"));
	free(text);
	metrics_free(m);
}

#define THREADS 4
#define ROUNDS 20000

static void *count_much(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		char label[20];

		(void)snprintf(label, sizeof(label), "/%d,200", i % 300);
		metrics_add(arg, &families[LABELLED], label, 1);
		metrics_add(arg, &families[TIMES], NULL, 1);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct metrics *m = new_metrics();
	pthread_t threads[THREADS];
	unsigned long sum = 0;
	char *text, *at;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_much, m), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	text = print(m);
	for (at = text; (at = strstr(at, "\nt_by_total{")); at++)
		sum += strtoul(strchr(at, '}') + 1, NULL, 10);
	assert_int_equal(sum, THREADS * ROUNDS);
	assert_non_null(strstr(text, "t_seconds_count 80000\n"));
	assert_non_null(strstr(text, "t_seconds_sum 80000\n"));
	free(text);
	metrics_free(m);
}

static void test_process(void **state)
{
	static const char *const names[] = { "process_cpu_seconds_total ",
					     "process_resident_memory_bytes ", "process_open_fds ",
					     "process_max_fds ", "process_start_time_seconds " };
	struct metrics *m = metrics_new();
	char *text = print(m);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char line[80];
		const char *at;

		(void)snprintf(line, sizeof(line), "\n%s", names[i]);
		at = strstr(text, line);
		if (!at || strtod(at + strlen(line), NULL) <= 0)
			fail_msg("%s is missing or 0", names[i]);
	}
	free(text);
	metrics_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_series_are_bounded),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
