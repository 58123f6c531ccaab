/* Recordings of sessions: the thread that writes and prunes them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/utf8.h"
#include "lib/gate/recorder_inner.h"
#include "lib/net/loop.h"

enum {
	WIDTH = 80, /* of a session without a terminal, or before it says its size */
	HEIGHT = 24,
	CHARACTER_MAX = 4,
	LINE_MAX_LEN = 64 * 1024 * 1024,
	CHECK_EVERY = 1024 * 1024,
	ROOM_PART = 10,
	PRUNE_MIN_MS = 1000,
	PRUNE_MAX_MS = 600 * 1000,
};
#define ROOM_ENOUGH (1024ULL * 1024 * 1024)

static void post(struct recording *rec, enum recorder_news news)
{
	if (atomic_fetch_or(&rec->news, (unsigned)news) == 0)
		loop_post(rec->recorder->loop, recording_tell, rec);
}

/* Files. */

/* The trail stands on the same disk, and without it nothing may be changed: a tenth, at most 1 GiB, is left to it. */
static int check_room(const struct recorder *r, struct err *e)
{
	struct statvfs st;
	uint64_t least;

	if (statvfs(r->folder, &st) < 0)
		return err_set_errno(e, ERR_IO, errno, "looking at the disk of %s", r->folder);
	least = (uint64_t)st.f_blocks * st.f_frsize / ROOM_PART;
	if (least > ROOM_ENOUGH)
		least = ROOM_ENOUGH;
	return (uint64_t)st.f_bavail * st.f_frsize < least ?
		       err_set(e, ERR_IO, "the disk of the recordings is nearly full") :
		       0;
}

static int write_all(struct recording *rec, struct span text, struct err *e)
{
	struct recorder *r = rec->recorder;

	r->since_check += text.len;
	if (r->since_check > CHECK_EVERY) {
		r->since_check = 0;
		if (check_room(r, e) < 0)
			return -1;
	}
	while (text.len) {
		ssize_t done = write(rec->fd, text.at, text.len);

		if (done < 0 && errno != EINTR)
			return err_set_errno(e, ERR_IO, errno, "writing %s", rec->path);
		if (done > 0)
			text = span_from(text.at + done, text.len - (size_t)done);
	}
	return 0;
}

static int write_line(struct recording *rec, struct buf *line, struct err *e)
{
	(void)buf_put_char(line, '\n');
	return buf_ok(line, "a recorded line", e) < 0 ? -1 : write_all(rec, buf_span(line), e);
}

static int write_header(struct recording *rec, struct err *e)
{
	AUTO_JSON struct json *head = json_new_object();
	AUTO_BUF struct buf line;

	buf_init(&line, LINE_MAX_LEN);
	rec->has_header = true;
	json_set_int(head, "version", 2);
	json_set_int(head, "width", rec->width ? rec->width : WIDTH);
	json_set_int(head, "height", rec->height ? rec->height : HEIGHT);
	json_set_int(head, "timestamp", rec->begin_unix_s);
	json_set_str(head, "title", rec->title);
	json_print(head, JSON_COMPACT, &line);
	return write_line(rec, &line, e);
}

static int write_event(struct recording *rec, int64_t time_us, const char *code, struct span text, struct err *e)
{
	int64_t at_us = time_us - rec->begin_us;
	AUTO_BUF struct buf line;

	buf_init(&line, LINE_MAX_LEN);
	if (!rec->has_header && write_header(rec, e) < 0)
		return -1;
	(void)buf_printf(&line, "[%lld.%06lld, \"%s\", ", (long long)(at_us / 1000000), (long long)(at_us % 1000000),
			 code);
	json_put_quoted(&line, text);
	(void)buf_put_char(&line, ']');
	return write_line(rec, &line, e);
}

/* How many bytes at the end may be the beginning of a character. */
static size_t unfinished(struct span text)
{
	for (size_t back = 1; back < CHARACTER_MAX && back <= text.len; back++) {
		unsigned char c = (unsigned char)text.at[text.len - back];

		if ((c & 0xc0) == 0x80)
			continue;
		return c >= 0xc2 && (size_t)(c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2) > back ? back : 0;
	}
	return 0;
}

static int write_output(struct recording *rec, const struct recorder_job *job, struct err *e)
{
	int which = job->stream == 2;
	AUTO_BUF struct buf text;
	struct span whole;

	buf_init(&text, LINE_MAX_LEN);
	(void)buf_put(&text, rec->tail[which], rec->tail_len[which]);
	(void)buf_put(&text, job->bytes, job->len);
	if (buf_ok(&text, "the output", e) < 0)
		return -1;
	whole = buf_span(&text);
	rec->tail_len[which] = unfinished(whole);
	whole.len -= rec->tail_len[which];
	memcpy(rec->tail[which], whole.at + whole.len, rec->tail_len[which]);
	return whole.len ? write_event(rec, job->time_us, "o", whole, e) : 0;
}

static int write_resize(struct recording *rec, const struct recorder_job *job, struct err *e)
{
	char text[32];
	bool is_first = !rec->has_header, is_new = job->width != rec->width || job->height != rec->height;

	rec->width = job->width;
	rec->height = job->height;
	if (is_first)
		return write_header(rec, e);
	(void)snprintf(text, sizeof(text), "%ux%u", job->width, job->height);
	return is_new ? write_event(rec, job->time_us, "r", span_of(text), e) : 0;
}

