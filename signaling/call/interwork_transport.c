/* Where media of an m-line comes from and how it is secured: read from received SDP into the wanted state of its
 * termination. WebRTC legs: ICE-lite and DTLS, bundled; others: addresses, with SDES in interwork_sdes.c. */
#include "signaling/call/interwork_priv.h"

#include "gateway/base/crypto.h"

/* The m-line whose transport this one uses: the first usable of its BUNDLE group (RFC 9143 s. 7.2, the tagged one). */
static unsigned transport_line(const struct gw_sdp *sdp, unsigned line, bool *in_bundle)
{
    struct gw_span mid, value, token;
    struct gw_sdp_group g;
    unsigned pos = 0, at = 0;

    *in_bundle = false;
    if (!gw_sdp_attr(&sdp->media[line].section, "mid", &at, &mid))
        return line;
    while (gw_sdp_attr(&sdp->session, "group", &pos, &value)) {
        if (gw_sdp_parse_group(value, &g) || !gw_span_is(g.semantics, "BUNDLE") || !gw_sdp_group_has(&g, mid))
            continue;
        *in_bundle = true;
        while ((token = gw_sdp_token(&g.mids)).len)
            for (unsigned i = 0; i < sdp->nmedia; i++) {
                struct gw_span m;
                unsigned p = 0;
                if (sdp->media[i].port != 0 && gw_sdp_attr(&sdp->media[i].section, "mid", &p, &m) &&
                    gw_span_eq(m, token))
                    return i;
            }
        return line;
    }
    return line;
}

struct webrtc { /* of the m-line that carries the transport */
    struct ms_dtls dtls;
    struct gw_span ufrag, pwd;
};

/* All values of the strongest hash that is known (RFC 8122 s. 5). */
unsigned ms_read_fingerprints(const struct gw_sdp_section *s, struct gw_iq_fingerprint out[GW_IQ_FINGERPRINTS])
{
    struct gw_sdp_fingerprint f;
    struct gw_span value;
    unsigned pos = 0, hash = 0, n = 0;

    while (gw_sdp_attr(s, "fingerprint", &pos, &value)) {
        if (gw_sdp_parse_fingerprint(value, &f) || f.hash < hash)
            continue;
        if (f.hash > hash)
            n = 0;
        hash = f.hash;
        if (n < GW_IQ_FINGERPRINTS) {
            struct gw_iq_fingerprint *o = &out[n++];
            memset(o, 0, sizeof(*o));
            o->hash = (uint8_t)f.hash; /* the same numbers */
            o->len = f.len;
            memcpy(o->value, f.value, f.len);
        }
    }
    return n;
}

static int refuse(struct gw_sdp_refusal *why, const char *text)
{
    ms_refuse(why, 488, 302, "%s", text);
    return GW_E_UNSUPPORTED;
}

int ms_read_dtls(const struct gw_sdp *sdp, const struct gw_sdp_media *m, struct ms_dtls *d, struct gw_sdp_refusal *why)
{
    struct gw_span value;

    memset(d, 0, sizeof(*d));
    d->nfingerprints = ms_read_fingerprints(gw_sdp_section_with(sdp, m, "fingerprint"), d->fingerprints);
    if (d->nfingerprints == 0)
        return refuse(why, "no usable fingerprint");
    if (gw_sdp_inherit(sdp, m, "setup", &value) && gw_sdp_parse_setup(value, &d->setup))
        return refuse(why, "unknown a=setup");
    if (d->setup == GW_SDP_HOLDCONN)
        return refuse(why, "a=setup:holdconn");
    if (gw_sdp_inherit(sdp, m, "tls-id", &value) && gw_sdp_check_tls_id(value) == 0)
        d->tls_id = value;
    return 0;
}

