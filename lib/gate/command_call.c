/* A command's call to the cluster's agent: ExecuteCommand on the reversed connection. */
#include <stdio.h>

#include "lib/base/mem.h"
#include "lib/gate/command.h"

#define METHOD "/mk8s.agent.v1.AgentService/ExecuteCommand"
#define EVENT_MAX (256 * 1024) /* bytes of one message of the agent's */
#define STDIN_PIECE_LEN (64 * 1024)
#define ROLES_MAX 256
#define AGENT_MORE_MS 5000 /* central itself ends a command in time, and tells why */

int command_send(struct command *c, const Mk8s__Agent__V1__CommandInput *input)
{
	size_t len = mk8s__agent__v1__command_input__get_packed_size(input);
	AUTO_BUF struct buf message;
	struct err e = { 0 };

	buf_init_secret(&message, GRPC_MESSAGE_MAX);
	if (buf_reserve(&message, len))
		buf_commit(&message,
			   mk8s__agent__v1__command_input__pack(input, (uint8_t *)message.at));
	if (buf_ok(&message, "a message to the agent", &e) == 0 &&
	    grpc_stream_send(c->call, buf_span(&message), &e) == 0)
		return 0;
	command_fail(c, 502, 0, e.text);
	return -1;
}

static int send_stdin(struct command *c)
{
	struct span rest = span_of(c->order.input);
	bool end = false;

	while (!end) {
		Mk8s__Agent__V1__CommandInput input = MK8S__AGENT__V1__COMMAND_INPUT__INIT;
		Mk8s__Agent__V1__CommandStdin part = MK8S__AGENT__V1__COMMAND_STDIN__INIT;

		part.content.data = (uint8_t *)rest.at;
		part.content.len = rest.len < STDIN_PIECE_LEN ? rest.len : STDIN_PIECE_LEN;
		rest = span_from(rest.at + part.content.len, rest.len - part.content.len);
		end = rest.len == 0;
		part.end = end;
		input.input_case = MK8S__AGENT__V1__COMMAND_INPUT__INPUT_STDIN_PART;
		input.stdin_part = &part;
		if (command_send(c, &input) < 0)
			return -1;
	}
	return 0;
}

struct start_parts {
	Mk8s__Agent__V1__CommandFile *files, **file_list;
	char *roles[ROLES_MAX];
};

static void put_files(const struct command_order *o, Mk8s__Agent__V1__CommandStart *start,
		      struct start_parts *parts)
{
	parts->files = mem_new_array(o->file_count + 1, sizeof(*parts->files));
	parts->file_list = mem_new_array(o->file_count + 1, sizeof(*parts->file_list));
	for (size_t i = 0; i < o->file_count; i++) {
		Mk8s__Agent__V1__CommandFile file = MK8S__AGENT__V1__COMMAND_FILE__INIT;

		file.path = (char *)o->files[i].path;
		file.content.data = (uint8_t *)o->files[i].content;
		file.content.len = span_of(o->files[i].content).len;
		parts->files[i] = file;
		parts->file_list[i] = &parts->files[i];
	}
	start->n_files = o->file_count;
	start->files = parts->file_list;
}

static void put_roles(const char *names, Mk8s__Agent__V1__CommandStart *start,
		      struct start_parts *parts)
{
	struct span rest = span_of(names), name;

	start->roles = parts->roles;
	while (start->n_roles < ROLES_MAX && span_take_part(&rest, ',', &name))
		if (name.len)
			parts->roles[start->n_roles++] = span_dup(name);
}

static int send_start(struct command *c)
{
	Mk8s__Agent__V1__CommandInput input = MK8S__AGENT__V1__COMMAND_INPUT__INIT;
	Mk8s__Agent__V1__CommandStart start = MK8S__AGENT__V1__COMMAND_START__INIT;
	struct start_parts parts = { 0 };
	int result;

	start.id = c->id;
	start.user = c->user;
	put_roles(c->role_names, &start, &parts);
	start.n_command = c->order.word_count;
	start.command = (char **)c->order.words;
	put_files(&c->order, &start, &parts);
	start.timeout_ms = (uint32_t)c->order.timeout_s * 1000 + AGENT_MORE_MS;
	input.input_case = MK8S__AGENT__V1__COMMAND_INPUT__INPUT_START;
	input.start = &start;
	result = command_send(c, &input);
	free(parts.files);
	free(parts.file_list);
	for (size_t i = 0; i < start.n_roles; i++)
		free(parts.roles[i]);
	return result;
}

