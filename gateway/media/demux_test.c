#include "gateway/media/demux.h"

#include <test.h>

static enum gw_demux of(uint8_t first, uint8_t second, size_t len)
{
    uint8_t d[64] = { first, second };
    return gw_demux((struct gw_span){ d, len });
}

TEST(tls007_first_octet_decides)
{
    for (unsigned b = 0; b < 256; b++) {
        enum gw_demux want = b <= 3                 ? GW_DEMUX_STUN
                             : b >= 20 && b <= 63   ? GW_DEMUX_DTLS
                             : b >= 128 && b <= 191 ? GW_DEMUX_RTP
                                                    : GW_DEMUX_OTHER;
        EQ(of((uint8_t)b, 0, 40), want);
    }
}

TEST(tls007_rtcp_is_second_octet_192_to_223)
{
    for (unsigned b = 0; b < 256; b++)
        EQ(of(0x80, (uint8_t)b, 40), b >= 192 && b <= 223 ? GW_DEMUX_RTCP : GW_DEMUX_RTP);
}

TEST(too_short_for_its_header_is_nothing)
{
    EQ(of(0x80, 0, 11), GW_DEMUX_OTHER);
    EQ(of(0x80, 200, 7), GW_DEMUX_OTHER);
    EQ(of(0x80, 200, 8), GW_DEMUX_RTCP);
    EQ(of(0, 1, 19), GW_DEMUX_OTHER);
    EQ(of(22, 0, 12), GW_DEMUX_OTHER);
    EQ(gw_demux((struct gw_span){ NULL, 0 }), GW_DEMUX_OTHER);
}
