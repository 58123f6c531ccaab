/* The parts of kubectl describe. */
#ifndef MK8S_KUBE_KUBECTL_DESCRIBE_H
#define MK8S_KUBE_KUBECTL_DESCRIBE_H

#include "lib/base/attr.h"
#include "lib/kube/kubectl_change.h"

/* One object being described. */
struct describe {
	struct kubectl *k;
	const struct kubectl_target *target;
	const struct json *object;
	struct buf text; /* with tabs, aligned at the end */
};

/* Appends a line, two blanks a level in front. */
void describe_line(struct describe *d, int level, const char *fmt, ...) PRINTF(3, 4);
/* "Name:", "Namespace:", ... */
void describe_labels(struct describe *d, const char *title, const struct json *labels);
void describe_annotations(struct describe *d, const char *title, const struct json *annotations);
/*
 * "Sat, 21 Nov 2026 09:14:54 +0000" for an RFC 3339 date; "" when it is none. Borrowed until the
 * next call.
 */
const char *describe_date(const char *rfc3339, char into[40]);
/* The member's text, or "<none>". */
const char *describe_or_none(const char *text);
/* "a=b,c=d" of matchLabels; "<none>". The caller frees it. */
char *describe_selector(const struct json *labels);

/* Whole objects, without what all have in common (name, labels, annotations, events). */
void describe_pod(struct describe *d);
void describe_deployment(struct describe *d);
void describe_service(struct describe *d);
void describe_node(struct describe *d);
void describe_config(struct describe *d); /* ConfigMap and Secret */
void describe_anything(struct describe *d);

/* The volumes and the rest that pods and pod templates share. `space`: in front of titles. */
void describe_volumes(struct describe *d, const struct json *volumes, const char *space);
void describe_placement(struct describe *d, const struct json *spec, const char *space);
void describe_pod_template(struct describe *d, const struct json *template);
/* The same, written at once, with its tabs (rollout history). */
void describe_template(struct kubectl *k, const struct json *template);

#endif