static int read_webrtc(const struct gw_sdp *sdp, unsigned line, struct webrtc *w, struct gw_sdp_refusal *why)
{
    bool in_bundle;
    const struct gw_sdp_media *m = &sdp->media[transport_line(sdp, line, &in_bundle)];
    int err;

    memset(w, 0, sizeof(*w));
    if (!gw_span_is(sdp->media[line].type, "application") && !gw_sdp_has(&sdp->media[line].section, "rtcp-mux") &&
        !gw_sdp_has(&m->section, "rtcp-mux"))
        return refuse(why, "rtcp-mux is required");
    if (gw_sdp_has(&sdp->session, "ice-lite"))
        return refuse(why, "two ICE-lite agents");
    err = ms_read_dtls(sdp, m, &w->dtls, why);
    if (err)
        return err;
    if (!gw_sdp_inherit(sdp, m, "ice-ufrag", &w->ufrag) || !gw_sdp_inherit(sdp, m, "ice-pwd", &w->pwd) ||
        gw_sdp_check_ufrag(w->ufrag) || gw_sdp_check_pwd(w->pwd))
        return refuse(why, "no usable ICE credentials");
    return 0;
}

/* Our DTLS role: passive when we may choose, as browsers answer active (specs table 4.4; RFC 5763 s. 5). */
static enum gw_iq_setup our_role(enum gw_sdp_setup theirs)
{
    return theirs == GW_SDP_PASSIVE ? GW_IQ_SETUP_ACTIVE : GW_IQ_SETUP_PASSIVE;
}

static bool has_fingerprints(const struct gw_iq_term *t, const struct ms_dtls *d)
{
    return t->nfingerprints == d->nfingerprints &&
           memcmp(t->fingerprints, d->fingerprints, sizeof(t->fingerprints)) == 0;
}

/* New numbers only for what is new: an unchanged description re-initialises nothing (TS 33.328 s. 7.4; E2A-016). */
void ms_take_dtls(struct ms_term *t, const struct ms_dtls *d, bool is_offer)
{
    struct gw_iq_term *q = &t->want;
    bool is_first = q->nfingerprints == 0;
    bool is_new = !is_first && (!has_fingerprints(q, d) || !gw_span_is(d->tls_id, t->remote_tls_id));
    enum gw_iq_setup role = our_role(d->setup);

    if (is_offer && d->setup == GW_SDP_ACTPASS && !is_first && !is_new)
        role = (enum gw_iq_setup)q->setup; /* the association stays, and with it the roles (RFC 8842 s. 5.3) */
    if (!is_first && role != (enum gw_iq_setup)q->setup)
        is_new = true;
    if (is_new)
        q->dtls_generation++;
    q->setup = (uint8_t)role;
    q->nfingerprints = (uint8_t)d->nfingerprints;
    memcpy(q->fingerprints, d->fingerprints, sizeof(q->fingerprints));
    if (d->tls_id.len && (is_new || !t->tls_id[0]))
        gw_rand_token(t->tls_id, MS_TLS_ID);
    if (!d->tls_id.len)
        t->tls_id[0] = 0;
    gw_span_copy(d->tls_id, t->remote_tls_id, sizeof(t->remote_tls_id)); /* its length was checked */
}

void ms_take_ice(struct ms_term *t, struct gw_span ufrag, struct gw_span pwd, bool is_offer)
{
    struct gw_iq_term *q = &t->want;

    if (is_offer && q->remote_ufrag[0] && (!gw_span_is(ufrag, q->remote_ufrag) || !gw_span_is(pwd, q->remote_pwd)))
        q->ice_generation++; /* RFC 8839 s. 4.4.1.1.1 */
    memset(q->remote_ufrag, 0, sizeof(q->remote_ufrag));
    memset(q->remote_pwd, 0, sizeof(q->remote_pwd));
    memcpy(q->remote_ufrag, ufrag.ptr, ufrag.len); /* their lengths were checked */
    memcpy(q->remote_pwd, pwd.ptr, pwd.len);
}