static int write_end(struct recording *rec, const struct recorder_job *job, struct err *e)
{
	if (!rec->has_header && write_header(rec, e) < 0)
		return -1;
	for (int i = 0; i < 2; i++)
		if (rec->tail_len[i] &&
		    write_event(rec, job->time_us, "o", span_from(rec->tail[i], rec->tail_len[i]), e) < 0)
			return -1;
	return fsync(rec->fd) < 0 ? err_set_errno(e, ERR_IO, errno, "writing %s", rec->path) : 0;
}

static int begin(struct recording *rec, struct err *e)
{
	if (check_room(rec->recorder, e) < 0)
		return -1;
	rec->fd = open(rec->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	return rec->fd < 0 ? err_set_errno(e, ERR_IO, errno, "making %s", rec->path) : 0;
}

static void fail(struct recording *rec, const struct err *why)
{
	log_event(LOG_ERROR, "a session cannot be recorded", LOG_STR("error", why->text));
	if (rec->fd >= 0)
		(void)close(rec->fd);
	rec->fd = -1;
}

static void act(struct recording *rec, const struct recorder_job *job)
{
	struct err e = { 0 };
	bool was_open = rec->fd >= 0;
	int rc = 0;

	if (job->act == RECORD_BEGIN)
		rc = begin(rec, &e);
	else if (was_open && job->act == RECORD_OUTPUT)
		rc = write_output(rec, job, &e);
	else if (was_open && job->act == RECORD_RESIZE)
		rc = write_resize(rec, job, &e);
	else if (was_open && job->act == RECORD_END)
		rc = write_end(rec, job, &e);
	else if (was_open)
		rc = unlink(rec->path) < 0 ? err_set_errno(&e, ERR_IO, errno, "removing %s", rec->path) : 0;
	if (rc < 0)
		fail(rec, &e);
	if (job->act == RECORD_BEGIN) {
		rec->begin_why = e;
		post(rec, NEWS_READY);
	} else if (rc < 0 && job->act < RECORD_END) {
		rec->why = e;
		post(rec, NEWS_FAILED);
	}
}

static void do_job(struct recorder_job *job)
{
	struct recording *rec = job->recording;
	size_t waited;

	act(rec, job);
	waited = atomic_fetch_sub(&rec->waiting, job->len);
	if (waited > RECORDING_FULL_LEN && waited - job->len <= RECORDING_FULL_LEN)
		post(rec, NEWS_DRAINED);
	if (job->act >= RECORD_END)
		post(rec, NEWS_OVER);
	free(job);
}

/* Pruning. */

static bool is_under_way(struct recorder *r, const char *path)
{
	const struct recording *rec;

	(void)pthread_mutex_lock(&r->lock);
	rec = r->recordings;
	while (rec && strcmp(rec->path, path) != 0)
		rec = rec->next;
	(void)pthread_mutex_unlock(&r->lock);
	return rec != NULL;
}

static void remove_if_old(struct recorder *r, const char *name, int64_t before_unix_s)
{
	AUTO_FREE char *path = mem_printf("%s/%s", r->folder, name);
	struct stat st;

	if (!span_ends(span_of(name), SPAN(".cast")) || lstat(path, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_mtim.tv_sec >= before_unix_s || is_under_way(r, path))
		return;
	if (unlink(path) == 0)
		log_event(LOG_INFO, "recording pruned", LOG_STR("file", name));
	else
		log_event(LOG_ERROR, "a recording could not be pruned", LOG_STR("file", name));
}

static void prune(struct recorder *r)
{
	int64_t before_unix_s = clock_unix_s() - (int64_t)(r->retention_ms / 1000);
	const struct dirent *entry;
	DIR *dir = opendir(r->folder);

	while (dir && (entry = readdir(dir)) != NULL)
		remove_if_old(r, entry->d_name, before_unix_s);
	if (dir)
		(void)closedir(dir);
}

static uint64_t prune_every_ms(const struct recorder *r)
{
	uint64_t every = r->retention_ms / 10;

	return every < PRUNE_MIN_MS ? PRUNE_MIN_MS : every > PRUNE_MAX_MS ? PRUNE_MAX_MS : every;
}

static void prune_in_time(struct recorder *r)
{
	if (!r->retention_ms || clock_mono_ms() < r->prune_at_ms)
		return;
	prune(r);
	r->prune_at_ms = clock_mono_ms() + prune_every_ms(r);
}

/* Waits for a job, at most until it is time to prune. Under the lock. */
static void await_job(struct recorder *r)
{
	struct timespec until;
	uint64_t wait_ms = prune_every_ms(r);

	if (!r->retention_ms) {
		(void)pthread_cond_wait(&r->wake, &r->lock);
		return;
	}
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)(wait_ms / 1000);
	(void)pthread_cond_timedwait(&r->wake, &r->lock, &until);
}

void *recorder_run(void *arg)
{
	struct recorder *r = arg;
	struct recorder_job *job;

	(void)pthread_mutex_lock(&r->lock);
	while (r->first || !r->stop) {
		job = r->first;
		if (job) {
			r->first = job->next;
			if (!r->first)
				r->last = &r->first;
		} else {
			await_job(r);
		}
		(void)pthread_mutex_unlock(&r->lock);
		if (job)
			do_job(job);
		prune_in_time(r);
		(void)pthread_mutex_lock(&r->lock);
	}
	(void)pthread_mutex_unlock(&r->lock);
	return NULL;
}
