/* Children without a shell: feed, collect, stop; any number of them around one poll(2). */
#include "lib/base/process.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/process_inner.h"
#include "lib/base/secret.h"

#define KILL_AFTER_MS 2000
#define POLL_MAX_MS 1000
#define POLL_BLIND_MS 20 /* where the kernel has no descriptor for a process's end */
#define PIECE_MAX 16384
#define LAST_PIECES 65 /* more than a pipe can hold: who else writes to it is not listened to for ever */
#define FDS_EACH 5

struct child {
	struct process *p;
	struct process_child ends; /* pid 0: ended, or never started */
	int end_fd;                /* readable at its end; -1: the kernel has none */
	size_t written;
	uint64_t end_ms, kill_ms; /* 0: none */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void kill_group(const struct child *c, int number)
{
	if (kill(-c->ends.pid, number) < 0)
		(void)kill(c->ends.pid, number);
}

static void stop(struct child *c)
{
	uint64_t grace_ms = c->p->rq.grace_ms;

	if (c->kill_ms)
		return;
	c->kill_ms = clock_mono_ms() + (grace_ms ? grace_ms : KILL_AFTER_MS);
	if (!grace_ms)
		kill_group(c, SIGTERM);
	close_fd(&c->ends.in);
}

static bool has_more(const struct child *c)
{
	return c->written < c->p->rq.input.len;
}

static void feed(struct child *c)
{
	struct span input = c->p->rq.input;
	ssize_t n;

	if (has_more(c)) {
		n = write(c->ends.in, input.at + c->written, input.len - c->written);
		if (n > 0)
			c->written += (size_t)n;
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			close_fd(&c->ends.in); /* the child reads no more; its status tells */
	}
	if (!has_more(c) && !c->p->rq.hold_input)
		close_fd(&c->ends.in);
}

static void keep(struct child *c, enum process_stream stream, struct span bytes)
{
	struct process *p = c->p;
	struct buf *into = stream == PROCESS_OUT ? p->out : p->err;

	if (p->rq.on_output && p->rq.on_output(p->rq.owner, stream, bytes))
		return;
	if (!into || p->error.code || buf_put_span(into, bytes) == 0)
		return;
	err_set(&p->error, ERR_LIMIT, "%s wrote more than is taken; it was stopped", p->rq.program);
	stop(c);
}

/* One piece; whether there may be more at once. */
static bool take(struct child *c, enum process_stream stream)
{
	char piece[PIECE_MAX];
	ssize_t n;

	if (c->ends.from[stream] < 0)
		return false;
	n = read(c->ends.from[stream], piece, sizeof(piece));
	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		close_fd(&c->ends.from[stream]);
	if (n <= 0)
		return n < 0 && errno == EINTR;
	keep(c, stream, span_from(piece, (size_t)n));
	secret_wipe(piece, (size_t)n);
	return true;
}

/* What it wrote is in the pipes by now; who else holds them open is not waited for. */
static void finish(struct child *c, int status)
{
	c->p->result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (c->kill_ms && !c->p->rq.grace_ms) /* the others of its group were asked, too */
		(void)kill(-c->ends.pid, SIGKILL);
	c->ends.pid = 0;
	for (int stream = PROCESS_OUT; stream <= PROCESS_ERR; stream++) {
		for (int left = LAST_PIECES; left && take(c, (enum process_stream)stream); left--)
			;
		close_fd(&c->ends.from[stream]);
	}
	close_fd(&c->ends.in);
	close_fd(&c->end_fd);
}

static void check_time(struct child *c)
{
	uint64_t now = clock_mono_ms();

	if (c->end_ms && now >= c->end_ms && c->kill_ms == 0) {
		c->p->result.timed_out = true;
		stop(c);
	}
	if (c->kill_ms && now >= c->kill_ms)
		kill_group(c, SIGKILL);
}

/* How long nothing may come before this child is to be looked at. */
static uint64_t patience_ms(const struct child *c)
{
	uint64_t now = clock_mono_ms(), until = c->kill_ms ? c->kill_ms : c->end_ms, most;

	most = c->end_fd < 0 ? POLL_BLIND_MS : POLL_MAX_MS;
	if (!until || until >= now + most)
		return most;
	return until > now ? until - now : POLL_BLIND_MS;
}

static void watch(const struct child *c, struct pollfd fds[FDS_EACH])
{
	bool may_cancel = c->p->rq.cancel_fd > 0 && c->kill_ms == 0;
	const int numbers[FDS_EACH] = { has_more(c) ? c->ends.in : -1, c->ends.from[PROCESS_OUT],
					c->ends.from[PROCESS_ERR], c->end_fd,
					may_cancel ? c->p->rq.cancel_fd : -1 };

	for (int i = 0; i < FDS_EACH; i++)
		fds[i] = (struct pollfd){ c->ends.pid ? numbers[i] : -1, i ? POLLIN : POLLOUT, 0 };
}

static void tend(struct child *c, const struct pollfd fds[FDS_EACH])
{
	int status;

	if (fds[0].revents)
		feed(c);
	if (fds[1].revents)
		(void)take(c, PROCESS_OUT);
	if (fds[2].revents)
		(void)take(c, PROCESS_ERR);
	if (fds[4].revents && c->kill_ms == 0) {
		c->p->result.cancelled = true;
		stop(c);
	}
	check_time(c);
	if (waitpid(c->ends.pid, &status, WNOHANG) == c->ends.pid)
		finish(c, status);
}

/* One wait for whatever comes first; false when all have ended. */
static bool turn(struct child *all, struct pollfd *fds, size_t count)
{
	uint64_t wait_ms = POLL_MAX_MS;
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		watch(&all[i], fds + i * FDS_EACH);
		any = any || all[i].ends.pid;
		if (all[i].ends.pid && patience_ms(&all[i]) < wait_ms)
			wait_ms = patience_ms(&all[i]);
	}
	if (!any)
		return false;
	if (poll(fds, count * FDS_EACH, (int)wait_ms) < 0) {
		for (size_t i = 0; i < count * FDS_EACH; i++)
			fds[i].revents = 0;
	}
	for (size_t i = 0; i < count; i++) {
		if (all[i].ends.pid)
			tend(&all[i], fds + i * FDS_EACH);
	}
	return true;
}

