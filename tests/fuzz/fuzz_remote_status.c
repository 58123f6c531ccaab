/* The Status on exec's error channel: an exit code, or an error with words; nothing else. */
#include <assert.h>
#include <stdint.h>

#include "lib/kube/remote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	int code = -1;

	if (remote_read_status(span_from(data, size), &code, &e) == 0)
		assert(code >= 0 && code <= 255 && e.code == ERR_NONE);
	else
		assert(code == -1 && e.code == ERR_PROTOCOL);
	return 0;
}
