/*
 * What an HTTP/1.1 connection, or an HTTP/2 stream by extended CONNECT, may become: a WebSocket
 * (RFC 6455) or SPDY/3.1 as Kubernetes speaks it. Pure.
 */
#ifndef MK8S_NET_HTTP_UPGRADE_H
#define MK8S_NET_HTTP_UPGRADE_H

#include "lib/net/http.h"

/*
 * What an HTTP/1.1 head asks for or, in a 101, grants: "websocket" or "spdy/3.1", static. Empty
 * unless there is exactly one Upgrade field with exactly that and exactly one `upgrade` in
 * Connection.
 */
struct span http_upgrade_asked(const struct http_head *head);
/* The same protocol as static bytes; empty when it is none of the two. */
struct span http_upgrade_known(struct span protocol);
/*
 * The name in an Upgrade field of a protocol as http_head has it: "websocket", "SPDY/3.1"; NULL
 * for any other.
 */
const char *http_upgrade_name(struct span protocol);

#endif
