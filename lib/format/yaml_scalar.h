/* What a plain YAML scalar means: one set of rules for reading and for quoting. */
#ifndef MK8S_FORMAT_YAML_SCALAR_H
#define MK8S_FORMAT_YAML_SCALAR_H

#include <stdbool.h>

enum yaml_scalar {
	YAML_SCALAR_STRING,
	YAML_SCALAR_NULL,
	YAML_SCALAR_TRUE,
	YAML_SCALAR_FALSE,
	YAML_SCALAR_NUMBER,
	YAML_SCALAR_NOT_FINITE, /* .inf, .nan */
};

#define YAML_NUMBER_SIZE 72

/* The type of a plain scalar as yaml.h lists them; for a number, its JSON text in `number`. */
enum yaml_scalar yaml_scalar_read(const char *text, char number[YAML_NUMBER_SIZE]);

/* Whether kubectl's YAML library would read the plain `text` as anything but a string. */
bool yaml_scalar_needs_quotes(const char *text);

#endif
