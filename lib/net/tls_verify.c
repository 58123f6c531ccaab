/* Verification of the peer: chain, pin, name, use; and the sentence that says what was wrong. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>

#include <mbedtls/oid.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/format/hex.h"
#include "lib/net/tls_inner.h"

#define SAN_DNS 2 /* RFC 5280 4.2.1.6, tag numbers of GeneralName */
#define SAN_IP 7
#define NAMES_SHOWN_MAX 6
#define CHAIN_MAX 10

/* What a peer wrote goes into a sentence only as printable ASCII. */
static void put_printable(struct buf *into, const unsigned char *at, size_t len)
{
	for (size_t i = 0; i < len && i < 100; i++)
		(void)buf_put_char(into, isprint(at[i]) && at[i] != '\'' ? (char)at[i] : '?');
}

static void put_common_name(struct buf *into, const mbedtls_x509_name *name)
{
	for (; name; name = name->next) {
		if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &name->oid) == 0) {
			put_printable(into, name->val.p, name->val.len);
			return;
		}
	}
	(void)buf_put_str(into, "(no name)");
}

static void put_address(struct buf *into, const unsigned char *at, size_t len)
{
	char text[INET6_ADDRSTRLEN] = "?";

	if (len == 4 || len == 16)
		(void)inet_ntop(len == 4 ? AF_INET : AF_INET6, at, text, sizeof(text));
	(void)buf_put_str(into, text);
}

static void put_names(struct buf *into, const mbedtls_x509_crt *crt)
{
	const mbedtls_x509_sequence *n = &crt->subject_alt_names;
	unsigned count = 0;

	for (; n && n->buf.p; n = n->next) {
		int kind = n->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK;

		if (kind != SAN_DNS && kind != SAN_IP)
			continue;
		(void)buf_put_str(into, count ? ", " : "");
		if (++count > NAMES_SHOWN_MAX) {
			(void)buf_put_str(into, "...");
			return;
		}
		if (kind == SAN_DNS)
			put_printable(into, n->buf.p, n->buf.len);
		else
			put_address(into, n->buf.p, n->buf.len);
	}
	if (count == 0)
		put_common_name(into, &crt->subject);
}

static void put_date(struct buf *into, const char *what, const mbedtls_x509_time *t)
{
	(void)buf_printf(into, " %s %04d-%02d-%02d %02d:%02d UTC", what, t->year, t->mon, t->day,
			 t->hour, t->min);
}

static void put_next(struct buf *into, const char *text)
{
	(void)buf_printf(into, "%s%s", into->at[into->len - 1] == '\'' ? " " : ", and ", text);
}

/* Flags that need no value in their sentence. */
static const struct {
	uint32_t flag;
	const char *text;
} plain_flags[] = {
	{ MBEDTLS_X509_BADCERT_EXT_KEY_USAGE, "is not made for this use (extended key usage)" },
	{ MBEDTLS_X509_BADCERT_KEY_USAGE, "is not made for this use (key usage)" },
	{ MBEDTLS_X509_BADCERT_BAD_MD, "is signed with a weak hash" },
	{ MBEDTLS_X509_BADCERT_BAD_PK, "has a kind of key that is not accepted" },
	{ MBEDTLS_X509_BADCERT_BAD_KEY, "has a weak key or a curve that is not accepted" },
	{ MBEDTLS_X509_BADCERT_REVOKED, "is revoked" },
};

static void put_pin_reason(struct buf *into, const struct tls_stream *s)
{
	char hex[HASH_HEX_SIZE];

	put_next(into, "has no CA in its chain with the pinned key ");
	for (size_t i = 0; i < s->tls->pin_count; i++) {
		hex_encode(s->tls->pins[i], sizeof(s->tls->pins[i]), hex);
		(void)buf_printf(into, "%ssha256:%s", i ? " or " : "", hex);
	}
}

static void put_issuer(struct buf *into, const mbedtls_x509_crt *crt)
{
	if (crt->issuer_raw.len == crt->subject_raw.len &&
	    memcmp(crt->issuer_raw.p, crt->subject_raw.p, crt->issuer_raw.len) == 0) {
		put_next(into, "is self-signed and not trusted");
		return;
	}
	put_next(into, "is not signed by a trusted CA (its issuer is '");
	put_common_name(into, &crt->issuer);
	(void)buf_put_str(into, "')");
}

/* Dates, pin, issuer, use. */
static void put_faults(struct buf *into, const struct tls_stream *s, const mbedtls_x509_crt *crt,
		       uint32_t flags)
{
	if (flags & MBEDTLS_X509_BADCERT_EXPIRED)
		put_date(into, "expired", &crt->valid_to);
	if (flags & MBEDTLS_X509_BADCERT_FUTURE)
		put_date(into, "is not valid before", &crt->valid_from);
	if (flags & MBEDTLS_X509_BADCERT_OTHER)
		put_pin_reason(into, s);
	if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED)
		put_issuer(into, crt);
	for (size_t i = 0; i < COUNT_OF(plain_flags); i++) {
		if (flags & plain_flags[i].flag)
			put_next(into, plain_flags[i].text);
	}
}

