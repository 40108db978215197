#include "datachannel/msrp/msrp_parse.h"

#include "gateway/base/utf8.h"

static bool is_tid_char(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr(".-+%=", c) != NULL);
}

static bool is_tid(struct gw_span s)
{
    const uint8_t *p = s.ptr;

    if (s.len < 4 || s.len > GW_MSRP_TID_MAX || strchr(".-+%=", p[0]))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!is_tid_char(p[i]))
            return false;
    return true;
}

/* The next piece up to `stop`, which is skipped; the rest without one. */
static struct gw_span cut(struct gw_span *s, char stop)
{
    const char *p = s->ptr, *at = s->len ? memchr(p, stop, s->len) : NULL;
    struct gw_span piece = { p, at ? (size_t)(at - p) : s->len };
    size_t used = piece.len + (at != NULL);

    s->ptr = p + used;
    s->len -= used;
    return piece;
}

static int parse_number(struct gw_span s, uint64_t *out)
{
    uint64_t v = 0;

    if (s.len == 0 || s.len > 18)
        return GW_E_SYNTAX;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = ((const uint8_t *)s.ptr)[i];
        if (c < '0' || c > '9')
            return GW_E_SYNTAX;
        v = v * 10 + (c - '0');
    }
    *out = v;
    return 0;
}

static int parse_star(struct gw_span s, uint64_t *out)
{
    if (gw_span_is(s, "*")) {
        *out = GW_MSRP_UNKNOWN;
        return 0;
    }
    return parse_number(s, out);
}

static int parse_range(struct gw_span s, struct gw_msrp_head *h)
{
    struct gw_span start = cut(&s, '-'), end = cut(&s, '/');

    if (parse_number(start, &h->range_start) || parse_star(end, &h->range_end) || parse_star(s, &h->range_total) ||
        h->range_start == 0)
        return GW_E_SYNTAX;
    h->has_range = true;
    return 0;
}

static int parse_path(struct gw_span s, struct gw_msrp_path *path)
{
    path->n = 0;
    while (s.len) {
        struct gw_msrp_uri uri;
        struct gw_span one = cut(&s, ' ');
        if (path->n == GW_MSRP_URIS || gw_msrp_uri_parse(one, &uri) != 0)
            return GW_E_SYNTAX;
        path->uri[path->n++] = one;
    }
    return path->n ? 0 : GW_E_SYNTAX;
}

static int parse_report(struct gw_span s, bool may_be_partial, enum gw_msrp_report *out)
{
    if (gw_span_is_nocase(s, "yes"))
        *out = GW_MSRP_YES;
    else if (gw_span_is_nocase(s, "no"))
        *out = GW_MSRP_NO;
    else if (may_be_partial && gw_span_is_nocase(s, "partial"))
        *out = GW_MSRP_PARTIAL;
    else
        return GW_E_SYNTAX;
    return 0;
}

/* "Status: 000 200 OK": the namespace, then the code (RFC 4975 s. 7.1.2). */
static int parse_status(struct gw_span s, struct gw_msrp_head *h)
{
    struct gw_span space = cut(&s, ' '), code = cut(&s, ' ');
    uint64_t v;

    if (!gw_span_is(space, "000") || code.len != 3 || parse_number(code, &v))
        return GW_E_SYNTAX;
    h->report_status = (int)v;
    return 0;
}

static int parse_header(struct gw_span name, struct gw_span value, struct gw_msrp_head *h)
{
    if (gw_span_is_nocase(name, "Message-ID")) {
        h->message_id = value;
        return is_tid(value) ? 0 : GW_E_SYNTAX;
    }
    if (gw_span_is_nocase(name, "Byte-Range"))
        return parse_range(value, h);
    if (gw_span_is_nocase(name, "Success-Report"))
        return parse_report(value, false, &h->success);
    if (gw_span_is_nocase(name, "Failure-Report"))
        return parse_report(value, true, &h->failure);
    if (gw_span_is_nocase(name, "Status"))
        return parse_status(value, h);
    if (gw_span_is_nocase(name, "Content-Type")) {
        h->content_type = value;
        return value.len ? 0 : GW_E_SYNTAX;
    }
    return 0; /* others pass as they are */
}

