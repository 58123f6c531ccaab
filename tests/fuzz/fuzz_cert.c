/* Certificates, requests and keys as peers send them: read or refused, never half. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/crypto/cert.h"
#include "lib/crypto/key.h"
#include "lib/crypto/pk.h"

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
	struct key *private = NULL;
	struct cert_info info;
	mbedtls_x509_csr request;
	struct err e = { 0 };
	int rc;

	if (cert_parse(text, &info, &e) == 0)
		assert(strlen(info.pin) == 71 && strlen(info.serial) < CERT_SERIAL_SIZE);
	if (pk_read_csr(text, &request, &e) == 0)
		assert(pk_is_p256(&request.pk));
	mbedtls_x509_csr_free(&request);
	while (cert_next_pem(&rest, &one))
		assert(one.at >= text.at && one.at + one.len <= text.at + size && rest.len < size);
	rc = key_parse_private(text, &private, &e);
	check_key(rc, private, &e);
	return 0;
}
