/* One proxied request: its life in central's list, and its refusal. */
#include "lib/gate/proxied.h"

#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/crypto/random.h"
#include "lib/gate/proxy_filter.h"
#include "lib/gate/rules_review.h"
#include "lib/gate/words.h"
#include "lib/kube/status.h"

/* "kubectl get" as kubectl says itself, else "GET /api/v1/pods" without the query. */
static char *client_command(const struct http_head *head)
{
	const struct span *command = http_field_find(head, "kubectl-command");
	struct span rest = head->target, path = SPAN_NONE;

	if (command && command->len && command->len < 200)
		return span_dup(*command);
	(void)span_take_part(&rest, '?', &path);
	return mem_printf("%.*s %.*s", SPAN_ARG(head->method), SPAN_ARG(path));
}

static void proxied_link(struct proxied *p)
{
	p->next = p->central->proxied;
	if (p->next)
		p->next->prev = p;
	p->central->proxied = p;
}

struct proxied *proxied_new(struct central *c, const struct http_head *head, const char *peer_ip)
{
	const struct span *agent = http_field_find(head, "user-agent");
	struct proxied *p = mem_new(sizeof(*p));

	p->central = c;
	p->info = c->scratch;
	p->head = head;
	random_uuid(p->id);
	p->command = client_command(head);
	p->source = mem_dup_str(peer_ip);
	p->user_agent = agent ? span_dup(*agent) : mem_dup_str("");
	buf_init(&p->review_answer, RULES_REVIEW_MAX);
	proxied_link(p);
	return p;
}

void proxied_keep_user(struct proxied *p, const struct snapshot_user *user)
{
	p->user_id = mem_dup_str(user->id);
	p->user = mem_dup_str(user->email);
	p->role_names = mem_dup_str(user->role_names);
	p->rules_sha256 = mem_dup_str(user->rules_sha256);
	p->rules_json = mem_dup_str(user->rules_json);
}

static void proxied_unlink(struct proxied *p)
{
	if (p->prev)
		p->prev->next = p->next;
	else
		p->central->proxied = p->next;
	if (p->next)
		p->next->prev = p->prev;
}

static void proxied_free_texts(struct proxied *p)
{
	char **texts[] = {
		&p->user_id,  &p->user,	       &p->role_names, &p->rules_sha256, &p->rules_json, &p->api_group,
		&p->resource, &p->subresource, &p->namespace,  &p->name,	 &p->command,	 &p->source,
		&p->user_agent, &p->review_namespace,
	};

	for (size_t i = 0; i < COUNT_OF(texts); i++)
		free(*texts[i]);
	words_free(p->only_namespaces);
	buf_free(&p->review_answer);
	proxy_filter_free(p->filter);
}

void proxied_free_if_unused(struct proxied *p)
{
	if (!p->ended || p->pending)
		return;
	proxied_unlink(p);
	proxied_free_texts(p);
	if (p->outlet->free)
		p->outlet->free(p);
	free(p);
}

void proxied_refuse(struct proxied *p, int status, const char *message, unsigned retry_after_s)
{
	struct kube_failure f = { .code = status,
				  .message = message,
				  .retry_after_s = retry_after_s == RELAY_RETRY_NOW ? 0 : retry_after_s };
	AUTO_BUF struct buf body;

	if (p->ended)
		return;
	if (status == 410)
		f.reason = "Expired"; /* what clients look for before they list anew */
	buf_init(&body, 16 * 1024);
	if (p->resource && p->resource[0]) {
		f.name = p->name[0] ? p->name : NULL;
		f.group = p->api_group[0] ? p->api_group : NULL;
		f.kind = p->resource;
	}
	(void)kube_status_put(&body, &f);
	p->outlet->answer(p, status, buf_span(&body), retry_after_s);
}
