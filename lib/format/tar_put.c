/* Writing tar entries, as GNU tar does: the form that the tars of small images read, too. */
#include <stdio.h>
#include <string.h>

#include "lib/format/tar.h"

enum { NAME_SIZE = 100, MODE_AT = 100, UID_AT = 108, GID_AT = 116, SIZE_AT = 124, TIME_AT = 136, SUM_AT = 148,
       TYPE_AT = 156, LINK_AT = 157, MAGIC_AT = 257 };

/* Octal digits and a NUL; what does not fit is written as GNU does, with the first bit set. */
static void put_number(char *at, size_t size, uint64_t value)
{
	char digits[32];
	int len = snprintf(digits, sizeof(digits), "%0*llo", (int)size - 1, (unsigned long long)value);

	if (len < (int)size) {
		memcpy(at, digits, (size_t)len);
		return;
	}
	for (size_t i = size; i-- > 1; value >>= 8)
		at[i] = (char)(unsigned char)value;
	at[0] = (char)0x80;
}

static void put_block(struct buf *out, char *block)
{
	unsigned sum = 0;

	memset(block + SUM_AT, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)block[i];
	(void)snprintf(block + SUM_AT, 8, "%06o", sum); /* at most 512 * 255; a NUL and the blank behind */
	(void)buf_put(out, block, TAR_BLOCK);
}

static char type_of(enum tar_kind kind)
{
	switch (kind) {
	case TAR_FOLDER:
		return '5';
	case TAR_LINK:
		return '2';
	case TAR_HARD_LINK:
		return '1';
	case TAR_FILE:
	case TAR_OTHER:
		break;
	}
	return '0';
}

/* A name that the header has no room for goes in front, as the content of a header of its own. */
static void put_long(struct buf *out, char type, const char *text)
{
	char block[TAR_BLOCK] = "././@LongLink";
	size_t size = strlen(text) + 1;

	put_number(block + SIZE_AT, 12, size);
	block[TYPE_AT] = type;
	memcpy(block + MAGIC_AT, "ustar  ", 8);
	put_block(out, block);
	(void)buf_put(out, text, size);
	tar_put_padding(out, size);
}

static void put_text(char *at, const char *text)
{
	size_t len = strlen(text);

	memcpy(at, text, len < NAME_SIZE ? len : NAME_SIZE);
}

void tar_put_header(struct buf *out, const struct tar_entry *entry)
{
	char block[TAR_BLOCK] = { 0 };
	int64_t time = entry->changed_unix_s > 0 ? entry->changed_unix_s : 0;

	if (strlen(entry->name) > NAME_SIZE)
		put_long(out, 'L', entry->name);
	if (entry->link && strlen(entry->link) > NAME_SIZE)
		put_long(out, 'K', entry->link);
	put_text(block, entry->name);
	put_text(block + LINK_AT, entry->link ? entry->link : "");
	put_number(block + MODE_AT, 8, entry->mode);
	put_number(block + UID_AT, 8, entry->uid);
	put_number(block + GID_AT, 8, entry->gid);
	put_number(block + SIZE_AT, 12, entry->kind == TAR_FILE ? entry->size : 0);
	put_number(block + TIME_AT, 12, (uint64_t)time);
	block[TYPE_AT] = type_of(entry->kind);
	memcpy(block + MAGIC_AT, "ustar  ", 8);
	put_block(out, block);
}

void tar_put_padding(struct buf *out, uint64_t size)
{
	static const char zeros[TAR_BLOCK];

	(void)buf_put(out, zeros, (size_t)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK));
}

void tar_put_end(struct buf *out)
{
	static const char zeros[2 * TAR_BLOCK];

	(void)buf_put(out, zeros, sizeof(zeros));
}
