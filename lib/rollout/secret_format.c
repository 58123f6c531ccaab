/* Secrets in the formats that programs read. */
#include "lib/rollout/secret_format.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/utf8.h"

#define NAME_MAX_LEN 255

static const char *const names[] = {
	[SECRET_FORMAT_ENV] = "env",	 [SECRET_FORMAT_JSON] = "json", [SECRET_FORMAT_DOTENV] = "dotenv",
	[SECRET_FORMAT_SHELL] = "shell", [SECRET_FORMAT_RAW] = "raw",
};

int secret_format_parse(const char *text, enum secret_format *ret, struct err *e)
{
	for (size_t i = 0; text && i < COUNT_OF(names); i++) {
		if (strcmp(text, names[i]) != 0)
			continue;
		*ret = (enum secret_format)i;
		return 0;
	}
	if (text)
		return err_set(e, ERR_USAGE, "-o takes env, json, dotenv, shell or raw, not \"%.40s\"", text);
	*ret = SECRET_FORMAT_ENV;
	return 0;
}

static bool is_name_char(char c)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool secret_name_valid(const char *name)
{
	if (!*name || (*name >= '0' && *name <= '9') || strlen(name) > NAME_MAX_LEN)
		return false;
	while (is_name_char(*name))
		name++;
	return *name == '\0';
}

void secret_name_put(const char *label, struct buf *into)
{
	if (!*label || (*label >= '0' && *label <= '9'))
		(void)buf_put_char(into, '_');
	for (; *label; label++) {
		if (((unsigned char)*label & 0xC0) != 0x80) /* one _ a character, not a byte */
			(void)buf_put_char(into, is_name_char(*label) ? *label : '_');
	}
}

int secret_map_parse(const char *text, struct buf *ret_name, const char **ret_field, struct err *e)
{
	const char *equals = strchr(text, '=');
	AUTO_FREE char *name = equals ? mem_dup(text, (size_t)(equals - text)) : NULL;

	if (!equals || !equals[1])
		return err_set(e, ERR_USAGE, "a map is NAME=FIELD, not \"%.60s\"", text);
	if (!secret_name_valid(name))
		return err_set(e, ERR_USAGE,
			       "\"%.60s\" cannot be the name of a variable: letters, digits and _, no digit first",
			       name);
	if (buf_put_str(ret_name, name) < 0)
		return buf_ok(ret_name, "the name of a variable", e);
	*ret_field = equals + 1;
	return 0;
}

static bool has(struct span text, const char *set)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] && strchr(set, text.at[i]))
			return true;
	}
	return false;
}

static void put_single_quoted(struct span value, struct buf *into)
{
	(void)buf_put_char(into, '\'');
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] == '\'')
			(void)buf_put_str(into, "'\\''");
		else
			(void)buf_put_char(into, value.at[i]);
	}
	(void)buf_put_char(into, '\'');
}

/* Readers of dotenv agree on single quotes without ' and \, and on these escapes in double quotes. */
static void put_dotenv(struct span value, struct buf *into)
{
	static const char meant[] = "\"\\$`\n\r\t", letter[] = "\"\\$`nrt";

	if (!has(value, "'\\\n\r")) {
		put_single_quoted(value, into);
		return;
	}
	(void)buf_put_char(into, '"');
	for (size_t i = 0; i < value.len; i++) {
		const char *escape = strchr(meant, value.at[i]);

		if (escape) {
			(void)buf_put_char(into, '\\');
			(void)buf_put_char(into, letter[escape - meant]);
		} else {
			(void)buf_put_char(into, value.at[i]);
		}
	}
	(void)buf_put_char(into, '"');
}

static int check_value(enum secret_format format, const struct secret_pair *p, struct err *e)
{
	if (format == SECRET_FORMAT_RAW)
		return 0;
	if (memchr(p->value.at ? p->value.at : "", '\0', p->value.len) ||
	    (format == SECRET_FORMAT_JSON && !utf8_valid(p->value)))
		return err_set(e, ERR_INPUT, "\"%.60s\" holds bytes that -o %s cannot say; use -o raw", p->name,
			       names[format]);
	if (format == SECRET_FORMAT_ENV && has(p->value, "\n\r"))
		return err_set(e, ERR_INPUT,
			       "\"%.60s\" holds a line break, which -o env cannot say; use -o json, dotenv or shell",
			       p->name);
	return 0;
}

static int put_pair(enum secret_format format, const struct secret_pair *p, bool is_first,
		    struct buf *into, struct err *e)
{
	if (check_value(format, p, e) < 0)
		return -1;
	if (format == SECRET_FORMAT_RAW)
		return buf_put_span(into, p->value);
	if (format == SECRET_FORMAT_JSON) {
		(void)buf_put_str(into, is_first ? "{\n    " : ",\n    ");
		json_put_quoted(into, span_of(p->name));
		(void)buf_put_str(into, ": ");
		json_put_quoted(into, p->value);
		return 0;
	}
	(void)buf_put_str(into, format == SECRET_FORMAT_SHELL ? "export " : "");
	secret_name_put(p->name, into);
	(void)buf_put_char(into, '=');
	if (format == SECRET_FORMAT_ENV)
		(void)buf_put_span(into, p->value);
	else if (format == SECRET_FORMAT_SHELL)
		put_single_quoted(p->value, into);
	else
		put_dotenv(p->value, into);
	(void)buf_put_char(into, '\n');
	return 0;
}

static bool same_name(enum secret_format format, const char *a, const char *b)
{
	AUTO_BUF struct buf left, right;

	buf_init(&left, 4096);
	buf_init(&right, 4096);
	if (format == SECRET_FORMAT_JSON)
		return strcmp(a, b) == 0;
	secret_name_put(a, &left);
	secret_name_put(b, &right);
	return span_equal(buf_span(&left), buf_span(&right));
}

static int check_names(enum secret_format format, const struct secret_pair *pairs, size_t count,
		       struct err *e)
{
	for (size_t i = 1; i < count; i++) {
		for (size_t k = 0; k < i; k++) {
			if (same_name(format, pairs[i].name, pairs[k].name))
				return err_set(e, ERR_INPUT,
					       "the fields \"%.60s\" and \"%.60s\" would get one name; take one of them "
					       "with --field", pairs[k].name, pairs[i].name);
		}
	}
	return 0;
}

int secret_format_put(enum secret_format format, const struct secret_pair *pairs, size_t count,
		      struct buf *into, struct err *e)
{
	if (format == SECRET_FORMAT_RAW && count != 1)
		return err_set(e, ERR_USAGE, "-o raw prints one field, but %zu are chosen; name one with --field",
			       count);
	if (check_names(format, pairs, count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (put_pair(format, &pairs[i], i == 0, into, e) < 0)
			return into->failed ? buf_ok(into, "the output", e) : -1;
	}
	if (format == SECRET_FORMAT_JSON)
		(void)buf_put_str(into, count ? "\n}\n" : "{}\n");
	return buf_ok(into, "the output", e);
}
