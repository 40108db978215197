/* The relay: from a datagram of one side to a datagram of the other. No lock, no allocation, no log here. SSRC,
 * sequence number and time stamp stay as they are. */
#include "gateway/base/crypto.h"
#include "gateway/media/fax.h"

enum { NO_PT = 0xff };
#define PFU_PAUSE_US (1 * GW_S) /* a SIP INFO per stream and second at most; browsers repeat a PLI until it helps */

/* ---- configuration ---- */

static void set_payload_types(struct gw_stream *s, const struct gw_iq_stream *in)
{
    memset(s->flow[GW_FROM_ACCESS].pts, NO_PT, sizeof(s->flow[0].pts));
    memset(s->flow[GW_FROM_CORE].pts, NO_PT, sizeof(s->flow[0].pts));
    for (unsigned i = in->npts; i-- > 0;) { /* the first of two equal ones counts */
        s->flow[GW_FROM_ACCESS].pts[in->pts[i].access & 0x7f] = (uint8_t)i;
        s->flow[GW_FROM_CORE].pts[in->pts[i].core & 0x7f] = (uint8_t)i;
    }
}

void gw_stream_apply(struct gw_stream *s, const struct gw_iq_stream *in)
{
    struct gw_rtcp_caps *core = &s->flow[GW_FROM_ACCESS].caps, *access = &s->flow[GW_FROM_CORE].caps;

    s->conf = *in;
    s->gate[GW_FROM_ACCESS] = in->to_core;
    s->gate[GW_FROM_CORE] = in->to_access;
    if (in->kind == GW_IQ_IMAGE)
        gw_fax_apply(s);
    else
        gw_fax_free(s); /* back to audio */
    set_payload_types(s, in);
    for (unsigned i = 0; i < in->nexts; i++) {
        s->flow[GW_FROM_ACCESS].exts[i] = (struct gw_rtp_ext_map){ in->exts[i].access, in->exts[i].core };
        s->flow[GW_FROM_CORE].exts[i] = (struct gw_rtp_ext_map){ in->exts[i].core, in->exts[i].access };
    }
    s->flow[0].nexts = s->flow[1].nexts = in->nexts;
    *core = (struct gw_rtcp_caps){
        .has_avpf = in->core_has_avpf,
        .has_nack = in->core_has_nack,
        .has_pli = in->core_has_pli,
        .has_fir = in->core_has_fir,
        .has_rsize = in->core_has_rsize,
    };
    *access = (struct gw_rtcp_caps){
        .has_avpf = true,
        .has_nack = in->access_has_nack,
        .has_pli = in->access_has_pli,
        .has_fir = in->access_has_fir,
        .has_rsize = in->access_has_rsize,
    };
}

void gw_stream_init(struct gw_stream *s, const struct gw_iq_stream *in)
{
    memset(s, 0, sizeof(*s));
    gw_stream_apply(s, in);
}

/* ---- finding the stream of a packet of a bundle ---- */

static struct gw_stream *find_by_ssrc(const struct gw_termination *t, uint32_t ssrc)
{
    for (unsigned i = 0; i < t->nssrcs; i++)
        if (t->ssrcs[i].ssrc == ssrc)
            return t->ssrcs[i].stream;
    return NULL;
}

static void learn_ssrc(struct gw_termination *t, uint32_t ssrc, struct gw_stream *s)
{
    unsigned i = 0;

    while (i < t->nssrcs && t->ssrcs[i].ssrc != ssrc)
        i++;
    if (i == t->nssrcs)
        i = t->nssrcs < GW_SSRCS ? t->nssrcs++ : t->next_ssrc++ % GW_SSRCS;
    t->ssrcs[i].ssrc = ssrc;
    t->ssrcs[i].stream = s;
}

/* A source not seen before: sdes:mid decides where it is sent, else the payload type if one stream alone has it
 * (RFC 9143 s. 9.2). */
static struct gw_stream *find_new(struct gw_termination *t, const struct gw_pkt *p, const struct gw_rtp *h)
{
    struct gw_stream *found = NULL;
    unsigned n = 0;

    for (unsigned i = 0; i < t->nstreams && h->has_ext; i++) {
        struct gw_iq_stream *c = &t->streams[i]->conf;
        struct gw_span mid;
        if (c->mid_ext && gw_rtp_ext_find(p->buf, h, c->mid_ext, &mid) == 0 && gw_span_is(mid, c->mid))
            return t->streams[i];
    }
    for (unsigned i = 0; i < t->nstreams; i++)
        if (t->streams[i]->flow[t->realm].pts[h->pt] != NO_PT) {
            found = t->streams[i];
            n++;
        }
    return n == 1 ? found : NULL;
}

