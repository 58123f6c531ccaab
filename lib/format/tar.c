/* Reading a tar stream: a block, or a part of content, at a time. */
#include "lib/format/tar.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

/* Offsets and sizes of the header's fields (POSIX 1003.1 pax, ustar). */
enum {
	NAME_AT = 0, NAME_SIZE = 100,
	MODE_AT = 100, UID_AT = 108, GID_AT = 116, ID_SIZE = 8,
	SIZE_AT = 124, TIME_AT = 136, LONG_SIZE = 12,
	SUM_AT = 148, SUM_SIZE = 8,
	TYPE_AT = 156,
	LINK_AT = 157, LINK_SIZE = 100,
	MAGIC_AT = 257,
	PREFIX_AT = 345, PREFIX_SIZE = 155,
};

#define SIZE_LIMIT (INT64_MAX / 2)

struct tar_reader {
	const struct tar_sink *sink;
	char block[TAR_BLOCK];
	size_t block_len;
	uint64_t left, padding; /* of the content that is being read */
	char type;              /* of that content */
	bool is_content;        /* it is the sink's */
	bool done;
	unsigned zero_blocks;
	struct buf special;     /* content of a header that tells about the next one */
	char *name, *link;      /* told by such; NULL: not */
	bool has_size;
	uint64_t size;
};

struct tar_reader *tar_reader_new(const struct tar_sink *sink)
{
	struct tar_reader *r = mem_new(sizeof(*r));

	r->sink = sink;
	buf_init(&r->special, TAR_NAME_MAX);
	return r;
}

void tar_reader_free(struct tar_reader *r)
{
	if (!r)
		return;
	buf_free(&r->special);
	free(r->name);
	free(r->link);
	free(r);
}

bool tar_reader_is_done(const struct tar_reader *r)
{
	return r->done;
}

bool tar_reader_may_end(const struct tar_reader *r)
{
	return r->done || (r->block_len == 0 && r->left == 0 && r->padding == 0 && !r->name && !r->link && !r->has_size);
}

static int refuse(struct err *e, const char *what)
{
	return err_set(e, ERR_INPUT, "invalid tar header: %s", what);
}

/* GNU: the first bit says that the rest is the number itself. Negative ones are refused. */
static int read_base256(struct span field, uint64_t *ret, struct err *e)
{
	uint64_t value = (unsigned char)field.at[0] & 0x3fu;

	if ((unsigned char)field.at[0] & 0x40)
		return refuse(e, "a negative number");
	for (size_t i = 1; i < field.len; i++) {
		if (value > SIZE_LIMIT >> 8)
			return refuse(e, "a number is too large");
		value = value << 8 | (unsigned char)field.at[i];
	}
	*ret = value;
	return 0;
}

/* Octal digits, blanks and NULs around them; nothing at all is 0. */
static int read_number(const char *block, size_t at, size_t size, uint64_t *ret, struct err *e)
{
	struct span field = span_from(block + at, size);
	uint64_t value = 0;

	if ((unsigned char)field.at[0] & 0x80)
		return read_base256(field, ret, e);
	while (field.len && field.at[0] == ' ')
		field = span_from(field.at + 1, field.len - 1);
	while (field.len && (field.at[field.len - 1] == ' ' || field.at[field.len - 1] == '\0'))
		field.len--;
	for (size_t i = 0; i < field.len; i++) {
		if (field.at[i] < '0' || field.at[i] > '7')
			return refuse(e, "a number is not octal");
		value = value << 3 | (uint64_t)(field.at[i] - '0'); /* at most 12 digits: 36 bits */
	}
	*ret = value;
	return 0;
}

static bool is_zero(const char *block)
{
	for (size_t i = 0; i < TAR_BLOCK; i++)
		if (block[i])
			return false;
	return true;
}

/* The sum of all bytes, those of the sum's own field as blanks; old programs took bytes for signed. */
static int check_sum(const char *block, struct err *e)
{
	uint64_t wanted;
	int64_t sum = 0, with_sign = 0;

	if (read_number(block, SUM_AT, SUM_SIZE, &wanted, e) < 0)
		return -1;
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		char c = i >= SUM_AT && i < SUM_AT + SUM_SIZE ? ' ' : block[i];

		sum += (unsigned char)c;
		with_sign += (signed char)c;
	}
	if ((int64_t)wanted != sum && (int64_t)wanted != with_sign)
		return refuse(e, "the checksum is wrong");
	return 0;
}

