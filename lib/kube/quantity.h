/* Quantities of resources ("250m", "1Gi"), as Kubernetes writes them. */
#ifndef MK8S_KUBE_QUANTITY_H
#define MK8S_KUBE_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/span.h"

/*
 * The value as a number (a double is exact enough to order and to sum); false when `text` is no
 * quantity.
 */
bool quantity_read(struct span text, double *ret);

/*
 * The value times 10 to the power of `exponent` (0 to 9), exactly; what is below one is rounded up, away from
 * zero, as Kubernetes does. False also beyond what an int64 holds.
 */
bool quantity_read_scaled(struct span text, int exponent, int64_t *ret);

#endif
