/* What the texts of deploy.yaml may be: they go to scripts and command lines. For config.c and its tests. */
#ifndef MK8S_ROLLOUT_CONFIG_CHECK_H
#define MK8S_ROLLOUT_CONFIG_CHECK_H

#include <stdbool.h>

struct config_check {
	bool (*valid)(const char *text);
	const char *accepts; /* "a name of letters ..." */
};

extern const struct config_check config_check_name, config_check_variable, config_check_field,
	config_check_host, config_check_folder, config_check_file, config_check_url,
	config_check_registry, config_check_user, config_check_delivery;

#endif
