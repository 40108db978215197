#include "datachannel/bfcp/bfcp_msg.h"

#include "gateway/base/wire.h"

enum {
    ATTR_ERROR_CODE = 6,
    GROUPED_FIRST = 14, /* BENEFICIARY-INFORMATION */
    GROUPED_LAST = 18,  /* OVERALL-REQUEST-STATUS */
    DEPTH_MAX = 4,      /* RFC 8855 nests two deep */
};

int gw_bfcp_parse_header(struct gw_span msg, struct gw_bfcp_header *out)
{
    struct gw_reader r = gw_reader(msg);
    struct gw_bfcp_header h = { 0 };
    uint8_t first = gw_read_u8(&r);

    h.version = first >> 5;
    h.is_response = first >> 4 & 1;
    h.is_fragment = first >> 3 & 1;
    h.primitive = gw_read_u8(&r);
    h.payload_bytes = 4u * gw_read_u16(&r);
    h.conference = gw_read_u32(&r);
    h.transaction = gw_read_u16(&r);
    h.user = gw_read_u16(&r);
    if (h.version == GW_BFCP_RELIABLE) /* a receiver on a reliable transport ignores both (RFC 8855 s. 5.1) */
        h.is_response = h.is_fragment = false;
    if (h.is_fragment) {
        h.fragment_offset = 4u * gw_read_u16(&r);
        h.fragment_bytes = 4u * gw_read_u16(&r);
    }
    if (r.err)
        return r.err;
    if (h.version != GW_BFCP_RELIABLE && h.version != GW_BFCP_UNRELIABLE)
        return GW_E_TYPE;
    if (h.is_fragment && h.fragment_offset + h.fragment_bytes > h.payload_bytes)
        return GW_E_RANGE;
    *out = h;
    return 0;
}

int gw_bfcp_write_header(const struct gw_bfcp_header *h, void *buf, size_t size)
{
    struct gw_writer w = gw_writer(buf, size);

    gw_write_u8(&w, (uint8_t)(h->version << 5 | (h->is_response ? 0x10 : 0) | (h->is_fragment ? 0x08 : 0)));
    gw_write_u8(&w, h->primitive);
    gw_write_u16(&w, (uint16_t)(h->payload_bytes / 4));
    gw_write_u32(&w, h->conference);
    gw_write_u16(&w, h->transaction);
    gw_write_u16(&w, h->user);
    if (h->is_fragment) {
        gw_write_u16(&w, (uint16_t)(h->fragment_offset / 4));
        gw_write_u16(&w, (uint16_t)(h->fragment_bytes / 4));
    }
    return w.err ? w.err : (int)gw_writer_len(&w);
}

/* Octets that stand before the nested attributes of a grouped one: its own id (2 octets). */
static int check_attributes(struct gw_span list, unsigned depth)
{
    struct gw_reader r = gw_reader(list);

    while (gw_reader_left(&r)) {
        uint8_t type = gw_read_u8(&r) >> 1;
        uint8_t len = gw_read_u8(&r);
        struct gw_span value;

        if (r.err || len < 2)
            return GW_E_SYNTAX;
        value = gw_read_span(&r, len - 2u);
        gw_reader_take(&r, (4u - len % 4u) % 4u);
        if (r.err)
            return GW_E_SYNTAX;
        if (type < GROUPED_FIRST || type > GROUPED_LAST)
            continue;
        if (value.len < 2 || depth == DEPTH_MAX ||
            check_attributes((struct gw_span){ (const uint8_t *)value.ptr + 2, value.len - 2 }, depth + 1) != 0)
            return GW_E_SYNTAX;
    }
    return 0;
}

int gw_bfcp_check(struct gw_span msg, struct gw_bfcp_header *out)
{
    struct gw_bfcp_header h;
    int err = gw_bfcp_parse_header(msg, &h);

    if (err)
        return err;
    if (h.is_fragment)
        return GW_E_STATE;
    if (msg.len != GW_BFCP_HEADER + h.payload_bytes)
        return msg.len < GW_BFCP_HEADER + h.payload_bytes ? GW_E_SHORT : GW_E_TRAILING;
    err = check_attributes((struct gw_span){ (const uint8_t *)msg.ptr + GW_BFCP_HEADER, h.payload_bytes }, 0);
    if (err)
        return err;
    *out = h;
    return 0;
}

int gw_bfcp_frame(struct gw_span stream, size_t *len)
{
    const uint8_t *p = stream.ptr;

    if (stream.len && p[0] >> 5 != GW_BFCP_RELIABLE)
        return GW_E_TYPE;
    *len = stream.len < GW_BFCP_HEADER ? 0 : GW_BFCP_HEADER + 4u * (size_t)(p[2] << 8 | p[3]);
    return 0;
}

int gw_bfcp_write_error(const struct gw_bfcp_header *h, uint8_t code, void *buf, size_t size)
{
    struct gw_bfcp_header e = *h;
    struct gw_writer w = gw_writer(buf, size);

    e.primitive = GW_BFCP_ERROR;
    e.is_response = h->version == GW_BFCP_UNRELIABLE;
    e.is_fragment = false;
    e.payload_bytes = 4;
    if (!gw_writer_take(&w, GW_BFCP_HEADER))
        return w.err;
    gw_bfcp_write_header(&e, buf, size);
    gw_write_u8(&w, ATTR_ERROR_CODE << 1 | 1); /* mandatory */
    gw_write_u8(&w, 3);
    gw_write_u8(&w, code);
    gw_write_u8(&w, 0); /* padding */
    return w.err ? w.err : (int)gw_writer_len(&w);
}
