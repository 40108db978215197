/* Any body of a NOTIFY: entries within their bounds, each a terminated string. */
#include <stdlib.h>

#include "signaling/pcscf/reginfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct gw_reginfo r;

    if (gw_reginfo_parse((struct gw_span){ data, len }, &r) == 0) {
        if (r.n > GW_REGINFO_ENTRIES)
            abort();
        for (unsigned i = 0; i < r.n; i++)
            if (strnlen(r.entries[i].uri, GW_REGINFO_URI) == GW_REGINFO_URI)
                abort();
    }
    return 0;
}
