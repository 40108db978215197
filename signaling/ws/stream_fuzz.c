#include "stream.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The first octet says how the stream is cut. No message is larger than allowed, and no octet is given out twice. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_ws_stream s = { 0 };
    struct gw_span m;
    size_t cut, total = 0;
    const size_t size = len;
    int what = 0;

    if (len < 2)
        return 0;
    cut = data[0] % 64 + 1u;
    data++;
    len--;
    while (len && what >= 0) {
        size_t n = len < cut ? len : cut;
        if (gw_ws_stream_put(&s, (struct gw_span){ data, n }) != 0)
            break;
        while ((what = gw_ws_stream_next(&s, &m)) > 0)
            if (what == GW_WS_STREAM_SIP) {
                total += m.len;
                if (m.len > GW_WS_STREAM_MESSAGE || m.len < 4 || total >= size)
                    abort();
            }
        data += n;
        len -= n;
    }
    gw_ws_stream_fini(&s);
    return 0;
}
