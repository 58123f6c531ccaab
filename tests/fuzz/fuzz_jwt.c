/* Tokens: nobody without the key makes one that verifies. */
#include <assert.h>
#include <stdint.h>

#include "lib/crypto/jwt.h"
#include "lib/crypto/key.h"
#include "lib/format/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The public key of RFC 7515 appendix A.2; the token printed there lacks a kid, so nothing
 * verifies.
 */
static const char pem[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJj\n"
	"NiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEz\n"
	"P1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo\n"
	"9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTB\n"
	"EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxX\n"
	"FvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp\n"
	"oQIDAQAB\n"
	"-----END PUBLIC KEY-----\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct key *key;
	struct jwt_key keys[] = { { "k", NULL } };
	struct jwt_rules rules = { keys, 1, "joe", "x", 1300819000, 0 };
	struct json *claims = NULL;
	struct err e = { 0 };

	if (!key && key_parse_public(SPAN(pem), &key, &e) < 0)
		__builtin_trap();
	keys[0].key = key;
	assert(jwt_verify(span_from(data, size), &rules, &claims, &e) < 0);
	assert(!claims && e.code == ERR_AUTH && e.text[0]);
	return 0;
}
