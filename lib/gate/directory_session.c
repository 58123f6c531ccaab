/* Sessions in the directory: login, rotating refresh tokens, the own password. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/password.h"
#include "lib/crypto/random.h"
#include "lib/gate/directory_inner.h"

enum { USER_SESSIONS_MAX = 1000 }; /* the oldest ends when there are more */

#define REFRESH_PREFIX "mk8s-refresh-"

/* A user as login needs them. */
struct account {
	char id[37];
	char email[256];
	char hash[PASSWORD_HASH_SIZE];
	bool disabled;
};

/* 1, 0: there is none, -1. By id or e-mail in lower case. */
static int account_find(struct store *s, const char *key, struct account *ret_account,
			struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	int got;

	if (store_select(s, "SELECT id, email, password, disabled FROM users WHERE id = $1 OR email = $1",
			 STORE_ARGS(STORE_TEXT(key)), &rows, e) < 0)
		return -1;
	got = store_next(&rows, e);
	if (got <= 0)
		return got;
	if (span_to_str(store_bytes(&rows, 0), ret_account->id, sizeof(ret_account->id)) < 0 ||
	    span_to_str(store_bytes(&rows, 1), ret_account->email, sizeof(ret_account->email)) < 0 ||
	    span_to_str(store_bytes(&rows, 2), ret_account->hash, sizeof(ret_account->hash)) < 0)
		return err_set(e, ERR_CORRUPT, "the stored row of user \"%.100s\" is malformed", key);
	ret_account->disabled = store_int(&rows, 3) != 0;
	return 1;
}

struct login {
	const struct account *account;
	struct directory_session *session;
	char token_sha256[HASH_HEX_SIZE];
};

static int sessions_limit(struct store *s, const char *user_id, struct err *e)
{
	if (store_exec(s, "DELETE FROM sessions WHERE expires_unix_s <= $1",
		       STORE_ARGS(STORE_INT(clock_unix_s())), NULL, e) < 0)
		return -1;
	return store_exec(s,
			  "DELETE FROM sessions WHERE sid IN (SELECT sid FROM sessions WHERE user_id = $1 "
			  "ORDER BY created_unix_s DESC, sid LIMIT 1000000 OFFSET $2)",
			  STORE_ARGS(STORE_TEXT(user_id), STORE_INT(USER_SESSIONS_MAX - 1)), NULL, e);
}

static int token_insert(struct store *s, const struct directory_session *session,
			const char *sha256, struct err *e)
{
	return store_exec(s, "INSERT INTO refresh_tokens (token, sid, expires_unix_s) VALUES ($1, $2, $3)",
			  STORE_ARGS(STORE_TEXT(sha256), STORE_TEXT(session->sid), STORE_INT(session->expires_unix_s)),
			  NULL, e);
}

static int invalid_login(struct err *e)
{
	return err_set(e, ERR_AUTH, "the e-mail or the password is wrong");
}

/*
 * The user is looked at again: a password that was changed while the old one was verified opens
 * nothing.
 */
static int session_insert(struct store *s, void *arg, struct err *e)
{
	const struct login *login = arg;
	const struct directory_session *session = login->session;
	uint64_t added;

	if (sessions_limit(s, login->account->id, e) < 0 ||
	    store_exec(s,
		       "INSERT INTO sessions (sid, user_id, created_unix_s, expires_unix_s) "
		       "SELECT $1, id, $4, $5 FROM users WHERE id = $2 AND password = $3 AND disabled = 0",
		       STORE_ARGS(STORE_TEXT(session->sid), STORE_TEXT(login->account->id),
				  STORE_TEXT(login->account->hash), STORE_INT(clock_unix_s()),
				  STORE_INT(session->expires_unix_s)),
		       &added, e) < 0)
		return -1;
	return added ? token_insert(s, session, login->token_sha256, e) : invalid_login(e);
}

