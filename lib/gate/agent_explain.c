/*
 * The agent may impersonate the groups of the roles that its manifest lists by name, and no others: a
 * stolen agent must not become system:masters. So a role made later needs the manifest again, and the
 * API server's own words for that help nobody.
 */
#include "lib/gate/agent_explain.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/kube/status.h"

bool agent_explain_wants(const struct http_head *answer)
{
	const struct span *type = http_field_find(answer, "content-type");

	return answer->status == 403 && type && span_starts(*type, SPAN("application/json")) &&
	       !http_field_find(answer, "content-encoding");
}

void agent_explain_init(struct agent_explain *x, const char *cluster)
{
	*x = (struct agent_explain){ .cluster = cluster };
	buf_init(&x->body, EXPLAIN_MAX);
}

void agent_explain_free(struct agent_explain *x)
{
	buf_free(&x->body);
}

/*
 * `groups "mk8s:role:x" is forbidden: User "system:serviceaccount:..." cannot impersonate resource ...`,
 * and from Kubernetes 1.35 on `... cannot impersonate-on:user-info:get resource "pods" ...`. A user
 * of ours cannot ask to impersonate: it is the agent who may not.
 */
static bool is_about_the_agent(const struct kube_status *s)
{
	return strstr(s->message, "cannot impersonate") && !strstr(s->message, "User \"mk8s:");
}

static int put_answer(const struct agent_explain *x, struct buf *out)
{
	struct kube_status s;
	AUTO_FREE char *message = NULL;
	int result;

	kube_status_parse(buf_span(&x->body), 403, &s);
	if (is_about_the_agent(&s)) {
		message = mem_printf("%s: the agent may not speak for a user of these roles; if one is newer than the agent's "
				     "manifest in this cluster, an administrator applies that again: "
				     "mk8s clusters token %s --manifest | kubectl apply -f -",
				     s.message, x->cluster);
		result = kube_status_put(out, &(struct kube_failure){ .code = 403, .message = message });
	} else {
		result = buf_put_span(out, buf_span(&x->body));
	}
	kube_status_free(&s);
	return result;
}

int agent_explain_body(void *ctx, struct span bytes, bool is_end, struct buf *out, struct err *e)
{
	struct agent_explain *x = ctx;
	int result = 0;

	if (!x->passes && bytes.len > EXPLAIN_MAX - x->body.len) {
		x->passes = true;
		result = buf_put_span(out, buf_span(&x->body));
	}
	if (x->passes && result == 0)
		result = buf_put_span(out, bytes);
	else if (result == 0)
		result = buf_put_span(&x->body, bytes);
	if (is_end && !x->passes && result == 0)
		result = put_answer(x, out);
	return result < 0 ? err_set(e, ERR_NOMEM, "no memory for the answer") : 0;
}
