/* RTP packets (RFC 3550), header extensions (RFC 8285) and the statistics of a source. Pure; any thread. */
#ifndef GW_RTP_H
#define GW_RTP_H

#include "gateway/base/err.h"
#include "gateway/base/span.h"

enum { GW_RTP_HEADER = 12 };

struct gw_rtp {
    bool marker;
    uint8_t pt;
    uint8_t ncsrc;
    uint8_t padding; /* octets at the end, their count included; 0: none */
    uint16_t seq;
    uint32_t ts, ssrc;
    bool has_ext;
    uint16_t ext_profile; /* 0xbede one-byte, 0x100x two-byte (RFC 8285), or another's */
    uint16_t ext_at;      /* offset of the first element, i.e. after the four octets of profile and length */
    uint16_t ext_len;     /* octets of elements and their padding */
    uint16_t header_len;  /* fixed header, CSRC list and extension */
    size_t payload_len;   /* without padding */
};

/* RTCP when multiplexed with RTP on one port: packet types 192 to 223 (RFC 5761 s. 4). Of two octets at least. */
static inline bool gw_rtp_is_rtcp(const uint8_t *pkt, size_t len)
{
    return len >= 2 && pkt[1] >= 192 && pkt[1] <= 223;
}

static inline uint32_t gw_rtp_ssrc(const uint8_t *pkt) /* of 12 octets at least */
{
    return (uint32_t)pkt[8] << 24 | (uint32_t)pkt[9] << 16 | (uint32_t)pkt[10] << 8 | pkt[11];
}

/* Octets of fixed header, CSRC list and extension, or GW_E_SHORT, or GW_E_TYPE if the version is not 2. All that SRTP
 * needs to know; padding is not looked at, as it may be encrypted. */
int gw_rtp_header_len(const uint8_t *pkt, size_t len);

/* GW_E_SHORT, GW_E_TYPE (version), GW_E_RANGE (padding count 0 or longer than the payload). */
GW_MUST_CHECK int gw_rtp_parse(struct gw_span pkt, struct gw_rtp *out);

/* Keeps the marker. */
static inline void gw_rtp_set_pt(uint8_t *pkt, uint8_t pt)
{
    pkt[1] = (uint8_t)((pkt[1] & 0x80) | (pt & 0x7f));
}

/* The element with this id, one-byte or two-byte form; borrows from pkt. GW_E_NOTFOUND. */
int gw_rtp_ext_find(const uint8_t *pkt, const struct gw_rtp *h, uint8_t id, struct gw_span *value);

/* Which header extension elements stay, and their id afterwards. */
struct gw_rtp_ext_map {
    uint8_t from, to;
};

/* In place: keeps the listed elements, renumbered; drops the others, and the whole extension when none is left or its
 * profile is not RFC 8285's. An element whose new id does not fit the form of the block (above 14 in the one-byte form)
 * is dropped. *h (from gw_rtp_parse of this packet) and *len are brought up to date. Never grows a packet. */
void gw_rtp_ext_rewrite(uint8_t *pkt, size_t *len, struct gw_rtp *h, const struct gw_rtp_ext_map *map, unsigned n);

/* One source as its receiver sees it (RFC 3550 appendices A.1, A.3, A.8). Plain values. */
struct gw_rtp_source {
    uint32_t ssrc;
    bool has_seq, has_transit;
    uint16_t max_seq;
    uint32_t cycles; /* roll-overs << 16 */
    uint32_t base_seq, bad_seq;
    uint64_t received;
    uint64_t lost_before;    /* lost in earlier runs of sequence numbers: before a restart of the source */
    uint32_t expected_prior; /* at the last report */
    uint64_t received_prior;
    uint32_t transit;    /* arrival - time stamp of the last packet, clock units */
    uint32_t jitter_x16; /* estimate, clock units * 16 */
    uint32_t clock_hz;
};

struct gw_rtp_report {     /* what a reception report block says (RFC 3550 s. 6.4.1) */
    uint8_t fraction_lost; /* of 256 */
    int32_t lost;          /* 24 bits, clamped */
    uint32_t max_seq;      /* extended */
    uint32_t jitter;       /* clock units */
};

void gw_rtp_source_init(struct gw_rtp_source *s, uint32_t ssrc, uint32_t clock_hz);
/* A packet of this source arrived. A large jump is believed when a second packet confirms it (the source restarted).
 * `clock_hz` 0: no jitter. */
void gw_rtp_source_on_packet(struct gw_rtp_source *s, uint16_t seq, uint32_t ts, uint64_t now_us);
/* Packets that should have come and did not, so far; never negative. */
uint64_t gw_rtp_source_lost(const struct gw_rtp_source *s);
uint32_t gw_rtp_source_jitter_us(const struct gw_rtp_source *s);
/* A report since the last one. */
void gw_rtp_source_report(struct gw_rtp_source *s, struct gw_rtp_report *out);

#endif
