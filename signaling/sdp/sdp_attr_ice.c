/* ICE credentials (RFC 8839 s. 5.4). A lite agent learns candidates from checks, so those in SDP are not read. */
#include "signaling/sdp/sdp_attr.h"

static bool is_ice_chars(struct gw_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = ((const char *)s.ptr)[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/'))
            return false;
    }
    return true;
}

int gw_sdp_check_ufrag(struct gw_span value)
{
    if (value.len < 4 || value.len > 256)
        return GW_E_RANGE;
    return is_ice_chars(value) ? 0 : GW_E_SYNTAX;
}

int gw_sdp_check_pwd(struct gw_span value)
{
    if (value.len < 22 || value.len > 256)
        return GW_E_RANGE;
    return is_ice_chars(value) ? 0 : GW_E_SYNTAX;
}
