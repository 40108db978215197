#include "datachannel/t140/t140_red.h"

#include "gateway/base/wire.h"

int gw_t140_red_parse(struct gw_span payload, uint8_t pt, struct gw_t140_red *out)
{
    struct gw_reader r = gw_reader(payload);
    struct gw_t140_red red = { 0 };
    size_t len[GW_T140_GENERATIONS];
    uint8_t first;

    while ((first = gw_read_u8(&r)) & 0x80) {
        uint32_t rest = gw_read_u24(&r);
        if (r.err)
            return r.err;
        if ((first & 0x7f) != pt)
            return GW_E_TYPE;
        if (red.n == GW_T140_GENERATIONS)
            return GW_E_RANGE;
        red.old[red.n].offset = (uint16_t)(rest >> 10);
        len[red.n++] = rest & 0x3ff;
    }
    if (r.err)
        return r.err;
    if (first != pt)
        return GW_E_TYPE;
    for (unsigned i = 0; i < red.n; i++)
        red.old[i].text = gw_read_span(&r, len[i]);
    red.primary = gw_read_span(&r, gw_reader_left(&r));
    if (r.err)
        return r.err;
    *out = red;
    return 0;
}

int gw_t140_red_write(const struct gw_t140_red *red, uint8_t pt, void *buf, size_t size)
{
    struct gw_writer w = gw_writer(buf, size);

    for (unsigned i = 0; i < red->n; i++) {
        if (red->old[i].text.len > GW_T140_BLOCK_MAX || red->old[i].offset > GW_T140_OFFSET_MAX)
            return GW_E_LIMIT;
        gw_write_u8(&w, 0x80 | pt);
        gw_write_u24(&w, (uint32_t)red->old[i].offset << 10 | (uint32_t)red->old[i].text.len);
    }
    gw_write_u8(&w, pt);
    for (unsigned i = 0; i < red->n; i++)
        gw_write_bytes(&w, red->old[i].text.ptr, red->old[i].text.len);
    gw_write_bytes(&w, red->primary.ptr, red->primary.len);
    return w.err ? w.err : (int)gw_writer_len(&w);
}
