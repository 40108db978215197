/* Data channels of a browser: one m-line of its own towards the core for each (specs/data-media.md 2; RFC 8864, RFC
 * 8873, RFC 8865; TS 33.328 s. N.3). The browser's m-line is a stream of kind MS_DATA, which has the transport; its
 * channels are accepted, refused, added and closed each by itself. Here: their life, and what Iq is asked. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/crypto.h"
#include "signaling/call/interwork_priv.h"

static const struct ms_data_row rows[] = {
    /* those of MSRP, BFCP and T.38 in the order of core_msrp, core_bfcp and core_fax */
    { "message", "TCP/MSRP", GW_IQ_MSRP, GW_IQ_TCP, GW_IQ_PLAIN },
    { "message", "TCP/TLS/MSRP", GW_IQ_MSRP, GW_IQ_TCP, GW_IQ_TLS },
    { "application", "TCP/BFCP", GW_IQ_BFCP, GW_IQ_TCP, GW_IQ_PLAIN },
    { "application", "TCP/TLS/BFCP", GW_IQ_BFCP, GW_IQ_TCP, GW_IQ_TLS },
    { "application", "UDP/BFCP", GW_IQ_BFCP, GW_IQ_UDP, GW_IQ_PLAIN },
    { "text", "RTP/AVP", GW_IQ_T140, GW_IQ_UDP, GW_IQ_PLAIN },
    { "text", "RTP/AVPF", GW_IQ_T140, GW_IQ_UDP, GW_IQ_PLAIN },
    { "image", "udptl", GW_IQ_T38, GW_IQ_UDP, GW_IQ_PLAIN },
    { "image", "UDP/TLS/UDPTL", GW_IQ_T38, GW_IQ_UDP, GW_IQ_DTLS },
};

/* "t38" is in no registry; TS 33.328 s. N.3.1 names the protocol alone */
static const char *const subprotocols[] = {
    [GW_IQ_MSRP] = "msrp", [GW_IQ_BFCP] = "bfcp", [GW_IQ_T140] = "t140", [GW_IQ_T38] = "t38"
};

const struct ms_data_row *ms_data_row(const struct gw_sdp_media *m)
{
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (gw_span_is(m->type, rows[i].type) && gw_span_is_nocase(m->proto, rows[i].proto))
            return &rows[i];
    return NULL;
}

const struct ms_data_row *ms_data_own_row(const struct gw_ms *ms, enum gw_iq_protocol protocol)
{
    unsigned skip = protocol == GW_IQ_MSRP   ? (unsigned)ms->conf->core_msrp.v
                    : protocol == GW_IQ_BFCP ? (unsigned)ms->conf->core_bfcp.v
                    : protocol == GW_IQ_T38  ? (unsigned)ms->conf->core_fax.v
                                             : 0;

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].protocol == protocol && skip-- == 0)
            return &rows[i];
    return NULL;
}

const struct ms_data_row *ms_data_tcp_row(enum gw_iq_protocol protocol, enum gw_iq_security security)
{
    unsigned i = 0;

    while (rows[i].protocol != protocol || rows[i].transport != GW_IQ_TCP || rows[i].security != security)
        i++; /* MSRP and BFCP have both */
    return &rows[i];
}

const char *ms_data_subprotocol(enum gw_iq_protocol protocol)
{
    return subprotocols[protocol];
}

const char *ms_data_format(const struct ms_channel *c)
{
    return c->protocol == GW_IQ_T140 ? "98" : c->protocol == GW_IQ_T38 ? "t38" : "*";
}

int ms_data_protocol(const char *subprotocol)
{
    for (unsigned i = 0; i < sizeof(subprotocols) / sizeof(subprotocols[0]); i++)
        if (strcmp(subprotocol, subprotocols[i]) == 0)
            return (int)i;
    return -1;
}

/* ---- words of either side ---- */

int ms_data_refuse(struct gw_sdp_refusal *why, int warn, const char *text)
{
    ms_refuse(why, 488, warn, "%s", text);
    return GW_E_UNSUPPORTED;
}

/* "t140 cps=20" or "98 cps=20"; the default without one. */
uint16_t ms_data_cps(const struct gw_ms *ms, struct gw_span params)
{
    struct gw_span token = gw_sdp_token(&params);
    uint32_t v = 0;

    while ((token = gw_sdp_token(&params)).len) {
        struct gw_span name = gw_sdp_until(&token, '=');
        if (gw_span_is(name, "cps") && gw_sdp_u32(token, 1000, &v) != 0)
            v = 0;
    }
    return (uint16_t)(v ? v : (uint32_t)ms->conf->t140_cps);
}

