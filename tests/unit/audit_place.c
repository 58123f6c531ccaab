/* See audit_place.h. */
#include "tests/unit/audit_place.h"

#include <unistd.h>

struct audit_options options_of(struct place *p, size_t queue_max, bool read_only)
{
	return (struct audit_options){
		.path = p->path,
		.sign_key = p->key,
		.queue_max = queue_max,
		.sign_every_ms = 3600 * 1000,
		.loop = read_only ? NULL : p->loop,
	};
}

void open_trail_with(struct place *p, const struct audit_options *o)
{
	struct err e = { 0 };

	if (audit_open(o, &p->audit, &e) < 0)
		fail_msg("%s", e.text);
}

void open_trail(struct place *p, size_t queue_max, bool read_only)
{
	struct audit_options o = options_of(p, queue_max, read_only);

	open_trail_with(p, &o);
}

void close_trail(struct place *p)
{
	audit_close(p->audit);
	p->audit = NULL;
}

int trail_set_up_closed(void **state)
{
	struct place *p = mem_new(sizeof(*p));
	struct err e = { 0 };

	(void)snprintf(p->folder, sizeof(p->folder), "/tmp/mk8s-audit-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	(void)snprintf(p->path, sizeof(p->path), "%s/audit.db", p->folder);
	assert_int_equal(key_generate(KEY_P256, &p->key, &e), 0);
	p->loop = loop_new(&e);
	assert_non_null(p->loop);
	*state = p;
	return 0;
}

int trail_set_up(void **state)
{
	trail_set_up_closed(state);
	open_trail(*state, 10000, false);
	return 0;
}

int trail_tear_down(void **state)
{
	static const char *const endings[] = { "", "-wal", "-shm" };
	struct place *p = *state;

	close_trail(p);
	loop_free(p->loop);
	key_free(p->key);
	for (size_t i = 0; i < COUNT_OF(endings); i++) {
		AUTO_FREE char *path = mem_printf("%s%s", p->path, endings[i]);

		(void)unlink(path);
	}
	assert_int_equal(rmdir(p->folder), 0);
	free(p);
	return 0;
}

struct audit_row row_of(enum audit_stage stage, const char *id, int64_t time_us)
{
	return (struct audit_row){
		.stage = stage,
		.id = id,
		.time_unix_us = time_us,
		.user_id = "u-1",
		.user = "dev@example.com",
		.cluster_id = "c-1",
		.cluster = "dev-1",
		.command = "kubectl get",
		.verb = "get",
		.resource = "pods",
		.namespace = "default",
		.name = "web",
		.decision = stage == AUDIT_RECEIVED ? "allow" : "",
		.rule = stage == AUDIT_RECEIVED ? "developer, rule 1 (dev-*)" : "",
		.source = "192.0.2.1",
		.user_agent = "kubectl/v1.33",
		.status = stage == AUDIT_COMPLETE ? 200 : 0,
		.duration_ms = stage == AUDIT_COMPLETE ? 7 : 0,
		.count = 1,
	};
}

void add(struct place *p, const struct audit_row *row)
{
	struct err e = { 0 };

	if (audit_append_wait(p->audit, row, &e) < 0)
		fail_msg("%s", e.text);
}

void add_requests(struct place *p, int count)
{
	for (int i = 0; i < count; i++) {
		char id[16];
		struct audit_row row;

		(void)snprintf(id, sizeof(id), "r%d", i);
		row = row_of(AUDIT_RECEIVED, id, START_US + i * 1000000ll);
		add(p, &row);
		row = row_of(AUDIT_COMPLETE, id, START_US + i * 1000000ll + 500);
		add(p, &row);
	}
}

struct audit_report verify(struct place *p)
{
	struct audit_report report;
	struct err e = { 0 };

	if (audit_verify(p->audit, &report, &e) < 0)
		fail_msg("%s", e.text);
	return report;
}

struct json *query(struct place *p, const struct audit_filter *f)
{
	AUTO_BUF struct buf text;
	struct json *doc = NULL;
	struct err e = { 0 };

	buf_init(&text, 64 * 1024 * 1024);
	if (audit_query(p->audit, f, &text, &e) < 0 ||
	    json_parse(buf_span(&text), JSON_LIMITS(64 * 1024 * 1024), &doc, &e) < 0)
		fail_msg("%s", e.text);
	return doc;
}

void tamper(struct place *p, const char *sql)
{
	struct store_options o = { 0 };
	struct store *s = NULL;
	struct err e = { 0 };

	if (store_open(p->path, &o, &s, &e) < 0 || store_exec(s, sql, STORE_NO_ARGS, NULL, &e) < 0)
		fail_msg("%s: %s", sql, e.text);
	store_close(s);
}
