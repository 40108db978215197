#include "stream.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void gw_ws_stream_fini(struct gw_ws_stream *s)
{
    free(s->buf);
    memset(s, 0, sizeof(*s));
}

int gw_ws_stream_put(struct gw_ws_stream *s, struct gw_span in)
{
    size_t left = s->len - s->at;
    uint8_t *p;

    if (s->at && left)
        memmove(s->buf, s->buf + s->at, left);
    s->at = 0;
    s->len = left;
    if (left + in.len == 0)
        return 0;
    p = realloc(s->buf, left + in.len);
    if (!p)
        return GW_E_NOMEM;
    s->buf = p;
    if (in.len)
        memcpy(p + left, in.ptr, in.len);
    s->len += in.len;
    return 0;
}

/* The value of Content-Length in a head, compact form too; NOTFOUND: none. */
static int read_length(const char *head, size_t len, size_t *out)
{
    static const char *const names[] = { "Content-Length", "l" };
    const char *p = head, *end = head + len, *lf;

    for (; (lf = memchr(p, '\n', (size_t)(end - p))); p = lf + 1) {
        for (unsigned i = 0; i < 2; i++) {
            size_t n = strlen(names[i]), value = 0, digits = 0;
            const char *v = p + n;

            if ((size_t)(lf - p) <= n || strncasecmp(p, names[i], n) != 0)
                continue;
            while (v < lf && (*v == ' ' || *v == '\t'))
                v++;
            if (v == lf || *v++ != ':')
                continue;
            while (v < lf && (*v == ' ' || *v == '\t'))
                v++;
            for (; v < lf && *v >= '0' && *v <= '9'; v++, digits++) {
                value = value * 10 + (size_t)(*v - '0');
                if (value > GW_WS_STREAM_MESSAGE)
                    return GW_E_LIMIT;
            }
            while (v < lf && (*v == ' ' || *v == '\t' || *v == '\r'))
                v++;
            if (!digits || v != lf)
                return GW_E_SYNTAX;
            *out = value;
            return 0;
        }
    }
    return GW_E_NOTFOUND;
}

int gw_ws_stream_next(struct gw_ws_stream *s, struct gw_span *message)
{
    const char *p, *end;
    size_t head, body = 0, left;
    int err;

    for (;;) {
        p = (const char *)s->buf + s->at;
        left = s->len - s->at;
        if (left >= 4 && memcmp(p, "\r\n\r\n", 4) == 0) {
            s->at += 4;
            return GW_WS_STREAM_PING;
        }
        if (left < 2 || memcmp(p, "\r\n", 2) != 0 || (left < 4 && memcmp(p, "\r\n\r\n", left) == 0))
            break;
        s->at += 2; /* a single one before a message: RFC 3261 s. 7.5 */
    }
    if (left == 0) {
        gw_ws_stream_fini(s);
        return GW_WS_STREAM_MORE;
    }
    end = memmem(p, left, "\r\n\r\n", 4);
    if (!end)
        return left > GW_WS_STREAM_HEAD ? GW_E_LIMIT : GW_WS_STREAM_MORE;
    head = (size_t)(end - p) + 4;
    if (head > GW_WS_STREAM_HEAD)
        return GW_E_LIMIT;
    err = read_length(p, head - 2, &body);
    if (err == GW_E_NOTFOUND)
        return GW_E_SYNTAX; /* RFC 3261 s. 20.14: it must be there */
    if (err)
        return err;
    if (head + body > GW_WS_STREAM_MESSAGE)
        return GW_E_LIMIT;
    if (left < head + body)
        return GW_WS_STREAM_MORE;
    *message = (struct gw_span){ p, head + body };
    s->at += head + body;
    return GW_WS_STREAM_SIP;
}
