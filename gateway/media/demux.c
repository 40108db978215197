#include "gateway/media/demux.h"

enum gw_demux gw_demux(struct gw_span d)
{
    const uint8_t *p = d.ptr;

    if (d.len < 4)
        return GW_DEMUX_OTHER;
    if (p[0] >= 128 && p[0] <= 191) {
        if (p[1] >= 192 && p[1] <= 223) /* RTCP types; as RTP: payload types 64 to 95, which RFC 5761 s. 4 keeps free */
            return d.len >= 8 ? GW_DEMUX_RTCP : GW_DEMUX_OTHER;
        return d.len >= 12 ? GW_DEMUX_RTP : GW_DEMUX_OTHER;
    }
    if (p[0] <= 3)
        return d.len >= 20 ? GW_DEMUX_STUN : GW_DEMUX_OTHER;
    if (p[0] >= 20 && p[0] <= 63)
        return d.len >= 13 ? GW_DEMUX_DTLS : GW_DEMUX_OTHER; /* a record header */
    return GW_DEMUX_OTHER;
}
