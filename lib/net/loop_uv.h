/* The inside of the loop, for files of lib/net only: what lives on it, and calls put off. */
#ifndef MK8S_NET_LOOP_UV_H
#define MK8S_NET_LOOP_UV_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "lib/net/loop.h"

#define LOOP_READ_LEN (64 * 1024)
#define LOOP_PLAIN_LEN (16 * 1024) /* one TLS record, decrypted */
#define LOOP_HEAVY_PER_ROUND 8

/* A place in one doubly linked ring. */
struct loop_link {
	struct loop_link *next, *prev;
};

void loop_link_init(struct loop_link *n);
bool loop_link_is_alone(const struct loop_link *n);
void loop_link_append(struct loop_link *ring, struct loop_link *n);
void loop_link_remove(struct loop_link *n);

/*
 * What loop_free must close; member of its owner. discard() closes without any callback. Items go
 * in the order in which they came: an owner adds itself before it makes a timer of its own.
 */
struct loop_item {
	struct loop_link link;
	void (*discard)(struct loop_item *item);
};

void loop_item_add(struct loop *l, struct loop_item *item, void (*discard)(struct loop_item *item));
void loop_item_remove(struct loop_item *item);

/*
 * A call put off until the owner's own is over, before the loop waits again; member of its owner.
 */
struct loop_task {
	struct loop_link link;
	void (*run)(struct loop_task *t);
};

void loop_task_init(struct loop_task *t, void (*run)(struct loop_task *t));
/* Nothing when it is queued already. */
void loop_task_queue(struct loop *l, struct loop_task *t);
/* The same for work of milliseconds (TLS handshakes): LOOP_HEAVY_PER_ROUND of them a round. */
void loop_task_queue_heavy(struct loop *l, struct loop_task *t);
void loop_task_cancel(struct loop_task *t);

struct loop {
	uv_loop_t uv;
	uv_async_t wake;
	uv_idle_t idle; /* active while a task is queued, so that the loop does not wait */
	uv_mutex_t lock;
	struct loop_post *posts, **posts_end; /* under lock */
	struct loop_link items, tasks, heavy_tasks;
	bool is_running;
	char read[LOOP_READ_LEN]; /* every connection reads into it; used within one callback */
	char plain[LOOP_PLAIN_LEN];
};

#endif
