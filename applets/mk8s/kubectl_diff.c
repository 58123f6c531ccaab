/* $KUBECTL_EXTERNAL_DIFF, the program that kubectl diff leaves the comparison to. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "applets/mk8s/kubectl_console.h"
#include "lib/base/mem.h"
#include "lib/base/process.h"

enum { WORDS_MAX = 64 };

const char *kubectl_console_diff_program(void)
{
	const char *program = getenv("KUBECTL_EXTERNAL_DIFF");

	return program && program[0] ? program : NULL;
}

static char *make_folder(const char *name, struct err *e)
{
	const char *where = getenv("TMPDIR");
	char *path = mem_printf("%s/%s-XXXXXX", where && where[0] ? where : "/tmp", name);

	if (mkdtemp(path))
		return path;
	(void)err_set_errno(e, ERR_IO, errno, "%s", path);
	free(path);
	return NULL;
}

static int put_file(const char *folder, const char *name, const char *text, struct err *e)
{
	AUTO_FREE char *path = mem_printf("%s/%s", folder, name);
	int fd = strchr(name, '/') ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t len = strlen(text);
	ssize_t done = 0;

	while (fd >= 0 && len && (done = write(fd, text, len)) >= 0) {
		text += done;
		len -= (size_t)done;
	}
	if (fd < 0 || len) {
		(void)err_set_errno(e, ERR_IO, errno, "%s", path);
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	return close(fd) < 0 ? err_set_errno(e, ERR_IO, errno, "%s", path) : 0;
}

static void remove_folder(const char *folder, const struct kubectl_diff *files, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *path = mem_printf("%s/%s", folder, files[i].name);

		(void)unlink(path);
	}
	(void)rmdir(folder);
}

/* kubectl passes on letters, digits, '-' and '='; other words are left out. */
static bool is_plain(const char *word)
{
	return word[0] &&
	       word[strspn(word,
			   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-=")] ==
		       '\0';
}

static bool write_output(void *owner, enum process_stream stream, struct span bytes)
{
	(void)kubectl_console_write(owner, stream == PROCESS_OUT ? KUBECTL_OUT : KUBECTL_ERR,
				    bytes);
	return true;
}

/* Cuts $KUBECTL_EXTERNAL_DIFF at its blanks, in place: the program, the folders, its words, as
 * kubectl does. */
static void read_words(char *text, const char *from, const char *to, const char *argv[])
{
	size_t count = 0;

	for (char *word = text, *end; word && count < WORDS_MAX; word = end) {
		end = strchr(word, ' ');
		if (end)
			*end++ = '\0';
		if (count && is_plain(word))
			argv[count++] = word;
		if (count || !word[0])
			continue;
		argv[count++] = word;
		argv[count++] = from;
		argv[count++] = to;
	}
}

static int run_program(const char *from, const char *to, void *owner, int *ret_status,
		       struct err *e)
{
	static const char *const all_names[] = { "*", NULL };
	AUTO_FREE char *text = mem_dup_str(kubectl_console_diff_program()), *path = NULL;
	const char *argv[WORDS_MAX + 3] = { NULL };
	struct process_result result = { 0 };
	struct process_request rq = {
		.argv = argv, .env_names = all_names, .on_output = write_output, .owner = owner
	};

	read_words(text, from, to, argv);
	if (!argv[0])
		return err_set(e, ERR_INPUT, "KUBECTL_EXTERNAL_DIFF names no program");
	if (process_find(argv[0], &path, e) < 0)
		return -1;
	rq.program = path;
	if (process_run(&rq, NULL, NULL, &result, e) < 0)
		return -1;
	*ret_status = result.status;
	return 0;
}

int kubectl_console_diff(void *owner, const struct kubectl_diff *files, size_t count,
			 int *ret_status, struct err *e)
{
	AUTO_FREE char *live = make_folder("LIVE", e),
		       *merged = live ? make_folder("MERGED", e) : NULL;
	int rc = merged ? 0 : -1;

	for (size_t i = 0; rc == 0 && i < count; i++)
		if (put_file(live, files[i].name, files[i].live, e) < 0 ||
		    put_file(merged, files[i].name, files[i].merged, e) < 0)
			rc = -1;
	if (rc == 0)
		rc = run_program(live, merged, owner, ret_status, e);
	if (live)
		remove_folder(live, files, count);
	if (merged)
		remove_folder(merged, files, count);
	return rc;
}
