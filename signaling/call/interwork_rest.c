/* A browser's voice while the core has a fax in its place (T38-010; specs/data-media.md 6.6): the m-line of a phone
 * becomes an image and voice again, but one of a browser stays what it is, and rests inactive on the access leg alone.
 */
#include "signaling/call/interwork_priv.h"

void ms_rest_begin(struct gw_ms *ms, unsigned line)
{
    struct ms_line *l = &ms->now.legs[GW_LEG_CORE].lines[line];
    struct ms_stream *s = l->stream == MS_NO_STREAM ? NULL : &ms->now.streams[l->stream];

    if (!s || s->kind != GW_IQ_AUDIO || !ms_is_webrtc(ms, GW_LEG_ACCESS) || !ms->now.legs[GW_LEG_ACCESS].local)
        return;
    l->stream = MS_NO_STREAM;
    s->line[GW_LEG_CORE] = MS_NO_LINE;
    s->is_resting = s->is_offered = true;
}

void ms_rest_keep(struct gw_ms *ms)
{
    for (unsigned i = 0; i < GW_IQ_STREAMS; i++)
        if (ms->now.streams[i].is_used && ms->now.streams[i].is_resting && ms->now.streams[i].is_on)
            ms->now.streams[i].is_offered = true;
}

int ms_rest_wake(struct gw_ms *ms, unsigned line)
{
    for (int i = 0; i < GW_IQ_STREAMS; i++) {
        struct ms_stream *s = &ms->now.streams[i];
        if (!s->is_used || !s->is_resting)
            continue;
        s->is_resting = false;
        s->line[GW_LEG_CORE] = (uint8_t)line;
        return i;
    }
    return MS_NO_STREAM;
}

static struct ms_channel *fax_of(struct gw_ms *ms, bool is_new)
{
    for (unsigned i = 0; i < ms->now.nchannels; i++) {
        struct ms_channel *c = &ms->now.channels[i];
        if (c->is_used && c->is_offered && c->protocol == GW_IQ_T38 && c->core_line != MS_NO_LINE &&
            !(is_new && c->was_configured))
            return c;
    }
    return NULL;
}

/* The core's line of voice, which the fax takes (RFC 3264 s. 8.3.3). */
static void give_line(struct gw_ms *ms, struct ms_channel *fax, unsigned line)
{
    struct ms_leg *core = &ms->now.legs[GW_LEG_CORE];
    unsigned was = fax->core_line;

    core->lines[line].channel = core->lines[was].channel;
    core->lines[was].channel = 0;
    core->lines[line].proto[0] = 0;
    fax->core_line = (uint8_t)line;
    if (ms->before && was < ms->before->legs[GW_LEG_CORE].nlines) { /* a dead place, and so again */
        core->lines[was] = ms->before->legs[GW_LEG_CORE].lines[was];
        core->lines[was].stream = MS_NO_STREAM;
        core->lines[was].channel = 0;
        core->lines[was].is_dead = true;
    } else if (was + 1 == core->nlines) {
        core->nlines--; /* it was added for this fax */
    }
}

