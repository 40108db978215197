/* Data channels in SDP: dcmap and dcsa (RFC 8864 s. 5). */
#include <ctype.h>

#include "signaling/sdp/sdp_attr.h"

static int hex(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The text between two quotes, %HH decoded. */
static int unquote(struct gw_span q, char *out, size_t size)
{
    const uint8_t *p = q.ptr;
    size_t n = 0;

    if (q.len < 2 || p[0] != '"' || p[q.len - 1] != '"')
        return GW_E_SYNTAX;
    for (size_t i = 1; i + 1 < q.len; i++) {
        uint8_t c = p[i];
        if (c == '%') {
            if (i + 3 >= q.len || hex(p[i + 1]) < 0 || hex(p[i + 2]) < 0)
                return GW_E_SYNTAX;
            c = (uint8_t)(hex(p[i + 1]) << 4 | hex(p[i + 2]));
            i += 2;
        } else if (c < 0x20 || c > 0x7e || c == '"') {
            return GW_E_SYNTAX;
        }
        if (c == 0 || n + 1 >= size)
            return GW_E_LIMIT;
        out[n++] = (char)c;
    }
    out[n] = 0;
    return 0;
}

/* gw_sdp_token leaves the blank behind its token. */
static struct gw_span skip_blanks(struct gw_span s)
{
    while (s.len && *(const char *)s.ptr == ' ') {
        s.ptr = (const char *)s.ptr + 1;
        s.len--;
    }
    return s;
}

/* The next option: up to a ';' that is not inside quotes. */
static struct gw_span next_option(struct gw_span *rest)
{
    const char *p = rest->ptr;
    bool in_quotes = false;
    size_t n = 0;

    while (n < rest->len && (in_quotes || p[n] != ';'))
        in_quotes ^= p[n++] == '"';
    rest->ptr = p + n + (n < rest->len);
    rest->len -= n + (n < rest->len);
    return (struct gw_span){ p, n };
}

static int parse_option(struct gw_span opt, struct gw_sdp_dcmap *m)
{
    struct gw_span name = gw_sdp_until(&opt, '=');
    uint32_t v = 0;

    if (gw_span_is(name, "ordered"))
        m->is_ordered = !gw_span_is(opt, "false"); /* other values: the default */
    else if (gw_span_is(name, "subprotocol"))
        return unquote(opt, m->subprotocol, sizeof(m->subprotocol));
    else if (gw_span_is(name, "label"))
        return unquote(opt, m->label, sizeof(m->label));
    else if (gw_span_is(name, "max-retr"))
        m->has_max_retr = true;
    else if (gw_span_is(name, "max-time"))
        m->has_max_time = true;
    else if (gw_span_is(name, "priority"))
        return gw_sdp_u32(opt, 65535, &v);
    else
        return 0; /* unknown ones are ignored */
    return m->has_max_retr || m->has_max_time ? gw_sdp_u32(opt, UINT32_MAX, &v) : 0;
}

int gw_sdp_parse_dcmap(struct gw_span value, struct gw_sdp_dcmap *out)
{
    struct gw_sdp_dcmap m = { .is_ordered = true };
    uint32_t id;
    struct gw_span number = gw_sdp_token(&value);
    int err = number.len > 5 ? GW_E_RANGE : gw_sdp_u32(number, 65534, &id);

    if (err)
        return err;
    m.id = (uint16_t)id;
    value = skip_blanks(value);
    m.options = value;
    while (value.len && !err) {
        struct gw_span opt = next_option(&value);
        bool had_retr = m.has_max_retr, had_time = m.has_max_time;
        m.has_max_retr = m.has_max_time = false; /* parse_option checks the number of the one it met */
        err = parse_option(opt, &m);
        m.has_max_retr |= had_retr;
        m.has_max_time |= had_time;
    }
    if (err)
        return err;
    if (m.has_max_retr && m.has_max_time) /* RFC 8864 s. 5.1.7 */
        return GW_E_INVAL;
    for (char *p = m.subprotocol; *p; p++)
        *p = (char)tolower((unsigned char)*p); /* names differ by more than case (RFC 7936 s. 2) */
    *out = m;
    return 0;
}

bool gw_sdp_dcsa(const struct gw_sdp_section *s, uint16_t id, unsigned *pos, struct gw_span *name,
                 struct gw_span *value, struct gw_span *whole)
{
    struct gw_span v;

    while (gw_sdp_attr(s, "dcsa", pos, &v)) {
        struct gw_span number = gw_sdp_token(&v);
        uint32_t n;
        v = skip_blanks(v);
        if (gw_sdp_u32(number, 65534, &n) != 0 || n != id || v.len == 0)
            continue;
        *whole = v;
        *name = gw_sdp_until(&v, ':');
        *value = v;
        return true;
    }
    return false;
}

bool gw_sdp_is_old_sctp(struct gw_span proto)
{
    return gw_span_is_nocase(proto, "DTLS/SCTP");
}

static int number_of(const struct gw_sdp_section *s, const char *name, uint32_t most, uint32_t *out)
{
    struct gw_span v;
    unsigned pos = 0;

    return gw_sdp_attr(s, name, &pos, &v) ? gw_sdp_u32(v, most, out) : GW_E_NOTFOUND;
}

int gw_sdp_parse_sctp(const struct gw_sdp_media *m, struct gw_sdp_sctp *out)
{
    struct gw_sdp_sctp a = { .is_old = gw_sdp_is_old_sctp(m->proto), .max_message = 65536 }; /* RFC 8841 s. 6.1 */
    struct gw_span fmts = m->fmts, fmt = gw_sdp_token(&fmts), app = fmt, v;
    unsigned pos = 0;
    uint32_t port;

    if (a.is_old) { /* "sctpmap:5000 webrtc-datachannel 1024": its first word is the m-line's */
        app = (struct gw_span){ NULL, 0 };
        while (gw_sdp_attr(&m->section, "sctpmap", &pos, &v))
            if (gw_span_eq(gw_sdp_token(&v), fmt))
                app = gw_sdp_token(&v);
    }
    if (!gw_span_is(app, "webrtc-datachannel"))
        return GW_E_UNSUPPORTED;
    if (a.is_old ? gw_sdp_u32(fmt, 65535, &port) : number_of(&m->section, "sctp-port", 65535, &port))
        return GW_E_NOTFOUND;
    a.port = (uint16_t)port;
    (void)number_of(&m->section, "max-message-size", UINT32_MAX, &a.max_message);
    *out = a;
    return 0;
}

int gw_sdp_parse_msrp_address(struct gw_span path, struct gw_addr *out)
{
    struct gw_span uri = gw_sdp_token(&path), authority;
    char text[GW_ADDR_TEXT];
    size_t n = 0;

    (void)gw_sdp_until(&uri, ':');
    if (uri.len < 2 || memcmp(uri.ptr, "//", 2) != 0)
        return GW_E_SYNTAX;
    uri = (struct gw_span){ (const char *)uri.ptr + 2, uri.len - 2 };
    for (const char *p = uri.ptr; n < uri.len && p[n] != '/' && p[n] != ';'; n++)
        if (p[n] == '@') { /* user information takes no part (s. 6.1) */
            uri = (struct gw_span){ p + n + 1, uri.len - n - 1 };
            p = uri.ptr;
            n = (size_t)-1;
        }
    authority = (struct gw_span){ uri.ptr, n };
    return gw_span_copy(authority, text, sizeof(text)) || gw_addr_parse(text, out) ? GW_E_UNSUPPORTED : 0;
}
