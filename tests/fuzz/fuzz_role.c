/* Role documents: what parses is canonical when printed, and an error always says something. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/format/json.h"
#include "lib/format/yaml.h"
#include "lib/gate/authz.h"
#include "lib/gate/role.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Printed, parsed and printed again: the same bytes. */
static void check_role(const struct role *role)
{
	AUTO_BUF struct buf first, second;
	AUTO_JSON struct json *doc = NULL;
	struct role *again = NULL;
	struct err e = { 0 };

	buf_init(&first, 16 * 1024 * 1024);
	buf_init(&second, 16 * 1024 * 1024);
	role_print(role, &first);
	assert(json_parse(buf_span(&first), JSON_LIMITS(16 * 1024 * 1024), &doc, &e) == 0);
	assert(role_parse(doc, &again, &e) == 0);
	role_print(again, &second);
	assert(span_equal(buf_span(&first), buf_span(&second)));
	role_free(again);
}

/* Who is an administrator sees every cluster. */
static void check_sight(const struct role *role)
{
	if (authz_is_admin(&role, 1))
		assert(authz_sees_cluster(&role, 1, "any-1"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_JSON struct json *doc = NULL;
	struct role_document d;
	struct err e = { 0 };

	if (yaml_parse_json(span_from(data, size), YAML_LIMITS(256 * 1024), &doc, &e) < 0)
		return 0;
	if (role_document_parse(doc, &d, &e) < 0) {
		assert(e.code == ERR_INPUT && e.text[0]);
		return 0;
	}
	for (size_t i = 0; i < d.role_count; i++) {
		check_role(d.roles[i]);
		check_sight(d.roles[i]);
	}
	role_document_free(&d);
	return 0;
}
