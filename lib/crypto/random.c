/* Randomness from getrandom(2). */
#include "lib/crypto/random.h"

#include <errno.h>
#include <psa/crypto.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/secret.h"
#include "lib/format/base64.h"
#include "lib/format/hex.h"

int crypto_init(struct err *e)
{
	psa_status_t status = psa_crypto_init();

	if (status != PSA_SUCCESS)
		return err_set(e, ERR_IO, "starting the crypto library: PSA status %d", (int)status);
	return 0;
}

void random_bytes(void *into, size_t len)
{
	char *at = into;

	while (len) {
		ssize_t got = getrandom(at, len, 0);

		if (got < 0 && errno != EINTR) {
			(void)fprintf(stderr, "mk8s: getrandom: %s\n", strerror(errno));
			abort();
		}
		if (got > 0) {
			at += got;
			len -= (size_t)got;
		}
	}
}

void random_uuid(char ret[RANDOM_UUID_SIZE])
{
	static const struct {
		int from, len;
	} groups[] = { { 0, 4 }, { 4, 2 }, { 6, 2 }, { 8, 2 }, { 10, 6 } };
	uint8_t bytes[16];

	random_bytes(bytes, sizeof(bytes));
	bytes[6] = (uint8_t)((bytes[6] & 0x0F) | 0x40); /* RFC 9562 section 5.4 */
	bytes[8] = (uint8_t)((bytes[8] & 0x3F) | 0x80);
	for (int i = 0; i < 5; i++) {
		hex_encode(bytes + groups[i].from, (size_t)groups[i].len, ret);
		ret += 2 * groups[i].len;
		*ret++ = i < 4 ? '-' : '\0';
	}
}

void random_token(char ret[RANDOM_TOKEN_SIZE])
{
	AUTO_BUF struct buf text = { .max = RANDOM_TOKEN_SIZE, .secret = true };
	uint8_t bytes[32];

	random_bytes(bytes, sizeof(bytes));
	base64_encode(span_from(bytes, sizeof(bytes)), BASE64_URL, &text);
	(void)span_to_str(buf_span(&text), ret, RANDOM_TOKEN_SIZE); /* 32 bytes are 43 characters */
	secret_wipe(bytes, sizeof(bytes));
}

int random_rng(void *unused, unsigned char *into, size_t len)
{
	(void)unused;
	random_bytes(into, len);
	return 0;
}
