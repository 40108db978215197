#include "datachannel/msrp/msrp_parse.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

struct out {
    char *p;
    size_t left;
    bool is_full;
};

static void put(struct out *o, struct gw_span s)
{
    if (o->is_full || s.len > o->left) {
        o->is_full = true;
        return;
    }
    if (s.len)
        memcpy(o->p, s.ptr, s.len);
    o->p += s.len;
    o->left -= s.len;
}

static void put_str(struct out *o, const char *s)
{
    put(o, gw_span_str(s));
}

static void put_number(struct out *o, uint64_t v)
{
    char text[24] = "*";

    if (v != GW_MSRP_UNKNOWN)
        snprintf(text, sizeof(text), "%" PRIu64, v);
    put_str(o, text);
}

static void put_range(struct out *o, const struct gw_msrp_rewrite *w)
{
    put_str(o, "Byte-Range: ");
    put_number(o, w->range_start);
    put_str(o, "-");
    put_number(o, w->range_end);
    put_str(o, "/");
    put_number(o, w->range_total);
    put_str(o, "\r\n");
}

static bool is_header(const char *line, size_t len, const char *name)
{
    size_t n = strlen(name);
    return len > n && line[n] == ':' && strncasecmp(line, name, n) == 0;
}

int gw_msrp_write_head(const struct gw_msrp_head *h, const struct gw_msrp_rewrite *w, void *buf, size_t size)
{
    struct out o = { buf, size, false };
    const char *p = h->others.ptr, *end = p + h->others.len;
    bool range_done = !w->has_range;

    put_str(&o, "MSRP ");
    put(&o, w->tid);
    put_str(&o, " ");
    if (h->method == GW_MSRP_RESPONSE) {
        char code[8];
        snprintf(code, sizeof(code), "%03d", h->status);
        put_str(&o, code);
        if (h->comment.len) {
            put_str(&o, " ");
            put(&o, h->comment);
        }
    } else {
        put(&o, h->method_name);
    }
    put_str(&o, "\r\nTo-Path: ");
    put(&o, w->to);
    put_str(&o, "\r\nFrom-Path: ");
    put(&o, w->from);
    put_str(&o, "\r\n");
    while (p < end) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        size_t len = lf ? (size_t)(lf + 1 - p) : (size_t)(end - p);
        bool is_type = is_header(p, len, "Content-Type");

        if (w->has_range && is_header(p, len, "Byte-Range")) {
            p += len;
            continue;
        }
        if (is_type && !range_done) {
            put_range(&o, w);
            range_done = true;
        }
        put(&o, (struct gw_span){ p, len });
        p += len;
    }
    if (!range_done)
        put_range(&o, w);
    if (h->has_body)
        put_str(&o, "\r\n");
    return o.is_full ? GW_E_LIMIT : (int)(size - o.left);
}

int gw_msrp_write_end(struct gw_span tid, char flag, bool has_body, void *buf, size_t size)
{
    struct out o = { buf, size, false };

    put_str(&o, has_body ? "\r\n-------" : "-------");
    put(&o, tid);
    put(&o, (struct gw_span){ &flag, 1 });
    put_str(&o, "\r\n");
    return o.is_full ? GW_E_LIMIT : (int)(size - o.left);
}

int gw_msrp_write_response(const struct gw_msrp_head *h, int status, const char *comment, void *buf, size_t size)
{
    struct out o = { buf, size, false };
    unsigned n = h->method == GW_MSRP_SEND && h->from.n ? 1 : h->from.n;
    char code[8];

    snprintf(code, sizeof(code), " %03d", status);
    put_str(&o, "MSRP ");
    put(&o, h->tid);
    put_str(&o, code);
    if (comment) {
        put_str(&o, " ");
        put_str(&o, comment);
    }
    put_str(&o, "\r\nTo-Path:");
    for (unsigned i = 0; i < n; i++) {
        put_str(&o, " ");
        put(&o, h->from.uri[i]);
    }
    put_str(&o, "\r\nFrom-Path: ");
    put(&o, h->to.n ? h->to.uri[0] : (struct gw_span){ NULL, 0 });
    put_str(&o, "\r\n-------");
    put(&o, h->tid);
    put_str(&o, "$\r\n");
    return o.is_full ? GW_E_LIMIT : (int)(size - o.left);
}
