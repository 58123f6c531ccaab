/* Access tokens: the RS256 keys in the state directory, signing, verifying, rotating. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/crypto/random.h"
#include "lib/format/hex.h"
#include "lib/format/json.h"
#include "lib/gate/keys_inner.h"
#include "lib/gate/uuid.h"

#define ISSUER "mk8s-central"
#define AUDIENCE "mk8s"
#define FILE_PREFIX "jwt-"
#define FILE_SUFFIX ".key"

enum {
	LEEWAY_S = 5, /* a clock that was set back a little does not refuse its own fresh tokens */
	STAMP_LEN = 10,
};

/* A kid is "<10 digits: unix seconds of its making>-<8 digits>", so that names sort by age. */
static bool kid_valid(struct span kid)
{
	uint64_t ignored;
	uint8_t bytes[4];

	return kid.len == STAMP_LEN + 1 + 2 * sizeof(bytes) && kid.at[STAMP_LEN] == '-' &&
	       span_to_u64(span_from(kid.at, STAMP_LEN), INT64_MAX, &ignored) == 0 &&
	       hex_decode(span_from(kid.at + STAMP_LEN + 1, 2 * sizeof(bytes)), bytes,
			  sizeof(bytes)) == 0;
}

static int64_t kid_made_unix_s(const char *kid)
{
	uint64_t made = 0;

	(void)span_to_u64(span_from(kid, STAMP_LEN), INT64_MAX, &made); /* kid_valid has looked */
	return (int64_t)made;
}

static int compare_kids(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The kids of the folder's key files, oldest first. */
static int kids_read(const char *state_dir, struct token_key_set *t, struct err *e)
{
	DIR *dir = opendir(state_dir);
	const struct dirent *entry;

	if (!dir)
		return err_set_errno(e, ERR_IO, errno, "reading the state directory %s", state_dir);
	while ((entry = readdir(dir)) != NULL) {
		struct span name = span_of(entry->d_name), kid;

		if (!span_starts(name, SPAN(FILE_PREFIX)) || !span_ends(name, SPAN(FILE_SUFFIX)))
			continue;
		kid = span_from(name.at + sizeof(FILE_PREFIX) - 1,
				name.len - (sizeof(FILE_PREFIX) - 1) - (sizeof(FILE_SUFFIX) - 1));
		if (!kid_valid(kid))
			continue;
		if (t->count == KEYS_TOKEN_MAX) {
			(void)closedir(dir);
			return err_set(e, ERR_LIMIT, "more than %d token keys in %s",
				       KEYS_TOKEN_MAX, state_dir);
		}
		(void)span_to_str(kid, t->kid[t->count++], KEYS_KID_SIZE);
	}
	(void)closedir(dir);
	qsort(t->kid, t->count, sizeof(t->kid[0]), compare_kids);
	return 0;
}

static char *key_path(const char *state_dir, const char *kid)
{
	return mem_printf("%s/" FILE_PREFIX "%s" FILE_SUFFIX, state_dir, kid);
}

/* A new key, younger than `after_unix_s`, so that it sorts behind that one. */
static int key_make(const char *state_dir, int64_t after_unix_s, char ret_kid[KEYS_KID_SIZE],
		    struct err *e)
{
	AUTO_KEY struct key *key = NULL;
	AUTO_FREE char *path = NULL;
	int64_t made = clock_unix_s();
	uint8_t bytes[4];
	char digits[2 * sizeof(bytes) + 1], kid[KEYS_KID_SIZE];

	if (made <= after_unix_s)
		made = after_unix_s + 1;
	random_bytes(bytes, sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), digits);
	(void)snprintf(kid, sizeof(kid), "%010lld-%s", (long long)made, digits);
	path = key_path(state_dir, kid);
	if (key_generate(KEY_RSA_3072, &key, e) < 0 || key_save(key, path, e) < 0)
		return err_context(e, "making a token key");
	memcpy(ret_kid, kid, sizeof(kid));
	return 0;
}

static void set_free(struct token_key_set *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++)
		key_free(t->key[i]);
	free(t);
}

static int set_load(const char *state_dir, struct token_key_set *t, struct err *e)
{
	for (size_t i = 0; i < t->count; i++) {
		AUTO_FREE char *path = key_path(state_dir, t->kid[i]);

		if (key_load(path, &t->key[i], e) < 0)
			return err_context(e, "token key");
		if (!key_is_rsa(t->key[i]))
			return err_set(e, ERR_INPUT, "%s is no RSA key", path);
		t->jwt[i] = (struct jwt_key){ t->kid[i], t->key[i] };
	}
	return 0;
}

static int set_open(const char *state_dir, struct token_key_set **ret_set, struct err *e)
{
	struct token_key_set *t = mem_new(sizeof(*t));
	int rc = kids_read(state_dir, t, e);

	if (rc == 0 && t->count == 0) {
		rc = key_make(state_dir, 0, t->kid[0], e);
		t->count = rc == 0 ? 1 : 0;
	}
	if (rc < 0 || set_load(state_dir, t, e) < 0) {
		set_free(t);
		return -1;
	}
	*ret_set = t;
	return 0;
}

