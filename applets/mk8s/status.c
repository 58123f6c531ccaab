/* mk8s status: who, where, with which rights. */
#include <stdlib.h>
#include <string.h>

#include "applets/mk8s/cli.h"
#include "applets/mk8s/verb.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/format/timefmt.h"

struct status_options {
	const char *output;
};

static const struct option_row status_rows[] = {
	{ "output", 'o', OPTION_TEXT, offsetof(struct status_options, output), "FORMAT",
	  "table, json or yaml", NULL, 0, 0 },
};

static const struct cli_column right_columns[] = {
	{ "CLUSTERS", "name", CELL_TEXT },
	{ "NAMESPACES", "namespaces", CELL_WORDS },
	{ "VERBS", "verbs", CELL_WORDS },
	{ "RESOURCES", "resources", CELL_WORDS },
};
static const struct cli_list right_list = { "clusters", "name", right_columns,
					    COUNT_OF(right_columns) };

/* The selected cluster's state as central tells it: "connected", "disconnected", or why it is not
 * known. */
static int cluster_state(struct cli *c, char **ret_state, struct err *e)
{
	AUTO_JSON struct json *answer = NULL;
	AUTO_FREE char *path = CLI_PATH("clusters", c->current_cluster);

	if (cli_call_json(c, "GET", path, NULL, &answer, e) == 0) {
		*ret_state =
			mem_dup_str(json_str(answer, "status") ? json_str(answer, "status") : "");
		return 0;
	}
	if (e->code != ERR_NOT_FOUND)
		return -1;
	err_clear(e);
	*ret_state = mem_dup_str("unknown to central, or not visible");
	return 0;
}

static int print_text(struct cli *c, const struct json *me, const char *state, struct err *e)
{
	const char *expires = json_str(me, "expires_at");
	char left[TIMEFMT_SIZE] = "?";
	int64_t unix_s;
	struct err bad = { 0 };

	if (expires && timefmt_parse_date(span_of(expires), &unix_s, &bad) == 0)
		timefmt_age(unix_s - clock_unix_s(), left);
	if (cli_say(e, "Central:  %s", c->central_url) < 0 ||
	    cli_say(e, "User:     %s", json_str(me, "email") ? json_str(me, "email") : "") < 0)
		return -1;
	if (cli_say(e, "Token:    ends in %s (%s)", left, expires ? expires : "") < 0)
		return -1;
	if (c->current_cluster ?
		    cli_say(e, "Cluster:  %s (%s)", c->current_cluster, state) < 0 :
		    cli_say(e, "Cluster:  none selected; try mk8s clusters use NAME") < 0)
		return -1;
	return 0;
}

static int print_roles(const struct json *me, struct err *e)
{
	AUTO_BUF struct buf names;

	buf_init(&names, CLI_FILE_MAX);
	for (const struct json *r = json_first(json_get(me, "roles")); r; r = json_next(r))
		(void)buf_printf(&names, "%s%s", names.len ? ", " : "",
				 json_text(r) ? json_text(r) : "");
	if (cli_say(e, "Roles:    %s", names.len ? buf_str(&names) : "none") < 0)
		return -1;
	if (!json_count(json_get(me, "clusters")))
		return 0;
	return cli_write(SPAN("\n"), e) < 0 ? -1 : cli_print_list(CLI_TABLE, me, &right_list, e);
}

static int status(struct cli *c, const void *options, const struct options_rest *rest UNUSED,
		  struct err *e)
{
	const struct status_options *o = options;
	AUTO_JSON struct json *me = NULL;
	AUTO_FREE char *state = NULL;
	enum cli_format format;

	if (cli_format_parse(o->output, &format, e) < 0)
		return -1;
	if (format == CLI_NAME)
		return err_set(e, ERR_USAGE, "-o: it must be table, json or yaml here");
	if (cli_call_json(c, "GET", "/auth/me", NULL, &me, e) < 0 ||
	    (c->current_cluster && cluster_state(c, &state, e) < 0))
		return -1;
	if (format == CLI_TABLE)
		return print_text(c, me, state, e) < 0 ? -1 : print_roles(me, e);
	json_set_str(me, "central_url", c->central_url);
	json_set_str(me, "current_cluster", c->current_cluster);
	json_set_str(me, "current_cluster_status", state);
	return cli_print_json(format, me, e);
}

const struct verb verb_status = {
	.name = "status",
	.help = "shows the user, the selected cluster and the rights",
	VERB_OPTIONS(status_rows, struct status_options),
	.run = status,
};
