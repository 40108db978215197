/* Any datagram: what it is taken for, and that its parser then agrees on the least it must have. */
#include <stdlib.h>

#include "gateway/ice/stun.h"
#include "gateway/media/demux.h"
#include "gateway/rtp/rtcp.h"
#include "gateway/rtp/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_span d = { data, len };
    struct gw_stun_peek peek;
    struct gw_rtp rtp;

    switch (gw_demux(d)) {
    case GW_DEMUX_STUN:
        if (gw_stun_peek(d, &peek) == 0 && len < GW_STUN_HEADER)
            abort();
        break;
    case GW_DEMUX_RTP:
        if (gw_rtp_is_rtcp(data, len))
            abort();
        if (gw_rtp_parse(d, &rtp) == 0 && rtp.header_len + rtp.payload_len + rtp.padding != len)
            abort();
        break;
    case GW_DEMUX_RTCP:
        if (!gw_rtp_is_rtcp(data, len))
            abort();
        (void)!gw_rtcp_check(d, true);
        break;
    default:
        break;
    }
    return 0;
}