/* The same time and the same answer whether the user is unknown, disabled or the password wrong. */
static int account_verify(struct directory *d, const char *email, struct span password,
			  struct account *ret_account, struct err *e)
{
	char key[256];
	int found = directory_lower(email, key) < 0 ? 0 : account_find(d->store, key, ret_account, e);

	if (found < 0)
		return -1;
	if (found == 0) {
		password_dummy_verify(password);
		return invalid_login(e);
	}
	if (!password_verify(password, ret_account->hash) || ret_account->disabled ||
	    strcmp(key, ret_account->email) != 0)
		return invalid_login(e);
	return 0;
}

int directory_login(struct directory *d, const char *email, struct span password,
		    int64_t refresh_expires_unix_s, struct directory_session *ret_session,
		    char **ret_refresh_token, struct err *e)
{
	struct account account;
	struct directory_session session = { .expires_unix_s = refresh_expires_unix_s };
	struct login login = { .account = &account, .session = &session };
	AUTO_SECRET char *token = NULL;

	if (account_verify(d, email, password, &account, e) < 0)
		return -1;
	random_uuid(session.sid);
	memcpy(session.user_id, account.id, sizeof(session.user_id));
	memcpy(session.email, account.email, sizeof(session.email));
	token = directory_token_make(REFRESH_PREFIX, login.token_sha256);
	if (store_transaction(d->store, session_insert, &login, e) < 0)
		return -1;
	*ret_session = session;
	*ret_refresh_token = token;
	token = NULL;
	return 0;
}

struct refresh {
	char old_sha256[HASH_HEX_SIZE], new_sha256[HASH_HEX_SIZE];
	int64_t expires_unix_s;
	struct directory_session session;
	enum { REFRESH_DONE, REFRESH_UNKNOWN, REFRESH_REPLAYED } outcome;
};

/* The state of the token in `r->outcome`, and its session. */
static int refresh_find(struct store *s, struct refresh *r, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	int got;

	if (store_select(s,
			 "SELECT s.sid, u.id, u.email, u.disabled, t.used, t.expires_unix_s FROM refresh_tokens t "
			 "JOIN sessions s ON s.sid = t.sid JOIN users u ON u.id = s.user_id WHERE t.token = $1",
			 STORE_ARGS(STORE_TEXT(r->old_sha256)), &rows, e) < 0)
		return -1;
	r->outcome = REFRESH_UNKNOWN;
	got = store_next(&rows, e);
	if (got <= 0)
		return got;
	(void)span_to_str(store_bytes(&rows, 0), r->session.sid, sizeof(r->session.sid)); /* as we wrote them */
	(void)span_to_str(store_bytes(&rows, 1), r->session.user_id, sizeof(r->session.user_id));
	(void)span_to_str(store_bytes(&rows, 2), r->session.email, sizeof(r->session.email));
	if (store_int(&rows, 4) != 0)
		r->outcome = REFRESH_REPLAYED;
	else if (store_int(&rows, 3) == 0 && store_int(&rows, 5) > clock_unix_s())
		r->outcome = REFRESH_DONE;
	return 0;
}

static int refresh_rotate(struct store *s, struct refresh *r, struct err *e)
{
	r->session.expires_unix_s = r->expires_unix_s;
	if (store_exec(s, "UPDATE refresh_tokens SET used = 1 WHERE token = $1", STORE_ARGS(STORE_TEXT(r->old_sha256)),
		       NULL, e) < 0 ||
	    store_exec(s, "DELETE FROM refresh_tokens WHERE sid = $1 AND used = 1 AND expires_unix_s <= $2",
		       STORE_ARGS(STORE_TEXT(r->session.sid), STORE_INT(clock_unix_s())), NULL, e) < 0 ||
	    store_exec(s, "UPDATE sessions SET expires_unix_s = $2 WHERE sid = $1",
		       STORE_ARGS(STORE_TEXT(r->session.sid), STORE_INT(r->expires_unix_s)), NULL, e) < 0)
		return -1;
	return token_insert(s, &r->session, r->new_sha256, e);
}

