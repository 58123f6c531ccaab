/*
 * The grammars of label and field selectors that RequestInfo depends on (apimachinery pkg/labels,
 * pkg/fields).
 */
#ifndef MK8S_KUBE_SELECTOR_H
#define MK8S_KUBE_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/span.h"

/* Whether labels.Parse of the server accepts the text. */
bool selector_is_label(struct span text);

/*
 * Whether fields.ParseSelector accepts the text. When it does and requires metadata.name to equal
 * one value, that is unescaped into `into` (else "" is); false also when it does not fit.
 */
bool selector_is_field(struct span text, char *into, size_t into_size);

#endif