static const struct {
    const char *name;
    enum gw_msrp_method method;
} methods[] = {
    { "SEND", GW_MSRP_SEND },
    { "REPORT", GW_MSRP_REPORT },
    { "NICKNAME", GW_MSRP_NICKNAME },
    { "AUTH", GW_MSRP_AUTH },
};

static int parse_start_line(struct gw_span line, struct gw_msrp_head *h)
{
    struct gw_span third;
    uint64_t code;

    cut(&line, ' '); /* "MSRP", seen by the caller */
    h->tid = cut(&line, ' ');
    if (!is_tid(h->tid)) {
        h->tid = (struct gw_span){ NULL, 0 };
        return GW_E_SYNTAX;
    }
    third = cut(&line, ' ');
    if (third.len == 3 && parse_number(third, &code) == 0) {
        h->method = GW_MSRP_RESPONSE;
        h->status = (int)code;
        h->comment = line;
        return 0;
    }
    if (third.len == 0 || third.len > 32 || line.len)
        return GW_E_SYNTAX;
    for (size_t i = 0; i < third.len; i++)
        if (((const uint8_t *)third.ptr)[i] < 'A' || ((const uint8_t *)third.ptr)[i] > 'Z')
            return GW_E_SYNTAX;
    h->method = GW_MSRP_OTHER;
    h->method_name = third;
    for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (gw_span_is(third, methods[i].name))
            h->method = methods[i].method;
    return 0;
}

/* The next line without its CRLF. AGAIN without one. */
static int next_line(struct gw_span text, size_t at, struct gw_span *line)
{
    const uint8_t *p = (const uint8_t *)text.ptr + at;
    const uint8_t *cr = text.len > at ? memchr(p, '\r', text.len - at) : NULL;
    const uint8_t *lf = text.len > at ? memchr(p, '\n', text.len - at) : NULL;

    if (lf && (!cr || lf < cr))
        return GW_E_SYNTAX;
    if (!cr || cr + 1 == (const uint8_t *)text.ptr + text.len)
        return GW_E_AGAIN;
    if (cr[1] != '\n')
        return GW_E_SYNTAX;
    *line = (struct gw_span){ p, (size_t)(cr - p) };
    return 0;
}

static bool is_end_line(struct gw_span line, struct gw_span tid)
{
    const char *p = line.ptr;

    return line.len == 7 + tid.len + 1 && memcmp(p, "-------", 7) == 0 && memcmp(p + 7, tid.ptr, tid.len) == 0 &&
           strchr("$+#", p[line.len - 1]);
}

/* Which header each line must be: To-Path first, From-Path second (RFC 4975 s. 9). */
static int parse_line(struct gw_span line, unsigned number, struct gw_msrp_head *h)
{
    struct gw_span value = line, name = cut(&value, ':');

    if (name.len == 0 || name.len == line.len || value.len == 0 || *(const char *)value.ptr != ' ' ||
        !gw_utf8_is_valid(line) || memchr(line.ptr, 0, line.len) || h->content_type.len)
        return GW_E_SYNTAX; /* Content-Type is the last header */
    value.ptr = (const char *)value.ptr + 1;
    value.len--;
    if (number == 0)
        return gw_span_is_nocase(name, "To-Path") ? parse_path(value, &h->to) : GW_E_SYNTAX;
    if (number == 1)
        return gw_span_is_nocase(name, "From-Path") ? parse_path(value, &h->from) : GW_E_SYNTAX;
    return parse_header(name, value, h);
}

