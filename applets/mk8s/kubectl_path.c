/* The kubectl on PATH: found, given a private kubeconfig, become. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "applets/mk8s/access.h"
#include "applets/mk8s/kubectl.h"
#include "lib/base/mem.h"
#include "lib/format/url.h"
#include "lib/format/yaml.h"

static bool is_other_program(const char *path, const struct stat *self)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0 &&
	       (st.st_ino != self->st_ino || st.st_dev != self->st_dev);
}

char *cli_kubectl_find(void)
{
	struct span rest = span_of(getenv("PATH")), folder;
	struct stat self;

	if (stat("/proc/self/exe", &self) < 0)
		self = (struct stat){ 0 };
	while (rest.len && span_take_part(&rest, ':', &folder)) {
		char *path = folder.len ? mem_printf("%.*s/kubectl", SPAN_ARG(folder)) :
					  mem_dup_str("./kubectl");

		if (is_other_program(path, &self))
			return path;
		free(path);
	}
	return NULL;
}

static bool same_member(const struct json *a, const struct json *b, const char *name)
{
	AUTO_BUF struct buf left, right;

	buf_init(&left, CLI_FILE_MAX);
	buf_init(&right, CLI_FILE_MAX);
	json_print(json_get(a, name), JSON_COMPACT, &left);
	json_print(json_get(b, name), JSON_COMPACT, &right);
	return !left.failed && !right.failed && span_equal(buf_span(&left), buf_span(&right));
}

/* A file that leads the same way stays: kubectl may have set a namespace in it. */
static bool is_current(struct cli *c, const char *name, const struct buf *wanted)
{
	AUTO_BUF struct buf text;
	AUTO_JSON struct json *have = NULL, *want = NULL;
	struct err e = { 0 };

	buf_init(&text, CLI_FILE_MAX);
	if (cli_file_read(c, name, true, &text, &e) < 0 ||
	    yaml_parse_json(buf_span(&text), YAML_LIMITS(CLI_FILE_MAX), &have, &e) < 0 ||
	    yaml_parse_json(buf_span(wanted), YAML_LIMITS(CLI_FILE_MAX), &want, &e) < 0)
		return false;
	return same_member(have, want, "clusters") && same_member(have, want, "users") &&
	       same_member(have, want, "current-context");
}

/* The private kubeconfig of a cluster; it holds no secret, but names what runs. */
static int write_kubeconfig(struct cli *c, const char *cluster, char **ret_path, struct err *e)
{
	struct access way;
	AUTO_BUF struct buf text, name;
	int result;

	buf_init(&text, CLI_FILE_MAX);
	buf_init(&name, CLI_FILE_MAX);
	(void)buf_put_str(&name, "kubectl-");
	url_encode(span_of(cluster), URL_PATH, &name);
	(void)buf_put_str(&name, ".yaml");
	if (access_make(c, cluster, &way, e) < 0)
		return -1;
	way.entry.exec_api = KUBECONFIG_EXEC_V1BETA1; /* the kubectl found may be an old one */
	result = kubeconfig_put(&text, &way.entry, 1, way.cluster, e);
	access_free(&way);
	if (result < 0 || (!is_current(c, buf_str(&name), &text) &&
			   cli_file_write(c, buf_str(&name), buf_span(&text), e) < 0))
		return -1;
	*ret_path = cli_file_path(c, buf_str(&name));
	return 0;
}

int cli_kubectl_become(struct cli *c, const char *program, const char *cluster, char **argv,
		       struct err *e)
{
	AUTO_FREE char *path = NULL;
	char own_name[] = "kubectl";
	char *name = argv[0];

	if (write_kubeconfig(c, cluster, &path, e) < 0)
		return -1;
	if (setenv("KUBECONFIG", path, 1) < 0)
		return err_set_errno(e, ERR_NOMEM, errno, "KUBECONFIG cannot be set");
	argv[0] = own_name;
	(void)execv(program, argv);
	argv[0] = name;
	return err_set_errno(e, ERR_IO, errno, "%s cannot be run", program);
}
