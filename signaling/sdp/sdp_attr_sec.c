/* Fingerprint, setup role, tls-id and the e2ae indication. */
#include "signaling/sdp/sdp_attr.h"

static const struct {
    const char *name;
    uint8_t len;
} hashes[] = {
    [GW_SDP_SHA1] = { "sha-1", 20 },     [GW_SDP_SHA224] = { "sha-224", 28 }, [GW_SDP_SHA256] = { "sha-256", 32 },
    [GW_SDP_SHA384] = { "sha-384", 48 }, [GW_SDP_SHA512] = { "sha-512", 64 },
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int gw_sdp_parse_fingerprint(struct gw_span value, struct gw_sdp_fingerprint *out)
{
    struct gw_sdp_fingerprint f = { 0 };
    struct gw_span rest = value, name = gw_sdp_token(&rest), hex = gw_sdp_token(&rest);
    const char *p = hex.ptr;

    for (unsigned h = GW_SDP_SHA1; h <= GW_SDP_SHA512; h++)
        if (gw_span_is_nocase(name, hashes[h].name))
            f.hash = (enum gw_sdp_hash)h;
    if (!name.len || !hex.len || gw_sdp_token(&rest).len)
        return GW_E_SYNTAX;
    if (!f.hash)
        return GW_E_UNSUPPORTED;
    f.len = hashes[f.hash].len;
    if (hex.len != 3u * f.len - 1)
        return GW_E_SYNTAX;
    for (unsigned i = 0; i < f.len; i++) {
        int hi = hex_digit(p[3 * i]), lo = hex_digit(p[3 * i + 1]);
        if (hi < 0 || lo < 0 || (i + 1u < f.len && p[3 * i + 2] != ':'))
            return GW_E_SYNTAX;
        f.value[i] = (uint8_t)(hi << 4 | lo);
    }
    *out = f;
    return 0;
}

void gw_sdp_write_fingerprint(struct gw_sdp_buf *b, const struct gw_sdp_fingerprint *f)
{
    gw_sdp_printf(b, "a=fingerprint:%s ", hashes[f->hash].name);
    for (unsigned i = 0; i < f->len; i++)
        gw_sdp_printf(b, i ? ":%02X" : "%02X", f->value[i]);
    gw_sdp_printf(b, "\r\n");
}

static const char *const setups[] = { "", "active", "passive", "actpass", "holdconn" };

int gw_sdp_parse_setup(struct gw_span value, enum gw_sdp_setup *out)
{
    for (unsigned i = GW_SDP_ACTIVE; i <= GW_SDP_HOLDCONN; i++)
        if (gw_span_is_nocase(value, setups[i])) {
            *out = (enum gw_sdp_setup)i;
            return 0;
        }
    return GW_E_SYNTAX;
}

const char *gw_sdp_setup_text(enum gw_sdp_setup s)
{
    return setups[s];
}

int gw_sdp_check_tls_id(struct gw_span value)
{
    if (value.len < 20 || value.len > 255)
        return GW_E_RANGE;
    for (size_t i = 0; i < value.len; i++) {
        char c = ((const char *)value.ptr)[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("+/-_", c)))
            return GW_E_SYNTAX;
    }
    return 0;
}

enum gw_sdp_3ge2ae gw_sdp_3ge2ae(const struct gw_sdp_section *m)
{
    enum gw_sdp_3ge2ae found = GW_SDP_3GE2AE_NONE;
    struct gw_span value;
    unsigned pos = 0;

    while (gw_sdp_attr(m, "3ge2ae", &pos, &value)) {
        struct gw_span word = gw_sdp_token(&value); /* some test specifications print a blank after the colon */
        if (found == GW_SDP_3GE2AE_NONE && gw_span_is(word, "requested"))
            found = GW_SDP_3GE2AE_REQUESTED;
        else if (found == GW_SDP_3GE2AE_NONE && gw_span_is(word, "applied"))
            found = GW_SDP_3GE2AE_APPLIED;
    }
    return found;
}