/* No fax is left: voice takes its line again, or another. */
static int wake_for_client(struct gw_ms *ms, const struct gw_sdp *sdp, struct gw_sdp_refusal *why)
{
    struct ms_leg *core = &ms->now.legs[GW_LEG_CORE];
    int err = 0;

    for (unsigned i = 0; i < GW_IQ_STREAMS && !err; i++) {
        const struct ms_leg before = *core;
        struct ms_stream *s = &ms->now.streams[i];
        unsigned line = MS_NO_LINE;
        if (!s->is_used || !s->is_resting || !s->is_offered)
            continue;
        for (unsigned k = 0; line == MS_NO_LINE && k < core->nlines; k++)
            if (core->lines[k].stream == MS_NO_STREAM && core->lines[k].channel &&
                ms->now.channels[core->lines[k].channel - 1].protocol == GW_IQ_T38)
                line = k;
        if (line != MS_NO_LINE)
            ms_channel_leave(ms, &core->lines[line]);
        else
            err = ms_take_line(core, &line);
        if (err)
            break;
        core->lines[line].proto[0] = 0;
        core->lines[line].stream = (int)i;
        s->line[GW_LEG_CORE] = (uint8_t)line;
        s->is_resting = false;
        err = ms_codecs_offer(ms, GW_LEG_ACCESS, s, &sdp->media[s->line[GW_LEG_ACCESS]], why);
        if (!err)
            err = ms_transport_out(ms, GW_LEG_CORE, s, true);
        if (err) { /* it cannot be had in the core: it rests on */
            core->nlines = before.nlines;
            memcpy(core->lines, before.lines, sizeof(core->lines));
            s->line[GW_LEG_CORE] = MS_NO_LINE;
            s->is_resting = true;
        }
    }
    return err;
}

/* A browser asks for the switch by a fax channel and inactive voice; a core by port 0 for voice beside the fax. */
int ms_rest_after_offer(struct gw_ms *ms, enum gw_leg from, const struct gw_sdp *sdp, struct gw_sdp_refusal *why)
{
    struct ms_channel *fax = fax_of(ms, false), *fresh = fax_of(ms, true);

    if (!ms_is_webrtc(ms, GW_LEG_ACCESS))
        return 0;
    if (from == GW_LEG_ACCESS && !fax)
        return wake_for_client(ms, sdp, why);
    for (unsigned i = 0; i < GW_IQ_STREAMS; i++) {
        struct ms_stream *s = &ms->now.streams[i];
        unsigned line = s->line[GW_LEG_CORE];

        if (!fax || !s->is_used || s->kind != GW_IQ_AUDIO || s->is_resting || !s->is_on || line == MS_NO_LINE)
            continue;
        if (from == GW_LEG_CORE && !s->is_offered) {
            ms_rest_begin(ms, line);
        } else if (from == GW_LEG_ACCESS && fresh && s->is_offered && s->direction[GW_LEG_ACCESS] == GW_SDP_INACTIVE) {
            ms_rest_begin(ms, line);
            give_line(ms, fresh, line);
            fresh = NULL;
        }
    }
    return 0;
}

/* The core takes the fax alone. */
void ms_rest_after_answer(struct gw_ms *ms)
{
    bool has_fax = false;

    for (unsigned i = 0; i < ms->now.nchannels; i++)
        has_fax |=
            ms->now.channels[i].is_used && ms->now.channels[i].is_on && ms->now.channels[i].protocol == GW_IQ_T38;
    for (unsigned i = 0; has_fax && ms->before && i < GW_IQ_STREAMS; i++) {
        struct ms_stream *s = &ms->now.streams[i];
        const struct ms_stream *was = &ms->before->streams[i];
        if (!was->is_on || was->kind != s->kind || was->line[GW_LEG_ACCESS] != s->line[GW_LEG_ACCESS])
            continue; /* new voice has no words of ours yet: it is refused */
        if (s->is_used && s->is_offered && !s->is_on && !s->is_resting && s->line[GW_LEG_CORE] != MS_NO_LINE) {
            ms_rest_begin(ms, s->line[GW_LEG_CORE]);
            s->is_on = s->is_resting;
        }
    }
}

/* ---- writing ---- */

static bool has_format(struct gw_span fmts, struct gw_span fmt)
{
    struct gw_span t;

    while ((t = gw_sdp_token(&fmts)).len)
        if (gw_span_eq(t, fmt))
            return true;
    return false;
}

/* Of a format that is not in `fmts`; "*" is of all. */
static bool is_of_another(struct gw_span name, struct gw_span value, struct gw_span fmts)
{
    struct gw_span fmt = gw_sdp_token(&value);

    return (gw_span_is(name, "rtpmap") || gw_span_is(name, "fmtp") || gw_span_is(name, "rtcp-fb")) &&
           !gw_span_is(fmt, "*") && !has_format(fmts, fmt);
}

