/* Which applet a command line means, and the two options that are about applets. */
#ifndef MK8S_APPLETS_DISPATCH_H
#define MK8S_APPLETS_DISPATCH_H

/*
 * Runs what the command line means and gives the exit status. The program's own name picks the
 * applet (`central`, `mk8s-central`, or an alias); as `mk8s` the first argument does (`mk8s central ...`), and
 * whatever is no applet is the command line's own (`mk8s clusters list`).
 */
int applet_dispatch(int argc, char **argv);

#endif
