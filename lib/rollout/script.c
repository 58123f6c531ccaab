/* Quoting, and the parts that every script has: brace group, watchdog, end. */
#include "lib/rollout/script.h"

#include <inttypes.h>
#include <string.h>

#include "lib/rollout/script_inner.h"

void script_put_quoted(struct buf *out, struct span text)
{
	struct span rest = text, part;
	bool first = true;

	(void)buf_put_char(out, '\'');
	while (span_take_part(&rest, '\'', &part)) {
		if (!first)
			(void)buf_put_str(out, "'\\''");
		(void)buf_put_span(out, part);
		first = false;
	}
	(void)buf_put_char(out, '\'');
}

void script_put_setting(struct buf *out, const char *name, const char *text)
{
	(void)buf_printf(out, "%s=", name);
	script_put_quoted(out, span_of(text));
	(void)buf_put_char(out, '\n');
}

void script_put_number(struct buf *out, const char *name, int64_t value)
{
	(void)buf_printf(out, "%s=%" PRId64 "\n", name, value);
}

void script_put_words(struct buf *out, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		(void)buf_put_char(out, ' ');
		script_put_quoted(out, span_of(words[i]));
	}
}

void script_put_begin(struct buf *out)
{
	(void)buf_put_str(out, "{\nset +x\ntrap '' PIPE\nunset HISTFILE ENV BASH_ENV\nmk8s_watch=\n");
}

/*
 * The group is this script and all it started: sshd makes the session's shell the leader of a group of its own.
 * `read` is a builtin, so no process of the watchdog's outlives it.
 */
void script_put_watchdog(struct buf *out)
{
	(void)buf_put_str(
		out,
		"exec 3<&0\n"
		"(\n"
		"\ttrap '' TERM INT HUP\n"
		"\twhile read -r mk8s_line; do :; done <&3\n"
		"\tkill -TERM 0\n"
		"\tmk8s_left=9\n"
		"\twhile [ \"$mk8s_left\" -gt 0 ] && kill -0 $$; do sleep 1; mk8s_left=$((mk8s_left - 1)); done\n"
		"\tkill -KILL 0\n"
		") >/dev/null 2>&1 &\n"
		"mk8s_watch=$!\n"
		"exec 3<&-\n");
}

void script_put_end(struct buf *out)
{
	(void)buf_put_str(out, "exit\n}\n");
}
