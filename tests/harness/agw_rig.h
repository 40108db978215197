/* A rig for tests of the access gateway over loopback sockets: its worker thread between a WebRTC client that nobody
 * here wrote (webrtc_client.h) and a core phone that is two UDP sockets. */
#ifndef AGW_RIG_H
#define AGW_RIG_H

#include <sys/types.h>

#include "gateway/base/conf.h"
#include "gateway/base/stats.h"
#include "gateway/media/agw.h"
#include "tests/peers/webrtc_client.h"

enum { RIG_ACCESS = 1, RIG_CORE = 2, RIG_STREAM = 1, RIG_PORT = 23100 };

struct rig {
    struct gw_conf *conf;
    struct gw_agw *agw;
    struct gw_iq_reply reply;
    bool has_reply, is_ipv6_access;
    unsigned events[16]; /* by enum gw_iq_event */
    int cause[16];
    struct gw_iq_notify last;
    uint64_t ctx;
    struct gw_iq_req want; /* the state that signalling wants, sent again with changes */
    struct gw_iq_local access, core;
    struct wc *wc;
    int rtp, rtcp; /* the core phone */
    struct gw_addr rtp_addr, rtcp_addr;
    int64_t before[GW_STAT_COUNT];
};

struct variant {
    bool is_dtls_client; /* the browser is */
    bool is_ipv6_access, is_ipv6_core;
    bool has_core_avpf;
    const char *conf;     /* more lines of configuration */
    const char *profiles; /* SRTP profiles of the browser */
};

/* A gateway, a browser, a phone, and `want` describing the call of the two; nothing has been asked yet. */
void rig_start(struct rig *g, const struct variant *v);
/* Also compares: received = relayed + handled + dropped, and no context or handshake is left. */
void rig_end(struct rig *g);

/* Submits a request and waits for its reply, which is then in g->reply. */
int rig_ask(struct rig *g, const struct gw_iq_req *req);
/* Sends g->want and remembers what was reserved. */
void rig_reserve(struct rig *g);
void rig_know_fingerprint(struct rig *g); /* into g->want */
void rig_connect_ice(struct rig *g);
/* All of it: fingerprint, reserve, ICE, DTLS. */
void rig_call(struct rig *g, const struct variant *v);
/* Notifications that wait. */
void rig_dispatch(struct rig *g, int ms);
bool rig_wait_event(struct rig *g, enum gw_iq_event e, unsigned n, unsigned ms);
/* What a counter grew by since the start; waits until it is `n` or a second has passed. */
int64_t rig_grew(struct rig *g, enum gw_stat s, int64_t n);

int phone_socket(bool is_ipv6, struct gw_addr *a);
void phone_send(int fd, const struct gw_addr *to, const void *p, size_t len);
/* The next datagram, or -1 after a second (or at once, if `is_now`). */
ssize_t phone_recv(int fd, void *p, size_t size, bool is_now);

size_t make_rtp(uint8_t *p, uint8_t pt, uint16_t seq, uint32_t ssrc); /* 172 octets */
/* Five packets each way, compared octet by octet. */
void media_both_ways(struct rig *g, uint16_t seq);

#endif
