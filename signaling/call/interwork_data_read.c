/* Data channels in received SDP: the browser's dcmap and dcsa, and the m-lines of the core (specs/data-media.md 2 to
 * 5). What is refused is found before anything is made. */
#include <stdio.h>

#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "signaling/call/interwork_priv.h"

enum { OUR_SCTP_PORT = 5000, SCTP_STREAMS = 1024, MAX_CPS = 1000, MAX_GENERATIONS = 7 };

static int refuse(struct gw_sdp_refusal *why, int warn, const char *text)
{
    ms_refuse(why, 488, warn, "%s", text);
    return GW_E_UNSUPPORTED;
}

/* ---- the browser's words ---- */

static bool find_dcsa(const struct gw_sdp_section *s, uint16_t id, const char *name, struct gw_span *value)
{
    struct gw_span n, whole;
    unsigned pos = 0;

    while (gw_sdp_dcsa(s, id, &pos, &n, value, &whole))
        if (gw_span_is(n, name))
            return true;
    return false;
}

static uint8_t direction_of(const struct gw_sdp_section *s, uint16_t id)
{
    struct gw_span v;

    if (find_dcsa(s, id, "sendonly", &v))
        return GW_SDP_SENDONLY;
    if (find_dcsa(s, id, "recvonly", &v))
        return GW_SDP_RECVONLY;
    return find_dcsa(s, id, "inactive", &v) ? GW_SDP_INACTIVE : GW_SDP_SENDRECV;
}

/* "t140 cps=20" or "98 cps=20"; the default without one. */
static uint16_t parse_cps(const struct gw_ms *ms, struct gw_span params)
{
    struct gw_span token = gw_sdp_token(&params);
    uint32_t v = 0;

    while ((token = gw_sdp_token(&params)).len) {
        struct gw_span name = gw_sdp_until(&token, '=');
        if (gw_span_is(name, "cps") && gw_sdp_u32(token, MAX_CPS, &v) != 0)
            v = 0;
    }
    return (uint16_t)(v ? v : (uint32_t)ms->conf->t140_cps);
}

static bool has_token(struct gw_span list, const char *word)
{
    struct gw_span t;

    while ((t = gw_sdp_token(&list)).len)
        if (gw_span_is(t, word))
            return true;
    return false;
}

/* What the dcsa of channel c->id say, into c. */
static int read_client(const struct gw_ms *ms, struct ms_channel *c, const struct gw_sdp_section *s,
                       struct gw_sdp_refusal *why)
{
    enum gw_sdp_setup setup = GW_SDP_ACTIVE;
    struct gw_span v;

    c->direction[GW_LEG_ACCESS] = direction_of(s, c->id);
    if (find_dcsa(s, c->id, "setup", &v) && gw_sdp_parse_setup(v, &setup) != 0)
        setup = GW_SDP_ACTIVE;
    c->setup[GW_LEG_ACCESS] = (uint8_t)setup;
    switch ((enum gw_iq_protocol)c->protocol) {
    case GW_IQ_MSRP:
        if (!find_dcsa(s, c->id, "path", &v) || gw_span_copy(v, c->client_uri, sizeof(c->client_uri)) != 0)
            return refuse(why, 306, "MSRP channel without a=dcsa path"); /* RFC 8873 s. 4.4 */
        break;
    case GW_IQ_BFCP: /* over SCTP as over TCP: version 1 (RFC 8856 s. 5.5) */
        if (find_dcsa(s, c->id, "bfcpver", &v) && !has_token(v, "1"))
            return refuse(why, 306, "BFCP version not carried");
        break;
    case GW_IQ_T140:
        c->cps[GW_LEG_ACCESS] = (uint16_t)ms->conf->t140_cps;
        if (find_dcsa(s, c->id, "fmtp", &v) && v.len > 5 && memcmp(v.ptr, "t140 ", 5) == 0) /* any other is ignored */
            c->cps[GW_LEG_ACCESS] = parse_cps(ms, v);
        break;
    case GW_IQ_T38:
        break;
    }
    return 0;
}

static void take_client(struct ms_channel *c, const struct ms_channel *said)
{
    c->direction[GW_LEG_ACCESS] = said->direction[GW_LEG_ACCESS];
    c->setup[GW_LEG_ACCESS] = said->setup[GW_LEG_ACCESS];
    c->cps[GW_LEG_ACCESS] = said->cps[GW_LEG_ACCESS];
    memcpy(c->client_uri, said->client_uri, sizeof(c->client_uri));
}

