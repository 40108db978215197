/* The state of the media session as Iq requests, and what replies tell. */
#include "signaling/call/interwork_priv.h"

void ms_iq_begin(const struct gw_ms *ms, struct gw_iq_req *req, enum gw_iq_op op)
{
    memset(req, 0, sizeof(*req));
    req->op = (uint8_t)op;
    req->ctx = ms->ctx;
    memcpy(req->call, ms->call, sizeof(req->call));
    req->is_emergency = ms->e2ae.is_emergency;
}

void ms_iq_reserve(struct gw_ms *ms, struct gw_iq_req *req)
{
    ms_iq_begin(ms, req, GW_IQ_CONFIGURE);
    for (unsigned i = 0; i < ms->now.nterms; i++) {
        const struct ms_term *t = &ms->now.terms[i];
        if (t->is_reserved)
            continue;
        req->op = GW_IQ_RESERVE_CONFIGURE;
        memcpy(&req->terms[req->nterms++], &t->want, sizeof(t->want));
    }
    ms_data_iq(ms, req, false);
}

/* Media flows where the one end sends and the other receives. */
static bool is_open(const struct ms_stream *s, enum gw_leg from)
{
    return s->is_on && !s->is_resting && (s->direction[from] & GW_SDP_SENDONLY) &&
           (s->direction[ms_other(from)] & GW_SDP_RECVONLY);
}

static void add_pt(struct gw_iq_stream *q, uint8_t access, uint8_t core, uint32_t clock_hz)
{
    for (unsigned i = 0; i < q->npts; i++)
        if (q->pts[i].access == access && q->pts[i].core == core)
            return;
    if (q->npts < GW_IQ_PTS)
        q->pts[q->npts++] = (struct gw_iq_pt){ access, core, clock_hz };
}

static void fill_pts(const struct gw_ms *ms, const struct ms_stream *s, struct gw_iq_stream *q)
{
    const struct ms_codec *rows[GW_IQ_PTS];
    enum gw_leg answerer = ms_other(ms->now.from);
    unsigned n = ms_codecs_agreed(s, rows);

    for (unsigned i = 0; i < n; i++) {
        uint8_t pt[2] = { rows[i]->pt[0], rows[i]->pt[1] };
        pt[answerer] = rows[i]->answer_pt;
        add_pt(q, pt[GW_LEG_ACCESS], pt[GW_LEG_CORE], rows[i]->clock_hz);
    }
    /* Where the answer has numbers of its own, its sender still sends with the offer's (RFC 3264 s. 6.1). */
    for (unsigned i = 0; i < n; i++)
        if (rows[i]->answer_pt != rows[i]->pt[answerer])
            add_pt(q, rows[i]->pt[GW_LEG_ACCESS], rows[i]->pt[GW_LEG_CORE], rows[i]->clock_hz);
    for (unsigned i = 0; answerer == GW_LEG_CORE && i < s->ncodecs; i++) {
        const struct ms_codec *twin = ms_codec_twin(s, &s->codecs[i]);
        if (twin)
            add_pt(q, twin->pt[GW_LEG_ACCESS], s->codecs[i].pt[GW_LEG_CORE], s->codecs[i].clock_hz);
    }
}

static void fill_feedback(const struct gw_ms *ms, const struct ms_stream *s, struct gw_iq_stream *q)
{
    const struct ms_state *now = &ms->now;
    bool access_avpf = ms_is_avpf(now->legs[GW_LEG_ACCESS].lines[s->line[GW_LEG_ACCESS]].proto);
    bool core_avpf = ms_is_avpf(now->legs[GW_LEG_CORE].lines[s->line[GW_LEG_CORE]].proto);
    unsigned both = access_avpf && core_avpf ? s->fb[GW_LEG_ACCESS] & s->fb[GW_LEG_CORE] : 0;
    /* towards an AVP core the gateway itself answers PLI and FIR of the browser, and sends them to it */
    unsigned access = core_avpf ? both : access_avpf ? s->fb[GW_LEG_ACCESS] & (FB_PLI | FB_FIR) : 0;

    q->core_has_avpf = core_avpf;
    q->access_has_nack = access & FB_NACK;
    q->access_has_pli = access & FB_PLI;
    q->access_has_fir = access & FB_FIR;
    q->core_has_nack = both & FB_NACK;
    q->core_has_pli = both & FB_PLI;
    q->core_has_fir = both & FB_FIR;
    q->access_has_rsize = q->core_has_rsize = s->has_rsize[GW_LEG_ACCESS] && s->has_rsize[GW_LEG_CORE];
}

