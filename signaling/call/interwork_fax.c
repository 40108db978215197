/* T.38 between the legs: its attributes as each leg is told them, and how we send there (specs/data-media.md 6.1; T.38
 * annex D, RFC 7345). The fax itself is negotiated end to end through us; error correction and the size of a packet are
 * matters of each leg. */
#include <strings.h>

#include "signaling/call/interwork_priv.h"

enum { OUR_DATAGRAM = 1400 /* that we take */, MOST_DEPTH = 8 /* whatever is asked for */ };

static int refuse(struct gw_sdp_refusal *why, int warn, const char *text)
{
    ms_refuse(why, 488, warn, "%s", text);
    return GW_E_UNSUPPORTED;
}

int ms_fax_read(const struct gw_sdp_media *m, struct gw_sdp_t38 *out, struct gw_sdp_refusal *why)
{
    struct gw_span fmts = m->fmts;

    if (!gw_span_is_nocase(gw_sdp_token(&fmts), "t38"))
        return refuse(why, 305, "Only t38 is carried over UDPTL");
    gw_sdp_parse_t38(&m->section, out);
    return 0;
}

int ms_fax_check(const struct gw_sdp_t38 t38[2], enum gw_leg offerer, struct gw_sdp_refusal *why)
{
    struct gw_sdp_t38 out;

    return gw_sdp_t38_answer(&t38[offerer], &t38[ms_other(offerer)], &out)
               ? refuse(why, 306, "Answer changes T38FaxRateManagement")
               : 0;
}

/* Redundancy is offered, as every decoder has it; the answer may ask for something else. */
void ms_fax_write(struct gw_sdp_buf *b, const char *prefix, const struct gw_sdp_t38 t38[2], enum gw_leg to,
                  bool is_offer, bool is_udptl)
{
    struct gw_sdp_t38 out = t38[to];

    if (is_offer)
        gw_sdp_t38_offer(&t38[ms_other(to)], &out);
    else if (gw_sdp_t38_answer(&t38[to], &t38[ms_other(to)], &out) != 0)
        return;    /* was checked */
    if (!is_udptl) /* a data channel loses nothing */
        out.ec = GW_SDP_T38_EC_ABSENT;
    else if (is_offer)
        out.ec = GW_SDP_T38_REDUNDANCY;
    if (is_udptl && (is_offer || t38[to].max_datagram))
        out.max_datagram = OUR_DATAGRAM;
    gw_sdp_write_t38(b, prefix, &out);
}

/* T38FaxUdpECDepth and T38FaxUdpFECMaxSpan say what the writer wants to be sent; ours where that is within. */
static void take_depth(const struct gw_sdp_t38 *t, struct gw_iq_udptl *u)
{
    if (t->has_depth) {
        u->ec_depth = t->max_depth < GW_SDP_T38_DEPTH ? t->max_depth : GW_SDP_T38_DEPTH;
        if (u->ec_depth < t->min_depth)
            u->ec_depth = t->min_depth < MOST_DEPTH ? t->min_depth : MOST_DEPTH;
        if (!u->ec_depth)
            u->ec = GW_IQ_EC_NONE;
    }
    if (t->max_span && t->max_span < GW_SDP_T38_SPAN)
        u->fec_span = t->max_span;
}

struct gw_iq_udptl ms_fax_udptl(const struct gw_sdp_t38 t38[2], enum gw_leg to)
{
    static const uint8_t ecs[] = { [GW_SDP_T38_EC_ABSENT] = GW_IQ_EC_REDUNDANCY,
                                   [GW_SDP_T38_NO_EC] = GW_IQ_EC_NONE,
                                   [GW_SDP_T38_REDUNDANCY] = GW_IQ_EC_REDUNDANCY,
                                   [GW_SDP_T38_FEC] = GW_IQ_EC_FEC };
    const struct gw_sdp_t38 *t = &t38[to], *o = &t38[ms_other(to)];
    uint32_t max = t->max_datagram && t->max_datagram < GW_SDP_T38_DATAGRAM ? GW_SDP_T38_DATAGRAM : t->max_datagram;
    uint8_t version = t->version < o->version ? t->version : o->version;
    struct gw_iq_udptl out = { .ec = ecs[t->ec],
                               .ifp_version = version >= GW_SDP_T38_VERSION ? GW_SDP_T38_VERSION : version,
                               .max_datagram = (uint16_t)(max > UINT16_MAX ? UINT16_MAX : max) };

    take_depth(t, &out);
    return out;
}

/* 3GPP TS 26.114 s. L.3.2, TS 29.163 s. K.2.1 */
void ms_fax_write_bandwidth(struct gw_sdp_buf *b, const struct gw_addr *a)
{
    gw_sdp_printf(b, "b=AS:%u\r\n", a->family == 6 ? 48 : 46);
}

