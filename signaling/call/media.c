/* The call and the access gateway: requests one at a time, the release exactly once, notifications. */
#include <stdio.h>
#include <string.h>

#include "gateway/trace/trace.h"
#include "signaling/call/call_priv.h"

enum { RELEASE_TRIES = 3, RELEASE_RETRY_MS = 500, PFU_INTERVAL_MS = 1000 };
enum { REMAKE_MS = 1000, REMAKE_INTERVAL_MS = 30000 }; /* of a core connection */

struct gw_iq_req *gw_media_req(struct gw_call *c)
{
    struct gw_iq_req *req = calloc(1, sizeof(*req));

    if (req)
        snprintf(req->call, sizeof(req->call), "%s", c->id);
    return req;
}

/* The messages that came while Iq worked, in their order, until one of them makes it work again. */
static void run_deferred(struct gw_call *c)
{
    while (c->ndeferred && !c->iq_next && c->state != GW_CALL_ENDING) {
        struct gw_call_deferred d = c->deferred[0];
        c->ndeferred--;
        memmove(&c->deferred[0], &c->deferred[1], c->ndeferred * sizeof(c->deferred[0]));
        gw_invite_handle(d.leg, d.msg);
        gw_sip_msg_free(d.msg);
    }
}

static void on_reply(void *arg, const struct gw_iq_reply *reply)
{
    struct gw_call *c = arg;
    gw_call_iq_cb *next = c->iq_next;

    c->iq_pending--;
    c->iq_next = NULL;
    if (!c->ctx && !reply->err)
        c->ctx = reply->ctx;
    if (reply->err)
        gw_log(GW_LOG_WARNING, "call", c->id, "access gateway: %s", gw_err_text(reply->err));
    if (c->state == GW_CALL_ENDING) { /* too late for the call, but now the context can be released */
        gw_media_release(c);
        gw_call_check_over(c);
        return;
    }
    if (next)
        next(c, reply);
    run_deferred(c);
}

bool gw_media_submit(struct gw_call *c, struct gw_iq_req *req, gw_call_iq_cb *next)
{
    if (req->nterms == 0 && req->nstreams == 0 && req->nchannels == 0) {
        const size_t size = sizeof(struct gw_iq_reply);
        struct gw_iq_reply *none = calloc(1, size);
        free(req);
        if (!none)
            return false;
        none->ctx = c->ctx;
        next(c, none);
        free(none);
        return true;
    }
    req->txn = ++c->cs->iq_txn;
    if (!req->ctx)
        req->ctx = c->ctx;
    c->iq_next = next;
    c->iq_pending++;
    int err = gw_agw_submit(c->cs->agw, &req, on_reply, c);
    if (!err)
        return true;
    c->iq_next = NULL;
    c->iq_pending--;
    free(req);
    gw_stats_inc(GW_STAT_CALL_IQ_FAILED);
    gw_log(GW_LOG_WARNING, "call", c->id, "access gateway not asked: %s", gw_err_text(err));
    return false;
}

/* ---- release ---- */

/* Counters of what was released, for the record. */
static void keep_counters(struct gw_call *c, const struct gw_iq_reply *reply)
{
    struct gw_iq_counters *grown;
    unsigned n = reply->err ? 0 : reply->ncounters;

    if (c->ncounters + n > GW_CALL_COUNTERS)
        n = GW_CALL_COUNTERS - c->ncounters;
    grown = n ? realloc(c->counters, (c->ncounters + n) * sizeof(*grown)) : NULL;
    if (!grown)
        return;
    memcpy(grown + c->ncounters, reply->counters, n * sizeof(*grown));
    c->counters = grown;
    c->ncounters = (uint16_t)(c->ncounters + n);
}

static void on_released(void *arg, const struct gw_iq_reply *reply)
{
    struct gw_call *c = arg;

    c->iq_pending--;
    if (reply->err == GW_E_TIMEOUT && c->release_tries < RELEASE_TRIES) {
        c->is_released = false;
        gw_call_timer_set(c, GW_TIMER_IQ, gw_call_now_us(c) + RELEASE_RETRY_MS * GW_MS);
        return;
    }
    if (reply->err)
        gw_log(GW_LOG_WARNING, "call", c->id, "release of context %llu: %s", (unsigned long long)c->ctx,
               gw_err_text(reply->err));
    keep_counters(c, reply);
    c->ctx = 0;
    gw_call_check_over(c);
}

/* Once, when the call has ended and no other request is on its way (its reply may be the one that tells the context).
 */
void gw_media_release(struct gw_call *c)
{
    if (c->is_released || c->iq_pending)
        return;
    if (!c->ctx) {
        c->is_released = true;
        return;
    }
    struct gw_iq_req *req = gw_media_req(c);
    if (req) {
        req->op = GW_IQ_RELEASE;
        req->ctx = c->ctx;
        req->txn = ++c->cs->iq_txn;
        c->iq_pending++;
        c->release_tries++;
        c->is_released = true;
        if (gw_agw_submit(c->cs->agw, &req, on_released, c) == 0)
            return;
        c->iq_pending--;
        c->is_released = false;
        free(req);
    }
    gw_stats_inc(GW_STAT_CALL_IQ_FAILED);
    gw_call_timer_set(c, GW_TIMER_IQ, gw_call_now_us(c) + RELEASE_RETRY_MS * GW_MS);
}

