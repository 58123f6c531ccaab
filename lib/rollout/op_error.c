/* op's words, by the texts that op has been seen to write. */
#include "lib/rollout/op_error.h"

#include <string.h>

#include "lib/base/table.h"

#define WORDS_MAX 150 /* of op's own in a sentence */

struct row {
	const char *text; /* in any case */
	enum secret_failure failure;
	enum err_code code;
	const char *sentence; /* %s once: the item, vault or account in quotes, where `names` says so */
	char names;           /* 'i', 'v', 'a' or 0 */
};

#define SIGN_IN "run: op signin (or set OP_SERVICE_ACCOUNT_TOKEN)"

/* The first that is found rules. */
static const struct row rows[] = {
	{ "too many requests", SECRET_FAILURE_RATE_LIMIT, ERR_BUSY, NULL, 0 },
	{ "rate limit", SECRET_FAILURE_RATE_LIMIT, ERR_BUSY, NULL, 0 },
	{ "service account deleted", SECRET_FAILURE_TOKEN, ERR_AUTH,
	  "the service account of OP_SERVICE_ACCOUNT_TOKEN has been deleted; create another and use its token", 0 },
	{ "decodesacredentials", SECRET_FAILURE_TOKEN, ERR_AUTH,
	  "OP_SERVICE_ACCOUNT_TOKEN is not a whole token; copy it again (it begins with ops_)", 0 },
	{ "decodesaccredentials", SECRET_FAILURE_TOKEN, ERR_AUTH,
	  "OP_SERVICE_ACCOUNT_TOKEN is not a whole token; copy it again (it begins with ops_)", 0 },
	{ "segmentation violation", SECRET_FAILURE_TOKEN, ERR_AUTH,
	  "op crashed, as it does on a damaged OP_SERVICE_ACCOUNT_TOKEN; copy the token again", 0 },
	{ "service account token set, but not authenticated", SECRET_FAILURE_TOKEN, ERR_AUTH,
	  "op did not accept OP_SERVICE_ACCOUNT_TOKEN; check it, and that op is 2.18 or later", 0 },
	{ "a vault query must be provided", SECRET_FAILURE_NEEDS_VAULT, ERR_USAGE,
	  "a service account reads items only from a vault that is named; add --vault", 0 },
	{ "more than one item matches", SECRET_FAILURE_SEVERAL, ERR_EXISTS,
	  "several items are called %s; name the vault with --vault, or the item by its ID", 'i' },
	{ "isn't an item", SECRET_FAILURE_NO_ITEM, ERR_NOT_FOUND,
	  "there is no item %s that this account can read; check its name and --vault", 'i' },
	{ "isn't a vault", SECRET_FAILURE_NO_VAULT, ERR_NOT_FOUND,
	  "there is no vault %s that this account can read; op vault list shows them", 'v' },
	{ "secret references should match", SECRET_FAILURE_REFERENCE, ERR_INPUT,
	  "a reference is op://VAULT/ITEM[/SECTION]/FIELD", 0 },
	{ "not currently signed in", SECRET_FAILURE_SIGNED_OUT, ERR_AUTH, "not signed in to 1Password; " SIGN_IN, 0 },
	{ "account is not signed in", SECRET_FAILURE_SIGNED_OUT, ERR_AUTH, "not signed in to 1Password; " SIGN_IN, 0 },
	{ "no active session found", SECRET_FAILURE_SIGNED_OUT, ERR_AUTH,
	  "the 1Password session of account %s has ended; " SIGN_IN, 'a' },
	{ "could not find session token", SECRET_FAILURE_SIGNED_OUT, ERR_AUTH,
	  "there is no 1Password session for account %s; " SIGN_IN, 'a' },
	{ "no account found for filter", SECRET_FAILURE_SIGNED_OUT, ERR_AUTH,
	  "op knows no account %s; op account list shows them, op account add adds one", 'a' },
	{ "no accounts configured", SECRET_FAILURE_SIGNED_OUT, ERR_AUTH,
	  "op has no account yet; run: op account add, then op signin (or set OP_SERVICE_ACCOUNT_TOKEN)", 0 },
	{ "authorization prompt dismissed", SECRET_FAILURE_SIGNED_OUT, ERR_AUTH,
	  "the request was dismissed in the 1Password app; ask again and allow it", 0 },
	{ "invalid bearer token", SECRET_FAILURE_TOKEN, ERR_AUTH,
	  "1Password refused the token; check OP_SERVICE_ACCOUNT_TOKEN or OP_CONNECT_TOKEN", 0 },
	{ "(401)", SECRET_FAILURE_SIGNED_OUT, ERR_AUTH, "1Password does not accept the sign-in; " SIGN_IN, 0 },
	{ "(403)", SECRET_FAILURE_TOKEN, ERR_AUTH,
	  "1Password denies this account what was asked; check its access to the vault", 0 },
	{ "(404)", SECRET_FAILURE_NO_ITEM, ERR_NOT_FOUND,
	  "there is no item %s that this account can read; check its name and --vault", 'i' },
	{ "no such host", SECRET_FAILURE_UNREACHABLE, ERR_UNREACHABLE,
	  "1Password's servers cannot be reached; check the network and the proxy", 0 },
	{ "connection refused", SECRET_FAILURE_UNREACHABLE, ERR_UNREACHABLE,
	  "1Password's servers cannot be reached; check the network and the proxy", 0 },
	{ "dial tcp", SECRET_FAILURE_UNREACHABLE, ERR_UNREACHABLE,
	  "1Password's servers cannot be reached; check the network and the proxy", 0 },
};