/* Under CEMA the browser's role is the one that we play for it towards the core. */
static void take_client_role(const struct ms_channel *c, struct gw_iq_term *core)
{
    if (c->has_cema && (!c->was_answered || c->is_moved))
        core->setup = core->tcp_setup =
            c->setup[GW_LEG_ACCESS] == GW_SDP_PASSIVE ? GW_IQ_SETUP_PASSIVE : GW_IQ_SETUP_ACTIVE;
}

static int offer_channel(struct gw_ms *ms, unsigned stream, const struct gw_sdp_media *m,
                         const struct gw_sdp_dcmap *map, struct gw_sdp_refusal *why)
{
    int protocol = ms_data_protocol(map->subprotocol), err = 0;
    struct ms_channel *c = ms_channel_find(ms, stream, map->id),
                      said = { .id = map->id, .protocol = (uint8_t)protocol };

    if (protocol < 0)
        return refuse(why, 304, "Sub-protocol not carried");
    if (!map->is_ordered || map->has_max_retr || map->has_max_time)
        return refuse(why, 306,
                      "Sub-protocol needs an ordered, reliable channel"); /* RFC 8873 s. 4.3, RFC 8865 s. 4.1 */
    err = read_client(ms, &said, &m->section, why);
    if (err)
        return err;
    for (unsigned i = 0; i < ms->now.nchannels; i++) /* it came in band, and now by SDP, which counts */
        if (ms->now.channels[i].stream == stream && ms->now.channels[i].id == map->id)
            ms->now.channels[i].is_waiting = false;
    if (c && c->protocol != protocol) {
        ms_channel_leave(ms, &ms->now.legs[GW_LEG_CORE].lines[c->core_line]);
        c = NULL;
    }
    if (!c) {
        err = ms_channel_new(ms, stream, ms_data_own_row(ms, (enum gw_iq_protocol)protocol), MS_NO_LINE, &c);
        if (err == GW_E_NOMEM)
            return err;
        if (err)
            return refuse(why, 399, "Too many data channels");
        c->id = map->id;
        c->has_cema = protocol == GW_IQ_MSRP && ms->conf->core_cema.v == MS_CEMA_FIRST;
        if (gw_span_copy(map->options, c->options, sizeof(c->options)) != 0) /* label is optional (RFC 8864 s. 5.1.3) */
            snprintf(c->options, sizeof(c->options), "subprotocol=\"%s\"", map->subprotocol);
    }
    c->is_offered = true;
    c->is_in_band = c->is_closed = false;
    take_client(c, &said);
    return 0;
}

static int read_association(struct gw_ms *ms, const struct gw_sdp_media *m, const struct ms_stream *s,
                            struct gw_sdp_refusal *why)
{
    struct ms_term *t = ms_term(ms, s->term[GW_LEG_ACCESS]);
    struct gw_sdp_sctp a;
    int err = gw_sdp_parse_sctp(m, &a);

    if (err == GW_E_UNSUPPORTED)
        return refuse(why, 305, "Only webrtc-datachannel is carried over SCTP");
    if (err || a.port == 0)
        return refuse(why, 306, "No usable a=sctp-port"); /* RFC 8841 s. 5.1: there is no default */
    t->want.has_sctp = true;
    t->want.sctp_port = OUR_SCTP_PORT;
    t->want.remote_sctp_port = a.port;
    t->want.remote_max_message = a.max_message;
    return 0;
}

static int data_stream(struct gw_ms *ms, unsigned line, struct ms_stream **out)
{
    struct ms_line *l = &ms->now.legs[GW_LEG_ACCESS].lines[line];
    int index = l->stream, err = 0;

    if (index != MS_NO_STREAM && ms->now.streams[index].kind != MS_DATA) {
        ms_unbind(ms, GW_LEG_ACCESS, line);
        index = MS_NO_STREAM;
    }
    if (index == MS_NO_STREAM)
        err = ms_take_stream(ms, (enum gw_iq_kind)MS_DATA, &index);
    if (err)
        return err;
    l->stream = index;
    *out = &ms->now.streams[index];
    (*out)->line[GW_LEG_ACCESS] = (uint8_t)line;
    (*out)->line[GW_LEG_CORE] = MS_NO_LINE;
    return 0;
}

