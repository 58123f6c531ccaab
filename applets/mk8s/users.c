/* mk8s users: list, add, rm, passwd, disable, enable, roles. */
#include <stdlib.h>
#include <string.h>

#include "applets/mk8s/cli.h"
#include "applets/mk8s/verb.h"
#include "lib/base/mem.h"

struct list_options {
	const char *output;
};

static const struct option_row list_rows[] = {
	CLI_OUTPUT_ROW(offsetof(struct list_options, output)),
};

struct add_options {
	struct option_list roles;
	bool password_stdin;
};

static const struct option_row add_rows[] = {
	{ "role", 'r', OPTION_LIST, offsetof(struct add_options, roles), "ROLE",
	  "a role of the user; may be repeated", NULL, 0, 0 },
	{ "password-stdin", 0, OPTION_FLAG, offsetof(struct add_options, password_stdin), NULL,
	  "the password is the first line of standard input", NULL, 0, 0 },
};

struct passwd_options {
	bool password_stdin;
};

static const struct option_row passwd_rows[] = {
	{ "password-stdin", 0, OPTION_FLAG, offsetof(struct passwd_options, password_stdin), NULL,
	  "read from standard input: the new password; for your own, the old one on a line before",
	  NULL, 0, 0 },
};

static const struct cli_column columns[] = {
	{ "EMAIL", "email", CELL_TEXT },
	{ "ROLES", "roles", CELL_WORDS },
	{ "DISABLED", "disabled", CELL_FLAG },
	{ "AGE", "created_at", CELL_AGE },
};
static const struct cli_list user_list = { "users", "email", columns, COUNT_OF(columns) };

static int list(struct cli *c, const void *options, const struct options_rest *rest UNUSED,
		struct err *e)
{
	const struct list_options *o = options;

	return cli_list(c, &user_list, o->output, NULL, e);
}

/* Sends a body that holds passwords. */
static int send_secret(struct cli *c, const char *method, const char *path, const struct buf *body,
		       struct err *e)
{
	struct cli_call call = { .method = method, .path = path, .body = buf_span(body) };
	AUTO_BUF struct buf reply;

	buf_init(&reply, CLI_FILE_MAX);
	return buf_ok(body, "the request", e) < 0 ? -1 : cli_call(c, &call, &reply, e);
}

static void put_roles(struct buf *body, const struct option_list *roles)
{
	(void)buf_put_str(body, ",\"roles\":[");
	for (size_t i = 0; i < roles->count; i++) {
		if (i)
			(void)buf_put_char(body, ',');
		json_put_quoted(body, span_of(roles->at[i]));
	}
	(void)buf_put_char(body, ']');
}

static int add(struct cli *c, const void *options, const struct options_rest *rest, struct err *e)
{
	const struct add_options *o = options;
	AUTO_BUF struct buf password, body;

	buf_init_secret(&password, CLI_PASSWORD_MAX);
	buf_init_secret(&body, CLI_FILE_MAX);
	if (cli_ask_password("Password of the new user: ", o->password_stdin, true, &password, e) <
	    0)
		return -1;
	(void)buf_put_str(&body, "{\"email\":");
	json_put_quoted(&body, span_of(rest->at[0]));
	(void)buf_put_str(&body, ",\"password\":");
	json_put_quoted(&body, buf_span(&password));
	put_roles(&body, &o->roles);
	(void)buf_put_char(&body, '}');
	if (send_secret(c, "POST", "/users", &body, e) < 0)
		return -1;
	return cli_say(e, "User %s is added.", rest->at[0]);
}

static int rm(struct cli *c, const void *options UNUSED, const struct options_rest *rest,
	      struct err *e)
{
	return cli_remove(c, "users", rest->at[0], "User", e);
}

static int change_own(struct cli *c, bool from_stdin, struct err *e)
{
	AUTO_BUF struct buf old_password, new_password, body;

	buf_init_secret(&old_password, CLI_PASSWORD_MAX);
	buf_init_secret(&new_password, CLI_PASSWORD_MAX);
	buf_init_secret(&body, CLI_FILE_MAX);
	if (cli_ask_password("Your old password: ", from_stdin, false, &old_password, e) < 0 ||
	    cli_ask_password("Your new password: ", from_stdin, true, &new_password, e) < 0)
		return -1;
	(void)buf_put_str(&body, "{\"old\":");
	json_put_quoted(&body, buf_span(&old_password));
	(void)buf_put_str(&body, ",\"new\":");
	json_put_quoted(&body, buf_span(&new_password));
	(void)buf_put_char(&body, '}');
	if (send_secret(c, "POST", "/auth/password", &body, e) < 0)
		return -1;
	return cli_say(e, "Your password is changed; your other sessions have ended.");
}

