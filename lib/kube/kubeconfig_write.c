/* Writing kubeconfig files: entries of ours, beside what others have put there. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/format/base64.h"
#include "lib/format/json.h"
#include "lib/format/yaml.h"
#include "lib/kube/kubeconfig.h"

enum { FILE_MAX_LEN = 4 * 1024 * 1024, LOCK_TRIES = 40, LOCK_WAIT_MS = 50 };

static struct json *new_config(void)
{
	struct json *config = json_new_object();

	json_set_str(config, "apiVersion", "v1");
	json_set_str(config, "kind", "Config");
	return config;
}

/* The list `name` of the config, made if it is missing or null; NULL when it is something else. */
static struct json *list_in(struct json *config, const char *name)
{
	struct json *list = json_get(config, name);

	if (list && json_kind(list) != JSON_NULL)
		return json_is_array(list) ? list : NULL;
	list = json_new_array();
	json_set_item(config, name, list);
	return list;
}

static struct json *find_named(const struct json *list, const char *name)
{
	for (struct json *item = json_first(list); item; item = json_next(item)) {
		const char *own = json_str(item, "name");

		if (own && strcmp(own, name) == 0)
			return item;
	}
	return NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Whether a user entry runs the same plugin: then this program has written it. */
static bool is_ours(const struct json *user, const struct kubeconfig_entry *entry)
{
	const char *command = json_find_str(user, "user.exec.command");
	const char *arg = json_text(json_first(json_find(user, "user.exec.args")));

	return command && arg && entry->exec_args[0] && strcmp(arg, entry->exec_args[0]) == 0 &&
	       strcmp(base_name(command), base_name(entry->exec_command)) == 0;
}

/* A name may be taken over only when all that bears it is ours. */
static int check_free(struct json *config, const struct kubeconfig_entry *entry, struct err *e)
{
	const struct json *user = find_named(list_in(config, "users"), entry->name);
	const struct json *cluster = find_named(list_in(config, "clusters"), entry->name);
	const struct json *context = find_named(list_in(config, "contexts"), entry->name);
	const char *used = json_find_str(context, "context.user");
	bool ours = user && is_ours(user, entry);

	if ((user && !ours) || (cluster && !ours) ||
	    (context && (!ours || !used || strcmp(used, entry->name) != 0)))
		return err_set(e, ERR_EXISTS,
			       "the kubeconfig has an entry '%.100s' that another program has written: "
			       "rename or delete it",
			       entry->name);
	return 0;
}

/* Replaces or appends; takes `body`. */
static void put_named(struct json *list, const char *name, const char *kind, struct json *body)
{
	struct json *item = find_named(list, name);

	if (!item) {
		item = json_new_object();
		json_set_str(item, "name", name);
		json_add_item(list, item);
	}
	json_set_item(item, kind, body);
}

static struct json *cluster_body(const struct kubeconfig_entry *entry)
{
	struct json *body = json_new_object();
	struct buf data;

	json_set_str(body, "server", entry->server);
	if (entry->ca_pem) {
		buf_init(&data, FILE_MAX_LEN);
		base64_encode(span_of(entry->ca_pem), BASE64_STD, &data);
		json_set_str(body, "certificate-authority-data", buf_str(&data));
		buf_free(&data);
	}
	return body;
}

static struct json *user_body(const struct kubeconfig_entry *entry)
{
	struct json *body = json_new_object(), *exec = json_new_object(), *args = json_new_array();

	json_set_str(exec, "apiVersion", entry->exec_api ? entry->exec_api : KUBECONFIG_EXEC_V1);
	json_set_str(exec, "command", entry->exec_command);
	for (const char *const *arg = entry->exec_args; *arg; arg++)
		json_add_str(args, *arg);
	json_set_item(exec, "args", args);
	json_set_null(exec, "env");
	json_set_str(exec, "interactiveMode", "Never");
	json_set_bool(exec, "provideClusterInfo", false);
	json_set_item(body, "exec", exec);
	return body;
}

static struct json *context_body(const struct kubeconfig_entry *entry, const struct json *old)
{
	struct json *body = json_new_object();
	const char *namespace = entry->namespace ? entry->namespace
						 : json_find_str(old, "context.namespace");

