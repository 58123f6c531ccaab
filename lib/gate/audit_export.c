/*
 * The trail as audit.k8s.io/v1 Events, one a line (Kubernetes:
 * apiserver/pkg/apis/audit/v1/types.go).
 */
#include <stdio.h>
#include <string.h>

#include "lib/format/hex.h"
#include "lib/format/json.h"
#include "lib/format/timefmt.h"
#include "lib/gate/audit_inner.h"

enum { LIMIT_MAX = 1000 };

/*
 * The plus keeps the engine from the index of times, and so from sorting the whole trail for each
 * page.
 */
static const char export_sql[] =
	"SELECT " AUDIT_COLUMN_NAMES
	" FROM audit_logs WHERE seq > $1 AND +time_unix_us >= $2 AND +time_unix_us < $3 "
	"AND ($4 = '' OR user_email = $4 OR user_id = $4) AND ($5 = '' OR cluster_name = $5 OR cluster_id = $5) "
	"AND ($6 = '' OR verb = $6) ORDER BY seq LIMIT $7";

/* The columns of AUDIT_COLUMN_NAMES. */
enum column {
	COL_SEQ, COL_STAGE, COL_TIME, COL_STATUS, COL_DURATION, COL_BYTES_IN, COL_BYTES_OUT, COL_COUNT, COL_ID,
	COL_USER_ID, COL_USER, COL_CLUSTER_ID, COL_CLUSTER, COL_COMMAND, COL_VERB, COL_GROUP, COL_RESOURCE,
	COL_SUBRESOURCE, COL_NAMESPACE, COL_NAME, COL_DECISION, COL_RULE, COL_SOURCE, COL_AGENT, COL_HASH,
};

static struct span text_of(const struct store_rows *rows, enum column column)
{
	return store_bytes(rows, (int)column);
}

static bool is(const struct store_rows *rows, enum column column, const char *text)
{
	return span_equal(text_of(rows, column), span_of(text));
}

/* A member whose text is left out where it is empty; `first` opens the object. */
static void put_member(struct buf *into, bool *first, const char *name, struct span text)
{
	if (!text.len)
		return;
	(void)buf_printf(into, "%s\"%s\":", *first ? "" : ",", name);
	json_put_quoted(into, text);
	*first = false;
}

static void put_time(struct buf *into, const char *name, int64_t unix_us)
{
	static const int64_t year_9999_us = 253402300799ll * 1000000;
	char date[TIMEFMT_SIZE];

	timefmt_date_us(unix_us < 0 || unix_us > year_9999_us ? 0 : unix_us, date); /* a row may have been changed */
	(void)buf_printf(into, ",\"%s\":\"%s\"", name, date);
}

/*
 * "GET /clusters/prod/k8s/api": the path. kubectl names itself instead, and then the cluster is
 * what is known.
 */
static void put_uri(struct buf *into, const struct store_rows *rows)
{
	struct span command = text_of(rows, COL_COMMAND), method;
	AUTO_BUF struct buf uri;

	buf_init(&uri, 8 * 1024);
	if (span_take_part(&command, ' ', &method) && command.len && command.at[0] == '/')
		(void)buf_put_span(&uri, command);
	else if (text_of(rows, COL_CLUSTER).len)
		(void)buf_printf(&uri, "/clusters/%.*s/k8s", SPAN_ARG(text_of(rows, COL_CLUSTER)));
	(void)buf_put_str(into, ",\"requestURI\":");
	json_put_quoted(into, buf_span(&uri));
}

static void put_user(struct buf *into, const struct store_rows *rows)
{
	bool first = true;

	(void)buf_put_str(into, ",\"user\":{");
	put_member(into, &first, "username",
		   is(rows, COL_DECISION, "refuse") ? SPAN("system:anonymous") : text_of(rows, COL_USER));
	put_member(into, &first, "uid", text_of(rows, COL_USER_ID));
	(void)buf_put_char(into, '}');
}

static void put_source(struct buf *into, const struct store_rows *rows)
{
	struct span source = text_of(rows, COL_SOURCE);

	if (span_find(source, '.') < 0 &&
	    span_find(source, ':') < 0) /* "local", "others": no address */
		return;
	(void)buf_put_str(into, ",\"sourceIPs\":[");
	json_put_quoted(into, source);
	(void)buf_put_char(into, ']');
}

