/* The script of a deploy and of a rollback: lock, login, pull, up, health, the way back, the record. */
#include <string.h>

#include "lib/rollout/script_inner.h"

/* Lock, record, and what happens at every end. The record's texts are made here of names that need no escape. */
static const char part_state[] =
	"mk8s_config=\n"
	"mk8s_open=\n"
	"mk8s_recreate=\n"
	"mk8s_pins=\n"
	"mk8s_say() { printf '%s\\n' \"==> $*\"; }\n"
	"mk8s_die() { mk8s_say \"$1\"; exit \"${2:-1}\"; }\n"
	"mk8s_record() { # OUTCOME IMAGES\n"
	"\tmk8s_open=\n"
	"\tmk8s_list=$(printf '%s\\n' \"$2\" | while read -r mk8s_s mk8s_i; do\n"
	"\t\t[ -z \"$mk8s_i\" ] || printf ',\"%s\":\"%s\"' \"$mk8s_s\" \"$mk8s_i\"; done)\n"
	"\tprintf '{\"time\":\"%s\",%s,\"outcome\":\"%s\",\"images\":{%s}}\\n' \\\n"
	"\t\t\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\" \"$mk8s_entry\" \"$1\" \"${mk8s_list#,}\" "
	">>.deploy/history.jsonl\n"
	"}\n"
	"mk8s_end() {\n"
	"\tmk8s_status=$?\n"
	"\ttrap '' TERM INT HUP\n"
	"\t[ -z \"$mk8s_config\" ] || rm -rf -- \"$mk8s_config\"\n"
	"\tif [ -n \"$mk8s_open\" ]; then\n"
	"\t\tmk8s_record interrupted ''\n"
	"\t\tmk8s_say 'interrupted: what was begun is ended, the lock is released'\n"
	"\tfi\n"
	"\t[ -z \"$mk8s_watch\" ] || { kill -KILL \"$mk8s_watch\"; wait \"$mk8s_watch\"; } "
	"2>/dev/null\n"
	"\texit \"$mk8s_status\"\n"
	"}\n"
	"trap mk8s_end EXIT\n"
	"trap 'exit 143' TERM INT HUP\n"
	"case $(type printf) in *builtin*) ;; *) mk8s_die 'the shell of this host has no "
	"builtin printf' ;; esac\n"
	"cd -- \"$mk8s_workdir\" || mk8s_die \"there is no folder $mk8s_workdir\"\n"
	"mkdir -p .deploy && : >>.deploy/lock || mk8s_die \"$mk8s_workdir/.deploy cannot be written\"\n"
	"command -v flock >/dev/null || mk8s_die 'flock is not installed; it comes with util-linux'\n"
	"exec 9>>.deploy/lock\n"
	"if ! flock -n 9; then\n"
	"\tmk8s_say \"locked by $(cat .deploy/holder 2>/dev/null)\"\n"
	"\t[ \"$mk8s_lock_wait\" -gt 0 ] || exit 75\n"
	"\tmk8s_say \"waiting at most $mk8s_lock_wait s\"\n"
	"\tflock -w \"$mk8s_lock_wait\" 9 || mk8s_die \"still locked by $(cat "
	".deploy/holder 2>/dev/null)\" 75\n"
	"fi\n"
	"printf '%s, since %s\\n' \"$mk8s_holder\" \"$(date -u +%Y-%m-%dT%H:%M:%SZ)\" >.deploy/holder\n"
	"mk8s_open=yes\n";

/*
 * Memory, login without a file on disk, files of secrets. It is compose that pulls, by the code of Docker's command
 * line that it was built with: 2.38 is the first with that of 28.3, which reads DOCKER_AUTH_CONFIG.
 */