	json_set_str(body, "cluster", entry->name);
	json_set_str(body, "user", entry->name);
	if (namespace)
		json_set_str(body, "namespace", namespace);
	return body;
}

static int put_entries(struct json *config, const struct kubeconfig_entry *entries, size_t count,
		       const char *current, struct err *e)
{
	struct json *clusters = list_in(config, "clusters"), *users = list_in(config, "users");
	struct json *contexts = list_in(config, "contexts");

	if (!clusters || !users || !contexts)
		return err_set(e, ERR_INPUT, "clusters, users and contexts of a kubeconfig must be lists");
	for (size_t i = 0; i < count; i++)
		if (check_free(config, &entries[i], e))
			return -1;
	for (size_t i = 0; i < count; i++) {
		const struct kubeconfig_entry *entry = &entries[i];

		put_named(clusters, entry->name, "cluster", cluster_body(entry));
		put_named(users, entry->name, "user", user_body(entry));
		put_named(contexts, entry->name, "context",
			  context_body(entry, find_named(contexts, entry->name)));
	}
	if (current)
		json_set_str(config, "current-context", current);
	return 0;
}

int kubeconfig_put(struct buf *out, const struct kubeconfig_entry *entries, size_t count,
		   const char *current, struct err *e)
{
	AUTO_JSON struct json *config = new_config();

	if (put_entries(config, entries, count, current, e))
		return -1;
	return json_to_yaml(config, out, e);
}

/* The only document of a file; a new config when there is none. */
static int parse_config(struct span text, struct json **ret, struct err *e)
{
	AUTO_YAML struct yaml_docs *docs = NULL;
	AUTO_JSON struct json *config = NULL;

	if (yaml_parse(text, YAML_LIMITS(FILE_MAX_LEN), &docs, e))
		return -1;
	if (yaml_docs_count(docs) > 1)
		return err_set(e, ERR_INPUT, "it has more than one document");
	if (yaml_docs_count(docs) == 1 && yaml_to_json(yaml_docs_at(docs, 0), &config, e))
		return -1;
	if (config && !json_is_object(config) && json_kind(config) != JSON_NULL)
		return err_set(e, ERR_INPUT, "it is no kubeconfig");
	*ret = json_is_object(config) ? config : new_config();
	if (*ret == config)
		config = NULL;
	return 0;
}

static int read_config(const char *path, struct json **ret, struct err *e)
{
	struct buf text;
	struct err failure = { 0 };
	int rc;

	buf_init_secret(&text, FILE_MAX_LEN);
	rc = file_read(path, &text, &failure);
	if (rc == 0 || failure.code == ERR_NOT_FOUND)
		rc = parse_config(buf_span(&text), ret, e);
	else
		*e = failure;
	buf_free(&text);
	return rc;
}

static int merge_locked(const char *path, const struct kubeconfig_entry *entries, size_t count,
			const char *current, struct err *e)
{
	AUTO_JSON struct json *config = NULL;
	struct buf text;
	int rc;

	if (read_config(path, &config, e) || put_entries(config, entries, count, current, e))
		return -1;
	buf_init_secret(&text, FILE_MAX_LEN);
	rc = json_to_yaml(config, &text, e);
	if (rc == 0)
		rc = file_write_atomic(path, buf_span(&text), 0600, e);
	buf_free(&text);
	return rc;
}

static int take_lock(const char *lock, struct err *e)
{
	static const struct timespec pause = { .tv_nsec = LOCK_WAIT_MS * 1000 * 1000 };

	for (int tries = 0; tries < LOCK_TRIES; tries++) {
		int fd = open(lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

		if (fd >= 0) {
			(void)close(fd);
			return 0;
		}
		if (errno != EEXIST)
			return err_set_errno(e, ERR_IO, errno, "the lock %.200s cannot be made", lock);
		(void)nanosleep(&pause, NULL);
	}
	return err_set(e, ERR_BUSY, "%.200s is there: another program changes the kubeconfig; "
				    "delete the lock if none does", lock);
}

/* Makes the folder of `path` unless it is there: ~/.kube. Only the last one. */
static void make_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *folder = slash && slash != path ? mem_dup(path, (size_t)(slash - path)) : NULL;

	if (folder)
		(void)mkdir(folder, 0700); /* what is wrong with it shows when the lock is made */
}

int kubeconfig_merge(const char *file, const struct kubeconfig_entry *entries, size_t count,
		     const char *current, struct err *e)
{
	char *real = realpath(file, NULL); /* a link stays one, what it names is replaced */
	AUTO_FREE char *path = real ? real : mem_dup_str(file);
	AUTO_FREE char *lock = mem_printf("%s.lock", path);
	int rc;

	make_folder_of(path);
	if (take_lock(lock, e))
		return -1;
	rc = merge_locked(path, entries, count, current, e);
	(void)unlink(lock);
	return rc ? err_context(e, "kubeconfig %.150s", path) : 0;
}