static void on_tidied(void *arg, const struct gw_iq_reply *reply)
{
    struct gw_call *c = arg;

    c->iq_pending--;
    if (reply->err)
        gw_log(GW_LOG_WARNING, "call", c->id, "release of data channels: %s", gw_err_text(reply->err));
    keep_counters(c, reply);
    if (c->state == GW_CALL_ENDING)
        gw_media_release(c);
    gw_call_check_over(c);
}

/* Data channels that an exchange ended or refused, or that nobody can carry. */
void gw_media_tidy(struct gw_call *c)
{
    while (c->state == GW_CALL_UP && c->ctx) {
        struct gw_iq_req *req = gw_media_req(c);
        if (!req || !gw_ms_release(c->ms, req)) {
            free(req);
            return;
        }
        req->txn = ++c->cs->iq_txn;
        c->iq_pending++;
        if (gw_agw_submit(c->cs->agw, &req, on_tidied, c) == 0)
            continue;
        c->iq_pending--; /* they go with the call */
        free(req);
        gw_stats_inc(GW_STAT_CALL_IQ_FAILED);
    }
}

/* ---- key frames ---- */

static void on_keyframe(void *arg, const struct gw_iq_reply *reply)
{
    struct gw_call *c = arg;

    c->iq_pending--;
    if (c->state == GW_CALL_ENDING)
        gw_media_release(c);
    gw_call_check_over(c);
}

/* The core asked for a picture (RFC 5168): the browser gets a PLI. */
void gw_media_keyframe(struct gw_call *c)
{
    uint8_t ids[GW_IQ_STREAMS];
    unsigned n = gw_ms_video_streams(c->ms, ids);
    struct gw_iq_req *req = n && c->ctx ? gw_media_req(c) : NULL;

    if (!req)
        return;
    req->op = GW_IQ_KEYFRAME;
    req->ctx = c->ctx;
    req->txn = ++c->cs->iq_txn;
    for (req->nstreams = 0; req->nstreams < n; req->nstreams++)
        req->streams[req->nstreams].id = ids[req->nstreams];
    c->iq_pending++;
    if (gw_agw_submit(c->cs->agw, &req, on_keyframe, c) != 0) {
        c->iq_pending--;
        free(req);
    }
}

/* ---- notifications ---- */

static void end_by_media(struct gw_call *c, int cause, const char *text)
{
    gw_call_end(c, &(struct gw_call_end){ .status = cause, .cause = cause, .text = text });
}

/* A client that closes a channel says so in its next offer; one that came in band is no matter of its SDP, so the core
 * is told by us. A call that had nothing but channels is over with their association. */
static void on_channel_closed(struct gw_call *c, const struct gw_iq_notify *n)
{
    bool is_last = gw_ms_channel_closed(c->ms, n);

    gw_log(GW_LOG_INFO, "call", c->id, "media: channel %u closed: %s", n->stream, gw_err_text(n->cause));
    if (is_last && n->cause && c->cs->conf->media_loss.v == 0) {
        gw_stats_inc(GW_STAT_CALL_MEDIA_LOST);
        end_by_media(c, 480, "data channels lost");
    } else if (c->state == GW_CALL_UP && gw_ms_wants_offer(c->ms, GW_LEG_CORE)) {
        gw_offer_own_soon(&c->leg[GW_LEG_CORE], 0);
    }
}

/* A lost core connection is asked for anew, after the peer had time to say what it meant by it (RFC 4975 s. 5.4), and
 * not again within 30 s (RFC 8855 s. 6.1). */
static void on_connection_lost(struct gw_call *c, const struct gw_iq_notify *n)
{
    uint64_t now = gw_call_now_us(c);
    bool is_given_up = n->cause == GW_E_MISMATCH || /* another certificate than the SDP's: not to be asked again */
                       (c->remade_at_us && now - c->remade_at_us < REMAKE_INTERVAL_MS * GW_MS);

    if (n->cause == GW_E_MISMATCH)
        gw_stats_inc(GW_STAT_CALL_MEDIA_SECURITY);
    gw_log(GW_LOG_WARNING, "call", c->id, "media: channel %u: connection lost: %s%s", n->stream, gw_err_text(n->cause),
           is_given_up ? ", not made again" : "");
    if ((n->cause == GW_E_MISMATCH || n->cause == GW_E_CRYPTO) && gw_ms_is_sole_connection(c->ms, n->stream)) {
        end_by_media(c, 488, "media security");
        return;
    }
    if (is_given_up || c->state != GW_CALL_UP || !gw_ms_connection_lost(c->ms, n->stream))
        return;
    c->remade_at_us = now;
    gw_offer_own_soon(&c->leg[GW_LEG_CORE], REMAKE_MS);
}

