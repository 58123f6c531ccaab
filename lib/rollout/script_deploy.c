/* The script of a deploy and of a rollback: lock, login, pull, up, health, the way back, the record. */
#include <string.h>

#include "lib/rollout/script_inner.h"

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
	(void)buf_put_str(out, script_part_state);
	(void)buf_put_str(out, script_part_secrets);
	(void)buf_put_str(out, script_part_compose);
	put_compose(out, d);
	(void)buf_put_str(out, "mk8s_files\n");
	(void)buf_put_str(out, script_part_main);
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
