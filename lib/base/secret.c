/* The one place where secrets are wiped and compared. */
#include "lib/base/secret.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void secret_wipe(void *at, size_t len)
{
	volatile uint8_t *byte = at;

	while (len--)
		*byte++ = 0;
}

void secret_free(char *text)
{
	if (text)
		secret_wipe(text, strlen(text));
	free(text);
}

void secret_free_at(char **slot)
{
	secret_free(*slot);
}

bool secret_equal(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t diff = 0;

	for (size_t i = 0; i < len; i++)
		diff = (uint8_t)(diff | (x[i] ^ y[i]));
	return diff == 0;
}

bool secret_equal_str(const char *given, const char *expected)
{
	size_t given_len = strlen(given), expected_len = strlen(expected);
	const char *against = given_len == expected_len ? expected : given;

	return (int)secret_equal(given, against, given_len) & (given_len == expected_len);
}
