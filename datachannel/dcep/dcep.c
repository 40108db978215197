#include "datachannel/dcep/dcep.h"

#include "gateway/base/utf8.h"
#include "gateway/base/wire.h"

int gw_dcep_parse_open(struct gw_span msg, struct gw_dcep_open *out)
{
    struct gw_reader r = gw_reader(msg);
    struct gw_dcep_open o = { 0 };

    uint8_t type = gw_read_u8(&r);
    uint8_t channel = gw_read_u8(&r);
    o.priority = gw_read_u16(&r);
    o.limit = gw_read_u32(&r);
    uint16_t nlabel = gw_read_u16(&r);
    uint16_t nprotocol = gw_read_u16(&r);
    o.label = gw_read_span(&r, nlabel);
    o.protocol = gw_read_span(&r, nprotocol);

    int err = gw_reader_finish(&r);
    if (err)
        return err;
    if (type != GW_DCEP_OPEN || (channel & 0x7f) > GW_DCEP_MAX_TIME)
        return GW_E_TYPE;
    if (nlabel > GW_DCEP_LABEL_MAX || nprotocol > GW_DCEP_PROTOCOL_MAX)
        return GW_E_LIMIT;
    if (!gw_utf8_is_valid(o.label) || !gw_utf8_is_valid(o.protocol))
        return GW_E_SYNTAX;
    o.is_ordered = !(channel & 0x80);
    o.kind = (enum gw_dcep_reliability)(channel & 0x7f);
    if (o.kind == GW_DCEP_RELIABLE)
        o.limit = 0; /* ignored by the receiver (RFC 8832 s. 5.1) */
    *out = o;
    return 0;
}

int gw_dcep_write_open(const struct gw_dcep_open *open, void *buf, size_t size)
{
    struct gw_writer w = gw_writer(buf, size);

    if (open->label.len > GW_DCEP_LABEL_MAX || open->protocol.len > GW_DCEP_PROTOCOL_MAX)
        return GW_E_LIMIT;
    gw_write_u8(&w, GW_DCEP_OPEN);
    gw_write_u8(&w, (uint8_t)(open->kind | (open->is_ordered ? 0 : 0x80)));
    gw_write_u16(&w, open->priority);
    gw_write_u32(&w, open->kind == GW_DCEP_RELIABLE ? 0 : open->limit);
    gw_write_u16(&w, (uint16_t)open->label.len);
    gw_write_u16(&w, (uint16_t)open->protocol.len);
    gw_write_bytes(&w, open->label.ptr, open->label.len);
    gw_write_bytes(&w, open->protocol.ptr, open->protocol.len);
    return w.err ? w.err : (int)gw_writer_len(&w);
}

bool gw_dcep_is_ack(struct gw_span msg)
{
    return msg.len == 1 && *(const uint8_t *)msg.ptr == GW_DCEP_ACK;
}

bool gw_dcep_may_open(bool opener_is_dtls_client, uint16_t stream)
{
    return stream != 65535 && (stream % 2 == 0) == opener_is_dtls_client;
}
