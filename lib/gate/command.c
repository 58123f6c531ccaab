/* POST /clusters/{id}/exec: a command's life on central, from its request to its end. */
#include "lib/gate/command.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/gate/authz.h"

#define HELD_MAX ((size_t)128 * 1024 * 1024)
#define HELD_USER_MAX (HELD_MAX / 4)
#define TEXT_MAX 2048

/* What the commands of the same user hold. */
static size_t held_by_user(const struct command *c)
{
	size_t held = 0;

	for (const struct command *other = c->central->commands; other; other = other->next)
		if (other->user_id && strcmp(other->user_id, c->user_id) == 0)
			held += other->held_bytes;
	return held;
}

int command_hold(struct command *c, size_t bytes)
{
	if (c->central->command_bytes + bytes > HELD_MAX || held_by_user(c) + bytes > HELD_USER_MAX)
		return -1;
	command_holds(c, c->held_bytes + bytes);
	return 0;
}

void command_holds(struct command *c, size_t bytes)
{
	c->central->command_bytes += bytes - c->held_bytes;
	c->held_bytes = bytes;
}

bool command_may_run(const struct command *c)
{
	const struct central_config *config = &c->central->config;
	size_t all = 0, own = 0;

	for (const struct command *other = c->central->commands; other; other = other->next) {
		if (other->ended || !other->user_id)
			continue;
		all++;
		own += strcmp(other->user_id, c->user_id) == 0;
	}
	return all <= (size_t)config->command_max && own <= (size_t)config->command_user_max;
}

/* Its two rows; those of its requests are their own. */
static struct audit_row command_row(const struct command *c, enum audit_stage stage)
{
	return (struct audit_row){
		.stage = stage,
		.id = c->id,
		.time_unix_us = clock_unix_us(),
		.user_id = c->user_id,
		.user = c->user,
		.cluster_id = c->cluster_id,
		.cluster = c->cluster,
		.command = c->text,
		.verb = "command",
		.decision = "allow",
		.source = c->source,
		.user_agent = c->user_agent,
		.count = 1,
	};
}

static int record_received(struct command *c, struct err *e)
{
	struct audit_row row = command_row(c, AUDIT_RECEIVED);

	c->recorded = audit_append(c->central->audit, &row, NULL, NULL, e) == 0;
	return c->recorded ? 0 : -1;
}

static void record_complete(struct command *c, int status)
{
	struct audit_row row = command_row(c, AUDIT_COMPLETE);
	struct err e = { 0 };

	row.status = status;
	row.duration_ms = (int64_t)(clock_mono_ms() - c->started_ms);
	if (status == 401 || status == 403 || status == 404)
		row.decision = "deny"; /* taken away while it ran */
	if (c->recorded && audit_append(c->central->audit, &row, NULL, NULL, &e) < 0)
		log_event(LOG_ERROR, "audit row lost", LOG_STR("id", c->id), LOG_STR("error", e.text));
}

static void command_unlink(struct command *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		c->central->commands = c->next;
	if (c->next)
		c->next->prev = c->prev;
	command_holds(c, 0);
}

void command_free_if_unused(struct command *c)
{
	char **texts[] = { &c->user_id, &c->user,	&c->role_names,
			   &c->source,	&c->user_agent, &c->text };

	if (!c->ended || c->down || c->call || c->pending)
		return;
	command_unlink(c);
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		free(*texts[i]);
	buf_free(&c->body);
	buf_free(&c->out.held);
	buf_free(&c->err.held);
	command_order_free(&c->order);
	loop_timer_free(c->timer);
	free(c);
}

static void on_ended(void *arg)
{
	struct command *c = arg;

	c->pending--;
	command_free_if_unused(c);
}

void command_end(struct command *c, int status)
{
	if (c->ended)
		return;
	c->ended = true;
	command_ask_end(c, status);
	record_complete(c, status);
	loop_timer_stop(c->timer);
	if (c->call)
		grpc_stream_cancel(c->call);
	c->pending++;
	loop_post(c->central->loop, on_ended, c);
}

void command_start(struct command *c)
{
	struct err e = { 0 };
	struct buf text;

	buf_init(&text, TEXT_MAX);
	command_order_put_text(&c->order, &text);
	c->text = buf_take_str(&text);
	if (record_received(c, &e) < 0) {
		command_fail(c, 503, COMMAND_RETRY_AFTER_S, "the audit trail is full; try again");
		return;
	}
	loop_timer_start(c->timer, (uint64_t)c->order.timeout_s * 1000, 0);
	command_call(c);
	command_order_free(&c->order); /* it is on its way */
}

/* Rights that are gone. What a request under way may still do is decided by proxy_recheck. */
static const char *why_not(const struct command *c, int *ret_status)
{
	const struct snapshot *s = c->central->snapshot;
	int64_t now = clock_unix_s();
	const struct snapshot_user *user = snapshot_session_user(s, c->sid, now);
	const struct snapshot_cluster *cluster = snapshot_cluster_find(s, c->cluster_id);

	*ret_status = 401;
	if (!user || c->token_expires_unix_s <= now)
		return "not signed in: the session has ended; try mk8s login";
	*ret_status = 404;
	if (!cluster || !authz_sees_cluster(user->roles, user->role_count, cluster->name))
		return "the cluster is gone, or none of the user's roles names it any more";
	return NULL;
}

void command_recheck(struct central *central)
{
	for (struct command *c = central->commands; c; c = c->next) {
		int status;
		const char *why = c->ended || !c->cluster_id[0] ? NULL : why_not(c, &status);

		if (why)
			command_fail(c, status, 0, why);
	}
}
