/* Formats, direction and RTP details. */
#include "signaling/sdp/sdp_attr.h"

#include <strings.h>

static int parse_pt(struct gw_span text, uint8_t *pt)
{
    uint32_t v = 0;
    int err = gw_sdp_u32(text, 127, &v);

    if (!err)
        *pt = (uint8_t)v;
    return err;
}

int gw_sdp_parse_rtpmap(struct gw_span value, struct gw_sdp_rtpmap *out)
{
    struct gw_sdp_rtpmap r = { .channels = 1 };
    struct gw_span rest = value, codec, clock;
    int err = parse_pt(gw_sdp_token(&rest), &r.pt);

    if (err)
        return err;
    codec = gw_sdp_token(&rest);
    r.name = gw_sdp_until(&codec, '/');
    clock = gw_sdp_until(&codec, '/');
    if (!r.name.len || gw_sdp_token(&rest).len)
        return GW_E_SYNTAX;
    err = gw_sdp_u32(clock, 10000000, &r.clock_hz);
    if (!err && codec.ptr)
        err = gw_sdp_u32(codec, 255, &r.channels);
    if (err)
        return err;
    if (r.clock_hz == 0 || r.channels == 0)
        return GW_E_RANGE;
    *out = r;
    return 0;
}

void gw_sdp_write_rtpmap(struct gw_sdp_buf *b, const struct gw_sdp_rtpmap *r)
{
    gw_sdp_printf(b, "a=rtpmap:%u %.*s/%u", r->pt, GW_SDP_ARG(r->name), r->clock_hz);
    if (r->channels != 1)
        gw_sdp_printf(b, "/%u", r->channels);
    gw_sdp_printf(b, "\r\n");
}

/* RFC 3551 s. 6, tables 4 and 5 */
static const struct {
    uint8_t pt;
    const char *name;
    uint32_t clock_hz, channels;
} static_types[] = {
    { 0, "PCMU", 8000, 1 },   { 3, "GSM", 8000, 1 },    { 4, "G723", 8000, 1 },   { 5, "DVI4", 8000, 1 },
    { 6, "DVI4", 16000, 1 },  { 7, "LPC", 8000, 1 },    { 8, "PCMA", 8000, 1 },   { 9, "G722", 8000, 1 },
    { 10, "L16", 44100, 2 },  { 11, "L16", 44100, 1 },  { 12, "QCELP", 8000, 1 }, { 13, "CN", 8000, 1 },
    { 14, "MPA", 90000, 1 },  { 15, "G728", 8000, 1 },  { 16, "DVI4", 11025, 1 }, { 17, "DVI4", 22050, 1 },
    { 18, "G729", 8000, 1 },  { 25, "CelB", 90000, 1 }, { 26, "JPEG", 90000, 1 }, { 28, "nv", 90000, 1 },
    { 31, "H261", 90000, 1 }, { 32, "MPV", 90000, 1 },  { 33, "MP2T", 90000, 1 }, { 34, "H263", 90000, 1 },
};

bool gw_sdp_static_rtpmap(uint8_t pt, struct gw_sdp_rtpmap *out)
{
    for (size_t i = 0; i < sizeof(static_types) / sizeof(static_types[0]); i++) {
        if (static_types[i].pt != pt)
            continue;
        *out = (struct gw_sdp_rtpmap){ pt, gw_span_str(static_types[i].name), static_types[i].clock_hz,
                                       static_types[i].channels };
        return true;
    }
    return false;
}

int gw_sdp_find_rtpmap(const struct gw_sdp_section *s, uint8_t pt, struct gw_sdp_rtpmap *out)
{
    struct gw_span value;
    unsigned pos = 0;
    struct gw_sdp_rtpmap r;

    while (gw_sdp_attr(s, "rtpmap", &pos, &value)) {
        if (gw_sdp_parse_rtpmap(value, &r) == 0 && r.pt == pt) {
            *out = r;
            return 0;
        }
    }
    return gw_sdp_static_rtpmap(pt, out) ? 0 : GW_E_NOTFOUND;
}

int gw_sdp_parse_fmtp(struct gw_span value, struct gw_sdp_fmtp *out)
{
    struct gw_span rest = value;
    struct gw_span fmt = gw_sdp_token(&rest);

    while (rest.len && *(const char *)rest.ptr == ' ') {
        rest.ptr = (const char *)rest.ptr + 1;
        rest.len--;
    }
    if (!fmt.len || !rest.len)
        return GW_E_SYNTAX;
    *out = (struct gw_sdp_fmtp){ fmt, rest };
    return 0;
}

