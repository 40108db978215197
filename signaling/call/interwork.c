/* The exchanges of a media session: which step reads, asks Iq and writes what. */
#include "signaling/call/interwork_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "gateway/base/crypto.h"
#include "gateway/base/log.h"
#include "gateway/base/stats.h"

void ms_refuse(struct gw_sdp_refusal *why, int status, int warn, const char *fmt, ...)
{
    va_list ap;

    why->status = status;
    why->warn = warn;
    va_start(ap, fmt);
    vsnprintf(why->text, sizeof(why->text), fmt, ap);
    va_end(ap);
}

bool ms_is_secure(const char *proto)
{
    return strstr(proto, "SAVP") != NULL;
}

bool ms_is_avpf(const char *proto)
{
    size_t n = strlen(proto);

    return n && proto[n - 1] == 'F';
}

int gw_ms_new(const struct gw_conf *conf, const struct gw_e2ae_input *e2ae, const char *call, struct gw_ms **out)
{
    struct gw_ms *ms = calloc(1, sizeof(*ms));

    if (!ms)
        return GW_E_NOMEM;
    ms->conf = conf;
    ms->e2ae = *e2ae;
    snprintf(ms->call, sizeof(ms->call), "%s", call);
    for (int leg = 0; leg < 2; leg++)
        ms->o_id[leg] = gw_rand_u64() >> 2; /* below 2^62, as some parsers read signed numbers (RFC 9429 s. 5.2.1) */
    *out = ms;
    return 0;
}

static void drop_before(struct gw_ms *ms)
{
    if (ms->before)
        ms_state_fini(ms->before);
    free(ms->before);
    ms->before = NULL;
}

/* What an open offer can be taken back to. */
static int keep_before(struct gw_ms *ms)
{
    struct ms_state *copy = malloc(sizeof(*copy));
    int err = copy ? ms_state_copy(copy, &ms->now) : GW_E_NOMEM;

    if (err) {
        free(copy);
        return err;
    }
    drop_before(ms);
    ms->before = copy;
    return 0;
}

void gw_ms_free(struct gw_ms *ms)
{
    if (!ms)
        return;
    ms_state_fini(&ms->now);
    drop_before(ms);
    free(ms);
}

/* Takes the step, or STATE. */
int ms_step(struct gw_ms *ms, enum gw_oa_event event, struct gw_sdp_refusal *why)
{
    int next = gw_oa_next(ms->oa, event);

    if (next < 0 && why)
        ms_refuse(why, 491, 0, "Offer and answer overlap");
    return next;
}

static void log_refused(const struct gw_ms *ms, enum gw_leg leg, unsigned line, const struct gw_sdp_refusal *why)
{
    gw_stats_inc(GW_STAT_SDP_LINE_REFUSED);
    gw_log(GW_LOG_WARNING, "sdp", ms->call, "leg=%s m-line %u refused: %d %s", leg == GW_LEG_ACCESS ? "access" : "core",
           line, why->warn, why->text);
}

int ms_parse(struct gw_ms *ms, struct gw_span text, struct gw_sdp **out, struct gw_sdp_refusal *why)
{
    struct gw_sdp_error e;
    int err = gw_sdp_parse(text, out, &e);

    if (!err)
        return 0;
    gw_stats_inc(GW_STAT_SDP_REFUSED);
    if (err == GW_E_LIMIT)
        ms_refuse(why, 488, 399, "SDP line %u: %s", e.line, e.what);
    else
        ms_refuse(why, 400, 0, "Bad SDP line %u: %s", e.line, e.what);
    gw_log(GW_LOG_WARNING, "sdp", ms->call, "%s", why->text);
    return err;
}

int ms_remember(struct ms_leg *leg, struct gw_span text)
{
    char *copy = malloc(text.len + 1);

    if (!copy)
        return GW_E_NOMEM;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    free(leg->remote);
    leg->remote = copy;
    return 0;
}

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

/* --- offers ----------------------------------------------------------------------------------------------------------
 */

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
    if (media != GW_E2AE_RTP || (!gw_span_is(m->type, "audio") && !gw_span_is(m->type, "video"))) {
        /* MSRP, BFCP, T.140 and T.38 of phones find their place here */
        ms_refuse(why, 488, 304, "Media type not carried");
        return GW_E_UNSUPPORTED;
    }
    v->is_protected = d.action == GW_E2AE_PROTECT;
    if (d.action == GW_E2AE_PASS)
        v->pass = ms->conf->e2e_anchor ? MS_ANCHORED : MS_DIRECT;
    return 0;
}

