/* The choice of the applet, `mk8s --list` and `mk8s --install DIR`. */
#include "applets/dispatch.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "applets/applet.h"
#include "lib/base/attr.h"
#include "lib/base/nearest.h"

#define PREFIX "mk8s-"
#define EXIT_USAGE 2

#define APPLET_ROW(name, help) { #name, applet_##name, help },
static const struct applet applets[] = { APPLETS(APPLET_ROW) };
#undef APPLET_ROW

static const struct applet *find_applet(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(applets); i++) {
		if (strcmp(applets[i].name, name) == 0)
			return &applets[i];
	}
	return NULL;
}

#define ALIAS_ROW(name, applet) { name, applet },
static const struct alias {
	const char *name, *applet;
} aliases[] = { APPLET_ALIASES(ALIAS_ROW) };
#undef ALIAS_ROW

/* What a program of this name is; "mk8s-" in front has been taken off. */
static const struct applet *find_program(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(aliases); i++) {
		if (strcmp(aliases[i].name, name) == 0)
			return find_applet(aliases[i].applet);
	}
	return find_applet(name);
}

static int refuse_program(const char *program)
{
	const char *names[COUNT_OF(applets)];
	const char *near;

	for (size_t i = 0; i < COUNT_OF(applets); i++)
		names[i] = applets[i].name;
	near = nearest_name(program + strlen(PREFIX), names, COUNT_OF(applets));
	fprintf(stderr, "%s: there is no applet of this name", program);
	if (near != NULL)
		fprintf(stderr, "; did you mean " PREFIX "%s?\n", near);
	else
		fprintf(stderr, "; mk8s --list shows them\n");
	return EXIT_USAGE;
}

static int list(void)
{
	for (size_t i = 0; i < COUNT_OF(applets); i++)
		printf("%-10s %s\n", applets[i].name, applets[i].help);
	if (fflush(stdout) == 0)
		return 0;
	fprintf(stderr, "mk8s: --list: the output could not be written: %s\n", strerror(errno));
	return 1;
}

/* Puts one link in place of whatever link is there; never of a file that is none. */
static int install_link(const char *self, const char *folder, const char *prefix, const char *name)
{
	char path[PATH_MAX];
	char old[1];
	int len = snprintf(path, sizeof(path), "%s/%s%s", folder, prefix, name);

	if (len < 0 || (size_t)len >= sizeof(path)) {
		errno = ENAMETOOLONG;
	} else {
		if (readlink(path, old, sizeof(old)) >= 0)
			(void)unlink(path); /* symlink reports what is wrong */
		if (symlink(self, path) == 0) {
			printf("%s -> %s\n", path, self);
			return 0;
		}
	}
	fprintf(stderr, "mk8s: --install: %s/%s%s: %s\n", folder, prefix, name, strerror(errno));
	return 1;
}

static int install(const char *folder)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0) {
		fprintf(stderr, "mk8s: --install: /proc/self/exe: %s\n", strerror(errno));
		return 1;
	}
	self[len] = '\0';
	for (size_t i = 0; i < COUNT_OF(applets); i++) {
		if (strcmp(applets[i].name, "mk8s") == 0)
			continue;
		if (install_link(self, folder, PREFIX, applets[i].name) != 0)
			return 1;
	}
	for (size_t i = 0; i < COUNT_OF(aliases); i++) {
		if (install_link(self, folder, "", aliases[i].name) != 0)
			return 1;
	}
	return 0;
}

static int run_as_mk8s(int argc, char **argv)
{
	const struct applet *applet = argc > 1 ? find_applet(argv[1]) : NULL;

	if (applet != NULL)
		return applet->main(argc - 1, argv + 1);
	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return list();
	if (argc > 1 && strcmp(argv[1], "--install") == 0) {
		if (argc == 3)
			return install(argv[2]);
		fprintf(stderr, "mk8s: --install takes one folder for the links\n");
		return EXIT_USAGE;
	}
	return applet_mk8s(argc, argv);
}

/* The name that the first users of deploy know it by: `ktrdr deploy ...`, and nothing else. */
static int run_as_ktrdr(int argc, char **argv)
{
	bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);

	if (argc > 1 && strcmp(argv[1], "deploy") == 0)
		return applet_deploy(argc - 1, argv + 1);
	fprintf(help ? stdout : stderr,
		"usage: ktrdr deploy VERB [ARGUMENTS]\n\n  deploy     %s\n",
		find_applet("deploy")->help);
	return help ? 0 : EXIT_USAGE;
}

int applet_dispatch(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *program = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "mk8s";
	bool prefixed = strncmp(program, PREFIX, strlen(PREFIX)) == 0;
	const struct applet *applet = find_program(prefixed ? program + strlen(PREFIX) : program);

	if (applet != NULL && strcmp(applet->name, "mk8s") != 0)
		return applet->main(argc, argv);
	if (strcmp(program, "ktrdr") == 0)
		return run_as_ktrdr(argc, argv);
	if (applet == NULL && prefixed)
		return refuse_program(program);
	return run_as_mk8s(argc, argv);
}
