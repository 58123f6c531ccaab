/* Central's gRPC service for agents: Register, Renew, Heartbeat (proto/agent.proto). */
#include <string.h>

#include "gen/agent.pb-c.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/crypto/random.h"
#include "lib/format/json.h"
#include "lib/gate/central.h"

#define CERT_PEM_MAX 16384
#define METHOD(name) "/mk8s.agent.v1.AgentService/" name

struct issued {
	struct buf cert_pem;
	char serial[48];
	int64_t expires_unix_s;
};

/* Certificate, its row, and the snapshot that knows it: only then may the agent use it. */
static int issue(struct central *c, const char *csr_pem, const char *cluster_id, struct issued *ret_issued,
		 struct err *e)
{
	buf_init(&ret_issued->cert_pem, CERT_PEM_MAX);
	if (keys_issue_agent(c->keys, csr_pem, cluster_id, c->config.agent_cert_lifetime_ms / 1000,
			     &ret_issued->cert_pem, ret_issued->serial, sizeof(ret_issued->serial),
			     &ret_issued->expires_unix_s, e) == 0 &&
	    directory_cert_add(c->directory, ret_issued->serial, cluster_id, ret_issued->expires_unix_s, e) == 0 &&
	    central_publish(c, e) == 0)
		return 0;
	buf_free(&ret_issued->cert_pem);
	return -1;
}

static int audit_agent(struct central *c, const struct directory_cluster *cluster, const char *command,
		       const char *source, const struct err *why, struct err *e)
{
	char id[RANDOM_UUID_SIZE];
	struct audit_row row = {
		.stage = AUDIT_COMPLETE,
		.id = id,
		.time_unix_us = clock_unix_us(),
		.user = "agent",
		.cluster_id = cluster->id,
		.cluster = cluster->name,
		.command = command,
		.decision = why->code == ERR_NONE ? "allow" : "deny",
		.rule = "",
		.source = source,
		.status = err_http_status(why->code),
		.count = 1,
	};

	random_uuid(id);
	return audit_append_wait(c->audit, &row, e);
}

/* What the agent says of its cluster, as JSON for the directory; texts are cut to a sane length. */
static char *metadata_json(const Mk8s__Agent__V1__Metadata *m)
{
	AUTO_JSON struct json *doc = json_new_object();
	AUTO_BUF struct buf text;

	json_set_str(doc, "agent_version", m && strlen(m->agent_version) < 100 ? m->agent_version : "");
	json_set_str(doc, "kubernetes_version", m && strlen(m->kubernetes_version) < 100 ? m->kubernetes_version : "");
	json_set_str(doc, "platform", m && strlen(m->platform) < 100 ? m->platform : "");
	if (m && m->ca_sha256[0] && strlen(m->ca_sha256) < 400)
		json_set_str(doc, "ca_sha256", m->ca_sha256);
	buf_init(&text, 4096);
	json_print(doc, JSON_COMPACT, &text);
	return buf_take_str(&text);
}

static enum grpc_status put_register_answer(struct grpc_call *call, struct central *c,
					    const struct directory_cluster *cluster,
					    struct issued *issued)
{
	Mk8s__Agent__V1__RegisterResponse answer = MK8S__AGENT__V1__REGISTER_RESPONSE__INIT;
	char *room;

	answer.cluster_id = (char *)cluster->id;
	answer.certificate_pem = (char *)buf_str(&issued->cert_pem);
	answer.not_after_unix_s = issued->expires_unix_s;
	answer.ca_pem = (char *)(uintptr_t)keys_ca_pem(c->keys);
	room = buf_reserve(&call->answer, mk8s__agent__v1__register_response__get_packed_size(&answer));
	if (room)
		buf_commit(&call->answer, mk8s__agent__v1__register_response__pack(&answer, (uint8_t *)room));
	buf_free(&issued->cert_pem);
	return room ? GRPC_OK : GRPC_INTERNAL;
}

static enum grpc_status join(struct grpc_call *call, const Mk8s__Agent__V1__RegisterRequest *request, struct err *e)
{
	struct central *c = call->app;
	struct directory_cluster cluster = { 0 };
	struct issued issued;
	AUTO_FREE char *metadata = metadata_json(request->metadata);
	enum grpc_status status;

	if (directory_token_check(c->directory, request->join_token, request->cluster_name, &cluster, e) < 0) {
		backoff_failed(c->join_backoff, NULL, call->peer_ip, clock_mono_ms());
		audit_refused(c->audit, call->peer_ip, "agent register");
		return e->code == ERR_AUTH ? GRPC_UNAUTHENTICATED : grpc_status_of(e->code);
	}
	if (issue(c, request->csr_pem, cluster.id, &issued, e) < 0) {
		directory_cluster_free(&cluster);
		return grpc_status_of(e->code);
	}
	(void)directory_cluster_seen(c->directory, cluster.id, metadata, e); /* what it knows of itself may be missing */
	err_clear(e);
	if (audit_agent(c, &cluster, "agent register", call->peer_ip, e, e) < 0) {
		buf_free(&issued.cert_pem);
		status = grpc_status_of(e->code);
	} else {
		log_event(LOG_INFO, "agent registered", LOG_STR("cluster", cluster.name),
			  LOG_STR("serial", issued.serial));
		status = put_register_answer(call, c, &cluster, &issued);
	}
	directory_cluster_free(&cluster);
	return status;
}

