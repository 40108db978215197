/* Offers and answers between the legs (RFC 3264; carriers: RFC 6337): one exchange at a time per call, each step with
 * the access gateway asked first. `from` has the transaction that began it, `to` is the other leg. A late exchange goes
 * the other way round: the offer comes in the 2xx of `to`, the answer in the ACK of `from`. The gateway's own offers
 * (codecs changed by a fork, refresh of a peer without UPDATE) have no `from` transaction. */
#include <stdio.h>
#include <string.h>

#include "gateway/trace/trace.h"
#include "signaling/call/offer_priv.h"

enum { RETRY_AFTER_S = 30 };

void gw_offer_on_iq(struct gw_call *c, const struct gw_iq_reply *reply)
{
    gw_offer_step(c, reply->err ? GW_EV_IQ_FAIL : GW_EV_IQ_OK, &(struct gw_ex_facts){ .reply = reply });
}

void gw_offer_reset(struct gw_call *c)
{
    gw_sip_msg_free(c->ex.msg);
    c->ex.msg = NULL;
    c->ex.state = GW_EX_IDLE;
    c->ex.is_late = c->ex.is_own = c->ex.is_declined = false;
    gw_offer_early_drop(c);
    gw_media_tidy(c);
    for (int leg = 0; leg < 2; leg++)
        if (c->state == GW_CALL_UP && gw_ms_wants_offer(c->ms, (enum gw_leg)leg))
            gw_offer_own_soon(&c->leg[leg], 0);
}

static bool keep_msg(struct gw_call *c, const struct gw_sip_msg *msg)
{
    gw_sip_msg_free(c->ex.msg);
    c->ex.msg = msg ? gw_sip_msg_dup(msg) : NULL;
    return c->ex.msg || !msg;
}

/* For the history of the call. */
static void trace(const struct gw_call *c, bool is_good, const char *what)
{
    char outcome[128];

    snprintf(outcome, sizeof(outcome), "%soffer of the %s leg %s", c->ex.is_own ? "own " : "", gw_leg_name(c->ex.from),
             what);
    gw_trace_step(c->id, "SDP", is_good, outcome);
}

/* ---- refusals ---- */

/* The offer cannot be had: nothing was changed. Ends the call if it was the first, or if `to` waits for an ACK. */
static void refuse(struct gw_call *c, int status, const char *phrase, const char *header, const char *value)
{
    struct gw_call_leg *from = c->ex.from;
    bool is_fatal = c->ex.is_first || c->ex.is_late;

    gw_stats_inc(GW_STAT_CALL_OFFERS_REFUSED);
    gw_log(GW_LOG_WARNING, "call", c->id, "leg=%s offer refused: %d %s", gw_leg_name(from), status, value ? value : "");
    trace(c, false, "refused");
    if (is_fatal) {
        gw_call_end(c, &(struct gw_call_end){ .status = status,
                                              .phrase = phrase,
                                              .header = header,
                                              .value = value,
                                              .cause = status,
                                              .text = "offer refused" });
        return;
    }
    if (from->uas.txn && !c->ex.is_own) {
        struct gw_sip_server *txn = from->uas.txn;
        struct gw_sip_msg *m = gw_leg_response(from, from->uas.req, status, phrase, NULL);
        if (m && header)
            gw_sip_msg_add(m, header, value);
        from->uas.txn = NULL;
        if (!m || gw_sip_server_respond(txn, &m) != 0)
            gw_sip_server_drop(txn);
        gw_sip_msg_free(m);
        gw_leg_uas_clear(from);
    }
    gw_offer_reset(c);
}

static void refuse_sdp(struct gw_call *c, const struct gw_sdp_refusal *why)
{
    char text[200];

    if (why->warn)
        snprintf(text, sizeof(text), "%d %s \"%s\"", why->warn, c->cs->conf->domain, why->text);
    refuse(c, why->status, why->status == 400 && why->text[0] ? why->text : NULL, why->warn ? "Warning" : NULL,
           why->warn ? text : NULL);
}

/* A side has agreed to what cannot be done: there is no way back within the call (specs 6). */
void gw_offer_broken(struct gw_call *c, int status, const char *text)
{
    gw_stats_inc(GW_STAT_CALL_OFFERS_REFUSED);
    gw_call_end(c, &(struct gw_call_end){ .status = status, .cause = status, .text = text });
}

/* ---- steps ---- */

