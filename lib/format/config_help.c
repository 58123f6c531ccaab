/* The text of --help-config, from the same rows that load the configuration. */
#include <inttypes.h>

#include "lib/base/mem.h"
#include "lib/format/config.h"
#include "lib/format/config_value.h"
#include "lib/format/timefmt.h"

static const char *kind_name(enum config_kind kind)
{
	switch (kind) {
	case CONFIG_TEXT:
		return "text";
	case CONFIG_PATH:
		return "path";
	case CONFIG_CHOICE:
		return "choice";
	case CONFIG_SECRET:
		return "secret";
	case CONFIG_INT:
		return "number";
	case CONFIG_BOOL:
		return "true or false";
	case CONFIG_DURATION_MS:
		return "duration";
	case CONFIG_SIZE:
		return "size in bytes";
	case CONFIG_LIST:
		return "list";
	case CONFIG_TREE:
		return "document";
	case CONFIG_IGNORED:
		return "ignored";
	}
	return "";
}

static void print_range(const struct config_key *row, FILE *out)
{
	char min[TIMEFMT_SIZE], max[TIMEFMT_SIZE];

	if (row->choices)
		(void)fprintf(out, ", %s", row->choices);
	if (!row->min && !row->max)
		return;
	if (row->kind != CONFIG_DURATION_MS) {
		(void)fprintf(out, ", %" PRId64 " to %" PRId64, row->min, row->max);
		return;
	}
	timefmt_duration_ms(row->min, min);
	timefmt_duration_ms(row->max, max);
	(void)fprintf(out, ", %s to %s", min, max);
}

static void print_row(const struct config_table *table, const struct config_key *row, FILE *out)
{
	AUTO_FREE char *variable = config_variable_name(table->prefix, row->name);

	(void)fprintf(out, "%s  (%s", row->name, kind_name(row->kind));
	print_range(row, out);
	if (row->default_text)
		(void)fprintf(out, ", default %s", row->default_text);
	(void)fprintf(out, ")\n    %s\n", row->help);
	if (row->kind == CONFIG_TREE || row->kind == CONFIG_IGNORED)
		return;
	(void)fprintf(out, "    variable %s", variable);
	if (row->env_alias)
		(void)fprintf(out, " or %s", row->env_alias);
	if (row->kind == CONFIG_SECRET)
		(void)fprintf(out, "; file: key %s_file, variable %s_FILE", row->name, variable);
	(void)fputc('\n', out);
}

void config_print_help(const struct config_table *table, FILE *out)
{
	for (size_t i = 0; i < table->count; i++)
		print_row(table, &table->keys[i], out);
}
