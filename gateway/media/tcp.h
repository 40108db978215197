/* The TCP side of a core termination (TS 23.334 s. 5.11.2: state-aware): one local port, at most one connection. It listens, or
 * connects from the same port; a SYN of one side is never forwarded to the other. Thread: the worker that owns it. */
#ifndef GW_TCP_H
#define GW_TCP_H

#include "gateway/base/addr.h"
#include "gateway/base/loop.h"
#include "gateway/base/span.h"

struct gw_tcp;

struct gw_tcp_events {
    void (*on_up)(void *arg);
    /* Octets came. Returns how many were taken; the rest is offered again after gw_tcp_read_on. Negative: close. */
    ssize_t (*on_octets)(void *arg, struct gw_span octets);
    void (*on_writable)(void *arg); /* after gw_tcp_write took less than it was given */
    /* The connection is gone: CLOSED by the peer, IO, TIMEOUT (could not connect). It listens again if it did before. */
    void (*on_lost)(void *arg, int err);
};

/* Listens on fd, which is bound to `local`; takes it, also on error. */
int gw_tcp_new(struct gw_loop *loop, const struct gw_addr *local, int fd, const struct gw_tcp_events *ev, void *arg,
               struct gw_tcp **out);
void gw_tcp_free(struct gw_tcp *t);
/* Stops listening and connects; a live connection to the same address stays. The result comes by on_up or on_lost. */
void gw_tcp_connect(struct gw_tcp *t, const struct gw_addr *remote);
/* Only this host may connect (port does not matter); family 0: anyone. */
void gw_tcp_expect(struct gw_tcp *t, const struct gw_addr *host);
bool gw_tcp_is_up(const struct gw_tcp *t);
/* Octets taken, perhaps fewer than given; negative error. */
ssize_t gw_tcp_write(struct gw_tcp *t, struct gw_span octets);
/* Offers what on_octets left, and reads on. Never inside on_octets. */
void gw_tcp_read_on(struct gw_tcp *t);
/* Connections that were refused: a second one, or another host. */
unsigned gw_tcp_refused(const struct gw_tcp *t);

#endif
