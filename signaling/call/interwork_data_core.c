/* Data channels as the core describes them: an m-line each, of MSRP, BFCP, real-time text or T.38
 * (specs/data-media.md 3.4, 4.3, 5.2, 6.1), in offers and answers. What is refused is found before anything is made. */
#include <stdio.h>

#include "signaling/call/interwork_priv.h"

struct core { /* what is said of a channel's m-line and its transport */
    struct ms_channel c;
    struct gw_addr rtp, rtcp;
    enum gw_sdp_setup setup;
    bool has_new, has_existing; /* a=connection */
    unsigned nfingerprints;
    struct gw_iq_fingerprint fingerprints[GW_IQ_FINGERPRINTS];
    struct ms_dtls dtls; /* of T.38 */
};

/* "98/98/98": primary and the redundant ones behind it. */
static uint8_t count_generations(struct gw_span params)
{
    const char *p = params.ptr;
    unsigned n = 0;

    for (size_t i = 0; i < params.len; i++)
        n += p[i] == '/';
    return (uint8_t)(n < 7 ? n : 7); /* of Iq */
}

static int read_text(const struct gw_ms *ms, struct ms_channel *c, const struct gw_sdp_section *s,
                     struct gw_sdp_refusal *why)
{
    struct gw_sdp_rtpmap map;
    struct gw_sdp_fmtp f;
    struct gw_span v;
    unsigned pos = 0;
    uint32_t pt;

    c->t140_pt = c->red_pt = MS_NO_PT;
    c->cps[GW_LEG_CORE] = (uint16_t)ms->conf->t140_cps;
    while (gw_sdp_attr(s, "rtpmap", &pos, &v)) {
        if (gw_sdp_parse_rtpmap(v, &map) != 0 || map.clock_hz != 1000)
            continue;
        if (gw_span_is_nocase(map.name, "t140"))
            c->t140_pt = map.pt;
        else if (gw_span_is_nocase(map.name, "red"))
            c->red_pt = map.pt;
    }
    if (c->t140_pt == MS_NO_PT)
        return ms_data_refuse(why, 305, "No t140");
    c->generations = c->red_pt == MS_NO_PT ? 0 : 2; /* RFC 4103 s. 4 */
    for (pos = 0; gw_sdp_attr(s, "fmtp", &pos, &v);) {
        if (gw_sdp_parse_fmtp(v, &f) != 0 || gw_sdp_u32(f.fmt, 127, &pt) != 0)
            continue;
        if (pt == c->t140_pt)
            c->cps[GW_LEG_CORE] = ms_data_cps(ms, v);
        else if (pt == c->red_pt && count_generations(f.params))
            c->generations = count_generations(f.params);
    }
    return 0;
}

/* Without CEMA the connection goes where the path says; where c= and m= say another place, a middlebox stands between
 * that does not know of it (RFC 6714 s. 4.3). A name is not resolved. */
static bool is_path_elsewhere(const struct core *k)
{
    struct gw_addr a;

    return gw_sdp_parse_msrp_address(gw_span_str(k->c.core_path), &a) == 0 && k->rtp.family && !gw_addr_eq(&a, &k->rtp);
}

static int read_core_msrp(const struct gw_ms *ms, const struct gw_sdp_section *s, bool is_offer, struct core *k,
                          struct gw_sdp_refusal *why)
{
    struct gw_span v;
    unsigned pos = 0;

    if (!gw_sdp_attr(s, "path", &pos, &v) || gw_span_copy(v, k->c.core_path, sizeof(k->c.core_path)) != 0)
        return ms_data_refuse(why, 306, "MSRP without a=path");
    k->c.has_cema = gw_sdp_has(s, "msrp-cema") && ms->conf->core_cema.v != MS_CEMA_NO;
    if (is_offer && !k->c.has_cema && (k->setup == GW_SDP_PASSIVE || k->setup == GW_SDP_ACTPASS) &&
        is_path_elsewhere(k))
        return ms_data_refuse(why, 399, "MSRP path and connection address differ");
    return 0;
}