/* Family of our first address on that leg; or whether we have one of that family. */
static uint8_t first_family(const gw_conf_list *list)
{
    struct gw_addr a;

    return list->n && gw_addr_parse_ip(list->v[0], 0, &a) == 0 ? a.family : 4;
}

struct gw_addr ms_leg_address(const struct gw_ms *ms, enum gw_leg leg)
{
    const gw_conf_list *list = leg == GW_LEG_ACCESS ? &ms->conf->access_address : &ms->conf->core_address;
    struct gw_addr a;

    if (!list->n || gw_addr_parse_ip(list->v[0], 0, &a) != 0)
        (void)!gw_addr_parse_ip("0.0.0.0", 0, &a);
    return a;
}

static bool has_family(const gw_conf_list *list, uint8_t family)
{
    struct gw_addr a;

    for (unsigned i = 0; i < list->n; i++)
        if (gw_addr_parse_ip(list->v[i], 0, &a) == 0 && a.family == family)
            return true;
    return false;
}

static const gw_conf_list *addresses(const struct gw_ms *ms, enum gw_leg leg)
{
    return leg == GW_LEG_ACCESS ? &ms->conf->access_address : &ms->conf->core_address;
}

static int new_term(struct gw_ms *ms, enum gw_leg leg, struct ms_stream *s, uint8_t family)
{
    bool is_webrtc = ms_is_webrtc(ms, leg);
    struct ms_term *t;
    int err = ms_term_new(ms, leg, &t);

    if (err)
        return err;
    t->want.family = family ? family : first_family(addresses(ms, leg));
    t->want.has_ice = is_webrtc;
    t->want.has_rtcp_mux = is_webrtc || ms_is_fax(s); /* UDPTL has one port */
    t->want.security = is_webrtc ? GW_IQ_DTLS : GW_IQ_PLAIN;
    t->want.ice_generation = t->want.dtls_generation = is_webrtc;
    t->want.dscp = (uint8_t)(leg == GW_LEG_ACCESS ? ms->conf->access_dscp : ms->conf->core_dscp);
    /* a phone on the access side sits behind NAT; the core does so only where the operator says it */
    t->want.is_latching = !is_webrtc && (leg == GW_LEG_ACCESS || ms->conf->core_latching);
    s->term[leg] = t->want.id;
    return 0;
}

/* The termination of a WebRTC m-line that was offered to us: one for each group, one for each ungrouped m-line. */
static int offered_term(struct gw_ms *ms, const struct gw_sdp *sdp, unsigned line, struct ms_stream *s)
{
    struct ms_leg *leg = &ms->now.legs[GW_LEG_ACCESS];
    bool in_bundle, other_in_bundle, is_shared = false;
    unsigned mine = transport_line(sdp, line, &in_bundle);

    for (unsigned i = 0; i < sdp->nmedia && i < leg->nlines; i++) {
        const struct ms_stream *o = leg->lines[i].stream < 0 ? NULL : &ms->now.streams[leg->lines[i].stream];

        if (!o || o == s || !o->term[GW_LEG_ACCESS])
            continue;
        if (in_bundle && transport_line(sdp, i, &other_in_bundle) == mine && (o->is_offered || o->is_on)) {
            s->term[GW_LEG_ACCESS] = o->term[GW_LEG_ACCESS];
            return 0;
        }
        is_shared |= o->term[GW_LEG_ACCESS] == s->term[GW_LEG_ACCESS] && (o->is_offered || o->is_on);
    }
    return s->term[GW_LEG_ACCESS] && !is_shared ? 0 : new_term(ms, GW_LEG_ACCESS, s, 0);
}

