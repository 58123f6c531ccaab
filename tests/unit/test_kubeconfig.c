/* kubeconfig files: resolving a context, merging lists of files, in-cluster, and writing beside foreign entries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/kube/kubeconfig.h"

#define CLUSTER "clusters: [{name: c, cluster: {server: 'https://h:6443/'}}]\n"
#define USER "users: [{name: u, user: {token: t0ken}}]\n"
#define CONTEXT "contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n"

struct fixture {
	char dir[64];
};

static int set_up(void **state)
{
	struct fixture *f = mem_new(sizeof(*f));

	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/mk8s-kubeconfig-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "a", "b", "ca.crt", "token", "namespace", "link", "a.lock", "new/config",
					     "new" };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		AUTO_FREE char *path = mem_printf("%s/%s", f->dir, names[i]);

		(void)remove(path); /* most are not there */
	}
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static char *put_file(struct fixture *f, const char *name, const char *text)
{
	char *path = mem_printf("%s/%s", f->dir, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return path;
}

static void test_good(void **state)
{
	static const char text[] = CLUSTER USER CONTEXT;
	static const char full[] =
		"apiVersion: v1\nkind: Config\n"
		"clusters:\n- name: c\n  cluster:\n    server: https://[::1]:6443/clusters/x/k8s\n"
		"    certificate-authority-data: LS0t\n    tls-server-name: api\n    proxy-url: http://p:1\n"
		"users:\n- name: u\n  user:\n    client-certificate-data: Y2VydA==\n    client-key-data: |\n"
		"      a2\n      V5\n    tokenFile: tok\n"
		"contexts:\n- name: other\n  context: {cluster: c}\n"
		"- name: x\n  context: {cluster: c, user: u, namespace: n}\n";
	struct kube_target t = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(kubeconfig_parse(span_of(text), "f", "/d", NULL, &t, &e), 0);
	assert_string_equal(t.server, "https://h:6443");
	assert_string_equal(t.token, "t0ken");
	assert_string_equal(t.namespace, "default");
	assert_null(t.ca_pem);
	assert_false(t.insecure);
	kube_target_free(&t);
	kube_target_free(&t);
	assert_int_equal(kubeconfig_parse(span_of(full), "f", "/d", "x", &t, &e), 0);
	assert_string_equal(t.server, "https://[::1]:6443/clusters/x/k8s");
	assert_string_equal(t.ca_pem, "---");
	assert_string_equal(t.cert_pem, "cert");
	assert_string_equal(t.key_pem, "key");
	assert_string_equal(t.token_file, "/d/tok");
	assert_string_equal(t.tls_server_name, "api");
	assert_string_equal(t.proxy_url, "http://p:1");
	assert_string_equal(t.namespace, "n");
	kube_target_free(&t);
	assert_int_equal(kubeconfig_parse(span_of(full), "f", "/d", "other", &t, &e), 0);
	assert_null(t.token_file);
	kube_target_free(&t);
}

static const struct {
	const char *text, *context;
	enum err_code code;
	const char *says;
} bad_rows[] = {
	{ "", NULL, ERR_NOT_FOUND, "current-context" },
	{ "{}", NULL, ERR_NOT_FOUND, "current-context" },
	{ "- a", NULL, ERR_INPUT, "expected clusters" },
	{ "text", NULL, ERR_INPUT, "expected clusters" },
	{ "a: [", NULL, ERR_INPUT, "line" },
	{ "a: 1\na: 2\n", NULL, ERR_INPUT, "line 2" },
	{ CLUSTER USER CONTEXT, "y", ERR_NOT_FOUND, "it has: x" },
	{ CLUSTER USER, "y", ERR_NOT_FOUND, "it has: none" },
	{ "contexts: x\ncurrent-context: x\n", NULL, ERR_NOT_FOUND, "it has: none" },
	{ USER CONTEXT, NULL, ERR_NOT_FOUND, "cluster 'c'" },
	{ CLUSTER CONTEXT, NULL, ERR_NOT_FOUND, "user 'u'" },
	{ "contexts: [{name: x}]\ncurrent-context: x\n", NULL, ERR_NOT_FOUND, "cluster ''" },
	{ "contexts: [{name: x, context: [1]}]\ncurrent-context: x\n", NULL, ERR_NOT_FOUND, "cluster ''" },
	{ "clusters: [{name: c}]\n" USER CONTEXT, NULL, ERR_INPUT, "server" },
	{ "clusters: [{name: c, cluster: {server: 'h:6443'}}]\n" USER CONTEXT, NULL, ERR_INPUT, "https://" },
	{ "clusters: [{name: c, cluster: {server: 'unix:///x'}}]\n" USER CONTEXT, NULL, ERR_INPUT, "https://" },
	{ "clusters: [{name: c, cluster: {server: 'https://h', certificate-authority-data: '!'}}]\n" USER CONTEXT, NULL,
	  ERR_INPUT, "certificate-authority-data" },
	{ "clusters: [{name: c, cluster: {server: 'https://h', certificate-authority-data: 'AA=='}}]\n" USER CONTEXT,
	  NULL, ERR_INPUT, "no PEM" },
	{ "clusters: [{name: c, cluster: {server: 'https://h', certificate-authority: nope.crt}}]\n" USER CONTEXT, NULL,
	  ERR_NOT_FOUND, "certificate-authority" },
	{ "clusters: [{name: c, cluster: {server: 'https://h', certificate-authority-data: LS0t, "
	  "insecure-skip-tls-verify: true}}]\n" USER CONTEXT,
	  NULL, ERR_INPUT, "exclude" },
	{ CLUSTER "users: [{name: u, user: {exec: {command: aws}}}]\n" CONTEXT, NULL, ERR_INPUT, "another program" },
	{ CLUSTER "users: [{name: u, user: {auth-provider: {name: gcp}}}]\n" CONTEXT, NULL, ERR_INPUT, "auth-provider" },
	{ CLUSTER "users: [{name: u, user: {username: a, password: b}}]\n" CONTEXT, NULL, ERR_INPUT, "password" },
	{ CLUSTER "users: [{name: u, user: {as: root}}]\n" CONTEXT, NULL, ERR_INPUT, "impersonates" },
	{ CLUSTER "users: [{name: u, user: {client-certificate-data: LS0t}}]\n" CONTEXT, NULL, ERR_INPUT, "client-key" },
	{ CLUSTER "users: [{name: u, user: {client-key-data: LS0t}}]\n" CONTEXT, NULL, ERR_INPUT, "both" },
	{ CLUSTER "users: [{name: u, user: {client-certificate-data: LS0t, client-key: nope}}]\n" CONTEXT, NULL,
	  ERR_NOT_FOUND, "client-key" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
		struct kube_target t = { 0 };
		struct err e = { 0 };
		int rc = kubeconfig_parse(span_of(bad_rows[i].text), "f", "/nonexistent", bad_rows[i].context, &t, &e);

		if (rc != -1 || e.code != bad_rows[i].code || !strstr(e.text, bad_rows[i].says) || t.server)
			fail_msg("row %zu: %d %d '%s'", i, rc, e.code, e.text);
		assert_null(strstr(e.text, "t0ken"));
	}
}

/* The first file to say something wins, and a path is relative to the file that holds it. */
static void test_list(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *a = put_file(f, "a", "clusters: [{name: c, cluster: {server: 'https://a', "
					     "certificate-authority: ca.crt}}]\ncurrent-context: x\n");
	AUTO_FREE char *b = put_file(f, "b", "clusters: [{name: c, cluster: {server: 'https://b'}}]\n" USER
					     "contexts: [{name: x, context: {cluster: c, user: u}}]\n"
					     "current-context: y\n");
	AUTO_FREE char *ca = put_file(f, "ca.crt", "PEM");
	AUTO_FREE char *list = mem_printf("/nonexistent:%s::%s", a, b);
	AUTO_FREE char *home = mem_printf("%s/nohome", f->dir);
	struct kubeconfig_choice choice = { .env = list, .home = home };
	struct kube_target t = { 0 };
	struct err e = { 0 };

	assert_int_equal(kubeconfig_load(&choice, &t, &e), 0);
	assert_string_equal(t.server, "https://a");
	assert_string_equal(t.ca_pem, "PEM");
	assert_string_equal(t.token, "t0ken");
	kube_target_free(&t);
	choice.env = "";
	assert_int_equal(kubeconfig_load(&choice, &t, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	choice.file = "/nonexistent";
	assert_int_equal(kubeconfig_load(&choice, &t, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	choice.file = b;
	choice.context = "x";
	assert_int_equal(kubeconfig_load(&choice, &t, &e), 0);
	assert_string_equal(t.server, "https://b");
	kube_target_free(&t);
}

static void test_in_cluster(void **state)
{
	struct fixture *f = *state;
	struct kube_target t = { 0 };
	struct err e = { 0 };

	assert_int_equal(kubeconfig_in_cluster(NULL, "443", f->dir, &t, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(kubeconfig_in_cluster("10.0.0.1", "", f->dir, &t, &e), -1);
	assert_int_equal(kubeconfig_in_cluster("10.0.0.1", "443", f->dir, &t, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	free(put_file(f, "token", "secret-token\n"));
	assert_int_equal(kubeconfig_in_cluster("10.0.0.1", "443", f->dir, &t, &e), -1);
	free(put_file(f, "ca.crt", "PEM"));
	assert_int_equal(kubeconfig_in_cluster("10.0.0.1", "443", f->dir, &t, &e), 0);
	assert_string_equal(t.server, "https://10.0.0.1:443");
	assert_string_equal(t.namespace, "default");
	assert_null(t.token);
	assert_non_null(strstr(t.token_file, "/token"));
	kube_target_free(&t);
	free(put_file(f, "namespace", "agents\n"));
	assert_int_equal(kubeconfig_in_cluster("fd00::1", "6443", f->dir, &t, &e), 0);
	assert_string_equal(t.server, "https://[fd00::1]:6443");
	assert_string_equal(t.namespace, "agents");
	kube_target_free(&t);
}

static const char *const args[] = { "credential", "--cluster", "prod", NULL };
static const struct kubeconfig_entry entry = {
	.name = "mk8s-prod",
	.server = "https://central/clusters/prod/k8s",
	.ca_pem = "-----BEGIN CERTIFICATE-----\n",
	.exec_command = "/usr/bin/mk8s",
	.exec_args = args,
};

static char *read_all(const char *path)
{
	struct err e = { 0 };
	struct buf text;

	buf_init(&text, 100000);
	if (file_read(path, &text, &e))
		fail_msg("%s", e.text);
	return buf_take_str(&text);
}

static void test_put(void **state)
{
	struct kubeconfig_entry for_old = entry;
	struct err e = { 0 };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(kubeconfig_put(&out, &entry, 1, "mk8s-prod", &e), 0);
	assert_string_equal(buf_str(&out),
			    "apiVersion: v1\nclusters:\n- cluster:\n"
			    "    certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==\n"
			    "    server: https://central/clusters/prod/k8s\n  name: mk8s-prod\ncontexts:\n- context:\n"
			    "    cluster: mk8s-prod\n    user: mk8s-prod\n  name: mk8s-prod\n"
			    "current-context: mk8s-prod\nkind: Config\nusers:\n- name: mk8s-prod\n  user:\n"
			    "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      args:\n"
			    "      - credential\n      - --cluster\n      - prod\n      command: /usr/bin/mk8s\n"
			    "      env: null\n      interactiveMode: Never\n      provideClusterInfo: false\n");
	buf_reset(&out);
	for_old.exec_api = KUBECONFIG_EXEC_V1BETA1;
	assert_int_equal(kubeconfig_put(&out, &for_old, 1, "mk8s-prod", &e), 0);
	assert_non_null(strstr(buf_str(&out), "apiVersion: client.authentication.k8s.io/v1beta1\n"));
	buf_free(&out);
}

static void test_merge(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *path = put_file(f, "a", CLUSTER USER CONTEXT "extra: {big: 9007199254740993}\n");
	AUTO_FREE char *text = NULL, *again = NULL;
	struct kubeconfig_entry moved = entry;
	struct kube_target t = { 0 };
	struct err e = { 0 };
	struct stat st;

	assert_int_equal(kubeconfig_merge(path, &entry, 1, NULL, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	text = read_all(path);
	assert_non_null(strstr(text, "token: t0ken"));
	assert_non_null(strstr(text, "big: 9007199254740993"));
	assert_non_null(strstr(text, "current-context: x"));
	/* Once more: replaced, not doubled; the program may have moved. */
	moved.exec_command = "/opt/mk8s";
	moved.server = "https://other/k8s";
	assert_int_equal(kubeconfig_merge(path, &moved, 1, "mk8s-prod", &e), 0);
	again = read_all(path);
	assert_null(strstr(again, "https://central"));
	assert_non_null(strstr(again, "https://other/k8s"));
	assert_non_null(strstr(again, "current-context: mk8s-prod"));
	assert_null(strstr(strstr(again, "server: https://other/k8s") + 1, "server: https://other/k8s"));
	assert_int_equal(kubeconfig_load(&(struct kubeconfig_choice){ .file = path, .context = "x" }, &t, &e), 0);
	assert_string_equal(t.server, "https://h:6443");
	kube_target_free(&t);
}

/* What bears our name but is not ours. */
static const char *const foreign[] = {
	"users: [{name: mk8s-prod, user: {token: x}}]\n",
	"users: [{name: mk8s-prod, user: {exec: {command: aws, args: [credential]}}}]\n",
	"users: [{name: mk8s-prod, user: {exec: {command: mk8s, args: [other]}}}]\n",
	"users: [{name: mk8s-prod, user: {exec: {command: mk8s}}}]\n",
	"clusters: [{name: mk8s-prod, cluster: {server: 'https://h'}}]\n",
	"contexts: [{name: mk8s-prod, context: {cluster: c, user: u}}]\n",
	"users: [{name: mk8s-prod, user: {exec: {command: mk8s, args: [credential]}}}]\n"
	"contexts: [{name: mk8s-prod, context: {cluster: c, user: u}}]\n",
};

static void test_foreign(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(foreign); i++) {
		AUTO_FREE char *path = put_file(f, "a", foreign[i]);
		AUTO_FREE char *text = NULL;
		struct err e = { 0 };

		if (kubeconfig_merge(path, &entry, 1, "mk8s-prod", &e) != -1 || e.code != ERR_EXISTS)
			fail_msg("row %zu: %d '%s'", i, e.code, e.text);
		text = read_all(path);
		assert_string_equal(text, foreign[i]);
	}
}

static void test_merge_into_odd_files(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
	} rows[] = {
		{ "", ERR_NONE },
		{ "\n", ERR_NONE },
		{ "{}", ERR_NONE },
		{ "clusters: null\nusers: null\n", ERR_NONE },
		{ "- a\n", ERR_INPUT },
		{ "clusters: {a: b}\n", ERR_INPUT },
		{ "users: text\n", ERR_INPUT },
		{ "a: [\n", ERR_INPUT },
		{ "a: 1\n---\nb: 2\n", ERR_INPUT },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_FREE char *path = put_file(f, "a", rows[i].text);
		AUTO_FREE char *text = NULL;
		struct err e = { 0 };

		if ((kubeconfig_merge(path, &entry, 1, NULL, &e) == 0) != (rows[i].code == ERR_NONE) ||
		    e.code != rows[i].code)
			fail_msg("row %zu: %d '%s'", i, e.code, e.text);
		text = read_all(path);
		if (rows[i].code)
			assert_string_equal(text, rows[i].text);
		else
			assert_non_null(strstr(text, "mk8s-prod"));
	}
}

/* A link stays a link; a lock of somebody else is respected; a missing folder is made. */
static void test_merge_places(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *path = put_file(f, "a", "{}");
	AUTO_FREE char *link = mem_printf("%s/link", f->dir), *lock = mem_printf("%s.lock", path);
	AUTO_FREE char *fresh = mem_printf("%s/new/config", f->dir);
	struct err e = { 0 };
	struct stat st;

	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(kubeconfig_merge(link, &entry, 1, NULL, &e), 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(kubeconfig_merge(fresh, &entry, 1, NULL, &e), 0);
	assert_int_equal(stat(fresh, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	free(put_file(f, "a.lock", ""));
	assert_int_equal(kubeconfig_merge(path, &entry, 1, NULL, &e), -1);
	assert_int_equal(e.code, ERR_BUSY);
	assert_non_null(strstr(e.text, "a.lock"));
	assert_int_equal(access(lock, F_OK), 0);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good), cmocka_unit_test(test_bad), cmocka_unit_test(test_put), ROW(test_list),
		ROW(test_in_cluster), ROW(test_merge), ROW(test_foreign), ROW(test_merge_into_odd_files),
		ROW(test_merge_places),
	};

	return cmocka_run_group_tests_name("kubeconfig", tests, NULL, NULL);
}
