#include "signaling/sdp/sdp.h"

#include <stdlib.h>

/* The model and its text are one block: struct, lines, text. */
struct parser {
    struct gw_sdp *sdp;
    struct gw_sdp_line *lines; /* next free */
    struct gw_sdp_section *section;
    struct gw_sdp_error why;
};

static int fail(struct parser *p, int err, const char *what)
{
    p->why.what = what;
    return err;
}

/* m=<media> <port>["/"<n>] <proto> <fmt> ... (RFC 8866 s. 5.14) */
static int parse_media(struct parser *p, struct gw_span value)
{
    struct gw_sdp_media m = { 0 };
    struct gw_span rest = value, port, count;
    uint32_t n = 0;

    if (p->sdp->nmedia == GW_SDP_MEDIA)
        return fail(p, GW_E_LIMIT, "too many m-lines");
    m.type = gw_sdp_token(&rest);
    count = gw_sdp_token(&rest);
    port = gw_sdp_until(&count, '/');
    if (gw_sdp_u32(port, 65535, &n))
        return fail(p, GW_E_SYNTAX, "port of m-line");
    m.port = (uint16_t)n;
    m.nports = 1;
    if (count.ptr && (gw_sdp_u32(count, 65535, &n) || n == 0))
        return fail(p, GW_E_SYNTAX, "number of ports of m-line");
    if (count.ptr)
        m.nports = n;
    m.proto = gw_sdp_token(&rest);
    while (rest.len && *(const char *)rest.ptr == ' ') {
        rest.ptr = (const char *)rest.ptr + 1;
        rest.len--;
    }
    while (rest.len && ((const char *)rest.ptr)[rest.len - 1] == ' ')
        rest.len--;
    m.fmts = rest;
    if (!m.type.len || !m.proto.len)
        return fail(p, GW_E_SYNTAX, "m-line too short");
    if (!m.fmts.len)
        return fail(p, GW_E_SYNTAX, "m-line without format");
    m.section.lines = p->lines;
    p->sdp->media[p->sdp->nmedia] = m;
    p->section = &p->sdp->media[p->sdp->nmedia++].section;
    return 0;
}

static int parse_line(struct parser *p, struct gw_span line)
{
    const char *s = line.ptr;
    struct gw_span value;

    if (line.len > GW_SDP_LINE)
        return fail(p, GW_E_LIMIT, "line too long");
    if (line.len < 2 || s[0] < 'a' || s[0] > 'z' || s[1] != '=')
        return fail(p, GW_E_SYNTAX, "not a type=value line");
    if (memchr(s, 0, line.len) || memchr(s, '\r', line.len))
        return fail(p, GW_E_SYNTAX, "NUL or CR inside a line");
    value = (struct gw_span){ s + 2, line.len - 2 };
    if (p->why.line == 1 && (s[0] != 'v' || !gw_span_is(value, "0")))
        return fail(p, GW_E_SYNTAX, "does not begin with v=0");
    if (p->why.line != 1 && s[0] == 'v')
        return fail(p, GW_E_SYNTAX, "second v= line");
    if (s[0] == 'm')
        return parse_media(p, value);
    if (p->section->nlines == GW_SDP_LINES)
        return fail(p, GW_E_LIMIT, "too many lines in a section");
    *p->lines++ = (struct gw_sdp_line){ s[0], value };
    p->section->nlines++;
    return 0;
}

static int parse_lines(struct parser *p, const char *text, size_t len)
{
    const char *end = text + len;
    bool ended = false;
    int err = 0;

    while (text < end && !err) {
        const char *nl = memchr(text, '\n', (size_t)(end - text));
        struct gw_span line = { text, (size_t)((nl ? nl : end) - text) };

        text = nl ? nl + 1 : end;
        p->why.line++;
        if (line.len && ((const char *)line.ptr)[line.len - 1] == '\r')
            line.len--;
        if (line.len == 0)
            ended = true; /* empty lines are met at the end of real descriptions, and tolerated there alone */
        else if (ended)
            err = fail(p, GW_E_SYNTAX, "empty line");
        else
            err = parse_line(p, line);
    }
    if (!err && !gw_sdp_line(&p->sdp->session, 'v'))
        err = fail(p, GW_E_SYNTAX, "empty");
    if (!err && !gw_sdp_line(&p->sdp->session, 'o'))
        err = fail(p, GW_E_SYNTAX, "no o= line");
    return err;
}

int gw_sdp_parse(struct gw_span text, struct gw_sdp **out, struct gw_sdp_error *why)
{
    struct parser p = { .why = { 0, "" } };
    size_t nlines = 1;
    char *copy;
    int err;

    if (text.len > GW_SDP_SIZE) {
        *why = (struct gw_sdp_error){ 0, "too long" };
        return GW_E_LIMIT;
    }
    for (size_t i = 0; i < text.len; i++)
        nlines += ((const char *)text.ptr)[i] == '\n';
    p.sdp = calloc(1, sizeof(*p.sdp) + nlines * sizeof(*p.lines) + text.len + 1);
    if (!p.sdp) {
        *why = (struct gw_sdp_error){ 0, "out of memory" };
        return GW_E_NOMEM;
    }
    p.lines = (struct gw_sdp_line *)(p.sdp + 1);
    copy = (char *)(p.lines + nlines);
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    p.section = &p.sdp->session;
    p.section->lines = p.lines;
    err = parse_lines(&p, copy, text.len);
    if (err) {
        *why = p.why;
        free(p.sdp);
        return err;
    }
    *out = p.sdp;
    return 0;
}

void gw_sdp_free(struct gw_sdp *sdp)
{
    free(sdp);
}
