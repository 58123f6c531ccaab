/*
 * A SelfSubjectAccessReview or SelfSubjectRulesReview in Kubernetes' protobuf, as kubectl sends it (apimachinery's
 * runtime.Unknown behind "k8s\0"; k8s.io/api/authorization/v1/generated.proto).
 */
#ifndef MK8S_KUBE_REVIEW_PROTO_H
#define MK8S_KUBE_REVIEW_PROTO_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/span.h"

struct json;

/* Whether the body is in Kubernetes' protobuf. */
bool review_proto_is(struct span body);
/*
 * The review as its JSON would be, with spec alone; selectors are left out. The caller owns it.
 * ERR_INPUT for what is malformed, holds a field twice (readers merge those) or text with a NUL.
 */
int review_proto_parse(struct span body, struct json **ret_review, struct err *e);
/* The same for a SelfSubjectRulesReview, whose spec is a namespace. */
int review_proto_parse_rules(struct span body, struct json **ret_review, struct err *e);

#endif
