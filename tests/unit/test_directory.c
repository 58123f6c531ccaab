/* The directory on a real file: users, roles, whole documents, the last administrator. */
#include "tests/unit/directory_place.h"

static void role_make(struct place *p, const char *text)
{
	AUTO_JSON struct json *doc = NULL;
	struct role *role = NULL;
	struct err e = { 0 };

	assert_int_equal(json_parse(span_of(text), JSON_LIMITS(65536), &doc, &e), 0);
	assert_int_equal(role_parse(doc, &role, &e), 0);
	if (directory_role_put(p->directory, role, false, &e) < 0)
		fail_msg("%s", e.text);
	role_free(role);
}

static void users_come_and_go(void **state)
{
	struct place *p = *state;
	char *both[] = { (char *)(uintptr_t)"viewer", (char *)(uintptr_t)"developer", NULL };
	char *unknown[] = { (char *)(uintptr_t)"viewer", (char *)(uintptr_t)"nobody", NULL };
	struct directory_user user, again, *users;
	struct err e = { 0 };
	size_t count;

	assert_int_equal(directory_seed(p->directory, &e), 0);
	assert_int_equal(directory_user_add(p->directory, "Dev@Example.COM", PASSWORD, both, &user, &e), 0);
	assert_string_equal(user.email, "dev@example.com");
	assert_string_equal(user.roles[0], "developer");
	assert_string_equal(user.roles[1], "viewer");
	assert_null(user.roles[2]);
	assert_false(user.disabled);
	assert_true(user.created_unix_s >= later(-60) && user.created_unix_s <= later(0));

	assert_int_equal(directory_user_add(p->directory, "dev@example.com", PASSWORD, NULL, &again, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(directory_user_add(p->directory, "x@example.com", PASSWORD, unknown, &again, &e), -1);
	assert_int_equal(e.code, ERR_INPUT);
	assert_non_null(strstr(e.text, "nobody"));
	assert_int_equal(directory_user_get(p->directory, "x@example.com", &again, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);

	assert_int_equal(directory_user_get(p->directory, "DEV@example.com", &again, &e), 0);
	assert_string_equal(again.id, user.id);
	directory_user_free(&again);
	assert_int_equal(directory_user_get(p->directory, user.id, &again, &e), 0);
	assert_string_equal(again.email, "dev@example.com");
	directory_user_free(&again);

	assert_int_equal(directory_user_set_roles(p->directory, user.id, unknown, &e), -1);
	assert_int_equal(e.code, ERR_INPUT);
	assert_int_equal(directory_user_get(p->directory, user.id, &again, &e), 0);
	assert_int_equal(words_count((const char *const *)again.roles), 2); /* as before */
	directory_user_free(&again);
	assert_int_equal(directory_user_set_roles(p->directory, "dev@example.com", NULL, &e), 0);

	user_make(p, "a@example.com", "viewer", NULL);
	assert_int_equal(directory_user_list(p->directory, &users, &count, &e), 0);
	assert_int_equal(count, 2);
	assert_string_equal(users[0].email, "a@example.com");
	assert_string_equal(users[0].roles[0], "viewer");
	assert_null(users[1].roles[0]);
	directory_user_free(&users[0]);
	directory_user_free(&users[1]);
	free(users);

	assert_int_equal(directory_user_remove(p->directory, "DEV@example.com", &e), 0);
	assert_int_equal(directory_user_remove(p->directory, user.id, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	directory_user_free(&user);
}

static void bad_users_are_refused(void **state)
{
	static const char *const emails[] = {
		"",	      "a",	       "@",		 "a@",		    "@b",	      "a b@c",
		"a@b c",      "a@b,c@d",       "a@b\r\nX: y",	 "system:admin",    "system:admin@x:y", "a@b:c",
		"a\"b@c",     "<a@b>",	       "a@b@c",		 "a@-b",	    "a@b-",	      "a@.b",
		"a@b.",	      "a@b..c",	       "\xc3\xa9@b",	 "a@\xc3\xa9",	    "a/b@c",	      "a\\b@c",
		"(a)@b",      "a;b@c",
	};
	static const struct span passwords[] = {
		{ "", 0 },
		{ "elevenchars", 11 },
		{ "with a nul \0 inside", 19 },
		{ "73-----------------------------------------------------------------------", 73 },
	};
	struct place *p = *state;
	struct directory_user user;
	AUTO_FREE char *longest = mem_new(70 * 1024);

	for (size_t i = 0; i < COUNT_OF(emails); i++) {
		struct err e = { 0 };

		if (directory_user_add(p->directory, emails[i], PASSWORD, NULL, &user, &e) == 0 || e.code != ERR_INPUT)
			fail_msg("%s: %s", emails[i], e.text);
	}
	for (size_t i = 0; i < COUNT_OF(passwords); i++) {
		struct err e = { 0 };

		if (directory_user_add(p->directory, "a@example.com", passwords[i], NULL, &user, &e) == 0 ||
		    e.code != ERR_INPUT)
			fail_msg("password %zu: %s", i, e.text);
	}
	memset(longest, 'a', 64 * 1024);
	longest[1] = '@';
	for (int i = 0; i < 2; i++) {
		struct err e = { 0 };

		assert_int_equal(directory_user_add(p->directory, longest, PASSWORD, NULL, &user, &e), -1);
		assert_int_equal(e.code, ERR_INPUT);
		assert_int_equal(directory_user_get(p->directory, longest, &user, &e), -1);
		assert_int_equal(e.code, ERR_NOT_FOUND);
		longest[256] = '\0';
	}
}

static void roles_come_and_go(void **state)
{
	struct place *p = *state;
	struct role *role = NULL, **roles;
	struct err e = { 0 };
	size_t count;

	assert_int_equal(directory_seed(p->directory, &e), 0);
	assert_int_equal(directory_seed(p->directory, &e), 0); /* adds nothing */
	assert_int_equal(directory_role_list(p->directory, &roles, &count, &e), 0);
	assert_int_equal(count, 3);
	assert_string_equal(roles[0]->name, "admin");
	assert_string_equal(roles[1]->name, "developer");
	assert_string_equal(roles[1]->rules[0].resources[2], "deployments");
	assert_string_equal(roles[2]->name, "viewer");
	assert_int_equal(directory_role_put(p->directory, roles[2], true, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(directory_role_put(p->directory, roles[2], false, &e), 0);
	for (size_t i = 0; i < count; i++)
		role_free(roles[i]);
	free(roles);

	role_make(p, "{\"name\":\"viewer\",\"clusters\":[]}");
	assert_int_equal(directory_role_get(p->directory, "viewer", &role, &e), 0);
	assert_int_equal(role->rule_count, 0);
	role_free(role);
	assert_int_equal(directory_role_get(p->directory, "Viewer", &role, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);

	user_make(p, "a@example.com", "viewer", NULL);
	assert_int_equal(directory_role_remove(p->directory, "viewer", &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_non_null(strstr(e.text, "a@example.com"));
	assert_int_equal(directory_user_remove(p->directory, "a@example.com", &e), 0);
	assert_int_equal(directory_role_remove(p->directory, "viewer", &e), 0);
	assert_int_equal(directory_role_remove(p->directory, "viewer", &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void document_parse(const char *text, struct role_document *ret_document)
{
	AUTO_JSON struct json *doc = NULL;
	struct err e = { 0 };

	assert_int_equal(json_parse(span_of(text), JSON_LIMITS(65536), &doc, &e), 0);
	if (role_document_parse(doc, ret_document, &e) < 0)
		fail_msg("%s", e.text);
}

static void a_document_is_applied_whole_or_not(void **state)
{
	static const char *const bad[] = {
		"{\"roles\":[{\"name\":\"new\"}],\"users\":[{\"email\":\"nobody@example.com\",\"roles\":[\"new\"]}]}",
		"{\"roles\":[{\"name\":\"new\"}],\"users\":[{\"email\":\"a@example.com\",\"roles\":[\"newer\"]}]}",
	};
	static const enum err_code codes[] = { ERR_NOT_FOUND, ERR_INPUT };
	struct place *p = *state;
	struct role_document doc;
	struct directory_user user;
	struct role *role = NULL;
	struct err e = { 0 };

	user_make(p, "a@example.com", NULL, NULL);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		document_parse(bad[i], &doc);
		assert_int_equal(directory_apply(p->directory, &doc, &e), -1);
		assert_int_equal(e.code, codes[i]);
		assert_non_null(strstr(e.text, "users[0]"));
		role_document_free(&doc);
		assert_int_equal(directory_role_get(p->directory, "new", &role, &e), -1);
	}
	document_parse("{\"roles\":[{\"name\":\"new\"},{\"name\":\"two\"}],"
		       "\"users\":[{\"email\":\"A@example.com\",\"roles\":[\"two\",\"new\",\"two\"]}]}", &doc);
	assert_int_equal(directory_apply(p->directory, &doc, &e), 0);
	role_document_free(&doc);
	assert_int_equal(directory_user_get(p->directory, "a@example.com", &user, &e), 0);
	assert_string_equal(user.roles[0], "new");
	assert_string_equal(user.roles[1], "two");
	assert_null(user.roles[2]);
	directory_user_free(&user);
}

/* Every way to lose the last administrator is closed, and with a second one open. */
static void one_administrator_remains(void **state)
{
	struct place *p = *state;
	struct role_document doc;
	struct err e = { 0 };
	struct role *role = NULL;
	char *viewer[] = { (char *)(uintptr_t)"viewer", NULL };

	assert_int_equal(directory_seed(p->directory, &e), 0);
	user_make(p, "ops@example.com", "admin", NULL);
	user_make(p, "dev@example.com", "developer", NULL);
	assert_int_equal(directory_user_remove(p->directory, "ops@example.com", &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(directory_user_change(p->directory, "ops@example.com", NULL, 1, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(directory_user_set_roles(p->directory, "ops@example.com", viewer, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	document_parse("{\"users\":[{\"email\":\"ops@example.com\",\"roles\":[\"viewer\"]}]}", &doc);
	assert_int_equal(directory_apply(p->directory, &doc, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	role_document_free(&doc);
	document_parse("{\"roles\":[{\"name\":\"admin\",\"clusters\":[]}]}", &doc);
	assert_int_equal(directory_apply(p->directory, &doc, &e), -1);
	assert_int_equal(directory_role_put(p->directory, doc.roles[0], false, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	role_document_free(&doc);
	assert_int_equal(directory_role_get(p->directory, "admin", &role, &e), 0);
	assert_int_equal(role->rule_count, 1);
	role_free(role);

	/* A disabled one does not count. */
	user_make(p, "two@example.com", "admin", NULL);
	assert_int_equal(directory_user_change(p->directory, "two@example.com", NULL, 1, &e), 0);
	assert_int_equal(directory_user_remove(p->directory, "ops@example.com", &e), -1);
	assert_int_equal(directory_user_change(p->directory, "two@example.com", NULL, 0, &e), 0);
	assert_int_equal(directory_user_remove(p->directory, "ops@example.com", &e), 0);
	/* Removing others is no matter. */
	assert_int_equal(directory_user_remove(p->directory, "dev@example.com", &e), 0);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, directory_set_up, directory_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(users_come_and_go),
		ROW(bad_users_are_refused),
		ROW(roles_come_and_go),
		ROW(a_document_is_applied_whole_or_not),
		ROW(one_administrator_remains),
	};
	struct err e = { 0 };

	if (crypto_init(&e) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
