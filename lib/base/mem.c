/* Memory of fixed size: allocation that does not return without memory. */
#include "lib/base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void mem_die(size_t size)
{
	(void)fprintf(stderr, "mk8s: out of memory: %zu bytes could not be had\n", size);
	_exit(EXIT_FAILURE);
}

void *mem_new(size_t size)
{
	void *at = calloc(1, size ? size : 1);

	if (!at)
		mem_die(size);
	return at;
}

void *mem_new_array(size_t count, size_t size)
{
	void *at = calloc(count ? count : 1, size ? size : 1);

	if (!at)
		mem_die(size);
	return at;
}

void *mem_grow(void *at, size_t count, size_t size)
{
	void *grown;

	if (size && count > SIZE_MAX / size)
		mem_die(SIZE_MAX);
	grown = realloc(at, count && size ? count * size : 1);
	if (!grown)
		mem_die(count * size);
	return grown;
}

char *mem_dup(const void *at, size_t len)
{
	char *copy = mem_new(len + 1);

	if (len)
		memcpy(copy, at, len);
	return copy;
}

char *mem_dup_str(const char *text)
{
	return text ? mem_dup(text, strlen(text)) : NULL;
}

char *mem_vprintf(const char *fmt, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, args) < 0)
		mem_die(0);
	return text;
}

char *mem_printf(const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = mem_vprintf(fmt, args);
	va_end(args);
	return text;
}
