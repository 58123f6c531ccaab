/* The certificate authority: its own certificate, and the leaves it signs. */
#include "lib/crypto/ca.h"

#include <arpa/inet.h>
#include <mbedtls/oid.h>
#include <mbedtls/x509_crt.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/crypto/pk.h"
#include "lib/crypto/random.h"
#include "lib/format/timefmt.h"

#define SERIAL_LEN 16
#define BACKDATE_S 300
#define PEM_SIZE 8192
#define NAMES_MAX 32
#define NAME_MAX_LEN 253

struct ca {
	struct key *key;
	char *cert_pem;
	struct cert_info info;
};

/* What differs between the certificates we write. */
struct draft {
	mbedtls_pk_context *subject_pk; /* the library takes no const; only its public half is read */
	const char *common_name;
	const char *issuer;
	const mbedtls_x509_san_list *names; /* NULL for the CA */
	const char *purpose;                /* OID for extendedKeyUsage; NULL for the CA */
	int path_len;                       /* of a CA */
	size_t purpose_len;
	int64_t now_unix_s, validity_s;
};

/* "20260102030405" from a date. */
static void put_time(int64_t unix_s, char ret[TIMEFMT_SIZE])
{
	char text[TIMEFMT_SIZE], *into = ret;

	timefmt_date(unix_s, text);
	for (const char *at = text; *at; at++)
		if (*at >= '0' && *at <= '9')
			*into++ = *at;
	*into = '\0';
}

static int put_serial(mbedtls_x509write_cert *cert)
{
	unsigned char serial[SERIAL_LEN];

	random_bytes(serial, sizeof(serial));
	serial[0] = (unsigned char)((serial[0] & 0x7F) | 0x40); /* positive, and never shorter */
	return mbedtls_x509write_crt_set_serial_raw(cert, serial, sizeof(serial));
}

static int put_identity(mbedtls_x509write_cert *cert, const struct draft *draft)
{
	char from[TIMEFMT_SIZE], to[TIMEFMT_SIZE];
	int rc;

	put_time(draft->now_unix_s - BACKDATE_S, from);
	put_time(draft->now_unix_s + draft->validity_s, to);
	rc = put_serial(cert);
	if (rc == 0)
		rc = mbedtls_x509write_crt_set_validity(cert, from, to);
	return rc;
}

/* Extended key usage and names of a leaf. */
static int put_purpose(mbedtls_x509write_cert *cert, const struct draft *draft)
{
	mbedtls_asn1_sequence purpose = { .buf = { .tag = MBEDTLS_ASN1_OID,
						   .len = draft->purpose_len,
						   .p = (unsigned char *)(uintptr_t)draft->purpose } };
	int rc = mbedtls_x509write_crt_set_ext_key_usage(cert, &purpose);

	return rc ? rc : mbedtls_x509write_crt_set_subject_alternative_name(cert, draft->names);
}

