/* Where on PATH a program is. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/process.h"

static bool is_other_program(const char *path, const struct stat *self)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0 &&
	       (st.st_ino != self->st_ino || st.st_dev != self->st_dev);
}

int process_find(const char *name, char **ret_path, struct err *e)
{
	struct span rest = span_of(getenv("PATH")), folder;
	struct stat self;

	if (stat("/proc/self/exe", &self) < 0)
		self = (struct stat){ 0 };
	if (strchr(name, '/')) {
		if (!is_other_program(name, &self))
			return err_set(e, ERR_NOT_FOUND, "%s is not a program that can be run", name);
		*ret_path = mem_dup_str(name);
		return 0;
	}
	while (rest.len && span_take_part(&rest, ':', &folder)) {
		char *path = folder.len ? mem_printf("%.*s/%s", SPAN_ARG(folder), name) :
					  mem_printf("./%s", name);

		if (is_other_program(path, &self)) {
			*ret_path = path;
			return 0;
		}
		free(path);
	}
	return err_set(e, ERR_NOT_FOUND, "%s is not installed: no folder of PATH holds it", name);
}
