/*
 * Whether the object of an apply patch is there: for a user who may patch it, but not create it.
 *
 * An apply patch makes the object where it is new, and nothing in the request says which it will
 * be. So central asks first, as the user, who therefore also needs `get`. Between the question and
 * the patch the object can be deleted, and the patch then makes it anew: whoever needs that ruled
 * out grants neither.
 */
#ifndef MK8S_GATE_PROXY_EXISTS_H
#define MK8S_GATE_PROXY_EXISTS_H

#include "lib/gate/proxied.h"

/*
 * Asks the cluster. Counts as p->pending until `done`, which is called once, perhaps at once:
 * ERR_NONE with the status of a GET of the object, or why there was no answer.
 */
void proxy_exists_ask(struct proxied *p,
		      void (*done)(struct proxied *p, int status, const struct err *why));

#endif
