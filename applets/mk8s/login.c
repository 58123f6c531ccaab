/* mk8s login and logout. */
#include <stdlib.h>
#include <string.h>

#include "applets/mk8s/cli.h"
#include "applets/mk8s/verb.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/crypto/cert.h"
#include "lib/crypto/random.h"

#define EMAIL_MAX 255

struct login_options {
	const char *email, *ca_file, *ca_sha256;
	bool password_stdin;
};

#define AT(member) offsetof(struct login_options, member)
static const struct option_row login_rows[] = {
	{ "email", 'e', OPTION_TEXT, AT(email), "EMAIL", "who signs in; asked for if left out",
	  NULL, 0, 0 },
	{ "password-stdin", 0, OPTION_FLAG, AT(password_stdin), NULL,
	  "the password is the first line of standard input", NULL, 0, 0 },
	{ "ca-file", 0, OPTION_TEXT, AT(ca_file), "FILE",
	  "certificate (PEM) of the CA that central's certificate is from", NULL, 0, 0 },
	{ "ca-sha256", 0, OPTION_TEXT, AT(ca_sha256), "PIN",
	  "or that CA's pin, sha256:<hex>, as central prints it", NULL, 0, 0 },
};
#undef AT

static void set(char **slot, char *value)
{
	free(*slot);
	*slot = value;
}

static int check_pin(const char *pin, struct err *e)
{
	static const char prefix[] = "sha256:";

	if (strncmp(pin, prefix, strlen(prefix)) == 0 && strlen(pin) == strlen(prefix) + 64 &&
	    strspn(pin + strlen(prefix), "0123456789abcdef") == 64)
		return 0;
	return err_set(e, ERR_USAGE, "--ca-sha256: it must be sha256: and 64 hexadecimal digits");
}

/* Whether one of the certificates in `pem` has the pin. */
static int check_anchor(const char *pem, const char *pin, struct err *e)
{
	struct span rest = span_of(pem), one;
	struct cert_info info;

	while (cert_next_pem(&rest, &one)) {
		if (cert_parse(one, &info, e) < 0)
			return -1;
		if (!pin || strcmp(info.pin, pin) == 0)
			return 0;
	}
	return err_set(e, ERR_INPUT,
		       pin ? "no certificate in it has the pin %s" : "it holds no certificate%s",
		       pin ? pin : "");
}

static int take_anchors(struct cli *c, const struct login_options *o, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };

	if (o->ca_sha256 && check_pin(o->ca_sha256, e) < 0)
		return -1;
	if (o->ca_file || o->ca_sha256) {
		set(&c->ca_pem, NULL);
		set(&c->ca_sha256, mem_dup_str(o->ca_sha256));
	}
	if (!o->ca_file)
		return 0;
	buf_init(&pem, CLI_FILE_MAX);
	if (file_read(o->ca_file, &pem, e) < 0 || crypto_init(e) < 0 ||
	    check_anchor(buf_str(&pem), o->ca_sha256, e) < 0)
		return err_context(e, "--ca-file %s", o->ca_file);
	set(&c->ca_pem, buf_take_str(&pem));
	return 0;
}

static int choose_central(struct cli *c, const char *given, struct err *e)
{
	char *url;

	if (cli_config_load(c, e) < 0)
		return -1;
	if (given) {
		if (cli_url_parse(given, &url, e) < 0) {
			e->code = ERR_USAGE;
			return -1;
		}
		set(&c->central_url, url);
	}
	if (!c->central_url)
		return err_set(
			e, ERR_USAGE,
			"mk8s login: which central? Give its URL: mk8s login https://host:8080");
	if (!c->remembered_url || strcmp(c->remembered_url, c->central_url) != 0) {
		set(&c->ca_pem, NULL);
		set(&c->ca_sha256, NULL);
	}
	return 0;
}

/* With a pin alone: the certificate itself is needed for kubeconfig files. It counts only if it has
 * the pin. */
static int fetch_anchor(struct cli *c, struct err *e)
{
	struct cli_call call = { .path = "/ca.pem", .is_public = true };
	struct err why = { 0 };
	AUTO_BUF struct buf pem = { 0 };

	if (c->ca_pem || !c->ca_sha256)
		return 0;
	buf_init(&pem, CLI_FILE_MAX);
	if (cli_call(c, &call, &pem, e) < 0)
		return -1;
	if (check_anchor(buf_str(&pem), c->ca_sha256, &why) == 0)
		set(&c->ca_pem, buf_take_str(&pem));
	return 0;
}

static int sign_in(struct cli *c, const char *email, const struct buf *password,
		   struct json **ret_answer, struct err *e)
{
	AUTO_BUF struct buf body, reply;
	struct cli_call call = { .method = "POST", .path = "/auth/login", .is_public = true };

