/* kubectl cp: the two ends of a tar stream. */
#ifndef MK8S_KUBE_KUBECTL_CP_H
#define MK8S_KUBE_KUBECTL_CP_H

#include "lib/kube/kubectl_inner.h"

/* A local file or folder as a tar stream. */
struct cp_source;

/* `name` is what it is called in the archive. */
struct cp_source *cp_source_new(struct kubectl *k, const char *path, const char *name);
void cp_source_free(struct cp_source *s);
/* As remote_peer's read_input; `owner` is the source. */
int cp_source_read(void *owner, char *into, size_t size, size_t *ret_len, struct err *e);

/* A tar stream as local files. */
struct cp_target;

/* Entries must begin with `prefix`, which `path` takes the place of; `from` is what a warning says they come from. */
struct cp_target *cp_target_new(struct kubectl *k, const char *path, const char *prefix, const char *from);
void cp_target_free(struct cp_target *t);
int cp_target_put(struct cp_target *t, struct span bytes, struct err *e);
/* Bytes taken so far; whether the archive's end has been read, and whether it may end here. */
uint64_t cp_target_len(const struct cp_target *t);
bool cp_target_is_done(const struct cp_target *t);
bool cp_target_may_end(const struct cp_target *t);

#endif
