/* kubectl describe: volumes, where pods may run, deployments, services, ConfigMaps and Secrets. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/base64.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_describe.h"

static const char *truth(const struct json *item)
{
	return json_is_true(item) ? "true" : "false";
}

static void put_projected(struct describe *d, const struct json *volume)
{
	describe_line(d, 2, "Type:\tProjected (a volume that contains injected data from multiple sources)");
	for (const struct json *s = json_first(json_find(volume, "projected.sources")); s; s = json_next(s)) {
		const struct json *token = json_get(s, "serviceAccountToken"), *map = json_get(s, "configMap");
		const struct json *secret = json_get(s, "secret");

		if (token)
			describe_line(d, 2, "TokenExpirationSeconds:\t%lld",
				      (long long)kubectl_number(token, "expirationSeconds", 3600));
		if (map) {
			describe_line(d, 2, "ConfigMapName:\t%s", kubectl_text(map, "name"));
			describe_line(d, 2, "Optional:\t%s", truth(json_get(map, "optional")));
		}
		if (secret) {
			describe_line(d, 2, "SecretName:\t%s", kubectl_text(secret, "name"));
			describe_line(d, 2, "Optional:\t%s", truth(json_get(secret, "optional")));
		}
		if (json_get(s, "downwardAPI"))
			describe_line(d, 2, "DownwardAPI:\ttrue");
	}
}

static void put_volume(struct describe *d, const struct json *v)
{
	const struct json *s;

	if ((s = json_get(v, "emptyDir"))) {
		describe_line(d, 2, "Type:\tEmptyDir (a temporary directory that shares a pod's lifetime)");
		describe_line(d, 2, "Medium:\t%s", kubectl_text(s, "medium"));
		describe_line(d, 2, "SizeLimit:\t%s", json_get(s, "sizeLimit") ? kubectl_text(s, "sizeLimit") : "<unset>");
	} else if ((s = json_get(v, "configMap"))) {
		describe_line(d, 2, "Type:\tConfigMap (a volume populated by a ConfigMap)");
		describe_line(d, 2, "Name:\t%s", kubectl_text(s, "name"));
		describe_line(d, 2, "Optional:\t%s", truth(json_get(s, "optional")));
	} else if ((s = json_get(v, "secret"))) {
		describe_line(d, 2, "Type:\tSecret (a volume populated by a Secret)");
		describe_line(d, 2, "SecretName:\t%s", kubectl_text(s, "secretName"));
		describe_line(d, 2, "Optional:\t%s", truth(json_get(s, "optional")));
	} else if ((s = json_get(v, "hostPath"))) {
		describe_line(d, 2, "Type:\tHostPath (bare host directory volume)");
		describe_line(d, 2, "Path:\t%s", kubectl_text(s, "path"));
		describe_line(d, 2, "HostPathType:\t%s", kubectl_text(s, "type"));
	} else if ((s = json_get(v, "persistentVolumeClaim"))) {
		describe_line(d, 2, "Type:\tPersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same "
				    "namespace)");
		describe_line(d, 2, "ClaimName:\t%s", kubectl_text(s, "claimName"));
		describe_line(d, 2, "ReadOnly:\t%s", truth(json_get(s, "readOnly")));
	} else if (json_get(v, "projected")) {
		put_projected(d, v);
	} else {
		for (s = json_first(v); s; s = json_next(s))
			if (strcmp(json_name(s), "name") != 0)
				describe_line(d, 2, "Type:\t%s", json_name(s));
	}
}

void describe_volumes(struct describe *d, const struct json *volumes, const char *space)
{
	describe_line(d, 0, "%sVolumes:%s", space, json_count(volumes) ? "" : "\t<none>");
	for (const struct json *v = json_first(volumes); v; v = json_next(v)) {
		describe_line(d, 1, "%s%s:", space[0] ? " " : "", kubectl_text(v, "name"));
		put_volume(d, v);
	}
}

static void put_toleration(struct describe *d, const struct json *t, const char *before)
{
	const char *key = kubectl_text(t, "key"), *value = kubectl_text(t, "value"), *effect = kubectl_text(t, "effect");

	(void)buf_printf(&d->text, "%s\t%s", before, key);
	if (value[0])
		(void)buf_printf(&d->text, "=%s", value);
	if (effect[0])
		(void)buf_printf(&d->text, ":%s", effect);
	if (strcmp(kubectl_text(t, "operator"), "Exists") == 0 && !value[0])
		(void)buf_printf(&d->text, "%sop=Exists", key[0] || effect[0] ? " " : "");
	if (json_get(t, "tolerationSeconds"))
		(void)buf_printf(&d->text, " for %llds", (long long)kubectl_number(t, "tolerationSeconds", 0));
	(void)buf_put_char(&d->text, '\n');
}

void describe_placement(struct describe *d, const struct json *spec, const char *space)
{
	const struct json *tolerations = json_get(spec, "tolerations");
	AUTO_FREE char *selectors = mem_printf("%sNode-Selectors", space);

	describe_labels(d, selectors, json_get(spec, "nodeSelector"));
	(void)buf_printf(&d->text, "%sTolerations:%s", space, json_count(tolerations) ? "" : "\t<none>\n");
	for (const struct json *t = json_first(tolerations); t; t = json_next(t))
		put_toleration(d, t, "");
}

static void put_common(struct describe *d, bool with_date)
{
	char date[40];

	describe_line(d, 0, "Name:\t%s", d->target->name);
	describe_line(d, 0, "Namespace:\t%s", d->target->namespace);
	if (with_date)
		describe_line(d, 0, "CreationTimestamp:\t%s",
			      describe_date(kubectl_text(d->object, "metadata.creationTimestamp"), date));
	describe_labels(d, "Labels", json_find(d->object, "metadata.labels"));
	describe_annotations(d, "Annotations", json_find(d->object, "metadata.annotations"));
}

static const char *revision_of(const struct json *object)
{
	const char *text = json_str(json_find(object, "metadata.annotations"), "deployment.kubernetes.io/revision");

	return text ? text : "";
}

/* The deployment's ReplicaSets: the one of its present revision, or all others. */
static void put_replica_sets(struct describe *d, const struct json *list, const char *title, bool present)
{
	const char *uid = kubectl_text(d->object, "metadata.uid");
	struct buf text;

	buf_init(&text, KUBECTL_FILE_MAX);
	for (const struct json *r = json_first(json_get(list, "items")); r; r = json_next(r)) {
		const struct json *owner = json_first(json_find(r, "metadata.ownerReferences"));

		if (strcmp(kubectl_text(owner, "uid"), uid) != 0 ||
		    (strcmp(revision_of(r), revision_of(d->object)) == 0) != present)
			continue;
		(void)buf_printf(&text, "%s%s (%lld/%lld replicas created)", text.len ? ", " : "",
				 kubectl_text(r, "metadata.name"), (long long)kubectl_number(r, "status.replicas", 0),
				 (long long)kubectl_number(r, "spec.replicas", 0));
	}
	describe_line(d, 0, "%s:\t%s", title, describe_or_none(buf_str(&text)));
	buf_free(&text);
}