int token_keys_open(const char *state_dir, struct token_keys *t, struct err *e)
{
	if (set_open(state_dir, &t->set, e) < 0)
		return -1;
	(void)pthread_rwlock_init(&t->lock, NULL); /* cannot fail on Linux without attributes */
	return 0;
}

void token_keys_close(struct token_keys *t)
{
	if (t->set)
		(void)pthread_rwlock_destroy(&t->lock);
	set_free(t->set);
	t->set = NULL;
}

int keys_reload_tokens(struct keys *k, const char *state_dir, struct err *e)
{
	struct token_key_set *set, *old;

	if (set_open(state_dir, &set, e) < 0)
		return -1;
	(void)pthread_rwlock_wrlock(&k->tokens.lock);
	old = k->tokens.set;
	k->tokens.set = set;
	(void)pthread_rwlock_unlock(&k->tokens.lock);
	set_free(old);
	return 0;
}

static const struct token_key_set *set_hold(struct keys *k)
{
	(void)pthread_rwlock_rdlock(&k->tokens.lock);
	return k->tokens.set;
}

static void set_release(struct keys *k)
{
	(void)pthread_rwlock_unlock(&k->tokens.lock);
}

/* Key i was replaced when key i + 1 was made; the last one signs until now. Gives how many stay. */
static int keys_prune(const char *state_dir, const struct token_key_set *t, int64_t keep_s,
		      size_t *ret_left, struct err *e)
{
	size_t left = t->count;

	for (size_t i = 0; i + 1 < t->count; i++) {
		AUTO_FREE char *path = key_path(state_dir, t->kid[i]);

		if (kid_made_unix_s(t->kid[i + 1]) + keep_s >= clock_unix_s())
			continue;
		if (unlink(path) < 0)
			return err_set_errno(e, ERR_IO, errno, "removing %s", path);
		left--;
	}
	*ret_left = left;
	return 0;
}

int keys_rotate(const char *state_dir, int64_t keep_s, struct err *e)
{
	struct token_key_set t = { 0 };
	char kid[KEYS_KID_SIZE];
	size_t left = 0;

	if (kids_read(state_dir, &t, e) < 0 || keys_prune(state_dir, &t, keep_s, &left, e) < 0)
		return -1;
	if (left == KEYS_TOKEN_MAX)
		return err_set(e, ERR_LIMIT, "%zu token keys still verify; wait until the oldest tokens have ended",
			       left);
	return key_make(state_dir, t.count ? kid_made_unix_s(t.kid[t.count - 1]) : 0, kid, e);
}

int keys_token_sign(struct keys *k, const char *user_id, const char *email, const char *sid,
		    int64_t expires_unix_s, struct buf *ret_token, struct err *e)
{
	AUTO_JSON struct json *claims = json_new_object();
	const struct token_key_set *set;
	int64_t now = clock_unix_s();
	int rc;

	json_set_str(claims, "iss", ISSUER);
	json_set_str(claims, "aud", AUDIENCE);
	json_set_str(claims, "sub", user_id);
	json_set_str(claims, "email", email);
	json_set_str(claims, "sid", sid);
	json_set_int(claims, "iat", now);
	json_set_int(claims, "nbf", now);
	json_set_int(claims, "exp", expires_unix_s);
	set = set_hold(k);
	rc = jwt_sign(claims, &set->jwt[set->count - 1], ret_token, e);
	set_release(k);
	return rc;
}

static int claims_read(const struct json *claims, int64_t now_unix_s, struct keys_token *ret_token,
		       struct err *e)
{
	struct keys_token token = { 0 };
	const char *sid = json_str(claims, "sid"), *email = json_str(claims, "email");

	if (!sid || !uuid_valid(span_of(sid)) || !email ||
	    span_to_str(span_of(email), token.email, sizeof(token.email)) < 0 ||
	    json_int(claims, "exp", &token.expires_unix_s) < 0)
		return err_set(e, ERR_AUTH, "the token names no session");
	if (token.expires_unix_s <= now_unix_s) /* the leeway is for clocks that were set back, not for this */
		return err_set(e, ERR_AUTH, "the token has expired");
	memcpy(token.sid, sid, sizeof(token.sid));
	*ret_token = token;
	return 0;
}

int keys_token_verify(struct keys *k, struct span token, struct keys_token *ret_token,
		      struct err *e)
{
	AUTO_JSON struct json *claims = NULL;
	const struct token_key_set *set = set_hold(k);
	struct jwt_rules rules = {
		.keys = set->jwt,
		.key_count = set->count,
		.issuer = ISSUER,
		.audience = AUDIENCE,
		.now_unix_s = clock_unix_s(),
		.leeway_s = LEEWAY_S,
	};
	int rc = jwt_verify(token, &rules, &claims, e);

	set_release(k);
	return rc < 0 ? -1 : claims_read(claims, rules.now_unix_s, ret_token, e);
}

void keys_jwks_print(struct keys *k, struct buf *into)
{
	struct err ignored = { 0 }; /* the keys are RSA, and a full buffer remembers it */
	const struct token_key_set *set = set_hold(k);

	(void)jwt_put_jwks(set->jwt, set->count, into, &ignored);
	set_release(k);
}