/* An id may be named once (RFC 8864 s. 5.1); a line that is no dcmap spoils the offer. */
static int check_maps(const struct gw_sdp_section *s, struct gw_sdp_refusal *why)
{
    uint8_t seen[8192] = { 0 };
    struct gw_sdp_dcmap map;
    struct gw_span v;
    unsigned pos = 0;

    while (gw_sdp_attr(s, "dcmap", &pos, &v)) {
        if (gw_sdp_parse_dcmap(v, &map) != 0)
            return refuse(why, 306, "Bad a=dcmap");
        if (seen[map.id / 8] & 1u << map.id % 8)
            return refuse(why, 306, "Two a=dcmap of one id");
        seen[map.id / 8] |= (uint8_t)(1u << map.id % 8);
    }
    return 0;
}

/* A channel that cannot be carried is left out of the answer, and the association comes up all the same (RFC 8864
 * s. 6.5). */
static int offer_channels(struct gw_ms *ms, const struct gw_sdp_media *m, unsigned stream, struct gw_sdp_refusal *why)
{
    struct gw_sdp_dcmap map;
    struct gw_span v;
    unsigned pos = 0;
    int err;

    for (unsigned i = 0; i < ms->now.nchannels; i++) { /* those are no matter of SDP (s. 6.1) */
        struct ms_channel *c = &ms->now.channels[i];
        if (c->is_used && c->stream == stream && c->is_in_band)
            c->is_offered = c->is_on;
    }
    ms_refuse(why, 488, 306, "No data channel with a known sub-protocol");
    while (gw_sdp_attr(&m->section, "dcmap", &pos, &v)) {
        if (gw_sdp_parse_dcmap(v, &map) != 0)
            continue;
        err = offer_channel(ms, stream, m, &map, why);
        if (err == GW_E_NOMEM)
            return err;
        if (err) {
            gw_stats_inc(GW_STAT_SDP_LINE_REFUSED);
            gw_log(GW_LOG_WARNING, "sdp", ms->call, "channel=%u refused: %s", map.id, why->text);
        }
    }
    return 0;
}

/* One association for each DTLS transport (RFC 8841 s. 4.3). */
static bool is_second(const struct gw_ms *ms, const struct ms_stream *s)
{
    for (unsigned i = 0; i < GW_IQ_STREAMS; i++) {
        const struct ms_stream *o = &ms->now.streams[i];
        if (o != s && o->is_used && o->is_offered && o->kind == MS_DATA &&
            o->term[GW_LEG_ACCESS] == s->term[GW_LEG_ACCESS])
            return true;
    }
    return false;
}

/* Accepted as soon as there can be an association; why then tells of a channel that cannot. */
int ms_data_offer(struct gw_ms *ms, const struct gw_sdp *sdp, unsigned line, struct gw_sdp_refusal *why)
{
    const struct gw_sdp_media *m = &sdp->media[line];
    struct ms_stream *s;
    int err = check_maps(&m->section, why);

    if (err)
        return err;
    if (data_stream(ms, line, &s) != 0)
        return refuse(why, 399, "Too many media streams");
    err = ms_transport_offer(ms, GW_LEG_ACCESS, sdp, line, s, why);
    if (!err && is_second(ms, s))
        err = refuse(why, 399, "Second association of one transport");
    if (!err)
        err = read_association(ms, m, s, why);
    if (!err)
        err = offer_channels(ms, m, (unsigned)(s - ms->now.streams), why);
    s->is_offered = err == 0;
    return err;
}

int ms_data_client_answer(struct gw_ms *ms, const struct gw_sdp_media *m, struct ms_stream *s, unsigned *n,
                          struct gw_sdp_refusal *why)
{
    int err = read_association(ms, m, s, why);
    struct gw_sdp_dcmap map;
    struct gw_span v;

    *n = 0;
    for (unsigned i = 0; !err && i < ms->now.nchannels; i++) {
        struct ms_channel *c = &ms->now.channels[i];
        struct gw_sdp_refusal line;
        unsigned pos = 0;
        if (!c->is_used || !c->is_offered || &ms->now.streams[c->stream] != s)
            continue;
        c->is_on = c->is_in_band;
        while (!c->is_on && gw_sdp_attr(&m->section, "dcmap", &pos, &v)) {
            struct ms_channel said = { .id = c->id, .protocol = c->protocol };
            if (gw_sdp_parse_dcmap(v, &map) != 0 || map.id != c->id)
                continue;
            if (map.has_max_retr || map.has_max_time || read_client(ms, &said, &m->section, &line) != 0)
                break; /* not what was offered (RFC 8864 s. 6.4), or not all that must be there */
            take_client(c, &said);
            take_client_role(c, &ms_term(ms, c->core_term)->want);
            c->is_on = true;
        }
        *n += c->is_on;
        if (!c->is_on)
            gw_log(GW_LOG_INFO, "sdp", ms->call, "channel=%u %s declined by the client", c->id,
                   ms_data_subprotocol((enum gw_iq_protocol)c->protocol));
    }
    return err;
}

