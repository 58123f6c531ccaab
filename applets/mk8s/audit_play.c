/* mk8s audit play: a recorded session, as it went, or its bytes. */
#include "applets/mk8s/audit_play.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/mem.h"

#define PART_MAX (64 * 1024 * 1024) /* of central's answers, and of one line */
#define WAIT_MAX_S 1e8		    /* three years: what a time_t and a nanosleep take anywhere */

enum form { FORM_PLAY, FORM_RAW, FORM_CAST };

struct play {
	struct cli *cli;
	enum form form;
	double speed, idle_limit_s; /* 0: no limit */
	double at_s;                /* of the last event */
	bool has_head;
	struct buf rest; /* the beginning of a line */
};

static void wait_s(double seconds)
{
	struct timespec left = { 0 };

	seconds = seconds < WAIT_MAX_S ? seconds : WAIT_MAX_S;
	left.tv_sec = (time_t)seconds;
	left.tv_nsec = (long)((seconds - floor(seconds)) * 1e9);
	while (nanosleep(&left, &left) < 0)
		;
}

/* Pauses as the session did. */
static void keep_time(struct play *p, double at_s)
{
	double pause = at_s - p->at_s;

	p->at_s = at_s > p->at_s ? at_s : p->at_s;
	if (p->form != FORM_PLAY || !(pause > 0))
		return;
	if (p->idle_limit_s > 0 && pause > p->idle_limit_s)
		pause = p->idle_limit_s;
	wait_s(pause / p->speed);
}

static int play_head(struct play *p, const struct json *head, struct err *e)
{
	int64_t version;

	if (json_int(head, "version", &version) < 0 || version != 2)
		return err_set(e, ERR_PROTOCOL, "the recording is no asciicast v2");
	p->has_head = true;
	return 0;
}

static int play_line(struct play *p, struct span line, struct err *e)
{
	AUTO_JSON struct json *event = NULL;
	const char *at, *code, *text;

	if (json_parse(line, JSON_LIMITS(PART_MAX), &event, e) < 0)
		return err_context(e, "the recording");
	if (!p->has_head)
		return play_head(p, event, e);
	at = json_text(json_at(event, 0));
	code = json_text(json_at(event, 1));
	text = json_text(json_at(event, 2));
	if (json_count(event) != 3 || !at || !code || !text)
		return err_set(e, ERR_PROTOCOL, "the recording has an event that is none");
	keep_time(p, strtod(at, NULL));
	return strcmp(code, "o") == 0 ? cli_write(span_of(text), e) : 0;
}

/* What comes behind the last line break is kept: of a session under way, or of a central that died, it may be cut. */
static int play_part(struct play *p, struct span part, struct err *e)
{
	if (p->form == FORM_CAST)
		return cli_write(part, e);
	while (part.len) {
		ptrdiff_t end = span_find(part, '\n');
		size_t len = end < 0 ? part.len : (size_t)end;

		if (buf_put(&p->rest, part.at, len) < 0)
			return buf_ok(&p->rest, "a line of the recording", e);
		if (end < 0)
			return 0;
		if (play_line(p, buf_span(&p->rest), e) < 0)
			return -1;
		buf_reset(&p->rest);
		part = span_from(part.at + len + 1, part.len - len - 1);
	}
	return 0;
}

static int play_all(struct play *p, const char *id, struct err *e)
{
	AUTO_FREE char *path = CLI_PATH("audit", id, "recording");
	uint64_t offset = 0;

	for (;;) {
		AUTO_FREE char *whole = mem_printf("%s?offset=%llu", path, (unsigned long long)offset);
		struct cli_call call = { .method = "GET", .path = whole, .accept = "application/x-asciicast" };
		AUTO_BUF struct buf part;

		buf_init(&part, PART_MAX);
		if (cli_call(p->cli, &call, &part, e) < 0 || play_part(p, buf_span(&part), e) < 0)
			return -1;
		if (part.len == 0)
			return 0;
		offset += part.len;
	}
}

struct play_options {
	const char *speed, *idle_limit, *output;
};

#define AT(member) offsetof(struct play_options, member)
static const struct option_row play_rows[] = {
	{ "speed", 's', OPTION_TEXT, AT(speed), "FACTOR", "2 plays twice as fast, 0.5 half as fast", NULL, 0, 0 },
	{ "idle-limit", 'i', OPTION_TEXT, AT(idle_limit), "SECONDS", "shorten longer pauses to this", NULL, 0, 0 },
	{ "output", 'o', OPTION_TEXT, AT(output), "FORMAT", "raw: what was shown, at once; cast: the file itself", NULL,
	  0, 0 },
};
#undef AT

static int read_number(const char *name, const char *text, double least, double otherwise, double *ret, struct err *e)
{
	char *end = NULL;

	*ret = text ? strtod(text, &end) : otherwise;
	if (!text || (end != text && *end == '\0' && *ret >= least && *ret <= 1e6))
		return 0;
	return err_set(e, ERR_USAGE, "--%s: \"%.40s\" is no number from %g to 1000000", name, text, least);
}

static int read_form(const char *text, enum form *ret, struct err *e)
{
	if (!text)
		*ret = FORM_PLAY;
	else if (strcmp(text, "raw") == 0)
		*ret = FORM_RAW;
	else if (strcmp(text, "cast") == 0)
		*ret = FORM_CAST;
	else
		return err_set(e, ERR_USAGE, "-o: it must be raw or cast, not \"%.60s\"", text);
	return 0;
}

static int play(struct cli *c, const void *options, const struct options_rest *rest, struct err *e)
{
	const struct play_options *o = options;
	struct play p = { .cli = c };
	int result;

	if (read_number("speed", o->speed, 0.01, 1, &p.speed, e) < 0 ||
	    read_number("idle-limit", o->idle_limit, 0, 0, &p.idle_limit_s, e) < 0 ||
	    read_form(o->output, &p.form, e) < 0)
		return -1;
	buf_init(&p.rest, PART_MAX);
	result = play_all(&p, rest->at[0], e);
	buf_free(&p.rest);
	return result;
}

const struct verb verb_audit_play = {
	.name = "play",
	.arguments = "ID",
	.help = "shows a recorded session as it went; ID is its row's",
	VERB_OPTIONS(play_rows, struct play_options),
	.min = 1,
	.max = 1,
	.run = play,
};
