#include "datachannel/bfcp/bfcp_msg.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_bfcp_header h, back;
    uint8_t buf[GW_BFCP_FRAGMENT_HEADER];
    size_t frame;
    int n;

    (void)gw_bfcp_frame((struct gw_span){ data, len }, &frame);
    if (gw_bfcp_parse_header((struct gw_span){ data, len }, &h) == 0) {
        n = gw_bfcp_write_header(&h, buf, sizeof(buf));
        if (n < 0 || gw_bfcp_parse_header((struct gw_span){ buf, (size_t)n }, &back) != 0 ||
            back.payload_bytes != h.payload_bytes || back.fragment_offset != h.fragment_offset)
            abort();
    }
    (void)!gw_bfcp_check((struct gw_span){ data, len }, &h);
    return 0;
}
