/* Durations as texts: as Go and the configuration write them, and as kubectl shows ages. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/format/timefmt.h"

#define MAX_MS (INT64_C(292) * 365 * 86400 * 1000)

static const struct unit {
	const char *name;
	int64_t ms;
} units[] = {
	{ "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 }, { "d", 86400 * 1000 },
};

static size_t digits_len(struct span text)
{
	size_t len = 0;

	while (len < text.len && text.at[len] >= '0' && text.at[len] <= '9')
		len++;
	return len;
}

static void skip(struct span *text, size_t len)
{
	*text = span_from(text->at + len, text->len - len);
}

/* The unit at the start of `*rest`: the letters up to the next digit. NULL for none of ours. */
static const struct unit *take_unit(struct span *rest)
{
	size_t len = 0;

	while (len < rest->len && rest->at[len] >= 'a' && rest->at[len] <= 'z')
		len++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!span_equal_str(span_from(rest->at, len), units[i].name))
			continue;
		skip(rest, len);
		return &units[i];
	}
	return NULL;
}

/* ".5" of a unit in ms, which must come out whole. */
static int fraction_ms(struct span digits, const struct unit *unit, int64_t *ret)
{
	uint64_t value, scale = 1;

	if (digits.len > 9 || span_to_u64(digits, UINT64_MAX, &value) < 0)
		return -1;
	for (size_t i = 0; i < digits.len; i++)
		scale *= 10;
	if (value * (uint64_t)unit->ms % scale)
		return -1;
	*ret = (int64_t)(value * (uint64_t)unit->ms / scale);
	return 0;
}

/* One number with its unit, added to `*ms`. */
static int take_term(struct span *rest, int64_t *ms)
{
	struct span whole = span_from(rest->at, digits_len(*rest)), fraction = SPAN_NONE;
	const struct unit *unit;
	int64_t part = 0;
	uint64_t count;

	skip(rest, whole.len);
	if (rest->len && rest->at[0] == '.') {
		skip(rest, 1);
		fraction = span_from(rest->at, digits_len(*rest));
		skip(rest, fraction.len);
		if (fraction.len == 0)
			return -1;
	}
	if (span_to_u64(whole, (uint64_t)MAX_MS, &count) < 0 || !(unit = take_unit(rest)))
		return -1;
	if (fraction.len && fraction_ms(fraction, unit, &part) < 0)
		return -1;
	if ((int64_t)count > (MAX_MS - *ms - part) / unit->ms)
		return -1;
	*ms += (int64_t)count * unit->ms + part;
	return 0;
}

int timefmt_parse_duration_ms(struct span text, int64_t *ret_ms, struct err *e)
{
	struct span rest = text;
	int64_t ms = 0;
	int rc = text.len ? 0 : -1;

	while (rest.len && rc == 0 && !span_equal_str(text, "0"))
		rc = take_term(&rest, &ms);
	if (rc < 0)
		return err_set(e, ERR_INPUT, "duration '%.*s': numbers with ms, s, m, h or d are expected, "
			       "as in 24h or 1m30s", (int)(text.len < 40 ? text.len : 40),
			       text.at ? text.at : "");
	*ret_ms = ms;
	return 0;
}

/* 1500 as "1.5s" without trailing zeros. */
static void put_seconds(int64_t ms, char *into, size_t size)
{
	char fraction[8];
	size_t len;

	(void)snprintf(fraction, sizeof(fraction), ".%03d", (int)(ms % 1000));
	len = strlen(fraction);
	while (len && (fraction[len - 1] == '0' || fraction[len - 1] == '.'))
		fraction[--len] = '\0';
	(void)snprintf(into, size, "%" PRId64 "%ss", ms / 1000, fraction);
}

void timefmt_duration_ms(int64_t ms, char ret[TIMEFMT_SIZE])
{
	const char *sign = ms < 0 ? "-" : "";
	uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms, minutes = left / 60000;
	char seconds[12];

	if (left > 0 && left < 1000) {
		(void)snprintf(ret, TIMEFMT_SIZE, "%s%dms", sign, (int)left);
		return;
	}
	put_seconds((int64_t)(left % 60000), seconds, sizeof(seconds));
	if (minutes >= 60)
		(void)snprintf(ret, TIMEFMT_SIZE, "%s%" PRIu64 "h%dm%s", sign, minutes / 60,
			       (int)(minutes % 60), seconds);
	else if (minutes)
		(void)snprintf(ret, TIMEFMT_SIZE, "%s%dm%s", sign, (int)minutes, seconds);
	else
		(void)snprintf(ret, TIMEFMT_SIZE, "%s%s", sign, seconds);
}

/*
 * kubectl's steps: up to `until_s` the age shows `unit`, and what is left in `rest` unless that is
 * zero.
 */
static const struct step {
	int64_t until_s;
	int64_t unit_s;
	const char *unit;
	int64_t rest_s; /* 0: the rest is not shown */
	const char *rest;
} steps[] = {
	{ 120, 1, "s", 0, "" },
	{ 600, 60, "m", 1, "s" },
	{ 3 * 3600, 60, "m", 0, "" },
	{ 8 * 3600, 3600, "h", 60, "m" },
	{ 48 * 3600, 3600, "h", 0, "" },
	{ 8 * 86400, 86400, "d", 3600, "h" },
	{ INT64_C(730) * 86400, 86400, "d", 0, "" },
	{ INT64_C(2920) * 86400, INT64_C(365) * 86400, "y", 86400, "d" },
	{ INT64_MAX, INT64_C(365) * 86400, "y", 0, "" },
};

void timefmt_age(int64_t age_s, char ret[TIMEFMT_SIZE])
{
	const struct step *step = steps;
	int rest;

	if (age_s < -1) {
		(void)snprintf(ret, TIMEFMT_SIZE, "<invalid>");
		return;
	}
	if (age_s < 0)
		age_s = 0;
	while (age_s >= step->until_s)
		step++;
	rest = step->rest_s ? (int)(age_s % step->unit_s / step->rest_s) : 0;
	if (rest)
		(void)snprintf(ret, TIMEFMT_SIZE, "%" PRId64 "%s%d%s", age_s / step->unit_s, step->unit,
			       rest, step->rest);
	else
		(void)snprintf(ret, TIMEFMT_SIZE, "%" PRId64 "%s", age_s / step->unit_s, step->unit);
}
