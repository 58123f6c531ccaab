/* mk8s audit play. */
#ifndef MK8S_APPLETS_MK8S_AUDIT_PLAY_H
#define MK8S_APPLETS_MK8S_AUDIT_PLAY_H

#include "applets/mk8s/cli.h"
#include "applets/mk8s/verb.h"

extern const struct verb verb_audit_play;

#endif
