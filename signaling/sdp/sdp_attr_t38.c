/* T.38 in SDP (ITU-T T.38 annex D; specs/data-media.md 6.1): read as the field writes it, written as the standard does,
 * and negotiated from leg to leg. */
#include <strings.h>

#include "signaling/sdp/sdp_attr.h"

static struct gw_span trim(struct gw_span s)
{
    const char *p = s.ptr;
    size_t n = s.len;

    while (n && p[n - 1] == ' ')
        n--;
    while (n && *p == ' ') {
        p++;
        n--;
    }
    return (struct gw_span){ p, n };
}

static void take_number(struct gw_span value, uint32_t *out)
{
    (void)gw_sdp_u32(trim(value), UINT32_MAX, out); /* on error it stays */
}

/* Presence says yes; deployed gateways write ":0" for no, and ":1". */
static bool is_yes(struct gw_span value)
{
    return !gw_span_is(trim(value), "0");
}

static void take_version(struct gw_sdp_t38 *t, struct gw_span value)
{
    uint32_t v = 0;

    if (gw_sdp_u32(trim(value), UINT8_MAX, &v) != 0)
        return;
    t->has_version = true;
    t->version = (uint8_t)v;
}

static void take_rate(struct gw_sdp_t38 *t, struct gw_span value)
{
    value = trim(value);
    if (gw_span_is_nocase(value, "localTCF"))
        t->rate = GW_SDP_T38_LOCAL_TCF;
    else if (gw_span_is_nocase(value, "transferredTCF") || gw_span_is_nocase(value, "transferedTCF"))
        t->rate = GW_SDP_T38_TRANSFERRED_TCF;
}

static void take_ec(struct gw_sdp_t38 *t, struct gw_span value)
{
    value = trim(value);
    if (gw_span_is_nocase(value, "t38UDPFEC"))
        t->ec = GW_SDP_T38_FEC;
    else if (gw_span_is_nocase(value, "t38UDPRedundancy"))
        t->ec = GW_SDP_T38_REDUNDANCY;
    else if (gw_span_is_nocase(value, "t38UDPNoEC"))
        t->ec = GW_SDP_T38_NO_EC;
}

/* "1 3", or "1": no more than the least is told. */
static void take_depth(struct gw_sdp_t38 *t, struct gw_span value)
{
    struct gw_span first;
    uint32_t least = 0, most = UINT8_MAX;

    value = trim(value);
    first = gw_sdp_token(&value);
    value = trim(value);
    if (gw_sdp_u32(first, UINT8_MAX, &least) != 0 ||
        (value.len && (gw_sdp_u32(value, UINT8_MAX, &most) != 0 || most < least)))
        return;
    t->has_depth = true;
    t->min_depth = (uint8_t)least;
    t->max_depth = (uint8_t)most;
}

static void take_span(struct gw_sdp_t38 *t, struct gw_span value)
{
    uint32_t v = t->max_span;

    (void)gw_sdp_u32(trim(value), UINT8_MAX, &v); /* on error it stays */
    t->max_span = (uint8_t)v;
}

bool gw_sdp_is_t38(struct gw_span name)
{
    return name.len > 3 && strncasecmp(name.ptr, "T38", 3) == 0;
}

void gw_sdp_t38_take(struct gw_sdp_t38 *t, struct gw_span name, struct gw_span value)
{
    if (!gw_sdp_is_t38(name))
        return;
    if (gw_span_is_nocase(name, "T38FaxVersion"))
        take_version(t, value);
    else if (gw_span_is_nocase(name, "T38MaxBitRate"))
        take_number(value, &t->bit_rate);
    else if (gw_span_is_nocase(name, "T38FaxRateManagement"))
        take_rate(t, value);
    else if (gw_span_is_nocase(name, "T38FaxFillBitRemoval"))
        t->has_fill_bit_removal = is_yes(value);
    else if (gw_span_is_nocase(name, "T38FaxTranscodingMMR"))
        t->has_mmr = is_yes(value);
    else if (gw_span_is_nocase(name, "T38FaxTranscodingJBIG"))
        t->has_jbig = is_yes(value);
    else if (gw_span_is_nocase(name, "T38FaxMaxBuffer"))
        take_number(value, &t->max_buffer);
    else if (gw_span_is_nocase(name, "T38FaxMaxDatagram"))
        take_number(value, &t->max_datagram);
    else if (gw_span_is_nocase(name, "T38FaxMaxIFP"))
        take_number(value, &t->max_ifp);
    else if (gw_span_is_nocase(name, "T38FaxUdpEC"))
        take_ec(t, value);
    else if (gw_span_is_nocase(name, "T38FaxUdpECDepth"))
        take_depth(t, value);
    else if (gw_span_is_nocase(name, "T38FaxUdpFECMaxSpan"))
        take_span(t, value);
}

