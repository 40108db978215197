/* Walks of a media session through exchanges, with what must hold after every step; for interwork_fuzz.c, which feeds
 * it whatever text, and interwork_walk_test.c, which feeds it what peers say. A rule that does not hold ends the
 * program.
 *   - what was written reads back, and gw_ms_current is what was handed out
 *   - m-lines of a leg never disappear or change their place and type (RFC 3264 s. 8); an answer has those of its offer
 *   - o= changes with the text, by rising, and only then
 *   - a refused offer and a rollback leave both legs' texts as they were, byte for byte
 *   - nothing of WebRTC and no e2ae indication leaves to the core (SDP-003, E2A-002)
 *   - Iq requests stay in their bounds, and streams name terminations that exist */
#ifndef GW_INTERWORK_WALK_H
#define GW_INTERWORK_WALK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "signaling/call/interwork.h"
#include "signaling/sdp/sdp_attr.h"

struct walk {
    struct gw_ms *ms;
    enum gw_client client;
    char *last[2];  /* text that each leg was sent last, handed out or restored */
    char *saved[2]; /* the same before the open offer */
    char *peer;     /* the offer that is open, as its peer wrote it */
    bool is_self_made;
    enum gw_leg answerer;           /* of the open offer */
    bool is_alive[2][GW_SDP_MEDIA]; /* m-lines that offer and answer of that leg both have with a port */
    struct gw_iq_req req;
    struct gw_sdp_refusal why;
    unsigned nsteps, nexchanges;
};

static void (*walk_on_failure)(void); /* says which walk it was */

#define MUST(cond)                                                                                                     \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);                                  \
            if (walk_on_failure)                                                                                       \
                walk_on_failure();                                                                                     \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static inline struct gw_sdp *walk_parse(const char *text)
{
    struct gw_sdp_error why;
    struct gw_sdp *sdp = NULL;

    MUST(gw_sdp_parse(gw_span_str(text), &sdp, &why) == 0);
    return sdp;
}

/* The o= version, and the text without its o= line for comparison. */
static inline uint64_t walk_version(const char *text, char **rest)
{
    const char *o = strstr(text, "\no=") + 1, *end = strstr(o, "\r\n");
    unsigned long long id, version;

    MUST(sscanf(o, "o=- %llu %llu ", &id, &version) == 2);
    MUST(asprintf(rest, "%.*s%s", (int)(o - text), text, end) >= 0);
    return version;
}

