/* The inside of an HTTP/2 connection: h2_session.c, h2_stream.c, h2_head.c, h2_limits.c. */
#ifndef MK8S_NET_H2_INNER_H
#define MK8S_NET_H2_INNER_H

#include <nghttp2/nghttp2.h>

#include "lib/net/h2.h"
#include "lib/net/http_head.h"
#include "lib/net/http_queue.h"
#include "lib/net/http_stream.h"
#include "lib/net/loop_uv.h"

enum {
	H2_SKIPPED_MAX = 16,      /* 1xx answers before a final one */
	H2_OUT_MAX = 256 * 1024,  /* given to the connection and not yet sent; beyond, no frame is made */
	H2_PASSES = 2,            /* of telling and writing in one round of the loop */
	H2_OUT_KEEP = 32 * 1024,  /* frame memory that a connection with streams keeps between rounds */
	H2_CLOSE_MS = 1000,       /* for the last GOAWAY to go out */
};

struct h2_stream {
	struct http_stream base;
	struct h2 *session;
	int32_t id;
	struct loop_link all;   /* in the session's ring of all */
	struct loop_link due;   /* in the ring of those with something to tell */
	struct http_queue out;
	struct http_collect *trailers; /* ours, until the body is out */
	void *answer;           /* client: memory of the answer's head */
	bool in_frames;         /* nghttp2 knows the stream by its id */
	bool no_body;           /* what is sent is left out */
	bool deferred;          /* nghttp2 waits for body bytes of ours */
	bool end_sent;          /* END_STREAM went into a frame */
	bool is_connect;        /* client: asked for an upgrade */
	bool got_head;          /* client: the final answer's head came */
	unsigned skipped;       /* client: 1xx answers */
	uint64_t read_ms, write_ms; /* last progress */
	struct err why;         /* set: on_close is due with it */
	_Alignas(max_align_t) char memory[]; /* server: the request's fields and bytes */
};

struct h2 {
	struct loop *loop;
	struct conn *conn;
	struct h2_limits limits;
	struct http_acceptor acceptor;
	const struct h2_events *events;
	void *owner;
	nghttp2_session *session;
	struct loop_link streams, due;
	size_t count;                /* streams in the first ring */
	struct buf out;              /* frames of this round */
	struct http_collect collect; /* the header block that comes in */
	struct loop_timer *timer;
	uint64_t idle_ms;            /* since when there is no stream */
	uint64_t write_ms;           /* last progress of output */
	uint64_t handed, passed;     /* bytes given to the conn, and by it to the kernel when last looked */
	uint64_t ping_ms;            /* when the last PING was due */
	uint64_t drain_ms;           /* when the drain was announced */
	int32_t last_id, gap_from, gap_to; /* server: the highest request's id; ids that were left out last */
	unsigned silent_pings;       /* intervals without a byte from the peer */
	int64_t patience;            /* frames without use that the peer may still send (h2_limits.c) */
	int64_t errors_left;         /* streams that the peer may still break */
	int64_t resets_left;         /* and reset */
	uint64_t refill_ms;
	bool is_server, ready, peer_goaway;
	bool draining, drained;      /* GOAWAY was announced; was said */
	bool failed;                 /* terminating; `why` says for what */
	bool closing;                /* the conn was told to close; nothing but on_close follows */
	bool busy;                   /* in a callback of the connection: work is settled at its end */
	struct loop_task task;       /* settles what the owner's calls asked for */
	struct err why;
};

/* The session: h2_session.c. */
void h2_schedule(struct h2 *h);
void h2_fail(struct h2 *h, uint32_t goaway_code, enum err_code code, const char *why);
void h2_settle(struct h2 *h);
/* Whether no frame shall be made before the connection has sent some. */
bool h2_out_is_full(const struct h2 *h);
/* The last GOAWAY of a drain. */
void h2_say_goaway(struct h2 *h);

/* Streams: h2_stream.c. */
struct h2_stream *h2_stream_new(struct h2 *h, size_t memory_len);
void h2_stream_add(struct h2_stream *s);
/* Unlinks, tells, frees. */
void h2_stream_close(struct h2_stream *s, const struct err *why);
/* Something is to be told at the end of the round. */
void h2_stream_due(struct h2_stream *s);
/* RST_STREAM now, on_close with `why` at the end of the round. */
void h2_stream_fail(struct h2_stream *s, uint32_t rst_code, enum err_code code, const char *why);
/* Tells drains, and ends what failed. */
void h2_streams_tell(struct h2 *h);
nghttp2_ssize h2_data_read(nghttp2_session *session, int32_t id, uint8_t *at, size_t len,
			   uint32_t *flags, nghttp2_data_source *source, void *owner);
int h2_data_send(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
		 nghttp2_data_source *source, void *owner);
int h2_on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *owner);

/* Heads: h2_head.c. */
int h2_on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *owner);
int h2_on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *owner);
int h2_on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
		 nghttp2_rcbuf *value, uint8_t flags, void *owner);
int h2_on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
			 nghttp2_rcbuf *value, uint8_t flags, void *owner);
/* A HEADERS frame with all its continuations. */
int h2_on_headers(struct h2 *h, const nghttp2_frame *frame);

/*
 * A head as nghttp2 wants it; `nv` has room for the fields and five pseudo fields. Returns the
 * count.
 */
size_t h2_request_nv(const struct http_head *head, nghttp2_nv *nv);
size_t h2_answer_nv(const struct http_head *head, char status[3], nghttp2_nv *nv);
/* ERR_INPUT for a request that must not be sent. */
int h2_request_check(const struct http_head *head, struct err *e);

/* Limits: h2_limits.c. */
void h2_limits_init(struct h2 *h);
nghttp2_option *h2_options_new(const struct h2_limits *limits);
int h2_settings_submit(struct h2 *h);
/*
 * Counts a frame that carried nothing (PING, SETTINGS, PRIORITY, empty DATA ...); too many end the
 * session.
 */
void h2_limits_useless(struct h2 *h);
/* A frame that carried something gives patience back. */
void h2_limits_useful(struct h2 *h);
/* Counts a stream that the peer reset. */
void h2_limits_reset(struct h2 *h);
/* Counts a stream that the peer broke so that we reset it. */
void h2_limits_broken(struct h2 *h);

#endif
