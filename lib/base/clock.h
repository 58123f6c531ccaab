/* The two clocks: monotonic for every deadline, wall time for dates only. */
#ifndef MK8S_BASE_CLOCK_H
#define MK8S_BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
int64_t clock_unix_s(void);
int64_t clock_unix_us(void);

#endif
