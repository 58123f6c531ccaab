/*
 * Memory for secrets: pages of their own that are not swapped (mlock), not dumped (MADV_DONTDUMP)
 * and wiped before they go back. A struct buf of this memory: buf_init_locked().
 */
#ifndef MK8S_BASE_LOCKED_H
#define MK8S_BASE_LOCKED_H

#include <stdbool.h>
#include <stddef.h>

/*
 * At the start of an applet that handles secrets: no core dump of this process and no ptrace by
 * the same user (PR_SET_DUMPABLE 0; what it executes starts anew), the memory limit of locking
 * raised as far as it goes. Whether `want_bytes` can be locked; when not, secrets still are
 * undumped and wiped.
 */
bool locked_begin(size_t want_bytes);

/* Zeroed pages for at least `size` bytes; NULL without memory. Where mlock is refused they are not
 * locked (locked_begin said so). */
void *locked_take(size_t size);
/* Wipes and unmaps what locked_take gave for the same size; takes NULL. */
void locked_give(void *at, size_t size);

#endif
