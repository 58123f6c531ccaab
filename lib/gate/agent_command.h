/*
 * ExecuteCommand on the agent: the built-in kubectl on a worker, every API request of it decided by
 * central and again here (proto/agent.proto, proto/REVERSE.md, Commands). For the agent's files.
 *
 * The loop has the call and what comes on it; the worker has kubectl. Between them is what `lock`
 * guards: events on their way out, standard input, the one request that is being asked about.
 */
#ifndef MK8S_GATE_AGENT_COMMAND_H
#define MK8S_GATE_AGENT_COMMAND_H

#include <pthread.h>
#include <stdatomic.h>

#include "gen/agent.pb-c.h"
#include "lib/gate/agent_state.h"
#include "lib/gate/proxy_filter.h"
#include "lib/kube/client.h"

enum {
	AGENT_COMMAND_WORDS_MAX = 1024,
	AGENT_COMMAND_STDIN_MAX = 8 * 1024 * 1024,
	AGENT_COMMAND_TIMEOUT_MAX_MS = 2 * 60 * 60 * 1000,
	AGENT_COMMAND_QUEUE_LEN = 256 * 1024, /* bytes of events on their way; beyond, kubectl waits */
	AGENT_COMMAND_PIECE_LEN = 32 * 1024,  /* bytes of one event's output */
	AGENT_COMMAND_ANSWER_MAX = 64 * 1024 * 1024, /* bytes of one answer that kubectl holds whole */
	AGENT_COMMAND_ANSWERS = 64, /* requests whose repetition is known as such */
};

struct agent_rules;

/* A packed CommandEvent on its way to the loop. */
struct command_event {
	struct command_event *next;
	struct buf message;
};

/* The request that is being asked about. The worker's but for `lock`ed moments. */
struct command_question {
	uint32_t number;
	const struct kube_request *request; /* NULL: nothing is asked */
	bool decided;
	struct err refused; /* ERR_NONE: as `pass` says */
	struct kube_pass pass;
	struct buf body; /* of pass.body */
	char audit_field[64];
	const char *fields[52]; /* of pass.fields */
	struct proxy_filter *filter; /* NULL: none */
	char *path;
};

/* An answer that is held, by the path that was asked for. */
struct command_answer {
	char *path;
	size_t cost;
};

struct agent_command {
	struct agent *agent;
	struct agent_rules *rules;     /* of the link; loop only, while the call is there */
	struct grpc_stream *call;      /* loop only; NULL after its end */
	bool working;		       /* loop only: a worker has it */
	Mk8s__Agent__V1__CommandInput *input; /* owned, holds `start`; NULL before it came */
	const Mk8s__Agent__V1__CommandStart *start;
	uint64_t deadline_mono_ms;
	char **identity; /* "Impersonate-User: ..." and so on, NULL-terminated */
	uint8_t seal_key[32];
	_Atomic size_t held; /* estimated bytes, counted in the agent's command_held */
	struct command_answer answers[AGENT_COMMAND_ANSWERS]; /* the worker's */
	struct command_answer *answer;			      /* the one under way */
	size_t answers_next;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	_Atomic bool cancelled;
	int wake_fd; /* an eventfd, readable once it is cancelled; -1: there is none */
	struct buf input_bytes; /* standard input */
	bool input_ended;
	struct command_event *events, *last_event;
	size_t event_bytes;
	size_t queued_bytes; /* in the call, as the loop last saw it */
	bool pump_posted;
	struct command_question question;
};

/* agent_command.c */
/* Takes the stream over. */
struct agent_link;
void agent_command_serve(struct agent_link *k, struct http_stream *s);
/* Tells the worker to end. */
void agent_command_cancel(struct agent_command *c);
/* The worker has ended: of pool_submit. */
void agent_command_done(void *arg);
/* Packs and queues an event, from the worker; waits for room. False when the command has ended. */
bool agent_command_put(struct agent_command *c, const Mk8s__Agent__V1__CommandEvent *event);
/* Whether it is to end: cancelled, or its time is over. From the worker. */
bool agent_command_is_over(const struct agent_command *c);
/* Waits for `changed`, with `lock` held, at most until the deadline or a fifth of a second. */
void agent_command_wait(struct agent_command *c);

/* agent_command_input.c: of the call. */
struct grpc_stream;
void agent_command_message(void *owner, struct grpc_stream *g, struct span message);
/* Ends the command, and the call with a status. */
void agent_command_refuse(struct agent_command *c, enum grpc_status status, const char *sentence);

/* agent_command_ask.c */
/* On the loop: central's decision came. -1: it was none that is waited for. */
int agent_command_decide(struct agent_command *c, const Mk8s__Agent__V1__CommandDecision *d,
			 struct err *e);
/* The guard of the command's client; the owner is the command. */
int agent_command_before(void *owner, const struct kube_request *rq, struct kube_pass *ret_pass,
			 struct err *e);
void agent_command_after(void *owner, int status, uint64_t bytes_sent, uint64_t bytes_received);
void agent_command_question_free(struct command_question *q);
/* The fields that name the user to the API server; the caller frees them. */
char **agent_command_identity(const Mk8s__Agent__V1__CommandStart *start);

/* agent_command_memory.c */
/* On the loop: input of so many bytes came. ERR_LIMIT, ERR_BUSY. */
int agent_command_hold_input(struct agent_command *c, size_t len, struct err *e);
/* On the worker: the next answer is to this path; then, of the guard, each piece of it. */
void agent_command_memory_begin(struct agent_command *c, const char *path);
int agent_command_hold(void *owner, const struct kube_request *rq, size_t bytes, struct err *e);
/* All of it is gone. */
void agent_command_memory_free(struct agent_command *c);

/* agent_command_run.c: on a worker, from start to exit. */
void agent_command_run(void *arg);

#endif
