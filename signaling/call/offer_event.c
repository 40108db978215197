/* What sets the exchanges of offer.c going: messages of the legs, and the gateway itself. */
#include "gateway/base/crypto.h"
#include "signaling/call/offer_priv.h"

enum { OWN_TRIES = 5 };

/* ---- entries ---- */

void gw_offer_begin(struct gw_call_leg *from)
{
    struct gw_call *c = from->call;
    struct gw_ex_facts f = { .msg = from->uas.req };
    size_t len = 0;

    bool has_sdp = gw_leg_find_sdp(from->uas.req, &f.sdp);
    if (has_sdp && !c->ex.is_first && from->sdp_was_answer && gw_leg_sdp_is_seen(from, f.sdp)) {
        /* a session refresh: nothing changed, so the answer is the one of before, and the other leg has its own timer
         */
        const char *sdp = gw_ms_current(c->ms, (enum gw_leg)from->side, &len);
        gw_leg_respond(from, 200, NULL, NULL, sdp, len);
        return;
    }
    c->ex.from = from;
    c->ex.to = gw_call_other(from);
    c->ex.is_own = false;
    c->ex.is_late = !has_sdp;
    gw_offer_step(c, has_sdp ? GW_EV_OFFER : GW_EV_ASK, &f);
}

void gw_offer_on_answer(struct gw_call *c, const struct gw_sip_msg *msg)
{
    struct gw_ex_facts f = { .msg = msg };

    if (gw_leg_find_sdp(msg, &f.sdp))
        gw_offer_step(c, GW_EV_ANSWER, &f);
}

void gw_offer_on_reanswer(struct gw_call *c, const struct gw_sip_msg *msg, struct gw_span sdp)
{
    gw_offer_step(c, GW_EV_REANSWER, &(struct gw_ex_facts){ .msg = msg, .sdp = sdp });
}

void gw_offer_on_late_offer(struct gw_call *c, const struct gw_sip_msg *msg)
{
    struct gw_ex_facts f = { .msg = msg };

    if (gw_leg_find_sdp(msg, &f.sdp))
        gw_offer_step(c, GW_EV_LATE_OFFER, &f);
}

void gw_offer_on_client(void *arg, struct gw_sip_client *t, const struct gw_sip_msg *resp, bool is_last)
{
    struct gw_call_leg *to = arg;

    if (is_last)
        to->uac.txn = NULL;
    if (!resp || gw_sip_msg_status(resp) < 200)
        return;
    if (to->uac.is_open)
        gw_offer_on_response(to, resp);
    else if (gw_sip_msg_status(resp) < 300 && to->uac.is_invite)
        gw_leg_ack_again(to);
}

void gw_offer_on_response(struct gw_call_leg *to, const struct gw_sip_msg *resp)
{
    struct gw_call *c = to->call;
    struct gw_ex_facts f = { .msg = resp };
    int status = gw_sip_msg_status(resp);

    to->uac.is_open = false;
    if (status >= 300) {
        gw_offer_step(c, GW_EV_REFUSED, &f);
        return;
    }
    gw_leg_learn(to, resp);
    gw_dialog_refresh_target(&to->dlg, resp);
    gw_session_timer_on_response(&to->timer, resp, to->is_browser ? 0 : to->asked_s, gw_call_now_us(c));
    gw_refresh_schedule(to);
    bool has_sdp = gw_leg_find_sdp(resp, &f.sdp);
    if (to->uac.is_invite && (!c->ex.is_late || !has_sdp))
        gw_leg_ack(to, NULL, 0);
    else if (to->uac.is_invite)
        to->state = GW_LEG_ACCEPTED; /* its ACK brings the answer */
    if (!has_sdp)
        gw_offer_broken(c, 488, "2xx without SDP");
    else
        gw_offer_step(c, c->ex.is_late ? GW_EV_LATE_OFFER : GW_EV_ANSWER, &f);
}

void gw_offer_on_ack(struct gw_call_leg *from, const struct gw_sip_msg *ack)
{
    struct gw_call *c = from->call;
    struct gw_ex_facts f = { .msg = ack };

    if (c->ex.state != GW_EX_OFFERED || !c->ex.is_late || c->ex.from != from)
        return;
    if (gw_leg_find_sdp(ack, &f.sdp))
        gw_offer_step(c, GW_EV_ANSWER, &f);
    else
        gw_offer_broken(c, 488, "ACK without an answer");
}

int gw_offer_glare(const struct gw_call_leg *from)
{
    const struct gw_call *c = from->call;

    if (from->uas.txn) /* the one before is not finished (RFC 3261 s. 14.2) */
        return 500;
    if (from->uac.is_open)
        return 491;
    return c->ex.state == GW_EX_IDLE ? 0 : c->ex.from == from && !c->ex.is_own ? 500 : 491;
}

/* ---- the gateway's own offers ---- */

