/* What a REST handler does with its request: read the query, add fields, ask to come back later. */
#include <stdio.h>
#include <string.h>

#include "lib/format/url.h"
#include "lib/net/server.h"

bool request_query(const struct request *rq, const char *name, char *into, size_t into_size,
		   struct err *e)
{
	AUTO_BUF struct buf value;
	int found;

	err_clear(e);
	buf_init(&value, rq->query.len);
	found = url_query_get(rq->query, name, &value, e);
	if (found <= 0)
		return false;
	if (span_to_str(buf_span(&value), into, into_size) == 0)
		return true;
	(void)err_set(e, ERR_INPUT, "query parameter %s is longer than %zu bytes, or holds a NUL",
		      name, into_size - 1);
	return false;
}

void request_add_field(struct request *rq, const char *name, const char *value)
{
	for (; *name; name++)
		(void)buf_put_char(&rq->fields,
				   *name >= 'A' && *name <= 'Z' ? (char)(*name | 0x20) : *name);
	(void)buf_put_str(&rq->fields, ": ");
	for (; *value; value++)
		(void)buf_put_char(&rq->fields,
				   (unsigned char)*value < 0x20 || *value == 0x7f ? ' ' : *value);
	(void)buf_put_str(&rq->fields, "\r\n");
}

int request_retry_later(struct request *rq, int status, unsigned after_s, struct err *e,
			const char *sentence)
{
	char after[16];

	(void)snprintf(after, sizeof(after), "%u", after_s);
	request_add_field(rq, "retry-after", after);
	rq->status = status == 429 ? 429 : 503;
	return err_set(e, ERR_BUSY, "%s", sentence);
}
