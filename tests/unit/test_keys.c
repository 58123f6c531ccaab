/* The state directory's keys: made once, found again, refused when open to others; certificates and tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/crypto/cert.h"
#include "lib/crypto/jwt.h"
#include "lib/crypto/key.h"
#include "lib/crypto/random.h"
#include "lib/format/json.h"
#include "lib/gate/keys.h"

static const char cluster_id[] = "0b0b0b0b-0b0b-4b0b-8b0b-0b0b0b0b0b0b";
static const char sid[] = "1c1c1c1c-1c1c-4c1c-8c1c-1c1c1c1c1c1c";

struct place {
	char folder[64];
	char state[80];
	struct keys *keys; /* open on `state` */
};

static void folder_remove(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL) {
		AUTO_FREE char *file = mem_printf("%s/%s", path, entry->d_name);

		(void)unlink(file);
	}
	if (dir)
		(void)closedir(dir);
	assert_int_equal(rmdir(path), 0);
}

static int group_set_up(void **state)
{
	struct place *p = mem_new(sizeof(*p));
	struct err e = { 0 };

	(void)snprintf(p->folder, sizeof(p->folder), "/tmp/mk8s-keys-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	(void)snprintf(p->state, sizeof(p->state), "%s/state", p->folder);
	if (keys_open(p->state, &p->keys, &e) < 0)
		fail_msg("%s", e.text);
	*state = p;
	return 0;
}

static int group_tear_down(void **state)
{
	struct place *p = *state;

	keys_free(p->keys);
	folder_remove(p->state);
	folder_remove(p->folder);
	free(p);
	return 0;
}

/* The token key's path; the caller frees it. `count` is how many there are. */
static char *token_key_path(struct place *p, size_t *ret_count)
{
	DIR *dir = opendir(p->state);
	const struct dirent *entry;
	char *path = NULL;

	*ret_count = 0;
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, "jwt-", 4) != 0)
			continue;
		free(path);
		path = mem_printf("%s/%s", p->state, entry->d_name);
		(*ret_count)++;
	}
	(void)closedir(dir);
	return path;
}