bool ms_data_has_token(struct gw_span list, const char *word)
{
    struct gw_span t;

    while ((t = gw_sdp_token(&list)).len)
        if (gw_span_is(t, word))
            return true;
    return false;
}

/* ---- life ---- */

/* Slots keep their numbers, as m-lines name them. */
static int take_slot(struct gw_ms *ms, unsigned *index)
{
    struct ms_channel *grown;
    unsigned i = 0;

    while (i < ms->now.nchannels && ms->now.channels[i].is_used)
        i++;
    if (i == GW_IQ_CHANNELS || ms->next_channel == UINT8_MAX - GW_IQ_STREAMS)
        return GW_E_LIMIT;
    if (i == ms->now.nchannels) {
        grown = realloc(ms->now.channels, (i + 1) * sizeof(*grown));
        if (!grown)
            return GW_E_NOMEM;
        ms->now.channels = grown;
        ms->now.nchannels++;
    }
    memset(&ms->now.channels[i], 0, sizeof(ms->now.channels[i]));
    *index = i;
    return 0;
}

int ms_channel_new(struct gw_ms *ms, unsigned stream, const struct ms_data_row *row, unsigned line,
                   struct ms_channel **out)
{
    struct ms_channel *c;
    unsigned slot, place = line;
    struct ms_term *t;
    int err = take_slot(ms, &slot);

    if (!err)
        err = ms_term_new(ms, GW_LEG_CORE, &t);
    if (!err && line == MS_NO_LINE) {
        err = ms_take_line(&ms->now.legs[GW_LEG_CORE], &place);
        if (err)
            ms_term_remove(ms, t->want.id);
    }
    if (err)
        return err;
    t->want.family = ms_core_family(ms);
    t->want.dscp = (uint8_t)ms->conf->core_dscp;
    t->want.transport = row->transport;
    t->want.security = row->security;
    t->want.has_rtcp_mux = row->protocol == GW_IQ_T38; /* one port */
    t->want.dtls_generation = row->security == GW_IQ_DTLS;
    c = &ms->now.channels[slot];
    c->is_used = true;
    c->protocol = row->protocol;
    c->iq = (uint8_t)(GW_IQ_STREAMS + ++ms->next_channel);
    c->stream = (uint8_t)stream;
    c->core_line = (uint8_t)place;
    c->core_term = t->want.id;
    c->red_pt = MS_NO_PT;
    gw_rand_token(c->token, 16);
    c->row = row;
    ms->now.legs[GW_LEG_CORE].lines[place].channel = (uint8_t)(slot + 1);
    *out = c;
    return 0;
}

int ms_channel_join(struct gw_ms *ms, const struct ms_stream *s, const struct ms_data_row *row, struct ms_channel **out)
{
    unsigned slot;
    int err = take_slot(ms, &slot);
    struct ms_channel *c;

    if (err)
        return err;
    c = &ms->now.channels[slot];
    c->is_used = true;
    c->protocol = row->protocol;
    c->iq = (uint8_t)(GW_IQ_STREAMS + ++ms->next_channel);
    c->stream = (uint8_t)(s - ms->now.streams);
    c->core_line = s->line[GW_LEG_CORE];
    c->core_term = s->term[GW_LEG_CORE];
    c->phone_term = s->term[GW_LEG_ACCESS];
    c->red_pt = MS_NO_PT;
    gw_rand_token(c->token, 16);
    c->row = row;
    *out = c;
    return 0;
}

int ms_channel_put(struct gw_ms *ms, const struct ms_channel *was, const struct ms_term *its, struct ms_channel **out)
{
    struct ms_term *t;
    unsigned slot;
    int err = take_slot(ms, &slot);

    if (!err)
        err = ms_term_new(ms, GW_LEG_CORE, &t);
    if (err)
        return err;
    memcpy(t, its, sizeof(*t));
    ms->now.channels[slot] = *was;
    *out = &ms->now.channels[slot];
    return 0;
}

struct ms_channel *ms_channel_of(struct gw_ms *ms, const struct ms_line *l, bool is_offer)
{
    struct ms_channel *c = l->channel ? &ms->now.channels[l->channel - 1] : NULL;

    return c && c->is_used && (is_offer ? c->is_offered : c->is_on) ? c : NULL;
}

struct ms_channel *ms_channel_find(struct gw_ms *ms, unsigned stream, unsigned id)
{
    for (unsigned i = 0; i < ms->now.nchannels; i++) {
        struct ms_channel *c = &ms->now.channels[i];
        if (c->is_used && c->stream == stream && c->id == id && c->core_line != MS_NO_LINE)
            return c;
    }
    return NULL;
}

