/* Candidates and ICE credentials (RFC 8839 s. 5). */
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

/* Pairs after the candidate type: raddr and rport first when present, tcptype, then what else was written. */
static int parse_candidate_tail(struct gw_span rest, struct gw_sdp_candidate *c)
{
    while (rest.len) {
        struct gw_span name = gw_sdp_token(&rest), value = gw_sdp_token(&rest);
        uint32_t port = 0;

        if (!name.len)
            break;
        if (!value.len)
            return GW_E_SYNTAX;
        if (gw_span_is(name, "raddr") && !c->rel_addr.len) {
            c->rel_addr = value;
        } else if (gw_span_is(name, "rport") && !c->has_rel_port) {
            if (gw_sdp_u32(value, 65535, &port))
                return GW_E_SYNTAX;
            c->has_rel_port = true;
            c->rel_port = (uint16_t)port;
        } else if (gw_span_is(name, "tcptype") && !c->tcp_type.len) {
            c->tcp_type = value;
        } else {
            c->extensions =
                (struct gw_span){ name.ptr, (size_t)((const char *)rest.ptr + rest.len - (const char *)name.ptr) };
            break;
        }
    }
    return 0;
}

int gw_sdp_parse_candidate(struct gw_span value, struct gw_sdp_candidate *out)
{
    struct gw_sdp_candidate c = { 0 };
    struct gw_span rest = value;
    uint32_t port = 0;
    int err;

    c.foundation = gw_sdp_token(&rest);
    if (!c.foundation.len || c.foundation.len > 32 || !is_ice_chars(c.foundation))
        return GW_E_SYNTAX;
    if (gw_sdp_u32(gw_sdp_token(&rest), 256, &c.component) || c.component == 0)
        return GW_E_SYNTAX;
    c.transport = gw_sdp_token(&rest);
    if (gw_sdp_u32(gw_sdp_token(&rest), UINT32_MAX, &c.priority))
        return GW_E_SYNTAX;
    c.address = gw_sdp_token(&rest);
    if (!c.address.len || gw_sdp_u32(gw_sdp_token(&rest), 65535, &port) || !gw_span_is(gw_sdp_token(&rest), "typ"))
        return GW_E_SYNTAX;
    c.port = (uint16_t)port;
    c.type = gw_sdp_token(&rest);
    if (!c.type.len)
        return GW_E_SYNTAX;
    err = parse_candidate_tail(rest, &c);
    if (!err)
        *out = c;
    return err;
}

void gw_sdp_write_candidate(struct gw_sdp_buf *b, const struct gw_sdp_candidate *c)
{
    gw_sdp_printf(b, "a=candidate:%.*s %u %.*s %u %.*s %u typ %.*s", GW_SDP_ARG(c->foundation), c->component,
                  GW_SDP_ARG(c->transport), c->priority, GW_SDP_ARG(c->address), c->port, GW_SDP_ARG(c->type));
    if (c->rel_addr.len)
        gw_sdp_printf(b, " raddr %.*s", GW_SDP_ARG(c->rel_addr));
    if (c->has_rel_port)
        gw_sdp_printf(b, " rport %u", c->rel_port);
    if (c->tcp_type.len)
        gw_sdp_printf(b, " tcptype %.*s", GW_SDP_ARG(c->tcp_type));
    if (c->extensions.len)
        gw_sdp_printf(b, " %.*s", GW_SDP_ARG(c->extensions));
    gw_sdp_printf(b, "\r\n");
}