static const char part_secrets[] =
	"mk8s_in_memory() {\n"
	"\t[ \"$(stat -f -c %T -- \"$mk8s_tmpfs\" 2>/dev/null)\" = tmpfs ] ||\n"
	"\t\t{ mk8s_record failed ''; mk8s_die \"$mk8s_tmpfs is no tmpfs; secrets would be "
	"on a disk\"; }\n"
	"}\n"
	"mk8s_login() {\n"
	"\tmk8s_auth=$(printf '%s:%s' \"$mk8s_user\" \"$REGISTRY_TOKEN\" | base64 | tr -d '\\n')\n"
	"\tmk8s_auth=\"{\\\"auths\\\":{\\\"$mk8s_registry\\\":{\\\"auth\\\":\\\"$mk8s_auth\\\"}}}\"\n"
	"\tmk8s_version=$(docker compose version --short 2>/dev/null)\n"
	"\tmk8s_version=${mk8s_version#v}\n"
	"\tmk8s_major=${mk8s_version%%.*} mk8s_minor=${mk8s_version#*.}\n"
	"\tmk8s_minor=${mk8s_minor%%.*}\n"
	"\tcase $mk8s_major.$mk8s_minor in *[!0-9.]* | .* | *.) mk8s_major=0 mk8s_minor=0 ;; esac\n"
	"\t[ \"$mk8s_major\" -lt 3 ] || return 0\n"
	"\t[ \"$mk8s_major\" -lt 2 ] || [ \"$mk8s_minor\" -lt 38 ] || return 0\n"
	"\tmk8s_in_memory\n"
	"\tmk8s_config=$(umask 077; mktemp -d \"$mk8s_tmpfs/mk8s-docker.XXXXXX\") ||\n"
	"\t\t{ mk8s_record failed ''; mk8s_die \"no folder can be made in $mk8s_tmpfs\"; }\n"
	"\tmk8s_old=${DOCKER_CONFIG:-$HOME/.docker}\n"
	"\tfor mk8s_part in cli-plugins contexts; do\n"
	"\t\t[ ! -e \"$mk8s_old/$mk8s_part\" ] || ln -s \"$mk8s_old/$mk8s_part\" "
	"\"$mk8s_config/$mk8s_part\"\n"
	"\tdone\n"
	"\tif [ -z \"${DOCKER_HOST:-}${DOCKER_CONTEXT:-}\" ]; then\n"
	"\t\tmk8s_part=$(docker context show 2>/dev/null) && [ -z \"$mk8s_part\" ] || "
	"export DOCKER_CONTEXT=\"$mk8s_part\"\n"
	"\tfi\n"
	"\t(umask 077; printf '%s\\n' \"$mk8s_auth\" >\"$mk8s_config/config.json\")\n"
	"\tmk8s_auth=\n"
	"}\n"
	"mk8s_file() { # NAME VALUE\n"
	"\tmk8s_in_memory\n"
	"\tmk8s_dir=$mk8s_tmpfs/mk8s-deploy-$(id -u)-$mk8s_place\n"
	"\t[ -d \"$mk8s_dir\" ] || mkdir -m 700 \"$mk8s_dir\"\n"
	"\t{ [ -d \"$mk8s_dir\" ] && [ ! -L \"$mk8s_dir\" ] && [ -O \"$mk8s_dir\" ]; } ||\n"
	"\t\t{ mk8s_record failed ''; mk8s_die \"$mk8s_dir is not a folder of ours\"; }\n"
	"\tmk8s_at=$mk8s_dir/$1\n"
	"\texport \"$1_FILE=$mk8s_at\"\n"
	"\tif [ -f \"$mk8s_at\" ] && [ \"$(cat -- \"$mk8s_at\"; printf x)\" = \"${2}x\" ]; "
	"then return; fi\n"
	"\t(umask 077; printf '%s' \"$2\" >\"$mk8s_at.new\") && chmod 0444 \"$mk8s_at.new\" &&\n"
	"\t\tmv -f \"$mk8s_at.new\" \"$mk8s_at\" || { mk8s_record failed ''; mk8s_die "
	"\"$mk8s_at cannot be written\"; }\n"
	"\tmk8s_recreate=--force-recreate\n"
	"}\n";

/* What runs, how it is pinned, whether it is well. Containers are found by label: compose itself would want the
 * variables to be set. */
