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

/* A number without its sign: digits times 10^power times 2^bits. */
struct scaled {
	int64_t digits;
	int power, bits;
};

/* Where the suffix begins, or NULL. */
static const char *read_digits(const char *at, struct scaled *ret)
{
	bool point = false, any = false;

	for (; (*at >= '0' && *at <= '9') || (*at == '.' && !point); at++) {
		if (*at == '.') {
			point = true;
			continue;
		}
		any = true;
		ret->power -= point;
		if (__builtin_mul_overflow(ret->digits, 10, &ret->digits) ||
		    __builtin_add_overflow(ret->digits, *at - '0', &ret->digits))
			return NULL;
	}
	return any ? at : NULL;
}

static bool read_suffix(const char *at, struct scaled *ret)
{
	static const char decimal[] = "num kMGTPE", binary[] = "KMGTPE";
	const char *found = at[0] ? strchr(decimal, at[0]) : NULL;
	uint64_t power;
	int sign;

	if (at[0] && at[1] == 'i' && !at[2] && strchr(binary, at[0])) {
		ret->bits = 10 * (int)(strchr(binary, at[0]) - binary + 1);
		return true;
	}
	if (found && at[0] != ' ' && !at[1])
		ret->power += 3 * (int)(found - decimal) - 9;
	if (!at[0] || (found && at[0] != ' ' && !at[1]))
		return true;
	if ((at[0] != 'e' && at[0] != 'E') || !at[1] || strlen(at) > 4)
		return false;
	sign = at[1] == '-' ? -1 : 1;
	if (span_to_u64(span_of(at + (at[1] == '-' || at[1] == '+' ? 2 : 1)), 99, &power))
		return false;
	ret->power += sign * (int)power;
	return true;
}

bool quantity_read_scaled(struct span text, int exponent, int64_t *ret)
{
	char number[NUMBER_MAX];
	struct scaled v = { 0, exponent, 0 };
	const char *suffix;
	int64_t rest = 0;
	bool negative;

	if (span_to_str(text, number, sizeof(number)))
		return false;
	negative = number[0] == '-';
	suffix = read_digits(number + (negative || number[0] == '+'), &v);
	if (!suffix || !read_suffix(suffix, &v) || __builtin_mul_overflow(v.digits, INT64_C(1) << v.bits, &v.digits))
		return false;
	for (; v.power > 0 && v.digits; v.power--)
		if (__builtin_mul_overflow(v.digits, 10, &v.digits))
			return false;
	for (; v.power < 0 && v.digits; v.power++) {
		rest |= v.digits % 10;
		v.digits /= 10;
	}
	*ret = v.digits + (rest != 0);
	if (negative)
		*ret = -*ret;
	return true;
}
