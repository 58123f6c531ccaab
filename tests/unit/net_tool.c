/* Programs that tests of lib/net talk to. */
#include "tests/unit/net_tool.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/mem.h"

static void start(struct tool *t, const char *folder, const char *command)
{
	int pipe_fds[2];

	*t = (struct tool){ 0 };
	buf_init(&t->text, 1024 * 1024);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	t->pid = fork();
	if (t->pid == 0) {
		if (setpgid(0, 0) < 0 || chdir(folder) < 0 || dup2(pipe_fds[1], 1) < 0)
			_exit(126);
		signal(SIGPIPE, SIG_DFL); /* loop_new ignores it */
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	assert_true(t->pid > 0);
	close(pipe_fds[1]);
	t->out = pipe_fds[0];
	assert_int_equal(fcntl(t->out, F_SETFL, O_NONBLOCK), 0);
}

void tool_start(struct tool *t, const char *folder, const char *fmt, ...)
{
	char command[2000];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	start(t, folder, command);
}

void tool_run(struct tool *t, struct loop *l, const char *folder, const char *fmt, ...)
{
	char command[2000];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	start(t, folder, command);
	WAIT_FOR(l, (tool_read(t), t->is_over));
}

void tool_read(struct tool *t)
{
	char chunk[4096];
	ssize_t len;

	while ((len = read(t->out, chunk, sizeof(chunk))) > 0)
		buf_put(&t->text, chunk, (size_t)len);
	if (len == 0)
		t->is_over = true;
}

void tool_free(struct tool *t)
{
	kill(-t->pid, SIGTERM);
	waitpid(t->pid, NULL, 0);
	close(t->out);
	buf_free(&t->text);
}

void assert_said(struct tool *t, const char *says)
{
	if (!strstr(buf_str(&t->text), says))
		fail_msg("not a word of '%s' in:\n%s", says, buf_str(&t->text));
}
