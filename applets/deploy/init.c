/* init: writes a commented deploy.yaml, the layout of a small home laboratory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "applets/deploy/deploy.h"

static const struct option_row rows[] = {
	{ .name = "config", .letter = 'c', .kind = OPTION_TEXT, .value_name = "FILE", DEPLOY_ROW(config),
	  .help = "the file to write, instead of deploy.yaml" },
};

static const char example[] =
	"# What `mk8s deploy` brings up, and where. All hosts, names and fields are yours to change.\n"
	"\n"
	"# The 1Password item of the secrets. `vault` may be left out where the item's name is enough;\n"
	"# a service account needs it.\n"
	"onepassword:\n"
	"  item: ktrdr-homelab-core\n"
	"  vault: KTRDR Homelab Secrets\n"
	"\n"
	"# Where the images come from. The token is a field of the item (a GitHub PAT with read:packages).\n"
	"registry:\n"
	"  server: ghcr.io\n"
	"  user: kpiteira\n"
	"  token_field: ghcr_token\n"
	"\n"
	"tag_variable: IMAGE_TAG     # the variable of the compose files that holds the tag\n"
	"command_timeout: 5m         # for one command on one host\n"
	"tmpfs_dir: /dev/shm         # a tmpfs on the hosts, for `delivery: tmpfs-file`\n"
	"\n"
	"targets:\n"
	"  core:                     # mk8s deploy core backend|db|all\n"
	"    host: backend.ktrdr.home.mynerd.place   # [USER@]HOST, or an alias of ~/.ssh/config\n"
	"    workdir: /opt/ktrdr-core                # holds docker-compose.yml\n"
	"    services: [backend, db]\n"
	"    health_timeout: 2m      # for compose's health checks, and then for health_url\n"
	"    # health_url: http://127.0.0.1:8000/health   # asked on the host\n"
	"    env:\n"
	"      DB_NAME: ktrdr\n"
	"    secrets:                # VARIABLE: field\n"
	"      DB_USER: db_username\n"
	"      DB_PASSWORD: db_password\n"
	"      JWT_SECRET: jwt_secret\n"
	"      GF_ADMIN_PASSWORD: grafana_password\n"
	"      # A file in memory instead of a variable; JWT_SECRET_FILE then holds its path:\n"
	"      # JWT_SECRET: {field: jwt_secret, delivery: tmpfs-file}\n"
	"\n"
	"  workers:                  # mk8s deploy workers B C --profile scale-2\n"
	"    nodes:\n"
	"      B: {host: workers-b.ktrdr.home.mynerd.place, workdir: /opt/ktrdr-workers-b}\n"
	"      C: {host: workers-c.ktrdr.home.mynerd.place, workdir: /opt/ktrdr-workers-c}\n"
	"    profiles: [scale-2, scale-3]\n"
	"    secrets:\n"
	"      DB_USER: db_username\n"
	"      DB_PASSWORD: db_password\n";

static int run(struct deploy *d, struct err *e)
{
	const char *path = d->options.config ? d->options.config : ROLLOUT_CONFIG_NAME;
	size_t len = sizeof(example) - 1;
	bool whole;
	int fd;

	if (d->word_count)
		return err_set(e, ERR_USAGE, "init takes no arguments; --config names the file");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 && errno == EEXIST)
		return err_set(e, ERR_EXISTS, "%s is there already and was left as it is", path);
	if (fd < 0)
		return err_set_errno(e, ERR_IO, errno, "%s", path);
	whole = write(fd, example, len) == (ssize_t)len;
	if (close(fd) < 0 || !whole)
		return err_set_errno(e, ERR_IO, errno, "%s could not be written whole", path);
	printf("%s was written; change hosts, item and fields, then: %s check core\n", path, d->program);
	return DEPLOY_DONE;
}

const struct deploy_verb deploy_verb_init = {
	"init", "", "write a commented deploy.yaml", rows, COUNT_OF(rows), run
};
