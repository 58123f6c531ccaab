/* The source that runs `op`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/process.h"
#include "lib/format/json.h"
#include "lib/rollout/source_inner.h"

#define ARGS_MAX 12
#define LIST_MAX (1024 * 1024)

/* What op needs of our environment besides the common names. */
static const char *const op_env[] = { "OP_*",	     "DISPLAY",	    "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS",
				      "HTTP_PROXY",  "HTTPS_PROXY", "NO_PROXY",	       "http_proxy",
				      "https_proxy", "no_proxy",    "SSL_CERT_FILE",   "SSL_CERT_DIR",
				      NULL };

static int find_program(struct secret_source *s, struct err *e)
{
	if (s->program || process_find("op", &s->program, e) == 0)
		return 0;
	return source_fail(s, SECRET_FAILURE_OP_MISSING, ERR_AUTH, e,
			   "the 1Password CLI (op) is not installed: no folder of PATH holds it; install it, or "
			   "set OP_CONNECT_HOST and OP_CONNECT_TOKEN to use 1Password Connect");
}

static int refuse_end(struct secret_source *s, const struct process_result *end,
		      const struct op_asked *asked, struct err *e)
{
	if (end->cancelled)
		return source_fail(s, SECRET_FAILURE_OTHER, ERR_IO, e, "op was interrupted");
	if (end->timed_out)
		return source_fail(s, SECRET_FAILURE_UNREACHABLE, ERR_TIMEOUT, e,
				   "op gave no answer within %llu seconds; is it waiting for the 1Password app to be "
				   "unlocked?", (unsigned long long)(s->timeout_ms / 1000));
	if (s->words.len == 0)
		return source_fail(s, SECRET_FAILURE_OTHER, ERR_IO, e,
				   "op ended with status %d and said nothing", end->status);
	s->failure = op_error_set(buf_span(&s->words), asked, e);
	return -1;
}

/* Runs op with these words (NULL-terminated) and --account; `out` gets what it prints. */
static int run_op(struct secret_source *s, const char *const *words, const struct op_asked *asked,
		  struct buf *out, struct err *e)
{
	const char *argv[ARGS_MAX + 4] = { "op" };
	struct process_request rq = { .argv = argv, .env_names = op_env,
				      .timeout_ms = s->timeout_ms, .cancel_fd = s->cancel_fd };
	struct process_result end;
	struct buf said;
	size_t count = 1;
	int result;

	if (find_program(s, e) < 0)
		return -1;
	rq.program = s->program;
	while (*words && count <= ARGS_MAX)
		argv[count++] = *words++;
	if (s->account) {
		argv[count++] = "--account";
		argv[count++] = s->account;
	}
	buf_init_secret(&said, SOURCE_WORDS_MAX);
	result = process_run(&rq, out, &said, &end, e);
	buf_reset(&s->words);
	redactor_put(s->redactor, buf_span(&said), &s->words);
	if (result == 0 && (end.status != 0 || end.timed_out || end.cancelled))
		result = refuse_end(s, &end, asked, e);
	buf_free(&said);
	return result;
}

/* whoami is not to be trusted when it says no, so nothing depends on it. */
static void ask_identity(struct secret_source *s, struct secret_identity *ret)
{
	static const char *const words[] = { "whoami", "--format", "json", NULL };
	struct op_asked asked = { .account = s->account };
	AUTO_BUF struct buf out;
	AUTO_JSON struct json *doc = NULL;
	struct err ignored = { 0 };
	const char *url, *email;

	buf_init(&out, LIST_MAX);
	(void)snprintf(ret->account, sizeof(ret->account), "%s", "unknown");
	if (run_op(s, words, &asked, &out, &ignored) < 0 ||
	    json_parse(buf_span(&out), JSON_LIMITS(LIST_MAX), &doc, &ignored) < 0)
		return;
	url = json_str(doc, "url") ? json_str(doc, "url") : json_str(doc, "URL");
	email = json_str(doc, "email");
	if (json_str(doc, "ServiceAccountType"))
		email = "service account";
	(void)snprintf(ret->account, sizeof(ret->account), "%s%s%s%s", email ? email : "",
		       email && url ? " (" : "", url ? url : email ? "" : "unknown",
		       email && url ? ")" : "");
}

