#include <stdlib.h>

#include "datachannel/bfcp/bfcp_udp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int to_channel(void *arg, struct gw_span m)
{
    struct gw_bfcp_header h;
    unsigned *n = arg;

    if (gw_bfcp_check(m, &h) != 0 || h.version != GW_BFCP_RELIABLE)
        abort();
    return ++*n % 7 == 0 ? GW_E_FULL : 0;
}

static void to_core(void *arg, struct gw_span m)
{
    struct gw_bfcp_header h;

    (void)arg;
    if (m.len > GW_BFCP_UDP_MTU || gw_bfcp_parse_header(m, &h) != 0 || h.version != GW_BFCP_UNRELIABLE)
        abort();
}

static void on_end(void *arg, int err)
{
    (void)arg;
    (void)err;
}

/* Each input is a row of: one octet that says from where and how much later, one of length, and so many octets. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    unsigned n = 0;
    struct gw_bfcp_udp_config c = { to_channel, to_core, on_end, &n };
    struct gw_bfcp_header h;
    struct gw_bfcp_udp *u;
    uint64_t now = GW_S;

    if (gw_bfcp_udp_new(&c, &u) != 0)
        return 0;
    while (len >= 2) {
        struct gw_span m = { data + 2, data[1] < len - 2 ? data[1] : len - 2 };
        now += (data[0] & 0x7f) * 20 * GW_MS;
        if (data[0] & 0x80)
            (void)gw_bfcp_udp_from_core(u, m, now);
        else if (gw_bfcp_check(m, &h) == 0 && h.version == GW_BFCP_RELIABLE)
            (void)gw_bfcp_udp_from_channel(u, m, now);
        if (gw_bfcp_udp_deadline_us(u) <= now)
            gw_bfcp_udp_expire(u, now);
        data += 2 + m.len;
        len -= 2 + m.len;
    }
    gw_bfcp_udp_goodbye(u);
    gw_bfcp_udp_free(u);
    return 0;
}
