/* Passwords, hashed with bcrypt by the C library's crypt_r. */
#include "lib/crypto/password.h"

#include <assert.h>
#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/crypto/random.h"

#define SALT_BYTES 16
#define SETTING_SIZE 30 /* "$2b$12$", 22 characters, NUL */

/* A valid hash of nothing anyone knows: the time goes where a real one would take it. */
static const char dummy[] = "$2b$12$abcdefghijklmnopqrstuuGNIpZ2W0S0tqIDhPNxJ6hYGVRIzWfKS";

int password_check(struct span password, struct err *e)
{
	if (password.len < PASSWORD_MIN_LEN || password.len > PASSWORD_MAX_LEN)
		return err_set(e, ERR_INPUT, "a password of %zu bytes; %d to %d are expected", password.len,
			       PASSWORD_MIN_LEN, PASSWORD_MAX_LEN);
	if (span_find(password, '\0') >= 0)
		return err_set(e, ERR_INPUT, "a password may not hold a NUL byte");
	return 0;
}

/*
 * bcrypt of `password` (NUL-terminated) with the salt and cost of `setting`. False when the library
 * refuses.
 */
static bool compute(const char *password, const char *setting, char ret[PASSWORD_HASH_SIZE])
{
	struct crypt_data *work = mem_new(sizeof(*work)); /* 32 KiB in some C libraries */
	const char *hash = crypt_r(password, setting, work);
	bool done = hash && strlen(hash) == PASSWORD_HASH_SIZE - 1 && strncmp(hash, setting, 7) == 0;

	if (done)
		memcpy(ret, hash, PASSWORD_HASH_SIZE);
	secret_wipe(work, sizeof(*work));
	free(work);
	return done;
}

/* bcrypt's own base64: another alphabet, 128 bits in 22 characters. */
static void make_setting(unsigned cost, char ret[SETTING_SIZE])
{
	static const char letters[] = "./ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789";
	unsigned char salt[SALT_BYTES + 1] = { 0 };
	size_t at = (size_t)snprintf(ret, SETTING_SIZE, "$2b$%02u$", cost);

	random_bytes(salt, SALT_BYTES);
	for (size_t bit = 0; bit < SALT_BYTES * 8; bit += 6) {
		unsigned two = (unsigned)salt[bit / 8] << 8 | salt[bit / 8 + 1];

		ret[at++] = letters[two >> (10 - bit % 8) & 63];
	}
	ret[at] = '\0';
}

int password_hash(struct span password, unsigned cost, char ret[PASSWORD_HASH_SIZE], struct err *e)
{
	char text[PASSWORD_MAX_LEN + 1], setting[SETTING_SIZE];
	bool done;

	assert(cost >= 4 && cost <= 31);
	if (password_check(password, e) < 0)
		return -1;
	(void)span_to_str(password, text, sizeof(text)); /* password_check looked at length and NUL */
	make_setting(cost, setting);
	done = compute(text, setting, ret);
	secret_wipe(text, sizeof(text));
	return done ? 0 : err_set(e, ERR_IO, "the C library offers no bcrypt ($2b$)");
}

static bool is_bcrypt(const char *hash)
{
	return strlen(hash) == PASSWORD_HASH_SIZE - 1 && strncmp(hash, "$2b$", 4) == 0;
}

bool password_verify(struct span password, const char *hash)
{
	char text[PASSWORD_MAX_LEN + 1] = "", computed[PASSWORD_HASH_SIZE] = "";
	bool possible = is_bcrypt(hash) && span_to_str(password, text, sizeof(text)) == 0;
	bool right = is_bcrypt(hash) && compute(text, hash, computed);

	if (right)
		right = possible & secret_equal(computed, hash, PASSWORD_HASH_SIZE);
	else
		(void)compute(text, dummy, computed); /* for its time */
	secret_wipe(text, sizeof(text));
	return right;
}

void password_dummy_verify(struct span password)
{
	(void)password_verify(password, dummy); /* only the time is wanted */
}
