/* POST /clusters/{id}/exec: a request comes, says what it wants, and takes its answer. */
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/gate/command.h"
#include "lib/net/pool.h"

#define BODY_TIMEOUT_MS 120000
#define EXIT_TIMEOUT_MS 3000 /* for the agent, once it was told to end a command */

static const char holds_too_much[] = "commands hold as much as central takes, of one user or in all";

/* The order: read on a worker, as it may be long. */

static void read_order(void *arg)
{
	struct command *c = arg;
	const struct central_config *config = &c->central->config;

	(void)command_order_parse(buf_span(&c->body), config->command_timeout_ms / 1000,
				  config->command_timeout_max_ms / 1000, &c->order, &c->order_error);
}

static void order_was_read(void *arg)
{
	struct command *c = arg;

	c->pending--;
	buf_free(&c->body);
	if (!c->ended && c->order_error.code != ERR_NONE)
		command_fail(c, err_http_status(c->order_error.code), 0, c->order_error.text);
	else if (!c->ended)
		command_start(c);
	command_free_if_unused(c);
}

static void on_body(void *owner, struct http_stream *s, struct span bytes)
{
	struct command *c = owner;

	http_stream_consume(s, bytes.len);
	if (c->ended)
		return;
	if (buf_put_span(&c->body, bytes) < 0)
		command_fail(c, 413, 0, "the body is larger than 8 MiB");
	else if (command_hold(c, bytes.len) < 0)
		command_fail(c, 503, COMMAND_RETRY_AFTER_S, holds_too_much);
}

static void on_end(void *owner, struct http_stream *s UNUSED, const struct http_field *trailers UNUSED,
		   size_t count UNUSED)
{
	struct command *c = owner;
	struct err e = { 0 };

	if (c->ended)
		return;
	loop_timer_stop(c->timer);
	c->pending++;
	if (pool_submit(server_pool(c->central->server), read_order, order_was_read, c, &e) == 0)
		return;
	c->pending--;
	command_fail(c, 503, COMMAND_RETRY_AFTER_S, holds_too_much);
}

static void on_drain(void *owner, struct http_stream *s UNUSED)
{
	command_drained(owner);
}

/* The client went away, or has its whole answer. */
static void on_close(void *owner, struct http_stream *s UNUSED, const struct err *why UNUSED)
{
	struct command *c = owner;

	c->down = NULL;
	command_end(c, 499);
	command_free_if_unused(c);
}

/* First the body's time is over, or the command's; then the agent's, to end it. */
static void on_timer(void *owner)
{
	struct command *c = owner;

	if (!c->call) {
		command_fail(c, 408, 0, "the body did not come in time");
	} else if (c->timed_out) {
		command_exit(c, COMMAND_EXIT_TIMED_OUT);
	} else {
		c->timed_out = true;
		loop_timer_start(c->timer, EXIT_TIMEOUT_MS, 0);
		command_call_cancel(c);
	}
}

/* Arrival. */

static bool wants_lines(const struct http_head *head)
{
	const struct span *accept = http_field_find(head, "accept");
	struct span rest = accept ? *accept : SPAN_NONE, media, type;

	while (span_take_part(&rest, ',', &media)) {
		if (span_take_part(&media, ';', &type) &&
		    span_equal_nocase(span_trim(type), SPAN("application/x-ndjson")))
			return true;
	}
	return false;
}

static struct command *command_new(struct central *central, struct http_stream *s)
{
	const struct http_head *head = http_stream_request(s);
	const struct server_visit *visit = server_stream_visit(s);
	const struct span *agent = http_field_find(head, "user-agent");
	struct command *c = mem_new(sizeof(*c));

	c->central = central;
	c->down = s;
	(void)snprintf(c->id, sizeof(c->id), "%.36s", visit->request_id);
	c->source = mem_dup_str(visit->peer_ip);
	c->user_agent = agent ? span_dup(*agent) : mem_dup_str("");
	c->ndjson = wants_lines(head);
	c->started_ms = clock_mono_ms();
	c->timer = loop_timer_new(central->loop, on_timer, c);
	buf_init(&c->body, COMMAND_BODY_MAX);
	c->out.name = "stdout";
	c->err.name = "stderr";
	buf_init(&c->out.held, COMMAND_OUTPUT_MAX);
	buf_init(&c->err.held, COMMAND_OUTPUT_MAX);
	c->next = central->commands;
	if (c->next)
		c->next->prev = c;
	central->commands = c;
	return c;
}

/* Who asks, for which cluster; 0 or the status to refuse with. */
static int identify(struct command *c, const char *id_or_name, struct err *e)
{
	struct central_claim claim;
	const struct snapshot_user *user =
		central_signed_in(c->central, http_stream_request(c->down), &claim, e);
	const struct snapshot_cluster *cluster;

	if (!user) {
		audit_refused(c->central->audit, c->source, "command");
		return 401;
	}
	memcpy(c->sid, claim.sid, sizeof(c->sid));
	c->token_expires_unix_s = claim.expires_unix_s;
	c->user_id = mem_dup_str(user->id);
	c->user = mem_dup_str(user->email);
	c->role_names = mem_dup_str(user->role_names);
	server_stream_set_user(c->down, c->user);
	cluster = central_visible_cluster(c->central, user, id_or_name, e);
	if (!cluster)
		return 404;
	(void)snprintf(c->cluster_id, sizeof(c->cluster_id), "%s", cluster->id);
	(void)snprintf(c->cluster, sizeof(c->cluster), "%s", cluster->name);
	return 0;
}

void command_serve(void *app, struct http_stream *s, const char *const *params)
{
	static const struct http_events events = {
		.on_body = on_body, .on_end = on_end, .on_drain = on_drain, .on_close = on_close
	};
	struct central *central = app;
	struct command *c = command_new(central, s);
	struct err e = { 0 };
	int status = identify(c, params[0], &e);

	if (status) {
		command_fail(c, status, 0, e.text);
	} else if (!command_may_run(c)) {
		command_fail(c, 429, COMMAND_RETRY_AFTER_S,
			     "central runs as many commands as it takes, of one user or in all");
	} else if (http_stream_ended(s)) {
		command_fail(c, 400, 0,
			     "body: {\"command\": [\"get\", \"pods\"]} is what this path takes");
	} else {
		loop_timer_start(c->timer, BODY_TIMEOUT_MS, 0);
		http_stream_attach(s, &events, c);
	}
}