static const char part_compose[] =
	"mk8s_images() {\n"
	"\tfor mk8s_id in $(docker ps -q --filter "
	"\"label=com.docker.compose.project.working_dir=$mk8s_workdir\"); do\n"
	"\t\tmk8s_row=$(docker inspect --format \\\n"
	"\t\t\t'{{index .Config.Labels \"com.docker.compose.service\"}} {{.Image}}' "
	"\"$mk8s_id\") || continue\n"
	"\t\tmk8s_ref=$(docker image inspect --format \\\n"
	"\t\t\t'{{if .RepoDigests}}{{index .RepoDigests 0}}{{else}}{{.Id}}{{end}}' "
	"\"${mk8s_row#* }\") || mk8s_ref=\n"
	"\t\tprintf '%s %s\\n' \"${mk8s_row%% *}\" \"${mk8s_ref:-${mk8s_row#* }}\"\n"
	"\tdone | sort -u\n"
	"}\n"
	"mk8s_pin() { # IMAGES\n"
	"\t{ printf 'services:\\n'; printf '%s\\n' \"$1\" | while read -r mk8s_s mk8s_i; do\n"
	"\t\t[ -z \"$mk8s_i\" ] || printf '  \"%s\":\\n    image: \"%s\"\\n' \"$mk8s_s\" "
	"\"$mk8s_i\"; done; } >.deploy/pinned.yaml\n"
	"\tif [ -z \"$mk8s_files\" ]; then\n"
	"\t\tfor mk8s_part in compose.yaml compose.yml docker-compose.yml docker-compose.yaml; do\n"
	"\t\t\t[ ! -f \"$mk8s_part\" ] || { mk8s_pins=\"-f $mk8s_part\"; break; }\n"
	"\t\tdone\n"
	"\t\tfor mk8s_part in compose.override.yaml compose.override.yml "
	"docker-compose.override.yml docker-compose.override.yaml; do\n"
	"\t\t\t[ ! -f \"$mk8s_part\" ] || { mk8s_pins=\"$mk8s_pins -f $mk8s_part\"; break; }\n"
	"\t\tdone\n"
	"\tfi\n"
	"\tmk8s_pins=\"$mk8s_pins -f .deploy/pinned.yaml\"\n"
	"}\n"
	"mk8s_healthy() {\n"
	"\t[ -n \"$mk8s_url\" ] || return 0\n"
	"\tmk8s_say \"waiting for $mk8s_url\"\n"
	"\tmk8s_until=$(($(date +%s) + mk8s_health_s))\n"
	"\twhile :; do\n"
	"\t\tif command -v curl >/dev/null; then\n"
	"\t\t\tcurl -fsS -m 5 -o /dev/null -- \"$mk8s_url\" && return 0\n"
	"\t\telse\n"
	"\t\t\twget -q -T 5 -O /dev/null -- \"$mk8s_url\" && return 0\n"
	"\t\tfi\n"
	"\t\t[ \"$(date +%s)\" -lt \"$mk8s_until\" ] || return 1\n"
	"\t\tsleep 1\n"
	"\tdone\n"
	"}\n"
	"mk8s_up() { mk8s_compose up -d --wait --wait-timeout \"$mk8s_health_s\" $mk8s_recreate && mk8s_healthy; }\n";

static const char part_main[] =
	"mk8s_before=$(mk8s_images)\n"
	"[ -z \"$mk8s_registry\" ] || mk8s_login\n"
	"if [ -n \"$mk8s_pinned\" ]; then\n"
	"\tmk8s_pin \"$mk8s_pinned\"\n"
	"\tmk8s_say \"bringing up the images of tag $mk8s_tag\"\n"
	"else\n"
	"\tmk8s_say \"pulling $mk8s_what, tag $mk8s_tag\"\n"
	"\tmk8s_compose pull || { mk8s_record failed ''; mk8s_die 'the pull failed; nothing "
	"was changed'; }\n"
	"\tmk8s_say \"bringing up $mk8s_what\"\n"
	"fi\n"
	"if mk8s_up; then\n"
	"\tmk8s_record deployed \"$(mk8s_images)\"\n"
	"\tprintf '%s\\n' \"$mk8s_tag\" >.deploy/tag\n"
	"\tmk8s_say \"deployed $mk8s_what, tag $mk8s_tag\"\n"
	"\texit 0\n"
	"fi\n"
	"mk8s_say \"$mk8s_what did not become healthy; its last log lines:\"\n"
	"mk8s_compose logs --no-color --tail 20\n"
	"[ -n \"$mk8s_back\" ] || { mk8s_record failed ''; mk8s_die 'not healthy; no "
	"rollback was wanted'; }\n"
	"[ -n \"$mk8s_before\" ] || { mk8s_record failed ''; mk8s_die 'not healthy; nothing "
	"ran before to roll back to'; }\n"
	"mk8s_pins=\n"
	"mk8s_pin \"$mk8s_before\"\n"
	"mk8s_failed=$mk8s_tag\n"
	"[ ! -s .deploy/tag ] || mk8s_tag=$(cat .deploy/tag)\n"
	"mk8s_say 'rolling back to:'\n"
	"printf '%s\\n' \"$mk8s_before\"\n"
	"if mk8s_up; then\n"
	"\tmk8s_record rolled-back \"$(mk8s_images)\"\n"
	"\tmk8s_say \"tag $mk8s_failed was not healthy; rolled back to what ran before\"\n"
	"\texit 4\n"
	"fi\n"
	"mk8s_record failed ''\n"
	"mk8s_die 'the images that ran before did not become healthy either'\n";

