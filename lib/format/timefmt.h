/* Dates (RFC 3339, UTC) and durations as texts. */
#ifndef MK8S_FORMAT_TIMEFMT_H
#define MK8S_FORMAT_TIMEFMT_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/span.h"

#define TIMEFMT_SIZE 32 /* room for every text below, with its NUL */

/* "2026-01-02T03:04:05Z". The year must lie in 0..9999 (asserted). */
void timefmt_date(int64_t unix_s, char ret[TIMEFMT_SIZE]);
/* "2026-01-02T03:04:05.000006Z", always six digits, as Kubernetes' MicroTime. */
void timefmt_date_us(int64_t unix_us, char ret[TIMEFMT_SIZE]);

/*
 * Reads RFC 3339 with Z or an offset and any number of fraction digits (those past the sixth are
 * cut). ERR_INPUT for all else: days that do not exist, hour 24, a second of 60.
 */
int timefmt_parse_date_us(struct span text, int64_t *ret_unix_us, struct err *e);
/* The same, the fraction cut. */
int timefmt_parse_date(struct span text, int64_t *ret_unix_s, struct err *e);

/*
 * Reads "24h", "1m30s", "500ms", "1.5h", "7d", "0": numbers with a unit out of ms, s, m, h, d.
 * ERR_INPUT without unit, with a sign, empty, below a millisecond or above 292 years.
 */
int timefmt_parse_duration_ms(struct span text, int64_t *ret_ms, struct err *e);

/* As Go prints: "1h30m0s", "24h0m0s", "1.5s", "500ms", "0s". Negative ones get a minus. */
void timefmt_duration_ms(int64_t ms, char ret[TIMEFMT_SIZE]);

/* The AGE column of kubectl: "45s", "5m10s", "3h", "2d", "2y30d"; "<invalid>" below -1 s. */
void timefmt_age(int64_t age_s, char ret[TIMEFMT_SIZE]);

#endif