/* Streams that share a termination with this one must share the transport of the answer too. */
static bool is_split(struct gw_ms *ms, const struct gw_sdp *sdp, unsigned line, const struct ms_stream *s)
{
    struct ms_leg *leg = &ms->now.legs[GW_LEG_ACCESS];
    bool in_bundle;

    for (unsigned i = 0; i < line; i++) {
        const struct ms_stream *o = leg->lines[i].stream < 0 ? NULL : &ms->now.streams[leg->lines[i].stream];
        if (o && o->is_on && o->term[GW_LEG_ACCESS] == s->term[GW_LEG_ACCESS])
            return transport_line(sdp, i, &in_bundle) != transport_line(sdp, line, &in_bundle);
    }
    return false;
}

static int webrtc_in(struct gw_ms *ms, const struct gw_sdp *sdp, unsigned line, struct ms_stream *s, bool is_offer,
                     struct gw_sdp_refusal *why)
{
    struct ms_line *l = &ms->now.legs[GW_LEG_ACCESS].lines[line];
    struct webrtc w;
    int err = read_webrtc(sdp, line, &w, why);

    if (err)
        return err;
    transport_line(sdp, line, &l->in_bundle);
    if (is_offer) {
        err = offered_term(ms, sdp, line, s);
        if (err) {
            ms_refuse(why, 488, 370, "Too many transports");
            return err;
        }
    } else if (w.dtls.setup == GW_SDP_ACTPASS) {
        return refuse(why, "a=setup:actpass in an answer"); /* RFC 5763 s. 5 */
    } else if (is_split(ms, sdp, line, s)) {
        return refuse(why, "m-line not in the BUNDLE group");
    }
    s->direction[GW_LEG_ACCESS] = (uint8_t)gw_sdp_direction(sdp, &sdp->media[line]);
    ms_take_dtls(ms_term(ms, s->term[GW_LEG_ACCESS]), &w.dtls, is_offer);
    ms_take_ice(ms_term(ms, s->term[GW_LEG_ACCESS]), w.ufrag, w.pwd, is_offer);
    return 0;
}

static bool is_core_address(const struct gw_ms *ms, const struct gw_addr *a)
{
    for (unsigned i = 0; i < ms->conf->core_networks.n; i++)
        if (gw_net_has(&ms->conf->core_networks.v[i], a))
            return true;
    return false;
}

/* RTP and RTCP address of a plain m-line; family 0 if held in the old way (RFC 3264 s. 8.4). */
static int read_addresses(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, unsigned line,
                          struct gw_addr *rtp, struct gw_addr *rtcp, uint8_t *family, struct gw_sdp_refusal *why)
{
    const struct gw_sdp_media *m = &sdp->media[line];
    struct gw_sdp_rtcp r;
    struct gw_span value;
    unsigned pos = 0;
    int err = gw_sdp_address(sdp, m, rtp);

    if (err) {
        ms_refuse(why, 488, 301, "No usable connection address");
        return GW_E_UNSUPPORTED;
    }
    *family = rtp->family;
    *rtcp = *rtp;
    rtcp->port = (uint16_t)(rtp->port + 1);
    if (gw_sdp_attr(&m->section, "rtcp", &pos, &value) && gw_sdp_parse_rtcp(value, &r) == 0) {
        if (r.addr.family == rtp->family && !gw_addr_is_any(&r.addr))
            *rtcp = r.addr;
        rtcp->port = r.port;
    }
    if (gw_addr_is_any(rtp)) {
        memset(rtp, 0, sizeof(*rtp));
        memset(rtcp, 0, sizeof(*rtcp));
        return 0;
    }
    if (rtcp->port == 0)
        memset(rtcp, 0, sizeof(*rtcp)); /* RTP on port 65535, or a=rtcp:0: no RTCP is sent */
    if (from == GW_LEG_CORE && (!is_core_address(ms, rtp) || (rtcp->family && !is_core_address(ms, rtcp)))) {
        ms_refuse(why, 488, 399, "Media address outside the core networks");
        return GW_E_POLICY;
    }
    return 0;
}

