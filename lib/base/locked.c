/* Memory for secrets: own pages, locked, left out of dumps, wiped. */
#include "lib/base/locked.h"

#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/secret.h"

static size_t whole_pages(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return size > SIZE_MAX - page ? 0 : (size + page - 1) / page * page;
}

void *locked_take(size_t size)
{
	size_t len = whole_pages(size);
	void *at;

	if (len == 0)
		return NULL;
	at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return NULL;
	(void)mlock(at, len); /* refused: as the header says */
	(void)madvise(at, len, MADV_DONTDUMP);
	return at;
}

void locked_give(void *at, size_t size)
{
	if (!at)
		return;
	secret_wipe(at, size);
	(void)munmap(at, whole_pages(size));
}

bool locked_begin(size_t want_bytes)
{
	struct rlimit limit;
	size_t len = whole_pages(want_bytes);
	void *at;
	bool can;

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_MEMLOCK, &limit);
	}
	at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return false;
	can = mlock(at, len) == 0;
	(void)munmap(at, len);
	return can;
}
