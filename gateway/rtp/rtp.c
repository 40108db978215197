#include "gateway/rtp/rtp.h"

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

int gw_rtp_header_len(const uint8_t *pkt, size_t len)
{
    size_t n = GW_RTP_HEADER;

    if (len < n)
        return GW_E_SHORT;
    if (pkt[0] >> 6 != 2)
        return GW_E_TYPE;
    n += 4u * (pkt[0] & 0x0f);
    if (pkt[0] & 0x10) {
        if (len < n + 4)
            return GW_E_SHORT;
        n += 4 + 4u * get16(pkt + n + 2);
    }
    return n <= len ? (int)n : GW_E_SHORT;
}

int gw_rtp_parse(struct gw_span span, struct gw_rtp *out)
{
    const uint8_t *p = span.ptr;
    int head = gw_rtp_header_len(p, span.len);
    struct gw_rtp h = { 0 };

    if (head < 0)
        return head;
    if (head > UINT16_MAX)
        return GW_E_RANGE; /* no datagram is that long */
    h.header_len = (uint16_t)head;
    h.payload_len = span.len - (size_t)head;
    if (p[0] & 0x20) {
        h.padding = h.payload_len ? p[span.len - 1] : 0;
        if (h.padding == 0 || h.padding > h.payload_len)
            return GW_E_RANGE;
        h.payload_len -= h.padding;
    }
    h.marker = p[1] >> 7;
    h.pt = p[1] & 0x7f;
    h.ncsrc = p[0] & 0x0f;
    h.seq = get16(p + 2);
    h.ts = get32(p + 4);
    h.ssrc = get32(p + 8);
    if (p[0] & 0x10) {
        h.has_ext = true;
        h.ext_at = (uint16_t)(GW_RTP_HEADER + 4 * h.ncsrc + 4);
        h.ext_len = (uint16_t)(h.header_len - h.ext_at);
        h.ext_profile = get16(p + h.ext_at - 4);
    }
    *out = h;
    return 0;
}
