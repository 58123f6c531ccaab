/* Requests about single objects, and what kubectl says of their results. */
#include "lib/kube/kubectl_change.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"

enum { HTTP_NOT_FOUND = 404 };

bool kubectl_change_read(struct kubectl *k, struct kubectl_change *c)
{
	const char *mode = c->dry_run ? c->dry_run : "none";

	c->dry = strcmp(mode, "client") == 0 ? DRY_CLIENT :
		 strcmp(mode, "server") == 0 ? DRY_SERVER :
					       DRY_NONE;
	if (c->dry == DRY_NONE && strcmp(mode, "none") != 0) {
		kubectl_failf(k, ERR_USAGE, "Invalid dry-run value (%s). Must be \"none\", \"server\", or \"client\".",
			      mode);
		return false;
	}
	return kubectl_read_output(k, c->output, &c->format);
}

void kubectl_change_put_query(struct buf *path, const struct kubectl_change *c, const char *manager)
{
	kubectl_put_query(path, "dryRun", c->dry == DRY_SERVER ? "All" : NULL);
	kubectl_put_query(path, "fieldManager", c->field_manager ? c->field_manager : manager);
}

void kubectl_change_report(struct kubectl *k, const struct kubectl_change *c,
			   const struct kubectl_target *t, const char *done, struct json *object)
{
	static const char *const marks[] = { "", " (dry run)", " (server dry run)" };
	struct buf line;

	if (object && c->format != OUTPUT_TABLE && c->format != OUTPUT_WIDE &&
	    c->format != OUTPUT_NAME) {
		kubectl_print_object(k, c->format, c->managed_fields, object);
		return;
	}
	buf_init(&line, KUBECTL_FILE_MAX);
	kubectl_put_target_name(&line, t, '/');
	if (c->format != OUTPUT_NAME)
		(void)buf_printf(&line, " %s%s", done, marks[c->dry]);
	(void)buf_put_char(&line, '\n');
	kubectl_write(k, KUBECTL_OUT, buf_span(&line));
	buf_free(&line);
	json_free(object);
}

int kubectl_ask(struct kubectl *k, const struct kube_request *rq, int quiet, struct json **ret)
{
	struct kube_answer answer;
	struct kube_status status = { 0 };
	struct err failure = { 0 };
	int rc = kube_do(k->client, rq, &answer, &status, &failure);

	if (rc == 0 && (rc = json_parse(buf_span(&answer.body),
					KUBECTL_JSON_LIMITS(KUBECTL_FILE_MAX), ret, &failure)))
		(void)err_context(&failure, "%.100s: the server's answer", rq->path);
	kubectl_warn(k, &answer);
	kube_answer_free(&answer);
	if (rc && quiet && status.code == quiet)
		kube_status_free(&status);
	else if (rc)
		kubectl_fail_request(k, &status, &failure);
	return rc;
}

struct json *kubectl_fetch_path(struct kubectl *k, const char *path, bool quiet)
{
	const struct kube_request rq = { .path = path };
	struct json *answer = NULL;

	return kubectl_ask(k, &rq, quiet ? HTTP_NOT_FOUND : 0, &answer) ? NULL : answer;
}

struct json *kubectl_fetch(struct kubectl *k, const struct kubectl_target *t, bool quiet)
{
	struct json *object = NULL;
	struct buf path;

	buf_init(&path, KUBECTL_FILE_MAX);
	if (kubectl_put_path(k, &path, t))
		object = kubectl_fetch_path(k, buf_str(&path), quiet);
	buf_free(&path);
	return object;
}

struct json *kubectl_list(struct kubectl *k, const struct kube_resource *r, const char *namespace,
			  const char *selector, const char *field_selector)
{
	const struct kubectl_target collection = { .resource = r, .namespace = (char *)namespace };
	AUTO_JSON struct json *answer = NULL;
	struct json *list;
	struct buf path;

	buf_init(&path, KUBECTL_FILE_MAX);
	if (kubectl_put_path(k, &path, &collection)) {
		kubectl_put_query(&path, "fieldSelector", field_selector);
		kubectl_put_query(&path, "labelSelector", selector);
		answer = kubectl_fetch_path(k, buf_str(&path), false);
	}
	buf_free(&path);
	if (!answer)
		return NULL;
	list = kubectl_new_list();
	kubectl_collect_items(list, answer);
	return list;
}

struct json *kubectl_send_patch(struct kubectl *k, const struct kubectl_target *t,
				const struct kubectl_patch *p, const struct json *patch,
				const struct kubectl_change *c)
{
	struct kube_request rq = { .method = "PATCH", .content_type = p->type };
	struct json *answer = NULL;
	struct buf path, body;

	buf_init(&path, KUBECTL_FILE_MAX);
	buf_init_secret(&body, KUBECTL_FILE_MAX);
	json_print(patch, JSON_COMPACT, &body);
	if (kubectl_put_path(k, &path, t)) {
		if (p->subresource)
			(void)buf_printf(&path, "/%s", p->subresource);
		kubectl_change_put_query(&path, c, p->manager);
		rq.path = buf_str(&path);
		rq.body = buf_span(&body);
		if (kubectl_ask(k, &rq, 0, &answer))
			answer = NULL;
	}
	buf_free(&body);
	buf_free(&path);
	return answer;
}

const char *kubectl_namespace(const struct kubectl *k, const char *option)
{
	return option ? option : kube_client_namespace(k->client);
}

struct json *kubectl_json_object(struct json *root, const char *path)
{
	struct span rest = span_of(path), part;

	while (span_take_part(&rest, '.', &part)) {
		AUTO_FREE char *name = span_dup(part);
		struct json *next = json_get(root, name);

		if (!json_is_object(next)) {
			next = json_new_object();
			json_set_item(root, name, next);
		}
		root = next;
	}
	return root;
}

const char *kubectl_text(const struct json *object, const char *path)
{
	const char *text = json_find_str(object, path);

	return text ? text : "";
}

int64_t kubectl_number(const struct json *object, const char *path, int64_t otherwise)
{
	int64_t value;

	return json_item_int(json_find(object, path), &value) ? otherwise : value;
}
