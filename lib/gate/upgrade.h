/*
 * Upgraded requests (exec, attach, port-forward, watches by WebSocket) on their way over the
 * tunnel, where they are extended CONNECT (proto/REVERSE.md, Upgrades): what central asks, what
 * the agent takes, and what an answer becomes.
 */
#ifndef MK8S_GATE_UPGRADE_H
#define MK8S_GATE_UPGRADE_H

#include "lib/gate/header_filter.h"

/*
 * Central: makes `head`, which is to be sent for `request`, ask for the same upgrade; nothing
 * without one. `texts` as with header_filter_upgrade. The fields stay the caller's to put into the
 * head.
 */
void upgrade_ask(const struct http_head *request, struct http_head *head,
		 struct header_list *fields, struct buf *texts);
/*
 * Agent: the method that counts: `mk8s-method` of an upgraded request, GET or POST and there once,
 * else the head's own. Empty: such a request is refused.
 */
struct span upgrade_method(const struct http_head *head);

/*
 * The answer to an upgraded request: what grants it (200 from the tunnel, 101 from an API server)
 * is passed on as what grants it there (101, 200), with the fields of header_filter_switch.
 * Another 2xx would look like a stream: false, and it is refused with 502. Everything else is an
 * ordinary answer: `*ret_granted` is false.
 */
bool upgrade_answer(const struct http_head *request, const struct http_head *head,
		    struct http_head *answer, struct header_list *fields, bool *ret_granted);

#endif
