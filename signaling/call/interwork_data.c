/* Data channels of a browser: one m-line of its own towards the core for each (specs/data-media.md 2; RFC 8864, RFC 8873,
 * RFC 8865; TS 33.328 s. N.3). The browser's m-line is a stream of kind MS_DATA, which has the transport; its channels are
 * accepted, refused, added and closed each by itself. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/crypto.h"
#include "signaling/call/interwork_priv.h"

enum { OUR_SCTP_PORT = 5000, OUR_MAX_MESSAGE = 262144, PT_T140 = 98, PT_RED = 99, GENERATIONS = 2, CPS = 30, MAX_CPS = 1000 };

static const struct kind {
    const char *subprotocol, *type, *proto, *fmt;
} kinds[] = {
    [GW_IQ_MSRP] = { "msrp", "message", "TCP/MSRP", "*" },
    [GW_IQ_BFCP] = { "bfcp", "application", "TCP/BFCP", "*" },
    [GW_IQ_T140] = { "t140", "text", "RTP/AVP", "99 98" },
};

static int refuse(struct gw_sdp_refusal *why, int warn, const char *text)
{
    ms_refuse(why, 488, warn, "%s", text);
    return GW_E_UNSUPPORTED;
}

static int protocol_of(const struct gw_sdp_dcmap *m)
{
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(m->subprotocol, kinds[i].subprotocol) == 0)
            return (int)i;
    return -1;
}

struct ms_channel *ms_channel_of(struct gw_ms *ms, const struct ms_line *l, bool is_offer)
{
    struct ms_channel *c = l->channel ? &ms->now.channels[l->channel - 1] : NULL;

    return c && c->is_used && (is_offer ? c->is_offered : c->is_on) ? c : NULL;
}

/* ---- offers of the browser ---- */

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

/* "t140 cps=20" or "98 cps=20"; 0 without one. */
static uint16_t parse_cps(struct gw_span params)
{
    struct gw_span token = gw_sdp_token(&params);
    uint32_t v = 0;

    (void)token;
    while ((token = gw_sdp_token(&params)).len) {
        struct gw_span name = gw_sdp_until(&token, '=');
        if (gw_span_is(name, "cps") && gw_sdp_u32(token, MAX_CPS, &v) != 0)
            v = 0;
    }
    return (uint16_t)v;
}

static int read_client(struct ms_channel *c, const struct gw_sdp_section *s, struct gw_sdp_refusal *why)
{
    struct gw_span v;

    c->direction[GW_LEG_ACCESS] = direction_of(s, c->id);
    c->is_client_active = !find_dcsa(s, c->id, "setup", &v) || !gw_span_is(v, "passive");
    if (c->protocol == GW_IQ_MSRP) {
        if (!find_dcsa(s, c->id, "path", &v) || gw_span_copy(v, c->client_uri, sizeof(c->client_uri)) != 0)
            return refuse(why, 306, "MSRP channel without a=dcsa path"); /* RFC 8873 s. 4.4 */
    }
    if (c->protocol == GW_IQ_T140) {
        c->cps[GW_LEG_ACCESS] = CPS;
        if (find_dcsa(s, c->id, "fmtp", &v) && v.len > 5 && memcmp(v.ptr, "t140 ", 5) == 0) /* any other is ignored */
            c->cps[GW_LEG_ACCESS] = parse_cps(v);
    }
    return 0;
}

