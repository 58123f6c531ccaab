/* credentials.json: the tokens, and how they stay fresh when several processes use them at once. */
#include <stdlib.h>
#include <string.h>

#include "applets/mk8s/cli.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/format/timefmt.h"

#define FILE_NAME "credentials.json"
#define MARGIN_S 60

void cli_session_clear(struct cli_session *s)
{
	free(s->central_url);
	free(s->email);
	secret_free(s->token);
	secret_free(s->refresh_token);
	*s = (struct cli_session){ 0 };
}

int cli_session_load(struct cli *c, struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	AUTO_JSON struct json *doc = NULL;
	const char *expires;

	buf_init_secret(&text, CLI_FILE_MAX);
	if (cli_file_read(c, FILE_NAME, true, &text, e) < 0)
		return -1;
	if (json_parse(buf_span(&text), JSON_LIMITS(CLI_FILE_MAX), &doc, e) < 0)
		return err_context(e, "%s/" FILE_NAME, c->dir);
	cli_session_clear(&c->session);
	c->session.central_url = mem_dup_str(json_str(doc, "central_url"));
	c->session.email = mem_dup_str(json_str(doc, "email"));
	c->session.token = mem_dup_str(json_str(doc, "token"));
	c->session.refresh_token = mem_dup_str(json_str(doc, "refresh_token"));
	expires = json_str(doc, "expires_at");
	if (!c->session.central_url || !c->session.token || !c->session.refresh_token || !expires ||
	    timefmt_parse_date(span_of(expires), &c->session.expires_unix_s, e) < 0)
		return err_set(e, ERR_AUTH, "%s/" FILE_NAME " is damaged; try mk8s login", c->dir);
	return 0;
}

int cli_session_store(struct cli *c, const char *url, const char *email, const struct json *answer,
		      struct err *e)
{
	AUTO_JSON struct json *doc = json_new_object();
	AUTO_BUF struct buf text = { 0 };

	if (!json_str(answer, "token") || !json_str(answer, "refresh_token") ||
	    !json_str(answer, "expires_at"))
		return err_set(e, ERR_PROTOCOL, "central's answer holds no tokens");
	json_set_str(doc, "central_url", url);
	json_set_str(doc, "email", email);
	json_set_str(doc, "token", json_str(answer, "token"));
	json_set_str(doc, "expires_at", json_str(answer, "expires_at"));
	json_set_str(doc, "refresh_token", json_str(answer, "refresh_token"));
	buf_init_secret(&text, CLI_FILE_MAX);
	json_print(doc, JSON_PRETTY, &text);
	(void)buf_put_char(&text, '\n');
	return buf_ok(&text, FILE_NAME, e) < 0 ? -1 :
						 cli_file_write(c, FILE_NAME, buf_span(&text), e);
}

static int refresh_locked(struct cli *c, struct err *e)
{
	AUTO_JSON struct json *body = json_new_object(), *answer = NULL;
	AUTO_BUF struct buf text, reply;
	struct cli_call call = { .method = "POST", .path = "/auth/refresh", .is_public = true };

	json_set_str(body, "refresh_token", c->session.refresh_token);
	buf_init_secret(&text, CLI_FILE_MAX);
	buf_init_secret(&reply, CLI_FILE_MAX);
	json_print(body, JSON_COMPACT, &text);
	call.body = buf_span(&text);
	if (cli_call(c, &call, &reply, e) < 0)
		return e->code == ERR_AUTH ?
			       err_set(e, ERR_AUTH,
				       "not logged in: the session has ended; try mk8s login") :
			       -1;
	if (json_parse(buf_span(&reply), JSON_LIMITS(CLI_FILE_MAX), &answer, e) < 0)
		return err_set(e, ERR_PROTOCOL, "central's answer is no JSON");
	if (cli_session_store(c, c->session.central_url, c->session.email, answer, e) < 0)
		return -1;
	return cli_session_load(c, e);
}

static bool is_fresh(const struct cli *c)
{
	return c->session.expires_unix_s - clock_unix_s() > MARGIN_S;
}

/* Another process may have refreshed while this one waited: the file is read again under the lock.
 */
static int refresh(struct cli *c, struct err *e)
{
	int result;

	if (cli_lock(c, e) < 0)
		return -1;
	result = cli_session_load(c, e);
	if (result == 0 && !is_fresh(c))
		result = refresh_locked(c, e);
	cli_unlock(c);
	return result;
}

int cli_token(struct cli *c, const char **ret_token, struct err *e)
{
	const char *given = getenv("MK8S_TOKEN");
	const char *url;

	if (cli_url(c, &url, e) < 0)
		return -1;
	if (given && *given) {
		*ret_token = given;
		return 0;
	}
	if (!c->session.token && cli_session_load(c, e) < 0)
		return e->code == ERR_NOT_FOUND ?
			       err_set(e, ERR_AUTH, "not logged in to %s; try mk8s login", url) :
			       -1;
	if (strcmp(c->session.central_url, url) != 0)
		return err_set(e, ERR_AUTH, "not logged in to %s, but to %s; try mk8s login %s",
			       url, c->session.central_url, url);
	if (!is_fresh(c) && refresh(c, e) < 0)
		return -1;
	*ret_token = c->session.token;
	return 0;
}
