/* Who asks (tokens, client certificates, impersonation) and who may do what (the RBAC objects that are stored). */
#ifndef MK8S_TESTS_KUBESIM_ACCESS_H
#define MK8S_TESTS_KUBESIM_ACCESS_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/map.h"
#include "lib/format/json.h"
#include "lib/net/http.h"
#include "tests/kubesim/resources.h"

/* A user is a JSON object as in TokenReview: username, uid, groups, extra. */
struct access {
	struct map *tokens;
	struct resources *resources; /* borrowed */
};

void access_init(struct access *a, struct resources *resources);

/* Lines of token,user,uid,"group,group", as kube-apiserver --token-auth-file takes them. */
int access_load_tokens(struct access *a, const char *path, struct err *e);
/* A new token for a service account, which the caller frees. */
char *access_issue_token(struct access *a, const char *namespace, const char *name, const char *uid,
			 int64_t expires_unix_s);
/* The user of a token, borrowed; NULL when there is none or it has expired. */
const struct json *access_find(const struct access *a, struct span token);
/* The user of a client certificate, CN and O of its subject; NULL when it has no CN. The caller owns it. */
struct json *access_read_certificate(struct span der);

/* A request as RBAC sees it; strings are never NULL. `path` is set (not "") for non-resource requests. */
struct question {
	const char *verb, *group, *resource, *subresource, *namespace, *name, *path;
};

bool access_allows(const struct access *a, const struct json *user, const struct question *q);
/* Appends the user's rules in the namespace: those for resources and those for paths. */
void access_put_rules(const struct access *a, const struct json *user, const char *namespace, struct json *resources,
		      struct json *paths);
/* Whether `user` is in the group. */
bool access_is_member(const struct json *user, const char *group);

/*
 * The user that the Impersonate-* fields of a request name, owned by the caller, or NULL when
 * there are none. On failure NULL and *e: ERR_INPUT (400), or ERR_DENIED when `user` may not: the
 * caller writes that sentence.
 */
struct json *access_impersonate(const struct access *a, const struct json *user, const struct http_head *head,
				struct err *e);

#endif
