/*
 * Where a Kubernetes API server is and how to talk to it: kubeconfig files and the in-cluster configuration.
 * The format: client-go tools/clientcmd/api/v1.
 */
#ifndef MK8S_KUBE_KUBECONFIG_H
#define MK8S_KUBE_KUBECONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

/* One API server and one identity. Strings are owned, NULL when absent; PEM is content, never a path. */
struct kube_target {
	char *server;          /* https://host[:port][/prefix], without '/' at the end */
	char *ca_pem;          /* NULL: the machine's trust anchors */
	char *ca_sha256;       /* pin over a CA's SPKI, "sha256:<hex>"; never from a kubeconfig */
	char *cert_pem, *key_pem; /* both or none; the key is a secret */
	char *token;           /* secret */
	char *token_file;      /* read again for each request; wins over token */
	char *tls_server_name;
	char *proxy_url;
	char *namespace;       /* never NULL after a load; "default" if nothing says otherwise */
	bool insecure;
};

void kube_target_free(struct kube_target *t);

/* Where to look. Everything may be NULL. */
struct kubeconfig_choice {
	const char *file;    /* --kubeconfig; else `env`, else HOME/.kube/config */
	const char *env;     /* the value of KUBECONFIG: files parted by ':', missing ones skipped, the first to say wins */
	const char *home;
	const char *context; /* --context; else current-context */
};

/*
 * Loads and merges the files and resolves the context. Relative paths inside are relative to their file.
 * ERR_NOT_FOUND: no file, or the named context, cluster or user is not in it (the sentence lists the contexts).
 * ERR_INPUT with file and reason for what is malformed. A user with `exec` or `auth-provider` is refused with a
 * sentence, because another program would have to be run; username and password, and `as`, too.
 */
int kubeconfig_load(const struct kubeconfig_choice *c, struct kube_target *ret_target, struct err *e);

/* The same from text, for tests and for files that are read elsewhere; `dir` is what relative paths start from. */
int kubeconfig_parse(struct span yaml, const char *name, const char *dir, const char *context,
		     struct kube_target *ret_target, struct err *e);

/*
 * The configuration of a pod: KUBERNETES_SERVICE_HOST and _PORT as given, and token (by file), ca.crt and namespace
 * below `dir` (NULL: /var/run/secrets/kubernetes.io/serviceaccount). ERR_NOT_FOUND when host, port or the token's
 * file are not there.
 */
int kubeconfig_in_cluster(const char *host, const char *port, const char *dir, struct kube_target *ret_target,
			  struct err *e);

/* Version 1 needs clients from 1.22 on; the older one is understood from 1.11 on, by current ones too. */
#define KUBECONFIG_EXEC_V1 "client.authentication.k8s.io/v1"
#define KUBECONFIG_EXEC_V1BETA1 "client.authentication.k8s.io/v1beta1"

/* One entry to write: a context, a cluster and a user, all called `name`. */
struct kubeconfig_entry {
	const char *name;
	const char *server;
	const char *ca_pem;          /* NULL: none written */
	const char *namespace;       /* NULL: none written */
	const char *exec_command;    /* the credential plugin */
	const char *exec_api;        /* what it answers: KUBECONFIG_EXEC_V1 (NULL) or _V1BETA1 */
	const char *const *exec_args; /* NULL-terminated */
};

/* Appends a whole kubeconfig (YAML) with these entries to `out`; current-context is `current` unless NULL. */
int kubeconfig_put(struct buf *out, const struct kubeconfig_entry *entries, size_t count, const char *current,
		   struct err *e);

/*
 * Puts the entries into `file`: same-named ones are replaced if they are ours (their user runs the program of the same
 * name with the same first argument), a foreign one of the same name is ERR_EXISTS and nothing is written; everything
 * else in the file is kept, though comments are not. `current` NULL keeps the current context. The file is replaced
 * atomically, 0600, under a lock file FILE.lock as kubectl uses; ERR_BUSY when that stays.
 */
int kubeconfig_merge(const char *file, const struct kubeconfig_entry *entries, size_t count, const char *current,
		     struct err *e);

#endif