/* Another address is another association, where no tls-id says otherwise (RFC 7345 s. 4.1, RFC 8842 s. 5.3). */
int ms_fax_take_dtls(struct ms_term *t, const struct ms_dtls *d, const struct gw_addr *remote, bool is_offer,
                     struct gw_sdp_refusal *why)
{
    bool is_elsewhere = t->want.nfingerprints && t->want.has_remote && !gw_addr_eq(&t->want.remote_rtp, remote);
    uint32_t generation = t->want.dtls_generation;

    if (!is_offer && d->setup == GW_SDP_ACTPASS)
        return refuse(why, 302, "a=setup:actpass in an answer"); /* RFC 5763 s. 5 */
    ms_take_dtls(t, d, is_offer);
    if (is_elsewhere && !d->tls_id.len && t->want.dtls_generation == generation)
        t->want.dtls_generation++;
    return 0;
}

/* ---- m-lines of phones (TS 33.328 s. L.3, RFC 7345) ---- */

bool ms_fax_is_dtls(const char *proto)
{
    return strcasecmp(proto, "UDP/TLS/UDPTL") == 0;
}

const char *ms_fax_profile(const struct gw_ms *ms, enum gw_leg to, bool is_protected)
{
    bool is_dtls = to == GW_LEG_ACCESS ? is_protected : ms->conf->core_fax.v == 1;

    return is_dtls ? "UDP/TLS/UDPTL" : "udptl";
}

/* We are a lite agent: one of the two must be a full one (RFC 8445 s. 6.1.1). */
bool ms_fax_has_ice(const struct gw_sdp *sdp, const struct gw_sdp_media *m)
{
    struct gw_span ufrag, pwd;

    return !gw_sdp_has(&sdp->session, "ice-lite") && gw_sdp_inherit(sdp, m, "ice-ufrag", &ufrag) &&
           gw_sdp_inherit(sdp, m, "ice-pwd", &pwd) && gw_sdp_check_ufrag(ufrag) == 0 && gw_sdp_check_pwd(pwd) == 0;
}

int ms_fax_transport(const struct gw_sdp *sdp, const struct gw_sdp_media *m, struct ms_term *t,
                     const struct gw_addr *remote, bool is_offer, struct gw_sdp_refusal *why)
{
    struct gw_span ufrag, pwd;
    struct ms_dtls d;
    int err = ms_read_dtls(sdp, m, &d, why);

    if (!err && t->want.has_ice && !ms_fax_has_ice(sdp, m))
        err = refuse(why, 302, "no usable ICE credentials");
    if (!err)
        err = ms_fax_take_dtls(t, &d, remote, is_offer, why);
    if (err)
        return err;
    t->want.dtls_generation += t->want.dtls_generation == 0;
    if (t->want.has_ice && gw_sdp_inherit(sdp, m, "ice-ufrag", &ufrag) && gw_sdp_inherit(sdp, m, "ice-pwd", &pwd)) {
        t->want.ice_generation += t->want.ice_generation == 0;
        ms_take_ice(t, ufrag, pwd, is_offer);
    }
    return 0;
}

int ms_fax_answer(struct ms_stream *s, enum gw_leg from, const struct gw_sdp_media *m, struct gw_sdp_refusal *why)
{
    int err = ms_fax_read(m, &s->t38[from], why);

    return err ? err : ms_fax_check(s->t38, ms_other(from), why);
}

void ms_fax_write_media(struct gw_ms *ms, enum gw_leg to, const struct gw_sdp *src, const struct ms_stream *s,
                        bool is_offer, struct gw_sdp_buf *b)
{
    const struct gw_sdp_section *m = &src->media[s->line[ms_other(to)]].section;
    const struct ms_line *l = &ms->now.legs[to].lines[s->line[to]];
    const struct ms_term *t = ms_term(ms, s->term[to]);
    const struct gw_addr *at = t->local.ncandidates ? &t->local.candidates[0] : &t->local.rtp;

    gw_sdp_printf(b, "m=image %u %s t38\r\n", at->port, l->proto);
    ms_write_c(b, at);
    ms_fax_write_bandwidth(b, at);
    if (t->want.has_ice)
        ms_write_transport(b, t, NULL, is_offer);
    else if (t->want.security == GW_IQ_DTLS)
        ms_write_dtls(b, t, is_offer);
    if (is_offer && to == GW_LEG_ACCESS && t->want.security == GW_IQ_DTLS)
        gw_sdp_printf(b, "a=3ge2ae:applied\r\n");
    ms_fax_write(b, "a=", s->t38, to, is_offer, true);
    for (unsigned i = 0; i < m->nlines; i++) {
        struct gw_span name, value;
        if (gw_sdp_attr_of(&m->lines[i], &name, &value) && !ms_write_ends_here(name) && !gw_sdp_is_t38(name))
            gw_sdp_printf(b, "a=%.*s\r\n", GW_SDP_ARG(m->lines[i].value));
    }
    gw_sdp_printf(b, "a=%s\r\n", gw_sdp_direction_text(ms_direction_out(s, to, is_offer)));
}
