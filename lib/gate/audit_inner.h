/* What the files of the audit trail share; for lib/gate/audit*.c only. */
#ifndef MK8S_GATE_AUDIT_INNER_H
#define MK8S_GATE_AUDIT_INNER_H

#include <pthread.h>

#include "lib/base/map.h"
#include "lib/crypto/hash.h"
#include "lib/gate/audit.h"
#include "lib/store/store.h"

/* A row's numbers and texts in the order of the table, which is also the order that is hashed. */
enum { AUDIT_NUMBERS = 7, AUDIT_TEXTS = 16, AUDIT_COLUMNS = 1 + AUDIT_NUMBERS + AUDIT_TEXTS + 1 };

struct audit_fields {
	int64_t number[AUDIT_NUMBERS];
	struct span text[AUDIT_TEXTS];
};

/* The end of the chain: the last row's number (0: none) and hash. */
struct audit_chain {
	int64_t seq;
	uint8_t hash[HASH_SIZE];
};

extern const struct store_migration audit_migrations[];
extern const size_t audit_migration_count;

#define AUDIT_COLUMN_NAMES                                                                                  \
	"seq, stage, time_unix_us, status, duration_ms, bytes_in, bytes_out, count, id, user_id, user_email, " \
	"cluster_id, cluster_name, command, verb, api_group, resource, subresource, namespace, name, decision, " \
	"rule, source, user_agent, hash"

/* Reads the columns above. -1 when a text is no UTF-8, which no row of ours is. */
int audit_fields_read(const struct store_rows *rows, struct audit_fields *ret_fields);
/*
 * The hash of row `seq` behind `prev`: SHA-256 over its hash and the row as a JSON array.
 * `scratch` is emptied.
 */
int audit_hash(const struct audit_fields *f, int64_t seq, const uint8_t prev[HASH_SIZE],
	       struct buf *scratch, uint8_t ret[HASH_SIZE], struct err *e);
/* What is signed of a head. */
void audit_head_print(const struct audit_chain *head, int64_t time_unix_us, struct buf *into);
/* What is signed of the last row that was pruned. */
void audit_checkpoint_print(const struct audit_chain *last, int64_t time_unix_us, struct buf *into);

/* A caller that blocks until its row is written. */
struct audit_wait {
	bool is_over;
	struct err why;
};

/* A row in the queue, in one block with its texts. */
struct audit_pending {
	struct audit_pending *next;
	struct audit_fields fields;
	audit_done_fn *done; /* with `arg`; or `wait`; or neither: nobody waits */
	void *arg;
	struct audit_wait *wait;
};

struct audit_pending *audit_pending_new(const struct audit_row *row);

struct audit_queue {
	struct audit_pending *first, **last;
	size_t count;
	size_t durable_count;    /* of these, rows that somebody waits for */
	uint64_t oldest_mono_ms; /* when the first row came */
};

void audit_queue_init(struct audit_queue *q);
void audit_queue_put(struct audit_queue *q, struct audit_pending *p);
void audit_queue_free(struct audit_queue *q);

struct audit {
	struct audit_options options;
	char *path;
	struct store *writer; /* NULL: opened to be read only */
	struct store *reader;

	pthread_t thread;
	pthread_mutex_t lock; /* guards all below but `healthy` */
	pthread_cond_t wake;     /* the writer */
	pthread_cond_t reported; /* those in audit_append_wait */
	struct audit_queue queue;
	bool stop;
	uint64_t retry_at_ms; /* while not healthy: when the next row may try */
	struct audit_chain committed;

	_Atomic bool healthy;

	/* The writer's own. */
	bool chain_known; /* `committed` is what the file holds */
	int64_t signed_seq;
	uint64_t sign_at_ms, flush_at_ms, prune_at_ms;

	pthread_mutex_t refusals_lock;
	struct map *refusals; /* source -> struct audit_refusal */
};

void *audit_writer_run(void *audit);
/*
 * Writes the rows in one transaction and reports; `rows` is empty afterwards. Rows that could not
 * be written and that nobody waits for are in front of the queue again. On the writer's thread,
 * without the lock.
 */
void audit_batch_commit(struct audit *a, struct audit_queue *rows);
/* The last row and the number of the last signed head, as they stand in the file. */
int audit_chain_load(struct store *s, struct audit_chain *ret_chain, int64_t *ret_signed_seq,
		     struct err *e);
/*
 * The row behind which the trail begins (seq 0: at its first), and whether the checkpoint that
 * says so is signed.
 */
int audit_checkpoint_load(struct store *s, const struct key *key, struct audit_chain *ret_chain,
			  bool *ret_is_signed, struct err *e);
/*
 * Removes the oldest rows, at most a batch; true when there may be more. On the writer's thread,
 * without the lock.
 */
bool audit_prune(struct audit *a);
uint64_t audit_prune_every_ms(uint64_t retention_ms);
/* Appends the refusals counted so far as rows; none when the disk is nearly full. */
void audit_refusals_take(struct audit *a, struct audit_queue *into);
void audit_refusals_free(struct audit *a);

#endif
