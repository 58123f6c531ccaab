/* The state directory's keys: opening or making them, certificates. */
#include "lib/gate/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/crypto/random.h"
#include "lib/gate/keys_inner.h"
#include "lib/gate/uuid.h"

static const int64_t day_s = 86400;
static const int64_t server_validity_s = 90 * 86400ll;
static const size_t pem_max = 64 * 1024;

#define CLUSTER_URI "mk8s://cluster/"

static int dir_check(const char *path, struct err *e)
{
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_set_errno(e, ERR_IO, errno, "making the state directory %s", path);
	if (stat(path, &st) < 0)
		return err_set_errno(e, ERR_IO, errno, "state directory %s", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ERR_IO, "the state directory %s is no directory", path);
	if (st.st_uid != geteuid())
		return err_set(e, ERR_IO, "the state directory %s belongs to user %u; it must belong to %u, who runs this",
			       path, st.st_uid, geteuid());
	if (st.st_mode & 077)
		return err_set(e, ERR_IO,
			       "the state directory %s has mode %04o, so others can reach the keys in it; it must be 0700",
			       path, st.st_mode & 07777);
	return 0;
}

static int read_secret(const char *path, struct buf *into, struct err *e)
{
	buf_init_secret(into, pem_max);
	return file_read(path, into, e);
}

static int audit_key_open(const char *state_dir, struct key **ret_key, struct err *e)
{
	AUTO_FREE char *path = mem_printf("%s/audit.key", state_dir);
	AUTO_KEY struct key *key = NULL;

	if (key_load(path, ret_key, e) == 0)
		return 0;
	if (e->code != ERR_NOT_FOUND)
		return -1;
	if (key_generate(KEY_P256, &key, e) < 0 || key_save(key, path, e) < 0)
		return -1;
	*ret_key = key;
	key = NULL;
	return 0;
}

static int seal_key_open(const char *state_dir, uint8_t key[AEAD_KEY_SIZE], struct err *e)
{
	AUTO_FREE char *path = mem_printf("%s/seal.key", state_dir);
	AUTO_BUF struct buf file;

	if (read_secret(path, &file, e) == 0) {
		if (file.len != AEAD_KEY_SIZE)
			return err_set(e, ERR_CORRUPT, "%s has %zu bytes; it must have %d. Without it a new one is made", path,
				       file.len, AEAD_KEY_SIZE);
		memcpy(key, file.at, AEAD_KEY_SIZE);
		return 0;
	}
	if (e->code != ERR_NOT_FOUND)
		return -1;
	random_bytes(key, AEAD_KEY_SIZE);
	return file_write_atomic(path, span_from(key, AEAD_KEY_SIZE), 0600, e);
}

int keys_open(const char *state_dir, struct keys **ret_keys, struct err *e)
{
	struct keys *k;

	if (dir_check(state_dir, e) < 0)
		return -1;
	k = mem_new(sizeof(*k));
	if (keys_ca_open(state_dir, k, e) < 0 || audit_key_open(state_dir, &k->audit, e) < 0 ||
	    seal_key_open(state_dir, k->seal, e) < 0 || token_keys_open(state_dir, &k->tokens, e) < 0) {
		keys_free(k);
		return -1;
	}
	err_clear(e); /* of files that were not there */
	*ret_keys = k;
	return 0;
}

void keys_free(struct keys *k)
{
	if (!k)
		return;
	token_keys_close(&k->tokens);
	key_free(k->audit);
	keys_ca_close(k);
	secret_wipe(k->seal, sizeof(k->seal));
	free(k);
}

struct key *keys_audit(const struct keys *k)
{
	return k->audit;
}

const uint8_t *keys_seal(const struct keys *k)
{
	return k->seal;
}

int keys_issue_server(struct keys *k, const char *const *names, size_t name_count, struct buf *ret_chain_pem,
		      struct buf *ret_key_pem, struct err *e)
{
	struct ca_server want = { names, name_count, clock_unix_s(), server_validity_s };

	const struct ca_set *cas = k->cas;

	if (ca_issue_server(cas->ca, &want, ret_key_pem, ret_chain_pem, e) < 0)
		return -1;
	(void)buf_put_str(ret_chain_pem, cas->chain_pem);
	return buf_ok(ret_chain_pem, "the certificate chain", e);
}

int keys_issue_agent(struct keys *k, const char *csr_pem, const char *cluster_id, int64_t lifetime_s,
		     struct buf *ret_cert_pem, char *ret_serial, size_t serial_size, int64_t *ret_expires_unix_s,
		     struct err *e)
{
	AUTO_FREE char *uri = mem_printf("%s%s", CLUSTER_URI, cluster_id);
	struct ca_client want = {
		.csr_pem = span_of(csr_pem),
		.common_name = cluster_id,
		.uri = uri,
		.now_unix_s = clock_unix_s(),
		.validity_s = lifetime_s,
	};
	const struct ca_set *cas = k->cas;
	struct cert_info info;

	if (!uuid_valid(span_of(cluster_id)))
		return err_set(e, ERR_INPUT, "\"%.60s\" is no cluster id", cluster_id);
	if (lifetime_s <= 0 || lifetime_s > 366 * day_s)
		return err_set(e, ERR_INPUT, "an agent's certificate lives 1 second to 366 days, not %lld seconds",
			       (long long)lifetime_s);
	if (ca_issue_client(cas->next ? cas->next : cas->ca, &want, ret_cert_pem, &info, e) < 0)
		return -1;
	if (span_to_str(span_of(info.serial), ret_serial, serial_size) < 0)
		return err_set(e, ERR_LIMIT, "the serial does not fit into %zu bytes", serial_size);
	*ret_expires_unix_s = info.not_after_unix_s;
	return 0;
}

int keys_agent_cert_read(struct span cert_der, char ret_cluster_id[37], char *ret_serial, size_t serial_size,
			 int64_t *ret_expires_unix_s, struct err *e)
{
	struct cert_info info;
	struct span uri;

	if (cert_parse(cert_der, &info, e) < 0)
		return err_context(e, "the agent's certificate");
	uri = span_of(info.uri);
	if (info.is_ca || !span_starts(uri, SPAN(CLUSTER_URI)) ||
	    !uuid_valid(span_from(uri.at + sizeof(CLUSTER_URI) - 1, uri.len - (sizeof(CLUSTER_URI) - 1))))
		return err_set(e, ERR_AUTH, "the certificate is no agent's: it names no cluster");
	if (span_to_str(span_of(info.serial), ret_serial, serial_size) < 0)
		return err_set(e, ERR_LIMIT, "the serial does not fit into %zu bytes", serial_size);
	memcpy(ret_cluster_id, info.uri + sizeof(CLUSTER_URI) - 1, 37);
	*ret_expires_unix_s = info.not_after_unix_s;
	return 0;
}