static int read_core(struct gw_ms *ms, const struct gw_sdp *sdp, unsigned line, const struct ms_data_row *row,
                     bool is_offer, struct core *k, struct gw_sdp_refusal *why)
{
    const struct gw_sdp_media *m = &sdp->media[line];
    const struct gw_sdp_section *s = &m->section;
    struct gw_span v;
    unsigned pos = 0;
    int err;

    memset(k, 0, sizeof(*k));
    err = ms_core_address(ms, sdp, line, &k->rtp, &k->rtcp, why);
    if (err)
        return err;
    if (gw_sdp_inherit(sdp, m, "setup", &v) && gw_sdp_parse_setup(v, &k->setup) != 0)
        k->setup = GW_SDP_SETUP_ABSENT;
    k->has_new = gw_sdp_inherit(sdp, m, "connection", &v) && gw_span_is(v, "new");
    k->has_existing = gw_sdp_inherit(sdp, m, "connection", &v) && gw_span_is(v, "existing");
    if (row->security == GW_IQ_TLS)
        k->nfingerprints = ms_read_fingerprints(gw_sdp_section_with(sdp, m, "fingerprint"), k->fingerprints);
    if (row->security == GW_IQ_TLS && k->nfingerprints == 0)
        return ms_data_refuse(why, 399, "TLS without a fingerprint"); /* RFC 4975 s. 14.4, RFC 8856 s. 7 */
    k->c.direction[GW_LEG_CORE] = (uint8_t)gw_sdp_direction(sdp, m);
    k->c.setup[GW_LEG_CORE] = (uint8_t)k->setup;
    if (row->security == GW_IQ_DTLS) {
        err = ms_read_dtls(sdp, m, &k->dtls, why);
        if (err)
            return err;
    }
    if (row->protocol == GW_IQ_T38)
        return ms_fax_read(m, &k->c.t38[GW_LEG_CORE], why);
    if (row->protocol == GW_IQ_T140)
        return read_text(ms, &k->c, s, why);
    if (row->protocol == GW_IQ_BFCP && gw_sdp_attr(s, "bfcpver", &pos, &v) &&
        !ms_data_has_token(v, row->transport == GW_IQ_UDP ? "2" : "1")) /* RFC 8856 s. 5.5 */
        return ms_data_refuse(why, 306, "BFCP version not carried");
    return row->protocol == GW_IQ_MSRP ? read_core_msrp(ms, s, is_offer, k, why) : 0;
}

/* Who connects (RFC 4145 s. 4.1, RFC 6135 s. 4.2): without a word the offerer does (RFC 4975 s. 5.4). A peer that
 * leaves it to us is connected to. */
static uint8_t tcp_role(enum gw_sdp_setup theirs, bool is_offer)
{
    bool are_they_active = theirs == GW_SDP_ACTIVE || (is_offer && theirs == GW_SDP_SETUP_ABSENT);

    return are_they_active ? GW_IQ_SETUP_PASSIVE : GW_IQ_SETUP_ACTIVE;
}

/* Whether the connection of before goes on. The port of a peer that connects to us says nothing. */
static bool is_standing(const struct ms_channel *c, const struct gw_iq_term *t, const struct core *k)
{
    struct gw_addr a = t->remote_rtp, b = k->rtp;

    if (!c->was_answered || k->has_new || c->is_lost || t->nfingerprints != k->nfingerprints ||
        memcmp(t->fingerprints, k->fingerprints, sizeof(t->fingerprints)) != 0)
        return false;
    if (c->protocol == GW_IQ_MSRP && strcmp(c->core_path, k->c.core_path) != 0)
        return false; /* another session (RFC 4975 s. 8.5) */
    if (t->tcp_setup == GW_IQ_SETUP_PASSIVE)
        a.port = b.port = 0;
    return k->has_existing || gw_addr_eq(&a, &b);
}

/* TCP roles, and those of TLS: the active side of MSRP is its client (TS 23.334 s. 5.11.2), while the answerer of BFCP
 * is always its server (RFC 8856 s. 8). A connection that stands keeps them. */
static void take_roles(struct ms_channel *c, struct gw_iq_term *t, const struct core *k, bool is_offer)
{
    if (t->transport != GW_IQ_TCP)
        return;
    c->is_moved = c->was_answered && !is_standing(c, t, k);
    c->is_lost = false;
    if (c->was_answered && !c->is_moved)
        return;
    t->tcp_generation += c->is_moved;
    t->tcp_setup = tcp_role(k->setup, is_offer);
    t->setup = c->protocol == GW_IQ_MSRP ? t->tcp_setup : is_offer ? GW_IQ_SETUP_PASSIVE : GW_IQ_SETUP_ACTIVE;
}

