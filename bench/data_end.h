/* One end of SCTP over DTLS over UDP, the least that works: a client of the gateway (with the check that ICE-lite
 * wants), or either end of the bare path that the gateway is compared with. Single-threaded: data_end_turn runs it. */
#ifndef BENCH_DATA_END_H
#define BENCH_DATA_END_H

#include <netinet/in.h>

#include "datachannel/sctp/sctp_assoc.h"
#include "gateway/dtls/dtls_session.h"

struct data_end {
    int fd;
    bool is_client, is_checked, is_dtls_up, is_up;
    struct sockaddr_in peer;
    char user[300], pwd[40]; /* of the check; empty: none */
    uint64_t check_us;
    struct gw_dtls_identity *identity;
    struct gw_iq_fingerprint expected;
    struct gw_dtls *dtls;
    struct gw_sctp_host *host;
    struct gw_sctp_assoc *a;
    uint64_t octets, messages;                                /* received */
    void (*on_message)(struct data_end *e, struct gw_span m); /* may be NULL */
    void (*on_record)(struct data_end *e, struct gw_span r);  /* DTLS alone, no SCTP over it; or NULL */
    void *arg;
};

/* Binds a port of 127.0.0.1; the peer and the fingerprint are the caller's to set before the first turn. */
int data_end_init(struct data_end *e, bool is_client, struct gw_dtls_identity *identity, struct gw_sctp_host *host);
void data_end_fini(struct data_end *e);
uint16_t data_end_port(const struct data_end *e);
/* Whatever has come, and what is due. */
void data_end_turn(struct data_end *e);
/* AGAIN: no room now. A record, without SCTP. */
int data_end_send(struct data_end *e, struct gw_span m);

#endif
