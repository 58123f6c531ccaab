/* What pods have said, and who follows it. */
#ifndef MK8S_TESTS_KUBESIM_LOGS_H
#define MK8S_TESTS_KUBESIM_LOGS_H

#include "tests/kubesim/call.h"

void logs_init(struct sim *sim);
/* Adds each line of `text` to the log of a pod, now. */
void logs_add(struct sim *sim, const char *namespace, const char *pod, struct span text);
/* The pod is gone: who follows comes to the end. */
void logs_forget(struct sim *sim, const char *namespace, const char *pod);

#endif
