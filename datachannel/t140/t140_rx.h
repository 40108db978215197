/* Text from RTP (RFC 4103 s. 5.3, 5.4): puts packets in order, takes what is missing from the redundant generations,
 * and marks with U+FFFD what stays lost; no character twice, none out of order. Pure. Thread: the worker that owns the
 * stream. */
#ifndef GW_T140_RX_H
#define GW_T140_RX_H

#include "datachannel/t140/t140_red.h"
#include "gateway/base/clock.h"

enum {
    GW_T140_HELD = 8,          /* packets held behind a hole */
    GW_T140_HOLD_US = 1000000, /* RFC 4103 s. 5.4 */
    GW_T140_MARKS = 8,         /* U+FFFD for one hole at most */
    GW_T140_JUMP = 3000,       /* further in sequence numbers: a restart */
};

struct gw_t140_rx {
    uint8_t red_pt, t140_pt; /* red_pt 0xff: none negotiated */
    bool has_started;
    uint32_t ssrc;
    uint16_t next_seq;
    uint64_t hold_until_us; /* GW_NEVER: nothing is held */
    uint32_t duplicates, late, malformed, recovered, lost;
    struct gw_t140_held {
        bool is_set;
        uint16_t seq;
        uint16_t len;
        bool is_red;
        uint8_t payload[1472];
    } held[GW_T140_HELD];
    uint8_t ntail, tail[3]; /* a block ended inside a character */
};

/* Text in order: whole characters, no byte order mark. */
typedef void gw_t140_text_cb(void *arg, struct gw_span text);

void gw_t140_rx_init(struct gw_t140_rx *rx, uint8_t red_pt, uint8_t t140_pt);
/* 0, or why the packet was dropped: TYPE (payload type), REPLAY (duplicate, late), the errors of gw_t140_red_parse. */
int gw_t140_rx_packet(struct gw_t140_rx *rx, uint32_t ssrc, uint16_t seq, uint8_t pt, struct gw_span payload,
                      uint64_t now_us, gw_t140_text_cb *cb, void *arg);
/* At rx->hold_until_us. */
void gw_t140_rx_tick(struct gw_t140_rx *rx, uint64_t now_us, gw_t140_text_cb *cb, void *arg);

#endif
