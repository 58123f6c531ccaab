/* One key, one text, one duration of deploy.yaml, and the sentence about what is wrong. */
#include "lib/rollout/config_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/nearest.h"
#include "lib/format/timefmt.h"

int config_refuse(struct config_reader *r, const struct yaml *node, const char *fmt, ...)
{
	char text[300];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return err_set(r->e, ERR_INPUT, "%s:%zu:%zu: %s", r->file, yaml_line(node),
		       yaml_column(node), text);
}

int config_check_keys(struct config_reader *r, const struct yaml *map, const char *what,
		      const char *const *known, size_t count)
{
	if (yaml_kind(map) != YAML_MAP)
		return config_refuse(r, map, "%s must be a map of keys and values", what);
	for (size_t i = 0; i < yaml_count(map); i++) {
		const struct yaml *key = yaml_key(map, i);
		const char *near;
		bool found = false;

		for (size_t k = 0; k < count; k++)
			found = found || strcmp(known[k], yaml_text(key)) == 0;
		if (found)
			continue;
		near = nearest_name(yaml_text(key), known, count);
		return config_refuse(r, key, "%s has no key \"%.60s\"%s%s%s", what, yaml_text(key),
			      near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	}
	return 0;
}

int config_read_text(struct config_reader *r, const struct yaml *map, const char *key,
		     const struct config_check *check, bool required, const char **ret)
{
	const struct yaml *node = yaml_get(map, key);

	if (!node)
		return required ? config_refuse(r, map, "%s is missing: %s", key, check->accepts) : 0;
	if (yaml_kind(node) != YAML_TEXT || (yaml_is_null(node) && !yaml_is_quoted(node)))
		return config_refuse(r, node, "%s must be %s", key, check->accepts);
	if (!check->valid(yaml_text(node)))
		return config_refuse(r, node, "%s: \"%.80s\" is not %s", key, yaml_text(node),
			      check->accepts);
	*ret = yaml_text(node);
	return 0;
}

int config_read_duration(struct config_reader *r, const struct yaml *map, const char *key, int64_t *ret)
{
	const struct yaml *node = yaml_get(map, key);
	struct err why = { 0 };
	int64_t ms;

	if (!node)
		return 0;
	if (yaml_kind(node) != YAML_TEXT ||
	    timefmt_parse_duration_ms(span_of(yaml_text(node)), &ms, &why) < 0 || ms < 1000 ||
	    ms > INT64_C(24) * 3600 * 1000)
		return config_refuse(r, node, "%s must be a duration from 1s to 24h, such as 90s", key);
	*ret = ms;
	return 0;
}
