/*
 * A bounded pool of threads for work that blocks: plain code on a worker, its end reported back on
 * the loop.
 */
#ifndef MK8S_NET_POOL_H
#define MK8S_NET_POOL_H

#include <stddef.h>

#include "lib/net/loop.h"

struct pool;

/*
 * `thread_count` threads with 1 MiB stacks, at most `queue_max` jobs waiting. The caller owns it.
 */
struct pool *pool_new(struct loop *l, unsigned thread_count, size_t queue_max, struct err *e);
/*
 * Calls work(arg) on a worker, then done(arg) on the loop. -1 with ERR_BUSY when the queue is full.
 */
int pool_submit(struct pool *p, void (*work)(void *arg), void (*done)(void *arg), void *arg,
		struct err *e);
/*
 * Waits for running jobs, then for waiting ones; their done() still comes by the loop. Takes NULL.
 */
void pool_free(struct pool *p);
/* Jobs waiting or running, for metrics and draining. On the loop's thread. */
size_t pool_busy(const struct pool *p);

#endif
