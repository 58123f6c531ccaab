/* Sentences for what mbedTLS reports. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <mbedtls/error.h>

#include "lib/base/buf.h"
#include "lib/net/tls_inner.h"

/* RFC 8446 section 6. */
static const struct {
	uint8_t number;
	const char *text;
} alerts[] = {
	{ 10, "unexpected message" },
	{ 20, "bad record MAC" },
	{ 21, "decryption failed" },
	{ 22, "record overflow" },
	{ 40, "handshake failure: no common parameters" },
	{ 41, "no certificate" },
	{ 42, "bad certificate" },
	{ 43, "unsupported certificate" },
	{ 44, "certificate revoked" },
	{ 45, "certificate expired" },
	{ 46, "certificate unknown" },
	{ 47, "illegal parameter" },
	{ 48, "unknown CA" },
	{ 49, "access denied" },
	{ 50, "decode error" },
	{ 51, "decrypt error" },
	{ 70, "protocol version not supported" },
	{ 71, "insufficient security" },
	{ 80, "internal error" },
	{ 86, "inappropriate fallback" },
	{ 90, "user cancelled" },
	{ 109, "missing extension" },
	{ 110, "unsupported extension" },
	{ 112, "unrecognised name" },
	{ 113, "bad certificate status" },
	{ 115, "unknown PSK identity" },
	{ 116, "certificate required" },
	{ 120, "no application protocol" },
};

static const char *alert_text(unsigned number)
{
	for (size_t i = 0; i < COUNT_OF(alerts); i++) {
		if (alerts[i].number == number)
			return alerts[i].text;
	}
	return "of unknown meaning";
}

void tls_library_text(int rc, char *into, size_t into_size)
{
	char text[200];
	const char *what;

	mbedtls_strerror(rc, text, sizeof(text));
	what = strstr(text, " - ");
	what = what ? what + 3 : text;
	(void)snprintf(into, into_size, "%s", what); /* cut by contract */
	if (isupper((unsigned char)into[0]) && islower((unsigned char)into[1]))
		into[0] = (char)tolower((unsigned char)into[0]);
}

/* The protocols of ours, for the sentence. */
static void put_alpn(const struct tls *t, struct buf *into)
{
	for (const char *const *p = t->alpn; p && *p; p++)
		(void)buf_printf(into, "%s%s", p == t->alpn ? "" : ", ", *p);
}

static int describe_alpn(const struct tls_stream *s, struct err *e)
{
	AUTO_BUF struct buf ours;

	buf_init(&ours, 300);
	put_alpn(s->tls, &ours);
	return err_set(e, ERR_PROTOCOL, "no common protocol (ALPN); ours: %s", buf_str(&ours));
}

static int describe_alert(const struct tls_stream *s, struct err *e)
{
	unsigned number = s->ssl.MBEDTLS_PRIVATE(in_msg)[1];

	if (number == MBEDTLS_SSL_ALERT_MSG_NO_APPLICATION_PROTOCOL)
		return describe_alpn(s, e);
	return err_set(e, ERR_PROTOCOL, "the peer refused with the TLS alert '%s' (%u)",
		       alert_text(number), number);
}

int tls_describe(const struct tls_stream *s, int rc, struct err *e)
{
	char text[200];

	if (s->refusal) {
		*e = *s->refusal;
		return -1;
	}
	switch (rc) {
	case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
		return describe_alert(s, e);
	case MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL:
		return describe_alpn(s, e);
	case MBEDTLS_ERR_SSL_INVALID_RECORD:
		return err_set(e, ERR_PROTOCOL, s->is_open ? "a TLS record is malformed" :
							     "the peer does not speak TLS");
	case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
		return err_set(e, ERR_PROTOCOL,
			       "the peer offers neither TLS 1.3 nor TLS 1.2");
	case MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE:
		return err_set(e, ERR_PROTOCOL,
			       "no common cipher suite, group or signature algorithm");
	case MBEDTLS_ERR_SSL_ALLOC_FAILED:
		return err_set(e, ERR_NOMEM, "no memory for TLS");
	default:
		tls_library_text(rc, text, sizeof(text));
		return err_set(e, ERR_PROTOCOL, "%s (mbedTLS -0x%04x)", text, (unsigned)-rc);
	}
}
