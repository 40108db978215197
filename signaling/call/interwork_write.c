/* A session description for one leg, from what the other leg last said and what the access gateway reserved
 * (specs 4.1). */
#include "signaling/call/interwork_priv.h"

#include <stdlib.h>
#include <strings.h>

/* Attributes that end here, or that are written anew; every other one of an m-line passes, in order. */
static const char *const own_attributes[] = {
    /* ICE (RFC 8839) */
    "candidate",
    "remote-candidates",
    "end-of-candidates",
    "ice-ufrag",
    "ice-pwd",
    "ice-options",
    "ice-pacing",
    "ice-lite",
    "ice-mismatch",
    /* security */
    "fingerprint",
    "setup",
    "connection",
    "tls-id",
    "identity",
    "crypto",
    "key-mgmt",
    "zrtp-hash",
    "3ge2ae",
    /* one transport for several m-lines, and what belongs to it */
    "rtcp-mux",
    "rtcp-mux-only",
    "rtcp-rsize",
    "rtcp",
    "rtcp-xr",
    "rtcp-fb",
    "group",
    "mid",
    "bundle-only",
    "msid",
    "msid-semantic",
    "ssrc",
    "ssrc-group",
    "extmap",
    "extmap-allow-mixed",
    "rid",
    "simulcast",
    /* data channels: of m-lines of their own */
    "sctp-port",
    "sctpmap",
    "max-message-size",
    "dcmap",
    "dcsa",
    /* written from the tables */
    "rtpmap",
    "fmtp",
    "sendrecv",
    "sendonly",
    "recvonly",
    "inactive",
    /* preconditions (RFC 3312) and capability negotiation (RFC 5939, RFC 6871, RFC 3407) are not offered further */
    "curr",
    "des",
    "conf",
    "tcap",
    "acap",
    "pcfg",
    "acfg",
    "csup",
    "creq",
    "rmcap",
    "omcap",
    "mfcap",
    "mscap",
    "lcfg",
    "sescap",
    "sqn",
    "cdsc",
    "cpar",
    "cparmin",
    "cparmax",
};

bool ms_write_ends_here(struct gw_span name)
{
    for (size_t i = 0; i < sizeof(own_attributes) / sizeof(own_attributes[0]); i++)
        if (gw_span_is(name, own_attributes[i]))
            return true;
    return false;
}

enum gw_sdp_direction ms_direction_out(const struct ms_stream *s, enum gw_leg to, bool is_offer)
{
    unsigned direction = s->direction[ms_other(to)];

    if (!is_offer) /* no more than was offered */
        direction &= gw_sdp_direction_reverse((enum gw_sdp_direction)s->direction[to]);
    return (enum gw_sdp_direction)direction;
}

/* One m-line being written. Payload types and feedback of `src` are in the numbers of the leg it came from. */
struct out {
    struct gw_ms *ms;
    struct gw_sdp_buf *b;
    enum gw_leg to;
    bool is_offer, is_webrtc;
    const struct ms_line *line;
    const struct ms_stream *s;
    struct ms_term *t;
    const struct gw_sdp_media *src;
    unsigned nrows;
    const struct ms_codec *rows[GW_IQ_PTS];
    uint8_t src_pt[GW_IQ_PTS], dst_pt[GW_IQ_PTS];
};

static void collect_rows(struct out *o)
{
    if (o->is_offer) {
        o->nrows = o->s->ncodecs;
        for (unsigned i = 0; i < o->nrows; i++)
            o->rows[i] = &o->s->codecs[i];
    } else {
        o->nrows = ms_codecs_agreed(o->s, o->rows);
    }
    /* an answer to the side that once answered (an offer in an early dialog) keeps the numbers that side uses */
    bool is_reversed = !o->is_offer && o->to != o->ms->now.from;
    for (unsigned i = 0; i < o->nrows; i++) {
        o->src_pt[i] = o->is_offer || is_reversed ? o->rows[i]->pt[ms_other(o->to)] : o->rows[i]->answer_pt;
        o->dst_pt[i] = is_reversed ? o->rows[i]->answer_pt : o->rows[i]->pt[o->to];
    }
}

