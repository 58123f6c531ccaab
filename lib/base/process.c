/* Children without a shell: start, feed, collect, stop. */
#include "lib/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"

#define KILL_AFTER_MS 2000
#define POLL_MAX_MS 50
#define POLL_END_MS 2 /* the child closed its streams: it ends about now */
#define PIECE_MAX 16384

extern char **environ;

const char *const process_env_common[] = { "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_*",
					   "TZ",   "TERM", "TMPDIR", "XDG_*", NULL };

struct child {
	const struct process_request *rq;
	struct process_result *result;
	struct buf *kept[2]; /* by enum process_stream */
	pid_t pid;
	int in, from[2]; /* our ends; -1: closed */
	size_t written;
	uint64_t end_ms, kill_ms; /* 0: none */
	bool over_limit, exited;
};

/* Finding the program. */

static bool is_other_program(const char *path, const struct stat *self)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0 &&
	       (st.st_ino != self->st_ino || st.st_dev != self->st_dev);
}

int process_find(const char *name, char **ret_path, struct err *e)
{
	struct span rest = span_of(getenv("PATH")), folder;
	struct stat self;

	if (stat("/proc/self/exe", &self) < 0)
		self = (struct stat){ 0 };
	if (strchr(name, '/')) {
		if (!is_other_program(name, &self))
			return err_set(e, ERR_NOT_FOUND, "%s is not a program that can be run", name);
		*ret_path = mem_dup_str(name);
		return 0;
	}
	while (rest.len && span_take_part(&rest, ':', &folder)) {
		char *path = folder.len ? mem_printf("%.*s/%s", SPAN_ARG(folder), name) :
					  mem_printf("./%s", name);

		if (is_other_program(path, &self)) {
			*ret_path = path;
			return 0;
		}
		free(path);
	}
	return err_set(e, ERR_NOT_FOUND, "%s is not installed: no folder of PATH holds it", name);
}

/* The environment. */

static bool passes(const char *variable, const char *const *names)
{
	for (; *names; names++) {
		size_t len = strlen(*names);
		bool is_prefix = len > 0 && (*names)[len - 1] == '*';

		if (is_prefix ? strncmp(variable, *names, len - 1) == 0 :
				strncmp(variable, *names, len) == 0 && variable[len] == '=')
			return true;
	}
	return false;
}

/* Pointers into our environment and the request's; the caller frees the array alone. */
static const char **choose_env(const struct process_request *rq)
{
	size_t count = 0, more = 0;
	const char **env;

	while (environ[count])
		count++;
	while (rq->env_more && rq->env_more[more])
		more++;
	env = mem_new_array(count + more + 1, sizeof(*env));
	count = 0;
	for (char **variable = environ; *variable; variable++) {
		if (passes(*variable, process_env_common) ||
		    (rq->env_names && passes(*variable, rq->env_names)))
			env[count++] = *variable;
	}
	if (more)
		memcpy(env + count, rq->env_more, more * sizeof(*env));
	return env;
}

/* Starting. */

struct pipes {
	int in[2], out[2], err[2], failed[2];
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_pipes(struct pipes *p)
{
	int *all[] = { p->in, p->out, p->err, p->failed };

	for (size_t i = 0; i < COUNT_OF(all); i++) {
		close_fd(&all[i][0]);
		close_fd(&all[i][1]);
	}
}

static int open_pipes(struct pipes *p, struct err *e)
{
	*p = (struct pipes){ { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	if (pipe2(p->in, O_CLOEXEC) == 0 && pipe2(p->out, O_CLOEXEC) == 0 &&
	    pipe2(p->err, O_CLOEXEC) == 0 && pipe2(p->failed, O_CLOEXEC) == 0)
		return 0;
	err_set_errno(e, ERR_IO, errno, "no pipe for a child process");
	close_pipes(p);
	return -1;
}

/* In the child: only calls that are safe between fork and exec. Its ends are above 2: ours are open. */
static void become(const struct process_request *rq, const char *const *env, const struct pipes *p,
		   pid_t parent)
{
	struct rlimit no_core = { 0, 0 };
	sigset_t none;
	int number;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	(void)setpgid(0, 0);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent && dup2(p->in[0], 0) == 0 && dup2(p->out[1], 1) == 1 &&
	    dup2(p->err[1], 2) == 2) {
		/* what others opened without close-on-exec; `failed` has it */
		(void)syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
		(void)execve(rq->program, (char *const *)(uintptr_t)rq->argv,
			     (char *const *)(uintptr_t)env);
	}
	number = errno;
	(void)!write(p->failed[1], &number, sizeof(number));
	_exit(127);
}

/* Pipes of ours must not land on 0, 1 or 2 where the caller has those closed. */
static int guard_standard_streams(struct err *e)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		if (open("/dev/null", O_RDWR) != fd)
			return err_set_errno(e, ERR_IO, errno, "/dev/null cannot be opened");
	}
	return 0;
}

