/* Sessions in the directory: passwords, refresh tokens, the end of a session, what stands in the file. */
#include "tests/unit/directory_place.h"

#include <unistd.h>

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

	user_make(p, "a@example.com", NULL, NULL);
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

	user_make(p, "a@example.com", NULL, NULL);
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

static void sessions_end_in_time_and_by_logout(void **state)
{
	struct place *p = *state;
	struct directory_session session, next;
	AUTO_SECRET char *expired = NULL, *token = NULL, *unused = NULL;
	struct err e = { 0 };

	user_make(p, "a@example.com", NULL, NULL);
	assert_int_equal(directory_login(p->directory, "a@example.com", PASSWORD, later(-1), &session, &expired, &e), 0);
	assert_int_equal(directory_refresh(p->directory, expired, later(60), &next, &unused, &e), -1);
	assert_int_equal(e.code, ERR_AUTH);
	assert_int_equal(directory_login(p->directory, "a@example.com", PASSWORD, later(60), &next, &token, &e), 0);
	assert_false(session_lives(p, session.sid)); /* swept */
	assert_int_equal(directory_logout(p->directory, token, &e), 0);
	assert_false(session_lives(p, next.sid));
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

	user_make(p, "a@example.com", NULL, NULL);
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

	user_make(p, "a@example.com", NULL, NULL);
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

#define ROW(name) cmocka_unit_test_setup_teardown(name, directory_set_up, directory_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(login_opens_only_to_the_password),
		ROW(refresh_tokens_rotate_and_a_replay_ends_the_session),
		ROW(sessions_end_in_time_and_by_logout),
		ROW(a_new_password_ends_other_sessions),
		ROW(secrets_are_stored_hashed),
	};
	struct err e = { 0 };

	if (crypto_init(&e) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
