/* The agent's calls: Register, Renew and Heartbeat. */
#include <stdlib.h>
#include <string.h>

#include "gen/agent.pb-c.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/crypto/cert.h"
#include "lib/crypto/key.h"
#include "lib/format/json.h"
#include "lib/gate/agent_state.h"
#include "lib/gate/header_filter.h"
#include "lib/net/http_ask.h"

#define CSR_MAX_LEN 8192


/* A new key and its request; the key waits in a->next_key until its certificate comes. */
static int make_csr(struct agent *a, struct buf *ret_csr, struct err *e)
{
	struct key *key;

	if (key_generate(KEY_P256, &key, e) < 0)
		return -1;
	key_free(a->next_key);
	a->next_key = key;
	return csr_create(key, a->config->cluster_name, ret_csr, e);
}

/* The configured pin, for central's list of agents that do not know its new CA by themselves. */
static char *started_with(const struct agent *a)
{
	return (char *)(uintptr_t)(a->config->tls_ca_sha256 ? a->config->tls_ca_sha256 : "");
}

static void take_certificate(struct agent *a, const char *cert_pem, int64_t not_after_unix_s)
{
	struct key *key = a->next_key;
	struct err e = { 0 };

	a->next_key = NULL;
	if (agent_use_certificate(a, key, cert_pem, not_after_unix_s, &e) < 0) {
		agent_retry_later(a, "certificate from central", &e);
		return;
	}
	agent_link_open(a, false);
}

static void joined(void *owner, const struct err *why, enum grpc_status status UNUSED, struct span message)
{
	struct agent *a = owner;
	Mk8s__Agent__V1__RegisterResponse *answer;
	struct err e = *why;

	if (a->stopping)
		return;
	if (e.code != ERR_NONE) {
		agent_retry_later(a, "joining central", &e);
		return;
	}
	answer = mk8s__agent__v1__register_response__unpack(NULL, message.len, (const uint8_t *)message.at);
	if (!answer) {
		err_set(&e, ERR_PROTOCOL, "the answer is no RegisterResponse");
		agent_retry_later(a, "joining central", &e);
		return;
	}
	log_event(LOG_INFO, "joined", LOG_STR("cluster_id", answer->cluster_id));
	agent_learn_ca(a, answer->ca_pem);
	take_certificate(a, answer->certificate_pem, answer->not_after_unix_s);
	mk8s__agent__v1__register_response__free_unpacked(answer, NULL);
}

void agent_join(struct agent *a)
{
	Mk8s__Agent__V1__RegisterRequest request = MK8S__AGENT__V1__REGISTER_REQUEST__INIT;
	Mk8s__Agent__V1__Metadata metadata = MK8S__AGENT__V1__METADATA__INIT;
	AUTO_BUF struct buf csr, packed;
	struct err e = { 0 };
	char *room;

	buf_init(&csr, CSR_MAX_LEN);
	buf_init_secret(&packed, GRPC_MESSAGE_MAX);
	if (make_csr(a, &csr, &e) < 0) {
		agent_retry_later(a, "certificate request", &e);
		return;
	}
	metadata.agent_version = (char *)MK8S_VERSION;
	metadata.ca_sha256 = started_with(a);
	request.cluster_name = a->config->cluster_name;
	request.join_token = a->config->central_token;
	request.csr_pem = (char *)buf_str(&csr);
	request.metadata = &metadata;
	room = buf_reserve(&packed, mk8s__agent__v1__register_request__get_packed_size(&request));
	if (room)
		buf_commit(&packed, mk8s__agent__v1__register_request__pack(&request, (uint8_t *)room));
	agent_call(a, a->join_tls, AGENT_METHOD("Register"), buf_span(&packed), joined);
}

static void renewed(void *owner, const struct err *why, enum grpc_status status, struct span message)
{
	struct agent *a = owner;
	Mk8s__Agent__V1__RenewResponse *answer;

	if (a->stopping || !a->cert_pem)
		return;
	answer = why->code == ERR_NONE ?
			 mk8s__agent__v1__renew_response__unpack(NULL, message.len, (const uint8_t *)message.at) :
			 NULL;
	if (answer) {
		agent_learn_ca(a, answer->ca_pem);
		take_certificate(a, answer->certificate_pem, answer->not_after_unix_s);
		mk8s__agent__v1__renew_response__free_unpacked(answer, NULL);
		return;
	}
	log_event(LOG_WARN, "certificate not renewed, will try again", LOG_STR("error", why->text),
		  LOG_INT("grpc_status", status));
	agent_plan_renewal(a);
}

