/* Recordings of sessions: the loop's side, and reading them. */
#include "lib/gate/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/gate/recorder_inner.h"
#include "lib/gate/uuid.h"

int recorder_open(const struct recorder_options *o, struct recorder **ret_recorder, struct err *e)
{
	struct recorder *r;

	if (mkdir(o->folder, 0700) < 0 && errno != EEXIST)
		return err_set_errno(e, ERR_IO, errno, "making the folder %s", o->folder);
	r = mem_new(sizeof(*r));
	r->folder = mem_dup_str(o->folder);
	r->retention_ms = o->retention_ms;
	r->loop = o->loop;
	r->last = &r->first;
	(void)pthread_mutex_init(&r->lock, NULL);
	(void)pthread_cond_init(&r->wake, NULL);
	if (pthread_create(&r->thread, NULL, recorder_run, r) != 0) {
		free(r->folder);
		free(r);
		return err_set(e, ERR_NOMEM, "the recordings' thread cannot be started");
	}
	*ret_recorder = r;
	return 0;
}

void recorder_close(struct recorder *r)
{
	if (!r)
		return;
	(void)pthread_mutex_lock(&r->lock);
	r->stop = true;
	(void)pthread_cond_signal(&r->wake);
	(void)pthread_mutex_unlock(&r->lock);
	(void)pthread_join(r->thread, NULL);
	while (r->recordings)
		recording_free(r->recordings);
	(void)pthread_mutex_destroy(&r->lock);
	(void)pthread_cond_destroy(&r->wake);
	free(r->folder);
	free(r);
}

void recording_free(struct recording *rec)
{
	struct recorder *r = rec->recorder;

	(void)pthread_mutex_lock(&r->lock);
	if (rec->prev)
		rec->prev->next = rec->next;
	else
		r->recordings = rec->next;
	if (rec->next)
		rec->next->prev = rec->prev;
	(void)pthread_mutex_unlock(&r->lock);
	if (rec->fd >= 0)
		(void)close(rec->fd);
	free(rec->path);
	free(rec->title);
	free(rec);
}

void recording_tell(void *arg)
{
	struct recording *rec = arg;
	unsigned news = atomic_exchange(&rec->news, 0);

	if (rec->owner && (news & NEWS_READY))
		rec->events->on_ready(rec->owner, &rec->begin_why);
	if (rec->owner && (news & NEWS_FAILED))
		rec->events->on_failed(rec->owner, &rec->why);
	if (rec->owner && (news & NEWS_DRAINED))
		rec->events->on_drained(rec->owner);
	if (news & NEWS_OVER)
		recording_free(rec);
}

static void hand_over(struct recording *rec, const struct recorder_job *like, struct span bytes)
{
	struct recorder_job *job = mem_new(sizeof(*job) + bytes.len);
	struct recorder *r = rec->recorder;

	*job = *like;
	job->recording = rec;
	job->time_us = (int64_t)clock_mono_us();
	job->len = bytes.len;
	if (bytes.len)
		memcpy(job->bytes, bytes.at, bytes.len);
	atomic_fetch_add(&rec->waiting, bytes.len);
	(void)pthread_mutex_lock(&r->lock);
	*r->last = job;
	r->last = &job->next;
	(void)pthread_cond_signal(&r->wake);
	(void)pthread_mutex_unlock(&r->lock);
}

struct recording *recording_begin(struct recorder *r, const char *id, const char *title,
				  const struct recording_events *events, void *owner)
{
	struct recording *rec = mem_new(sizeof(*rec));

	rec->recorder = r;
	rec->events = events;
	rec->owner = owner;
	rec->path = mem_printf("%s/%s.cast", r->folder, id);
	rec->title = mem_dup_str(title);
	rec->fd = -1;
	rec->begin_us = (int64_t)clock_mono_us();
	rec->begin_unix_s = clock_unix_s();
	(void)pthread_mutex_lock(&r->lock);
	rec->next = r->recordings;
	if (rec->next)
		rec->next->prev = rec;
	r->recordings = rec;
	(void)pthread_mutex_unlock(&r->lock);
	hand_over(rec, &(struct recorder_job){ .act = RECORD_BEGIN }, SPAN_NONE);
	return rec;
}

void recording_output(struct recording *rec, int stream, struct span bytes)
{
	if (bytes.len)
		hand_over(rec, &(struct recorder_job){ .act = RECORD_OUTPUT, .stream = stream }, bytes);
}

void recording_resize(struct recording *rec, unsigned width, unsigned height)
{
	hand_over(rec, &(struct recorder_job){ .act = RECORD_RESIZE, .width = width, .height = height }, SPAN_NONE);
}

bool recording_is_full(const struct recording *rec)
{
	return atomic_load(&rec->waiting) > RECORDING_FULL_LEN;
}

void recording_end(struct recording *rec, bool keep)
{
	rec->owner = NULL;
	hand_over(rec, &(struct recorder_job){ .act = keep ? RECORD_END : RECORD_DROP }, SPAN_NONE);
}

static int read_part(int fd, uint64_t offset, size_t len_max, struct buf *into, struct err *e)
{
	char *room = buf_reserve(into, len_max);
	size_t len = 0;
	ssize_t got = 1;

	while (room && len < len_max && got != 0) {
		got = pread(fd, room + len, len_max - len, (off_t)(offset + len));
		if (got < 0 && errno != EINTR)
			return err_set_errno(e, ERR_IO, errno, "reading a recording");
		len += got > 0 ? (size_t)got : 0;
	}
	buf_commit(into, len);
	return buf_ok(into, "the recording", e);
}

int recording_read(const char *folder, const char *id, uint64_t offset, size_t len_max, struct buf *into,
		   struct err *e)
{
	AUTO_FREE char *path = NULL;
	int fd, rc;

	if (!uuid_valid(span_of(id)))
		return err_set(e, ERR_NOT_FOUND, "a recording is named by the id of its row in the audit trail");
	path = mem_printf("%s/%s.cast", folder, id);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, "there is no recording of %s", id);
	if (fd < 0)
		return err_set_errno(e, ERR_IO, errno, "opening %s", path);
	rc = read_part(fd, offset, len_max, into, e);
	(void)close(fd);
	return rc;
}
