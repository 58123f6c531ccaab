/* One reversed connection as central holds it. For the tunnel's own files. */
#ifndef MK8S_GATE_TUNNEL_LINK_H
#define MK8S_GATE_TUNNEL_LINK_H

#include "lib/gate/tunnel.h"

struct map;

struct tunnel_link_events {
	void (*on_ready)(void *owner, struct tunnel_link *k);  /* its hello came */
	void (*on_closed)(void *owner, struct tunnel_link *k); /* the last call */
	void *owner;
};

struct tunnel_link {
	struct tunnel_link *next;
	struct loop *loop;
	struct h2 *h2;
	struct tunnel_peer peer;
	struct tunnel_link_events events;
	char instance[64]; /* the same on all connections of one agent; "" where it told none */
	bool bulk;
	uint64_t bulk_asked_ms; /* when it was last asked for a bulk connection; 0: never */
	struct map *rules;      /* sha256 -> struct link_rules */
};

struct tunnel_link *tunnel_link_new(struct loop *l, struct conn *c, const struct h2_limits *limits,
				    const struct tunnel_peer *peer, const struct tunnel_link_events *events);
/* Asks the agent for a bulk connection, at most once in ten seconds. */
void tunnel_link_ask_bulk(struct tunnel_link *k);
void tunnel_link_forget(struct tunnel_link *k, const char *rules_sha256);

#endif
