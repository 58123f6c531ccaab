/* The prerequisites: asked side by side, told together, each with its remedy. */
#include "lib/rollout/check.h"

#include <pthread.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/rollout/fleet.h"
#include "lib/rollout/script.h"
#include "lib/rollout/secret_source.h"

#define HOST_TIMEOUT_MS 20000

/* A line "missing NAME" of the probe. */
static const struct {
	const char *name, *what, *remedy;
} missing[] = {
	{ "docker", "docker is not installed, or not on the PATH of a non-interactive ssh",
	  "install it: https://docs.docker.com/engine/install/" },
	{ "daemon", "docker's daemon does not answer to this user",
	  "start it (systemctl start docker), or add the user to the group docker and log in anew" },
	{ "compose", "docker compose is not installed",
	  "install the package docker-compose-plugin" },
	{ "wait", "docker compose is too old: `up` has no --wait-timeout",
	  "install docker-compose-plugin 2.18 or later" },
	{ "flock", "flock is not installed", "install the package util-linux" },
	{ "printf", "the shell has no builtin printf, so secrets could show in its arguments",
	  "make /bin/sh dash, bash or busybox" },
	{ "workdir", "the folder workdir of deploy.yaml does not exist or cannot be entered",
	  "make it and put the compose file there, or correct workdir" },
	{ "write", "the folder workdir cannot be written by this user",
	  "give it to the user who deploys: chown" },
	{ "file", "the compose file is not in workdir",
	  "copy docker-compose.yml there, or name it in compose_files" },
};

/* What ssh says, in the order in which they are looked for. */
static const struct {
	const char *says, *what, *remedy;
} ssh_failures[] = {
	{ "IDENTIFICATION HAS CHANGED", "the host key changed",
	  "if the host was installed anew: ssh-keygen -R HOST, then connect once; else find out why first" },
	{ "Could not resolve hostname", "DNS resolution failed",
	  "correct host in deploy.yaml, the DNS entry, or the alias in ~/.ssh/config" },
	{ "Host key verification failed", "the host key is not known",
	  "connect once by hand and compare the fingerprint: ssh HOST" },
	{ "Permission denied", "SSH refused the key",
	  "ssh-copy-id HOST; with a passphrase: ssh-add, then ssh-add -l" },
	{ "Connection refused", "SSH connection refused",
	  "start sshd on the host, or correct the port in ~/.ssh/config" },
	{ "timed out", "SSH connection timed out", "is the host up, and reachable from this network?" },
	{ "No route to host", "there is no route to the host", "is the host up, and reachable from this network?" },
	{ "Network is unreachable", "the network is unreachable", "connect to the network or VPN of the host" },
};

void check_add(struct check_report *report, const char *where, const char *what,
	       const char *remedy)
{
	report->at = mem_grow(report->at, report->count + 1, sizeof(*report->at));
	report->at[report->count++] = (struct check_failure){
		mem_dup_str(where), mem_dup_str(what), mem_dup_str(remedy)
	};
}

void check_report_free(struct check_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		free(report->at[i].where);
		free(report->at[i].what);
		free(report->at[i].remedy);
	}
	free(report->at);
	*report = (struct check_report){ 0 };
}

/* The last line that says something. */
static struct span last_line(struct span said)
{
	struct span line, last = SPAN_NONE;

	while (span_take_part(&said, '\n', &line)) {
		if (span_trim(line).len)
			last = span_trim(line);
	}
	return last;
}

void check_add_ssh(struct check_report *report, const char *host, struct span said)
{
	AUTO_FREE char *what = NULL;
	struct span last = last_line(said);

	for (size_t i = 0; i < COUNT_OF(ssh_failures); i++) {
		const char *says = ssh_failures[i].says;

		if (said.len && memmem(said.at, said.len, says, strlen(says))) {
			check_add(report, host, ssh_failures[i].what, ssh_failures[i].remedy);
			return;
		}
	}
	what = last.len ? mem_printf("SSH failed: %.*s", (int)(last.len < 300 ? last.len : 300), last.at) :
			  mem_dup_str("SSH failed without a word");
	check_add(report, host, what, "try by hand: ssh HOST true");
}