static bool is_off(const struct gw_sdp_media *m)
{
    return m->port == 0 && !gw_sdp_has(&m->section, "bundle-only"); /* SDP-006 */
}

static enum gw_iq_kind kind_of(const struct gw_sdp_media *m)
{
    if (gw_span_is(m->type, "application"))
        return (enum gw_iq_kind)MS_DATA;
    return gw_span_is(m->type, "video") ? GW_IQ_VIDEO : GW_IQ_AUDIO;
}

static int bind_line(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, unsigned i, const struct verdict *v,
                     struct gw_sdp_refusal *why)
{
    const struct gw_sdp_media *m = &sdp->media[i];
    enum gw_iq_kind kind = kind_of(m);
    struct ms_stream *s;
    int err = ms_bind(ms, from, i, kind, &s);

    if (err) {
        ms_refuse(why, 488, 399, "Too many media streams");
        return err;
    }
    if (s->pass != v->pass) /* another profile than was negotiated for it */
        ms->now.legs[ms_other(from)].lines[s->line[ms_other(from)]].proto[0] = 0;
    s->pass = (uint8_t)v->pass;
    err = s->pass ? 0 : ms_codecs_offer(ms, from, s, m, why);
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
    for (unsigned k = 0; before != MS_NO_STREAM && k < t->nlines; k++) /* it served another kind: that is over */
        if (t->lines[k].stream == before)
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
        is_new = before == MS_NO_STREAM || ms->now.streams[before].kind != kind_of(&sdp->media[i]);
        ms_channel_leave(ms, &ms->now.legs[from].lines[i]);
        err = v.has_channels ? ms_data_offer(ms, sdp, i, why) : bind_line(ms, from, sdp, i, &v, why);
    }
    if (err && is_new)
        unbind_line(ms, from, i, before, &t_before);
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
        log_refused(ms, from, i, &line);
        if (!first) {
            first = err;
            first_why = line;
        }
    }
    if ((n || (has_kept && !first)) && reaches_other_leg(ms, from))
        return 0;
    *why = first_why;
    return first ? first : GW_E_UNSUPPORTED;
}

bool ms_has_bundle(const struct ms_leg *leg)
{
    for (unsigned i = 0; i < leg->nlines; i++)
        if (leg->lines[i].in_bundle)
            return true;
    return false;
}

/* Back to the state before the open offer. */
static void restore(struct gw_ms *ms)
{
    ms_state_fini(&ms->now);
    ms->now = *ms->before;
    free(ms->before);
    ms->before = NULL;
    ms->oa = GW_OA_STABLE;
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
    err = keep_before(ms);
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
        restore(ms);
        gw_stats_inc(GW_STAT_SDP_REFUSED);
        return err;
    }
    ms->now.from = from;
    ms->now.is_self_made = false;
    ms->oa = (enum gw_oa_state)next;
    ms_iq_reserve(ms, req);
    return 0;
}

/* Writes for one leg from what the other leg last said. */
int ms_write_leg(struct gw_ms *ms, enum gw_leg to, bool is_offer)
{
    struct gw_sdp_error e;
    struct gw_sdp *src;
    int err = gw_sdp_parse(gw_span_str(ms->now.legs[ms_other(to)].remote), &src, &e);

    if (err)
        return err;
    err = ms_write(ms, to, src, is_offer);
    gw_sdp_free(src);
    return err;
}

