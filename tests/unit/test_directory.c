/* The directory on a real file: users, roles, clusters, tokens, certificates, sessions, the last administrator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/crypto/random.h"
#include "lib/format/json.h"
#include "lib/gate/directory.h"
#include "lib/gate/words.h"

#define PASSWORD SPAN("correct horse battery")

struct place {
	char folder[64];
	char path[80];
	struct store *store;
	struct directory *directory;
};

static int set_up(void **state)
{
	struct place *p = mem_new(sizeof(*p));
	struct store_options o = { .migrations = directory_migrations, .migration_count = directory_migration_count };
	struct err e = { 0 };

	(void)snprintf(p->folder, sizeof(p->folder), "/tmp/mk8s-directory-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	(void)snprintf(p->path, sizeof(p->path), "%s/db", p->folder);
	if (store_open(p->path, &o, &p->store, &e) < 0 || directory_open(p->store, &p->directory, &e) < 0)
		fail_msg("%s", e.text);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const endings[] = { "", "-wal", "-shm" };
	struct place *p = *state;

	directory_free(p->directory);
	store_close(p->store);
	for (size_t i = 0; i < COUNT_OF(endings); i++) {
		AUTO_FREE char *path = mem_printf("%s%s", p->path, endings[i]);

		(void)unlink(path);
	}
	assert_int_equal(rmdir(p->folder), 0);
	free(p);
	return 0;
}

static void user_make(struct place *p, const char *email, const char *role)
{
	char *roles[] = { (char *)(uintptr_t)role, NULL };
	struct directory_user user;
	struct err e = { 0 };

	if (directory_user_add(p->directory, email, PASSWORD, role ? roles : NULL, &user, &e) < 0)
		fail_msg("%s: %s", email, e.text);
	directory_user_free(&user);
}

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

static int64_t later(int64_t s)
{
	return clock_unix_s() + s;
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

	user_make(p, "a@example.com", "viewer");
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

	user_make(p, "a@example.com", "viewer");
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

	user_make(p, "a@example.com", NULL);
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
	user_make(p, "ops@example.com", "admin");
	user_make(p, "dev@example.com", "developer");
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
	user_make(p, "two@example.com", "admin");
	assert_int_equal(directory_user_change(p->directory, "two@example.com", NULL, 1, &e), 0);
	assert_int_equal(directory_user_remove(p->directory, "ops@example.com", &e), -1);
	assert_int_equal(directory_user_change(p->directory, "two@example.com", NULL, 0, &e), 0);
	assert_int_equal(directory_user_remove(p->directory, "ops@example.com", &e), 0);
	/* Removing others is no matter. */
	assert_int_equal(directory_user_remove(p->directory, "dev@example.com", &e), 0);
}

