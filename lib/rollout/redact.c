/* Removal of secrets by value: one list of forms, looked for at every byte. */
#include "lib/rollout/redact.h"

#include <ctype.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/base64.h"
#include "lib/format/json.h"
#include "lib/format/url.h"
#include "lib/rollout/script.h"

#define WHOLE_BELOW 4 /* shorter values would blacken unrelated text */
#define FORM_MAX (4 * 1024 * 1024)
#define TEXT_MAX (256 * 1024 * 1024)

struct form {
	size_t at, len; /* in the redactor's text */
	bool alone; /* only between characters that are no letters or digits */
};

struct redactor {
	struct buf text; /* all forms, one behind the other */
	struct form *form;
	size_t count;
};

struct redactor *redactor_new(void)
{
	struct redactor *r = mem_new(sizeof(*r));

	buf_init_locked(&r->text, TEXT_MAX);
	return r;
}

void redactor_free(struct redactor *r)
{
	if (!r)
		return;
	buf_free(&r->text);
	free(r->form);
	free(r);
}

void redactor_free_at(struct redactor **slot)
{
	redactor_free(*slot);
}

static struct span form_text(const struct redactor *r, const struct form *f)
{
	return span_from(r->text.at + f->at, f->len);
}

/* Keeps the list ordered, the longest form first. */
static void add_form(struct redactor *r, struct span text)
{
	struct form made = { .at = r->text.len, .len = text.len, .alone = text.len < WHOLE_BELOW };
	size_t at = 0;

	if (!text.len)
		return;
	while (at < r->count && r->form[at].len > text.len)
		at++;
	if (at < r->count && span_equal(form_text(r, &r->form[at]), text))
		return;
	if (buf_put_span(&r->text, text) < 0)
		mem_die(text.len);
	r->form = mem_grow(r->form, r->count + 1, sizeof(*r->form));
	memmove(r->form + at + 1, r->form + at, (r->count - at) * sizeof(*r->form));
	r->form[at] = made;
	r->count++;
}

/* The characters that do not depend on what stands before or behind the secret. */
static void add_base64(struct redactor *r, struct span secret, size_t before, enum base64_alphabet a)
{
	static const char zeros[2] = { 0 };
	AUTO_BUF struct buf bytes, text;
	size_t from = (before * 8 + 5) / 6, to = (before + secret.len) * 8 / 6;

	buf_init_locked(&bytes, FORM_MAX);
	buf_init_locked(&text, FORM_MAX);
	(void)buf_put(&bytes, zeros, before);
	(void)buf_put_span(&bytes, secret);
	base64_encode(buf_span(&bytes), a, &text);
	if (!text.failed && to - from >= WHOLE_BELOW)
		add_form(r, span_from(text.at + from, to - from));
}

static void put_hex(struct buf *out, struct span bytes, const char *digits)
{
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.at[i];

		(void)buf_put_char(out, digits[c >> 4]);
		(void)buf_put_char(out, digits[c & 15]);
	}
}

enum encoding { SHELL, JSON_TEXT, URL_AS_PATH, URL_AS_QUERY, HEX_LOWER, HEX_UPPER, ENCODINGS };

static void add_encoded(struct redactor *r, struct span secret, enum encoding encoding)
{
	AUTO_BUF struct buf text;
	size_t cut = 0; /* quotes at both ends, which another writer may set elsewhere */

	buf_init_locked(&text, FORM_MAX);
	switch (encoding) {
	case SHELL:
		script_put_quoted(&text, secret);
		cut = 1;
		break;
	case JSON_TEXT:
		json_put_quoted(&text, secret);
		cut = 1;
		break;
	case URL_AS_PATH:
		url_encode(secret, URL_PATH, &text);
		break;
	case URL_AS_QUERY:
		url_encode(secret, URL_QUERY, &text);
		break;
	case HEX_LOWER:
		put_hex(&text, secret, "0123456789abcdef");
		break;
	case HEX_UPPER:
		put_hex(&text, secret, "0123456789ABCDEF");
		break;
	case ENCODINGS:
		break;
	}
	if (!text.failed && text.len > 2 * cut)
		add_form(r, span_from(text.at + cut, text.len - 2 * cut));
}

void redactor_add(struct redactor *r, struct span secret)
{
	struct span rest = secret, line;

	add_form(r, secret);
	while (span_take_part(&rest, '\n', &line))
		add_form(r, line.len && line.at[line.len - 1] == '\r' ?
				    span_from(line.at, line.len - 1) :
				    line);
	if (secret.len < WHOLE_BELOW)
		return;
	for (enum encoding i = SHELL; i < ENCODINGS; i++)
		add_encoded(r, secret, i);
	for (size_t before = 0; before < 3; before++) {
		add_base64(r, secret, before, BASE64_STD);
		add_base64(r, secret, before, BASE64_URL);
	}
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static bool stands_alone(struct span text, size_t at, size_t len)
{
	return (at == 0 || !is_word(text.at[at - 1])) &&
	       (at + len == text.len || !is_word(text.at[at + len]));
}

/* The length of the longest form at this place, or 0. */
static size_t match(const struct redactor *r, struct span text, size_t at)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct form *f = &r->form[i];
		const char *form = r->text.at + f->at;

		if (f->len > text.len - at || form[0] != text.at[at] ||
		    memcmp(form, text.at + at, f->len) != 0)
			continue;
		if (!f->alone || stands_alone(text, at, f->len))
			return f->len;
	}
	return 0;
}

void redactor_put(const struct redactor *r, struct span text, struct buf *out)
{
	size_t from = 0, at = 0;

	while (at < text.len) {
		size_t len = match(r, text, at);

		if (!len) {
			at++;
			continue;
		}
		(void)buf_put(out, text.at + from, at - from);
		(void)buf_put_str(out, REDACT_MARK);
		at += len;
		from = at;
	}
	(void)buf_put(out, text.at + from, text.len - from);
}
