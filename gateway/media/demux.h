/* What a datagram on the shared port is, by its first octets (RFC 7983; RTCP by RFC 5761 s. 4). Pure. */
#ifndef GW_DEMUX_H
#define GW_DEMUX_H

#include "gateway/base/span.h"

enum gw_demux {
    GW_DEMUX_OTHER, /* ZRTP, TURN channel data, anything else: dropped and counted */
    GW_DEMUX_STUN,
    GW_DEMUX_DTLS,
    GW_DEMUX_RTP,
    GW_DEMUX_RTCP,
};

enum gw_demux gw_demux(struct gw_span datagram);

#endif
