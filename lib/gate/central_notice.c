/* Central takes up what commands did to its state directory: new keys, ended sessions, their audit rows. */
#include <stdio.h>

#include "lib/base/log.h"
#include "lib/gate/central_state.h"
#include "lib/gate/notice.h"
#include "lib/net/pool.h"

static int audit_notice(void *arg, const struct notice *n, struct err *e)
{
	struct central *c = arg;
	char command[64];
	const struct audit_row row = {
		.stage = AUDIT_COMPLETE,
		.id = n->id,
		.time_unix_us = n->time_unix_us,
		.command = command,
		.verb = n->verb,
		.resource = n->resource,
		.name = n->name,
		.decision = "allow",
		.rule = "state directory",
		.source = "local",
		.status = 200,
		.count = 1,
	};

	(void)snprintf(command, sizeof(command), "mk8s central %s", n->verb);
	return audit_append_wait(c->audit, &row, e);
}

static void look_work(void *arg)
{
	struct central *c = arg;
	struct err e = { 0 };
	bool changed = false;

	if (keys_reload_ca(c->keys, c->config.state_dir, &changed, &e) == 0 && changed)
		c->ca_changed = true;
	if (e.code != ERR_NONE || keys_reload_tokens(c->keys, c->config.state_dir, &e) < 0 || central_publish(c, &e) < 0 ||
	    notice_take_all(c->config.state_dir, audit_notice, c, &e) < 0)
		log_event(LOG_ERROR, "the state directory was not read again", LOG_STR("error", e.text));
}

static void look_done(void *arg)
{
	struct central *c = arg;

	c->looking = false;
	if (!c->ca_changed)
		return;
	c->ca_changed = false;
	central_renew_leaves(c);
	log_event(LOG_INFO, "another CA", LOG_STR("ca_sha256", keys_ca_sha256(c->keys)));
}

void central_look_again(struct central *c)
{
	struct err e = { 0 };

	if (c->looking || server_is_stopping(c->server))
		return;
	c->looking = pool_submit(server_pool(c->server), look_work, look_done, c, &e) == 0; /* else on the next tick */
}

void central_take_notices(struct central *c)
{
	if (!c->looking && notice_is_waiting(c->config.state_dir))
		central_look_again(c);
}
