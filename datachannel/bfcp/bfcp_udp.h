/* BFCP between a data channel (reliable, version 1) and UDP (version 2, RFC 8855 s. 6.2, 8.3): transactions,
 * retransmission, answers to repeated requests, acknowledgements of what a server says unasked, fragments. Either side
 * may be the floor control server. Pure: messages, datagrams and `now` in; messages, datagrams and the next deadline
 * out. Thread: the owner's.
 *
 *   channel -> core   requests go one at a time under transaction ids of ours, after a Hello of ours; what a server
 * says unasked gets a transaction id and awaits its acknowledgement here core -> channel   repeated requests are
 * answered from memory; what a server says unasked is acknowledged here */
#ifndef GW_BFCP_UDP_H
#define GW_BFCP_UDP_H

#include "datachannel/bfcp/bfcp_msg.h"
#include "gateway/base/clock.h"

enum {
    GW_BFCP_UDP_MTU = 1200,      /* octets of a datagram; IPv6's 1280 less its headers and those of UDP and DTLS */
    GW_BFCP_UDP_QUEUE = 16,      /* messages that wait for their turn; past it the channel is stopped */
    GW_BFCP_UDP_MESSAGE = 65536, /* of a message put together from fragments */
    GW_BFCP_UDP_REPEATS = 3,
};

#define GW_BFCP_T1_US (500 * GW_MS)
#define GW_BFCP_T2_US (GW_BFCP_T1_US * 16 * 5 / 4)

struct gw_bfcp_udp;

struct gw_bfcp_udp_config {
    /* One message for the channel. An error: it is not taken, and the peer will repeat it. */
    int (*to_channel)(void *arg, struct gw_span message);
    void (*to_core)(void *arg, struct gw_span datagram);
    void (*on_end)(void *arg, int err); /* TIMEOUT: the peer does not answer. CLOSED: it said Goodbye */
    void *arg;
};

int gw_bfcp_udp_new(const struct gw_bfcp_udp_config *config, struct gw_bfcp_udp **out);
void gw_bfcp_udp_free(struct gw_bfcp_udp *u);

/* A message of the channel, checked already. FULL: not taken. STATE: it fits no transaction. */
int gw_bfcp_udp_from_channel(struct gw_bfcp_udp *u, struct gw_span message, uint64_t now_us);
bool gw_bfcp_udp_is_full(const struct gw_bfcp_udp *u);
/* SYNTAX, STATE: dropped. */
int gw_bfcp_udp_from_core(struct gw_bfcp_udp *u, struct gw_span datagram, uint64_t now_us);
/* The channel has closed: a client says Goodbye, once and unanswered. */
void gw_bfcp_udp_goodbye(struct gw_bfcp_udp *u);

uint64_t gw_bfcp_udp_deadline_us(const struct gw_bfcp_udp *u);
void gw_bfcp_udp_expire(struct gw_bfcp_udp *u, uint64_t now_us);

#endif