void gw_offer_own(struct gw_call_leg *to)
{
    struct gw_call *c = to->call;

    if (c->state != GW_CALL_UP)
        return;
    if (c->ex.state != GW_EX_IDLE || to->uas.txn || to->uac.is_open) {
        gw_offer_own_later(to);
        return;
    }
    c->ex.from = gw_call_other(to);
    c->ex.to = to;
    c->ex.is_own = true;
    c->ex.is_late = false;
    bool has_lines = to->side == GW_LEG_CORE && gw_ms_wants_lines(c->ms);
    gw_offer_step(c, has_lines ? GW_EV_NEW_LINES : GW_EV_REOFFER, &(struct gw_ex_facts){ .msg = NULL });
}

/* RFC 3261 s. 14.1: whoever made the Call-ID waits 2.1 to 4 s, the other 0 to 2 s, in steps of 10 ms (CAL-007). */
void gw_offer_own_later(struct gw_call_leg *to)
{
    struct gw_call *c = to->call;
    uint32_t ms = to->dlg.is_uac ? 2100 + gw_rand_u32() % 191 * 10 : gw_rand_u32() % 201 * 10;

    if (c->ex.own_tries++ >= OWN_TRIES) {
        c->ex.own_tries = 0;
        gw_log(GW_LOG_WARNING, "call", c->id, "leg=%s own offer given up", gw_leg_name(to));
        gw_ms_drop_in_band(c->ms);
        gw_media_tidy(c);
        gw_call_timer_set(c, GW_TIMER_GLARE, GW_NEVER);
        return;
    }
    c->ex.own_side = to->side;
    gw_call_timer_set(c, GW_TIMER_GLARE, gw_call_now_us(c) + ms * GW_MS);
}

/* Not inside the step that found out; after an own offer that waits already. */
void gw_offer_own_soon(struct gw_call_leg *to, unsigned ms)
{
    struct gw_call *c = to->call;

    if (c->at_us[GW_TIMER_GLARE] != GW_NEVER)
        return;
    c->ex.own_side = to->side;
    gw_call_timer_set(c, GW_TIMER_GLARE, gw_call_now_us(c) + ms * GW_MS);
}

/* ---- events of the transaction leg->uas ---- */

static void on_cancel(void *arg, const struct gw_sip_msg *cancel)
{
    struct gw_call_leg *leg = arg;
    struct gw_call *c = leg->call;

    if (leg->state == GW_LEG_INVITED) {
        gw_call_end(c,
                    &(struct gw_call_end){ .by = gw_call_by(leg), .status = 487, .text = "cancelled", .msg = cancel });
        return;
    }
    /* of a re-INVITE: the far side decides whether it was in time; its final response is ours */
    struct gw_call_leg *to = gw_call_other(leg);
    if (leg->uas.txn && !leg->uas.has_2xx && c->ex.from == leg && to->uac.is_open && to->uac.is_invite && to->uac.txn)
        gw_sip_client_cancel(to->uac.txn, NULL);
}

static void on_ack(void *arg, const struct gw_sip_msg *ack)
{
    struct gw_call_leg *leg = arg;
    struct gw_call *c = leg->call;
    bool is_first = leg->state == GW_LEG_ACCEPTED && leg->is_caller;

    gw_leg_uas_clear(leg); /* the transaction is gone when we return */
    if (is_first)
        leg->state = GW_LEG_CONFIRMED;
    if (c->state == GW_CALL_ENDING) {
        if (is_first)
            gw_leg_bye(leg, &(struct gw_call_end){ .cause = c->cause, .text = c->why });
        gw_call_check_over(c);
        return;
    }
    if (is_first)
        c->state = GW_CALL_UP;
    gw_offer_on_ack(leg, ack);
    if (is_first)
        gw_media_tidy(c);
    if (is_first && c->state == GW_CALL_UP && gw_ms_wants_offer(c->ms, GW_LEG_CORE))
        gw_offer_own_soon(&c->leg[GW_LEG_CORE], 0);
    if (is_first && c->state == GW_CALL_UP && c->ex.needs_reoffer) {
        c->ex.needs_reoffer = false;
        gw_offer_own(&c->leg[GW_LEG_ACCESS]);
    }
}

static void on_no_ack(void *arg)
{
    struct gw_call_leg *leg = arg;
    struct gw_call *c = leg->call;
    bool is_first = leg->state == GW_LEG_ACCEPTED && leg->is_caller;

    gw_leg_uas_clear(leg);
    if (is_first)
        leg->state = GW_LEG_CONFIRMED; /* now BYE is allowed (RFC 3261 s. 13.3.1.4, s. 15) */
    gw_stats_inc(GW_STAT_CALL_NO_ACK);
    if (c->state == GW_CALL_ENDING) {
        if (is_first)
            gw_leg_bye(leg, &(struct gw_call_end){ .cause = c->cause, .text = c->why });
        gw_call_check_over(c);
        return;
    }
    gw_call_end(c, &(struct gw_call_end){ .status = 408, .cause = 408, .text = "no ACK" });
}

const struct gw_sip_server_events gw_offer_server_events = {
    .on_cancel = on_cancel,
    .on_ack = on_ack,
    .on_no_ack = on_no_ack,
};