static void reserve(struct gw_call *c, const struct gw_ex_facts *f)
{
    struct gw_call_leg *offerer = c->ex.is_late ? c->ex.to : c->ex.from;
    struct gw_iq_req *req = gw_media_req(c);
    struct gw_sdp_refusal why = { .status = 488 };
    int err = req ? gw_ms_offer(c->ms, (enum gw_leg)offerer->side, f->sdp, req, &why) : GW_E_NOMEM;

    if (c->ex.is_late)
        keep_msg(c, f->msg);
    if (err) {
        free(req);
        if (err == GW_E_NOMEM)
            refuse(c, 500, NULL, NULL, NULL);
        else
            refuse_sdp(c, &why);
        return;
    }
    if (!gw_media_submit(c, req, gw_offer_on_iq))
        gw_offer_step(c, GW_EV_IQ_FAIL, &(struct gw_ex_facts){ .msg = NULL });
}

static void ask(struct gw_call *c, const struct gw_ex_facts *f)
{
    struct gw_call_leg *to = c->ex.to;

    if (c->ex.is_first) {
        if (gw_invite_send(c, NULL, 0) != 0)
            gw_offer_broken(c, 500, "INVITE not sent");
        return;
    }
    struct gw_sip_msg *m = gw_leg_request(to, &to->dlg, "INVITE", c->ex.from->uas.req);
    if (to->uac.txn)
        gw_sip_client_drop(to->uac.txn);
    gw_sip_msg_free(to->uac.ack);
    to->uac = (struct gw_call_uac){ .cseq = to->dlg.local_cseq, .is_invite = true, .is_open = true };
    to->asked_s = to->timer.interval_s;
    if (!m || gw_session_timer_write_request(&to->timer, m, to->asked_s) != 0 ||
        gw_leg_send(to, &m, gw_offer_on_client, to, &to->uac.txn) != 0) {
        to->uac.is_open = false;
        refuse(c, 500, NULL, NULL, NULL);
    }
    gw_sip_msg_free(m);
}

static int send_in_dialog(struct gw_call *c, const char *sdp, size_t len)
{
    struct gw_call_leg *from = c->ex.from, *to = c->ex.to;
    const struct gw_sip_msg *src = c->ex.is_own ? NULL : from->uas.req;
    /* SIP.js knows no UPDATE; a re-INVITE does as well (specs 2.4) */
    bool is_update = !c->ex.is_own && !from->uas.is_invite && to->peer_has_update;
    struct gw_sip_msg *m = gw_leg_request(to, &to->dlg, is_update ? "UPDATE" : "INVITE", src);
    int err = m ? gw_sip_msg_set_body(m, "application/sdp", (struct gw_span){ sdp, len }) : GW_E_NOMEM;

    gw_sip_msg_free(to->uac.ack);
    to->uac.ack = NULL;
    to->uac.cseq = to->dlg.local_cseq;
    to->uac.is_invite = !is_update;
    to->asked_s = to->timer.interval_s;
    if (!err)
        err = gw_session_timer_write_request(&to->timer, m, to->asked_s);
    if (!err && to->uac.txn) { /* of an INVITE long answered, kept for its repeated 2xx */
        gw_sip_client_drop(to->uac.txn);
        to->uac.txn = NULL;
    }
    if (!err)
        err = gw_leg_send(to, &m, gw_offer_on_client, to, &to->uac.txn);
    to->uac.is_open = !err;
    to->sdp_was_answer = false;
    gw_sip_msg_free(m);
    return err;
}

static void send_offer(struct gw_call *c, const struct gw_ex_facts *f)
{
    struct gw_call_leg *from = c->ex.from;
    char *sdp = NULL;
    size_t len = 0;
    int err = gw_ms_offer_out(c->ms, f->reply, &sdp, &len);

    if (err) {
        gw_offer_broken(c, 500, "offer not made");
    } else if (c->ex.is_late) {
        if (c->ex.is_first) {
            from->state = GW_LEG_ACCEPTED;
            c->answered_wall_us = gw_clock_wall_us();
            c->answered_us = gw_call_now_us(c);
        }
        from->sdp_was_answer = false;
        gw_leg_respond(from, 200, NULL, c->ex.msg, sdp, len);
    } else if (c->ex.is_first) {
        if (gw_invite_send(c, sdp, len) != 0)
            gw_offer_broken(c, 500, "INVITE not sent");
    } else if (send_in_dialog(c, sdp, len) != 0) {
        gw_offer_step(c, GW_EV_REFUSED, &(struct gw_ex_facts){ .msg = NULL });
    }
    free(sdp);
}

