/* What the agent's files share. For them only. */
#ifndef MK8S_GATE_AGENT_STATE_H
#define MK8S_GATE_AGENT_STATE_H

#include <stdatomic.h>

#include "lib/base/buf.h"
#include "lib/gate/agent.h"
#include "lib/net/conn.h"
#include "lib/net/grpc.h"
#include "lib/net/h1.h"
#include "lib/net/h2.h"

#define AGENT_METHOD(name) "/mk8s.agent.v1.AgentService/" name

struct agent_rules;
struct authz_request;
struct key;
struct pool;
struct role_document;

struct agent {
	struct loop *loop;
	const struct agent_config *config;
	const struct kube_target *target;
	char *host; /* central's */
	uint16_t port;
	struct buf ca_pem;
	char *learned_ca_pem; /* central's CAs as it told last; NULL: not yet */
	struct role_document *cap; /* NULL: none */
	char instance[37];

	struct key *next_key;  /* of the certificate that is asked for */
	char *cert_pem;       /* NULL: not registered */
	int64_t not_after_unix_s;
	struct tls *link_tls; /* with the certificate, ALPN mk8s-reverse/1 */
	struct tls *call_tls; /* the same for gRPC, ALPN h2 */
	struct tls *join_tls; /* without a certificate, ALPN h2 */

	struct agent_link *links;
	unsigned failures;  /* in a row, for the back-off */
	unsigned cut_links; /* in a row before their hello: the certificate is doubted */
	struct loop_timer *retry, *renew, *report, *settle;
	bool stopping;
	struct loop_timer *drain, *leave;
	unsigned leave_rounds;

	struct agent_upstream *upstream;
	struct pool *commands; /* workers of ExecuteCommand; NULL until the first one */
	size_t command_count;  /* calls of it, until their worker has ended */
	_Atomic size_t command_held; /* bytes that they hold, estimated */
	char *reported; /* "version platform" as last reported; NULL: nothing yet */
};

/* agent_call.c: one gRPC call on a connection of its own. */
void agent_call(struct agent *a, struct tls *tls, const char *path, struct span message, grpc_done_fn *done);

/* agent_join.c: Register, Renew, Heartbeat. */
void agent_join(struct agent *a);
void agent_renew(struct agent *a);
void agent_report(struct agent *a);

/* agent_trust.c */
#define AGENT_CA_MAX_LEN (1024 * 1024)
/* Makes join_tls of what is configured. */
int agent_trust_start(struct agent *a, struct err *e);
/* A certificate was given: it is used from now on and the next renewal is planned. Takes the key. */
int agent_use_certificate(struct agent *a, struct key *key, const char *cert_pem, int64_t not_after_unix_s,
			  struct err *e);
/* Central's CAs, which are trusted from now on besides the configured ones; "" changes nothing. */
void agent_learn_ca(struct agent *a, const char *ca_pem);

/* agent.c */
/* Starts the timer of the next renewal: at two thirds of the life that is left, at least a second. */
void agent_plan_renewal(struct agent *a);
/* Tries again later: full jitter between 0 and backoff_min * 2^failures, at most backoff_max. */
void agent_retry_later(struct agent *a, const char *what, const struct err *why);
void agent_forget_certificate(struct agent *a);
/* Closes every connection now and ends loop_run soon after. Called twice: does nothing more. */
void agent_finish(struct agent *a);

/* agent_link.c: reversed connections. */
void agent_link_open(struct agent *a, bool bulk);
/* Drains the links that run with another certificate than the one in use; and all of them. */
void agent_links_drain_old(struct agent *a);
void agent_links_drain_all(struct agent *a);
void agent_links_close(struct agent *a);
bool agent_has_main_link(const struct agent *a);
/* Central asked for the hello: the link is in use. */
void agent_link_greeted(struct agent_link *k);
struct agent *agent_link_agent(struct agent_link *k);
bool agent_link_is_bulk(const struct agent_link *k);
struct agent_rules *agent_link_rules(struct agent_link *k);

/* agent_cap.c: the roles of agent.yaml, which no central can exceed. */
/* NULL when there are none; ERR_INPUT. Free with agent_cap_free. */
int agent_cap_read(const struct agent_config *config, struct role_document **ret_cap, struct err *e);
void agent_cap_free(struct role_document *cap); /* takes NULL */
/*
 * ERR_DENIED, with a sentence, unless the cap allows the whole of the request: what it would only allow in part
 * (a list over all namespaces by rules for some, an apply patch without create) it does not.
 */
int agent_cap_check(const struct role_document *cap, const char *user, const struct authz_request *rq, struct err *e);

/* agent_serve.c: what central asks on a link; the owner is the struct agent_link. */
void agent_serve(void *owner, struct http_stream *s);

/* agent_upstream.c: the way to the API server. */
struct agent_upstream;
int agent_upstream_new(struct loop *l, const struct kube_target *t, const struct agent_config *config,
		       struct agent_upstream **ret_upstream, struct err *e);
void agent_upstream_free(struct agent_upstream *u);
/*
 * Sends a request with method, target and protocol of `asked`; the credential, the prefix of the
 * server's URL and Host are added here, last.
 */
struct header_list;
struct http_stream *agent_upstream_request(struct agent_upstream *u, const struct http_head *asked,
					   struct header_list *fields, bool end, const struct http_events *events,
					   void *owner);

#endif
