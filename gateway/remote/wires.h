/* Connections that carry messages of Iq: mutually authenticated TLS over TCP (TS 33.328 s. 6.2.1.3), each message with
 * its length before it in 4 octets, big-endian. Nothing blocks: what a peer does not take waits in a bounded queue, and
 * while that is long nothing is read from it. One epoll descriptor for all of them. Thread: control. */
#ifndef GW_WIRES_H
#define GW_WIRES_H

#include "gateway/base/addr.h"
#include "gateway/base/span.h"
#include "gateway/dtls/tls_trust.h"

enum {
    GW_WIRES = 64,
    GW_WIRE_QUEUE = 4 * 1024 * 1024, /* octets that may wait to be sent; then FULL */
    GW_WIRE_HANDSHAKE_S = 5,         /* for TCP and TLS to be there */
};

/* Run inside gw_wires_dispatch; may send, connect and close. */
struct gw_wire_events {
    void (*on_up)(void *arg, unsigned wire, const char *peer_name);
    void (*on_message)(void *arg, unsigned wire, struct gw_span text);
    void (*on_down)(void *arg, unsigned wire, bool was_up, const char *why); /* not after gw_wires_close */
    void *arg;
};

struct gw_wires;
/* trust is borrowed. */
int gw_wires_new(struct gw_tls_trust *trust, const struct gw_wire_events *events, struct gw_wires **out);
void gw_wires_free(struct gw_wires *w);
int gw_wires_fd(const struct gw_wires *w); /* readable: dispatch */
void gw_wires_dispatch(struct gw_wires *w, uint64_t now_us);
/* Set by whoever stands above: the descriptor is readable from then on. */
void gw_wires_set_timer(struct gw_wires *w, uint64_t at_us);

/* GW_E_IO: in use, or not of this machine. At most once. */
int gw_wires_listen(struct gw_wires *w, const struct gw_addr *at);
/* `wire` is a number below GW_WIRES that is not in use. On an error on_down does not come. */
int gw_wires_connect(struct gw_wires *w, unsigned wire, const struct gw_addr *to, uint64_t now_us);
/* GW_E_STATE: not up; GW_E_FULL. */
int gw_wires_send(struct gw_wires *w, unsigned wire, struct gw_span text);
void gw_wires_close(struct gw_wires *w, unsigned wire);

#endif
