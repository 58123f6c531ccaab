/* What counting (metrics.c) and printing (metrics_print.c) share. */
#ifndef MK8S_NET_METRICS_INNER_H
#define MK8S_NET_METRICS_INNER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/net/metrics.h"

#define METRICS_TABLES_MAX 16
#define METRICS_SERIES_MAX 256 /* a family, the overflow series "other" included */
#define METRICS_PLACES (2 * METRICS_SERIES_MAX)
#define METRICS_LABELS_SIZE 200 /* all values joined, with NUL; longer ones count as "other" */

struct metrics_series {
	char labels[METRICS_LABELS_SIZE];
	_Atomic double value; /* counter, gauge; a histogram's sum */
	_Atomic uint64_t buckets[]; /* histograms: one a bound, and +Inf; not cumulative */
};

/* A family's series: never removed, so a reader needs no lock. */
struct metrics_slot {
	_Atomic size_t series_count;
	struct metrics_series *series[METRICS_SERIES_MAX]; /* in order of their birth */
	struct metrics_series *_Atomic places[METRICS_PLACES]; /* the same, by hash of labels */
};

struct metrics_table {
	const struct metric_family *families;
	size_t count;
	struct metrics_slot *slots;
};

struct metrics {
	pthread_mutex_t lock; /* for what adds tables and series */
	int64_t started_unix_us;
	_Atomic size_t table_count;
	struct metrics_table tables[METRICS_TABLES_MAX];
};

const double *metrics_bounds(const struct metric_family *f);
size_t metrics_bound_count(const struct metric_family *f);

#endif
