/* Pieces that all scripts are made of. For the files of script only. */
#ifndef MK8S_ROLLOUT_SCRIPT_INNER_H
#define MK8S_ROLLOUT_SCRIPT_INNER_H

#include "lib/rollout/script.h"

/* NAME='text' and a newline. */
void script_put_setting(struct buf *out, const char *name, const char *text);
void script_put_number(struct buf *out, const char *name, int64_t value);
/* The words, each quoted and with a blank in front. */
void script_put_words(struct buf *out, const char *const *words, size_t count);
/* The beginning of a script and its end; between them commands have /dev/null as input. */
void script_put_begin(struct buf *out);
void script_put_watchdog(struct buf *out);
void script_put_end(struct buf *out);

/* Shell text of the deploy script, in this order. */
extern const char script_part_state[], script_part_secrets[], script_part_compose[], script_part_main[];

#endif
