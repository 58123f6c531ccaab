/* Reading YAML by rows of keys, for the files of config. Errors are ERR_INPUT with file, line and column. */
#ifndef MK8S_ROLLOUT_CONFIG_READ_H
#define MK8S_ROLLOUT_CONFIG_READ_H

#include <stdint.h>

#include "lib/format/yaml.h"
#include "lib/rollout/config.h"
#include "lib/rollout/config_check.h"

/* Where reading is: the file's name, for errors. */
struct config_reader {
	const char *file;
	struct err *e;
};

/* Always -1. */
int config_refuse(struct config_reader *r, const struct yaml *node, const char *fmt, ...) PRINTF(3, 4);
/* Whether `map` is one, of known keys. */
int config_check_keys(struct config_reader *r, const struct yaml *map, const char *what,
		      const char *const *known, size_t count);
/* One text that `check` accepts; `*ret` keeps its default when the key is absent and not required. */
int config_read_text(struct config_reader *r, const struct yaml *map, const char *key,
		     const struct config_check *check, bool required, const char **ret);
/* 1s to 24h, in milliseconds; `*ret` keeps its default when the key is absent. */
int config_read_duration(struct config_reader *r, const struct yaml *map, const char *key,
			 int64_t *ret);
/* The target that `key` names; what `t` owns is the caller's in any case. */
int config_read_target(struct config_reader *r, const struct yaml *key, const struct yaml *map,
		       const struct rollout_config *c, struct rollout_target *t);

#endif
