#include "t38/ifp/ifp.h"

#include "gateway/base/wire.h"

enum {
    INDICATORS = 23,
    INDICATOR_ROOT = 16,
    DATA_TYPES = 15,
    DATA_ROOT = 9,
    FIELD_TYPES = 12,
    FIELD_ROOT = 8,
};

/* Packet octet: P C 0 vvvv -, or past the extension mark P C 1 0 vvvv, vv------ with the value less the root. */
static int read_type(struct gw_reader *r, bool *has_fields, struct gw_ifp *ifp)
{
    uint8_t first = gw_read_u8(r);
    unsigned value = first >> 1 & 0x0f;

    *has_fields = first & 0x80;
    ifp->is_data = first & 0x40;
    if (first & 0x20) {
        if (first & 0x10) /* a "normally small" number above 63 */
            return r->err ? r->err : GW_E_TYPE;
        value = (first & 0x0fu) << 2 | gw_read_u8(r) >> 6;
        value += ifp->is_data ? DATA_ROOT : INDICATOR_ROOT;
    } else if (ifp->is_data && value >= DATA_ROOT) {
        return GW_E_TYPE;
    }
    if (r->err)
        return r->err;
    if (value >= (ifp->is_data ? DATA_TYPES : INDICATORS))
        return GW_E_TYPE;
    ifp->value = (uint8_t)value;
    return 0;
}

static void write_type(struct gw_writer *w, const struct gw_ifp *ifp)
{
    unsigned root = ifp->is_data ? DATA_ROOT : INDICATOR_ROOT;
    uint8_t first = (uint8_t)((ifp->nfields ? 0x80 : 0) | (ifp->is_data ? 0x40 : 0));

    if (ifp->value < root) {
        gw_write_u8(w, (uint8_t)(first | ifp->value << 1));
    } else {
        gw_write_u8(w, (uint8_t)(first | 0x20 | (ifp->value - root) >> 2));
        gw_write_u8(w, (uint8_t)((ifp->value - root) << 6));
    }
}

/* Field octet, 1998: p ttt ----; 2002: p 0 ttt ---, or past the extension mark p 1 0 vvvvv, v-------. */
static int read_field(struct gw_reader *r, enum gw_ifp_form form, struct gw_ifp_field *f)
{
    uint8_t first = gw_read_u8(r);
    unsigned type;

    if (form == GW_IFP_1998)
        type = first >> 4 & 7;
    else if (!(first & 0x40))
        type = first >> 3 & 7;
    else if (first & 0x20)
        return r->err ? r->err : GW_E_TYPE;
    else
        type = FIELD_ROOT + ((first & 0x1fu) << 1 | gw_read_u8(r) >> 7);
    if (!r->err && type >= FIELD_TYPES)
        return GW_E_TYPE;
    f->type = (uint8_t)type;
    f->data = (struct gw_span){ NULL, 0 };
    if (first & 0x80) {
        size_t n = gw_read_u16(r) + 1u;
        f->data = gw_read_span(r, n);
    }
    return r->err;
}

static void write_field(struct gw_writer *w, enum gw_ifp_form form, const struct gw_ifp_field *f)
{
    uint8_t present = f->data.len ? 0x80 : 0;

    if (form == GW_IFP_1998) {
        gw_write_u8(w, (uint8_t)(present | f->type << 4));
    } else if (f->type < FIELD_ROOT) {
        gw_write_u8(w, (uint8_t)(present | f->type << 3));
    } else {
        gw_write_u8(w, (uint8_t)(present | 0x40 | (f->type - FIELD_ROOT) >> 1));
        gw_write_u8(w, (uint8_t)((f->type - FIELD_ROOT) << 7));
    }
    if (present) {
        gw_write_u16(w, (uint16_t)(f->data.len - 1));
        gw_write_bytes(w, f->data.ptr, f->data.len);
    }
}

int gw_ifp_parse(struct gw_span packet, enum gw_ifp_form form, struct gw_ifp *out)
{
    struct gw_reader r = gw_reader(packet);
    struct gw_ifp ifp = { 0 };
    bool has_fields;
    int err = read_type(&r, &has_fields, &ifp);

    if (err)
        return err;
    if (has_fields) {
        uint8_t n = gw_read_u8(&r);
        if (!r.err && !ifp.is_data)
            return GW_E_TYPE;
        if (n > GW_IFP_FIELDS) /* also every longer form of the length */
            return GW_E_RANGE;
        for (ifp.nfields = 0; ifp.nfields < n; ifp.nfields++)
            if ((err = read_field(&r, form, &ifp.fields[ifp.nfields])))
                return err;
    }
    /* what FEC recovered carries zeros behind it (T.38 s. 9.1.4.2) */
    while (gw_reader_left(&r) && *r.p == 0)
        r.p++;
    err = gw_reader_finish(&r);
    if (err)
        return err;
    *out = ifp;
    return 0;
}

int gw_ifp_write(const struct gw_ifp *ifp, enum gw_ifp_form form, void *buf, size_t size)
{
    struct gw_writer w = gw_writer(buf, size);

    if (form == GW_IFP_1998 && ifp->value >= (ifp->is_data ? DATA_ROOT : INDICATOR_ROOT))
        return GW_E_UNSUPPORTED;
    write_type(&w, ifp);
    if (ifp->nfields)
        gw_write_u8(&w, ifp->nfields);
    for (unsigned i = 0; i < ifp->nfields; i++) {
        if (form == GW_IFP_1998 && ifp->fields[i].type >= FIELD_ROOT)
            return GW_E_UNSUPPORTED;
        write_field(&w, form, &ifp->fields[i]);
    }
    return w.err ? w.err : (int)gw_writer_len(&w);
}

enum gw_ifp_form gw_ifp_form_of(unsigned version, struct gw_span packet)
{
    struct gw_ifp ifp;

    if (version != 1)
        return version ? GW_IFP_2002 : GW_IFP_1998;
    return gw_ifp_parse(packet, GW_IFP_2002, &ifp) == 0 || gw_ifp_parse(packet, GW_IFP_1998, &ifp) != 0 ? GW_IFP_2002
                                                                                                        : GW_IFP_1998;
}

void gw_ifp_spoil_fcs(struct gw_ifp *ifp)
{
    for (unsigned i = 0; i < ifp->nfields; i++) {
        if (ifp->fields[i].type == GW_IFP_HDLC_FCS_OK)
            ifp->fields[i].type = GW_IFP_HDLC_FCS_BAD;
        else if (ifp->fields[i].type == GW_IFP_HDLC_FCS_OK_SIG_END)
            ifp->fields[i].type = GW_IFP_HDLC_FCS_BAD_SIG_END;
    }
}
