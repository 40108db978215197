/* An offer of either leg: each m-line decided, bound to the other leg or refused by itself (RFC 3264 s. 5, s. 8). */
#include "signaling/call/interwork_priv.h"

#include <stdio.h>

#include "gateway/base/stats.h"

/* Type, transport and mid of a received m-line. Names that do not fit are of nothing that we carry. */
static void note_line(struct ms_line *l, const struct gw_sdp_media *m)
{
    struct gw_span fmts = m->fmts, mid, token;
    unsigned pos = 0;

    if (gw_span_copy(m->type, l->type, sizeof(l->type)))
        snprintf(l->type, sizeof(l->type), "application");
    if (gw_span_copy(m->proto, l->proto, sizeof(l->proto)))
        snprintf(l->proto, sizeof(l->proto), "udp");
    token = gw_sdp_token(&fmts);
    if (gw_span_copy(token, l->fmt, sizeof(l->fmt)))
        snprintf(l->fmt, sizeof(l->fmt), "0");
    l->mid[0] = 0;
    if (gw_sdp_attr(&m->section, "mid", &pos, &mid) && gw_sdp_parse_mid(mid, &token) == 0)
        gw_span_copy(token, l->mid, sizeof(l->mid));
    l->in_bundle = false;
}

/* Whether the m-line is one of data channels: the browser's own, or one of the core that becomes one there. */
static bool is_data(const struct gw_ms *ms, enum gw_leg from, const struct gw_sdp_media *m, enum gw_e2ae_media media)
{
    if (!ms->conf->data_channels || ms->e2ae.client != GW_CLIENT_WIC)
        return false;
    return from == GW_LEG_ACCESS ? media == GW_E2AE_SCTP && gw_span_is(m->type, "application") : ms_data_row(m) != NULL;
}

struct verdict {
    bool is_protected; /* between the client and us */
    bool has_channels;
    bool is_tcp; /* MSRP or BFCP of a phone */
    enum ms_pass pass;
};

static int decide(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, unsigned i, struct verdict *v,
                  struct gw_sdp_refusal *why)
{
    const struct gw_e2ae_policy policy = { ms->conf->rcs51, ms->conf->core_sdes };
    const struct gw_sdp_media *m = &sdp->media[i];
    enum gw_e2ae_media media;
    enum gw_e2ae_security security;
    struct gw_e2ae_decision d;

    gw_e2ae_classify(sdp, m, &media, &security);
    d = gw_e2ae_decide(&policy, &ms->e2ae, from == GW_LEG_ACCESS, media, security,
                       gw_sdp_3ge2ae(&m->section) == GW_SDP_3GE2AE_REQUESTED);
    if (d.action == GW_E2AE_REFUSE) {
        ms_refuse(why, 488, d.warn, "%s", d.text);
        return GW_E_UNSUPPORTED;
    }
    v->has_channels = is_data(ms, from, m, media);
    if (v->has_channels)
        return 0;
    v->is_protected = d.action == GW_E2AE_PROTECT;
    if (d.action == GW_E2AE_PASS)
        v->pass = ms->conf->e2e_anchor ? MS_ANCHORED : MS_DIRECT;
    v->is_tcp = ms->e2ae.client == GW_CLIENT_UE && ms_data_row(m) && (media == GW_E2AE_MSRP || media == GW_E2AE_BFCP);
    if (v->is_tcp)
        return 0;
    if (!(media == GW_E2AE_RTP && (gw_span_is(m->type, "audio") || gw_span_is(m->type, "video"))) &&
        !(media == GW_E2AE_UDPTL && gw_span_is(m->type, "image") && ms->e2ae.client == GW_CLIENT_UE)) {
        ms_refuse(why, 488, 304, "Media type not carried");
        return GW_E_UNSUPPORTED;
    }
    return 0;
}

static bool is_off(const struct gw_sdp_media *m)
{
    return m->port == 0 && !gw_sdp_has(&m->section, "bundle-only"); /* SDP-006 */
}

static enum gw_iq_kind kind_of(const struct gw_sdp_media *m, bool is_tcp)
{
    if (is_tcp)
        return (enum gw_iq_kind)(gw_span_is(m->type, "message") ? MS_TCP_MSRP : MS_TCP_BFCP);
    if (gw_span_is(m->type, "application"))
        return (enum gw_iq_kind)MS_DATA;
    if (gw_span_is(m->type, "image"))
        return GW_IQ_IMAGE;
    return gw_span_is(m->type, "video") ? GW_IQ_VIDEO : GW_IQ_AUDIO;
}

