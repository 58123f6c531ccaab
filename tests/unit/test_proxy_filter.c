/* What is asked for a filtered list, and which answers can be filtered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/mem.h"
#include "lib/crypto/aead.h"
#include "lib/gate/proxy_filter.h"
#include "lib/gate/words.h"

static const uint8_t seal_key[AEAD_KEY_SIZE] = { 1, 2, 3 };

/* A filter of one namespace for a list of pods, by a request with these fields. */
static int make(const char *target, const char *user, const char *cluster, struct http_head *head,
		struct proxy_filter **ret, struct err *e)
{
	static struct request_info info; /* large */
	struct proxy_filter_options o = {
		.info = &info,
		.request = head,
		.target = span_of(target),
		.seal_key = seal_key,
		.user_id = user,
		.cluster_id = cluster,
	};

	assert_int_equal(request_info_parse(&info, SPAN("GET"), span_of(target), e), 0);
	words_add(&o.namespaces, 0, "a");
	return proxy_filter_new(&o, ret, e);
}

/* The fields as "name: value" lines. */
static void put_fields(struct buf *into, const struct header_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		(void)buf_printf(into, "%.*s: %.*s\n", SPAN_ARG(list->at[i].name),
				 SPAN_ARG(list->at[i].value));
}

static const struct {
	const char *accept; /* NULL: none */
	const char *asked;  /* NULL: 406 */
} accepts[] = {
	{ NULL, "application/json" },
	{ "*/*", "application/json" },
	{ "application/*", "application/json" },
	{ "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
	  "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" },
	{ "application/vnd.kubernetes.protobuf,application/json", "application/json" },
	{ "application/vnd.kubernetes.protobuf", NULL },
	{ "application/vnd.kubernetes.protobuf;stream=watch", NULL },
	{ "application/cbor", NULL },
	{ "application/yaml, text/plain", NULL },
	{ "application/jsonp", NULL },
	{ "application/json-seq", NULL },
	{ "json", NULL },
	{ "", NULL },
	{ ",,", NULL },
};

static void only_plain_json_is_asked_for(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(accepts); i++) {
		struct http_field fields[] = {
			{ SPAN("accept-encoding"), SPAN("gzip") },
			{ SPAN("if-none-match"), SPAN("\"x\"") },
			{ SPAN("user-agent"), SPAN("kubectl") },
			{ SPAN("accept"), span_of(accepts[i].accept) },
		};
		struct http_head head = { .fields = fields,
					  .field_count = accepts[i].accept ? 4 : 3 };
		struct proxy_filter *f = NULL;
		struct header_list list;
		AUTO_BUF struct buf text;
		struct err e = { 0 };
		int status = make("/api/v1/pods", "u", "c", &head, &f, &e);
		char wanted[200];

		buf_init(&text, 4096);
		if (status != (accepts[i].asked ? 0 : 406))
			fail_msg("row %zu: %d %s", i, status, e.text);
		if (!f)
			continue;
		proxy_filter_request(f, &head, &list);
		put_fields(&text, &list);
		(void)snprintf(wanted, sizeof(wanted), "user-agent: kubectl\naccept: %s\n",
			       accepts[i].asked);
		assert_string_equal(buf_str(&text), wanted);
		proxy_filter_free(f);
	}
}

static const struct {
	int status;
	const char *type, *encoding; /* NULL: none */
	int rc;
	bool has_items;
} answers[] = {
	{ 200, "application/json", NULL, 0, true },
	{ 200, "application/json; charset=utf-8", NULL, 0, true },
	{ 200, "Application/JSON", NULL, 0, true },
	{ 404, "application/json", NULL, 0, false },
	{ 410, "application/vnd.kubernetes.protobuf", NULL, 0, false },
	{ 500, "text/plain", "gzip", 0, false },
	{ 200, "application/json", "gzip", -1, false },
	{ 200, "application/json", "identity", -1, false },
	{ 200, "application/vnd.kubernetes.protobuf", NULL, -1, false },
	{ 200, "application/vnd.kubernetes.protobuf;stream=watch", NULL, -1, false },
	{ 200, "application/cbor", NULL, -1, false },
	{ 200, "application/jsonp", NULL, -1, false },
	{ 200, "text/plain", NULL, -1, false },
	{ 200, "", NULL, -1, false },
	{ 200, NULL, NULL, -1, false },
	{ 204, NULL, NULL, -1, false },
};

