/* mk8s central reset-password, rotate-keys, backup; rotate-ca is in central_ca.c. */
#include "applets/central_admin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/crypto/random.h"
#include "lib/gate/backup.h"
#include "lib/gate/notice.h"
#include "lib/store/store.h"

#define PASSWORD_LEN 24
#define CLOCKS_S 60 /* a running central may sign with the old key for a moment more */

typedef int admin_fn(const struct central_config *config, const char *word, struct err *e);

/* The state directory is central's and its user's: another user's files in it would stop it. */
static int check_state(const char *state_dir, struct err *e)
{
	AUTO_FREE char *ca = mem_printf("%s/ca.crt", state_dir);
	struct stat st;

	if (stat(ca, &st) < 0)
		return err_set_errno(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno,
				     "%s is no state directory of central: %s", state_dir, ca);
	if (st.st_uid != geteuid())
		return err_set(e, ERR_IO, "%s belongs to user %u; run this as that user", state_dir,
			       st.st_uid);
	return 0;
}

static int print(struct err *e, const char *before, const char *text)
{
	if (printf("%s%s\n", before, text) < 0 || fflush(stdout) != 0)
		return err_set(e, ERR_IO, "the output could not be written");
	return 0;
}

static int set_password(struct directory *d, const char *email, struct err *e)
{
	char made[RANDOM_TOKEN_SIZE];
	struct directory_user user = { 0 };
	struct span password;
	int rc;

	if (directory_user_get(d, email, &user, e) < 0)
		return -1;
	random_token(made);
	made[PASSWORD_LEN] = '\0';
	password = span_of(made);
	rc = directory_user_change(d, email, &password, -1, e);
	if (rc == 0)
		rc = print(e, "password: ", made);
	if (rc == 0 && user.disabled)
		fprintf(stderr, "mk8s central: the user is disabled, and stays so\n");
	secret_wipe(made, sizeof(made));
	directory_user_free(&user);
	return rc;
}

static int reset_password(const struct central_config *config, const char *email, struct err *e)
{
	struct directory *d;
	struct store *s;
	int rc;

	if (central_store_open(config, &s, e) < 0)
		return -1;
	rc = directory_open(s, &d, e);
	if (rc == 0) {
		rc = set_password(d, email, e);
		directory_free(d);
	}
	store_close(s);
	return rc < 0 ? -1
		      : notice_post(config->state_dir, "reset-password", "users", email, e);
}

static int rotate_keys(const struct central_config *config, const char *word UNUSED, struct err *e)
{
	if (keys_rotate(config->state_dir, config->token_expiry_ms / 1000 + CLOCKS_S, e) < 0)
		return -1;
	return notice_post(config->state_dir, "rotate-keys", "keys", "", e);
}

static int backup(const struct central_config *config, const char *dir, struct err *e)
{
	struct store *s;
	int rc;

	if (central_store_open(config, &s, e) < 0)
		return -1;
	rc = backup_state(config->state_dir, s, dir, e);
	store_close(s);
	return rc < 0 ? -1 : notice_post(config->state_dir, "backup", "state", "", e);
}

static const struct {
	const char *name;
	const char *word; /* what it takes; NULL: nothing; "[": it may lack */
	admin_fn *run;
} verbs[] = {
	{ "reset-password", "EMAIL", reset_password },
	{ "rotate-keys", NULL, rotate_keys },
	{ "rotate-ca", "[finish|finish-now]", central_ca_rotate },
	{ "backup", "DIR", backup },
};

bool central_admin_knows(const char *verb)
{
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		if (strcmp(verbs[i].name, verb) == 0)
			return true;
	}
	return false;
}

int central_admin_run(const struct central_config *config, char *const *words, int word_count,
		      struct err *e)
{
	size_t i = 0;
	int most, least;

	while (strcmp(verbs[i].name, words[0]) != 0)
		i++;
	most = verbs[i].word ? 2 : 1;
	least = verbs[i].word && verbs[i].word[0] != '[' ? 2 : 1;
	if (word_count < least || word_count > most)
		return err_set(e, ERR_USAGE, "usage: mk8s central %s%s%s", verbs[i].name,
			       verbs[i].word ? " " : "", verbs[i].word ? verbs[i].word : "");
	if (check_state(config->state_dir, e) < 0)
		return -1;
	return verbs[i].run(config, word_count == 2 ? words[1] : NULL, e);
}