static struct gw_stream *find_rtp(struct gw_termination *t, const struct gw_pkt *p, const struct gw_rtp *h)
{
    struct gw_stream *s = t->nstreams == 1 ? t->streams[0] : find_by_ssrc(t, h->ssrc), *fresh;

    if (s && (t->nstreams == 1 || s->flow[t->realm].pts[h->pt] != NO_PT))
        return s;
    fresh = find_new(t, p, h); /* also when a renegotiation took the payload type away from where its source was */
    if (!fresh)
        return s;
    if (fresh->flow[t->realm].pts[h->pt] != NO_PT)
        learn_ssrc(t, h->ssrc, fresh);
    return fresh;
}

/* By its sender, or by the source of the other side that it speaks of. */
static struct gw_stream *find_rtcp(const struct gw_termination *t, struct gw_span compound)
{
    struct gw_stream *s = t->nstreams == 1 ? t->streams[0] : find_by_ssrc(t, gw_rtcp_ssrc(compound.ptr));
    struct gw_rtcp r;

    while (!s && compound.len && gw_rtcp_next(&compound, &r) == 0) {
        struct gw_rtcp_block b;
        struct gw_rtcp_feedback f;
        for (unsigned i = 0; i < t->nstreams; i++) {
            uint32_t far = t->streams[i]->ssrc[1 - t->realm];
            if (far && gw_rtcp_parse_feedback(&r, &f) == 0 && f.media == far)
                return t->streams[i];
            for (unsigned k = 0; far && gw_rtcp_parse_block(&r, k, &b) == 0; k++)
                if (b.ssrc == far)
                    return t->streams[i];
        }
    }
    return s;
}

/* ---- RTP ---- */

static bool drop_noticed(struct gw_termination *t, enum gw_noticed bit, struct gw_flow *f, enum gw_stat why)
{
    t->noticed |= bit;
    gw_stats_inc(why);
    if (f)
        f->dropped++;
    return false;
}

static bool drop(struct gw_flow *f, enum gw_stat why)
{
    gw_stats_inc(why);
    if (f)
        f->dropped++;
    return false;
}

static void count_source(struct gw_stream *s, unsigned side, const struct gw_rtp *h, uint32_t clock_hz, uint64_t now_us)
{
    struct gw_flow *f = &s->flow[side];

    if (!f->has_source || f->source.ssrc != h->ssrc) {
        if (f->has_source)
            f->lost_before += gw_rtp_source_lost(&f->source);
        gw_rtp_source_init(&f->source, h->ssrc, clock_hz);
        f->has_source = true;
        s->ssrc[side] = h->ssrc;
    }
    gw_rtp_source_on_packet(&f->source, h->seq, h->ts, now_us);
}

static bool relay_rtp(struct gw_termination *t, struct gw_pkt *p)
{
    struct gw_worker *w = t->cx->w;
    unsigned side = t->realm;
    struct gw_stream *s;
    struct gw_flow *f;
    struct gw_rtp h;
    unsigned i;

    if (gw_rtp_parse((struct gw_span){ p->buf, p->len }, &h) != 0)
        return drop(NULL, GW_STAT_MEDIA_DROPPED_MALFORMED);
    s = find_rtp(t, p, &h);
    if (!s)
        return drop_noticed(t, GW_NOTICED_STREAM, NULL, GW_STAT_MEDIA_DROPPED_STREAM);
    f = &s->flow[side];
    i = f->pts[h.pt];
    if (i == NO_PT)
        return drop_noticed(t, GW_NOTICED_PT, f, GW_STAT_MEDIA_DROPPED_PT);
    count_source(s, side, &h, s->conf.pts[i].clock_hz, w->now_us);
    if (!s->gate[side]) {
        drop(f, GW_STAT_MEDIA_DROPPED_GATE);
        return true;
    }
    if (h.has_ext)
        gw_rtp_ext_rewrite(p->buf, &p->len, &h, f->exts, f->nexts);
    gw_rtp_set_pt(p->buf, side == GW_FROM_ACCESS ? s->conf.pts[i].core : s->conf.pts[i].access);
    i = (unsigned)p->len;
    if (gw_termination_send(s->term[1 - side], p, false)) {
        f->packets++;
        f->octets += i;
        gw_stats_inc(side == GW_FROM_ACCESS ? GW_STAT_MEDIA_RELAYED_ACCESS : GW_STAT_MEDIA_RELAYED_CORE);
    } else {
        f->dropped++;
    }
    return true;
}

