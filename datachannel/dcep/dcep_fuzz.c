#include "datachannel/dcep/dcep.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_dcep_open a, b;
    uint8_t buf[2048];
    int n;

    if (gw_dcep_parse_open((struct gw_span){ data, len }, &a) != 0)
        return 0;
    n = gw_dcep_write_open(&a, buf, sizeof(buf));
    if (n != (int)len || gw_dcep_parse_open((struct gw_span){ buf, (size_t)n }, &b) != 0 ||
        !gw_span_eq(a.label, b.label) || !gw_span_eq(a.protocol, b.protocol) || a.limit != b.limit || a.kind != b.kind)
        abort();
    return 0;
}
