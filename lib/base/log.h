/*
 * The operational log of a server: one line an event on standard error, logfmt or JSON.
 *
 * Values are escaped, so that no value can forge a line. Secrets are never logged.
 */
#ifndef MK8S_BASE_LOG_H
#define MK8S_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_field {
	const char *name;
	const char *text; /* NULL: `number` is the value */
	int64_t number;
};

/* A function, because compilers warn of arrays that are tested for NULL. */
static inline const char *log_text(const char *text)
{
	return text ? text : "";
}

#define LOG_STR(field_name, value) { (field_name), log_text(value), 0 }
#define LOG_INT(field_name, value) { (field_name), NULL, (int64_t)(value) }

/* What is below `level` is left out. Process-wide; called once at start and at reload. */
void log_configure(enum log_level level, enum log_format format);

/* Writes one line with one write(2). Thread-safe. */
void log_write(enum log_level level, const char *message, const struct log_field *fields,
	       size_t field_count);

/* log_event(LOG_INFO, "agent connected", LOG_STR("cluster", name), LOG_INT("streams", n)) */
#define log_event(level, message, ...)                                                  \
	log_write(level, message, (const struct log_field[]){ { NULL, NULL, 0 }, ##__VA_ARGS__ } + 1, \
		  sizeof((const struct log_field[]){ { NULL, NULL, 0 }, ##__VA_ARGS__ }) /     \
				  sizeof(struct log_field) -                            \
			  1)

#endif
