/* Data channels in the SDP that we write: m-lines for the core, dcmap and dcsa for the browser. Attributes that mean
 * the same on both sides pass as they are. */
#include <stdio.h>

#include "signaling/call/interwork_priv.h"

enum { OUR_MAX_MESSAGE = 262144, PT_T140 = 98, PT_RED = 99 };

/* What ends here or is written anew (RFC 5547, RFC 8856, languages ... pass). */
bool ms_data_is_passing(const struct ms_channel *c, const struct ms_term *core, struct gw_span name)
{
    static const char *const own[] = { "path",
                                       "msrp-cema",
                                       "setup",
                                       "connection",
                                       "fmtp",
                                       "rtpmap",
                                       "sendrecv",
                                       "sendonly",
                                       "recvonly",
                                       "inactive",
                                       "fingerprint",
                                       "tls-id",
                                       "crypto",
                                       "3ge2ae",
                                       "mid",
                                       "rtcp",
                                       "rtcp-mux",
                                       "rtcp-fb",
                                       "candidate",
                                       "ice-ufrag",
                                       "ice-pwd",
                                       "ice-options",
                                       "ice-lite",
                                       "end-of-candidates",
                                       "remote-candidates",
                                       "msid",
                                       "ssrc",
                                       "ssrc-group",
                                       "bundle-only",
                                       "identity",
                                       "key-mgmt",
                                       "group",
                                       "sctp-port",
                                       "sctpmap",
                                       "max-message-size",
                                       "dcmap",
                                       "dcsa" };
    for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (gw_span_is(name, own[i]))
            return false;
    if (c->protocol == GW_IQ_BFCP && core->want.transport == GW_IQ_UDP && gw_span_is(name, "bfcpver"))
        return false; /* 2 there, 1 here */
    if (c->protocol == GW_IQ_T38 && gw_sdp_is_t38(name))
        return false;
    return !(c->protocol == GW_IQ_T140 && gw_span_is(name, "extmap"));
}

/* "m-stream" is the name of old peers for "mstrm", and "c-s" is read but never sent (RFC 8856 s. 5.1, s. 5.4). */
static void write_passing(const struct ms_channel *c, struct gw_span name, struct gw_span value, struct gw_span whole,
                          struct gw_sdp_buf *b)
{
    static const char old[] = " m-stream:";
    const char *at = value.len ? memmem(value.ptr, value.len, old, strlen(old)) : NULL;

    if (c->protocol == GW_IQ_BFCP && gw_span_is(name, "floorctrl") && gw_span_is(value, "c-s")) {
        gw_sdp_printf(b, "floorctrl:c-only s-only\r\n");
    } else if (c->protocol == GW_IQ_BFCP && gw_span_is(name, "floorid") && at) {
        const char *rest = at + strlen(old), *end = (const char *)value.ptr + value.len;
        gw_sdp_printf(b, "floorid:%.*s mstrm:%.*s\r\n", (int)(at - (const char *)value.ptr), (const char *)value.ptr,
                      (int)(end - rest), rest);
    } else {
        gw_sdp_printf(b, "%.*s\r\n", GW_SDP_ARG(whole));
    }
}

/* ---- towards the core ---- */

static const char *tcp_setup_text(const struct ms_term *t, bool is_offer)
{
    return is_offer ? "actpass" : t->want.tcp_setup == GW_IQ_SETUP_ACTIVE ? "active" : "passive";
}

/* Payload types: those that the core has, and ours in the first offer. red MS_NO_PT: without redundancy. */
static void text_pts(const struct gw_ms *ms, const struct ms_channel *c, bool is_offer, unsigned *text, unsigned *red)
{
    bool is_first = is_offer && !c->was_answered;

    *text = is_first ? PT_T140 : c->t140_pt;
    *red = !is_first ? c->red_pt : ms->conf->t140_generations ? PT_RED : MS_NO_PT;
}

static void write_text(const struct gw_ms *ms, const struct ms_channel *c, bool is_offer, struct gw_sdp_buf *b)
{
    unsigned n = is_offer && !c->was_answered ? (unsigned)ms->conf->t140_generations : c->generations, text, red;

    text_pts(ms, c, is_offer, &text, &red);
    gw_sdp_printf(b, "a=rtpmap:%u t140/1000\r\n", text);
    if (red != MS_NO_PT) {
        gw_sdp_printf(b, "a=rtpmap:%u red/1000\r\na=fmtp:%u %u", red, red, text);
        while (n--)
            gw_sdp_printf(b, "/%u", text);
        gw_sdp_printf(b, "\r\n");
    }
    gw_sdp_printf(b, "a=fmtp:%u cps=%u\r\n", text, c->cps[GW_LEG_ACCESS]);
}

