/* Starting a child; only the files of process include it. */
#ifndef MK8S_BASE_PROCESS_INNER_H
#define MK8S_BASE_PROCESS_INNER_H

#include <sys/types.h>

#include "lib/base/process.h"

/* A child that runs. The descriptors are our ends of its streams, close-on-exec and without blocking. */
struct process_child {
	pid_t pid;
	int in, from[2]; /* `from` by enum process_stream */
};

/* ERR_IO when it cannot be started; then there is no child. */
int process_start(const struct process_request *rq, struct process_child *ret, struct err *e);

#endif
