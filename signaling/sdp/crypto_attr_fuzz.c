/* Parse; what was parsed is written and parsed again to the same, but for what is left out on purpose. */
#include "signaling/sdp/sdp_attr.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_sdp_crypto a, b;
    struct gw_sdp_buf text = { 0 };
    size_t head = strlen("a=crypto:");

    if (gw_sdp_parse_crypto((struct gw_span){ data, len }, &a))
        return 0;
    gw_sdp_write_crypto(&text, &a);
    if (text.err || gw_sdp_parse_crypto((struct gw_span){ text.text + head, text.len - head - 2 }, &b))
        abort();
    if (a.tag != b.tag || a.suite != b.suite || a.nkeys != b.nkeys || a.wsh != b.wsh)
        abort();
    for (unsigned i = 0; i < a.nkeys; i++)
        if (a.keys[i].len != b.keys[i].len || memcmp(a.keys[i].key, b.keys[i].key, a.keys[i].len) != 0 ||
            a.keys[i].mki != b.keys[i].mki)
            abort();
    gw_sdp_buf_fini(&text);
    return 0;
}
