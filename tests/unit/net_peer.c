/* What the tests of lib/net share. */
#include "tests/unit/net_peer.h"

#include <stdlib.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include "lib/base/mem.h"
#include "lib/crypto/ca.h"
#include "lib/crypto/random.h"

const char *const alpn_h2_h1[] = { "h2", "http/1.1", NULL };
const char *const alpn_h1[] = { "http/1.1", NULL };
const char *const alpn_odd[] = { "odd/1", NULL };

struct loop *net_loop_new(void)
{
	struct err e;
	struct loop *l = loop_new(&e);

	if (!l)
		fail_msg("%s", e.text);
	return l;
}

int net_raw_connect(uint16_t port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&v4, sizeof(v4)), 0);
	return fd;
}

char *net_pattern_new(size_t len)
{
	char *at = mem_new(len);

	for (size_t i = 0; i < len; i++)
		at[i] = (char)((i * 2654435761u) >> 13);
	return at;
}

static void on_turn(void *loop)
{
	loop_stop(loop);
}

void net_turn(struct loop *l)
{
	struct loop_timer *t = loop_timer_new(l, on_turn, l);

	loop_timer_start(t, 3, 0);
	loop_run(l);
	loop_timer_free(t);
}

static void peer_on_open(void *owner, struct conn *c)
{
	struct peer *p = owner;

	assert_false(p->in_call);
	assert_int_equal(p->closes, 0);
	assert_ptr_equal(p->c, c);
	p->opens++;
}

static void peer_on_read(void *owner, struct span bytes)
{
	struct peer *p = owner;

	assert_false(p->in_call);
	assert_int_equal(p->closes + p->ends, 0);
	assert_non_null(p->c);
	assert_true(bytes.len > 0);
	p->reads++;
	p->got_len += bytes.len;
	if (!p->keeps_none)
		assert_int_equal(buf_put_span(&p->got, bytes), 0);
	if (p->echoes)
		conn_write(p->c, bytes);
	if (p->pauses)
		conn_pause(p->c);
	if (p->also_close) {
		conn_close(p->also_close);
		conn_close(p->c);
		p->also_check->in_call = true; /* no on_read may follow, on_close clears it */
	}
}

static void peer_on_drain(void *owner)
{
	struct peer *p = owner;

	assert_false(p->in_call);
	assert_true(conn_queued(p->c) < CONN_LOW_WATER);
	p->drains++;
}

static void peer_on_end(void *owner)
{
	struct peer *p = owner;

	assert_false(p->in_call);
	assert_int_equal(p->closes + p->ends, 0);
	p->ends++;
	if (p->ends_back)
		conn_end(p->c);
}

static void peer_on_close(void *owner, const struct err *why)
{
	struct peer *p = owner;

	assert_int_equal(p->closes, 0);
	p->closes++;
	p->why = *why;
	p->c = NULL;
}

const struct conn_events peer_events = { peer_on_open, peer_on_read, peer_on_drain, peer_on_end,
					 peer_on_close };

void peer_init(struct peer *p)
{
	*p = (struct peer){ 0 };
	buf_init(&p->got, 64 * 1024 * 1024);
}

void peer_free(struct peer *p)
{
	buf_free(&p->got);
}

static void door_on_conn(void *owner, struct conn *c)
{
	struct door *d = owner;
	struct peer *p = &d->peers[d->count % DOOR_MAX];

	d->count++;
	peer_free(p);
	peer_init(p);
	p->c = c;
	p->echoes = d->echoes;
	p->ends_back = d->ends_back;
	conn_attach(c, &peer_events, p);
}

struct door *door_new(struct loop *l, const struct door_options *o)
{
	struct door *d = mem_new(sizeof(*d));
	struct listener_options options = {
		.address = "127.0.0.1",
		.tls = o->tls,
		.conn_max = o->conn_max ? o->conn_max : 1000,
		.conn_per_ip_max = o->conn_per_ip_max,
		.handshake_timeout_ms = o->handshake_timeout_ms ? o->handshake_timeout_ms : 5000,
	};
	struct err e;

	d->listener = listener_open(l, &options, door_on_conn, d, &e);
	if (!d->listener)
		fail_msg("%s", e.text);
	return d;
}

void door_free(struct door *d)
{
	listener_close(d->listener);
	for (size_t i = 0; i < DOOR_MAX; i++)
		peer_free(&d->peers[i]);
	free(d);
}

uint16_t door_port(const struct door *d)
{
	return listener_port(d->listener);
}

