/* REST: the audit trail, as entries or as Kubernetes audit events; its verification. */
#include <string.h>

#include "lib/format/timefmt.h"
#include "lib/base/mem.h"
#include "lib/gate/api.h"
#include "lib/gate/recorder.h"

#define RECORDING_PART (16 * 1024 * 1024)

struct audit_query_texts {
	char user[256], cluster[256], verb[64], cursor[64];
};

static int query_time(struct request *rq, const char *name, int64_t *ret_unix_us, struct err *e)
{
	char text[64];

	if (!request_query(rq, name, text, sizeof(text), e))
		return e->code == ERR_NONE ? 0 : -1;
	return timefmt_parse_date_us(span_of(text), ret_unix_us, e) < 0 ? err_context(e, "%s", name) : 0;
}

static int query_limit(struct request *rq, unsigned *ret_limit, struct err *e)
{
	char text[16];
	uint64_t count;

	if (!request_query(rq, "limit", text, sizeof(text), e))
		return e->code == ERR_NONE ? 0 : -1;
	if (span_to_u64(span_of(text), 1000, &count) < 0 || count == 0)
		return err_set(e, ERR_INPUT, "limit: it must be 1 to 1000");
	*ret_limit = (unsigned)count;
	return 0;
}

static int query_text(struct request *rq, const char *name, char *into, size_t into_size, const char **ret,
		      struct err *e)
{
	if (request_query(rq, name, into, into_size, e))
		*ret = into;
	return e->code == ERR_NONE ? 0 : -1;
}

static int read_filter(struct request *rq, struct audit_query_texts *t, struct audit_filter *f, struct err *e)
{
	if (query_text(rq, "user", t->user, sizeof(t->user), &f->user, e) < 0 ||
	    query_text(rq, "cluster", t->cluster, sizeof(t->cluster), &f->cluster, e) < 0 ||
	    query_text(rq, "verb", t->verb, sizeof(t->verb), &f->verb, e) < 0 ||
	    query_text(rq, "cursor", t->cursor, sizeof(t->cursor), &f->cursor, e) < 0 ||
	    query_time(rq, "since", &f->since_unix_us, e) < 0 || query_time(rq, "until", &f->until_unix_us, e) < 0)
		return -1;
	return query_limit(rq, &f->limit, e);
}

static bool wants_events(const struct request *rq)
{
	const struct span *accept = http_field_find(rq->head, "accept");
	struct span rest = accept ? *accept : SPAN_NONE, part;

	while (rest.at && span_take_part(&rest, ',', &part)) {
		struct span type = SPAN_NONE;

		(void)span_take_part(&part, ';', &type);
		if (span_equal_nocase(span_trim(type), SPAN("application/x-ndjson")))
			return true;
	}
	return false;
}

int api_audit_list(struct request *rq, struct err *e)
{
	struct central *c = rq->app;
	struct audit_query_texts texts;
	struct audit_filter f = { .limit = 100 };

	if (read_filter(rq, &texts, &f, e) < 0)
		return -1;
	if (!wants_events(rq))
		return audit_query(c->audit, &f, &rq->answer, e);
	rq->content_type = "application/x-ndjson";
	return audit_export(c->audit, &f, &rq->answer, e);
}

int api_audit_verify(struct request *rq, struct err *e)
{
	struct central *c = rq->app;
	struct audit_report report;
	struct json *doc;

	if (audit_verify(c->audit, &report, e) < 0)
		return -1;
	doc = json_new_object();
	json_set_bool(doc, "ok", report.first_bad_seq == 0);
	json_set_int(doc, "rows", report.row_count);
	json_set_int(doc, "first_bad_row", report.first_bad_seq);
	json_set_int(doc, "signed_until_row", report.signed_until_seq);
	json_set_int(doc, "pruned_until_row", report.pruned_until_seq);
	json_set_str(doc, "sentence", report.sentence);
	return api_answer(rq, 200, doc, e);
}

/* Recordings are kept when they are no longer made. */
int api_audit_recording(struct request *rq, struct err *e)
{
	struct central *c = rq->app;
	AUTO_FREE char *folder = mem_printf("%s/" RECORDINGS_FOLDER, c->config.state_dir);
	char text[24];
	uint64_t offset = 0;

	if (request_query(rq, "offset", text, sizeof(text), e) && span_to_u64(span_of(text), INT64_MAX, &offset) < 0)
		return err_set(e, ERR_INPUT, "offset: it must be a number of bytes");
	if (e->code != ERR_NONE)
		return -1;
	rq->content_type = "application/x-asciicast";
	return recording_read(folder, rq->param[0], offset, RECORDING_PART, &rq->answer, e);
}
