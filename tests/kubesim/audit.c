/* The API server's audit log: one event of audit.k8s.io/v1 a line, level Metadata, before the answer goes out. */
#include "tests/kubesim/audit.h"

#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/format/timefmt.h"

#define LINE_MAX_LEN (256 * 1024)

static void put_text(struct buf *out, const char *name, struct span value)
{
	if (!value.len)
		return;
	(void)buf_printf(out, ",\"%s\":", name);
	json_put_quoted(out, value);
}

static void put_user(struct buf *out, const char *name, const struct json *user)
{
	if (!user)
		return;
	(void)buf_printf(out, ",\"%s\":", name);
	json_print(user, JSON_COMPACT, out);
}

static void put_object(struct buf *out, const struct request_info *info)
{
	(void)buf_put_str(out, ",\"objectRef\":{\"resource\":");
	json_put_quoted(out, span_of(info->resource));
	put_text(out, "namespace", span_of(info->namespace));
	put_text(out, "name", span_of(info->name));
	put_text(out, "apiGroup", span_of(info->api_group));
	put_text(out, "apiVersion", span_of(info->api_version));
	put_text(out, "subresource", span_of(info->subresource));
	(void)buf_put_char(out, '}');
}

static void put_times(struct buf *out, const struct call *c)
{
	char received[TIMEFMT_SIZE], now[TIMEFMT_SIZE];

	timefmt_date_us(c->received_unix_us, received);
	timefmt_date_us(clock_unix_us(), now);
	(void)buf_printf(out, ",\"requestReceivedTimestamp\":\"%s\",\"stageTimestamp\":\"%s\"}\n", received, now);
}

void audit_write(const struct call *c, const char *stage)
{
	const struct span *agent = http_field_find(c->head, "user-agent");
	AUTO_BUF struct buf line;

	if (c->sim->audit_fd < 0)
		return;
	buf_init(&line, LINE_MAX_LEN);
	(void)buf_printf(&line, "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\""
			 ",\"auditID\":\"%s\",\"stage\":\"%s\"", c->audit_id, stage);
	put_text(&line, "requestURI", c->head->target);
	put_text(&line, "verb", span_of(c->info.verb));
	put_user(&line, "user", c->user);
	put_user(&line, "impersonatedUser", c->impersonated);
	(void)buf_printf(&line, ",\"sourceIPs\":[\"%s\"]", http_stream_peer_ip(c->s));
	put_text(&line, "userAgent", agent ? *agent : SPAN_NONE);
	if (c->info.is_resource)
		put_object(&line, &c->info);
	if (c->status)
		(void)buf_printf(&line, ",\"responseStatus\":{\"metadata\":{},\"code\":%d}", c->status);
	put_times(&line, c);
	if (!line.failed && write(c->sim->audit_fd, line.at, line.len) != (ssize_t)line.len)
		_exit(1); /* a test that reads a log with holes would prove nothing */
}
