/* The rows of a proxied request in the audit trail. */
#include "lib/gate/proxy_audit.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"

static struct audit_row proxied_row(const struct proxied *p, enum audit_stage stage)
{
	return (struct audit_row){
		.stage = stage,
		.id = p->id,
		.time_unix_us = clock_unix_us(),
		.user_id = p->user_id,
		.user = p->user,
		.cluster_id = p->cluster_id,
		.cluster = p->cluster,
		.command = p->command,
		.verb = p->verb,
		.api_group = p->api_group,
		.resource = p->resource,
		.subresource = p->subresource,
		.namespace = p->namespace,
		.name = p->name,
		.decision = p->decision,
		.rule = p->rule,
		.source = p->source,
		.user_agent = p->user_agent,
		.count = 1,
	};
}

int proxied_audit_received(struct proxied *p, const char *decision, audit_done_fn *done,
			   struct err *e)
{
	struct audit_row row;

	p->decision = decision;
	row = proxied_row(p, AUDIT_RECEIVED);
	if (audit_append(p->central->audit, &row, done, p, e) == 0)
		return 0;
	p->unaudited = true;
	return -1;
}

void proxied_audit_complete(struct proxied *p, const struct http_stats *stats,
			    const struct err *why)
{
	struct audit_row row = proxied_row(p, AUDIT_COMPLETE);
	struct err e = { 0 };

	if (p->refused || p->unaudited || !p->decision)
		return;
	row.status = stats->status;
	row.duration_ms = (int64_t)((clock_mono_us() - stats->started_us) / 1000);
	row.bytes_in = stats->bytes_in;
	row.bytes_out = stats->bytes_out;
	if (why->code == ERR_DENIED) /* ended while it ran */
		row.decision = "deny";
	if (audit_append(p->central->audit, &row, NULL, NULL, &e) < 0)
		log_event(LOG_ERROR, "audit row lost", LOG_STR("id", p->id), LOG_STR("error", e.text));
}
