/* Filters a datagram for each kind of peer: what comes out is a datagram that this peer may get, and filtering it once
 * more changes nothing. The first octet of the input chooses the peer. */
#include <stdlib.h>

#include "gateway/rtp/rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_rtcp_caps caps = { 0 };
    struct gw_rtcp_seen seen, again;
    struct gw_rtcp_rtt rtt = { 0 };
    uint8_t *buf, *first;
    size_t size, n, m;

    if (len < 1)
        return 0;
    caps.has_avpf = data[0] & 1;
    caps.has_nack = data[0] & 2;
    caps.has_pli = data[0] & 4;
    caps.has_fir = data[0] & 8;
    caps.has_tmmbr = data[0] & 16;
    caps.has_rsize = data[0] & 32;
    n = len - 1;
    size = n + GW_RTCP_HEAD_MAX;
    buf = malloc(size);
    first = malloc(size);
    memcpy(buf, data + 1, n);
    gw_rtcp_rtt_on_sent(&rtt, (struct gw_span){ buf, n }, 1000);
    gw_rtcp_rtt_on_received(&rtt, (struct gw_span){ buf, n }, 2000);
    if (gw_rtcp_filter(buf, &n, size, &caps, gw_span_str("cname@example"), &seen) == 0 && n > 0) {
        if (gw_rtcp_check((struct gw_span){ buf, n }, caps.has_rsize) != 0)
            abort();
        memcpy(first, buf, m = n);
        if (gw_rtcp_filter(buf, &n, size, &caps, gw_span_str("cname@example"), &again) != 0 || n != m ||
            memcmp(first, buf, n) != 0 || again.dropped != 0)
            abort();
    }
    free(buf);
    free(first);
    return 0;
}
