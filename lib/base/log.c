/* The operational log of a server: one escaped line an event. */
#include "lib/base/log.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/buf.h"

static _Atomic int log_level_now = LOG_INFO;
static _Atomic int log_format_now = LOG_TEXT;

static const char *const level_names[] = { "debug", "info", "warn", "error" };

void log_configure(enum log_level level, enum log_format format)
{
	log_level_now = (int)level;
	log_format_now = (int)format;
}

static void put_quoted(struct buf *line, const char *text)
{
	(void)buf_put_char(line, '"');
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			(void)buf_printf(line, "\\%c", *c);
		else if (*c < 0x20 || *c == 0x7f)
			(void)buf_printf(line, "\\u%04x", *c);
		else
			(void)buf_put_char(line, (char)*c);
	}
	(void)buf_put_char(line, '"');
}

static void put_name(struct buf *line, const char *name, bool json)
{
	if (json)
		(void)buf_printf(line, ",\"%s\":", name);
	else
		(void)buf_printf(line, " %s=", name);
}

static void put_field(struct buf *line, const struct log_field *field, bool json)
{
	put_name(line, field->name, json);
	if (!field->text)
		(void)buf_printf(line, "%lld", (long long)field->number);
	else
		put_quoted(line, field->text);
}

static void put_start(struct buf *line, enum log_level level, bool json)
{
	struct timespec now;
	struct tm date;
	char stamp[40];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &date);
	(void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &date);
	(void)buf_printf(line, json ? "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\"" : "%s.%03ldZ %s",
			 stamp, now.tv_nsec / 1000000, level_names[level]);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields,
	       size_t field_count)
{
	bool json = log_format_now == LOG_JSON;
	AUTO_BUF struct buf line;

	buf_init(&line, 16 * 1024);
	if ((int)level < log_level_now)
		return;
	put_start(&line, level, json);
	put_name(&line, "msg", json);
	put_quoted(&line, message);
	for (size_t i = 0; i < field_count; i++)
		put_field(&line, &fields[i], json);
	(void)buf_put_str(&line, json ? "}\n" : "\n");
	(void)!write(STDERR_FILENO, line.at, line.len); /* nowhere to report a failing log to */
}
