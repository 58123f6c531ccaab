/*
 * Central's CA in the state directory, and its replacement by a new one without losing an agent.
 *
 * ca.crt and ca.key are the CA in force. ca-next.* are the new CA; it counts from when ca-cross.crt,
 * the old key signed by the new one, is there. The replacement ends when ca.crt becomes the bytes of
 * ca-next.crt: until ca.key and the rest have followed, the key is read from ca-next.key. So each
 * state that a kill -9 leaves behind is a whole one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/crypto/random.h"
#include "lib/gate/keys_inner.h"

#define CA_VALIDITY_S (3650 * 86400ll)
#define CA_BACKDATE_S 300 /* as lib/crypto/ca.h has it */
#define PEM_MAX ((size_t)64 * 1024)
#define TAG_LEN 8

static int path_read(const char *dir, const char *name, struct buf *into, struct err *e)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, name);

	buf_init_secret(into, PEM_MAX);
	return file_read(path, into, e);
}

static int path_write(const char *dir, const char *name, struct span bytes, struct err *e)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, name);

	return file_write_atomic(path, bytes, 0600, e);
}

static int path_remove(const char *dir, const char *name, struct err *e)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, name);

	if (unlink(path) < 0 && errno != ENOENT)
		return err_set_errno(e, ERR_IO, errno, "removing %s", path);
	return 0;
}

/* A new CA whose certificate comes last: without it the key has signed nothing, and both are made anew. */
static int ca_make(const char *dir, const char *name, const char *key_file, const char *cert_file,
		   struct ca **ret_ca, struct err *e)
{
	AUTO_BUF struct buf key_pem;
	struct ca *ca;

	buf_init_secret(&key_pem, PEM_MAX);
	if (ca_create(name, clock_unix_s(), CA_VALIDITY_S, &ca, e) < 0)
		return -1;
	if (ca_key_pem(ca, &key_pem, e) < 0 || path_write(dir, key_file, buf_span(&key_pem), e) < 0 ||
	    path_write(dir, cert_file, ca_cert_pem(ca), e) < 0) {
		ca_free(ca);
		return -1;
	}
	*ret_ca = ca;
	return 0;
}

static int pair_read(const char *dir, const char *cert_file, const char *key_file, struct ca **ret_ca,
		     struct err *e)
{
	AUTO_BUF struct buf cert, key;

	buf_init(&key, 0);
	if (path_read(dir, cert_file, &cert, e) < 0)
		return -1;
	if (path_read(dir, key_file, &key, e) < 0)
		return err_context(e, "the key of %s", cert_file);
	return ca_load(buf_span(&cert), buf_span(&key), ret_ca, e) < 0 ?
		       err_context(e, "%s/%s and %s", dir, cert_file, key_file) :
		       0;
}

/* Whether both files are there and the same. */
static bool is_same(const char *dir, const char *name, const char *other)
{
	AUTO_BUF struct buf a, b;
	struct err e = { 0 };

	buf_init(&b, 0);
	return path_read(dir, name, &a, &e) == 0 && path_read(dir, other, &b, &e) == 0 &&
	       span_equal(buf_span(&a), buf_span(&b));
}

static void set_free(struct ca_set *s)
{
	if (!s)
		return;
	ca_free(s->ca);
	ca_free(s->next);
	free(s->chain_pem);
	free(s->trust_pem);
	free(s);
}

static int set_read_next(struct ca_set *s, const char *dir, struct err *e)
{
	AUTO_BUF struct buf cross;
	struct span now = ca_cert_pem(s->ca), next;

	if (path_read(dir, "ca-cross.crt", &cross, e) < 0) {
		s->chain_pem = span_dup(now);
		s->trust_pem = span_dup(now);
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	}
	if (pair_read(dir, "ca-next.crt", "ca-next.key", &s->next, e) < 0)
		return -1;
	next = ca_cert_pem(s->next);
	s->chain_pem = mem_printf("%s%.*s", buf_str(&cross), SPAN_ARG(next));
	s->trust_pem = mem_printf("%.*s%.*s", SPAN_ARG(next), SPAN_ARG(now));
	return 0;
}

/* ERR_NOT_FOUND where there is no CA yet. */
static int set_read(const char *dir, struct ca_set **ret, struct err *e)
{
	bool is_over = is_same(dir, "ca.crt", "ca-next.crt");
	struct ca_set *s = mem_new(sizeof(*s));

	if (pair_read(dir, "ca.crt", is_over ? "ca-next.key" : "ca.key", &s->ca, e) < 0) {
		set_free(s);
		return -1;
	}
	if (is_over) {
		s->chain_pem = span_dup(ca_cert_pem(s->ca));
		s->trust_pem = span_dup(ca_cert_pem(s->ca));
	} else if (set_read_next(s, dir, e) < 0) {
		set_free(s);
		return -1;
	}
	err_clear(e);
	*ret = s;
	return 0;
}