void gw_sdp_parse_t38(const struct gw_sdp_section *s, struct gw_sdp_t38 *out)
{
    struct gw_span name, value;

    *out = (struct gw_sdp_t38){ 0 };
    for (unsigned i = 0; i < s->nlines; i++)
        if (gw_sdp_attr_of(&s->lines[i], &name, &value))
            gw_sdp_t38_take(out, name, value);
}

static void write_number(struct gw_sdp_buf *b, const char *prefix, const char *name, uint32_t v)
{
    if (v)
        gw_sdp_printf(b, "%sT38%s:%u\r\n", prefix, name, v);
}

static void write_flag(struct gw_sdp_buf *b, const char *prefix, const char *name, bool is_set)
{
    if (is_set)
        gw_sdp_printf(b, "%sT38Fax%s\r\n", prefix, name);
}

void gw_sdp_write_t38(struct gw_sdp_buf *b, const char *prefix, const struct gw_sdp_t38 *t)
{
    static const char *const ecs[] = {
        [GW_SDP_T38_NO_EC] = "t38UDPNoEC", [GW_SDP_T38_REDUNDANCY] = "t38UDPRedundancy", [GW_SDP_T38_FEC] = "t38UDPFEC"
    };

    if (t->has_version)
        gw_sdp_printf(b, "%sT38FaxVersion:%u\r\n", prefix, t->version);
    write_number(b, prefix, "MaxBitRate", t->bit_rate);
    write_flag(b, prefix, "FillBitRemoval", t->has_fill_bit_removal);
    write_flag(b, prefix, "TranscodingMMR", t->has_mmr);
    write_flag(b, prefix, "TranscodingJBIG", t->has_jbig);
    if (t->rate != GW_SDP_T38_RATE_ABSENT)
        gw_sdp_printf(b, "%sT38FaxRateManagement:%s\r\n", prefix,
                      t->rate == GW_SDP_T38_LOCAL_TCF ? "localTCF" : "transferredTCF");
    write_number(b, prefix, "FaxMaxBuffer", t->max_buffer);
    write_number(b, prefix, "FaxMaxDatagram", t->max_datagram);
    write_number(b, prefix, "FaxMaxIFP", t->max_ifp);
    if (t->ec != GW_SDP_T38_EC_ABSENT)
        gw_sdp_printf(b, "%sT38FaxUdpEC:%s\r\n", prefix, ecs[t->ec]);
}

/* ---- from leg to leg ---- */

static uint8_t carried(uint8_t version)
{
    return version >= GW_SDP_T38_VERSION ? GW_SDP_T38_VERSION : 0;
}

/* 0: not written, and then `standard`, or none where that is 0 too. Written when it was, or when it lowers. */
static uint32_t lower(uint32_t offered, uint32_t answered, uint32_t standard)
{
    uint32_t a = offered ? offered : standard, b = answered ? answered : standard;
    uint32_t least = !a || (b && b < a) ? b : a;

    return offered || least != standard ? least : 0;
}

void gw_sdp_t38_offer(const struct gw_sdp_t38 *offered, struct gw_sdp_t38 *out)
{
    *out = *offered;
    out->has_version = true;
    out->version = carried(offered->version);
    out->bit_rate =
        offered->bit_rate && offered->bit_rate < GW_SDP_T38_BIT_RATE ? offered->bit_rate : GW_SDP_T38_BIT_RATE;
    if (out->rate == GW_SDP_T38_RATE_ABSENT)
        out->rate = GW_SDP_T38_TRANSFERRED_TCF; /* it must be written, and over UDP it is this one */
    out->max_datagram = 0;
    out->ec = GW_SDP_T38_EC_ABSENT;
}

int gw_sdp_t38_answer(const struct gw_sdp_t38 *offered, const struct gw_sdp_t38 *answered, struct gw_sdp_t38 *out)
{
    struct gw_sdp_t38 o;

    gw_sdp_t38_offer(offered, &o);
    if (answered->rate != GW_SDP_T38_RATE_ABSENT && answered->rate != o.rate)
        return GW_E_UNSUPPORTED;
    out->has_version = offered->has_version;
    out->version = carried(answered->version) < o.version ? carried(answered->version) : o.version;
    out->bit_rate = lower(offered->bit_rate ? o.bit_rate : 0, answered->bit_rate, GW_SDP_T38_BIT_RATE);
    out->rate = o.rate;
    out->has_fill_bit_removal = offered->has_fill_bit_removal && answered->has_fill_bit_removal;
    out->has_mmr = offered->has_mmr && answered->has_mmr;
    out->has_jbig = offered->has_jbig && answered->has_jbig;
    out->max_buffer = lower(offered->max_buffer, answered->max_buffer, GW_SDP_T38_BUFFER);
    out->max_ifp = lower(offered->max_ifp, answered->max_ifp, 0);
    out->max_datagram = 0;
    out->ec = offered->ec;
    return 0;
}
