/* nghttp2's configuration: Linux with musl or glibc, the library only. */
#define HAVE_ARPA_INET_H 1
#define HAVE_NETINET_IN_H 1
#define HAVE_UNISTD_H 1
#define HAVE_CLOCK_GETTIME 1
#define HAVE_DECL_CLOCK_MONOTONIC 1
#define NGHTTP2_NORETURN __attribute__((noreturn))
