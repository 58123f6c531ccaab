/* mbedTLS's only source of entropy: getrandom(2), so that neither /dev nor any file is needed. */
#include <errno.h>
#include <stddef.h>
#include <sys/random.h>

#include <mbedtls/entropy.h>

/*
 * mbedTLS declares this hook in a private header; it is called by name
 * (MBEDTLS_ENTROPY_HARDWARE_ALT).
 */
int mbedtls_hardware_poll(void *data, unsigned char *output, size_t len, size_t *olen);

int mbedtls_hardware_poll(void *data, unsigned char *output, size_t len, size_t *olen)
{
	size_t have = 0;

	(void)data;
	while (have < len) {
		ssize_t got = getrandom(output + have, len - have, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return MBEDTLS_ERR_ENTROPY_SOURCE_FAILED;
		have += (size_t)got;
	}
	*olen = have;
	return 0;
}