void ms_channel_leave(struct gw_ms *ms, struct ms_line *l)
{
    struct ms_channel *c = l->channel ? &ms->now.channels[l->channel - 1] : NULL;

    l->channel = 0;
    if (!c)
        return;
    c->is_offered = c->is_on = false;
    c->core_line = MS_NO_LINE;
}

bool ms_data_is_offered(const struct gw_ms *ms)
{
    for (unsigned i = 0; i < ms->now.nchannels; i++)
        if (ms->now.channels[i].is_used && ms->now.channels[i].is_offered)
            return true;
    return false;
}

bool ms_data_keep(struct gw_ms *ms, bool has_channels)
{
    bool has_kept = false;

    for (unsigned i = 0; i < GW_IQ_STREAMS; i++) {
        struct ms_stream *s = &ms->now.streams[i];
        if (s->is_used && s->is_on && s->kind == MS_DATA)
            s->is_offered = has_kept = true;
    }
    for (unsigned i = 0; has_channels && i < ms->now.nchannels; i++)
        ms->now.channels[i].is_offered =
            ms->now.channels[i].is_used && ms->now.channels[i].is_on && !ms->now.channels[i].is_closed;
    return has_kept;
}

/* ---- Iq ---- */

static uint8_t access_term(const struct gw_ms *ms, const struct ms_channel *c)
{
    return c->phone_term ? c->phone_term : ms->now.streams[c->stream].term[GW_LEG_ACCESS];
}

void ms_data_uri(struct gw_ms *ms, const struct ms_channel *c, enum gw_leg leg, char *buf, size_t size)
{
    const struct ms_term *t = ms_term(ms, leg == GW_LEG_CORE ? c->core_term : access_term(ms, c));
    const struct gw_addr *a = t->local.ncandidates ? &t->local.candidates[0] : &t->local.rtp;
    char text[GW_ADDR_TEXT];

    bool is_dc = leg == GW_LEG_ACCESS && !c->phone_term;
    snprintf(buf, size, "msrp%s://%s/%s;%s", is_dc || t->want.security == GW_IQ_TLS ? "s" : "", gw_addr_text(a, text),
             c->token, is_dc ? "dc" : "tcp");
}

static bool is_open(const struct ms_channel *c, enum gw_leg from)
{
    return c->is_on && (c->direction[from] & GW_SDP_SENDONLY) && (c->direction[ms_other(from)] & GW_SDP_RECVONLY);
}

static void fill(struct gw_ms *ms, const struct ms_channel *c, struct gw_iq_channel *q)
{
    bool is_known = ms_term(ms, c->core_term)->is_reserved;

    memset(q, 0, sizeof(*q));
    q->id = c->iq;
    q->protocol = c->protocol;
    q->access_term = access_term(ms, c);
    q->core_term = c->core_term;
    q->stream = c->id;
    q->to_core = is_open(c, GW_LEG_ACCESS);
    q->to_access = is_open(c, GW_LEG_CORE);
    q->has_b2bua = !c->has_cema;
    q->is_agnostic = ms->conf->application_mode.v == 1 && (c->protocol == GW_IQ_BFCP || c->has_cema);
    if (ms->now.streams[c->stream].pass) { /* end to end: octets, and nothing of them is ours */
        q->is_agnostic = true;
        q->has_b2bua = false;
        return;
    }
    if (c->protocol == GW_IQ_MSRP && is_known) {
        if (!c->is_in_band) /* its client was told no URI of ours: it is learnt, too */
            ms_data_uri(ms, c, GW_LEG_ACCESS, q->own_uri, sizeof(q->own_uri));
        ms_data_uri(ms, c, GW_LEG_CORE, q->core_uri, sizeof(q->core_uri));
        strcpy(q->peer_uri, c->client_uri);
        strcpy(q->core_path, c->core_path);
    }
    q->t140_pt = c->is_on ? c->t140_pt : 0;
    q->red_pt = c->is_on ? c->red_pt : MS_NO_PT;
    q->generations = c->generations;
    q->core_cps = c->cps[GW_LEG_CORE];
    q->access_cps = c->cps[GW_LEG_ACCESS];
    if (c->protocol == GW_IQ_T38)
        q->udptl = ms_fax_udptl(c->t38, GW_LEG_CORE);
}

/* With the reserve a channel is made too, so that its port listens before the core knows it. */
void ms_data_iq(struct gw_ms *ms, struct gw_iq_req *req, bool is_configure)
{
    for (unsigned i = 0; i < ms->now.nchannels; i++) {
        struct ms_channel *c = &ms->now.channels[i];
        if (!c->is_used || (is_configure ? !c->is_on && !c->was_configured : c->was_configured || !c->is_offered))
            continue;
        c->was_configured = true;
        fill(ms, c, &req->channels[req->nchannels++]);
    }
}
