/* The objects of a worker. All belong to its thread. Hot fields, those of the packet path, stand first. */
#ifndef GW_MEDIA_PRIV_H
#define GW_MEDIA_PRIV_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>

#include "gateway/base/conf.h"
#include "gateway/base/loop.h"
#include "gateway/base/stats.h"
#include "gateway/control/dispatch.h"
#include "gateway/dtls/dtls_session.h"
#include "gateway/ice/ice_lite.h"
#include "gateway/media/demux.h"
#include "gateway/media/port.h"
#include "gateway/media/table.h"
#include "gateway/rtp/rtcp.h"
#include "gateway/rtp/rtp.h"
#include "gateway/srtp/srtp_session.h"

enum {
    GW_PKT = 2048,                                        /* octets of a packet buffer, room for SRTP's tail included */
    GW_PKT_RX = GW_PKT - GW_SRTP_TAIL - GW_RTCP_HEAD_MAX, /* received at most; longer ones are dropped as malformed */
    GW_BATCH = 64,                                        /* datagrams of one recvmmsg or sendmmsg on the shared port */
    GW_BATCH_OWN = 16,                                    /* of one recvmmsg on a stream's own port */
    GW_SSRCS = 16,   /* sources whose stream is remembered, per access termination; as many as an SRTP session has */
    GW_REPLIES = 64, /* recent replies kept for repeated requests */
    GW_CNAME = 16,
    GW_HELD = 32, /* packets held per termination until its keys are there */
};

/* A packet that came before the keys: a browser may send as soon as its side of the handshake is done, while the answer
 * with its fingerprint is still on its way through signalling. */
struct gw_held {
    struct gw_held *next;
    uint8_t *buf;
    uint16_t len;
    bool is_rtcp;
};

/* What the packet path saw of a termination; told to the log once, by the sweep. */
enum gw_noticed {
    GW_NOTICED_STRANGER = 1,
    GW_NOTICED_FORGED = 2,
    GW_NOTICED_REPLAY = 4,
    GW_NOTICED_PT = 8,
    GW_NOTICED_STREAM = 16,
    GW_NOTICED_PROTECT = 32,
    GW_NOTICED_SEND = 64,
    GW_NOTICED_FAX = 128,
};

/* Directions and sides are the same index: 0 from access (to core), 1 from core (to access). */
enum gw_side { GW_FROM_ACCESS, GW_FROM_CORE };

union gw_sockaddr {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

/* A packet on its way; the buffer belongs to a batch. Whoever takes it leaves another buffer in its place. */
struct gw_pkt {
    uint8_t *buf; /* GW_PKT octets */
    size_t len;
};

/* What waits to be sent on the shared port of a family. */
struct gw_outbox {
    int fd;
    unsigned n;
    uint8_t *bufs[GW_BATCH];
    struct mmsghdr msgs[GW_BATCH];
    struct iovec iov[GW_BATCH];
    union gw_sockaddr to[GW_BATCH];
};

struct gw_inbox {
    uint8_t *bufs[GW_BATCH];
    struct mmsghdr msgs[GW_BATCH];
    struct iovec iov[GW_BATCH];
    union gw_sockaddr from[GW_BATCH];
};

/* The shared port of one family. fd -1: the family is not configured. */
struct gw_shared {
    struct gw_worker *w;
    struct gw_loop_fd in;
    struct gw_addr bound, advertised;
    struct gw_outbox out;
};

/* The certificate in use, replaced daily by the control thread and read by workers when they reserve. */
struct gw_identities {
    pthread_mutex_t lock;
    struct gw_dtls_identity *current;
};
struct gw_dtls_identity *gw_identities_get(struct gw_identities *ids); /* a new reference */

struct gw_worker {
    struct gw_loop *loop;
    uint64_t now_us;        /* of this round */
    unsigned round_packets; /* since rate_since_us */
    uint64_t rate_since_us;
    struct gw_inbox in;
    struct gw_shared shared[2]; /* [0] IPv4, [1] IPv6 */
    struct gw_addr_table addrs, ufrags;
    struct gw_ice_stun *stun;
    struct gw_ports ports;
    uint8_t *memory; /* of all packet buffers */
    struct gw_held *held_free, *held_memory;
    uint8_t *held_buffers;

    struct gw_context **contexts; /* by slot */
    uint32_t *free_slots;
    unsigned max_contexts, nfree, handshakes;
    uint64_t serial;
    uint64_t refuse_us; /* rate limit of answers to checks for nobody */
    struct gw_timer sweep;
    struct gw_loop_fd orders_fd;
    struct {
        uint64_t txn;
        struct gw_iq_reply *reply; /* NULL: unused */
    } replies[GW_REPLIES];
    unsigned nreplies;

