/* Configuration files: no file crashes the reader, and what is refused leaves nothing behind. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/format/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct settings {
	int64_t number, size, duration_ms;
	bool flag;
	char *text, *choice, *secret;
	struct config_list list;
	struct json *tree;
};

#define AT(member) offsetof(struct settings, member)
static const struct config_key keys[] = {
	{ "a.number", CONFIG_INT, AT(number), "5", -5, 50, "x", NULL, NULL },
	{ "a.size", CONFIG_SIZE, AT(size), NULL, 0, 0, "x", NULL, NULL },
	{ "a.time", CONFIG_DURATION_MS, AT(duration_ms), "1s", 1, 1000000, "x", NULL, NULL },
	{ "b.flag", CONFIG_BOOL, AT(flag), NULL, 0, 0, "x", NULL, NULL },
	{ "b.text", CONFIG_TEXT, AT(text), NULL, 0, 0, "x", NULL, NULL },
	{ "b.choice", CONFIG_CHOICE, AT(choice), "y", 0, 0, "x", NULL, "y|z" },
	{ "list", CONFIG_LIST, AT(list), NULL, 0, 0, "x", NULL, NULL },
	{ "secret", CONFIG_SECRET, AT(secret), NULL, 0, 0, "x", NULL, NULL },
	{ "tree", CONFIG_TREE, AT(tree), NULL, 0, 0, "x", NULL, NULL },
	{ "old", CONFIG_IGNORED, 0, NULL, 0, 0, "is old", NULL, NULL },
};
static const struct config_table table = { keys, sizeof(keys) / sizeof(keys[0]), "FUZZ" };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct settings empty;
	struct settings settings = { 0 };
	struct err e = { 0 };
	char path[40];
	int fd = memfd_create("config", MFD_CLOEXEC);

	assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (config_load(&table, path, &settings, NULL, &e) == 0) {
		assert(settings.number >= -5 && settings.number <= 50 && settings.duration_ms >= 1);
		assert(!strcmp(settings.choice, "y") || !strcmp(settings.choice, "z"));
		config_free(&table, &settings);
	} else {
		assert(e.code != ERR_NONE && e.text[0]);
	}
	assert(memcmp(&settings, &empty, sizeof(empty)) == 0);
	close(fd);
	return 0;
}
