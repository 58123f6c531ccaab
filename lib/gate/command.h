/*
 * A command of POST /clusters/{id}/exec as central keeps it, from its arrival until its streams and
 * callbacks are gone: the agent runs it (proto/REVERSE.md, Commands), each of its API requests is
 * decided and audited here. For central's files of commands; all of it belongs to the loop's thread.
 */
#ifndef MK8S_GATE_COMMAND_H
#define MK8S_GATE_COMMAND_H

#include "gen/agent.pb-c.h"
#include "lib/gate/central.h"
#include "lib/gate/command_order.h"
#include "lib/net/grpc_stream.h"

enum {
	COMMAND_OUTPUT_MAX = 4 * 1024 * 1024, /* bytes of an output that is answered whole */
	COMMAND_EXIT_TIMED_OUT = 124,	      /* as timeout(1) */
	COMMAND_RETRY_AFTER_S = 1
};

/* Output of one stream; a character that is not whole yet waits for the rest of it. */
struct command_output {
	const char *name;
	struct buf held; /* the whole output, or that beginning of a character */
};

struct command {
	struct command *next, *prev;
	struct central *central;
	struct http_stream *down;  /* NULL after its end, and once another answers it */
	struct grpc_stream *call;  /* to the agent; NULL before and after */
	struct tunnel_link *link;  /* that carries it; as long as `call` */
	struct loop_timer *timer;  /* of the body, then the command's limit, then its end */
	unsigned pending;	   /* callbacks that will still come */
	bool ended;		   /* its answer is decided */
	bool ndjson, head_sent;
	bool recorded;		   /* its `received` row was written */
	bool timed_out;
	char id[37], sid[37];
	char cluster_id[37], cluster[254];
	int64_t token_expires_unix_s;
	uint64_t started_ms;
	char *user_id, *user, *role_names, *source, *user_agent, *text;
	struct buf body;
	struct command_order order;
	struct err order_error;
	struct command_output out, err;
	size_t held_bytes; /* of body and outputs, counted in central's command_bytes */
	uint32_t asked;	   /* requests so far */
	bool forwarded;	   /* one of them was let through */
	struct proxied *ask; /* the request under way; NULL: none */
};

/* command.c */
/* Counts more bytes that it holds; -1 when commands, all or the user's, hold too many already. */
int command_hold(struct command *c, size_t bytes);
/* It holds so many from now on. */
void command_holds(struct command *c, size_t bytes);
/* Whether it is one that central runs besides the others. */
bool command_may_run(const struct command *c);
/* The order is there: puts it on record and sends it to an agent. May end it. */
void command_start(struct command *c);
/*
 * The end: the answer is decided and this is its HTTP status. The call is cancelled, a request under
 * way and the command get their rows. It is freed later.
 */
void command_end(struct command *c, int status);
/* Frees it once it has ended and its streams and callbacks are gone. */
void command_free_if_unused(struct command *c);

/* command_answer.c */
/* The agent has taken it: whoever reads lines is told so before the first of them. */
void command_begin_lines(struct command *c);
void command_put_output(struct command *c, struct command_output *from, struct span bytes);
/* These two end it. */
void command_exit(struct command *c, int code);
/* `retry_after_s` 0: no such field. Where output was sent already, the sentence is its last line. */
void command_fail(struct command *c, int status, unsigned retry_after_s, const char *sentence);
void command_drained(struct command *c);

/* command_call.c */
/* Sends the order to an agent of the cluster. May end it. */
void command_call(struct command *c);
/* Asks the agent to end it. */
void command_call_cancel(struct command *c);
/* 0, or -1 after it has ended. */
int command_send(struct command *c, const Mk8s__Agent__V1__CommandInput *input);

/* command_ask.c */
/* The agent asks about a request, tells of its end. May end the command. */
void command_asked(struct command *c, const Mk8s__Agent__V1__CommandRequest *rq);
void command_ask_done(struct command *c, const Mk8s__Agent__V1__CommandRequestDone *done);
/* The command ends, with this status, while a request is under way. */
void command_ask_end(struct command *c, int status);

#endif