/* ---- m-lines of the core ---- */

struct core { /* what is said of a channel's m-line and its transport */
    struct ms_channel c;
    struct gw_addr rtp, rtcp;
    enum gw_sdp_setup setup;
    bool has_new, has_existing; /* a=connection */
    unsigned nfingerprints;
    struct gw_iq_fingerprint fingerprints[GW_IQ_FINGERPRINTS];
};

/* "98/98/98": primary and the redundant ones behind it. */
static uint8_t count_generations(struct gw_span params)
{
    const char *p = params.ptr;
    unsigned n = 0;

    for (size_t i = 0; i < params.len; i++)
        n += p[i] == '/';
    return (uint8_t)(n < MAX_GENERATIONS ? n : MAX_GENERATIONS);
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
        return refuse(why, 305, "No t140");
    c->generations = c->red_pt == MS_NO_PT ? 0 : 2; /* RFC 4103 s. 4 */
    for (pos = 0; gw_sdp_attr(s, "fmtp", &pos, &v);) {
        if (gw_sdp_parse_fmtp(v, &f) != 0 || gw_sdp_u32(f.fmt, 127, &pt) != 0)
            continue;
        if (pt == c->t140_pt)
            c->cps[GW_LEG_CORE] = parse_cps(ms, v);
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
        return refuse(why, 306, "MSRP without a=path");
    k->c.has_cema = gw_sdp_has(s, "msrp-cema") && ms->conf->core_cema.v != MS_CEMA_NO;
    if (is_offer && !k->c.has_cema && (k->setup == GW_SDP_PASSIVE || k->setup == GW_SDP_ACTPASS) &&
        is_path_elsewhere(k))
        return refuse(why, 399, "MSRP path and connection address differ");
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
        return refuse(why, 399, "TLS without a fingerprint"); /* RFC 4975 s. 14.4, RFC 8856 s. 7 */
    k->c.direction[GW_LEG_CORE] = (uint8_t)gw_sdp_direction(sdp, m);
    k->c.setup[GW_LEG_CORE] = (uint8_t)k->setup;
    if (row->protocol == GW_IQ_T140)
        return read_text(ms, &k->c, s, why);
    if (row->protocol == GW_IQ_BFCP && gw_sdp_attr(s, "bfcpver", &pos, &v) &&
        !has_token(v, row->transport == GW_IQ_UDP ? "2" : "1")) /* RFC 8856 s. 5.5 */
        return refuse(why, 306, "BFCP version not carried");
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
        ms->wants_core_offer = true;
    }
}

static void take_core(struct gw_ms *ms, struct ms_channel *c, const struct core *k, bool is_offer)
{
    struct ms_term *t = ms_term(ms, c->core_term);

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
}

int ms_data_answer(struct gw_ms *ms, const struct gw_sdp *sdp, unsigned line, struct gw_sdp_refusal *why)
{
    struct ms_line *l = &ms->now.legs[GW_LEG_CORE].lines[line];
    struct ms_channel *c = ms_channel_of(ms, l, true);
    const struct ms_data_row *row = ms_data_row(&sdp->media[line]);
    struct core k;
    int err;

    if (!c)
        return refuse(why, 304, "Answer to an m-line that was not offered");
    if (!row || row->protocol != c->protocol)
        return refuse(why, 302, "Answer changes type or transport");
    err = read_core(ms, sdp, line, row, false, &k, why);
    if (!err && k.rtp.family && k.rtp.family != ms_term(ms, c->core_term)->want.family)
        err = refuse(why, 301, "No address of this family here");
    if (err)
        return err;
    take_core(ms, c, &k, false);
    c->is_on = true;
    return 0;
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
    } while (next < SCTP_STREAMS && ms_channel_find(ms, stream, next));
    *id = (uint16_t)next;
    return next < SCTP_STREAMS ? 0 : GW_E_LIMIT;
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
    t->want.sctp_port = OUR_SCTP_PORT;
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
        ms_unbind(ms, GW_LEG_CORE, line);
        err = new_of_core(ms, line, row, k.rtp.family, &c);
        if (err)
            return err == GW_E_NOMEM ? err : refuse(why, 399, "Too many data channels");
    }
    take_core(ms, c, &k, true);
    c->row = row;
    c->is_offered = true;
    ms->now.streams[c->stream].is_offered = true;
    return 0;
}
