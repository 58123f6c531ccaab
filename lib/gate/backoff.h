/*
 * Back-off against guessing: each failure of an account or from an address makes the next try wait
 * longer.
 *
 * The first failures are free (5 of an account, 20 from an address); from then on 1 s, doubling
 * with each failure up to 15 minutes. What has not failed for 30 minutes is forgotten. Accounts
 * compare without case; IPv6 addresses of one /64 count together. Thread-safe; the clock is passed
 * in.
 */
#ifndef MK8S_GATE_BACKOFF_H
#define MK8S_GATE_BACKOFF_H

#include <stddef.h>
#include <stdint.h>

struct backoff;

/*
 * Remembers about `entry_max` accounts and addresses; beyond, the mildest of a few gives way. The
 * caller owns it.
 */
struct backoff *backoff_new(size_t entry_max);
void backoff_free(struct backoff *b); /* takes NULL */

/*
 * 0 when a try may be made now, else the milliseconds until one may. Ask right before the secret
 * is verified (not when a job is queued): tries that are already running are not counted. NULL for
 * an account or address leaves it out.
 */
uint64_t backoff_wait_ms(struct backoff *b, const char *account, const char *address,
			 uint64_t now_mono_ms);
void backoff_failed(struct backoff *b, const char *account, const char *address,
		    uint64_t now_mono_ms);
/* Clears the account; the address stays, or an own account would be a guesser's way to clear it. */
void backoff_succeeded(struct backoff *b, const char *account);

#endif
