/* Scripts on hosts, by the system's ssh. */
#include "lib/rollout/fleet.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"

#define OUTPUT_MAX (4 * 1024 * 1024)
#define CLOSE_TIMEOUT_MS 5000
#define CLOSE_PIECE_MS 20

struct fleet {
	char folder[64];  /* a socket's path has little room: 108 bytes with ssh's own suffix */
	char option[96];  /* ControlPath=FOLDER/%C */
	char *ssh;         /* where it is; NULL: not found */
	struct err no_ssh; /* why not */
	int cancel_fd;
	char **host;
	size_t host_count;
};

/* What ssh needs of the environment is known to the user's configuration of it; 1Password's tokens are none of it. */
static const char *const env_all[] = { "*", NULL };
static const char *const env_tokens[] = { "OP_*", NULL };

struct fleet *fleet_new(int cancel_fd, struct err *e)
{
	struct fleet *f = mem_new(sizeof(*f));
	const char *run = getenv("XDG_RUNTIME_DIR");

	if (!run || run[0] != '/' || strlen(run) > 30 || access(run, W_OK) < 0)
		run = "/tmp";
	(void)snprintf(f->folder, sizeof(f->folder), "%s/mk8s-XXXXXX", run);
	if (!mkdtemp(f->folder)) {
		err_set_errno(e, ERR_IO, errno, "a folder in %s for ssh's sockets", run);
		free(f);
		return NULL;
	}
	(void)snprintf(f->option, sizeof(f->option), "ControlPath=%s/%%C", f->folder);
	f->cancel_fd = cancel_fd;
	(void)process_find("ssh", &f->ssh, &f->no_ssh);
	return f;
}

static void note_host(struct fleet *f, const char *host)
{
	for (size_t i = 0; i < f->host_count; i++) {
		if (strcmp(f->host[i], host) == 0)
			return;
	}
	f->host = mem_grow(f->host, f->host_count + 1, sizeof(*f->host));
	f->host[f->host_count++] = mem_dup_str(host);
}

/* A master that was told to end removes its socket a moment later. */
static void remove_folder(const char *folder)
{
	int tries = CLOSE_TIMEOUT_MS / CLOSE_PIECE_MS;

	while (rmdir(folder) < 0 && errno == ENOTEMPTY && tries-- > 0)
		(void)poll(NULL, 0, CLOSE_PIECE_MS);
}

void fleet_free(struct fleet *f)
{
	struct process_result ignored;
	struct err unused = { 0 };

	if (!f)
		return;
	for (size_t i = 0; i < f->host_count; i++) {
		const char *argv[] = { "ssh", "-O", "exit", "-o", f->option, "--", f->host[i], NULL };
		struct process_request close = { .program = f->ssh, .argv = argv, .env_names = env_all,
						 .env_except = env_tokens, .timeout_ms = CLOSE_TIMEOUT_MS };

		if (f->ssh) /* one that is closed already says so; nobody needs to know */
			(void)process_run(&close, NULL, NULL, &ignored, &unused);
		free(f->host[i]);
	}
	remove_folder(f->folder);
	free(f->host);
	free(f->ssh);
	free(f);
}

struct fleet_task *fleet_tasks_new(size_t count)
{
	struct fleet_task *tasks = mem_new_array(count + 1, sizeof(*tasks));

	for (size_t i = 0; i < count; i++) {
		buf_init_locked(&tasks[i].script, FLEET_SCRIPT_MAX);
		buf_init_locked(&tasks[i].out, OUTPUT_MAX);
		buf_init_locked(&tasks[i].err, OUTPUT_MAX);
		buf_init_locked(&tasks[i].line[PROCESS_OUT], FLEET_LINE_MAX);
		buf_init_locked(&tasks[i].line[PROCESS_ERR], FLEET_LINE_MAX);
	}
	return tasks;
}

void fleet_tasks_free(struct fleet_task *tasks, size_t count)
{
	for (size_t i = 0; tasks && i < count; i++) {
		buf_free(&tasks[i].script);
		buf_free(&tasks[i].out);
		buf_free(&tasks[i].err);
		buf_free(&tasks[i].line[PROCESS_OUT]);
		buf_free(&tasks[i].line[PROCESS_ERR]);
	}
	free(tasks);
}

