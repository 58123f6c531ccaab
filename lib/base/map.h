/*
 * A hash map from strings to pointers, keyed by a seed of its own so that no peer can choose
 * collisions.
 */
#ifndef MK8S_BASE_MAP_H
#define MK8S_BASE_MAP_H

#include <stddef.h>

#include "lib/base/span.h"

struct map;

/* The caller owns it. */
struct map *map_new(void);
/* Frees the map and its keys, not the values. Takes NULL. */
void map_free(struct map *m);
/* The value, or NULL. */
void *map_get(const struct map *m, struct span key);
/* Sets (value not NULL); the key is copied. Returns the value that was there before, or NULL. */
void *map_put(struct map *m, struct span key, void *value);
/* Removes; returns the value that was there, or NULL. */
void *map_remove(struct map *m, struct span key);
size_t map_count(const struct map *m);
/*
 * Walks all values: *cursor starts at 0; NULL at the end. Nothing may be put or removed meanwhile.
 */
void *map_next(const struct map *m, size_t *cursor);

#endif
