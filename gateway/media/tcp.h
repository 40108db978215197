/* The TCP side of a core termination (TS 23.334 s. 5.11.2: state-aware): one local port, at most one connection. It
 * listens, or connects from the same port; a SYN of one side is never forwarded to the other. With gw_tcp_secure the
 * connection carries TLS, and is up when the peer's certificate was found right. Thread: the worker that owns it. */
#ifndef GW_TCP_H
#define GW_TCP_H

#include "gateway/base/addr.h"
#include "gateway/base/loop.h"
#include "gateway/base/span.h"
#include "gateway/dtls/cert.h"

struct gw_tcp;

struct gw_tcp_events {
    void (*on_up)(void *arg);
    /* Octets came. Returns how many were taken; the rest is offered again after gw_tcp_read_on. Negative: close. */
    ssize_t (*on_octets)(void *arg, struct gw_span octets);
    void (*on_writable)(void *arg); /* after gw_tcp_write took less than it was given */
    /* The connection is gone: CLOSED by the peer, IO, TIMEOUT (could not connect); of TLS: MISMATCH (fingerprint),
     * CRYPTO. It listens again if it did before. */
    void (*on_lost)(void *arg, int err);
    /* A second peer connected and said this much. Octets of an answer, after which it is closed; 0: more is needed;
     * negative: close. NULL: a second connection is closed at once, as it is under TLS. */
    int (*on_second)(void *arg, struct gw_span octets, void *answer, size_t size);
};

/* Listens on fd, which is bound to `local`; takes it, also on error. */
int gw_tcp_new(struct gw_loop *loop, const struct gw_addr *local, int fd, const struct gw_tcp_events *ev, void *arg,
               struct gw_tcp **out);
void gw_tcp_free(struct gw_tcp *t);
/* Stops listening and connects. The result comes by on_up or on_lost. A connection that is there stays, and one that
 * was lost is not made again before gw_tcp_renew. */
void gw_tcp_connect(struct gw_tcp *t, const struct gw_addr *remote);
/* TLS in our role, from the next connection on; the fingerprints at any time. The identity is kept with a reference. */
void gw_tcp_secure(struct gw_tcp *t, struct gw_dtls_identity *identity, bool is_client,
                   const struct gw_iq_fingerprint *list, unsigned n);
/* Ends the connection without on_lost; listens on the same port. */
void gw_tcp_renew(struct gw_tcp *t);
/* "" while there is none. */
const char *gw_tcp_cipher(const struct gw_tcp *t);
bool gw_tcp_is_up(const struct gw_tcp *t);
bool gw_tcp_is_connecting(const struct gw_tcp *t); /* or has a connection whose TLS does not stand yet */
/* Octets taken, perhaps fewer than given; negative error. */
ssize_t gw_tcp_write(struct gw_tcp *t, struct gw_span octets);
/* Offers what on_octets left, and reads on. Never inside on_octets. */
void gw_tcp_read_on(struct gw_tcp *t);

#endif
