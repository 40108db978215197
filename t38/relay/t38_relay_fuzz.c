#include <stdlib.h>

#include "t38/relay/t38_relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Whatever comes, what goes out can be read by the side that gets it. */
static bool on_send(void *arg, unsigned side, struct gw_span packet)
{
    const struct gw_t38_side *sides = arg;
    struct gw_udptl_packet p;
    struct gw_ifp ifp;

    if (sides[side].is_udptl ? packet.len > GW_T38_DATAGRAM || gw_udptl_parse(packet, &p) != 0
                             : gw_ifp_parse(packet, GW_IFP_2002, &ifp) != 0)
        abort();
    return true;
}

/* The first octet says what the sides are; then rows of: from where and how much later, length, octets. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_t38_side sides[2];
    struct gw_t38_config c = { .send = on_send, .arg = sides };
    struct gw_t38_relay *r;
    uint64_t now = GW_S;

    if (len < 1)
        return 0;
    sides[0] = (struct gw_t38_side){ .is_udptl = true,
                                     .ec = (enum gw_udptl_ec)((data[0] & 3) % 3),
                                     .version = data[0] & 4 ? 2 : 0 };
    sides[1] = (struct gw_t38_side){ .is_udptl = data[0] & 8,
                                     .ec = (enum gw_udptl_ec)((data[0] >> 4 & 3) % 3),
                                     .version = 2,
                                     .max_datagram = data[0] & 0x80 ? 60 : 0,
                                     .depth = data[0] & 0x40 ? 8 : 0,
                                     .span = data[0] & 0x40 };
    c.side[0] = sides[0];
    c.side[1] = sides[1];
    if (gw_t38_relay_new(&c, &r) != 0)
        return 0;
    data++;
    len--;
    while (len >= 2) {
        struct gw_span m = { data + 2, data[1] < len - 2 ? data[1] : len - 2 };
        now += (data[0] & 0x7f) * GW_MS;
        if (gw_t38_relay_deadline_us(r) <= now)
            gw_t38_relay_expire(r, now);
        (void)!gw_t38_relay_input(r, data[0] >> 7, m, now);
        data += 2 + m.len;
        len -= 2 + m.len;
    }
    gw_t38_relay_free(r);
    return 0;
}
