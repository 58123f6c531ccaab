/* The built-in kubectl on this machine's files and standard streams. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "applets/mk8s/kubectl.h"
#include "applets/mk8s/kubectl_console.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/crypto/random.h"
#include "lib/kube/kubectl.h"

bool kubectl_console_write(void *owner UNUSED, enum kubectl_stream to, struct span bytes)
{
	while (bytes.len) {
		ssize_t done = write(to == KUBECTL_OUT ? STDOUT_FILENO : STDERR_FILENO, bytes.at,
				     bytes.len);

		if (done < 0 && errno != EINTR)
			return false;
		if (done > 0)
			bytes = span_from(bytes.at + done, bytes.len - (size_t)done);
	}
	return true;
}

static int is_manifest(const struct dirent *entry)
{
	struct span name = span_of(entry->d_name);

	return span_ends(name, SPAN(".yaml")) || span_ends(name, SPAN(".yml")) ||
	       span_ends(name, SPAN(".json"));
}

static int read_folder(const char *folder, struct buf *out, struct err *e)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_manifest, alphasort), result = 0;

	if (count < 0)
		return err_set_errno(e, ERR_IO, errno, "%s", folder);
	if (count == 0)
		result = err_set(e, ERR_NOT_FOUND, "%s holds no *.yaml, *.yml or *.json", folder);
	for (int i = 0; i < count; i++) {
		AUTO_FREE char *path = mem_printf("%s/%s", folder, entries[i]->d_name);

		if (result == 0)
			result = file_read(path, out, e);
		if (result == 0)
			result = buf_put_str(out, "\n---\n") < 0 ? buf_ok(out, folder, e) : 0;
		free(entries[i]);
	}
	free(entries);
	return result;
}

int cli_kubectl_read(void *owner UNUSED, const char *path, struct buf *out, struct err *e)
{
	struct stat st;

	if (strcmp(path, "-") == 0)
		return file_read("/dev/stdin", out, e);
	if (stat(path, &st) < 0)
		return err_set_errno(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno,
				     "the path \"%s\"", path);
	return S_ISDIR(st.st_mode) ? read_folder(path, out, e) : file_read(path, out, e);
}

static int input_fd(void *owner UNUSED, int *ret_fd, struct err *e UNUSED)
{
	*ret_fd = STDIN_FILENO;
	return 0;
}

int cli_kubectl_status(int status, const struct err *why)
{
	if (status == 0)
		return 0;
	return why->code == ERR_AUTH || why->code == ERR_DENIED || why->code == ERR_UNREACHABLE ||
			       why->code == ERR_TIMEOUT ?
		       err_exit_status(why) :
		       status;
}

static int run(const struct kube_target *target, int argc, char **argv, struct err *e)
{
	struct kubectl_console console = { 0 };
	const struct kubectl_io io = { .owner = &console,
				       .write = kubectl_console_write,
				       .read_file = cli_kubectl_read,
				       .is_stopped = kubectl_console_is_stopped,
				       .wake_fd = kubectl_console_wake_fd,
				       .input_fd = input_fd,
				       .terminal = &kubectl_console_terminal,
				       .files = &kubectl_console_files,
				       .listen = kubectl_console_listen,
				       .diff = kubectl_console_diff_program() ? kubectl_console_diff : NULL };
	struct kube_client *client;
	struct err why = { 0 };
	int status;

	if (crypto_init(e) < 0)
		return -1;
	client = kube_client_new(target, "mk8s/" MK8S_VERSION, e);
	if (!client)
		return -1;
	status = cli_kubectl_status(kubectl_main(client, argc, argv, &io, &why), &why);
	kubectl_console_end(&console);
	kube_client_free(client);
	return status;
}

int cli_kubectl_builtin(struct cli *c, const char *cluster, const char *token, int argc,
			char **argv, struct err *e)
{
	struct kube_target target = { 0 };
	int status;

	if (cli_cluster_url(c, cluster, &target.server, e) < 0)
		return -1;
	target.ca_pem = mem_dup_str(c->ca_pem);
	target.ca_sha256 = c->ca_pem ? NULL : mem_dup_str(c->ca_sha256);
	target.token = mem_dup_str(token);
	target.namespace = mem_dup_str("default");
	status = run(&target, argc, argv, e);
	kube_target_free(&target);
	return status;
}
