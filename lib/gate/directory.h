/*
 * Users, roles, clusters, join tokens, agent certificates and sessions, as they stand in the
 * store.
 *
 * Blocking; for workers. Every change is one transaction. Whoever changes something publishes a
 * new snapshot afterwards (lib/gate/central.h, central_publish).
 */
#ifndef MK8S_GATE_DIRECTORY_H
#define MK8S_GATE_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/gate/role.h"
#include "lib/store/store.h"

struct directory;
struct json;

/* The schema: for store_options of the store that directory_open gets. */
extern const struct store_migration directory_migrations[];
extern const size_t directory_migration_count;

/* Borrows a store that was opened with the migrations above. */
int directory_open(struct store *s, struct directory **ret_directory, struct err *e);
void directory_free(struct directory *d); /* takes NULL */

struct directory_user {
	char id[37];
	char email[256];
	bool disabled;
	int64_t created_unix_s;
	char **roles; /* NULL-terminated names */
};
void directory_user_free(struct directory_user *u); /* its parts, not `u` itself; so below */

/*
 * The e-mail is lower-cased and checked; the password hashed on the calling worker (bcrypt, about
 * 200 ms). ERR_EXISTS for a known e-mail; ERR_INPUT for an unknown role, here and below. `roles`
 * may be NULL.
 */
int directory_user_add(struct directory *d, const char *email, struct span password,
		       char *const *roles, struct directory_user *ret_user, struct err *e);
/* By UUID or e-mail. */
int directory_user_get(struct directory *d, const char *id_or_email,
		       struct directory_user *ret_user, struct err *e);
int directory_user_list(struct directory *d, struct directory_user **ret_users, size_t *ret_count,
			struct err *e);
/*
 * NULL or -1 leaves as it is. A new password and disabling end the user's sessions. The last
 * enabled administrator can be neither disabled, removed nor demoted: ERR_EXISTS.
 */
int directory_user_change(struct directory *d, const char *id_or_email, const struct span *password,
			  int disabled, struct err *e);
int directory_user_set_roles(struct directory *d, const char *id_or_email, char *const *roles,
			     struct err *e);
int directory_user_remove(struct directory *d, const char *id_or_email, struct err *e);

/*
 * Makes the seed's three roles (admin, developer, viewer) where there is no role at all; at the
 * first start.
 */
int directory_seed(struct directory *d, struct err *e);
/* create_only: ERR_EXISTS when there is one of that name. */
int directory_role_put(struct directory *d, const struct role *r, bool create_only, struct err *e);
int directory_role_get(struct directory *d, const char *name, struct role **ret_role,
		       struct err *e);
int directory_role_list(struct directory *d, struct role ***ret_roles, size_t *ret_count,
			struct err *e);
/* ERR_EXISTS while a user holds it. */
int directory_role_remove(struct directory *d, const char *name, struct err *e);
/*
 * The whole document at once: roles replaced or made, listed users' roles set (unknown users:
 * ERR_NOT_FOUND).
 */
int directory_apply(struct directory *d, const struct role_document *doc, struct err *e);

struct directory_cluster {
	char id[37];
	char name[254];
	char *labels_json;   /* object */
	char *metadata_json; /* object, as the agent last reported */
	int64_t last_seen_unix_s; /* 0: never */
	int64_t created_unix_s;
};
void directory_cluster_free(struct directory_cluster *c);

/*
 * Names are RFC 1123 subdomains (so that globs and paths stay plain). `ret_token` gets the join
 * token, shown once.
 */
int directory_cluster_add(struct directory *d, const char *name, const struct json *labels,
			  struct directory_cluster *ret_cluster, char **ret_token, struct err *e);
int directory_cluster_get(struct directory *d, const char *id_or_name,
			  struct directory_cluster *ret_cluster, struct err *e);
int directory_cluster_list(struct directory *d, struct directory_cluster **ret_clusters,
			   size_t *ret_count, struct err *e);
/* Its tokens and certificates go with it. */
int directory_cluster_remove(struct directory *d, const char *id_or_name, struct err *e);
/* A new join token; the old one stops working, certificates stay. */
int directory_cluster_new_token(struct directory *d, const char *id_or_name, char **ret_token,
				struct err *e);
/*
 * The cluster that the token joins; a wrong token, or one for another name than `cluster_name`:
 * ERR_AUTH.
 */
int directory_token_check(struct directory *d, const char *token, const char *cluster_name,
			  struct directory_cluster *ret_cluster, struct err *e);
int directory_cluster_seen(struct directory *d, const char *cluster_id, const char *metadata_json,
			   struct err *e);

/* Agent certificates in force, by serial (hex). */
int directory_cert_add(struct directory *d, const char *serial, const char *cluster_id,
		       int64_t expires_unix_s, struct err *e);

struct directory_session {
	char sid[37];
	char user_id[37];
	char email[256];
	int64_t expires_unix_s; /* of the refresh token */
};
/*
 * Checks the password (the same time for unknown users): ERR_AUTH. Starts a session with a first
 * refresh token.
 */
int directory_login(struct directory *d, const char *email, struct span password,
		    int64_t refresh_expires_unix_s, struct directory_session *ret_session,
		    char **ret_refresh_token, struct err *e);
/*
 * Exchanges a refresh token for the next one. One that was used already ends its whole session:
 * ERR_AUTH, and a new snapshot is due then, too.
 */
int directory_refresh(struct directory *d, const char *refresh_token,
		      int64_t refresh_expires_unix_s, struct directory_session *ret_session,
		      char **ret_refresh_token, struct err *e);
/* Ends the session of a refresh token. Unknown ones are no error. */
int directory_logout(struct directory *d, const char *refresh_token, struct err *e);
/*
 * Changes the own password; every other session of the user ends. A wrong old password:
 * ERR_DENIED.
 */
int directory_password_change(struct directory *d, const char *user_id, const char *keep_sid,
			      struct span old_password, struct span new_password, struct err *e);

#endif
