/*
 * YAML: files people write, read into nodes that know their line; and JSON written as kubectl
 * writes YAML.
 *
 * Refused: duplicate keys, keys that are not scalars, an alias inside its own anchor, tags other
 * than the core ones (!!str !!int !!float !!bool !!null !!map !!seq), malformed UTF-8.
 */
#ifndef MK8S_FORMAT_YAML_H
#define MK8S_FORMAT_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

struct json;
struct yaml;      /* one node, owned by its yaml_docs */
struct yaml_docs; /* the documents of one text */

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_limits {
	size_t max_len;   /* bytes of input, and of scalar text after aliases are expanded */
	size_t max_depth; /* at most YAML_DEPTH_CEILING counts */
	size_t max_nodes; /* nodes after aliases are expanded */
};

#define YAML_DEPTH_CEILING 100
#define YAML_LIMITS(max_len_bytes) ((struct yaml_limits){ (max_len_bytes), 64, 100000 })

/*
 * Parses all documents of `text`; the caller owns *ret. No document at all gives a count of 0; a
 * document without content is an empty plain scalar. Merge keys (<<) are merged. ERR_INPUT "line 3,
 * column 7: ...", ERR_LIMIT.
 */
int yaml_parse(struct span text, struct yaml_limits limits, struct yaml_docs **ret, struct err *e);
void yaml_docs_free(struct yaml_docs *docs);
void yaml_docs_free_at(struct yaml_docs **slot);
#define AUTO_YAML __attribute__((cleanup(yaml_docs_free_at)))

size_t yaml_docs_count(const struct yaml_docs *docs);
const struct yaml *yaml_docs_at(const struct yaml_docs *docs, size_t index);

enum yaml_kind yaml_kind(const struct yaml *node);
/* A scalar's text; NULL for lists and maps. */
const char *yaml_text(const struct yaml *node);
/* Quoted, a block scalar or tagged !!str: always a string, whatever it looks like. */
bool yaml_is_quoted(const struct yaml *node);
/* A plain scalar that means null: empty, ~, null, Null, NULL. */
bool yaml_is_null(const struct yaml *node);
/* From 1. */
size_t yaml_line(const struct yaml *node);
size_t yaml_column(const struct yaml *node);
/* Elements of a list, pairs of a map. */
size_t yaml_count(const struct yaml *node);
/* The n-th element, or value of the n-th pair (n < yaml_count). */
const struct yaml *yaml_at(const struct yaml *node, size_t index);
/* The key of the n-th pair of a map. */
const struct yaml *yaml_key(const struct yaml *node, size_t index);
/* The value of that key in a map, or NULL. */
const struct yaml *yaml_get(const struct yaml *node, const char *key);

/*
 * The node as JSON that the caller owns. Plain scalars are typed so:
 *   null:    empty, ~, null, Null, NULL
 *   bool:    true, True, TRUE, false, False, FALSE; nothing else (kubectl also takes y, yes, on,
 *            n, no, off; here those stay strings, and so does a key `n:`)
 *   number:  a JSON number keeps its text; +5, .5, 5., 0x1F, 0o17, 0b11 and 0644 (octal, as
 *            kubectl reads file modes) are rewritten; .inf and .nan are refused (ERR_INPUT)
 *   string:  all else, and whatever is quoted
 * Keys are strings as written.
 */
int yaml_to_json(const struct yaml *node, struct json **ret, struct err *e);

/* yaml_parse and yaml_to_json of a text with exactly one document (JSON is YAML, too). */
int yaml_parse_json(struct span text, struct yaml_limits limits, struct json **ret, struct err *e);

/*
 * Puts `item` as `kubectl -o yaml` prints it: keys sorted, indent 2, sequences at their key's
 * column, quotes where a reader would see another type, | for texts of several lines, long lines
 * folded at 80. Ends with a newline.
 */
int json_to_yaml(const struct json *item, struct buf *into, struct err *e);

#endif