static void no_media(struct gw_call *c, const struct gw_ex_facts *f)
{
    struct gw_iq_req *req = gw_media_req(c);
    char text[16];

    snprintf(text, sizeof(text), "%d", RETRY_AFTER_S);
    if (!c->ex.is_first && (!req || gw_ms_rollback(c->ms, req) != 0)) {
        free(req);
        gw_offer_broken(c, 500, "state before the offer not restored");
        return;
    }
    free(req); /* nothing was reserved: nothing to undo at Iq */
    if (c->ex.is_own)
        gw_ms_drop_in_band(c->ms);
    refuse(c, c->ex.is_first ? 503 : 500, NULL, "Retry-After", text);
}

static void reoffer(struct gw_call *c, const struct gw_ex_facts *f)
{
    char *sdp = NULL;
    size_t len = 0;

    if (gw_ms_reoffer(c->ms, (enum gw_leg)c->ex.to->side, &sdp, &len) != 0) {
        gw_log(GW_LOG_WARNING, "call", c->id, "leg=%s no new offer can be made", gw_leg_name(c->ex.to));
        gw_offer_reset(c);
        return;
    }
    if (send_in_dialog(c, sdp, len) != 0)
        gw_offer_step(c, GW_EV_REFUSED, &(struct gw_ex_facts){ .msg = NULL });
    free(sdp);
}

/* m-lines for data channels that the browser opened in band. */
static void reserve_own(struct gw_call *c, const struct gw_ex_facts *f)
{
    struct gw_iq_req *req = gw_media_req(c);
    int err = req ? gw_ms_offer_own(c->ms, req) : GW_E_NOMEM;

    if (err) {
        free(req);
        gw_log(GW_LOG_WARNING, "call", c->id, "no m-line for a data channel: %s", gw_err_text(err));
        gw_ms_drop_in_band(c->ms);
        gw_offer_reset(c);
        return;
    }
    if (!gw_media_submit(c, req, gw_offer_on_iq))
        gw_offer_step(c, GW_EV_IQ_FAIL, &(struct gw_ex_facts){ .msg = NULL });
}

/* A 2xx that takes nothing of the offer, as of a fax in place of voice: to the offerer it is a refusal, and the
 * answerer gets another offer of what there was. */
static void decline(struct gw_call *c, struct gw_iq_req *req)
{
    gw_stats_inc(GW_STAT_CALL_OFFERS_REFUSED);
    gw_log(GW_LOG_INFO, "call", c->id, "leg=%s declined what was offered: media as before", gw_leg_name(c->ex.to));
    c->ex.state = GW_EX_UNDOING;
    c->ex.is_declined = true;
    keep_msg(c, NULL);
    if (gw_ms_decline(c->ms, req) != 0 || !gw_media_submit(c, req, gw_offer_on_iq))
        gw_offer_broken(c, 500, "state before the offer not restored");
}

static void commit(struct gw_call *c, const struct gw_ex_facts *f)
{
    struct gw_iq_req *req = gw_media_req(c);
    struct gw_sdp_refusal why = { .status = 488 };
    const char *to = gw_sip_msg_get(f->msg, "To", 0);
    int err = req ? gw_ms_answer(c->ms, f->sdp, req, &why) : GW_E_NOMEM;

    if (err == GW_E_CLOSED && !c->ex.is_late) {
        decline(c, req);
        return;
    }
    if (err) {
        free(req);
        gw_log(GW_LOG_WARNING, "call", c->id, "leg=%s answer refused: %d %s",
               gw_leg_name(c->ex.is_late ? c->ex.from : c->ex.to), why.warn, why.text);
        trace(c, false, "answered with what cannot be used");
        gw_offer_broken(c, 488, "answer cannot be used");
        return;
    }
    if (!keep_msg(c, f->msg)) {
        free(req);
        gw_offer_broken(c, 500, "out of memory");
        return;
    }
    if (c->ex.is_first && (!to || gw_sip_param(to, "tag", c->ex.answer_tag, sizeof(c->ex.answer_tag)) != 0))
        c->ex.answer_tag[0] = '\0';
    if (!gw_media_submit(c, req, gw_offer_on_iq))
        gw_offer_step(c, GW_EV_IQ_FAIL, &(struct gw_ex_facts){ .msg = NULL });
}

