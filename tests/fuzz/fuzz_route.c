/* Routes: whatever the path, a parameter that comes out is one clean segment, and only a refusal
 * has a sentence. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/attr.h"
#include "lib/net/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int no_handler(struct request *rq, struct err *e)
{
	(void)rq;
	(void)e;
	return 0;
}

static const struct route routes[] = {
	{ "GET", "/", ACCESS_PUBLIC, no_handler, NULL, 0, "" },
	{ "GET", "/a", ACCESS_PUBLIC, no_handler, NULL, 0, "" },
	{ "POST", "/a/{x}", ACCESS_PUBLIC, no_handler, NULL, 0, "" },
	{ "GET", "/a/{x}/b/{y}", ACCESS_PUBLIC, no_handler, NULL, 0, "" },
	{ "*", "/a/{x}/c/*", ACCESS_PUBLIC, no_handler, NULL, 0, "" },
};
static const struct route_table table = { routes, COUNT_OF(routes) };

static void check_params(const struct route_match *m)
{
	for (size_t i = 0; i < ROUTE_PARAM_MAX && m->param[i]; i++) {
		const char *param = m->param[i];

		assert(param >= m->text && param < m->text + sizeof(m->text));
		assert(*param && strcmp(param, ".") != 0 && strcmp(param, "..") != 0);
		for (; *param; param++)
			assert(*param != '/' && *param != 0x7f && (unsigned char)*param >= 0x20);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "DELETE" };
	struct span path = size ? span_from(data + 1, size - 1) : SPAN_NONE;
	const char *method = methods[size ? data[0] % COUNT_OF(methods) : 0];
	struct err e = { 0 };
	struct route_match m;
	enum route_verdict verdict = route_find(&table, 1, span_of(method), path, &m, &e);

	assert((verdict == ROUTE_BAD) == (e.code != ERR_NONE));
	assert((verdict == ROUTE_OTHER_METHOD) == (m.allow[0] && !m.route && verdict != ROUTE_BAD));
	if (verdict == ROUTE_FOUND)
		check_params(&m);
	return 0;
}
