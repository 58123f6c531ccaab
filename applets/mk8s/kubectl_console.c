/* The terminal and the signals of the built-in kubectl: raw while a command runs in a pod, never longer. */
#include "applets/mk8s/kubectl_console.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/base/attr.h"

static bool is_there(void *owner UNUSED)
{
	return isatty(STDIN_FILENO) == 1;
}

static void restore(struct kubectl_console *c)
{
	if (c->raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &c->before);
	c->raw = false;
}

static int set_raw(void *owner, bool raw, struct err *e)
{
	struct kubectl_console *c = owner;
	struct termios now;

	if (!raw) {
		restore(c);
		return 0;
	}
	if (tcgetattr(STDIN_FILENO, &c->before) < 0)
		return err_set_errno(e, ERR_IO, errno, "the terminal cannot be asked for its state");
	now = c->before;
	cfmakeraw(&now);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &now) < 0)
		return err_set_errno(e, ERR_IO, errno, "the terminal cannot be set");
	c->raw = true;
	return 0;
}

static bool size(void *owner UNUSED, uint16_t *ret_columns, uint16_t *ret_rows)
{
	struct winsize now;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) < 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &now) < 0)
		return false;
	*ret_columns = now.ws_col;
	*ret_rows = now.ws_row;
	return now.ws_col > 0 && now.ws_row > 0;
}

const struct kubectl_terminal kubectl_console_terminal = { is_there, set_raw, size };

int kubectl_console_wake_fd(void *owner, int *ret_fd, struct err *e)
{
	static const int watched[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGWINCH };
	struct kubectl_console *c = owner;
	sigset_t set;

	if (!c->watches) {
		(void)sigemptyset(&set);
		for (size_t i = 0; i < COUNT_OF(watched); i++)
			(void)sigaddset(&set, watched[i]);
		c->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
		if (c->signal_fd < 0)
			return err_set_errno(e, ERR_IO, errno, "signals cannot be watched");
		(void)sigprocmask(SIG_BLOCK, &set, &c->mask_before);
		c->watches = true;
	}
	*ret_fd = c->signal_fd;
	return 0;
}

bool kubectl_console_is_stopped(void *owner)
{
	struct kubectl_console *c = owner;
	struct signalfd_siginfo one;

	while (c->watches && read(c->signal_fd, &one, sizeof(one)) == (ssize_t)sizeof(one))
		if (one.ssi_signo != SIGWINCH && !c->caught)
			c->caught = (int)one.ssi_signo;
	return c->caught != 0;
}

void kubectl_console_end(struct kubectl_console *c)
{
	restore(c);
	if (c->watches) {
		(void)kubectl_console_is_stopped(c);
		(void)sigprocmask(SIG_SETMASK, &c->mask_before, NULL);
		(void)close(c->signal_fd);
		c->watches = false;
	}
	if (c->caught && c->caught != SIGINT)
		(void)raise(c->caught);
}
