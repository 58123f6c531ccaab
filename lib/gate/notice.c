/*
 * Notices of commands that worked on the state directory: small JSON files in a folder of their
 * own.
 */
#include "lib/gate/notice.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/crypto/random.h"
#include "lib/format/json.h"
#include "lib/gate/uuid.h"

#define SUFFIX ".json"

enum { NOTICE_MAX = 4096, ID_LEN = RANDOM_UUID_SIZE - 1 };

int notice_post(const char *state_dir, const char *verb, const char *resource, const char *name,
		struct err *e)
{
	AUTO_FREE char *folder = mem_printf("%s/" NOTICE_FOLDER, state_dir);
	AUTO_FREE char *path = NULL;
	AUTO_JSON struct json *doc = json_new_object();
	AUTO_BUF struct buf text;
	char id[RANDOM_UUID_SIZE];

	buf_init(&text, NOTICE_MAX);
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return err_set_errno(e, ERR_IO, errno, "making the folder %s", folder);
	random_uuid(id);
	path = mem_printf("%s/%s" SUFFIX, folder, id);
	json_set_int(doc, "time_unix_us", clock_unix_us());
	json_set_str(doc, "verb", verb);
	json_set_str(doc, "resource", resource);
	json_set_str(doc, "name", name);
	json_print(doc, JSON_COMPACT, &text);
	if (buf_ok(&text, "the notice", e) < 0)
		return -1;
	return file_write_atomic(path, buf_span(&text), 0600, e);
}

/* "<uuid>.json" */
static bool is_notice(const char *file)
{
	return strlen(file) == ID_LEN + sizeof(SUFFIX) - 1 && strcmp(file + ID_LEN, SUFFIX) == 0 &&
	       uuid_valid(span_from(file, ID_LEN));
}

bool notice_is_waiting(const char *state_dir)
{
	AUTO_FREE char *folder = mem_printf("%s/" NOTICE_FOLDER, state_dir);
	const struct dirent *entry;
	bool is_waiting = false;
	DIR *dir = opendir(folder);

	while (dir && !is_waiting && (entry = readdir(dir)) != NULL)
		is_waiting = is_notice(entry->d_name);
	if (dir)
		(void)closedir(dir);
	return is_waiting;
}

static int copy_member(const struct json *doc, const char *member, char *into, size_t into_size)
{
	const char *text = json_str(doc, member);

	return text ? span_to_str(span_of(text), into, into_size) : -1;
}

static int notice_read(const char *path, const char *file, struct notice *ret, struct err *e)
{
	AUTO_JSON struct json *doc = NULL;
	AUTO_BUF struct buf text;

	buf_init(&text, NOTICE_MAX);
	if (file_read(path, &text, e) < 0 ||
	    json_parse(buf_span(&text), JSON_LIMITS(NOTICE_MAX), &doc, e) < 0)
		return -1;
	memcpy(ret->id, file, ID_LEN);
	ret->id[ID_LEN] = '\0';
	if (json_int(doc, "time_unix_us", &ret->time_unix_us) < 0 ||
	    copy_member(doc, "verb", ret->verb, sizeof(ret->verb)) < 0 ||
	    copy_member(doc, "resource", ret->resource, sizeof(ret->resource)) < 0 ||
	    copy_member(doc, "name", ret->name, sizeof(ret->name)) < 0)
		return err_set(e, ERR_INPUT, "%s is no notice", path);
	return 0;
}

static int take_one(const char *path, const char *file,
		    int (*take)(void *arg, const struct notice *n, struct err *e), void *arg,
		    struct err *e)
{
	struct err unread = { 0 };
	struct notice n;

	if (notice_read(path, file, &n, &unread) < 0)
		log_event(LOG_WARN, "notice dropped", LOG_STR("error", unread.text));
	else if (take(arg, &n, e) < 0)
		return -1;
	return unlink(path) == 0 ? 0 : err_set_errno(e, ERR_IO, errno, "removing %s", path);
}

int notice_take_all(const char *state_dir,
		    int (*take)(void *arg, const struct notice *n, struct err *e), void *arg,
		    struct err *e)
{
	AUTO_FREE char *folder = mem_printf("%s/" NOTICE_FOLDER, state_dir);
	const struct dirent *entry;
	DIR *dir = opendir(folder);
	int rc = 0;

	if (!dir)
		return errno == ENOENT ? 0 : err_set_errno(e, ERR_IO, errno, "reading %s", folder);
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		AUTO_FREE char *path = mem_printf("%s/%s", folder, entry->d_name);

		if (is_notice(entry->d_name))
			rc = take_one(path, entry->d_name, take, arg, e);
	}
	(void)closedir(dir);
	return rc;
}
