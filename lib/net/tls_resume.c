/* The client's cache of sessions: a short table under a lock. */
#include "lib/net/tls_resume.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/secret.h"

struct entry {
	char *name; /* NULL: free */
	char *session;
	size_t len;
	uint64_t used; /* the value of `clock` then */
};

struct tls_resume {
	pthread_mutex_t lock;
	uint64_t clock;
	struct entry entries[TLS_RESUME_MAX];
};

static void entry_clear(struct entry *n)
{
	if (n->session)
		secret_wipe(n->session, n->len);
	free(n->session);
	free(n->name);
	*n = (struct entry){ 0 };
}

static struct entry *entry_find(struct tls_resume *r, const char *name)
{
	for (size_t i = 0; i < TLS_RESUME_MAX; i++) {
		if (r->entries[i].name && strcmp(r->entries[i].name, name) == 0)
			return &r->entries[i];
	}
	return NULL;
}

static struct entry *entry_oldest(struct tls_resume *r)
{
	struct entry *oldest = &r->entries[0];

	for (size_t i = 1; i < TLS_RESUME_MAX; i++) {
		if (r->entries[i].used < oldest->used)
			oldest = &r->entries[i];
	}
	return oldest;
}

struct tls_resume *tls_resume_new(void)
{
	struct tls_resume *r = mem_new(sizeof(*r));

	if (pthread_mutex_init(&r->lock, NULL) != 0)
		abort(); /* a plain mutex needs nothing that could be missing */
	return r;
}

void tls_resume_free(struct tls_resume *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < TLS_RESUME_MAX; i++)
		entry_clear(&r->entries[i]);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void tls_resume_put(struct tls_resume *r, const char *name, struct span session)
{
	struct entry *n;

	if (session.len > TLS_RESUME_SESSION_MAX)
		return;
	pthread_mutex_lock(&r->lock);
	n = entry_find(r, name);
	if (!n)
		n = entry_oldest(r);
	entry_clear(n);
	*n = (struct entry){ .name = mem_dup_str(name),
			     .session = mem_dup(session.at, session.len),
			     .len = session.len,
			     .used = ++r->clock };
	pthread_mutex_unlock(&r->lock);
}

bool tls_resume_get(struct tls_resume *r, const char *name, struct buf *into)
{
	struct entry *n;
	bool found;

	pthread_mutex_lock(&r->lock);
	n = entry_find(r, name);
	found = n && buf_put(into, n->session, n->len) == 0;
	if (found)
		n->used = ++r->clock;
	pthread_mutex_unlock(&r->lock);
	return found;
}

void tls_resume_drop(struct tls_resume *r, const char *name)
{
	struct entry *n;

	pthread_mutex_lock(&r->lock);
	n = entry_find(r, name);
	if (n)
		entry_clear(n);
	pthread_mutex_unlock(&r->lock);
}
