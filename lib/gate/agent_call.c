/* One gRPC call of the agent to central, on a connection of its own that is closed afterwards. */
#include "lib/base/mem.h"
#include "lib/gate/agent_link_limits.h"
#include "lib/gate/agent_state.h"

#define CALL_TIMEOUT_MS 30000

struct agent_call {
	struct agent *agent;
	struct h2 *h2;
	char *path;
	struct buf message;
	grpc_done_fn *done; /* NULL once called */
};

static void call_finish(struct agent_call *call, const struct err *why, enum grpc_status status,
			struct span message)
{
	grpc_done_fn *done = call->done;

	call->done = NULL;
	if (done)
		done(call->agent, why, status, message);
}

static void call_free(struct agent_call *call)
{
	buf_free(&call->message);
	free(call->path);
	free(call);
}

static void call_answered(void *owner, const struct err *why, enum grpc_status status,
			  struct span message)
{
	struct agent_call *call = owner;

	call_finish(call, why, status, message);
	h2_close(call->h2);
}

static void call_h2_ready(void *owner, struct h2 *h)
{
	struct agent_call *call = owner;

	grpc_call_unary(call->agent->loop, h, call->path, buf_span(&call->message), CALL_TIMEOUT_MS,
			call_answered, call);
}

static void call_h2_closed(void *owner, struct h2 *h UNUSED, const struct err *why)
{
	struct agent_call *call = owner;
	struct err e = *why;

	if (e.code == ERR_NONE)
		err_set(&e, ERR_UNREACHABLE, "central closed the connection");
	call_finish(call, &e, GRPC_UNAVAILABLE, SPAN_NONE);
	call_free(call);
}

static void call_open(void *owner, struct conn *c)
{
	static const struct h2_events events = { .on_ready = call_h2_ready,
						 .on_close = call_h2_closed };
	struct agent_call *call = owner;

	call->h2 = h2_client_new(call->agent->loop, c, &agent_h2_limits, &events, call);
}

static void call_failed(void *owner, const struct err *why)
{
	struct agent_call *call = owner;

	call_finish(call, why, GRPC_UNAVAILABLE, SPAN_NONE);
	call_free(call);
}

void agent_call(struct agent *a, struct tls *tls, const char *path, struct span message,
		grpc_done_fn *done)
{
	static const struct conn_events events = { .on_open = call_open, .on_close = call_failed };
	struct agent_call *call = mem_new(sizeof(*call));
	struct conn_target target = agent_target(a, tls);

	call->agent = a;
	call->done = done;
	call->path = mem_dup_str(path);
	buf_init_secret(&call->message, GRPC_MESSAGE_MAX);
	(void)buf_put_span(&call->message, message);
	(void)conn_dial(a->loop, &target, &events, call);
}