static void put_rolling_update(struct describe *d)
{
	const struct json *rolling = json_find(d->object, "spec.strategy.rollingUpdate");
	const char *unavailable = json_text(json_get(rolling, "maxUnavailable"));
	const char *surge = json_text(json_get(rolling, "maxSurge"));

	if (rolling)
		describe_line(d, 0, "RollingUpdateStrategy:\t%s max unavailable, %s max surge", unavailable ? unavailable : "",
			      surge ? surge : "");
}

void describe_deployment(struct describe *d)
{
	const struct kube_resource *sets = kube_discovery_find(NULL, "replicasets.apps");
	AUTO_JSON struct json *list = sets ? kubectl_list(d->k, sets, d->target->namespace, NULL, NULL) : NULL;
	AUTO_FREE char *selector = describe_selector(json_find(d->object, "spec.selector.matchLabels"));
	const struct json *o = d->object, *conditions = json_find(o, "status.conditions");

	put_common(d, true);
	describe_line(d, 0, "Selector:\t%s", selector);
	describe_line(d, 0, "Replicas:\t%lld desired | %lld updated | %lld total | %lld available | %lld unavailable",
		      (long long)kubectl_number(o, "spec.replicas", 0),
		      (long long)kubectl_number(o, "status.updatedReplicas", 0),
		      (long long)kubectl_number(o, "status.replicas", 0),
		      (long long)kubectl_number(o, "status.availableReplicas", 0),
		      (long long)kubectl_number(o, "status.unavailableReplicas", 0));
	describe_line(d, 0, "StrategyType:\t%s", kubectl_text(o, "spec.strategy.type"));
	describe_line(d, 0, "MinReadySeconds:\t%lld", (long long)kubectl_number(o, "spec.minReadySeconds", 0));
	put_rolling_update(d);
	describe_pod_template(d, json_find(o, "spec.template"));
	if (json_count(conditions))
		(void)buf_put_str(&d->text, "Conditions:\n  Type\tStatus\tReason\n  ----\t------\t------\n");
	for (const struct json *c = json_first(conditions); c; c = json_next(c))
		describe_line(d, 1, "%s \t%s\t%s", kubectl_text(c, "type"), kubectl_text(c, "status"),
			      kubectl_text(c, "reason"));
	put_replica_sets(d, list, "OldReplicaSets", false);
	put_replica_sets(d, list, "NewReplicaSet", true);
}

