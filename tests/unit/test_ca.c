/* The CA, its certificates, signing requests, and what is read from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/mem.h"
#include "lib/crypto/ca.h"
#include "lib/crypto/pk.h"
#include "lib/crypto/random.h"
#include "lib/format/base64.h"

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

static struct ca *ca;
static struct key *agent_key;
static struct buf csr;

static int make_ca(void **state)
{
	struct err e = { 0 };

	(void)state;
	buf_init(&csr, 8192);
	return crypto_init(&e) < 0 || ca_create("mk8s test CA", NOW, 3650 * DAY, &ca, &e) < 0 ||
	       key_generate(KEY_P256, &agent_key, &e) < 0 || csr_create(agent_key, "agent", &csr, &e) < 0;
}

static int free_ca(void **state)
{
	(void)state;
	ca_free(ca);
	ca_free(NULL);
	key_free(agent_key);
	buf_free(&csr);
	return 0;
}

static void the_ca_knows_itself(void **state)
{
	const struct cert_info *info = ca_info(ca);

	(void)state;
	assert_true(info->is_ca);
	assert_string_equal(info->common_name, "mk8s test CA");
	assert_string_equal(info->issuer, "mk8s test CA");
	assert_string_equal(info->uri, "");
	assert_int_equal(info->not_before_unix_s, NOW - 300);
	assert_int_equal(info->not_after_unix_s, NOW + 3650 * DAY);
	assert_int_equal(strlen(info->serial), 32);
	assert_memory_equal(info->pin, "sha256:", 7);
}

static void a_new_ca_vouches_for_the_old_one(void **state)
{
	struct ca *next;
	AUTO_BUF struct buf cross;
	struct cert_info info;
	struct err e = { 0 };

	(void)state;
	buf_init(&cross, 8192);
	assert_int_equal(ca_create("mk8s CA 2", NOW, 20 * 365 * DAY, &next, &e), 0);
	if (ca_cross_sign(next, ca, NOW + DAY, &cross, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(cert_parse(buf_span(&cross), &info, &e), 0);
	assert_true(info.is_ca);
	assert_string_equal(info.common_name, "mk8s test CA");
	assert_string_equal(info.issuer, "mk8s CA 2");
	assert_string_equal(info.pin, ca_info(ca)->pin);
	assert_int_equal(info.not_after_unix_s, ca_info(ca)->not_after_unix_s);
	assert_int_equal(ca_cross_sign(next, ca, NOW + 3650 * DAY, &cross, &e), -1); /* it has ended */
	assert_int_equal(e.code, ERR_INPUT);
	ca_free(next);
}

