/*
 * The applets of the one executable: one row each, kept in alphabetical order.
 *
 * A new applet is a row here, a file (or folder) with `applet_NAME`, and a manual page.
 */
#ifndef MK8S_APPLETS_APPLET_H
#define MK8S_APPLETS_APPLET_H

/* X(name, the sentence that lists and manuals show) */
#define APPLETS(X)                                                          \
	X(agent, "connects a cluster to central from inside, dialling out only") \
	X(central, "the server that users and agents of all clusters meet at")   \
	X(deploy, "brings compose services up on hosts, with secrets from 1Password") \
	X(mk8s, "the command line: log in, pick a cluster, run kubectl on it")    \
	X(op, "secrets from 1Password: its CLI, or Connect")

/* X(another name to be called by, the applet). `op` is never linked: that name is 1Password's own. */
#define APPLET_ALIASES(X)       \
	X("1password", "op")    \
	X("op-fetch", "op")

struct applet {
	const char *name;
	/* argv[0] is the applet's name; gives the process's exit status. */
	int (*main)(int argc, char **argv);
	const char *help;
};

#define APPLET_DECLARE(name, help) int applet_##name(int argc, char **argv);
APPLETS(APPLET_DECLARE)
#undef APPLET_DECLARE

#endif
