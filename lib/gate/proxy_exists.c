/* Asks a cluster whether an object is there, on behalf of a proxied request's user. */
#include "lib/gate/proxy_exists.h"

#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/net/http_ask.h"

#define ASK_TIMEOUT_MS 10000
#define ASK_ANSWER_MAX (4 * 1024 * 1024) /* a server that knows no PartialObjectMetadata sends it whole */
#define ASK_ACCEPT "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"

struct exists {
	struct proxied *proxied;
	void (*done)(struct proxied *p, int status, const struct err *why);
};

static void exists_end(struct exists *x, int status, const struct err *why)
{
	struct proxied *p = x->proxied;
	void (*done)(struct proxied *, int, const struct err *) = x->done;

	free(x);
	p->pending--;
	done(p, status, why);
}

static void exists_answered(void *owner, const struct err *why, int status, struct span body UNUSED)
{
	exists_end(owner, status, why);
}

static void exists_send(struct exists *x, struct h2 *h)
{
	struct proxied *p = x->proxied;
	struct span rest = p->target, path = SPAN_NONE;
	AUTO_FREE char *target = NULL;
	struct http_field fields[] = {
		{ SPAN("accept"), SPAN(ASK_ACCEPT) },
		{ SPAN("mk8s-user"), span_of(p->user) },
		{ SPAN("mk8s-roles"), span_of(p->role_names) },
		{ SPAN("mk8s-rules"), span_of(p->rules_sha256) },
		{ SPAN("audit-id"), span_of(p->id) },
	};
	struct http_head head = {
		.method = SPAN("GET"),
		.scheme = SPAN("https"),
		.authority = SPAN("agent"),
		.fields = fields,
		.field_count = COUNT_OF(fields),
	};
	struct http_ask *a;

	(void)span_take_part(&rest, '?', &path);
	target = mem_printf("/k8s%.*s", SPAN_ARG(path));
	head.target = span_of(target);
	a = http_ask_new(p->central->loop, ASK_TIMEOUT_MS, ASK_ANSWER_MAX, exists_answered, x);
	http_ask_send(a, h2_request(h, &head, true, &http_ask_events, a), SPAN_NONE);
}

static void exists_taught(void *owner, const struct err *why)
{
	struct exists *x = owner;
	struct proxied *p = x->proxied;
	struct err e = *why;
	struct tunnel_link *k = NULL;

	if (!p->ended && e.code == ERR_NONE) /* another link may be the least loaded one by now */
		k = tunnel_pick(p->central->tunnel, p->cluster_id, false, &e);
	if (k && tunnel_link_knows(k, p->rules_sha256)) {
		exists_send(x, tunnel_link_h2(k));
		return;
	}
	if (e.code == ERR_NONE)
		err_set(&e, ERR_BUSY, "the agent needs the rules again");
	exists_end(x, 0, &e);
}

void proxy_exists_ask(struct proxied *p,
		      void (*done)(struct proxied *p, int status, const struct err *why))
{
	struct exists *x = mem_new(sizeof(*x));
	struct err e = { 0 };
	struct tunnel_link *k = tunnel_pick(p->central->tunnel, p->cluster_id, false, &e);

	*x = (struct exists){ p, done };
	p->pending++;
	if (!k)
		exists_end(x, 0, &e);
	else if (tunnel_link_knows(k, p->rules_sha256))
		exists_send(x, tunnel_link_h2(k));
	else
		tunnel_link_teach(k, p->rules_sha256, span_of(p->rules_json), exists_taught, x);
}
