/* ExecuteCommand on the agent: the built-in kubectl, on a worker. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/gate/agent_command.h"
#include "lib/kube/kubectl.h"

/* Verbs that need a terminal, a port of the user's machine or programs of it. */
static const char *const refused_verbs[] = { "attach", "cp", "debug", "edit", "port-forward", "proxy" };

static bool write_part(struct agent_command *c, enum kubectl_stream to, struct span bytes)
{
	Mk8s__Agent__V1__CommandEvent event = MK8S__AGENT__V1__COMMAND_EVENT__INIT;
	ProtobufCBinaryData part = { bytes.len, (uint8_t *)bytes.at };

	if (to == KUBECTL_OUT) {
		event.event_case = MK8S__AGENT__V1__COMMAND_EVENT__EVENT_STDOUT_PART;
		event.stdout_part = part;
	} else {
		event.event_case = MK8S__AGENT__V1__COMMAND_EVENT__EVENT_STDERR_PART;
		event.stderr_part = part;
	}
	return agent_command_put(c, &event);
}

static bool command_write(void *owner, enum kubectl_stream to, struct span bytes)
{
	while (bytes.len) {
		size_t len = bytes.len < AGENT_COMMAND_PIECE_LEN ? bytes.len : AGENT_COMMAND_PIECE_LEN;

		if (!write_part(owner, to, span_from(bytes.at, len)))
			return false;
		bytes = span_from(bytes.at + len, bytes.len - len);
	}
	return true;
}

static int read_stdin(struct agent_command *c, struct buf *out, struct err *e)
{
	int rc;

	(void)pthread_mutex_lock(&c->lock);
	while (!c->input_ended && !agent_command_is_over(c))
		agent_command_wait(c);
	rc = buf_put_span(out, buf_span(&c->input_bytes));
	(void)pthread_mutex_unlock(&c->lock);
	return rc == 0 ? 0 : err_set(e, ERR_LIMIT, "standard input is too large");
}

static bool is_manifest(struct span path)
{
	return span_ends(path, SPAN(".yaml")) || span_ends(path, SPAN(".yml")) ||
	       span_ends(path, SPAN(".json"));
}

/* Whether a file that was sent lies right below a folder. */
static bool is_below(struct span path, struct span folder)
{
	while (folder.len && folder.at[folder.len - 1] == '/')
		folder.len--;
	return span_starts(path, folder) && path.len > folder.len + 1 && path.at[folder.len] == '/' &&
	       span_find(span_from(path.at + folder.len + 1, path.len - folder.len - 1), '/') < 0;
}

static struct span without_dot(struct span path)
{
	return span_starts(path, SPAN("./")) ? span_from(path.at + 2, path.len - 2) : path;
}

/* Files are those that came with the command, and no others. */
static int command_read_file(void *owner, const char *path, struct buf *out, struct err *e)
{
	struct agent_command *c = owner;
	struct span wanted = without_dot(span_of(path));
	bool found = false;

	if (strcmp(path, "-") == 0)
		return read_stdin(c, out, e);
	for (size_t i = 0; i < c->start->n_files; i++) {
		const Mk8s__Agent__V1__CommandFile *file = c->start->files[i];
		struct span name = without_dot(span_of(file->path));
		bool whole = span_equal(name, wanted);

		if (!whole && !(is_below(name, wanted) && is_manifest(name)))
			continue;
		if (found)
			(void)buf_put_str(out, "\n---\n");
		(void)buf_put(out, file->content.data, file->content.len);
		found = true;
	}
	if (!found)
		return err_set(e, ERR_NOT_FOUND,
			       "the path \"%.200s\" was not sent along with the command: its content "
			       "belongs in \"files\"",
			       path);
	return buf_ok(out, path, e);
}

static bool command_is_over(void *owner)
{
	return agent_command_is_over(owner);
}

static int command_wake_fd(void *owner, int *ret_fd, struct err *e)
{
	const struct agent_command *c = owner;

	*ret_fd = c->wake_fd;
	return c->wake_fd >= 0 ? 0 : err_set(e, ERR_NOMEM, "there is no descriptor left");
}

/* The verb, where it is a refused one: the first word but for options and the namespace. */
static const char *find_refused(const Mk8s__Agent__V1__CommandStart *start)
{
	size_t i = 0;

	while (i < start->n_command && start->command[i][0] == '-')
		i += strcmp(start->command[i], "-n") == 0 ||
				     strcmp(start->command[i], "--namespace") == 0 ?
			     2 :
			     1;
	for (size_t k = 0; i < start->n_command && k < COUNT_OF(refused_verbs); k++) {
		if (strcmp(start->command[i], refused_verbs[k]) == 0)
			return refused_verbs[k];
	}
	return NULL;
}

static int refuse(struct agent_command *c, const char *sentence)
{
	AUTO_FREE char *line = mem_printf("error: %s\n", sentence);

	(void)command_write(c, KUBECTL_ERR, span_of(line));
	return 1;
}

static int run_kubectl(struct agent_command *c)
{
	static const struct kubectl_io calls = { .write = command_write,
						 .read_file = command_read_file,
						 .is_stopped = command_is_over,
						 .wake_fd = command_wake_fd };
	struct kube_target target = *c->agent->target; /* borrows all of it */
	struct kubectl_io io = calls;
	struct kube_guard guard = { .owner = c,
				    .before = agent_command_before,
				    .after = agent_command_after,
				    .hold = agent_command_hold,
				    .cancel_fd = c->wake_fd,
				    .answer_max = AGENT_COMMAND_ANSWER_MAX };
	char space[] = "default", no_proxy[] = "";
	struct kube_client *client;
	struct err e = { 0 };
	int code;

	target.namespace = space; /* the user's, not the agent's own */
	if (!target.proxy_url)
		target.proxy_url = no_proxy; /* HTTPS_PROXY is the way to central */
	client = kube_client_new(&target, "mk8s/" MK8S_VERSION, &e);
	if (!client)
		return refuse(c, e.text);
	io.owner = c;
	kube_client_set_guard(client, &guard);
	kube_client_set_deadline(client, c->deadline_mono_ms, true);
	code = kubectl_main(client, (int)c->start->n_command, c->start->command, &io, &e);
	kube_client_free(client);
	return code;
}

void agent_command_run(void *arg)
{
	struct agent_command *c = arg;
	Mk8s__Agent__V1__CommandEvent event = MK8S__AGENT__V1__COMMAND_EVENT__INIT;
	Mk8s__Agent__V1__CommandExit last = MK8S__AGENT__V1__COMMAND_EXIT__INIT;
	const char *verb = find_refused(c->start);
	char sentence[200];

	if (verb) {
		(void)snprintf(sentence, sizeof(sentence),
			       "%s is not taken here: it needs a terminal, a port or files of your own "
			       "machine; use mk8s kubectl %s",
			       verb, verb);
		last.code = refuse(c, sentence);
	} else {
		last.code = run_kubectl(c);
	}
	event.event_case = MK8S__AGENT__V1__COMMAND_EVENT__EVENT_EXIT;
	event.exit = &last;
	(void)agent_command_put(c, &event);
}
