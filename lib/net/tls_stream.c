/* One TLS session: mbedTLS with its input and output in memory. */
#include "lib/net/tls_stream.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/net/tls_inner.h"

static int on_send(void *arg, const unsigned char *at, size_t len)
{
	struct tls_stream *s = arg;

	if (s->emit(s->emit_arg, span_from(at, len)) < 0)
		return MBEDTLS_ERR_SSL_ALLOC_FAILED;
	return (int)len; /* at most one record */
}

static int on_recv(void *arg, unsigned char *into, size_t len)
{
	struct tls_stream *s = arg;

	if (s->input.len == 0)
		return MBEDTLS_ERR_SSL_WANT_READ;
	if (len > s->input.len)
		len = s->input.len;
	memcpy(into, s->input.at, len);
	s->input.at += len;
	s->input.len -= len;
	return (int)len; /* at most what a record's header says, 65535 */
}

/* Offers the session that was kept for this server; without one the handshake is a full one. */
static void offer_session(struct tls_stream *s)
{
	AUTO_BUF struct buf stored;
	mbedtls_ssl_session session;

	buf_init_secret(&stored, TLS_RESUME_SESSION_MAX);
	if (!s->tls->resume || !tls_resume_get(s->tls->resume, s->resume_name, &stored))
		return;
	mbedtls_ssl_session_init(&session);
	s->was_offered = mbedtls_ssl_session_load(&session, (const unsigned char *)stored.at,
						  stored.len) == 0 &&
			 mbedtls_ssl_set_session(&s->ssl, &session) == 0;
	mbedtls_ssl_session_free(&session);
}

/* Keeps the session for the next connection; where that fails, the next handshake is a full one. */
static void keep_session(struct tls_stream *s)
{
	AUTO_BUF struct buf stored;
	mbedtls_ssl_session session;
	size_t len = 0;
	char *room;

	buf_init_secret(&stored, TLS_RESUME_SESSION_MAX);
	if (!s->tls->resume)
		return;
	mbedtls_ssl_session_init(&session);
	room = buf_reserve(&stored, TLS_RESUME_SESSION_MAX);
	if (room && mbedtls_ssl_get_session(&s->ssl, &session) == 0 &&
	    mbedtls_ssl_session_save(&session, (unsigned char *)room, TLS_RESUME_SESSION_MAX,
				     &len) == 0) {
		buf_commit(&stored, len);
		tls_resume_put(s->tls->resume, s->resume_name, buf_span(&stored));
	}
	mbedtls_ssl_session_free(&session);
}

static int client_set_up(struct tls_stream *s, const char *server_name, uint16_t port)
{
	int rc = mbedtls_ssl_set_hostname(&s->ssl, server_name);

	s->server_name = mem_dup_str(server_name);
	s->resume_name = mem_printf("%s:%u", server_name, port);
	if (rc == 0)
		offer_session(s);
	return rc;
}

struct tls_stream *tls_stream_new(struct tls *t, const char *server_name, uint16_t port,
				  tls_emit_fn *emit, void *emit_arg, struct err *e)
{
	struct tls_stream *s = mem_new(sizeof(*s));
	int rc;

	s->tls = tls_ref(t);
	s->emit = emit;
	s->emit_arg = emit_arg;
	mbedtls_ssl_init(&s->ssl);
	rc = mbedtls_ssl_setup(&s->ssl, &t->conf);
	if (rc == 0 && t->is_client)
		rc = client_set_up(s, server_name, port);
	if (rc != 0) {
		tls_describe(s, rc, e);
		tls_stream_free(s);
		return NULL;
	}
	mbedtls_ssl_set_verify(&s->ssl, tls_verify, s);
	mbedtls_ssl_set_bio(&s->ssl, s, on_send, on_recv, NULL);
	return s;
}

void tls_stream_free(struct tls_stream *s)
{
	if (!s)
		return;
	mbedtls_ssl_free(&s->ssl);
	tls_unref(s->tls);
	free(s->server_name);
	free(s->resume_name);
	free(s->refusal);
	free((void *)(uintptr_t)s->peer_cert.at);
	free(s);
}

/*
 * What must hold once the handshake is over. A client that offered no session has verified a
 * certificate now or is insecure; a server that got a certificate has verified it. mbedTLS promises
 * both; this does not rely on it.
 */
