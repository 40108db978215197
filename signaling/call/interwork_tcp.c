/* MSRP and BFCP of IMS phones: an m-line and a TCP termination on each leg, joined by one channel of Iq (TS 33.328
 * s. 7.2.1, 7.3.1, G.2; TS 23.334 s. 5.11.2). Protected: TLS on the access leg alone. Secured end to end: everything
 * passes, by interwork_pass.c, and only who connects is read. */
#include <stdio.h>

#include "signaling/call/interwork_priv.h"

struct said { /* of an m-line */
    enum gw_sdp_setup setup;
    bool has_new, has_cema;
    unsigned nfingerprints;
    struct gw_iq_fingerprint fingerprints[GW_IQ_FINGERPRINTS];
    char path[GW_IQ_PATH + 1];
};

static struct ms_channel *channel_of(struct gw_ms *ms, const struct ms_stream *s)
{
    for (unsigned i = 0; i < ms->now.nchannels; i++) {
        struct ms_channel *c = &ms->now.channels[i];
        if (c->is_used && &ms->now.streams[c->stream] == s && c->core_term == s->term[GW_LEG_CORE])
            return c;
    }
    return NULL;
}

static int read_line(const struct gw_sdp *sdp, unsigned line, const struct ms_data_row *row, enum gw_leg from,
                     bool is_passed, struct said *k, struct gw_sdp_refusal *why)
{
    const struct gw_sdp_media *m = &sdp->media[line];
    struct gw_span v;
    unsigned pos = 0;

    memset(k, 0, sizeof(*k));
    if (gw_sdp_inherit(sdp, m, "setup", &v) && gw_sdp_parse_setup(v, &k->setup) != 0)
        k->setup = GW_SDP_SETUP_ABSENT;
    k->has_new = gw_sdp_inherit(sdp, m, "connection", &v) && gw_span_is(v, "new");
    k->has_cema = gw_sdp_has(&m->section, "msrp-cema");
    if (is_passed)
        return 0;
    if (row->security == GW_IQ_TLS)
        k->nfingerprints = ms_read_fingerprints(gw_sdp_section_with(sdp, m, "fingerprint"), k->fingerprints);
    if (row->security == GW_IQ_TLS && k->nfingerprints == 0)
        return ms_data_refuse(why, 399, "TLS without a fingerprint");
    if (row->protocol == GW_IQ_BFCP)
        return 0;
    if (!gw_sdp_attr(&m->section, "path", &pos, &v) || gw_span_copy(v, k->path, sizeof(k->path)) != 0)
        return ms_data_refuse(why, 306, "MSRP without a=path");
    if (from == GW_LEG_ACCESS && (strchr(k->path, ' ') || strlen(k->path) > GW_IQ_URI))
        return ms_data_refuse(why, 399, "MSRP relays on the access side are not carried");
    return 0;
}

/* ---- who connects ---- */

/* Without a word the offerer does (RFC 4145 s. 4.1, RFC 4975 s. 5.4). A phone that leaves it to us connects, since it
 * may be behind NAT. */
static uint8_t tcp_role(enum gw_leg leg, enum gw_sdp_setup theirs, bool is_offer)
{
    bool are_they_active = theirs == GW_SDP_ACTIVE || (is_offer && theirs == GW_SDP_SETUP_ABSENT) ||
                           (is_offer && theirs == GW_SDP_ACTPASS && leg == GW_LEG_ACCESS);

    return are_they_active ? GW_IQ_SETUP_PASSIVE : GW_IQ_SETUP_ACTIVE;
}

static bool has_path(const struct ms_channel *c, enum gw_leg leg, const char *path)
{
    return c->protocol != GW_IQ_MSRP || strcmp(leg == GW_LEG_ACCESS ? c->client_uri : c->core_path, path) == 0;
}

