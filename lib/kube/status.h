/* metav1.Status: how the Kubernetes API says that a request failed. */
#ifndef MK8S_KUBE_STATUS_H
#define MK8S_KUBE_STATUS_H

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

/* A failure to tell a client. NULL members are left out; `reason` NULL is taken from the code. */
struct kube_failure {
	int code; /* HTTP status */
	const char *reason;
	const char *message;
	const char *name, *group, *kind; /* details: kind is the resource's plural, as the server does */
	unsigned retry_after_s;          /* 0: none */
};

/* Appends the JSON of the Status. 0, or -1 as buf_put fails. */
int kube_status_put(struct buf *out, const struct kube_failure *f);

/* The reason the API server uses for an HTTP status ("NotFound"); "" when there is none. */
const char *kube_status_reason(int code);

/* A Status as received. */
struct kube_status {
	int code;
	char reason[64]; /* "" when the answer was no Status */
	char *message;   /* owned; never NULL after a parse */
	char *kind, *name, *uid; /* of the details; owned, "" when absent */
	unsigned retry_after_s;
	size_t cause_count;
	struct kube_cause {
		char *reason, *message, *field; /* owned, "" when absent */
	} causes[16]; /* the first ones */
};

/*
 * Reads the body of an answer that is no 2xx. Always gives a result: a body that is no Status
 * becomes the message (the first 1,024 bytes of text), with the reason that belongs to
 * `http_status`. Free with kube_status_free.
 */
void kube_status_parse(struct span body, int http_status, struct kube_status *ret_status);
void kube_status_free(struct kube_status *s);

/*
 * The same as an error: the server's message as the sentence, the code by HTTP status (401
 * ERR_AUTH, 403 ERR_DENIED, 404 and 410 ERR_NOT_FOUND, 409 ERR_EXISTS ...). Always returns -1.
 */
int kube_status_to_err(const struct kube_status *s, struct err *e);

#endif
