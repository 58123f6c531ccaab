/* kubectl exec: a command in a container, with its streams, its terminal and its exit status. */
#include "lib/kube/kubectl_exec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/url.h"
#include "lib/kube/kubectl_logs.h"
#include "lib/kube/kubectl_pod.h"

struct exec_options {
	const char *namespace, *container, *timeout;
	bool stdin, tty, quiet;
};

#define AT(member) offsetof(struct exec_options, member)
static const struct option_row rows[] = {
	{ "namespace", 'n', OPTION_TEXT, AT(namespace), "NAMESPACE", "the pod's namespace", NULL, 0, 0 },
	{ "container", 'c', OPTION_TEXT, AT(container), "NAME", "the container; else the pod's usual one", NULL, 0,
	  0 },
	{ "stdin", 'i', OPTION_FLAG, AT(stdin), NULL, "pass standard input on", NULL, 0, 0 },
	{ "tty", 't', OPTION_FLAG, AT(tty), NULL, "standard input is a terminal", NULL, 0, 0 },
	{ "quiet", 'q', OPTION_FLAG, AT(quiet), NULL, "print only what the command prints", NULL, 0, 0 },
	{ "pod-running-timeout", 0, OPTION_TEXT, AT(timeout), "TIME", "how long to wait for a pod", NULL, 0, 0 },
};
#undef AT

static void put_command(struct buf *path, const struct kubectl_command *command, const char *container,
			bool has_input)
{
	(void)buf_put_str(path, "/exec?");
	for (size_t i = 0; i < command->count; i++) {
		(void)buf_put_str(path, "command="); /* an empty word is one, too */
		url_encode(span_of(command->argv[i]), URL_QUERY, path);
		(void)buf_put_char(path, '&');
	}
	(void)buf_put_str(path, "container=");
	url_encode(span_of(container), URL_QUERY, path);
	(void)buf_printf(path, "%s%s&stdout=true%s", has_input ? "&stdin=true" : "",
			 command->tty ? "" : "&stderr=true", command->tty ? "&tty=true" : "");
}

static bool is_over(struct kubectl *k, const struct kubectl_pod *pod)
{
	const char *phase = json_find_str(pod->object, "status.phase");

	if (!phase || (strcmp(phase, "Succeeded") != 0 && strcmp(phase, "Failed") != 0))
		return false;
	kubectl_failf(k, ERR_INPUT, "cannot exec into a container in a completed pod; current phase is %s", phase);
	return true;
}

int kubectl_exec_path(struct kubectl *k, const struct kubectl_pod *pod, const struct kubectl_command *command,
		      const struct remote_peer *peer, struct buf *path)
{
	const struct kubectl_target target = { .resource = kube_discovery_find(NULL, "pods"),
					       .namespace = mem_dup_str(pod->namespace),
					       .name = mem_dup_str(pod->name) };
	AUTO_FREE char *container = NULL;
	int result = -1;

	if (!is_over(k, pod))
		container = logs_choose_container(k, pod->object, command->container, command->quiet);
	if (container && kubectl_put_path(k, path, &target)) {
		put_command(path, command, container, peer->read_input != NULL);
		result = 0;
	}
	free(target.namespace);
	free(target.name);
	return result;
}

int kubectl_exec_run(struct kubectl *k, const struct kubectl_pod *pod, const struct kubectl_command *command,
		     const struct remote_peer *peer, struct remote_end *ret_end)
{
	struct kube_status status = { 0 };
	struct err failure = { 0 };
	AUTO_BUF struct buf path;
	int result;

	buf_init(&path, KUBECTL_FILE_MAX);
	if (kubectl_exec_path(k, pod, command, peer, &path) < 0)
		return -1;
	result = remote_run(k->client, buf_str(&path), peer, ret_end, &status, &failure);
	if (result < 0)
		kubectl_fail_request(k, &status, &failure);
	return result;
}

/* exec's own side. */
struct console {
	struct kubectl *k;
	struct remote_peer peer;
	bool tty;
};

static bool console_output(void *owner, enum remote_channel channel, struct span bytes)
{
	const struct console *c = owner;

	kubectl_write(c->k, channel == REMOTE_STDERR ? KUBECTL_ERR : KUBECTL_OUT, bytes);
	/* Where wake_fd tells of signals, asking here would take a new size away from who sends it. */
	return c->peer.on_wake ? !c->k->stopped : kubectl_goes_on(c->k);
}

