/* Requests that are refused with `status`: rows for the parser alone and for the server. */
#ifndef MK8S_TESTS_H1_BAD_REQUESTS_H
#define MK8S_TESTS_H1_BAD_REQUESTS_H

#include "tests/unit/net_stage.h"

#define CHUNKED "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"

static const struct {
	int status;
	const char *bytes;
} bad_requests[] = {
	/* length and coding */
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc" },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\nabc" },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\nabc" },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: -3\r\n\r\nabc" },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 0x3\r\n\r\nabc" },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 3 3\r\n\r\nabc" },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: \r\n\r\nabc" },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\nabc" },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length : 3\r\n\r\nabc" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b" "chunked\r\n\r\n0\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n0\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" },
	{ 400, "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
	/* chunks */
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n-1\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n 1\r\na\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1 \r\na\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\na" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\na\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\na\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1;a\nb\r\na\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n" },
	/* lines and fields */
	{ 400, "GET / HTTP/1.1\n" H "\r\n" },
	{ 400, "GET / HTTP/1.1\r\nHost: a.example\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "\n" },
	{ 400, "GET / HTTP/1.1\r" H "\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "A: b\r\n\tc\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n " H "\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "A : b\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "A\t: b\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "A\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H ": b\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "A(: b\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "A: b\x01\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "A: b\x7f\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "A: b\rc\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "\xc3\xa4: b\r\n\r\n" },
	/* Host and target */
	{ 400, "GET / HTTP/1.1\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H H "\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "Host: b.example\r\n\r\n" },
	{ 400, "GET / HTTP/1.0\r\n" H H "\r\n" },
	{ 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n" },
	{ 400, "GET http://b.example/ HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET http://a.example:80/ HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET http://u@a.example/ HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET http://a.example?x HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET ftp://a.example/ HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET a HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET * HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET /a#b HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET /a b HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET /a\x01 HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET /\x7f HTTP/1.1\r\n" H "\r\n" },
	{ 501, "GET\t/ HTTP/1.1\r\n" H "\r\n" },
	/* versions and methods */
	{ 505, "GET / HTTP/2.0\r\n" H "\r\n" },
	{ 505, "GET / HTTP/0.9\r\n" H "\r\n" },
	{ 505, "GET / HTTP/1.2\r\n" H "\r\n" },
	{ 505, "GET / HTTP/3.0\r\n" H "\r\n" },
	{ 400, "GET / http/1.1\r\n" H "\r\n" },
	{ 505, "GET /\r\n\r\n" },
	{ 501, "CONNECT a.example:443 HTTP/1.1\r\n" H "\r\n" },
	{ 501, "BREW / HTTP/1.1\r\n" H "\r\n" },
	{ 400, "get / HTTP/1.1\r\n" H "\r\n" },
	{ 400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
	{ 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" },
	/* cut off */
	{ 400, "GET / HTTP/1.1\r\n" H },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nab" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n" },
};

#endif
