#include "echo.h"

#include "gateway/base/crypto.h"
#include "gateway/base/wire.h"

enum { SR = 200, RR = 201, SDES = 202, RTPFB = 205, PSFB = 206, NACK = 1, PLI = 1, FIR = 4 };

void gw_echo_init(struct gw_echo *e, bool is_event_dropped)
{
    *e = (struct gw_echo){ .ssrc = gw_rand_u32(), .is_event_dropped = is_event_dropped };
}

static void put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The last packets of an event are sent three times; one is enough to know it. */
static char digit_of(struct gw_echo *e, const uint8_t *pkt, size_t len)
{
    static const char digits[] = "0123456789*#ABCD";
    size_t at = 12 + 4 * (size_t)(pkt[0] & 0x0f);
    uint32_t ts = get32(pkt + 4);

    if (pkt[0] & 0x10) /* header extension */
        at = at + 4 <= len ? at + 4 + 4 * (size_t)(pkt[at + 2] << 8 | pkt[at + 3]) : len;
    if (at + 4 > len || pkt[at] >= sizeof(digits) - 1 || !(pkt[at + 1] & 0x80))
        return 0;
    if (e->has_event && e->event_ts == ts)
        return 0;
    e->has_event = true;
    e->event_ts = ts;
    return digits[pkt[at]];
}

bool gw_echo_rtp(struct gw_echo *e, uint8_t *pkt, size_t len, char *digit)
{
    uint32_t ssrc;
    uint16_t seq;

    *digit = 0;
    if (len < 12 || pkt[0] >> 6 != 2)
        return false;
    ssrc = get32(pkt + 8);
    seq = (uint16_t)(pkt[2] << 8 | pkt[3]);
    if (ssrc != e->peer_ssrc) {
        if (e->peer_ssrc)
            e->ssrc = gw_rand_u32(); /* another source: its sequence numbers have nothing to do with the last one's */
        e->peer_ssrc = ssrc;
        e->max_seq = seq;
        e->cycles = 0;
    } else if ((uint16_t)(seq - e->max_seq) < 0x8000) {
        e->cycles = (uint16_t)(e->cycles + (seq < e->max_seq));
        e->max_seq = seq;
    }
    if (e->is_event[pkt[1] & 0x7f]) {
        *digit = digit_of(e, pkt, len);
        if (e->is_event_dropped)
            return false;
    }
    put32(pkt + 8, e->ssrc);
    return true;
}

static void write_block(const struct gw_echo *e, struct gw_writer *w, uint32_t lsr)
{
    gw_write_u32(w, e->peer_ssrc);
    gw_write_u32(w, 0); /* nothing lost: we report on a path that the gateway watches */
    gw_write_u32(w, (uint32_t)e->cycles << 16 | e->max_seq);
    gw_write_u32(w, 0);
    gw_write_u32(w, lsr);
    gw_write_u32(w, 0); /* answered at once */
}

__attribute__((noinline)) static void write_head(const struct gw_echo *e, struct gw_writer *w,
                                                 const uint8_t *sender_info)
{
    uint32_t lsr = sender_info ? get32(sender_info + 2) : 0; /* middle of the NTP time stamp */

    gw_write_u8(w, 0x81);
    gw_write_u8(w, sender_info ? SR : RR);
    gw_write_u16(w, sender_info ? 12 : 7);
    gw_write_u32(w, e->ssrc);
    for (unsigned i = 0; sender_info && i < 20; i += 4)
        gw_write_u32(w, get32(sender_info + i));
    write_block(e, w, lsr);
    gw_write_u8(w, 0x81);
    gw_write_u8(w, SDES);
    gw_write_u16(w, 3);
    gw_write_u32(w, e->ssrc);
    gw_write_u8(w, 1); /* CNAME "echo", and the end of the chunk */
    gw_write_u8(w, 4);
    gw_write_u32(w, 0x6563686f);
    gw_write_u16(w, 0);
}

__attribute__((noinline)) static void write_feedback(const struct gw_echo *e, struct gw_writer *w, uint8_t type,
                                                     uint8_t fmt, struct gw_span fci)
{
    gw_write_u8(w, (uint8_t)(0x80 | fmt));
    gw_write_u8(w, type);
    gw_write_u16(w, (uint16_t)(2 + fci.len / 4));
    gw_write_u32(w, e->ssrc);
    gw_write_u32(w, e->peer_ssrc);
    for (size_t i = 0; i + 4 <= fci.len; i += 4)
        gw_write_u32(w, get32((const uint8_t *)fci.ptr + i));
}

size_t gw_echo_rtcp(struct gw_echo *e, struct gw_span datagram, uint8_t out[GW_ECHO_RTCP], bool *wants_picture)
{
    struct gw_reader r = gw_reader(datagram);
    struct gw_writer w = gw_writer(out, GW_ECHO_RTCP);
    const uint8_t *sender_info = NULL;
    struct gw_span nack = { NULL, 0 };

    *wants_picture = false;
    while (gw_reader_left(&r) > 0) {
        uint8_t first = gw_read_u8(&r), type = gw_read_u8(&r);
        uint16_t words = gw_read_u16(&r);
        struct gw_span body = gw_read_span(&r, 4 * (size_t)words);
        const uint8_t *p = body.ptr;

        if (r.err || first >> 6 != 2)
            return 0;
        if (type == SR && body.len >= 24)
            sender_info = p + 4;
        else if (type == PSFB && (first & 0x1f) == PLI && body.len >= 8)
            *wants_picture = true;
        else if (type == PSFB && (first & 0x1f) == FIR && body.len >= 16)
            *wants_picture = true;
        else if (type == RTPFB && (first & 0x1f) == NACK && body.len >= 12 && body.len <= 8 + 64)
            nack = (struct gw_span){ p + 8, body.len - 8 };
    }
    if (!e->peer_ssrc || (!sender_info && !*wants_picture && !nack.len))
        return 0;
    write_head(e, &w, sender_info);
    if (*wants_picture)
        write_feedback(e, &w, PSFB, PLI, (struct gw_span){ NULL, 0 });
    if (nack.len)
        write_feedback(e, &w, RTPFB, NACK, nack);
    return w.err ? 0 : (size_t)(w.p - w.start);
}
