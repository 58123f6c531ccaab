/* What the recorder's two files share. */
#ifndef MK8S_GATE_RECORDER_INNER_H
#define MK8S_GATE_RECORDER_INNER_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/gate/recorder.h"

#define RECORDING_FULL_LEN (1024 * 1024) /* waiting for the writer, above what a stream's window lets in besides */

/* What the loop is to be told; bits. */
enum recorder_news { NEWS_READY = 1, NEWS_FAILED = 2, NEWS_DRAINED = 4, NEWS_OVER = 8 };

enum recorder_act { RECORD_BEGIN, RECORD_OUTPUT, RECORD_RESIZE, RECORD_END, RECORD_DROP };

/* Something to be written, in one block with its bytes. */
struct recorder_job {
	struct recorder_job *next;
	struct recording *recording;
	enum recorder_act act;
	int stream;
	unsigned width, height;
	int64_t time_us; /* monotonic */
	size_t len;
	char bytes[];
};

struct recording {
	struct recorder *recorder;
	struct recording *next, *prev; /* all of the recorder's; under its lock */
	/* The loop's. */
	const struct recording_events *events;
	void *owner; /* NULL after recording_end */
	atomic_size_t waiting; /* bytes of jobs */
	atomic_uint news;      /* the loop has been called where it is not 0 */
	struct err begin_why, why; /* set before the news that tells of them */
	/* The writer's. */
	char *path, *title;
	int fd; /* -1: not open, or failed */
	bool has_header;
	unsigned width, height;
	int64_t begin_us, begin_unix_s;
	char tail[2][4]; /* a character that has not come whole, of each stream */
	size_t tail_len[2];
};

struct recorder {
	char *folder;
	uint64_t retention_ms;
	struct loop *loop;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	struct recorder_job *first, **last;
	struct recording *recordings;
	bool stop;
	/* The writer's. */
	uint64_t prune_at_ms;
	uint64_t since_check; /* bytes written since the disk's room was looked at */
};

/* The thread. */
void *recorder_run(void *recorder);
/* On the loop: tells the owner; the last news frees the recording. */
void recording_tell(void *recording);
/* Takes it out of the list and gives its memory back. */
void recording_free(struct recording *rec);

#endif
