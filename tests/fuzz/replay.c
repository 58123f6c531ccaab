/* Feeds files to a fuzz target without libFuzzer: PROGRAM FILE... */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int feed(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t len = 0;
	size_t room = 4096;

	if (file == NULL) {
		perror(path);
		return 1;
	}
	for (;;) {
		uint8_t *more = realloc(data, room);

		if (more == NULL)
			abort();
		data = more;
		len += fread(data + len, 1, room - len, file);
		if (len < room)
			break;
		room *= 2;
	}
	if (ferror(file))
		abort();
	fclose(file);
	/* Exactly as many bytes as the file has, so that ASan sees a read past the end. */
	data = realloc(data, len > 0 ? len : 1);
	(void)LLVMFuzzerTestOneInput(data, len);
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	int status = argc > 1 ? 0 : 2;

	for (int i = 1; i < argc; i++)
		status |= feed(argv[i]);
	return status;
}
