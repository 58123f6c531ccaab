/*
 * Central's part of reviews of one's own rights (spec/mk8s.md, Authorization). "May I ...?", a
 * SelfSubjectAccessReview, is answered no where central's roles say no, and else by the API server,
 * whose own rules come on top. "What may I?", a SelfSubjectRulesReview, is answered by the API
 * server, and cut down to what central's roles allow, too.
 */
#ifndef MK8S_GATE_PROXY_REVIEW_H
#define MK8S_GATE_PROXY_REVIEW_H

#include "lib/base/buf.h"
#include "lib/gate/authz.h"

#define PROXY_REVIEW_MAX (64 * 1024) /* bytes of a review */

/* Which review the request is, whose body central has to read. */
enum proxy_review_kind { PROXY_REVIEW_NONE, PROXY_REVIEW_ACCESS, PROXY_REVIEW_RULES };
enum proxy_review_kind proxy_review_kind(const struct request_info *info);

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

/* The namespace that the rules review in `body` asks about; the caller owns it. Errors likewise. */
int proxy_review_namespace(struct span body, char **ret_namespace, struct err *e);

#endif
