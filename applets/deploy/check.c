/* check: the validation that comes before a deploy, alone. */
#include "applets/deploy/deploy.h"

static const struct option_row rows[] = { DEPLOY_ROW_CONFIG };

static int run(struct deploy *d, struct err *e)
{
	if (d->word_count == 0)
		return err_set(e, ERR_USAGE, "which target? %s check TARGET", d->program);
	if (deploy_open(d, d->words[0], d->words + 1, d->word_count - 1, e) < 0 ||
	    deploy_connect(d, true, e) < 0)
		return -1;
	return deploy_validate(d, e);
}

const struct deploy_verb deploy_verb_check = {
	"check", "TARGET [NODE...]", "ask whether the prerequisites of a deploy are there", rows, COUNT_OF(rows), run
};
