#include "gateway/trace/mask.h"

#include <string.h>
#include <strings.h>

static void blot(char *p, char *end)
{
    for (; p < end; p++)
        if (*p != '\r' && *p != '\n')
            *p = '*';
}

/* The line at p without its end of line; *next: the one after. */
static struct gw_span line_at(char *p, char *end, char **next)
{
    char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;

    *next = nl ? nl + 1 : end;
    if (stop > p && stop[-1] == '\r')
        stop--;
    return (struct gw_span){ p, (size_t)(stop - p) };
}

static bool starts(struct gw_span line, const char *with)
{
    size_t n = strlen(with);

    return line.len >= n && strncasecmp(line.ptr, with, n) == 0;
}

/* ---- SDP ---- */

/* From the value on; in a crypto line the tag and the suite may be seen. */
static void mask_sdp_line(struct gw_span line)
{
    static const char *const whole[] = { "k=", "a=ice-pwd:", "a=key-mgmt:" };
    char *p = (char *)line.ptr, *end = p + line.len, *v = NULL;

    for (unsigned i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
        if (starts(line, whole[i]))
            v = p + strlen(whole[i]);
    if (starts(line, "a=crypto:")) {
        v = memchr(p, ' ', line.len);
        v = v ? memchr(v + 1, ' ', (size_t)(end - v - 1)) : NULL;
        v = v ? v + 1 : p + 9; /* "a=crypto:1 SUITE " */
    }
    if (v)
        blot(v, end);
}

static void mask_sdp(char *p, char *end)
{
    while (p < end)
        mask_sdp_line(line_at(p, end, &p));
}

/* ---- headers ---- */

static struct gw_span value_of(struct gw_span line)
{
    const char *p = memchr(line.ptr, ':', line.len), *end = (const char *)line.ptr + line.len;

    for (p = p ? p + 1 : end; p < end && (*p == ' ' || *p == '\t'); p++)
        ;
    return (struct gw_span){ p, (size_t)(end - p) };
}

static bool is_named(struct gw_span line, const char *name, const char *compact)
{
    const char *colon = memchr(line.ptr, ':', line.len), *p = line.ptr;

    while (colon && colon > p && (colon[-1] == ' ' || colon[-1] == '\t'))
        colon--;
    if (!colon)
        return false;
    return gw_span_is_nocase((struct gw_span){ p, (size_t)(colon - p) }, name) ||
           (*compact && gw_span_is_nocase((struct gw_span){ p, (size_t)(colon - p) }, compact));
}

/* The scheme and who it is may be seen, nothing that could be replayed. */
static void mask_credentials(struct gw_span value)
{
    char *p = (char *)value.ptr, *end = p + value.len, *user = memmem(p, value.len, "username=\"", 10), *close;

    p = memchr(p, ' ', value.len);
    if (!p)
        return;
    if (user && (close = memchr(user + 10, '"', (size_t)(end - user - 10)))) {
        blot(p + 1, user);
        p = close;
    }
    blot(p + 1, end);
}

static void read_start(struct gw_span line, struct gw_trace_facts *out)
{
    const char *p = line.ptr;

    out->start = line;
    out->is_response = starts(line, "SIP/2.0 ");
    for (size_t i = 8; out->is_response && i < line.len && i < 11 && p[i] >= '0' && p[i] <= '9'; i++)
        out->status = out->status * 10 + (unsigned)(p[i] - '0');
}

static void read_header(struct gw_span line, struct gw_trace_facts *out)
{
    struct gw_span v = value_of(line);
    const char *sp;

    if (is_named(line, "Call-ID", "i")) {
        out->call_id = v;
    } else if (is_named(line, "CSeq", "")) {
        sp = memrchr(v.ptr, ' ', v.len);
        out->cseq = sp ? (struct gw_span){ sp + 1, (size_t)((const char *)v.ptr + v.len - sp - 1) } : v;
    } else if (is_named(line, "From", "f")) {
        out->from = v;
    } else if (is_named(line, "To", "t")) {
        out->to = v;
    } else if (is_named(line, "Content-Type", "c")) {
        out->is_sdp = starts(v, "application/sdp");
    } else if (is_named(line, "Authorization", "") || is_named(line, "Proxy-Authorization", "") ||
               is_named(line, "Authentication-Info", "")) {
        mask_credentials(v);
    }
}

void gw_trace_mask(char *text, size_t len, struct gw_trace_facts *out)
{
    char *p = text, *end = text + len;
    bool is_secret = false; /* a credentials header goes on in folded lines */
    struct gw_span line;

    memset(out, 0, sizeof(*out));
    read_start(line_at(p, end, &p), out);
    while (p < end) {
        line = line_at(p, end, &p);
        if (line.len == 0)
            break;
        if (*(const char *)line.ptr == ' ' || *(const char *)line.ptr == '\t') {
            if (is_secret)
                blot((char *)line.ptr, (char *)line.ptr + line.len);
            continue;
        }
        is_secret =
            starts(line, "Authorization") || starts(line, "Proxy-Authorization") || starts(line, "Authentication-Info");
        read_header(line, out);
    }
    out->body = (struct gw_span){ p, (size_t)(end - p) };
    if (out->is_sdp)
        mask_sdp(p, end);
    else
        blot(p, end);
}
