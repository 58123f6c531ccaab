/* Refusals of requests that were not signed in, summed up per address and minute. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/crypto/random.h"
#include "lib/gate/audit_inner.h"

enum { SOURCES_MAX = 4096, FREE_PERCENT_MIN = 10 };

struct audit_refusal {
	char source[64];
	char command[128]; /* the first one's; cut */
	int64_t count;
	int64_t first_unix_us;
};

void audit_refused(struct audit *a, const char *source, const char *command)
{
	struct audit_refusal *r;

	pthread_mutex_lock(&a->refusals_lock);
	r = map_get(a->refusals, span_of(source));
	if (!r && map_count(a->refusals) >= SOURCES_MAX) {
		source = "others";
		r = map_get(a->refusals, span_of(source));
	}
	if (!r) {
		r = mem_new(sizeof(*r));
		(void)snprintf(r->source, sizeof(r->source), "%s", source); /* an address is shorter */
		(void)snprintf(r->command, sizeof(r->command), "%s", command);
		r->first_unix_us = clock_unix_us();
		(void)map_put(a->refusals, span_of(source), r);
	}
	r->count++;
	pthread_mutex_unlock(&a->refusals_lock);
}

static bool disk_has_room(const char *path)
{
	struct statvfs st;

	if (statvfs(path, &st) < 0 || st.f_blocks == 0)
		return true; /* then nobody can say, and the write itself will tell */
	return st.f_bavail * 100 / st.f_blocks >= FREE_PERCENT_MIN;
}

static struct audit_pending *refusal_row(const struct audit_refusal *r)
{
	char id[RANDOM_UUID_SIZE];
	struct audit_row row = {
		.stage = AUDIT_COMPLETE,
		.id = id,
		.time_unix_us = r->first_unix_us,
		.command = r->command,
		.decision = "refuse",
		.source = r->source,
		.status = 401,
		.count = r->count,
	};

	random_uuid(id);
	return audit_pending_new(&row);
}

static void refusals_end(struct map *refusals)
{
	size_t cursor = 0;
	void *r;

	while ((r = map_next(refusals, &cursor)) != NULL)
		free(r);
	map_free(refusals);
}

void audit_refusals_take(struct audit *a, struct audit_queue *into)
{
	const struct audit_refusal *r;
	struct map *taken;
	size_t cursor = 0;

	pthread_mutex_lock(&a->refusals_lock);
	taken = a->refusals;
	a->refusals = map_new();
	pthread_mutex_unlock(&a->refusals_lock);
	if (map_count(taken) > 0 && !disk_has_room(a->path))
		log_event(LOG_WARN,
			  "refused requests are not audited: less than a tenth of the disk is free",
			  LOG_INT("addresses", map_count(taken)));
	else
		while ((r = map_next(taken, &cursor)) != NULL)
			audit_queue_put(into, refusal_row(r));
	refusals_end(taken);
}

void audit_refusals_free(struct audit *a)
{
	refusals_end(a->refusals);
}