static void finish_late(struct gw_call *c, const char *sdp, size_t len)
{
    struct gw_call_leg *to = c->ex.to;

    to->sdp_was_answer = true;
    to->has_sdp_seen = c->ex.from->has_sdp_seen = false;
    to->state = GW_LEG_CONFIRMED;
    gw_leg_ack(to, sdp, len);
    c->ex.is_first = false;
    gw_offer_reset(c);
}

static void send_answer(struct gw_call *c, const struct gw_ex_facts *f)
{
    struct gw_call_leg *from = c->ex.from;
    struct gw_span offered;
    char *sdp = NULL;
    size_t len = 0;
    int err = gw_ms_answer_out(c->ms, f->reply, &sdp, &len);

    trace(c, err == 0, err ? "answered, but the answer cannot be made" : "answered; media set up for both legs");
    if (err) {
        gw_offer_broken(c, 500, "answer not made");
    } else if (c->ex.is_own) {
        c->ex.own_tries = 0;
        gw_offer_reset(c);
    } else if (c->ex.is_late) {
        finish_late(c, sdp, len);
    } else {
        c->ex.to->has_sdp_seen = false;
        if (gw_leg_find_sdp(from->uas.req, &offered))
            gw_leg_sdp_seen(from, offered);
        from->sdp_was_answer = true;
        if (c->ex.is_first) {
            gw_invite_forward(c, c->ex.msg);
        } else {
            struct gw_sip_msg *msg = c->ex.msg;
            c->ex.msg = NULL;
            gw_offer_reset(c);
            gw_leg_respond(from, 200, NULL, msg, sdp, len);
            gw_sip_msg_free(msg);
        }
    }
    free(sdp);
}

static void cannot_commit(struct gw_call *c, const struct gw_ex_facts *f)
{
    gw_offer_broken(c, 500, "media not configured");
}

static void repoint(struct gw_call *c, const struct gw_ex_facts *f)
{
    struct gw_iq_req *req = gw_media_req(c);
    struct gw_sdp_refusal why = { .status = 488 };
    const char *to = gw_sip_msg_get(f->msg, "To", 0);
    bool is_final = gw_sip_msg_status(f->msg) >= 200;
    int err = req ? gw_ms_reanswer(c->ms, f->sdp, req, &c->ex.needs_reoffer, &why) : GW_E_NOMEM;

    if (err) {
        free(req);
        gw_log(GW_LOG_WARNING, "call", c->id, "leg=%s answer of another fork refused: %d %s", gw_leg_name(c->ex.to),
               why.warn, why.text);
        c->ex.state = GW_EX_ANSWERED;
        if (is_final)
            gw_offer_broken(c, 488, "answer cannot be used");
        return;
    }
    if (!keep_msg(c, f->msg)) {
        free(req);
        gw_offer_broken(c, 500, "out of memory");
        return;
    }
    if (!to || gw_sip_param(to, "tag", c->ex.answer_tag, sizeof(c->ex.answer_tag)) != 0)
        c->ex.answer_tag[0] = '\0';
    if (!gw_media_submit(c, req, gw_offer_on_iq))
        gw_offer_step(c, GW_EV_IQ_FAIL, &(struct gw_ex_facts){ .msg = NULL });
}

static void forward(struct gw_call *c, const struct gw_ex_facts *f)
{
    gw_invite_forward(c, c->ex.msg);
}

static void undo(struct gw_call *c, const struct gw_ex_facts *f)
{
    struct gw_iq_req *req = gw_media_req(c);

    keep_msg(c, f->msg);
    if (!req || gw_ms_rollback(c->ms, req) != 0 || !gw_media_submit(c, req, gw_offer_on_iq)) {
        gw_offer_broken(c, 500, "state before the offer not restored");
        return;
    }
}

