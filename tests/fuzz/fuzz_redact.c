/* Redaction: what is left holds the secret in none of its plain forms, and nothing else is lost. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/rollout/redact.h"
#include "lib/rollout/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_without(struct span out, struct span form)
{
	assert(!form.len || out.len < form.len || !memmem(out.at, out.len, form.at, form.len));
}

/* The first byte is the length of the secret, which follows; the rest is what a host prints. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = size ? data[0] % 64 : 0;
	struct redactor *r = redactor_new();
	AUTO_BUF struct buf out, quoted;
	struct span secret, text;

	buf_init(&out, 1 << 20);
	buf_init(&quoted, 1 << 20);
	if (size < 1 + len)
		len = 0;
	secret = span_from(data + (size ? 1 : 0), len);
	text = span_from(data + len + (size ? 1 : 0), size - len - (size ? 1 : 0));
	redactor_put(r, text, &out);
	assert(span_equal(buf_span(&out), text)); /* it knows nothing yet */
	redactor_add(r, secret);
	buf_reset(&out);
	redactor_put(r, text, &out);
	assert(!out.failed);
	if (len >= 4 && !memchr(secret.at, '*', len)) {
		script_put_quoted(&quoted, secret);
		check_without(buf_span(&out), secret);
		check_without(buf_span(&out), buf_span(&quoted));
	}
	redactor_free(r);
	return 0;
}
