/* The checks of single texts of deploy.yaml. */
#include "lib/rollout/config_check.h"

#include <string.h>

#include "lib/base/attr.h"
#include "lib/rollout/config.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* Not empty, of `allowed` characters, the first one of `first`, at most max bytes. */
static bool made_of(const char *text, const char *first, const char *allowed, size_t max)
{
	size_t len = strlen(text);

	return len > 0 && len <= max && strchr(first, text[0]) && strspn(text, allowed) == len;
}

static bool is_name(const char *text)
{
	return made_of(text, LETTERS DIGITS, LETTERS DIGITS "._-", 128);
}

/* Variables that would change what the script or docker itself does. */
static bool is_variable(const char *text)
{
	static const char *const denied[] = { "PATH", "IFS", "ENV", "BASH_ENV", "HOME", "PWD", "OLDPWD",
					      "SHELLOPTS", "BASHOPTS", "PS4", "OPTIND", "PPID", "UID", "EUID" };

	if (!made_of(text, LETTERS "_", LETTERS DIGITS "_", 128))
		return false;
	for (size_t i = 0; i < COUNT_OF(denied); i++) {
		if (strcmp(text, denied[i]) == 0)
			return false;
	}
	return strncmp(text, "LD_", 3) != 0 && strncmp(text, "DOCKER_", 7) != 0 &&
	       strncmp(text, "COMPOSE_", 8) != 0 && strncmp(text, "mk8s_", 5) != 0;
}

static bool has_no_controls(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	}
	return true;
}

static bool is_field(const char *text)
{
	return text[0] && strlen(text) <= 256 && text[0] != '-' && has_no_controls(text);
}

static bool is_host(const char *text)
{
	return made_of(text, LETTERS DIGITS "_:[", LETTERS DIGITS "._-@:[]%", 255);
}

static bool is_folder(const char *text)
{
	return text[0] == '/' && strlen(text) <= 1024 && has_no_controls(text);
}

static bool is_file(const char *text)
{
	return text[0] && text[0] != '-' && strlen(text) <= 1024 && has_no_controls(text);
}

static bool is_url(const char *text)
{
	static const char allowed[] = LETTERS DIGITS "-._~:/?#[]@!$&()*+,;=%";

	return (strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0) &&
	       made_of(text, "h", allowed, 2048);
}

static bool is_registry(const char *text)
{
	return made_of(text, LETTERS DIGITS, LETTERS DIGITS ".-:", 255);
}

static bool is_user(const char *text)
{
	return made_of(text, LETTERS DIGITS "_", LETTERS DIGITS "._+@$-", 128);
}

static bool is_delivery(const char *text)
{
	return strcmp(text, "env") == 0 || strcmp(text, "tmpfs-file") == 0;
}

bool rollout_tag_valid(const char *text)
{
	return made_of(text, LETTERS DIGITS "_", LETTERS DIGITS "._-", 128);
}

const struct config_check config_check_name = { is_name, "a name of letters, digits, . _ -" };
const struct config_check config_check_variable = {
	is_variable, "a variable of letters, digits and _ that no shell, loader or docker gives a meaning to"
};
const struct config_check config_check_field = { is_field,
						 "a name in 1Password without control characters" };
const struct config_check config_check_host = { is_host, "[USER@]HOST or an alias of ssh" };
const struct config_check config_check_folder = { is_folder, "an absolute path" };
const struct config_check config_check_file = { is_file, "a path" };
const struct config_check config_check_url = { is_url, "an http:// or https:// URL" };
const struct config_check config_check_registry = { is_registry, "a registry such as ghcr.io" };
const struct config_check config_check_user = { is_user, "a user name of the registry" };
const struct config_check config_check_delivery = { is_delivery, "env or tmpfs-file" };
