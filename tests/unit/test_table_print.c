/* Tables of the API server printed as kubectl get prints them; documents of servers that mean no good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/format/json.h"
#include "lib/kube/table_print.h"

#define COLUMNS                                                                                        \
	"\"columnDefinitions\":[{\"name\":\"Name\",\"type\":\"string\",\"format\":\"name\",\"priority\":0}," \
	"{\"name\":\"Ready\",\"type\":\"string\"},{\"name\":\"Node\",\"type\":\"string\",\"priority\":1}]"
#define ROW_A                                                                                \
	"{\"cells\":[\"a\",\"1/1\",\"n1\"],\"object\":{\"metadata\":{\"name\":\"a\",\"namespace\":\"x\"," \
	"\"labels\":{\"z\":\"1\",\"b\":\"2\"}}}}"
#define ROW_B \
	"{\"cells\":[\"b-long\",2,null],\"object\":{\"metadata\":{\"name\":\"b\",\"namespace\":\"yyyyyyyyyyyy\"}}}"
#define TABLE "{\"kind\":\"Table\"," COLUMNS ",\"rows\":[" ROW_A "," ROW_B "]}"

static int print(const struct table_print_options *o, const char *json, struct buf *out, struct err *e)
{
	struct table_print *p = table_print_new(o);
	AUTO_JSON struct json *document = NULL;
	int rc = json_parse(span_of(json), JSON_LIMITS(100000), &document, e);

	assert_int_equal(rc, 0);
	table_print_set_event(p, "ADDED");
	rc = table_print_add(p, document, e);
	if (rc == 0)
		rc = table_print_flush(p, out, e);
	table_print_free(p);
	return rc;
}

static const struct {
	struct table_print_options o;
	const char *json, *text;
} rows[] = {
	{ { 0 }, TABLE, "NAME     READY\na        1/1\nb-long   2\n" },
	{ { .wide = true }, TABLE, "NAME     READY   NODE\na        1/1     n1\nb-long   2\n" },
	{ { .with_namespace = true }, TABLE,
	  "NAMESPACE      NAME     READY\nx              a        1/1\nyyyyyyyyyyyy   b-long   2\n" },
	{ { .no_headers = true }, TABLE, "a        1/1\nb-long   2\n" },
	{ { .kind_prefix = "pod/" }, TABLE, "NAME         READY\npod/a        1/1\npod/b-long   2\n" },
	{ { .show_labels = true }, TABLE, "NAME     READY   LABELS\na        1/1     b=2,z=1\nb-long   2       <none>\n" },
	{ { .with_event = true }, TABLE,
	  "EVENT      NAME     READY\nADDED      a        1/1\nADDED      b-long   2\n" },
	{ { 0 }, "{\"kind\":\"Table\"," COLUMNS ",\"rows\":[]}", "" },
	{ { 0 }, "{\"kind\":\"Table\"," COLUMNS ",\"rows\":null}", "" },
	{ { 0 }, "{\"kind\":\"Table\"," COLUMNS "}", "" },
	{ { 0 }, "{\"kind\":\"Table\"}", "" },
	/* Fewer and more cells than columns; rows without an object; cells of every kind. */
	{ { .with_namespace = true }, "{\"kind\":\"Table\"," COLUMNS ",\"rows\":[{\"cells\":[]},{},7]}",
	  "NAMESPACE   NAME   READY\n\n\n\n" },
	{ { 0 }, "{\"kind\":\"Table\"," COLUMNS ",\"rows\":[{\"cells\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}]}",
	  "NAME   READY\na      b\n" },
	{ { 0 }, "{\"kind\":\"Table\"," COLUMNS ",\"rows\":[{\"cells\":[true,1.50]},{\"cells\":[{\"a\":[1]},\"x\"]}]}",
	  "NAME        READY\ntrue        1.50\n{\"a\":[1]}   x\n" },
	/* Nothing of a cell reaches the terminal as it is. */
	{ { 0 }, "{\"kind\":\"Table\"," COLUMNS ",\"rows\":[{\"cells\":[\"\\u001b]52;c;x\\u0007\",\"a\\nb\"]}]}",
	  "NAME              READY\n\\x1b]52;c;x\\x07   a...\n" },
	{ { .show_labels = true },
	  "{\"kind\":\"Table\"," COLUMNS ",\"rows\":[{\"cells\":[\"a\",\"b\"],\"object\":{\"metadata\":{\"labels\":{"
	  "\"k\":\"\\u202ev\"}}}}]}",
	  "NAME   READY   LABELS\na      b       k=\\u202ev\n" },
	/* A server that knows no Table. */
	{ { 0 }, "{\"kind\":\"PodList\",\"items\":[{\"metadata\":{\"name\":\"a\"}},{\"metadata\":{\"name\":\"b\"}}]}",
	  "NAME   AGE\na      <unknown>\nb      <unknown>\n" },
	{ { .with_namespace = true }, "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"}}",
	  "NAMESPACE   NAME   AGE\nn           a      <unknown>\n" },
	{ { 0 }, "{\"kind\":\"PodList\",\"items\":[]}", "" },
	{ { 0 }, "{\"kind\":\"PodList\",\"items\":[{},7]}", "NAME   AGE\n       <unknown>\n       <unknown>\n" },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err e = { 0 };
		struct buf out;

		buf_init(&out, 4096);
		if (print(&rows[i].o, rows[i].json, &out, &e) || strcmp(buf_str(&out), rows[i].text) != 0)
			fail_msg("row %zu: '%s' %s", i, buf_str(&out), e.text);
		buf_free(&out);
	}
}