bool gw_sdp_fmtp_param(struct gw_span params, const char *name, struct gw_span *value)
{
    struct gw_span rest = params;

    while (rest.len) {
        struct gw_span v = gw_sdp_until(&rest, ';'), n;

        while (v.len && *(const char *)v.ptr == ' ') {
            v.ptr = (const char *)v.ptr + 1;
            v.len--;
        }
        n = gw_sdp_until(&v, '=');
        if (gw_span_is_nocase(n, name)) {
            *value = v;
            return true;
        }
    }
    return false;
}

static const char *const directions[] = { "inactive", "sendonly", "recvonly", "sendrecv" };

const char *gw_sdp_direction_text(enum gw_sdp_direction d)
{
    return directions[d & 3];
}

static bool direction_in(const struct gw_sdp_section *s, enum gw_sdp_direction *d)
{
    for (unsigned i = 0; i < s->nlines; i++)
        for (unsigned k = 0; k < 4; k++)
            if (s->lines[i].type == 'a' && gw_span_is(s->lines[i].value, directions[k])) {
                *d = (enum gw_sdp_direction)k;
                return true;
            }
    return false;
}

enum gw_sdp_direction gw_sdp_direction(const struct gw_sdp *sdp, const struct gw_sdp_media *m)
{
    enum gw_sdp_direction d = GW_SDP_SENDRECV;

    if (!direction_in(&m->section, &d))
        direction_in(&sdp->session, &d);
    return d;
}

enum gw_sdp_direction gw_sdp_direction_reverse(enum gw_sdp_direction d)
{
    return (enum gw_sdp_direction)((d & 1) << 1 | (d & 2) >> 1);
}

int gw_sdp_parse_rtcp(struct gw_span value, struct gw_sdp_rtcp *out)
{
    struct gw_sdp_rtcp r = { 0 };
    struct gw_span rest = value;
    uint32_t port = 0;
    int err = gw_sdp_u32(gw_sdp_token(&rest), 65535, &port);

    if (err)
        return err;
    r.port = (uint16_t)port;
    if (rest.len) {
        err = gw_sdp_parse_connection(rest, &r.addr);
        if (err)
            return err;
        r.addr.port = r.port;
    }
    *out = r;
    return 0;
}

int gw_sdp_parse_extmap(struct gw_span value, struct gw_sdp_extmap *out)
{
    struct gw_sdp_extmap e = { .direction = GW_SDP_SENDRECV };
    struct gw_span rest = value, dir = gw_sdp_token(&rest), id;
    uint32_t n = 0;
    int err;

    id = gw_sdp_until(&dir, '/');
    err = gw_sdp_u32(id, 4351, &n);
    if (err)
        return err;
    if (n == 0 || (n > 255 && n < 4096))
        return GW_E_RANGE;
    e.id = (uint16_t)n;
    if (dir.ptr) {
        unsigned k = 0;
        while (k < 4 && !gw_span_is(dir, directions[k]))
            k++;
        if (k == 4)
            return GW_E_SYNTAX;
        e.has_direction = true;
        e.direction = (enum gw_sdp_direction)k;
    }
    e.uri = gw_sdp_token(&rest);
    if (!e.uri.len)
        return GW_E_SYNTAX;
    if (rest.len)
        e.attributes = (struct gw_span){ (const char *)rest.ptr + 1, rest.len - 1 };
    *out = e;
    return 0;
}

int gw_sdp_parse_rtcp_fb(struct gw_span value, struct gw_sdp_rtcp_fb *out)
{
    struct gw_sdp_rtcp_fb f = { 0 };
    struct gw_span rest = value, pt = gw_sdp_token(&rest);

    if (gw_span_is(pt, "*")) {
        f.is_wildcard = true;
    } else {
        int err = parse_pt(pt, &f.pt);
        if (err)
            return err;
    }
    f.type = gw_sdp_token(&rest);
    if (!f.type.len)
        return GW_E_SYNTAX;
    if (rest.len)
        f.param = (struct gw_span){ (const char *)rest.ptr + 1, rest.len - 1 };
    *out = f;
    return 0;
}
