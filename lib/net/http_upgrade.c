/* What an HTTP/1.1 connection, or an HTTP/2 stream by extended CONNECT, may become. */
#include "lib/net/http_upgrade.h"

#include "lib/base/attr.h"

static const struct {
	struct span protocol;
	const char *name;
} upgrades[] = {
	{ { "websocket", 9 }, "websocket" },
	{ { "spdy/3.1", 8 }, "SPDY/3.1" },
};

static size_t count_upgrade_tokens(const struct http_head *head)
{
	struct span list, part;
	size_t count = 0;

	for (size_t i = 0; i < head->field_count; i++) {
		if (!span_equal_str(head->fields[i].name, "connection"))
			continue;
		list = head->fields[i].value;
		while (span_take_part(&list, ',', &part))
			count += span_equal_nocase(span_trim(part), SPAN("upgrade"));
	}
	return count;
}

struct span http_upgrade_asked(const struct http_head *head)
{
	if (http_field_count(head, "upgrade") != 1 || count_upgrade_tokens(head) != 1)
		return SPAN_NONE;
	for (size_t i = 0; i < COUNT_OF(upgrades); i++)
		if (span_equal_nocase(*http_field_find(head, "upgrade"), upgrades[i].protocol))
			return upgrades[i].protocol;
	return SPAN_NONE;
}

struct span http_upgrade_known(struct span protocol)
{
	for (size_t i = 0; i < COUNT_OF(upgrades); i++)
		if (span_equal(protocol, upgrades[i].protocol))
			return upgrades[i].protocol;
	return SPAN_NONE;
}

const char *http_upgrade_name(struct span protocol)
{
	for (size_t i = 0; i < COUNT_OF(upgrades); i++)
		if (span_equal(protocol, upgrades[i].protocol))
			return upgrades[i].name;
	return NULL;
}