static int op_check(struct secret_source *s, struct secret_identity *ret, struct err *e)
{
	static const char *const version[] = { "--version", NULL };
	static const char *const vaults[] = { "vault", "list", "--format", "json", NULL };
	struct op_asked asked = { .account = s->account };
	AUTO_BUF struct buf out;
	AUTO_JSON struct json *doc = NULL;
	struct span line;
	char *account = s->account;
	int result;

	buf_init(&out, LIST_MAX);
	s->account = NULL; /* --version takes none */
	result = run_op(s, version, &asked, &out, e);
	s->account = account;
	if (result < 0)
		return -1;
	line = span_trim(buf_span(&out));
	while (line.len && (line.at[line.len - 1] == '\n' || line.at[line.len - 1] == '\r'))
		line.len--;
	if (span_to_str(line, ret->version, sizeof(ret->version)) < 0)
		ret->version[0] = '\0';
	buf_reset(&out);
	if (run_op(s, vaults, &asked, &out, e) < 0)
		return -1;
	if (json_parse(buf_span(&out), JSON_LIMITS(LIST_MAX), &doc, e) < 0 || !json_is_array(doc))
		return source_fail(s, SECRET_FAILURE_OTHER, ERR_PROTOCOL, e,
				   "op vault list did not print a list in JSON; is %s really 1Password's op?",
				   s->program);
	ret->vault_count = json_count(doc);
	ask_identity(s, ret);
	buf_reset(&s->words); /* what whoami complains of may not be so */
	s->failure = SECRET_FAILURE_NONE;
	return 0;
}

static int get_item(struct secret_source *s, const char *vault, const char *item, bool reveal,
		    struct item_store **ret, struct err *e)
{
	const char *words[ARGS_MAX] = { "item", "get", item, "--format", "json" };
	struct op_asked asked = { item, vault, s->account };
	AUTO_BUF struct buf out;
	size_t count = 5;

	buf_init_locked(&out, ITEM_JSON_MAX);
	if (vault) {
		words[count++] = "--vault";
		words[count++] = vault;
	}
	if (reveal)
		words[count++] = "--reveal";
	if (run_op(s, words, &asked, &out, e) < 0)
		return -1;
	return item_parse(buf_span(&out), ret, e);
}

static int op_item(struct secret_source *s, const char *vault, const char *item,
		   struct item_store **ret, struct err *e)
{
	struct item_store *store;

	if (get_item(s, vault, item, false, &store, e) < 0)
		return -1;
	if (item_is_hidden(item_store_item(store))) { /* older ops refuse --reveal, so only then */
		item_store_free(store);
		if (get_item(s, vault, item, true, &store, e) < 0)
			return -1;
	}
	if (item_is_hidden(item_store_item(store))) {
		item_store_free(store);
		return source_fail(s, SECRET_FAILURE_OTHER, ERR_PROTOCOL, e,
				   "op does not reveal the values of item \"%.60s\"; update op", item);
	}
	*ret = store;
	return 0;
}

static int op_file(struct secret_source *s, const struct secret_item *item,
		   const struct secret_file *file, struct buf *into, struct err *e)
{
	AUTO_FREE char *reference = mem_printf("op://%s/%s/%s", item->vault_id, item->id, file->id);
	const char *words[] = { "read", "--no-newline", reference, NULL };
	struct op_asked asked = { item->title, item->vault, s->account };

	return run_op(s, words, &asked, into, e);
}

const struct source_kind source_op = { "op", op_check, op_item, op_file };