/* ---- RTCP ---- */

/* The core speaks AVP: what the browser asks for by PLI or FIR, signalling asks for by SIP INFO (RFC 5168). */
static void ask_signalling(struct gw_stream *s, uint64_t now_us)
{
    if (now_us < s->pfu_next_us || s->conf.kind != GW_IQ_VIDEO)
        return;
    s->pfu_next_us = now_us + PFU_PAUSE_US;
    gw_stats_inc(GW_STAT_PICTURE_FAST_UPDATE);
    gw_worker_notify(s->term[0]->cx, GW_IQ_PICTURE_FAST_UPDATE, s->term[0]->id, s->conf.id, 0);
}

static bool relay_rtcp(struct gw_termination *t, struct gw_pkt *p)
{
    struct gw_worker *w = t->cx->w;
    unsigned side = t->realm;
    struct gw_rtcp_seen seen = { 0 };
    struct gw_stream *s;
    struct gw_flow *f;

    if (p->len < 8 || gw_rtcp_check((struct gw_span){ p->buf, p->len }, true) != 0)
        return drop(NULL, GW_STAT_MEDIA_DROPPED_MALFORMED);
    s = find_rtcp(t, (struct gw_span){ p->buf, p->len });
    if (!s)
        return drop(NULL, GW_STAT_MEDIA_DROPPED_STREAM);
    f = &s->flow[side];
    if (!s->gate[0] && !s->gate[1]) /* one open gate is enough: receivers report too */
        return drop(f, GW_STAT_MEDIA_DROPPED_GATE);
    if (side == GW_FROM_ACCESS)
        gw_rtcp_rtt_on_received(&s->rtt, (struct gw_span){ p->buf, p->len }, w->now_us);
    if (gw_rtcp_filter(p->buf, &p->len, GW_PKT - GW_SRTP_TAIL, &f->caps, gw_span_str(t->cx->cname), &seen) != 0)
        return drop(f, GW_STAT_MEDIA_DROPPED_MALFORMED);
    if (seen.is_keyframe_dropped && side == GW_FROM_ACCESS)
        ask_signalling(s, w->now_us);
    if (p->len == 0) {
        gw_stats_inc(GW_STAT_MEDIA_HANDLED_RTCP);
        return true;
    }
    if (side == GW_FROM_CORE)
        gw_rtcp_rtt_on_sent(&s->rtt, (struct gw_span){ p->buf, p->len }, w->now_us);
    if (gw_termination_send(s->term[1 - side], p, true))
        gw_stats_inc(side == GW_FROM_ACCESS ? GW_STAT_MEDIA_RELAYED_ACCESS : GW_STAT_MEDIA_RELAYED_CORE);
    else
        f->dropped++;
    return true;
}

/* ---- in ---- */

/* While a handshake or the fingerprint for it is awaited. The packet's buffer goes, another comes. */
static bool hold(struct gw_termination *t, struct gw_pkt *p, bool is_rtcp)
{
    struct gw_worker *w = t->cx->w;
    struct gw_held *h = w->held_free;
    uint8_t *spare;

    if (!t->dtls || t->is_dtls_over)
        return false;
    if (!h || t->nheld == GW_HELD) {
        t->nheld_over++;
        return false;
    }
    w->held_free = h->next;
    spare = h->buf;
    h->buf = p->buf;
    h->len = (uint16_t)p->len;
    h->is_rtcp = is_rtcp;
    h->next = NULL;
    p->buf = spare;
    *(t->nheld++ ? t->held_end : &t->held) = h;
    t->held_end = &h->next;
    return true;
}

static struct gw_held *next_held(struct gw_termination *t)
{
    struct gw_held *h = t->held;

    if (!h)
        return NULL;
    t->held = h->next;
    t->nheld--;
    return h;
}

static void give_held(struct gw_worker *w, struct gw_held *h)
{
    h->next = w->held_free;
    w->held_free = h;
}

void gw_stream_release_held(struct gw_termination *t)
{
    struct gw_held *h;

    while ((h = next_held(t))) {
        struct gw_pkt p = { h->buf, h->len };
        gw_stream_input(t, &p, h->is_rtcp);
        h->buf = p.buf;
        give_held(t->cx->w, h);
    }
    for (unsigned i = 0; t->nheld_over && i < t->nstreams; i++)
        gw_stream_keyframe(t->streams[i]); /* part of the first picture was lost */
    t->nheld_over = 0;
}

void gw_stream_drop_held(struct gw_termination *t)
{
    struct gw_held *h;

    while ((h = next_held(t))) {
        gw_stats_inc(GW_STAT_MEDIA_DROPPED_KEYS);
        give_held(t->cx->w, h);
    }
}

