/* Base64 (RFC 4648), strict: what decodes, encodes to the same text again. */
#ifndef MK8S_FORMAT_BASE64_H
#define MK8S_FORMAT_BASE64_H

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

enum base64_alphabet {
	BASE64_STD, /* section 4: + and /, padded */
	BASE64_URL, /* section 5: - and _, without padding (RFC 7515) */
};

/* Appends; failures stay in the buffer. */
void base64_encode(struct span bytes, enum base64_alphabet alphabet, struct buf *into);

/*
 * Appends the bytes. ERR_INPUT for any other character (white space and newlines too), missing or
 * superfluous padding, and unused bits that are not zero; ERR_LIMIT above the buffer's ceiling.
 */
int base64_decode(struct span text, enum base64_alphabet alphabet, struct buf *into, struct err *e);

#endif
