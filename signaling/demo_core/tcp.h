/* One TCP port of an m-line, on the stack's loop: it listens, or connects from the same port, and has at most one
 * connection. What is to be written stays with the owner. */
#ifndef GW_DEMO_TCP_H
#define GW_DEMO_TCP_H

#include "signaling/demo_core/media.h"

struct gw_demo_tcp_events {
    void (*on_up)(void *arg);
    bool (*on_octets)(void *arg, struct gw_span octets); /* all are taken; false: close */
    struct gw_span (*pending)(void *arg);                /* what waits to be written */
    void (*on_written)(void *arg, size_t len);
    void (*on_lost)(void *arg); /* the connection is gone; it listens on */
};

struct gw_demo_tcp {
    struct gw_sip_stack *stack;
    const struct gw_demo_tcp_events *ev;
    void *arg;
    int epoll; /* of listener and connection: the loop itself only knows of reading */
    int listener, fd;
    bool is_up;
    struct gw_addr local, peer;
};

int gw_demo_tcp_open(struct gw_demo_tcp *t, struct gw_demo_media *m, const struct gw_demo_tcp_events *ev, void *arg,
                     uint16_t *port);
void gw_demo_tcp_close(struct gw_demo_tcp *t);
/* Unless a connection stands. What fails comes by on_lost, from the loop. */
void gw_demo_tcp_connect(struct gw_demo_tcp *t, const struct gw_addr *remote);
/* Writes what is pending; the rest as the peer takes it. Not from inside pending or on_written. */
void gw_demo_tcp_push(struct gw_demo_tcp *t);

#endif
