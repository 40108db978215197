/* Shared by tcp.c (connections) and tcp_io.c (their octets, TLS). */
#ifndef GW_TCP_PRIV_H
#define GW_TCP_PRIV_H

#include "gateway/dtls/tls_stream.h"
#include "gateway/media/tcp.h"

enum {
    GW_TCP_READ = 16384,
    GW_TCP_SECOND = 2048, /* octets of a second connection's first words */
};

struct gw_tcp {
    struct gw_loop *loop;
    const struct gw_tcp_events *ev;
    void *arg;
    struct gw_addr local, remote;
    struct gw_loop_fd listener, conn, second;
    struct gw_timer timer, second_timer;
    bool is_connecting; /* TCP's own handshake */
    bool is_up;         /* told; with TLS that stands, too */
    bool wants_write, is_reading, is_offering;
    struct gw_dtls_identity *identity; /* NULL: no TLS */
    bool is_tls_client;
    unsigned nfingerprints;
    struct gw_iq_fingerprint fingerprints[GW_IQ_FINGERPRINTS];
    struct gw_tls *tls; /* of this connection */
    size_t nkept;
    uint8_t kept[GW_TCP_READ]; /* what on_octets did not take */
    bool is_second_answered;
    size_t nsecond;
    uint8_t said[GW_TCP_SECOND];
};

void gw_tcp_lose(struct gw_tcp *t, int err);
void gw_tcp_interest(struct gw_tcp *t);
bool gw_tcp_arm(struct gw_tcp *t); /* the time that connecting and TLS may take */

/* tcp_io.c */
void gw_tcp_established(struct gw_tcp *t);
void gw_tcp_event(struct gw_tcp *t, uint32_t events);
void gw_tcp_tls_on(struct gw_tcp *t); /* after fingerprints were learnt */
void gw_tcp_tls_flush(struct gw_tcp *t);

#endif
