/*
 * One proxied request as central keeps it, from its arrival until its streams and callbacks are
 * gone. For the proxy's own files; all of it belongs to the loop's thread.
 */
#ifndef MK8S_GATE_PROXIED_H
#define MK8S_GATE_PROXIED_H

#include "lib/gate/authz.h"
#include "lib/gate/central.h"
#include "lib/gate/proxy_review.h"
#include "lib/gate/relay.h"

#define PROXY_RETRY_AFTER_S 1 /* told with a refusal that another try may not meet */

/*
 * The parsed request is large and needed during a decision only: central has one, callbacks run one
 * at a time.
 */
struct proxy_scratch {
	struct request_info info;
};

/* Where a request goes on behind its decision: over a relay, or back to the command it is part of. */
struct proxied_outlet {
	/* Allowed, and on record as it must be. */
	void (*forward)(struct proxied *p);
	/* Answered by central: `body` is JSON. `retry_after_s` as of relay_refuse. */
	void (*answer)(struct proxied *p, int status, struct span body, unsigned retry_after_s);
	/* What was allowed is so no longer. */
	void (*abort)(struct proxied *p, const struct err *why);
	/* What else of the outlet's own hangs on it; may be NULL. */
	void (*free)(struct proxied *p);
};

struct proxied {
	struct proxied *next, *prev;
	struct central *central;
	struct proxy_scratch *info; /* central's */
	const struct proxied_outlet *outlet;
	const struct http_head *head; /* of the request; lives until its end */
	bool ended;		      /* nobody waits for an answer any more */
	struct relay *relay; /* of the pass-through; NULL after its end */
	struct command_ask *ask; /* of a command; NULL in the pass-through */
	unsigned pending;    /* callbacks that will still come */
	unsigned tries;
	char id[37];
	char sid[37];
	char cluster_id[37];
	char cluster[254];
	char verb[24];
	char rule[200];
	int64_t token_expires_unix_s;
	struct span target; /* of the Kubernetes request; lives until its end */
	char *user_id, *user, *role_names, *rules_sha256, *rules_json;
	char *api_group, *resource, *subresource, *namespace, *name;
	char *command, *source, *user_agent;
	const char *decision; /* of the received row; NULL before it */
	bool is_change, apply_patch, bulk;
	enum proxy_review_kind review; /* its body is looked at first */
	char *review_namespace;	       /* of a rules review */
	struct buf review_answer;      /* and the API server's answer to it, so far */
	bool only_existing; /* an apply patch that must not create */
	char **only_namespaces; /* whose objects the answer may hold; NULL: all */
	struct proxy_filter *filter; /* of the pass-through; NULL: the answer passes as it is */
	struct recording *recording; /* of a session that is recorded; NULL: none */
	struct exec_stream *session; /* and its streams, once it is granted */
	bool recording_begins; /* its file is still being made */
	bool refused;   /* not signed in: no rows of its own */
	bool unaudited; /* its received row could not be written */
};

/* A new one in central's list, with what the audit trail wants of the request itself. */
struct proxied *proxied_new(struct central *c, const struct http_head *head, const char *peer_ip);
/* Keeps who asks, as the snapshot in force knows them. */
void proxied_keep_user(struct proxied *p, const struct snapshot_user *user);
/* Frees it once it has ended and no callback is pending. */
void proxied_free_if_unused(struct proxied *p);
/* Answers with a Status object; nothing after its end. `retry_after_s` as of relay_refuse. */
void proxied_refuse(struct proxied *p, int status, const char *message, unsigned retry_after_s);

/*
 * proxy.c: goes on behind a decision (proxied_decide, proxied_authorize): refuses with `status` and
 * the sentence, or (0) makes sure of what else the decision depends on, writes the `received` row
 * and forwards. A review waits for its body: proxied_go_on_review.
 */
void proxied_go_on(struct proxied *p, int status, const struct err *why);
void proxied_go_on_review(struct proxied *p, struct span body);

#endif