static int change_other(struct cli *c, const char *email, bool from_stdin, struct err *e)
{
	AUTO_BUF struct buf password, body;
	AUTO_FREE char *path = CLI_PATH("users", email);

	buf_init_secret(&password, CLI_PASSWORD_MAX);
	buf_init_secret(&body, CLI_FILE_MAX);
	if (cli_ask_password("New password: ", from_stdin, true, &password, e) < 0)
		return -1;
	(void)buf_put_str(&body, "{\"password\":");
	json_put_quoted(&body, buf_span(&password));
	(void)buf_put_char(&body, '}');
	if (send_secret(c, "PATCH", path, &body, e) < 0)
		return -1;
	return cli_say(e, "The password of %s is changed.", email);
}

static int passwd(struct cli *c, const void *options, const struct options_rest *rest,
		  struct err *e)
{
	const struct passwd_options *o = options;

	if (rest->count)
		return change_other(c, rest->at[0], o->password_stdin, e);
	return change_own(c, o->password_stdin, e);
}

static int set_disabled(struct cli *c, const char *email, bool disabled, struct err *e)
{
	AUTO_FREE char *path = CLI_PATH("users", email);
	struct json *body = json_new_object();

	json_set_bool(body, "disabled", disabled);
	if (cli_call_json(c, "PATCH", path, body, NULL, e) < 0)
		return -1;
	return cli_say(e, "User %s is %s.", email, disabled ? "disabled" : "enabled");
}

static int disable(struct cli *c, const void *options UNUSED, const struct options_rest *rest,
		   struct err *e)
{
	return set_disabled(c, rest->at[0], true, e);
}

static int enable(struct cli *c, const void *options UNUSED, const struct options_rest *rest,
		  struct err *e)
{
	return set_disabled(c, rest->at[0], false, e);
}

static int roles(struct cli *c, const void *options UNUSED, const struct options_rest *rest,
		 struct err *e)
{
	AUTO_FREE char *path = CLI_PATH("users", rest->at[0], "roles");
	struct json *body = json_new_object(), *names = json_new_array();

	for (int i = 1; i < rest->count; i++)
		json_add_str(names, rest->at[i]);
	json_set_item(body, "roles", names);
	if (cli_call_json(c, "PUT", path, body, NULL, e) < 0)
		return -1;
	return cli_say(e, "The roles of %s are set.", rest->at[0]);
}

static const struct verb verb_list = {
	.name = "list",
	.alias = "ls",
	.help = "shows all users",
	VERB_OPTIONS(list_rows, struct list_options),
	.run = list,
};
static const struct verb verb_add = {
	.name = "add",
	.arguments = "EMAIL",
	.help = "adds a user",
	VERB_OPTIONS(add_rows, struct add_options),
	.min = 1,
	.max = 1,
	.run = add,
};
static const struct verb verb_rm = {
	.name = "rm",
	.arguments = "EMAIL",
	.help = "removes a user and ends the sessions",
	.min = 1,
	.max = 1,
	.run = rm,
};
static const struct verb verb_passwd = {
	.name = "passwd",
	.arguments = "[EMAIL]",
	.help = "changes a password: your own, or as an administrator another user's",
	VERB_OPTIONS(passwd_rows, struct passwd_options),
	.max = 1,
	.run = passwd,
};
static const struct verb verb_disable = {
	.name = "disable",
	.arguments = "EMAIL",
	.help = "keeps a user out and ends the sessions",
	.min = 1,
	.max = 1,
	.run = disable,
};
static const struct verb verb_enable = {
	.name = "enable",
	.arguments = "EMAIL",
	.help = "lets a disabled user in again",
	.min = 1,
	.max = 1,
	.run = enable,
};
static const struct verb verb_set_roles = {
	.name = "roles",
	.arguments = "EMAIL [ROLE...]",
	.help = "sets a user's roles: these and no others",
	.min = 1,
	.max = -1,
	.run = roles,
};
static const struct verb *const verbs[] = { &verb_list,      &verb_add,     &verb_rm,
					    &verb_passwd,    &verb_disable, &verb_enable,
					    &verb_set_roles, NULL };

const struct verb verb_users = { .name = "users", .help = "administers users", .verbs = verbs };
