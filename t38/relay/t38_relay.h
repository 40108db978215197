/* A fax between two sides, each UDPTL packets or bare IFPs (the messages of a data channel): error correction is ended
 * and made anew for each side (T.38 s. 9), IFPs change their form where the sides' versions differ. Pure: packets and
 * `now` in; packets and the next deadline out. Thread: the worker that owns the stream.
 *
 * - holes beyond repair: towards UDPTL their sequence numbers are left out, so that the far end knows; towards a
 * channel, which cannot show them, the frame check of a frame with a hole is spoiled
 * - a wrong IFP goes no further: to its receiver it is a lost one
 * - the last packet before a pause has no later one to repair it: it is sent again */
#ifndef GW_T38_RELAY_H
#define GW_T38_RELAY_H

#include "t38/ifp/ifp.h"
#include "t38/udptl/udptl.h"

enum {
    GW_T38_REDUNDANCY = 3, /* secondaries that we send */
    GW_T38_FEC_ENTRIES = 3,
    GW_T38_FEC_SPAN = 3,
    GW_T38_DATAGRAM = 1100, /* octets of UDPTL that fit the path, DTLS and IPv6 around them */
    GW_T38_REPEATS = 2,     /* of the last packet before a pause */
};

#define GW_T38_PAUSE_US (40 * GW_MS)

struct gw_t38_relay;

struct gw_t38_side {
    bool is_udptl;         /* else bare IFPs */
    enum gw_udptl_ec ec;   /* that we send */
    uint8_t version;       /* T38FaxVersion */
    uint16_t max_datagram; /* that the side takes; 0: any */
    uint8_t depth, span;   /* secondaries or entries, and what an entry covers; 0: ours */
};

struct gw_t38_config {
    struct gw_t38_side side[2];
    /* One packet for that side. False: not sent (counted as dropped). */
    bool (*send)(void *arg, unsigned side, struct gw_span packet);
    void *arg;
};

/* Of what came from a side. */
struct gw_t38_counts {
    uint64_t ifps, octets;    /* sent on */
    uint64_t recovered, lost; /* repaired; beyond repair */
    uint64_t malformed, repeated, dropped;
    uint64_t first_us, last_us; /* when an IFP was sent on; 0: never */
};

int gw_t38_relay_new(const struct gw_t38_config *config, struct gw_t38_relay **out);
void gw_t38_relay_free(struct gw_t38_relay *r);
/* After a new negotiation; sequence numbers go on. */
void gw_t38_relay_set(struct gw_t38_relay *r, unsigned side, const struct gw_t38_side *s);

/* 0, or why it was dropped: REPLAY (repeated or late), or an error of its parser. */
int gw_t38_relay_input(struct gw_t38_relay *r, unsigned from, struct gw_span packet, uint64_t now_us);
uint64_t gw_t38_relay_deadline_us(const struct gw_t38_relay *r);
void gw_t38_relay_expire(struct gw_t38_relay *r, uint64_t now_us);
void gw_t38_relay_counts(const struct gw_t38_relay *r, unsigned from, struct gw_t38_counts *out);

#endif
