/* Quantities of resources: a decimal number with a binary, decimal or exponent suffix. */
#include "lib/kube/quantity.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/attr.h"

enum { NUMBER_MAX = 64 };

static const struct {
	const char *suffix;
	double factor;
} suffixes[] = {
	{ "", 1 },
	{ "n", 1e-9 },
	{ "u", 1e-6 },
	{ "m", 1e-3 },
	{ "k", 1e3 },
	{ "M", 1e6 },
	{ "G", 1e9 },
	{ "T", 1e12 },
	{ "P", 1e15 },
	{ "E", 1e18 },
	{ "Ki", 1024.0 },
	{ "Mi", 1048576.0 },
	{ "Gi", 1073741824.0 },
	{ "Ti", 1099511627776.0 },
	{ "Pi", 1125899906842624.0 },
	{ "Ei", 1152921504606846976.0 },
};

bool quantity_read(struct span text, double *ret)
{
	char number[NUMBER_MAX];
	size_t digits = 0, i;

	if (span_to_str(text, number, sizeof(number)))
		return false;
	for (i = number[0] == '+' || number[0] == '-';
	     (number[i] >= '0' && number[i] <= '9') || number[i] == '.'; i++)
		digits += number[i] != '.';
	if (digits == 0)
		return false;
	if ((number[i] == 'e' || number[i] == 'E') && number[i + 1] &&
	    strspn(number + i + 1, "+-0123456789") == strlen(number + i + 1)) {
		*ret = strtod(number, NULL);
		return true;
	}
	for (size_t s = 0; s < COUNT_OF(suffixes); s++)
		if (strcmp(number + i, suffixes[s].suffix) == 0) {
			number[i] = '\0';
			*ret = strtod(number, NULL) * suffixes[s].factor;
			return true;
		}
	return false;
}
