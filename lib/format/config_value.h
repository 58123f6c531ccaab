/*
 * One value of the configuration: from text into the member that its row names. For config.c only.
 */
#ifndef MK8S_FORMAT_CONFIG_VALUE_H
#define MK8S_FORMAT_CONFIG_VALUE_H

#include "lib/format/config.h"

/*
 * Sets the member from `text`; the old value stands on failure. ERR_INPUT, without the key's name
 * and without a secret.
 */
int config_value_set(const struct config_key *row, void *into, const char *text, struct err *e);

/* Sets a secret from the file at `path`, without the newline at its end. */
int config_value_set_from_file(const struct config_key *row, void *into, const char *path,
			       struct err *e);

/* Appends to a list. */
void config_value_add(const struct config_key *row, void *into, const char *text);

/* Takes `tree`. */
void config_value_set_tree(const struct config_key *row, void *into, struct json *tree);

/* Frees the member (wipes a secret) and zeroes it. */
void config_value_clear(const struct config_key *row, void *into);

/*
 * Appends `text` with ${NAME} replaced by that variable. ERR_INPUT naming the one that is not set.
 */
int config_expand(const char *text, struct buf *into, struct err *e);

/* "MK8S_CENTRAL" and "server.http_port" to "MK8S_CENTRAL_SERVER_HTTP_PORT"; the caller frees it. */
char *config_variable_name(const char *prefix, const char *name);

#endif
