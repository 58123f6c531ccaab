/* Scripts on hosts, by the system's ssh. */
#include "lib/rollout/fleet.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"

#define OUTPUT_MAX (4 * 1024 * 1024)
#define CLOSE_TIMEOUT_MS 5000

struct fleet {
	char folder[64];  /* a socket's path has little room: 108 bytes with ssh's own suffix */
	char option[96];  /* ControlPath=FOLDER/%C */
	char **host;
	size_t host_count;
};

struct fleet *fleet_new(struct err *e)
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

void fleet_free(struct fleet *f)
{
	struct err unused = { 0 };

	if (!f)
		return;
	for (size_t i = 0; i < f->host_count; i++) {
		const char *argv[] = { "ssh", "-O", "exit", "-o", f->option, "--", f->host[i], NULL };
		struct job close = { .argv = argv, .timeout_ms = CLOSE_TIMEOUT_MS };

		(void)jobs_run(&close, 1, &unused); /* one that is closed already says so; nobody needs to know */
		free(f->host[i]);
	}
	(void)rmdir(f->folder); /* a master that ends later removes its socket; the folder is then an empty one */
	free(f->host);
	free(f);
}

struct fleet_task *fleet_tasks_new(size_t count)
{
	struct fleet_task *tasks = mem_new_array(count + 1, sizeof(*tasks));

	for (size_t i = 0; i < count; i++) {
		buf_init_secret(&tasks[i].script, FLEET_SCRIPT_MAX);
		buf_init_secret(&tasks[i].out, OUTPUT_MAX);
		buf_init_secret(&tasks[i].err, OUTPUT_MAX);
	}
	return tasks;
}

void fleet_tasks_free(struct fleet_task *tasks, size_t count)
{
	for (size_t i = 0; tasks && i < count; i++) {
		buf_free(&tasks[i].script);
		buf_free(&tasks[i].out);
		buf_free(&tasks[i].err);
	}
	free(tasks);
}

static void pass_line(struct job *j, enum job_stream stream, struct span line)
{
	struct fleet_task *t = j->user;
	struct buf *into = stream == JOB_OUT ? &t->out : &t->err;

	if (t->on_line) {
		t->on_line(t, stream, line);
	} else {
		(void)buf_put_span(into, line);
		(void)buf_put_char(into, '\n');
	}
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

int fleet_run(struct fleet *f, struct fleet_task *tasks, size_t count, struct err *e)
{
	struct job *jobs = mem_new_array(count + 1, sizeof(*jobs));
	const char ***argv = mem_new_array(count + 1, sizeof(*argv));
	int status = 0;

	for (size_t i = 0; i < count && status == 0; i++)
		status = buf_ok(&tasks[i].script, "the script", e);
	for (size_t i = 0; i < count && status == 0; i++) {
		note_host(f, tasks[i].host);
		argv[i] = ssh_argv(f, tasks[i].host);
		jobs[i] = (struct job){ .argv = argv[i], .input = buf_span(&tasks[i].script),
					.timeout_ms = tasks[i].timeout_ms, .on_line = pass_line,
					.user = &tasks[i] };
	}
	if (status == 0)
		status = jobs_run(jobs, count, e);
	for (size_t i = 0; i < count; i++) {
		tasks[i].end = jobs[i].end;
		tasks[i].status = jobs[i].status;
		free(argv[i]);
	}
	free(argv);
	free(jobs);
	return status;
}
