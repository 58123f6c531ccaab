/* The API server's audit log: one event of audit.k8s.io/v1 a line, level Metadata, before the answer goes out. */
#ifndef MK8S_TESTS_KUBESIM_AUDIT_H
#define MK8S_TESTS_KUBESIM_AUDIT_H

#include "tests/kubesim/call.h"

/* `stage` is RequestReceived, ResponseStarted or ResponseComplete. Does nothing without a log. */
void audit_write(const struct call *c, const char *stage);

#endif