/* A child that closed its input is told by EPIPE. Per thread: others run children at the same time. */
static void block_sigpipe(sigset_t *ret_before)
{
	sigset_t pipe_only;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	(void)pthread_sigmask(SIG_BLOCK, &pipe_only, ret_before);
}

static void restore_sigpipe(const sigset_t *before)
{
	struct timespec now = { 0, 0 };
	sigset_t pipe_only;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	if (!sigismember(before, SIGPIPE))
		while (sigtimedwait(&pipe_only, NULL, &now) == SIGPIPE)
			;
	(void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

static void begin(struct child *c, struct process *p)
{
	*c = (struct child){ .p = p, .end_fd = -1 };
	p->result = (struct process_result){ 0 };
	err_clear(&p->error);
	if (p->rq.timeout_ms)
		c->end_ms = clock_mono_ms() + p->rq.timeout_ms;
	if (process_start(&p->rq, &c->ends, &p->error) < 0)
		return;
	c->end_fd = (int)syscall(SYS_pidfd_open, c->ends.pid, 0);
	feed(c);
}

void process_run_all(struct process *all, size_t count)
{
	struct child *children = mem_new_array(count + 1, sizeof(*children));
	struct pollfd *fds = mem_new_array(count * FDS_EACH + 1, sizeof(*fds));
	sigset_t before;

	block_sigpipe(&before);
	for (size_t i = 0; i < count; i++)
		begin(&children[i], &all[i]);
	while (turn(children, fds, count))
		;
	restore_sigpipe(&before);
	free(fds);
	free(children);
}

int process_run(const struct process_request *rq, struct buf *out, struct buf *err,
		struct process_result *ret, struct err *e)
{
	struct process one = { .rq = *rq, .out = out, .err = err };

	process_run_all(&one, 1);
	*ret = one.result;
	if (one.error.code == 0)
		return 0;
	*e = one.error;
	return -1;
}
