/* The parts of kubectl auth. */
#ifndef MK8S_KUBE_KUBECTL_AUTH_H
#define MK8S_KUBE_KUBECTL_AUTH_H

#include "lib/kube/kubectl_inner.h"

/* POSTs a review; NULL after having noted the failure. */
struct json *kubectl_review(struct kubectl *k, const char *path, const struct json *body);

/* "[a b]" of an array of texts. The caller frees it. */
char *kubectl_bracketed(const struct json *list);

/* auth can-i --list: what the server allows in a namespace. */
void kubectl_list_rules(struct kubectl *k, const char *namespace, bool no_headers);

#endif
