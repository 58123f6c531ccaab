/* Central: start, publish, stop. */
#include "lib/gate/central.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <time.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/gate/central_state.h"
#include "lib/gate/proxied.h"
#include "lib/gate/recorder.h"
#include "lib/gate/token_cache.h"
#include "lib/net/pool.h"
#include "lib/store/store.h"

#define TOKEN_CACHE_ENTRIES 8192
#define BACKOFF_ENTRIES 10000
#define TICK_MS 1000
#define LEAF_TICKS (24 * 3600)  /* a new leaf each day; they last 90 */
#define PUBLISH_TIMEOUT_S 10

static const struct h2_limits link_limits = {
	.stream_max = 1, /* an agent opens none */
	.stream_window = 1024 * 1024,
	.conn_window = 16 * 1024 * 1024,
	.head_max = 64 * 1024,
	.field_count_max = 64,
	.ping_interval_ms = 10000,
	.write_timeout_ms = 60000,
};

/* The snapshot. */

struct snapshot *central_snapshot(struct central *c)
{
	struct snapshot *s;

	(void)pthread_mutex_lock(&c->snapshot_lock);
	s = snapshot_ref(c->snapshot);
	(void)pthread_mutex_unlock(&c->snapshot_lock);
	return s;
}

static bool peer_valid(void *arg, const struct tunnel_peer *peer)
{
	struct central *c = arg;

	return snapshot_cert_valid(c->snapshot, peer->serial, peer->cluster_id, (int64_t)time(NULL));
}

static void set_snapshot(struct central *c, struct snapshot *s)
{
	struct snapshot *old;

	(void)pthread_mutex_lock(&c->snapshot_lock);
	old = c->snapshot;
	c->snapshot = s;
	(void)pthread_mutex_unlock(&c->snapshot_lock);
	snapshot_unref(old);
}

/* A worker waits for the loop to use its snapshot. Counted: a worker that gave up leaves it to the loop. */
struct publication {
	struct central *central;
	struct snapshot *snapshot;
	pthread_mutex_t lock;
	pthread_cond_t done_cond;
	bool done, abandoned;
};

static void publication_free(struct publication *p)
{
	(void)pthread_mutex_destroy(&p->lock);
	(void)pthread_cond_destroy(&p->done_cond);
	free(p);
}

static void publish_on_loop(void *arg)
{
	struct publication *p = arg;
	struct central *c = p->central;
	bool abandoned;

	set_snapshot(c, p->snapshot);
	tunnel_recheck(c->tunnel, peer_valid, c);
	command_recheck(c);
	proxy_recheck(c);
	(void)pthread_mutex_lock(&p->lock);
	p->done = true;
	abandoned = p->abandoned;
	(void)pthread_cond_signal(&p->done_cond);
	(void)pthread_mutex_unlock(&p->lock);
	if (abandoned)
		publication_free(p);
}

static int publication_wait(struct publication *p, struct err *e)
{
	struct timespec until;
	bool done;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PUBLISH_TIMEOUT_S;
	(void)pthread_mutex_lock(&p->lock);
	while (!p->done && pthread_cond_timedwait(&p->done_cond, &p->lock, &until) == 0)
		;
	done = p->done;
	p->abandoned = !done;
	(void)pthread_mutex_unlock(&p->lock);
	if (done)
		publication_free(p);
	return done ? 0 : err_set(e, ERR_TIMEOUT, "the change is stored, but not in force after %d s", PUBLISH_TIMEOUT_S);
}

int central_publish(struct central *c, struct err *e)
{
	struct publication *p = mem_new(sizeof(*p));
	int result;

	p->central = c;
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->done_cond, NULL);
	(void)pthread_mutex_lock(&c->publish_lock);
	result = snapshot_build(c->directory, &p->snapshot, e);
	if (result == 0) {
		loop_post(c->loop, publish_on_loop, p);
		result = publication_wait(p, e);
	} else {
		publication_free(p);
	}
	(void)pthread_mutex_unlock(&c->publish_lock);
	return result;
}

/* The tunnel's news. */

struct seen_job {
	struct central *central;
	char cluster_id[37];
};

static void seen_work(void *arg)
{
	struct seen_job *job = arg;
	struct err e = { 0 };

	if (directory_cluster_seen(job->central->directory, job->cluster_id, NULL, &e) < 0)
		log_event(LOG_WARN, "last_seen not stored", LOG_STR("error", e.text));
}

static void seen_done(void *arg)
{
	free(arg);
}