    unsigned index;
    const struct gw_conf *conf;
    struct gw_addr core_ip[2], core_advertised[2]; /* family 0: not configured */
    struct gw_identities *ids;
    struct gw_mbox *orders, *inbox;
    struct gw_sctp_host *sctp; /* NULL until the first association */
    struct gw_loop_fd sctp_fd;
    atomic_uint load;
    pthread_t thread;
    bool is_started;
};

struct gw_context {
    struct gw_worker *w;
    uint64_t id;
    uint32_t slot;
    unsigned nterms, nstreams;
    struct gw_termination *terms[GW_IQ_TERMS];
    struct gw_stream *streams[GW_IQ_STREAMS];
    unsigned ndatas;
    struct gw_data *datas[GW_IQ_CHANNELS]; /* data.h */
    char call[GW_IQ_CALL_ID + 1];
    char cname[GW_CNAME + 1]; /* of RTCP that we make */
};

/* A socket of its own: of the core side, or of an access side without ICE. */
struct gw_own {
    struct gw_termination *t;
    struct gw_loop_fd in;  /* fd -1: none */
    struct gw_addr remote; /* family 0: unknown; nothing is sent, nothing accepted unless latching */
    union gw_sockaddr sa;
    bool is_rtcp, is_connected;
    bool has_tried; /* to connect it to `remote` */
};

struct gw_termination {
    struct gw_context *cx;
    struct gw_srtp_session *rx, *tx; /* NULL: plain, or no keys yet */
    uint64_t media_us;               /* last authentic packet */
    uint8_t id, realm, security;
    bool has_ice, has_rtcp_mux;
    bool is_latching; /* and no valid packet came yet */
    bool has_selected;
    uint8_t family; /* index of shared[] of the selected address */
    union gw_sockaddr selected;
    unsigned nstreams;
    struct gw_stream *streams[GW_IQ_STREAMS]; /* that it carries; borrowed */
    unsigned noticed;                         /* enum gw_noticed */
    unsigned nssrcs, next_ssrc;
    struct {
        uint32_t ssrc;
        struct gw_stream *stream;
    } ssrcs[GW_SSRCS];

    struct gw_held *held, **held_end; /* oldest first */
    unsigned nheld, nheld_over;       /* held; came when there was no room any more */
    struct gw_channels *channels;     /* access: the SCTP association, while there is one */
    uint16_t sctp_ports[2];           /* of it: ours and the peer's */
    unsigned nwaiting;                /* channels that came in band and are joined to nothing yet */
    struct {
        uint16_t stream;
        uint64_t until_us;
    } waiting[GW_IQ_CHANNELS];
    struct gw_tcp *tcp; /* core of a data channel; tcp_fd: bound, before anyone listens on it */
    int tcp_fd;
    uint32_t tcp_generation; /* that `tcp` has */
    struct gw_own rtp, rtcp;
    uint16_t port;        /* of the pair; 0: none (ICE) */
    struct gw_addr local; /* address without ICE */

