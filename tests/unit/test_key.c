/* Signing keys: what is read and refused, signatures, pins, files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/file.h"
#include "lib/crypto/key.h"
#include "lib/crypto/random.h"
#include "lib/format/base64.h"

static const char rsa_1024[] =
	"-----BEGIN RSA PRIVATE KEY-----\n"
	"MIICXAIBAAKBgQC4UbHolScEISwZcXTti2krnHm7JM+g+vLb5QgvTE7jEKJKKFwQ\n"
	"IFtFNWg2HDET2JUgjfGM2reeMZzm4PckFq+Cp9hzL8zx/U3M/jdHLEWV/piGz++d\n"
	"5d/vxVf9IWqVauWQkyQoPGbpLrg/YO96OW38WHeGdYtC9yN3+4TjzJeeIwIDAQAB\n"
	"AoGBAJeVyGTpVX8V8Piz0GAUCVhuhcadTYytFdI2l/aeITqo0W9/pcc1dRqEA8KM\n"
	"iOgzdOGjGwamUeBuGQXf+iDZ71hy/HeQhCM+PjCo8OyAI0AB6pCckKTqnbtkcZUx\n"
	"+oX7M8dD6uquomOj+2uvsEdRcJxYb/xwVTcwMWgVSgdmHq0RAkEA9Gznm1lo+vlX\n"
	"HaRumDLmfX+LW9TxUtZBH4TaVZG+Q+W0LBZFzzlJavXDIwjbGHojvamNX/wmwdKU\n"
	"63+w1u53zwJBAMEMI9Agy90/Mkr/Zgnu/GzStmWXtUA4AFn6CawhOetOY/X2dL+N\n"
	"WTXwEKyu7mI+Dn/c1d5LAtaObrNo7iUjdW0CQCJnxf43CrDxMhMJF0wzNgCKWIp3\n"
	"ofSAFjCimb0bw8V46vCdvfvaW3xD1dDzqSt73dYPrMfLDYWQ58dydOj8Lj8CQBDO\n"
	"x8d1M4q919kjx3SR9DRdXDgYL1W6Cn3LAVCVS/+qwZVGsf+DhQLnNexzBppTINwN\n"
	"FCnYihS4Lfc86Y8eOTkCQCMjUtn8kCxGdwjCW7OZGyscmVBALectw5W56ykxN4A8\n"
	"uuTiLzRBlHXeZlV89HP2/XQRH+/qO4sdkPp4JuCz21Q=\n"
	"-----END RSA PRIVATE KEY-----\n";
static const char rsa_exponent_3[] =
	"-----BEGIN RSA PRIVATE KEY-----\n"
	"MIIEpAIBAAKCAQEAw2xaYG+xFBtxqov2s/qoNhABVS3kvnTM59/8EULCiIrmESoo\n"
	"Ytx6MUCE6vOZcQ9AGFwSzPSwKcBbD38281QgXTADWKGb7i/CQRFJi2jKI2Y3fzjm\n"
	"08RqED8CRMmI1rOJ4oU+8YOd8SWJUHiJZK4fYUB6w8QdpoBAo6S6TESEPen8b3r5\n"
	"X0UBIxqpE4k68Cnai2LiGM0OpMUT9Q5hxfV76Xh816KqxVHfzSIaTPB/EdUDu7Qq\n"
	"QcMzBMEsgP3AV6gH+3UhjMNLmUXfYQVHcon5u6doYQc2FbJieipvgJTF4LxIZaXm\n"
	"KC65Pw40uuCs6/PunWfbko+Y3ICFJV7yPrPrAwIBAwKCAQEAgkg8QEp2DWehHF1P\n"
	"IqcazrVWOMlDKaMzRT/9YNcsWwdEC3FwQehRdisDR00Q9goquugMiKMgG9WSClTP\n"
	"TOLAPiACOxZn9B/W1guGXPCGwkQk/3tEjS2cCtSsLduwjyJb7FjUoQJpS25bivsG\n"
	"Qx6/lir8goK+bwArF8Mm3YMC0/AnzhxQ4F09J9BhEKmG9aT6wiBnnS9oRG5ZC8T1\n"
	"ab0QlSbY+bYvHha8RgqcHcFrJOz0kMuC9FDuhXQxJpx1DC0tv5cDRxHuji59D4/X\n"
	"l6jFpGYZ9dGia4M6uUoHa2/2i7YyWjFxauBVrLqaE3hboRjlK4kkXBBcFmqS6zCM\n"
	"nJxEuwKBgQDx/ljxtq1El9wU7vODzeKC68F9pbIvPCE/t7abP6rnTmZh/qT8V40s\n"
	"aglhen0mmEuDEAujUyjdwFjAkRsEHzm/WanZP3OL4vSpFCTZoZr00xpQ0H0BnT2v\n"
	"b6MgMhUjiqY0fKcUfa2+sotchVg3yDlor8yW6H5451g37t0HwefUJwKBgQDOu/eO\n"
	"WAvgz4YCi5dssc/ffHDJB1PDAf5Oq7BWZ677u1fVYmxnwKKY+gjOpdE3wiYR0ndC\n"
	"gCDvfDoiNfgMpiqEAmjDYrTZ4Qt6tYiqbXHccfPwn8/A1y/a9JhELVewhITIYbSn\n"
	"ijB6CWrxGFPrshUuLE2OH/iV04hw1bkXkeGvxQKBgQChVDtLzx4tupK4n00CiUGs\n"
	"nSupGSF00sDVJSRnf8dE3u7r/xioOl4dnAZA/FNvEDJXYAfCN3CT1ZCAYLytaiZ/\n"
	"kRvmKk0H7KMbYsM7wRH4jLw14FNWaNPKSmzAIWNtBxl4UxoNqR5/IbI9rjrP2tDw\n"
	"dTMPRaml75AlSeiv1pqNbwKBgQCJ0qUJkAfrNQQBsmTzITU/qEswr40sq/7fHSA5\n"
	"mnSn0jqOQZ2agGxl/AXfGTYlLBlhNvosVWtKUtFsI/qzGXGtVvCCQc3mlgenI7Bx\n"
	"nkvoS/f1v9/V5MqR+GWCyOUgWFiFlnhvsXWmsPH2EDfydrjJct5ev/sOjQWgjntl\n"
	"C+vKgwKBgQCJzqc7ejXsi7b/0be82SSTfGm8B2yazJRJwk3y45Kt7l5FDHlhs0VI\n"
	"P1ibGiojFvokxWtZDFe8X/RAtbR7NsER0whlg9+uTOowvc58Wtlk5ZjpFlIdTZAM\n"
	"0rnqXk1xJTNGAx2lVE8ZS1JOF0Bw8ZJM84u/wKUJ7lrz0k2Xf9uLLQ==\n"
	"-----END RSA PRIVATE KEY-----\n";
static const char ec_p384[] =
	"-----BEGIN EC PRIVATE KEY-----\n"
	"MIGkAgEBBDDK4I+UYgppsQ/mGPPlCTKUNIB26oNRMlTx8CdvSOxznr9xV533h8Se\n"
	"PIwiwaKxSDugBwYFK4EEACKhZANiAATdrwnfiStbTD6wLG/csh5gZv+u0CeHIoDU\n"
	"NGynNcrzQgm7z49WClRsfL13YkMysMOeY8y9LjzEt+yu9lNfS30DfFyg1Ti0rL9U\n"
	"j4QpQC6hBaVKrZGOFE0182vAmIyZ92w=\n"
	"-----END EC PRIVATE KEY-----\n";
static const char ed25519[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEIOXifaCQyRH6s7P7vuLVXUk8flGB7p1I5CI/wZougLom\n"
	"-----END PRIVATE KEY-----\n";
static const char ec_secp256k1[] =
	"-----BEGIN EC PRIVATE KEY-----\n"
	"MHQCAQEEIE2jJBzi+eh7kYAFyR+h95AsbUtJeCv1AV0dDl1yza24oAcGBSuBBAAK\n"
	"oUQDQgAESRxmQORZcN6jD0T+dt5zgz5LiedIrrU7VhOBlHR962Yw4HWeBJdHG6OZ\n"
	"L5GuKtjSKf/qvyfU5h/6sGW8P32U6A==\n"
	"-----END EC PRIVATE KEY-----\n";
static const char rfc7515_a2[] =
	"-----BEGIN RSA PRIVATE KEY-----\n"
	"MIIEowIBAAKCAQEAofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd/wWJcyQoTbji9k0\n"
	"l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL+yRT+SFd2lZS+pC\n"
	"gNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb/7OMg0LOL+bSf63kpaSHSX\n"
	"ndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD\n"
	"Zlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxXFvUK+DWNmoudF8NAco9/h9iaGNj8\n"
	"q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQIDAQABAoIBABKucaRpzQorw35S\n"
	"bEUAVx8dYXUdZOlJcHtiWQ+dC6V8ljxAHj/PLyzTveyI5QO/xkObCyjIL303l2cf\n"
	"UhPu2MFaJdjVzqACXuOrLot/eSFvxjvqVidTtAZExqFRJ9mylUVAoLvhowVWmC1O\n"
	"n95fZCXxTUtxNEG1Xcc7m0rtzJKs45J+N/V9DP1edYH6USyPSWGp6wuA+KgHRnKK\n"
	"Vf9GRx80JQY7nVNkL17eHoTWEwga+lwi0FEoW9Y7lDtWXYmKBWhUE+U8PGxlJf8f\n"
	"40493HDw1WRQ/aSLoS4QTp3rn7gYgeHEvfJdkkf0UMhlknlo53M09EFPdadQ4TlU\n"
	"bjqKc50CgYEA4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH/5IB3jw3bcxGn6QLvnE\n"
	"tfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw/Py5PJdTJNPY8cQn7ouZ2KKDcmnPG\n"
	"BY5t7yLc1QlQ5xHdwW1VhvKn+nXqhJTBgIPgtldC+KDV5z+y2XDwGUcCgYEAuQPE\n"
	"fgmVtjL0Uyyx88GZFF1fOunH3+7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYs\n"
	"p1ZSe7zFYHj7C6ul7TjeLQeZD/YwD66t62wDmpe/HlB+TnBA+njbglfIsRLtXlnD\n"
	"zQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdcCgYAHAp9XcCSrn8wVkMVkKdb7\n"
	"DOX4IKjzdahm+ctDAJN4O/y7OW5FKebvUjdAIt2GuoTZ71iTG+7F0F+lP88jtjP4\n"
	"U4qe7VHoewl4MKOfXZKTe+YCS1XbNvfgwJ3Ltyl1OH9hWvu2yza7q+d5PCsDzqtm\n"
	"27kxuvULVeya+TEdAB1ijQKBgQCH/3r6YrVH/uCWGy6bzV1nGNOdjKc9tmkfOJmN\n"
	"54dxdixdpozCQ6U4OxZrsj3FcOhHBsqAHvX2uuYjagqvo3cOj1TRqNocX40omfCC\n"
	"Mx3bD1yPPf/6TI2XECva/ggqEY2mYzmIiA5LVVmc5nrybr+lssFKneeyxN2Wq93S\n"
	"0iJMdQKBgCGHewxzoa1r8ZMD0LETNrToK423K377UCYqXfg5XMclbrjPbEC3YI1Z\n"
	"NqMtuhdBJqUnBi6tjKMF+34Xf0CUN8ncuXGO2CAYvO8PdyCixHX52ybaDjy1FtCE\n"
	"6yUXjoKNXKvUm7MWGsAYH6f4IegOetN5NvmUMFStCSkh7ixZLkN1\n"
	"-----END RSA PRIVATE KEY-----\n";
static const char public[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJj\n"
	"NiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEz\n"
	"P1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo\n"
	"9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTB\n"
	"EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxX\n"
	"FvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp\n"
	"oQIDAQAB\n"
	"-----END PUBLIC KEY-----\n";

static struct key *rsa, *p256;

static int make_keys(void **state)
{
	struct err e = { 0 };

	(void)state;
	return crypto_init(&e) < 0 || key_generate(KEY_RSA_3072, &rsa, &e) < 0 ||
	       key_generate(KEY_P256, &p256, &e) < 0;
}

static int free_keys(void **state)
{
	(void)state;
	key_free(rsa);
	key_free(p256);
	key_free(NULL);
	return 0;
}

/* RFC 7515 appendix A.2. */
static const char rfc7515_input[] =
	"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
	"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
