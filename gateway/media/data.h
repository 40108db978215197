/* Data channels of a context, joined to the core: one gw_data per gw_iq_channel. The association hangs at the access
 * termination; what a sub-protocol does with octets is a const struct of functions, one file each. Thread: the worker.
 */
#ifndef GW_DATA_H
#define GW_DATA_H

#include "datachannel/channel/channel.h"
#include "gateway/media/media_priv.h"
#include "gateway/media/tcp.h"

struct gw_data {
    struct gw_context *cx;
    struct gw_termination *access, *core;
    const struct gw_data_ops *ops;
    void *join;                 /* of the ops; NULL until it can be made */
    struct gw_channel *channel; /* NULL: not there (yet, or any more) */
    struct gw_timer timer;
    bool gate[2]; /* by side, as of streams */
    struct {
        uint64_t messages, octets, dropped;
    } n[2];
    bool is_closed; /* told to signalling */
    unsigned logged;
    struct gw_iq_channel conf;
};

struct gw_data_ops {
    const char *protocol; /* of the dcmap, lower case */
    bool has_tcp;         /* the core termination is TCP; else UDP */
    /* Events of the access and of the core connection. NULL: the access side is a channel; the core's are given on. */
    const struct gw_tcp_events *tcp[2];
    /* Makes the join when enough is known; called after each configure until it succeeds. AGAIN: not yet. */
    int (*open)(struct gw_data *d);
    void (*close)(struct gw_data *d);
    void (*apply)(struct gw_data *d); /* the configuration changed */
    void (*on_channel_open)(struct gw_data *d);
    void (*on_message)(struct gw_data *d, bool is_string, struct gw_span m);
    void (*on_channel_writable)(struct gw_data *d);
    void (*on_channel_lost)(struct gw_data *d);
    void (*on_core_up)(struct gw_data *d);
    ssize_t (*on_core_octets)(struct gw_data *d, struct gw_span octets);
    void (*on_core_writable)(struct gw_data *d);
    void (*on_core_lost)(struct gw_data *d);
    int (*on_core_second)(struct gw_data *d, struct gw_span octets, void *answer, size_t size); /* tcp.h; or NULL */
    bool (*on_core_rtp)(struct gw_data *d, struct gw_pkt *p, bool is_rtcp); /* true: a valid packet */
    void (*on_core_datagram)(struct gw_data *d, struct gw_span datagram);   /* of what is not RTP; or NULL */
    void (*count)(const struct gw_data *d, struct gw_iq_counters *out); /* instead of messages and octets; or NULL */
    uint64_t (*deadline_us)(const struct gw_data *d);
    void (*expire)(struct gw_data *d);
};

extern const struct gw_data_ops gw_data_msrp, gw_data_raw, gw_data_bfcp, gw_data_bfcp_udp, gw_data_t140, gw_data_t38,
    gw_data_pipe;

/* Life, driven by context.c. */
int gw_data_new(struct gw_context *cx, const struct gw_iq_channel *in, struct gw_data **out);
void gw_data_apply(struct gw_data *d, const struct gw_iq_channel *in); /* after the terminations were applied */
void gw_data_free(struct gw_data *d);
void gw_data_counters(const struct gw_data *d, struct gw_iq_counters *out);
struct gw_data *gw_data_of_core(const struct gw_termination *t); /* the channel joined to a core termination, or NULL */

/* The association of an access termination. */
void gw_data_dtls_up(struct gw_termination *t);
void gw_data_dtls_down(struct gw_termination *t);
void gw_data_record(struct gw_termination *t, struct gw_span record);
void gw_data_declare(struct gw_data *d); /* its channel, if the association is there */
/* Resets a channel that came in band and that nobody will join; false: there is none. */
bool gw_data_refuse(struct gw_termination *t, uint16_t stream);
void gw_data_sweep(struct gw_termination *t); /* once a second */

/* RTP or RTCP of a core termination that carries text; still protected. */
bool gw_data_rtp(struct gw_termination *t, struct gw_pkt *p, bool is_rtcp);
/* Any other datagram of a core termination; false: its channel takes none. */
bool gw_data_datagram(struct gw_termination *t, struct gw_span datagram);

int gw_data_protocol(const char *name); /* enum gw_iq_protocol, or NOTFOUND */

/* For the ops. */
void gw_data_retime(struct gw_data *d); /* the deadline may have changed */
void gw_data_log_once(struct gw_data *d, unsigned bit, const char *what);
uint64_t gw_data_now(const struct gw_data *d);
/* Told to log, counters and signalling. */
void gw_data_tcp_up(struct gw_data *d, const struct gw_termination *t);
void gw_data_tcp_lost(struct gw_data *d, const struct gw_termination *t, int err);

#endif
