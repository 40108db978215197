/* STUN from anyone: the peek and the whole responder. Whatever comes, an answer never exceeds its buffer, and only a
 * message with the right password makes an event. */
#include <stdlib.h>

#include "gateway/ice/ice_lite.h"
#include "gateway/ice/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct gw_ice_stun *s;
    static struct gw_ice_lite ice;
    struct gw_addr src = { .family = 4, .port = 1234, .ip = { 192, 0, 2, 1 } };
    struct gw_span msg = { data, len };
    struct gw_stun_peek peek;
    struct gw_ice_result r;
    uint8_t *out;
    int err;

    if (!s) {
        if (gw_ice_stun_new(&s) != 0)
            abort();
        gw_ice_lite_init(&ice, 1, 1000000);
        memcpy(ice.gen[0].ufrag, "SeedUfrg", GW_ICE_UFRAG + 1); /* so that seeds reach the integrity check */
        memcpy(ice.gen[0].pwd, "SeedPasswordSeedPassword", GW_ICE_PWD + 1);
    }
    gw_stun_peek(msg, &peek);
    out = malloc(GW_ICE_ANSWER);
    ice.bucket_us = 0;
    gw_ice_lite_input(s, &ice, msg, &src, GW_S, out, &r);
    if (r.len > GW_ICE_ANSWER || (r.event && r.err))
        abort();
    if (gw_ice_stun_refuse(s, msg, &src, out, &err) > GW_ICE_ANSWER)
        abort();
    free(out);
    return 0;
}
