/* The schema of central's state: the seed's tables, with integer times and hashed secrets. */
#include "lib/base/attr.h"
#include "lib/gate/directory_inner.h"

const struct store_migration directory_migrations[] = {
	{ 1,
	  "CREATE TABLE users (\n"
	  "	id TEXT PRIMARY KEY,\n"
	  "	email TEXT NOT NULL UNIQUE,\n"
	  "	password TEXT NOT NULL,\n" /* bcrypt */
	  "	disabled INTEGER NOT NULL DEFAULT 0,\n"
	  "	created_unix_s INTEGER NOT NULL,\n"
	  "	updated_unix_s INTEGER NOT NULL\n"
	  ") STRICT;\n"
	  "CREATE TABLE roles (\n"
	  "	id TEXT PRIMARY KEY,\n"
	  "	name TEXT NOT NULL UNIQUE,\n"
	  "	permissions TEXT NOT NULL,\n" /* the role's JSON */
	  "	created_unix_s INTEGER NOT NULL\n"
	  ") STRICT;\n"
	  "CREATE TABLE user_roles (\n"
	  "	user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,\n"
	  "	role_id TEXT NOT NULL REFERENCES roles(id),\n"
	  "	PRIMARY KEY (user_id, role_id)\n"
	  ") STRICT;\n"
	  "CREATE INDEX user_roles_role ON user_roles(role_id);\n"
	  "CREATE TABLE clusters (\n"
	  "	id TEXT PRIMARY KEY,\n"
	  "	name TEXT NOT NULL UNIQUE,\n"
	  "	agent_token TEXT NOT NULL,\n" /* SHA-256, hex */
	  "	labels TEXT NOT NULL,\n"
	  "	metadata TEXT NOT NULL,\n"
	  "	last_seen_unix_s INTEGER NOT NULL DEFAULT 0,\n"
	  "	created_unix_s INTEGER NOT NULL\n"
	  ") STRICT;\n"
	  "CREATE TABLE agent_certs (\n"
	  "	serial TEXT PRIMARY KEY,\n"
	  "	cluster_id TEXT NOT NULL REFERENCES clusters(id) ON DELETE CASCADE,\n"
	  "	expires_unix_s INTEGER NOT NULL\n"
	  ") STRICT;\n"
	  "CREATE INDEX agent_certs_cluster ON agent_certs(cluster_id);\n"
	  "CREATE INDEX agent_certs_expiry ON agent_certs(expires_unix_s);\n"
	  "CREATE TABLE sessions (\n"
	  "	sid TEXT PRIMARY KEY,\n"
	  "	user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,\n"
	  "	created_unix_s INTEGER NOT NULL,\n"
	  "	expires_unix_s INTEGER NOT NULL\n"
	  ") STRICT;\n"
	  "CREATE INDEX sessions_user ON sessions(user_id);\n"
	  "CREATE INDEX sessions_expiry ON sessions(expires_unix_s);\n"
	  "CREATE TABLE refresh_tokens (\n"
	  "	token TEXT PRIMARY KEY,\n" /* SHA-256, hex */
	  "	sid TEXT NOT NULL REFERENCES sessions(sid) ON DELETE CASCADE,\n"
	  "	used INTEGER NOT NULL DEFAULT 0,\n"
	  "	expires_unix_s INTEGER NOT NULL\n"
	  ") STRICT;\n"
	  "CREATE INDEX refresh_tokens_session ON refresh_tokens(sid);\n" },
};
const size_t directory_migration_count = COUNT_OF(directory_migrations);
