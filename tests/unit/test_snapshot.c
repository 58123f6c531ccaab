/* The snapshot: what it finds, what has ended, that an old one stays as it was. */
#include "tests/unit/directory_place.h"

#include <unistd.h>

#include "lib/crypto/hash.h"
#include "lib/gate/authz.h"
#include "lib/gate/snapshot.h"

static const char cluster_unknown[] = "00000000-0000-4000-8000-000000000000";

static int set_up(void **state)
{
	struct err e = { 0 };

	directory_set_up(state);
	return directory_seed(((struct place *)*state)->directory, &e);
}

static struct snapshot *build(struct place *p)
{
	struct snapshot *s = NULL;
	struct err e = { 0 };

	if (snapshot_build(p->directory, &s, &e) < 0)
		fail_msg("%s", e.text);
	return s;
}

static void users_have_their_roles(void **state)
{
	struct place *p = *state;
	const struct snapshot_user *dev, *too, *ops, *none;
	char digits[HASH_HEX_SIZE];
	struct snapshot *s;

	user_make(p, "dev@example.com", "viewer", "developer");
	user_make(p, "too@example.com", "developer", "viewer");
	user_make(p, "ops@example.com", "admin", NULL);
	user_make(p, "none@example.com", NULL, NULL);
	s = build(p);
	dev = snapshot_user_find(s, "Dev@Example.com");
	too = snapshot_user_find(s, "too@example.com");
	ops = snapshot_user_find(s, "ops@example.com");
	none = snapshot_user_find(s, "none@example.com");
	assert_true(dev && too && ops && none);
	assert_null(snapshot_user_find(s, "nobody@example.com"));
	assert_null(snapshot_user_find(s, ""));
	assert_null(snapshot_user_find(s, dev->id));
	assert_string_equal(dev->role_names, "developer,viewer");
	assert_int_equal(dev->role_count, 2);
	assert_string_equal(dev->roles[0]->name, "developer");
	assert_string_equal(dev->rules_json,
			    "{\"roles\":[{\"name\":\"developer\",\"clusters\":[{\"name\":\"dev-*\",\"namespaces\":[\"*\"],"
			    "\"verbs\":[\"get\",\"list\",\"logs\",\"exec\"],\"resources\":[\"pods\",\"services\","
			    "\"deployments\"]}]},{\"name\":\"viewer\",\"clusters\":[{\"name\":\"*\",\"namespaces\":[\"*\"],"
			    "\"verbs\":[\"get\",\"list\"],\"resources\":[\"*\"]}]}]}");
	hash_sha256_hex(span_of(dev->rules_json), digits);
	assert_string_equal(dev->rules_sha256, digits);
	assert_string_equal(too->rules_sha256, dev->rules_sha256);
	assert_string_not_equal(too->id, dev->id);
	assert_true(authz_is_admin(ops->roles, ops->role_count));
	assert_int_equal(none->role_count, 0);
	assert_string_equal(none->role_names, "");
	assert_string_equal(none->rules_json, "{\"roles\":[]}");
	snapshot_unref(s);
}

static void sessions_live_until_they_end(void **state)
{
	struct place *p = *state;
	struct directory_session session;
	AUTO_SECRET char *token = NULL;
	int64_t now_s = clock_unix_s();
	struct snapshot *before, *with, *disabled;
	struct err e = { 0 };

	user_make(p, "dev@example.com", "developer", NULL);
	before = build(p);
	assert_int_equal(directory_login(p->directory, "dev@example.com", PASSWORD, now_s + 100, &session, &token, &e), 0);
	with = build(p);
	assert_null(snapshot_session_user(before, session.sid, now_s));
	assert_non_null(snapshot_session_user(with, session.sid, now_s));
	assert_string_equal(snapshot_session_user(with, session.sid, now_s + 99)->email, "dev@example.com");
	assert_null(snapshot_session_user(with, session.sid, now_s + 100));
	assert_null(snapshot_session_user(with, cluster_unknown, now_s));
	assert_null(snapshot_session_user(with, "", now_s));
	/* Disabled: the session's row goes; and even with it the user is none. */
	assert_int_equal(store_exec(p->store, "UPDATE users SET disabled = 1", STORE_NO_ARGS, NULL, &e), 0);
	disabled = build(p);
	assert_null(snapshot_session_user(disabled, session.sid, now_s));
	assert_true(snapshot_user_find(disabled, "dev@example.com")->disabled);
	/* What was handed out before stays as it was. */
	assert_non_null(snapshot_session_user(with, session.sid, now_s));
	snapshot_unref(before);
	snapshot_unref(with);
	snapshot_unref(disabled);
}

