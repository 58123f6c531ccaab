/* What central's own files call of each other. For them only. */
#ifndef MK8S_GATE_CENTRAL_STATE_H
#define MK8S_GATE_CENTRAL_STATE_H

#include "lib/gate/central.h"

/* central_listen.c */
int central_listen(struct central *c, struct err *e);
/* TLS of the users' port after `config`; the caller owns the reference. */
struct tls *central_user_tls(struct central *c, const struct central_config *config, struct err *e);
/* New leaves of the own CA, well before the old ones end. */
void central_renew_leaves(struct central *c);

/* central_open.c: the state directory, the stores, the first administrator. */
int central_open_state(struct central *c, struct err *e);

/* central_notice.c */
/* On each tick: what commands did to the state directory since, if anything. */
void central_take_notices(struct central *c);
/* Token keys and directory anew from the state directory, on a worker. */
void central_look_again(struct central *c);

#endif
