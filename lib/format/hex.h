/* Bytes as lower-case hexadecimal digits. */
#ifndef MK8S_FORMAT_HEX_H
#define MK8S_FORMAT_HEX_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/span.h"

/* Writes 2 * len digits and a NUL into `into`, which has room for them. */
void hex_encode(const void *bytes, size_t len, char *into);

/* The value of a digit of either case, or -1. */
int hex_digit(char c);

/* Reads exactly `len` bytes from 2 * len digits of either case. 0, or -1. */
int hex_decode(struct span text, void *into, size_t len);

#endif
