/*
 * Counters, gauges and histograms in Prometheus' text format.
 *
 * A family is one row of a const table; a series is a family with label values. Counting is
 * lock-free and may happen on any thread; the number of series per family is limited, so that no
 * label value from a peer grows memory.
 */
#ifndef MK8S_NET_METRICS_H
#define MK8S_NET_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_family {
	const char *name; /* "mk8s_http_requests_total" */
	enum metric_kind kind;
	const char *help;
	const char *labels; /* "method,code", or NULL */
	const double *bounds; /* histograms: upper bounds in the metric's unit, ascending, ended by
				 0; NULL: seconds 0.001..30 */
};

struct metrics;
struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);
/* Adds a table of families; it must outlive `m`. */
void metrics_register(struct metrics *m, const struct metric_family *families, size_t count);
/* Adds to a counter or gauge, or observes in a histogram. `labels`: values joined by ',' in the
 * family's order, or NULL. */
void metrics_add(struct metrics *m, const struct metric_family *f, const char *labels,
		 double value);
void metrics_set(struct metrics *m, const struct metric_family *f, const char *labels,
		 double value);
/* Appends the whole exposition, process_* of this process included. */
void metrics_print(struct metrics *m, struct buf *into);

#endif
