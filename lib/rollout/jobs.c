/* Programs of this machine, several at once, around one poll(2). */
#include "lib/rollout/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"

#define TICK_MS 100 /* how soon an end without a closed descriptor is seen: ssh's master keeps them open */
#define READ_SIZE (32 * 1024)

extern char **environ;

struct task {
	struct job *job;
	pid_t pid; /* 0: ended */
	int fd[3];
	size_t sent;
	struct buf line[2];
	bool cut[2]; /* the line was longer than the limit; its rest is dropped */
	uint64_t deadline_ms, kill_ms; /* kill_ms 0: not to end yet */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* The environment without 1Password's tokens; the caller frees the array. */
static char **child_environ(void)
{
	size_t count = 0, kept = 0;
	char **made;

	while (environ && environ[count])
		count++;
	made = mem_new_array(count + 1, sizeof(*made));
	for (size_t i = 0; i < count; i++) {
		if (strncmp(environ[i], "OP_", 3) != 0)
			made[kept++] = environ[i];
	}
	return made;
}

static NORETURN void become(const struct job *job, int fds[3], int report, char **environment)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	sigset_t none;
	int why;

	(void)setpgid(0, 0);
	(void)sigaction(SIGPIPE, &plain, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < 3; i++) {
		if (dup2(fds[i], i) < 0)
			_exit(127);
	}
	environ = environment;
	execvp(job->argv[0], (char *const *)(uintptr_t)job->argv);
	why = errno;
	(void)!write(report, &why, sizeof(why));
	_exit(127);
}

static int make_pipes(int pipes[4][2])
{
	for (int i = 0; i < 4; i++) {
		if (pipe2(pipes[i], O_CLOEXEC) == 0)
			continue;
		while (i-- > 0) {
			(void)close(pipes[i][0]);
			(void)close(pipes[i][1]);
		}
		return -1;
	}
	return 0;
}

static void note_start(struct task *t, int report)
{
	int why;

	if (read(report, &why, sizeof(why)) != sizeof(why))
		return;
	(void)waitpid(t->pid, NULL, 0);
	t->pid = 0;
	t->job->end = JOB_NOT_STARTED;
	t->job->status = why;
	for (int i = 0; i < 3; i++)
		close_fd(&t->fd[i]);
}

static int start(struct task *t, char **environment, struct err *e)
{
	int pipes[4][2]; /* in, out, err, and one that tells why exec failed */

	if (make_pipes(pipes) < 0)
		return err_set_errno(e, ERR_IO, errno, "pipes for %s", t->job->argv[0]);
	t->pid = fork();
	if (t->pid == 0)
		become(t->job, (int[]){ pipes[0][0], pipes[1][1], pipes[2][1] }, pipes[3][1],
		       environment);
	(void)close(pipes[0][0]);
	for (int i = 1; i < 4; i++)
		(void)close(pipes[i][1]);
	t->fd[0] = pipes[0][1];
	t->fd[1] = pipes[1][0];
	t->fd[2] = pipes[2][0];
	if (t->pid < 0) {
		t->pid = 0;
		(void)close(pipes[3][0]);
		return err_set_errno(e, ERR_IO, errno, "a process for %s", t->job->argv[0]);
	}
	for (int i = 0; i < 3; i++)
		(void)fcntl(t->fd[i], F_SETFL, O_NONBLOCK);
	note_start(t, pipes[3][0]);
	(void)close(pipes[3][0]);
	t->deadline_ms = clock_mono_ms() + (uint64_t)t->job->timeout_ms;
	return 0;
}

/* Closes the input: the remote side ends its script by that; later comes the kill. */
static void ask_to_end(struct task *t, enum job_end why)
{
	if (!t->pid || t->kill_ms)
		return;
	t->job->end = why;
	t->kill_ms = clock_mono_ms() + JOBS_GRACE_MS;
	close_fd(&t->fd[0]);
}

static void feed(struct task *t)
{
	struct span input = t->job->input;
	ssize_t n;

	if (t->sent == input.len)
		return;
	n = write(t->fd[0], input.at + t->sent, input.len - t->sent);
	if (n > 0)
		t->sent += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		close_fd(&t->fd[0]);
}

static void end_line(struct task *t, int stream)
{
	struct buf *line = &t->line[stream];
	struct span text = buf_span(line);

	if (text.len && text.at[text.len - 1] == '\r')
		text.len--;
	if (t->job->on_line)
		t->job->on_line(t->job, stream == 0 ? JOB_OUT : JOB_ERR, text);
	buf_reset(line);
	t->cut[stream] = false;
}

static void take_bytes(struct task *t, int stream, const char *at, size_t len)
{
	struct buf *line = &t->line[stream];

	while (len) {
		const char *end = memchr(at, '\n', len);
		size_t part = end ? (size_t)(end - at) : len;

		if (!t->cut[stream] && buf_put(line, at, part) < 0) {
			buf_reset(line);
			(void)buf_put_str(line, "(a line that is too long to show)");
			t->cut[stream] = true;
		}
		if (!end)
			return;
		end_line(t, stream);
		len -= part + 1;
		at = end + 1;
	}
}

