/* The built-in kubectl's arguments and manifests: what is refused before any request, and in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/kube/kubectl.h"

struct outputs {
	struct buf out, err;
	const char *file; /* what every -f gives */
};

static bool take(void *owner, enum kubectl_stream to, struct span bytes)
{
	struct outputs *o = owner;

	return buf_put_span(to == KUBECTL_OUT ? &o->out : &o->err, bytes) == 0;
}

static int read_file(void *owner, const char *path, struct buf *out, struct err *e)
{
	struct outputs *o = owner;

	if (!o->file)
		return err_set(e, ERR_NOT_FOUND, "the path \"%s\" does not exist", path);
	return buf_put_str(out, o->file);
}

static bool is_stopped(void *owner)
{
	(void)owner;
	return false;
}

/* Runs the words of `line` against a port where nobody listens. */
static int run(const char *line, struct outputs *o, struct err *e)
{
	struct kube_target target = { .server = (char[]){ "http://127.0.0.1:1" }, .namespace = (char[]){ "home" } };
	const struct kubectl_io io = {
		.owner = o, .write = take, .read_file = read_file, .is_stopped = is_stopped,
	};
	struct kube_client *c = kube_client_new(&target, "test", e);
	char words[512], *argv[32];
	int argc = 0, status;

	assert_non_null(c);
	(void)snprintf(words, sizeof(words), "%s", line);
	for (char *at = words; *at && argc < 32;) {
		argv[argc++] = at;
		at += strcspn(at, " ");
		if (*at)
			*at++ = '\0';
	}
	buf_init(&o->out, 100000);
	buf_init(&o->err, 100000);
	status = kubectl_main(c, argc, argv, &io, e);
	kube_client_free(c);
	return status;
}

