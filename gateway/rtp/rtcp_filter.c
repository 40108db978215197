/* Making RTCP fit the peer that it goes to, and key frame requests. */
#include "gateway/base/wire.h"
#include "gateway/rtp/rtcp.h"

/* RFC 4585 s. 3.1: what a peer has not negotiated is not sent to it. */
static bool is_passed(const struct gw_rtcp *p, const struct gw_rtcp_caps *caps)
{
    switch (p->type) {
    case GW_RTCP_SR:
    case GW_RTCP_RR:
    case GW_RTCP_SDES:
    case GW_RTCP_BYE:
    case GW_RTCP_APP:
        return true;
    case GW_RTCP_RTPFB:
        if (p->count == GW_RTCP_NACK)
            return caps->has_avpf && caps->has_nack;
        return (p->count == GW_RTCP_TMMBR || p->count == GW_RTCP_TMMBN) && caps->has_avpf && caps->has_tmmbr;
    case GW_RTCP_PSFB:
        if (p->count == GW_RTCP_PLI)
            return caps->has_avpf && caps->has_pli;
        return p->count == GW_RTCP_FIR && caps->has_avpf && caps->has_fir;
    default:
        return caps->has_avpf;
    }
}

/* FIR names its target in its FCI, not in the media field (RFC 5104 s. 4.3.1.2). */
static void look(const struct gw_rtcp *p, bool passed, struct gw_rtcp_seen *seen, bool *is_keyframe_passed)
{
    struct gw_rtcp_feedback f;

    seen->has_bye |= p->type == GW_RTCP_BYE;
    if (passed && seen->passed < UINT8_MAX)
        seen->passed++;
    if (!passed && seen->dropped < UINT8_MAX)
        seen->dropped++;
    if (p->type != GW_RTCP_PSFB || (p->count != GW_RTCP_PLI && p->count != GW_RTCP_FIR) ||
        gw_rtcp_parse_feedback(p, &f) != 0)
        return;
    if (p->count == GW_RTCP_FIR) {
        struct gw_reader r = gw_reader(f.fci);
        seen->has_fir = true;
        f.media = gw_read_u32(&r);
    } else {
        seen->has_pli = true;
    }
    seen->media = f.media;
    *is_keyframe_passed |= passed;
}

/* An empty RR and, unless SDES follows anyway, an SDES with the CNAME (RFC 3550 s. 6.1), as wide as `head_len` says. */
static size_t head_len(bool has_sdes, size_t cname)
{
    return 8 + (has_sdes ? 0 : 4 + ((4 + 2 + cname) / 4 + 1) * 4); /* at least one null octet ends the chunk */
}

static void head_write(uint8_t *at, size_t len, bool has_sdes, uint32_t ssrc, struct gw_span cname)
{
    struct gw_writer w = gw_writer(at, len);

    gw_write_u32(&w, 0x80000001 | GW_RTCP_RR << 16);
    gw_write_u32(&w, ssrc);
    if (has_sdes)
        return;
    gw_write_u32(&w, 0x81000000 | GW_RTCP_SDES << 16 | (uint32_t)((len - 8) / 4 - 1));
    gw_write_u32(&w, ssrc);
    gw_write_u8(&w, 1); /* CNAME */
    gw_write_u8(&w, (uint8_t)cname.len);
    gw_write_bytes(&w, cname.ptr, cname.len);
    while (w.p < w.end)
        gw_write_u8(&w, 0);
}

static struct gw_span cname_cut(struct gw_span cname)
{
    if (cname.len > GW_RTCP_CNAME)
        cname.len = GW_RTCP_CNAME;
    return cname;
}

int gw_rtcp_filter(uint8_t *pkt, size_t *len, size_t size, const struct gw_rtcp_caps *caps, struct gw_span cname,
                   struct gw_rtcp_seen *seen)
{
    struct gw_span rest = { pkt, *len };
    struct gw_rtcp_seen s = { 0 };
    struct gw_rtcp p;
    bool is_keyframe_passed = false;
    size_t kept = 0, head = 0;
    int first = 0; /* type of the first packet kept */
    int err = gw_rtcp_check(rest, true);

    if (err)
        return err;
    cname = cname_cut(cname);
    while (rest.len > 0 && gw_rtcp_next(&rest, &p) == 0) { /* what will stay? */
        bool passed = is_passed(&p, caps);
        look(&p, passed, &s, &is_keyframe_passed);
        if (passed && first == 0)
            first = p.type;
        kept += passed ? p.all.len : 0;
    }
    s.is_keyframe_dropped = (s.has_pli || s.has_fir) && !is_keyframe_passed;
    if (kept > 0 && first != GW_RTCP_SR && first != GW_RTCP_RR && !caps->has_rsize)
        head = head_len(first == GW_RTCP_SDES, cname.len);
    if (kept + head > size)
        return GW_E_LIMIT;

    rest = (struct gw_span){ pkt, *len };
    for (size_t to = 0; rest.len > 0 && gw_rtcp_next(&rest, &p) == 0;) {
        if (!is_passed(&p, caps))
            continue;
        if (pkt + to != p.all.ptr)
            memmove(pkt + to, p.all.ptr, p.all.len);
        to += p.all.len;
    }
    if (head > 0) {
        uint32_t ssrc = kept >= 8 ? gw_rtcp_ssrc(pkt) : 0;
        memmove(pkt + head, pkt, kept);
        head_write(pkt, head, first == GW_RTCP_SDES, ssrc, cname);
    }
    *len = kept + head;
    *seen = s;
    return 0;
}

int gw_rtcp_write_keyframe(uint8_t *buf, size_t *len, size_t size, const struct gw_rtcp_caps *caps,
                           struct gw_span cname, uint32_t sender, uint32_t media, uint8_t fir_seq)
{
    struct gw_writer w;
    size_t head;

    if (!caps->has_avpf || !(caps->has_pli || caps->has_fir))
        return GW_E_UNSUPPORTED;
    cname = cname_cut(cname);
    head = caps->has_rsize ? 0 : head_len(false, cname.len);
    if (size < head)
        return GW_E_LIMIT;
    w = gw_writer(buf + head, size - head);
    if (caps->has_pli) { /* RFC 4585 s. 6.3.1 */
        gw_write_u32(&w, 0x80000002 | GW_RTCP_PLI << 24 | GW_RTCP_PSFB << 16);
        gw_write_u32(&w, sender);
        gw_write_u32(&w, media);
    } else { /* RFC 5104 s. 4.3.1: the media field is 0 */
        gw_write_u32(&w, 0x80000004 | GW_RTCP_FIR << 24 | GW_RTCP_PSFB << 16);
        gw_write_u32(&w, sender);
        gw_write_u32(&w, 0);
        gw_write_u32(&w, media);
        gw_write_u32(&w, (uint32_t)fir_seq << 24);
    }
    if (w.err)
        return w.err;
    if (head > 0)
        head_write(buf, head, false, sender, cname);
    *len = head + gw_writer_len(&w);
    return 0;
}
