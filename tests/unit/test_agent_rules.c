/* The rules that an agent holds: named by their hash, bounded in number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/crypto/hash.h"
#include "lib/gate/agent_rules.h"

static int put(struct agent_rules *r, const char *text, char sha256[HASH_HEX_SIZE])
{
	struct err e = { 0 };

	hash_sha256_hex(span_of(text), sha256);
	return agent_rules_put(r, span_of(sha256), span_of(text), &e);
}

static void holds_what_its_hash_names(void **state UNUSED)
{
	struct agent_rules *r = agent_rules_new();
	char sha256[HASH_HEX_SIZE];
	const struct role_document *doc;

	assert_int_equal(put(r, "{\"roles\":[{\"name\":\"a\",\"clusters\":[]}]}", sha256), 0);
	doc = agent_rules_find(r, span_of(sha256));
	assert_non_null(doc);
	assert_int_equal(doc->role_count, 1);
	assert_string_equal(doc->roles[0]->name, "a");
	sha256[0] = sha256[0] == '0' ? '1' : '0';
	assert_null(agent_rules_find(r, span_of(sha256)));
	agent_rules_free(r);
}

static void refuses_other_hashes_and_other_texts(void **state UNUSED)
{
	static const char *const texts[] = {
		"", "[]", "{\"roles\":{}}", "{\"rolls\":[]}", "{\"roles\":[{}]}", "{\"roles\":[]"
	};
	struct agent_rules *r = agent_rules_new();
	char sha256[HASH_HEX_SIZE];
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		if (put(r, texts[i], sha256) == 0)
			fail_msg("row %zu: %s", i, texts[i]);
	}
	assert_int_equal(agent_rules_put(r, SPAN("00"), SPAN("{\"roles\":[]}"), &e), -1);
	assert_int_equal(e.code, ERR_INPUT);
	agent_rules_free(r);
}

static void the_least_recently_used_gives_way(void **state UNUSED)
{
	struct agent_rules *r = agent_rules_new();
	char first[HASH_HEX_SIZE], second[HASH_HEX_SIZE], other[HASH_HEX_SIZE], text[100];

	assert_int_equal(put(r, "{\"roles\":[]}", first), 0);
	assert_int_equal(put(r, "{\"roles\":[] }", second), 0);
	for (int i = 0; i < AGENT_RULES_MAX - 1; i++) {
		assert_non_null(agent_rules_find(r, span_of(first)));
		(void)snprintf(text, sizeof(text), "{\"roles\":[{\"name\":\"r%d\",\"clusters\":[]}]}", i);
		assert_int_equal(put(r, text, other), 0);
	}
	assert_non_null(agent_rules_find(r, span_of(first)));
	assert_null(agent_rules_find(r, span_of(second)));
	agent_rules_free(r);
	agent_rules_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_what_its_hash_names),
		cmocka_unit_test(refuses_other_hashes_and_other_texts),
		cmocka_unit_test(the_least_recently_used_gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
