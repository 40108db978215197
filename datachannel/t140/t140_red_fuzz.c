#include "datachannel/t140/t140_rx.h"
#include "datachannel/t140/t140_tx.h"

#include <stdlib.h>

#include "gateway/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void on_text(void *arg, struct gw_span text)
{
    (void)arg;
    if (!gw_utf8_is_valid(text)) /* whatever comes in, whole characters go out */
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct gw_t140_rx rx;
    static struct gw_t140_tx tx;
    static struct gw_t140_packet out;
    struct gw_t140_red red;
    uint8_t buf[9000];
    uint64_t now = 0;

    if (len < 9000 && gw_t140_red_parse((struct gw_span){ data, len }, 98, &red) == 0 &&
        gw_t140_red_write(&red, 98, buf, sizeof(buf)) != (int)len)
        abort();
    gw_t140_rx_init(&rx, 100, 98);
    gw_t140_tx_init(&tx, 98, 2, 30, 0);
    while (len > 3) { /* a train of packets: pt, sequence number, length, payload */
        size_t take = data[2] < len - 3 ? data[2] : len - 3;
        (void)!gw_t140_rx_packet(&rx, 1, data[1], data[0] & 1 ? 100 : 98, (struct gw_span){ data + 3, take }, now,
                                 on_text, NULL);
        gw_t140_rx_tick(&rx, now, on_text, NULL);
        (void)!gw_t140_tx_text(&tx, (struct gw_span){ data + 3, take }, now);
        while (gw_t140_tx_poll(&tx, now, &out))
            if (gw_t140_red_parse((struct gw_span){ out.payload, out.len }, 98, &red) != 0 ||
                !gw_utf8_is_valid(red.primary))
                abort();
        now += 200 * GW_MS;
        data += 3 + take;
        len -= 3 + take;
    }
    return 0;
}
