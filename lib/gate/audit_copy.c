/* A copy of the trail's file while another process may write it. */
#include "lib/gate/audit_inner.h"

int audit_file_copy(const char *path, const char *to, struct err *e)
{
	struct store_options options = { .read_only = true,
					 .migrations = audit_migrations,
					 .migration_count = audit_migration_count };
	struct store *s;
	int rc;

	if (store_open(path, &options, &s, e) < 0)
		return -1;
	rc = store_backup(s, to, e);
	store_close(s);
	return rc;
}
