#include "datachannel/msrp/msrp_session.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned room;

/* Whatever the core sends, what reaches the browser is one whole chunk each time. */
static int on_send(void *arg, struct gw_span m)
{
    struct gw_msrp_head h;
    struct gw_span body;
    char flag;

    (void)arg;
    if (room == 0)
        return GW_E_FULL;
    room--;
    if (m.len > 1200 || gw_msrp_parse_chunk(m, &h, &body, &flag) != 0)
        abort();
    return 0;
}

/* The first octet says how the stream is cut; a piece that begins with 0xff comes from the browser instead. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_msrp_config c = { true,
                                "msrps://g:9/s2;dc",
                                "msrps://b:9/b1;dc",
                                "msrp://c:2/s1;tcp",
                                "msrp://p:3/z;tcp",
                                1200,
                                0,
                                true,
                                true,
                                on_send,
                                NULL };
    struct gw_msrp_session *s;
    uint64_t now = 0;
    size_t cut;

    if (len < 2 || gw_msrp_session_new(&c, &s) != 0)
        return 0;
    cut = data[0] + 1u;
    data++;
    len--;
    room = 1000;
    while (len) {
        size_t n = len < cut ? len : cut;
        ssize_t taken = (ssize_t)n;
        if (*data == 0xff) {
            (void)!gw_msrp_from_channel(s, (struct gw_span){ data + 1, n - 1 }, now);
        } else {
            room = *data & 1 ? 1000 : 1;
            taken = gw_msrp_from_core(s, (struct gw_span){ data, n }, now);
        }
        if (taken < 0)
            break;
        data += taken;
        len -= (size_t)taken;
        now += GW_S;
        if (taken == 0) {
            room = 1;
            gw_msrp_expire(s, now);
        }
        if (now > 2000 * GW_S)
            break;
    }
    gw_msrp_core_lost(s, now);
    gw_msrp_channel_lost(s, now);
    gw_msrp_session_free(s);
    return 0;
}
