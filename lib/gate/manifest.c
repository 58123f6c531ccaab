/* The manifest of the agent: what `mk8s clusters add` prints and `kubectl apply -f -` makes in the
 * cluster. */
#include "lib/gate/manifest.h"

#include <string.h>

#include "lib/format/base64.h"
#include "lib/format/json.h"

enum { IMAGE_MAX = 512, BIND_MAX = 253 };

#define NAMED(name)                                    \
	"metadata:\n"                                  \
	"  name: " name "\n"                           \
	"  labels:\n"                                  \
	"    app.kubernetes.io/name: mk8s-agent\n"
#define NAMED_INSIDE(name)                             \
	"metadata:\n"                                  \
	"  name: " name "\n"                           \
	"  namespace: mk8s-system\n"                   \
	"  labels:\n"                                  \
	"    app.kubernetes.io/name: mk8s-agent\n"
#define SERVICE_ACCOUNT                                \
	"- kind: ServiceAccount\n"                     \
	"  name: mk8s-agent\n"                         \
	"  namespace: mk8s-system\n"

static const char account[] =
	"apiVersion: v1\n"
	"kind: Namespace\n"
	NAMED("mk8s-system")
	"---\n"
	"apiVersion: v1\n"
	"kind: ServiceAccount\n"
	NAMED_INSIDE("mk8s-agent")
	"---\n"
	"apiVersion: v1\n"
	"kind: Secret\n"
	NAMED_INSIDE("mk8s-agent")
	"type: Opaque\n"
	"data:\n"
	"  token: ";

/*
 * Users cannot be limited by a pattern; groups can by name: no agent makes itself system:masters.
 */
static const char impersonation_head[] =
	"apiVersion: rbac.authorization.k8s.io/v1\n"
	"kind: ClusterRole\n"
	NAMED("mk8s-agent-impersonate")
	"rules:\n"
	"- apiGroups: [\"\"]\n"
	"  resources: [\"users\"]\n"
	"  verbs: [\"impersonate\"]\n"
	"- apiGroups: [\"\"]\n"
	"  resources: [\"groups\"]\n"
	"  verbs: [\"impersonate\"]\n"
	"  resourceNames:\n"
	"  - \"mk8s:users\"\n"
	"  - \"system:authenticated\"\n";

static const char impersonation_tail[] =
	"---\n"
	"apiVersion: rbac.authorization.k8s.io/v1\n"
	"kind: ClusterRoleBinding\n"
	NAMED("mk8s-agent-impersonate")
	"roleRef:\n"
	"  apiGroup: rbac.authorization.k8s.io\n"
	"  kind: ClusterRole\n"
	"  name: mk8s-agent-impersonate\n"
	"subjects:\n"
	SERVICE_ACCOUNT
	"---\n";

#define BINDING                                        \
	"apiVersion: rbac.authorization.k8s.io/v1\n"   \
	"kind: ClusterRoleBinding\n"
static const char users_binding[] = BINDING NAMED("mk8s-users");
static const char agent_binding[] = BINDING NAMED("mk8s-agent");
static const char users_subject[] =
	"- apiGroup: rbac.authorization.k8s.io\n"
	"  kind: Group\n"
	"  name: mk8s:users\n";

static const char deployment_head[] =
	"apiVersion: apps/v1\n"
	"kind: Deployment\n"
	NAMED_INSIDE("mk8s-agent")
	"spec:\n"
	"  replicas: 1\n"
	"  selector:\n"
	"    matchLabels:\n"
	"      app.kubernetes.io/name: mk8s-agent\n"
	"  template:\n"
	"    metadata:\n"
	"      labels:\n"
	"        app.kubernetes.io/name: mk8s-agent\n"
	"    spec:\n"
	"      serviceAccountName: mk8s-agent\n"
	"      securityContext:\n"
	"        runAsNonRoot: true\n"
	"        runAsUser: 65532\n"
	"        runAsGroup: 65532\n"
	"        seccompProfile:\n"
	"          type: RuntimeDefault\n"
	"      containers:\n"
	"      - name: agent\n";

