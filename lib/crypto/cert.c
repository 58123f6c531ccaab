/* X.509 certificates and signing requests, read and written with mbedTLS. */
#include "lib/crypto/cert.h"

#include <mbedtls/oid.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/pk.h"
#include "lib/crypto/random.h"
#include "lib/format/hex.h"
#include "lib/format/timefmt.h"
#include "lib/format/utf8.h"

#define CERT_SERIAL_MAX_LEN 20
#define SAN_URI 6 /* RFC 5280 section 4.2.1.6: GeneralName's tag */
#define CSR_SIZE 4096

bool cert_next_pem(struct span *rest, struct span *ret_pem)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
	const char *stop = rest->len ? rest->at + rest->len : NULL, *from, *to;

	from = rest->len ? memmem(rest->at, rest->len, begin, sizeof(begin) - 1) : NULL;
	to = from ? memmem(from, (size_t)(stop - from), end, sizeof(end) - 1) : NULL;
	if (!to)
		return false;
	to += sizeof(end) - 1;
	if (to < stop && *to == '\r')
		to++;
	if (to < stop && *to == '\n')
		to++;
	*ret_pem = span_from(from, (size_t)(to - from));
	*rest = span_from(to, (size_t)(stop - to));
	return true;
}

/* A name's bytes as a text: "" when they are too long or no clean UTF-8. */
static void put_name(struct span bytes, char ret[CERT_NAME_SIZE])
{
	ret[0] = '\0';
	for (size_t i = 0; i < bytes.len; i++)
		if ((unsigned char)bytes.at[i] < 0x20 || bytes.at[i] == 0x7F)
			return;
	if (utf8_valid(bytes) && bytes.len < CERT_NAME_SIZE)
		(void)span_to_str(bytes, ret, CERT_NAME_SIZE); /* fits, and holds no NUL */
}

static struct span span_of_buf(const mbedtls_asn1_buf *buf)
{
	return span_from(buf->p, buf->len);
}

/* The one common name; "" when there are several, of which none is to be trusted. */
static void put_common_name(const mbedtls_x509_name *name, char ret[CERT_NAME_SIZE])
{
	int count = 0;

	ret[0] = '\0';
	for (; name; name = name->next) {
		if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &name->oid) != 0)
			continue;
		put_name(span_of_buf(&name->val), ret);
		count++;
	}
	if (count > 1)
		ret[0] = '\0';
}

static void put_uri(const mbedtls_x509_sequence *san, char ret[CERT_NAME_SIZE])
{
	int count = 0;

	ret[0] = '\0';
	for (; san; san = san->next) {
		if ((san->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) != SAN_URI)
			continue;
		put_name(span_of_buf(&san->buf), ret);
		count++;
	}
	if (count > 1)
		ret[0] = '\0';
}

static int put_date(const mbedtls_x509_time *time, int64_t *ret, struct err *e)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ", time->year, time->mon,
		       time->day, time->hour, time->min, time->sec);
	return timefmt_parse_date(span_of(text), ret, e);
}

static int put_serial(const mbedtls_x509_buf *serial, char ret[CERT_SERIAL_SIZE], struct err *e)
{
	const unsigned char *at = serial->p;
	size_t len = serial->len;

	while (len && *at == 0) {
		at++;
		len--;
	}
	if (len > CERT_SERIAL_MAX_LEN)
		return err_set(e, ERR_INPUT, "certificate: the serial has more than 20 bytes");
	hex_encode(at, len, ret);
	return 0;
}

static int read_info(const mbedtls_x509_crt *crt, struct cert_info *ret, struct err *e)
{
	struct cert_info info = { 0 };
	char hex[HASH_HEX_SIZE];

	put_common_name(&crt->subject, info.common_name);
	put_common_name(&crt->issuer, info.issuer);
	put_uri(&crt->subject_alt_names, info.uri);
	hash_sha256_hex(span_of_buf(&crt->pk_raw), hex);
	(void)snprintf(info.pin, sizeof(info.pin), "sha256:%s", hex);
	info.is_ca = mbedtls_x509_crt_get_ca_istrue(crt) == 1;
	if (put_serial(&crt->serial, info.serial, e) < 0 ||
	    put_date(&crt->valid_from, &info.not_before_unix_s, e) < 0 ||
	    put_date(&crt->valid_to, &info.not_after_unix_s, e) < 0)
		return -1;
	*ret = info;
	return 0;
}

