/* Quantities of resources ("250m", "1Gi"), as Kubernetes writes them. */
#ifndef MK8S_KUBE_QUANTITY_H
#define MK8S_KUBE_QUANTITY_H

#include <stdbool.h>

#include "lib/base/span.h"

/*
 * The value as a number (a double is exact enough to order and to sum); false when `text` is no
 * quantity.
 */
bool quantity_read(struct span text, double *ret);

#endif