static int console_input(void *owner, char *into, size_t size, size_t *ret_len, struct err *e)
{
	const struct console *c = owner;
	ssize_t len;

	do {
		len = read(c->peer.input_fd, into, size);
	} while (len < 0 && errno == EINTR);
	if (len < 0 && errno != EIO && errno != EBADF) /* a terminal that is gone, a closed descriptor: the end */
		return err_set_errno(e, ERR_IO, errno, "standard input cannot be read");
	*ret_len = len > 0 ? (size_t)len : 0;
	return 0;
}

static bool console_wake(void *owner)
{
	const struct console *c = owner;

	return kubectl_goes_on(c->k);
}

static bool console_size(void *owner, uint16_t *ret_columns, uint16_t *ret_rows)
{
	const struct console *c = owner;

	return c->k->io->terminal->size(c->k->io->owner, ret_columns, ret_rows);
}

/* -t counts with -i and at a terminal. */
static bool has_terminal(struct kubectl *k, const struct exec_options *o)
{
	const struct kubectl_io *io = k->io;

	if (!o->tty || !o->stdin)
		return false;
	if (io->terminal && io->terminal->is_there(io->owner))
		return true;
	if (!o->quiet)
		kubectl_printf(k, KUBECTL_ERR,
			       "Unable to use a TTY - input is not a terminal or the right kind of file\n");
	return false;
}

static int open_console(struct kubectl *k, const struct exec_options *o, struct console *c)
{
	const struct kubectl_io *io = k->io;
	struct err failure = { 0 };
	bool wakes; /* a process without terminal is ended by its signals */

	*c = (struct console){ .k = k, .tty = has_terminal(k, o) };
	wakes = io->wake_fd && (c->tty || !io->terminal);
	c->peer = (struct remote_peer){ .owner = c,
					.input_owner = c,
					.on_output = console_output,
					.input_fd = -1,
					.wake_fd = -1 };
	if (o->stdin && !io->input_fd) {
		kubectl_failf(k, ERR_USAGE, "there is no standard input here that --stdin could pass on");
		return -1;
	}
	if ((o->stdin && io->input_fd(io->owner, &c->peer.input_fd, &failure) < 0) ||
	    (wakes && io->wake_fd(io->owner, &c->peer.wake_fd, &failure) < 0)) {
		kubectl_fail(k, &failure);
		return -1;
	}
	if (o->stdin)
		c->peer.read_input = console_input;
	if (c->peer.wake_fd >= 0)
		c->peer.on_wake = console_wake;
	if (c->tty)
		c->peer.size = console_size;
	return 0;
}

static void run_command(struct kubectl *k, const struct exec_options *o, const struct kubectl_pod *pod,
			const struct options_rest *args)
{
	const int dashes = args->before_dashes;
	struct kubectl_command command = { .container = o->container,
					   .argv = (const char *const *)args->at + dashes,
					   .count = (size_t)(args->count - dashes),
					   .quiet = o->quiet };
	struct remote_end end = { 0 };
	struct err failure = { 0 };
	struct console console;

	if (open_console(k, o, &console) < 0)
		return;
	command.tty = console.tty;
	if (console.tty && k->io->terminal->set_raw(k->io->owner, true, &failure) < 0) {
		kubectl_fail(k, &failure);
		return;
	}
	if (kubectl_exec_run(k, pod, &command, &console.peer, &end) == 0) {
		if (end.exit_code)
			kubectl_fail_command(k, end.exit_code);
		k->says_no = !end.told; /* a signal, or nobody reads any more */
	}
	if (console.tty)
		(void)k->io->terminal->set_raw(k->io->owner, false, &failure);
}

static bool are_words_right(struct kubectl *k, const struct options_rest *args)
{
	if (args->before_dashes > 1)
		kubectl_failf(k, ERR_USAGE,
			      "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\n"
			      "See 'kubectl exec -h' for help and examples");
	else if (args->before_dashes == 0)
		kubectl_failf(k, ERR_USAGE, "pod, type/name or --filename must be specified");
	else if (args->count == args->before_dashes)
		kubectl_failf(k, ERR_USAGE, "you must specify at least one command for the container");
	else
		return true;
	return false;
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct exec_options o = { .namespace = namespace, .timeout = KUBECTL_POD_TIMEOUT };
	struct options_rest args = { 0 };
	struct kubectl_pod pod = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else if (are_words_right(k, &args) &&
		 kubectl_pod_find(k, args.at[0], o.namespace ? o.namespace : kube_client_namespace(k->client),
				  o.timeout, KUBECTL_POD_ENTER, &pod) == 0)
		run_command(k, &o, &pod, &args);
	kubectl_pod_free(&pod);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_exec = {
	"exec", "(POD | TYPE/NAME) [-c CONTAINER] [options] -- COMMAND [ARGUMENT...]",
	"Execute a command in a container", rows, COUNT_OF(rows), run
};
