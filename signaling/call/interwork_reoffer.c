/* Offers that the gateway makes itself, from what the other leg last said. */
#include "signaling/call/interwork_priv.h"

static int reoffer_lines(struct gw_ms *ms, enum gw_leg to, const struct gw_sdp *src)
{
    struct ms_leg *f = &ms->now.legs[ms_other(to)];

    for (unsigned i = 0; i < GW_IQ_STREAMS; i++)
        ms->now.streams[i].is_offered = false;
    (void)ms_data_keep(ms, true);
    ms_rest_keep(ms);
    for (unsigned i = 0; i < f->nlines && i < src->nmedia; i++) {
        struct ms_stream *s = f->lines[i].stream == MS_NO_STREAM ? NULL : &ms->now.streams[f->lines[i].stream];
        struct gw_sdp_refusal why;

        if (!s || !s->is_on)
            continue;
        if (s->kind == MS_DATA || s->is_resting)
            continue;
        if (ms_is_tcp(s->kind)) {
            ms_tcp_keep(ms, s);
            continue;
        }
        if ((s->pass || ms_is_fax(s) || ms_codecs_offer(ms, ms_other(to), s, &src->media[i], &why) == 0) &&
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
    err = ms_keep_before(ms);
    if (!err) {
        err = reoffer_lines(ms, to, *src);
        if (err)
            ms_restore(ms);
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
        ms_restore(ms);
    return err;
}