static inline void walk_check_core(const struct gw_sdp_section *s, struct gw_span proto)
{
    bool is_dtls = gw_span_is_nocase(proto, "UDP/TLS/UDPTL");
    bool is_tls = gw_span_is_nocase(proto, "TCP/TLS/MSRP") || gw_span_is_nocase(proto, "TCP/TLS/BFCP") || is_dtls;
    bool is_tcp = is_tls || gw_span_is_nocase(proto, "TCP/MSRP") || gw_span_is_nocase(proto, "TCP/BFCP");
    static const char *const never[] = {
        "ice-ufrag",   "ice-pwd", "ice-options", "ice-lite", "candidate", "end-of-candidates", "fingerprint",
        "setup",       "tls-id",  "mid",         "msid",     "ssrc",      "ssrc-group",        "rtcp-mux",
        "bundle-only", "3ge2ae",  "group",       "dcmap",    "dcsa",      "sctp-port"
    };

    for (unsigned i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        MUST(!gw_sdp_has(s, never[i]) || (is_tcp && strcmp(never[i], "setup") == 0) || /* RFC 4145: who connects */
             (is_tls && strcmp(never[i], "fingerprint") == 0) || (is_dtls && strcmp(never[i], "tls-id") == 0));
}

/* RFC 3264 s. 8.3.3 */
static inline bool walk_is_fax_for_voice(const struct gw_sdp_media *a, const struct gw_sdp_media *b)
{
    return (gw_span_is(a->type, "audio") && gw_span_is(b->type, "image")) ||
           (gw_span_is(a->type, "image") && gw_span_is(b->type, "audio"));
}

/* A text that we wrote for a leg. */
static inline void walk_check_text(struct walk *w, enum gw_leg to, const char *text, size_t len, bool is_answer)
{
    struct gw_sdp *now = walk_parse(text), *old;
    const char *current;
    size_t n = 0;

    MUST(strlen(text) == len);
    current = gw_ms_current(w->ms, to, &n);
    MUST(current && n == len && strcmp(current, text) == 0);
    if (to == GW_LEG_CORE && w->client == GW_CLIENT_WIC) {
        walk_check_core(&now->session, gw_span_str(""));
        for (unsigned i = 0; i < now->nmedia; i++)
            walk_check_core(&now->media[i].section, now->media[i].proto);
    }
    if (is_answer) {
        old = walk_parse(w->peer);
        MUST(old->nmedia == now->nmedia);
        for (unsigned i = 0; i < now->nmedia; i++) {
            MUST(gw_span_eq(old->media[i].type, now->media[i].type) || now->media[i].port == 0);
            MUST(now->media[i].port == 0 || old->media[i].port != 0 ||
                 gw_sdp_has(&old->media[i].section, "bundle-only"));
        }
        gw_sdp_free(old);
    }
    if (w->last[to]) {
        char *a, *b;
        uint64_t va = walk_version(w->last[to], &a), vb = walk_version(text, &b);

        MUST(strcmp(a, b) == 0 ? va == vb : va < vb);
        old = walk_parse(w->last[to]);
        MUST(old->nmedia <= now->nmedia);
        for (unsigned i = 0; !is_answer && i < old->nmedia; i++) /* a place that was rejected may be used again */
            MUST(!w->is_alive[to][i] || gw_span_eq(old->media[i].type, now->media[i].type) ||
                 walk_is_fax_for_voice(&old->media[i], &now->media[i]));
        gw_sdp_free(old);
        free(a);
        free(b);
    }
    gw_sdp_free(now);
    free(w->last[to]);
    w->last[to] = strdup(text);
}

static inline bool walk_has_port(const struct gw_sdp_media *m)
{
    return m->port != 0 || gw_sdp_has(&m->section, "bundle-only");
}

static inline void walk_note_alive(struct walk *w, enum gw_leg leg, const char *offer, struct gw_span answer)
{
    char *text = strndup(answer.ptr, answer.len);
    struct gw_sdp *a = walk_parse(offer), *b = walk_parse(text);

    for (unsigned i = 0; i < a->nmedia && i < b->nmedia; i++)
        w->is_alive[leg][i] = walk_has_port(&a->media[i]) && walk_has_port(&b->media[i]);
    gw_sdp_free(a);
    gw_sdp_free(b);
    free(text);
}

static inline void walk_check_req(const struct gw_iq_req *req)
{
    MUST(req->nterms <= GW_IQ_TERMS && req->nstreams <= GW_IQ_STREAMS && req->nchannels <= GW_IQ_CHANNELS);
    for (unsigned i = 0; i < req->nterms; i++) {
        MUST(req->terms[i].id != 0);
        for (unsigned k = 0; k < i; k++)
            MUST(req->terms[k].id != req->terms[i].id);
    }
    for (unsigned i = 0; i < req->nstreams; i++) {
        const struct gw_iq_stream *s = &req->streams[i];

        MUST(s->id != 0 && s->npts <= GW_IQ_PTS && s->nexts <= GW_IQ_EXTS);
        MUST(s->access_term != 0 && s->core_term != 0 && s->access_term != s->core_term);
        for (unsigned k = 0; k < s->npts; k++)
            MUST(s->pts[k].access < 128 && s->pts[k].core < 128);
    }
    for (unsigned i = 0; i < req->nchannels; i++) {
        const struct gw_iq_channel *c = &req->channels[i];

        MUST(c->id > GW_IQ_STREAMS && c->access_term != 0 && c->core_term != 0 && c->access_term != c->core_term);
        for (unsigned k = 0; k < i; k++) {
            MUST(req->channels[k].id != c->id && req->channels[k].core_term != c->core_term);
            MUST(req->channels[k].stream != c->stream || req->channels[k].access_term != c->access_term ||
                 !(c->to_core || c->to_access) || !(req->channels[k].to_core || req->channels[k].to_access));
        }
    }
}

/* What an access gateway would say; fails: it has nothing left. */
static inline struct gw_iq_reply walk_reply(const struct gw_iq_req *req, bool fails)
{
    struct gw_iq_reply r = { .txn = req->txn, .ctx = 7, .err = fails ? GW_E_LIMIT : 0 };

    walk_check_req(req);
    for (unsigned i = 0; !fails && i < req->nterms; i++) {
        const struct gw_iq_term *t = &req->terms[i];
        struct gw_iq_local *l = &r.locals[r.nlocals++];
        const char *ip = t->realm == GW_IQ_ACCESS ? "198.51.100.5" : t->family == 6 ? "2001:db8::5" : "10.0.0.5";

        l->id = t->id;
        if (t->security == GW_IQ_DTLS || t->security == GW_IQ_TLS) {
            l->fingerprint.hash = GW_IQ_SHA256;
            l->fingerprint.len = 32;
            memset(l->fingerprint.value, 0xcd, 32);
        }
        MUST(gw_addr_parse_ip(ip, (uint16_t)(20000 + 2 * t->id), &l->rtp) == 0);
        l->rtcp = l->rtp;
        if (t->has_ice) {
            l->candidates[l->ncandidates++] = l->rtp;
            snprintf(l->ufrag, sizeof(l->ufrag), "gwU%ug%u", t->id, t->ice_generation);
            snprintf(l->pwd, sizeof(l->pwd), "gwgwgwgwgwgwgwgwgwgw%ug%u", t->id, t->ice_generation);
        } else {
            l->rtcp.port++;
        }
    }
    return r;
}

static inline struct gw_conf *walk_conf(const char *settings)
{
    char why[256] = "", text[400];
    struct gw_conf *conf = NULL;

    snprintf(text, sizeof(text), "access_address = 198.51.100.5\ncore_address = 10.0.0.5 2001:db8::5\n%s", settings);
    MUST(gw_conf_parse("walk", text, strlen(text), &conf, why, sizeof(why)) == 0);
    return conf;
}

static inline void walk_open(struct walk *w, const struct gw_conf *conf, enum gw_client client)
{
    struct gw_e2ae_input in = { .client = client, .has_sdes_srtp = client == GW_CLIENT_UE };

    memset(w, 0, sizeof(*w));
    gw_log_set_level(GW_LOG_ERROR);
    w->client = client;
    MUST(gw_ms_new(conf, &in, "walk", &w->ms) == 0);
}

static inline void walk_close(struct walk *w)
{
    gw_ms_free(w->ms);
    for (int leg = 0; leg < 2; leg++) {
        free(w->last[leg]);
        free(w->saved[leg]);
    }
    free(w->peer);
}

static inline bool walk_is_open(const struct walk *w)
{
    enum gw_leg from;

    return gw_ms_has_open_offer(w->ms, &from);
}

static inline void walk_save(struct walk *w)
{
    for (int leg = 0; leg < 2; leg++) {
        free(w->saved[leg]);
        w->saved[leg] = w->last[leg] ? strdup(w->last[leg]) : NULL;
    }
}

static inline void walk_check_as_saved(struct walk *w)
{
    for (int leg = 0; leg < 2; leg++) {
        size_t n = 0;
        const char *current = gw_ms_current(w->ms, (enum gw_leg)leg, &n);

        MUST(!current == !w->saved[leg]);
        MUST(!current || strcmp(current, w->saved[leg]) == 0);
        free(w->last[leg]);
        w->last[leg] = current ? strdup(current) : NULL;
    }
    MUST(!walk_is_open(w));
}

static inline void walk_rollback(struct walk *w)
{
    bool was_open = walk_is_open(w);
    int err = gw_ms_rollback(w->ms, &w->req);

    w->nsteps++;
    MUST((err == 0) == was_open);
    if (err)
        return;
    walk_check_req(&w->req);
    walk_check_as_saved(w);
}

/* An offer of a leg, on to the other. iq_fails: no port is left. True if it is out. */
static inline bool walk_offer(struct walk *w, enum gw_leg from, struct gw_span text, bool iq_fails)
{
    struct gw_iq_reply reply;
    bool was_open = walk_is_open(w);
    char *out = NULL;
    size_t len = 0;
    int err;

    w->nsteps++;
    if (!was_open)
        walk_save(w);
    err = gw_ms_offer(w->ms, from, text, &w->req, &w->why);
    MUST(!was_open || err == GW_E_STATE);
    if (err && !was_open) {
        MUST(w->why.status == 400 || w->why.status == 488 || w->why.status == 500);
        walk_check_as_saved(w);
    }
    if (err)
        return false;
    free(w->peer);
    w->peer = strndup(text.ptr, text.len);
    w->is_self_made = false;
    w->answerer = from == GW_LEG_ACCESS ? GW_LEG_CORE : GW_LEG_ACCESS;
    reply = walk_reply(&w->req, iq_fails && w->req.nterms);
    err = gw_ms_offer_out(w->ms, &reply, &out, &len);
    MUST((err != 0) == (reply.err != 0));
    if (err) {
        walk_rollback(w);
        return false;
    }
    walk_check_text(w, w->answerer, out, len, false);
    free(out);
    return true;
}

/* The answerer has taken nothing: the other leg's text is as it was, its own is what it has seen, and it waits for
 * more. */
static inline void walk_decline(struct walk *w)
{
    MUST(gw_ms_decline(w->ms, &w->req) == 0);
    walk_check_req(&w->req);
    free(w->saved[w->answerer]);
    w->saved[w->answerer] = strdup(w->last[w->answerer]);
    walk_check_as_saved(w);
    MUST(gw_ms_wants_offer(w->ms, w->answerer));
}

/* The answer to the open offer. A refused one leaves it open. True if the exchange is over. */
static inline bool walk_answer(struct walk *w, struct gw_span text)
{
    struct gw_iq_reply reply;
    bool was_open = walk_is_open(w);
    char *out = NULL;
    size_t len = 0;
    int err;

    w->nsteps++;
    err = gw_ms_answer(w->ms, text, &w->req, &w->why);
    MUST(was_open || err == GW_E_STATE);
    if (err) {
        MUST(walk_is_open(w) == was_open);
        if (err == GW_E_CLOSED)
            walk_decline(w);
        return false;
    }
    reply = walk_reply(&w->req, false);
    MUST(gw_ms_answer_out(w->ms, &reply, &out, &len) == 0);
    MUST((out == NULL) == w->is_self_made);
    if (out)
        walk_check_text(w, w->answerer == GW_LEG_ACCESS ? GW_LEG_CORE : GW_LEG_ACCESS, out, len, true);
    walk_note_alive(w, w->answerer, w->last[w->answerer], text);
    if (out)
        walk_note_alive(w, w->answerer == GW_LEG_ACCESS ? GW_LEG_CORE : GW_LEG_ACCESS, w->peer, gw_span_str(out));
    free(out);
    w->nexchanges++;
    MUST(!walk_is_open(w));
    return true;
}

static inline bool walk_reoffer(struct walk *w, enum gw_leg to)
{
    bool was_open = walk_is_open(w);
    char *out = NULL;
    size_t len = 0;
    int err;

    w->nsteps++;
    if (!was_open)
        walk_save(w);
    err = gw_ms_reoffer(w->ms, to, &out, &len);
    MUST(!was_open || err == GW_E_STATE);
    if (err) {
        if (!was_open)
            walk_check_as_saved(w);
        return false;
    }
    w->is_self_made = true;
    w->answerer = to;
    walk_check_text(w, to, out, len, false);
    free(out);
    return true;
}

/* An offer of the gateway's own to the core with new m-lines. */
static inline bool walk_offer_own(struct walk *w, bool iq_fails)
{
    struct gw_iq_reply reply;
    bool was_open = walk_is_open(w);
    char *out = NULL;
    size_t len = 0;
    int err;

    w->nsteps++;
    if (!was_open)
        walk_save(w);
    err = gw_ms_offer_own(w->ms, &w->req);
    MUST(!was_open || err != 0);
    if (err)
        return false;
    w->is_self_made = true;
    w->answerer = GW_LEG_CORE;
    reply = walk_reply(&w->req, iq_fails && w->req.nterms);
    err = gw_ms_offer_out(w->ms, &reply, &out, &len);
    MUST((err != 0) == (reply.err != 0));
    if (err) {
        walk_rollback(w);
        return false;
    }
    walk_check_text(w, GW_LEG_CORE, out, len, false);
    free(out);
    return true;
}

/* Another fork's answer: the access side keeps what it has. */
static inline void walk_reanswer(struct walk *w, struct gw_span text)
{
    bool needs_reoffer, was_open = walk_is_open(w);
    size_t n = 0;
    int err = gw_ms_reanswer(w->ms, text, &w->req, &needs_reoffer, &w->why);
    const char *current = gw_ms_current(w->ms, GW_LEG_ACCESS, &n);

    w->nsteps++;
    MUST(err || !was_open);
    MUST(!current == !w->last[GW_LEG_ACCESS]);
    MUST(!current || strcmp(current, w->last[GW_LEG_ACCESS]) == 0);
    if (!err)
        walk_check_req(&w->req);
    if (!err)
        walk_note_alive(w, GW_LEG_CORE, w->last[GW_LEG_CORE], text);
}

/* --- answers of peers, made from our offer --------------------------------------------------------------------------
 */

struct walk_choice { /* of the answerer, per m-line */
    bool rejects;
    unsigned keep; /* bits: which of the first payload types */
    const char *direction;
};

/* The channels of a browser's m-line, or what an m-line of the core needs to be one. */
static inline void walk_answer_channels(struct gw_sdp_buf *b, const struct gw_sdp_media *m, unsigned keep)
{
    struct gw_span v;
    unsigned pos = 0, n = 0;

    if (gw_sdp_has(&m->section, "path"))
        gw_sdp_printf(b, "a=path:msrp://10.0.0.9:30000/x;tcp\r\n");
    if (!gw_span_is(m->type, "application") || !gw_sdp_has(&m->section, "sctp-port"))
        return; /* of what passes end to end any attribute does */
    gw_sdp_printf(b, "a=sctp-port:5000\r\n");
    while (gw_sdp_attr(&m->section, "dcmap", &pos, &v)) {
        struct gw_sdp_dcmap map;

        MUST(gw_sdp_parse_dcmap(v, &map) == 0);
        if (keep >> (n++ % 8) & 1)
            gw_sdp_printf(b, "a=dcmap:%.*s\r\na=dcsa:%u path:msrps://b:9/s;dc\r\n", GW_SDP_ARG(v), map.id);
    }
}

/* Accepts what our open offer holds, as chosen; choices go round. */
static inline char *walk_make_answer(struct walk *w, const struct walk_choice *choices, unsigned nchoices,
                                     unsigned version)
{
    enum gw_leg leg = w->answerer;
    struct gw_sdp *sdp = walk_parse(w->last[leg]);
    struct gw_sdp_buf b = { 0 };

    gw_sdp_printf(&b, "v=0\r\no=peer 1 %u IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n", version);
    for (unsigned i = 0; i < sdp->nmedia; i++) {
        const struct gw_sdp_media *m = &sdp->media[i];
        const struct walk_choice *c = &choices[i % nchoices];
        struct gw_span fmts = m->fmts, fmt, mid;
        bool is_off = c->rejects || (m->port == 0 && !gw_sdp_has(&m->section, "bundle-only"));
        unsigned pos = 0, n = 0, kept = 0;

        gw_sdp_printf(&b, "m=%.*s %u %.*s", GW_SDP_ARG(m->type), is_off ? 0 : 30000 + 2 * i, GW_SDP_ARG(m->proto));
        while ((fmt = gw_sdp_token(&fmts)).len) {
            if (!(c->keep >> (n++ % 8) & 1) && !is_off)
                continue;
            gw_sdp_printf(&b, " %.*s", GW_SDP_ARG(fmt));
            kept++;
        }
        if (!kept) {
            fmts = m->fmts;
            fmt = gw_sdp_token(&fmts);
            gw_sdp_printf(&b, " %.*s", GW_SDP_ARG(fmt));
        }
        gw_sdp_printf(&b, "\r\n");
        if (gw_sdp_attr(&m->section, "mid", &pos, &mid))
            gw_sdp_printf(&b, "a=mid:%.*s\r\n", GW_SDP_ARG(mid));
        for (pos = 0; gw_sdp_attr(&m->section, "rtpmap", &pos, &mid);)
            gw_sdp_printf(&b, "a=rtpmap:%.*s\r\n", GW_SDP_ARG(mid));
        walk_answer_channels(&b, m, c->keep);
        if (leg == GW_LEG_ACCESS && w->client == GW_CLIENT_WIC)
            gw_sdp_printf(
                &b, "a=ice-ufrag:Xy1z\r\na=ice-pwd:0123456789abcdefghijkl\r\na=setup:active\r\na=rtcp-mux\r\n"
                    "a=fingerprint:sha-256 6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:"
                    "F0:A1:58:D0:A1:2C:19:08\r\n");
        gw_sdp_printf(&b, "a=%s\r\n", c->direction);
    }
    gw_sdp_free(sdp);
    MUST(b.text && !b.err);
    return b.text;
}

#endif