static bool unprotect(struct gw_termination *t, struct gw_pkt *p, bool is_rtcp)
{
    struct gw_flow *only = t->nstreams == 1 ? &t->streams[0]->flow[t->realm] : NULL;
    int err;

    if (!t->rx)
        return hold(t, p, is_rtcp) ? false : drop(only, GW_STAT_MEDIA_DROPPED_KEYS);
    err = is_rtcp ? gw_srtp_unprotect_rtcp(t->rx, p->buf, &p->len) : gw_srtp_unprotect_rtp(t->rx, p->buf, &p->len);
    switch (err) {
    case 0:
        return true;
    case GW_E_AUTH:
        return drop_noticed(t, GW_NOTICED_FORGED, only, GW_STAT_MEDIA_DROPPED_FORGED);
    case GW_E_REPLAY:
        return drop_noticed(t, GW_NOTICED_REPLAY, only, GW_STAT_MEDIA_DROPPED_REPLAY);
    default:
        return drop(NULL, GW_STAT_MEDIA_DROPPED_MALFORMED);
    }
}

bool gw_stream_input(struct gw_termination *t, struct gw_pkt *p, bool is_rtcp)
{
    if (t->security != GW_IQ_PLAIN) {
        if (!unprotect(t, p, is_rtcp))
            return false;
        t->media_us = t->cx->w->now_us;
    }
    if (!(is_rtcp ? relay_rtcp(t, p) : relay_rtp(t, p)))
        return false;
    t->media_us = t->cx->w->now_us;
    return true;
}

bool gw_stream_pass(struct gw_termination *t, struct gw_pkt *p, bool is_rtcp)
{
    struct gw_stream *s = t->streams[0];
    unsigned side = t->realm;

    if (!s->gate[side] && !is_rtcp)
        return drop(&s->flow[side], GW_STAT_MEDIA_DROPPED_GATE);
    t->media_us = t->cx->w->now_us;
    if (!gw_termination_send(s->term[1 - side], p, is_rtcp)) {
        s->flow[side].dropped++;
        return true;
    }
    if (!is_rtcp) {
        s->flow[side].packets++;
        s->flow[side].octets += p->len;
    }
    gw_stats_inc(side == GW_FROM_ACCESS ? GW_STAT_MEDIA_RELAYED_ACCESS : GW_STAT_MEDIA_RELAYED_CORE);
    return true;
}

/* ---- key frames and counters ---- */

void gw_stream_keyframe(struct gw_stream *s)
{
    struct gw_termination *t = s->term[0];
    enum gw_stat why;
    struct gw_pkt p = { t->cx->w->in.bufs[0], 0 }; /* free: an order is not carried out while datagrams are read */

    if (s->conf.kind != GW_IQ_VIDEO ||
        !s->ssrc[GW_FROM_ACCESS]) /* nothing came yet: the first frame will be a key frame anyway */
        return;
    if (gw_rtcp_write_keyframe(p.buf, &p.len, GW_PKT - GW_SRTP_TAIL, &s->flow[GW_FROM_CORE].caps,
                               gw_span_str(t->cx->cname), s->ssrc[GW_FROM_CORE] ? s->ssrc[GW_FROM_CORE] : 1,
                               s->ssrc[GW_FROM_ACCESS], s->fir_seq++) != 0)
        return;
    if (gw_termination_send_made(t, &p, true, &why))
        gw_stats_inc(GW_STAT_KEYFRAME);
    t->cx->w->in.bufs[0] = p.buf; /* the outbox may have taken one and given another */
}

void gw_stream_counters(const struct gw_stream *s, struct gw_iq_counters *out)
{
    memset(out, 0, sizeof(*out));
    out->id = s->conf.id;
    out->kind = s->conf.kind;
    out->rtt_us = s->rtt.rtt_us;
    for (unsigned i = 0; i < 2; i++) {
        const struct gw_flow *f = &s->flow[i];
        out->dir[i].packets = f->packets;
        out->dir[i].octets = f->octets;
        out->dir[i].dropped = f->dropped;
        out->dir[i].lost = f->lost_before + (f->has_source ? gw_rtp_source_lost(&f->source) : 0);
        out->dir[i].jitter_us = f->has_source ? gw_rtp_source_jitter_us(&f->source) : 0;
    }
    gw_fax_counters(s, out);
    gw_secure_name(s->term[0], out->security, sizeof(out->security));
    gw_secure_name(s->term[1], out->core_security, sizeof(out->core_security));
}
