/* Kubeconfig: a target is whole or not there at all. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/kube/kubeconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kube_target t = { 0 };
	struct err e = { 0 };
	size_t len;

	if (size && (memmem(data, size, "/dev", 4) || memmem(data, size, "/proc", 5)))
		return 0; /* a certificate's path is opened */
	if (kubeconfig_parse(span_from(data, size), "f", "/nonexistent", NULL, &t, &e)) {
		assert(e.code != ERR_NONE && e.text[0] && !t.server && !t.namespace);
		return 0;
	}
	len = strlen(t.server);
	assert(e.code == ERR_NONE && t.namespace);
	assert(strncmp(t.server, "http", 4) == 0 && t.server[len - 1] != '/');
	assert(!t.cert_pem == !t.key_pem && !(t.insecure && t.ca_pem));
	kube_target_free(&t);
	return 0;
}