size_t script_value_count(const struct script_deploy *d)
{
	return d->target->secret_count + (d->config->registry ? 1 : 0);
}

static const struct rollout_secret *secret_at(const struct script_deploy *d, size_t index)
{
	return &d->target->secret[index - (d->config->registry ? 1 : 0)];
}

const char *script_value_name(const struct script_deploy *d, size_t index)
{
	return d->config->registry && index == 0 ? d->config->registry_variable :
						   secret_at(d, index)->name;
}

const char *script_value_field(const struct script_deploy *d, size_t index)
{
	return d->config->registry && index == 0 ? d->config->registry_field :
						   secret_at(d, index)->field;
}

static void put_joined(struct buf *out, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)buf_printf(out, "%s%s", i ? " " : "", names[i]);
}

/* What the lock's holder and the history say; checked names only, so that JSON needs no escapes. */
static void put_entry(struct buf *out, const struct script_deploy *d)
{
	const char *action = d->images ? "rollback" : "deploy";
	AUTO_BUF struct buf what;

	buf_init(&what, 64 * 1024);
	put_joined(&what, d->services, d->service_count);
	script_put_setting(out, "mk8s_what", what.len ? buf_str(&what) : "all services");
	buf_reset(&what);
	(void)buf_printf(&what, "%s (%s of %s)", d->who, action, d->node->name);
	script_put_setting(out, "mk8s_holder", buf_str(&what));
	buf_reset(&what);
	(void)buf_printf(&what, "\"action\":\"%s\",\"target\":\"%s\",\"node\":\"%s\",\"services\":\"",
			 action, d->target->name, d->node->name);
	put_joined(&what, d->services, d->service_count);
	(void)buf_printf(&what, "\",\"tag\":\"%s\",\"who\":\"%s\"", d->tag, d->who);
	script_put_setting(out, "mk8s_entry", buf_str(&what));
	buf_reset(&what);
	(void)buf_printf(&what, "%s-%s", d->target->name, d->node->name);
	script_put_setting(out, "mk8s_place", buf_str(&what));
}

static void put_settings(struct buf *out, const struct script_deploy *d)
{
	script_put_setting(out, "mk8s_workdir", d->node->workdir);
	script_put_setting(out, "mk8s_tag", d->tag);
	script_put_setting(out, "mk8s_registry", d->config->registry ? d->config->registry : "");
	script_put_setting(out, "mk8s_user",
			   d->config->registry ? d->config->registry_user : "");
	script_put_setting(out, "mk8s_tmpfs", d->config->tmpfs_dir);
	script_put_setting(out, "mk8s_url", d->target->health_url ? d->target->health_url : "");
	script_put_setting(out, "mk8s_back", d->no_rollback || d->images ? "" : "yes");
	script_put_setting(out, "mk8s_pinned", d->images ? d->images : "");
	script_put_setting(out, "mk8s_files", d->target->compose_files.count ? "yes" : "");
	script_put_number(out, "mk8s_health_s", d->target->health_timeout_ms / 1000);
	script_put_number(out, "mk8s_lock_wait", d->lock_wait_s);
	put_entry(out, d);
}

