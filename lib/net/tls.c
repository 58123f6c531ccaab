/* TLS configurations: made once from PEM, shared by counted references. */
#include "lib/net/tls.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/pk.h>
#include <psa/crypto.h>

#include "lib/base/attr.h"
#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/crypto/random.h"
#include "lib/format/hex.h"
#include "lib/net/tls_inner.h"

#define TICKET_LIFETIME_S (8 * 3600)
#define CHAIN_EACH_LEN 5 /* of TLS 1.3 around each certificate */
#define MACHINE_CA_MAX (8 * 1024 * 1024)

/* AES-128-GCM first: mbedTLS's own order begins with ChaCha20, slower where AES is in hardware. */
static const int ciphersuites[] = {
	MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
	MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
	MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	0,
};

/* The last two are for TLS 1.2, where this list also bounds the curves of certificates. */
static const uint16_t groups[] = {
	MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
	MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
	MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
	MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1,
	MBEDTLS_SSL_IANA_TLS_GROUP_NONE,
};

/*
 * PKCS#1 v1.5 before PSS: a TLS 1.2 server may sign with either and follows this order, but
 * mbedTLS's TLS 1.2 client refuses the PSS that it has offered. TLS 1.3 knows PSS alone.
 */
static const uint16_t signatures[] = {
	MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
	MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
	MBEDTLS_TLS1_3_SIG_ECDSA_SECP521R1_SHA512,
	MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
	MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,
	MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
	MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
	MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384,
	MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512,
	MBEDTLS_TLS1_3_SIG_NONE,
};

static void tls_destroy(struct tls *t)
{
	mbedtls_ssl_config_free(&t->conf);
	mbedtls_ssl_ticket_free(&t->tickets);
	mbedtls_x509_crt_free(&t->own);
	mbedtls_x509_crt_free(&t->ca);
	mbedtls_pk_free(&t->key);
	tls_resume_free(t->resume);
	free(t);
}

/* A configuration with everything that both roles share. NULL: *e. */
static struct tls *tls_new(bool is_client, const char *const *alpn, struct err *e)
{
	struct tls *t = mem_new(sizeof(*t));
	int rc = (int)psa_crypto_init();

