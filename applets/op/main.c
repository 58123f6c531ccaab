/* op: secrets from 1Password, by its own program or by Connect. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "applets/applet.h"
#include "applets/mk8s/cli.h"
#include "applets/op/op.h"
#include "lib/base/locked.h"
#include "lib/base/table.h"

#define LOCK_WANT (1024 * 1024)

static const struct verb *const verbs[] = { &verb_op_fetch, &verb_op_check, &verb_op_run, &verb_op_inject,
					    NULL };
static const struct verb verb_op = { .name = "op",
				     .help = "fetches secrets from 1Password: its CLI op, or Connect where "
					     "OP_CONNECT_HOST and OP_CONNECT_TOKEN are set",
				     .verbs = verbs };
static const struct verb *const group[] = { &verb_op, NULL };

struct secret_source *op_open(const struct op_common *common, struct err *e)
{
	struct secret_source_options o = { .account = common->account, .ca_file = common->ca_file };

	if (secret_source_environment(&o, e) < 0)
		return NULL;
	return secret_source_new(&o, e);
}

void op_pass_words(const struct secret_source *s)
{
	struct span words = secret_source_words(s), rest = words, line;
	size_t lines = 0;

	while (words.len && (words.at[words.len - 1] == '\n' || words.at[words.len - 1] == '\r'))
		words.len--;
	for (size_t i = 0; i < words.len; i++)
		lines += words.at[i] == '\n';
	if (words.len == 0 || (lines == 0 && words.len < 140 && secret_source_failure(s) != SECRET_FAILURE_NONE))
		return;
	for (rest = words; rest.at && span_take_part(&rest, '\n', &line);) {
		AUTO_BUF struct buf safe;

		buf_init(&safe, OP_OUTPUT_MAX);
		(void)table_put_escaped(&safe, line);
		cli_note("op: %s", buf_str(&safe));
	}
}

bool op_is_hidden(bool reveal)
{
	return !reveal && isatty(STDOUT_FILENO);
}

/* op-fetch ITEM is op fetch ITEM: whatever is neither a verb nor an option is an item. */
static bool is_item(const char *program, const char *word)
{
	const char *slash = strrchr(program, '/');

	return strcmp(slash ? slash + 1 : program, "op-fetch") == 0 && *word != '-' && !verb_find(verbs, word);
}

static int run(int argc, char **argv, struct err *e)
{
	char name[] = "op", fetch[] = "fetch";
	char **words = mem_new_array((size_t)argc + 2, sizeof(*words));
	int count = 0, status;

	words[count++] = name;
	if (argc > 1 && is_item(argv[0], argv[1]))
		words[count++] = fetch;
	for (int i = 1; i < argc; i++)
		words[count++] = argv[i];
	status = verb_run(group, NULL, "mk8s", count, words, e);
	free(words);
	return status;
}

int applet_op(int argc, char **argv)
{
	struct err e = { 0 };
	int status;

	if (!locked_begin(LOCK_WANT))
		cli_note("mk8s op: memory cannot be locked (see ulimit -l), so secrets could reach the swap space");
	status = run(argc, argv, &e);
	if (status < 0) {
		cli_note("mk8s op: %s", e.text);
		status = err_exit_status(&e);
	}
	return status;
}
