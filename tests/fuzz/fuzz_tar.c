/* A tar stream: byte by byte gives what all at once gives; content has the length that its entry told. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/format/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	size_t entries, ends;
	uint64_t left, bytes;
};

static int on_entry(void *owner, const struct tar_entry *entry, struct err *e)
{
	struct seen *s = owner;

	(void)e;
	assert(s->left == 0 && entry->name && entry->link && (entry->kind == TAR_FILE || entry->size == 0));
	s->entries += strlen(entry->name) + 1;
	s->left = entry->size;
	return 0;
}

static int on_content(void *owner, struct span bytes, struct err *e)
{
	struct seen *s = owner;

	(void)e;
	assert(bytes.len && bytes.len <= s->left);
	s->left -= bytes.len;
	s->bytes += bytes.len;
	return 0;
}

static int on_entry_end(void *owner, struct err *e)
{
	struct seen *s = owner;

	(void)e;
	assert(s->left == 0);
	s->ends++;
	return 0;
}

static int read_all(const uint8_t *data, size_t size, size_t step, struct seen *s)
{
	const struct tar_sink sink = { s, on_entry, on_content, on_entry_end };
	struct tar_reader *r = tar_reader_new(&sink);
	struct err e = { 0 };
	int rc = 0;

	for (size_t at = 0; at < size && rc == 0; at += step)
		rc = tar_reader_put(r, span_from(data + at, size - at < step ? size - at : step), &e);
	assert((rc == 0) == (e.code == ERR_NONE));
	tar_reader_free(r);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole = { 0 }, parts = { 0 };

	assert(read_all(data, size, size ? size : 1, &whole) == read_all(data, size, 1, &parts));
	assert(memcmp(&whole, &parts, sizeof(whole)) == 0);
	return 0;
}
