/* What /openapi.json says of central's routes: parameters, bodies, answers (spec/mk8s.md, HTTP API of central). */
#include "lib/base/attr.h"
#include "lib/gate/central.h"

const struct route_doc central_route_docs[] = {
	{ "POST", "/auth/login", NULL, "Login", 200, "Session", NULL },
	{ "POST", "/auth/refresh", NULL, "Refresh", 200, "Session", NULL },
	{ "POST", "/auth/logout", NULL, "Refresh", 204, NULL, NULL },
	{ "POST", "/auth/password", NULL, "NewPassword", 204, NULL, NULL },
	{ "GET", "/auth/me", NULL, NULL, 200, "Me", NULL },
	{ "GET", "/.well-known/jwks.json", NULL, NULL, 200, "KeySet", NULL },
	{ "GET", "/clusters", NULL, NULL, 200, "Clusters", NULL },
	{ "POST", "/clusters", NULL, "NewCluster", 201, "NewClusterAnswer", NULL },
	{ "GET", "/clusters/{id}", NULL, NULL, 200, "Cluster", NULL },
	{ "DELETE", "/clusters/{id}", NULL, NULL, 204, NULL, NULL },
	{ "POST", "/clusters/{id}/token", NULL, "NewToken", 200, "JoinToken", NULL },
	{ "POST", "/clusters/{id}/exec", NULL, "Command", 200, "CommandResult", "CommandLine" },
	{ "GET", "/users", NULL, NULL, 200, "Users", NULL },
	{ "POST", "/users", NULL, "NewUser", 201, "User", NULL },
	{ "GET", "/users/{id}", NULL, NULL, 200, "User", NULL },
	{ "PATCH", "/users/{id}", NULL, "UserChange", 200, "User", NULL },
	{ "DELETE", "/users/{id}", NULL, NULL, 204, NULL, NULL },
	{ "PUT", "/users/{id}/roles", NULL, "RoleNames", 200, "User", NULL },
	{ "GET", "/roles", NULL, NULL, 200, "Roles", NULL },
	{ "POST", "/roles", NULL, "Role", 201, "Role", NULL },
	{ "PUT", "/roles", NULL, "RoleDocument", 204, NULL, NULL },
	{ "GET", "/roles/{name}", NULL, NULL, 200, "Role", NULL },
	{ "PUT", "/roles/{name}", NULL, "Role", 200, "Role", NULL },
	{ "DELETE", "/roles/{name}", NULL, NULL, 204, NULL, NULL },
	{ "GET", "/why", "cluster! verb! resource! namespace name user", NULL, 200, "Why", NULL },
	{ "GET", "/audit", "user cluster verb since:date-time until:date-time limit:integer cursor", NULL, 200,
	  "AuditPage", "AuditEvent" },
	{ "GET", "/audit/verify", NULL, NULL, 200, "AuditReport", NULL },
	{ "GET", "/audit/{id}/recording", "offset:integer", NULL, 200, NULL, NULL },
};
const size_t central_route_doc_count = COUNT_OF(central_route_docs);

#define MEMBER(name, schema) "\"" name "\":" schema
#define TYPE(type) "{\"type\":\"" type "\"}"
#define TEXT TYPE("string")
#define NUMBER TYPE("integer")
#define FLAG TYPE("boolean")
#define DATE "{\"type\":\"string\",\"format\":\"date-time\"}"
#define DATE_OR_NULL "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"
#define REF(name) "{\"$ref\":\"#/components/schemas/" name "\"}"
#define LIST(items) "{\"type\":\"array\",\"items\":" items "}"
#define OBJECT(required, members) "{\"type\":\"object\",\"required\":[" required "],\"properties\":{" members "}}"
#define LIST_OF(member, name) OBJECT("\"" member "\"", MEMBER(member, LIST(REF(name))))

#define RULE                                                                                                     \
	OBJECT("\"name\"", MEMBER("name", TEXT) "," MEMBER("namespaces", LIST(TEXT)) "," MEMBER("verbs", LIST(TEXT)) \
	       "," MEMBER("resources", LIST(TEXT)))
