/* The scripts that change nothing on the host: prerequisites, state, history, logs, the search for leaks. */
#include <inttypes.h>

#include "lib/rollout/script_inner.h"

static void begin(struct buf *out, const struct rollout_node *n)
{
	script_put_begin(out);
	script_put_watchdog(out);
	(void)buf_put_str(out, "exec </dev/null\n"
			       "mk8s_end() { mk8s_status=$?\n"
			       "\t{ kill -KILL \"$mk8s_watch\"; wait \"$mk8s_watch\"; } 2>/dev/null; exit \"$mk8s_status\"; }\n"
			       "trap mk8s_end EXIT\ntrap 'exit 143' TERM INT HUP\n");
	script_put_setting(out, "mk8s_workdir", n->workdir);
}

void script_put_probe(struct buf *out, const struct rollout_target *t, const struct rollout_node *n)
{
	begin(out, n);
	(void)buf_put_str(
		out,
		"if ! command -v docker >/dev/null; then echo missing docker\n"
		"else\n"
		"\tdocker version --format '{{.Server.Version}}' >/dev/null 2>&1 || echo missing daemon\n"
		"\tif ! docker compose version >/dev/null 2>&1; then echo missing compose\n"
		"\telse case $(docker compose up --help 2>&1) in *--wait-timeout*) ;; *) echo missing wait ;; esac\n"
		"\tfi\n"
		"fi\n"
		"command -v flock >/dev/null || echo missing flock\n"
		"case $(type printf) in *builtin*) ;; *) echo missing printf ;; esac\n"
		"if ! cd -- \"$mk8s_workdir\" 2>/dev/null; then echo missing workdir; exit 0; fi\n"
		"[ -w . ] || echo missing write\n");
	if (t->compose_files.count) {
		(void)buf_put_str(out, "for mk8s_part in");
		script_put_words(out, t->compose_files.at, t->compose_files.count);
		(void)buf_put_str(out, "; do [ -f \"$mk8s_part\" ] || echo missing file; done\n");
	} else {
		(void)buf_put_str(out,
				  "for mk8s_part in compose.yaml compose.yml docker-compose.yml docker-compose.yaml; do\n"
				  "\t[ ! -f \"$mk8s_part\" ] || exit 0\ndone\necho missing file\nexit 0\n");
	}
	script_put_end(out);
}

void script_put_status(struct buf *out, const struct rollout_node *n)
{
	begin(out, n);
	(void)buf_put_str(
		out,
		"cd -- \"$mk8s_workdir\" || exit 1\n"
		"[ ! -s .deploy/history.jsonl ] || printf 'entry %s\\n' \"$(tail -n 1 .deploy/history.jsonl)\"\n"
		"[ ! -e .deploy/lock ] || flock -n .deploy/lock true || printf 'lock %s\\n' \"$(cat .deploy/holder)\"\n"
		"docker ps -a --filter \"label=com.docker.compose.project.working_dir=$mk8s_workdir\" \\\n"
		"\t--format 'container {{.Label \"com.docker.compose.service\"}}\t{{.Image}}\t{{.Status}}'\n");
	script_put_end(out);
}

void script_put_history(struct buf *out, const struct rollout_node *n)
{
	begin(out, n);
	(void)buf_put_str(out, "cd -- \"$mk8s_workdir\" || exit 1\n"
			       "[ ! -s .deploy/history.jsonl ] || tail -n 500 .deploy/history.jsonl\n"
			       "exit 0\n");
	script_put_end(out);
}

void script_put_logs(struct buf *out, const struct rollout_node *n, const char *const *services,
		     size_t service_count, int64_t tail, bool follow)
{
	begin(out, n);
	(void)buf_printf(out, "mk8s_logs() { # SERVICE, or all\n"
			      "\tfor mk8s_id in $(docker ps -aq --filter \\\n"
			      "\t\t\"label=com.docker.compose.project.working_dir=$mk8s_workdir\" \\\n"
			      "\t\t${1:+--filter \"label=com.docker.compose.service=$1\"}); do\n"
			      "\t\tdocker logs --tail %" PRId64 "%s \"$mk8s_id\" 2>&1%s\n"
			      "\tdone\n}\n",
			 tail, follow ? " -f" : "", follow ? " &" : "");
	for (size_t i = 0; i < service_count; i++) {
		(void)buf_put_str(out, "mk8s_logs");
		script_put_words(out, &services[i], 1);
		(void)buf_put_char(out, '\n');
	}
	if (!service_count)
		(void)buf_put_str(out, "mk8s_logs ''\n");
	if (follow) /* the watchdog is a child, too */
		(void)buf_put_str(out, "for mk8s_id in $(jobs -p); do [ \"$mk8s_id\" = \"$mk8s_watch\" ] || "
				       "wait \"$mk8s_id\"; done\n");
	script_put_end(out);
}

void script_put_audit(struct buf *out, const struct rollout_node *n,
		      const struct script_value *values, size_t count)
{
	begin(out, n);
	(void)buf_put_str(out,
			  "case $(type printf) in *builtin*) ;; *) echo 'no builtin printf' >&2; exit 1 ;; esac\n"
			  "cd -- \"$mk8s_workdir\" || exit 1\n"
			  "mk8s_found() { while read -r mk8s_at; do printf 'leak %s %s\\n' \"$mk8s_name\" \"$mk8s_at\"; done; }\n"
			  "mk8s_look() { # NAME VALUE\n"
			  "\tmk8s_name=$1\n"
			  "\tprintf '%s\\n' \"$2\" | grep -v '^$' | grep -aFls -f - /proc/[0-9]*/cmdline | mk8s_found\n"
			  "\tprintf '%s\\n' \"$2\" | grep -v '^$' | grep -raFls -f - . | mk8s_found\n"
			  "\tprintf '%s\\n' \"$2\" | grep -v '^$' | grep -aFls -f - \"$HOME\"/.*history \\\n"
			  "\t\t\"$HOME/.docker/config.json\" \"$HOME/.config/fish/fish_history\" | mk8s_found\n"
			  "\tfor mk8s_id in $(docker ps -aq); do\n"
			  "\t\tmk8s_text=$(docker inspect \"$mk8s_id\")\n"
			  "\t\tmk8s_hit \"$mk8s_text\" \"$2\" && echo \"container $mk8s_id: docker inspect\" | mk8s_found\n"
			  "\t\tmk8s_text=$(docker logs --tail 10000 \"$mk8s_id\" 2>&1)\n"
			  "\t\tmk8s_hit \"$mk8s_text\" \"$2\" && echo \"container $mk8s_id: log\" | mk8s_found\n"
			  "\tdone\n}\n"
			  "mk8s_hit() { case $1 in *\"$2\"*) return 0 ;; esac; return 1; }\n");
	for (size_t i = 0; i < count; i++) {
		if (!values[i].value.len)
			continue;
		(void)buf_printf(out, "mk8s_look %s ", values[i].name);
		script_put_quoted(out, values[i].value);
		(void)buf_put_char(out, '\n');
	}
	(void)buf_put_str(out, "exit 0\n");
	script_put_end(out);
}