/* "the certificate 'x' expired 2024-01-02 03:04 UTC, and is for 'a, b', not for 'c'" */
static void describe_flags(struct tls_stream *s, const mbedtls_x509_crt *crt, uint32_t flags)
{
	AUTO_BUF struct buf text;
	size_t len;

	buf_init(&text, 4096);
	(void)buf_put_str(&text, "the certificate '");
	put_common_name(&text, &crt->subject);
	(void)buf_put_char(&text, '\'');
	len = text.len;
	put_faults(&text, s, crt, flags);
	if (flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) {
		put_next(&text, "is for '");
		put_names(&text, crt);
		(void)buf_printf(&text, "', not for '%s'", s->server_name);
	}
	if (text.len == len)
		(void)buf_printf(&text, " is not valid (mbedTLS 0x%x)", (unsigned)flags);
	s->refusal_flags |= flags;
	if (s->refusal) { /* of a CA above this one */
		(void)buf_printf(&text, "; %s", s->refusal->text);
	} else {
		s->refusal = mem_new(sizeof(*s->refusal));
	}
	err_set(s->refusal, ERR_PROTOCOL, "%s", buf_str(&text));
}

static bool is_pinned_ca(const struct tls *t, const mbedtls_x509_crt *crt)
{
	uint8_t hash[HASH_SIZE];

	if (mbedtls_x509_crt_get_ca_istrue(crt) != 1)
		return false;
	hash_sha256(span_from(crt->pk_raw.p, crt->pk_raw.len), hash);
	for (size_t i = 0; i < t->pin_count; i++) {
		if (memcmp(hash, t->pins[i], sizeof(hash)) == 0) /* both are public */
			return true;
	}
	return false;
}

/*
 * Verifies the leaf against the pinned CA alone, which the peer sent behind it (`leaf` heads the
 * chain as it came). The CA is parsed anew because mbedTLS takes whatever is linked to an anchor
 * for anchors too.
 */
static uint32_t verify_by_pin(const struct tls_stream *s, mbedtls_x509_crt *leaf)
{
	const mbedtls_x509_crt *ca = leaf->next;
	mbedtls_x509_crt anchor;
	uint32_t flags = 0;
	int rc;

	for (int n = 0; ca && n < CHAIN_MAX && !is_pinned_ca(s->tls, ca); n++)
		ca = ca->next;
	if (!ca || !is_pinned_ca(s->tls, ca))
		return MBEDTLS_X509_BADCERT_OTHER;
	mbedtls_x509_crt_init(&anchor);
	rc = mbedtls_x509_crt_parse_der(&anchor, ca->raw.p, ca->raw.len);
	if (rc == 0)
		rc = mbedtls_x509_crt_verify_with_profile(leaf, &anchor, NULL,
							  &mbedtls_x509_crt_profile_default,
							  s->server_name, &flags, NULL, NULL);
	mbedtls_x509_crt_free(&anchor);
	if (rc != 0 && flags == 0) /* no memory, or a chain too long to be followed */
		flags = MBEDTLS_X509_BADCERT_NOT_TRUSTED;
	return flags;
}

/* mbedTLS checks the use too, but only where the authentication is REQUIRED. */
static uint32_t verify_use(const struct tls_stream *s, const mbedtls_x509_crt *leaf)
{
	const char *use = s->tls->is_client ? MBEDTLS_OID_SERVER_AUTH : MBEDTLS_OID_CLIENT_AUTH;
	size_t use_len = s->tls->is_client ? MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH) :
					     MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH);
	uint32_t flags = 0;

	if (mbedtls_x509_crt_check_extended_key_usage(leaf, use, use_len) != 0)
		flags |= MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
	if (mbedtls_x509_crt_check_key_usage(leaf, MBEDTLS_X509_KU_DIGITAL_SIGNATURE) != 0)
		flags |= MBEDTLS_X509_BADCERT_KEY_USAGE;
	return flags;
}

int tls_verify(void *stream, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
	struct tls_stream *s = stream;
	const struct tls *t = s->tls;

	if (t->pin_is_anchor) /* mbedTLS found no anchor, of course; the leaf decides */
		*flags = depth == 0 ? verify_by_pin(s, crt) : 0;
	else if (t->pin_count && is_pinned_ca(t, crt))
		s->pin_was_seen = true;
	if (depth == 0) {
		*flags |= verify_use(s, crt);
		if (t->pin_count && !t->pin_is_anchor && !s->pin_was_seen)
			*flags |= MBEDTLS_X509_BADCERT_OTHER;
	}
	if (*flags != 0)
		describe_flags(s, crt, *flags);
	s->is_verified = depth == 0 && !s->refusal;
	/* with authmode OPTIONAL mbedTLS goes on unless the callback itself fails */
	return *flags != 0 && t->pin_is_anchor ? MBEDTLS_ERR_X509_FATAL_ERROR : 0;
}

unsigned char tls_alert_for(uint32_t flags)
{
	if (flags & MBEDTLS_X509_BADCERT_EXPIRED)
		return MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED;
	if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED)
		return MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA;
	if (flags & (MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE))
		return MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_CERT;
	return MBEDTLS_SSL_ALERT_MSG_BAD_CERT;
}