static int parse_lines(struct gw_span text, size_t at, struct gw_msrp_head *h)
{
    size_t others = 0;

    for (unsigned number = 0;; number++) {
        struct gw_span line = { NULL, 0 };
        int err = next_line(text, at, &line);
        bool at_end = !err && is_end_line(line, h->tid);

        if (err)
            return err;
        if (line.len == 0 || at_end) {
            if (number < 2 || (line.len == 0 && h->content_type.len == 0) || (at_end && h->content_type.len))
                return GW_E_SYNTAX; /* a body needs a Content-Type, and a Content-Type the empty line */
            h->has_body = line.len == 0;
            h->others = (struct gw_span){ (const char *)text.ptr + others, at - others };
            h->len = at + (h->has_body ? 2 : 0);
            return 0;
        }
        err = parse_line(line, number, h);
        if (err)
            return err;
        at += line.len + 2;
        if (number <= 1)
            others = at;
    }
}

int gw_msrp_parse_head(struct gw_span text, struct gw_msrp_head *out)
{
    static const char magic[] = "MSRP ";
    size_t have = text.len < 5 ? text.len : 5;
    struct gw_msrp_head h = { .success = GW_MSRP_NO, .failure = GW_MSRP_YES };
    struct gw_span line = { NULL, 0 };
    int err;

    if (have && memcmp(text.ptr, magic, have) != 0)
        return GW_E_TYPE;
    err = next_line(text, 0, &line);
    if (!err)
        err = parse_start_line(line, &h);
    if (!err)
        err = parse_lines(text, line.len + 2, &h);
    if (err == GW_E_AGAIN && text.len >= GW_MSRP_HEADERS_MAX)
        err = GW_E_LIMIT;
    if (err == GW_E_SYNTAX) {
        out->tid = h.tid;
        out->method = h.method;
    }
    if (!err)
        *out = h;
    return err;
}

int gw_msrp_end_line(struct gw_span text, struct gw_span tid, size_t *used)
{
    struct gw_span line = { NULL, 0 };
    int err = next_line(text, 0, &line);

    if (err == GW_E_AGAIN && text.len < GW_MSRP_END_LINE_MAX)
        return 0;
    if (err || !is_end_line(line, tid))
        return GW_E_SYNTAX;
    *used = line.len + 2;
    return ((const char *)line.ptr)[line.len - 1];
}

bool gw_msrp_has_end_line(struct gw_span body, struct gw_span tid)
{
    const char *p = body.ptr, *end = p + body.len, *at;
    char want[7 + GW_MSRP_TID_MAX];

    memcpy(want, "-------", 7);
    memcpy(want + 7, tid.ptr, tid.len);
    while ((at = memmem(p, (size_t)(end - p), want, 7 + tid.len))) {
        p = at + 7 + tid.len;
        if (p < end && memchr("$+#", *p, 3))
            return true;
    }
    return false;
}

int gw_msrp_parse_chunk(struct gw_span text, struct gw_msrp_head *out, struct gw_span *body, char *flag)
{
    struct gw_msrp_head h = { 0 };
    const char *p = text.ptr;
    size_t end_len, used = 0;
    int err = gw_msrp_parse_head(text, &h);

    if (err) {
        out->tid = h.tid;
        return err == GW_E_AGAIN ? GW_E_SYNTAX : err;
    }
    if (!h.has_body) {
        int f = gw_msrp_end_line((struct gw_span){ p + h.len, text.len - h.len }, h.tid, &used);
        if (f <= 0 || h.len + used != text.len) {
            out->tid = h.tid;
            return GW_E_SYNTAX;
        }
        *body = (struct gw_span){ NULL, 0 };
        *flag = (char)f;
        *out = h;
        return 0;
    }
    end_len = 2 + 7 + h.tid.len + 1 + 2;
    out->tid = h.tid;
    if (text.len < h.len + end_len)
        return GW_E_SYNTAX;
    *body = (struct gw_span){ p + h.len, text.len - h.len - end_len };
    p += text.len - end_len;
    if (memcmp(p, "\r\n", 2) != 0 || gw_msrp_end_line((struct gw_span){ p + 2, end_len - 2 }, h.tid, &used) <= 0)
        return GW_E_SYNTAX;
    if (gw_msrp_has_end_line(*body, h.tid))
        return GW_E_SYNTAX;
    *flag = p[end_len - 3];
    *out = h;
    return 0;
}