static void what_is_made_is_private(void **state)
{
	static const char *const files[] = { "ca.crt", "ca.key", "audit.key", "seal.key" };
	struct place *p = *state;
	AUTO_FREE char *token_path = NULL;
	struct stat st;
	size_t count;

	assert_int_equal(stat(p->state, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		AUTO_FREE char *path = mem_printf("%s/%s", p->state, files[i]);

		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	token_path = token_key_path(p, &count);
	assert_int_equal(count, 1);
	assert_int_equal(stat(token_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void what_is_there_is_found_again(void **state)
{
	struct place *p = *state;
	AUTO_BUF struct buf token;
	struct keys_token read;
	struct keys *again = NULL;
	struct err e = { 0 };
	size_t count;
	AUTO_FREE char *path = NULL;

	buf_init(&token, JWT_MAX_LEN);
	assert_int_equal(keys_token_sign(p->keys, "u", "a@example.com", sid, clock_unix_s() + 60, &token, &e), 0);
	assert_int_equal(keys_open(p->state, &again, &e), 0);
	assert_string_equal(keys_ca_sha256(again), keys_ca_sha256(p->keys));
	assert_string_equal(keys_ca_pem(again), keys_ca_pem(p->keys));
	assert_int_equal(keys_token_verify(again, buf_span(&token), &read, &e), 0);
	path = token_key_path(p, &count);
	assert_int_equal(count, 1);
	keys_free(again);
	keys_free(NULL);
}

static void a_state_directory_open_to_others_is_refused(void **state)
{
	static const mode_t modes[] = { 0755, 0750, 0701, 0770, 0702, 0777 };
	struct place *p = *state;
	AUTO_FREE char *file = mem_printf("%s/file", p->folder), *deep = mem_printf("%s/a/b", p->folder);
	struct keys *keys = NULL;
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT_OF(modes); i++) {
		assert_int_equal(chmod(p->state, modes[i]), 0);
		if (keys_open(p->state, &keys, &e) == 0 || e.code != ERR_IO || !strstr(e.text, "0700"))
			fail_msg("mode %04o: %s", modes[i], e.text);
	}
	assert_int_equal(chmod(p->state, 0700), 0);
	assert_int_equal(file_write_atomic(file, SPAN("x"), 0600, &e), 0);
	assert_int_equal(keys_open(file, &keys, &e), -1);
	assert_non_null(strstr(e.text, "no directory"));
	assert_int_equal(keys_open(deep, &keys, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	(void)unlink(file);
}

static void damaged_files_are_refused_and_kept(void **state)
{
	static const char *const files[] = { "ca.key", "ca.crt", "audit.key", "seal.key" };
	struct place *p = *state;

	for (size_t i = 0; i < COUNT_OF(files); i++) {
		AUTO_FREE char *path = mem_printf("%s/%s", p->state, files[i]);
		AUTO_BUF struct buf good, now;
		struct keys *keys = NULL;
		struct err e = { 0 };

		buf_init(&good, 65536);
		buf_init(&now, 65536);
		assert_int_equal(file_read(path, &good, &e), 0);
		assert_int_equal(file_write_atomic(path, SPAN("-----BEGIN NOTHING-----\n"), 0600, &e), 0);
		if (keys_open(p->state, &keys, &e) == 0)
			fail_msg("a damaged %s was taken", files[i]);
		assert_int_equal(file_read(path, &now, &e), 0);
		assert_string_equal(buf_str(&now), "-----BEGIN NOTHING-----\n");
		assert_int_equal(file_write_atomic(path, buf_span(&good), 0600, &e), 0);
	}
	{
		AUTO_FREE char *path = mem_printf("%s/ca.key", p->state), *away = mem_printf("%s/ca.away", p->state);
		struct keys *keys = NULL;
		struct err e = { 0 };

		assert_int_equal(rename(path, away), 0);
		assert_int_equal(keys_open(p->state, &keys, &e), -1); /* a CA that agents are pinned to is not replaced */
		assert_int_equal(rename(away, path), 0);
	}
}

static void server_leaves_come_with_the_ca(void **state)
{
	static const char *const names[] = { "central.example.com", "127.0.0.1" };
	struct place *p = *state;
	AUTO_BUF struct buf chain, key;
	struct span rest, pem;
	struct cert_info info;
	struct err e = { 0 };

	buf_init(&chain, 65536);
	buf_init_secret(&key, 65536);
	if (keys_issue_server(p->keys, names, 2, &chain, &key, &e) < 0)
		fail_msg("%s", e.text);
	rest = buf_span(&chain);
	assert_true(cert_next_pem(&rest, &pem));
	assert_int_equal(cert_parse(pem, &info, &e), 0);
	assert_string_equal(info.common_name, "central.example.com");
	assert_false(info.is_ca);
	assert_true(info.not_after_unix_s > clock_unix_s() + 89 * 86400);
	assert_true(cert_next_pem(&rest, &pem));
	assert_int_equal(cert_parse(pem, &info, &e), 0);
	assert_true(info.is_ca);
	assert_string_equal(info.pin, keys_ca_sha256(p->keys));
	assert_false(cert_next_pem(&rest, &pem));
}

static void agents_get_certificates_of_their_cluster(void **state)
{
	struct place *p = *state;
	struct key *key = NULL;
	AUTO_BUF struct buf csr, cert, leaf, leaf_key;
	char id[37], serial[CERT_SERIAL_SIZE], read_serial[CERT_SERIAL_SIZE], tiny[4];
	static const char *const names[] = { "x" };
	int64_t expires, read_expires;
	struct err e = { 0 };

	buf_init(&csr, 65536);
	buf_init(&cert, 65536);
	buf_init(&leaf, 65536);
	buf_init_secret(&leaf_key, 65536);
	assert_int_equal(key_generate(KEY_P256, &key, &e), 0);
	assert_int_equal(csr_create(key, "somebody else", &csr, &e), 0);
	if (keys_issue_agent(p->keys, buf_str(&csr), cluster_id, 3600, &cert, serial, sizeof(serial), &expires, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(expires > clock_unix_s() + 3500 && expires < clock_unix_s() + 3700);
	if (keys_agent_cert_read(buf_span(&cert), id, read_serial, sizeof(read_serial), &read_expires, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(id, cluster_id);
	assert_string_equal(serial, read_serial);
	assert_true(expires == read_expires);
	assert_int_equal(keys_agent_cert_read(buf_span(&cert), id, tiny, sizeof(tiny), &read_expires, &e), -1);
	/* What is no agent's certificate names no cluster. */
	assert_int_equal(keys_agent_cert_read(span_of(keys_ca_pem(p->keys)), id, serial, sizeof(serial), &expires, &e), -1);
	assert_int_equal(e.code, ERR_AUTH);
	assert_int_equal(keys_issue_server(p->keys, names, 1, &leaf, &leaf_key, &e), 0);
	assert_int_equal(keys_agent_cert_read(buf_span(&leaf), id, serial, sizeof(serial), &expires, &e), -1);
	assert_int_equal(e.code, ERR_AUTH);
	assert_int_equal(keys_agent_cert_read(SPAN("rubbish"), id, serial, sizeof(serial), &expires, &e), -1);
	/* Nor is one made of rubbish. */
	assert_int_equal(keys_issue_agent(p->keys, "rubbish", cluster_id, 3600, &cert, serial, sizeof(serial), &expires,
					  &e), -1);
	assert_int_equal(keys_issue_agent(p->keys, buf_str(&csr), "prod-1", 3600, &cert, serial, sizeof(serial), &expires,
					  &e), -1);
	assert_int_equal(keys_issue_agent(p->keys, buf_str(&csr), cluster_id, 0, &cert, serial, sizeof(serial), &expires,
					  &e), -1);
	key_free(key);
}

static void a_token_says_what_was_signed(void **state)
{
	struct place *p = *state;
	AUTO_BUF struct buf token;
	struct keys_token read;
	int64_t expires_s = clock_unix_s() + 60;
	struct err e = { 0 };

	buf_init(&token, JWT_MAX_LEN);
	assert_int_equal(keys_token_sign(p->keys, "u", "a@example.com", sid, expires_s, &token, &e), 0);
	assert_int_equal(keys_token_verify(p->keys, buf_span(&token), &read, &e), 0);
	assert_string_equal(read.sid, sid);
	assert_string_equal(read.email, "a@example.com");
	assert_true(read.expires_unix_s == expires_s);
	for (size_t i = 0; i < token.len; i += 7) {
		char was = token.at[i];

		token.at[i] = was == 'A' ? 'B' : 'A';
		err_clear(&e);
		if (keys_token_verify(p->keys, buf_span(&token), &read, &e) == 0 || e.code != ERR_AUTH)
			fail_msg("byte %zu changed: %s", i, e.text);
		token.at[i] = was;
	}
	assert_int_equal(keys_token_verify(p->keys, span_from(token.at, token.len - 1), &read, &e), -1);
	assert_int_equal(keys_token_verify(p->keys, SPAN_NONE, &read, &e), -1);
}

/* Signed with central's own key, but not as central signs. */
static void wrong_claims_are_refused(void **state)
{
	static const char *const texts[] = {
		"{\"iss\":\"mk8s-central\",\"aud\":\"mk8s\",\"sid\":\"%s\",\"email\":\"a@b\",\"exp\":%lld}", /* good */
		"{\"iss\":\"other\",\"aud\":\"mk8s\",\"sid\":\"%s\",\"email\":\"a@b\",\"exp\":%lld}",
		"{\"iss\":\"mk8s-central\",\"aud\":\"other\",\"sid\":\"%s\",\"email\":\"a@b\",\"exp\":%lld}",
		"{\"iss\":\"mk8s-central\",\"aud\":\"mk8s\",\"sid\":\"%s\",\"exp\":%lld}",
		"{\"iss\":\"mk8s-central\",\"aud\":\"mk8s\",\"sid\":\"x%s\",\"email\":\"a@b\",\"exp\":%lld}",
		"{\"iss\":\"mk8s-central\",\"aud\":\"mk8s\",\"sub\":\"%s\",\"email\":\"a@b\",\"exp\":%lld}",
		"{\"iss\":\"mk8s-central\",\"aud\":\"mk8s\",\"sid\":\"%s\",\"email\":7,\"exp\":%lld}",
		"{\"iss\":\"mk8s-central\",\"aud\":\"mk8s\",\"sid\":\"%s\",\"email\":\"a@b\",\"nbf\":99999999999,\"exp\":%lld}",
		"{\"iss\":\"mk8s-central\",\"aud\":\"mk8s\",\"sid\":\"%s\",\"email\":\"a@b\",\"expires\":%lld}",
	};
	struct place *p = *state;
	struct key *key = NULL;
	size_t count;
	AUTO_FREE char *path = token_key_path(p, &count);
	char kid[64];
	struct err e = { 0 };

	assert_int_equal(count, 1);
	(void)snprintf(kid, sizeof(kid), "%.*s", (int)(strlen(path) - strlen(p->state) - 9), path + strlen(p->state) + 5);
	assert_int_equal(key_load(path, &key, &e), 0);
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		AUTO_JSON struct json *claims = NULL;
		AUTO_BUF struct buf token, text;
		struct jwt_key with = { kid, key };
		struct keys_token read;

		buf_init(&token, JWT_MAX_LEN);
		buf_init(&text, 4096);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)buf_printf(&text, texts[i], sid, (long long)clock_unix_s() + 60);
#pragma GCC diagnostic pop
		assert_int_equal(json_parse(buf_span(&text), JSON_LIMITS(4096), &claims, &e), 0);
		assert_int_equal(jwt_sign(claims, &with, &token, &e), 0);
		err_clear(&e);
		if (keys_token_verify(p->keys, buf_span(&token), &read, &e) != (i == 0 ? 0 : -1) ||
		    e.code != (i == 0 ? ERR_NONE : ERR_AUTH))
			fail_msg("%s: %s", texts[i], e.text);
	}
	key_free(key);
}

static void an_ended_token_is_refused(void **state)
{
	static const int64_t ages_s[] = { 0, 1, 4, 60, 86400 };
	struct place *p = *state;

	for (size_t i = 0; i < COUNT_OF(ages_s); i++) {
		AUTO_BUF struct buf token;
		struct keys_token read;
		struct err e = { 0 };

		buf_init(&token, JWT_MAX_LEN);
		assert_int_equal(keys_token_sign(p->keys, "u", "a@example.com", sid, clock_unix_s() - ages_s[i], &token, &e),
				 0);
		if (keys_token_verify(p->keys, buf_span(&token), &read, &e) == 0 || e.code != ERR_AUTH)
			fail_msg("ended %lld s ago", (long long)ages_s[i]);
	}
}

static size_t jwks_count(struct keys *keys)
{
	AUTO_JSON struct json *doc = NULL;
	AUTO_BUF struct buf text;
	struct err e = { 0 };

	buf_init(&text, 65536);
	keys_jwks_print(keys, &text);
	if (json_parse(buf_span(&text), JSON_LIMITS(65536), &doc, &e) < 0)
		fail_msg("%s", e.text);
	for (const struct json *key = json_first(json_get(doc, "keys")); key; key = json_next(key)) {
		assert_string_equal(json_str(key, "kty"), "RSA");
		assert_non_null(json_str(key, "kid"));
		assert_null(json_get(key, "d"));
	}
	return json_count(json_get(doc, "keys"));
}

static void rotated_keys_go_on_verifying_for_a_while(void **state)
{
	struct place *p = *state;
	AUTO_BUF struct buf before, after;
	struct keys *second = NULL, *third = NULL;
	struct keys_token read;
	struct err e = { 0 };

	buf_init(&before, JWT_MAX_LEN);
	buf_init(&after, JWT_MAX_LEN);
	assert_int_equal(jwks_count(p->keys), 1);
	assert_int_equal(keys_token_sign(p->keys, "u", "a@example.com", sid, clock_unix_s() + 60, &before, &e), 0);
	if (keys_rotate(p->state, 3600, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(keys_open(p->state, &second, &e), 0);
	assert_int_equal(jwks_count(second), 2);
	assert_int_equal(keys_token_verify(second, buf_span(&before), &read, &e), 0);
	assert_int_equal(keys_token_sign(second, "u", "a@example.com", sid, clock_unix_s() + 60, &after, &e), 0);
	assert_int_equal(keys_token_verify(p->keys, buf_span(&after), &read, &e), -1); /* signed by the new one */
	assert_int_equal(keys_token_verify(second, buf_span(&after), &read, &e), 0);
	/* Replaced longer ago than tokens live: gone. */
	if (keys_rotate(p->state, -3600, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(keys_open(p->state, &third, &e), 0);
	assert_int_equal(jwks_count(third), 2);
	assert_int_equal(keys_token_verify(third, buf_span(&before), &read, &e), -1);
	assert_int_equal(keys_token_verify(third, buf_span(&after), &read, &e), 0);
	keys_free(second);
	keys_free(third);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_made_is_private),
		cmocka_unit_test(what_is_there_is_found_again),
		cmocka_unit_test(a_state_directory_open_to_others_is_refused),
		cmocka_unit_test(damaged_files_are_refused_and_kept),
		cmocka_unit_test(server_leaves_come_with_the_ca),
		cmocka_unit_test(agents_get_certificates_of_their_cluster),
		cmocka_unit_test(a_token_says_what_was_signed),
		cmocka_unit_test(wrong_claims_are_refused),
		cmocka_unit_test(an_ended_token_is_refused),
		cmocka_unit_test(rotated_keys_go_on_verifying_for_a_while),
	};
	struct err e = { 0 };

	if (crypto_init(&e) < 0)
		return 1;
	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
