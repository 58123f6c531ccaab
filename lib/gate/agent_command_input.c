/* ExecuteCommand on the agent: what central sends on the call, on the loop. */
#include "lib/base/clock.h"
#include "lib/gate/agent_command.h"
#include "lib/net/grpc_stream.h"
#include "lib/net/pool.h"

void agent_command_refuse(struct agent_command *c, enum grpc_status status, const char *sentence)
{
	agent_command_cancel(c);
	grpc_stream_finish(c->call, status, sentence);
}

static size_t content_len(const Mk8s__Agent__V1__CommandStart *start)
{
	size_t len = 0;

	for (size_t i = 0; i < start->n_files; i++)
		len += start->files[i]->content.len;
	return len;
}

static void start_worker(struct agent_command *c)
{
	struct agent *a = c->agent;
	size_t max = (size_t)a->config->command_max;
	struct err e;

	if (!a->commands)
		a->commands = pool_new(a->loop, (unsigned)max, max, &e);
	c->working = a->commands && pool_submit(a->commands, agent_command_run, agent_command_done, c, &e) == 0;
	if (!c->working)
		agent_command_refuse(c, GRPC_RESOURCE_EXHAUSTED, "no worker is free; try again");
}

static void take_start(struct agent_command *c, Mk8s__Agent__V1__CommandInput *input)
{
	const Mk8s__Agent__V1__CommandStart *start = input->start;
	struct err e;

	c->input = input;
	c->start = start;
	if (!start->n_command || start->n_command > AGENT_COMMAND_WORDS_MAX || !start->timeout_ms ||
	    start->timeout_ms > AGENT_COMMAND_TIMEOUT_MAX_MS) {
		agent_command_refuse(c, GRPC_INVALID_ARGUMENT, "the command or its time limit is malformed");
		return;
	}
	if (agent_command_hold_input(c, content_len(start), &e) < 0) {
		agent_command_refuse(c, GRPC_RESOURCE_EXHAUSTED, e.text);
		return;
	}
	c->deadline_mono_ms = clock_mono_ms() + start->timeout_ms;
	c->identity = c->agent->config->impersonate ? agent_command_identity(start) : NULL;
	start_worker(c);
}

static int take_stdin(struct agent_command *c, const Mk8s__Agent__V1__CommandStdin *part)
{
	struct span bytes = span_from(part->content.data, part->content.len);
	struct err e;
	int rc;

	if (agent_command_hold_input(c, bytes.len, &e) < 0) {
		agent_command_refuse(c, GRPC_RESOURCE_EXHAUSTED, e.text);
		return 0;
	}
	(void)pthread_mutex_lock(&c->lock);
	rc = buf_put_span(&c->input_bytes, bytes);
	c->input_ended = c->input_ended || part->end;
	(void)pthread_cond_broadcast(&c->changed);
	(void)pthread_mutex_unlock(&c->lock);
	return rc;
}

/* False: the input is kept. */
static bool take_input(struct agent_command *c, Mk8s__Agent__V1__CommandInput *input)
{
	struct err e = { 0 };

	switch (input->input_case) {
	case MK8S__AGENT__V1__COMMAND_INPUT__INPUT_START:
		if (c->input)
			break;
		take_start(c, input);
		return false;
	case MK8S__AGENT__V1__COMMAND_INPUT__INPUT_DECISION:
		if (agent_command_decide(c, input->decision, &e) < 0)
			break;
		return true;
	case MK8S__AGENT__V1__COMMAND_INPUT__INPUT_STDIN_PART:
		if (take_stdin(c, input->stdin_part) < 0)
			break;
		return true;
	case MK8S__AGENT__V1__COMMAND_INPUT__INPUT_CANCEL:
		agent_command_cancel(c);
		return true;
	default:
		break;
	}
	agent_command_refuse(c, GRPC_INVALID_ARGUMENT, "a CommandInput came that is not expected here");
	return true;
}

void agent_command_message(void *owner, struct grpc_stream *g UNUSED, struct span message)
{
	struct agent_command *c = owner;
	Mk8s__Agent__V1__CommandInput *input = mk8s__agent__v1__command_input__unpack(
		NULL, message.len, (const uint8_t *)message.at);

	if (!input)
		agent_command_refuse(c, GRPC_INVALID_ARGUMENT, "a message is no CommandInput");
	else if (take_input(c, input))
		mk8s__agent__v1__command_input__free_unpacked(input, NULL);
}
