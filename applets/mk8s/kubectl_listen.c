/* Sockets that the built-in kubectl's port-forward listens on. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "applets/mk8s/kubectl_console.h"

enum { BACKLOG = 128 };

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t read_address(const char *text, uint16_t port, union address *a)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons(port);
		return sizeof(a->v4);
	}
	if (inet_pton(AF_INET6, text, &a->v6.sin6_addr) != 1)
		return 0;
	a->v6.sin6_family = AF_INET6;
	a->v6.sin6_port = htons(port);
	return sizeof(a->v6);
}

static int open_socket(const union address *a, socklen_t len)
{
	const int on = 1;
	int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), number;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->any.sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &a->any, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	number = errno;
	(void)close(fd);
	errno = number;
	return -1;
}

int kubectl_console_listen(void *owner, const char *address, uint16_t port, int *ret_fd, uint16_t *ret_port,
			   struct err *e)
{
	union address a;
	socklen_t len = read_address(address, port, &a);
	int fd;

	(void)owner;
	if (len == 0)
		return err_set(e, ERR_INPUT, "'%.100s' is not an IP address", address);
	fd = open_socket(&a, len);
	if (fd < 0)
		return err_set_errno(e, ERR_IO, errno, "listen tcp %s:%u", address, port);
	(void)getsockname(fd, &a.any, &len);
	*ret_port = ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
	*ret_fd = fd;
	return 0;
}
