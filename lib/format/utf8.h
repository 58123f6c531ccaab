/* UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef MK8S_FORMAT_UTF8_H
#define MK8S_FORMAT_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/span.h"

/* Bytes (1 to 4) of the well-formed character at the start of `text`; 0 when there is none. */
size_t utf8_char_len(struct span text);

bool utf8_valid(struct span text);

/* Offset of the first malformed byte, or text.len. */
size_t utf8_find_bad(struct span text);

#endif
