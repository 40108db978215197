/* Attributes of a section are read; what is written of them reads back the same; no answer promises what was not
 * offered. Up to the first NUL an offer, behind it what the other leg answered. */
#include <stdlib.h>

#include "signaling/sdp/sdp_attr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void read_lines(struct gw_span text, struct gw_sdp_t38 *t)
{
    *t = (struct gw_sdp_t38){ 0 };
    while (text.len) {
        struct gw_span value = gw_sdp_until(&text, '\n'), name;
        if (value.len && ((const char *)value.ptr)[value.len - 1] == '\r')
            value.len--;
        name = gw_sdp_until(&value, ':');
        gw_sdp_t38_take(t, name, value);
    }
}

static void check_reads_back(const struct gw_sdp_t38 *t)
{
    struct gw_sdp_buf b = { 0 };
    struct gw_sdp_t38 again;

    gw_sdp_write_t38(&b, "", t);
    read_lines((struct gw_span){ b.text, b.len }, &again);
    if (b.err || again.version != t->version * t->has_version || again.bit_rate != t->bit_rate ||
        again.rate != t->rate || again.has_fill_bit_removal != t->has_fill_bit_removal || again.has_mmr != t->has_mmr ||
        again.has_jbig != t->has_jbig || again.max_buffer != t->max_buffer || again.max_datagram != t->max_datagram ||
        again.max_ifp != t->max_ifp || again.ec != t->ec)
        abort();
    gw_sdp_buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_span second = { data, len }, first = gw_sdp_until(&second, 0);
    struct gw_sdp_t38 offered, answered, out;

    read_lines(first, &offered);
    read_lines(second, &answered);
    check_reads_back(&offered);
    gw_sdp_t38_offer(&offered, &out);
    check_reads_back(&out);
    if (out.version > offered.version || (out.has_mmr && !offered.has_mmr) || out.rate == GW_SDP_T38_RATE_ABSENT)
        abort();
    if (gw_sdp_t38_answer(&offered, &answered, &out) != 0)
        return 0;
    check_reads_back(&out);
    if (out.version > offered.version || out.version > answered.version || out.has_mmr > offered.has_mmr ||
        out.has_jbig > offered.has_jbig || out.has_fill_bit_removal > offered.has_fill_bit_removal ||
        (offered.bit_rate && out.bit_rate > offered.bit_rate) || (out.has_version && !offered.has_version))
        abort();
    return 0;
}
