/* kubectl get --sort-by: the order of lists by a field. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/jsonpath.h"
#include "lib/kube/kubectl_inner.h"
#include "lib/kube/quantity.h"

struct sorted {
	struct json *item;
	const struct json *key; /* NULL when the item has no such field */
	size_t place;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Runs of digits compare as numbers: "a9" before "a10". */
static int compare_natural(const char *a, const char *b)
{
	while (*a && *b) {
		size_t x = 0, y = 0;

		if (!is_digit(*a) || !is_digit(*b)) {
			if (*a != *b)
				return (unsigned char)*a - (unsigned char)*b;
			a++;
			b++;
			continue;
		}
		a += strspn(a, "0");
		b += strspn(b, "0");
		x = strspn(a, "0123456789");
		y = strspn(b, "0123456789");
		if (x != y)
			return x < y ? -1 : 1;
		if (strncmp(a, b, x) != 0)
			return strncmp(a, b, x);
		a += x;
		b += y;
	}
	return (unsigned char)*a - (unsigned char)*b;
}

static int compare_texts(const char *a, const char *b)
{
	double x, y;

	if (quantity_read(span_of(a), &x) && quantity_read(span_of(b), &y))
		return (x > y) - (x < y);
	return compare_natural(a, b);
}

static int compare(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;
	const char *left = json_text(x->key), *right = json_text(y->key);
	int order = 0;

	if (!x->key || !y->key)
		order = (x->key != NULL) - (y->key != NULL);
	else if (left && right)
		order = compare_texts(left, right);
	else if (json_kind(x->key) == JSON_BOOL && json_kind(y->key) == JSON_BOOL)
		order = json_is_true(x->key) - json_is_true(y->key);
	if (order)
		return order;
	return x->place < y->place ? -1 : 1;
}

static const struct json *key_of(struct kubectl *k, const struct jsonpath *p,
				 const struct json *item)
{
	struct jsonpath_found found = { 0 };
	struct err failure = { 0 };
	const struct json *key = NULL;

	if (jsonpath_find(p, item, &found, &failure))
		kubectl_fail(k, &failure);
	else if (found.count)
		key = found.at[0];
	free(found.at);
	return key;
}

void kubectl_sort_items(struct kubectl *k, struct json *array, const char *below, const char *path)
{
	size_t count = json_count(array), i = 0, found = 0;
	AUTO_FREE struct sorted *items = mem_new_array(count + 1, sizeof(*items));
	struct jsonpath *p = NULL;
	struct err failure = { 0 };

	if (jsonpath_parse_field(span_of(path), &p, &failure)) {
		kubectl_fail(k, &failure);
		return;
	}
	for (struct json *item = json_first(array); item; item = json_next(item), i++) {
		items[i] = (struct sorted){ item, key_of(k, p, below ? json_get(item, below) : item), i };
		found += items[i].key != NULL;
	}
	if (count && !found)
		kubectl_failf(k, ERR_INPUT,
			      "couldn't find any field with path \"%s\" in the list of objects",
			      path);
	qsort(items, count, sizeof(*items), compare);
	for (i = 0; i < count; i++)
		json_add_item(array, json_detach(array, items[i].item));
	jsonpath_free(p);
}
