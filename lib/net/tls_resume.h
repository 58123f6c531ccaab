/* Sessions that a client can resume, by server; safe to use from several threads. */
#ifndef MK8S_NET_TLS_RESUME_H
#define MK8S_NET_TLS_RESUME_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/span.h"

#define TLS_RESUME_MAX 32 /* servers; the one that was used least recently makes room */
#define TLS_RESUME_SESSION_MAX (16 * 1024)

struct tls_resume;

struct tls_resume *tls_resume_new(void);
/* Wipes; takes NULL. */
void tls_resume_free(struct tls_resume *r);

/* Remembers a serialised session (copied) as the one to resume with `name`. */
void tls_resume_put(struct tls_resume *r, const char *name, struct span session);
/* Appends the session to `into` (secret); false when there is none. */
bool tls_resume_get(struct tls_resume *r, const char *name, struct buf *into);
void tls_resume_drop(struct tls_resume *r, const char *name);

#endif
