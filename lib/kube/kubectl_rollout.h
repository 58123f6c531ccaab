/* The parts of kubectl rollout. */
#ifndef MK8S_KUBE_KUBECTL_ROLLOUT_H
#define MK8S_KUBE_KUBECTL_ROLLOUT_H

#include "lib/kube/kubectl_change.h"

struct rollout_options {
	struct kubectl_choice choice;
	struct kubectl_change change;
	const char *timeout;
	int64_t revision, to_revision;
	bool watch;
};

/* rollout status: prints until the rollout is done, or once without --watch. */
void rollout_status(struct kubectl *k, const struct rollout_options *o,
		    const struct kubectl_target *t, uint64_t deadline_ms);
void rollout_history(struct kubectl *k, const struct rollout_options *o,
		     const struct kubectl_target *t);
void rollout_undo(struct kubectl *k, const struct rollout_options *o,
		  const struct kubectl_target *t);

#endif
