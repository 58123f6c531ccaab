/* A sentence for every way in which a request can fail; never with more of its URL than the origin.
 */
#include <string.h>

#include "lib/net/fetch_inner.h"

static int describe_tls(const struct fetch_try *t, struct err *e)
{
	const struct err *refusal = tls_check_refusal(t->f->check);

	if (t->f->tls_err.code)
		return err_set(e, t->f->tls_err.code, "%s: %s", t->origin, t->f->tls_err.text);
	if (refusal)
		return err_set(e, ERR_UNREACHABLE, "%s: %s", t->origin, refusal->text);
	return err_set(e, ERR_UNREACHABLE, "%s: TLS failed: %s", t->origin,
		       t->curl_text[0] ? t->curl_text : "the server ended the handshake");
}

static int describe_connect(const struct fetch_try *t, struct err *e)
{
	const char *to = "";
	long number = 0, through_proxy = 0;

	(void)curl_easy_getinfo(t->f->easy, CURLINFO_OS_ERRNO, &number);
	(void)curl_easy_getinfo(t->f->easy, CURLINFO_USED_PROXY, &through_proxy);
	if (through_proxy)
		to = "the proxy on the way to ";
	if (number)
		return err_set_errno(e, ERR_UNREACHABLE, (int)number, "cannot connect to %s%s", to,
				     t->origin);
	return err_set(e, ERR_UNREACHABLE, "cannot connect to %s%s", to, t->origin);
}

static int describe_timeout(const struct fetch_try *t, struct err *e)
{
	if (!t->timed_out)
		return err_set(e, ERR_TIMEOUT, "no connection to %s within %llu ms", t->origin,
			       (unsigned long long)t->f->connect_timeout_ms);
	if (t->head_done && t->rq->on_chunk)
		return err_set(e, ERR_TIMEOUT, "%s sent nothing for %llu ms", t->origin,
			       (unsigned long long)t->rq->idle_timeout_ms);
	return err_set(
		e, ERR_TIMEOUT, "%s did not answer within %llu ms", t->origin,
		(unsigned long long)(t->rq->timeout_ms ? t->rq->timeout_ms : FETCH_TIMEOUT_MS));
}

/* A proxy that refuses the way says so by its status. */
static int describe_proxy(const struct fetch_try *t, struct err *e)
{
	long status = 0;

	(void)curl_easy_getinfo(t->f->easy, CURLINFO_HTTP_CONNECTCODE, &status);
	if (status)
		return err_set(e, ERR_UNREACHABLE,
			       "the proxy refused the way to %s with status %ld%s", t->origin,
			       status, status == 407 ? " (it wants a user and a password)" : "");
	return err_set(e, ERR_UNREACHABLE, "the proxy on the way to %s did not answer as one",
		       t->origin);
}

static int describe_broken(const struct fetch_try *t, struct err *e)
{
	long status = 0;

	(void)curl_easy_getinfo(t->f->easy, CURLINFO_HTTP_CONNECTCODE, &status);
	if (status >= 300)
		return describe_proxy(t, e);
	return err_set(e, ERR_UNREACHABLE, "%s closed the connection before its answer was whole",
		       t->origin);
}

int fetch_describe(const struct fetch_try *t, CURLcode rc, struct err *e)
{
	switch ((int)rc) { /* most of its hundred values cannot come here */
	case CURLE_URL_MALFORMAT:
		return err_set(e, ERR_INPUT, "the URL at %s is malformed", t->origin);
	case CURLE_UNSUPPORTED_PROTOCOL: /* the URL's scheme was checked: this is what came back */
		return err_set(e, ERR_PROTOCOL, "what %s answered is not HTTP", t->origin);
	case CURLE_COULDNT_RESOLVE_HOST:
		return err_set(e, ERR_UNREACHABLE,
			       "cannot connect to %s: the name '%s' is not known", t->origin,
			       t->host);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return err_set(e, ERR_UNREACHABLE,
			       "cannot connect to %s: the proxy's name is not known", t->origin);
	case CURLE_COULDNT_CONNECT:
		return describe_connect(t, e);
	case CURLE_OPERATION_TIMEDOUT:
		return describe_timeout(t, e);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
		return describe_tls(t, e);
	case CURLE_PROXY:
		return describe_proxy(t, e);
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_SEND_FAIL_REWIND:
		return describe_broken(t, e);
	case CURLE_OUT_OF_MEMORY:
		return err_set(e, ERR_NOMEM, "no memory for a request to %s", t->origin);
	default:
		return err_set(e, ERR_PROTOCOL, "the answer of %s is not HTTP as it should be: %s",
			       t->origin, curl_easy_strerror(rc));
	}
}
