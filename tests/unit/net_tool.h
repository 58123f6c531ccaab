/* Programs that tests of lib/net talk to, run beside the loop. */
#ifndef MK8S_TESTS_NET_TOOL_H
#define MK8S_TESTS_NET_TOOL_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/base/attr.h"
#include "tests/unit/net_peer.h"

struct tool {
	pid_t pid;
	int out;
	struct buf text; /* what it wrote so far */
	bool is_over;    /* it closed its output */
};

/* A shell command in `folder`. */
void tool_start(struct tool *t, const char *folder, const char *fmt, ...) PRINTF(3, 4);
/* The same, and turns the loop until it is over. */
void tool_run(struct tool *t, struct loop *l, const char *folder, const char *fmt, ...) PRINTF(4, 5);
/* Takes what it wrote meanwhile; does not wait. */
void tool_read(struct tool *t);
/* Ends it, where it still runs. */
void tool_free(struct tool *t);

/* Fails the test with the whole text unless it contains `says`. */
void assert_said(struct tool *t, const char *says);

#endif
