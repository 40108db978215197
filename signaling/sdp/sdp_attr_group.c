/* Groups, mids and tracks. */
#include "signaling/sdp/sdp_attr.h"

int gw_sdp_parse_group(struct gw_span value, struct gw_sdp_group *out)
{
    struct gw_span rest = value, semantics = gw_sdp_token(&rest);

    if (!semantics.len)
        return GW_E_SYNTAX;
    *out = (struct gw_sdp_group){ semantics, rest };
    return 0;
}

bool gw_sdp_group_has(const struct gw_sdp_group *g, struct gw_span mid)
{
    struct gw_span rest = g->mids, token;

    while ((token = gw_sdp_token(&rest)).len)
        if (gw_span_eq(token, mid))
            return true;
    return false;
}

/* RFC 8866 s. 9: token = 1*(any visible ASCII but separators) */
static bool is_token(struct gw_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = ((const char *)s.ptr)[i];
        if (c <= ' ' || c >= 127 || strchr("\"(),/:;<=>?@[\\]", c))
            return false;
    }
    return s.len != 0;
}

int gw_sdp_parse_mid(struct gw_span value, struct gw_span *mid)
{
    if (value.len > 32)
        return GW_E_LIMIT;
    if (!is_token(value))
        return GW_E_SYNTAX;
    *mid = value;
    return 0;
}
