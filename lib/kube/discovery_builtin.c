/*
 * The resources that every API server serves at a version that does not change: asking for pods
 * costs one request. Discovery lists the core and these groups first, so no custom resource can
 * take their names over.
 */
#include "lib/kube/discovery_builtin.h"

#include "lib/base/attr.h"

#define VERBS "create,delete,deletecollection,get,list,patch,update,watch"

const struct kube_resource kube_resources_builtin[] = {
	{ "", "v1", "configmaps", "configmap", "ConfigMap", "cm", "", VERBS, true },
	{ "", "v1", "endpoints", "endpoints", "Endpoints", "ep", "", VERBS, true },
	{ "", "v1", "events", "event", "Event", "ev", "", VERBS, true },
	{ "", "v1", "limitranges", "limitrange", "LimitRange", "limits", "", VERBS, true },
	{ "", "v1", "namespaces", "namespace", "Namespace", "ns", "", VERBS, false },
	{ "", "v1", "nodes", "node", "Node", "no", "", VERBS, false },
	{ "", "v1", "persistentvolumeclaims", "persistentvolumeclaim", "PersistentVolumeClaim",
	  "pvc", "", VERBS, true },
	{ "", "v1", "persistentvolumes", "persistentvolume", "PersistentVolume", "pv", "", VERBS,
	  false },
	{ "", "v1", "pods", "pod", "Pod", "po", "all", VERBS, true },
	{ "", "v1", "replicationcontrollers", "replicationcontroller", "ReplicationController",
	  "rc", "all", VERBS, true },
	{ "", "v1", "resourcequotas", "resourcequota", "ResourceQuota", "quota", "", VERBS, true },
	{ "", "v1", "secrets", "secret", "Secret", "", "", VERBS, true },
	{ "", "v1", "serviceaccounts", "serviceaccount", "ServiceAccount", "sa", "", VERBS, true },
	{ "", "v1", "services", "service", "Service", "svc", "all", VERBS, true },
	{ "apps", "v1", "daemonsets", "daemonset", "DaemonSet", "ds", "all", VERBS, true },
	{ "apps", "v1", "deployments", "deployment", "Deployment", "deploy", "all", VERBS, true },
	{ "apps", "v1", "replicasets", "replicaset", "ReplicaSet", "rs", "all", VERBS, true },
	{ "apps", "v1", "statefulsets", "statefulset", "StatefulSet", "sts", "all", VERBS, true },
	{ "batch", "v1", "cronjobs", "cronjob", "CronJob", "cj", "all", VERBS, true },
	{ "batch", "v1", "jobs", "job", "Job", "", "all", VERBS, true },
	{ "networking.k8s.io", "v1", "ingresses", "ingress", "Ingress", "ing", "", VERBS, true },
	{ "networking.k8s.io", "v1", "networkpolicies", "networkpolicy", "NetworkPolicy", "netpol",
	  "", VERBS, true },
	{ "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "clusterrolebinding",
	  "ClusterRoleBinding", "", "", VERBS, false },
	{ "rbac.authorization.k8s.io", "v1", "clusterroles", "clusterrole", "ClusterRole", "", "",
	  VERBS, false },
	{ "rbac.authorization.k8s.io", "v1", "rolebindings", "rolebinding", "RoleBinding", "", "",
	  VERBS, true },
	{ "rbac.authorization.k8s.io", "v1", "roles", "role", "Role", "", "", VERBS, true },
};

const size_t kube_resources_builtin_count = COUNT_OF(kube_resources_builtin);