static const char rfc7515_signature[] =
	"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W"
	"2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQB"
	"MHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2"
	"w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

static void rs256_is_that_of_the_rfc(void **state)
{
	AUTO_KEY struct key *key = NULL;
	struct err e = { 0 };
	uint8_t own[KEY_SIGNATURE_SIZE];
	struct buf signature;
	size_t len = 0;

	(void)state;
	buf_init(&signature, 1024);
	if (key_parse_private(span_of(rfc7515_a2), &key, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(base64_decode(span_of(rfc7515_signature), BASE64_URL, &signature, &e), 0);
	assert_int_equal(key_sign(key, span_of(rfc7515_input), own, &len, &e), 0);
	assert_true(span_equal(span_from(own, len), buf_span(&signature)));
	assert_true(key_verify(key, span_of(rfc7515_input), buf_span(&signature)));
	assert_false(key_verify(key, SPAN("another text"), buf_span(&signature)));
	signature.at[200] ^= 1;
	assert_false(key_verify(key, span_of(rfc7515_input), buf_span(&signature)));
	buf_free(&signature);
}

static void check_signature_of(const struct key *key, const struct key *other)
{
	uint8_t signature[KEY_SIGNATURE_SIZE];
	struct err e = { 0 };
	size_t len = 0;

	assert_int_equal(key_sign(key, SPAN("text"), signature, &len, &e), 0);
	assert_true(key_verify(key, SPAN("text"), span_from(signature, len)));
	assert_false(key_verify(key, SPAN("texT"), span_from(signature, len)));
	assert_false(key_verify(key, SPAN("text"), span_from(signature, len - 1)));
	assert_false(key_verify(key, SPAN("text"), span_from(signature, 0)));
	assert_false(key_verify(other, SPAN("text"), span_from(signature, len)));
	signature[len - 1] ^= 1;
	assert_false(key_verify(key, SPAN("text"), span_from(signature, len)));
}

static void signatures_verify_with_their_key_alone(void **state)
{
	(void)state;
	check_signature_of(rsa, p256);
	check_signature_of(p256, rsa);
}

static void jwks_numbers_are_bare(void **state)
{
	struct err e = { 0 };
	struct buf modulus, exponent;

	(void)state;
	buf_init(&modulus, 1024);
	buf_init(&exponent, 16);
	assert_int_equal(key_rsa_public(rsa, &modulus, &exponent, &e), 0);
	assert_int_equal(modulus.len, 384);
	assert_true(modulus.at[0] & 0x80);
	assert_int_equal(exponent.len, 3);
	assert_memory_equal(exponent.at, "\1\0\1", 3);
	assert_int_equal(key_rsa_public(p256, &modulus, &exponent, &e), -1);
	buf_free(&modulus);
	buf_free(&exponent);
}

static void keys_are_kept_in_private_files(void **state)
{
	char folder[] = "/tmp/mk8s-key-XXXXXX", path[64], pin[KEY_PIN_SIZE], again[KEY_PIN_SIZE];
	struct key *const both[] = { rsa, p256 };
	struct err e = { 0 };
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/key.pem", folder);
	for (size_t i = 0; i < COUNT_OF(both); i++) {
		AUTO_KEY struct key *loaded = NULL;

		assert_int_equal(key_save(both[i], path, &e), 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_int_equal(key_load(path, &loaded, &e), 0);
		assert_int_equal(key_pin(both[i], pin, &e), 0);
		assert_int_equal(key_pin(loaded, again, &e), 0);
		assert_string_equal(pin, again);
	}
	unlink(path);
	assert_int_equal(key_load(path, &rsa, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	rmdir(folder);
}

static void weak_and_foreign_keys_are_refused(void **state)
{
	static const struct {
		const char *what, *pem;
	} rows[] = {
		{ "RSA 1024", rsa_1024 },     { "RSA with e=3", rsa_exponent_3 },
		{ "P-384", ec_p384 },         { "Ed25519", ed25519 },
		{ "secp256k1", ec_secp256k1 }, { "nothing", "" },
		{ "no key", "hello" },        { "an empty block", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n" },
		{ "a cut block", "-----BEGIN PRIVATE KEY-----\nMIIBIjAN\n" }, { "a public key", public },
		{ "DER that is none", "\x30\x03\x02\x01\x01" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct key *key = NULL;
		struct err e = { 0 };

		if (key_parse_private(span_of(rows[i].pem), &key, &e) == 0)
			fail_msg("%s was taken", rows[i].what);
		assert_int_equal(e.code, ERR_INPUT);
		assert_null(key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rs256_is_that_of_the_rfc),
		cmocka_unit_test(signatures_verify_with_their_key_alone),
		cmocka_unit_test(jwks_numbers_are_bare),
		cmocka_unit_test(keys_are_kept_in_private_files),
		cmocka_unit_test(weak_and_foreign_keys_are_refused),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
