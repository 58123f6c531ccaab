/* Who asks: tokens, client certificates, impersonation. */
#include "tests/kubesim/access.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/crypto/random.h"
#include "lib/format/url.h"

struct token {
	struct json *user;
	int64_t expires_unix_s; /* 0: never */
	char *namespace, *name; /* of its service account; NULL: none */
};

void access_init(struct access *a, struct resources *resources)
{
	a->tokens = map_new();
	a->resources = resources;
}

static struct json *new_user(struct span name, struct span uid)
{
	struct json *user = json_new_object();
	AUTO_FREE char *name_text = span_dup(name), *uid_text = span_dup(uid);

	json_set_str(user, "username", name_text);
	if (uid.len)
		json_set_str(user, "uid", uid_text);
	json_set_item(user, "groups", json_new_array());
	return user;
}

static void add_group(struct json *user, struct span group)
{
	AUTO_FREE char *text = span_dup(group);

	if (!access_is_member(user, text))
		json_add_str(json_get(user, "groups"), text);
}

/* Takes `user`. */
static struct token *add_token(struct access *a, struct span token, struct json *user)
{
	struct token *t = mem_new(sizeof(*t)), *old;

	t->user = user;
	old = map_put(a->tokens, token, t);
	if (old)
		json_free(old->user);
	free(old);
	return t;
}

static void load_line(struct access *a, struct span line)
{
	struct span token, name, uid, groups = line, group;
	struct json *user;

	if (!span_take_part(&groups, ',', &token) || !span_take_part(&groups, ',', &name) || !token.len)
		return;
	if (!span_take_part(&groups, ',', &uid))
		uid = SPAN_NONE;
	user = new_user(name, uid);
	if (groups.len >= 2 && groups.at[0] == '"')
		groups = span_from(groups.at + 1, groups.len - 2);
	while (groups.len && span_take_part(&groups, ',', &group))
		add_group(user, group);
	add_group(user, SPAN("system:authenticated"));
	(void)add_token(a, token, user);
}

int access_load_tokens(struct access *a, const char *path, struct err *e)
{
	AUTO_BUF struct buf text;
	struct span rest, line;

	buf_init(&text, 1024 * 1024);
	if (file_read(path, &text, e) < 0)
		return -1;
	rest = buf_span(&text);
	while (rest.len && span_take_part(&rest, '\n', &line))
		load_line(a, span_trim(line));
	return 0;
}

char *access_issue_token(struct access *a, const char *namespace, const char *name, const char *uid,
			 int64_t expires_unix_s)
{
	AUTO_FREE char *full = mem_printf("system:serviceaccount:%s:%s", namespace, name);
	AUTO_FREE char *group = mem_printf("system:serviceaccounts:%s", namespace);
	char random[RANDOM_TOKEN_SIZE];
	struct json *user = new_user(span_of(full), span_of(uid));
	struct token *t;
	char *token;

	add_group(user, SPAN("system:serviceaccounts"));
	add_group(user, span_of(group));
	add_group(user, SPAN("system:authenticated"));
	random_token(random);
	token = mem_printf("sa.%s", random);
	t = add_token(a, span_of(token), user);
	t->expires_unix_s = expires_unix_s;
	t->namespace = mem_dup_str(namespace);
	t->name = mem_dup_str(name);
	return token;
}

/* A token ends with its account, also when one of the same name comes again. */
static bool has_account(const struct access *a, const struct token *t)
{
	const struct kind *accounts = resources_find(a->resources, "", "v1", "serviceaccounts");
	const struct object *o = collection_find(&accounts->objects, t->namespace, t->name);

	return o && strcmp(json_find_str(o->json, "metadata.uid"), json_str(t->user, "uid")) == 0;
}

const struct json *access_find(const struct access *a, struct span token)
{
	const struct token *t = map_get(a->tokens, token);

	if (!t || (t->expires_unix_s && t->expires_unix_s <= clock_unix_s()) || (t->name && !has_account(a, t)))
		return NULL;
	return t->user;
}

/* Takes one DER value of the tag off the front; false when another one, or none, is there. */
static bool take_der(struct span *rest, unsigned char tag, struct span *ret)
{
	const unsigned char *at = (const unsigned char *)rest->at;
	size_t head = 2, len;

	if (rest->len < 2 || at[0] != tag)
		return false;
	len = at[1];
	if (len & 0x80) {
		size_t size = len & 0x7f;

		if (size == 0 || size > 3 || rest->len < 2 + size)
			return false;
		for (len = 0; head < 2 + size; head++)
			len = len << 8 | at[head];
	}
	if (len > rest->len - head)
		return false;
	*ret = span_from(rest->at + head, len);
	*rest = span_from(rest->at + head + len, rest->len - head - len);
	return true;
}

static bool take_any_string(struct span *rest, struct span *ret)
{
	return take_der(rest, 0x0c, ret) || take_der(rest, 0x13, ret) || take_der(rest, 0x14, ret);
}

