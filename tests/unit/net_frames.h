/* What the tests of HTTP/2 share: frames written and read as bytes, and what a server makes of one request. */
#ifndef MK8S_TESTS_NET_FRAMES_H
#define MK8S_TESTS_NET_FRAMES_H

#include "tests/unit/net_stage.h"

enum frame_type {
	F_DATA, F_HEADERS, F_PRIORITY, F_RST, F_SETTINGS, F_PUSH, F_PING, F_GOAWAY, F_WINDOW, F_CONTINUATION,
};
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };
enum { NO_ERROR = 0, PROTOCOL = 1, STREAM_CLOSED = 5, CANCEL = 8, CALM = 11 };

#define GET ":method=GET\n:scheme=http\n:authority=a.example\n:path=/x\n"

/* First bytes of the answer's block: HPACK's static table has 200 and 400; others are literals of :status. */
enum { S200 = 0x88, S400 = 0x8c, SOTHER = 0x48 };

struct frame {
	enum frame_type type;
	uint8_t flags;
	uint32_t id;
	struct span payload;
};

/* As stage_start, with a server of HTTP/2 without TLS. */
void stage_start_h2(struct stage *s);
void put_frame(struct buf *b, enum frame_type type, uint8_t flags, uint32_t id, struct span payload);
/* HEADERS with `lines`, "name=value\n" each, as literals without indexing and without Huffman. */
void put_headers(struct buf *b, uint8_t flags, uint32_t id, const char *lines);
/* A raw connection after its preface. */
int open_raw(struct stage *s);
/* The first four bytes, big end first. */
uint32_t u32(struct span bytes);
/* Waits for a frame of that type (and stream, when not 0); false when the connection ended before. */
bool await_frame(struct stage *s, int fd, enum frame_type type, uint32_t id, struct frame *ret);
/* What the server makes of one request: 'r' and the code of RST_STREAM, 'g' and GOAWAY's, 'h' and the first byte. */
void verdict(struct stage *s, int fd, uint32_t id, char *ret_kind, uint32_t *ret_code);

#endif
