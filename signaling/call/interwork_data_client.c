/* Data channels as the browser describes them: m=application with its dcmap and dcsa, in offers and answers (RFC 8864,
 * RFC 8841; specs/data-media.md 2). What is refused is found before anything is made. */
#include <stdio.h>

#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "signaling/call/interwork_priv.h"

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

/* What the dcsa of channel c->id say, into c. */
static int read_client(const struct gw_ms *ms, struct ms_channel *c, const struct gw_sdp_section *s,
                       struct gw_sdp_refusal *why)
{
    enum gw_sdp_setup setup = GW_SDP_ACTIVE;
    struct gw_span v, name, whole;

    c->direction[GW_LEG_ACCESS] = direction_of(s, c->id);
    if (find_dcsa(s, c->id, "setup", &v) && gw_sdp_parse_setup(v, &setup) != 0)
        setup = GW_SDP_ACTIVE;
    c->setup[GW_LEG_ACCESS] = (uint8_t)setup;
    switch ((enum gw_iq_protocol)c->protocol) {
    case GW_IQ_MSRP:
        if (!find_dcsa(s, c->id, "path", &v) || gw_span_copy(v, c->client_uri, sizeof(c->client_uri)) != 0)
            return ms_data_refuse(why, 306, "MSRP channel without a=dcsa path"); /* RFC 8873 s. 4.4 */
        break;
    case GW_IQ_BFCP: /* over SCTP as over TCP: version 1 (RFC 8856 s. 5.5) */
        if (find_dcsa(s, c->id, "bfcpver", &v) && !ms_data_has_token(v, "1"))
            return ms_data_refuse(why, 306, "BFCP version not carried");
        break;
    case GW_IQ_T140:
        c->cps[GW_LEG_ACCESS] = (uint16_t)ms->conf->t140_cps;
        if (find_dcsa(s, c->id, "fmtp", &v) && v.len > 5 && memcmp(v.ptr, "t140 ", 5) == 0) /* any other is ignored */
            c->cps[GW_LEG_ACCESS] = ms_data_cps(ms, v);
        break;
    case GW_IQ_T38:
        for (unsigned pos = 0; gw_sdp_dcsa(s, c->id, &pos, &name, &v, &whole);)
            gw_sdp_t38_take(&c->t38[GW_LEG_ACCESS], name, v);
        break;
    }
    return 0;
}

static void take_client(struct ms_channel *c, const struct ms_channel *said)
{
    c->direction[GW_LEG_ACCESS] = said->direction[GW_LEG_ACCESS];
    c->setup[GW_LEG_ACCESS] = said->setup[GW_LEG_ACCESS];
    c->cps[GW_LEG_ACCESS] = said->cps[GW_LEG_ACCESS];
    c->t38[GW_LEG_ACCESS] = said->t38[GW_LEG_ACCESS];
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
        return ms_data_refuse(why, 304, "Sub-protocol not carried");
    if (map->id >= MS_SCTP_STREAMS)
        return ms_data_refuse(why, 399, "Stream id beyond those of an association");
    if (!map->is_ordered || map->has_max_retr || map->has_max_time)
        return ms_data_refuse(why, 306,
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
            return ms_data_refuse(why, 399, "Too many data channels");
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
        return ms_data_refuse(why, 305, "Only webrtc-datachannel is carried over SCTP");
    if (err || a.port == 0)
        return ms_data_refuse(why, 306, "No usable a=sctp-port"); /* RFC 8841 s. 5.1: there is no default */
    if (!t->want.sctp_port)
        t->want.sctp_port = MS_SCTP_PORT;
    else if (t->want.remote_sctp_port && t->want.remote_sctp_port != a.port)
        t->want.sctp_port++; /* another port is another association, for both (RFC 8841 s. 9.3) */
    t->want.has_sctp = true;
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
            return ms_data_refuse(why, 306, "Bad a=dcmap");
        if (seen[map.id / 8] & 1u << map.id % 8)
            return ms_data_refuse(why, 306, "Two a=dcmap of one id");
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
        return ms_data_refuse(why, 399, "Too many media streams");
    err = ms_transport_offer(ms, GW_LEG_ACCESS, sdp, line, s, why);
    if (!err && is_second(ms, s))
        err = ms_data_refuse(why, 399, "Second association of one transport");
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
            if (said.setup[GW_LEG_ACCESS] == GW_SDP_ACTPASS) /* is no answer */
                said.setup[GW_LEG_ACCESS] = GW_SDP_ACTIVE;
            take_client(c, &said);
            if (c->protocol == GW_IQ_T38 && ms_fax_check(c->t38, GW_LEG_CORE, &line) != 0)
                break;
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
