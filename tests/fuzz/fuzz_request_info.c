/* RequestInfo: however a path is encoded, it names the same thing; a canonical one hides nothing. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/kube/request_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct request_info a, b;

/* The same target with every byte of the decoded path but '/' escaped. */
static struct span escape_all(const char *path, struct span target, char *into, size_t size)
{
	ptrdiff_t query = span_find(target, '?');
	size_t len = 0;

	for (const char *at = path; *at && len + 4 < size; at++)
		len += (size_t)snprintf(into + len, size - len, *at == '/' ? "/" : "%%%02x", (unsigned char)*at);
	if (query >= 0 && target.len - (size_t)query < size - len) {
		memcpy(into + len, target.at + query, target.len - (size_t)query);
		len += target.len - (size_t)query;
	}
	return span_from(into, len);
}

static void check_same(void)
{
	assert(a.is_resource == b.is_resource && strcmp(a.verb, b.verb) == 0);
	assert(strcmp(a.api_group, b.api_group) == 0 && strcmp(a.api_version, b.api_version) == 0);
	assert(strcmp(a.resource, b.resource) == 0 && strcmp(a.subresource, b.subresource) == 0);
	assert(strcmp(a.namespace, b.namespace) == 0 && strcmp(a.name, b.name) == 0);
	assert(strcmp(a.rest, b.rest) == 0 && strcmp(a.path, b.path) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct span methods[] = { SPAN("GET"), SPAN("DELETE"), SPAN("PATCH"), SPAN("OPTIONS") };
	static char text[64 * 1024];
	struct span method, target;
	struct err e = { 0 }, path_error = { 0 };
	char value[64];
	int rc, canonical;

	if (size == 0)
		return 0;
	method = methods[data[0] % 4];
	target = span_from(data + 1, size - 1);
	rc = request_info_parse(&a, method, target, &e);
	assert((rc == 0) == (e.code == ERR_NONE));
	canonical = request_path_check(target, &path_error) == 0;
	assert(canonical == (path_error.code == ERR_NONE));
	(void)request_query_value(target, "watch", value, sizeof(value)); /* no more than that it comes back */
	if (rc)
		return 0;
	if (canonical)
		assert(!strstr(a.path, "//") && !strstr(a.path, "/../") && !strpbrk(a.path, "\\;%"));
	if (strlen(a.path) * 3 < REQUEST_PATH_MAX && size < REQUEST_INFO_ARENA_LEN / 4) {
		assert(request_info_parse(&b, method, escape_all(a.path, target, text, sizeof(text)), &e) == 0);
		check_same();
	}
	return 0;
}
