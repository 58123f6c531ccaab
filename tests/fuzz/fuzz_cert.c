/* Certificates, requests and keys as peers send them: read or refused, never half. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/crypto/cert.h"
#include "lib/crypto/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_key(int rc, struct key *key, const struct err *e)
{
	char pin[KEY_PIN_SIZE];
	struct err ignored;

	assert(rc == 0 ? key != NULL : e->code == ERR_INPUT && key == NULL);
	if (key)
		assert(key_pin(key, pin, &ignored) == 0 && strlen(pin) == 71);
	key_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_from(data, size), rest = text, one;
	struct key *public = NULL, *private = NULL;
	struct cert_info info;
	struct csr_info csr;
	struct err e = { 0 };
	int rc;

	if (cert_parse(text, &info, &e) == 0)
		assert(strlen(info.pin) == 71 && strlen(info.serial) < CERT_SERIAL_SIZE);
	if (csr_parse(text, &csr, &e) == 0)
		assert(strlen(csr.pin) == 71);
	while (cert_next_pem(&rest, &one))
		assert(one.at >= text.at && one.at + one.len <= text.at + size && rest.len < size);
	rc = key_parse_public(text, &public, &e);
	check_key(rc, public, &e);
	rc = key_parse_private(text, &private, &e);
	check_key(rc, private, &e);
	return 0;
}
