#include "signaling/sdp/sdp.h"

struct gw_span gw_sdp_token(struct gw_span *rest)
{
    const char *p = rest->ptr, *from, *end;

    if (!rest->len)
        return (struct gw_span){ p, 0 };
    end = p + rest->len;
    while (p < end && *p == ' ')
        p++;
    from = p;
    while (p < end && *p != ' ')
        p++;
    *rest = (struct gw_span){ p, (size_t)(end - p) };
    return (struct gw_span){ from, (size_t)(p - from) };
}

struct gw_span gw_sdp_until(struct gw_span *rest, char c)
{
    struct gw_span all = *rest;
    const char *at = all.len ? memchr(all.ptr, c, all.len) : NULL;

    if (!at) {
        *rest = (struct gw_span){ 0 };
        return all;
    }
    *rest = (struct gw_span){ at + 1, all.len - (size_t)(at + 1 - (const char *)all.ptr) };
    return (struct gw_span){ all.ptr, (size_t)(at - (const char *)all.ptr) };
}

int gw_sdp_number(struct gw_span text, uint64_t max, uint64_t *out)
{
    const char *p = text.ptr;
    uint64_t v = 0;

    if (text.len == 0)
        return GW_E_SYNTAX;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)(p[i] - '0');
        if (p[i] < '0' || p[i] > '9')
            return GW_E_SYNTAX;
        if (v > (UINT64_MAX - digit) / 10)
            return GW_E_RANGE;
        v = v * 10 + digit;
    }
    if (v > max)
        return GW_E_RANGE;
    *out = v;
    return 0;
}

int gw_sdp_u32(struct gw_span text, uint32_t max, uint32_t *out)
{
    uint64_t v = 0;
    int err = gw_sdp_number(text, max, &v);

    if (!err)
        *out = (uint32_t)v;
    return err;
}

bool gw_sdp_attr_of(const struct gw_sdp_line *line, struct gw_span *name, struct gw_span *value)
{
    if (line->type != 'a')
        return false;
    *value = line->value;
    *name = gw_sdp_until(value, ':');
    return true;
}

bool gw_sdp_attr(const struct gw_sdp_section *s, const char *name, unsigned *pos, struct gw_span *value)
{
    for (unsigned i = *pos; i < s->nlines; i++) {
        struct gw_span n, v;
        if (gw_sdp_attr_of(&s->lines[i], &n, &v) && gw_span_is(n, name)) {
            *pos = i + 1;
            *value = v;
            return true;
        }
    }
    *pos = s->nlines;
    return false;
}

bool gw_sdp_has(const struct gw_sdp_section *s, const char *name)
{
    struct gw_span value;
    unsigned pos = 0;

    return gw_sdp_attr(s, name, &pos, &value);
}

const struct gw_sdp_section *gw_sdp_section_with(const struct gw_sdp *sdp, const struct gw_sdp_media *m,
                                                 const char *name)
{
    return gw_sdp_has(&m->section, name) ? &m->section : &sdp->session;
}

bool gw_sdp_inherit(const struct gw_sdp *sdp, const struct gw_sdp_media *m, const char *name, struct gw_span *value)
{
    unsigned pos = 0;

    return gw_sdp_attr(gw_sdp_section_with(sdp, m, name), name, &pos, value);
}

const struct gw_sdp_line *gw_sdp_line(const struct gw_sdp_section *s, char type)
{
    for (unsigned i = 0; i < s->nlines; i++)
        if (s->lines[i].type == type)
            return &s->lines[i];
    return NULL;
}

int gw_sdp_parse_connection(struct gw_span value, struct gw_addr *out)
{
    struct gw_span rest = value;
    struct gw_span net = gw_sdp_token(&rest), type = gw_sdp_token(&rest), host = gw_sdp_token(&rest);
    struct gw_addr addr;
    char text[GW_ADDR_TEXT];
    bool is_v6 = gw_span_is(type, "IP6");

    if (!gw_span_is(net, "IN") || (!is_v6 && !gw_span_is(type, "IP4")) || !host.len || gw_sdp_token(&rest).len)
        return GW_E_SYNTAX;
    host = gw_sdp_until(&host, '/'); /* a ttl or count belongs to multicast */
    if (gw_span_copy(host, text, sizeof(text)) || gw_addr_parse_ip(text, 0, &addr))
        return GW_E_UNSUPPORTED; /* a name */
    if (addr.family != (is_v6 ? 6 : 4))
        return GW_E_SYNTAX;
    if (is_v6 ? addr.ip[0] == 0xff : addr.ip[0] >= 224 && addr.ip[0] < 240)
        return GW_E_UNSUPPORTED;
    *out = addr;
    return 0;
}

int gw_sdp_address(const struct gw_sdp *sdp, const struct gw_sdp_media *m, struct gw_addr *out)
{
    const struct gw_sdp_line *c = gw_sdp_line(&m->section, 'c');
    struct gw_addr addr;
    int err;

    if (!c)
        c = gw_sdp_line(&sdp->session, 'c');
    if (!c)
        return GW_E_NOTFOUND;
    err = gw_sdp_parse_connection(c->value, &addr);
    if (err)
        return err;
    addr.port = m->port;
    *out = addr;
    return 0;
}