/* The variables that compose gets, and compose itself: nothing else sees them exported. */
static void put_compose(struct buf *out, const struct script_deploy *d)
{
	const struct rollout_target *t = d->target;

	(void)buf_put_str(out, "mk8s_files() { :\n");
	for (size_t i = 0; i < t->secret_count; i++) {
		if (t->secret[i].delivery == ROLLOUT_TMPFS)
			(void)buf_printf(out, "\tmk8s_file %s \"$%s\"\n", t->secret[i].name,
					 t->secret[i].name);
	}
	(void)buf_printf(out, "}\nmk8s_export() {\n\texport %s=\"$mk8s_tag\"\n",
			 d->config->tag_variable);
	for (size_t i = 0; i < t->env_count; i++) {
		(void)buf_printf(out, "\texport %s=", t->env[i].name);
		script_put_quoted(out, span_of(t->env[i].text));
		(void)buf_put_char(out, '\n');
	}
	for (size_t i = 0; i < t->secret_count; i++) {
		if (t->secret[i].delivery == ROLLOUT_ENV)
			(void)buf_printf(out, "\texport %s\n", t->secret[i].name);
	}
	(void)buf_put_str(out, "\tif [ -n \"$mk8s_config\" ]; then export DOCKER_CONFIG=\"$mk8s_config\"\n"
			       "\telif [ -n \"${mk8s_auth:-}\" ]; then export DOCKER_AUTH_CONFIG=\"$mk8s_auth\"; fi\n"
			       "}\nmk8s_compose() (\n\tmk8s_export\n\texec 9>&- docker compose");
	for (size_t i = 0; i < t->compose_files.count; i++) {
		(void)buf_put_str(out, " -f ");
		script_put_quoted(out, span_of(t->compose_files.at[i]));
	}
	(void)buf_put_str(out, " $mk8s_pins");
	for (size_t i = 0; i < d->profile_count; i++) {
		(void)buf_put_str(out, " --profile ");
		script_put_quoted(out, span_of(d->profiles[i]));
	}
	(void)buf_put_str(out, " \"$@\"");
	script_put_words(out, d->services, d->service_count);
	(void)buf_put_str(out, "\n)\n");
}

static void put_body(struct buf *out, const struct script_deploy *d)
{
	put_settings(out, d);
	(void)buf_put_str(out, part_state);
	(void)buf_put_str(out, part_secrets);
	(void)buf_put_str(out, part_compose);
	put_compose(out, d);
	(void)buf_put_str(out, "mk8s_files\n");
	(void)buf_put_str(out, part_main);
	script_put_end(out);
}

/* Quoting by builtins alone, so that no value reaches an argument list of the local shell either. */
static const char paste_quote[] =
	"mk8s_q() { set -- \"$1\" \"$2\" \"'\"; printf %s \"$1=$3\"; while :; do case $2 in\n"
	"*\"$3\"*) printf %s \"${2%%\"$3\"*}$3\\\\$3$3\"; set -- \"$1\" \"${2#*\"$3\"}\" \"$3\" ;;\n"
	"*) printf '%s\\n' \"$2$3\"; return ;; esac; done; }\n";

static void put_paste(struct buf *out, const struct script_deploy *d)
{
	(void)buf_printf(out, "{ %scat <<'MK8S_END'\n", paste_quote);
	script_put_begin(out);
	(void)buf_put_str(out, "MK8S_END\n");
	for (size_t i = 0; i < script_value_count(d); i++)
		(void)buf_printf(out, "mk8s_q %s \"$%s\"\n", script_value_name(d, i),
				 script_value_name(d, i));
	(void)buf_put_str(out, "cat <<'MK8S_END'\nexec </dev/null\n");
	put_body(out, d);
	(void)buf_put_str(out, "MK8S_END\n} | ssh -T -o BatchMode=yes -- ");
	script_put_quoted(out, span_of(d->node->host));
	(void)buf_put_str(out, " 'exec sh'\n");
}

void script_put_deploy(struct buf *out, const struct script_deploy *d, enum script_form form,
		       const struct script_value *values)
{
	if (form == SCRIPT_PASTE) {
		put_paste(out, d);
		return;
	}
	script_put_begin(out);
	for (size_t i = 0; i < script_value_count(d); i++) {
		(void)buf_printf(out, "%s=", values[i].name);
		script_put_quoted(out, values[i].value);
		(void)buf_put_char(out, '\n');
	}
	script_put_watchdog(out);
	(void)buf_put_str(out, "exec </dev/null\n");
	put_body(out, d);
}
