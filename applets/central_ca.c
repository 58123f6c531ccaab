/* mk8s central rotate-ca: a new CA beside the old one, and the end of the old one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applets/central_admin.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/timefmt.h"
#include "lib/gate/notice.h"
#include "lib/store/store.h"

#define METADATA_MAX (64 * 1024)
#define SETTLE_S 10 /* after which a running central surely issues from the new CA */

/*
 * Clusters whose agents were started with a pin that is not the new CA's: with it they cannot join
 * once the old one ends.
 */
static void put_behind(const struct directory_cluster *cluster, const char *next_pin, struct buf *names)
{
	AUTO_JSON struct json *metadata = NULL;
	struct err e = { 0 };
	const char *pins = NULL;

	if (json_parse(span_of(cluster->metadata_json), JSON_LIMITS(METADATA_MAX), &metadata, &e) == 0)
		pins = json_str(metadata, "ca_sha256");
	if (pins && !strstr(pins, next_pin))
		(void)buf_printf(names, "%s%s", names->len ? ", " : "", cluster->name);
}

static int list_behind(struct store *s, const char *next_pin, struct buf *names, struct err *e)
{
	struct directory_cluster *clusters = NULL;
	struct directory *d;
	size_t count = 0;
	int rc;

	if (directory_open(s, &d, e) < 0)
		return -1;
	rc = directory_cluster_list(d, &clusters, &count, e);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		put_behind(&clusters[i], next_pin, names);
		directory_cluster_free(&clusters[i]);
	}
	free(clusters);
	directory_free(d);
	return rc;
}

static int find_behind(const struct central_config *config, const char *next_pin, struct buf *names, struct err *e)
{
	struct store *s;
	int rc;

	if (central_store_open(config, &s, e) < 0)
		return -1;
	rc = list_behind(s, next_pin, names, e);
	store_close(s);
	return rc;
}

static int64_t earliest_end(const struct central_config *config, const struct keys_ca_state *state)
{
	return state->since_unix_s + config->agent_cert_lifetime_ms / 1000 + SETTLE_S;
}

static int say_state(const struct central_config *config, const struct keys_ca_state *state, struct err *e)
{
	char date[TIMEFMT_SIZE];
	AUTO_BUF struct buf names;

	buf_init(&names, METADATA_MAX);
	if (find_behind(config, state->next_pin, &names, e) < 0)
		return -1;
	timefmt_date(earliest_end(config, state), date);
	if (printf("new CA: %s\nold CA: %s\n\n"
		   "Both are trusted now. Bring the new pin to everybody who has the old one:\n"
		   "  agents  mk8s clusters token NAME --manifest | kubectl apply -f -\n"
		   "  users   mk8s login --ca-sha256 %s\n"
		   "Then, from %s on: mk8s central rotate-ca finish\n",
		   state->next_pin, state->pin, state->next_pin, date) < 0 ||
	    (names.len && printf("Clusters whose agents were started with the old pin: %s\n", buf_str(&names)) < 0) ||
	    fflush(stdout) != 0)
		return err_set(e, ERR_IO, "the output could not be written");
	return 0;
}

static int rotate(const struct central_config *config, struct err *e)
{
	struct keys_ca_state state;

	if (keys_ca_rotate(config->state_dir, e) < 0 || keys_ca_state(config->state_dir, &state, e) < 0 ||
	    notice_post(config->state_dir, "rotate-ca", "ca", state.next_pin, e) < 0)
		return -1;
	return say_state(config, &state, e);
}

/* Who would be left behind. */
static int check_finish(const struct central_config *config, const struct keys_ca_state *state, struct err *e)
{
	char date[TIMEFMT_SIZE];
	AUTO_BUF struct buf names;

	buf_init(&names, METADATA_MAX);
	timefmt_date(earliest_end(config, state), date);
	if (earliest_end(config, state) > clock_unix_s())
		return err_set(e, ERR_INPUT,
			       "agents may have certificates of the old CA until %s; finish then, or with finish-now", date);
	if (find_behind(config, state->next_pin, &names, e) < 0)
		return -1;
	return names.len ? err_set(e, ERR_INPUT,
				   "agents that were started with the old pin could not join again: apply the manifest of "
				   "%.200s first (mk8s clusters token NAME --manifest), or use finish-now",
				   buf_str(&names)) :
			   0;
}

static int finish(const struct central_config *config, bool now, struct err *e)
{
	struct keys_ca_state state;

	if (keys_ca_state(config->state_dir, &state, e) < 0)
		return -1;
	if (state.rotating && !now && check_finish(config, &state, e) < 0)
		return -1;
	if (keys_ca_finish(config->state_dir, e) < 0 || keys_ca_state(config->state_dir, &state, e) < 0 ||
	    notice_post(config->state_dir, "rotate-ca", "ca", state.pin, e) < 0)
		return -1;
	if (printf("CA: %s\n", state.pin) < 0 || fflush(stdout) != 0)
		return err_set(e, ERR_IO, "the output could not be written");
	return 0;
}

int central_ca_rotate(const struct central_config *config, const char *word, struct err *e)
{
	if (!word)
		return rotate(config, e);
	if (strcmp(word, "finish") == 0 || strcmp(word, "finish-now") == 0)
		return finish(config, strcmp(word, "finish-now") == 0, e);
	return err_set(e, ERR_USAGE, "usage: mk8s central rotate-ca [finish|finish-now]");
}