static void cluster_changed(void *owner, const char *cluster_id, bool connected)
{
	struct central *c = owner;
	struct seen_job *job = mem_new(sizeof(*job));
	const struct snapshot_cluster *cluster = snapshot_cluster_find(c->snapshot, cluster_id);
	struct err e = { 0 };

	log_event(LOG_INFO, connected ? "cluster connected" : "cluster disconnected",
		  LOG_STR("cluster", cluster ? cluster->name : ""), LOG_STR("cluster_id", cluster_id));
	job->central = c;
	memcpy(job->cluster_id, cluster_id, strlen(cluster_id) + 1);
	if (server_is_stopping(c->server) || pool_submit(server_pool(c->server), seen_work, seen_done, job, &e) < 0)
		free(job);
}

static void on_tick(void *owner)
{
	struct central *c = owner;

	tunnel_recheck(c->tunnel, peer_valid, c);
	command_recheck(c);
	proxy_recheck(c);
	central_take_notices(c);
	if (++c->ticks % LEAF_TICKS == 0)
		central_renew_leaves(c);
}

/* Start and stop. */

static bool is_ready(void *app, char *why, size_t why_size)
{
	struct central *c = app;

	if (audit_is_healthy(c->audit))
		return true;
	(void)snprintf(why, why_size, "the audit trail takes no rows");
	return false;
}

static int make_server(struct central *c, struct err *e)
{
	struct server_options o = {
		.name = "central",
		.app = c,
		.worker_count = (unsigned)c->config.worker_count,
		.worker_queue_max = (size_t)c->config.worker_queue_max,
		.stall_timeout_ms = (uint64_t)c->config.stall_timeout_ms,
		.request_timeout_ms = 30000,
		.behind_proxy = c->config.behind_proxy,
		.access_log = true,
		.authenticate = central_authenticate,
		.is_admin = central_identity_is_admin,
		.identity_free = central_identity_free,
		.identity_name = central_identity_name,
		.is_ready = is_ready,
		.rate_per_second = (double)c->config.rate_per_second,
		.rate_burst = (double)c->config.rate_burst,
	};

	c->server = server_new(c->loop, &o, e);
	return c->server ? 0 : -1;
}

static int start_parts(struct central *c, struct err *e)
{
	struct tunnel_options tunnel = { c->loop, link_limits, cluster_changed, c };

	if (central_open_state(c, e) < 0 || make_server(c, e) < 0)
		return -1;
	c->scratch = mem_new(sizeof(*c->scratch));
	c->tokens = token_cache_new(c->keys, TOKEN_CACHE_ENTRIES);
	c->login_backoff = backoff_new(BACKOFF_ENTRIES);
	c->join_backoff = backoff_new(BACKOFF_ENTRIES);
	c->tunnel = tunnel_new(&tunnel);
	if (central_listen(c, e) < 0)
		return -1;
	c->tick = loop_timer_new(c->loop, on_tick, c);
	loop_timer_start(c->tick, TICK_MS, TICK_MS);
	return 0;
}

int central_start(struct loop *l, struct central_config *config, struct central **ret_central, struct err *e)
{
	struct central *c = mem_new(sizeof(*c));

	c->loop = l;
	c->lock_fd = -1;
	c->config = *config;
	memset(config, 0, sizeof(*config));
	(void)pthread_mutex_init(&c->snapshot_lock, NULL);
	(void)pthread_mutex_init(&c->publish_lock, NULL);
	if (start_parts(c, e) < 0) {
		central_free(c);
		return -1;
	}
	*ret_central = c;
	return 0;
}

static void on_stopped(void *app)
{
	struct central *c = app;

	loop_stop(c->loop);
}

void central_stop(struct central *c)
{
	server_stop(c->server, (uint64_t)c->config.drain_ms, on_stopped);
}

int central_reload(struct central *c, struct central_config *config, struct err *e)
{
	struct tls *users = c->config.tls_enabled ? central_user_tls(c, config, e) : NULL;

	if (c->config.tls_enabled && !users)
		return -1;
	if (users)
		listener_set_tls(c->http_listener, users);
	tls_unref(users);
	central_look_again(c);
	return 0;
}

void central_free(struct central *c)
{
	if (!c)
		return;
	loop_timer_free(c->tick);
	tunnel_close(c->tunnel);
	server_free(c->server);
	recorder_close(c->recorder);
	audit_close(c->audit);
	token_cache_free(c->tokens);
	backoff_free(c->login_backoff);
	backoff_free(c->join_backoff);
	snapshot_unref(c->snapshot);
	directory_free(c->directory);
	store_close(c->store);
	keys_free(c->keys);
	secret_free(c->admin_password);
	if (c->lock_fd >= 0)
		(void)close(c->lock_fd);
	free(c->scratch);
	(void)pthread_mutex_destroy(&c->snapshot_lock);
	(void)pthread_mutex_destroy(&c->publish_lock);
	config_free(&central_config_table, &c->config);
	free(c);
}
