/* JSON Web Tokens with RS256: the order is form, header, signature, claims. */
#include "lib/crypto/jwt.h"

#include <string.h>

#include "lib/crypto/key.h"
#include "lib/format/base64.h"
#include "lib/format/json.h"

#define JWT_DEPTH 8

/* Appends the compact JSON of `item` as base64url. */
static void put_part(const struct json *item, struct buf *into)
{
	AUTO_BUF struct buf text = { .max = JWT_MAX_LEN };

	json_print(item, JSON_COMPACT, &text);
	if (text.failed)
		into->failed = true;
	base64_encode(buf_span(&text), BASE64_URL, into);
}

static void put_header(const char *kid, struct buf *into)
{
	AUTO_JSON struct json *header = json_new_object();

	json_set_str(header, "alg", "RS256");
	json_set_str(header, "kid", kid);
	json_set_str(header, "typ", "JWT");
	put_part(header, into);
}

int jwt_sign(const struct json *claims, const struct jwt_key *key, struct buf *into, struct err *e)
{
	AUTO_BUF struct buf token = { .max = JWT_MAX_LEN, .secret = true };
	uint8_t signature[KEY_SIGNATURE_SIZE];
	size_t len;

	if (!key_is_rsa(key->key))
		return err_set(e, ERR_INPUT, "RS256 needs an RSA key");
	put_header(key->kid, &token);
	buf_put_char(&token, '.');
	put_part(claims, &token);
	if (buf_ok(&token, "the token", e) < 0 ||
	    key_sign(key->key, buf_span(&token), signature, &len, e) < 0)
		return -1;
	buf_put_char(&token, '.');
	base64_encode(span_from(signature, len), BASE64_URL, &token);
	if (buf_ok(&token, "the token", e) < 0)
		return -1;
	buf_put_span(into, buf_span(&token));
	return buf_ok(into, "the token", e);
}

static int refuse(struct err *e, const char *why)
{
	return err_set(e, ERR_AUTH, "token: %s", why);
}

struct parts {
	struct span header, claims, signature;
	struct span signed_part; /* header.claims */
};

/* Exactly two dots. */
static int split(struct span token, struct parts *ret, struct err *e)
{
	struct span rest = token, none;

	if (token.len > JWT_MAX_LEN)
		return refuse(e, "more than 8192 bytes");
	if (token.len == 0 || !span_take_part(&rest, '.', &ret->header) ||
	    !span_take_part(&rest, '.', &ret->claims) || !span_take_part(&rest, '.', &ret->signature) ||
	    span_take_part(&rest, '.', &none))
		return refuse(e, "three parts with dots between are expected");
	ret->signed_part = span_from(token.at, ret->header.len + 1 + ret->claims.len);
	return 0;
}

/* A part that is base64url of a JSON object. */
static int read_part(struct span part, const char *what, struct json **ret, struct err *e)
{
	AUTO_BUF struct buf text = { .max = JWT_MAX_LEN };
	struct json_limits limits = { JWT_MAX_LEN, JWT_DEPTH, 0 };
	AUTO_JSON struct json *item = NULL;

	if (base64_decode(part, BASE64_URL, &text, e) < 0 ||
	    json_parse(buf_span(&text), limits, &item, e) < 0) {
		e->code = ERR_AUTH;
		return err_context(e, "token: %s", what);
	}
	if (!json_is_object(item))
		return err_set(e, ERR_AUTH, "token: %s is no JSON object", what);
	*ret = item;
	item = NULL;
	return 0;
}

/* Every member is one of the three that mean nothing but what we checked. */
static int check_header(const struct json *header, const struct jwt_rules *rules,
			const struct jwt_key **ret, struct err *e)
{
	const char *alg = json_str(header, "alg"), *kid = json_str(header, "kid");

	for (const struct json *item = json_first(header); item; item = json_next(item)) {
		const char *name = json_name(item);

		if (strcmp(name, "alg") != 0 && strcmp(name, "kid") != 0 && strcmp(name, "typ") != 0)
			return refuse(e, "the header holds more than alg, kid and typ");
	}
	if (!alg || strcmp(alg, "RS256") != 0)
		return refuse(e, "alg is not RS256");
	if (json_get(header, "typ") && (!json_str(header, "typ") ||
					 strcmp(json_str(header, "typ"), "JWT") != 0))
		return refuse(e, "typ is not JWT");
	for (size_t i = 0; kid && i < rules->key_count; i++) {
		if (strcmp(rules->keys[i].kid, kid) != 0)
			continue;
		*ret = &rules->keys[i];
		return 0;
	}
	return refuse(e, "kid names no key of ours");
}