static const struct {
	const char *line, *file;
	enum err_code code;
	const char *says;
} bad_rows[] = {
	{ "gte pods", NULL, ERR_USAGE, "no command \"gte\", did you mean \"get\"?" },
	{ "edit pod x", NULL, ERR_USAGE, "it has: annotate api-resources" },
	{ "debug x", NULL, ERR_USAGE, "no command \"debug\"" },
	{ "exec -i", NULL, ERR_USAGE, "must be specified" },
	{ "exec x", NULL, ERR_USAGE, "at least one command for the container" },
	{ "exec x -- true", NULL, ERR_UNREACHABLE, "Unable to connect to the server" },
	{ "--nope get", NULL, ERR_USAGE, "unknown option --nope" },
	{ "get pods --server=https://evil", NULL, ERR_USAGE, "--server is not taken here" },
	{ "--kubeconfig x get pods", NULL, ERR_USAGE, "--kubeconfig is not taken here" },
	{ "get --as root pods", NULL, ERR_USAGE, "--as is not taken here" },
	{ "get --as-group=x pods", NULL, ERR_USAGE, "--as-group is not taken here" },
	{ "get pods --token=secret", NULL, ERR_USAGE, "--token is not taken here" },
	{ "get pods --insecure-skip-tls-verify", NULL, ERR_USAGE, "is not taken here" },
	{ "get pods -s x", NULL, ERR_USAGE, "unknown option -s" },
	{ "get", NULL, ERR_USAGE, "specify the type" },
	{ "get pods --raw=/x", NULL, ERR_USAGE, "unknown option --raw" },
	{ "get pods -o go-template={{.}}", NULL, ERR_USAGE, "output format" },
	{ "get pods -o jsonpath={.items", NULL, ERR_INPUT, "no }" },
	{ "get pods -o jsonpath=", NULL, ERR_USAGE, "no template given" },
	{ "get pods -o custom-columns=A", NULL, ERR_USAGE, "<header>" },
	{ "get pods -o custom-columns=A:{", NULL, ERR_INPUT, "unexpected path" },
	{ "get pods --chunk-size=-1", NULL, ERR_USAGE, "chunk-size" },
	{ "get pods x -A", NULL, ERR_USAGE, "across all namespaces" },
	{ "get pods x -l a=b", NULL, ERR_USAGE, "selector" },
	{ "get pods/x -l a=b", NULL, ERR_USAGE, "selector" },
	{ "get pods/x y", NULL, ERR_USAGE, "resource/name form" },
	{ "get pods x/y", NULL, ERR_USAGE, "resource/name form" },
	{ "get pods/x/y", NULL, ERR_USAGE, "single resource and name" },
	{ "get pods/", NULL, ERR_USAGE, "single resource and name" },
	{ "get /x", NULL, ERR_USAGE, "single resource and name" },
	{ "get pods .. ", NULL, ERR_INPUT, "'..'" },
	{ "get pods -n ..", NULL, ERR_INPUT, "'..'" },
	{ "get pods -n a%2fb", NULL, ERR_INPUT, "'a%2fb'" },
	{ "get pods,services -w", NULL, ERR_USAGE, "single resource type" },
	{ "get pods --output-watch-events", NULL, ERR_USAGE, "--watch" },
	{ "get pods -f x", NULL, ERR_USAGE, "when files are given" },
	{ "get -f x", NULL, ERR_NOT_FOUND, "does not exist" },
	{ "apply", NULL, ERR_USAGE, "must specify -f" },
	{ "apply x", NULL, ERR_USAGE, "unexpected argument x" },
	{ "apply -f x", NULL, ERR_NOT_FOUND, "the path \"x\" does not exist" },
	{ "apply -f x --server-side=false", "", ERR_USAGE, "on the server only" },
	{ "apply -f x --dry-run=client", "", ERR_USAGE, "expected server or none" },
	{ "apply -f x --dry-run", "", ERR_USAGE, "expected server or none" },
	{ "apply -f x --validate=maybe", "", ERR_USAGE, "strict, warn or ignore" },
	{ "apply -f x --field-manager=", "", ERR_USAGE, "field-manager" },
	{ "apply -f x", "", ERR_INPUT, "no objects passed" },
	{ "apply -f x", "---\n---\n", ERR_INPUT, "no objects passed" },
	{ "apply -f x", "a: [", ERR_INPUT, "error parsing x" },
	{ "apply -f x", "text", ERR_INPUT, "no object" },
	{ "apply -f x", "- a", ERR_INPUT, "no object" },
	{ "apply -f x", "kind: Pod", ERR_INPUT, "apiVersion or kind" },
	{ "apply -f x", "apiVersion: v1\nkind: Pod", ERR_INPUT, "name may not be empty" },
	{ "apply -f x", "apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}", ERR_INPUT, "generate name" },
	{ "apply -f x", "apiVersion: v1\nkind: Pod\nmetadata: {name: '..'}", ERR_INPUT, "'..'" },
	{ "apply -f x", "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: 'b/c'}", ERR_INPUT, "'b/c'" },
	{ "apply -f x -n n", "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}", ERR_USAGE,
	  "does not match the namespace \"n\"" },
	{ "apply -f x", "apiVersion: v1\nkind: List\nitems: [1]", ERR_INPUT, "apiVersion or kind" },
	{ "delete", NULL, ERR_USAGE, "You must provide" },
	{ "delete pods", NULL, ERR_USAGE, "no name was specified" },
	{ "delete pods x --all", NULL, ERR_USAGE, "name cannot be provided" },
	{ "delete pods x -A", NULL, ERR_USAGE, "name cannot be provided" },
	{ "delete pods --all -l a=b", NULL, ERR_USAGE, "cannot set --all" },
	{ "delete pods x --now --grace-period=5", NULL, ERR_USAGE, "--now and --grace-period" },
	{ "delete pods x --force --grace-period=5", NULL, ERR_USAGE, "--force and --grace-period" },
	{ "delete pods x --grace-period=-2", NULL, ERR_USAGE, "grace-period" },
	{ "delete pods x --cascade=some", NULL, ERR_USAGE, "invalid cascade value (some)" },
	{ "delete pods x --timeout=5", NULL, ERR_USAGE, "--timeout" },
	{ "delete pods x -o json", NULL, ERR_USAGE, "unexpected -o output mode: json" },
	{ "delete pods -f x", NULL, ERR_USAGE, "when files are given" },
	{ "logs", NULL, ERR_USAGE, "expected 'logs" },
	{ "logs a b c", NULL, ERR_USAGE, "expected 'logs" },
	{ "logs a b -c c", NULL, ERR_USAGE, "only one of -c" },
	{ "logs deploy/x --pod-running-timeout=0s", NULL, ERR_USAGE, "higher than zero" },
	{ "logs deploy/x --pod-running-timeout=soon", NULL, ERR_USAGE, "higher than zero" },
	{ "explain", NULL, ERR_USAGE, "type of resource" },
	{ "explain pods nodes", NULL, ERR_USAGE, "only this format" },
	{ "explain pods[0]", NULL, ERR_USAGE, "jsonpath" },
	{ "explain pods..spec", NULL, ERR_USAGE, "jsonpath" },
	{ "explain .spec", NULL, ERR_USAGE, "jsonpath" },
	{ "explain pods -o plaintext-openapiv2", NULL, ERR_USAGE, "unrecognized format" },
	{ "top", NULL, ERR_USAGE, "node or pod" },
	{ "top services", NULL, ERR_USAGE, "node or pod" },
	{ "top pods a b", NULL, ERR_USAGE, "unexpected argument b" },
	{ "top pods a -l b=c", NULL, ERR_USAGE, "only one of NAME or selector" },
	{ "top nodes --sum", NULL, ERR_USAGE, "unknown flag" },
	{ "top pods --show-capacity", NULL, ERR_USAGE, "unknown flag" },
	{ "top nodes --sort-by=age", NULL, ERR_USAGE, "only cpu or memory" },
	{ "auth can-i --list get pods", NULL, ERR_USAGE, "no arguments" },
	{ "auth can-i --list -q", NULL, ERR_USAGE, "neither quiet" },
	{ "auth can-i get pods --no-headers", NULL, ERR_USAGE, "without --list" },
	{ "logs ..", NULL, ERR_INPUT, "'..'" },
	{ "logs x --tail=-2", NULL, ERR_USAGE, "--tail" },
	{ "logs x --tail=all", NULL, ERR_USAGE, "--tail" },
	{ "logs x --since=1h --since-time=x", NULL, ERR_USAGE, "only one of --since" },
	{ "logs x --limit-bytes=-1", NULL, ERR_USAGE, "--limit-bytes" },
	{ "logs a --all-containers -c b", NULL, ERR_USAGE, "--all-containers" },
	{ "logs a -l b=c", NULL, ERR_USAGE, "expected 'logs" },
	{ "create", NULL, ERR_USAGE, "must specify one of -f" },
	{ "create odd x", NULL, ERR_USAGE, "cannot create odd" },
	{ "create deployment x", NULL, ERR_USAGE, "\"image\" not set" },
	{ "create cm x --from-literal=a", NULL, ERR_USAGE, "key=value" },
	{ "create cm x --from-literal=a/b=c", NULL, ERR_USAGE, "not a valid key" },
	{ "create cm x --from-literal=a=b --from-literal=a=c", NULL, ERR_EXISTS, "already exists" },
	{ "create cm x --from-file=f", NULL, ERR_NOT_FOUND, "does not exist" },
	{ "create cm x --from-env-file=f", "a", ERR_INPUT, "KEY=VALUE" },
	{ "create cm x y", NULL, ERR_USAGE, "exactly one NAME" },
	{ "create ns x --dry-run=maybe", NULL, ERR_USAGE, "Invalid dry-run value" },
	{ "label pod x", NULL, ERR_USAGE, "at least one label" },
	{ "label a=b", NULL, ERR_USAGE, "You must provide" },
	{ "label pod x a=b c", NULL, ERR_USAGE, "before label changes" },
	{ "label pod a=b", NULL, ERR_USAGE, "no name was specified" },
	{ "annotate pod x a=b -l c=d", NULL, ERR_USAGE, "selector" },
	{ "scale deploy x", NULL, ERR_USAGE, "\"replicas\" not set" },
	{ "scale deploy x --replicas=-1", NULL, ERR_USAGE, "replicas" },
	{ "patch pod x", NULL, ERR_USAGE, "exactly one of --patch" },
	{ "patch pod x -p {} --type=odd", NULL, ERR_USAGE, "--type" },
	{ "patch pod x -p {", NULL, ERR_INPUT, "unable to parse" },
	{ "patch pod x -p {} --dry-run=client", NULL, ERR_USAGE, "on the server" },
	{ "wait pod/x", NULL, ERR_USAGE, "unrecognized condition" },
	{ "wait pod/x --for=odd", NULL, ERR_USAGE, "unrecognized condition" },
	{ "wait pod/x --for=jsonpath={.a}=", NULL, ERR_USAGE, "value after equal" },
	{ "wait pod/x --for=delete --timeout=5", NULL, ERR_USAGE, "--timeout" },
	{ "rollout", NULL, ERR_USAGE, "one of status" },
	{ "rollout odd deploy/x", NULL, ERR_USAGE, "one of status" },
	{ "describe", NULL, ERR_USAGE, "You must provide" },
	{ "set env deploy/x a=b", NULL, ERR_USAGE, "set image" },
	{ "set image deploy/x", NULL, ERR_USAGE, "at least one image" },
	{ "replace", NULL, ERR_USAGE, "--filename" },
	{ "cordon", NULL, ERR_USAGE, "USAGE: cordon" },
	{ "drain", NULL, ERR_USAGE, "USAGE: drain" },
	{ "taint node x", NULL, ERR_USAGE, "at least one taint" },
	{ "taint node x a=b:Odd", NULL, ERR_USAGE, "invalid taint spec" },
	{ "taint node x :NoSchedule", NULL, ERR_USAGE, "invalid taint spec" },
	{ "taint pod x a=b:NoSchedule", NULL, ERR_USAGE, "expected node" },
	{ "auth", NULL, ERR_USAGE, "can-i" },
	{ "auth can-i get", NULL, ERR_USAGE, "two arguments" },
	{ "api-resources x", NULL, ERR_USAGE, "unexpected argument x" },
	{ "events --for x", NULL, ERR_USAGE, "resource/name" },
	{ "run", NULL, ERR_USAGE, "NAME is required" },
	{ "run x", NULL, ERR_USAGE, "\"image\" not set" },
	{ "run x --image=y --labels=z", NULL, ERR_USAGE, "label spec" },
	{ "run x --image=y --env=z", NULL, ERR_USAGE, "invalid env" },
	{ "expose", NULL, ERR_USAGE, "You must provide" },
	{ "get pods", NULL, ERR_UNREACHABLE, "Unable to connect to the server" },
	{ "get widgets", NULL, ERR_UNREACHABLE, "Unable to connect to the server" },
	{ "logs x", NULL, ERR_UNREACHABLE, "Unable to connect to the server" },
	{ "delete pods x", NULL, ERR_UNREACHABLE, "Unable to connect to the server" },
	{ "apply -f x", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}", ERR_UNREACHABLE, "Unable to connect" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
		struct outputs o = { .file = bad_rows[i].file };
		struct err e = { 0 };
		int status = run(bad_rows[i].line, &o, &e);

		if (status != 1 || e.code != bad_rows[i].code || !strstr(buf_str(&o.err), bad_rows[i].says) ||
		    o.out.len)
			fail_msg("'%s': %d, code %d: '%s'", bad_rows[i].line, status, e.code, buf_str(&o.err));
		assert_null(strstr(buf_str(&o.err), "secret"));
		buf_free(&o.out);
		buf_free(&o.err);
	}
}

static const struct {
	const char *line, *says;
} help_rows[] = {
	{ "", "The built-in kubectl" },
	{ "help", "delete" },
	{ "--help", "apply" },
	{ "-n x", "logs" },
	{ "get --help", "--all-namespaces" },
	{ "apply -h", "--force-conflicts" },
	{ "delete pods x --help", "--grace-period" },
	{ "-n x logs -h", "--timestamps" },
};

static void test_help(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(help_rows); i++) {
		struct outputs o = { .file = NULL };
		struct err e = { 0 };

		if (run(help_rows[i].line, &o, &e) != 0 || !strstr(buf_str(&o.out), help_rows[i].says) || o.err.len)
			fail_msg("'%s': '%s' '%s'", help_rows[i].line, buf_str(&o.out), buf_str(&o.err));
		buf_free(&o.out);
		buf_free(&o.err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_bad), cmocka_unit_test(test_help) };

	return cmocka_run_group_tests_name("kubectl", tests, NULL, NULL);
}
