/* What the files of the keys share; for lib/gate/keys*.c only. */
#ifndef MK8S_GATE_KEYS_INNER_H
#define MK8S_GATE_KEYS_INNER_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/crypto/aead.h"
#include "lib/crypto/ca.h"
#include "lib/crypto/jwt.h"
#include "lib/crypto/key.h"
#include "lib/gate/keys.h"

enum { KEYS_TOKEN_MAX = 32, KEYS_KID_SIZE = 32 };

/* The token keys, oldest first; the last one signs. */
struct token_key_set {
	size_t count;
	struct jwt_key jwt[KEYS_TOKEN_MAX]; /* each points into the two arrays below */
	char kid[KEYS_TOKEN_MAX][KEYS_KID_SIZE];
	struct key *key[KEYS_TOKEN_MAX];
};

struct token_keys {
	pthread_rwlock_t lock; /* guards the pointer; held for reading while the set is used */
	struct token_key_set *set; /* NULL: not open */
};

/* Central's CA; while it is replaced, the new one beside it (keys_ca.c). Does not change once it is made. */
struct ca_set {
	struct ca_set *before; /* what was in force before; threads may still use it */
	struct ca *ca;         /* signs servers' leaves, and agents' certificates unless there is a next one */
	struct ca *next;       /* NULL: the CA is not being replaced */
	char *chain_pem;       /* what servers send behind their leaf */
	char *trust_pem;       /* what clients and we ourselves trust */
};

struct keys {
	_Atomic(struct ca_set *) cas;
	struct key *audit;
	uint8_t seal[AEAD_KEY_SIZE];
	struct token_keys tokens; /* the others are as they were at keys_open, so threads need no lock for them */
};

/* keys_ca.c: reads the CA; makes one where there is none. */
int keys_ca_open(const char *state_dir, struct keys *k, struct err *e);
void keys_ca_close(struct keys *k);

/* Reads every jwt-<kid>.key of the folder; makes one where there is none. */
int token_keys_open(const char *state_dir, struct token_keys *t, struct err *e);
void token_keys_close(struct token_keys *t);

#endif