/* A peer that does not know CEMA can go on under it if we are the one who connects, and to itself: else it needs an
 * offer without it (RFC 6714 s. 4.2). */
static void take_cema(struct gw_ms *ms, struct ms_channel *c, const struct gw_iq_term *t, const struct core *k,
                      bool is_offer)
{
    bool has_relays = strchr(k->c.core_path, ' ') != NULL;

    if (is_offer) {
        c->has_cema = k->c.has_cema;
    } else if (c->has_cema && !k->c.has_cema && (has_relays || t->tcp_setup == GW_IQ_SETUP_PASSIVE)) {
        c->has_cema = false;
        ms->wants_offer[GW_LEG_CORE] = true;
    }
}

static int take_core(struct gw_ms *ms, struct ms_channel *c, const struct core *k, bool is_offer,
                     struct gw_sdp_refusal *why)
{
    struct ms_term *t = ms_term(ms, c->core_term);
    int err = 0;

    c->t38[GW_LEG_CORE] = k->c.t38[GW_LEG_CORE];
    if (c->protocol == GW_IQ_T38 && !is_offer)
        err = ms_fax_check(c->t38, GW_LEG_ACCESS, why);
    if (!err && t->want.security == GW_IQ_DTLS)
        err = ms_fax_take_dtls(t, &k->dtls, &k->rtp, is_offer, why);
    if (err)
        return err;
    take_roles(c, &t->want, k, is_offer);
    take_cema(ms, c, &t->want, k, is_offer);
    c->direction[GW_LEG_CORE] = k->c.direction[GW_LEG_CORE];
    c->setup[GW_LEG_CORE] = k->c.setup[GW_LEG_CORE];
    memcpy(c->core_path, k->c.core_path, sizeof(c->core_path));
    c->t140_pt = k->c.t140_pt;
    c->red_pt = k->c.red_pt;
    c->generations = k->c.generations;
    c->cps[GW_LEG_CORE] = k->c.cps[GW_LEG_CORE];
    t->want.has_remote = true;
    t->want.remote_rtp = k->rtp;
    t->want.remote_rtcp = k->rtcp;
    if (t->want.security == GW_IQ_TLS) {
        t->want.nfingerprints = (uint8_t)k->nfingerprints;
        memcpy(t->want.fingerprints, k->fingerprints, sizeof(t->want.fingerprints));
    }
    return 0;
}

int ms_data_answer(struct gw_ms *ms, const struct gw_sdp *sdp, unsigned line, struct gw_sdp_refusal *why)
{
    struct ms_line *l = &ms->now.legs[GW_LEG_CORE].lines[line];
    struct ms_channel *c = ms_channel_of(ms, l, true);
    const struct ms_data_row *row = ms_data_row(&sdp->media[line]);
    struct core k;
    int err;

    if (!c)
        return ms_data_refuse(why, 304, "Answer to an m-line that was not offered");
    if (!row || row->protocol != c->protocol)
        return ms_data_refuse(why, 302, "Answer changes type or transport");
    err = read_core(ms, sdp, line, row, false, &k, why);
    if (!err && k.rtp.family && k.rtp.family != ms_term(ms, c->core_term)->want.family)
        err = ms_data_refuse(why, 301, "No address of this family here");
    if (!err)
        err = take_core(ms, c, &k, false, why);
    c->is_on = err == 0;
    return err;
}

/* ---- offers of the core ---- */

/* Its place on the leg is given back by the caller of ms_data_core_offer. */
static void drop_stream(struct gw_ms *ms, struct ms_stream *s)
{
    ms->now.legs[GW_LEG_ACCESS].lines[s->line[GW_LEG_ACCESS]].stream = MS_NO_STREAM;
    s->is_used = false;
}

