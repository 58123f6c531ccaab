/*
 * How message heads are gathered, copied and checked, for both protocols.
 *
 * A carrier gathers fields in one scratch collector per connection (pseudo fields as HTTP/2 names
 * them, ":path"), and packs them into memory of exactly the right size that lives as long as the
 * stream.
 */
#ifndef MK8S_NET_HTTP_HEAD_H
#define MK8S_NET_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/net/http.h"

struct http_part {
	uint32_t name_at, name_len, value_at, value_len; /* offsets into bytes */
};

struct http_collect {
	struct buf bytes;
	struct http_part *parts; /* owned */
	size_t count, cap;
	size_t size, size_max; /* as RFC 9113 6.5.2 counts: name, value and 32 bytes a field */
	size_t count_max;
	bool over; /* a limit was passed; what came after is left out */
};

/* At most `size_max` bytes (32 a field included) in `count_max` fields. Allocates nothing yet. */
void http_collect_init(struct http_collect *c, size_t size_max, size_t count_max);
/* Forgets the fields, keeps the memory. */
void http_collect_reset(struct http_collect *c);
/* Gives the memory back. */
void http_collect_free(struct http_collect *c);
/* Begins a field; its name and then its value come in pieces. */
void http_collect_begin(struct http_collect *c);
void http_collect_name(struct http_collect *c, struct span piece);
void http_collect_value(struct http_collect *c, struct span piece);
/* Drops blanks at the end of the last value. */
void http_collect_trim(struct http_collect *c);
/* A whole field. */
void http_collect_add(struct http_collect *c, struct span name, struct span value);

/* Bytes of memory that http_collect_pack needs. */
size_t http_collect_size(const struct http_collect *c);

struct http_packed {
	struct http_head head;
	struct span host;  /* of the Host field; empty when there is none */
	size_t host_count; /* Host fields */
};

/*
 * Copies into `memory` (aligned as malloc's). Pseudo fields fill the head, and "host" fills
 * `host`; neither is among the fields. The authority is ":authority", else the host.
 */
void http_collect_pack(const struct http_collect *c, void *memory, struct http_packed *ret_packed);

/*
 * A target that may be passed on: begins with '/', or is "*" with OPTIONS; no CTL, blank, '#' or
 * byte >= 0x7f.
 */
bool http_target_is_valid(struct span method, struct span target);
/*
 * Whether bytes may stand in a Host or :authority: RFC 3986 host and port characters, no userinfo;
 * not empty.
 */
bool http_authority_is_valid(struct span authority);
/* ERR_INPUT for a name that is no lower-case token or a value with CTL (RFC 9110 5.5). */
int http_fields_check(const struct http_field *fields, size_t count, struct err *e);
/* Whether a field must not be sent or taken as a trailer (RFC 9110 6.5.1). */
bool http_field_no_trailer(struct span name);
/*
 * Fields that an HTTP/1.1 or HTTP/2 head never carries from the caller: framing and connection are
 * the carrier's.
 */
bool http_field_is_framing(struct span name);
/*
 * Content-Length of a head: 1 and the value, 0 without one, -1 when there are several or it is not
 * a number.
 */
int http_content_length(const struct http_head *head, uint64_t *ret_len);
/* Whether an answer of that status to a request of that method has no body (RFC 9110 6.4.1). */
bool http_answer_has_no_body(struct span method, int status);

#endif
