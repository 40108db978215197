#include "gateway/ice/stun.h"

#include "gateway/base/wire.h"

enum {
    STUN_COOKIE = 0x2112A442,
    ATTR_USERNAME = 0x0006,
    ATTR_INTEGRITY = 0x0008,
    ATTR_FINGERPRINT = 0x8028,
};

static void split_username(struct gw_span name, struct gw_stun_peek *p)
{
    const char *s = name.ptr, *colon = name.len ? memchr(s, ':', name.len) : NULL;

    if (!colon)
        return;
    p->local_ufrag = (struct gw_span){ s, (size_t)(colon - s) };
    p->remote_ufrag = (struct gw_span){ colon + 1, name.len - p->local_ufrag.len - 1 };
}

int gw_stun_peek(struct gw_span msg, struct gw_stun_peek *out)
{
    struct gw_reader r = gw_reader(msg);
    struct gw_stun_peek p = { 0 };
    uint16_t type = gw_read_u16(&r);
    uint16_t len = gw_read_u16(&r);
    uint32_t cookie = gw_read_u32(&r);

    gw_read_span(&r, 12); /* transaction id */
    if (r.err)
        return r.err;
    if (type & 0xc000 || cookie != STUN_COOKIE)
        return GW_E_TYPE;
    if (len % 4 != 0 || len > gw_reader_left(&r))
        return GW_E_SHORT;
    if (len < gw_reader_left(&r))
        return GW_E_TRAILING;
    p.class = (type >> 4 & 1) | (type >> 7 & 2);
    p.method = (uint16_t)((type & 0x000f) | (type & 0x00e0) >> 1 | (type & 0x3e00) >> 2);

    while (gw_reader_left(&r)) {
        uint16_t attr = gw_read_u16(&r);
        uint16_t n = gw_read_u16(&r);
        struct gw_span value = gw_read_span(&r, n);

        gw_read_span(&r, -n & 3u); /* padding */
        if (r.err)
            return r.err;
        if (p.has_fingerprint) /* it is the last one (RFC 8489 s. 14.7) */
            return GW_E_SYNTAX;
        if (attr == ATTR_USERNAME && !p.has_integrity && !p.local_ufrag.ptr)
            split_username(value, &p);
        else if (attr == ATTR_INTEGRITY)
            p.has_integrity = true;
        else if (attr == ATTR_FINGERPRINT)
            p.has_fingerprint = true;
    }
    *out = p;
    return 0;
}
