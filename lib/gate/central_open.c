/* Central's state as it starts: keys, database, audit trail, the first administrator. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/crypto/random.h"
#include "lib/gate/central.h"
#include "lib/gate/central_state.h"
#include "lib/gate/recorder.h"
#include "lib/store/store.h"

#define AUDIT_QUEUE_MAX 20000

static bool is_postgres(const char *url)
{
	return url && (strncmp(url, "postgres://", 11) == 0 || strncmp(url, "postgresql://", 13) == 0);
}

static int check_driver(const struct central_config *config, struct err *e)
{
	const char *driver = config->database_driver;

	if (driver && config->database_url && (strcmp(driver, "postgres") == 0) != is_postgres(config->database_url))
		return err_set(e, ERR_INPUT, "database.driver is \"%s\", but database.url is one of %s", driver,
			       is_postgres(config->database_url) ? "postgres" : "sqlite");
	if (is_postgres(config->database_url) || (driver && strcmp(driver, "postgres") == 0))
		return err_set(e, ERR_INPUT, "database.url: this build stores in SQLite only: "
					     "sqlite:///path, or leave it out for central.db in the state directory");
	return 0;
}

int central_store_open(const struct central_config *config, struct store **ret_store, struct err *e)
{
	AUTO_FREE char *path = mem_printf("%s/central.db", config->state_dir);
	struct store_options o = { .migrations = directory_migrations, .migration_count = directory_migration_count };

	if (check_driver(config, e) < 0)
		return -1;
	return store_open(config->database_url ? config->database_url : path, &o, ret_store, e);
}

static int open_store(struct central *c, struct err *e)
{
	if (central_store_open(&c->config, &c->store, e) < 0)
		return -1;
	return directory_open(c->store, &c->directory, e);
}

static int open_audit(struct central *c, struct err *e)
{
	AUTO_FREE char *path = mem_printf("%s/audit.db", c->config.state_dir);
	struct audit_options o = {
		.path = path,
		.sign_key = keys_audit(c->keys),
		.queue_max = AUDIT_QUEUE_MAX,
		.sign_every_ms = 60000,
		.retention_ms = (uint64_t)c->config.audit_retention_ms,
		.loop = c->loop,
	};

	return audit_open(&o, &c->audit, e);
}

static int open_recorder(struct central *c, struct err *e)
{
	AUTO_FREE char *folder = mem_printf("%s/" RECORDINGS_FOLDER, c->config.state_dir);
	struct recorder_options o = {
		.folder = folder,
		.retention_ms = (uint64_t)c->config.audit_retention_ms,
		.loop = c->loop,
	};

	return c->config.audit_record_exec ? recorder_open(&o, &c->recorder, e) : 0;
}

/* The first start makes one administrator, with a password of its own unless one was given. */
static int make_admin(struct central *c, struct err *e)
{
	char *roles[] = { (char *)"admin", NULL };
	char made[RANDOM_TOKEN_SIZE];
	const char *password = c->config.admin_password;
	struct directory_user *users, admin = { 0 };
	size_t count;
	int added;

	if (directory_user_list(c->directory, &users, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		directory_user_free(&users[i]);
	free(users);
	if (count)
		return 0;
	random_token(made);
	if (!password)
		c->admin_password = mem_dup(made, 24);
	added = directory_user_add(c->directory, c->config.admin_email,
				   span_of(password ? password : c->admin_password), roles, &admin, e);
	secret_wipe(made, sizeof(made));
	directory_user_free(&admin);
	c->first_start = added == 0;
	return added < 0 ? err_context(e, "auth.admin_email, auth.admin_password") : 0;
}

/* Two centrals would each continue the audit chain that it remembers. The kernel takes the lock back at any death. */
static int lock_state(struct central *c, struct err *e)
{
	AUTO_FREE char *path = mem_printf("%s/lock", c->config.state_dir);

	c->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (c->lock_fd < 0)
		return err_set_errno(e, ERR_IO, errno, "opening %s", path);
	if (flock(c->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return err_set(e, ERR_EXISTS, "state_dir: another central runs on %s", c->config.state_dir);
	return err_set_errno(e, ERR_IO, errno, "locking %s", path);
}

int central_open_state(struct central *c, struct err *e)
{
	if (keys_open(c->config.state_dir, &c->keys, e) < 0 || lock_state(c, e) < 0 || open_store(c, e) < 0)
		return -1;
	if (directory_seed(c->directory, e) < 0 || make_admin(c, e) < 0)
		return -1;
	return open_audit(c, e) < 0 || open_recorder(c, e) < 0 ||
			       snapshot_build(c->directory, &c->snapshot, e) < 0 ? -1 : 0;
}
