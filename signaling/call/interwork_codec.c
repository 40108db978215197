/* Payload types, header extensions and feedback of a stream, as offered and as answered. */
#include "signaling/call/interwork_priv.h"

#include <stdlib.h>
#include <strings.h>

const char *const ms_ext_uri[EXT_COUNT] = {
    [EXT_AUDIO_LEVEL] = "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    [EXT_VIDEO_ORIENTATION] = "urn:3gpp:video-orientation",
    [EXT_MID] = "urn:ietf:params:rtp-hdrext:sdes:mid",
};

/* Repair and redundancy are made for one transport: nobody on the other side of the gateway would use them. */
static bool is_dropped(const struct gw_conf *conf, const struct gw_sdp_rtpmap *r)
{
    static const char *const names[] = { "rtx", "red", "ulpfec", "flexfec", "flexfec-03", "parityfec" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (gw_span_is_nocase(r->name, names[i]))
            return true;
    for (unsigned i = 0; i < conf->codecs_refused.n; i++)
        if (gw_span_is_nocase(r->name, conf->codecs_refused.v[i]))
            return true;
    return gw_span_is_nocase(r->name, "CN") && r->clock_hz != 8000;
}

static bool is_auxiliary(const struct ms_codec *c) /* carries nothing alone */
{
    return strcasecmp(c->name, "telephone-event") == 0 || strcasecmp(c->name, "CN") == 0;
}

static bool is_same_codec(const struct ms_codec *c, const struct gw_sdp_rtpmap *r)
{
    return gw_span_is_nocase(r->name, c->name) && c->clock_hz == r->clock_hz && c->channels == r->channels;
}

/* Payload types are unique in a bundle (RFC 9143 s. 9.1), and 64 to 95 are RTCP under rtcp-mux (RFC 5761 s. 4). */
static bool is_taken(const struct gw_ms *ms, enum gw_leg to, const struct ms_stream *s, unsigned pt)
{
    if (!ms_is_webrtc(ms, to))
        return false;
    if (pt >= 64 && pt <= 95)
        return true;
    for (unsigned i = 0; i < GW_IQ_STREAMS; i++) {
        const struct ms_stream *o = &ms->now.streams[i];

        if (o != s && (!o->is_used || !(o->is_offered || o->is_on)))
            continue;
        for (unsigned k = 0; k < o->ncodecs; k++)
            if (o->codecs[k].pt[to] == pt)
                return true;
    }
    return false;
}

static uint8_t free_pt(const struct gw_ms *ms, enum gw_leg to, const struct ms_stream *s)
{
    for (unsigned pt = 96; pt <= 127; pt++)
        if (!is_taken(ms, to, s, pt))
            return (uint8_t)pt;
    for (unsigned pt = 35; pt <= 63; pt++)
        if (!is_taken(ms, to, s, pt))
            return (uint8_t)pt;
    return MS_NO_PT;
}

/* The number on the other leg: what it was before, else the same, else a free one. */
static uint8_t map_pt(const struct gw_ms *ms, enum gw_leg from, const struct ms_stream *s, const struct ms_codec *old,
                      unsigned nold, const struct gw_sdp_rtpmap *r)
{
    enum gw_leg to = ms_other(from);

    for (unsigned i = 0; i < nold; i++)
        if ((old[i].pt[from] == r->pt || (ms->now.from != from && old[i].answer_pt == r->pt)) &&
            is_same_codec(&old[i], r) && !is_taken(ms, to, s, old[i].pt[to]))
            return old[i].pt[to];
    return is_taken(ms, to, s, r->pt) ? free_pt(ms, to, s) : r->pt;
}

static int add_codec(struct gw_ms *ms, enum gw_leg from, struct ms_stream *s, const struct gw_sdp_rtpmap *r,
                     const struct ms_codec *old, unsigned nold)
{
    struct ms_codec c = { .answer_pt = MS_NO_PT, .clock_hz = r->clock_hz, .channels = r->channels };

    for (unsigned i = 0; i < s->ncodecs; i++)
        if (s->codecs[i].pt[from] == r->pt)
            return GW_E_EXISTS;
    if (s->ncodecs == GW_IQ_PTS || gw_span_copy(r->name, c.name, sizeof(c.name)))
        return GW_E_LIMIT;
    c.pt[from] = r->pt;
    c.pt[ms_other(from)] = map_pt(ms, from, s, old, nold, r);
    if (c.pt[ms_other(from)] == MS_NO_PT)
        return GW_E_LIMIT;
    s->codecs[s->ncodecs++] = c;
    return 0;
}

static uint8_t free_ext(const struct ms_leg *leg, uint8_t wanted)
{
    for (unsigned id = wanted ? wanted : 1; id <= 14; id++) {
        bool is_used = false;
        for (unsigned k = 0; k < EXT_COUNT; k++)
            is_used |= leg->ext_id[k] == id;
        if (!is_used)
            return (uint8_t)id;
    }
    return wanted > 1 ? free_ext(leg, 0) : 0;
}

/* Ids of one octet only (1 to 14): a=extmap-allow-mixed does not cross. */
static void read_exts(const struct gw_sdp_media *m, uint8_t ids[EXT_COUNT])
{
    struct gw_sdp_extmap e;
    struct gw_span value;
    unsigned pos = 0;

    memset(ids, 0, EXT_COUNT);
    while (gw_sdp_attr(&m->section, "extmap", &pos, &value)) {
        if (gw_sdp_parse_extmap(value, &e) || e.id > 14)
            continue;
        for (unsigned k = 0; k < EXT_COUNT; k++)
            if (gw_span_is(e.uri, ms_ext_uri[k]) && !ids[k])
                ids[k] = (uint8_t)e.id;
    }
}

static void offer_exts(struct gw_ms *ms, enum gw_leg from, struct ms_stream *s, const struct gw_sdp_media *m)
{
    struct ms_leg *access = &ms->now.legs[GW_LEG_ACCESS];
    enum gw_leg to = ms_other(from);
    uint8_t ids[EXT_COUNT];

    read_exts(m, ids);
    memset(s->ext, 0, sizeof(s->ext));
    memset(s->ext_agreed, 0, sizeof(s->ext_agreed));
    for (unsigned k = 0; k < EXT_COUNT; k++) {
        if (k == EXT_MID && !ms_is_webrtc(ms, GW_LEG_ACCESS))
            continue;
        if (from == GW_LEG_ACCESS && ids[k])
            access->ext_id[k] = ids[k];
        s->ext[k][from] = k == EXT_MID && from == GW_LEG_CORE ? 0 : ids[k];
        if (k == EXT_MID && to == GW_LEG_CORE)
            continue;
        if (to == GW_LEG_CORE) {
            s->ext[k][to] = ids[k];
        } else if (ids[k] || k == EXT_MID) {
            if (!access->ext_id[k])
                access->ext_id[k] = free_ext(access, ids[k]);
            s->ext[k][to] = access->ext_id[k];
        }
    }
}

unsigned ms_feedback(const struct gw_sdp_section *m)
{
    struct gw_sdp_rtcp_fb f;
    struct gw_span value;
    unsigned pos = 0, bits = 0;

    while (gw_sdp_attr(m, "rtcp-fb", &pos, &value)) {
        if (gw_sdp_parse_rtcp_fb(value, &f))
            continue;
        if (gw_span_is(f.type, "nack"))
            bits |= f.param.len == 0 ? FB_NACK : gw_span_is(f.param, "pli") ? FB_PLI : 0;
        else if (gw_span_is(f.type, "ccm"))
            bits |= gw_span_is(f.param, "fir") ? FB_FIR : gw_span_is(f.param, "tmmbr") ? FB_TMMBR : 0;
    }
    return bits;
}

static void read_feedback(struct ms_stream *s, enum gw_leg leg, const struct gw_sdp_media *m, const char *proto)
{
    s->fb[leg] = ms_is_avpf(proto) ? (uint8_t)ms_feedback(&m->section) : 0;
    s->has_rsize[leg] = ms_is_avpf(proto) && gw_sdp_has(&m->section, "rtcp-rsize");
}

static uint8_t packetization_of(const struct gw_sdp_section *m, uint8_t pt)
{
    struct gw_span value;
    unsigned pos = 0;

    while (gw_sdp_attr(m, "fmtp", &pos, &value)) {
        struct gw_sdp_fmtp f;
        struct gw_span mode;
        uint32_t n = 0, v = 0;
        if (gw_sdp_parse_fmtp(value, &f) == 0 && gw_sdp_u32(f.fmt, 127, &n) == 0 && n == pt &&
            gw_sdp_fmtp_param(f.params, "packetization-mode", &mode) && gw_sdp_u32(mode, 2, &v) == 0)
            return (uint8_t)v;
    }
    return 0;
}

int ms_codecs_offer(struct gw_ms *ms, enum gw_leg from, struct ms_stream *s, const struct gw_sdp_media *m,
                    struct gw_sdp_refusal *why)
{
    struct ms_codec *old = s->codecs, *fitting;
    struct gw_span rest = m->fmts, token;
    unsigned nold = s->ncodecs;
    bool has_media = false;

    fitting = malloc(GW_IQ_PTS * sizeof(*fitting));
    if (!fitting) {
        ms_refuse(why, 500, 0, "No memory");
        return GW_E_NOMEM;
    }
    s->codecs = fitting;
    s->ncodecs = 0;
    while ((token = gw_sdp_token(&rest)).len) {
        struct gw_sdp_rtpmap r;
        uint32_t pt = 0;

        if (gw_sdp_u32(token, 127, &pt) || gw_sdp_find_rtpmap(&m->section, (uint8_t)pt, &r) ||
            is_dropped(ms->conf, &r) || add_codec(ms, from, s, &r, old, nold))
            continue;
        s->codecs[s->ncodecs - 1].packetization = packetization_of(&m->section, (uint8_t)pt);
        has_media |= !is_auxiliary(&s->codecs[s->ncodecs - 1]);
    }
    free(old);
    fitting = s->ncodecs ? realloc(s->codecs, s->ncodecs * sizeof(*fitting)) : NULL;
    s->codecs = fitting ? fitting : s->codecs;
    if (!has_media) {
        ms_refuse(why, 488, 305, "No codec that can be carried");
        return GW_E_UNSUPPORTED;
    }
    offer_exts(ms, from, s, m);
    read_feedback(s, from, m, ms->now.legs[from].lines[s->line[from]].proto);
    return 0;
}

/* The row an answered payload type means: by its number, else by its codec (RFC 3264 s. 6.1: the answerer may number
 * differently). */
static struct ms_codec *answered(struct ms_stream *s, enum gw_leg leg, const struct gw_sdp_section *m, uint8_t pt)
{
    struct gw_sdp_rtpmap r;
    bool has_map = gw_sdp_find_rtpmap(m, pt, &r) == 0;

    for (unsigned i = 0; i < s->ncodecs; i++)
        if (s->codecs[i].pt[leg] == pt && (!has_map || is_same_codec(&s->codecs[i], &r)))
            return &s->codecs[i];
    for (unsigned i = 0; has_map && i < s->ncodecs; i++)
        if (s->codecs[i].answer_pt == MS_NO_PT && is_same_codec(&s->codecs[i], &r))
            return &s->codecs[i];
    return NULL;
}

int ms_codecs_answer(struct gw_ms *ms, enum gw_leg from, struct ms_stream *s, const struct gw_sdp_media *m,
                     struct gw_sdp_refusal *why)
{
    struct gw_span rest = m->fmts, token;
    uint8_t ids[EXT_COUNT], rank = 0;
    bool has_media = false;

    for (unsigned i = 0; i < s->ncodecs; i++)
        s->codecs[i].answer_pt = MS_NO_PT;
    while ((token = gw_sdp_token(&rest)).len && rank < GW_IQ_PTS) {
        struct ms_codec *c;
        uint32_t pt = 0;

        if (gw_sdp_u32(token, 127, &pt))
            continue;
        c = answered(s, from, &m->section, (uint8_t)pt);
        if (!c || c->answer_pt != MS_NO_PT)
            continue;
        c->answer_pt = (uint8_t)pt;
        c->answer_rank = rank++;
        has_media |= !is_auxiliary(c);
    }
    if (!has_media) {
        ms_refuse(why, 488, 305, "No common codec");
        return GW_E_UNSUPPORTED;
    }
    read_exts(m, ids);
    for (unsigned k = 0; k < EXT_COUNT; k++)
        s->ext_agreed[k] = ids[k] && ids[k] == s->ext[k][from];
    read_feedback(s, from, m, ms->now.legs[from].lines[s->line[from]].proto);
    return 0;
}

unsigned ms_codecs_agreed(const struct ms_stream *s, const struct ms_codec *rows[GW_IQ_PTS])
{
    unsigned n = 0;

    for (unsigned rank = 0; rank < GW_IQ_PTS; rank++)
        for (unsigned i = 0; i < s->ncodecs; i++)
            if (s->codecs[i].answer_pt != MS_NO_PT && s->codecs[i].answer_rank == rank)
                rows[n++] = &s->codecs[i];
    return n;
}

const struct ms_codec *ms_codec_twin(const struct ms_stream *s, const struct ms_codec *c)
{
    const struct ms_codec *rows[GW_IQ_PTS];
    unsigned n = ms_codecs_agreed(s, rows);

    for (unsigned i = 0; c->answer_pt == MS_NO_PT && strcasecmp(c->name, "H264") == 0 && i < n; i++)
        if (strcasecmp(rows[i]->name, "H264") == 0 && rows[i]->packetization == c->packetization)
            return rows[i];
    return NULL;
}
