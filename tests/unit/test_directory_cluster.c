/* Clusters in the directory: names, labels, join tokens, what they tell, certificates. */
#include "tests/unit/directory_place.h"

/* A new cluster; directory_cluster_free. */
static struct directory_cluster cluster_make(struct place *p, const char *name, char **ret_token)
{
	struct directory_cluster cluster;
	struct err e = { 0 };

	if (directory_cluster_add(p->directory, name, NULL, &cluster, ret_token, &e) < 0)
		fail_msg("%s: %s", name, e.text);
	return cluster;
}

static void clusters_come_and_go(void **state)
{
	struct place *p = *state;
	AUTO_JSON struct json *labels = json_new_object();
	AUTO_SECRET char *token = NULL, *other = NULL;
	struct directory_cluster cluster, again, *clusters;
	struct err e = { 0 };
	size_t count;

	json_set_str(labels, "env", "prod");
	assert_int_equal(directory_cluster_add(p->directory, "prod-1.eu", labels, &cluster, &token, &e), 0);
	assert_string_equal(cluster.name, "prod-1.eu");
	assert_string_equal(cluster.labels_json, "{\"env\":\"prod\"}");
	assert_string_equal(cluster.metadata_json, "{}");
	assert_int_equal(cluster.last_seen_unix_s, 0);
	assert_true(strlen(token) >= 43);
	directory_cluster_free(&cluster);
	assert_int_equal(directory_cluster_add(p->directory, "prod-1.eu", NULL, &again, &other, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(directory_cluster_add(p->directory, "dev", NULL, &again, &other, &e), 0);
	directory_cluster_free(&again);

	assert_int_equal(directory_cluster_list(p->directory, &clusters, &count, &e), 0);
	assert_int_equal(count, 2);
	assert_string_equal(clusters[0].name, "dev");
	directory_cluster_free(&clusters[0]);
	directory_cluster_free(&clusters[1]);
	free(clusters);

	assert_int_equal(directory_cluster_remove(p->directory, "prod-1.eu", &e), 0);
	assert_int_equal(directory_cluster_remove(p->directory, "prod-1.eu", &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void a_join_token_is_for_one_cluster_until_the_next(void **state)
{
	struct place *p = *state;
	AUTO_SECRET char *token = NULL, *newer = NULL, *other = NULL;
	struct directory_cluster cluster = cluster_make(p, "prod-1.eu", &token), again = cluster_make(p, "dev", &other);
	struct err e = { 0 };

	directory_cluster_free(&again);
	assert_int_equal(directory_token_check(p->directory, token, "prod-1.eu", &again, &e), 0);
	assert_string_equal(again.id, cluster.id);
	directory_cluster_free(&again);
	assert_int_equal(directory_cluster_new_token(p->directory, cluster.id, &newer, &e), 0);
	{
		const struct {
			const char *token, *name;
		} wrong[] = {
			{ token, "prod-1.eu" }, /* replaced */
			{ newer, "dev" },	{ other, "prod-1.eu" }, { newer, "PROD-1.eu" }, { newer, cluster.id },
			{ newer, "" },		{ "", "prod-1.eu" },	{ "x", "prod-1.eu" },	{ newer, "unknown" },
			{ newer + 1, "prod-1.eu" },
		};

		for (size_t i = 0; i < COUNT_OF(wrong); i++) {
			err_clear(&e);
			if (directory_token_check(p->directory, wrong[i].token, wrong[i].name, &again, &e) == 0 ||
			    e.code != ERR_AUTH || strstr(e.text, newer))
				fail_msg("token row %zu", i);
		}
	}
	assert_int_equal(directory_token_check(p->directory, newer, "prod-1.eu", &again, &e), 0);
	directory_cluster_free(&again);
	assert_int_equal(directory_cluster_remove(p->directory, "prod-1.eu", &e), 0);
	assert_int_equal(directory_token_check(p->directory, newer, "prod-1.eu", &again, &e), -1);
	directory_cluster_free(&cluster);
}

static void what_a_cluster_tells_is_kept(void **state)
{
	struct place *p = *state;
	AUTO_SECRET char *token = NULL;
	struct directory_cluster cluster = cluster_make(p, "prod-1.eu", &token), again;
	struct err e = { 0 };

	assert_int_equal(directory_cluster_seen(p->directory, cluster.id, "{ \"nodes\": 3 }", &e), 0);
	assert_int_equal(directory_cluster_seen(p->directory, cluster.id, NULL, &e), 0);
	assert_int_equal(directory_cluster_seen(p->directory, cluster.id, "[]", &e), -1);
	assert_int_equal(e.code, ERR_INPUT);
	assert_int_equal(directory_cluster_seen(p->directory, cluster.id, "{", &e), -1);
	assert_int_equal(directory_cluster_seen(p->directory, "00000000-0000-4000-8000-000000000000", NULL, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(directory_cluster_get(p->directory, "prod-1.eu", &again, &e), 0);
	assert_string_equal(again.metadata_json, "{\"nodes\":3}");
	assert_true(again.last_seen_unix_s >= later(-60));
	directory_cluster_free(&again);
	directory_cluster_free(&cluster);
}

static int64_t cert_count(struct place *p)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	struct err e = { 0 };

	assert_int_equal(store_select(p->store, "SELECT count(*) FROM agent_certs", STORE_NO_ARGS, &rows, &e),
			 0);
	assert_int_equal(store_next(&rows, &e), 1);
	return store_int(&rows, 0);
}

static void certificates_go_with_their_cluster(void **state)
{
	struct place *p = *state;
	AUTO_SECRET char *token = NULL;
	struct directory_cluster cluster = cluster_make(p, "prod-1.eu", &token);
	struct err e = { 0 };

	assert_int_equal(directory_cert_add(p->directory, "0a1b", cluster.id, later(60), &e), 0);
	assert_int_equal(directory_cert_add(p->directory, "0a1b", cluster.id, later(60), &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(directory_cluster_remove(p->directory, "prod-1.eu", &e), 0);
	assert_int_equal(cert_count(p), 0); /* went with it */
	assert_int_equal(directory_cert_add(p->directory, "0a1d", cluster.id, later(60), &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	directory_cluster_free(&cluster);
}

static void bad_clusters_are_refused(void **state)
{
	static const char *const names[] = {
		"",	 "A",	     "Prod",   "-a",	  "a-",	   ".a",    "a.",   "a..b", "a.-b", "a-.b",
		"a b",	 "a/b",	     "../a",   "a%2f",	  "a*",	   "a_b",   "a\n",  "\xc3\xa9", "a:b", "a,b",
		"0b0b0b0b-0b0b-4b0b-8b0b-0b0b0b0b0b0b",
	};
	static const char *const labels[] = { "[]", "\"x\"", "{\"a\":1}", "{\"a\":null}", "{\"a\":{}}", "{\"\":\"x\"}" };
	struct place *p = *state;
	struct directory_cluster cluster;
	char *token;

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct err e = { 0 };

		if (directory_cluster_add(p->directory, names[i], NULL, &cluster, &token, &e) == 0 || e.code != ERR_INPUT)
			fail_msg("%s: %s", names[i], e.text);
	}
	for (size_t i = 0; i < COUNT_OF(labels); i++) {
		AUTO_JSON struct json *doc = NULL;
		struct err e = { 0 };

		assert_int_equal(json_parse(span_of(labels[i]), JSON_LIMITS(1024), &doc, &e), 0);
		if (directory_cluster_add(p->directory, "a", doc, &cluster, &token, &e) == 0 || e.code != ERR_INPUT)
			fail_msg("labels %s: %s", labels[i], e.text);
	}
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, directory_set_up, directory_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(clusters_come_and_go),
		ROW(a_join_token_is_for_one_cluster_until_the_next),
		ROW(what_a_cluster_tells_is_kept),
		ROW(certificates_go_with_their_cluster),
		ROW(bad_clusters_are_refused),
	};
	struct err e = { 0 };

	if (crypto_init(&e) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
