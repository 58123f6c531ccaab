/* Our TLS configuration and verification on a connection of libcurl's. */
#include "lib/net/tls_fetch.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/net/tls_inner.h"

/* tls_verify looks at the configuration, the name and the refusal of a stream, and at nothing else.
 */
struct tls_check {
	struct tls_stream seen;
};

struct tls_check *tls_check_new(void)
{
	return mem_new(sizeof(struct tls_check));
}

static void check_reset(struct tls_check *c)
{
	free(c->seen.server_name);
	free(c->seen.refusal);
	c->seen = (struct tls_stream){ 0 };
}

void tls_check_free(struct tls_check *c)
{
	if (!c)
		return;
	check_reset(c);
	free(c);
}

void tls_check_begin(struct tls_check *c, struct tls *t, const char *host, void *ssl_config)
{
	mbedtls_ssl_config *conf = ssl_config;

	assert(t->is_client);
	check_reset(c);
	c->seen.tls = t;
	c->seen.server_name = mem_dup_str(host);
	mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_ciphersuites(conf, t->conf.MBEDTLS_PRIVATE(ciphersuite_list));
	mbedtls_ssl_conf_groups(conf, t->conf.MBEDTLS_PRIVATE(group_list));
	mbedtls_ssl_conf_cert_profile(conf, &mbedtls_x509_crt_profile_default);
	mbedtls_ssl_conf_authmode(conf, t->conf.MBEDTLS_PRIVATE(authmode));
	mbedtls_ssl_conf_ca_chain(conf, &t->ca, NULL);
	mbedtls_ssl_conf_verify(conf, tls_verify, &c->seen);
	if (t->own.version != 0)
		(void)mbedtls_ssl_conf_own_cert(
			conf, &t->own, &t->key); /* no memory: the server says what it lacks */
}

const struct err *tls_check_refusal(const struct tls_check *c)
{
	return c->seen.refusal;
}
