/* What an SQL engine gives to the rest of the room beside lib/store/store.h. */
#ifndef MK8S_STORE_ENGINE_H
#define MK8S_STORE_ENGINE_H

#include "lib/store/store.h"

/* Runs several statements, with the words of the dialect replaced where the engine lacks them. */
int engine_run_script(struct store *s, const char *sql, struct err *e);

/*
 * Brings the schema to the newest of `migrations` in one transaction, or (`check_only`) refuses
 * any other. For an engine's store_open.
 */
int store_migrate(struct store *s, const struct store_migration *migrations, size_t count,
		  bool check_only, struct err *e);

#endif