static bool is_written_anew(struct gw_span name)
{
    static const char *const names[] = { "mid",         "ice-ufrag", "ice-pwd", "candidate", "end-of-candidates",
                                         "fingerprint", "setup",     "tls-id",  "3ge2ae",    "sendrecv",
                                         "sendonly",    "recvonly",  "inactive" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (gw_span_is(name, names[i]))
            return true;
    return false;
}

static bool have_common(struct gw_span a, struct gw_span b)
{
    struct gw_span t;

    while ((t = gw_sdp_token(&a)).len)
        if (has_format(b, t))
            return true;
    return false;
}

/* `was` in the formats that `fmts` has; has_ours: it is a text of ours, all of which is repeated. */
static void write_line(struct gw_ms *ms, const struct ms_stream *s, const struct gw_sdp_media *was, struct gw_span fmts,
                       bool has_ours, bool is_offer, struct gw_sdp_buf *b)
{
    const struct ms_line *l = &ms->now.legs[GW_LEG_ACCESS].lines[s->line[GW_LEG_ACCESS]];
    const struct ms_term *t = ms_term(ms, s->term[GW_LEG_ACCESS]);
    const struct gw_addr *at = t->local.ncandidates ? &t->local.candidates[0] : &t->local.rtp;
    struct gw_span all = was->fmts, fmt, name, value;

    gw_sdp_printf(b, "m=%s %u %s", l->type, at->port, l->proto);
    while ((fmt = gw_sdp_token(&all)).len)
        if (has_format(fmts, fmt))
            gw_sdp_printf(b, " %.*s", GW_SDP_ARG(fmt));
    gw_sdp_printf(b, "\r\n");
    ms_write_c(b, at);
    ms_write_transport(b, t, l->mid, is_offer);
    if (is_offer)
        gw_sdp_printf(b, "a=3ge2ae:applied\r\n");
    for (unsigned i = 0; i < was->section.nlines; i++)
        if (gw_sdp_attr_of(&was->section.lines[i], &name, &value) && !is_written_anew(name) &&
            (has_ours || gw_span_is(name, "rtpmap") || gw_span_is(name, "rtcp-mux")) &&
            !is_of_another(name, value, fmts))
            gw_sdp_printf(b, "a=%.*s\r\n", GW_SDP_ARG(was->section.lines[i].value));
    gw_sdp_printf(b, "a=inactive\r\n");
}

/* As we described it last, but inactive; in an answer of what the browser offers. */
void ms_rest_write(struct gw_ms *ms, const struct ms_stream *s, bool is_offer, struct gw_sdp_buf *b)
{
    struct ms_leg *leg = &ms->now.legs[GW_LEG_ACCESS];
    unsigned line = s->line[GW_LEG_ACCESS];
    struct gw_sdp *was = NULL, *theirs = NULL;
    struct gw_sdp_error e;
    int err = gw_sdp_parse(gw_span_str(leg->local), &was, &e);

    if (!err)
        err = gw_sdp_parse(gw_span_str(leg->remote), &theirs, &e);
    if (!err && (line >= was->nmedia || line >= theirs->nmedia))
        err = GW_E_STATE;
    if (err) {
        b->err = b->err ? b->err : err;
    } else if (is_offer || have_common(was->media[line].fmts, theirs->media[line].fmts)) {
        write_line(ms, s, &was->media[line], is_offer ? was->media[line].fmts : theirs->media[line].fmts, true,
                   is_offer, b);
    } else { /* it offers other codecs now: the first will do, as nothing is said in it */
        struct gw_span fmts = theirs->media[line].fmts;
        write_line(ms, s, &theirs->media[line], gw_sdp_token(&fmts), false, false, b);
    }
    gw_sdp_free(was);
    gw_sdp_free(theirs);
}
