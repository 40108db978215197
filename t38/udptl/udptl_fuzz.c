#include "t38/udptl/udptl.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned delivered;

static void on_ifp(void *arg, struct gw_span ifp, unsigned lost)
{
    (void)arg;
    (void)lost;
    delivered += (unsigned)ifp.len;
}

/* The input once as a packet, and once as a train of packets with one octet of length before each. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct gw_udptl_rx rx;
    struct gw_udptl_packet p, back;
    uint8_t buf[70000];
    int n;

    if (gw_udptl_parse((struct gw_span){ data, len }, &p) == 0) {
        n = gw_udptl_write(&p, buf, sizeof(buf));
        if (n < 0 || gw_udptl_parse((struct gw_span){ buf, (size_t)n }, &back) != 0 || back.seq != p.seq ||
            back.nentries != p.nentries || !gw_span_eq(back.primary, p.primary))
            abort();
    }
    gw_udptl_rx_init(&rx);
    for (uint64_t now = 0; len > 0; now += 20000) {
        size_t take = data[0] < len - 1 ? data[0] : len - 1;
        (void)!gw_udptl_rx_packet(&rx, (struct gw_span){ data + 1, take }, now, on_ifp, NULL);
        gw_udptl_rx_tick(&rx, now, on_ifp, NULL);
        data += take + 1;
        len -= take + 1;
    }
    return 0;
}
