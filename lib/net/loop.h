/*
 * The event loop of a server: timers, posts from other threads, signals.
 *
 * The callback contract, for everything in lib/net: callbacks run one at a time on the loop's
 * thread, never nest, never block, and never run from inside a call that the owner makes. `_close`
 * marks now; the final callback (`on_close`) comes later, exactly once, and nothing comes after it.
 * libuv is behind it (lib/net/loop_uv.h, for files of lib/net only).
 */
#ifndef MK8S_NET_LOOP_H
#define MK8S_NET_LOOP_H

#include <stdint.h>

#include "lib/base/err.h"

struct loop;
struct loop_timer;

/* A new loop; the caller owns it. SIGPIPE is ignored from now on. NULL only when the kernel has no
 * descriptor left. */
struct loop *loop_new(struct err *e);
/* Runs until loop_stop. */
void loop_run(struct loop *l);
/* Ends loop_run after the current round. On the loop's thread. */
void loop_stop(struct loop *l);
/*
 * Closes what is still open (connections, listeners, timers) without callbacks, and frees; pointers
 * to those are dead then. Posts that did not run are dropped: to run them, post a loop_stop behind
 * them and loop_run. Takes NULL.
 */
void loop_free(struct loop *l);

/* Monotonic milliseconds, read once a round. */
uint64_t loop_now_ms(const struct loop *l);

/*
 * Calls fn(arg) on the loop's thread, soon. From any thread, in order, also from the loop's own
 * callbacks.
 */
void loop_post(struct loop *l, void (*fn)(void *arg), void *arg);

/* A stopped timer. The caller owns it. */
struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *owner), void *owner);
/* Fires after delay_ms, then every repeat_ms (0: once). Restarts a running timer. */
void loop_timer_start(struct loop_timer *t, uint64_t delay_ms, uint64_t repeat_ms);
void loop_timer_stop(struct loop_timer *t);
/* Stops and frees; no callback comes afterwards. Takes NULL. */
void loop_timer_free(struct loop_timer *t);

/* Calls fn(owner, signo) on the loop's thread for every `signo`, until loop_free. */
int loop_signal(struct loop *l, int signo, void (*fn)(void *owner, int signo), void *owner,
		struct err *e);

/*
 * Reaps children that the kernel gave to us as PID 1. Does nothing when we are not. It reaps
 * whatever child ends: not for a process that waits for children of its own.
 */
int loop_reap_orphans(struct loop *l, struct err *e);

#endif