	buf_init_secret(&body, CLI_FILE_MAX);
	buf_init_secret(&reply, CLI_FILE_MAX);
	(void)buf_put_str(&body, "{\"email\":");
	json_put_quoted(&body, span_of(email));
	(void)buf_put_str(&body, ",\"password\":");
	json_put_quoted(&body, buf_span(password));
	(void)buf_put_char(&body, '}');
	call.body = buf_span(&body);
	if (buf_ok(&body, "the request", e) < 0 || cli_call(c, &call, &reply, e) < 0)
		return -1;
	if (json_parse(buf_span(&reply), JSON_LIMITS(CLI_FILE_MAX), ret_answer, e) < 0)
		return err_set(e, ERR_PROTOCOL, "the answer of %s is no JSON: is it a central?",
			       c->central_url);
	return 0;
}

/* A central with its own CA is the common case: whoever signs in first has to say how to know it.
 */
static int explain_trust(const struct cli *c, struct err *e)
{
	AUTO_FREE char *why = mem_dup_str(e->text);

	if (e->code == ERR_UNREACHABLE && !c->ca_pem && !c->ca_sha256 && strstr(why, "certificate"))
		return err_set(e, ERR_UNREACHABLE,
			       "%s; if it is central's own CA, give --ca-file or --ca-sha256", why);
	return -1;
}

static int remember(struct cli *c, const char *email, const struct json *answer, struct err *e)
{
	bool moved = !c->remembered_url || strcmp(c->remembered_url, c->central_url) != 0;
	int kept = c->ca_pem ? cli_file_write(c, "ca.pem", span_of(c->ca_pem), e) :
			       cli_file_remove(c, "ca.pem", e);

	if (kept < 0 || cli_config_set(c, "central_url", c->central_url, e) < 0 ||
	    cli_config_set(c, "ca_sha256", c->ca_sha256, e) < 0)
		return -1;
	if (moved && c->remembered_url && cli_config_set(c, "current_cluster", NULL, e) < 0)
		return -1; /* it was the other central's */
	return cli_session_store(c, c->central_url, email, answer, e);
}

static int login(struct cli *c, const void *options, const struct options_rest *rest, struct err *e)
{
	const struct login_options *o = options;
	AUTO_JSON struct json *answer = NULL;
	AUTO_BUF struct buf email, password;
	int result;

	buf_init(&email, EMAIL_MAX);
	buf_init_secret(&password, CLI_PASSWORD_MAX);
	if (choose_central(c, rest->count ? rest->at[0] : NULL, e) < 0 || take_anchors(c, o, e) < 0)
		return -1;
	if (o->email)
		(void)buf_put_str(&email, o->email);
	else if (cli_ask("E-mail: ", false, &email, e) < 0)
		return -1;
	if (buf_ok(&email, "the e-mail address", e) < 0 ||
	    cli_ask_password("Password: ", o->password_stdin, false, &password, e) < 0)
		return -1;
	if (sign_in(c, buf_str(&email), &password, &answer, e) < 0)
		return explain_trust(c, e);
	if (fetch_anchor(c, e) < 0 || cli_lock(c, e) < 0)
		return -1;
	result = remember(c, buf_str(&email), answer, e);
	cli_unlock(c);
	return result < 0 ? -1 :
			    cli_say(e, "Logged in to %s as %s.", c->central_url, buf_str(&email));
}

const struct verb verb_login = {
	.name = "login",
	.arguments = "[URL]",
	.help = "signs in to central and remembers it",
	VERB_OPTIONS(login_rows, struct login_options),
	.max = 1,
	.run = login,
};

static int end_session(struct cli *c, struct err *e)
{
	AUTO_BUF struct buf body, reply;
	struct cli_call call = { .method = "POST", .path = "/auth/logout", .is_public = true };

	buf_init_secret(&body, CLI_FILE_MAX);
	buf_init(&reply, CLI_FILE_MAX);
	(void)buf_put_str(&body, "{\"refresh_token\":");
	json_put_quoted(&body, span_of(c->session.refresh_token));
	(void)buf_put_char(&body, '}');
	call.body = buf_span(&body);
	return cli_call(c, &call, &reply, e);
}

static int logout(struct cli *c, const void *options UNUSED, const struct options_rest *rest UNUSED,
		  struct err *e)
{
	struct err why = { 0 };
	int told;

	if (cli_config_load(c, e) < 0)
		return -1;
	if (cli_session_load(c, e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return -1;
		err_clear(e);
		return cli_say(e, "Not logged in.");
	}
	if (!c->central_url || strcmp(c->session.central_url, c->central_url) != 0)
		told = err_set(&why, ERR_USAGE, "the session is one of %s", c->session.central_url);
	else
		told = end_session(c, &why);
	if (cli_file_remove(c, "credentials.json", e) < 0)
		return -1;
	if (told == 0)
		return cli_say(e, "Logged out.");
	return err_set(e, why.code, "logged out here, but the session is not ended at central: %s",
		       why.text);
}

const struct verb verb_logout = {
	.name = "logout",
	.help = "ends the session and forgets its tokens",
	.run = logout,
};