static void end_line(struct fleet_task *t, enum process_stream stream)
{
	struct buf *into = stream == PROCESS_OUT ? &t->out : &t->err;
	struct span line = buf_span(&t->line[stream]);

	if (line.len && line.at[line.len - 1] == '\r')
		line.len--;
	if (t->on_line) {
		t->on_line(t, stream, line);
	} else {
		(void)buf_put_span(into, line);
		(void)buf_put_char(into, '\n');
	}
	buf_reset(&t->line[stream]);
	t->cut[stream] = false;
}

static bool take_bytes(void *owner, enum process_stream stream, struct span bytes)
{
	struct fleet_task *t = owner;
	struct buf *line = &t->line[stream];

	while (bytes.len) {
		const char *end = memchr(bytes.at, '\n', bytes.len);
		size_t part = end ? (size_t)(end - bytes.at) : bytes.len;

		if (!t->cut[stream] && buf_put(line, bytes.at, part) < 0) {
			buf_reset(line);
			(void)buf_put_str(line, "(a line that is too long to show)");
			t->cut[stream] = true;
		}
		if (!end)
			break;
		end_line(t, stream);
		bytes = span_from(end + 1, bytes.len - part - 1);
	}
	return true;
}

static const char **ssh_argv(const struct fleet *f, const char *host)
{
	const char *const words[] = {
		"ssh", "-T", "-x", "-a", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o",
		"ServerAliveInterval=10", "-o", "ServerAliveCountMax=3", "-o", "ClearAllForwardings=yes", "-o",
		"ControlMaster=auto", "-o", "ControlPersist=30", "-o", f->option, "--", host, "exec sh", NULL,
	};
	const char **argv = mem_new_array(COUNT_OF(words), sizeof(*argv));

	memcpy(argv, words, sizeof(words));
	return argv;
}

static void note_end(struct fleet_task *t, const struct process *p)
{
	for (int stream = PROCESS_OUT; stream <= PROCESS_ERR; stream++) {
		if (t->line[stream].len)
			end_line(t, (enum process_stream)stream);
	}
	t->status = p->result.status;
	t->error = p->error;
	t->end = p->error.code	     ? FLEET_NOT_STARTED :
		 p->result.cancelled ? FLEET_INTERRUPTED :
		 p->result.timed_out ? FLEET_TIMED_OUT :
				       FLEET_EXITED;
}

static struct process ssh_process(struct fleet *f, struct fleet_task *t, const char *const *argv)
{
	return (struct process){ .rq = { .program = f->ssh, .argv = argv, .env_names = env_all,
					 .env_except = env_tokens, .input = buf_span(&t->script),
					 .hold_input = true, .timeout_ms = (uint64_t)t->timeout_ms,
					 .cancel_fd = f->cancel_fd, .grace_ms = FLEET_GRACE_MS,
					 .on_output = take_bytes, .owner = t } };
}

int fleet_run(struct fleet *f, struct fleet_task *tasks, size_t count, struct err *e)
{
	struct process *all;
	const char ***argv;

	for (size_t i = 0; i < count; i++) {
		if (buf_ok(&tasks[i].script, "the script", e) < 0)
			return -1;
		tasks[i].end = FLEET_NOT_STARTED;
		tasks[i].error = f->no_ssh;
	}
	if (!f->ssh)
		return 0;
	all = mem_new_array(count + 1, sizeof(*all));
	argv = mem_new_array(count + 1, sizeof(*argv));
	for (size_t i = 0; i < count; i++) {
		note_host(f, tasks[i].host);
		argv[i] = ssh_argv(f, tasks[i].host);
		all[i] = ssh_process(f, &tasks[i], argv[i]);
	}
	process_run_all(all, count);
	for (size_t i = 0; i < count; i++) {
		note_end(&tasks[i], &all[i]);
		free(argv[i]);
	}
	free(argv);
	free(all);
	return 0;
}