static void a_ca_is_loaded_as_it_was_saved(void **state)
{
	struct ca *again = NULL;
	struct err e = { 0 };
	struct buf key;

	(void)state;
	buf_init_secret(&key, 8192);
	assert_int_equal(ca_key_pem(ca, &key, &e), 0);
	if (ca_load(ca_cert_pem(ca), buf_span(&key), &again, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(ca_info(again)->pin, ca_info(ca)->pin);
	assert_true(span_equal(ca_cert_pem(again), ca_cert_pem(ca)));
	ca_free(again);
	buf_free(&key);
}

static void pairs_that_do_not_fit_are_refused(void **state)
{
	const char *names[] = { "central" };
	struct ca_server server = { names, 1, NOW, DAY };
	struct ca *other = NULL, *none = NULL;
	struct err e = { 0 };
	struct buf leaf_key, leaf, key;

	(void)state;
	buf_init_secret(&leaf_key, 8192);
	buf_init_secret(&key, 8192);
	buf_init(&leaf, 8192);
	assert_int_equal(ca_issue_server(ca, &server, &leaf_key, &leaf, &e), 0);
	assert_int_equal(ca_load(buf_span(&leaf), buf_span(&leaf_key), &none, &e), -1);
	assert_non_null(strstr(e.text, "no CA's"));
	assert_int_equal(ca_load(ca_cert_pem(ca), buf_span(&leaf_key), &none, &e), -1);
	assert_non_null(strstr(e.text, "does not belong"));
	assert_int_equal(ca_create("mk8s test CA", NOW, DAY, &other, &e), 0);
	assert_int_equal(ca_key_pem(other, &key, &e), 0);
	assert_int_equal(ca_load(ca_cert_pem(ca), buf_span(&key), &none, &e), -1);
	assert_int_equal(ca_load(SPAN_NONE, buf_span(&key), &none, &e), -1);
	assert_int_equal(ca_load(ca_cert_pem(ca), SPAN_NONE, &none, &e), -1);
	assert_null(none);
	ca_free(other);
	buf_free(&leaf_key);
	buf_free(&key);
	buf_free(&leaf);
}

static void server_names_are_checked(void **state)
{
	static const struct {
		const char *name;
		int rc;
	} rows[] = {
		{ "central", 0 },     { "central.example.com", 0 }, { "*.example.com", 0 }, { "127.0.0.1", 0 },
		{ "::1", 0 },         { "fe80::1", 0 },             { "", -1 },             { "a b", -1 },
		{ "a,b", -1 },        { ".a", -1 },                 { "a..b", -1 },         { "-a", -1 },
		{ "*", -1 },          { "a.*.b", -1 },              { "[::1]", -1 },        { "a/b", -1 },
		{ "a:8080", -1 },     { "\xC3\xA9", -1 },           { "a\nb", -1 },         { "*.", -1 },
		{ "https://a", -1 },  { "a_b", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct ca_server server = { &rows[i].name, 1, NOW, DAY };
		struct err e = { 0 };
		struct buf key, cert;

		buf_init_secret(&key, 8192);
		buf_init(&cert, 8192);
		if (ca_issue_server(ca, &server, &key, &cert, &e) != rows[i].rc)
			fail_msg("'%s': %s", rows[i].name, e.text);
		if (rows[i].rc < 0)
			assert_int_equal(e.code, ERR_INPUT);
		buf_free(&key);
		buf_free(&cert);
	}
}

static void a_server_gets_32_names_at_most(void **state)
{
	const char *names[33];
	struct ca_server server = { names, 33, NOW, DAY };
	struct cert_info info;
	struct err e = { 0 };
	struct buf key, cert;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		names[i] = "a-name-that-is-longer-than-a-common-name-may-be.of-sixty-four.example.com";
	buf_init_secret(&key, 8192);
	buf_init(&cert, 8192);
	assert_int_equal(ca_issue_server(ca, &server, &key, &cert, &e), -1);
	server.name_count = 0;
	assert_int_equal(ca_issue_server(ca, &server, &key, &cert, &e), -1);
	server.name_count = 32;
	assert_int_equal(ca_issue_server(ca, &server, &key, &cert, &e), 0);
	assert_int_equal(cert_parse(buf_span(&cert), &info, &e), 0);
	assert_string_equal(info.common_name, "mk8s");
	assert_string_equal(info.issuer, "mk8s test CA");
	assert_false(info.is_ca);
	buf_free(&key);
	buf_free(&cert);
}

static void clients_get_what_we_say(void **state)
{
	struct ca_client client = { buf_span(&csr), "production", "mk8s://cluster/1", NOW, DAY };
	struct cert_info info, again;
	char pin[KEY_PIN_SIZE];
	struct err e = { 0 };
	struct buf cert;

	(void)state;
	buf_init(&cert, 8192);
	assert_int_equal(ca_issue_client(ca, &client, &cert, &info, &e), 0);
	assert_int_equal(cert_parse(buf_span(&cert), &again, &e), 0);
	assert_memory_equal(&info, &again, sizeof(info));
	assert_string_equal(info.common_name, "production");
	assert_string_equal(info.uri, "mk8s://cluster/1");
	assert_string_equal(info.issuer, "mk8s test CA");
	assert_int_equal(info.not_after_unix_s, NOW + DAY);
	assert_false(info.is_ca);
	assert_int_equal(key_pin(agent_key, pin, &e), 0);
	assert_string_equal(info.pin, pin);
	buf_reset(&cert);
	assert_int_equal(ca_issue_client(ca, &client, &cert, &again, &e), 0);
	assert_string_not_equal(info.serial, again.serial);
	buf_free(&cert);
}

static void requests_for_clients_are_checked(void **state)
{
	static const struct {
		const char *common_name;
		int64_t validity_s;
	} rows[] = {
		{ "", DAY }, { "a,O=admin", DAY }, { "a+CN=b", DAY }, { "a=b", DAY }, { "a\\b", DAY },
		{ "a\nb", DAY }, { " a", DAY }, { "a ", DAY }, { "\xC3\xA9", DAY }, { "#04", DAY },
		{ "0123456789012345678901234567890123456789012345678901234567890123x", DAY },
		{ "a", 0 }, { "a", -1 }, { "a", INT64_C(101) * 366 * DAY },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct ca_client client = { buf_span(&csr), rows[i].common_name, "mk8s://c", NOW,
					    rows[i].validity_s };
		struct cert_info info;
		struct err e = { 0 };
		struct buf cert;

		buf_init(&cert, 8192);
		if (ca_issue_client(ca, &client, &cert, &info, &e) == 0)
			fail_msg("'%s' was taken", rows[i].common_name);
		assert_int_equal(e.code, ERR_INPUT);
		assert_int_equal(cert.len, 0);
		buf_free(&cert);
	}
}

static void requests_tell_their_key(void **state)
{
	char pin[KEY_PIN_SIZE], again[KEY_PIN_SIZE];
	mbedtls_x509_csr request;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(pk_read_csr(buf_span(&csr), &request, &e), 0);
	assert_int_equal(key_pin(agent_key, pin, &e), 0);
	assert_int_equal(pk_pin(&request.pk, again, &e), 0);
	assert_string_equal(again, pin);
	mbedtls_x509_csr_free(&request);
}

/* Made with openssl req: RSA 2048 with SHA-256, P-384, and P-256 with SHA-384. */
static const char csr_rsa[] =
	"-----BEGIN CERTIFICATE REQUEST-----\n"
	"MIICUTCCATkCAQAwDDEKMAgGA1UEAwwBeDCCASIwDQYJKoZIhvcNAQEBBQADggEP\n"
	"ADCCAQoCggEBAKklqOsdeLRG5fj3TBagecVE2dZ3BivXOatKWUpaW4oO4SWlnmm5\n"
	"zkPXTP/4xISCejQntwNm1p/LnpDCuDAyHHmGkdGYiq2l/xkboplgoHdwXGljLU2i\n"
	"DE5v/2YghUx4TaSpgyqI2A2T4KRTiFybLJOSG2Hdngu0bA0FxWJCLh97QJC+gcXG\n"
	"5ZwTznawoh4zW7G1S+Fo4B80UVU9YXNg+LeHpx5L87RGNeuSniMMr0T1tcTevOWM\n"
	"LMIcD+EfJ4cQnUkoYT869TdaFLy3W/BpjbRNQWEGKrpyOSzWcQEwmnAj51B8L460\n"
	"M0eCMo1KkAFxUr5yC6wGOil5M8yA6L4/qhsCAwEAAaAAMA0GCSqGSIb3DQEBCwUA\n"
	"A4IBAQATgvMC5VovVF4EaQ6wRyb4O1oSNe2EtTjUDXmroIkqKT8iG61bDw+Bl0vu\n"
	"4oRMaBXhY5bYddk83oz3xSZJq1EpgGY86AasHIAT+xp4O6cWHTN71Fh6o1OEgtrc\n"
	"2i49veBlwIU/nBWQM1/6tbzv22Pr2p90sNZ5lBJzxJpPoydM7QMyxihSbIYc9Z4y\n"
	"QQlfWUpp/djKiYdgzL3QAt8H9huIhkNh6JRZUio5GTSQgSteG0Wib+m9f4FxoA6X\n"
	"8AFAaGyhdL2q96gW8XQeJx8heN6FXAiSw0/87IIabZQWIpqhh1H+Khp+RanANjyp\n"
	"8Ss60KGzXSaVGpef1DLNDCdkRaO2\n"
	"-----END CERTIFICATE REQUEST-----\n";
static const char csr_p384[] =
	"-----BEGIN CERTIFICATE REQUEST-----\n"
	"MIIBAzCBiwIBADAMMQowCAYDVQQDDAF4MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE\n"
	"Y+hH+4nxXhYlgINan5q8GAHxEdgd40rlFCJ+H8xDDaNx4jpBs0m9jzNveld8tFcJ\n"
	"WuXzEPt4wPtegFisPxeLoNy/QgGKx2qVFnBY5kMaNKwO+jThv7pim6d8qNgcDHaY\n"
	"oAAwCgYIKoZIzj0EAwIDZwAwZAIwD0v6N7wu0o1xne2Ca8igtDxnb+Hk8P2Bt7mk\n"
	"nn7o7rttruUf+5JpR9ymgEgYRaW2AjBN6+sax3m0RQUmAZ+eh9r8IE9lmhpAmT22\n"
	"rEfwpqSSsA6iwoX1JVOb0jI0dTOScPA=\n"
	"-----END CERTIFICATE REQUEST-----\n";
static const char csr_sha384[] =
	"-----BEGIN CERTIFICATE REQUEST-----\n"
	"MIHHMG4CAQAwDDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA\n"
	"BEOD4QkvQZP2cGOytn7novfhGhvvz2ok2OYeJyL/KA6LN4bCMgu0mt3Tv1oXj8aW\n"
	"m84Mle6MWGfdNndJ0RXVZOqgADAKBggqhkjOPQQDAwNJADBGAiEAziP6uLlDZo9/\n"
	"EKqT8dnr88vxwK1zLSNgSPxD1hl9SaMCIQDO8Doqv5BiWJCubrVtD6Oyz+8jo46O\n"
	"bgP7BQ3pe4vxgQ==\n"
	"-----END CERTIFICATE REQUEST-----\n";

/* Two common names and two URIs. */
static const char cert_of_two[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBsTCCAVegAwIBAgIBATAKBggqhkjOPQQDAjAoMQowCAYDVQQKDAF4MQwwCgYD\n"
	"VQQDDANvbmUxDDAKBgNVBAMMA3R3bzAeFw0yNjExMjEwODIyNDJaFw0zNjExMTgw\n"
	"ODIyNDJaMCgxCjAIBgNVBAoMAXgxDDAKBgNVBAMMA29uZTEMMAoGA1UEAwwDdHdv\n"
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEiyRuenV/OBwots7/AYbvFpqY5G7j\n"
	"cLUZn96jSYmr7CVJAHPcs/4iwivzR8o3sCpCS4XbJfW6UmhuL+fRwt0r+6NyMHAw\n"
	"HQYDVR0OBBYEFBWwRxJzIoeT9NHXmuMO4OeDWODFMB8GA1UdIwQYMBaAFBWwRxJz\n"
	"IoeT9NHXmuMO4OeDWODFMA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0RBBYwFIYIbWs4\n"
	"czovL2GGCG1rOHM6Ly9iMAoGCCqGSM49BAMCA0gAMEUCICiiV6fCwwYleeJXjefS\n"
	"0xU3yexzQdw8L6FXsTp1rYfNAiEA+52b/hDB/vs3r7TCqgmmiLPDah4C8bNh+Meu\n"
	"vWFB8+E=\n"
	"-----END CERTIFICATE-----\n";

static bool reads_request(struct span pem, struct err *e)
{
	mbedtls_x509_csr request;
	int rc = pk_read_csr(pem, &request, e);

	mbedtls_x509_csr_free(&request);
	return rc == 0;
}

static void requests_must_be_p256_and_sound(void **state)
{
	static const char *const rows[] = { csr_rsa, csr_p384, csr_sha384, "", "x",
					    "-----BEGIN CERTIFICATE REQUEST-----\n",
					    "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n" };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (reads_request(span_of(rows[i]), &e))
			fail_msg("row %zu was taken", i);
		assert_int_equal(e.code, ERR_INPUT);
	}
	assert_false(reads_request(ca_cert_pem(ca), &e));
}

/* One letter in the middle changes the name, the key or the signature: none may pass. */
static void a_changed_request_is_refused(void **state)
{
	AUTO_FREE char *text = span_dup(buf_span(&csr));
	size_t begin = strlen("-----BEGIN CERTIFICATE REQUEST-----\n"), end = csr.len - 40;

	(void)state;
	for (size_t i = begin; i < end; i += 7) {
		struct err e = { 0 };
		char kept = text[i];

		if (kept == '\n')
			continue;
		text[i] = kept == 'A' ? 'B' : 'A';
		if (reads_request(span_of(text), &e))
			fail_msg("letter %zu was changed unseen", i);
		text[i] = kept;
	}
}

static void doubtful_names_are_empty(void **state)
{
	struct cert_info info;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(cert_parse(span_of(cert_of_two), &info, &e), 0);
	assert_string_equal(info.common_name, "");
	assert_string_equal(info.uri, "");
	assert_string_equal(info.serial, "01");
}

static void bad_certificates_are_refused(void **state)
{
	static const char *const rows[] = {
		"", "x", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\nMIIB", csr_rsa, "0", "0\x03\x02\x01\x01", "0\x84\xff\xff\xff\xff",
	};
	struct cert_info info;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err e = { 0 };

		if (cert_parse(span_of(rows[i]), &info, &e) == 0)
			fail_msg("row %zu was taken", i);
		assert_int_equal(e.code, ERR_INPUT);
	}
}

static void chains_come_apart(void **state)
{
	struct buf chain;
	struct span rest, one;
	struct cert_info info;
	struct err e = { 0 };

	(void)state;
	buf_init(&chain, 100000);
	buf_put_str(&chain, "a remark\n");
	buf_put_span(&chain, ca_cert_pem(ca));
	buf_put_str(&chain, "\n# another\n");
	buf_put_str(&chain, cert_of_two);
	buf_put_str(&chain, "-----BEGIN CERTIFICATE-----\ncut");
	rest = buf_span(&chain);
	assert_true(cert_next_pem(&rest, &one));
	assert_true(span_equal(one, ca_cert_pem(ca)));
	assert_true(cert_next_pem(&rest, &one));
	assert_true(span_equal_str(one, cert_of_two));
	assert_false(cert_next_pem(&rest, &one));
	assert_int_equal(cert_parse(buf_span(&chain), &info, &e), 0);
	assert_string_equal(info.common_name, "mk8s test CA");
	buf_free(&chain);
}

/* The bytes between the lines of a PEM block. */
static void put_der(struct span pem, struct buf *into)
{
	struct span line;
	struct err e = { 0 };
	struct buf text;

	buf_init(&text, 8192);
	while (span_take_part(&pem, '\n', &line))
		if (!span_starts(line, SPAN("-----")))
			buf_put_span(&text, line);
	assert_int_equal(base64_decode(buf_span(&text), BASE64_STD, into, &e), 0);
	buf_free(&text);
}

static void der_is_read_without_anything_behind(void **state)
{
	struct err e = { 0 };
	struct cert_info info;
	struct buf der;

	(void)state;
	buf_init(&der, 8192);
	put_der(ca_cert_pem(ca), &der);
	assert_int_equal(cert_parse(buf_span(&der), &info, &e), 0);
	assert_string_equal(info.pin, ca_info(ca)->pin);
	buf_put_char(&der, 'x');
	assert_int_equal(cert_parse(buf_span(&der), &info, &e), -1);
	assert_int_equal(cert_parse(span_from(der.at, der.len - 2), &info, &e), -1);
	buf_free(&der);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ca_knows_itself),
		cmocka_unit_test(a_new_ca_vouches_for_the_old_one),
		cmocka_unit_test(a_ca_is_loaded_as_it_was_saved),
		cmocka_unit_test(pairs_that_do_not_fit_are_refused),
		cmocka_unit_test(server_names_are_checked),
		cmocka_unit_test(a_server_gets_32_names_at_most),
		cmocka_unit_test(clients_get_what_we_say),
		cmocka_unit_test(requests_for_clients_are_checked),
		cmocka_unit_test(requests_tell_their_key),
		cmocka_unit_test(requests_must_be_p256_and_sound),
		cmocka_unit_test(a_changed_request_is_refused),
		cmocka_unit_test(doubtful_names_are_empty),
		cmocka_unit_test(bad_certificates_are_refused),
		cmocka_unit_test(chains_come_apart),
		cmocka_unit_test(der_is_read_without_anything_behind),
	};

	return cmocka_run_group_tests(tests, make_ca, free_ca);
}
