/* A child, from the choice of its environment to exec. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/process_inner.h"

extern char **environ;

const char *const process_env_common[] = { "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_*",
					   "TZ",   "TERM", "TMPDIR", "XDG_*", NULL };

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

static bool is_wanted(const struct process_request *rq, const char *variable)
{
	if (rq->env_except && passes(variable, rq->env_except))
		return false;
	return passes(variable, process_env_common) || (rq->env_names && passes(variable, rq->env_names));
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
		if (is_wanted(rq, *variable))
			env[count++] = *variable;
	}
	if (more)
		memcpy(env + count, rq->env_more, more * sizeof(*env));
	return env;
}

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

/* Waits for the exec: 0, or the errno value of its failure. */
static int read_failure(int fd)
{
	int number = 0;
	ssize_t got;

	while ((got = read(fd, &number, sizeof(number))) < 0 && errno == EINTR)
		;
	return got == (ssize_t)sizeof(number) ? number : 0;
}

static void take_ends(struct pipes *p, struct process_child *ret, pid_t pid)
{
	*ret = (struct process_child){ pid, p->in[1], { p->out[0], p->err[0] } };
	p->in[1] = p->out[0] = p->err[0] = -1;
	(void)fcntl(ret->in, F_SETFL, O_NONBLOCK);
	(void)fcntl(ret->from[PROCESS_OUT], F_SETFL, O_NONBLOCK);
	(void)fcntl(ret->from[PROCESS_ERR], F_SETFL, O_NONBLOCK);
}

int process_start(const struct process_request *rq, struct process_child *ret, struct err *e)
{
	struct pipes p;
	const char **env;
	pid_t parent = getpid(), pid;
	int number;

	if (guard_standard_streams(e) < 0 || open_pipes(&p, e) < 0)
		return -1;
	env = choose_env(rq);
	pid = fork();
	if (pid == 0)
		become(rq, env, &p, parent);
	number = pid < 0 ? errno : 0;
	free(env);
	close_fd(&p.failed[1]);
	if (pid > 0) {
		number = read_failure(p.failed[0]);
		if (number)
			(void)waitpid(pid, NULL, 0);
		else
			take_ends(&p, ret, pid);
	}
	close_pipes(&p);
	return number ? err_set_errno(e, ERR_IO, number, "%s cannot be started", rq->program) : 0;
}
