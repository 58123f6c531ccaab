/* See fetch_script.h. */
#include "tests/unit/fetch_script.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/crypto/random.h"

static bool read_request(struct script *s, int fd)
{
	size_t len = 0;
	char *end;

	memset(s->last, 0, sizeof(s->last));
	for (;;) {
		ssize_t got = read(fd, s->last + len, sizeof(s->last) - 1 - len);
		const char *length;

		if (got <= 0)
			return false;
		len += (size_t)got;
		end = strstr(s->last, "\r\n\r\n");
		if (!end)
			continue;
		length = strcasestr(s->last, "content-length: ");
		if (!length || strlen(end + 4) >= strtoul(length + 16, NULL, 10))
			break;
	}
	s->requests++;
	return true;
}

static void play(struct script *s, int fd, const char *answer)
{
	const struct timespec pause = { .tv_nsec = 300 * 1000000 };

	if (!read_request(s, fd))
		return;
	for (; *answer; answer++) {
		size_t len = strcspn(answer, "~|");

		if (len && send(fd, answer, len, MSG_NOSIGNAL) < 0)
			return;
		answer += len;
		if (*answer == '~')
			(void)nanosleep(&pause, NULL);
		else if (*answer == '|' && !read_request(s, fd))
			return;
		if (!*answer)
			return;
	}
}

static void *script_run(void *arg)
{
	struct script *s = arg;

	for (size_t i = 0; i < s->count; i++) {
		int fd = accept(s->fd, NULL, NULL);

		if (fd < 0)
			break;
		play(s, fd, s->answers[i]);
		(void)close(fd);
	}
	return NULL;
}

int listen_any(uint16_t *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 10), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

void script_start(struct script *s, const char *const *answers, size_t count)
{
	*s = (struct script){ .answers = answers, .count = count };
	s->fd = listen_any(&s->port);
	assert_int_equal(pthread_create(&s->thread, NULL, script_run, s), 0);
}

void script_stop(struct script *s)
{
	(void)shutdown(s->fd, SHUT_RDWR);
	(void)pthread_join(s->thread, NULL);
	(void)close(s->fd);
}

struct fetch *new_fetch(void)
{
	struct err e;
	struct fetch *f =
		fetch_new(&(struct fetch_options){ .proxy = "", .connect_timeout_ms = 2000 }, &e);

	if (!f)
		fail_msg("%s", e.text);
	return f;
}

/* One request to one scripted answer. */
int script_ask(const char *answer, struct fetch_request rq, struct fetch_answer *a,
	       struct script *s, struct err *e)
{
	struct fetch *f = new_fetch();
	char url[100];
	int rc;

	script_start(s, &answer, 1);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/a/../b?c", (unsigned)s->port);
	rq.url = url;
	rc = fetch_do(f, &rq, a, e);
	script_stop(s);
	fetch_free(f);
	return rc;
}

int fetch_set_up(void **state)
{
	struct err e;

	(void)state;
	log_configure(LOG_ERROR, LOG_TEXT);
	return crypto_init(&e);
}