/* A connection that stands keeps its roles and fingerprints (TS 33.328 s. 7.4). */
static bool is_standing(const struct ms_channel *c, enum gw_leg leg, const struct gw_iq_term *t, const struct said *k,
                        const struct gw_addr *was)
{
    struct gw_addr a = *was, b = t->remote_rtp;

    if (t->tcp_setup == GW_IQ_SETUP_PASSIVE)
        a.port = b.port = 0; /* of who connects to us it says nothing */
    return !k->has_new && t->nfingerprints == k->nfingerprints &&
           memcmp(t->fingerprints, k->fingerprints, sizeof(t->fingerprints)) == 0 && has_path(c, leg, k->path) &&
           (t->tcp_setup == GW_IQ_SETUP_PASSIVE || gw_addr_eq(&a, &b));
}

/* was: where its peer was before this description. */
static void take(struct gw_ms *ms, struct ms_stream *s, struct ms_channel *c, enum gw_leg from, const struct said *k,
                 const struct gw_addr *was, bool is_offer)
{
    struct gw_iq_term *t = &ms_term(ms, s->term[from])->want;
    bool stands = c->was_answered && is_standing(c, from, t, k, was);

    if (!stands) {
        t->tcp_generation += c->was_answered;
        t->tcp_setup = tcp_role(from, k->setup, is_offer);
        /* the active side of MSRP is the client of TLS (RFC 6135), the answerer of BFCP its server (RFC 8856 s. 8) */
        t->setup = c->protocol == GW_IQ_MSRP ? t->tcp_setup : is_offer ? GW_IQ_SETUP_PASSIVE : GW_IQ_SETUP_ACTIVE;
    }
    t->nfingerprints = (uint8_t)k->nfingerprints;
    memcpy(t->fingerprints, k->fingerprints, sizeof(t->fingerprints));
    c->direction[from] = s->direction[from];
    c->setup[from] = (uint8_t)k->setup;
    if (from == GW_LEG_CORE)
        strcpy(c->core_path, k->path);
    else
        gw_span_copy(gw_span_str(k->path), c->client_uri, sizeof(c->client_uri)); /* its length was checked */
}

/* What the answerer says of the connection is meant for the offerer: ours follow it. */
static void take_passed(struct gw_ms *ms, const struct ms_stream *s, enum gw_leg answerer, const struct said *k)
{
    bool is_active = k->setup == GW_SDP_ACTIVE;

    ms_term(ms, s->term[answerer])->want.tcp_setup = is_active ? GW_IQ_SETUP_PASSIVE : GW_IQ_SETUP_ACTIVE;
    ms_term(ms, s->term[ms_other(answerer)])->want.tcp_setup = is_active ? GW_IQ_SETUP_ACTIVE : GW_IQ_SETUP_PASSIVE;
}

/* ---- offers ---- */

/* The transport of the other leg: as the operator wants it towards the core, if what is protected ends here. */
static const struct ms_data_row *row_out(const struct gw_ms *ms, enum gw_leg to, const struct ms_data_row *row,
                                         bool is_protected)
{
    const struct ms_data_row *own = ms_data_own_row(ms, (enum gw_iq_protocol)row->protocol);

    if (to == GW_LEG_CORE && is_protected && own->transport == GW_IQ_TCP)
        return own;
    return ms_data_tcp_row((enum gw_iq_protocol)row->protocol,
                           to == GW_LEG_ACCESS && is_protected ? GW_IQ_TLS : GW_IQ_PLAIN);
}

/* What a termination is cannot change: another one for another security. */
static void leave_term(struct gw_ms *ms, struct ms_stream *s, enum gw_leg leg, uint8_t security)
{
    const struct ms_term *t = ms_term(ms, s->term[leg]);

    if (t && (t->want.transport != GW_IQ_TCP || t->want.security != security))
        s->term[leg] = 0;
}

static void make_tcp(struct gw_ms *ms, const struct ms_stream *s, enum gw_leg leg, uint8_t security)
{
    struct gw_iq_term *t = &ms_term(ms, s->term[leg])->want;

    t->transport = GW_IQ_TCP;
    t->security = security;
    t->is_latching = false;
}