static void put_object(struct buf *into, const struct store_rows *rows)
{
	bool first = true;

	if (!text_of(rows, COL_RESOURCE).len)
		return;
	(void)buf_put_str(into, ",\"objectRef\":{");
	put_member(into, &first, "resource", text_of(rows, COL_RESOURCE));
	put_member(into, &first, "namespace", text_of(rows, COL_NAMESPACE));
	put_member(into, &first, "name", text_of(rows, COL_NAME));
	put_member(into, &first, "apiGroup", text_of(rows, COL_GROUP));
	put_member(into, &first, "subresource", text_of(rows, COL_SUBRESOURCE));
	(void)buf_put_char(into, '}');
}

static void put_number_text(struct buf *into, const char *name, int64_t value)
{
	if (value)
		(void)buf_printf(into, ",\"mk8s/%s\":\"%lld\"", name, (long long)value);
}

/* What Kubernetes has no member for; the values of annotations are strings. */
static void put_annotations(struct buf *into, const struct store_rows *rows)
{
	struct span decision = is(rows, COL_DECISION, "deny") ? SPAN("forbid") :
								text_of(rows, COL_DECISION);
	char digits[HASH_HEX_SIZE] = "";
	bool first = false;

	if (text_of(rows, COL_HASH).len == HASH_SIZE)
		hex_encode(text_of(rows, COL_HASH).at, HASH_SIZE, digits);
	(void)buf_printf(into, ",\"annotations\":{\"mk8s/seq\":\"%lld\"",
			 (long long)store_int(rows, COL_SEQ));
	put_member(into, &first, "authorization.k8s.io/decision", decision);
	put_member(into, &first, "authorization.k8s.io/reason", text_of(rows, COL_RULE));
	put_member(into, &first, "mk8s/cluster", text_of(rows, COL_CLUSTER));
	put_member(into, &first, "mk8s/cluster-id", text_of(rows, COL_CLUSTER_ID));
	put_member(into, &first, "mk8s/command", text_of(rows, COL_COMMAND));
	put_number_text(into, "bytes-in", store_int(rows, COL_BYTES_IN));
	put_number_text(into, "bytes-out", store_int(rows, COL_BYTES_OUT));
	put_number_text(into, "count", store_int(rows, COL_COUNT) > 1 ? store_int(rows, COL_COUNT) : 0);
	put_member(into, &first, "mk8s/hash", span_of(digits));
	(void)buf_put_char(into, '}');
}

static void put_event(struct buf *into, const struct store_rows *rows)
{
	bool complete = store_int(rows, COL_STAGE) == AUDIT_COMPLETE, first = false;
	int64_t time_us = store_int(rows, COL_TIME), status = store_int(rows, COL_STATUS);
	int64_t took_us = complete ? store_int(rows, COL_DURATION) * 1000 : 0;

	(void)buf_put_str(into, "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\"");
	put_member(into, &first, "auditID", text_of(rows, COL_ID));
	(void)buf_printf(into, ",\"stage\":\"%s\"", complete ? "ResponseComplete" : "RequestReceived");
	put_uri(into, rows);
	(void)buf_put_str(into, ",\"verb\":");
	json_put_quoted(into, text_of(rows, COL_VERB));
	put_user(into, rows);
	put_source(into, rows);
	put_member(into, &first, "userAgent", text_of(rows, COL_AGENT));
	put_object(into, rows);
	if (complete)
		(void)buf_printf(into, ",\"responseStatus\":{\"metadata\":{},%s\"code\":%lld}",
				 status >= 400 ? "\"status\":\"Failure\"," : "", (long long)status);
	put_time(into, "requestReceivedTimestamp", time_us - took_us);
	put_time(into, "stageTimestamp", time_us);
	put_annotations(into, rows);
	(void)buf_put_str(into, "}\n");
}

int audit_export(struct audit *a, const struct audit_filter *f, struct buf *into, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	uint64_t after = 0;
	int got;

	if (f->limit < 1 || f->limit > LIMIT_MAX)
		return err_set(e, ERR_INPUT, "limit must be 1 to %d", LIMIT_MAX);
	if (f->cursor && span_to_u64(span_of(f->cursor), INT64_MAX, &after) < 0)
		return err_set(e, ERR_INPUT, "cursor must be the annotation mk8s/seq of an event");
	if (store_select(a->reader, export_sql,
			 STORE_ARGS(STORE_INT((int64_t)after), STORE_INT(f->since_unix_us),
				    STORE_INT(f->until_unix_us > 0 ? f->until_unix_us : INT64_MAX),
				    STORE_TEXT(f->user ? f->user : ""), STORE_TEXT(f->cluster ? f->cluster : ""),
				    STORE_TEXT(f->verb ? f->verb : ""), STORE_INT(f->limit)),
			 &rows, e) < 0)
		return -1;
	while ((got = store_next(&rows, e)) > 0)
		put_event(into, &rows);
	return got < 0 ? -1 : buf_ok(into, "the answer", e);
}