/* A termination serves fax, DTLS or ICE from its first day or not at all. */
static bool is_of_another_kind(const struct ms_term *t, const struct ms_stream *s, const char *proto, bool has_ice)
{
    bool is_fax = ms_is_fax(s), is_dtls = is_fax && ms_fax_is_dtls(proto);

    return t->want.has_rtcp_mux != is_fax || (t->want.security == GW_IQ_DTLS) != is_dtls || t->want.has_ice != has_ice;
}

/* DTLS of a phone's fax, with ICE or to the address of the m-line. */
static int fax_dtls_in(const struct gw_sdp *sdp, unsigned line, struct ms_term *t, const struct gw_addr *remote,
                       bool is_offer, struct gw_sdp_refusal *why)
{
    int err = ms_fax_transport(sdp, &sdp->media[line], t, remote, is_offer, why);

    if (!err && !t->want.has_ice) {
        t->want.has_remote = true;
        t->want.remote_rtp = *remote;
    }
    return err;
}

static int plain_in(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, unsigned line, struct ms_stream *s,
                    bool is_offer, struct gw_sdp_refusal *why)
{
    struct ms_line *l = &ms->now.legs[from].lines[line];
    struct gw_addr rtp, rtcp;
    struct ms_term *t;
    uint8_t family;
    bool has_ice;
    int err = read_addresses(ms, from, sdp, line, &rtp, &rtcp, &family, why);

    if (err)
        return err;
    t = ms_term(ms, s->term[from]);
    has_ice = is_offer ? from == GW_LEG_ACCESS && ms_is_fax(s) && ms_fax_is_dtls(l->proto) &&
                             ms_fax_has_ice(sdp, &sdp->media[line])
                       : t && t->want.has_ice;
    s->direction[from] = (uint8_t)gw_sdp_direction(sdp, &sdp->media[line]);
    if (rtp.family == 0 && !has_ice)
        s->direction[from] &= GW_SDP_SENDONLY; /* nothing can be sent there */
    if (s->pass == MS_DIRECT)
        return 0;
    if (!t || t->want.family != family || (is_offer && is_of_another_kind(t, s, l->proto, has_ice))) {
        if (!is_offer || !has_family(addresses(ms, from), family)) {
            ms_refuse(why, 488, 301, "No address of this family here");
            return GW_E_UNSUPPORTED;
        }
        err = new_term(ms, from, s, family);
        if (err)
            return err;
        t = ms_term(ms, s->term[from]);
        t->want.has_ice = has_ice;
        t->want.security = ms_is_fax(s) && ms_fax_is_dtls(l->proto) ? GW_IQ_DTLS : GW_IQ_PLAIN;
    }
    if (t->want.security == GW_IQ_DTLS)
        return fax_dtls_in(sdp, line, t, &rtp, is_offer, why);
    t->want.security = !s->pass && ms_is_secure(l->proto) ? GW_IQ_SDES : GW_IQ_PLAIN;
    if (t->want.security == GW_IQ_SDES) {
        err = is_offer ? ms_sdes_offer(ms, t, &sdp->media[line], why) : ms_sdes_answer(ms, t, &sdp->media[line], why);
        if (err)
            return err;
    } else {
        ms_sdes_clear(t);
    }
    t->want.has_remote = true;
    t->want.remote_rtp = rtp;
    t->want.remote_rtcp = rtcp;
    return 0;
}

int ms_transport_offer(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, unsigned line, struct ms_stream *s,
                       struct gw_sdp_refusal *why)
{
    return ms_is_webrtc(ms, from) ? webrtc_in(ms, sdp, line, s, true, why)
                                  : plain_in(ms, from, sdp, line, s, true, why);
}

int ms_core_address(struct gw_ms *ms, const struct gw_sdp *sdp, unsigned line, struct gw_addr *rtp,
                    struct gw_addr *rtcp, struct gw_sdp_refusal *why)
{
    uint8_t family;
    int err = read_addresses(ms, GW_LEG_CORE, sdp, line, rtp, rtcp, &family, why);

