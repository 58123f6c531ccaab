/*
 * The state directory's keys: central's CA, the RS256 keys of tokens, the audit signing key, the sealing key.
 *
 * Everything is made at the first start and lives in files of mode 0600 in the state directory (0700).
 */
#ifndef MK8S_GATE_KEYS_H
#define MK8S_GATE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

struct key;
struct keys;

/* Opens, or makes what is missing. A state directory with wider permissions, or of another owner, is refused. */
int keys_open(const char *state_dir, struct keys **ret_keys, struct err *e);
void keys_free(struct keys *k); /* wipes; takes NULL */
/*
 * Makes a new token key in the state directory, which signs from the next keys_open on, and removes the keys that were
 * replaced more than `keep_s` ago (the longest life of a token). The others go on verifying.
 */
int keys_rotate(const char *state_dir, int64_t keep_s, struct err *e);
/*
 * The CA's replacement. keys_ca_rotate makes a new CA beside the one in force, or finds the one that
 * is there already; both are trusted then: servers' leaves stay the old one's and are sent with a
 * certificate of its key by the new one, agents get certificates of the new one. keys_ca_finish
 * makes the new one the only one. Each does the rest of what an earlier call was killed in.
 */
struct keys_ca_state {
	bool rotating;
	char pin[72], next_pin[72]; /* of the CA in force, and of the new one */
	int64_t since_unix_s;       /* when the new one was made */
};
int keys_ca_state(const char *state_dir, struct keys_ca_state *ret, struct err *e);
int keys_ca_rotate(const char *state_dir, struct err *e);
int keys_ca_finish(const char *state_dir, struct err *e);
/* The CA as the state directory has it now; *ret_changed when it is another one. Thread-safe. */
int keys_reload_ca(struct keys *k, const char *state_dir, bool *ret_changed, struct err *e);

/*
 * The token keys as the state directory has them now take the place of those in `k`, which stay on
 * failure. Thread-safe.
 */
int keys_reload_tokens(struct keys *k, const char *state_dir, struct err *e);

/* Borrowed from `k`, as long as it lives. While the CA is replaced: both certificates, the new one's pin. */
const char *keys_ca_pem(const struct keys *k);
const char *keys_ca_sha256(const struct keys *k); /* "sha256:<hex>" over the SPKI */
struct key *keys_audit(const struct keys *k);
const uint8_t *keys_seal(const struct keys *k); /* AEAD_KEY_SIZE bytes, for what clients keep for central */

/* A leaf of the CA for these names (DNS names and addresses), 90 days: chain PEM with the CA, and key PEM (secret). */
int keys_issue_server(struct keys *k, const char *const *names, size_t name_count, struct buf *ret_chain_pem,
		      struct buf *ret_key_pem, struct err *e);
/* A client certificate for an agent of the cluster, from its CSR. ret_serial: hex, at least 41 bytes. */
int keys_issue_agent(struct keys *k, const char *csr_pem, const char *cluster_id, int64_t lifetime_s,
		     struct buf *ret_cert_pem, char *ret_serial, size_t serial_size, int64_t *ret_expires_unix_s,
		     struct err *e);
/* Cluster UUID and serial of an agent certificate that TLS has verified. */
int keys_agent_cert_read(struct span cert_der, char ret_cluster_id[37], char *ret_serial, size_t serial_size,
			 int64_t *ret_expires_unix_s, struct err *e);

/* An access token for a session: sub = user id, email, sid, iss, aud, iat, nbf, exp. */
int keys_token_sign(struct keys *k, const char *user_id, const char *email, const char *sid, int64_t expires_unix_s,
		    struct buf *ret_token, struct err *e);
struct keys_token {
	char sid[37];
	char email[256];
	int64_t expires_unix_s;
};
/* Thread-safe. ERR_AUTH with the reason. */
int keys_token_verify(struct keys *k, struct span token, struct keys_token *ret_token, struct err *e);
/* {"keys":[...]} */
void keys_jwks_print(struct keys *k, struct buf *into);

#endif
