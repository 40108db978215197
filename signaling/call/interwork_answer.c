/* The answer to an open offer, m-line by m-line (RFC 3264 s. 6, s. 7). */
#include "signaling/call/interwork_priv.h"

#include <strings.h>

#include "gateway/base/stats.h"

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
    if (ms_is_tcp(s->kind)) {
        err = ms_tcp_answer(ms, from, sdp, i, s, why);
        s->is_on = err == 0;
        return err;
    }
    if (s->is_resting) {
        *n = 0;
        err = ms_transport_answer(ms, from, sdp, i, s, why);
        s->is_on = err == 0;
        return err;
    }
    if (ms_is_fax(s))
        err = ms_fax_answer(s, from, m, why);
    else
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
        s->is_on = from == GW_LEG_CORE && s->is_offered && (s->kind == MS_DATA || s->is_resting);
    }
    for (unsigned i = 0; i < ms->now.nchannels; i++)
        ms->now.channels[i].is_on = false;
}

/* The call had voice, video or fax before this offer, and the offer has none of it as it was. */
static bool had_media(const struct gw_ms *ms)
{
    bool had = false;

    for (unsigned i = 0; ms->before && i < GW_IQ_STREAMS; i++)
        had |=
            ms->before->streams[i].is_on && ms->before->streams[i].kind < MS_DATA && !ms->before->streams[i].is_resting;
    return had;
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
        ms_log_refused(ms, from, i, &line);
        if (!first) {
            first = err;
            first_why = line;
        }
    }
    if (from == GW_LEG_CORE)
        ms_rest_after_answer(ms);
    if (n == 0 && !first && !ms->now.is_self_made && had_media(ms))
        return GW_E_CLOSED;
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
        for (unsigned i = 0; i < copy.legs[from].nlines; i++) /* gw_ms_decline asks for it */
            copy.legs[from].lines[i].is_taken = ms->now.legs[from].lines[i].is_taken;
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