/* For the history of the call: which step of its media, and how it went. */
static void trace(const struct gw_call *c, const struct gw_iq_notify *n)
{
    static const struct {
        const char *step, *outcome;
        bool is_good;
    } rows[] = {
        [GW_IQ_ICE_UP] = { "ICE", "connected", true },
        [GW_IQ_DTLS_UP] = { "DTLS", "fingerprint verified, keys in place", true },
        [GW_IQ_DTLS_FAILED] = { "DTLS", "failed", false },
        [GW_IQ_MEDIA_INACTIVE] = { "media", "none came for media_inactivity", false },
        [GW_IQ_CONSENT_LOST] = { "ICE", "consent lost: no valid check any more", false },
        [GW_IQ_PICTURE_FAST_UPDATE] = { "media", "the browser asks for a picture", true },
        [GW_IQ_OUT_OF_SERVICE] = { "media", "worker out of service", false },
        [GW_IQ_SCTP_UP] = { "SCTP", "association up", true },
        [GW_IQ_CHANNEL_OPENED] = { "data channel", "opened by the browser", true },
        [GW_IQ_CHANNEL_CLOSED] = { "data channel", "closed by the browser", true },
        [GW_IQ_TCP_UP] = { "core leg", "TCP connected", true },
        [GW_IQ_TCP_LOST] = { "core leg", "TCP lost or refused", false },
    };
    char outcome[128];

    if (n->event >= sizeof(rows) / sizeof(rows[0]) || !rows[n->event].step)
        return;
    snprintf(outcome, sizeof(outcome), "%s%s%s", rows[n->event].outcome, n->cause ? ": " : "",
             n->cause ? gw_err_text(n->cause) : "");
    gw_trace_step(c->id, rows[n->event].step, rows[n->event].is_good, outcome);
}

void gw_media_on_notify(struct gw_call *c, const struct gw_iq_notify *n)
{
    bool is_kept = c->cs->conf->media_loss.v == 1;

    if (c->state == GW_CALL_ENDING)
        return;
    trace(c, n);
    switch ((enum gw_iq_event)n->event) {
    case GW_IQ_ICE_UP:
    case GW_IQ_DTLS_UP:
        gw_log(GW_LOG_INFO, "call", c->id, "media: %s", n->event == GW_IQ_ICE_UP ? "connected" : "secured");
        break;
    case GW_IQ_DTLS_FAILED: /* specs 6: all media of a browser is one bundle, so the call is over */
        gw_stats_inc(GW_STAT_CALL_MEDIA_SECURITY);
        gw_log(GW_LOG_WARNING, "call", c->id, "media: DTLS failed: %s", gw_err_text(n->cause));
        end_by_media(c, 488, "media security");
        break;
    case GW_IQ_MEDIA_INACTIVE:
    case GW_IQ_CONSENT_LOST:
        gw_stats_inc(GW_STAT_CALL_MEDIA_LOST);
        gw_log(GW_LOG_INFO, "call", c->id, "media: %s%s", n->event == GW_IQ_CONSENT_LOST ? "consent lost" : "inactive",
               is_kept ? ", kept by policy" : "");
        if (!is_kept)
            end_by_media(c, 480, n->event == GW_IQ_CONSENT_LOST ? "consent lost" : "media inactivity");
        break;
    case GW_IQ_PICTURE_FAST_UPDATE:
        if (c->pfu_at_us && gw_call_now_us(c) - c->pfu_at_us < PFU_INTERVAL_MS * GW_MS) {
            gw_stats_inc(GW_STAT_CALL_PFU_LIMITED);
            break;
        }
        c->pfu_at_us = gw_call_now_us(c);
        gw_request_send_pfu(c);
        break;
    case GW_IQ_SCTP_UP:
    case GW_IQ_TCP_UP:
        gw_log(GW_LOG_INFO, "call", c->id, "media: channel %u: %s", n->stream,
               n->event == GW_IQ_SCTP_UP ? "association up" : "core connected");
        break;
    case GW_IQ_CHANNEL_OPENED:
        gw_ms_channel_opened(c->ms, n);
        gw_media_tidy(c);
        if (c->state == GW_CALL_UP && gw_ms_wants_lines(c->ms))
            gw_offer_own_soon(&c->leg[GW_LEG_CORE], 0);
        break;
    case GW_IQ_CHANNEL_CLOSED:
        on_channel_closed(c, n);
        break;
    case GW_IQ_TCP_LOST:
        on_connection_lost(c, n);
        break;
    case GW_IQ_OUT_OF_SERVICE: /* the context went with its worker */
        gw_log(GW_LOG_ERROR, "call", c->id, "media: worker out of service");
        c->ctx = 0;
        end_by_media(c, 500, "media out of service");
        break;
    }
}