void agent_renew(struct agent *a)
{
	Mk8s__Agent__V1__RenewRequest request = MK8S__AGENT__V1__RENEW_REQUEST__INIT;
	AUTO_BUF struct buf csr, packed;
	struct err e = { 0 };
	char *room;

	buf_init(&csr, CSR_MAX_LEN);
	buf_init(&packed, GRPC_MESSAGE_MAX);
	if (make_csr(a, &csr, &e) < 0) {
		agent_plan_renewal(a);
		return;
	}
	request.csr_pem = (char *)buf_str(&csr);
	room = buf_reserve(&packed, mk8s__agent__v1__renew_request__get_packed_size(&request));
	if (room)
		buf_commit(&packed, mk8s__agent__v1__renew_request__pack(&request, (uint8_t *)room));
	agent_call(a, a->call_tls, AGENT_METHOD("Renew"), buf_span(&packed), renewed);
}

/* Heartbeat: the API server is asked for its version, and central told when that changed. */

static void reported(void *owner, const struct err *why, enum grpc_status status UNUSED, struct span message UNUSED)
{
	struct agent *a = owner;

	if (why->code == ERR_NONE)
		return;
	free(a->reported); /* told again with the next look */
	a->reported = NULL;
	log_event(LOG_WARN, "metadata not reported", LOG_STR("error", why->text));
}

static void send_heartbeat(struct agent *a, const char *kubernetes_version, const char *platform)
{
	Mk8s__Agent__V1__HeartbeatRequest request = MK8S__AGENT__V1__HEARTBEAT_REQUEST__INIT;
	Mk8s__Agent__V1__Metadata metadata = MK8S__AGENT__V1__METADATA__INIT;
	AUTO_BUF struct buf packed;
	char *room;

	buf_init(&packed, GRPC_MESSAGE_MAX);
	metadata.agent_version = (char *)MK8S_VERSION;
	metadata.kubernetes_version = (char *)kubernetes_version;
	metadata.platform = (char *)platform;
	metadata.ca_sha256 = started_with(a);
	request.metadata = &metadata;
	room = buf_reserve(&packed, mk8s__agent__v1__heartbeat_request__get_packed_size(&request));
	if (room)
		buf_commit(&packed, mk8s__agent__v1__heartbeat_request__pack(&request, (uint8_t *)room));
	agent_call(a, a->call_tls, AGENT_METHOD("Heartbeat"), buf_span(&packed), reported);
}

static void version_known(void *owner, const struct err *why, int status, struct span body)
{
	struct agent *a = owner;
	AUTO_JSON struct json *version = NULL;
	const char *kubernetes_version, *platform;
	struct err e = { 0 };
	char *seen;

	if (a->stopping || !a->call_tls || why->code != ERR_NONE || status != 200 ||
	    json_parse(body, JSON_LIMITS(64 * 1024), &version, &e) < 0) {
		log_event(LOG_WARN, "API server's version not known", LOG_INT("status", status),
			  LOG_STR("error", why->code ? why->text : e.text));
		return;
	}
	kubernetes_version = json_str(version, "gitVersion") ? json_str(version, "gitVersion") : "";
	platform = json_str(version, "platform") ? json_str(version, "platform") : "";
	seen = mem_printf("%s %s", kubernetes_version, platform);
	if (a->reported && strcmp(a->reported, seen) == 0) {
		free(seen);
		return;
	}
	free(a->reported);
	a->reported = seen;
	send_heartbeat(a, kubernetes_version, platform);
}

void agent_report(struct agent *a)
{
	struct http_ask *ask = http_ask_new(a->loop, 10000, 64 * 1024, version_known, a);
	struct http_head asked = { .method = SPAN("GET"), .target = SPAN("/version") };
	struct header_list fields = { .count = 0 };

	header_list_add(&fields, "accept", SPAN("application/json"));
	http_ask_send(ask, agent_upstream_request(a->upstream, &asked, &fields, true, &http_ask_events, ask), SPAN_NONE);
}
