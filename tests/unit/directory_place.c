/* See directory_place.h. */
#include "tests/unit/directory_place.h"

#include <unistd.h>

int directory_set_up(void **state)
{
	struct place *p = mem_new(sizeof(*p));
	struct store_options o = { .migrations = directory_migrations, .migration_count = directory_migration_count };
	struct err e = { 0 };

	(void)snprintf(p->folder, sizeof(p->folder), "/tmp/mk8s-directory-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	(void)snprintf(p->path, sizeof(p->path), "%s/db", p->folder);
	if (store_open(p->path, &o, &p->store, &e) < 0 || directory_open(p->store, &p->directory, &e) < 0)
		fail_msg("%s", e.text);
	*state = p;
	return 0;
}

int directory_tear_down(void **state)
{
	static const char *const endings[] = { "", "-wal", "-shm" };
	struct place *p = *state;

	directory_free(p->directory);
	store_close(p->store);
	for (size_t i = 0; i < COUNT_OF(endings); i++) {
		AUTO_FREE char *path = mem_printf("%s%s", p->path, endings[i]);

		(void)unlink(path);
	}
	assert_int_equal(rmdir(p->folder), 0);
	free(p);
	return 0;
}

void user_make(struct place *p, const char *email, const char *role, const char *second_role)
{
	char *roles[] = { (char *)(uintptr_t)role, (char *)(uintptr_t)second_role, NULL };
	struct directory_user user;
	struct err e = { 0 };

	if (directory_user_add(p->directory, email, PASSWORD, role ? roles : NULL, &user, &e) < 0)
		fail_msg("%s: %s", email, e.text);
	directory_user_free(&user);
}

int64_t later(int64_t s)
{
	return clock_unix_s() + s;
}