static void clusters_and_certificates_are_found(void **state)
{
	struct place *p = *state;
	struct directory_cluster one, two;
	AUTO_SECRET char *a = NULL, *b = NULL;
	int64_t now_s = clock_unix_s();
	struct snapshot *s, *after;
	struct err e = { 0 };

	assert_int_equal(directory_cluster_add(p->directory, "dev-1", NULL, &one, &a, &e), 0);
	assert_int_equal(directory_cluster_add(p->directory, "prod-1", NULL, &two, &b, &e), 0);
	assert_int_equal(directory_cert_add(p->directory, "0a", one.id, now_s + 50, &e), 0);
	s = build(p);
	assert_string_equal(snapshot_cluster_find(s, "dev-1")->id, one.id);
	assert_string_equal(snapshot_cluster_find(s, two.id)->name, "prod-1");
	{
		const char *const unknown[] = { "", "DEV-1", "dev", "dev-11", "../dev-1", "local", "0", cluster_unknown };

		for (size_t i = 0; i < COUNT_OF(unknown); i++)
			if (snapshot_cluster_find(s, unknown[i]))
				fail_msg("found %s", unknown[i]);
	}
	assert_true(snapshot_cert_valid(s, "0a", one.id, now_s));
	assert_false(snapshot_cert_valid(s, "0a", two.id, now_s));
	assert_false(snapshot_cert_valid(s, "0a", "dev-1", now_s));
	assert_false(snapshot_cert_valid(s, "0A", one.id, now_s));
	assert_false(snapshot_cert_valid(s, "0b", one.id, now_s));
	assert_false(snapshot_cert_valid(s, "", one.id, now_s));
	assert_false(snapshot_cert_valid(s, "0a", one.id, now_s + 50));
	assert_int_equal(directory_cluster_remove(p->directory, "dev-1", &e), 0);
	after = build(p);
	assert_null(snapshot_cluster_find(after, "dev-1"));
	assert_false(snapshot_cert_valid(after, "0a", one.id, now_s));
	snapshot_unref(after);
	snapshot_unref(s);
	directory_cluster_free(&one);
	directory_cluster_free(&two);
}

static void references_are_counted(void **state)
{
	struct place *p = *state;
	struct snapshot *s = build(p), *same = snapshot_ref(s);

	assert_ptr_equal(s, same);
	snapshot_unref(s);
	assert_null(snapshot_user_find(same, "a@example.com")); /* still there */
	snapshot_unref(same);
	snapshot_unref(NULL);
}

static void a_damaged_role_is_an_error(void **state)
{
	struct place *p = *state;
	static const char *const permissions[] = { "{", "{}", "{\"name\":\"viewer\",\"clusters\":[{\"name\":7}]}" };

	for (size_t i = 0; i < COUNT_OF(permissions); i++) {
		struct snapshot *s = NULL;
		struct err e = { 0 };

		assert_int_equal(store_exec(p->store, "UPDATE roles SET permissions = $1 WHERE name = 'viewer'",
					    STORE_ARGS(STORE_TEXT(permissions[i])), NULL, &e), 0);
		assert_int_equal(snapshot_build(p->directory, &s, &e), -1);
		assert_int_equal(e.code, ERR_CORRUPT);
		assert_null(s);
	}
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, directory_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(users_have_their_roles),
		ROW(sessions_live_until_they_end),
		ROW(clusters_and_certificates_are_found),
		ROW(references_are_counted),
		ROW(a_damaged_role_is_an_error),
	};
	struct err e = { 0 };

	if (crypto_init(&e) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