static uint16_t port_of(const struct out *o)
{
    return o->is_webrtc && o->t->local.ncandidates ? o->t->local.candidates[0].port : o->t->local.rtp.port;
}

void ms_write_c(struct gw_sdp_buf *b, const struct gw_addr *a)
{
    char ip[GW_ADDR_TEXT];

    gw_sdp_printf(b, "c=IN IP%u %s\r\n", a->family == 6 ? 6 : 4, gw_addr_ip_text(a, ip));
}

static void write_bandwidth(struct out *o)
{
    const struct gw_sdp_section *s = &o->src->section;
    bool has_as = false;

    for (unsigned i = 0; i < s->nlines; i++) {
        struct gw_span value = s->lines[i].value, type;

        if (s->lines[i].type != 'b')
            continue;
        type = gw_sdp_until(&value, ':');
        has_as |= gw_span_is(type, "AS");
        /* RS and RR share out the RTCP of one transport, which ends here */
        if (gw_span_is(type, "AS") || gw_span_is(type, "TIAS"))
            gw_sdp_printf(o->b, "b=%.*s\r\n", GW_SDP_ARG(s->lines[i].value));
    }
    if (!has_as && o->to == GW_LEG_CORE) /* TS 24.229 s. 6.1.1 */
        gw_sdp_printf(
            o->b, "b=AS:%lld\r\n",
            (long long)(o->s->kind == GW_IQ_VIDEO ? o->ms->conf->video_bandwidth : o->ms->conf->audio_bandwidth));
}

/* One host candidate for each family; RFC 8445 s. 5.1.2.1, and its 5.1.2.2 for the order of families. */
static void write_candidates(struct gw_sdp_buf *b, const struct gw_iq_local *l)
{
    unsigned n = l->ncandidates ? l->ncandidates : 1;
    char ip[GW_ADDR_TEXT];

    for (unsigned i = 0; i < n && i < 2; i++) {
        const struct gw_addr *a = l->ncandidates ? &l->candidates[i] : &l->rtp;
        gw_sdp_printf(b, "a=candidate:%u 1 udp %u %s %u typ host\r\n", i + 1, 126u << 24 | (65535 - i) << 8 | 255,
                      gw_addr_ip_text(a, ip), a->port);
    }
    gw_sdp_printf(b, "a=end-of-candidates\r\n");
}

void ms_write_fingerprint(struct gw_sdp_buf *b, const struct ms_term *t)
{
    const struct gw_iq_fingerprint *f = &t->local.fingerprint;
    struct gw_sdp_fingerprint fp = { .hash = (enum gw_sdp_hash)f->hash, .len = f->len };

    memcpy(fp.value, f->value, sizeof(fp.value));
    gw_sdp_write_fingerprint(b, &fp);
}

void ms_write_dtls(struct gw_sdp_buf *b, const struct ms_term *t, bool is_offer)
{
    ms_write_fingerprint(b, t);
    gw_sdp_printf(b, "a=setup:%s\r\n",
                  is_offer                              ? "actpass"
                  : t->want.setup == GW_IQ_SETUP_ACTIVE ? "active"
                                                        : "passive");
    if (t->tls_id[0])
        gw_sdp_printf(b, "a=tls-id:%s\r\n", t->tls_id);
}

/* In every m-line of a bundle, though RFC 9143 s. 7.2 asks for them in the tagged one alone: all browsers do so, and
 * some clients read them nowhere else. */
