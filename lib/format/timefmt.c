/* Dates (RFC 3339, UTC) as texts, on the proleptic Gregorian calendar. */
#include "lib/format/timefmt.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define DAY_S 86400
#define US INT64_C(1000000)
#define YEAR_9999_END_S INT64_C(253402300799)
#define YEAR_0_START_S INT64_C(-62167219200)

struct civil {
	int64_t year;
	int64_t month, day; /* from 1 */
	int64_t hour, minute, second, us;
	int64_t offset_s;
};

/*
 * Days since 1970-01-01; years are counted from March so that the leap day is the last of its year.
 */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

static struct civil civil_of(int64_t unix_s)
{
	int64_t days = unix_s / DAY_S - (unix_s % DAY_S < 0), rest = unix_s - days * DAY_S;
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	struct civil c = { .day = doy - (153 * mp + 2) / 5 + 1, .month = mp < 10 ? mp + 3 : mp - 9 };

	c.year = yoe + era * 400 + (c.month <= 2);
	c.hour = rest / 3600;
	c.minute = rest / 60 % 60;
	c.second = rest % 60;
	return c;
}

static int put_date(int64_t unix_s, char ret[TIMEFMT_SIZE])
{
	struct civil c;

	assert(unix_s >= YEAR_0_START_S && unix_s <= YEAR_9999_END_S);
	c = civil_of(unix_s);
	return snprintf(ret, TIMEFMT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d", (int)c.year, (int)c.month,
			(int)c.day, (int)c.hour, (int)c.minute, (int)c.second);
}

void timefmt_date(int64_t unix_s, char ret[TIMEFMT_SIZE])
{
	int len = put_date(unix_s, ret);

	(void)snprintf(ret + len, TIMEFMT_SIZE - (size_t)len, "Z");
}

void timefmt_date_us(int64_t unix_us, char ret[TIMEFMT_SIZE])
{
	int64_t seconds = unix_us / US - (unix_us % US < 0);
	int len = put_date(seconds, ret);

	(void)snprintf(ret + len, TIMEFMT_SIZE - (size_t)len, ".%06dZ", (int)(unix_us - seconds * US));
}

/* Takes `digits` digits within min..max, then `separator` unless it is NUL. */
static int take_field(struct span *rest, size_t digits, int64_t min, int64_t max, char separator,
		      int64_t *ret)
{
	size_t used = digits + (separator != '\0');
	uint64_t value;

	if (rest->len < used || span_to_u64(span_from(rest->at, digits), (uint64_t)max, &value) < 0 ||
	    (int64_t)value < min)
		return -1;
	if (separator && rest->at[digits] != separator && (separator != 'T' || rest->at[digits] != 't'))
		return -1;
	*ret = (int64_t)value;
	*rest = span_from(rest->at + used, rest->len - used);
	return 0;
}

static int take_fraction(struct span *rest, int64_t *ret_us)
{
	int64_t us = 0, unit = US;
	size_t i = 1;

	if (rest->len == 0 || rest->at[0] != '.')
		return 0;
	for (; i < rest->len && rest->at[i] >= '0' && rest->at[i] <= '9'; i++) {
		unit /= 10;
		us += unit * (rest->at[i] - '0');
	}
	if (i == 1)
		return -1;
	*rest = span_from(rest->at + i, rest->len - i);
	*ret_us = us;
	return 0;
}

/* Z or +hh:mm, and nothing behind. */
static int take_offset(struct span *rest, int64_t *ret_s)
{
	int64_t hours, minutes;
	char sign;

	if (rest->len == 1 && (rest->at[0] | 0x20) == 'z')
		return 0;
	if (rest->len != 6 || (rest->at[0] != '+' && rest->at[0] != '-'))
		return -1;
	sign = rest->at[0];
	*rest = span_from(rest->at + 1, 5);
	if (take_field(rest, 2, 0, 23, ':', &hours) < 0 ||
	    take_field(rest, 2, 0, 59, '\0', &minutes) < 0)
		return -1;
	*ret_s = (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	return 0;
}

static int64_t month_days(int64_t year, int64_t month)
{
	static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static int take_date(struct span text, struct civil *c)
{
	if (take_field(&text, 4, 0, 9999, '-', &c->year) < 0 ||
	    take_field(&text, 2, 1, 12, '-', &c->month) < 0 ||
	    take_field(&text, 2, 1, 31, 'T', &c->day) < 0 || c->day > month_days(c->year, c->month))
		return -1;
	if (take_field(&text, 2, 0, 23, ':', &c->hour) < 0 ||
	    take_field(&text, 2, 0, 59, ':', &c->minute) < 0 ||
	    take_field(&text, 2, 0, 59, '\0', &c->second) < 0)
		return -1;
	if (take_fraction(&text, &c->us) < 0)
		return -1;
	return take_offset(&text, &c->offset_s);
}

int timefmt_parse_date_us(struct span text, int64_t *ret_unix_us, struct err *e)
{
	struct civil c = { 0 };
	int64_t unix_s;

	if (take_date(text, &c) < 0)
		return err_set(e, ERR_INPUT, "date '%.*s': RFC 3339 is expected, 2026-01-02T03:04:05Z",
			       (int)(text.len < 40 ? text.len : 40), text.at ? text.at : "");
	unix_s = days_of(c.year, c.month, c.day) * DAY_S + c.hour * 3600 + c.minute * 60 + c.second;
	*ret_unix_us = (unix_s - c.offset_s) * US + c.us;
	return 0;
}

int timefmt_parse_date(struct span text, int64_t *ret_unix_s, struct err *e)
{
	int64_t us;

	if (timefmt_parse_date_us(text, &us, e) < 0)
		return -1;
	*ret_unix_s = us / US - (us % US < 0);
	return 0;
}