static const char *const bad_rows[] = {
	"[]", "null", "7", "\"Table\"", "{}", "{\"kind\":\"Status\",\"metadata\":7}",
	"{\"kind\":\"Table\",\"rows\":[{\"cells\":[1]}]}",
	"{\"kind\":\"Table\",\"columnDefinitions\":{},\"rows\":[{}]}",
	"{\"kind\":\"Table\",\"columnDefinitions\":[],\"rows\":[{}]}",
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
		const struct table_print_options o = { 0 };
		struct err e = { 0 };
		struct buf out;

		buf_init(&out, 4096);
		if (print(&o, bad_rows[i], &out, &e) != -1 || e.code != ERR_PROTOCOL)
			fail_msg("row %zu: '%s'", i, buf_str(&out));
		assert_int_equal(out.len, 0);
		buf_free(&out);
	}
}

/* A watch: later documents bring no columns; the header comes once. */
static void test_watch(void **state)
{
	static const char *const documents[] = {
		"{\"kind\":\"Table\"," COLUMNS ",\"rows\":[]}",
		"{\"kind\":\"Table\",\"columnDefinitions\":null,\"rows\":[" ROW_A "]}",
		"{\"kind\":\"Table\"," COLUMNS ",\"rows\":[" ROW_A "]}",
		"{\"kind\":\"Table\",\"rows\":[" ROW_B "]}",
	};
	const struct table_print_options o = { 0 };
	struct table_print *p = table_print_new(&o);
	struct err e = { 0 };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < COUNT_OF(documents); i++) {
		AUTO_JSON struct json *document = NULL;

		assert_int_equal(json_parse(span_of(documents[i]), JSON_LIMITS(100000), &document, &e), 0);
		assert_int_equal(table_print_add(p, document, &e), 0);
		assert_int_equal(table_print_flush(p, &out, &e), 0);
	}
	assert_int_equal(table_print_count(p), 3);
	assert_string_equal(buf_str(&out), "NAME   READY\na      1/1\na      1/1\nb-long   2\n");
	buf_free(&out);
	table_print_free(p);
	table_print_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_bad),
					    cmocka_unit_test(test_watch) };

	return cmocka_run_group_tests_name("table_print", tests, NULL, NULL);
}