#define AGENT_OPTIONS MEMBER("bind", TEXT) "," MEMBER("image", TEXT) "," MEMBER("impersonate", FLAG)
#define ENTRY_MEMBERS                                                                                          \
	MEMBER("id", TEXT) "," MEMBER("time", DATE) "," MEMBER("user", TEXT) "," MEMBER("cluster", TEXT) ","   \
	MEMBER("command", TEXT) "," MEMBER("verb", TEXT) "," MEMBER("resource", TEXT) ","                      \
	MEMBER("namespace", TEXT) "," MEMBER("name", TEXT) "," MEMBER("status", NUMBER) ","                    \
	MEMBER("decision", TEXT) "," MEMBER("rule", TEXT) "," MEMBER("source", TEXT) ","                       \
	MEMBER("duration_ms", NUMBER) "," MEMBER("hash", TEXT) "," MEMBER("count", NUMBER)

/* Required members are those that are always there; tests hold central's answers against these. */
const char central_schemas[] = "{"
	MEMBER("Login", OBJECT("\"email\",\"password\"", MEMBER("email", TEXT) "," MEMBER("password", TEXT))) ","
	MEMBER("Session", OBJECT("\"token\",\"expires_at\",\"refresh_token\"", MEMBER("token", TEXT) ","
		MEMBER("expires_at", DATE) "," MEMBER("refresh_token", TEXT))) ","
	MEMBER("Refresh", OBJECT("\"refresh_token\"", MEMBER("refresh_token", TEXT))) ","
	MEMBER("NewPassword", OBJECT("\"old\",\"new\"", MEMBER("old", TEXT) "," MEMBER("new", TEXT))) ","
	MEMBER("Me", OBJECT("\"email\",\"roles\",\"clusters\",\"expires_at\"", MEMBER("email", TEXT) ","
		MEMBER("roles", LIST(TEXT)) "," MEMBER("clusters", LIST(REF("Rule"))) "," MEMBER("expires_at", DATE))) ","
	MEMBER("Rule", RULE) ","
	MEMBER("KeySet", OBJECT("\"keys\"", MEMBER("keys", LIST(OBJECT("\"kid\",\"kty\",\"n\",\"e\"",
		MEMBER("kid", TEXT) "," MEMBER("kty", TEXT) "," MEMBER("alg", TEXT) "," MEMBER("use", TEXT) ","
		MEMBER("n", TEXT) "," MEMBER("e", TEXT)))))) ","
	MEMBER("Cluster", OBJECT("\"id\",\"name\",\"status\",\"last_seen\",\"labels\",\"metadata\"", MEMBER("id", TEXT) ","
		MEMBER("name", TEXT) "," MEMBER("status", TEXT) "," MEMBER("last_seen", DATE_OR_NULL) ","
		MEMBER("labels", TYPE("object")) "," MEMBER("metadata", TYPE("object")))) ","
	MEMBER("Clusters", LIST_OF("clusters", "Cluster")) ","
	MEMBER("NewCluster", OBJECT("\"name\"", MEMBER("name", TEXT) "," MEMBER("labels", TYPE("object")) ","
		AGENT_OPTIONS)) ","
	MEMBER("NewClusterAnswer", OBJECT("\"id\",\"name\",\"status\",\"token\",\"ca_sha256\",\"manifest\"",
		MEMBER("id", TEXT) "," MEMBER("name", TEXT) "," MEMBER("status", TEXT) "," MEMBER("token", TEXT) ","
		MEMBER("ca_sha256", TEXT) "," MEMBER("manifest", TEXT))) ","
	MEMBER("NewToken", "{\"type\":\"object\",\"properties\":{" AGENT_OPTIONS "}}") ","
	MEMBER("JoinToken", OBJECT("\"token\"", MEMBER("token", TEXT) "," MEMBER("ca_sha256", TEXT) ","
		MEMBER("manifest", TEXT))) ","
	MEMBER("Command", OBJECT("\"command\"", MEMBER("command", LIST(TEXT)) "," MEMBER("stdin", TEXT) ","
		MEMBER("files", "{\"type\":\"object\",\"additionalProperties\":" TEXT "}") ","
		MEMBER("timeout_s", NUMBER))) ","
	MEMBER("CommandResult", OBJECT("\"output\",\"exit_code\"", MEMBER("output", TEXT) ","
		MEMBER("stderr", TEXT) "," MEMBER("exit_code", NUMBER))) ","
	MEMBER("CommandLine", OBJECT("", MEMBER("stream", TEXT) "," MEMBER("data", TEXT) ","
		MEMBER("exit_code", NUMBER) "," MEMBER("error", TEXT))) ","
	MEMBER("AuditEvent", "{\"type\":\"object\",\"description\":\"audit.k8s.io/v1 Event\"}") ","
	MEMBER("User", OBJECT("\"id\",\"email\",\"roles\",\"disabled\",\"created_at\"", MEMBER("id", TEXT) ","
		MEMBER("email", TEXT) "," MEMBER("roles", LIST(TEXT)) "," MEMBER("disabled", FLAG) ","
		MEMBER("created_at", DATE))) ","
	MEMBER("Users", LIST_OF("users", "User")) ","
	MEMBER("NewUser", OBJECT("\"email\",\"password\"", MEMBER("email", TEXT) "," MEMBER("password", TEXT) ","
		MEMBER("roles", LIST(TEXT)))) ","
	MEMBER("UserChange", "{\"type\":\"object\",\"properties\":{" MEMBER("password", TEXT) ","
		MEMBER("disabled", FLAG) "}}") ","
	MEMBER("RoleNames", OBJECT("\"roles\"", MEMBER("roles", LIST(TEXT)))) ","
	MEMBER("Role", OBJECT("\"name\",\"clusters\"", MEMBER("name", TEXT) ","
		MEMBER("clusters", LIST(REF("Rule"))))) ","
	MEMBER("Roles", LIST_OF("roles", "Role")) ","
	MEMBER("RoleDocument", "{\"type\":\"object\",\"properties\":{" MEMBER("roles", LIST(REF("Role"))) ","
		MEMBER("users", LIST(OBJECT("\"email\",\"roles\"", MEMBER("email", TEXT) ","
		MEMBER("roles", LIST(TEXT))))) "}}") ","
	MEMBER("Why", OBJECT("\"user\",\"cluster\",\"verb\",\"resource\",\"allowed\",\"rule\",\"reason\",\"rules\"",
		MEMBER("user", TEXT) "," MEMBER("cluster", TEXT) "," MEMBER("verb", TEXT) "," MEMBER("group", TEXT) ","
		MEMBER("resource", TEXT) "," MEMBER("subresource", TEXT) "," MEMBER("namespace", TEXT) ","
		MEMBER("name", TEXT) "," MEMBER("allowed", FLAG) "," MEMBER("role_verb", TEXT) "," MEMBER("rule", TEXT) ","
		MEMBER("only_namespaces", LIST(TEXT)) "," MEMBER("reason", TEXT) "," MEMBER("rules", LIST(OBJECT(
		"\"role\",\"rule\",\"clusters\",\"lacks\"", MEMBER("role", TEXT) "," MEMBER("rule", NUMBER) ","
		MEMBER("clusters", TEXT) "," MEMBER("lacks", TEXT)))))) ","
	MEMBER("AuditEntry", OBJECT("\"id\",\"time\",\"user\",\"cluster\",\"command\",\"verb\",\"resource\",\"namespace\","
		"\"name\",\"status\",\"decision\",\"rule\",\"source\",\"duration_ms\",\"hash\"", ENTRY_MEMBERS)) ","
	MEMBER("AuditPage", OBJECT("\"entries\"", MEMBER("entries", LIST(REF("AuditEntry"))) ","
		MEMBER("next_cursor", TEXT))) ","
	MEMBER("AuditReport", OBJECT("\"ok\",\"rows\",\"first_bad_row\",\"signed_until_row\",\"pruned_until_row\","
		"\"sentence\"", MEMBER("ok", FLAG) "," MEMBER("rows", NUMBER) "," MEMBER("first_bad_row", NUMBER) ","
		MEMBER("signed_until_row", NUMBER) "," MEMBER("pruned_until_row", NUMBER) "," MEMBER("sentence", TEXT)))
	"}";
