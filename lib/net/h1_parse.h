/*
 * HTTP/1.1 messages out of bytes (RFC 9112), strictly: pure, without input, output or clock.
 * llhttp is behind it.
 *
 * The same bytes in any pieces give the same events.
 */
#ifndef MK8S_NET_H1_PARSE_H
#define MK8S_NET_H1_PARSE_H

#include <llhttp.h>
#include <stdbool.h>

#include "lib/net/h1.h"
#include "lib/net/http_head.h"

enum h1_role { H1_REQUESTS, H1_ANSWERS };

struct h1_parser;

struct h1_parse_events {
	/*
	 * The head is whole and checked: p->packed, in memory that the callee takes with
	 * h1_parser_take_head. Answers: 1xx do not come here, but for the 101 to `protocol`, whose
	 * message is whole with the head. Returns whether a body may follow (false for the answer to
	 * HEAD).
	 */
	bool (*on_head)(void *owner, struct h1_parser *p);
	void (*on_body)(void *owner, struct span bytes);
	/* Trailers are borrowed during the call; those that must not be taken are left out. */
	void (*on_end)(void *owner, const struct http_field *trailers, size_t count);
};

enum h1_parse_state {
	H1_PARSE_IDLE,  /* no byte of a message came */
	H1_PARSE_HEAD,
	H1_PARSE_BODY,
	H1_PARSE_WHOLE, /* a message ended; h1_parser_next begins another */
	H1_PARSE_BAD,   /* p->bad_status and p->why; nothing more is parsed */
};

struct h1_parser {
	llhttp_t llhttp;
	enum h1_role role;
	enum h1_parse_state state;
	const struct h1_parse_events *events;
	void *owner;
	struct http_collect collect;
	struct span protocol; /* answers: what a 101 may switch to; empty: there must be none */
	size_t head_max;
	size_t head_len;     /* bytes of the head so far, or of one run of trailers */
	size_t excess;       /* of chunk extensions over the data that they came with */
	size_t chunk_extra;  /* extension bytes of the current chunk */
	unsigned skipped;    /* 1xx answers before the final one */
	bool target_ended;   /* the request line got past its target */
	bool in_value;       /* the last piece belonged to a value */
	bool has_body;       /* after the head: bytes may follow */
	bool keeps_alive;    /* after the head: the peer lets the connection live on */
	bool is_1_0;         /* after the head */
	char first;          /* first byte of the message */
	int bad_status;      /* what to answer (400, 414, 431, 501, 505; 502 in answers) */
	const char *why;     /* a sentence without values from the peer */
};

/* `limits`: head_max and field_count_max are used. */
void h1_parser_init(struct h1_parser *p, enum h1_role role, const struct h1_limits *limits,
		    const struct h1_parse_events *events, void *owner);
void h1_parser_free(struct h1_parser *p);
/* Gives memory back that an idle connection does not need. */
void h1_parser_trim(struct h1_parser *p);
/* Takes bytes until the message is whole or bad; how many were taken. */
size_t h1_parser_feed(struct h1_parser *p, struct span bytes);
/* The peer sends no more: an answer that lasts until then ends, anything else unfinished is bad. */
void h1_parser_finish(struct h1_parser *p);
/* After a whole message: the next one. */
void h1_parser_next(struct h1_parser *p);

/* In on_head: bytes of memory that the head needs. */
size_t h1_parser_head_size(const struct h1_parser *p);
/* In on_head: copies the head there. The target is in origin form. */
void h1_parser_take_head(const struct h1_parser *p, void *memory, struct http_head *ret_head);

#endif
