/* What is done with a request once it is there: each of these ends in an answer. */
#ifndef MK8S_TESTS_KUBESIM_SERVE_H
#define MK8S_TESTS_KUBESIM_SERVE_H

#include "tests/kubesim/call.h"

/* Authentication, impersonation, authorization, then one of those below. */
void serve(struct call *c);

/* Requests for objects; c->kind and c->info say which. */
void serve_get(struct call *c);
void serve_list(struct call *c);
void serve_watch(struct call *c);
void serve_create(struct call *c);
void serve_update(struct call *c);
void serve_patch(struct call *c);
void serve_delete(struct call *c);
void serve_delete_collection(struct call *c);
void serve_log(struct call *c);
void serve_token(struct call *c);  /* serviceaccounts/NAME/token */
void serve_review(struct call *c); /* who may do what, whose token is it */

/* /version, /api, /apis, /openapi and health; false when the path is none of them. */
bool serve_discovery(struct call *c);
bool serve_openapi(struct call *c);

/* /sim/...: what tests set and look at. */
void serve_control(struct call *c);

#endif