/* Under CEMA path and role are the browser's (RFC 8873 s. 6); where to connect is said by c= and m= (RFC 6714 s. 4.2).
 */
static void write_core_msrp(struct gw_ms *ms, const struct ms_channel *c, const struct ms_term *t, bool is_offer,
                            struct gw_sdp_buf *b)
{
    char uri[GW_IQ_URI + 1];

    if (c->has_cema) {
        gw_sdp_printf(b, "a=path:%s\r\na=msrp-cema\r\na=setup:%s\r\n", c->client_uri,
                      gw_sdp_setup_text((enum gw_sdp_setup)c->setup[GW_LEG_ACCESS]));
        return;
    }
    ms_data_uri(ms, c, GW_LEG_CORE, uri, sizeof(uri));
    gw_sdp_printf(b, "a=path:%s\r\na=setup:%s\r\n", uri, tcp_setup_text(t, is_offer)); /* RFC 6135 s. 4.2 */
}

static void write_own(struct gw_ms *ms, const struct ms_channel *c, bool is_offer, struct gw_sdp_buf *b)
{
    const struct ms_term *t = ms_term(ms, c->core_term);

    switch ((enum gw_iq_protocol)c->protocol) {
    case GW_IQ_MSRP:
        write_core_msrp(ms, c, t, is_offer, b);
        break;
    case GW_IQ_BFCP:
        if (t->want.transport == GW_IQ_TCP) /* RFC 4145 s. 5 */
            gw_sdp_printf(b, "a=setup:%s\r\na=connection:%s\r\n", tcp_setup_text(t, is_offer),
                          c->was_answered && !c->is_lost && !c->is_moved ? "existing" : "new");
        else
            gw_sdp_printf(b, "a=bfcpver:2\r\n"); /* RFC 8856 s. 5.5 */
        break;
    case GW_IQ_T140:
        write_text(ms, c, is_offer, b);
        break;
    case GW_IQ_T38:
        if (t->want.security == GW_IQ_DTLS)
            ms_write_dtls(b, t, is_offer);
        ms_fax_write(b, "a=", c->t38, GW_LEG_CORE, is_offer, true);
        break;
    }
    if (t->want.security == GW_IQ_TLS)
        ms_write_fingerprint(b, t);
}

static void write_m(const struct gw_ms *ms, const struct ms_channel *c, const struct ms_line *l,
                    const struct ms_term *t, bool is_offer, struct gw_sdp_buf *b)
{
    unsigned text, red;

    gw_sdp_printf(b, "m=%s %u %s", l->type, t->local.rtp.port, l->proto);
    if (c->protocol != GW_IQ_T140) {
        gw_sdp_printf(b, " %s\r\n", ms_data_format(c));
        return;
    }
    text_pts(ms, c, is_offer, &text, &red);
    if (red != MS_NO_PT)
        gw_sdp_printf(b, " %u", red);
    gw_sdp_printf(b, " %u\r\n", text);
}

void ms_data_write_core(struct gw_ms *ms, const struct gw_sdp *src, unsigned line, bool is_offer, struct gw_sdp_buf *b)
{
    const struct ms_line *l = &ms->now.legs[GW_LEG_CORE].lines[line];
    const struct ms_channel *c = ms_channel_of(ms, l, is_offer);
    const struct ms_term *t = ms_term(ms, c->core_term);
    unsigned place = ms->now.streams[c->stream].line[GW_LEG_ACCESS], pos = 0;
    struct gw_span name, value, whole;
    bool has_types = false;

    write_m(ms, c, l, t, is_offer, b);
    ms_write_c(b, &t->local.rtp);
    if (c->protocol == GW_IQ_T38)
        ms_fax_write_bandwidth(b, &t->local.rtp);
    write_own(ms, c, is_offer, b);
    while (place < src->nmedia && gw_sdp_dcsa(&src->media[place].section, c->id, &pos, &name, &value, &whole)) {
        if (!ms_data_is_passing(c, t, name))
            continue;
        has_types |= gw_span_is(name, "accept-types");
        gw_sdp_printf(b, "a=");
        write_passing(c, name, value, whole, b);
    }
    if (c->protocol == GW_IQ_MSRP && !has_types) /* RFC 4975 s. 8.6: it must be there */
        gw_sdp_printf(b, "a=accept-types:*\r\n");
    gw_sdp_printf(b, "a=%s\r\n", gw_sdp_direction_text((enum gw_sdp_direction)c->direction[GW_LEG_ACCESS]));
}

/* ---- towards the browser ---- */

