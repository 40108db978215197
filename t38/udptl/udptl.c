#include "t38/udptl/udptl.h"

#include "gateway/base/wire.h"

enum { EC_SECONDARY = 0x00, EC_FEC = 0x80 };

/* Length determinant of aligned PER (X.691 s. 10.9): one or two octets; the fragmented form is for 16K and more. */
static size_t read_length(struct gw_reader *r)
{
    uint8_t first = gw_read_u8(r);

    if (first < 0x80)
        return first;
    if (first < 0xc0)
        return (size_t)(first & 0x3f) << 8 | gw_read_u8(r);
    r->err = r->err ? r->err : GW_E_RANGE;
    return 0;
}

static void write_length(struct gw_writer *w, size_t n)
{
    if (n < 0x80)
        gw_write_u8(w, (uint8_t)n);
    else
        gw_write_u16(w, (uint16_t)(0x8000 | n));
}

/* An open type is never empty in PER; one zero octet stands for nothing (T.38 s. 9.1.4). */
static struct gw_span read_open_type(struct gw_reader *r)
{
    size_t n = read_length(r);
    return gw_read_span(r, n);
}

static void write_open_type(struct gw_writer *w, struct gw_span s)
{
    static const uint8_t nothing;

    if (s.len == 0)
        s = (struct gw_span){ &nothing, 1 };
    write_length(w, s.len);
    gw_write_bytes(w, s.ptr, s.len);
}

static int read_recovery(struct gw_reader *r, struct gw_udptl_packet *p)
{
    uint8_t kind = gw_read_u8(r);
    size_t n;

    if (r->err)
        return r->err;
    if (kind != EC_SECONDARY && kind != EC_FEC)
        return GW_E_TYPE;
    p->ec = kind == EC_FEC ? GW_UDPTL_FEC : GW_UDPTL_REDUNDANCY;
    if (kind == EC_FEC) {
        if (gw_read_u8(r) != 1) /* an INTEGER of one octet */
            return r->err ? r->err : GW_E_RANGE;
        p->span = gw_read_u8(r);
        if (!r->err && (p->span == 0 || p->span > GW_UDPTL_ENTRIES))
            return GW_E_RANGE;
    }
    n = read_length(r);
    if (n > GW_UDPTL_ENTRIES)
        return GW_E_RANGE;
    for (size_t i = 0; i < n && !r->err; i++)
        p->entries[i] = read_open_type(r);
    p->nentries = (uint8_t)n;
    return gw_reader_finish(r);
}

int gw_udptl_parse(struct gw_span packet, struct gw_udptl_packet *out)
{
    struct gw_reader r = gw_reader(packet);
    struct gw_udptl_packet p = { 0 };
    int err;

    p.seq = gw_read_u16(&r);
    p.primary = read_open_type(&r);
    if (r.err)
        return r.err;
    if (p.primary.len == 0)
        return GW_E_SHORT;
    if (p.primary.len > GW_UDPTL_IFP_MAX)
        return GW_E_RANGE;
    err = read_recovery(&r, &p);
    if (err) {
        p.ec = GW_UDPTL_NO_EC;
        p.nentries = p.span = 0;
    } else if (p.ec == GW_UDPTL_REDUNDANCY && p.nentries == 0) {
        p.ec = GW_UDPTL_NO_EC;
    }
    *out = p;
    return err ? GW_E_TRAILING : 0;
}

int gw_udptl_write(const struct gw_udptl_packet *p, void *buf, size_t size)
{
    struct gw_writer w = gw_writer(buf, size);

    gw_write_u16(&w, p->seq);
    write_open_type(&w, p->primary);
    gw_write_u8(&w, p->ec == GW_UDPTL_FEC ? EC_FEC : EC_SECONDARY);
    if (p->ec == GW_UDPTL_FEC) {
        gw_write_u8(&w, 1);
        gw_write_u8(&w, p->span);
    }
    write_length(&w, p->nentries);
    for (unsigned i = 0; i < p->nentries; i++)
        write_open_type(&w, p->entries[i]);
    return w.err ? w.err : (int)gw_writer_len(&w);
}
