/* The one place where secrets are wiped and compared. */
#ifndef MK8S_BASE_SECRET_H
#define MK8S_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Overwrites with zeros in a way no compiler removes. */
void secret_wipe(void *at, size_t len);

/* Wipes a NUL-terminated string and frees it; takes NULL. */
void secret_free(char *text);

/* Compares in a time that depends on `len` only. */
bool secret_equal(const void *a, const void *b, size_t len);

/* Compares strings; the time depends on the length of `given` only. */
bool secret_equal_str(const char *given, const char *expected);

#define AUTO_SECRET __attribute__((cleanup(secret_free_at)))
void secret_free_at(char **slot);

#endif
