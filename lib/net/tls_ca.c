/* Where the machine keeps the CAs that it trusts. */
#include <stdlib.h>

#include "lib/base/attr.h"
#include "lib/base/buf.h"
#include "lib/base/file.h"
#include "lib/net/tls.h"

static const char *const places[] = {
	"/etc/ssl/certs/ca-certificates.crt",                /* Debian, Alpine, Arch */
	"/etc/pki/tls/certs/ca-bundle.crt",                  /* Fedora, RHEL 6 */
	"/etc/ssl/ca-bundle.pem",                            /* openSUSE */
	"/etc/pki/tls/cacert.pem",                           /* OpenELEC */
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* RHEL 7 and later */
	"/etc/ssl/cert.pem",                                 /* Alpine, BSD */
};

int tls_machine_ca_load(struct buf *ret_pem, struct err *e)
{
	const char *own = getenv("SSL_CERT_FILE");
	AUTO_BUF struct buf tried;

	buf_init(&tried, 1024);
	if (own && *own) {
		if (file_read(own, ret_pem, e) < 0)
			return err_context(e, "the CA bundle that SSL_CERT_FILE names");
		return 0;
	}
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		if (file_read(places[i], ret_pem, e) == 0) {
			err_clear(e); /* of the places before */
			return 0;
		}
		if (e->code != ERR_NOT_FOUND)
			return err_context(e, "the machine's CA bundle");
		(void)buf_printf(&tried, "%s%s", i ? ", " : "", places[i]); /* fits */
	}
	return err_set(e, ERR_NOT_FOUND, "no CA bundle at %s; set SSL_CERT_FILE or give a CA file",
		       buf_str(&tried));
}
