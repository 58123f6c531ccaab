/* Objects as the rows of a meta.k8s.io/v1 Table, with the API server's own columns. */
#ifndef MK8S_TESTS_KUBESIM_TABLE_H
#define MK8S_TESTS_KUBESIM_TABLE_H

#include "tests/kubesim/call.h"

struct table_list {
	const struct object *const *objects;
	size_t count;
	uint64_t version;
	const char *metadata; /* JSON of the list's metadata; NULL: the version alone */
};

/* Appends a whole Table of objects of c->kind; includeObject is heeded. */
void table_put(struct buf *out, const struct call *c, const struct table_list *list);

#endif
