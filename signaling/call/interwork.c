/* A media session and what all its exchanges need: steps, the state before an open offer, the end of an exchange. The
 * offers, answers and own offers themselves are in interwork_offer.c, interwork_answer.c and interwork_reoffer.c. */
#include "signaling/call/interwork_priv.h"

#include <stdio.h>
#include <stdlib.h>

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

void ms_drop_before(struct gw_ms *ms)
{
    if (ms->before)
        ms_state_fini(ms->before);
    free(ms->before);
    ms->before = NULL;
}

/* What an open offer can be taken back to. */
int ms_keep_before(struct gw_ms *ms)
{
    struct ms_state *copy = malloc(sizeof(*copy));
    int err = copy ? ms_state_copy(copy, &ms->now) : GW_E_NOMEM;

    if (err) {
        free(copy);
        return err;
    }
    ms_drop_before(ms);
    ms->before = copy;
    return 0;
}

/* Back to the state before the open offer. */
void ms_restore(struct gw_ms *ms)
{
    ms_state_fini(&ms->now);
    ms->now = *ms->before;
    free(ms->before);
    ms->before = NULL;
    ms->oa = GW_OA_STABLE;
}

void gw_ms_free(struct gw_ms *ms)
{
    if (!ms)
        return;
    ms_state_fini(&ms->now);
    ms_drop_before(ms);
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

void ms_log_refused(const struct gw_ms *ms, enum gw_leg leg, unsigned line, const struct gw_sdp_refusal *why)
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

bool ms_has_bundle(const struct ms_leg *leg)
{
    for (unsigned i = 0; i < leg->nlines; i++)
        if (leg->lines[i].in_bundle)
            return true;
    return false;
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
            ms->wants_offer[GW_LEG_CORE] = true; /* the browser ended it without the core */
        c->was_answered |= c->is_on;
    }
    ms_drop_before(ms);
    ms->oa = GW_OA_STABLE;
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
    ms_restore(ms);
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

/* An association that a browser accepted in a bundle that was there stays up, and waits for channels (RFC 8864 s. 6.5).
 * The place of any other new m-line is dead; but it never disappears (RFC 3264 s. 8). */
static void keep_line(struct gw_ms *ms, enum gw_leg leg, const struct ms_line *said, const struct ms_stream *s)
{
    struct ms_leg *l = &ms->now.legs[leg];
    struct ms_line *place = &l->lines[l->nlines++];
    struct ms_term *t = s && s->kind == MS_DATA && said->is_taken ? ms_term(ms, s->term[leg]) : NULL;
    struct ms_stream *kept;

    *place = *said;
    place->stream = MS_NO_STREAM;
    place->channel = 0;
    place->is_dead = !t;
    if (!t)
        return;
    place->stream = said->stream;
    kept = &ms->now.streams[said->stream];
    free(kept->codecs);
    *kept = *s;
    kept->codecs = NULL; /* those of before are gone, and channels have none */
    kept->ncodecs = 0;
    kept->is_offered = false;
    kept->is_on = true;
    t->want.has_sctp = true;
    if (!t->want.sctp_port)
        t->want.sctp_port = MS_SCTP_PORT;
}

int gw_ms_decline(struct gw_ms *ms, struct gw_iq_req *req)
{
    enum gw_leg to = ms_other(ms->now.from);
    struct ms_leg said = ms->now.legs[to], *l = &ms->now.legs[to];
    struct ms_stream streams[GW_IQ_STREAMS];
    int err;

    memcpy(streams, ms->now.streams, sizeof(streams));
    l->local = NULL; /* moved */
    err = gw_ms_rollback(ms, req);
    if (err) {
        l->local = said.local;
        return err;
    }
    free(l->local);
    l->local = said.local;
    l->local_len = said.local_len;
    l->o_version = said.o_version;
    l->next_mid = said.next_mid;
    memcpy(l->ext_id, said.ext_id, sizeof(l->ext_id));
    while (l->nlines < said.nlines) {
        const struct ms_line *line = &said.lines[l->nlines];
        keep_line(ms, to, line, line->stream == MS_NO_STREAM ? NULL : &streams[line->stream]);
    }
    ms->wants_offer[to] = true;
    return 0;
}

bool gw_ms_wants_offer(const struct gw_ms *ms, enum gw_leg to)
{
    return ms->oa == GW_OA_STABLE && (ms->wants_offer[to] || (to == GW_LEG_CORE && gw_ms_wants_lines(ms)));
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