static enum grpc_status handle_register(struct grpc_call *call, struct err *e)
{
	struct central *c = call->app;
	Mk8s__Agent__V1__RegisterRequest *request;
	enum grpc_status status;

	if (backoff_wait_ms(c->join_backoff, NULL, call->peer_ip, clock_mono_ms())) {
		err_set(e, ERR_BUSY, "too many wrong join tokens from this address; try later");
		return GRPC_RESOURCE_EXHAUSTED;
	}
	request = mk8s__agent__v1__register_request__unpack(NULL, call->message.len,
							    (const uint8_t *)call->message.at);
	if (!request) {
		err_set(e, ERR_INPUT, "the message is no RegisterRequest");
		return GRPC_INVALID_ARGUMENT;
	}
	status = join(call, request, e);
	mk8s__agent__v1__register_request__free_unpacked(request, NULL);
	return status;
}

/* Which cluster the caller's certificate names, if it is in force. */
static int caller_cluster(struct grpc_call *call, char ret_cluster_id[37], struct err *e)
{
	struct central *c = call->app;
	struct snapshot *s;
	char serial[48];
	int64_t expires;
	bool valid;

	if (keys_agent_cert_read(call->peer_cert, ret_cluster_id, serial, sizeof(serial), &expires, e) < 0)
		return -1;
	s = central_snapshot(c);
	valid = snapshot_cert_valid(s, serial, ret_cluster_id, clock_unix_s());
	snapshot_unref(s);
	return valid ? 0 : err_set(e, ERR_DENIED, "the client certificate is not in force");
}

static enum grpc_status handle_renew(struct grpc_call *call, struct err *e)
{
	struct central *c = call->app;
	Mk8s__Agent__V1__RenewResponse answer = MK8S__AGENT__V1__RENEW_RESPONSE__INIT;
	Mk8s__Agent__V1__RenewRequest *request;
	struct issued issued;
	char cluster_id[37];
	char *room;
	int made;

	if (caller_cluster(call, cluster_id, e) < 0)
		return GRPC_PERMISSION_DENIED;
	request = mk8s__agent__v1__renew_request__unpack(NULL, call->message.len, (const uint8_t *)call->message.at);
	if (!request) {
		err_set(e, ERR_INPUT, "the message is no RenewRequest");
		return GRPC_INVALID_ARGUMENT;
	}
	made = issue(c, request->csr_pem, cluster_id, &issued, e);
	mk8s__agent__v1__renew_request__free_unpacked(request, NULL);
	if (made < 0)
		return grpc_status_of(e->code);
	log_event(LOG_INFO, "agent certificate renewed", LOG_STR("cluster_id", cluster_id),
		  LOG_STR("serial", issued.serial));
	answer.certificate_pem = (char *)buf_str(&issued.cert_pem);
	answer.not_after_unix_s = issued.expires_unix_s;
	answer.ca_pem = (char *)(uintptr_t)keys_ca_pem(c->keys);
	room = buf_reserve(&call->answer, mk8s__agent__v1__renew_response__get_packed_size(&answer));
	if (room)
		buf_commit(&call->answer, mk8s__agent__v1__renew_response__pack(&answer, (uint8_t *)room));
	buf_free(&issued.cert_pem);
	return room ? GRPC_OK : GRPC_INTERNAL;
}

static enum grpc_status handle_heartbeat(struct grpc_call *call, struct err *e)
{
	struct central *c = call->app;
	Mk8s__Agent__V1__HeartbeatRequest *request;
	char cluster_id[37];
	char *metadata;
	int stored;

	if (caller_cluster(call, cluster_id, e) < 0)
		return GRPC_PERMISSION_DENIED;
	request = mk8s__agent__v1__heartbeat_request__unpack(NULL, call->message.len,
							     (const uint8_t *)call->message.at);
	if (!request) {
		err_set(e, ERR_INPUT, "the message is no HeartbeatRequest");
		return GRPC_INVALID_ARGUMENT;
	}
	metadata = metadata_json(request->metadata);
	stored = directory_cluster_seen(c->directory, cluster_id, metadata, e);
	free(metadata);
	mk8s__agent__v1__heartbeat_request__free_unpacked(request, NULL);
	return stored < 0 ? grpc_status_of(e->code) : GRPC_OK; /* HeartbeatResponse is empty: no bytes */
}

const struct grpc_method central_agent_methods[] = {
	{ METHOD("Register"), false, handle_register },
	{ METHOD("Renew"), true, handle_renew },
	{ METHOD("Heartbeat"), true, handle_heartbeat },
};
const size_t central_agent_method_count = COUNT_OF(central_agent_methods);
