/*
 * The recording of an exec or attach session that passes through central (audit.record_exec). A session that cannot
 * be recorded is not begun, and one whose recording fails is ended.
 */
#ifndef MK8S_GATE_PROXY_RECORD_H
#define MK8S_GATE_PROXY_RECORD_H

#include "lib/gate/proxied.h"

/* 0 where nothing is in the way of recording; else the HTTP status to refuse the request with, and a sentence. */
int proxy_record_check(const struct proxied *p, struct err *e);
/* Forwards an allowed request, after its recording has begun where it is to be recorded. */
void proxy_record_forward(struct proxied *p);
/* The cluster granted the upgrade: what passes from now on is read. False after a refusal. */
bool proxy_record_granted(struct proxied *p, const struct http_head *answer);
/* The relay has ended. */
void proxy_record_end(struct proxied *p);

#endif
