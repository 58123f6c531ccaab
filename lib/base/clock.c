/* The two clocks. */
#include "lib/base/clock.h"

#include <time.h>

static int64_t clock_read_us(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now); /* cannot fail for the two clocks used here */
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

uint64_t clock_mono_us(void)
{
	return (uint64_t)clock_read_us(CLOCK_MONOTONIC);
}

uint64_t clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

int64_t clock_unix_us(void)
{
	return clock_read_us(CLOCK_REALTIME);
}

int64_t clock_unix_s(void)
{
	return clock_unix_us() / 1000000;
}