static int put_extensions(mbedtls_x509write_cert *cert, const struct draft *draft)
{
	bool is_ca = !draft->purpose;
	int rc = mbedtls_x509write_crt_set_basic_constraints(cert, is_ca, is_ca ? draft->path_len : -1);

	if (rc == 0)
		rc = mbedtls_x509write_crt_set_key_usage(
			cert, is_ca ? MBEDTLS_X509_KU_KEY_CERT_SIGN | MBEDTLS_X509_KU_CRL_SIGN
				    : MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
	if (rc == 0)
		rc = mbedtls_x509write_crt_set_subject_key_identifier(cert);
	if (rc == 0)
		rc = mbedtls_x509write_crt_set_authority_key_identifier(cert);
	if (rc == 0 && !is_ca)
		rc = put_purpose(cert, draft);
	return rc;
}

static int put_names(mbedtls_x509write_cert *cert, const struct draft *draft, struct err *e)
{
	char subject[PK_SUBJECT_SIZE], issuer[PK_SUBJECT_SIZE];
	int rc;

	if (pk_put_subject(draft->common_name, subject, e) < 0 ||
	    pk_put_subject(draft->issuer, issuer, e) < 0)
		return -1;
	rc = mbedtls_x509write_crt_set_subject_name(cert, subject);
	if (rc == 0)
		rc = mbedtls_x509write_crt_set_issuer_name(cert, issuer);
	return rc ? pk_fail(rc, ERR_INPUT, e, "naming a certificate") : 0;
}

static int write_cert(mbedtls_x509write_cert *cert, const struct draft *draft, struct buf *into,
		      struct err *e)
{
	unsigned char pem[PEM_SIZE];
	int rc;

	if (put_names(cert, draft, e) < 0)
		return -1;
	rc = put_identity(cert, draft);
	if (rc == 0)
		rc = put_extensions(cert, draft);
	if (rc == 0)
		rc = mbedtls_x509write_crt_pem(cert, pem, sizeof(pem), random_rng, NULL);
	if (rc != 0)
		return pk_fail(rc, ERR_IO, e, "writing a certificate");
	buf_put_str(into, (const char *)pem);
	return buf_ok(into, "the certificate", e);
}

static int sign(const struct key *by, const struct draft *draft, struct buf *into, struct err *e)
{
	mbedtls_x509write_cert cert;
	int rc;

	if (draft->validity_s < 1 || draft->validity_s > INT64_C(100) * 366 * 86400)
		return err_set(e, ERR_INPUT, "a validity of %lld s; 1 s to 100 years are expected",
			       (long long)draft->validity_s);
	mbedtls_x509write_crt_init(&cert);
	mbedtls_x509write_crt_set_version(&cert, MBEDTLS_X509_CRT_VERSION_3);
	mbedtls_x509write_crt_set_md_alg(&cert, MBEDTLS_MD_SHA256);
	mbedtls_x509write_crt_set_subject_key(&cert, draft->subject_pk);
	mbedtls_x509write_crt_set_issuer_key(&cert, (mbedtls_pk_context *)(uintptr_t)&by->pk);
	rc = write_cert(&cert, draft, into, e);
	mbedtls_x509write_crt_free(&cert);
	return rc;
}

/*
 * We write issuers as one common name in UTF-8, and verifiers compare the bytes: a CA whose subject
 * is anything else would sign leaves that nobody can chain. The DER of that name: 13 bytes, then
 * the name.
 */
static bool has_plain_subject(const mbedtls_x509_crt *crt, const char *common_name)
{
	size_t len = strlen(common_name);
	unsigned char der[128] = { 0x30, 0, 0x31, 0, 0x30, 0, 0x06, 3, 0x55, 4, 3, 0x0C };

	if (len == 0 || len > 64)
		return false;
	der[1] = (unsigned char)(len + 11);
	der[3] = (unsigned char)(len + 9);
	der[5] = (unsigned char)(len + 7);
	der[12] = (unsigned char)len;
	memcpy(der + 13, common_name, len);
	return crt->subject_raw.len == len + 13 && memcmp(crt->subject_raw.p, der, len + 13) == 0;
}

static int check_pair(const struct ca *ca, const mbedtls_x509_crt *crt, struct err *e)
{
	char pin[KEY_PIN_SIZE];

	if (key_pin(ca->key, pin, e) < 0)
		return -1;
	if (strcmp(pin, ca->info.pin) != 0)
		return err_set(e, ERR_INPUT, "CA: the key does not belong to the certificate");
	if (!ca->info.is_ca)
		return err_set(e, ERR_INPUT, "CA: the certificate is no CA's (basicConstraints)");
	if (!pk_is_p256(&ca->key->pk) || !has_plain_subject(crt, ca->info.common_name))
		return err_set(e, ERR_INPUT, "CA: P-256 and a subject of one common name are expected");
	return 0;
}

static int fill(struct ca *ca, struct span cert_pem, struct span key_pem, struct err *e)
{
	mbedtls_x509_crt crt;
	int rc;

	if (cert_parse(cert_pem, &ca->info, e) < 0 || key_parse_private(key_pem, &ca->key, e) < 0)
		return -1;
	ca->cert_pem = span_dup(cert_pem);
	mbedtls_x509_crt_init(&crt);
	rc = mbedtls_x509_crt_parse(&crt, (const unsigned char *)ca->cert_pem, cert_pem.len + 1);
	rc = rc ? pk_fail(rc, ERR_INPUT, e, "reading a CA certificate") : check_pair(ca, &crt, e);
	mbedtls_x509_crt_free(&crt);
	return rc;
}

int ca_load(struct span cert_pem, struct span key_pem, struct ca **ret, struct err *e)
{
	struct ca *ca = mem_new(sizeof(*ca));

	if (fill(ca, cert_pem, key_pem, e) < 0) {
		ca_free(ca);
		return -1;
	}
	*ret = ca;
	return 0;
}

int ca_create(const char *common_name, int64_t now_unix_s, int64_t validity_s, struct ca **ret,
	      struct err *e)
{
	AUTO_BUF struct buf cert_pem = { .max = PEM_SIZE };
	AUTO_BUF struct buf key_pem = { .max = PEM_SIZE, .secret = true };
	AUTO_KEY struct key *key = NULL;
	struct draft draft = { .common_name = common_name,
			       .issuer = common_name,
			       .path_len = 1,
			       .now_unix_s = now_unix_s,
			       .validity_s = validity_s };

	if (key_generate(KEY_P256, &key, e) < 0)
		return -1;
	draft.subject_pk = &key->pk;
	if (sign(key, &draft, &cert_pem, e) < 0 || key_private_pem(key, &key_pem, e) < 0)
		return -1;
	return ca_load(buf_span(&cert_pem), buf_span(&key_pem), ret, e);
}

int ca_cross_sign(const struct ca *by, const struct ca *old, int64_t now_unix_s, struct buf *into,
		  struct err *e)
{
	struct draft draft = { .subject_pk = (mbedtls_pk_context *)(uintptr_t)&old->key->pk,
			       .common_name = old->info.common_name,
			       .issuer = by->info.common_name,
			       .now_unix_s = now_unix_s,
			       .validity_s = old->info.not_after_unix_s - now_unix_s };

	return sign(by->key, &draft, into, e);
}

void ca_free(struct ca *ca)
{
	if (!ca)
		return;
	key_free(ca->key);
	free(ca->cert_pem);
	free(ca);
}

struct span ca_cert_pem(const struct ca *ca)
{
	return span_of(ca->cert_pem);
}

int ca_key_pem(const struct ca *ca, struct buf *into, struct err *e)
{
	return key_private_pem(ca->key, into, e);
}

const struct cert_info *ca_info(const struct ca *ca)
{
	return &ca->info;
}

static bool is_dns_name(const char *name)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.";
	size_t len;

	if (strncmp(name, "*.", 2) == 0)
		name += 2;
	len = strlen(name);
	return len > 0 && len <= NAME_MAX_LEN && strspn(name, good) == len && *name != '.' &&
	       *name != '-' && !strstr(name, "..");
}