/* The other leg said no: so do we (RFC 6337 s. 3.3); the session stays as it was, unless that dialog is gone. */
static void pass_refusal(struct gw_call *c, const struct gw_ex_facts *f)
{
    struct gw_call_leg *from = c->ex.from, *to = c->ex.to;
    struct gw_sip_msg *msg = c->ex.msg;
    int status = msg ? gw_sip_msg_status(msg) : c->ex.is_declined ? 488 : 500;
    bool is_own = c->ex.is_own;

    c->ex.msg = NULL;
    if (is_own && status != 491)
        gw_ms_drop_in_band(c->ms);
    gw_offer_reset(c);
    if (status == 481 || status == 408) {
        gw_leg_closed(to);
        gw_call_end(
            c, &(struct gw_call_end){ .by = gw_call_by(to), .status = status, .cause = status, .text = "dialog gone" });
    } else if (is_own) {
        gw_log(GW_LOG_INFO, "call", c->id, "leg=%s own offer answered %d", gw_leg_name(to), status);
        if (status == 491)
            gw_offer_own_later(to);
    } else {
        gw_leg_respond(from, status, msg ? gw_sip_msg_phrase(msg) : NULL, msg, NULL, 0);
    }
    gw_sip_msg_free(msg);
}

static void pass_late_refusal(struct gw_call *c, const struct gw_ex_facts *f)
{
    keep_msg(c, f->msg);
    pass_refusal(c, f);
}

/* ---- the machine ---- */

/* clang-format off */
static const struct {
    enum gw_ex_state state;
    enum gw_ex_event event;
    void (*action)(struct gw_call *c, const struct gw_ex_facts *f);
    enum gw_ex_state next; /* set before the action, which may go on from there */
} rows[] = {
    /* state          event       do                 next */
    { GW_EX_IDLE,       GW_EV_OFFER,      reserve,           GW_EX_RESERVING },
    { GW_EX_IDLE,       GW_EV_ASK,        ask,               GW_EX_ASKED },
    { GW_EX_IDLE,       GW_EV_REOFFER,    reoffer,           GW_EX_OFFERED },
    { GW_EX_IDLE,       GW_EV_NEW_LINES,  reserve_own,       GW_EX_RESERVING },
    { GW_EX_ASKED,      GW_EV_LATE_OFFER, reserve,           GW_EX_RESERVING },
    { GW_EX_ASKED,      GW_EV_REFUSED,    pass_late_refusal, GW_EX_IDLE },
    { GW_EX_RESERVING,  GW_EV_IQ_OK,      send_offer,        GW_EX_OFFERED },
    { GW_EX_RESERVING,  GW_EV_IQ_FAIL,    no_media,          GW_EX_IDLE },
    { GW_EX_OFFERED,    GW_EV_ANSWER,     commit,            GW_EX_COMMITTING },
    { GW_EX_OFFERED,    GW_EV_REFUSED,    undo,              GW_EX_UNDOING },
    { GW_EX_COMMITTING, GW_EV_IQ_OK,      send_answer,       GW_EX_ANSWERED },
    { GW_EX_COMMITTING, GW_EV_IQ_FAIL,    cannot_commit,     GW_EX_IDLE },
    { GW_EX_ANSWERED,   GW_EV_REANSWER,   repoint,           GW_EX_REPOINTING },
    { GW_EX_REPOINTING, GW_EV_IQ_OK,      forward,           GW_EX_ANSWERED },
    { GW_EX_REPOINTING, GW_EV_IQ_FAIL,    cannot_commit,     GW_EX_IDLE },
    { GW_EX_ANSWERED,   GW_EV_EARLY_OFFER, gw_offer_early_take, GW_EX_REOFFERED },
    { GW_EX_REOFFERED,  GW_EV_IQ_OK,      gw_offer_early_answer, GW_EX_ANSWERED },
    { GW_EX_REOFFERED,  GW_EV_IQ_FAIL,    cannot_commit,     GW_EX_IDLE },
    { GW_EX_UNDOING,    GW_EV_IQ_OK,      pass_refusal,      GW_EX_IDLE },
    { GW_EX_UNDOING,    GW_EV_IQ_FAIL,    cannot_commit,     GW_EX_IDLE },
};
/* clang-format on */

void gw_offer_step(struct gw_call *c, enum gw_ex_event ev, const struct gw_ex_facts *f)
{
    static const char *const events[] = { "offer",     "offerless", "late offer",       "own offer",
                                          "own lines", "answer",    "answer of a fork", "early offer",
                                          "refusal",   "reply",     "failed reply" };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].state == c->ex.state && rows[i].event == ev) {
            c->ex.state = rows[i].next;
            rows[i].action(c, f);
            return;
        }
    }
    gw_stats_inc(GW_STAT_CALL_EVENTS_DROPPED);
    gw_log(GW_LOG_WARNING, "call", c->id, "%s not expected now (state %u), ignored", events[ev], c->ex.state);
}
