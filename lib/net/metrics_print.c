/* Prometheus' text format 0.0.4, and what the kernel says about this process. */
#include "lib/net/metrics_inner.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/span.h"

static void put_number(struct buf *into, double value)
{
	char text[40];

	(void)snprintf(text, sizeof(text), "%.15g", value);
	if (strtod(text, NULL) != value)
		(void)snprintf(text, sizeof(text), "%.17g", value);
	(void)buf_put_str(into, text);
}

static void put_escaped(struct buf *into, struct span value)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];

		if (c == '\\' || c == '"')
			(void)buf_printf(into, "\\%c", c);
		else if (c == '\n')
			(void)buf_put_str(into, "\\n");
		else
			(void)buf_put_char(into, c);
	}
}

/* {method="GET",code="200"} ; the last label takes what values are left over. */
static void put_labels(struct buf *into, const struct metric_family *f, const char *labels,
		       const char *le)
{
	struct span names = span_of(f->labels), values = span_of(labels), name, value;
	const char *between = "{";

	while (span_take_part(&names, ',', &name)) {
		if (!names.at)
			value = values.at ? values : SPAN_NONE;
		else if (!span_take_part(&values, ',', &value))
			value = SPAN_NONE;
		(void)buf_printf(into, "%s%.*s=\"", between, SPAN_ARG(name));
		put_escaped(into, value);
		(void)buf_put_char(into, '"');
		between = ",";
	}
	if (le) {
		(void)buf_printf(into, "%sle=\"%s\"", between, le);
		between = ",";
	}
	if (*between == ',')
		(void)buf_put_char(into, '}');
}

static void put_histogram(struct buf *into, const struct metric_family *f,
			  struct metrics_series *series)
{
	const double *bounds = metrics_bounds(f);
	size_t count = metrics_bound_count(f);
	uint64_t sum = 0;
	char le[40];

	for (size_t i = 0; i <= count; i++) {
		sum += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
		if (i < count)
			(void)snprintf(le, sizeof(le), "%.15g", bounds[i]);
		(void)buf_printf(into, "%s_bucket", f->name);
		put_labels(into, f, series->labels, i < count ? le : "+Inf");
		(void)buf_printf(into, " %llu\n", (unsigned long long)sum);
	}
	(void)buf_printf(into, "%s_sum", f->name);
	put_labels(into, f, series->labels, NULL);
	(void)buf_put_char(into, ' ');
	put_number(into, atomic_load_explicit(&series->value, memory_order_relaxed));
	(void)buf_printf(into, "\n%s_count", f->name);
	put_labels(into, f, series->labels, NULL);
	(void)buf_printf(into, " %llu\n", (unsigned long long)sum);
}

static void put_head(struct buf *into, const char *name, const char *kind, const char *help)
{
	(void)buf_printf(into, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void put_family(struct buf *into, const struct metric_family *f, struct metrics_slot *slot)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram" };
	size_t count = atomic_load_explicit(&slot->series_count, memory_order_acquire);

	put_head(into, f->name, kinds[f->kind], f->help);
	for (size_t i = 0; i < count; i++) {
		if (f->kind == METRIC_HISTOGRAM) {
			put_histogram(into, f, slot->series[i]);
			continue;
		}
		(void)buf_put_str(into, f->name);
		put_labels(into, f, slot->series[i]->labels, NULL);
		(void)buf_put_char(into, ' ');
		put_number(into,
			   atomic_load_explicit(&slot->series[i]->value, memory_order_relaxed));
		(void)buf_put_char(into, '\n');
	}
}

static void put_one(struct buf *into, const char *name, const char *kind, const char *help,
		    double value)
{
	put_head(into, name, kind, help);
	(void)buf_printf(into, "%s ", name);
	put_number(into, value);
	(void)buf_put_char(into, '\n');
}

static double process_cpu_s(void)
{
	struct timespec used = { 0 };

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* Resident pages are the second number of /proc/self/statm; -1 without /proc. */
static double process_resident_bytes(void)
{
	char text[128];
	struct span rest = { text, 0 }, part;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text));
	uint64_t pages;

	if (fd >= 0)
		(void)close(fd);
	if (len <= 0)
		return -1;
	rest.len = (size_t)len;
	if (!span_take_part(&rest, ' ', &part) || !span_take_part(&rest, ' ', &part) ||
	    span_to_u64(part, UINT64_MAX / 65536, &pages) < 0)
		return -1;
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double process_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	double count = -1; /* the folder's own descriptor is not counted */

	if (!dir)
		return -1;
	for (struct dirent *entry; (entry = readdir(dir));)
		if (entry->d_name[0] != '.')
			count++;
	(void)closedir(dir);
	return count;
}

static void put_process(struct metrics *m, struct buf *into)
{
	struct rlimit files;
	double resident = process_resident_bytes(), fds = process_open_fds();

	put_one(into, "process_cpu_seconds_total", "counter",
		"User and system CPU time in seconds.", process_cpu_s());
	if (resident >= 0)
		put_one(into, "process_resident_memory_bytes", "gauge", "Resident memory in bytes.",
			resident);
	if (fds >= 0)
		put_one(into, "process_open_fds", "gauge", "Open file descriptors.", fds);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY)
		put_one(into, "process_max_fds", "gauge", "Limit of open file descriptors.",
			(double)files.rlim_cur);
	put_one(into, "process_start_time_seconds", "gauge", "Start of the process, Unix time.",
		(double)m->started_unix_us / 1e6);
}

void metrics_print(struct metrics *m, struct buf *into)
{
	size_t tables = atomic_load_explicit(&m->table_count, memory_order_acquire);

	for (size_t t = 0; t < tables; t++)
		for (size_t i = 0; i < m->tables[t].count; i++)
			put_family(into, &m->tables[t].families[i], &m->tables[t].slots[i]);
	put_process(m, into);
}