/* "10.0.0.2:8080,10.0.0.3:8080 + 1 more..." of one port. */
static void put_endpoints(struct describe *d, const struct json *slices, const char *port_name)
{
	struct buf text;
	size_t count = 0;

	buf_init(&text, KUBECTL_FILE_MAX);
	for (const struct json *s = json_first(json_get(slices, "items")); s; s = json_next(s))
		for (const struct json *p = json_first(json_get(s, "ports")); p; p = json_next(p)) {
			if (strcmp(kubectl_text(p, "name"), port_name) != 0)
				continue;
			for (const struct json *e = json_first(json_get(s, "endpoints")); e; e = json_next(e)) {
				const struct json *ready = json_find(e, "conditions.ready");

				if (ready && !json_is_true(ready))
					continue;
				if (count++ < 3)
					(void)buf_printf(&text, "%s%s:%lld", text.len ? "," : "",
							 json_text(json_first(json_get(e, "addresses"))),
							 (long long)kubectl_number(p, "port", 0));
			}
		}
	if (count > 3)
		(void)buf_printf(&text, " + %zu more...", count - 3);
	describe_line(d, 0, "Endpoints:\t%s", buf_str(&text));
	buf_free(&text);
}

static void put_service_ports(struct describe *d)
{
	AUTO_FREE char *of = mem_printf("kubernetes.io/service-name=%s", d->target->name);
	const struct kube_resource *r = kubectl_find(d->k, "endpointslices.discovery.k8s.io");
	AUTO_JSON struct json *slices = r ? kubectl_list(d->k, r, d->target->namespace, of, NULL) : NULL;

	for (const struct json *p = json_first(json_find(d->object, "spec.ports")); p; p = json_next(p)) {
		const char *name = kubectl_text(p, "name"), *protocol = kubectl_text(p, "protocol");
		const char *to = json_text(json_get(p, "targetPort"));

		describe_line(d, 0, "Port:\t%s  %lld/%s", name[0] ? name : "<unset>",
			      (long long)kubectl_number(p, "port", 0), protocol);
		describe_line(d, 0, "TargetPort:\t%s/%s", to ? to : "", protocol);
		if (json_get(p, "nodePort"))
			describe_line(d, 0, "NodePort:\t%s  %lld/%s", name[0] ? name : "<unset>",
				      (long long)kubectl_number(p, "nodePort", 0), protocol);
		put_endpoints(d, slices, name);
	}
}

