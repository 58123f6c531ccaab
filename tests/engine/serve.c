/* The only program of the tests' images: a service, its health check, and cat. Static, for an image of nothing else. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void end(int number)
{
	(void)number;
	_exit(0);
}

static int show(const char *path)
{
	FILE *file = fopen(path, "r");
	int c;

	if (!file)
		return 1;
	while ((c = getc(file)) != EOF)
		putchar(c);
	return fclose(file) != 0;
}

/* serve TAG | serve check TAG | serve cat FILE; what is called bad* is never healthy and tells its password. */
int main(int argc, char **argv)
{
	const char *password = getenv("DB_PASSWORD");

	if (argc == 3 && strcmp(argv[1], "check") == 0)
		return strncmp(argv[2], "bad", 3) == 0;
	if (argc == 3 && strcmp(argv[1], "cat") == 0)
		return show(argv[2]);
	if (argc != 2)
		return 2;
	(void)sigaction(SIGTERM, &(struct sigaction){ .sa_handler = end }, NULL);
	printf("serving %s\n", argv[1]);
	if (strncmp(argv[1], "bad", 3) == 0 && password)
		printf("cannot connect with %s\n", password);
	fflush(stdout);
	for (;;)
		pause();
}