static int parse_one(struct span one, mbedtls_x509_crt *crt, struct err *e)
{
	size_t len;
	AUTO_FREE char *text = pk_input(one, &len);
	int rc = mbedtls_x509_crt_parse(crt, (const unsigned char *)text, len);

	if (rc != 0)
		return pk_fail(rc, ERR_INPUT, e, "reading a certificate");
	if (one.at[0] == 0x30 && crt->raw.len != one.len)
		return err_set(e, ERR_INPUT, "reading a certificate: something follows it");
	return 0;
}

int cert_parse(struct span pem_or_der, struct cert_info *ret, struct err *e)
{
	struct span one = pem_or_der, rest = pem_or_der;
	mbedtls_x509_crt crt;
	int rc;

	if (one.len == 0 || one.len > CERT_MAX_LEN)
		return err_set(e, ERR_INPUT, "a certificate of %zu bytes; 1 to %d are expected", one.len,
			       CERT_MAX_LEN);
	if (one.at[0] != 0x30 && !cert_next_pem(&rest, &one))
		return err_set(e, ERR_INPUT, "no certificate in PEM or DER");
	mbedtls_x509_crt_init(&crt);
	rc = parse_one(one, &crt, e);
	if (rc == 0)
		rc = read_info(&crt, ret, e);
	mbedtls_x509_crt_free(&crt);
	return rc;
}

int pk_put_subject(const char *common_name, char ret[PK_SUBJECT_SIZE], struct err *e)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				   " ._:/@*-";
	size_t len = strlen(common_name);

	if (len == 0 || len > 64 || strspn(common_name, good) != len || *common_name == ' ' ||
	    common_name[len - 1] == ' ')
		return err_set(e, ERR_INPUT, "common name '%.80s': 1 to 64 letters, digits, inner blanks "
			       "or ._:/@*- are expected", common_name);
	(void)snprintf(ret, PK_SUBJECT_SIZE, "CN=%s", common_name);
	return 0;
}

int csr_create(const struct key *key, const char *common_name, struct buf *into, struct err *e)
{
	unsigned char pem[CSR_SIZE];
	char subject[PK_SUBJECT_SIZE];
	mbedtls_x509write_csr csr;
	int rc;

	if (pk_put_subject(common_name, subject, e) < 0)
		return -1;
	mbedtls_x509write_csr_init(&csr);
	mbedtls_x509write_csr_set_md_alg(&csr, MBEDTLS_MD_SHA256);
	mbedtls_x509write_csr_set_key(&csr, (mbedtls_pk_context *)(uintptr_t)&key->pk);
	rc = mbedtls_x509write_csr_set_subject_name(&csr, subject);
	if (rc == 0)
		rc = mbedtls_x509write_csr_pem(&csr, pem, sizeof(pem), random_rng, NULL);
	mbedtls_x509write_csr_free(&csr);
	if (rc != 0)
		return pk_fail(rc, ERR_IO, e, "writing a signing request");
	buf_put_str(into, (const char *)pem);
	return buf_ok(into, "the signing request", e);
}

int pk_read_csr(struct span pem, mbedtls_x509_csr *ret, struct err *e)
{
	size_t len;
	AUTO_FREE char *text = pk_input(pem, &len);
	uint8_t digest[HASH_SIZE];
	int rc;

	mbedtls_x509_csr_init(ret);
	if (pem.len > CERT_MAX_LEN)
		return err_set(e, ERR_INPUT, "a signing request of %zu bytes; at most %d are accepted",
			       pem.len, CERT_MAX_LEN);
	rc = mbedtls_x509_csr_parse(ret, (const unsigned char *)text, len);
	if (rc != 0)
		return pk_fail(rc, ERR_INPUT, e, "reading a signing request");
	if (!pk_is_p256(&ret->pk) || ret->MBEDTLS_PRIVATE(sig_md) != MBEDTLS_MD_SHA256)
		return err_set(e, ERR_INPUT, "signing request: a key on P-256 and SHA-256 are expected");
	hash_sha256(span_of_buf(&ret->cri), digest);
	rc = mbedtls_pk_verify(&ret->pk, MBEDTLS_MD_SHA256, digest, sizeof(digest),
			       ret->MBEDTLS_PRIVATE(sig).p, ret->MBEDTLS_PRIVATE(sig).len);
	if (rc != 0)
		return err_set(e, ERR_INPUT, "signing request: it is not signed with its own key");
	return 0;
}
