/* Token buckets by key (address, account, route), of bounded number: the least recently used one
 * gives way. */
#ifndef MK8S_NET_LIMITER_H
#define MK8S_NET_LIMITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct limiter;
/* `per_second` tokens flow into each bucket up to `burst`; at most `key_max` buckets are
 * remembered. Thread-safe. */
struct limiter *limiter_new(double per_second, double burst, size_t key_max);
void limiter_free(struct limiter *l);
/* Takes one token. False when there is none; *ret_wait_s (may be NULL) is then the time until the
 * next, at least 1. */
bool limiter_take(struct limiter *l, const char *key, uint64_t now_ms, unsigned *ret_wait_s);

#endif