static char *take_text(const char *block, size_t at, size_t size)
{
	return mem_dup(block + at, strnlen(block + at, size));
}

/* ustar has a second field for the front part of a long name; GNU uses its place for other things. */
static char *take_name(const char *block)
{
	bool posix = memcmp(block + MAGIC_AT, "ustar", 6) == 0;
	AUTO_FREE char *prefix = take_text(block, PREFIX_AT, posix ? PREFIX_SIZE : 0);
	char *name = take_text(block, NAME_AT, NAME_SIZE), *whole;

	if (!prefix[0])
		return name;
	whole = mem_printf("%s/%s", prefix, name);
	free(name);
	return whole;
}

static enum tar_kind kind_of(char type, const char *name)
{
	size_t len = strlen(name);

	switch (type) {
	case '\0': /* before ustar a folder was a file whose name ends so */
	case '0':
	case '7':
		return type == '\0' && len && name[len - 1] == '/' ? TAR_FOLDER : TAR_FILE;
	case '1':
		return TAR_HARD_LINK;
	case '2':
		return TAR_LINK;
	case '5':
		return TAR_FOLDER;
	default:
		return TAR_OTHER;
	}
}

static int read_numbers(struct tar_reader *r, struct tar_entry *entry, struct err *e)
{
	uint64_t mode, uid, gid, time;

	if (read_number(r->block, MODE_AT, ID_SIZE, &mode, e) < 0 || read_number(r->block, UID_AT, ID_SIZE, &uid, e) < 0 ||
	    read_number(r->block, GID_AT, ID_SIZE, &gid, e) < 0 ||
	    read_number(r->block, TIME_AT, LONG_SIZE, &time, e) < 0)
		return -1;
	entry->mode = mode & 0777;
	entry->uid = (uint32_t)uid;
	entry->gid = (uint32_t)gid;
	entry->changed_unix_s = (int64_t)time;
	return 0;
}

