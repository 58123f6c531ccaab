/* What pods have said, and who follows it: pods/NAME/log. */
#include "tests/kubesim/logs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/format/timefmt.h"
#include "tests/kubesim/change.h"
#include "tests/kubesim/serve.h"

struct line {
	int64_t unix_us;
	struct span text; /* owned */
};

struct log {
	struct line *at; /* owned */
	size_t count, cap;
	struct follower *followers;
};

struct follower {
	struct call *call;
	struct log *log; /* NULL when the pod is gone */
	struct follower *next, **link;
	size_t line; /* the next one to send */
	bool follows, shows_time;
	uint64_t bytes_left;
};

void logs_init(struct sim *sim)
{
	sim->logs = map_new();
}

static void log_free(struct log *log)
{
	for (size_t i = 0; i < log->count; i++)
		free((char *)(uintptr_t)log->at[i].text.at);
	free(log->at);
	free(log);
}

static struct log *log_of(struct sim *sim, const char *namespace, const char *pod)
{
	AUTO_FREE char *key = mem_printf("%s/%s", namespace, pod);
	struct log *log = map_get(sim->logs, span_of(key));

	if (!log) {
		log = mem_new(sizeof(*log));
		(void)map_put(sim->logs, span_of(key), log);
	}
	return log;
}

static void add_line(struct log *log, struct span text)
{
	if (log->count == log->cap) {
		log->cap = log->cap ? 2 * log->cap : 16;
		log->at = mem_grow(log->at, log->cap, sizeof(*log->at));
	}
	log->at[log->count++] = (struct line){ clock_unix_us(), { span_dup(text), text.len } };
}

static void wake(struct log *log)
{
	for (struct follower *f = log->followers, *next; f; f = next) {
		next = f->next;
		call_flush(f->call);
	}
}

void logs_add(struct sim *sim, const char *namespace, const char *pod, struct span text)
{
	struct log *log = log_of(sim, namespace, pod);
	struct span rest = text, line;

	while (rest.len && span_take_part(&rest, '\n', &line))
		add_line(log, line);
	wake(log);
}

void logs_forget(struct sim *sim, const char *namespace, const char *pod)
{
	AUTO_FREE char *key = mem_printf("%s/%s", namespace, pod);
	struct log *log = map_remove(sim->logs, span_of(key));

	if (!log)
		return;
	for (struct follower *f = log->followers, *next; f; f = next) {
		next = f->next;
		f->log = NULL;
		call_finish(f->call);
	}
	log_free(log);
}

static bool more(struct call *c)
{
	struct follower *f = c->work;
	const struct line *line;
	char now[TIMEFMT_SIZE];
	size_t before = c->out.len;

	if (!f->log || f->line == f->log->count || !f->bytes_left) {
		c->is_whole = !f->follows || !f->log || !f->bytes_left;
		return c->is_whole;
	}
	line = &f->log->at[f->line++];
	if (f->shows_time) {
		timefmt_date_us(line->unix_us, now);
		(void)buf_printf(&c->out, "%s ", now);
	}
	(void)buf_put_span(&c->out, line->text);
	(void)buf_put_char(&c->out, '\n');
	if (c->out.len - before > f->bytes_left)
		c->out.len = before + (size_t)f->bytes_left;
	f->bytes_left -= c->out.len - before;
	return true;
}

static void on_gone(struct call *c)
{
	struct follower *f = c->work;

	if (f->log) {
		*f->link = f->next;
		if (f->next)
			f->next->link = f->link;
	}
	free(f);
}

static void join(struct follower *f, struct log *log)
{
	f->log = log;
	f->next = log->followers;
	f->link = &log->followers;
	if (f->next)
		f->next->link = &f->next;
	log->followers = f;
}

/* A number in the query, or `otherwise`. */
static uint64_t number_of(const struct call *c, const char *name, uint64_t otherwise)
{
	uint64_t n;
	char text[24];

	call_query(c, name, text, sizeof(text));
	return *text && span_to_u64(span_of(text), UINT32_MAX, &n) == 0 ? n : otherwise;
}

static void seek(struct follower *f, const struct call *c)
{
	uint64_t tail = number_of(c, "tailLines", UINT64_MAX), since_s = number_of(c, "sinceSeconds", 0);

	while (since_s && f->line < f->log->count &&
	       f->log->at[f->line].unix_us < clock_unix_us() - (int64_t)since_s * 1000000)
		f->line++;
	if (f->log->count - f->line > tail)
		f->line = f->log->count - (size_t)tail;
}

/* Whether the pod has that container; else the request was answered. */
static bool check_container(struct call *c, const struct object *pod)
{
	AUTO_FREE char *message = NULL;
	char name[256];

	call_query(c, "container", name, sizeof(name));
	if (!*name)
		return true;
	for (const struct json *i = json_first(json_find(pod->json, "spec.containers")); i; i = json_next(i))
		if (json_str(i, "name") && strcmp(json_str(i, "name"), name) == 0)
			return true;
	message = mem_printf("container %s is not valid for pod %s", name, pod->name);
	call_fail(c, &(struct failure){ .code = 400, .message = message });
	return false;
}

void serve_log(struct call *c)
{
	struct object *pod = collection_find(&c->kind->objects, change_namespace(c), c->info.name);
	struct follower *f;
	struct log *log;

	if (!pod) {
		call_fail_not_found(c, &c->kind->r, c->info.name);
		return;
	}
	if (!check_container(c, pod))
		return;
	log = log_of(c->sim, pod->namespace, pod->name);
	if (!log->count)
		add_line(log, SPAN("no log is set for this pod"));
	f = mem_new(sizeof(*f));
	*f = (struct follower){ .call = c,
				.follows = request_query_bool(c->head->target, "follow"),
				.shows_time = request_query_bool(c->head->target, "timestamps"),
				.bytes_left = number_of(c, "limitBytes", UINT64_MAX) };
	join(f, log);
	seek(f, c);
	c->work = f;
	c->more = more;
	c->on_gone = on_gone;
	call_stream(c, "text/plain");
}