static void fill_stream(const struct gw_ms *ms, unsigned index, struct gw_iq_stream *q)
{
    const struct ms_stream *s = &ms->now.streams[index];
    const struct ms_line *access = &ms->now.legs[GW_LEG_ACCESS].lines[s->line[GW_LEG_ACCESS]];

    memset(q, 0, sizeof(*q));
    q->id = (uint8_t)(index + 1);
    q->kind = s->kind;
    q->access_term = s->term[GW_LEG_ACCESS];
    q->core_term = s->term[GW_LEG_CORE];
    q->to_core = is_open(s, GW_LEG_ACCESS);
    q->to_access = is_open(s, GW_LEG_CORE);
    memcpy(q->mid, access->mid, sizeof(q->mid));
    if (ms->now.from == GW_LEG_ACCESS || s->ext_agreed[EXT_MID])
        q->mid_ext = s->ext[EXT_MID][GW_LEG_ACCESS];
    for (unsigned k = 0; k < EXT_MID; k++)
        if (s->ext_agreed[k])
            q->exts[q->nexts++] = (struct gw_iq_ext){ s->ext[k][GW_LEG_ACCESS], s->ext[k][GW_LEG_CORE] };
    q->is_opaque = s->pass == MS_ANCHORED;
    if (q->is_opaque) {
        q->kind = GW_IQ_AUDIO; /* a fax, too: nobody looks at it */
        return;
    }
    if (s->line[GW_LEG_CORE] == MS_NO_LINE) /* it rests, or did to its end: closed */
        return;
    if (ms_is_fax(s)) {
        for (int leg = 0; leg < 2; leg++)
            q->udptl[leg] = ms_fax_udptl(s->t38, (enum gw_leg)leg);
        return;
    }
    fill_pts(ms, s, q);
    fill_feedback(ms, s, q);
}

/* Silence is a fault only of a side that is to send; a fax machine that receives a page is silent for minutes. */
static uint16_t inactivity(const struct gw_ms *ms, const struct gw_iq_term *t)
{
    enum gw_leg leg = t->realm == GW_IQ_ACCESS ? GW_LEG_ACCESS : GW_LEG_CORE;

    for (unsigned i = 0; i < GW_IQ_STREAMS; i++) {
        const struct ms_stream *s = &ms->now.streams[i];
        if (s->is_used && s->kind < GW_IQ_IMAGE && s->term[leg] == t->id && is_open(s, leg))
            return (uint16_t)(ms->conf->media_inactivity > UINT16_MAX ? UINT16_MAX : ms->conf->media_inactivity);
    }
    return 0;
}

/* An m-line of data channels that was rejected ends its association. */
static bool has_association(const struct gw_ms *ms, uint8_t term)
{
    for (unsigned i = 0; i < GW_IQ_STREAMS; i++) {
        const struct ms_stream *s = &ms->now.streams[i];
        if (s->is_used && s->is_on && s->kind == MS_DATA && s->term[GW_LEG_ACCESS] == term)
            return true;
    }
    return false;
}

void ms_iq_configure(struct gw_ms *ms, struct gw_iq_req *req)
{
    ms_iq_begin(ms, req, GW_IQ_CONFIGURE);
    for (unsigned i = 0; i < ms->now.nterms; i++) {
        struct gw_iq_term *q = &req->terms[req->nterms++];
        memcpy(q, &ms->now.terms[i].want, sizeof(*q));
        q->inactivity_s = inactivity(ms, q);
        if (q->has_sctp && !has_association(ms, q->id))
            q->remote_sctp_port = 0;
    }
    for (unsigned i = 0; i < GW_IQ_STREAMS; i++) {
        struct ms_stream *s = &ms->now.streams[i];
        if ((!s->is_on && !s->was_configured) || s->kind >= MS_DATA || s->pass == MS_DIRECT)
            continue;
        s->was_configured = true;
        fill_stream(ms, i, &req->streams[req->nstreams++]);
    }
    ms_data_iq(ms, req, true);
}

void ms_iq_difference(struct gw_iq_req *req, const struct gw_iq_req *from)
{
    unsigned n = 0;

    for (unsigned i = 0; i < req->nterms; i++) {
        bool is_same = false;
        for (unsigned k = 0; k < from->nterms; k++)
            is_same |= memcmp(&req->terms[i], &from->terms[k], sizeof(req->terms[i])) == 0;
        if (!is_same)
            memmove(&req->terms[n++], &req->terms[i], sizeof(req->terms[i]));
    }
    req->nterms = (uint8_t)n;
    n = 0;
    for (unsigned i = 0; i < req->nstreams; i++) {
        bool is_same = false;
        for (unsigned k = 0; k < from->nstreams; k++)
            is_same |= memcmp(&req->streams[i], &from->streams[k], sizeof(req->streams[i])) == 0;
        if (!is_same)
            memmove(&req->streams[n++], &req->streams[i], sizeof(req->streams[i]));
    }
    req->nstreams = (uint8_t)n;
    n = 0;
    for (unsigned i = 0; i < req->nchannels; i++) {
        bool is_same = false;
        for (unsigned k = 0; k < from->nchannels; k++)
            is_same |= memcmp(&req->channels[i], &from->channels[k], sizeof(req->channels[i])) == 0;
        if (!is_same)
            memmove(&req->channels[n++], &req->channels[i], sizeof(req->channels[i]));
    }
    req->nchannels = (uint8_t)n;
}

int ms_iq_absorb(struct gw_ms *ms, const struct gw_iq_reply *reply)
{
    if (reply && reply->err)
        return reply->err;
    for (unsigned i = 0; reply && i < reply->nlocals && i < GW_IQ_TERMS; i++) {
        struct ms_term *t = ms_term(ms, reply->locals[i].id);
        if (!t)
            continue;
        memcpy(&t->local, &reply->locals[i], sizeof(t->local));
        t->is_reserved = true;
    }
    if (reply && reply->ctx)
        ms->ctx = reply->ctx;
    for (unsigned i = 0; i < ms->now.nterms; i++)
        if (!ms->now.terms[i].is_reserved)
            return GW_E_INVAL; /* nothing to write into SDP */
    return 0;
}