	atomic_init(&t->refs, 1);
	t->is_client = is_client;
	t->alpn = alpn;
	mbedtls_ssl_config_init(&t->conf);
	mbedtls_ssl_ticket_init(&t->tickets);
	mbedtls_x509_crt_init(&t->own);
	mbedtls_x509_crt_init(&t->ca);
	mbedtls_pk_init(&t->key);
	if (rc == 0)
		rc = mbedtls_ssl_config_defaults(
			&t->conf, is_client ? MBEDTLS_SSL_IS_CLIENT : MBEDTLS_SSL_IS_SERVER,
			MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
	mbedtls_ssl_conf_rng(&t->conf, random_rng, NULL);
	mbedtls_ssl_conf_min_tls_version(&t->conf, MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_max_tls_version(&t->conf, MBEDTLS_SSL_VERSION_TLS1_3);
	mbedtls_ssl_conf_ciphersuites(&t->conf, ciphersuites);
	mbedtls_ssl_conf_groups(&t->conf, groups);
	mbedtls_ssl_conf_sig_algs(&t->conf, signatures);
	if (rc == 0 && alpn) /* the list is only read, the parameter lacks a const */
		rc = mbedtls_ssl_conf_alpn_protocols(&t->conf, (const char **)(uintptr_t)alpn);
	if (rc == 0)
		return t;
	err_set(e, ERR_NOMEM, "cannot make a TLS configuration: error -0x%04x", (unsigned)-rc);
	tls_destroy(t);
	return NULL;
}

/* `is_bundle`: some certificates may be of a kind that mbedTLS does not know. */
static int parse_certs(mbedtls_x509_crt *into, struct span pem, bool is_bundle, const char *what,
		       struct err *e)
{
	AUTO_FREE char *text = mem_dup(pem.at, pem.len); /* mbedTLS wants the NUL */
	char why[100];
	int rc = mbedtls_x509_crt_parse(into, (const unsigned char *)text, pem.len + 1);

	if (rc == 0 || (rc > 0 && is_bundle && into->version != 0))
		return 0;
	if (rc > 0)
		return err_set(e, ERR_INPUT, "%s: %d of its certificates cannot be read", what, rc);
	tls_library_text(rc, why, sizeof(why));
	return err_set(e, ERR_INPUT, "%s is not a PEM certificate: %s", what, why);
}

/* mbedTLS sends a chain in one message, which has to fit its output buffer. */
static int check_chain_len(const mbedtls_x509_crt *chain, struct err *e)
{
	size_t len = 0;

	for (; chain; chain = chain->next)
		len += chain->raw.len + CHAIN_EACH_LEN;
	if (len <= TLS_CHAIN_MAX)
		return 0;
	return err_set(e, ERR_LIMIT,
		       "the certificate and its chain have %zu bytes in DER, at most %d can be sent: "
		       "leave out the root, or have smaller keys",
		       len, TLS_CHAIN_MAX);
}

static int parse_own(struct tls *t, struct span cert_pem, struct span key_pem, struct err *e)
{
	char *text, why[100];
	int rc;

	if (parse_certs(&t->own, cert_pem, false, "the certificate", e) < 0)
		return -1;
	text = mem_dup(key_pem.at, key_pem.len);
	rc = mbedtls_pk_parse_key(&t->key, (const unsigned char *)text, key_pem.len + 1, NULL, 0,
				  random_rng, NULL);
	secret_wipe(text, key_pem.len);
	free(text);
	tls_library_text(rc, why, sizeof(why));
	if (rc != 0)
		return err_set(e, ERR_INPUT,
			       "the private key is not a PEM key without password: %s", why);
	if (mbedtls_pk_check_pair(&t->own.pk, &t->key, random_rng, NULL) != 0)
		return err_set(e, ERR_INPUT, "the private key does not belong to the certificate "
					     "(the chain begins with the leaf)");
	if (check_chain_len(&t->own, e) < 0)
		return -1;
	rc = mbedtls_ssl_conf_own_cert(&t->conf, &t->own, &t->key);
	return rc == 0 ? 0 : err_set(e, ERR_NOMEM, "no memory for a certificate");
}

static int server_set_up(struct tls *t, const struct tls_server_options *o, struct err *e)
{
	if (parse_own(t, o->cert_pem, o->key_pem, e) < 0)
		return -1;
	switch (o->client_auth) {
	case TLS_CLIENT_NONE:
		mbedtls_ssl_conf_authmode(&t->conf, MBEDTLS_SSL_VERIFY_NONE);
		break;
	case TLS_CLIENT_OPTIONAL:
		if (parse_certs(&t->ca, o->client_ca_pem, false, "the CA for clients", e) < 0)
			return -1;
		mbedtls_ssl_conf_authmode(&t->conf, MBEDTLS_SSL_VERIFY_OPTIONAL);
		mbedtls_ssl_conf_ca_chain(&t->conf, &t->ca, NULL);
		break;
	}
	if (!o->tickets)
		return 0;
	if (mbedtls_ssl_ticket_setup(&t->tickets, random_rng, NULL, MBEDTLS_CIPHER_AES_128_GCM,
				     TICKET_LIFETIME_S) != 0)
		return err_set(e, ERR_NOMEM, "no memory for session tickets");
	mbedtls_ssl_conf_session_tickets_cb(&t->conf, mbedtls_ssl_ticket_write,
					    mbedtls_ssl_ticket_parse, &t->tickets);
	return 0;
}

struct tls *tls_server_new(const struct tls_server_options *o, struct err *e)
{
	struct tls *t;

	/* a resumed session would bring no certificate */
	assert(!(o->tickets && o->client_auth != TLS_CLIENT_NONE));
	t = tls_new(false, o->alpn, e);
	if (t && server_set_up(t, o, e) < 0) {
		tls_destroy(t);
		return NULL;
	}
	return t;
}

static int client_add_pin(struct tls *t, struct span text, struct err *e)
{
	if (t->pin_count == TLS_PINS_MAX)
		return err_set(e, ERR_INPUT, "there are more than %d pins", TLS_PINS_MAX);
	if (!span_starts(text, SPAN("sha256:")) ||
	    hex_decode((struct span){ text.at + 7, text.len - 7 }, t->pins[t->pin_count],
		       sizeof(t->pins[0])) < 0)
		return err_set(e, ERR_INPUT, "the pin '%.80s' is not sha256: and 64 hexadecimal digits",
			       text.at);
	t->pin_count++;
	return 0;
}

static int client_set_pins(struct tls *t, const char *text, struct err *e)
{
	struct span rest = span_of(text), pin;

	while (span_take_part(&rest, ',', &pin)) {
		if (client_add_pin(t, pin, e) < 0)
			return -1;
	}
	return t->pin_count ? 0 : client_add_pin(t, SPAN(""), e);
}

static int client_set_anchors(struct tls *t, struct span ca_pem, struct err *e)
{
	AUTO_BUF struct buf machine;
	int rc;

	buf_init(&machine, MACHINE_CA_MAX);
	if (ca_pem.len)
		rc = parse_certs(&t->ca, ca_pem, false, "the CA", e);
	else if (tls_machine_ca_load(&machine, e) < 0)
		return -1;
	else
		rc = parse_certs(&t->ca, buf_span(&machine), true, "the machine's CA bundle", e);
	mbedtls_ssl_conf_ca_chain(&t->conf, &t->ca, NULL);
	return rc;
}

static int client_set_trust(struct tls *t, const struct tls_client_options *o, struct err *e)
{
	t->is_insecure = o->insecure;
	if (o->insecure && (o->ca_sha256 || o->ca_pem.len))
		return err_set(e, ERR_INPUT, "a server cannot be verified by a CA or a pin and not "
					     "verified (insecure) at once");
	if (o->insecure) {
		mbedtls_ssl_conf_authmode(&t->conf, MBEDTLS_SSL_VERIFY_NONE);
		return 0;
	}
	if (o->ca_sha256 && client_set_pins(t, o->ca_sha256, e) < 0)
		return -1;
	t->pin_is_anchor = t->pin_count && !o->ca_pem.len;
	/* mbedTLS refuses REQUIRED without anchors; tls_verify's refusals are final either way */
	mbedtls_ssl_conf_authmode(&t->conf, t->pin_is_anchor ? MBEDTLS_SSL_VERIFY_OPTIONAL :
							       MBEDTLS_SSL_VERIFY_REQUIRED);
	return t->pin_is_anchor ? 0 : client_set_anchors(t, o->ca_pem, e);
}

/* A resumed session stands for its first handshake: none where that proved nothing, or us. */
static void client_set_resumption(struct tls *t, bool has_own)
{
	bool resumes = !has_own && !t->is_insecure;

	if (resumes)
		t->resume = tls_resume_new();
	/* both of mbedTLS's pairs of names are 1 and 0 */
	mbedtls_ssl_conf_session_tickets(&t->conf, resumes);
	mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(&t->conf, resumes);
}

struct tls *tls_client_new(const struct tls_client_options *o, struct err *e)
{
	struct tls *t = tls_new(true, o->alpn, e);

	if (!t)
		return NULL;
	if (client_set_trust(t, o, e) < 0 ||
	    (o->cert_pem.len && parse_own(t, o->cert_pem, o->key_pem, e) < 0)) {
		tls_destroy(t);
		return NULL;
	}
	client_set_resumption(t, o->cert_pem.len > 0);
	return t;
}

struct tls *tls_ref(struct tls *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

void tls_unref(struct tls *t)
{
	if (t && atomic_fetch_sub(&t->refs, 1) == 1)
		tls_destroy(t);
}
