#include "t38/ifp/ifp.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t buf[70000];

    for (int form = GW_IFP_1998; form <= GW_IFP_2002; form++) {
        struct gw_ifp a, b;
        int n;

        if (gw_ifp_parse((struct gw_span){ data, len }, (enum gw_ifp_form)form, &a) != 0)
            continue;
        gw_ifp_spoil_fcs(&a);
        n = gw_ifp_write(&a, (enum gw_ifp_form)form, buf, sizeof(buf));
        if (n == GW_E_UNSUPPORTED)
            continue;
        if (n < 0 || gw_ifp_parse((struct gw_span){ buf, (size_t)n }, (enum gw_ifp_form)form, &b) != 0 ||
            a.nfields != b.nfields || a.value != b.value)
            abort();
    }
    (void)gw_ifp_form_of(1, (struct gw_span){ data, len });
    return 0;
}