/* path, msrp-cema and setup are always there (RFC 8873 s. 4.4); under CEMA they are the core's. */
static void write_client_msrp(struct gw_ms *ms, const struct ms_channel *c, bool is_offer, struct gw_sdp_buf *b)
{
    enum gw_sdp_setup setup = is_offer                                    ? GW_SDP_ACTPASS
                              : c->setup[GW_LEG_ACCESS] == GW_SDP_PASSIVE ? GW_SDP_ACTIVE
                                                                          : GW_SDP_PASSIVE;
    char uri[GW_IQ_URI + 1];

    if (c->has_cema && c->setup[GW_LEG_CORE] != GW_SDP_SETUP_ABSENT)
        setup = (enum gw_sdp_setup)c->setup[GW_LEG_CORE];
    ms_data_uri(ms, c, GW_LEG_ACCESS, uri, sizeof(uri));
    gw_sdp_printf(b, "a=dcsa:%u path:%s\r\na=dcsa:%u msrp-cema\r\na=dcsa:%u setup:%s\r\n", c->id,
                  c->has_cema && c->core_path[0] ? c->core_path : uri, c->id, c->id, gw_sdp_setup_text(setup));
}

static void write_channel(struct gw_ms *ms, const struct ms_channel *c, const struct gw_sdp_section *core,
                          bool is_offer, struct gw_sdp_buf *b)
{
    const struct ms_term *t = ms_term(ms, c->core_term);
    struct gw_span v, name;
    char prefix[24];

    gw_sdp_printf(b, "a=dcmap:%u%s%s\r\n", c->id, c->options[0] ? " " : "", c->options);
    if (c->protocol == GW_IQ_MSRP)
        write_client_msrp(ms, c, is_offer, b);
    if (c->protocol == GW_IQ_T140)
        gw_sdp_printf(b, "a=dcsa:%u fmtp:t140 cps=%u\r\n", c->id, c->cps[GW_LEG_CORE]);
    if (c->protocol == GW_IQ_T38) {
        snprintf(prefix, sizeof(prefix), "a=dcsa:%u ", c->id);
        ms_fax_write(b, prefix, c->t38, GW_LEG_ACCESS, is_offer, false);
    }
    for (unsigned i = 0; i < core->nlines; i++)
        if (gw_sdp_attr_of(&core->lines[i], &name, &v) && ms_data_is_passing(c, t, name)) {
            gw_sdp_printf(b, "a=dcsa:%u ", c->id);
            write_passing(c, name, v, core->lines[i].value, b);
        }
    gw_sdp_printf(b, "a=dcsa:%u %s\r\n", c->id,
                  gw_sdp_direction_text((enum gw_sdp_direction)c->direction[GW_LEG_CORE]));
}

void ms_data_write_client(struct gw_ms *ms, const struct gw_sdp *src, const struct ms_stream *s, bool is_offer,
                          struct gw_sdp_buf *b)
{
    const struct ms_line *l = &ms->now.legs[GW_LEG_ACCESS].lines[s->line[GW_LEG_ACCESS]];
    const struct ms_term *t = ms_term(ms, s->term[GW_LEG_ACCESS]);
    const struct gw_addr *a = t->local.ncandidates ? &t->local.candidates[0] : &t->local.rtp;
    bool is_old = gw_sdp_is_old_sctp(gw_span_str(l->proto)); /* answered in its own syntax (RFC 8841 s. 10.3) */

    if (is_old)
        gw_sdp_printf(b, "m=%s %u %s %u\r\n", l->type, a->port, l->proto, t->want.sctp_port);
    else
        gw_sdp_printf(b, "m=%s %u %s webrtc-datachannel\r\n", l->type, a->port, l->proto);
    ms_write_c(b, a);
    ms_write_transport(b, t, l->mid, is_offer);
    if (is_offer)
        gw_sdp_printf(b, "a=3ge2ae:applied\r\n");
    if (is_old)
        gw_sdp_printf(b, "a=sctpmap:%u webrtc-datachannel %d\r\n", t->want.sctp_port, MS_SCTP_STREAMS);
    else
        gw_sdp_printf(b, "a=sctp-port:%u\r\n", t->want.sctp_port);
    gw_sdp_printf(b, "a=max-message-size:%d\r\n", OUR_MAX_MESSAGE);
    for (unsigned i = 0; i < ms->now.nchannels; i++) {
        const struct ms_channel *c = &ms->now.channels[i];
        if (c->is_used && (is_offer ? c->is_offered : c->is_on) && !c->is_in_band && &ms->now.streams[c->stream] == s &&
            c->core_line < src->nmedia)
            write_channel(ms, c, &src->media[c->core_line].section, is_offer, b);
    }
}
