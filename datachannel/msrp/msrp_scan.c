#include "datachannel/msrp/msrp_parse.h"

void gw_msrp_scan_init(struct gw_msrp_scan *s, struct gw_span tid)
{
    memset(s, 0, sizeof(*s));
    memcpy(s->want, "\r\n-------", 9);
    memcpy(s->want + 9, tid.ptr, tid.len);
    s->want_len = (uint8_t)(9 + tid.len);
}

/* Whether the held octets can still become the end-line. */
static bool may_be_end(const struct gw_msrp_scan *s)
{
    size_t n = s->nheld < s->want_len ? s->nheld : s->want_len;

    if (memcmp(s->held, s->want, n) != 0)
        return false;
    if (s->nheld > s->want_len && !memchr("$+#", s->held[s->want_len], 3))
        return false;
    return !(s->nheld > s->want_len + 1 && s->held[s->want_len + 1] != '\r') &&
           !(s->nheld > s->want_len + 2 && s->held[s->want_len + 2] != '\n');
}

/* One octet joins the held ones; those that turn out to be body are handed on. */
static bool hold(struct gw_msrp_scan *s, uint8_t c, gw_msrp_body_cb *cb, void *arg)
{
    uint8_t body[GW_MSRP_END_LINE_MAX];
    size_t n = 0;

    s->held[s->nheld++] = c;
    while (s->nheld && !may_be_end(s)) {
        body[n++] = s->held[0];
        memmove(s->held, s->held + 1, --s->nheld);
    }
    if (n)
        cb(arg, (struct gw_span){ body, n });
    return s->nheld == s->want_len + 3;
}

int gw_msrp_scan(struct gw_msrp_scan *s, struct gw_span *in, gw_msrp_body_cb *cb, void *arg)
{
    while (in->len) {
        const uint8_t *p = in->ptr;

        if (s->nheld == 0) { /* the long way: straight to the next CR */
            const uint8_t *cr = memchr(p, '\r', in->len);
            size_t n = cr ? (size_t)(cr - p) : in->len;
            if (n) {
                cb(arg, (struct gw_span){ p, n });
                in->ptr = p + n;
                in->len -= n;
                continue;
            }
        }
        in->ptr = p + 1;
        in->len--;
        if (hold(s, *p, cb, arg))
            return s->held[s->want_len];
    }
    return 0;
}
