/* The answer to POST /clusters/{id}/exec: whole, or lines of JSON as they come. */
#include <string.h>

#include "lib/format/json.h"
#include "lib/format/utf8.h"
#include "lib/gate/command.h"
#include "lib/net/server_answer.h"

#define LINE_MAX_LEN (1024 * 1024)
#define ANSWER_MAX ((size_t)64 * 1024 * 1024)
#define QUEUE_HIGH (256 * 1024) /* above it the agent is not read from */

static void cut_stream(struct command *c)
{
	http_stream_reset(c->down, HTTP_RESET_INTERNAL);
}

/* The head of the lines. */
static void send_head(struct command *c)
{
	const struct http_field fields[] = {
		{ SPAN("content-type"), SPAN("application/x-ndjson") },
		{ SPAN("cache-control"), SPAN("no-store") },
		{ SPAN("x-content-type-options"), SPAN("nosniff") },
		{ SPAN("x-request-id"), span_of(c->id) },
	};
	const struct http_head head = { .status = 200,
					.fields = fields,
					.field_count = COUNT_OF(fields) };
	struct err e;

	if (c->head_sent)
		return;
	c->head_sent = true;
	if (http_stream_answer(c->down, &head, false, &e) < 0)
		cut_stream(c);
}

void command_begin_lines(struct command *c)
{
	if (c->ndjson && c->down)
		send_head(c);
}

static void send_line(struct command *c, struct buf *line)
{
	struct err e;

	(void)buf_put_char(line, '\n');
	if (buf_ok(line, "a line of the answer", &e) < 0 ||
	    http_stream_send(c->down, buf_span(line), &e) < 0)
		cut_stream(c);
	else if (c->call && http_stream_queued(c->down) > QUEUE_HIGH)
		grpc_stream_hold(c->call, true);
}

void command_drained(struct command *c)
{
	if (c->call)
		grpc_stream_hold(c->call, false);
}

/* How many bytes at the end begin a character whose rest is still to come. */
static size_t unfinished_len(struct span text)
{
	for (size_t back = 1; back <= 3 && back <= text.len; back++) {
		unsigned char byte = (unsigned char)text.at[text.len - back];

		if (byte < 0x80)
			return 0;
		if (byte >= 0xc0)
			return back < (byte >= 0xf0 ? 4u : byte >= 0xe0 ? 3u : 2u) ? back : 0;
	}
	return 0;
}

/* All of what is held but an unfinished character, as a line; at the end that too. */
static void send_output(struct command *c, struct command_output *from, bool at_end)
{
	struct span all = buf_span(&from->held);
	size_t keep = at_end ? 0 : unfinished_len(all);
	AUTO_BUF struct buf line;

	buf_init(&line, LINE_MAX_LEN);
	if (all.len == keep)
		return;
	send_head(c);
	(void)buf_printf(&line, "{\"stream\":\"%s\",\"data\":", from->name);
	json_put_quoted(&line, span_from(all.at, all.len - keep));
	(void)buf_put_char(&line, '}');
	send_line(c, &line);
	buf_consume(&from->held, all.len - keep);
}

void command_put_output(struct command *c, struct command_output *from, struct span bytes)
{
	(void)buf_put_span(&from->held, bytes);
	if (c->ndjson) {
		send_output(c, from, false);
		return;
	}
	if (from->held.failed)
		command_fail(c, 413, 0,
			     "the command's output is larger than 4 MiB: it can be had with "
			     "\"Accept: application/x-ndjson\", as it comes");
	else if (command_hold(c, bytes.len) < 0)
		command_fail(c, 503, COMMAND_RETRY_AFTER_S,
			     "commands hold as much as central takes, of one user or in all");
}

/* The last line; behind it nothing is read any more. */
static void end_lines(struct command *c, int code, const char *sentence)
{
	AUTO_BUF struct buf line;
	struct err e;

	buf_init(&line, LINE_MAX_LEN);
	send_output(c, &c->out, true);
	send_output(c, &c->err, true);
	send_head(c);
	(void)buf_put_char(&line, '{');
	if (sentence) {
		(void)buf_put_str(&line, "\"error\":");
		json_put_quoted(&line, span_of(sentence));
		(void)buf_put_char(&line, ',');
	}
	(void)buf_printf(&line, "\"exit_code\":%d}", code);
	send_line(c, &line);
	if (http_stream_end(c->down, NULL, 0, &e) < 0)
		cut_stream(c);
}

static void answer_taken(void *owner)
{
	struct command *c = owner;

	c->pending--;
	command_free_if_unused(c);
}

/* The answer's memory is counted until the client has taken it. */
static void answer_whole(struct command *c, int code)
{
	struct http_stream *s = c->down;
	AUTO_BUF struct buf body;

	buf_init(&body, ANSWER_MAX);
	(void)buf_put_str(&body, "{\"output\":");
	json_put_quoted(&body, buf_span(&c->out.held));
	if (c->err.held.len) {
		(void)buf_put_str(&body, ",\"stderr\":");
		json_put_quoted(&body, buf_span(&c->err.held));
	}
	(void)buf_printf(&body, ",\"exit_code\":%d}\n", code);
	buf_free(&c->out.held);
	buf_free(&c->err.held);
	command_holds(c, body.len);
	c->down = NULL;
	c->pending++;
	answer_own_then(s, 200, "application/json", &body, answer_taken, c);
}

void command_exit(struct command *c, int code)
{
	static const char limit[] = "error: the command was ended, as its time limit (timeout_s) is over\n";

	if (c->ended)
		return;
	if (c->timed_out) {
		(void)buf_put_str(&c->err.held, limit);
		code = COMMAND_EXIT_TIMED_OUT;
	}
	if (c->down && c->ndjson)
		end_lines(c, code, NULL);
	else if (c->down)
		answer_whole(c, code);
	command_end(c, c->timed_out ? 504 : 200);
}

void command_fail(struct command *c, int status, unsigned retry_after_s, const char *sentence)
{
	struct http_stream *s = c->down;

	if (c->ended)
		return;
	if (s && c->head_sent) {
		end_lines(c, 1, sentence);
	} else if (s) {
		c->down = NULL;
		if (retry_after_s)
			answer_problem_later(s, status, retry_after_s, sentence);
		else
			answer_problem(s, status, sentence, NULL);
	}
	command_end(c, status);
}
