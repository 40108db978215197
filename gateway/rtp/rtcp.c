/* Walking and reading RTCP. */
#include "gateway/rtp/rtcp.h"

#include "gateway/base/wire.h"

int gw_rtcp_next(struct gw_span *rest, struct gw_rtcp *out)
{
    const uint8_t *p = rest->ptr;
    struct gw_rtcp r = { 0 };
    size_t len;

    if (rest->len < 4)
        return GW_E_SHORT;
    if (p[0] >> 6 != 2)
        return GW_E_TYPE;
    len = 4 + 4 * (size_t)(p[2] << 8 | p[3]);
    if (len > rest->len)
        return GW_E_SHORT;
    if (p[0] & 0x20) { /* RFC 3550 s. 6.4.1: in the last packet only, a multiple of four */
        r.padding = p[len - 1];
        if (len != rest->len || r.padding == 0 || r.padding % 4 != 0 || r.padding > len - 4)
            return GW_E_RANGE;
    }
    r.type = p[1];
    r.count = p[0] & 0x1f;
    r.all = (struct gw_span){ p, len };
    r.body = (struct gw_span){ p + 4, len - 4 - r.padding };
    *rest = (struct gw_span){ p + len, rest->len - len };
    *out = r;
    return 0;
}

/* Octets that the body of a type has at least. */
static size_t body_min(const struct gw_rtcp *r)
{
    switch (r->type) {
    case GW_RTCP_SR:
        return 24 + 24u * r->count;
    case GW_RTCP_RR:
        return 4 + 24u * r->count;
    case GW_RTCP_SDES: /* each chunk: SSRC and at least the null octet, padded to four */
        return 8u * r->count;
    case GW_RTCP_BYE:
        return 4u * r->count;
    case GW_RTCP_APP:
    case GW_RTCP_RTPFB:
        return 8;
    case GW_RTCP_PSFB:
        return r->count == GW_RTCP_FIR ? 16 : 8;
    case GW_RTCP_XR:
        return 4;
    default:
        return 0;
    }
}

int gw_rtcp_check(struct gw_span datagram, bool is_rsize_ok)
{
    struct gw_rtcp r;
    bool is_compound = false, is_first = true;

    if (datagram.len == 0)
        return GW_E_SHORT;
    for (; datagram.len > 0; is_first = false) {
        int err = gw_rtcp_next(&datagram, &r);
        if (err)
            return err;
        if (r.body.len < body_min(&r))
            return GW_E_SHORT;
        if (is_first)
            is_compound = r.type == GW_RTCP_SR || r.type == GW_RTCP_RR;
    }
    return is_compound || is_rsize_ok ? 0 : GW_E_UNSUPPORTED;
}

int gw_rtcp_parse_sr(const struct gw_rtcp *p, struct gw_rtcp_sender *out)
{
    struct gw_reader r = gw_reader(p->body);
    struct gw_rtcp_sender s;

    if (p->type != GW_RTCP_SR)
        return GW_E_TYPE;
    s.ssrc = gw_read_u32(&r);
    s.ntp = gw_read_u64(&r);
    s.rtp_ts = gw_read_u32(&r);
    s.packets = gw_read_u32(&r);
    s.octets = gw_read_u32(&r);
    if (r.err)
        return r.err;
    *out = s;
    return 0;
}

int gw_rtcp_parse_block(const struct gw_rtcp *p, unsigned i, struct gw_rtcp_block *out)
{
    size_t at = (p->type == GW_RTCP_SR ? 24 : 4) + 24u * (size_t)i;
    struct gw_rtcp_block b;
    struct gw_reader r;
    uint32_t lost;

    if (p->type != GW_RTCP_SR && p->type != GW_RTCP_RR)
        return GW_E_TYPE;
    if (i >= p->count)
        return GW_E_NOTFOUND;
    r = gw_reader(p->body);
    gw_reader_take(&r, at);
    b.ssrc = gw_read_u32(&r);
    b.fraction_lost = gw_read_u8(&r);
    lost = gw_read_u24(&r);
    b.lost = (int32_t)(lost << 8) >> 8; /* 24 bits, signed */
    b.max_seq = gw_read_u32(&r);
    b.jitter = gw_read_u32(&r);
    b.lsr = gw_read_u32(&r);
    b.dlsr = gw_read_u32(&r);
    if (r.err)
        return r.err;
    *out = b;
    return 0;
}

int gw_rtcp_parse_feedback(const struct gw_rtcp *p, struct gw_rtcp_feedback *out)
{
    struct gw_reader r = gw_reader(p->body);
    struct gw_rtcp_feedback f;

    if (p->type != GW_RTCP_RTPFB && p->type != GW_RTCP_PSFB)
        return GW_E_TYPE;
    f.sender = gw_read_u32(&r);
    f.media = gw_read_u32(&r);
    f.fci = gw_read_span(&r, gw_reader_left(&r));
    if (r.err)
        return r.err;
    *out = f;
    return 0;
}

uint32_t gw_rtcp_ssrc(const uint8_t *pkt)
{
    return (uint32_t)pkt[4] << 24 | (uint32_t)pkt[5] << 16 | (uint32_t)pkt[6] << 8 | pkt[7];
}

void gw_rtcp_rtt_on_sent(struct gw_rtcp_rtt *r, struct gw_span datagram, uint64_t now_us)
{
    struct gw_rtcp p;
    struct gw_rtcp_sender sr;

    while (datagram.len > 0 && gw_rtcp_next(&datagram, &p) == 0) {
        if (gw_rtcp_parse_sr(&p, &sr) != 0)
            continue;
        r->sent[r->next].ssrc = sr.ssrc;
        r->sent[r->next].lsr = (uint32_t)(sr.ntp >> 16);
        r->sent[r->next].at_us = now_us ? now_us : 1;
        r->next = (uint8_t)((r->next + 1) % (sizeof(r->sent) / sizeof(r->sent[0])));
    }
}

static void rtt_on_block(struct gw_rtcp_rtt *r, const struct gw_rtcp_block *b, uint64_t now_us)
{
    uint64_t held_us = (uint64_t)b->dlsr * 1000000 >> 16, gone_us;

    for (unsigned i = 0; i < sizeof(r->sent) / sizeof(r->sent[0]); i++) {
        if (r->sent[i].at_us == 0 || r->sent[i].ssrc != b->ssrc || r->sent[i].lsr != b->lsr || b->lsr == 0)
            continue;
        gone_us = now_us - r->sent[i].at_us;
        if (gone_us < held_us || gone_us - held_us > UINT32_MAX)
            return; /* it says that it held it for longer than it was away */
        r->rtt_us = (uint32_t)(gone_us - held_us);
        if (r->rtt_us == 0)
            r->rtt_us = 1; /* known, and short */
        return;
    }
}

void gw_rtcp_rtt_on_received(struct gw_rtcp_rtt *r, struct gw_span datagram, uint64_t now_us)
{
    struct gw_rtcp p;
    struct gw_rtcp_block b;

    while (datagram.len > 0 && gw_rtcp_next(&datagram, &p) == 0)
        for (unsigned i = 0; gw_rtcp_parse_block(&p, i, &b) == 0; i++)
            rtt_on_block(r, &b, now_us);
}
