/* Reviews in protobuf: as kubectl sends them, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/buf.h"
#include "lib/format/json.h"
#include "lib/kube/review_proto.h"

#define ROW(bytes) { bytes, sizeof(bytes) - 1 }
#define TYPE "\x0a\x06\x0a\x02v1\x12\x00"

static const struct {
	struct span in;
	const char *out;
} good[] = {
	{ ROW("k8s\0"), "{\"spec\":{}}" },
	{ ROW("k8s\0" TYPE "\x12\x00\x1a\x00\x22\x00"), "{\"spec\":{},\"apiVersion\":\"v1\",\"kind\":\"\"}" },
	{ ROW("k8s\0" TYPE "\x12\x13\x0a\x00\x12\x0d\x0a\x0b\x0a\x01" "a" "\x12\x03get\x2a\x01p\x1a\x00"),
	  "{\"spec\":{\"resourceAttributes\":{\"namespace\":\"a\",\"verb\":\"get\",\"resource\":\"p\"}},"
	  "\"apiVersion\":\"v1\",\"kind\":\"\"}" },
	{ ROW("k8s\0\x12\x0d\x12\x0b\x12\x09\x0a\x02/m\x12\x03get"),
	  "{\"spec\":{\"nonResourceAttributes\":{\"path\":\"/m\",\"verb\":\"get\"}}}" },
	/* numbers and unknown fields are passed over */
	{ ROW("k8s\0\x12\x0a\x12\x08\x0a\x06\x50\x07\xfa\x01\x01x"), "{\"spec\":{\"resourceAttributes\":{}}}" },
};

static void what_kubectl_sends_is_read(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		AUTO_JSON struct json *review = NULL;
		AUTO_BUF struct buf out;
		struct err e = { 0 };

		buf_init(&out, 4096);
		if (review_proto_parse(good[i].in, &review, &e) < 0)
			fail_msg("row %zu: %s", i, e.text);
		json_print(review, JSON_COMPACT, &out);
		if (strcmp(buf_str(&out), good[i].out) != 0)
			fail_msg("row %zu: %s", i, buf_str(&out));
	}
}

static const struct span none[] = {
	ROW(""),
	ROW("k8s"),
	ROW("{}"),
	ROW("k8s\0\x12"),
	ROW("k8s\0\x12\x05\x12"),
	ROW("k8s\0\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
	ROW("k8s\0\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
	ROW("k8s\0\x02\x00"),
	ROW("k8s\0\x11" "12345678"),
	ROW("k8s\0\x1a\x04gzip"),                                   /* another encoding */
	ROW("k8s\0\x12\x00\x12\x00"),                               /* twice */
	ROW("k8s\0\x12\x08\x12\x06\x0a\x04\x12\x00\x12\x00"),       /* a verb twice */
	ROW("k8s\0\x12\x08\x12\x06\x0a\x04\x12\x02g\0"),            /* a NUL */
	ROW("k8s\0\x12\x06\x12\x04\x0a\x02\x12\x05"),               /* longer than its message */
};

static void what_is_none_is_refused(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(none); i++) {
		struct json *review = NULL;
		struct err e = { 0 };

		if (review_proto_parse(none[i], &review, &e) == 0)
			fail_msg("row %zu passes", i);
		assert_int_equal(e.code, ERR_INPUT);
		assert_null(review);
	}
}

static const struct {
	struct span in;
	const char *out; /* NULL: refused */
} rules[] = {
	{ ROW("k8s\0" TYPE "\x12\x05\x12\x03\x0a\x01" "a"),
	  "{\"spec\":{\"namespace\":\"a\"},\"apiVersion\":\"v1\",\"kind\":\"\"}" },
	{ ROW("k8s\0\x12\x02\x12\x00"), "{\"spec\":{}}" },
	{ ROW("k8s\0\x12\x06\x12\x04\x0a\x02" "a\0"), NULL },
	{ ROW("k8s\0\x12\x08\x12\x06\x0a\x01" "a\x0a\x01" "b"), NULL }, /* twice */
	{ ROW("k8s\0\x12\x04\x12\x02\x0a\x05"), NULL },
	{ ROW("k8s\0\x12\x03\x12\x01\x0a"), NULL },
	{ ROW("{\"spec\":{\"namespace\":\"a\"}}"), NULL },
};

static void a_rules_reviews_spec_is_its_namespace(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rules); i++) {
		AUTO_JSON struct json *review = NULL;
		AUTO_BUF struct buf out;
		struct err e = { 0 };

		buf_init(&out, 4096);
		if ((review_proto_parse_rules(rules[i].in, &review, &e) == 0) != (rules[i].out != NULL))
			fail_msg("row %zu: %s", i, e.text);
		if (review)
			json_print(review, JSON_COMPACT, &out);
		if (rules[i].out && strcmp(buf_str(&out), rules[i].out) != 0)
			fail_msg("row %zu: %s", i, buf_str(&out));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_kubectl_sends_is_read),
		cmocka_unit_test(what_is_none_is_refused),
		cmocka_unit_test(a_rules_reviews_spec_is_its_namespace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