    struct gw_ice_lite ice;
    struct gw_dtls_identity *identity; /* of DTLS, or of TLS over `tcp` */
    struct gw_dtls *dtls;              /* NULL before the first ClientHello */
    struct gw_timer dtls_timer;
    union gw_sockaddr dtls_to; /* where its datagrams go */
    uint8_t dtls_family;
    bool is_handshaking;               /* counted in worker.handshakes */
    bool is_dtls_over;                 /* failed or closed; only a new dtls_generation starts another */
    bool is_keyed;                     /* rx and tx hold the keys of `dtls` */
    bool is_consent_lost, is_inactive; /* told already */
    uint64_t watch_us;                 /* inactivity and consent are counted from here at the earliest */
    unsigned logged, told;             /* bits: one log line per kind of refusal and call; `told` of `noticed` */
    uint16_t dtls_suite;
    struct gw_iq_term conf; /* as wanted by signalling */
};

struct gw_flow { /* one direction of a stream */
    uint64_t packets, octets, dropped;
    uint64_t lost_before; /* of sources before the present one */
    struct gw_rtp_source source;
    bool has_source;
    uint8_t pts[128]; /* payload type -> index in conf.pts, or 0xff */
    uint8_t nexts;
    struct gw_rtp_ext_map exts[GW_IQ_EXTS];
    struct gw_rtcp_caps caps; /* of the side that this direction goes to */
};

struct gw_stream {
    struct gw_fax *fax;             /* fax.h; NULL: audio or video */
    struct gw_termination *term[2]; /* by side: access, core */
    bool gate[2];
    struct gw_flow flow[2];
    uint32_t ssrc[2];       /* last seen from that side; 0: none */
    struct gw_rtcp_rtt rtt; /* to the access side */
    uint64_t pfu_next_us;   /* Notify PICTURE_FAST_UPDATE not before */
    uint8_t fir_seq;
    struct gw_iq_stream conf;
};

/* worker_life.c */
int gw_worker_new(const struct gw_conf *conf, unsigned index, struct gw_identities *ids, struct gw_worker **out,
                  char *why, size_t why_size);
int gw_worker_start(struct gw_worker *w, struct gw_mbox *inbox);
void gw_worker_stop(struct gw_worker *w);
void gw_worker_free(struct gw_worker *w);

/* worker.c: datagrams in and out, rounds */
/* To the shared port's outbox; takes p->buf and leaves another. */
void gw_worker_send(struct gw_worker *w, unsigned family, const union gw_sockaddr *to, struct gw_pkt *p);
/* Copies; for the few packets that we make ourselves. */
void gw_worker_send_copy(struct gw_worker *w, unsigned family, const union gw_sockaddr *to, struct gw_span octets);
void gw_worker_flush(struct gw_outbox *out);
void gw_worker_on_shared(void *shared, uint32_t events);
int gw_worker_sctp(struct gw_worker *w); /* makes w->sctp */
void gw_worker_on_own(void *own, uint32_t events);
void gw_worker_on_idle(void *worker);
void gw_worker_on_sweep(void *worker);

/* worker_iq.c */
void gw_worker_on_orders(void *worker, uint32_t events);
void gw_worker_notify(struct gw_context *cx, enum gw_iq_event event, uint8_t term, uint8_t stream, int cause);
void gw_worker_notify_with(struct gw_context *cx, const struct gw_iq_notify *n); /* ctx and call are filled in */

/* context.c: Iq procedures */
void gw_context_order(struct gw_worker *w, const struct gw_iq_req *req, struct gw_iq_reply *reply);
void gw_context_free(struct gw_context *cx);
/* By id; NULL: none, or no context. */
struct gw_termination *gw_context_term(const struct gw_context *cx, uint8_t id);
struct gw_stream *gw_context_stream(const struct gw_context *cx, uint8_t id);
struct gw_data *gw_context_data(const struct gw_context *cx, uint8_t id);

/* context_check.c: cx NULL is a context that is to be made; the counts of the request are within their bounds */
int gw_context_check(const struct gw_worker *w, const struct gw_context *cx, const struct gw_iq_req *req);

/* termination.c: life cycle and own sockets */
int gw_termination_new(struct gw_context *cx, const struct gw_iq_term *in, struct gw_termination **out);
void gw_termination_apply(struct gw_termination *t, const struct gw_iq_term *in);
void gw_termination_local(const struct gw_termination *t, struct gw_iq_local *out);
void gw_termination_free(struct gw_termination *t);
void gw_termination_sweep(struct gw_termination *t);
/* A datagram arrived on an own socket. */
void gw_termination_own(struct gw_own *own, const union gw_sockaddr *from, struct gw_pkt *p);
/* Protects if need be and sends a packet that is relayed. True if it was sent; else it was counted as dropped. */
bool gw_termination_send(struct gw_termination *t, struct gw_pkt *p, bool is_rtcp);
/* The same for a packet that we made: it was never received, so it is not counted. False: *why says what hindered it.
 */
bool gw_termination_send_made(struct gw_termination *t, struct gw_pkt *p, bool is_rtcp, enum gw_stat *why);

/* As it is, from an own socket. */
bool gw_termination_send_datagram(struct gw_termination *t, struct gw_span datagram);

/* check.c: ICE of a termination */
void gw_check_input(struct gw_worker *w, unsigned family, const struct gw_addr *src, const union gw_sockaddr *from,
                    struct gw_pkt *p);
int gw_check_init(struct gw_termination *t, const struct gw_iq_term *in);
void gw_check_apply(struct gw_termination *t, const struct gw_iq_term *in);
void gw_check_fini(struct gw_termination *t);

/* secure.c: DTLS and keys of a termination */
void gw_secure_dtls(struct gw_termination *t, unsigned family, const union gw_sockaddr *from, struct gw_pkt *p);
/* As DTLS client, if that is our role: as soon as there is an address, and a place among the handshakes. */
void gw_secure_begin(struct gw_termination *t);
void gw_secure_init(struct gw_termination *t, const struct gw_iq_term *in);
void gw_secure_apply(struct gw_termination *t, const struct gw_iq_term *in);
void gw_secure_fini(struct gw_termination *t);
const char *gw_secure_name(const struct gw_termination *t, char *buf, size_t size);
/* One log line per bit and call. */
enum { GW_LOGGED_CHECK = 1, GW_LOGGED_BUSY = 2 };
void gw_secure_log_once(struct gw_termination *t, unsigned bit, const char *what);

/* stream.c: the relay */
void gw_stream_init(struct gw_stream *s, const struct gw_iq_stream *in);
void gw_stream_apply(struct gw_stream *s, const struct gw_iq_stream *in);
/* A datagram of RTP or RTCP that came to t, still protected. True if it was valid: authentic and of a known stream and
 * payload type, whether or not it could be sent on. */
bool gw_stream_input(struct gw_termination *t, struct gw_pkt *p, bool is_rtcp);
/* A datagram that is secured end to end, as it came; is_rtcp: at the port for RTCP. False: its gate is closed. */
bool gw_stream_pass(struct gw_termination *t, struct gw_pkt *p, bool is_rtcp);
/* The keys are there: what was held goes its way. */
void gw_stream_release_held(struct gw_termination *t);
/* They will not come: what was held is dropped. */
void gw_stream_drop_held(struct gw_termination *t);
void gw_stream_keyframe(struct gw_stream *s);
void gw_stream_counters(const struct gw_stream *s, struct gw_iq_counters *out);

#endif
