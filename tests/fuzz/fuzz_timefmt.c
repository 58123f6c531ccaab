/* Dates and durations: what parses prints, and the print means the same. */
#include <assert.h>
#include <stdint.h>

#include "lib/format/timefmt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_date(struct span text)
{
	static const int64_t first_us = INT64_C(-62167219200) * 1000000, last_us = INT64_C(253402300799) * 1000000;
	char printed[TIMEFMT_SIZE];
	struct err e = { 0 };
	int64_t us, again;

	if (timefmt_parse_date_us(text, &us, &e) < 0) {
		assert(e.code == ERR_INPUT);
		return;
	}
	if (us < first_us || us > last_us) /* an offset carried it out of the four-digit years */
		return;
	timefmt_date_us(us, printed);
	assert(timefmt_parse_date_us(span_of(printed), &again, &e) == 0 && again == us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_from(data, size);
	char printed[TIMEFMT_SIZE];
	struct err e = { 0 };
	int64_t ms, again;

	check_date(text);
	if (timefmt_parse_duration_ms(text, &ms, &e) < 0) {
		assert(e.code == ERR_INPUT);
		return 0;
	}
	assert(ms >= 0);
	timefmt_duration_ms(ms, printed);
	assert(timefmt_parse_duration_ms(span_of(printed), &again, &e) == 0 && again == ms);
	timefmt_age(ms / 1000, printed);
	return 0;
}