static int begin_entry(struct tar_reader *r, uint64_t size, struct err *e)
{
	AUTO_FREE char *name = r->name ? r->name : take_name(r->block);
	AUTO_FREE char *link = r->link ? r->link : take_text(r->block, LINK_AT, LINK_SIZE);
	struct tar_entry entry = { .name = name, .link = link, .kind = kind_of(r->type, name) };

	r->name = r->link = NULL;
	if (r->has_size)
		size = r->size;
	r->has_size = false;
	if (read_numbers(r, &entry, e) < 0)
		return -1;
	if (r->type == 'S')
		return err_set(e, ERR_INPUT, "%.100s: sparse files are not supported", name);
	if (entry.kind == TAR_HARD_LINK || entry.kind == TAR_LINK || entry.kind == TAR_FOLDER)
		size = 0;
	r->is_content = entry.kind == TAR_FILE;
	entry.size = r->is_content ? size : 0;
	r->left = size;
	r->padding = (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
	if (r->sink->on_entry(r->sink->owner, &entry, e) < 0)
		return -1;
	return r->is_content && size == 0 ? r->sink->on_entry_end(r->sink->owner, e) : 0;
}

/* A header whose content tells about the next one (L, K: GNU; x: pax), or about all (g, left out). */
static int begin_special(struct tar_reader *r, uint64_t size, struct err *e)
{
	if (size > TAR_NAME_MAX)
		return err_set(e, ERR_LIMIT, "the tar stream holds a name of more than %d bytes", TAR_NAME_MAX);
	buf_reset(&r->special);
	r->is_content = false;
	r->left = size;
	r->padding = (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
	return 0;
}

static bool is_special(char type)
{
	return type == 'L' || type == 'K' || type == 'x' || type == 'g';
}

static int take_block(struct tar_reader *r, struct err *e)
{
	uint64_t size;

	r->block_len = 0;
	if (is_zero(r->block)) {
		r->done = ++r->zero_blocks == 2;
		return 0;
	}
	if (r->zero_blocks)
		return refuse(e, "content behind a block of zeros");
	if (check_sum(r->block, e) < 0 || read_number(r->block, SIZE_AT, LONG_SIZE, &size, e) < 0)
		return -1;
	if (size > SIZE_LIMIT)
		return refuse(e, "a number is too large");
	r->type = r->block[TYPE_AT];
	return is_special(r->type) ? begin_special(r, size, e) : begin_entry(r, size, e);
}

static int take_string(char **into, struct span text, struct err *e)
{
	if (text.len == 0 || memchr(text.at, '\0', text.len))
		return refuse(e, "a name that is empty or holds a zero");
	free(*into);
	*into = span_dup(text);
	return 0;
}

static int take_pax(struct tar_reader *r, struct span key, struct span value, struct err *e)
{
	if (span_equal(key, SPAN("path")))
		return take_string(&r->name, value, e);
	if (span_equal(key, SPAN("linkpath")))
		return take_string(&r->link, value, e);
	if (span_starts(key, SPAN("GNU.sparse.")))
		return err_set(e, ERR_INPUT, "sparse files in a tar stream are not supported");
	if (!span_equal(key, SPAN("size")))
		return 0;
	r->has_size = true;
	return span_to_u64(value, SIZE_LIMIT, &r->size) < 0 ? refuse(e, "a size that is no number") : 0;
}

/* "LEN KEY=VALUE\n" each; LEN counts all of it. */
static int read_pax(struct tar_reader *r, struct err *e)
{
	struct span rest = buf_span(&r->special);

	while (rest.len) {
		ptrdiff_t blank = span_find(rest, ' '), equals;
		struct span record;
		uint64_t len;

		if (blank <= 0 || span_to_u64(span_from(rest.at, (size_t)blank), rest.len, &len) < 0 ||
		    len < (uint64_t)blank + 2 || rest.at[len - 1] != '\n')
			return refuse(e, "a pax record is malformed");
		record = span_from(rest.at + blank + 1, (size_t)len - (size_t)blank - 2);
		equals = span_find(record, '=');
		if (equals <= 0)
			return refuse(e, "a pax record is malformed");
		if (take_pax(r, span_from(record.at, (size_t)equals),
			     span_from(record.at + equals + 1, record.len - (size_t)equals - 1), e) < 0)
			return -1;
		rest = span_from(rest.at + len, rest.len - (size_t)len);
	}
	return 0;
}

static int end_special(struct tar_reader *r, struct err *e)
{
	struct span text = buf_span(&r->special);

	if (r->type == 'x')
		return read_pax(r, e);
	if (r->type == 'g')
		return 0;
	if (text.len && text.at[text.len - 1] == '\0')
		text.len--;
	return take_string(r->type == 'L' ? &r->name : &r->link, text, e);
}

static int take_content(struct tar_reader *r, struct span bytes, struct err *e)
{
	r->left -= bytes.len;
	if (is_special(r->type)) {
		(void)buf_put_span(&r->special, bytes); /* begin_special has looked at the size */
		return r->left == 0 ? end_special(r, e) : 0;
	}
	if (!r->is_content)
		return 0;
	if (r->sink->on_content(r->sink->owner, bytes, e) < 0)
		return -1;
	return r->left == 0 ? r->sink->on_entry_end(r->sink->owner, e) : 0;
}

static struct span take_front(struct span *bytes, uint64_t most)
{
	struct span front = span_from(bytes->at, bytes->len < most ? bytes->len : (size_t)most);

	*bytes = span_from(bytes->at + front.len, bytes->len - front.len);
	return front;
}

int tar_reader_put(struct tar_reader *r, struct span bytes, struct err *e)
{
	while (bytes.len && !r->done) {
		struct span part;

		if (r->left) {
			if (take_content(r, take_front(&bytes, r->left), e) < 0)
				return -1;
		} else if (r->padding) {
			r->padding -= take_front(&bytes, r->padding).len;
		} else {
			part = take_front(&bytes, TAR_BLOCK - r->block_len);
			memcpy(r->block + r->block_len, part.at, part.len);
			r->block_len += part.len;
			if (r->block_len == TAR_BLOCK && take_block(r, e) < 0)
				return -1;
		}
	}
	return 0;
}