static void what_cannot_be_read_does_not_pass(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		struct http_field fields[3] = { { SPAN("content-length"), SPAN("17") } };
		struct http_head head = { .status = answers[i].status,
					  .fields = fields,
					  .field_count = 1 };
		struct header_list list;
		AUTO_BUF struct buf text;
		struct err e = { 0 };
		bool has_items = false;
		int rc;

		buf_init(&text, 4096);
		if (answers[i].type)
			fields[head.field_count++] = (struct http_field){
				SPAN("content-type"), span_of(answers[i].type)
			};
		if (answers[i].encoding)
			fields[head.field_count++] = (struct http_field){
				SPAN("content-encoding"), span_of(answers[i].encoding)
			};
		rc = proxy_filter_answer(&head, &list, &has_items, &e);
		if (rc != answers[i].rc || (rc == 0 && has_items != answers[i].has_items))
			fail_msg("row %zu: %d %s", i, rc, e.text);
		if (rc < 0) {
			assert_int_equal(e.code, ERR_PROTOCOL);
			continue;
		}
		put_fields(&text, &list);
		assert_int_equal(strstr(buf_str(&text), "content-length") == NULL, has_items);
	}
}

#define LIST "{\"kind\":\"PodList\",\"metadata\":{\"continue\":\"theirs\"},\"items\":[]}"

/* What a client gets as `continue` for a list. */
static char *sealed_for(const char *target, const char *user, const char *cluster)
{
	struct http_head head = { 0 };
	struct proxy_filter *f = NULL;
	AUTO_BUF struct buf out;
	struct err e = { 0 };
	const char *from, *to;
	char *token;

	buf_init(&out, 64 * 1024);
	assert_int_equal(make(target, user, cluster, &head, &f, &e), 0);
	assert_int_equal(proxy_filter_body(f, SPAN(LIST), false, &out, &e), 0);
	proxy_filter_free(f);
	from = strstr(buf_str(&out), "mk8s1.");
	assert_non_null(from);
	assert_null(strstr(buf_str(&out), "theirs"));
	to = strchr(from, '"');
	token = span_dup(span_from(from, (size_t)(to - from)));
	return token;
}

#define PODS "/api/v1/pods?limit=1"

static const struct {
	const char *target, *user, *cluster; /* of who comes with it */
	bool opens;
} bound[] = {
	{ PODS, "u", "c", true },
	{ "/api/v1/pods?limit=500&timeoutSeconds=3", "u", "c", true },
	{ PODS, "v", "c", false },
	{ PODS, "u", "d", false },
	{ PODS, "uc", "", false },
	{ "/api/v1/secrets?limit=1", "u", "c", false },
	{ "/api/v1/podsu?limit=1", "u", "c", false },
	{ PODS "&labelSelector=a%3Db", "u", "c", false },
	{ PODS "&fieldSelector=spec.nodeName%3Dn", "u", "c", false },
};

static void a_continue_serves_one_user_for_one_list(void **state UNUSED)
{
	char *token = sealed_for(PODS, "u", "c");

	for (size_t i = 0; i < COUNT_OF(bound); i++) {
		AUTO_FREE char *target = mem_printf("%s&continue=%s", bound[i].target, token);
		struct http_head head = { 0 };
		struct proxy_filter *f = NULL;
		struct err e = { 0 };
		int status = make(target, bound[i].user, bound[i].cluster, &head, &f, &e);

		if (status != (bound[i].opens ? 0 : 410))
			fail_msg("row %zu: %d %s", i, status, e.text);
		if (f && !span_ends(proxy_filter_target(f), SPAN("&continue=theirs")))
			fail_msg("row %zu: %.*s", i, SPAN_ARG(proxy_filter_target(f)));
		proxy_filter_free(f);
	}
	free(token);
}

static void a_forged_continue_is_expired(void **state UNUSED)
{
	char *token = sealed_for(PODS, "u", "c");
	size_t len = strlen(token);

	for (size_t i = 0; i <= len; i++) { /* each character changed, and each shorter one */
		for (int cut = 0; cut < 2; cut++) {
			AUTO_FREE char *forged = mem_dup_str(token);
			AUTO_FREE char *target = NULL;
			struct http_head head = { 0 };
			struct proxy_filter *f = NULL;
			struct err e = { 0 };

			if (cut)
				forged[i ? i - 1 : 0] = '\0';
			else
				forged[i < len ? i : 0] ^= 1;
			target = mem_printf("%s&continue=%s", PODS, forged);
			if (!*forged)
				continue; /* none at all */
			if (make(target, "u", "c", &head, &f, &e) != 410)
				fail_msg("%s passes as %s", forged, token);
		}
	}
	free(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_plain_json_is_asked_for),
		cmocka_unit_test(what_cannot_be_read_does_not_pass),
		cmocka_unit_test(a_continue_serves_one_user_for_one_list),
		cmocka_unit_test(a_forged_continue_is_expired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
