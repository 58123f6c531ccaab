/*
 * Passwords, hashed with bcrypt ($2b$).
 *
 * One call takes about 200 ms of CPU at cost 12 and blocks: never on the loop, always in a bounded
 * pool.
 */
#ifndef MK8S_CRYPTO_PASSWORD_H
#define MK8S_CRYPTO_PASSWORD_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/span.h"

#define PASSWORD_HASH_SIZE 61 /* with NUL */
#define PASSWORD_COST 12
#define PASSWORD_MIN_LEN 12
#define PASSWORD_MAX_LEN 72 /* bcrypt would cut what is longer */

/* ERR_INPUT for a password that may not be set: below 12 or above 72 bytes, or with a NUL byte. */
int password_check(struct span password, struct err *e);

/*
 * password_check, then the hash with a salt of its own. `cost` lies in 4..31; servers use
 * PASSWORD_COST.
 */
int password_hash(struct span password, unsigned cost, char ret[PASSWORD_HASH_SIZE], struct err *e);

/*
 * Whether `password`, of any length, is the one behind `hash`. What cannot be right (above 72
 * bytes, NUL inside, a hash that is none) is false after the same time.
 */
bool password_verify(struct span password, const char *hash);

/* The time of one password_verify at PASSWORD_COST, for users that do not exist. */
void password_dummy_verify(struct span password);

#endif