static int new_channel(struct gw_ms *ms, struct ms_channel **out)
{
    struct ms_channel *grown;
    struct ms_term *t;
    unsigned i = 0, place;
    int err;

    while (i < ms->now.nchannels && ms->now.channels[i].is_used)
        i++;
    if (i == GW_IQ_CHANNELS)
        return GW_E_LIMIT;
    if (i == ms->now.nchannels) {
        grown = realloc(ms->now.channels, (i + 1) * sizeof(*grown));
        if (!grown)
            return GW_E_NOMEM;
        ms->now.channels = grown;
        ms->now.nchannels++;
    }
    memset(&ms->now.channels[i], 0, sizeof(ms->now.channels[i]));
    err = ms_take_line(&ms->now.legs[GW_LEG_CORE], &place);
    if (!err)
        err = ms_term_new(ms, GW_LEG_CORE, &t);
    if (err)
        return err;
    t->want.family = ms_core_family(ms);
    t->want.dscp = (uint8_t)ms->conf->core_dscp;
    *out = &ms->now.channels[i];
    (*out)->core_line = (uint8_t)place;
    (*out)->core_term = t->want.id;
    gw_rand_token((*out)->token, 16);
    ms->now.legs[GW_LEG_CORE].lines[place].channel = (uint8_t)(i + 1);
    return 0;
}

static struct ms_channel *find_channel(struct gw_ms *ms, unsigned stream, uint16_t id, int protocol)
{
    for (unsigned i = 0; i < ms->now.nchannels; i++) {
        struct ms_channel *c = &ms->now.channels[i];
        if (c->is_used && c->stream == stream && c->id == id && c->protocol == protocol)
            return c;
    }
    return NULL;
}

static int offer_channel(struct gw_ms *ms, unsigned stream, const struct gw_sdp_media *m, const struct gw_sdp_dcmap *map,
                         struct gw_sdp_refusal *why)
{
    int protocol = protocol_of(map), err = 0;
    struct ms_channel *c, said = { .id = map->id, .protocol = (uint8_t)protocol };
    struct ms_line *l;

    if (protocol < 0)
        return refuse(why, 304, "Sub-protocol not carried");
    if (!map->is_ordered || map->has_max_retr || map->has_max_time)
        return refuse(why, 306, "Sub-protocol needs an ordered, reliable channel"); /* RFC 8873 s. 4.3, RFC 8865 s. 4.1 */
    err = read_client(&said, &m->section, why);
    if (err)
        return err;
    c = find_channel(ms, stream, map->id, protocol);
    if (!c) {
        err = new_channel(ms, &c);
        if (err == GW_E_NOMEM)
            return err;
        if (err)
            return refuse(why, 399, "Too many data channels");
        c->stream = (uint8_t)stream;
        c->id = map->id;
        c->protocol = (uint8_t)protocol;
        l = &ms->now.legs[GW_LEG_CORE].lines[c->core_line];
        snprintf(l->type, sizeof(l->type), "%s", kinds[protocol].type);
        snprintf(l->proto, sizeof(l->proto), "%s", kinds[protocol].proto);
        snprintf(l->fmt, sizeof(l->fmt), "%s", kinds[protocol].fmt);
        ms_term(ms, c->core_term)->want.transport = protocol == GW_IQ_T140 ? GW_IQ_UDP : GW_IQ_TCP;
    }
    c->is_used = c->is_offered = true;
    c->direction[GW_LEG_ACCESS] = said.direction[GW_LEG_ACCESS];
    c->is_client_active = said.is_client_active;
    c->cps[GW_LEG_ACCESS] = said.cps[GW_LEG_ACCESS];
    memcpy(c->client_uri, said.client_uri, sizeof(c->client_uri));
    return 0;
}

static int sctp_attribute(const struct gw_sdp_section *s, const char *name, uint32_t most, uint32_t *out)
{
    struct gw_span v;
    unsigned pos = 0;

    return gw_sdp_attr(s, name, &pos, &v) ? gw_sdp_u32(v, most, out) : GW_E_NOTFOUND;
}