/* One name with room for the bytes of an address. */
struct san {
	mbedtls_x509_san_list item;
	unsigned char address[16];
};

static int put_san(struct san *san, const char *name, struct err *e)
{
	mbedtls_x509_subject_alternative_name *node = &san->item.node;
	mbedtls_x509_buf *bytes = &node->san.unstructured_name;

	node->type = MBEDTLS_X509_SAN_IP_ADDRESS;
	bytes->p = san->address;
	if (inet_pton(AF_INET, name, san->address) == 1) {
		bytes->len = 4;
		return 0;
	}
	if (inet_pton(AF_INET6, name, san->address) == 1) {
		bytes->len = 16;
		return 0;
	}
	if (!is_dns_name(name))
		return err_set(e, ERR_INPUT, "server name '%.80s': a DNS name or an IP address is expected",
			       name);
	node->type = MBEDTLS_X509_SAN_DNS_NAME;
	bytes->p = (unsigned char *)(uintptr_t)name;
	bytes->len = strlen(name);
	return 0;
}

static int put_sans(struct san *sans, const struct ca_server *want, struct err *e)
{
	if (want->name_count < 1 || want->name_count > NAMES_MAX)
		return err_set(e, ERR_INPUT, "%zu server names; 1 to %d are expected", want->name_count,
			       NAMES_MAX);
	for (size_t i = 0; i < want->name_count; i++) {
		if (put_san(&sans[i], want->names[i], e) < 0)
			return -1;
		if (i > 0)
			sans[i - 1].item.next = &sans[i].item;
	}
	return 0;
}

int ca_issue_server(const struct ca *ca, const struct ca_server *want, struct buf *ret_key_pem,
		    struct buf *ret_cert_pem, struct err *e)
{
	struct san sans[NAMES_MAX] = { 0 };
	AUTO_KEY struct key *key = NULL;
	struct draft draft = { .issuer = ca->info.common_name,
			       .names = &sans[0].item,
			       .purpose = MBEDTLS_OID_SERVER_AUTH,
			       .purpose_len = MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH),
			       .now_unix_s = want->now_unix_s,
			       .validity_s = want->validity_s };

	if (put_sans(sans, want, e) < 0 || key_generate(KEY_P256, &key, e) < 0)
		return -1;
	draft.common_name = strlen(want->names[0]) <= 64 ? want->names[0] : "mk8s"; /* X.520's limit */
	draft.subject_pk = &key->pk;
	if (sign(ca->key, &draft, ret_cert_pem, e) < 0)
		return -1;
	return key_private_pem(key, ret_key_pem, e);
}

int ca_issue_client(const struct ca *ca, const struct ca_client *want, struct buf *ret_cert_pem,
		    struct cert_info *ret_info, struct err *e)
{
	AUTO_BUF struct buf pem = { .max = PEM_SIZE };
	struct san san = { 0 };
	mbedtls_x509_csr csr;
	struct draft draft = { .common_name = want->common_name,
			       .issuer = ca->info.common_name,
			       .names = &san.item,
			       .purpose = MBEDTLS_OID_CLIENT_AUTH,
			       .purpose_len = MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH),
			       .now_unix_s = want->now_unix_s,
			       .validity_s = want->validity_s };
	int rc = pk_read_csr(want->csr_pem, &csr, e);

	san.item.node.type = MBEDTLS_X509_SAN_UNIFORM_RESOURCE_IDENTIFIER;
	san.item.node.san.unstructured_name.p = (unsigned char *)(uintptr_t)want->uri;
	san.item.node.san.unstructured_name.len = strlen(want->uri);
	draft.subject_pk = &csr.pk;
	if (rc == 0)
		rc = sign(ca->key, &draft, &pem, e);
	mbedtls_x509_csr_free(&csr);
	if (rc < 0 || cert_parse(buf_span(&pem), ret_info, e) < 0)
		return -1;
	buf_put_span(ret_cert_pem, buf_span(&pem));
	return buf_ok(ret_cert_pem, "the certificate", e);
}