void ms_write_transport(struct gw_sdp_buf *b, const struct ms_term *t, const char *mid, bool is_offer)
{
    if (mid)
        gw_sdp_printf(b, "a=mid:%s\r\n", mid);
    gw_sdp_printf(b, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", t->local.ufrag, t->local.pwd);
    write_candidates(b, &t->local);
    ms_write_dtls(b, t, is_offer);
}

static void write_webrtc(struct out *o)
{
    ms_write_transport(o->b, o->t, o->line->mid, o->is_offer);
    gw_sdp_printf(o->b, "a=rtcp-mux\r\n");
    /* a stream, so that applications that wait for one see the tracks (RFC 8830) */
    gw_sdp_printf(o->b, "a=msid:imsgw imsgw%u\r\n", (unsigned)(o->s - o->ms->now.streams) + 1);
}

static void write_fmtp(struct out *o, unsigned row)
{
    struct gw_span value;
    unsigned pos = 0;

    while (gw_sdp_attr(&o->src->section, "fmtp", &pos, &value)) {
        struct gw_sdp_fmtp f;
        uint32_t pt = 0;
        if (gw_sdp_parse_fmtp(value, &f) == 0 && gw_sdp_u32(f.fmt, 127, &pt) == 0 && pt == o->src_pt[row])
            gw_sdp_printf(o->b, "a=fmtp:%u %.*s\r\n", o->dst_pt[row], GW_SDP_ARG(f.params));
    }
}

static unsigned feedback_bit(const struct gw_sdp_rtcp_fb *f)
{
    if (gw_span_is(f->type, "nack"))
        return f->param.len == 0 ? FB_NACK : gw_span_is(f->param, "pli") ? FB_PLI : 0;
    if (gw_span_is(f->type, "ccm"))
        return gw_span_is(f->param, "fir") ? FB_FIR : gw_span_is(f->param, "tmmbr") ? FB_TMMBR : 0;
    return 0; /* transport-cc, goog-remb and what comes: about one transport, and nobody answers them */
}

static void write_fb_line(struct out *o, const struct gw_sdp_rtcp_fb *f, int row)
{
    if (row < 0)
        gw_sdp_printf(o->b, "a=rtcp-fb:*");
    else
        gw_sdp_printf(o->b, "a=rtcp-fb:%u", o->dst_pt[row]);
    gw_sdp_printf(o->b, " %.*s", GW_SDP_ARG(f->type));
    if (f->param.len)
        gw_sdp_printf(o->b, " %.*s", GW_SDP_ARG(f->param));
    gw_sdp_printf(o->b, "\r\n");
}

/* What the other leg wrote; in an answer only what was offered. */
static void copy_feedback(struct out *o, unsigned allowed)
{
    struct gw_sdp_rtcp_fb f;
    struct gw_span value;
    unsigned pos = 0;

    while (gw_sdp_attr(&o->src->section, "rtcp-fb", &pos, &value)) {
        if (gw_sdp_parse_rtcp_fb(value, &f) || !(feedback_bit(&f) & allowed))
            continue;
        if (f.is_wildcard)
            write_fb_line(o, &f, -1);
        for (unsigned i = 0; !f.is_wildcard && i < o->nrows; i++)
            if (o->src_pt[i] == f.pt)
                write_fb_line(o, &f, (int)i);
    }
}

/* An AVP core sends no feedback, and nothing is invented for it (SDP-016), but for key frames: the gateway itself asks
 * the browser for them when a picture_fast_update comes, and turns the browser's requests into one (RFC 5168). */
static void key_frame_feedback(struct out *o, unsigned allowed)
{
    for (unsigned i = 0; i < o->nrows; i++) {
        if (allowed & FB_FIR)
            gw_sdp_printf(o->b, "a=rtcp-fb:%u ccm fir\r\n", o->dst_pt[i]);
        if (allowed & FB_PLI)
            gw_sdp_printf(o->b, "a=rtcp-fb:%u nack pli\r\n", o->dst_pt[i]);
    }
}

static void write_feedback(struct out *o)
{
    const char *src_proto = o->ms->now.legs[ms_other(o->to)].lines[o->s->line[ms_other(o->to)]].proto;
    unsigned allowed = o->is_offer ? FB_NACK | FB_PLI | FB_FIR | FB_TMMBR : o->s->fb[o->to];

    if (!ms_is_avpf(o->line->proto))
        return;
    if (ms_is_avpf(src_proto)) {
        copy_feedback(o, allowed);
        if (o->s->has_rsize[ms_other(o->to)] && (o->is_offer || o->s->has_rsize[o->to]))
            gw_sdp_printf(o->b, "a=rtcp-rsize\r\n");
    } else if (o->is_webrtc && o->s->kind == GW_IQ_VIDEO) {
        key_frame_feedback(o, allowed);
    }
}

static void write_exts(struct out *o)
{
    struct gw_sdp_extmap e;
    struct gw_span value;

    for (unsigned k = 0; k < EXT_COUNT; k++) {
        unsigned pos = 0;

        /* sdes:mid is understood but never written: Chromium stops telling streams apart by payload type once both
         * sides agreed on it, and then drops packets without it. Ours come from the core and have none; payload types
         * are unique in a bundle, which is enough (RFC 9143 s. 9.2). */
        if (!o->s->ext[k][o->to] || k == EXT_MID)
            continue;
        if (!o->is_offer && !o->s->ext_agreed[k])
            continue;
        while (gw_sdp_attr(&o->src->section, "extmap", &pos, &value)) {
            if (gw_sdp_parse_extmap(value, &e) || e.id != o->s->ext[k][ms_other(o->to)])
                continue;
            gw_sdp_printf(o->b, "a=extmap:%u%s%s %s%s%.*s\r\n", o->s->ext[k][o->to], e.has_direction ? "/" : "",
                          e.has_direction ? gw_sdp_direction_text(e.direction) : "", ms_ext_uri[k],
                          e.attributes.len ? " " : "", GW_SDP_ARG(e.attributes));
            break;
        }
    }
}

static void write_plain(struct out *o)
{
    const struct gw_iq_local *l = &o->t->local;

    if (l->rtcp.port && l->rtcp.port != l->rtp.port + 1)
        gw_sdp_printf(o->b, "a=rtcp:%u\r\n", l->rtcp.port); /* RFC 3605 */
    if (o->t->want.security == GW_IQ_SDES)
        ms_sdes_write(o->b, o->t, o->is_offer);
}

static void write_media(struct out *o)
{
    const struct gw_sdp_section *src = &o->src->section;

    gw_sdp_printf(o->b, "m=%s %u %s", o->line->type, port_of(o), o->line->proto);
    for (unsigned i = 0; i < o->nrows; i++)
        gw_sdp_printf(o->b, " %u", o->dst_pt[i]);
    gw_sdp_printf(o->b, "\r\n");
    for (unsigned i = 0; i < src->nlines; i++)
        if (src->lines[i].type == 'i')
            gw_sdp_printf(o->b, "i=%.*s\r\n", GW_SDP_ARG(src->lines[i].value));
    ms_write_c(o->b, o->is_webrtc && o->t->local.ncandidates ? &o->t->local.candidates[0] : &o->t->local.rtp);
    write_bandwidth(o);
    if (o->is_webrtc)
        write_webrtc(o);
    else
        write_plain(o);
    if (o->is_offer && o->to == GW_LEG_ACCESS && ms_is_secure(o->line->proto))
        gw_sdp_printf(o->b, "a=3ge2ae:applied\r\n");
    write_exts(o);
    for (unsigned i = 0; i < o->nrows; i++) {
        const struct ms_codec *c = o->rows[i];
        const struct gw_sdp_rtpmap map = { o->dst_pt[i], gw_span_str(c->name), c->clock_hz, c->channels };

        gw_sdp_write_rtpmap(o->b, &map);
        write_fmtp(o, i);
    }
    write_feedback(o);
    for (unsigned i = 0; i < src->nlines; i++) {
        struct gw_span name, value;
        if (gw_sdp_attr_of(&src->lines[i], &name, &value) && !ms_write_ends_here(name))
            gw_sdp_printf(o->b, "a=%.*s\r\n", GW_SDP_ARG(src->lines[i].value));
    }
    gw_sdp_printf(o->b, "a=%s\r\n", gw_sdp_direction_text(ms_direction_out(o->s, o->to, o->is_offer)));
}

/* Port 0 keeps the place; the mid stays, outside of the group (RFC 3264 s. 6, RFC 9143 s. 7.3.3). */
/* A mid goes to browsers alone (SDP-003), as with the lines that are not rejected. */
static void write_rejected(struct gw_sdp_buf *b, const struct ms_line *l, const struct gw_addr *addr, bool has_mid)
{
    gw_sdp_printf(b, "m=%s 0 %s %s\r\n", l->type, l->proto, l->fmt);
    ms_write_c(b, addr);
    if (l->mid[0] && has_mid)
        gw_sdp_printf(b, "a=mid:%s\r\n", l->mid);
    gw_sdp_printf(b, "a=inactive\r\n");
}

static struct ms_stream *active(struct gw_ms *ms, const struct ms_line *l, bool is_offer)
{
    struct ms_stream *s = l->stream == MS_NO_STREAM ? NULL : &ms->now.streams[l->stream];

    return s && (is_offer ? s->is_offered : s->is_on) ? s : NULL;
}

static bool is_mid_used(const struct ms_leg *leg, const char *mid)
{
    for (unsigned i = 0; i < leg->nlines; i++)
        if (strcmp(leg->lines[i].mid, mid) == 0)
            return true;
    return false;
}

/* What an offer needs before it is written: mids, and type and format of m-lines that are new on this leg. */
static void prepare_lines(struct gw_ms *ms, enum gw_leg to, const struct gw_sdp *src)
{
    struct ms_leg *leg = &ms->now.legs[to];

    for (unsigned i = 0; i < leg->nlines; i++) {
        struct ms_line *l = &leg->lines[i];
        const struct ms_stream *s = active(ms, l, true);
        const struct ms_channel *c = to == GW_LEG_CORE ? ms_channel_of(ms, l, true) : NULL;

        if (c) { /* the peer may have rejected the line meanwhile, in other words */
            snprintf(l->type, sizeof(l->type), "%s", c->row->type);
            snprintf(l->proto, sizeof(l->proto), "%s", c->row->proto);
            snprintf(l->fmt, sizeof(l->fmt), "%s", ms_data_format(c));
        }
        if (!s || s->is_resting)
            continue;
        if (s->kind == MS_DATA) {
            snprintf(l->type, sizeof(l->type), "application");
            snprintf(l->fmt, sizeof(l->fmt), "%s",
                     gw_sdp_is_old_sctp(gw_span_str(l->proto)) ? "5000" : "webrtc-datachannel");
        } else if (ms_is_tcp(s->kind)) {
            gw_span_copy(src->media[s->line[ms_other(to)]].type, l->type, sizeof(l->type));
            snprintf(l->fmt, sizeof(l->fmt), "*");
        } else {
            gw_span_copy(src->media[s->line[ms_other(to)]].type, l->type, sizeof(l->type));
            if (s->kind == GW_IQ_IMAGE)
                memcpy(l->fmt, "t38", sizeof("t38"));
            else
                snprintf(l->fmt, sizeof(l->fmt), "%u", s->ncodecs ? s->codecs[0].pt[to] : 0);
        }
        while (!l->mid[0] && ms_is_webrtc(ms, to)) {
            char mid[12];
            snprintf(mid, sizeof(mid), "%u", leg->next_mid++);
            if (!is_mid_used(leg, mid))
                memcpy(l->mid, mid, sizeof(mid));
        }
    }
}

/* One group for each transport that is shared. */
static void write_groups(struct gw_ms *ms, enum gw_leg to, bool is_offer, struct gw_sdp_buf *b)
{
    struct ms_leg *leg = &ms->now.legs[to];
    bool is_done[UINT8_MAX + 1] = { 0 };

    for (unsigned i = 0; i < leg->nlines; i++) {
        const struct ms_stream *s = active(ms, &leg->lines[i], is_offer);

        if (!s || !leg->lines[i].in_bundle || !leg->lines[i].mid[0] || is_done[s->term[to]])
            continue;
        is_done[s->term[to]] = true;
        gw_sdp_printf(b, "a=group:BUNDLE");
        for (unsigned k = i; k < leg->nlines; k++) {
            const struct ms_stream *o = active(ms, &leg->lines[k], is_offer);
            if (o && leg->lines[k].in_bundle && o->term[to] == s->term[to])
                gw_sdp_printf(b, " %s", leg->lines[k].mid);
        }
        gw_sdp_printf(b, "\r\n");
    }
}

static bool has_ice(struct gw_ms *ms, enum gw_leg to, bool is_offer)
{
    bool has_any = ms_is_webrtc(ms, to);

    for (unsigned i = 0; !has_any && i < ms->now.legs[to].nlines; i++) {
        const struct ms_stream *s = active(ms, &ms->now.legs[to].lines[i], is_offer);
        const struct ms_term *t = s ? ms_term(ms, s->term[to]) : NULL;
        has_any = t && t->want.has_ice;
    }
    return has_any;
}

static void write_all(struct gw_ms *ms, enum gw_leg to, const struct gw_sdp *src, bool is_offer, uint64_t version,
                      struct gw_sdp_buf *b)
{
    struct ms_leg *leg = &ms->now.legs[to];
    char ip[GW_ADDR_TEXT];

    gw_sdp_printf(b, "v=0\r\no=- %llu %llu IN IP%u %s\r\ns=-\r\n", (unsigned long long)ms->o_id[to],
                  (unsigned long long)version, leg->o_addr.family == 6 ? 6 : 4, gw_addr_ip_text(&leg->o_addr, ip));
    gw_sdp_printf(b, "t=0 0\r\n");
    if (ms_is_webrtc(ms, to))
        write_groups(ms, to, is_offer, b);
    if (has_ice(ms, to, is_offer))
        gw_sdp_printf(b, "a=ice-lite\r\n");
    ms_pass_write_session(ms, to, src, b);
    for (unsigned i = 0; i < leg->nlines; i++) {
        struct ms_stream *s = active(ms, &leg->lines[i], is_offer);
        struct out o = { .ms = ms,
                         .b = b,
                         .to = to,
                         .is_offer = is_offer,
                         .is_webrtc = ms_is_webrtc(ms, to),
                         .line = &leg->lines[i],
                         .s = s };

        if (to == GW_LEG_CORE && ms_channel_of(ms, &leg->lines[i], is_offer)) {
            ms_data_write_core(ms, src, i, is_offer, b);
            continue;
        }
        if (s && s->is_resting) {
            ms_rest_write(ms, s, is_offer, b);
            continue;
        }
        if (s && s->kind == MS_DATA) {
            ms_data_write_client(ms, src, s, is_offer, b);
            continue;
        }
        if (!s) {
            write_rejected(b, &leg->lines[i], &leg->o_addr, ms_is_webrtc(ms, to));
            continue;
        }
        if (s->pass) {
            ms_pass_write(ms, to, src, s, is_offer, b);
            continue;
        }
        if (ms_is_tcp(s->kind)) {
            ms_tcp_write(ms, to, src, s, is_offer, b);
            continue;
        }
        if (ms_is_fax(s)) {
            ms_fax_write_media(ms, to, src, s, is_offer, b);
            continue;
        }
        o.t = ms_term(ms, s->term[to]);
        o.src = &src->media[s->line[ms_other(to)]];
        collect_rows(&o);
        write_media(&o);
    }
}

int ms_write(struct gw_ms *ms, enum gw_leg to, const struct gw_sdp *src, bool is_offer)
{
    struct ms_leg *leg = &ms->now.legs[to];
    struct gw_sdp_buf b = { 0 };
    uint64_t version = leg->local ? leg->o_version : 1;

    if (is_offer)
        prepare_lines(ms, to, src);
    if (is_offer)
        ms->wants_offer[to] = false;
    for (unsigned i = 0; i < ms->now.nterms && !leg->o_addr.family; i++)
        if (ms->now.terms[i].want.realm == (to == GW_LEG_ACCESS ? GW_IQ_ACCESS : GW_IQ_CORE))
            leg->o_addr =
                ms->now.terms[i].local.ncandidates ? ms->now.terms[i].local.candidates[0] : ms->now.terms[i].local.rtp;
    if (!leg->o_addr.family) /* no media of it comes here */
        leg->o_addr = ms_leg_address(ms, to);
    write_all(ms, to, src, is_offer, version, &b);
    if (leg->local && !b.err && strcmp(b.text, leg->local) != 0) { /* SDP-004: a new version only for a new text */
        gw_sdp_buf_fini(&b);
        write_all(ms, to, src, is_offer, ++version, &b);
    }
    if (b.err) {
        int err = b.err;
        gw_sdp_buf_fini(&b);
        return err;
    }
    free(leg->local);
    leg->local = b.text;
    leg->local_len = b.len;
    leg->o_version = version;
    return 0;
}
