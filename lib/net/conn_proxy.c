/* A tunnel through an HTTP proxy: CONNECT (RFC 9110 9.3.6); llhttp reads the answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <llhttp.h>

#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/format/base64.h"
#include "lib/format/url.h"
#include "lib/net/conn_inner.h"

#define PROXY_ANSWER_MAX (16 * 1024) /* bytes of the answer's head */
#define PROXY_CREDENTIAL_MAX 1024
#define PROXY_PORT 3128 /* where the URL has none */

struct conn_proxy {
	char *host;
	char *credential; /* base64 of "user:password", or NULL */
	uint16_t port;
	char *target; /* "host:port", as asked for */
	struct conn *conn;
	llhttp_t parser;
	llhttp_settings_t settings;
	size_t answer_len;
};

static int take_credential(struct conn_proxy *p, struct span userinfo, struct err *e)
{
	AUTO_BUF struct buf plain, coded;

	buf_init_secret(&plain, PROXY_CREDENTIAL_MAX);
	buf_init_secret(&coded, 2 * PROXY_CREDENTIAL_MAX);
	if (url_decode(userinfo, URL_PATH, &plain, e) < 0)
		return -1;
	if (span_find(userinfo, ':') < 0)
		(void)buf_put_char(&plain, ':'); /* buf_ok tells */
	base64_encode(buf_span(&plain), BASE64_STD, &coded);
	if (buf_ok(&plain, "the credential", e) < 0 || buf_ok(&coded, "the credential", e) < 0)
		return -1;
	p->credential = mem_dup(coded.at, coded.len);
	return 0;
}

/* The sentences never repeat the URL, which may hold a password. */
struct conn_proxy *conn_proxy_new(struct conn *c, const char *url, struct err *e)
{
	struct conn_proxy *p = mem_new(sizeof(*p));
	struct url parts;

	p->conn = c;
	if (url_split(span_of(url), &parts, e) < 0) {
		err_set(e, ERR_INPUT,
			"the proxy is not written as http://[user:password@]host:port");
	} else if (!span_equal_nocase(parts.scheme, SPAN("http"))) {
		err_set(e, ERR_INPUT, "the proxy's scheme is '%.*s', only http is supported",
			SPAN_ARG(parts.scheme));
	} else if (parts.userinfo.len && take_credential(p, parts.userinfo, e) < 0) {
		err_set(e, ERR_INPUT, "the proxy's user and password are malformed or too long");
	} else {
		p->host = span_dup(parts.host);
		p->port = parts.port ? parts.port : PROXY_PORT;
		return p;
	}
	conn_proxy_free(p);
	return NULL;
}

void conn_proxy_free(struct conn_proxy *p)
{
	if (!p)
		return;
	secret_free(p->credential);
	free(p->host);
	free(p->target);
	free(p);
}

const char *conn_proxy_host(const struct conn_proxy *p)
{
	return p->host;
}

uint16_t conn_proxy_port(const struct conn_proxy *p)
{
	return p->port;
}

/* 1xx are passed over; anything else ends the parsing here, without a body. */
static int on_head(llhttp_t *parser)
{
	return parser->status_code / 100 == 1 ? 0 : 2;
}

static size_t proxy_failed(struct conn_proxy *p, size_t len, const char *what)
{
	struct err e;

	err_set(&e, ERR_UNREACHABLE, "the proxy %s:%u, asked for %s, %s", p->host, p->port,
		p->target, what);
	conn_fail(p->conn, &e);
	return len;
}

static size_t proxy_answered(struct conn_proxy *p, size_t len, size_t head_len)
{
	unsigned status = p->parser.status_code;
	char what[100];

	if (status / 100 == 2) {
		conn_dial_tunnelled(p->conn);
		return head_len;
	}
	if (status != 407)
		(void)snprintf(what, sizeof(what), "answered %u", status); /* all three fit */
	else if (p->credential)
		(void)snprintf(what, sizeof(what), "answered 407: it refuses this password");
	else
		(void)snprintf(what, sizeof(what), "answered 407: it wants user and password");
	return proxy_failed(p, len, what);
}

static size_t proxy_input(struct conn *c, struct span bytes)
{
	struct conn_proxy *p = c->proxy;
	llhttp_errno_t rc = llhttp_execute(&p->parser, bytes.at, bytes.len);

	p->answer_len += bytes.len;
	if (rc == HPE_PAUSED_UPGRADE)
		return proxy_answered(p, bytes.len,
				      (size_t)(llhttp_get_error_pos(&p->parser) - bytes.at));
	if (rc != HPE_OK)
		return proxy_failed(p, bytes.len, "gave an answer that is not HTTP");
	if (p->answer_len > PROXY_ANSWER_MAX)
		return proxy_failed(p, bytes.len, "gave an endless answer");
	return bytes.len;
}

/* A name that would change the request: blanks and control characters. */
static bool is_clean(const char *host)
{
	for (const char *p = host; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == 127)
			return false;
	}
	return *host != '\0';
}

void conn_proxy_start(struct conn_proxy *p, const char *host, uint16_t port)
{
	bool is_v6 = strchr(host, ':') != NULL;
	AUTO_BUF struct buf ask;

	llhttp_settings_init(&p->settings);
	p->settings.on_headers_complete = on_head;
	llhttp_init(&p->parser, HTTP_RESPONSE, &p->settings);
	p->target = mem_printf("%s%s%s:%u", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
	buf_init_secret(&ask, 8 * 1024);
	(void)buf_printf(&ask, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", p->target, p->target);
	if (p->credential)
		(void)buf_printf(&ask, "Proxy-Authorization: Basic %s\r\n", p->credential);
	(void)buf_put_str(&ask, "\r\n");
	p->conn->proxy = p;
	p->conn->on_input = proxy_input;
	if (!is_clean(host) || ask.failed || conn_out_put(p->conn, buf_span(&ask)) < 0) {
		(void)proxy_failed(p, 0, "was not asked: this is no host name");
		return;
	}
	conn_out_send(p->conn);
	conn_update_reading(p->conn);
}