/* Succeeds for a refused token, too: the end of a replayed session must be committed. */
static int refresh_run(struct store *s, void *arg, struct err *e)
{
	struct refresh *r = arg;

	if (refresh_find(s, r, e) < 0)
		return -1;
	if (r->outcome == REFRESH_DONE)
		return refresh_rotate(s, r, e);
	if (r->outcome == REFRESH_REPLAYED)
		return store_exec(s, "DELETE FROM sessions WHERE sid = $1",
				  STORE_ARGS(STORE_TEXT(r->session.sid)), NULL, e);
	return 0;
}

int directory_refresh(struct directory *d, const char *refresh_token,
		      int64_t refresh_expires_unix_s, struct directory_session *ret_session,
		      char **ret_refresh_token, struct err *e)
{
	struct refresh r = { .expires_unix_s = refresh_expires_unix_s };
	AUTO_SECRET char *token = directory_token_make(REFRESH_PREFIX, r.new_sha256);

	hash_sha256_hex(span_of(refresh_token), r.old_sha256);
	if (store_transaction(d->store, refresh_run, &r, e) < 0)
		return -1;
	if (r.outcome == REFRESH_REPLAYED)
		return err_set(e, ERR_AUTH,
			       "the refresh token was used before: its session has been ended");
	if (r.outcome == REFRESH_UNKNOWN)
		return err_set(e, ERR_AUTH, "the refresh token is not valid");
	*ret_session = r.session;
	*ret_refresh_token = token;
	token = NULL;
	return 0;
}

int directory_logout(struct directory *d, const char *refresh_token, struct err *e)
{
	char sha256[HASH_HEX_SIZE];

	hash_sha256_hex(span_of(refresh_token), sha256);
	return store_exec(d->store,
			  "DELETE FROM sessions WHERE sid = (SELECT sid FROM refresh_tokens WHERE token = $1)",
			  STORE_ARGS(STORE_TEXT(sha256)), NULL, e);
}

struct new_password {
	const struct account *account;
	const char *keep_sid;
	const char *hash;
};

static int password_update(struct store *s, void *arg, struct err *e)
{
	const struct new_password *new = arg;
	uint64_t changed;

	if (store_exec(s, "UPDATE users SET password = $3, updated_unix_s = $4 WHERE id = $1 AND password = $2",
		       STORE_ARGS(STORE_TEXT(new->account->id), STORE_TEXT(new->account->hash), STORE_TEXT(new->hash),
				  STORE_INT(clock_unix_s())),
		       &changed, e) < 0)
		return -1;
	if (!changed)
		return err_set(e, ERR_BUSY, "the password was changed by somebody else meanwhile");
	return store_exec(s, "DELETE FROM sessions WHERE user_id = $1 AND sid <> $2",
			  STORE_ARGS(STORE_TEXT(new->account->id), STORE_TEXT(new->keep_sid)), NULL, e);
}

int directory_password_change(struct directory *d, const char *user_id, const char *keep_sid,
			      struct span old_password, struct span new_password, struct err *e)
{
	struct account account;
	char hash[PASSWORD_HASH_SIZE];
	struct new_password new = { &account, keep_sid ? keep_sid : "", hash };
	int found;

	if (password_check(new_password, e) < 0)
		return err_context(e, "new");
	found = account_find(d->store, user_id, &account, e);
	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(e, ERR_NOT_FOUND, "there is no user \"%.100s\"", user_id);
	if (!password_verify(old_password, account.hash))
		return err_set(e, ERR_DENIED, "old: this is not the present password");
	if (password_hash(new_password, PASSWORD_COST, hash, e) < 0)
		return err_context(e, "new");
	return store_transaction(d->store, password_update, &new, e);
}
