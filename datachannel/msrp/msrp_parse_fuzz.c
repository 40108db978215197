#include "datachannel/msrp/msrp_parse.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t *seen;
static size_t nseen;

static void on_body(void *arg, struct gw_span b)
{
    (void)arg;
    memcpy(seen + nseen, b.ptr, b.len);
    nseen += b.len;
}

/* A chunk that parses has the same body for the scanner, in pieces of seven; and what is written of it parses again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_msrp_head h, again;
    struct gw_span body, body2;
    char flag, flag2, *buf;
    int n, e = 0;

    if (gw_msrp_parse_chunk((struct gw_span){ data, len }, &h, &body, &flag) != 0)
        return 0;
    seen = malloc(len + 1);
    nseen = 0;
    if (h.has_body) {
        struct gw_msrp_scan s;
        int found = 0;
        gw_msrp_scan_init(&s, h.tid);
        for (size_t at = h.len; at < len && !found; at += 7) {
            struct gw_span in = { data + at, len - at < 7 ? len - at : 7 };
            found = gw_msrp_scan(&s, &in, on_body, NULL);
        }
        if (found != flag || nseen != body.len || memcmp(seen, body.ptr, nseen) != 0)
            abort();
    }
    buf = malloc(2 * len + 256);
    n = gw_msrp_write_head(&h, &(struct gw_msrp_rewrite){ .tid = h.tid, .to = h.to.uri[0], .from = h.from.uri[0] }, buf,
                           2 * len + 256);
    if (n < 0)
        abort();
    memcpy(buf + n, body.ptr ? body.ptr : "", body.len);
    e = gw_msrp_write_end(h.tid, flag, h.has_body, buf + n + body.len, 64);
    if (e < 0 ||
        gw_msrp_parse_chunk((struct gw_span){ buf, (size_t)(n + e) + body.len }, &again, &body2, &flag2) != 0 ||
        !gw_span_eq(body, body2) || flag != flag2)
        abort();
    free(buf);
    free(seen);
    return 0;
}