/* The browser's m-line for them all: the one that is there, or a new one in the bundle. */
static int client_stream(struct gw_ms *ms, struct ms_stream **out)
{
    struct ms_leg *leg = &ms->now.legs[GW_LEG_ACCESS];
    unsigned place;
    int index = 0, err;
    struct ms_line *l;

    while (index < GW_IQ_STREAMS && !(ms->now.streams[index].is_used && ms->now.streams[index].kind == MS_DATA))
        index++;
    if (index == GW_IQ_STREAMS) {
        err = ms_take_stream(ms, (enum gw_iq_kind)MS_DATA, &index);
        if (err)
            return err;
        err = ms_take_line(leg, &place);
        if (err) {
            ms->now.streams[index].is_used = false;
            return err;
        }
        leg->lines[place].stream = index;
        ms->now.streams[index].line[GW_LEG_ACCESS] = (uint8_t)place;
        ms->now.streams[index].line[GW_LEG_CORE] = MS_NO_LINE;
    }
    *out = &ms->now.streams[index];
    if ((*out)->is_offered)
        return 0;
    l = &leg->lines[(*out)->line[GW_LEG_ACCESS]];
    if (l->is_dead)
        l->mid[0] = 0; /* a place used again has a new mid (RFC 9429 s. 5.2.2) */
    if (!l->proto[0])
        snprintf(l->proto, sizeof(l->proto), "UDP/DTLS/SCTP");
    err = ms_transport_out(ms, GW_LEG_ACCESS, *out, true);
    if (err && !(*out)->is_on)
        drop_stream(ms, *out);
    return err;
}

/* Ours are odd: we end as the DTLS server (RFC 8832 s. 6), and an id is not used twice (RFC 8864 s. 6.6.1). */
static int new_id(struct gw_ms *ms, unsigned stream, uint16_t *id)
{
    unsigned next;

    do {
        next = 2 * ms->next_sctp++ + 1;
    } while (next < MS_SCTP_STREAMS && ms_channel_find(ms, stream, next));
    *id = (uint16_t)next;
    return next < MS_SCTP_STREAMS ? 0 : GW_E_LIMIT;
}

static int new_of_core(struct gw_ms *ms, unsigned line, const struct ms_data_row *row, uint8_t family,
                       struct ms_channel **out)
{
    struct ms_stream *s;
    struct ms_term *t;
    uint16_t id = 0;
    int err = client_stream(ms, &s);

    if (err)
        return err;
    err = new_id(ms, (unsigned)(s - ms->now.streams), &id);
    if (!err)
        err = ms_channel_new(ms, (unsigned)(s - ms->now.streams), row, line, out);
    if (err && !s->is_offered && !s->is_on) /* made for this one */
        drop_stream(ms, s);
    if (err)
        return err;
    (*out)->id = id;
    snprintf((*out)->options, sizeof((*out)->options), "subprotocol=\"%s\"",
             ms_data_subprotocol((enum gw_iq_protocol)row->protocol));
    (*out)->direction[GW_LEG_ACCESS] = GW_SDP_SENDRECV;
    t = ms_term(ms, (*out)->core_term);
    t->want.family = family ? family : t->want.family;
    t = ms_term(ms, s->term[GW_LEG_ACCESS]);
    t->want.has_sctp = true;
    if (!t->want.sctp_port)
        t->want.sctp_port = MS_SCTP_PORT;
    return 0;
}

int ms_data_core_offer(struct gw_ms *ms, const struct gw_sdp *sdp, unsigned line, struct gw_sdp_refusal *why)
{
    struct ms_line *l = &ms->now.legs[GW_LEG_CORE].lines[line];
    const struct ms_data_row *row = ms_data_row(&sdp->media[line]);
    struct ms_channel *c = l->channel ? &ms->now.channels[l->channel - 1] : NULL;
    const struct ms_term *t = c ? ms_term(ms, c->core_term) : NULL;
    struct core k;
    int err = read_core(ms, sdp, line, row, true, &k, why);

    if (err)
        return err;
    if (c && (c->protocol != row->protocol || t->want.transport != row->transport ||
              t->want.security != row->security || (k.rtp.family && t->want.family != k.rtp.family))) {
        ms_channel_leave(ms, l);
        c = NULL;
    }
    if (!c) {
        if (row->protocol == GW_IQ_T38)
            ms_rest_begin(ms, line);
        ms_unbind(ms, GW_LEG_CORE, line);
        err = new_of_core(ms, line, row, k.rtp.family, &c);
        if (err)
            return err == GW_E_NOMEM ? err : ms_data_refuse(why, 399, "Too many data channels");
    }
    err = take_core(ms, c, &k, true, why);
    if (err)
        return err;
    c->row = row;
    c->is_offered = true;
    ms->now.streams[c->stream].is_offered = true;
    return 0;
}
