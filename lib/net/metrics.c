/* Counters, gauges and histograms: finding a series without a lock, counting with atomics. */
#include "lib/net/metrics_inner.h"

#include <assert.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"

static const double default_bounds[] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
					 0.5,   1,      2.5,   5,    10,    30,   0 };

const double *metrics_bounds(const struct metric_family *f)
{
	return f->bounds ? f->bounds : default_bounds;
}

size_t metrics_bound_count(const struct metric_family *f)
{
	const double *bounds = metrics_bounds(f);
	size_t count = 0;

	while (bounds[count] > 0)
		count++;
	return count;
}

struct metrics *metrics_new(void)
{
	struct metrics *m = mem_new(sizeof(*m));

	(void)pthread_mutex_init(&m->lock, NULL);
	m->started_unix_us = clock_unix_us();
	return m;
}

static void metrics_free_slot(struct metrics_slot *slot)
{
	size_t count = atomic_load(&slot->series_count);

	for (size_t i = 0; i < count; i++)
		free(slot->series[i]);
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	for (size_t t = 0; t < atomic_load(&m->table_count); t++) {
		for (size_t i = 0; i < m->tables[t].count; i++)
			metrics_free_slot(&m->tables[t].slots[i]);
		free(m->tables[t].slots);
	}
	(void)pthread_mutex_destroy(&m->lock);
	free(m);
}

static struct metrics_series *metrics_series_new(const struct metric_family *f, const char *labels)
{
	size_t buckets = f->kind == METRIC_HISTOGRAM ? metrics_bound_count(f) + 1 : 0;
	struct metrics_series *series =
		mem_new(sizeof(*series) + buckets * sizeof(series->buckets[0]));

	assert(strlen(labels) < sizeof(series->labels));
	memcpy(series->labels, labels, strlen(labels) + 1);
	return series;
}

static uint32_t metrics_hash(const char *labels)
{
	uint32_t hash = 2166136261U;

	for (; *labels; labels++)
		hash = (hash ^ (unsigned char)*labels) * 16777619U;
	return hash ^ hash >> 15;
}

/* The series with these labels, or NULL and in *ret_place where it would stand. */
static struct metrics_series *metrics_find(const struct metrics_slot *slot, const char *labels,
					   size_t *ret_place)
{
	size_t at = metrics_hash(labels) % METRICS_PLACES;
	struct metrics_series *series;

	/* there are twice as many places as series, so an empty one comes */
	while ((series = atomic_load_explicit(&slot->places[at], memory_order_acquire))) {
		if (strcmp(series->labels, labels) == 0)
			return series;
		at = (at + 1) % METRICS_PLACES;
	}
	*ret_place = at;
	return NULL;
}

static struct metrics_series *metrics_insert(struct metrics_slot *slot,
					     const struct metric_family *f, const char *labels)
{
	struct metrics_series *series;
	size_t place, count = atomic_load(&slot->series_count);

	if ((series = metrics_find(slot, labels, &place))) /* another thread was first */
		return series;
	series = metrics_series_new(f, labels);
	slot->series[count] = series;
	atomic_store_explicit(&slot->series_count, count + 1, memory_order_release);
	atomic_store_explicit(&slot->places[place], series, memory_order_release);
	return series;
}

/* "other" for each label. */
static void metrics_other(const struct metric_family *f, char into[METRICS_LABELS_SIZE])
{
	size_t len = 0;

	for (const char *at = f->labels; at && len + 7 < METRICS_LABELS_SIZE;
	     at = strchr(at, ',')) {
		if (*at == ',') {
			into[len++] = ',';
			at++;
		}
		memcpy(into + len, "other", 5);
		len += 5;
	}
	into[len] = '\0';
}

static struct metrics_series *metrics_series_get(struct metrics *m, struct metrics_slot *slot,
						 const struct metric_family *f, const char *labels)
{
	struct metrics_series *series = NULL;
	char other[METRICS_LABELS_SIZE];
	size_t place;

	if (!labels || !f->labels)
		labels = "";
	if (strnlen(labels, METRICS_LABELS_SIZE) < METRICS_LABELS_SIZE &&
	    (series = metrics_find(slot, labels, &place)))
		return series;
	(void)pthread_mutex_lock(&m->lock);
	if (strnlen(labels, METRICS_LABELS_SIZE) == METRICS_LABELS_SIZE ||
	    atomic_load(&slot->series_count) >= METRICS_SERIES_MAX - 1) {
		metrics_other(f, other);
		labels = other;
	}
	series = metrics_insert(slot, f, labels);
	(void)pthread_mutex_unlock(&m->lock);
	return series;
}

void metrics_register(struct metrics *m, const struct metric_family *families, size_t count)
{
	size_t at;

	(void)pthread_mutex_lock(&m->lock);
	at = atomic_load(&m->table_count);
	assert(at < METRICS_TABLES_MAX);
	m->tables[at] = (struct metrics_table){ .families = families,
						.count = count,
						.slots = mem_new_array(
							count, sizeof(struct metrics_slot)) };
	for (size_t i = 0; i < count; i++)
		if (!families[i].labels) /* what never happened reads as 0, not as absent */
			(void)metrics_insert(&m->tables[at].slots[i], &families[i], "");
	atomic_store_explicit(&m->table_count, at + 1, memory_order_release);
	(void)pthread_mutex_unlock(&m->lock);
}

static struct metrics_slot *metrics_slot_of(struct metrics *m, const struct metric_family *f)
{
	size_t count = atomic_load_explicit(&m->table_count, memory_order_acquire);

	for (size_t t = 0; t < count; t++) {
		const struct metrics_table *table = &m->tables[t];

		if (f >= table->families && f < table->families + table->count)
			return &table->slots[f - table->families];
	}
	assert(0 && "a metric family that was not registered");
	return NULL;
}

static void metrics_add_to(_Atomic double *sum, double value)
{
	double old = atomic_load_explicit(sum, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(sum, &old, old + value, memory_order_relaxed,
						      memory_order_relaxed))
		;
}

static void metrics_observe(struct metrics_series *series, const struct metric_family *f,
			    double value)
{
	const double *bounds = metrics_bounds(f);
	size_t at = 0;

	while (bounds[at] > 0 && value > bounds[at])
		at++;
	(void)atomic_fetch_add_explicit(&series->buckets[at], 1, memory_order_relaxed);
	metrics_add_to(&series->value, value);
}

void metrics_add(struct metrics *m, const struct metric_family *f, const char *labels, double value)
{
	struct metrics_series *series = metrics_series_get(m, metrics_slot_of(m, f), f, labels);

	if (f->kind == METRIC_HISTOGRAM)
		metrics_observe(series, f, value);
	else
		metrics_add_to(&series->value, value);
}

void metrics_set(struct metrics *m, const struct metric_family *f, const char *labels, double value)
{
	assert(f->kind == METRIC_GAUGE);
	atomic_store_explicit(&metrics_series_get(m, metrics_slot_of(m, f), f, labels)->value,
			      value, memory_order_relaxed);
}
