/* metav1.Status: written for denials, read from failed requests. */
#include "lib/kube/status.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/attr.h"
#include "lib/base/mem.h"
#include "lib/format/json.h"

enum { BODY_MAX = 4 * 1024 * 1024, TEXT_SHOWN_MAX = 1024 };

static const struct {
	int code;
	enum err_code err;
	const char *reason;
	const char *message; /* where the answer has none */
} meanings[] = {
	{ 400, ERR_INPUT, "BadRequest", "the server rejected our request for an unknown reason" },
	{ 401, ERR_AUTH, "Unauthorized", "the server has asked for the client to provide credentials" },
	{ 403, ERR_DENIED, "Forbidden", "the server does not allow this request" },
	{ 404, ERR_NOT_FOUND, "NotFound", "the server could not find the requested resource" },
	{ 405, ERR_INPUT, "MethodNotAllowed",
	  "the server does not allow this method on the requested resource" },
	{ 406, ERR_INPUT, "NotAcceptable",
	  "the server was unable to respond with a content type that the client supports" },
	{ 409, ERR_EXISTS, "Conflict", "the server reported a conflict" },
	{ 410, ERR_NOT_FOUND, "Gone", "the requested resource version is gone" },
	{ 413, ERR_LIMIT, "RequestEntityTooLarge", "the request is too large" },
	{ 415, ERR_INPUT, "UnsupportedMediaType", "the body of the request was in an unknown format" },
	{ 422, ERR_INPUT, "Invalid", "the server rejected our request due to an error in our request" },
	{ 429, ERR_BUSY, "TooManyRequests", "the server has received too many requests" },
	{ 500, ERR_IO, "InternalError",
	  "an error on the server has prevented the request from succeeding" },
	{ 502, ERR_PROTOCOL, "", "a gateway got no good answer from the server" },
	{ 503, ERR_BUSY, "ServiceUnavailable",
	  "the server is currently unable to handle the request" },
	{ 504, ERR_TIMEOUT, "Timeout",
	  "the server was unable to return a response in the time allotted" },
};

static size_t find_meaning(int code)
{
	for (size_t i = 0; i < COUNT_OF(meanings); i++)
		if (meanings[i].code == code)
			return i;
	return COUNT_OF(meanings);
}

const char *kube_status_reason(int code)
{
	size_t i = find_meaning(code);

	return i < COUNT_OF(meanings) ? meanings[i].reason : "";
}

static enum err_code err_code_of(int http_status)
{
	size_t i = find_meaning(http_status);

	if (i < COUNT_OF(meanings))
		return meanings[i].err;
	return http_status >= 400 && http_status < 500 ? ERR_INPUT : ERR_PROTOCOL;
}

static void put_member(struct buf *out, const char *name, const char *value, bool *first)
{
	if (!value)
		return;
	(void)buf_printf(out, "%s\"%s\":", *first ? "" : ",", name);
	json_put_quoted(out, span_of(value));
	*first = false;
}

static void put_details(struct buf *out, const struct kube_failure *f)
{
	bool first = true;

	if (!f->name && !f->group && !f->kind && !f->retry_after_s)
		return;
	(void)buf_put_str(out, ",\"details\":{");
	put_member(out, "name", f->name, &first);
	put_member(out, "group", f->group && f->group[0] ? f->group : NULL, &first);
	put_member(out, "kind", f->kind, &first);
	if (f->retry_after_s)
		(void)buf_printf(out, "%s\"retryAfterSeconds\":%u", first ? "" : ",", f->retry_after_s);
	(void)buf_put_char(out, '}');
}

int kube_status_put(struct buf *out, const struct kube_failure *f)
{
	const char *reason = f->reason ? f->reason : kube_status_reason(f->code);
	bool first = false;

	(void)buf_put_str(out, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\"");
	put_member(out, "message", f->message, &first);
	put_member(out, "reason", reason[0] ? reason : NULL, &first);
	put_details(out, f);
	(void)buf_printf(out, ",\"code\":%d}\n", f->code);
	return out->failed ? -1 : 0;
}

static char *dup_member(const struct json *object, const char *name)
{
	const char *text = json_str(object, name);

	return mem_dup_str(text ? text : "");
}

static void take_causes(struct kube_status *s, const struct json *causes)
{
	const struct json *cause = json_first(causes);

	for (; cause && s->cause_count < COUNT_OF(s->causes); cause = json_next(cause))
		s->causes[s->cause_count++] = (struct kube_cause){ dup_member(cause, "reason"),
								   dup_member(cause, "message"),
								   dup_member(cause, "field") };
}

static bool take_status(struct kube_status *s, const struct json *status)
{
	const char *kind = json_str(status, "kind"), *message = json_str(status, "message");
	const char *reason = json_str(status, "reason");
	const struct json *details = json_get(status, "details");
	int64_t number;

	if (!kind || strcmp(kind, "Status") != 0)
		return false;
	if (json_int(status, "code", &number) == 0 && number >= 100 && number <= 999)
		s->code = (int)number;
	if (message && message[0])
		s->message = mem_dup_str(message);
	if (reason)
		(void)span_to_str(span_of(reason), s->reason, sizeof(s->reason)); /* too long: none */
	if (json_int(details, "retryAfterSeconds", &number) == 0 && number > 0 && number < 86400)
		s->retry_after_s = (unsigned)number;
	s->kind = dup_member(details, "kind");
	s->name = dup_member(details, "name");
	s->uid = dup_member(details, "uid");
	take_causes(s, json_get(details, "causes"));
	return true;
}

/* What a gateway or an old server says in plain text. */
static char *text_of(struct span body)
{
	struct span text;

	if (body.len > TEXT_SHOWN_MAX)
		body.len = TEXT_SHOWN_MAX;
	if (body.len == 0 || body.at[0] == '<' || memchr(body.at, '\0', body.len))
		return NULL;
	while (body.len && (body.at[body.len - 1] == '\n' || body.at[body.len - 1] == '\r'))
		body.len--;
	text = span_trim(body);
	return text.len ? span_dup(text) : NULL;
}

void kube_status_parse(struct span body, int http_status, struct kube_status *ret_status)
{
	struct kube_status *s = ret_status;
	struct err ignored = { 0 };
	struct json *json = NULL;
	size_t known = find_meaning(http_status);

	memset(s, 0, sizeof(*s));
	s->code = http_status;
	if (json_parse(body, JSON_LIMITS(BODY_MAX), &json, &ignored) || !take_status(s, json)) {
		(void)span_to_str(span_of(kube_status_reason(http_status)), s->reason, sizeof(s->reason));
		s->message = text_of(body);
		s->kind = mem_dup_str("");
		s->name = mem_dup_str("");
		s->uid = mem_dup_str("");
	}
	json_free(json);
	if (!s->message)
		s->message = known < COUNT_OF(meanings) ? mem_dup_str(meanings[known].message)
							: mem_printf("the server answered %d", http_status);
}

void kube_status_free(struct kube_status *s)
{
	for (size_t i = 0; i < s->cause_count; i++) {
		free(s->causes[i].reason);
		free(s->causes[i].message);
		free(s->causes[i].field);
	}
	free(s->message);
	free(s->kind);
	free(s->name);
	free(s->uid);
	memset(s, 0, sizeof(*s));
}

int kube_status_to_err(const struct kube_status *s, struct err *e)
{
	return err_set(e, err_code_of(s->code), "%s", s->message);
}
