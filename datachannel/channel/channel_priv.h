/* Shared by the files of this room. */
#ifndef GW_CHANNEL_PRIV_H
#define GW_CHANNEL_PRIV_H

#include "datachannel/channel/channel.h"

struct queued {
    struct queued *next;
    size_t len;
    uint32_t ppid;
    bool is_ordered_once; /* DCEP: reliable and ordered whatever the channel is */
    uint8_t octets[];
};

struct queue {
    struct queued *first, **last;
    size_t octets;
};

struct gw_channel {
    struct gw_channels *cs;
    struct gw_channel_config c;
    enum gw_channel_state state;
    enum gw_channel_cause cause;
    bool is_in_band;          /* opened by DCEP */
    bool is_stopped, is_full; /* is_full: a send was refused */
    bool peer_has_reset, own_reset_asked, own_reset_done;
    int32_t credit; /* octets it may put into the association in this turn */
    struct queue tx, rx;
    void *arg;
};

struct gw_channels {
    struct gw_sctp_assoc *a;
    const struct gw_channels_events *ev;
    void *arg;
    struct gw_channels_config config;
    bool is_up, is_down, is_pumping;
    unsigned streams, turn, n;
    struct gw_channel *list[GW_CHANNELS_MAX];
};

int gw_queue_put(struct queue *q, uint32_t ppid, bool is_ordered_once, struct gw_span m); /* NOMEM */
void gw_queue_pop(struct queue *q);
void gw_queue_clear(struct queue *q);

/* Puts what may go into the association, by turns; asks for resets that are due. */
void gw_channels_pump(struct gw_channels *cs);
void gw_channel_finish(struct gw_channel *ch); /* on_close and free, if both resets are done */
/* A message of the peer on a stream. */
void gw_channels_receive(struct gw_channels *cs, uint16_t stream, uint32_t ppid, struct gw_span m);
void gw_channels_refuse(struct gw_channels *cs, uint16_t stream, enum gw_channel_cause cause);
void gw_channel_fail(struct gw_channel *ch, enum gw_channel_cause cause); /* close because of the peer's fault */
int gw_channels_add(struct gw_channels *cs, const struct gw_channel_config *c, struct gw_channel **out);

#endif
