/* Differences of lines: applied to the first text, they give the second one. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/kube/line_diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(struct span *text, struct span want)
{
	struct span line;

	assert(span_take_part(text, '\n', &line) && span_equal(line, want));
}

static void copy(struct span *text, struct buf *out)
{
	struct span line;

	assert(span_take_part(text, '\n', &line));
	(void)buf_put_span(out, line);
	(void)buf_put_char(out, '\n');
}

static void apply(struct span from, struct span hunks, struct buf *out)
{
	size_t at = 1;
	struct span line;

	while (span_take_part(&hunks, '\n', &line) && line.len) {
		struct span rest = span_from(line.at + 1, line.len - 1);

		if (line.at[0] == '@') {
			AUTO_FREE char *head = span_dup(line);
			size_t start = strtoul(head + 4, NULL, 10);
			bool none = strncmp(strpbrk(head + 4, ", "), ",0 ", 3) == 0;

			for (; at < start + none; at++)
				copy(&from, out);
			continue;
		}
		if (line.at[0] != '+') {
			take(&from, rest);
			at++;
		}
		if (line.at[0] != '-') {
			(void)buf_put_span(out, rest);
			(void)buf_put_char(out, '\n');
		}
	}
	while (from.len)
		copy(&from, out);
}

/* Two texts with a zero byte between them; each ends with a line feed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
	AUTO_BUF struct buf out = { .max = 1 << 22 }, made = { .max = 1 << 22 };
	struct span from, to, hunks;

	if (!zero || zero == data || zero[-1] != '\n' || data[size - 1] != '\n')
		return 0;
	from = span_from(data, (size_t)(zero - data));
	to = span_from(zero + 1, size - from.len - 1);
	if (!line_diff_put(from, to, "a", "b", &out)) {
		assert(span_equal(from, to) && out.len == 0);
		return 0;
	}
	hunks = span_from(out.at + strlen("--- a\n+++ b\n"), out.len - strlen("--- a\n+++ b\n"));
	apply(from, hunks, &made);
	assert(span_equal(buf_span(&made), to));
	return 0;
}