static const char deployment_tail[] =
	"        ports:\n"
	"        - name: health\n"
	"          containerPort: 8081\n"
	"        livenessProbe:\n"
	"          httpGet:\n"
	"            path: /healthz\n"
	"            port: health\n"
	"          periodSeconds: 20\n"
	"        readinessProbe:\n"
	"          httpGet:\n"
	"            path: /readyz\n"
	"            port: health\n"
	"          periodSeconds: 5\n"
	"        resources:\n"
	"          requests:\n"
	"            cpu: 10m\n"
	"            memory: 32Mi\n"
	"          limits:\n"
	"            memory: 512Mi\n"
	"        securityContext:\n"
	"          allowPrivilegeEscalation: false\n"
	"          readOnlyRootFilesystem: true\n"
	"          capabilities:\n"
	"            drop: [\"ALL\"]\n";

/* A JSON string is a YAML string, too. */
static void put_value(struct buf *into, const char *before, const char *value)
{
	(void)buf_put_str(into, before);
	json_put_quoted(into, span_of(value));
	(void)buf_put_char(into, '\n');
}

static void put_account(const struct manifest *m, struct buf *into)
{
	(void)buf_put_str(into, account);
	base64_encode(span_of(m->token), BASE64_STD, into);
	(void)buf_put_str(into, "\n---\n");
}

static void put_impersonation(const struct manifest *m, struct buf *into)
{
	(void)buf_put_str(into, impersonation_head);
	for (const char *const *role = m->roles; *role; role++)
		(void)buf_printf(into, "  - \"mk8s:role:%s\"\n", *role); /* letters, digits and - _ . alone */
	(void)buf_put_str(into, impersonation_tail);
}

static void put_binding(const struct manifest *m, struct buf *into)
{
	(void)buf_put_str(into, m->impersonate ? users_binding : agent_binding);
	(void)buf_put_str(into, "roleRef:\n"
				"  apiGroup: rbac.authorization.k8s.io\n"
				"  kind: ClusterRole\n");
	put_value(into, "  name: ", m->bind ? m->bind : "cluster-admin");
	(void)buf_put_str(into, "subjects:\n");
	(void)buf_put_str(into, m->impersonate ? users_subject : SERVICE_ACCOUNT);
	(void)buf_put_str(into, "---\n");
}

static void put_environment(const struct manifest *m, struct buf *into)
{
	put_value(into,
		  "        env:\n        - name: CENTRAL_URL\n          value: ", m->central_url);
	put_value(into, "        - name: CLUSTER_NAME\n          value: ", m->cluster);
	(void)buf_put_str(into, "        - name: AGENT_TOKEN\n"
				"          valueFrom:\n"
				"            secretKeyRef:\n"
				"              name: mk8s-agent\n"
				"              key: token\n");
	put_value(into,
		  "        - name: MK8S_AGENT_TLS_CA_SHA256\n          value: ", m->ca_sha256);
	put_value(into, "        - name: MK8S_AGENT_IMPERSONATE\n          value: ",
		  m->impersonate ? "true" : "false");
	put_value(into, "        - name: MK8S_AGENT_HEALTH_LISTEN_PORT\n          value: ", "8081");
}

static void put_deployment(const struct manifest *m, struct buf *into)
{
	(void)buf_put_str(into, deployment_head);
	put_value(into, "        image: ", m->image ? m->image : "mk8s:" MK8S_VERSION);
	(void)buf_put_str(into, "        args: [\"agent\"]\n");
	put_environment(m, into);
	(void)buf_put_str(into, deployment_tail);
}

static int check_word(const char *member, const char *word, size_t max_len, const char *forbidden,
		      struct err *e)
{
	size_t len = strlen(word);

	if (len == 0 || len > max_len)
		return err_set(e, ERR_INPUT, "%s: it must have 1 to %zu characters", member,
			       max_len);
	for (size_t i = 0; i < len; i++) {
		if (word[i] <= ' ' || word[i] > '~' || strchr(forbidden, word[i]))
			return err_set(e, ERR_INPUT, "%s: character %zu cannot stand in it", member,
				       i + 1);
	}
	return 0;
}

int manifest_print(const struct manifest *m, struct buf *into, struct err *e)
{
	if ((m->image && check_word("image", m->image, IMAGE_MAX, "\"'\\", e) < 0) ||
	    (m->bind && check_word("bind", m->bind, BIND_MAX, "/%", e) < 0))
		return -1;
	put_account(m, into);
	if (m->impersonate)
		put_impersonation(m, into);
	put_binding(m, into);
	put_deployment(m, into);
	return buf_ok(into, "the manifest", e);
}
