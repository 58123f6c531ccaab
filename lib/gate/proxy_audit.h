/* One proxied request as central keeps it, and its rows in the audit trail. For the proxy's own files. */
#ifndef MK8S_GATE_PROXY_AUDIT_H
#define MK8S_GATE_PROXY_AUDIT_H

#include "lib/gate/authz.h"
#include "lib/gate/central.h"
#include "lib/gate/relay.h"

/* The parsed request is large and needed during a decision only: central has one, callbacks run one at a time. */
struct proxy_scratch {
	struct request_info info;
};

struct proxied {
	struct proxied *next, *prev;
	struct central *central;
	struct proxy_scratch *info; /* central's */
	struct relay *relay; /* NULL after its end */
	unsigned pending;    /* callbacks that will still come */
	unsigned tries;
	char id[37];
	char sid[37];
	char cluster_id[37];
	char cluster[254];
	char verb[24];
	char rule[200];
	int64_t token_expires_unix_s;
	struct span target; /* of the Kubernetes request; lives as long as the stream */
	char *user_id, *user, *role_names, *rules_sha256, *rules_json;
	char *api_group, *resource, *subresource, *namespace, *name;
	char *command, *source, *user_agent;
	const char *decision; /* of the received row; NULL before it */
	bool is_change, apply_patch, bulk;
	bool review; /* a SelfSubjectAccessReview: its body is looked at first */
	bool only_existing; /* an apply patch that must not create */
	struct proxy_filter *filter; /* NULL: the answer passes as it is */
	bool refused;   /* not signed in: no rows of its own */
	bool unaudited; /* its received row could not be written */
};

struct proxied *proxied_new(struct central *c);
void proxied_free_texts(struct proxied *p);
/* Keeps what the audit trail wants of the request itself. */
void proxied_note_client(struct proxied *p, const struct http_head *head, const char *peer_ip);
/* The `received` row; with `done` it is durable when that is called. */
int proxied_audit_received(struct proxied *p, const char *decision, audit_done_fn *done, struct err *e);
/* The `complete` row. */
void proxied_audit_complete(struct proxied *p, const struct http_stats *stats, const struct err *why);

#endif
