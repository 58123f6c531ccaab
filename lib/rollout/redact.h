/*
 * Removal of secrets from what others print, by value and by every form the value usually takes.
 *
 * Forms: as it is, each line of it, quoted for a shell, JSON, URL, hex, and base64 at any alignment in both alphabets.
 * A value below four bytes is only found where it stands alone, between characters that are no letters or digits.
 */
#ifndef MK8S_ROLLOUT_REDACT_H
#define MK8S_ROLLOUT_REDACT_H

#include "lib/base/buf.h"
#include "lib/base/span.h"

#define REDACT_MARK "***"

struct redactor;

struct redactor *redactor_new(void);
/* Takes NULL. What it holds is in memory of lib/base/locked, and wiped. */
void redactor_free(struct redactor *r);
void redactor_free_at(struct redactor **slot);
#define AUTO_REDACTOR __attribute__((cleanup(redactor_free_at)))

/* Copies the value and its forms; an empty one is nothing. */
void redactor_add(struct redactor *r, struct span secret);

/* Appends the text with REDACT_MARK for every secret in it; the longest form wins. */
void redactor_put(const struct redactor *r, struct span text, struct buf *out);

#endif
