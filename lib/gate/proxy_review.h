/*
 * Central's part of a SelfSubjectAccessReview: "may I ...?" is answered no where central's roles
 * say no, and else by the API server, whose own rules come on top (spec/mk8s.md, Authorization).
 */
#ifndef MK8S_GATE_PROXY_REVIEW_H
#define MK8S_GATE_PROXY_REVIEW_H

#include "lib/base/buf.h"
#include "lib/gate/authz.h"

#define PROXY_REVIEW_MAX (64 * 1024) /* bytes of a review */

/* Whether the request is such a review, whose body central has to read. */
bool proxy_review_is(const struct request_info *info);

struct proxy_review {
	const char *user, *cluster; /* names */
	const struct role *const *roles;
	size_t role_count;
	struct request_info *scratch; /* overwritten */
};

/*
 * Decides what the review in `body` (JSON or protobuf) asks. 1: denied, and the answer to give
 * (201) is in `ret_answer`; 0: central allows it, so that the API server is to be asked; -1:
 * ERR_INPUT for what is no such review, ERR_LIMIT.
 */
int proxy_review_decide(const struct proxy_review *r, struct span body, struct buf *ret_answer,
			struct err *e);

#endif
