/* The frame of every server applet: making it, listening, stopping in order. */
#include "lib/net/server.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/net/server_inner.h"

#define STOP_TICK_MS 20 /* how often a stopping server looks whether all is done */

static unsigned worker_count(const struct server_options *o)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned count = o->worker_count;

	if (count == 0)
		count = processors > 0 ? 2 * (unsigned)processors : 4;
	return count < 4 && o->worker_count == 0 ? 4 : count;
}

static void on_stop_tick(void *owner);

struct server *server_new(struct loop *l, const struct server_options *options, struct err *e)
{
	struct server *s = mem_new(sizeof(*s));

	s->loop = l;
	s->o = *options;
	s->pool = pool_new(l, worker_count(options), options->worker_queue_max, e);
	if (!s->pool) {
		free(s);
		return NULL;
	}
	s->metrics = metrics_new();
	metrics_register(s->metrics, server_families, FAMILY_COUNT);
	if (options->rate_per_second > 0)
		s->limiter = limiter_new(options->rate_per_second,
					 options->rate_burst >= 1 ? options->rate_burst : 1,
					 SERVER_LIMITER_KEYS);
	s->stop_timer = loop_timer_new(l, on_stop_tick, s);
	return s;
}

struct listener *server_listen(struct server *s, const struct server_listen *o, struct err *e)
{
	struct server_listener *n = mem_new(sizeof(*n));

	assert((!o->raw_alpn) == (!o->on_raw));
	*n = (struct server_listener){ .server = s, .o = *o };
	n->listener = listener_open(s->loop, &o->listener, server_on_conn, n, e);
	if (!n->listener) {
		free(n);
		return NULL;
	}
	n->next = s->listeners;
	s->listeners = n;
	return n->listener;
}

struct pool *server_pool(struct server *s)
{
	return s->pool;
}

bool server_is_stopping(const struct server *s)
{
	return s->stopping;
}

static void close_listeners(struct server *s)
{
	for (struct server_listener *n = s->listeners; n; n = n->next) {
		listener_close(n->listener);
		n->listener = NULL;
	}
}

static void cut(struct server *s)
{
	s->cut = true;
	if (s->conn_count)
		log_event(LOG_WARN, "drain ended with open connections",
			  LOG_STR("server", s->o.name), LOG_INT("connections", s->conn_count));
	server_cut_conns(s);
}

/* Jobs are waited for even when their clients are gone: they use what the application frees next.
 */
static void on_stop_tick(void *owner)
{
	struct server *s = owner;

	if (!s->cut && loop_now_ms(s->loop) >= s->stop_at_ms)
		cut(s);
	if (s->conn_count || pool_busy(s->pool))
		return;
	loop_timer_stop(s->stop_timer);
	s->on_stopped(s->o.app);
}

void server_stop(struct server *s, uint64_t drain_ms, void (*on_stopped)(void *app))
{
	if (s->stopping) {
		s->stop_at_ms = 0;
		return;
	}
	log_event(LOG_INFO, "stopping", LOG_STR("server", s->o.name),
		  LOG_INT("connections", s->conn_count), LOG_INT("drain_ms", drain_ms));
	s->stopping = true;
	s->stop_at_ms = loop_now_ms(s->loop) + drain_ms;
	s->on_stopped = on_stopped;
	close_listeners(s);
	server_drain_conns(s);
	loop_timer_start(s->stop_timer, 1, STOP_TICK_MS);
}

void server_free(struct server *s)
{
	if (!s)
		return;
	assert(!s->conns); /* they are the loop's; server_stop ends them */
	close_listeners(s);
	for (struct server_listener *n = s->listeners, *next; n; n = next) {
		next = n->next;
		free(n);
	}
	loop_timer_free(s->stop_timer);
	pool_free(s->pool);
	limiter_free(s->limiter);
	metrics_free(s->metrics);
	free(s);
}