/* Reads what is there; false at the end. */
static bool drain(struct task *t, int stream)
{
	char bytes[READ_SIZE];
	int *fd = &t->fd[stream + 1];
	ssize_t n;

	while (*fd >= 0) {
		n = read(*fd, bytes, sizeof(bytes));
		if (n > 0)
			take_bytes(t, stream, bytes, (size_t)n);
		else if (n < 0 && errno == EINTR)
			continue;
		else
			return n < 0 && errno == EAGAIN;
	}
	return false;
}

static void finish(struct task *t, int status)
{
	for (int i = 0; i < 2; i++) {
		(void)drain(t, i);
		if (t->line[i].len)
			end_line(t, i);
	}
	for (int i = 0; i < 3; i++)
		close_fd(&t->fd[i]);
	t->pid = 0;
	t->job->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void watch(struct task *t)
{
	uint64_t now = clock_mono_ms();
	int status;
	pid_t got;

	if (!t->pid)
		return;
	got = waitpid(t->pid, &status, WNOHANG);
	if (got == t->pid)
		finish(t, status);
	else if (t->kill_ms && now >= t->kill_ms)
		(void)kill(-t->pid, SIGKILL);
	else if (now >= t->deadline_ms)
		ask_to_end(t, JOB_TIMED_OUT);
}

/* One wait: descriptors, signals, ends. */
static void turn(struct task *tasks, size_t count, int signals)
{
	struct pollfd *p = mem_new_array(count * 3 + 1, sizeof(*p));
	struct signalfd_siginfo signal_info;

	for (size_t i = 0; i < count; i++) {
		struct task *t = &tasks[i];
		bool more = t->sent < t->job->input.len;

		p[i * 3] = (struct pollfd){ more ? t->fd[0] : -1, POLLOUT, 0 };
		p[i * 3 + 1] = (struct pollfd){ t->fd[1], POLLIN, 0 };
		p[i * 3 + 2] = (struct pollfd){ t->fd[2], POLLIN, 0 };
	}
	p[count * 3] = (struct pollfd){ signals, POLLIN, 0 };
	(void)poll(p, count * 3 + 1, TICK_MS);
	for (size_t i = 0; i < count; i++) {
		if (p[i * 3].revents)
			feed(&tasks[i]);
		for (int s = 0; s < 2; s++) {
			if (p[i * 3 + 1 + (size_t)s].revents && !drain(&tasks[i], s))
				close_fd(&tasks[i].fd[s + 1]);
		}
		watch(&tasks[i]);
	}
	if (p[count * 3].revents && read(signals, &signal_info, sizeof(signal_info)) > 0) {
		for (size_t i = 0; i < count; i++)
			ask_to_end(&tasks[i], JOB_INTERRUPTED);
	}
	free(p);
}

static bool any_runs(const struct task *tasks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (tasks[i].pid)
			return true;
	}
	return false;
}

static int start_all(struct task *tasks, size_t count, struct err *e)
{
	AUTO_FREE char **environment = child_environ();

	for (size_t i = 0; i < count; i++) {
		if (start(&tasks[i], environment, e) == 0)
			continue;
		while (i-- > 0)
			ask_to_end(&tasks[i], JOB_NOT_STARTED);
		return -1;
	}
	return 0;
}

int jobs_run(struct job *jobs, size_t count, struct err *e)
{
	struct task *tasks = mem_new_array(count + 1, sizeof(*tasks));
	const struct timespec now = { 0, 0 };
	sigset_t caught, pipes, mask;
	int signals, status;

	(void)sigemptyset(&caught);
	(void)sigaddset(&caught, SIGINT);
	(void)sigaddset(&caught, SIGTERM);
	(void)sigaddset(&caught, SIGHUP);
	(void)sigemptyset(&pipes);
	(void)sigaddset(&pipes, SIGPIPE); /* a program may end before it has read all */
	(void)pthread_sigmask(SIG_BLOCK, &caught, &mask);
	(void)pthread_sigmask(SIG_BLOCK, &pipes, NULL);
	signals = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
	for (size_t i = 0; i < count; i++) {
		tasks[i] = (struct task){ .job = &jobs[i], .fd = { -1, -1, -1 } };
		jobs[i].end = JOB_EXITED;
		buf_init_secret(&tasks[i].line[0], JOBS_LINE_MAX);
		buf_init_secret(&tasks[i].line[1], JOBS_LINE_MAX);
	}
	status = start_all(tasks, count, e);
	while (any_runs(tasks, count))
		turn(tasks, count, signals);
	for (size_t i = 0; i < count; i++) {
		buf_free(&tasks[i].line[0]);
		buf_free(&tasks[i].line[1]);
	}
	if (signals >= 0)
		(void)close(signals);
	if (sigismember(&mask, SIGPIPE) == 0)
		(void)sigtimedwait(&pipes, NULL, &now);
	(void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
	free(tasks);
	return status;
}