void command_call_cancel(struct command *c)
{
	Mk8s__Agent__V1__CommandInput input = MK8S__AGENT__V1__COMMAND_INPUT__INIT;
	Mk8s__Agent__V1__CommandCancel cancel = MK8S__AGENT__V1__COMMAND_CANCEL__INIT;

	input.input_case = MK8S__AGENT__V1__COMMAND_INPUT__INPUT_CANCEL;
	input.cancel = &cancel;
	(void)command_send(c, &input);
}

static void take_event(struct command *c, const Mk8s__Agent__V1__CommandEvent *event)
{
	command_begin_lines(c);
	switch (event->event_case) {
	case MK8S__AGENT__V1__COMMAND_EVENT__EVENT_REQUEST:
		command_asked(c, event->request);
		break;
	case MK8S__AGENT__V1__COMMAND_EVENT__EVENT_REQUEST_DONE:
		command_ask_done(c, event->request_done);
		break;
	case MK8S__AGENT__V1__COMMAND_EVENT__EVENT_STDOUT_PART:
		command_put_output(c, &c->out,
				   span_from(event->stdout_part.data, event->stdout_part.len));
		break;
	case MK8S__AGENT__V1__COMMAND_EVENT__EVENT_STDERR_PART:
		command_put_output(c, &c->err,
				   span_from(event->stderr_part.data, event->stderr_part.len));
		break;
	case MK8S__AGENT__V1__COMMAND_EVENT__EVENT_EXIT:
		command_exit(c, event->exit->code);
		break;
	default:
		command_fail(c, 502, 0, "the cluster's agent sent a message that is no CommandEvent");
		break;
	}
}

static void call_message(void *owner, struct grpc_stream *g UNUSED, struct span message)
{
	struct command *c = owner;
	Mk8s__Agent__V1__CommandEvent *event = mk8s__agent__v1__command_event__unpack(
		NULL, message.len, (const uint8_t *)message.at);

	if (c->ended)
		;
	else if (event)
		take_event(c, event);
	else
		command_fail(c, 502, 0, "the cluster's agent sent a message that is no CommandEvent");
	if (event)
		mk8s__agent__v1__command_event__free_unpacked(event, NULL);
}

/* Without an exit: refused by the agent, or cut. What was let through may have been done. */
static void call_close(void *owner, struct grpc_stream *g UNUSED, const struct err *why,
		       enum grpc_status status)
{
	struct command *c = owner;
	char message[sizeof(why->text) + sizeof(c->cluster) + 80];
	bool is_busy = status == GRPC_RESOURCE_EXHAUSTED && why->code == ERR_BUSY && !c->asked;
	bool is_old = status == GRPC_UNIMPLEMENTED && !c->asked;

	c->call = NULL;
	c->link = NULL;
	(void)snprintf(message, sizeof(message), "cluster \"%s\": %s", c->cluster,
		       is_old		     ? "its agent is too old to run commands" :
		       why->code == ERR_NONE ? "its agent ended the command without saying how" :
					       why->text);
	if (is_busy)
		command_fail(c, 429, COMMAND_RETRY_AFTER_S, message);
	else
		command_fail(c, is_old ? 501 : c->forwarded ? 502 : 503,
			     is_old || c->forwarded ? 0 : COMMAND_RETRY_AFTER_S, message);
	command_free_if_unused(c);
}

void command_call(struct command *c)
{
	static const struct grpc_stream_events events = { .on_message = call_message,
							  .on_close = call_close };
	const struct grpc_stream_options o = { .events = &events,
					       .owner = c,
					       .message_max = EVENT_MAX };
	struct err e = { 0 };
	struct tunnel_link *k = tunnel_pick(c->central->tunnel, c->cluster_id, true, &e);
	char message[sizeof(e.text) + sizeof(c->cluster) + 80];

	if (!k) {
		(void)snprintf(message, sizeof(message), "cluster \"%s\": %s", c->cluster, e.text);
		command_fail(c, e.code == ERR_BUSY ? 429 : 503, COMMAND_RETRY_AFTER_S, message);
		return;
	}
	c->link = k;
	c->call = grpc_stream_call(tunnel_link_h2(k), METHOD, &o);
	if (send_start(c) == 0)
		(void)send_stdin(c);
}
