#include "datachannel/msrp/msrp_paths.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct seen {
    struct gw_msrp_paths *again; /* what one gateway writes, another one reads */
    bool is_bad;
};

static void on_nothing(void *arg, unsigned side, struct gw_span o)
{
    (void)arg;
    (void)side;
    (void)o;
}

static void on_out(void *arg, unsigned side, struct gw_span o)
{
    struct seen *s = arg;

    if (side == 1 && gw_msrp_paths_input(s->again, 0, o) != 0)
        s->is_bad = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct seen seen = { 0 };
    struct gw_msrp_paths_config c = { { { "msrp://a:1/a;tcp", "msrp://p:2/p;tcp", true },
                                        { "msrp://b:3/b;tcp", "msrp://q:4/q;tcp", true } },
                                      on_out,
                                      &seen };
    struct gw_msrp_paths_config next = { { { "msrp://q:4/q;tcp", "msrp://b:3/b;tcp", true },
                                           { "msrp://c:5/c;tcp", "msrp://r:6/r;tcp", true } },
                                         on_nothing,
                                         NULL };
    struct gw_msrp_paths *p;
    unsigned side = 0;
    int err = 0;

    if (len < 2 || gw_msrp_paths_new(&c, &p) != 0)
        return 0;
    if (gw_msrp_paths_new(&next, &seen.again) != 0) {
        gw_msrp_paths_free(p);
        return 0;
    }
    while (len > 1 && !err) { /* a cut's length, then its octets; 0xff: the other side speaks */
        size_t n = data[0] + 1u;

        data++;
        len--;
        if (n == 256) {
            side = 1 - side;
            continue;
        }
        if (n > len)
            n = len;
        err = gw_msrp_paths_input(p, side, (struct gw_span){ data, n });
        data += n;
        len -= n;
    }
    if (seen.is_bad)
        abort();
    gw_msrp_paths_free(seen.again);
    gw_msrp_paths_free(p);
    return 0;
}
