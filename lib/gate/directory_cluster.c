/* Clusters in the directory, their join tokens and agent certificates. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/random.h"
#include "lib/format/json.h"
#include "lib/gate/directory_inner.h"
#include "lib/gate/uuid.h"

enum {
	LABELS_MAX = 64,
	LABEL_LEN_MAX = 253,
	METADATA_MAX = 256 * 1024,
};

#define JOIN_PREFIX "mk8s-join-"
#define CLUSTER_COLUMNS \
	"SELECT id, name, labels, metadata, last_seen_unix_s, created_unix_s, agent_token FROM clusters "

void directory_cluster_free(struct directory_cluster *c)
{
	free(c->labels_json);
	free(c->metadata_json);
	*c = (struct directory_cluster){ 0 };
}

static int not_found(const char *id_or_name, struct err *e)
{
	return err_set(e, ERR_NOT_FOUND, "there is no cluster \"%.100s\"", id_or_name);
}

/* An RFC 1123 subdomain that cannot be taken for an id. */
static bool name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > 253 || uuid_valid(span_of(name)))
		return false;
	for (size_t i = 0; i < len; i++) {
		bool inner = i > 0 && i + 1 < len;

		if ((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9'))
			continue;
		if (!inner || (name[i] != '-' && name[i] != '.'))
			return false;
		if (name[i] == '.' && (strchr("-.", name[i - 1]) || strchr("-.", name[i + 1])))
			return false;
	}
	return true;
}

static int labels_print(const struct json *labels, struct buf *into, struct err *e)
{
	if (!labels)
		return buf_put_str(into, "{}");
	if (!json_is_object(labels) || json_count(labels) > LABELS_MAX)
		return err_set(e, ERR_INPUT, "labels must be an object of at most %d strings", LABELS_MAX);
	for (const struct json *item = json_first(labels); item; item = json_next(item)) {
		const char *name = json_name(item), *value = json_kind(item) == JSON_STRING ? json_text(item) : NULL;

		if (!value || strlen(value) > LABEL_LEN_MAX || strlen(name) > LABEL_LEN_MAX || !*name)
			return err_set(e, ERR_INPUT, "labels: \"%.60s\" must be a string of at most %d bytes", name,
				       LABEL_LEN_MAX);
	}
	json_print(labels, JSON_COMPACT, into);
	return buf_ok(into, "labels", e);
}

struct cluster_add {
	char id[RANDOM_UUID_SIZE];
	const char *name;
	const char *labels;
	char token_sha256[HASH_HEX_SIZE];
};

static int cluster_insert(struct store *s, void *arg, struct err *e)
{
	const struct cluster_add *add = arg;
	uint64_t added;

	if (store_exec(s,
		       "INSERT INTO clusters (id, name, agent_token, labels, metadata, created_unix_s) "
		       "VALUES ($1, $2, $3, $4, '{}', $5) ON CONFLICT (name) DO NOTHING",
		       STORE_ARGS(STORE_TEXT(add->id), STORE_TEXT(add->name), STORE_TEXT(add->token_sha256),
				  STORE_TEXT(add->labels), STORE_INT(clock_unix_s())),
		       &added, e) < 0)
		return -1;
	return added ? 0 : err_set(e, ERR_EXISTS, "there is a cluster \"%.100s\" already", add->name);
}

int directory_cluster_add(struct directory *d, const char *name, const struct json *labels,
			  struct directory_cluster *ret_cluster, char **ret_token, struct err *e)
{
	struct cluster_add add = { .name = name };
	AUTO_SECRET char *token = NULL;
	AUTO_BUF struct buf text;

	buf_init(&text, 64 * 1024);
	if (!name_valid(name))
		return err_set(e, ERR_INPUT,
			       "name must be 1 to 253 lower-case letters, digits, and inner '-' and '.', and no UUID");
	if (labels_print(labels, &text, e) < 0)
		return -1;
	add.labels = buf_str(&text);
	random_uuid(add.id);
	token = directory_token_make(JOIN_PREFIX, add.token_sha256);
	if (store_transaction(d->store, cluster_insert, &add, e) < 0 ||
	    directory_cluster_get(d, add.id, ret_cluster, e) < 0)
		return -1;
	*ret_token = token;
	token = NULL;
	return 0;
}

static void cluster_read(const struct store_rows *rows, struct directory_cluster *c)
{
	*c = (struct directory_cluster){
		.labels_json = mem_dup_str(store_str(rows, 2)),
		.metadata_json = mem_dup_str(store_str(rows, 3)),
		.last_seen_unix_s = store_int(rows, 4),
		.created_unix_s = store_int(rows, 5),
	};
	(void)span_to_str(store_bytes(rows, 0), c->id, sizeof(c->id)); /* as we wrote them */
	(void)span_to_str(store_bytes(rows, 1), c->name, sizeof(c->name));
}

int directory_cluster_get(struct directory *d, const char *id_or_name, struct directory_cluster *ret_cluster,
			  struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	int got;

	if (store_select(d->store, CLUSTER_COLUMNS "WHERE id = $1 OR name = $1", STORE_ARGS(STORE_TEXT(id_or_name)),
			 &rows, e) < 0)
		return -1;
	got = store_next(&rows, e);
	if (got <= 0)
		return got < 0 ? -1 : not_found(id_or_name, e);
	cluster_read(&rows, ret_cluster);
	return 0;
}

int directory_cluster_list(struct directory *d, struct directory_cluster **ret_clusters, size_t *ret_count,
			   struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	struct directory_cluster *clusters = NULL;
	size_t count = 0;
	int got;

	if (store_select(d->store, CLUSTER_COLUMNS "ORDER BY name", STORE_NO_ARGS, &rows, e) < 0)
		return -1;
	while ((got = store_next(&rows, e)) > 0) {
		clusters = mem_grow(clusters, count + 1, sizeof(*clusters));
		cluster_read(&rows, &clusters[count++]);
	}
	if (got < 0) {
		while (count > 0)
			directory_cluster_free(&clusters[--count]);
		free(clusters);
		return -1;
	}
	*ret_clusters = clusters;
	*ret_count = count;
	return 0;
}

int directory_cluster_remove(struct directory *d, const char *id_or_name, struct err *e)
{
	uint64_t removed;

	if (store_exec(d->store, "DELETE FROM clusters WHERE id = $1 OR name = $1", STORE_ARGS(STORE_TEXT(id_or_name)),
		       &removed, e) < 0)
		return -1;
	return removed ? 0 : not_found(id_or_name, e);
}

int directory_cluster_new_token(struct directory *d, const char *id_or_name, char **ret_token, struct err *e)
{
	char sha256[HASH_HEX_SIZE];
	AUTO_SECRET char *token = directory_token_make(JOIN_PREFIX, sha256);
	uint64_t changed;

	if (store_exec(d->store, "UPDATE clusters SET agent_token = $2 WHERE id = $1 OR name = $1",
		       STORE_ARGS(STORE_TEXT(id_or_name), STORE_TEXT(sha256)), &changed, e) < 0)
		return -1;
	if (!changed)
		return not_found(id_or_name, e);
	*ret_token = token;
	token = NULL;
	return 0;
}

int directory_token_check(struct directory *d, const char *token, const char *cluster_name,
			  struct directory_cluster *ret_cluster, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	char sha256[HASH_HEX_SIZE];
	int got;

	hash_sha256_hex(span_of(token), sha256);
	if (store_select(d->store, CLUSTER_COLUMNS "WHERE name = $1", STORE_ARGS(STORE_TEXT(cluster_name)), &rows, e) <
	    0)
		return -1;
	got = store_next(&rows, e);
	if (got < 0)
		return -1;
	if (got == 0 || !secret_equal_str(sha256, store_str(&rows, 6)))
		return err_set(e, ERR_AUTH, "the join token is not valid for cluster \"%.100s\"", cluster_name);
	cluster_read(&rows, ret_cluster);
	return 0;
}

int directory_cluster_seen(struct directory *d, const char *cluster_id, const char *metadata_json, struct err *e)
{
	AUTO_JSON struct json *metadata = NULL;
	AUTO_BUF struct buf text;
	uint64_t changed;

	buf_init(&text, METADATA_MAX);
	if (metadata_json) {
		if (json_parse(span_of(metadata_json), JSON_LIMITS(METADATA_MAX), &metadata, e) < 0)
			return err_context(e, "metadata");
		if (!json_is_object(metadata))
			return err_set(e, ERR_INPUT, "metadata must be an object");
		json_print(metadata, JSON_COMPACT, &text);
		if (buf_ok(&text, "metadata", e) < 0)
			return -1;
	}
	if (store_exec(d->store,
		       "UPDATE clusters SET last_seen_unix_s = $2, metadata = coalesce($3, metadata) WHERE id = $1",
		       STORE_ARGS(STORE_TEXT(cluster_id), STORE_INT(clock_unix_s()),
				  STORE_TEXT(metadata_json ? buf_str(&text) : NULL)),
		       &changed, e) < 0)
		return -1;
	return changed ? 0 : not_found(cluster_id, e);
}

struct cert_add {
	const char *serial, *cluster_id;
	int64_t expires_unix_s;
};

static int cert_insert(struct store *s, void *arg, struct err *e)
{
	const struct cert_add *add = arg;
	uint64_t added;

	if (store_exec(s, "DELETE FROM agent_certs WHERE expires_unix_s < $1", STORE_ARGS(STORE_INT(clock_unix_s())),
		       NULL, e) < 0 ||
	    store_exec(s,
		       "INSERT INTO agent_certs (serial, cluster_id, expires_unix_s) "
		       "SELECT $1, id, $3 FROM clusters WHERE id = $2",
		       STORE_ARGS(STORE_TEXT(add->serial), STORE_TEXT(add->cluster_id), STORE_INT(add->expires_unix_s)),
		       &added, e) < 0)
		return -1;
	return added ? 0 : not_found(add->cluster_id, e); /* removed meanwhile */
}

int directory_cert_add(struct directory *d, const char *serial, const char *cluster_id, int64_t expires_unix_s,
		       struct err *e)
{
	struct cert_add add = { serial, cluster_id, expires_unix_s };

	return store_transaction(d->store, cert_insert, &add, e);
}
