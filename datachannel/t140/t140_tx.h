/* Typed text towards RTP (RFC 4103, RFC 8865): collects what a data channel brings, cuts it between characters, paces
 * it to the receiver's rate and sends it with redundant generations. Pure: text and `now` in, payloads and the next
 * deadline out. Thread: the worker that owns the stream. */
#ifndef GW_T140_TX_H
#define GW_T140_TX_H

#include "datachannel/t140/t140_red.h"
#include "gateway/base/clock.h"

enum {
    GW_T140_QUEUE = 16384,        /* octets waiting for the receiver's rate */
    GW_T140_INTERVAL_US = 300000, /* RFC 4103 s. 5.1 */
    GW_T140_WINDOW_US = 10000000, /* cps is a mean over ten seconds (RFC 4103 s. 6) */
    GW_T140_SENT = 64,            /* blocks remembered for the rate: more than one window holds */
};

struct gw_t140_tx {
    uint8_t pt;          /* of t140 */
    uint8_t generations; /* redundant ones, 0: payloads without a red header */
    uint32_t cps;        /* characters a second that the receiver takes */
    bool is_idle;        /* the next text goes at once, with the marker */
    uint64_t next_at_us; /* GW_NEVER: nothing to send */
    uint32_t empties;    /* empty packets still owed so that the last text is repeated often enough */
    unsigned queued;
    uint8_t queue[GW_T140_QUEUE];
    uint8_t ntail, tail[4]; /* begin of a character whose rest has not come */
    uint64_t tail_at_us;
    struct {
        uint64_t at_us;
        uint32_t ts;
        uint16_t len;
        uint16_t chars;
        uint8_t text[GW_T140_BLOCK_MAX];
    } last[GW_T140_GENERATIONS];
    unsigned nlast; /* newest first */
    struct {
        uint64_t at_us;
        uint32_t chars;
    } sent[GW_T140_SENT];
    unsigned first_sent, nsent;
    uint32_t replaced; /* runs of wrong UTF-8 that became U+FFFD */
};

struct gw_t140_packet {
    bool marker;        /* first packet, or first after idle (RFC 4103 s. 5.2) */
    uint32_t timestamp; /* 1000 Hz */
    size_t len;
    uint8_t payload[GW_T140_GENERATIONS * (GW_T140_BLOCK_MAX + 4) + GW_T140_BLOCK_MAX + 1];
};

void gw_t140_tx_init(struct gw_t140_tx *tx, uint8_t pt, unsigned generations, uint32_t cps, uint64_t now_us);
/* Text of one user message. A byte order mark is removed, wrong UTF-8 becomes U+FFFD, a cut character waits for its
 * rest for 500 ms. GW_E_FULL: nothing was taken; stop reading the channel until the queue has room. */
int gw_t140_tx_text(struct gw_t140_tx *tx, struct gw_span text, uint64_t now_us);
/* A mark that text may be missing (RFC 8865 s. 5.4). */
int gw_t140_tx_loss(struct gw_t140_tx *tx, uint64_t now_us);
/* True while a packet is due at now_us; call until false, then again at tx->next_at_us. */
bool gw_t140_tx_poll(struct gw_t140_tx *tx, uint64_t now_us, struct gw_t140_packet *out);

#endif
