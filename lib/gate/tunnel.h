/*
 * Central's end of the reversed connections: which agents are there, and the way to one
 * (proto/REVERSE.md).
 *
 * A link is one reversed connection, on which central is the HTTP/2 client. A cluster may have
 * links of several agents, and an agent a main and a bulk one. Loop only, but for
 * tunnel_is_connected.
 */
#ifndef MK8S_GATE_TUNNEL_H
#define MK8S_GATE_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/net/conn.h"
#include "lib/net/h2.h"

struct tunnel;
struct tunnel_link;

struct tunnel_options {
	struct loop *loop;
	struct h2_limits limits;
	/* The first link of a cluster is up, or its last one gone. */
	void (*on_change)(void *owner, const char *cluster_id, bool connected);
	void *owner;
};

/* The caller owns it. */
struct tunnel *tunnel_new(const struct tunnel_options *o);
/* Closes every link; the tunnel is gone when the last one is. Takes NULL. */
void tunnel_close(struct tunnel *t);

/* Who holds the other end, read from its verified certificate. */
struct tunnel_peer {
	char cluster_id[37];
	char serial[48];
	int64_t expires_unix_s; /* the link is closed then */
};
/* Takes over a connection that agreed on mk8s-reverse/1. It is used once its hello came. */
void tunnel_accept(struct tunnel *t, struct conn *c, const struct tunnel_peer *peer);

/*
 * A link to the cluster's least loaded agent; `bulk` prefers one for lists, watches and logs, and
 * asks the agent for it where there is none. NULL: ERR_UNREACHABLE when no agent is there, ERR_BUSY
 * when each is full. Valid until the next callback.
 */
struct tunnel_link *tunnel_pick(struct tunnel *t, const char *cluster_id, bool bulk, struct err *e);
struct h2 *tunnel_link_h2(struct tunnel_link *k);

/* Whether the agent behind the link holds these rules. */
bool tunnel_link_knows(const struct tunnel_link *k, const char *rules_sha256);
/* Sends it the rules; done(owner, why) comes when it holds them or did not take them. */
void tunnel_link_teach(struct tunnel_link *k, const char *rules_sha256, struct span rules_json,
		       void (*done)(void *owner, const struct err *why), void *owner);
/* The agent said that it forgot them (428). */
void tunnel_forget(struct tunnel *t, const char *cluster_id, const char *rules_sha256);

/*
 * Closes the links for which `valid` says no (revoked certificate, removed cluster) or whose
 * certificate ended.
 */
void tunnel_recheck(struct tunnel *t, bool (*valid)(void *arg, const struct tunnel_peer *peer),
		    void *arg);

/* Whether any agent of the cluster is connected. From any thread. */
bool tunnel_is_connected(struct tunnel *t, const char *cluster_id);

#endif