int keys_ca_open(const char *state_dir, struct keys *k, struct err *e)
{
	AUTO_FREE char *cert = mem_printf("%s/ca.crt", state_dir);
	struct ca_set *s;
	struct ca *made;

	if (access(cert, F_OK) < 0 && errno == ENOENT) {
		if (ca_make(state_dir, "mk8s CA", "ca.key", "ca.crt", &made, e) < 0)
			return -1;
		ca_free(made);
	}
	if (set_read(state_dir, &s, e) < 0)
		return -1;
	k->cas = s;
	return 0;
}

void keys_ca_close(struct keys *k)
{
	struct ca_set *s = k->cas;

	while (s) {
		struct ca_set *before = s->before;

		set_free(s);
		s = before;
	}
}

int keys_reload_ca(struct keys *k, const char *state_dir, bool *ret_changed, struct err *e)
{
	struct ca_set *now = k->cas, *s;

	if (set_read(state_dir, &s, e) < 0)
		return -1;
	*ret_changed = strcmp(s->chain_pem, now->chain_pem) != 0;
	if (!*ret_changed) {
		set_free(s);
		return 0;
	}
	s->before = now;
	k->cas = s;
	return 0;
}

const char *keys_ca_pem(const struct keys *k)
{
	return ((const struct ca_set *)k->cas)->trust_pem;
}

const char *keys_ca_sha256(const struct keys *k)
{
	const struct ca_set *s = k->cas;

	return ca_info(s->next ? s->next : s->ca)->pin;
}

int keys_ca_state(const char *state_dir, struct keys_ca_state *ret, struct err *e)
{
	struct ca_set *s;

	if (set_read(state_dir, &s, e) < 0)
		return -1;
	*ret = (struct keys_ca_state){ .rotating = s->next != NULL };
	(void)span_to_str(span_of(ca_info(s->ca)->pin), ret->pin, sizeof(ret->pin));
	if (s->next) {
		(void)span_to_str(span_of(ca_info(s->next)->pin), ret->next_pin, sizeof(ret->next_pin));
		ret->since_unix_s = ca_info(s->next)->not_before_unix_s + CA_BACKDATE_S;
	}
	set_free(s);
	return 0;
}

/* After ca.crt has become the new CA's: what else there is to do. */
static int finish_rest(const char *dir, struct err *e)
{
	AUTO_BUF struct buf key;

	buf_init(&key, 0);
	if (!is_same(dir, "ca.crt", "ca-next.crt"))
		return 0;
	return path_read(dir, "ca-next.key", &key, e) < 0 || path_write(dir, "ca.key", buf_span(&key), e) < 0 ||
			       path_remove(dir, "ca-cross.crt", e) < 0 ||
			       path_remove(dir, "ca-next.crt", e) < 0 || path_remove(dir, "ca-next.key", e) < 0 ?
		       -1 :
		       0;
}

static int next_make(const char *dir, struct ca **ret_next, struct err *e)
{
	char name[sizeof("mk8s CA ") + RANDOM_TOKEN_SIZE] = "mk8s CA ";
	char *tag = name + strlen(name);

	if (pair_read(dir, "ca-next.crt", "ca-next.key", ret_next, e) == 0)
		return 0; /* of a call that was killed */
	err_clear(e);
	random_token(tag);
	tag[TAG_LEN] = '\0'; /* another name: verifiers find CAs by it */
	return ca_make(dir, name, "ca-next.key", "ca-next.crt", ret_next, e);
}

int keys_ca_rotate(const char *state_dir, struct err *e)
{
	struct ca_set *s;
	struct ca *next = NULL;
	AUTO_BUF struct buf cross;
	int result = 0;

	buf_init(&cross, PEM_MAX);
	if (finish_rest(state_dir, e) < 0 || set_read(state_dir, &s, e) < 0)
		return -1;
	if (!s->next)
		result = next_make(state_dir, &next, e) < 0 ||
					 ca_cross_sign(next, s->ca, clock_unix_s(), &cross, e) < 0 ?
				 -1 :
				 path_write(state_dir, "ca-cross.crt", buf_span(&cross), e);
	ca_free(next);
	set_free(s);
	return result;
}

int keys_ca_finish(const char *state_dir, struct err *e)
{
	struct ca_set *s;
	int result = 0;

	if (finish_rest(state_dir, e) < 0 || set_read(state_dir, &s, e) < 0)
		return -1;
	if (s->next)
		result = path_write(state_dir, "ca.crt", ca_cert_pem(s->next), e);
	set_free(s);
	return result < 0 ? -1 : finish_rest(state_dir, e);
}
