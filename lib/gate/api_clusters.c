/* REST: clusters, their join tokens and the manifest of their agent. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/gate/api.h"
#include "lib/gate/authz.h"
#include "lib/gate/manifest.h"

#define TREE_MAX (256 * 1024)
#define MANIFEST_MAX (4 * 1024 * 1024)

/* What the store holds was checked when it came; a tree that does not parse shows as an empty one.
 */
static struct json *stored_tree(const char *text)
{
	struct json *tree;
	struct err e = { 0 };

	return json_parse(span_of(text), JSON_LIMITS(TREE_MAX), &tree, &e) < 0 ? json_new_object() :
										 tree;
}

static const char *status_of(struct central *c, const struct directory_cluster *cluster)
{
	return tunnel_is_connected(c->tunnel, cluster->id) ? "connected" : "disconnected";
}

static struct json *cluster_json(struct central *c, const struct directory_cluster *cluster)
{
	struct json *doc = json_new_object();

	json_set_str(doc, "id", cluster->id);
	json_set_str(doc, "name", cluster->name);
	json_set_str(doc, "status", status_of(c, cluster));
	api_set_date(doc, "last_seen", cluster->last_seen_unix_s);
	json_set_item(doc, "labels", stored_tree(cluster->labels_json));
	json_set_item(doc, "metadata", stored_tree(cluster->metadata_json));
	return doc;
}

static bool sees(struct request *rq, const char *cluster)
{
	const struct snapshot_user *user = api_identity(rq)->user;

	return authz_sees_cluster(user->roles, user->role_count, cluster);
}

int api_clusters_list(struct request *rq, struct err *e)
{
	struct central *c = rq->app;
	struct directory_cluster *clusters;
	size_t count;
	struct json *doc, *list;

	if (directory_cluster_list(c->directory, &clusters, &count, e) < 0)
		return -1;
	doc = json_new_object();
	list = json_new_array();
	for (size_t i = 0; i < count; i++) {
		if (sees(rq, clusters[i].name))
			json_add_item(list, cluster_json(c, &clusters[i]));
		directory_cluster_free(&clusters[i]);
	}
	free(clusters);
	json_set_item(doc, "clusters", list);
	return api_answer(rq, 200, doc, e);
}

int api_clusters_get(struct request *rq, struct err *e)
{
	struct central *c = rq->app;
	struct directory_cluster cluster = { 0 };
	struct json *doc;

	if (directory_cluster_get(c->directory, rq->param[0], &cluster, e) < 0)
		return -1;
	doc = sees(rq, cluster.name) ? cluster_json(c, &cluster) : NULL;
	directory_cluster_free(&cluster);
	if (!doc) /* word for word what an unknown one gets */
		return err_set(e, ERR_NOT_FOUND, "there is no cluster \"%.100s\"", rq->param[0]);
	return api_answer(rq, 200, doc, e);
}

static int role_names(struct central *c, char ***ret_names, struct err *e)
{
	struct role **roles;
	size_t count;
	char **names;

	if (directory_role_list(c->directory, &roles, &count, e) < 0)
		return -1;
	names = mem_new_array(count + 1, sizeof(*names));
	for (size_t i = 0; i < count; i++) {
		names[i] = mem_dup_str(roles[i]->name);
		role_free(roles[i]);
	}
	free(roles);
	*ret_names = names;
	return 0;
}

/* What a body may say of the manifest. */
static int read_wishes(const struct json *body, struct manifest *m, struct err *e)
{
	m->impersonate = true;
	if (json_get(body, "bind") && api_body_str(body, "bind", &m->bind, e) < 0)
		return -1;
	if (json_get(body, "image") && api_body_str(body, "image", &m->image, e) < 0)
		return -1;
	if (json_get(body, "impersonate") && json_bool(body, "impersonate", &m->impersonate) < 0)
		return err_set(e, ERR_INPUT, "impersonate: it must be true or false");
	return 0;
}

static int print_manifest(struct central *c, struct manifest *m, struct buf *into, struct err *e)
{
	AUTO_FREE char *url = central_agent_url(c);
	char **roles;
	int result;

	if (role_names(c, &roles, e) < 0)
		return -1;
	m->central_url = url;
	m->ca_sha256 = keys_ca_sha256(c->keys);
	m->roles = (const char *const *)roles;
	result = manifest_print(m, into, e);
	api_words_free(roles);
	return result;
}

