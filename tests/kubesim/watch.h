/* watch: the changes of a collection as a stream of events. */
#ifndef MK8S_TESTS_KUBESIM_WATCH_H
#define MK8S_TESTS_KUBESIM_WATCH_H

#include "tests/kubesim/store.h"

/* Tells the watchers of a collection that something happened. */
void watch_wake(struct collection *objects);

#endif