void peer_dial(struct peer *p, struct loop *l, uint16_t port, struct tls *tls,
	       const char *server_name)
{
	struct conn_target target = { .host = "127.0.0.1",
				      .port = port,
				      .tls = tls,
				      .server_name = server_name,
				      .timeout_ms = 5000 };

	peer_init(p);
	p->in_call = true;
	p->c = conn_dial(l, &target, &peer_events, p);
	p->in_call = false;
}

void pki_init(struct pki *k, const struct pki_options *o)
{
	static const char *const local[] = { "localhost", "127.0.0.1", "::1" };
	int64_t now_unix_s = clock_unix_s() - o->leaf_age_s;
	int64_t validity_s = o->leaf_validity_s ? o->leaf_validity_s : 86400;
	struct ca_server server = { .names = o->names ? o->names : local,
				    .name_count = o->names ? o->name_count : COUNT_OF(local),
				    .now_unix_s = now_unix_s,
				    .validity_s = validity_s };
	struct ca_client client = { .common_name = "agent",
				    .uri = "mk8s://cluster/1",
				    .now_unix_s = now_unix_s,
				    .validity_s = validity_s };
	struct buf *all[] = { &k->ca, &k->ca_key, &k->pin, &k->cert, &k->chain, &k->key,
			      &k->client_cert, &k->client_key };
	AUTO_BUF struct buf csr;
	struct key *client_key;
	struct cert_info info;
	struct ca *ca;
	struct err e;

	for (size_t i = 0; i < COUNT_OF(all); i++)
		buf_init(all[i], 64 * 1024);
	buf_init(&csr, 64 * 1024);
	if (crypto_init(&e) < 0 ||
	    ca_create(o->ca_name, clock_unix_s() - 20 * 86400, 90 * 86400, &ca, &e) < 0 ||
	    ca_key_pem(ca, &k->ca_key, &e) < 0 ||
	    ca_issue_server(ca, &server, &k->key, &k->cert, &e) < 0 ||
	    key_generate(KEY_P256, &client_key, &e) < 0 ||
	    csr_create(client_key, "agent", &csr, &e) < 0 ||
	    key_private_pem(client_key, &k->client_key, &e) < 0)
		fail_msg("%s", e.text);
	client.csr_pem = buf_span(&csr);
	if (ca_issue_client(ca, &client, &k->client_cert, &info, &e) < 0)
		fail_msg("%s", e.text);
	buf_put_span(&k->ca, ca_cert_pem(ca));
	buf_put_str(&k->pin, ca_info(ca)->pin);
	(void)buf_str(&k->pin); /* with its NUL */
	buf_put_span(&k->chain, buf_span(&k->cert));
	buf_put_span(&k->chain, ca_cert_pem(ca));
	key_free(client_key);
	ca_free(ca);
}

void pki_free(struct pki *k)
{
	struct buf *all[] = { &k->ca, &k->ca_key, &k->pin, &k->cert, &k->chain, &k->key,
			      &k->client_cert, &k->client_key };

	for (size_t i = 0; i < COUNT_OF(all); i++)
		buf_free(all[i]);
}

struct tls *tls_server_for(const struct pki *k, const struct pki *client_ca, bool tickets,
			   const char *const *alpn)
{
	struct tls_server_options o = {
		.cert_pem = buf_span(&k->chain),
		.key_pem = buf_span(&k->key),
		.client_ca_pem = client_ca ? buf_span(&client_ca->ca) : SPAN_NONE,
		.client_auth = client_ca ? TLS_CLIENT_OPTIONAL : TLS_CLIENT_NONE,
		.tickets = tickets,
		.alpn = alpn,
	};
	struct err e;
	struct tls *t = tls_server_new(&o, &e);

	if (!t)
		fail_msg("%s", e.text);
	return t;
}

struct tls *tls_client_for(struct span ca_pem, const struct pki *own, const char *pin,
			   const char *const *alpn)
{
	struct tls_client_options o = {
		.ca_pem = ca_pem,
		.cert_pem = own ? buf_span(&own->client_cert) : SPAN_NONE,
		.key_pem = own ? buf_span(&own->client_key) : SPAN_NONE,
		.ca_sha256 = pin,
		.insecure = !ca_pem.len && !pin,
		.alpn = alpn,
	};
	struct err e;
	struct tls *t = tls_client_new(&o, &e);

	if (!t)
		fail_msg("%s", e.text);
	return t;
}
