/*
 * A question about rights that no request asks: "may I list pods in a?", as reviews and `mk8s why`
 * put it, brought into the form that authz_decide reads.
 */
#ifndef MK8S_GATE_AUTHZ_QUESTION_H
#define MK8S_GATE_AUTHZ_QUESTION_H

#include "lib/kube/request_info.h"

/* Strings are "" where nothing is said. */
struct authz_question {
	const char *verb; /* of Kubernetes; "*" for any */
	const char *group, *resource, *subresource, *namespace, *name;
	const char *path; /* a path that is no resource; "": it is one */
};

/*
 * Fills `ret_info`, borrowing the strings. A namespace's own object lies in it, as the server
 * says.
 */
void authz_question_info(const struct authz_question *q, struct request_info *ret_info);

/*
 * Reads "PLURAL[.GROUP][/SUBRESOURCE]" as roles write it, or a path with '/' in front, in place:
 * `text` is cut and borrowed. A plural without a group is the built-in one's. The verbs logs, exec,
 * port-forward and proxy stand for the subresources behind them.
 */
void authz_question_parse(const char *verb, char *text, struct authz_question *ret_q);

#endif
