/*
 * JSON (RFC 8259): a strict parser, a tree, a printer.
 *
 * Refused beyond the grammar: \u0000, duplicate names, lone surrogates, malformed UTF-8, a byte
 * order mark, anything behind the value. Numbers keep their text, so that 9007199254740993 prints
 * as it came. Names are looked up with case. Texts are NUL-terminated UTF-8 without NUL inside. A
 * tree has one owner: json_free on the root frees everything below. Not thread-safe for writers.
 */
#ifndef MK8S_FORMAT_JSON_H
#define MK8S_FORMAT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

struct json;

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_limits {
	size_t max_len;   /* bytes of text */
	size_t max_depth; /* nested arrays and objects; at most JSON_DEPTH_CEILING */
	size_t max_items; /* values (each about 100 bytes of memory); 0: any */
};

#define JSON_DEPTH_CEILING 200

/* What most callers want: the text of a request, or of one Kubernetes object. */
#define JSON_LIMITS(max_len_bytes) ((struct json_limits){ (max_len_bytes), 64, 0 })

/*
 * Parses the whole of `text`; the caller owns *ret. ERR_INPUT "line 3, column 7: ...", ERR_LIMIT
 * above a limit, ERR_NOMEM. The sentence never quotes the text.
 */
int json_parse(struct span text, struct json_limits limits, struct json **ret, struct err *e);

/* Takes NULL. */
void json_free(struct json *item);
void json_free_at(struct json **slot);
#define AUTO_JSON __attribute__((cleanup(json_free_at)))

/* A deep copy that the caller owns. */
struct json *json_dup(const struct json *item);

/* Reading; every function takes NULL for an item that is not there. */

/* JSON_NULL for NULL. */
enum json_kind json_kind(const struct json *item);
bool json_is_object(const struct json *item);
bool json_is_array(const struct json *item);

/* The member of an object, or NULL. Borrowed from the tree. */
struct json *json_get(const struct json *object, const char *name);
/*
 * Members by path: "metadata.namespace". A name that holds a dot needs json_get. NULL when any is
 * missing.
 */
struct json *json_find(const struct json *root, const char *path);
/* The n-th element or member, or NULL: walks, so loops use json_first and json_next. */
struct json *json_at(const struct json *container, size_t index);
/* for (i = json_first(x); i; i = json_next(i)) over an array or object. */
struct json *json_first(const struct json *container);
struct json *json_next(const struct json *item);
/* Elements or members; 0 for other kinds. */
size_t json_count(const struct json *container);
/* The member name of an item that sits in an object, else NULL. */
const char *json_name(const struct json *item);

/* The text of a string, the digits of a number as written; NULL for other kinds. Borrowed. */
const char *json_text(const struct json *item);
/* The text of the member if it is a string, else NULL. Borrowed. */
const char *json_str(const struct json *object, const char *name);
/* As json_str on a path as in json_find. */
const char *json_find_str(const struct json *root, const char *path);
/*
 * 0, or -1 when the item is not a number written as a plain integer (no fraction, no exponent)
 * within int64.
 */
int json_item_int(const struct json *item, int64_t *ret);
int json_int(const struct json *object, const char *name, int64_t *ret);
/* 0, or -1 when the member is missing or not true or false. */
int json_bool(const struct json *object, const char *name, bool *ret);
/* Whether the item is `true`. */
bool json_is_true(const struct json *item);

/* Building; memory that cannot be had ends the process, as in lib/base/mem.h. */

struct json *json_new_object(void);
struct json *json_new_array(void);
/* Malformed UTF-8 becomes U+FFFD when it is printed. NULL gives JSON null. */
struct json *json_new_str(const char *text);
struct json *json_new_bool(bool value);
struct json *json_new_null(void);
/* `text` is a JSON number (asserted). */
struct json *json_new_number(struct span text);
/* Whether `text` is a JSON number. */
bool json_number_valid(struct span text);

/* Sets a member: replaces the one of that name in its place, or appends. set_item takes `item`. */
void json_set_item(struct json *object, const char *name, struct json *item);
/* Appends a member that is known not to be there yet, without the search; takes `item`. */
void json_append_member(struct json *object, const char *name, struct json *item);
void json_set_str(struct json *object, const char *name, const char *text);
void json_set_int(struct json *object, const char *name, int64_t value);
void json_set_bool(struct json *object, const char *name, bool value);
void json_set_null(struct json *object, const char *name);

/* Appends to an array; add_item takes `item`. */
void json_add_item(struct json *array, struct json *item);
void json_add_str(struct json *array, const char *text);

/* Frees the member, if there. */
void json_remove(struct json *object, const char *name);
/* Frees `item`, which is an element or member of `container`. */
void json_remove_item(struct json *container, struct json *item);
/* Unlinks `item` from `container` and gives it to the caller. */
struct json *json_detach(struct json *container, struct json *item);

/* Printing; failures stay in the buffer, see buf_ok. */

/* PRETTY indents by four spaces, as kubectl does; neither ends with a newline. */
enum json_style { JSON_COMPACT, JSON_PRETTY };

void json_print(const struct json *item, enum json_style style, struct buf *into);

/* Puts `text` as a JSON string with its quotes; malformed UTF-8 becomes U+FFFD. */
void json_put_quoted(struct buf *into, struct span text);

#endif