static void clusters_and_join_tokens(void **state)
{
	struct place *p = *state;
	AUTO_JSON struct json *labels = json_new_object();
	AUTO_SECRET char *token = NULL, *newer = NULL, *other = NULL;
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
	assert_int_equal(directory_cluster_add(p->directory, "prod-1.eu", NULL, &again, &other, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(directory_cluster_add(p->directory, "dev", NULL, &again, &other, &e), 0);
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

	assert_int_equal(directory_cluster_list(p->directory, &clusters, &count, &e), 0);
	assert_int_equal(count, 2);
	assert_string_equal(clusters[0].name, "dev");
	directory_cluster_free(&clusters[0]);
	directory_cluster_free(&clusters[1]);
	free(clusters);

	assert_int_equal(directory_cert_add(p->directory, "0a1b", cluster.id, later(60), &e), 0);
	assert_int_equal(directory_cert_add(p->directory, "0a1b", cluster.id, later(60), &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(directory_cert_revoke(p->directory, "0a1b", &e), 0);
	assert_int_equal(directory_cert_revoke(p->directory, "0a1b", &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(directory_cert_add(p->directory, "0a1c", cluster.id, later(60), &e), 0);
	assert_int_equal(directory_cluster_remove(p->directory, "prod-1.eu", &e), 0);
	assert_int_equal(directory_cert_revoke(p->directory, "0a1c", &e), -1); /* went with it */
	assert_int_equal(directory_cert_add(p->directory, "0a1d", cluster.id, later(60), &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(directory_token_check(p->directory, newer, "prod-1.eu", &again, &e), -1);
	assert_int_equal(directory_cluster_remove(p->directory, "prod-1.eu", &e), -1);
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

static bool session_lives(struct place *p, const char *sid)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	struct err e = { 0 };

	assert_int_equal(store_select(p->store, "SELECT 1 FROM sessions WHERE sid = $1", STORE_ARGS(STORE_TEXT(sid)),
				      &rows, &e), 0);
	return store_next(&rows, &e) == 1;
}

static void login_opens_only_to_the_password(void **state)
{
	static const struct {
		const char *email;
		struct span password;
	} wrong[] = {
		{ "a@example.com", { "correct horse batterx", 21 } },
		{ "a@example.com", { "correct horse battery ", 22 } },
		{ "a@example.com", { "correct horse battery\0", 22 } },
		{ "a@example.com", { "", 0 } },
		{ "b@example.com", { "correct horse battery", 21 } },
		{ "", { "correct horse battery", 21 } },
	};
	struct place *p = *state;
	struct directory_session session;
	struct directory_user user;
	AUTO_SECRET char *token = NULL, *unused = NULL;
	struct err e = { 0 };

	user_make(p, "a@example.com", NULL);
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		err_clear(&e);
		if (directory_login(p->directory, wrong[i].email, wrong[i].password, later(60), &session, &unused, &e) == 0 ||
		    e.code != ERR_AUTH || strcmp(e.text, "the e-mail or the password is wrong") != 0)
			fail_msg("login row %zu: %s", i, e.text);
	}
	assert_int_equal(directory_login(p->directory, "A@example.com", PASSWORD, later(60), &session, &token, &e), 0);
	assert_string_equal(session.email, "a@example.com");
	assert_true(session_lives(p, session.sid));
	assert_int_equal(directory_user_get(p->directory, "a@example.com", &user, &e), 0);
	assert_string_equal(session.user_id, user.id);
	/* The id is no login name. */
	assert_int_equal(directory_login(p->directory, user.id, PASSWORD, later(60), &session, &unused, &e), -1);
	directory_user_free(&user);
	/* Disabled: the session ends, and there is no new one. */
	assert_int_equal(directory_user_change(p->directory, "a@example.com", NULL, 1, &e), 0);
	assert_false(session_lives(p, session.sid));
	assert_int_equal(directory_login(p->directory, "a@example.com", PASSWORD, later(60), &session, &unused, &e), -1);
	assert_int_equal(e.code, ERR_AUTH);
	assert_int_equal(directory_refresh(p->directory, token, later(60), &session, &unused, &e), -1);
	assert_int_equal(e.code, ERR_AUTH);
}

static void refresh_tokens_rotate_and_a_replay_ends_the_session(void **state)
{
	struct place *p = *state;
	struct directory_session first, second, other;
	AUTO_SECRET char *a = NULL, *b = NULL, *c = NULL, *of_other = NULL, *unused = NULL;
	struct err e = { 0 };

	user_make(p, "a@example.com", NULL);
	assert_int_equal(directory_login(p->directory, "a@example.com", PASSWORD, later(60), &first, &a, &e), 0);
	assert_int_equal(directory_login(p->directory, "a@example.com", PASSWORD, later(60), &other, &of_other, &e), 0);
	assert_string_not_equal(first.sid, other.sid);
	assert_int_equal(directory_refresh(p->directory, a, later(120), &second, &b, &e), 0);
	assert_string_equal(second.sid, first.sid);
	assert_string_equal(second.email, "a@example.com");
	assert_true(second.expires_unix_s >= later(110));
	assert_string_not_equal(a, b);
	assert_int_equal(directory_refresh(p->directory, b, later(120), &second, &c, &e), 0);
	/* The first one again: the thief or the owner, nobody can tell. */
	assert_int_equal(directory_refresh(p->directory, a, later(120), &second, &unused, &e), -1);
	assert_int_equal(e.code, ERR_AUTH);
	assert_false(session_lives(p, first.sid));
	assert_int_equal(directory_refresh(p->directory, c, later(120), &second, &unused, &e), -1);
	assert_int_equal(e.code, ERR_AUTH);
	assert_true(session_lives(p, other.sid));
	assert_int_equal(directory_refresh(p->directory, "", later(120), &second, &unused, &e), -1);
	assert_int_equal(e.code, ERR_AUTH);
	assert_int_equal(directory_logout(p->directory, of_other, &e), 0);
	assert_false(session_lives(p, other.sid));
	assert_int_equal(directory_logout(p->directory, of_other, &e), 0);
	assert_int_equal(directory_logout(p->directory, "nonsense", &e), 0);
}

static void sessions_end_in_time_and_by_name(void **state)
{
	struct place *p = *state;
	struct directory_session session, next;
	AUTO_SECRET char *expired = NULL, *token = NULL, *unused = NULL;
	struct err e = { 0 };

	user_make(p, "a@example.com", NULL);
	assert_int_equal(directory_login(p->directory, "a@example.com", PASSWORD, later(-1), &session, &expired, &e), 0);
	assert_int_equal(directory_refresh(p->directory, expired, later(60), &next, &unused, &e), -1);
	assert_int_equal(e.code, ERR_AUTH);
	assert_int_equal(directory_login(p->directory, "a@example.com", PASSWORD, later(60), &next, &token, &e), 0);
	assert_false(session_lives(p, session.sid)); /* swept */
	assert_int_equal(directory_session_end(p->directory, next.sid, &e), 0);
	assert_false(session_lives(p, next.sid));
	assert_int_equal(directory_session_end(p->directory, next.sid, &e), 0);
	assert_int_equal(directory_refresh(p->directory, token, later(60), &next, &unused, &e), -1);
}

static void a_new_password_ends_other_sessions(void **state)
{
	static const struct span new_password = { "another good password", 21 };
	static const struct span password = { "correct horse battery", 21 };
	struct place *p = *state;
	struct directory_session one, two;
	AUTO_SECRET char *a = NULL, *b = NULL, *unused = NULL;
	struct err e = { 0 };

	user_make(p, "a@example.com", NULL);
	assert_int_equal(directory_login(p->directory, "a@example.com", PASSWORD, later(60), &one, &a, &e), 0);
	assert_int_equal(directory_login(p->directory, "a@example.com", PASSWORD, later(60), &two, &b, &e), 0);
	assert_int_equal(directory_password_change(p->directory, one.user_id, one.sid, SPAN("wrong password"), new_password,
						   &e), -1);
	assert_int_equal(e.code, ERR_DENIED);
	assert_int_equal(directory_password_change(p->directory, one.user_id, one.sid, PASSWORD, SPAN("short"), &e), -1);
	assert_int_equal(e.code, ERR_INPUT);
	assert_true(strncmp(e.text, "new: ", 5) == 0);
	assert_true(session_lives(p, two.sid));
	assert_int_equal(directory_password_change(p->directory, one.user_id, one.sid, PASSWORD, new_password, &e), 0);
	assert_true(session_lives(p, one.sid));
	assert_false(session_lives(p, two.sid));
	assert_int_equal(directory_login(p->directory, "a@example.com", PASSWORD, later(60), &two, &unused, &e), -1);
	/* An administrator's new password ends them all. */
	assert_int_equal(directory_user_change(p->directory, "a@example.com", &password, -1, &e), 0);
	assert_false(session_lives(p, one.sid));
	assert_int_equal(directory_login(p->directory, "a@example.com", PASSWORD, later(60), &two, &unused, &e), 0);
	assert_int_equal(directory_password_change(p->directory, "nobody", NULL, PASSWORD, new_password, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
}

/* No secret stands in the file. */
static void secrets_are_stored_hashed(void **state)
{
	struct place *p = *state;
	struct directory_cluster cluster;
	struct directory_session session;
	AUTO_SECRET char *join = NULL, *refresh = NULL;
	static const char *const endings[] = { "", "-wal" };
	struct err e = { 0 };

	user_make(p, "a@example.com", NULL);
	assert_int_equal(directory_login(p->directory, "a@example.com", PASSWORD, later(60), &session, &refresh, &e), 0);
	assert_int_equal(directory_cluster_add(p->directory, "c", NULL, &cluster, &join, &e), 0);
	directory_cluster_free(&cluster);
	for (size_t i = 0; i < COUNT_OF(endings); i++) {
		AUTO_FREE char *path = mem_printf("%s%s", p->path, endings[i]);
		AUTO_FREE char *bytes = mem_new(8 * 1024 * 1024);
		FILE *file = fopen(path, "rb");
		size_t len;

		assert_non_null(file);
		len = fread(bytes, 1, 8 * 1024 * 1024, file);
		(void)fclose(file);
		assert_null(memmem(bytes, len, refresh, strlen(refresh)));
		assert_null(memmem(bytes, len, join, strlen(join)));
		assert_null(memmem(bytes, len, PASSWORD.at, PASSWORD.len));
		if (i == 1)
			assert_non_null(memmem(bytes, len, session.sid, strlen(session.sid)));
	}
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(users_come_and_go),
		ROW(bad_users_are_refused),
		ROW(roles_come_and_go),
		ROW(a_document_is_applied_whole_or_not),
		ROW(one_administrator_remains),
		ROW(clusters_and_join_tokens),
		ROW(bad_clusters_are_refused),
		ROW(login_opens_only_to_the_password),
		ROW(refresh_tokens_rotate_and_a_replay_ends_the_session),
		ROW(sessions_end_in_time_and_by_name),
		ROW(a_new_password_ends_other_sessions),
		ROW(secrets_are_stored_hashed),
	};
	struct err e = { 0 };

	if (crypto_init(&e) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