static int start(struct child *c, struct err *e)
{
	struct pipes p;
	const char **env;
	pid_t parent = getpid();
	int number = 0;
	ssize_t got;

	if (guard_standard_streams(e) < 0 || open_pipes(&p, e) < 0)
		return -1;
	env = choose_env(c->rq);
	c->pid = fork();
	if (c->pid == 0)
		become(c->rq, env, &p, parent);
	number = errno;
	free(env);
	if (c->pid < 0) {
		close_pipes(&p);
		return err_set_errno(e, ERR_IO, number, "%s cannot be started", c->rq->program);
	}
	close_fd(&p.failed[1]);
	while ((got = read(p.failed[0], &number, sizeof(number))) < 0 && errno == EINTR)
		;
	if (got == (ssize_t)sizeof(number)) {
		(void)waitpid(c->pid, NULL, 0);
		close_pipes(&p);
		return err_set_errno(e, ERR_IO, number, "%s cannot be started", c->rq->program);
	}
	c->in = p.in[1];
	c->from[PROCESS_OUT] = p.out[0];
	c->from[PROCESS_ERR] = p.err[0];
	p.in[1] = p.out[0] = p.err[0] = -1;
	close_pipes(&p);
	(void)fcntl(c->in, F_SETFL, O_NONBLOCK);
	return 0;
}

/* Running. */

static void stop(struct child *c)
{
	if (c->kill_ms == 0) {
		c->kill_ms = clock_mono_ms() + KILL_AFTER_MS;
		if (kill(-c->pid, SIGTERM) < 0)
			(void)kill(c->pid, SIGTERM);
	}
	close_fd(&c->in);
}

static void feed(struct child *c)
{
	struct span input = c->rq->input;
	ssize_t n;

	if (c->written < input.len) {
		n = write(c->in, input.at + c->written, input.len - c->written);
		if (n > 0)
			c->written += (size_t)n;
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			close_fd(&c->in); /* the child reads no more; its status tells */
	}
	if (c->written == input.len && !c->rq->hold_input)
		close_fd(&c->in);
}

static void take(struct child *c, enum process_stream stream)
{
	char piece[PIECE_MAX];
	struct buf *into = c->kept[stream];
	ssize_t n = read(c->from[stream], piece, sizeof(piece));

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		close_fd(&c->from[stream]);
	if (n <= 0)
		return;
	if (!(c->rq->on_output &&
	      c->rq->on_output(c->rq->owner, stream, span_from(piece, (size_t)n))) &&
	    into && buf_put(into, piece, (size_t)n) < 0) {
		c->over_limit = true;
		stop(c);
	}
	secret_wipe(piece, (size_t)n);
}

static void check_time(struct child *c)
{
	uint64_t now = clock_mono_ms();

	if (c->end_ms && now >= c->end_ms && c->kill_ms == 0) {
		c->result->timed_out = true;
		stop(c);
	}
	if (c->kill_ms && now >= c->kill_ms) {
		(void)kill(-c->pid, SIGKILL);
		(void)kill(c->pid, SIGKILL);
		close_fd(&c->from[PROCESS_OUT]); /* a grandchild of another group may hold them */
		close_fd(&c->from[PROCESS_ERR]);
	}
}

static void check_end(struct child *c)
{
	int status;

	if (c->exited || waitpid(c->pid, &status, WNOHANG) != c->pid)
		return;
	c->exited = true;
	c->result->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	close_fd(&c->in);
}

/* One wait for whatever comes first. */
static void step(struct child *c)
{
	bool may_cancel = c->rq->cancel_fd > 0 && c->kill_ms == 0;
	bool feeding = c->in >= 0 && c->written < c->rq->input.len;
	struct pollfd fds[] = {
		{ .fd = feeding ? c->in : -1, .events = POLLOUT },
		{ .fd = c->from[PROCESS_OUT], .events = POLLIN },
		{ .fd = c->from[PROCESS_ERR], .events = POLLIN },
		{ .fd = may_cancel ? c->rq->cancel_fd : -1, .events = POLLIN },
	};

	bool silent = c->from[PROCESS_OUT] < 0 && c->from[PROCESS_ERR] < 0;

	if (poll(fds, COUNT_OF(fds), silent ? POLL_END_MS : POLL_MAX_MS) > 0) {
		if (fds[0].revents)
			feed(c);
		if (fds[1].revents)
			take(c, PROCESS_OUT);
		if (fds[2].revents)
			take(c, PROCESS_ERR);
		if (fds[3].revents) {
			c->result->cancelled = true;
			stop(c);
		}
	}
	check_time(c);
	check_end(c);
}

static void run(struct child *c)
{
	uint64_t drain_ms = 0;

	feed(c);
	while (!c->exited || c->from[PROCESS_OUT] >= 0 || c->from[PROCESS_ERR] >= 0) {
		step(c);
		if (!c->exited)
			continue;
		/* what it left running may hold the streams for ever */
		if (drain_ms == 0)
			drain_ms = clock_mono_ms() + KILL_AFTER_MS;
		if (clock_mono_ms() >= drain_ms) {
			(void)kill(-c->pid, SIGKILL);
			close_fd(&c->from[PROCESS_OUT]);
			close_fd(&c->from[PROCESS_ERR]);
		}
	}
	close_fd(&c->in);
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

int process_run(const struct process_request *rq, struct buf *out, struct buf *err,
		struct process_result *ret, struct err *e)
{
	sigset_t before;
	struct child c = { .rq = rq, .result = ret, .kept = { out, err }, .in = -1, .from = { -1, -1 } };

	*ret = (struct process_result){ 0 };
	block_sigpipe(&before);
	if (rq->timeout_ms)
		c.end_ms = clock_mono_ms() + rq->timeout_ms;
	if (start(&c, e) < 0) {
		(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
		return -1;
	}
	run(&c);
	restore_sigpipe(&before);
	if (c.over_limit)
		return err_set(e, ERR_LIMIT, "%s wrote more than is taken; it was stopped",
			       rq->program);
	return 0;
}
