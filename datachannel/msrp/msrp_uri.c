#include "datachannel/msrp/msrp_parse.h"

#include <strings.h>

static bool is_authority_char(uint8_t c)
{
    return c > 0x20 && c < 0x7f && !strchr("/;<>\"\\^`{|}", c);
}

static int parse_authority(struct gw_span s, struct gw_msrp_uri *u)
{
    const char *p = s.ptr, *at, *colon;
    size_t n = s.len;

    for (size_t i = 0; i < n; i++)
        if (!is_authority_char((uint8_t)p[i]))
            return GW_E_SYNTAX;
    at = n ? memrchr(p, '@', n) : NULL; /* user information does not count (RFC 4975 s. 6.1) */
    if (at) {
        n -= (size_t)(at + 1 - p);
        p = at + 1;
    }
    if (n && *p == '[') {
        const char *close = memchr(p, ']', n);
        if (!close)
            return GW_E_SYNTAX;
        u->host = (struct gw_span){ p + 1, (size_t)(close - p - 1) };
        n -= (size_t)(close + 1 - p);
        p = close + 1;
        if (n && *p != ':')
            return GW_E_SYNTAX;
        colon = n ? p : NULL;
    } else {
        colon = n ? memchr(p, ':', n) : NULL;
        u->host = (struct gw_span){ p, colon ? (size_t)(colon - p) : n };
        n -= u->host.len;
    }
    u->port = -1;
    if (u->host.len == 0)
        return GW_E_SYNTAX;
    if (colon) {
        u->port = 0;
        if (n < 2 || n > 6)
            return GW_E_SYNTAX;
        for (size_t i = 1; i < n; i++) {
            if (colon[i] < '0' || colon[i] > '9')
                return GW_E_SYNTAX;
            u->port = u->port * 10 + (colon[i] - '0');
        }
        if (u->port > 65535)
            return GW_E_RANGE;
    }
    return 0;
}

int gw_msrp_uri_parse(struct gw_span text, struct gw_msrp_uri *out)
{
    struct gw_msrp_uri u = { 0 };
    const char *p = text.ptr, *end = p + text.len, *semi, *slash;
    int err;

    if (text.len > GW_MSRP_URI_MAX)
        return GW_E_LIMIT;
    if (text.len >= 8 && strncasecmp(p, "msrps://", 8) == 0) {
        u.is_secure = true;
        p += 8;
    } else if (text.len >= 7 && strncasecmp(p, "msrp://", 7) == 0) {
        p += 7;
    } else {
        return GW_E_TYPE;
    }
    semi = memchr(p, ';', (size_t)(end - p));
    if (!semi)
        return GW_E_SYNTAX;
    slash = memchr(p, '/', (size_t)(semi - p));
    err = parse_authority((struct gw_span){ p, (size_t)((slash ? slash : semi) - p) }, &u);
    if (err)
        return err;
    if (slash) {
        u.has_session = true;
        u.session = (struct gw_span){ slash + 1, (size_t)(semi - slash - 1) };
        for (size_t i = 0; i < u.session.len; i++)
            if (slash[1 + i] <= 0x20 || slash[1 + i] == 0x7f)
                return GW_E_SYNTAX;
    }
    p = semi + 1;
    semi = memchr(p, ';', (size_t)(end - p));
    u.transport = (struct gw_span){ p, (size_t)((semi ? semi : end) - p) };
    if (u.transport.len == 0)
        return GW_E_SYNTAX;
    for (; p < end; p++) /* transport and parameters */
        if ((uint8_t)*p <= 0x20 || (uint8_t)*p == 0x7f)
            return GW_E_SYNTAX;
    *out = u;
    return 0;
}

static bool eq_nocase(struct gw_span a, struct gw_span b)
{
    return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

bool gw_msrp_uri_eq(struct gw_span a, struct gw_span b)
{
    struct gw_msrp_uri x, y;

    return gw_msrp_uri_parse(a, &x) == 0 && gw_msrp_uri_parse(b, &y) == 0 && x.is_secure == y.is_secure &&
           eq_nocase(x.host, y.host) && x.port == y.port && x.has_session == y.has_session &&
           gw_span_eq(x.session, y.session) && eq_nocase(x.transport, y.transport);
}