static int read_association(struct gw_ms *ms, const struct gw_sdp_media *m, const struct ms_stream *s, struct gw_sdp_refusal *why)
{
    struct ms_term *t = ms_term(ms, s->term[GW_LEG_ACCESS]);
    uint32_t port, most = 65536; /* RFC 8841 s. 6.1 */
    struct gw_span fmts = m->fmts;

    if (!gw_span_is(gw_sdp_token(&fmts), "webrtc-datachannel"))
        return refuse(why, 305, "Only webrtc-datachannel is carried over SCTP");
    if (sctp_attribute(&m->section, "sctp-port", 65535, &port) != 0 || port == 0)
        return refuse(why, 306, "No usable a=sctp-port"); /* s. 5.1: there is no default */
    (void)sctp_attribute(&m->section, "max-message-size", UINT32_MAX, &most);
    t->want.has_sctp = true;
    t->want.sctp_port = OUR_SCTP_PORT;
    t->want.remote_sctp_port = (uint16_t)port;
    t->want.remote_max_message = most;
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

/* An m-line that is refused leaves no m-lines on the other leg. */
static void forget_new(struct gw_ms *ms, const struct ms_stream *s)
{
    for (unsigned i = 0; i < ms->now.nchannels; i++) {
        struct ms_channel *c = &ms->now.channels[i];
        if (!c->is_used || c->was_answered || &ms->now.streams[c->stream] != s)
            continue;
        c->is_used = c->is_offered = false;
        ms->now.legs[GW_LEG_CORE].lines[c->core_line].channel = 0;
        ms->now.legs[GW_LEG_CORE].lines[c->core_line].is_dead = true;
    }
}

static int offer_channels(struct gw_ms *ms, const struct gw_sdp_media *m, const struct ms_stream *s, struct gw_sdp_refusal *why)
{
    unsigned pos = 0, n = 0;
    struct gw_sdp_dcmap map;
    struct gw_span v;
    int err, last = GW_E_UNSUPPORTED;

    ms_refuse(why, 488, 306, "No data channel with a known sub-protocol");
    while (gw_sdp_attr(&m->section, "dcmap", &pos, &v)) {
        err = gw_sdp_parse_dcmap(v, &map);
        if (err)
            return refuse(why, 306, "Bad a=dcmap");
        err = offer_channel(ms, (unsigned)(s - ms->now.streams), m, &map, why);
        if (err == GW_E_NOMEM)
            return err;
        n += err == 0;
        last = err ? err : last;
    }
    return n ? 0 : last;
}

int ms_data_offer(struct gw_ms *ms, const struct gw_sdp *sdp, unsigned line, struct gw_sdp_refusal *why)
{
    const struct gw_sdp_media *m = &sdp->media[line];
    struct ms_stream *s;
    int err = data_stream(ms, line, &s);

    if (err)
        return refuse(why, 399, "Too many media streams");
    err = ms_transport_data(ms, sdp, line, s, why);
    if (!err)
        err = read_association(ms, m, s, why);
    if (!err)
        err = offer_channels(ms, m, s, why);
    if (err)
        forget_new(ms, s);
    s->is_offered = err == 0;
    return err;
}

/* ---- answers of the core ---- */

static int read_text(struct ms_channel *c, const struct gw_sdp_section *s, struct gw_sdp_refusal *why)
{
    struct gw_sdp_rtpmap map;
    struct gw_span v;
    unsigned pos = 0;

    c->t140_pt = 0;
    c->red_pt = 0xff;
    while (gw_sdp_attr(s, "rtpmap", &pos, &v)) {
        if (gw_sdp_parse_rtpmap(v, &map) != 0 || map.clock_hz != 1000)
            continue;
        if (gw_span_is_nocase(map.name, "t140"))
            c->t140_pt = map.pt;
        else if (gw_span_is_nocase(map.name, "red"))
            c->red_pt = map.pt;
    }
    if (c->t140_pt == 0)
        return refuse(why, 305, "No t140");
    c->generations = c->red_pt == 0xff ? 0 : GENERATIONS;
    c->cps[GW_LEG_CORE] = CPS;
    for (pos = 0; gw_sdp_attr(s, "fmtp", &pos, &v);) {
        uint16_t cps = parse_cps(v);
        if (cps)
            c->cps[GW_LEG_CORE] = cps;
    }
    return 0;
}

int ms_data_answer(struct gw_ms *ms, const struct gw_sdp *sdp, unsigned line, struct gw_sdp_refusal *why)
{
    struct ms_line *l = &ms->now.legs[GW_LEG_CORE].lines[line];
    struct ms_channel *c = ms_channel_of(ms, l, true);
    const struct gw_sdp_media *m = &sdp->media[line];
    struct gw_addr remote;
    struct gw_span v;
    struct ms_term *t;
    unsigned pos = 0;
    int err;

    if (!c)
        return refuse(why, 304, "Answer to an m-line that was not offered");
    if (!gw_span_is(m->type, kinds[c->protocol].type) || !gw_span_is_nocase(m->proto, kinds[c->protocol].proto))
        return refuse(why, 302, "Answer changes type or transport");
    err = ms_core_address(ms, sdp, line, &remote, why);
    if (err)
        return err;
    if (c->protocol == GW_IQ_T140 && (err = read_text(c, &m->section, why)) != 0)
        return err;
    if (c->protocol == GW_IQ_MSRP &&
        (!gw_sdp_attr(&m->section, "path", &pos, &v) || gw_span_copy(v, c->core_path, sizeof(c->core_path)) != 0))
        return refuse(why, 306, "MSRP without a=path");
    t = ms_term(ms, c->core_term);
    t->want.has_remote = true;
    t->want.remote_rtp = t->want.remote_rtcp = remote;
    if (remote.family && c->protocol == GW_IQ_T140)
        t->want.remote_rtcp.port++;
    pos = 0; /* we offered actpass: active connects to us; without a word the offerer connects (RFC 4975 s. 5.4) */
    t->want.tcp_setup = gw_sdp_attr(&m->section, "setup", &pos, &v) && gw_span_is(v, "active") ? GW_IQ_SETUP_PASSIVE
                                                                                                  : GW_IQ_SETUP_ACTIVE;
    c->direction[GW_LEG_CORE] = (uint8_t)gw_sdp_direction(sdp, m);
    c->is_on = true;
    return 0;
}

int ms_data_core_offer(struct gw_ms *ms, const struct gw_sdp *sdp, unsigned line, struct gw_sdp_refusal *why)
{
    struct ms_channel *c = &ms->now.channels[ms->now.legs[GW_LEG_CORE].lines[line].channel - 1];
    struct ms_term *t = ms_term(ms, c->core_term);
    uint8_t setup = t->want.tcp_setup;
    bool was_on = c->is_on;
    int err;

    c->is_offered = true;
    err = ms_data_answer(ms, sdp, line, why); /* the same is read from it */
    c->is_offered = err == 0;
    c->is_on = was_on;
    t->want.tcp_setup = setup; /* a connection that stands keeps its roles */
    if (!err)
        ms->now.streams[c->stream].is_offered = true;
    return err;
}

/* A page without our library knows nothing of dcmap: its m-line without any stands for all. */
void ms_data_client_answer(struct gw_ms *ms, const struct gw_sdp_media *m, const struct ms_stream *s)
{
    bool has_maps = gw_sdp_has(&m->section, "dcmap");

    for (unsigned i = 0; i < ms->now.nchannels; i++) {
        struct ms_channel *c = &ms->now.channels[i];
        struct gw_sdp_dcmap map;
        struct gw_span v;
        unsigned pos = 0;
        if (!c->is_used || !c->is_offered || &ms->now.streams[c->stream] != s)
            continue;
        c->is_on = !has_maps;
        while (!c->is_on && gw_sdp_attr(&m->section, "dcmap", &pos, &v))
            c->is_on = gw_sdp_parse_dcmap(v, &map) == 0 && map.id == c->id;
        if (has_maps && c->is_on)
            c->direction[GW_LEG_ACCESS] = direction_of(&m->section, c->id);
    }
}

void ms_data_keep(struct gw_ms *ms, struct ms_stream *s)
{
    for (unsigned i = 0; i < ms->now.nchannels; i++)
        if (ms->now.channels[i].is_used && &ms->now.streams[ms->now.channels[i].stream] == s)
            ms->now.channels[i].is_offered = ms->now.channels[i].is_on;
    s->is_offered = true;
}

void ms_data_answered(struct gw_ms *ms)
{
    for (unsigned i = 0; i < ms->now.nchannels; i++)
        if (ms->now.channels[i].is_used && ms->now.channels[i].is_on)
            ms->now.streams[ms->now.channels[i].stream].is_on = true;
}

/* A channel that was refused or taken away gives its place back; its port rests until the call ends. */
void ms_data_commit(struct gw_ms *ms)
{
    for (unsigned i = 0; i < ms->now.nchannels; i++) {
        struct ms_channel *c = &ms->now.channels[i];
        struct ms_line *l;
        if (!c->is_used)
            continue;
        l = &ms->now.legs[GW_LEG_CORE].lines[c->core_line];
        c->was_answered |= c->is_on;
        l->is_dead = false;
        if (c->is_on)
            continue;
        l->channel = 0;
        /* the next offer shows it with port 0; then its place is free */
        c->is_used = c->is_offered = false;
    }
}

/* ---- writing ---- */

static void uri_of(struct gw_ms *ms, const struct ms_channel *c, enum gw_leg leg, char *buf, size_t size)
{
    const struct ms_stream *s = &ms->now.streams[c->stream];
    const struct ms_term *t = ms_term(ms, leg == GW_LEG_CORE ? c->core_term : s->term[GW_LEG_ACCESS]);
    const struct gw_addr *a = t->local.ncandidates ? &t->local.candidates[0] : &t->local.rtp;
    char text[GW_ADDR_TEXT];

    snprintf(buf, size, leg == GW_LEG_CORE ? "msrp://%s/%s;tcp" : "msrps://%s/%s;dc", gw_addr_text(a, text), c->token);
}

/* Attributes of the other side that mean the same on both (RFC 5547, RFC 8856, languages ...); ours are written anew. */
static bool is_passing(const struct ms_channel *c, struct gw_span name)
{
    static const char *const own[] = { "path", "msrp-cema", "setup", "connection", "fmtp", "rtpmap", "sendrecv", "sendonly",
                                       "recvonly", "inactive", "fingerprint", "tls-id", "crypto", "3ge2ae", "mid", "rtcp",
                                       "rtcp-mux", "rtcp-fb", "candidate", "ice-ufrag", "ice-pwd", "ice-options", "ice-lite",
                                       "end-of-candidates", "remote-candidates", "msid", "ssrc", "ssrc-group", "bundle-only",
                                       "identity", "key-mgmt", "group", "sctp-port", "max-message-size", "dcmap", "dcsa" };
    for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (gw_span_is(name, own[i]))
            return false;
    return !(c->protocol == GW_IQ_T140 && gw_span_is(name, "extmap"));
}

static void write_own(struct gw_ms *ms, const struct ms_channel *c, bool is_offer, struct gw_sdp_buf *b)
{
    unsigned text = is_offer || !c->t140_pt ? PT_T140 : c->t140_pt, red = is_offer ? PT_RED : c->red_pt;
    const char *setup = is_offer ? "actpass" : ms_term(ms, c->core_term)->want.tcp_setup == GW_IQ_SETUP_ACTIVE ? "active" : "passive";
    char uri[GW_IQ_URI + 1];

    switch ((enum gw_iq_protocol)c->protocol) {
    case GW_IQ_MSRP:
        uri_of(ms, c, GW_LEG_CORE, uri, sizeof(uri));
        gw_sdp_printf(b, "a=path:%s\r\na=setup:%s\r\n", uri, setup); /* RFC 6135 s. 4.2 */
        break;
    case GW_IQ_BFCP:
        gw_sdp_printf(b, "a=setup:%s\r\na=connection:%s\r\n", setup, c->was_answered ? "existing" : "new"); /* RFC 4145 s. 5 */
        break;
    case GW_IQ_T140:
        gw_sdp_printf(b, "a=rtpmap:%u t140/1000\r\n", text);
        if (red != 0xff)
            gw_sdp_printf(b, "a=rtpmap:%u red/1000\r\na=fmtp:%u %u/%u/%u\r\n", red, red, text, text, text);
        gw_sdp_printf(b, "a=fmtp:%u cps=%u\r\n", text, c->cps[GW_LEG_ACCESS] ? c->cps[GW_LEG_ACCESS] : CPS);
        break;
    case GW_IQ_T38: /* no kind of ours yet */
        break;
    }
}

void ms_data_write_core(struct gw_ms *ms, const struct gw_sdp *src, unsigned line, bool is_offer,
                        struct gw_sdp_buf *b)
{
    const struct ms_line *l = &ms->now.legs[GW_LEG_CORE].lines[line];
    const struct ms_channel *c = ms_channel_of(ms, l, is_offer);
    const struct ms_term *t = ms_term(ms, c->core_term);
    const struct gw_sdp_section *s = &src->media[ms->now.streams[c->stream].line[GW_LEG_ACCESS]].section;
    struct gw_span name, value, whole;
    unsigned pos = 0;

    if (c->protocol == GW_IQ_T140 && !is_offer && c->red_pt != 0xff)
        gw_sdp_printf(b, "m=%s %u %s %u %u\r\n", l->type, t->local.rtp.port, l->proto, c->red_pt, c->t140_pt);
    else if (c->protocol == GW_IQ_T140 && !is_offer)
        gw_sdp_printf(b, "m=%s %u %s %u\r\n", l->type, t->local.rtp.port, l->proto, c->t140_pt);
    else
        gw_sdp_printf(b, "m=%s %u %s %s\r\n", l->type, t->local.rtp.port, l->proto, kinds[c->protocol].fmt);
    ms_write_c(b, &t->local.rtp);
    write_own(ms, c, is_offer, b);
    while (gw_sdp_dcsa(s, c->id, &pos, &name, &value, &whole))
        if (is_passing(c, name))
            gw_sdp_printf(b, "a=%.*s\r\n", GW_SDP_ARG(whole));
    gw_sdp_printf(b, "a=%s\r\n", gw_sdp_direction_text((enum gw_sdp_direction)c->direction[GW_LEG_ACCESS]));
}

static void write_channel(struct gw_ms *ms, const struct ms_channel *c, const struct gw_sdp_section *offered,
                          const struct gw_sdp_section *core, struct gw_sdp_buf *b)
{
    struct gw_span v, name;
    struct gw_sdp_dcmap map;
    char uri[GW_IQ_URI + 1];
    unsigned pos = 0;

    while (gw_sdp_attr(offered, "dcmap", &pos, &v)) /* identical in the answer (RFC 8864 s. 6.4) */
        if (gw_sdp_parse_dcmap(v, &map) == 0 && map.id == c->id)
            gw_sdp_printf(b, "a=dcmap:%.*s\r\n", GW_SDP_ARG(v));
    if (c->protocol == GW_IQ_MSRP) { /* all three always (RFC 8873 s. 4.4) */
        uri_of(ms, c, GW_LEG_ACCESS, uri, sizeof(uri));
        gw_sdp_printf(b, "a=dcsa:%u path:%s\r\na=dcsa:%u msrp-cema\r\na=dcsa:%u setup:%s\r\n", c->id, uri, c->id, c->id,
                      c->is_client_active ? "passive" : "active");
    }
    if (c->protocol == GW_IQ_T140)
        gw_sdp_printf(b, "a=dcsa:%u fmtp:t140 cps=%u\r\n", c->id, c->cps[GW_LEG_CORE]);
    for (unsigned i = 0; i < core->nlines; i++)
        if (gw_sdp_attr_of(&core->lines[i], &name, &v) && is_passing(c, name))
            gw_sdp_printf(b, "a=dcsa:%u %.*s\r\n", c->id, GW_SDP_ARG(core->lines[i].value));
    gw_sdp_printf(b, "a=dcsa:%u %s\r\n", c->id, gw_sdp_direction_text((enum gw_sdp_direction)c->direction[GW_LEG_CORE]));
}

void ms_data_write_client(struct gw_ms *ms, const struct gw_sdp *src, const struct ms_stream *s, bool is_offer,
                          struct gw_sdp_buf *b)
{
    const struct ms_line *l = &ms->now.legs[GW_LEG_ACCESS].lines[s->line[GW_LEG_ACCESS]];
    const struct ms_term *t = ms_term(ms, s->term[GW_LEG_ACCESS]);
    const struct gw_addr *a = t->local.ncandidates ? &t->local.candidates[0] : &t->local.rtp;
    struct gw_sdp_error e;
    struct gw_sdp *offer;

    gw_sdp_printf(b, "m=%s %u %s webrtc-datachannel\r\n", l->type, a->port, l->proto);
    ms_write_c(b, a);
    ms_write_transport(b, t, l->mid, is_offer);
    gw_sdp_printf(b, "a=sctp-port:%d\r\na=max-message-size:%d\r\n", OUR_SCTP_PORT, OUR_MAX_MESSAGE);
    if (gw_sdp_parse(gw_span_str(ms->now.legs[GW_LEG_ACCESS].remote), &offer, &e) != 0) {
        b->err = b->err ? b->err : GW_E_NOMEM;
        return;
    }
    for (unsigned i = 0; i < ms->now.nchannels; i++) {
        const struct ms_channel *c = &ms->now.channels[i];
        if (c->is_used && (is_offer ? c->is_offered : c->is_on) && &ms->now.streams[c->stream] == s && c->core_line < src->nmedia)
            write_channel(ms, c, &offer->media[s->line[GW_LEG_ACCESS]].section, &src->media[c->core_line].section, b);
    }
    gw_sdp_free(offer);
}

/* ---- Iq ---- */

static void fill(struct gw_ms *ms, unsigned index, struct gw_iq_channel *q)
{
    const struct ms_channel *c = &ms->now.channels[index];
    bool is_known = ms_term(ms, c->core_term)->is_reserved;

    memset(q, 0, sizeof(*q));
    q->id = (uint8_t)(GW_IQ_STREAMS + 1 + index);
    q->protocol = c->protocol;
    q->access_term = ms->now.streams[c->stream].term[GW_LEG_ACCESS];
    q->core_term = c->core_term;
    q->stream = c->id;
    q->to_core = c->is_on && (c->direction[GW_LEG_ACCESS] & GW_SDP_SENDONLY) && (c->direction[GW_LEG_CORE] & GW_SDP_RECVONLY);
    q->to_access = c->is_on && (c->direction[GW_LEG_CORE] & GW_SDP_SENDONLY) && (c->direction[GW_LEG_ACCESS] & GW_SDP_RECVONLY);
    q->has_b2bua = true;
    if (c->protocol == GW_IQ_MSRP && is_known) {
        uri_of(ms, c, GW_LEG_ACCESS, q->own_uri, sizeof(q->own_uri));
        uri_of(ms, c, GW_LEG_CORE, q->core_uri, sizeof(q->core_uri));
        strcpy(q->peer_uri, c->client_uri);
        strcpy(q->core_path, c->core_path);
    }
    q->t140_pt = c->is_on ? c->t140_pt : 0;
    q->red_pt = c->is_on ? c->red_pt : 0xff;
    q->generations = c->generations;
    q->core_cps = c->cps[GW_LEG_CORE];
    q->access_cps = c->cps[GW_LEG_ACCESS];
}

/* With the reserve a channel is made too, so that its port listens before the core knows it. */
void ms_data_iq(struct gw_ms *ms, struct gw_iq_req *req, bool is_configure)
{
    for (unsigned i = 0; i < ms->now.nchannels; i++) {
        struct ms_channel *c = &ms->now.channels[i];
        if (!c->is_used || (is_configure ? !c->is_on && !c->was_configured : c->was_configured || !c->is_offered))
            continue;
        c->was_configured = true;
        fill(ms, i, &req->channels[req->nchannels++]);
    }
}
