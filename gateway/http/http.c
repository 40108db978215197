#include "gateway/http/http.h"

static bool is_token_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_token_char(p[i]))
            return false;
    return n > 0;
}

static struct gw_span trim(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    while (p < end && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return (struct gw_span){ p, (size_t)(end - p) };
}

/* "GET /path?query HTTP/1.1" */
static int parse_request_line(const uint8_t *p, const uint8_t *end, struct gw_http_req *r)
{
    const uint8_t *sp1 = memchr(p, ' ', (size_t)(end - p)), *sp2, *q;

    sp2 = sp1 ? memchr(sp1 + 1, ' ', (size_t)(end - sp1 - 1)) : NULL;
    if (!sp2 || !is_token(p, (size_t)(sp1 - p)) || sp1[1] != '/')
        return GW_E_SYNTAX;
    for (q = sp1 + 1; q < sp2; q++)
        if (*q <= 0x20 || *q >= 0x7f)
            return GW_E_SYNTAX;
    if (end - sp2 != 9 || memcmp(sp2 + 1, "HTTP/1.", 7) != 0 || sp2[8] < '0' || sp2[8] > '9')
        return GW_E_UNSUPPORTED;
    r->minor = (unsigned)(sp2[8] - '0');
    r->method = (struct gw_span){ p, (size_t)(sp1 - p) };
    q = memchr(sp1 + 1, '?', (size_t)(sp2 - sp1 - 1));
    r->path = (struct gw_span){ sp1 + 1, (size_t)((q ? q : sp2) - sp1 - 1) };
    r->query = q ? (struct gw_span){ q + 1, (size_t)(sp2 - q - 1) } : (struct gw_span){ sp2, 0 };
    return 0;
}

static int parse_header(const uint8_t *p, const uint8_t *end, struct gw_http_req *r)
{
    const uint8_t *colon = memchr(p, ':', (size_t)(end - p));

    /* a blank before the colon or a folded line have served to smuggle requests (RFC 9112 s. 5.1, s. 5.2) */
    if (!colon || !is_token(p, (size_t)(colon - p)))
        return GW_E_SYNTAX;
    for (const uint8_t *c = colon + 1; c < end; c++)
        if ((*c < 0x20 && *c != '\t') || *c == 0x7f)
            return GW_E_SYNTAX;
    if (r->nheaders == GW_HTTP_HEADERS_MAX)
        return GW_E_LIMIT;
    r->headers[r->nheaders].name = (struct gw_span){ p, (size_t)(colon - p) };
    r->headers[r->nheaders++].value = trim(colon + 1, end);
    return 0;
}

int gw_http_parse(struct gw_span in, struct gw_http_req *out)
{
    const uint8_t *p = in.ptr, *start = p, *end = p + in.len;
    bool is_first = true;
    int err;

    out->nheaders = 0;
    while (p < end) {
        const uint8_t *lf = memchr(p, '\n', (size_t)(end - p)), *stop;

        if (!lf)
            break;
        if (lf - start >= GW_HTTP_HEAD_MAX)
            return GW_E_LIMIT;
        stop = lf > p && lf[-1] == '\r' ? lf - 1 : lf;
        if (stop == p && is_first) { /* RFC 9112 s. 2.2: an empty line before the request */
            p = lf + 1;
            continue;
        }
        if (stop == p) {
            out->len = (size_t)(lf + 1 - start);
            return 0;
        }
        err = is_first ? parse_request_line(p, stop, out) : parse_header(p, stop, out);
        if (err)
            return err;
        is_first = false;
        p = lf + 1;
    }
    return in.len > GW_HTTP_HEAD_MAX ? GW_E_LIMIT : GW_E_AGAIN;
}

bool gw_http_get(const struct gw_http_req *r, const char *name, struct gw_span *out)
{
    for (unsigned i = 0; i < r->nheaders; i++) {
        if (gw_span_is_nocase(r->headers[i].name, name)) {
            *out = r->headers[i].value;
            return true;
        }
    }
    return false;
}

unsigned gw_http_count(const struct gw_http_req *r, const char *name)
{
    unsigned n = 0;

    for (unsigned i = 0; i < r->nheaders; i++)
        n += gw_span_is_nocase(r->headers[i].name, name);
    return n;
}

bool gw_http_has_token(const struct gw_http_req *r, const char *name, const char *token)
{
    for (unsigned i = 0; i < r->nheaders; i++) {
        const uint8_t *p = r->headers[i].value.ptr, *end = p + r->headers[i].value.len;

        if (!gw_span_is_nocase(r->headers[i].name, name))
            continue;
        while (p <= end) {
            const uint8_t *comma = p < end ? memchr(p, ',', (size_t)(end - p)) : NULL, *stop = comma ? comma : end;

            if (gw_span_is_nocase(trim(p, stop), token))
                return true;
            p = stop + 1;
        }
    }
    return false;
}

static int hex(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

int gw_http_unescape(struct gw_span in, char *buf, size_t size)
{
    const uint8_t *p = in.ptr, *end = p + in.len;
    size_t n = 0;

    while (p < end) {
        int c = *p++;

        if (c == '%') {
            if (end - p < 2 || hex(p[0]) < 0 || hex(p[1]) < 0)
                return GW_E_SYNTAX;
            c = hex(p[0]) * 16 + hex(p[1]);
            p += 2;
            if (c == 0)
                return GW_E_SYNTAX;
        }
        if (n + 1 >= size)
            return GW_E_LIMIT;
        buf[n++] = (char)c;
    }
    if (size == 0)
        return GW_E_LIMIT;
    buf[n] = '\0';
    return 0;
}

int gw_http_query(const struct gw_http_req *r, const char *name, char *buf, size_t size)
{
    const uint8_t *p = r->query.ptr, *end = p + r->query.len;
    size_t len = strlen(name);

    while (p < end) {
        const uint8_t *amp = memchr(p, '&', (size_t)(end - p)), *stop = amp ? amp : end;

        if ((size_t)(stop - p) > len && memcmp(p, name, len) == 0 && p[len] == '=')
            return gw_http_unescape((struct gw_span){ p + len + 1, (size_t)(stop - p) - len - 1 }, buf, size);
        p = stop + (amp ? 1 : 0);
        if (!amp)
            break;
    }
    return GW_E_NOTFOUND;
}

const char *gw_http_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } rows[] = {
        { 200, "OK" },
        { 304, "Not Modified" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 409, "Conflict" },
        { 413, "Content Too Large" },
        { 426, "Upgrade Required" },
        { 431, "Request Header Fields Too Large" },
        { 501, "Not Implemented" },
        { 503, "Service Unavailable" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].status == status)
            return rows[i].phrase;
    return "Internal Server Error";
}