/* Adds token, ca_sha256 and manifest to `doc`; bad wishes are an error before anything is changed.
 */
static int put_join(struct central *c, struct manifest *m, struct json *doc, struct err *e)
{
	AUTO_BUF struct buf text;

	buf_init_secret(&text, MANIFEST_MAX);
	if (print_manifest(c, m, &text, e) < 0)
		return -1;
	json_set_str(doc, "token", m->token);
	json_set_str(doc, "ca_sha256", m->ca_sha256);
	json_set_str(doc, "manifest", buf_str(&text));
	return 0;
}

static int check_wishes(struct central *c, const struct manifest *wishes, struct err *e)
{
	struct manifest trial = *wishes;
	AUTO_BUF struct buf text;

	trial.token = trial.cluster = "";
	buf_init(&text, MANIFEST_MAX);
	return print_manifest(c, &trial, &text, e);
}

static int add_cluster(struct central *c, struct request *rq, const struct json *body,
		       struct manifest *m, struct err *e)
{
	struct directory_cluster cluster = { 0 };
	AUTO_SECRET char *token = NULL;
	struct json *doc;
	int result;

	if (directory_cluster_add(c->directory, m->cluster, json_get(body, "labels"), &cluster,
				  &token, e) < 0)
		return -1;
	m->token = token;
	doc = json_new_object();
	json_set_str(doc, "id", cluster.id);
	json_set_str(doc, "name", cluster.name);
	json_set_str(doc, "status", status_of(c, &cluster));
	directory_cluster_free(&cluster);
	result = put_join(c, m, doc, e);
	if (result == 0)
		return api_answer(rq, 201, doc, e);
	json_free(doc);
	return -1;
}

static int create_cluster(struct request *rq, struct err *e)
{
	static const char *const members[] = { "name",  "labels",      "bind",
					       "image", "impersonate", NULL };
	struct central *c = rq->app;
	AUTO_JSON struct json *body = NULL;
	struct manifest m = { 0 };

	if (api_body(rq, members, false, &body, e) < 0 ||
	    api_body_str(body, "name", &m.cluster, e) < 0 || read_wishes(body, &m, e) < 0 ||
	    check_wishes(c, &m, e) < 0)
		return -1;
	return add_cluster(c, rq, body, &m, e);
}

int api_clusters_create(struct request *rq, struct err *e)
{
	return api_audited_new(rq, "clusters", "name", false, create_cluster, e);
}

static int delete_cluster(struct request *rq, struct err *e)
{
	struct central *c = rq->app;

	rq->status = 204;
	return directory_cluster_remove(c->directory, rq->param[0], e);
}

int api_clusters_delete(struct request *rq, struct err *e)
{
	return api_audited(rq, "delete", "clusters", rq->param[0], delete_cluster, e);
}

static int renew_token(struct request *rq, struct manifest *m, struct err *e)
{
	struct central *c = rq->app;
	struct directory_cluster cluster = { 0 };
	AUTO_SECRET char *token = NULL;
	struct json *doc;
	int result;

	if (directory_cluster_get(c->directory, rq->param[0], &cluster, e) < 0)
		return -1;
	m->cluster = cluster.name;
	doc = json_new_object();
	result = directory_cluster_new_token(c->directory, cluster.id, &token, e);
	m->token = token;
	if (result == 0)
		result = put_join(c, m, doc, e);
	directory_cluster_free(&cluster);
	if (result == 0)
		return api_answer(rq, 200, doc, e);
	json_free(doc);
	return -1;
}

static int new_token(struct request *rq, struct err *e)
{
	static const char *const members[] = { "bind", "image", "impersonate", NULL };
	AUTO_JSON struct json *body = NULL;
	struct manifest m = { 0 };

	if (!rq->body.len)
		body = json_new_object();
	else if (api_body(rq, members, false, &body, e) < 0)
		return -1;
	if (read_wishes(body, &m, e) < 0 || check_wishes(rq->app, &m, e) < 0)
		return -1;
	return renew_token(rq, &m, e);
}

int api_clusters_token(struct request *rq, struct err *e)
{
	return api_audited(rq, "update", "clusters/token", rq->param[0], new_token, e);
}