static int check_signature(const struct parts *parts, const struct key *key, struct err *e)
{
	AUTO_BUF struct buf signature = { .max = KEY_SIGNATURE_SIZE };

	if (base64_decode(parts->signature, BASE64_URL, &signature, e) < 0)
		return refuse(e, "the signature is not base64url");
	if (!key_is_rsa(key) || !key_verify(key, parts->signed_part, buf_span(&signature)))
		return refuse(e, "the signature is wrong");
	return 0;
}

/* Negative dates and those of the far future are nonsense, and kept out of sums. */
static int read_date(const struct json *claims, const char *name, int64_t *ret, struct err *e)
{
	if (json_int(claims, name, ret) < 0 || *ret < 0 || *ret > INT64_C(1) << 40)
		return err_set(e, ERR_AUTH, "token: %s is no whole number of seconds", name);
	return 0;
}

/* A date that must not lie ahead, if it is there. */
static int check_past(const struct json *claims, const char *name, const struct jwt_rules *rules,
		      struct err *e)
{
	int64_t date;

	if (!json_get(claims, name))
		return 0;
	if (read_date(claims, name, &date, e) < 0)
		return -1;
	if (date > rules->now_unix_s + rules->leeway_s)
		return err_set(e, ERR_AUTH, "token: %s lies in the future", name);
	return 0;
}

static bool has_audience(const struct json *aud, const char *audience)
{
	if (json_kind(aud) == JSON_STRING)
		return strcmp(json_text(aud), audience) == 0;
	if (!json_is_array(aud))
		return false;
	for (const struct json *item = json_first(aud); item; item = json_next(item))
		if (json_kind(item) == JSON_STRING && strcmp(json_text(item), audience) == 0)
			return true;
	return false;
}

static int check_claims(const struct json *claims, const struct jwt_rules *rules, struct err *e)
{
	const char *iss = json_str(claims, "iss");
	int64_t exp;

	if (!iss || strcmp(iss, rules->issuer) != 0)
		return refuse(e, "iss is not us");
	if (!has_audience(json_get(claims, "aud"), rules->audience))
		return refuse(e, "aud does not name us");
	if (read_date(claims, "exp", &exp, e) < 0)
		return -1;
	if (exp <= rules->now_unix_s - rules->leeway_s)
		return refuse(e, "expired");
	return check_past(claims, "nbf", rules, e) < 0 ? -1 : check_past(claims, "iat", rules, e);
}

int jwt_verify(struct span token, const struct jwt_rules *rules, struct json **ret, struct err *e)
{
	AUTO_JSON struct json *header = NULL, *claims = NULL;
	const struct jwt_key *key = NULL;
	struct parts parts;

	if (split(token, &parts, e) < 0 || read_part(parts.header, "header", &header, e) < 0 ||
	    check_header(header, rules, &key, e) < 0 || check_signature(&parts, key->key, e) < 0 ||
	    read_part(parts.claims, "claims", &claims, e) < 0 || check_claims(claims, rules, e) < 0)
		return -1;
	*ret = claims;
	claims = NULL;
	return 0;
}

static int add_jwk(const struct jwt_key *key, struct json *list, struct err *e)
{
	AUTO_BUF struct buf modulus = { .max = KEY_SIGNATURE_SIZE }, exponent = { .max = 16 };
	AUTO_BUF struct buf n = { .max = 2 * KEY_SIGNATURE_SIZE }, x = { .max = 32 };
	struct json *jwk;

	if (key_rsa_public(key->key, &modulus, &exponent, e) < 0)
		return -1;
	base64_encode(buf_span(&modulus), BASE64_URL, &n);
	base64_encode(buf_span(&exponent), BASE64_URL, &x);
	jwk = json_new_object();
	json_set_str(jwk, "kty", "RSA");
	json_set_str(jwk, "use", "sig");
	json_set_str(jwk, "alg", "RS256");
	json_set_str(jwk, "kid", key->kid);
	json_set_str(jwk, "n", buf_str(&n));
	json_set_str(jwk, "e", buf_str(&x));
	json_add_item(list, jwk);
	return 0;
}

int jwt_put_jwks(const struct jwt_key *keys, size_t key_count, struct buf *into, struct err *e)
{
	AUTO_JSON struct json *set = json_new_object();
	struct json *list = json_new_array();

	json_set_item(set, "keys", list);
	for (size_t i = 0; i < key_count; i++)
		if (add_jwk(&keys[i], list, e) < 0)
			return -1;
	json_print(set, JSON_COMPACT, into);
	return buf_ok(into, "the key set", e);
}
