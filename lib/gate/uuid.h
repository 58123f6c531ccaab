/* The form of a UUID: 8-4-4-4-12 lower-case hexadecimal digits (RFC 9562). */
#ifndef MK8S_GATE_UUID_H
#define MK8S_GATE_UUID_H

#include <stdbool.h>

#include "lib/base/span.h"

bool uuid_valid(struct span text);

#endif
