/* What is the same for every SQL engine. */
#include "lib/store/store.h"

struct store_value store_text(const char *text)
{
	if (!text)
		return STORE_NULL;
	return STORE_SPAN(span_of(text));
}

int store_first(struct store_rows *rows, const char *what, struct err *e)
{
	int got = store_next(rows, e);

	if (got < 0)
		return -1;
	return got ? 0 : err_set(e, ERR_NOT_FOUND, "%s does not exist", what);
}
