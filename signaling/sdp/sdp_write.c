#include "signaling/sdp/sdp.h"

#include <stdio.h>
#include <stdlib.h>

static int grow(struct gw_sdp_buf *b, size_t need)
{
    size_t size = b->size ? b->size : 1024;
    char *text;

    if (b->len + need >= GW_SDP_SIZE)
        return GW_E_LIMIT;
    while (size < b->len + need + 1)
        size *= 2;
    if (size == b->size)
        return 0;
    text = realloc(b->text, size);
    if (!text)
        return GW_E_NOMEM;
    b->text = text;
    b->size = size;
    return 0;
}

void gw_sdp_printf(struct gw_sdp_buf *b, const char *fmt, ...)
{
    va_list ap, again;
    int n;

    if (b->err)
        return;
    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    b->err = n < 0 ? GW_E_INVAL : grow(b, (size_t)n);
    if (!b->err) {
        vsnprintf(b->text + b->len, b->size - b->len, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void gw_sdp_buf_fini(struct gw_sdp_buf *b)
{
    free(b->text);
    *b = (struct gw_sdp_buf){ 0 };
}

static void write_section(const struct gw_sdp_section *s, struct gw_sdp_buf *b)
{
    for (unsigned i = 0; i < s->nlines; i++)
        gw_sdp_printf(b, "%c=%.*s\r\n", s->lines[i].type, GW_SDP_ARG(s->lines[i].value));
}

void gw_sdp_write(const struct gw_sdp *sdp, struct gw_sdp_buf *b)
{
    write_section(&sdp->session, b);
    for (unsigned i = 0; i < sdp->nmedia; i++) {
        const struct gw_sdp_media *m = &sdp->media[i];

        gw_sdp_printf(b, "m=%.*s %u", GW_SDP_ARG(m->type), m->port);
        if (m->nports != 1)
            gw_sdp_printf(b, "/%u", m->nports);
        gw_sdp_printf(b, " %.*s %.*s\r\n", GW_SDP_ARG(m->proto), GW_SDP_ARG(m->fmts));
        write_section(&m->section, b);
    }
}
