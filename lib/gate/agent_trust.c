/* What the agent trusts as central, and the TLS configurations that follow from it and from its own certificate. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/crypto/cert.h"
#include "lib/crypto/key.h"
#include "lib/gate/agent_state.h"

#define LEARNED_MAX 2 /* pins of central's CAs that are taken up: the one in force and the next one */

static const char *const call_alpn[] = { "h2", NULL };
static const char *const link_alpn[] = { "mk8s-reverse/1", NULL };

/*
 * What central is verified by: what is configured, and beside it the CAs that central told of. Who
 * trusts the machine's anchors, or nobody, needs none of them.
 */
static void put_trust(const struct agent *a, struct buf *anchors, struct buf *pins)
{
	struct span rest = span_of(a->learned_ca_pem), pem;
	const char *pin = a->config->tls_ca_sha256;
	struct err e = { 0 };
	struct cert_info info;

	buf_init(anchors, 2 * AGENT_CA_MAX_LEN);
	buf_init(pins, 1024);
	(void)buf_put_span(anchors, buf_span(&a->ca_pem));
	if (anchors->len)
		(void)buf_put_span(anchors, rest);
	if (pin)
		(void)buf_put_str(pins, pin);
	for (int n = 0; pin && n < LEARNED_MAX && cert_next_pem(&rest, &pem); n++) {
		if (cert_parse(pem, &info, &e) == 0 && !strstr(pin, info.pin))
			(void)buf_printf(pins, ",%s", info.pin);
	}
}

static struct tls *central_tls(const struct agent *a, const char *const *alpn, const struct key *key,
			       const char *cert_pem, struct err *e)
{
	AUTO_BUF struct buf key_pem;
	AUTO_BUF struct buf anchors, pins;
	struct tls_client_options o = {
		.cert_pem = span_of(cert_pem),
		.insecure = a->config->tls_insecure,
		.alpn = alpn,
	};

	buf_init_secret(&key_pem, 8192);
	put_trust(a, &anchors, &pins);
	o.ca_pem = buf_span(&anchors);
	o.ca_sha256 = pins.len ? buf_str(&pins) : NULL;
	if (key && key_private_pem(key, &key_pem, e) < 0)
		return NULL;
	o.key_pem = buf_span(&key_pem);
	return tls_client_new(&o, e);
}

int agent_use_certificate(struct agent *a, struct key *key, const char *cert_pem, int64_t not_after_unix_s,
			  struct err *e)
{
	struct tls *link = central_tls(a, link_alpn, key, cert_pem, e);
	struct tls *call = link ? central_tls(a, call_alpn, key, cert_pem, e) : NULL;

	key_free(key);
	if (!call) {
		tls_unref(link);
		return -1;
	}
	tls_unref(a->link_tls);
	tls_unref(a->call_tls);
	a->link_tls = link;
	a->call_tls = call;
	free(a->cert_pem);
	a->cert_pem = mem_dup_str(cert_pem);
	a->not_after_unix_s = not_after_unix_s;
	agent_plan_renewal(a);
	return 0;
}

void agent_learn_ca(struct agent *a, const char *ca_pem)
{
	struct tls *join;
	struct err e = { 0 };
	char *before = a->learned_ca_pem;

	if (!*ca_pem || strlen(ca_pem) > AGENT_CA_MAX_LEN || (before && strcmp(before, ca_pem) == 0))
		return;
	a->learned_ca_pem = mem_dup_str(ca_pem);
	join = central_tls(a, call_alpn, NULL, NULL, &e);
	if (!join) {
		log_event(LOG_WARN, "central told of a CA that cannot be used", LOG_STR("error", e.text));
		free(a->learned_ca_pem);
		a->learned_ca_pem = before;
		return;
	}
	free(before);
	tls_unref(a->join_tls);
	a->join_tls = join;
}

int agent_trust_start(struct agent *a, struct err *e)
{
	a->join_tls = central_tls(a, call_alpn, NULL, NULL, e);
	return a->join_tls ? 0 : -1;
}
