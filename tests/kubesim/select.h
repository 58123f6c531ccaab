/* Label and field selectors, matched against objects. */
#ifndef MK8S_TESTS_KUBESIM_SELECT_H
#define MK8S_TESTS_KUBESIM_SELECT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/format/json.h"

enum select_op { SELECT_EQUAL, SELECT_NOT_EQUAL, SELECT_IN, SELECT_NOT_IN, SELECT_EXISTS, SELECT_NOT_EXISTS };

struct requirement {
	enum select_op op;
	struct span key;
	struct span values; /* one, or several separated by commas; blanks around them */
};

#define REQUIREMENT_MAX 16

/* Owns a copy of its text. A zeroed one matches everything. */
struct selection {
	char *text;
	struct requirement labels[REQUIREMENT_MAX], fields[REQUIREMENT_MAX];
	size_t label_count, field_count;
};

/* ERR_INPUT with the API server's sentence. */
int selection_parse(struct selection *s, const char *labels, const char *fields, struct err *e);
void selection_free(struct selection *s);
bool selection_matches(const struct selection *s, const struct json *object);

#endif