static int bind_line(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, unsigned i, const struct verdict *v,
                     struct gw_sdp_refusal *why)
{
    const struct gw_sdp_media *m = &sdp->media[i];
    enum gw_iq_kind kind = kind_of(m, false);
    struct ms_stream *s = ms->now.legs[from].lines[i].stream == MS_NO_STREAM
                              ? NULL
                              : &ms->now.streams[ms->now.legs[from].lines[i].stream];
    int err;

    if (s && s->is_resting && s->kind == kind) { /* of the access leg alone */
        err = ms_transport_offer(ms, from, sdp, i, s, why);
        s->is_offered = err == 0;
        return err;
    }
    err = ms_bind(ms, from, i, kind, &s);
    if (err) {
        ms_refuse(why, 488, 399, "Too many media streams");
        return err;
    }
    if (s->pass != v->pass) /* another profile than was negotiated for it */
        ms->now.legs[ms_other(from)].lines[s->line[ms_other(from)]].proto[0] = 0;
    s->pass = (uint8_t)v->pass;
    err = s->pass ? 0 : ms_is_fax(s) ? ms_fax_read(m, &s->t38[from], why) : ms_codecs_offer(ms, from, s, m, why);
    if (!err)
        err = ms_transport_offer(ms, from, sdp, i, s, why);
    if (!err) {
        err = ms_transport_out(ms, ms_other(from), s, v->is_protected);
        if (err)
            ms_refuse(why, 488, 399, "Too many transports");
    }
    if (!err)
        s->is_offered = true;
    return err;
}

/* Undoes a new binding of the m-line: the places of the other leg are as they were, also one that was to be used again.
 */
static void unbind_line(struct gw_ms *ms, enum gw_leg from, unsigned i, int before, const struct ms_leg *t_before)
{
    struct ms_leg *t = &ms->now.legs[ms_other(from)];

    ms_unbind(ms, from, i);
    t->nlines = t_before->nlines;
    memcpy(t->lines, t_before->lines, sizeof(t->lines));
    if (before != MS_NO_STREAM) { /* it served another kind: that is over */
        ms->now.streams[before].is_used = ms->now.streams[before].is_resting = false;
        ms->now.streams[before].is_offered = ms->now.streams[before].is_on = false;
    }
    for (unsigned k = 0; k < t->nlines; k++)
        if (t->lines[k].stream != MS_NO_STREAM && !ms->now.streams[t->lines[k].stream].is_used)
            t->lines[k].stream = MS_NO_STREAM;
}

/* A refused m-line leaves no trace on the other leg. */
static int offer_line(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, unsigned i,
                      struct gw_sdp_refusal *why)
{
    const struct ms_line *line = &ms->now.legs[from].lines[i];
    const struct ms_leg t_before = ms->now.legs[ms_other(from)];
    int before = line->stream;
    struct verdict v = { 0 };
    bool is_new;
    int err = decide(ms, from, sdp, i, &v, why);

    if (err)
        return err;
    if (from == GW_LEG_CORE && v.has_channels) {
        is_new = line->channel == 0;
        err = ms_data_core_offer(ms, sdp, i, why);
    } else {
        is_new = before == MS_NO_STREAM || ms->now.streams[before].kind != kind_of(&sdp->media[i], v.is_tcp);
        ms_channel_leave(ms, &ms->now.legs[from].lines[i]);
        err = v.has_channels ? ms_data_offer(ms, sdp, i, why)
              : v.is_tcp     ? ms_tcp_offer(ms, from, sdp, i, v.is_protected, v.pass, why)
                             : bind_line(ms, from, sdp, i, &v, why);
    }
    if (err && is_new)
        unbind_line(ms, from, i, before, &t_before);
    else if (err && before != MS_NO_STREAM && ms->now.streams[before].line[ms_other(from)] < t_before.nlines)
        memcpy(&ms->now.legs[ms_other(from)].lines[ms->now.streams[before].line[ms_other(from)]],
               &t_before.lines[ms->now.streams[before].line[ms_other(from)]], sizeof(t_before.lines[0]));
    return err;
}

