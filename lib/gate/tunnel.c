/* Central's end of the reversed connections: the clusters and their links. */
#include "lib/gate/tunnel.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/gate/tunnel_link.h"

struct tunnel {
	struct tunnel_options options;
	struct map *clusters; /* id -> struct tunnel_cluster; kept for the life of the tunnel */
	pthread_mutex_t lock; /* guards `clusters` and `connected` against other threads */
	size_t link_count;    /* every link that is not closed yet */
	bool closing;
};

struct tunnel_cluster {
	char id[37];
	struct tunnel_link *links; /* ready ones */
	struct tunnel_link *greeting; /* no hello yet */
	bool connected;
};

struct tunnel *tunnel_new(const struct tunnel_options *o)
{
	struct tunnel *t = mem_new(sizeof(*t));

	t->options = *o;
	t->clusters = map_new();
	(void)pthread_mutex_init(&t->lock, NULL);
	return t;
}

static void tunnel_free(struct tunnel *t)
{
	size_t cursor = 0;

	for (void *c; (c = map_next(t->clusters, &cursor));)
		free(c);
	map_free(t->clusters);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}

static void close_links(struct tunnel_link *k)
{
	for (; k; k = k->next)
		h2_close(k->h2);
}

void tunnel_close(struct tunnel *t)
{
	size_t cursor = 0;

	if (!t)
		return;
	t->closing = true;
	for (struct tunnel_cluster *c; (c = map_next(t->clusters, &cursor));) {
		close_links(c->links);
		close_links(c->greeting);
	}
	if (!t->link_count)
		tunnel_free(t);
}

static struct tunnel_cluster *tunnel_cluster(struct tunnel *t, const char *id)
{
	struct tunnel_cluster *c = map_get(t->clusters, span_of(id));

	if (c)
		return c;
	c = mem_new(sizeof(*c));
	(void)snprintf(c->id, sizeof(c->id), "%s", id);
	(void)pthread_mutex_lock(&t->lock);
	(void)map_put(t->clusters, span_of(id), c);
	(void)pthread_mutex_unlock(&t->lock);
	return c;
}

static void unlink_from(struct tunnel_link **list, struct tunnel_link *k)
{
	for (; *list; list = &(*list)->next) {
		if (*list == k) {
			*list = k->next;
			return;
		}
	}
}

static void note_connected(struct tunnel *t, struct tunnel_cluster *c)
{
	bool connected = c->links != NULL;

	if (connected == c->connected)
		return;
	(void)pthread_mutex_lock(&t->lock);
	c->connected = connected;
	(void)pthread_mutex_unlock(&t->lock);
	t->options.on_change(t->options.owner, c->id, connected);
}

static void link_ready(void *owner, struct tunnel_link *k)
{
	struct tunnel *t = owner;
	struct tunnel_cluster *c = tunnel_cluster(t, k->peer.cluster_id);

	unlink_from(&c->greeting, k);
	k->next = c->links;
	c->links = k;
	note_connected(t, c);
}

static void link_closed(void *owner, struct tunnel_link *k)
{
	struct tunnel *t = owner;
	struct tunnel_cluster *c = tunnel_cluster(t, k->peer.cluster_id);

	unlink_from(&c->greeting, k);
	unlink_from(&c->links, k);
	t->link_count--;
	if (!t->closing) /* its owner is about to go, or gone */
		note_connected(t, c);
	if (t->closing && !t->link_count)
		tunnel_free(t);
}

void tunnel_accept(struct tunnel *t, struct conn *conn, const struct tunnel_peer *peer)
{
	struct tunnel_cluster *c = tunnel_cluster(t, peer->cluster_id);
	struct tunnel_link *k;

	k = tunnel_link_new(t->options.loop, conn, &t->options.limits, peer,
			    &(struct tunnel_link_events){ link_ready, link_closed, t });
	k->next = c->greeting;
	c->greeting = k;
	t->link_count++;
}

static bool is_same_agent(const struct tunnel_link *a, const struct tunnel_link *b)
{
	return strcmp(a->instance, b->instance) == 0;
}

/* Streams on all connections of the link's agent. */
static size_t agent_load(const struct tunnel_cluster *c, const struct tunnel_link *of)
{
	size_t load = 0;

	for (const struct tunnel_link *k = c->links; k; k = k->next)
		load += is_same_agent(k, of) ? h2_stream_count(k->h2) : 0;
	return load;
}

/* Of two agents the one with less to do, of one agent's connections that of the kind. */
static bool is_better(const struct tunnel_cluster *c, const struct tunnel_link *k,
		      const struct tunnel_link *than, bool bulk)
{
	if (!than)
		return true;
	if (!is_same_agent(k, than))
		return agent_load(c, k) < agent_load(c, than);
	if (k->bulk != than->bulk)
		return k->bulk == bulk;
	return h2_stream_count(k->h2) < h2_stream_count(than->h2);
}

struct tunnel_link *tunnel_pick(struct tunnel *t, const char *cluster_id, bool bulk, struct err *e)
{
	struct tunnel_cluster *c = map_get(t->clusters, span_of(cluster_id));
	struct tunnel_link *best = NULL;

	if (!c || !c->links) {
		err_set(e, ERR_UNREACHABLE, "no agent of the cluster is connected");
		return NULL;
	}
	for (struct tunnel_link *k = c->links; k; k = k->next) {
		if (h2_may_request(k->h2) && is_better(c, k, best, bulk))
			best = k;
	}
	if (!best)
		err_set(e, ERR_BUSY, "the cluster's agents have as many requests as they take");
	else if (bulk && !best->bulk)
		tunnel_link_ask_bulk(best);
	return best;
}

void tunnel_forget(struct tunnel *t, const char *cluster_id, const char *rules_sha256)
{
	struct tunnel_cluster *c = map_get(t->clusters, span_of(cluster_id));

	for (struct tunnel_link *k = c ? c->links : NULL; k; k = k->next)
		tunnel_link_forget(k, rules_sha256);
}

static void recheck_list(struct tunnel_link *k,
			 bool (*valid)(void *arg, const struct tunnel_peer *peer), void *arg)
{
	int64_t now = clock_unix_s();

	for (; k; k = k->next) {
		if (k->peer.expires_unix_s <= now || !valid(arg, &k->peer))
			h2_close(k->h2);
	}
}

void tunnel_recheck(struct tunnel *t, bool (*valid)(void *arg, const struct tunnel_peer *peer),
		    void *arg)
{
	size_t cursor = 0;

	for (struct tunnel_cluster *c; (c = map_next(t->clusters, &cursor));) {
		recheck_list(c->links, valid, arg);
		recheck_list(c->greeting, valid, arg);
	}
}

bool tunnel_is_connected(struct tunnel *t, const char *cluster_id)
{
	struct tunnel_cluster *c;
	bool connected;

	(void)pthread_mutex_lock(&t->lock);
	c = map_get(t->clusters, span_of(cluster_id));
	connected = c && c->connected;
	(void)pthread_mutex_unlock(&t->lock);
	return connected;
}
