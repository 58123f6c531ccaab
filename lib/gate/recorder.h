/*
 * Recordings of sessions: asciicast v2 files (docs.asciinema.org), one a session, ID.cast, 0600, in a folder.
 *
 * One thread writes; the loop only hands over. A recording that cannot be written fails, and its owner ends the
 * session: nothing goes on unrecorded. Every event is in the file when the thread has taken it, so that the death of
 * the process leaves all lines but the newest.
 */
#ifndef MK8S_GATE_RECORDER_H
#define MK8S_GATE_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

#define RECORDINGS_FOLDER "recordings"

struct loop;
struct recorder;
struct recording;

struct recorder_options {
	const char *folder;    /* made where it is missing, 0700 */
	uint64_t retention_ms; /* recordings whose last event is older are removed; 0: all stay */
	struct loop *loop;     /* events go here */
};

/* The caller owns it. */
int recorder_open(const struct recorder_options *o, struct recorder **ret_recorder, struct err *e);
/* Writes what waits and ends the thread; owners hear nothing any more. Takes NULL. */
void recorder_close(struct recorder *r);

/* Called on the loop, until recording_end. */
struct recording_events {
	/* The file is there (why->code ERR_NONE), or cannot be made. */
	void (*on_ready)(void *owner, const struct err *why);
	/* An event could not be written; the recording takes no more. */
	void (*on_failed)(void *owner, const struct err *why);
	/* What waited has been written: recording_is_full is false again. */
	void (*on_drained)(void *owner);
};

/* Everything below is for the loop's thread. */

/* Begins a recording, `title` is shown by players. Both texts are copied. Never NULL; on_ready follows. */
struct recording *recording_begin(struct recorder *r, const char *id, const char *title,
				  const struct recording_events *events, void *owner);
/* What the command wrote; `stream` 1 or 2. Bytes that are no UTF-8 are shown as U+FFFD. */
void recording_output(struct recording *rec, int stream, struct span bytes);
void recording_resize(struct recording *rec, unsigned width, unsigned height);
/* Whether so much waits that the session should pause until on_drained. */
bool recording_is_full(const struct recording *rec);
/*
 * The session is over, and owners hear nothing any more; the recording frees itself when its file is closed. Unless
 * `keep` the file is removed: there was no session.
 */
void recording_end(struct recording *rec, bool keep);

/*
 * Appends at most `len_max` bytes of the recording of `id` from `offset` on; nothing at its end. ERR_NOT_FOUND when
 * there is none. From any thread.
 */
int recording_read(const char *folder, const char *id, uint64_t offset, size_t len_max, struct buf *into,
		   struct err *e);

#endif
