/* The data channels of one SCTP association (RFC 8831, RFC 8832, RFC 8864): which streams are channels, how each is
 * opened, who may send now, and how each is closed. What the messages mean is the sub-protocol's business.
 *
 * A channel is declared by SDP (dcmap) or opened in band (DCEP). Towards the peer its queue is bounded; the association
 * is kept nearly empty and is filled by weighted turns, so that a file does not hold up a floor request. From the peer
 * a channel may be stopped; what comes for it then is kept up to a bound, past which the whole association stops
 * reading: nothing is lost, the peer's window closes.
 *
 * Thread: the association's owner. Callbacks may call anything here but gw_channels_free, and gw_channel_close frees
 * nothing before on_close. */
#ifndef GW_CHANNEL_H
#define GW_CHANNEL_H

#include "datachannel/dcep/dcep.h"
#include "datachannel/sctp/sctp_assoc.h"

enum {
    GW_CHANNEL_QUEUE = 262144, /* octets waiting for the association, and octets kept while stopped, of one channel */
    GW_CHANNEL_IN_FLIGHT = 65536, /* octets of all channels that the association holds at once */
    GW_CHANNEL_PROTOCOL = 32,
    GW_CHANNELS_MAX = 32, /* of one association */
};

enum gw_channel_state { GW_CHANNEL_OPENING, GW_CHANNEL_OPEN, GW_CHANNEL_CLOSING, GW_CHANNEL_CLOSED };

/* Why a channel was refused or closed; counted by the owner, since a stream reset carries no cause. */
enum gw_channel_cause {
    GW_CHANNEL_BY_PEER,
    GW_CHANNEL_BY_US,
    GW_CHANNEL_BAD_DCEP,
    GW_CHANNEL_PARITY,
    GW_CHANNEL_UNKNOWN_PROTOCOL,
    GW_CHANNEL_UNFIT,
    GW_CHANNEL_TOO_MANY,
    GW_CHANNEL_NO_CHANNEL,
    GW_CHANNEL_BAD_PPID,
    GW_CHANNEL_OVERSIZE,
    GW_CHANNEL_ASSOCIATION,
};

struct gw_channel_config {
    uint16_t stream;
    char protocol[GW_CHANNEL_PROTOCOL]; /* lower case: msrp, bfcp, t140, t38 */
    bool is_ordered;
    int32_t max_retr, max_time_ms; /* -1: reliable */
    uint16_t priority;             /* 0: 256 */
};

struct gw_channels;
struct gw_channel;

struct gw_channels_events {
    void (*send)(void *arg, struct gw_span packet); /* to DTLS */
    void (*on_up)(void *arg);
    void (*on_down)(void *arg, int err);
    /* A channel is asked for in band. Accept? The protocol is in lower case. */
    bool (*on_ask)(void *arg, const struct gw_channel_config *c);
    void (*on_open)(void *arg, struct gw_channel *ch);
    /* One whole message, not empty. */
    void (*on_message)(void *arg, struct gw_channel *ch, bool is_string, struct gw_span message);
    /* There is room again after gw_channel_send said FULL. */
    void (*on_writable)(void *arg, struct gw_channel *ch);
    /* Both directions are reset, or the association is gone. ch is freed after the return. */
    void (*on_close)(void *arg, struct gw_channel *ch, enum gw_channel_cause cause);
    /* Something that has no channel was refused. */
    void (*on_refused)(void *arg, uint16_t stream, enum gw_channel_cause cause);
};

struct gw_channels_config {
    uint16_t local_port, remote_port;
    bool is_dtls_client;       /* our DTLS role: parity of ids */
    bool is_parity_strict;     /* also for ids declared by SDP */
    uint32_t peer_max_message; /* a=max-message-size of the peer; absent 65536, 0 any */
    uint32_t max_message;      /* ours */
    const struct gw_channels_events *events;
    void *arg;
};

/* Starts the association. */
int gw_channels_new(struct gw_sctp_host *host, const struct gw_channels_config *config, struct gw_channels **out);
void gw_channels_free(struct gw_channels *cs); /* ABORT; no callback */
void gw_channels_input(struct gw_channels *cs, struct gw_span packet);

/* A channel by dcmap. Repeating a live one changes nothing. EXISTS: the id has another protocol, or is not free yet
 * (its resets are not both seen). LIMIT. ROLE: wrong parity under is_parity_strict. */
int gw_channels_declare(struct gw_channels *cs, const struct gw_channel_config *c, struct gw_channel **out);
struct gw_channel *gw_channels_find(struct gw_channels *cs, uint16_t stream);

const struct gw_channel_config *gw_channel_config(const struct gw_channel *ch);
enum gw_channel_state gw_channel_state(const struct gw_channel *ch);

/* Queues one message. FULL: nothing was taken. LIMIT: more than the peer takes. STATE: closing. Before the association
 * is up it waits in the queue. */
GW_MUST_CHECK int gw_channel_send(struct gw_channel *ch, bool is_string, struct gw_span message);
size_t gw_channel_queued(const struct gw_channel *ch);
/* The largest message that gw_channel_send takes. */
size_t gw_channel_max_message(const struct gw_channel *ch);
void gw_channel_stop(struct gw_channel *ch); /* no on_message until started */
void gw_channel_start(struct gw_channel *ch);
/* After what is queued has gone. */
void gw_channel_close(struct gw_channel *ch);

#endif