/* Data channels alone need one that is carried: there is no offer without an m-line. Later they may all be gone. */
static bool reaches_other_leg(const struct gw_ms *ms, enum gw_leg from)
{
    if (ms->now.legs[ms_other(from)].local || ms_data_is_offered(ms))
        return true;
    for (unsigned i = 0; i < GW_IQ_STREAMS; i++)
        if (ms->now.streams[i].is_offered && ms->now.streams[i].kind != MS_DATA)
            return true;
    return false;
}

int ms_offer_lines(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, struct gw_sdp_refusal *why)
{
    struct ms_leg *f = &ms->now.legs[from];
    struct gw_sdp_refusal first_why = { 488, 304, "No media offered" };
    bool has_kept;
    int first = 0;
    unsigned n = 0;

    if (sdp->nmedia < f->nlines) { /* RFC 3264 s. 8 */
        ms_refuse(why, 488, 399, "Fewer m-lines than before");
        return GW_E_UNSUPPORTED;
    }
    for (unsigned i = 0; i < GW_IQ_STREAMS; i++)
        ms->now.streams[i].is_offered = false;
    for (unsigned i = 0; i < ms->now.nchannels; i++)
        ms->now.channels[i].is_offered = false;
    for (unsigned i = f->nlines; i < sdp->nmedia; i++) {
        memset(&f->lines[i], 0, sizeof(f->lines[i]));
        f->lines[i].stream = MS_NO_STREAM;
    }
    f->nlines = sdp->nmedia;
    has_kept = from == GW_LEG_CORE && ms_data_keep(ms, false);
    if (from == GW_LEG_CORE)
        ms_rest_keep(ms);
    for (unsigned i = 0; i < sdp->nmedia; i++)
        note_line(&f->lines[i], &sdp->media[i]);
    for (unsigned i = 0; i < sdp->nmedia; i++) {
        struct gw_sdp_refusal line = { 488, 304, "No media offered" };
        int err;

        if (is_off(&sdp->media[i]))
            continue;
        err = offer_line(ms, from, sdp, i, &line);
        if (!err) {
            if (!n++ && !first)
                first_why = line;
            continue;
        }
        if (err == GW_E_NOMEM)
            return err;
        ms_log_refused(ms, from, i, &line);
        if (!first) {
            first = err;
            first_why = line;
        }
    }
    if (n && ms_rest_after_offer(ms, from, sdp, &first_why) != 0)
        first = first ? first : GW_E_UNSUPPORTED;
    if ((n || (has_kept && !first)) && reaches_other_leg(ms, from))
        return 0;
    *why = first_why;
    return first ? first : GW_E_UNSUPPORTED;
}

int gw_ms_offer(struct gw_ms *ms, enum gw_leg from, struct gw_span text, struct gw_iq_req *req,
                struct gw_sdp_refusal *why)
{
    struct gw_sdp *sdp;
    int next = ms_step(ms, GW_OA_OFFER, why), err;

    *why = next < 0 ? *why : (struct gw_sdp_refusal){ .status = 500, .text = "Out of memory" };
    if (next < 0)
        return next;
    err = ms_parse(ms, text, &sdp, why);
    if (err)
        return err;
    err = ms_keep_before(ms);
    if (err) {
        gw_sdp_free(sdp);
        return err;
    }
    err = ms_offer_lines(ms, from, sdp, why);
    ms->now.legs[from].has_bundle = ms_has_bundle(&ms->now.legs[from]);
    if (!err)
        err = ms_remember(&ms->now.legs[from], text);
    gw_sdp_free(sdp);
    if (err) {
        ms_restore(ms);
        gw_stats_inc(GW_STAT_SDP_REFUSED);
        return err;
    }
    ms->now.from = from;
    ms->now.is_self_made = false;
    ms->oa = (enum gw_oa_state)next;
    ms_iq_reserve(ms, req);
    return 0;
}

int gw_ms_offer_out(struct gw_ms *ms, const struct gw_iq_reply *reply, char **sdp, size_t *len)
{
    int next = ms_step(ms, GW_OA_OFFER_OUT, NULL), err;
    enum gw_leg to = ms_other(ms->now.from);

    if (next < 0)
        return next;
    err = ms_iq_absorb(ms, reply);
    if (!err)
        err = ms_write_leg(ms, to, true);
    if (!err)
        err = ms_hand_out(ms, to, sdp, len);
    if (!err)
        ms->oa = (enum gw_oa_state)next;
    return err;
}