/* "a,b" of an array of texts. */
static char *joined(const struct json *array)
{
	struct buf text;

	buf_init(&text, KUBECTL_FILE_MAX);
	for (const struct json *i = json_first(array); i; i = json_next(i))
		(void)buf_printf(&text, "%s%s", text.len ? "," : "", json_text(i) ? json_text(i) : "");
	return buf_take_str(&text);
}

void describe_service(struct describe *d)
{
	const struct json *spec = json_get(d->object, "spec");
	AUTO_FREE char *selector = describe_selector(json_get(spec, "selector"));
	AUTO_FREE char *families = joined(json_get(spec, "ipFamilies")), *ips = joined(json_get(spec, "clusterIPs"));

	put_common(d, false);
	describe_line(d, 0, "Selector:\t%s", selector);
	describe_line(d, 0, "Type:\t%s", kubectl_text(spec, "type"));
	if (kubectl_text(spec, "ipFamilyPolicy")[0])
		describe_line(d, 0, "IP Family Policy:\t%s", kubectl_text(spec, "ipFamilyPolicy"));
	describe_line(d, 0, "IP Families:\t%s", describe_or_none(families));
	describe_line(d, 0, "IP:\t%s", kubectl_text(spec, "clusterIP"));
	describe_line(d, 0, "IPs:\t%s", describe_or_none(ips));
	if (json_count(json_get(spec, "externalIPs"))) {
		AUTO_FREE char *external = joined(json_get(spec, "externalIPs"));

		describe_line(d, 0, "External IPs:\t%s", external);
	}
	if (kubectl_text(spec, "externalName")[0])
		describe_line(d, 0, "External Name:\t%s", kubectl_text(spec, "externalName"));
	put_service_ports(d);
	describe_line(d, 0, "Session Affinity:\t%s", kubectl_text(spec, "sessionAffinity"));
	if (kubectl_text(spec, "externalTrafficPolicy")[0])
		describe_line(d, 0, "External Traffic Policy:\t%s", kubectl_text(spec, "externalTrafficPolicy"));
	if (kubectl_text(spec, "internalTrafficPolicy")[0])
		describe_line(d, 0, "Internal Traffic Policy:\t%s", kubectl_text(spec, "internalTrafficPolicy"));
}

static size_t decoded_len(const char *text)
{
	struct err ignored = { 0 };
	struct buf bytes;
	size_t len;

	buf_init_secret(&bytes, KUBECTL_FILE_MAX);
	(void)base64_decode(span_of(text), BASE64_STD, &bytes, &ignored); /* the server has checked it */
	len = bytes.len;
	buf_free(&bytes);
	return len;
}

void describe_config(struct describe *d)
{
	bool secret = strcmp(d->target->resource->kind, "Secret") == 0;
	AUTO_JSON struct json *o = json_dup(d->object);

	kubectl_sort_members(o);
	put_common(d, false);
	if (secret)
		describe_line(d, 0, "\nType:  %s", kubectl_text(o, "type"));
	describe_line(d, 0, "\nData\n====");
	for (const struct json *v = json_first(json_get(o, "data")); v; v = json_next(v)) {
		if (secret)
			describe_line(d, 0, "%s:\t%zu bytes", json_name(v), decoded_len(json_text(v)));
		else
			describe_line(d, 0, "%s:\n----\n%s\n", json_name(v), json_text(v));
	}
	if (secret)
		return;
	describe_line(d, 0, "\nBinaryData\n====");
	for (const struct json *v = json_first(json_get(o, "binaryData")); v; v = json_next(v))
		describe_line(d, 0, "%s: %zu bytes", json_name(v), decoded_len(json_text(v)));
	(void)buf_put_char(&d->text, '\n');
}