static int check_open(struct tls_stream *s, struct err *e)
{
	const mbedtls_x509_crt *peer = mbedtls_ssl_get_peer_cert(&s->ssl);
	bool must_verify = s->tls->is_client ? !s->tls->is_insecure && !s->was_offered :
					       peer != NULL;

	if (must_verify && (!s->is_verified || s->refusal)) {
		(void)mbedtls_ssl_send_alert_message(&s->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
						     tls_alert_for(s->refusal_flags)); /* or none */
		if (s->refusal)
			return tls_describe(s, 0, e);
		return err_set(e, ERR_PROTOCOL, "the peer's certificate was not verified");
	}
	if (peer && !s->tls->is_insecure)
		s->peer_cert = (struct span){ mem_dup(peer->raw.p, peer->raw.len), peer->raw.len };
	s->is_open = true;
	/* TLS 1.3 has a session to keep only when a ticket comes (tls_stream_read) */
	if (s->tls->is_client &&
	    mbedtls_ssl_get_version_number(&s->ssl) == MBEDTLS_SSL_VERSION_TLS1_2)
		keep_session(s);
	return 0;
}

static enum tls_step fail(struct tls_stream *s, int rc, struct err *e)
{
	if (s->was_offered && !s->is_open) /* perhaps the peer did not like the session */
		tls_resume_drop(s->tls->resume, s->resume_name);
	tls_describe(s, rc, e);
	return TLS_STEP_FAILED;
}

enum tls_step tls_stream_handshake(struct tls_stream *s, struct span *input, struct err *e)
{
	int rc;

	s->input = *input;
	do
		rc = mbedtls_ssl_handshake(&s->ssl);
	while (rc == MBEDTLS_ERR_SSL_WANT_READ && s->input.len);
	*input = s->input;
	s->input = SPAN_NONE;
	if (rc == MBEDTLS_ERR_SSL_WANT_READ)
		return TLS_STEP_MORE;
	if (rc != 0)
		return fail(s, rc, e);
	return check_open(s, e) < 0 ? TLS_STEP_FAILED : TLS_STEP_OPEN;
}

/*
 * mbedTLS says WANT_READ also when it has just seen a ticket, and comes back to it in the next call
 * (RECEIVED_NEW_SESSION_TICKET): only WANT_READ from a call without input means that there is no
 * more.
 */
static int read_record(struct tls_stream *s, char *plain)
{
	bool was_empty = false;

	for (;;) {
		int rc = mbedtls_ssl_read(&s->ssl, (unsigned char *)plain, TLS_RECORD_LEN);

		if (rc == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
			keep_session(s);
		else if (rc != MBEDTLS_ERR_SSL_WANT_READ || was_empty)
			return rc;
		was_empty = s->input.len == 0;
	}
}

enum tls_step tls_stream_read(struct tls_stream *s, struct span *input, char *plain,
			      size_t *ret_len, struct err *e)
{
	int rc;

	s->input = *input;
	rc = read_record(s, plain);
	*input = s->input;
	s->input = SPAN_NONE;
	if (rc > 0) {
		*ret_len = (size_t)rc;
		return TLS_STEP_BYTES;
	}
	if (rc == MBEDTLS_ERR_SSL_WANT_READ)
		return TLS_STEP_MORE;
	if (rc == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
		return TLS_STEP_END;
	return fail(s, rc, e);
}

int tls_stream_write(struct tls_stream *s, struct span plain, struct err *e)
{
	while (plain.len) {
		size_t len = plain.len < TLS_RECORD_LEN ? plain.len : TLS_RECORD_LEN;
		int rc = mbedtls_ssl_write(&s->ssl, (const unsigned char *)plain.at, len);

		if (rc == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
			keep_session(s);
			continue;
		}
		if (rc < 0)
			return tls_describe(s, rc, e);
		plain.at += rc;
		plain.len -= (size_t)rc;
	}
	return 0;
}

void tls_stream_end(struct tls_stream *s)
{
	(void)mbedtls_ssl_close_notify(&s->ssl); /* fails without memory: the peer sees a cut */
}

const char *tls_stream_name(const struct tls_stream *s)
{
	return s->resume_name;
}

const char *tls_stream_alpn(const struct tls_stream *s)
{
	const char *agreed = mbedtls_ssl_get_alpn_protocol(&s->ssl);

	return agreed ? agreed : "";
}

struct span tls_stream_peer_cert(const struct tls_stream *s)
{
	return s->peer_cert;
}
