/* The inside of a YAML node, for the files of yaml.h only. */
#ifndef MK8S_FORMAT_YAML_NODE_H
#define MK8S_FORMAT_YAML_NODE_H

#include "lib/format/yaml.h"

struct yaml_weight {
	size_t nodes, bytes; /* with aliases expanded */
};

struct yaml {
	enum yaml_kind kind;
	bool quoted;
	bool open;    /* still being read: an alias to it would be a loop */
	char *text;   /* of a scalar; owned */
	size_t line, column;
	struct yaml **slot; /* elements, or key, value, key, value ...; aliases share nodes */
	size_t slots, slots_cap;
	size_t height; /* containers below; 0 for a scalar */
	struct yaml_weight weight;
	struct yaml *owned_next;
};

struct yaml_docs {
	struct yaml **doc;
	size_t count;
	struct yaml *owned; /* every node, whoever points at it */
};

/*
 * Replaces the pair `<<` of a map, if it has one, by the pairs it stands for; keys of the map win.
 */
int yaml_merge(struct yaml *map, struct err *e);

#endif
