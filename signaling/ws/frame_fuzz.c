/* Frames in two cuts: the same events come however the octets are cut. */
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "gateway/base/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint64_t run(const uint8_t *data, size_t len, size_t step)
{
    struct gw_ws_rx rx = { 0 };
    struct gw_ws_rx_event ev;
    uint64_t sum = 1;
    uint16_t code = 0;
    int err = GW_E_AGAIN;

    for (size_t at = 0; at < len && (err == GW_E_AGAIN || err == 0); at += step) {
        struct gw_span in = { data + at, len - at < step ? len - at : step };

        while ((err = gw_ws_rx_next(&rx, &in, &ev, &code)) == 0) {
            const uint8_t *p = ev.data.ptr;

            sum = sum * 31 + ev.opcode + ev.code;
            for (size_t i = 0; i < ev.data.len; i++)
                sum = sum * 31 + p[i];
        }
    }
    if (err != GW_E_AGAIN && err != 0)
        sum = sum * 31 + code;
    gw_ws_rx_fini(&rx);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (run(data, len, len ? len : 1) != run(data, len, 1))
        abort();
    return 0;
}
