/* Paths as text: what Go's path package does with them, which cp's rules are written in. */
#ifndef MK8S_KUBE_KUBECTL_PATH_H
#define MK8S_KUBE_KUBECTL_PATH_H

#include <stdbool.h>

/* All results are new strings that the caller frees. */

/* The shortest path that is the same: no "//", no ".", ".." only in front; "." for nothing. */
char *kubectl_path_clean(const char *path);
/* Both with a '/' between, cleaned; empty parts are left out. */
char *kubectl_path_join(const char *folder, const char *name);
/* All but the last part, and the last part; "a" gives "." and "a", "/" gives "/" and "/". */
char *kubectl_path_dir(const char *path);
char *kubectl_path_base(const char *path);

/* Whether a cleaned path is `folder`, cleaned, or below it. Looks at the text alone. */
bool kubectl_path_is_below(const char *folder, const char *path);
/* Without what would lead out of a folder: "../" in front, one '/' in front; "" for "." and "..". */
char *kubectl_path_strip(const char *path);

#endif