static int offer_terms(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, unsigned line, struct ms_stream *s,
                       const struct ms_data_row *row, const struct ms_data_row *out, struct gw_sdp_refusal *why)
{
    enum gw_leg to = ms_other(from);
    uint8_t security[2];
    int err;

    security[from] = s->pass ? GW_IQ_PLAIN : row->security;
    security[to] = s->pass ? GW_IQ_PLAIN : out->security;
    leave_term(ms, s, from, security[from]);
    leave_term(ms, s, to, security[to]);
    snprintf(ms->now.legs[to].lines[s->line[to]].proto, sizeof(ms->now.legs[to].lines[0].proto), "%s", out->proto);
    err = ms_transport_offer(ms, from, sdp, line, s, why);
    if (err || s->pass == MS_DIRECT)
        return err;
    err = ms_transport_out(ms, to, s, false);
    if (err) {
        ms_refuse(why, 488, 399, "Too many transports");
        return err;
    }
    make_tcp(ms, s, from, security[from]);
    make_tcp(ms, s, to, security[to]);
    return 0;
}

int ms_tcp_offer(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, unsigned line, bool is_protected,
                 enum ms_pass pass, struct gw_sdp_refusal *why)
{
    const struct ms_data_row *row = ms_data_row(&sdp->media[line]), *out;
    struct gw_addr was = { 0 };
    struct ms_channel *c;
    const struct ms_term *t;
    struct ms_stream *s;
    struct said k;
    int err;

    if (!row || row->transport != GW_IQ_TCP)
        return ms_data_refuse(why, 302, "Transport not carried");
    err = read_line(sdp, line, row, from, pass != MS_NOT_PASSED, &k, why);
    if (err)
        return err;
    if (ms_bind(ms, from, line, (enum gw_iq_kind)(row->protocol == GW_IQ_MSRP ? MS_TCP_MSRP : MS_TCP_BFCP), &s) != 0)
        return ms_data_refuse(why, 399, "Too many media streams");
    s->pass = (uint8_t)pass;
    out = pass ? row : row_out(ms, ms_other(from), row, is_protected);
    t = ms_term(ms, s->term[from]);
    if (t)
        was = t->want.remote_rtp;
    err = offer_terms(ms, from, sdp, line, s, row, out, why);
    if (err)
        return err;
    s->is_offered = true;
    if (pass == MS_DIRECT)
        return 0;
    c = channel_of(ms, s);
    if (!c || c->protocol != row->protocol) {
        err = ms_channel_join(ms, s, row, &c);
        if (err)
            return ms_data_refuse(why, 399, "Too many TCP streams");
    }
    c->is_offered = true;
    c->row = row;
    if (pass)
        return 0;
    take(ms, s, c, from, &k, &was, true);
    /* paths pass only where nothing of them has to change with the transport */
    c->has_cema = k.has_cema && ms->conf->core_cema.v == MS_CEMA_FIRST && row->security == out->security;
    return 0;
}

/* ---- answers ---- */

int ms_tcp_answer(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, unsigned line, struct ms_stream *s,
                  struct gw_sdp_refusal *why)
{
    const struct ms_data_row *row = ms_data_row(&sdp->media[line]);
    struct ms_channel *c = channel_of(ms, s);
    struct gw_addr was = { 0 };
    struct ms_term *t = ms_term(ms, s->term[from]);
    struct said k;
    int err;

    if (!row || (c && row->protocol != c->protocol))
        return ms_data_refuse(why, 302, "Answer changes type or transport");
    err = read_line(sdp, line, row, from, s->pass != MS_NOT_PASSED, &k, why);
    if (!err && t) {
        uint8_t security = t->want.security;
        was = t->want.remote_rtp;
        err = ms_transport_answer(ms, from, sdp, line, s, why);
        t->want.security = security;
    } else if (!err) {
        err = ms_transport_answer(ms, from, sdp, line, s, why);
    }
    if (err || !c)
        return err;
    if (s->pass) {
        take_passed(ms, s, from, &k);
        c->direction[GW_LEG_ACCESS] = s->direction[GW_LEG_ACCESS];
        c->direction[GW_LEG_CORE] = s->direction[GW_LEG_CORE];
    } else {
        take(ms, s, c, from, &k, &was, false);
        if (c->has_cema && !k.has_cema && (strchr(k.path, ' ') || t->want.tcp_setup == GW_IQ_SETUP_PASSIVE))
            return ms_data_refuse(why, 399, "The answerer does not know CEMA"); /* RFC 6714 s. 4.2 */
    }
    c->is_on = true;
    return 0;
}