static void judge_line(struct check_report *report, const char *host, struct span line)
{
	for (size_t i = 0; i < COUNT_OF(missing); i++) {
		if (span_starts(line, SPAN("missing ")) &&
		    span_equal_str(span_from(line.at + 8, line.len - 8), missing[i].name))
			check_add(report, host, missing[i].what, missing[i].remedy);
	}
}

static void judge(struct check_report *report, const struct fleet_task *t)
{
	struct span rest = buf_span(&t->out), line;

	if (t->end == FLEET_INTERRUPTED) {
		report->interrupted = true;
	} else if (t->end == FLEET_NOT_STARTED) {
		check_add(report, t->host,
			  t->error.code == ERR_NOT_FOUND ? "ssh is not installed on this machine" :
						"ssh could not be started on this machine",
			  "install the package openssh-client");
	} else if (t->end == FLEET_TIMED_OUT) {
		check_add(report, t->host, "SSH connection timed out",
			  "is the host up, and does docker answer there?");
	} else if (t->status == 255) {
		check_add_ssh(report, t->host, buf_span(&t->err));
	} else if (t->status != 0) {
		check_add(report, t->host, "a POSIX shell did not run there",
			  "try by hand: ssh HOST 'exec sh' </dev/null");
	}
	while (span_take_part(&rest, '\n', &line))
		judge_line(report, t->host, line);
}

struct source_check {
	struct secret_source *source;
	struct err error;
};

static void *ask_source(void *at)
{
	struct source_check *c = at;
	struct secret_identity identity;

	(void)secret_source_check(c->source, &identity, &c->error);
	return NULL;
}

static void judge_source(struct check_report *report, const struct source_check *c)
{
	const char *remedy = "see mk8s op check";

	if (!c->error.code)
		return;
	switch (secret_source_failure(c->source)) {
	case SECRET_FAILURE_OP_MISSING:
		remedy = "install the 1Password CLI, or set OP_CONNECT_HOST and OP_CONNECT_TOKEN";
		break;
	case SECRET_FAILURE_SIGNED_OUT:
		remedy = "run: op signin";
		break;
	case SECRET_FAILURE_TOKEN:
		remedy = "set OP_SERVICE_ACCOUNT_TOKEN or OP_CONNECT_TOKEN to a valid token";
		break;
	case SECRET_FAILURE_NONE:
	case SECRET_FAILURE_NO_ITEM:
	case SECRET_FAILURE_NO_VAULT:
	case SECRET_FAILURE_NEEDS_VAULT:
	case SECRET_FAILURE_SEVERAL:
	case SECRET_FAILURE_RATE_LIMIT:
	case SECRET_FAILURE_REFERENCE:
	case SECRET_FAILURE_UNREACHABLE:
	case SECRET_FAILURE_OTHER:
		break;
	}
	check_add(report, "1Password", c->error.text, remedy);
}

int check_run(struct fleet *f, const struct rollout_target *target,
	      const struct rollout_node *const *nodes, size_t node_count,
	      struct secret_source *source, struct check_report *report, struct err *e)
{
	struct fleet_task *tasks = fleet_tasks_new(node_count);
	struct source_check asked = { .source = source };
	pthread_t thread;
	bool beside = source && pthread_create(&thread, NULL, ask_source, &asked) == 0;
	int status;

	for (size_t i = 0; i < node_count; i++) {
		tasks[i].host = nodes[i]->host;
		tasks[i].timeout_ms = HOST_TIMEOUT_MS;
		script_put_probe(&tasks[i].script, target, nodes[i]);
	}
	status = fleet_run(f, tasks, node_count, e);
	if (beside)
		(void)pthread_join(thread, NULL);
	else if (source)
		(void)ask_source(&asked);
	for (size_t i = 0; i < node_count && status == 0; i++)
		judge(report, &tasks[i]);
	judge_source(report, &asked);
	fleet_tasks_free(tasks, node_count);
	return status;
}
