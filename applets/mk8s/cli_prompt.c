/* Questions on the terminal; what is secret is typed unseen. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "applets/mk8s/cli.h"
#include "lib/base/secret.h"

enum {
	KEY_CANCEL = 3,
	KEY_END = 4,
	KEY_BACKSPACE = 8,
	KEY_LINE_FEED = 10,
	KEY_RETURN = 13,
	KEY_CLEAR = 21,
	KEY_DELETE = 127
};

static void put_key(struct buf *into, size_t start, unsigned char key)
{
	if (key == KEY_CLEAR)
		into->len = start;
	else if ((key == KEY_BACKSPACE || key == KEY_DELETE) && into->len > start)
		into->len--;
	else if (key != KEY_BACKSPACE && key != KEY_DELETE)
		(void)buf_put_char(into, (char)key);
}

/* Key by key, so that an interrupt comes as a key and the terminal is always put back. */
static int read_keys(int fd, struct buf *into, struct err *e)
{
	size_t start = into->len;
	unsigned char key;
	ssize_t got;

	for (;;) {
		got = read(fd, &key, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || key == KEY_CANCEL || (key == KEY_END && into->len == start))
			return err_set(e, ERR_USAGE, "nothing was typed");
		if (key == KEY_LINE_FEED || key == KEY_RETURN || key == KEY_END)
			return buf_ok(into, "what was typed", e);
		put_key(into, start, key);
	}
}

static int ask_unseen(int fd, struct buf *into, struct err *e)
{
	struct termios before, unseen;
	int result;

	if (tcgetattr(fd, &before) < 0)
		return err_set_errno(e, ERR_IO, errno, "the terminal");
	unseen = before;
	unseen.c_lflag &= (tcflag_t) ~(ECHO | ICANON | ISIG | IEXTEN);
	unseen.c_cc[VMIN] = 1;
	unseen.c_cc[VTIME] = 0;
	if (tcsetattr(fd, TCSAFLUSH, &unseen) < 0)
		return err_set_errno(e, ERR_IO, errno, "the terminal");
	result = read_keys(fd, into, e);
	(void)tcsetattr(fd, TCSAFLUSH, &before);
	(void)!write(fd, "\n", 1);
	return result;
}

int cli_ask(const char *question, bool is_secret, struct buf *into, struct err *e)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC), result;

	if (fd < 0)
		return err_set(e, ERR_USAGE, "there is no terminal to ask on: %s",
			       is_secret ? "give --password-stdin" : "give it as an option");
	(void)!write(fd, question, strlen(question));
	result = is_secret ? ask_unseen(fd, into, e) : read_keys(fd, into, e);
	(void)close(fd);
	return result;
}

/* The first line, without its end. */
static int read_stdin(struct buf *into, struct err *e)
{
	size_t len;
	ssize_t got;
	char c;

	while ((got = read(STDIN_FILENO, &c, 1)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set_errno(e, ERR_IO, errno, "standard input");
		if (c == '\n')
			break;
		(void)buf_put_char(into, c);
	}
	len = into->len;
	if (len && into->at[len - 1] == '\r')
		into->len--;
	if (!into->len)
		return err_set(e, ERR_USAGE, "--password-stdin: standard input has no password");
	return buf_ok(into, "the password", e);
}

int cli_ask_password(const char *question, bool from_stdin, bool is_new, struct buf *into,
		     struct err *e)
{
	AUTO_BUF struct buf again = { 0 };
	bool same;

	if (from_stdin)
		return read_stdin(into, e);
	if (cli_ask(question, true, into, e) < 0)
		return -1;
	if (!is_new)
		return 0;
	buf_init_secret(&again, CLI_PASSWORD_MAX);
	if (cli_ask("Again: ", true, &again, e) < 0)
		return -1;
	same = again.len == into->len && secret_equal(again.at, into->at, again.len);
	return same ? 0 : err_set(e, ERR_USAGE, "the two passwords differ");
}
