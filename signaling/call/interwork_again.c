/* What happens to an exchange after its answer and before the call is up: another fork answers the same offer, or the
 * core offers anew in an early dialog. The access leg keeps its description; a browser takes one answer and no offer
 * then. */
#include <stdlib.h>

#include "gateway/base/crypto.h"
#include "signaling/call/interwork_priv.h"

void ms_access_view(const struct gw_ms *ms, uint8_t out[32])
{
    uint8_t seen[GW_IQ_STREAMS * (2 + GW_IQ_PTS) + GW_IQ_CHANNELS * 2] = { 0 }, *p = seen;

    for (unsigned i = 0; i < GW_IQ_STREAMS; i++, p += 2 + GW_IQ_PTS) {
        const struct ms_stream *s = &ms->now.streams[i];
        const struct ms_codec *rows[GW_IQ_PTS];
        if (!s->is_on)
            continue;
        p[0] = 1;
        p[1] = s->direction[GW_LEG_CORE];
        for (unsigned k = 0, n = ms_codecs_agreed(s, rows); k < n; k++)
            p[2 + (unsigned)(rows[k] - s->codecs)] = (uint8_t)(1 + rows[k]->pt[GW_LEG_ACCESS]);
    }
    for (unsigned i = 0; i < ms->now.nchannels && i < GW_IQ_CHANNELS; i++, p += 2) {
        p[0] = ms->now.channels[i].is_on;
        p[1] = ms->now.channels[i].direction[GW_LEG_CORE];
    }
    gw_sha256(GW_SPAN(seen), out);
}

/* The answer of leg CORE that stands in `text`, to the offer of the access leg. */
static int answer_again(struct gw_ms *ms, struct gw_span text, struct gw_sdp_refusal *why)
{
    if (ms->now.from != GW_LEG_ACCESS || !ms->now.legs[GW_LEG_CORE].remote) {
        ms_refuse(why, 500, 0, "No offer that could be answered again");
        return GW_E_STATE;
    }
    return ms_take_answer(ms, GW_LEG_CORE, text, why);
}

/* A new offer of the core in place of its first, with the answer that the access leg gave to that one. */
static int offer_again(struct gw_ms *ms, struct gw_span text, struct gw_sdp_refusal *why)
{
    const char *answer = ms->now.legs[GW_LEG_ACCESS].remote;
    struct gw_sdp *sdp;
    int err = answer ? ms_parse(ms, text, &sdp, why) : GW_E_STATE;

    if (err)
        return err;
    if (sdp->nmedia != ms->now.legs[GW_LEG_CORE].nlines) { /* it would need the browser's word */
        ms_refuse(why, 488, 399, "No new m-lines before the call is answered");
        err = GW_E_UNSUPPORTED;
    }
    if (!err)
        err = ms_offer_lines(ms, GW_LEG_CORE, sdp, why);
    if (!err)
        err = ms_remember(&ms->now.legs[GW_LEG_CORE], text);
    gw_sdp_free(sdp);
    for (unsigned i = 0; !err && i < ms->now.nterms; i++)
        if (!ms->now.terms[i].is_reserved) {
            ms_refuse(why, 488, 399, "No new transport before the call is answered");
            err = GW_E_UNSUPPORTED;
        }
    return err ? err : ms_take_answer(ms, GW_LEG_ACCESS, gw_span_str(answer), why);
}

typedef int again_fn(struct gw_ms *ms, struct gw_span text, struct gw_sdp_refusal *why);

/* On error the state is as before; else req has what changed for Iq. */
static int change(struct gw_ms *ms, again_fn *take, struct gw_span text, struct gw_iq_req *req, bool *needs_reoffer,
                  struct gw_sdp_refusal *why)
{
    struct gw_iq_req *old;
    struct ms_state copy;
    uint8_t view[sizeof(ms->told)];
    int err = ms_step(ms, GW_OA_REANSWER, why);

    if (err < 0)
        return err;
    old = malloc(sizeof(*old));
    err = old ? ms_state_copy(&copy, &ms->now) : GW_E_NOMEM;
    if (err) {
        free(old);
        return err;
    }
    ms_iq_configure(ms, old);
    err = take(ms, text, why);
    if (err) {
        ms_state_fini(&ms->now);
        ms->now = copy;
    } else {
        ms_access_view(ms, view);
        *needs_reoffer = memcmp(view, ms->told, sizeof(view)) != 0;
        ms_iq_configure(ms, req);
        ms_iq_difference(req, old);
        ms_commit(ms);
        ms_state_fini(&copy);
    }
    explicit_bzero(old, sizeof(*old));
    free(old);
    return err;
}

int gw_ms_reanswer(struct gw_ms *ms, struct gw_span text, struct gw_iq_req *req, bool *needs_reoffer,
                   struct gw_sdp_refusal *why)
{
    return change(ms, answer_again, text, req, needs_reoffer, why);
}

int gw_ms_early_offer(struct gw_ms *ms, struct gw_span text, struct gw_iq_req *req, bool *needs_reoffer,
                      struct gw_sdp_refusal *why)
{
    return change(ms, ms->now.from == GW_LEG_ACCESS ? answer_again : offer_again, text, req, needs_reoffer, why);
}

int gw_ms_early_answer(struct gw_ms *ms, const struct gw_iq_reply *reply, char **sdp, size_t *len)
{
    int err = ms_iq_absorb(ms, reply);

    if (!err)
        err = ms_write_leg(ms, GW_LEG_CORE, false);
    return err ? err : ms_hand_out(ms, GW_LEG_CORE, sdp, len);
}
