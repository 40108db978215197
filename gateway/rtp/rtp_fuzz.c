/* Parses, walks and rewrites a packet; what was rewritten parses again and says the same. */
#include <stdlib.h>

#include "gateway/rtp/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct gw_rtp_ext_map map[] = { { 1, 3 }, { 3, 1 }, { 4, 4 }, { 14, 15 }, { 200, 7 } };
    struct gw_span pkt = { data, len }, v;
    struct gw_rtp h, again;
    size_t n = len;
    uint8_t *copy;

    (void)gw_rtp_is_rtcp(data, len);
    if (gw_rtp_parse(pkt, &h) != 0)
        return 0;
    for (unsigned id = 0; id < 256; id++)
        if (gw_rtp_ext_find(data, &h, (uint8_t)id, &v) == 0 &&
            ((const uint8_t *)v.ptr < data || (const uint8_t *)v.ptr + v.len > data + h.header_len))
            abort();
    copy = malloc(len);
    memcpy(copy, data, len);
    gw_rtp_ext_rewrite(copy, &n, &h, map, 5);
    if (n > len || gw_rtp_parse((struct gw_span){ copy, n }, &again) != 0)
        abort();
    if (again.header_len != h.header_len || again.payload_len != h.payload_len || again.has_ext != h.has_ext ||
        again.ext_at != h.ext_at || again.ext_len != h.ext_len ||
        memcmp(copy + again.header_len, data + len - (n - again.header_len), n - again.header_len) != 0)
        abort();
    for (unsigned id = 0; id < 256; id++) /* ids that nobody asked for are gone */
        if (id != 3 && id != 1 && id != 4 && id != 15 && id != 7 && gw_rtp_ext_find(copy, &again, (uint8_t)id, &v) == 0)
            abort();
    free(copy);
    return 0;
}
