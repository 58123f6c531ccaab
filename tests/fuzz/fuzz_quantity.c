/* Quantities: the exact reading is not far from the approximate one, and takes nothing that the
 * other refuses. */
#include <assert.h>
#include <stdint.h>

#include "lib/kube/quantity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	double about, difference;
	int64_t value;

	if (!quantity_read_scaled(span_from(data, size), 0, &value))
		return 0;
	assert(quantity_read(span_from(data, size), &about));
	difference = (double)value - about;
	if (difference < 0)
		difference = -difference;
	assert(difference <= 1 + (about < 0 ? -about : about) * 1e-9);
	return 0;
}
