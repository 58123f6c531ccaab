/*
 * Roles as the seed's document writes them: which verbs on which resources in which namespaces of
 * which clusters.
 *
 * One role grants by any of its rules; there is no deny. Names of clusters match by '*' (any run
 * of characters).
 */
#ifndef MK8S_GATE_ROLE_H
#define MK8S_GATE_ROLE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

struct json;

struct role_rule {
	char *cluster;      /* glob */
	char **namespaces;  /* NULL-terminated; "*" alone means all and cluster scope */
	char **verbs;       /* get list ... admin (role.c), or "*" */
	char **resources;   /* "pods", "deployments.apps", "pods/status", "*" */
};

struct role {
	char *name;
	struct role_rule *rules;
	size_t rule_count;
};

/*
 * One role from its JSON form {"name", "clusters": [{"name","namespaces","verbs","resources"}]}.
 * Unknown members, unknown verbs (the nearest is named) and malformed resources are ERR_INPUT
 * naming the member.
 */
int role_parse(const struct json *doc, struct role **ret_role, struct err *e);
/* Takes NULL. */
void role_free(struct role *r);
/*
 * The JSON form, with members in the seed's order; canonical, so that equal roles give equal
 * bytes.
 */
void role_print(const struct role *r, struct buf *into);

/*
 * The seed's whole document: {"roles": [...], "users": [{"email", "roles": [...]}]}, either part
 * may be missing.
 */
struct role_document {
	struct role **roles;
	size_t role_count;
	struct role_grant {
		char *email;
		char **roles; /* NULL-terminated */
	} *users;
	size_t user_count;
};
int role_document_parse(const struct json *doc, struct role_document *ret_document, struct err *e);
void role_document_free(struct role_document *d);

/* '*' matches any run of characters, everything else itself, with case. */
bool role_glob_match(const char *pattern, const char *text);

#endif
