/* UDPTL (ITU-T T.38 s. 9): the packet codec, a sender that builds redundancy or FEC, and a receiver that repairs with
 * them. Pure: octets and `now` in; octets, IFPs and the next deadline out. Thread: the worker that owns the stream. */
#ifndef GW_UDPTL_H
#define GW_UDPTL_H

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum {
    GW_UDPTL_ENTRIES = 32,       /* secondaries or FEC entries of one packet that we read */
    GW_UDPTL_IFP_MAX = 1024,     /* octets of one IFP that we keep */
    GW_UDPTL_HISTORY = 32,       /* packets kept for repair, power of two */
    GW_UDPTL_REORDER_US = 40000, /* how long a hole waits for a late packet */
};

enum gw_udptl_ec { GW_UDPTL_NO_EC, GW_UDPTL_REDUNDANCY, GW_UDPTL_FEC };

struct gw_udptl_packet {
    uint16_t seq;
    struct gw_span primary;
    enum gw_udptl_ec ec;
    uint8_t span;     /* FEC: packets that one entry covers */
    uint8_t nentries; /* redundancy: [0] is seq - 1, [1] is seq - 2 ...; empty ones are skipped slots */
    struct gw_span entries[GW_UDPTL_ENTRIES];
};

/* SHORT, RANGE (fragmented length, more entries than we read, span 0). With a good primary and a broken recovery part
 * the packet is taken without it: *out is set, GW_E_TRAILING returned. */
GW_MUST_CHECK int gw_udptl_parse(struct gw_span packet, struct gw_udptl_packet *out);
/* Octets written or GW_E_LIMIT. */
int gw_udptl_write(const struct gw_udptl_packet *p, void *buf, size_t size);

struct gw_udptl_slot {
    uint16_t seq, len;
    bool is_set;
    uint8_t ifp[GW_UDPTL_IFP_MAX];
};

/* ---- sending ---- */

struct gw_udptl_tx {
    enum gw_udptl_ec ec;
    uint8_t depth;         /* redundancy: secondaries; FEC: entries */
    uint8_t span;          /* FEC */
    uint16_t max_datagram; /* of the receiver (T38FaxMaxDatagram) and of the path */
    uint16_t next_seq;
    struct gw_udptl_slot history[GW_UDPTL_HISTORY];
};

/* depth * span is cut to what the history holds. */
void gw_udptl_tx_init(struct gw_udptl_tx *tx, enum gw_udptl_ec ec, unsigned depth, unsigned span,
                      unsigned max_datagram);
/* Packs one IFP. Recovery parts that do not fit max_datagram are left out, farthest first; an IFP that does not fit
 * alone gives GW_E_LIMIT. Returns the octets. */
int gw_udptl_tx_send(struct gw_udptl_tx *tx, struct gw_span ifp, void *buf, size_t size);
/* Leaves n sequence numbers out: a hole that could not be repaired stays visible to the far end. */
void gw_udptl_tx_skip(struct gw_udptl_tx *tx, unsigned n);

/* ---- receiving ---- */

struct gw_udptl_rx_counts {
    uint32_t packets, duplicates, late, malformed, recovered, lost;
};

struct gw_udptl_rx {
    bool has_started;
    uint16_t next_seq;      /* the next to deliver */
    uint64_t hold_until_us; /* GW_NEVER: nothing held back by a hole */
    struct gw_udptl_rx_counts n;
    struct gw_udptl_slot history[GW_UDPTL_HISTORY];
    struct {
        uint16_t seq;
        uint8_t span, nentries;
        uint16_t at[GW_UDPTL_ENTRIES], len[GW_UDPTL_ENTRIES];
        uint16_t used;
        uint8_t octets[1500];
    } fec[4]; /* the last FEC parts, to be used again when a later packet fills a gap */
    uint8_t next_fec;
};

/* `lost` is the number of IFPs missing just before this one. An empty ifp reports a loss alone (a jump too far to
 * hold). */
typedef void gw_udptl_ifp_cb(void *arg, struct gw_span ifp, unsigned lost);

void gw_udptl_rx_init(struct gw_udptl_rx *rx);
/* Delivers in order, each IFP once. 0, or why the packet was dropped: parse errors, GW_E_REPLAY for duplicate or late.
 */
int gw_udptl_rx_packet(struct gw_udptl_rx *rx, struct gw_span packet, uint64_t now_us, gw_udptl_ifp_cb *cb, void *arg);
/* At the deadline rx->hold_until_us: gives up on the hole and delivers what stands behind it. */
void gw_udptl_rx_tick(struct gw_udptl_rx *rx, uint64_t now_us, gw_udptl_ifp_cb *cb, void *arg);

#endif