void ms_tcp_keep(struct gw_ms *ms, struct ms_stream *s)
{
    struct ms_channel *c = channel_of(ms, s);

    s->is_offered = true;
    if (c)
        c->is_offered = true;
}

/* ---- writing ---- */

static void write_setup(const struct ms_channel *c, const struct gw_iq_term *t, bool is_offer, struct gw_sdp_buf *b)
{
    gw_sdp_printf(b, "a=setup:%s\r\n",
                  is_offer                             ? "actpass"
                  : t->tcp_setup == GW_IQ_SETUP_ACTIVE ? "active"
                                                       : "passive");
    if (c->protocol == GW_IQ_BFCP)
        gw_sdp_printf(b, "a=connection:%s\r\n", c->was_answered ? "existing" : "new");
}

static void write_path(struct gw_ms *ms, const struct ms_channel *c, enum gw_leg to, struct gw_sdp_buf *b)
{
    char uri[GW_IQ_URI + 1];

    if (c->has_cema) {
        gw_sdp_printf(b, "a=path:%s\r\na=msrp-cema\r\n", to == GW_LEG_CORE ? c->client_uri : c->core_path);
        return;
    }
    ms_data_uri(ms, c, to, uri, sizeof(uri));
    gw_sdp_printf(b, "a=path:%s\r\n", uri);
}

void ms_tcp_write(struct gw_ms *ms, enum gw_leg to, const struct gw_sdp *src, const struct ms_stream *s, bool is_offer,
                  struct gw_sdp_buf *b)
{
    const struct gw_sdp_section *m = &src->media[s->line[ms_other(to)]].section;
    const struct ms_line *l = &ms->now.legs[to].lines[s->line[to]];
    const struct ms_term *t = ms_term(ms, s->term[to]);
    const struct ms_channel *c = channel_of(ms, s);
    bool has_types = false;

    gw_sdp_printf(b, "m=%s %u %s *\r\n", l->type, t->local.rtp.port, l->proto);
    ms_write_c(b, &t->local.rtp);
    for (unsigned i = 0; i < m->nlines; i++)
        if (m->lines[i].type == 'b')
            gw_sdp_printf(b, "b=%.*s\r\n", GW_SDP_ARG(m->lines[i].value));
    write_setup(c, &t->want, is_offer, b);
    if (c->protocol == GW_IQ_MSRP)
        write_path(ms, c, to, b);
    if (t->want.security == GW_IQ_TLS)
        ms_write_fingerprint(b, t);
    if (is_offer && to == GW_LEG_ACCESS && t->want.security == GW_IQ_TLS)
        gw_sdp_printf(b, "a=3ge2ae:applied\r\n");
    for (unsigned i = 0; i < m->nlines; i++) {
        struct gw_span name, value;
        if (!gw_sdp_attr_of(&m->lines[i], &name, &value) || !ms_data_is_passing(c, t, name))
            continue;
        has_types |= gw_span_is(name, "accept-types");
        gw_sdp_printf(b, "a=%.*s\r\n", GW_SDP_ARG(m->lines[i].value));
    }
    if (c->protocol == GW_IQ_MSRP && !has_types) /* RFC 4975 s. 8.6 */
        gw_sdp_printf(b, "a=accept-types:*\r\n");
    gw_sdp_printf(b, "a=%s\r\n", gw_sdp_direction_text(ms_direction_out(s, to, is_offer)));
}

bool gw_ms_is_sole_connection(const struct gw_ms *ms, unsigned id)
{
    const struct ms_stream *its = NULL;
    bool is_sole = true;

    for (unsigned i = 0; i < ms->now.nchannels; i++)
        if (ms->now.channels[i].is_used && ms->now.channels[i].iq == id)
            its = &ms->now.streams[ms->now.channels[i].stream];
    for (unsigned i = 0; i < GW_IQ_STREAMS; i++)
        is_sole &= &ms->now.streams[i] == its || !ms->now.streams[i].is_on;
    return its && ms_is_tcp(its->kind) && is_sole;
}