/* RFC 5280 4.1: the subject is the sixth member behind the version. */
static bool find_subject(struct span der, struct span *ret)
{
	struct span certificate, body, skipped;

	if (!take_der(&der, 0x30, &certificate) || !take_der(&certificate, 0x30, &body))
		return false;
	(void)take_der(&body, 0xa0, &skipped);
	return take_der(&body, 0x02, &skipped) && take_der(&body, 0x30, &skipped) &&
	       take_der(&body, 0x30, &skipped) && take_der(&body, 0x30, &skipped) && take_der(&body, 0x30, ret);
}

struct json *access_read_certificate(struct span der)
{
	struct span subject, set, pair, oid, value, name = SPAN_NONE;
	struct json *user;

	if (!find_subject(der, &subject))
		return NULL;
	user = new_user(SPAN_NONE, SPAN_NONE);
	while (take_der(&subject, 0x31, &set) && take_der(&set, 0x30, &pair) && take_der(&pair, 0x06, &oid) &&
	       take_any_string(&pair, &value)) {
		if (span_equal(oid, SPAN("\x55\x04\x03")))
			name = value;
		else if (span_equal(oid, SPAN("\x55\x04\x0a")))
			add_group(user, value);
	}
	if (name.len) {
		AUTO_FREE char *text = span_dup(name);

		json_set_str(user, "username", text);
		add_group(user, SPAN("system:authenticated"));
		return user;
	}
	json_free(user);
	return NULL;
}

/* Impersonate-Extra-<key>: the key is percent-encoded and lower case. */
static void add_extra(struct json *user, struct span key, struct span value)
{
	struct json *extra = json_get(user, "extra");
	AUTO_FREE char *text = span_dup(value);
	AUTO_BUF struct buf name;
	struct err ignored;

	buf_init(&name, 1024);
	if (url_decode(key, URL_PATH, &name, &ignored) < 0)
		buf_reset(&name);
	if (!extra) {
		extra = json_new_object();
		json_set_item(user, "extra", extra);
	}
	if (!json_get(extra, buf_str(&name)))
		json_set_item(extra, buf_str(&name), json_new_array());
	json_add_str(json_get(extra, buf_str(&name)), text);
}

static bool allows_one(const struct access *a, const struct json *user, const char *group, const char *resource,
		       const char *subresource, const char *namespace, const char *name)
{
	return access_allows(
		a, user, &(struct question){ "impersonate", group, resource, subresource, namespace, name, "" });
}

#define SERVICE_ACCOUNT "system:serviceaccount:"

static bool may_be_user(const struct access *a, const struct json *user, const char *name)
{
	struct span rest = span_of(name), namespace;
	AUTO_FREE char *namespace_text = NULL, *account = NULL;

	if (!span_starts(rest, SPAN(SERVICE_ACCOUNT)))
		return allows_one(a, user, "", "users", "", "", name);
	rest = span_of(name + sizeof(SERVICE_ACCOUNT) - 1);
	(void)span_take_part(&rest, ':', &namespace);
	namespace_text = span_dup(namespace);
	account = span_dup(rest);
	return allows_one(a, user, "", "serviceaccounts", "", namespace_text, account);
}

static bool may_impersonate(const struct access *a, const struct json *user, const struct json *wanted)
{
	const char *uid = json_str(wanted, "uid");

	if (!may_be_user(a, user, json_str(wanted, "username")))
		return false;
	if (uid && !allows_one(a, user, "authentication.k8s.io", "uids", "", "", uid))
		return false;
	for (const struct json *g = json_first(json_get(wanted, "groups")); g; g = json_next(g))
		if (!allows_one(a, user, "", "groups", "", "", json_text(g)))
			return false;
	for (const struct json *x = json_first(json_get(wanted, "extra")); x; x = json_next(x))
		for (const struct json *v = json_first(x); v; v = json_next(v))
			if (!allows_one(a, user, "authentication.k8s.io", "userextras", json_name(x), "", json_text(v)))
				return false;
	return true;
}

static void read_field(const struct http_field *field, struct json *wanted, bool *any)
{
	if (span_equal_str(field->name, "impersonate-group")) {
		AUTO_FREE char *text = span_dup(field->value);

		json_add_str(json_get(wanted, "groups"), text);
	} else if (span_equal_str(field->name, "impersonate-uid")) {
		AUTO_FREE char *text = span_dup(field->value);

		json_set_str(wanted, "uid", text);
	} else if (span_starts(field->name, SPAN("impersonate-extra-"))) {
		add_extra(wanted, span_from(field->name.at + 18, field->name.len - 18), field->value);
	} else {
		return;
	}
	*any = true;
}

struct json *access_impersonate(const struct access *a, const struct json *user, const struct http_head *head,
				struct err *e)
{
	const struct span *name = http_field_find(head, "impersonate-user");
	struct json *wanted = new_user(name ? *name : SPAN_NONE, SPAN_NONE);
	bool any = false;

	for (size_t i = 0; i < head->field_count; i++)
		read_field(&head->fields[i], wanted, &any);
	if (!name || !name->len) {
		json_free(wanted);
		if (any)
			err_set(e, ERR_INPUT, "requested impersonation of groups, uid or extra without impersonating a user name");
		return NULL;
	}
	if (!may_impersonate(a, user, wanted)) {
		json_free(wanted);
		err_set(e, ERR_DENIED, "impersonation");
		return NULL;
	}
	add_group(wanted, SPAN("system:authenticated"));
	return wanted;
}