    if (!err && !has_family(addresses(ms, GW_LEG_CORE), family)) {
        ms_refuse(why, 488, 301, "No address of this family here");
        return GW_E_UNSUPPORTED;
    }
    return err;
}

uint8_t ms_core_family(const struct gw_ms *ms)
{
    return first_family(&ms->conf->core_address);
}

int ms_transport_answer(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, unsigned line,
                        struct ms_stream *s, struct gw_sdp_refusal *why)
{
    return ms_is_webrtc(ms, from) ? webrtc_in(ms, sdp, line, s, false, why)
                                  : plain_in(ms, from, sdp, line, s, false, why);
}

/* Transport pairs of specs 4.2. An m-line that is there keeps the profile that was negotiated for it. */
static const char *profile(const struct gw_ms *ms, enum gw_leg to, const struct ms_stream *s, const char *theirs,
                           bool is_protected)
{
    static const char *const core[] = { "RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF" };

    if (ms_is_fax(s))
        return ms_fax_profile(ms, to, is_protected);
    if (ms_is_webrtc(ms, to))
        return "UDP/TLS/RTP/SAVPF";
    if (ms_is_webrtc(ms, ms_other(to)))
        return core[ms->conf->core_proto.v & 3];
    if (to == GW_LEG_ACCESS && is_protected)
        return ms_is_avpf(theirs) ? "RTP/SAVPF" : "RTP/SAVP"; /* the F is kept (TS 23.334 s. 5.11.2.1) */
    return ms_is_avpf(theirs) ? "RTP/AVPF" : "RTP/AVP";
}

int ms_transport_out(struct gw_ms *ms, enum gw_leg to, struct ms_stream *s, bool is_protected)
{
    struct ms_leg *leg = &ms->now.legs[to];
    struct ms_line *l = &leg->lines[s->line[to]];
    const char *theirs =
        s->line[ms_other(to)] == MS_NO_LINE ? "" : ms->now.legs[ms_other(to)].lines[s->line[ms_other(to)]].proto;
    bool is_webrtc = ms_is_webrtc(ms, to);
    uint8_t family = 0;
    struct ms_term *t;
    int err;

    if (!l->proto[0])
        snprintf(l->proto, sizeof(l->proto), "%s", s->pass ? theirs : profile(ms, to, s, theirs, is_protected));
    if (s->pass == MS_DIRECT)
        return 0;
    /* all in one bundle, unless this client once described its m-lines without */
    l->in_bundle = is_webrtc && (!leg->remote || leg->has_bundle);
    for (unsigned i = 0; i < GW_IQ_STREAMS; i++) {
        const struct ms_stream *o = &ms->now.streams[i];
        if (o == s || !o->is_used || !o->term[to] || !(o->is_offered || o->is_on))
            continue;
        family = ms_term(ms, o->term[to])->want.family;
        if (l->in_bundle)
            s->term[to] = o->term[to];
    }
    t = ms_term(ms, s->term[to]);
    if (!t || (!is_webrtc && is_of_another_kind(t, s, l->proto, t->want.has_ice))) {
        err = new_term(ms, to, s, family);
        if (err)
            return err;
        t = ms_term(ms, s->term[to]);
    }
    if (ms_is_fax(s)) {
        t->want.security = ms_fax_is_dtls(l->proto) ? GW_IQ_DTLS : GW_IQ_PLAIN;
        t->want.dtls_generation += t->want.security == GW_IQ_DTLS && t->want.dtls_generation == 0;
        return 0;
    }
    if (!is_webrtc)
        t->want.security = !s->pass && ms_is_secure(l->proto) ? GW_IQ_SDES : GW_IQ_PLAIN;
    if (t->want.security == GW_IQ_SDES)
        ms_sdes_out(ms, t);
    return 0;
}
