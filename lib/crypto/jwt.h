/*
 * JSON Web Tokens (RFC 7519) signed with RS256 (RFC 7515, 7518 section 3.3), and nothing but RS256.
 */
#ifndef MK8S_CRYPTO_JWT_H
#define MK8S_CRYPTO_JWT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

struct json;
struct key;

#define JWT_MAX_LEN 8192 /* bytes of a token */

struct jwt_key {
	const char *kid;
	const struct key *key; /* RSA; private to sign, either to verify */
};

struct jwt_rules {
	const struct jwt_key *keys; /* those that verify */
	size_t key_count;
	const char *issuer;   /* `iss` must equal it */
	const char *audience; /* `aud`, a string or a list, must hold it */
	int64_t now_unix_s;
	int64_t leeway_s;     /* clock difference granted to exp, nbf and iat */
};

/*
 * Appends the token {"alg":"RS256","kid":...,"typ":"JWT"} over `claims` (an object, printed
 * compact). ERR_LIMIT above JWT_MAX_LEN.
 */
int jwt_sign(const struct json *claims, const struct jwt_key *key, struct buf *into, struct err *e);

/*
 * Checks form, header, signature and claims; the caller owns the claims in *ret. ERR_AUTH with a
 * sentence for the log (the client should only learn that the token is not valid). The header may
 * hold alg (RS256), kid (one of the keys', exactly) and typ (JWT), and none other: so no crit, jku,
 * jwk, x5u, x5c, b64. `exp` is required, `nbf` and `iat` are checked where they stand; all are
 * integers. A claim is refused as soon as JSON would be (duplicates, depth 8).
 */
int jwt_verify(struct span token, const struct jwt_rules *rules, struct json **ret, struct err *e);

/* Appends the JWK set (RFC 7517) of the public halves, for /.well-known/jwks.json. */
int jwt_put_jwks(const struct jwt_key *keys, size_t key_count, struct buf *into, struct err *e);

#endif