/* Offset of `text` in any case, or -1. */
static ptrdiff_t find_text(struct span in, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; len <= in.len && i <= in.len - len; i++) {
		if (span_equal_nocase(span_from(in.at + i, len), span_from(text, len)))
			return (ptrdiff_t)i;
	}
	return -1;
}

/* Without "[ERROR] 2006/01/02 15:04:05 " in front. */
static struct span without_stamp(struct span line)
{
	struct span part, rest = line;

	if (!span_starts(line, SPAN("[ERROR] ")))
		return line;
	for (int i = 0; i < 3; i++) {
		if (!span_take_part(&rest, ' ', &part))
			return line;
	}
	return rest.at ? rest : line;
}

struct span op_error_message(struct span words)
{
	struct span rest = words, line, last = SPAN(""), marked = SPAN_NONE;

	while (rest.at && span_take_part(&rest, '\n', &line)) {
		line = span_trim(line);
		if (line.len && line.at[line.len - 1] == '\r')
			line.len--;
		if (span_starts(line, SPAN("[ERROR] ")) && !marked.at)
			marked = line;
		if (line.len)
			last = line;
	}
	return without_stamp(marked.at ? marked : last);
}

uint64_t op_error_retry_s(struct span words)
{
	static const struct {
		const char *unit;
		uint64_t seconds;
	} units[] = { { "second", 1 }, { "minute", 60 }, { "hour", 3600 }, { "day", 86400 } };
	ptrdiff_t retry = find_text(words, "retry in ");
	ptrdiff_t at = retry >= 0 ? retry : find_text(words, "again in "); /* as long as the other */
	struct span rest, number;
	uint64_t count;

	if (at < 0)
		return 0;
	rest = span_from(words.at + at + 9, words.len - (size_t)at - 9);
	if (!span_take_part(&rest, ' ', &number) || span_to_u64(number, 100000, &count) < 0 || !rest.at)
		return 0;
	for (size_t i = 0; i < COUNT_OF(units); i++) {
		if (span_starts(rest, span_of(units[i].unit)))
			return count * units[i].seconds;
	}
	return 0;
}

/* Puts the message of op behind the sentence, in brackets, escaped and cut. */
static void add_words(struct span words, struct err *e)
{
	AUTO_BUF struct buf safe;
	size_t used = strlen(e->text);
	struct span message = op_error_message(words);

	buf_init(&safe, 8 * WORDS_MAX);
	if (message.len > WORDS_MAX)
		message.len = WORDS_MAX;
	(void)table_put_escaped(&safe, message);
	if (safe.len && used + safe.len + 16 < sizeof(e->text)) {
		AUTO_BUF struct buf whole;

		buf_init(&whole, sizeof(e->text));
		(void)buf_printf(&whole, "%s (op: %s)", e->text, buf_str(&safe));
		(void)err_set(e, e->code, "%s", buf_str(&whole));
	}
}

static void set_limit(struct span words, struct err *e)
{
	uint64_t seconds = op_error_retry_s(words);

	if (seconds == 0)
		err_set(e, ERR_BUSY, "1Password's rate limit is reached; try again later");
	else if (seconds < 120)
		err_set(e, ERR_BUSY, "1Password's rate limit is reached; try again in %llu seconds",
			(unsigned long long)seconds);
	else
		err_set(e, ERR_BUSY, "1Password's rate limit is reached; try again in %llu minutes",
			(unsigned long long)(seconds + 59) / 60);
}

static void set_sentence(const struct row *row, const struct op_asked *asked, struct err *e)
{
	const char *name = row->names == 'i' ? asked->item :
			   row->names == 'v' ? asked->vault :
			   row->names == 'a' ? asked->account :
					       NULL;
	const char *hole = strstr(row->sentence, "%s");
	char quoted[100];

	if (!hole) {
		err_set(e, row->code, "%s", row->sentence);
		return;
	}
	if (name)
		(void)err_set(e, row->code, "\"%.80s\"", name);
	(void)span_to_str(span_of(name ? e->text : "of this name"), quoted, sizeof(quoted));
	err_set(e, row->code, "%.*s%s%s", (int)(hole - row->sentence), row->sentence, quoted, hole + 2);
}

/* The lines `* for the item "X" in vault V: ID` behind the message. */
static void add_choices(struct span words, struct err *e)
{
	AUTO_BUF struct buf list;
	struct span rest = words, line;
	size_t used = strlen(e->text);

	buf_init(&list, sizeof(e->text) - used - 8);
	while (rest.at && span_take_part(&rest, '\n', &line)) {
		ptrdiff_t at = find_text(line, "in vault ");

		if (at < 0)
			continue;
		line = span_trim(span_from(line.at + at + 9, line.len - (size_t)at - 9));
		if (list.len)
			(void)buf_put_str(&list, ", ");
		if (!list.failed)
			(void)table_put_escaped(&list, line);
	}
	if (list.len) {
		AUTO_BUF struct buf whole;

		buf_init(&whole, sizeof(e->text));
		(void)buf_printf(&whole, "%s: %s", e->text, buf_str(&list));
		(void)err_set(e, e->code, "%s", buf_str(&whole));
	}
}

enum secret_failure op_error_set(struct span words, const struct op_asked *asked, struct err *e)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (find_text(words, rows[i].text) < 0)
			continue;
		if (rows[i].failure == SECRET_FAILURE_RATE_LIMIT)
			set_limit(words, e);
		else
			set_sentence(&rows[i], asked, e);
		if (rows[i].failure == SECRET_FAILURE_SEVERAL)
			add_choices(words, e);
		else
			add_words(words, e);
		return rows[i].failure;
	}
	err_set(e, ERR_IO, "1Password could not do it");
	add_words(words, e);
	return SECRET_FAILURE_OTHER;
}
