/* The terminal, the signals and the files of the built-in kubectl. */
#ifndef MK8S_APPLETS_MK8S_KUBECTL_CONSOLE_H
#define MK8S_APPLETS_MK8S_KUBECTL_CONSOLE_H

#include <signal.h>
#include <termios.h>

#include "lib/kube/kubectl.h"

/* Begins zeroed; ended by kubectl_console_end, which gives the terminal back as it was. */
struct kubectl_console {
	struct termios before; /* of the terminal, while it is raw */
	bool raw;
	bool watches; /* signals come by signal_fd, others than those of mask_before wait */
	int signal_fd;
	sigset_t mask_before;
	int caught; /* the signal that ends the command; 0: none */
};

extern const struct kubectl_terminal kubectl_console_terminal;
extern const struct kubectl_files kubectl_console_files;

/* kubectl_io's wake_fd and is_stopped; the owner is a struct kubectl_console. */
int kubectl_console_wake_fd(void *owner, int *ret_fd, struct err *e);
bool kubectl_console_is_stopped(void *owner);
/* kubectl_io's listen. */
int kubectl_console_listen(void *owner, const char *address, uint16_t port, int *ret_fd, uint16_t *ret_port,
			   struct err *e);
/* kubectl_io's write. */
bool kubectl_console_write(void *owner, enum kubectl_stream to, struct span bytes);
/* $KUBECTL_EXTERNAL_DIFF, or NULL; and kubectl_io's diff, which runs it. */
const char *kubectl_console_diff_program(void);
int kubectl_console_diff(void *owner, const struct kubectl_diff *files, size_t count, int *ret_status, struct err *e);
/* Everything as before; a signal that came meanwhile ends the process, but for SIGINT. */
void kubectl_console_end(struct kubectl_console *c);

#endif