int ms_hand_out(struct gw_ms *ms, enum gw_leg leg, char **sdp, size_t *len)
{
    char *copy = strdup(ms->now.legs[leg].local);

    if (!copy)
        return GW_E_NOMEM;
    *sdp = copy;
    *len = ms->now.legs[leg].local_len;
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

/* --- answers ---------------------------------------------------------------------------------------------------------
 */

/* The profile of the offer, or the same without feedback: AVP phones answer AVPF so. */
static bool is_answer_profile(const char *offered, struct gw_span answered)
{
    size_t n = strlen(offered);

    return gw_span_is_nocase(answered, offered) ||
           (ms_is_avpf(offered) && answered.len == n - 1 && strncasecmp(answered.ptr, offered, n - 1) == 0);
}

/* An m-line of the answer that has a port. *n: what it brings, m-lines or channels. */
static int answer_line(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, unsigned i, unsigned *n,
                       struct gw_sdp_refusal *why)
{
    const struct gw_sdp_media *m = &sdp->media[i];
    struct ms_line *l = &ms->now.legs[from].lines[i];
    struct ms_stream *s = l->stream == MS_NO_STREAM ? NULL : &ms->now.streams[l->stream];
    int err;

    *n = 1;
    if (from == GW_LEG_CORE && ms_channel_of(ms, l, true))
        return ms_data_answer(ms, sdp, i, why);
    err = s->kind == MS_DATA || s->pass ? 0 : ms_codecs_answer(ms, from, s, m, why);
    if (!err)
        err = ms_transport_answer(ms, from, sdp, i, s, why);
    if (!err && s->kind == MS_DATA)
        err = ms_data_client_answer(ms, m, s, n, why);
    s->is_on = err == 0;
    return err;
}

static void begin_answer(struct gw_ms *ms, enum gw_leg from)
{
    for (unsigned i = 0; i < GW_IQ_STREAMS; i++) {
        struct ms_stream *s = &ms->now.streams[i];
        /* an association of the browser's offer is ours to accept, whatever the core has of its channels */
        s->is_on = from == GW_LEG_CORE && s->is_offered && s->kind == MS_DATA;
    }
    for (unsigned i = 0; i < ms->now.nchannels; i++)
        ms->now.channels[i].is_on = false;
}

static int answer_lines(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, struct gw_sdp_refusal *why)
{
    struct ms_leg *t = &ms->now.legs[from];
    struct gw_sdp_refusal first_why = { 488, 304, "No media accepted" };
    bool has_offered = false, has_association = false;
    unsigned n = 0;
    int first = 0;

    if (sdp->nmedia != t->nlines) {
        ms_refuse(why, 488, 399, "Answer has %u m-lines, offer had %u", sdp->nmedia, t->nlines);
        return GW_E_UNSUPPORTED;
    }
    begin_answer(ms, from);
    for (unsigned i = 0; i < sdp->nmedia; i++) {
        const struct gw_sdp_media *m = &sdp->media[i];
        struct ms_line *l = &t->lines[i];
        struct ms_stream *s = l->stream == MS_NO_STREAM ? NULL : &ms->now.streams[l->stream];
        bool is_offered = (from == GW_LEG_CORE && ms_channel_of(ms, l, true)) || (s && s->is_offered);
        struct gw_sdp_refusal line = { 0 };
        unsigned brought = 0;
        int err;

        has_offered |= is_offered;
        l->is_taken = is_offered && m->port != 0;
        if (!l->is_taken)
            continue;
        if (!gw_span_is(m->type, l->type) || !is_answer_profile(l->proto, m->proto)) {
            ms_refuse(why, 488, 302, "Answer changes type or transport of m-line %u", i);
            return GW_E_UNSUPPORTED;
        }
        gw_span_copy(m->proto, l->proto, sizeof(l->proto));
        err = answer_line(ms, from, sdp, i, &brought, &line);
        if (!err) {
            n += brought;
            has_association |= brought == 0;
            continue;
        }
        log_refused(ms, from, i, &line);
        if (!first) {
            first = err;
            first_why = line;
        }
    }
    /* a call that is up may lose its last channel and be there for the next one */
    if (n || (!has_offered && !first) || (has_association && ms->now.legs[ms_other(from)].local))
        return 0;
    *why = first_why;
    return first ? first : GW_E_UNSUPPORTED;
}

/* Reads an answer of leg `from` into the state; on error the state is as before. */
int ms_take_answer(struct gw_ms *ms, enum gw_leg from, struct gw_span text, struct gw_sdp_refusal *why)
{
    struct ms_state copy;
    struct gw_sdp *sdp;
    int err;

    *why = (struct gw_sdp_refusal){ .status = 500, .text = "Out of memory" };
    err = ms_parse(ms, text, &sdp, why);
    if (err)
        return err;
    err = ms_state_copy(&copy, &ms->now);
    if (err) {
        gw_sdp_free(sdp);
        return err;
    }
    err = answer_lines(ms, from, sdp, why);
    if (!err)
        err = ms_remember(&ms->now.legs[from], text);
    gw_sdp_free(sdp);
    if (err) {
        gw_stats_inc(GW_STAT_SDP_REFUSED);
        ms_state_fini(&ms->now);
        ms->now = copy;
        return err;
    }
    ms_state_fini(&copy);
    return 0;
}

int gw_ms_answer(struct gw_ms *ms, struct gw_span text, struct gw_iq_req *req, struct gw_sdp_refusal *why)
{
    enum gw_leg from = ms_other(ms->now.from);
    int next = ms_step(ms, GW_OA_ANSWER, why), err;

    if (next < 0)
        return next;
    err = ms_take_answer(ms, from, text, why);
    if (err)
        return err;
    ms->now.legs[from].has_bundle = ms_has_bundle(&ms->now.legs[from]);
    ms->oa = (enum gw_oa_state)next;
    ms_iq_configure(ms, req);
    return 0;
}

void ms_commit(struct gw_ms *ms)
{
    for (int leg = 0; leg < 2; leg++)
        for (unsigned i = 0; i < ms->now.legs[leg].nlines; i++) {
            struct ms_line *l = &ms->now.legs[leg].lines[i];
            bool is_on = (l->stream != MS_NO_STREAM && ms->now.streams[l->stream].is_on) ||
                         (leg == GW_LEG_CORE && ms_channel_of(ms, l, false));
            if (ms->now.is_self_made && leg == (int)ms->now.from && !is_on)
                continue; /* that leg knows nothing of it yet */
            /* an answer that was of no use here is still one to its peer: the place is not free (RFC 9429 s. 5.2.2) */
            l->is_dead = !is_on && !(leg == (int)ms_other(ms->now.from) && l->is_taken);
        }
    for (unsigned i = 0; i < ms->now.nchannels; i++) {
        struct ms_channel *c = &ms->now.channels[i];
        if (ms->now.is_self_made && ms->now.from == GW_LEG_CORE && c->is_used && c->was_answered && !c->is_on)
            ms->wants_core_offer = true; /* the browser ended it without the core */
        c->was_answered |= c->is_on;
    }
    drop_before(ms);
    ms->oa = GW_OA_STABLE;
}

int gw_ms_answer_out(struct gw_ms *ms, const struct gw_iq_reply *reply, char **sdp, size_t *len)
{
    int err = ms_step(ms, GW_OA_ANSWER_OUT, NULL);

    if (err < 0)
        return err;
    err = ms_iq_absorb(ms, reply);
    if (err)
        return err;
    if (ms->now.is_self_made) {
        *sdp = NULL;
        *len = 0;
    } else {
        err = ms_write_leg(ms, ms->now.from, false);
        if (!err)
            err = ms_hand_out(ms, ms->now.from, sdp, len);
        if (err)
            return err;
    }
    ms_commit(ms);
    ms_access_view(ms, ms->told);
    return 0;
}

/* --- offers of our own -------------------------------------------------------------------------------------
 */

static int reoffer_lines(struct gw_ms *ms, enum gw_leg to, const struct gw_sdp *src)
{
    struct ms_leg *f = &ms->now.legs[ms_other(to)];

    for (unsigned i = 0; i < GW_IQ_STREAMS; i++)
        ms->now.streams[i].is_offered = false;
    (void)ms_data_keep(ms, true);
    for (unsigned i = 0; i < f->nlines && i < src->nmedia; i++) {
        struct ms_stream *s = f->lines[i].stream == MS_NO_STREAM ? NULL : &ms->now.streams[f->lines[i].stream];
        struct gw_sdp_refusal why;

        if (!s || !s->is_on)
            continue;
        if (s->kind == MS_DATA)
            continue;
        if ((s->pass || ms_codecs_offer(ms, ms_other(to), s, &src->media[i], &why) == 0) &&
            ms_transport_out(ms, to, s, ms_is_secure(f->lines[i].proto)) == 0)
            s->is_offered = true;
    }
    for (unsigned i = 0; i < GW_IQ_STREAMS; i++)
        if (ms->now.streams[i].is_offered)
            return 0;
    return GW_E_STATE;
}

/* Opens an offer of our own from what the other leg last said, which is *src. On error nothing was changed. */
int ms_own_begin(struct gw_ms *ms, enum gw_leg to, enum gw_oa_event event, struct gw_sdp **src)
{
    enum gw_leg from = ms_other(to);
    struct gw_sdp_error e;
    int next = ms_step(ms, event, NULL), err;

    if (next < 0)
        return next;
    if (!ms->now.legs[from].remote || !ms->now.legs[to].local)
        return GW_E_STATE;
    err = gw_sdp_parse(gw_span_str(ms->now.legs[from].remote), src, &e);
    if (err)
        return err;
    err = keep_before(ms);
    if (!err) {
        err = reoffer_lines(ms, to, *src);
        if (err)
            restore(ms);
    }
    if (err) {
        gw_sdp_free(*src);
        return err;
    }
    ms->now.from = from;
    ms->now.is_self_made = true;
    ms->oa = (enum gw_oa_state)next;
    return 0;
}

int gw_ms_reoffer(struct gw_ms *ms, enum gw_leg to, char **sdp, size_t *len)
{
    struct gw_sdp *src;
    int err = ms_own_begin(ms, to, GW_OA_REOFFER, &src);

    if (err)
        return err;
    err = ms_write(ms, to, src, true);
    if (!err)
        err = ms_hand_out(ms, to, sdp, len);
    gw_sdp_free(src);
    if (err)
        restore(ms);
    return err;
}

int gw_ms_rollback(struct gw_ms *ms, struct gw_iq_req *req)
{
    int err = ms_step(ms, GW_OA_ROLLBACK, NULL);
    bool was_configured = ms->oa == GW_OA_ANSWER_RECEIVED;
    struct ms_kept *kept;
    unsigned n = 0;

    if (err < 0)
        return err;
    kept = malloc(sizeof(*kept));
    if (!kept)
        return GW_E_NOMEM;
    ms_in_band_save(ms, kept);
    ms_iq_reserve(ms, req);
    req->op = GW_IQ_CONFIGURE;
    req->nterms = 0;
    for (unsigned i = 0; i < ms->now.nterms; i++) { /* reserved for the offer alone */
        const struct ms_term *t = &ms->now.terms[i];
        bool is_old = false;
        for (unsigned k = 0; k < ms->before->nterms; k++)
            is_old |= ms->before->terms[k].want.id == t->want.id;
        for (unsigned k = 0; k < kept->n; k++)
            is_old |= kept->terms[k].want.id == t->want.id;
        if (!is_old && t->is_reserved)
            memcpy(&req->terms[n++], &t->want, sizeof(t->want));
    }
    restore(ms);
    ms_in_band_restore(ms, kept);
    explicit_bzero(kept, sizeof(*kept));
    free(kept);
    if (ms->now.nterms == 0) { /* the first offer: nothing is left */
        if (ms->ctx)
            req->op = GW_IQ_RELEASE;
        ms->ctx = 0;
    } else if (was_configured) {
        ms_iq_configure(ms, req); /* what the answer had changed, as it was */
    } else if (n) {
        req->op = GW_IQ_RELEASE;
        req->nterms = (uint8_t)n;
    }
    return 0;
}

/* --- views -----------------------------------------------------------------------------------------------------------
 */

bool gw_ms_wants_offer(const struct gw_ms *ms, enum gw_leg to)
{
    return to == GW_LEG_CORE && ms->oa == GW_OA_STABLE && (ms->wants_core_offer || gw_ms_wants_lines(ms));
}

bool gw_ms_has_open_offer(const struct gw_ms *ms, enum gw_leg *from)
{
    if (ms->oa == GW_OA_STABLE)
        return false;
    *from = ms->now.is_self_made ? ms_other(ms->now.from) : ms->now.from;
    return true;
}

const char *gw_ms_current(const struct gw_ms *ms, enum gw_leg to, size_t *len)
{
    if (!ms->now.legs[to].local)
        return NULL;
    *len = ms->now.legs[to].local_len;
    return ms->now.legs[to].local;
}

unsigned gw_ms_video_streams(const struct gw_ms *ms, uint8_t ids[GW_IQ_STREAMS])
{
    unsigned n = 0;

    for (unsigned i = 0; i < GW_IQ_STREAMS; i++)
        if (ms->now.streams[i].is_on && ms->now.streams[i].kind == GW_IQ_VIDEO)
            ids[n++] = (uint8_t)(i + 1);
    return n;
}

uint64_t gw_ms_context(const struct gw_ms *ms)
{
    return ms->ctx;
}
