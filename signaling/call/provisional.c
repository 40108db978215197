/* What the caller is told of its INVITE: one answer, provisional responses (reliable ones where it insists, RFC 3262),
 * the 2xx. */
#include <stdio.h>

#include "signaling/call/call_priv.h"

static void send_reliably(struct gw_call_leg *leg, struct gw_sip_msg **resp)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", gw_reliable_send(&leg->reliable, gw_call_now_us(leg->call)));
    gw_sip_msg_set(*resp, "RSeq", text);
    gw_sip_msg_add(*resp, "Require", "100rel");
    gw_sip_msg_free(leg->reliable_msg);
    leg->reliable_msg = gw_sip_msg_dup(*resp);
    gw_call_timer_set(leg->call, GW_TIMER_RELIABLE, leg->reliable.next_us);
    if (gw_sip_server_respond(leg->uas.txn, resp) != 0)
        gw_log(GW_LOG_WARNING, "call", leg->call->id, "leg=%s provisional not sent", gw_leg_name(leg));
}

static void provisional(struct gw_call_leg *leg, struct gw_sip_msg **resp, bool has_sdp)
{
    struct gw_span sdp;

    if (!leg->peer_wants_100rel) {
        gw_sip_server_respond(leg->uas.txn, resp);
        return;
    }
    if (leg->call->ex.is_late)
        return; /* the first reliable one would have to carry the offer, which there is not yet (RFC 3262 s. 5) */
    leg->reliable_has_sdp |= has_sdp;
    if (!leg->reliable.is_waiting) {
        send_reliably(leg, resp);
    } else if (!leg->held[0] || !gw_leg_find_sdp(leg->held[0], &sdp)) { /* the newest, but never losing the answer */
        gw_sip_msg_free(leg->held[0]);
        leg->held[0] = *resp;
        *resp = NULL;
    }
}

void gw_invite_forward(struct gw_call *c, const struct gw_sip_msg *resp)
{
    struct gw_call_leg *a = gw_call_caller(c);
    int status = gw_sip_msg_status(resp);
    bool is_answered = c->ex.state == GW_EX_ANSWERED;
    struct gw_sip_msg *m;
    const char *sdp;
    size_t len = 0;

    if (a->state != GW_LEG_INVITED)
        return;
    sdp = is_answered ? gw_ms_current(c->ms, a->side, &len) : NULL;
    if (status >= 200) {
        a->state = GW_LEG_ACCEPTED;
        c->answered_wall_us = gw_clock_wall_us();
        c->answered_us = gw_call_now_us(c);
        a->sdp_was_answer = true;
        c->ex.state = GW_EX_IDLE;
        c->ex.is_first = false;
        /* a browser's 2xx repeats the answer, always (specs 1.5 trap 4; CAL-004) */
        bool is_left_out = a->reliable_has_sdp && !a->is_browser;
        gw_leg_respond(a, status, gw_sip_msg_phrase(resp), resp, is_left_out ? NULL : sdp, len);
        return;
    }
    /* One answer, once: JsSIP fails on a second 18x with SDP (trap 6). */
    bool has_sdp = sdp && !a->sdp_is_shown;
    m = gw_leg_response(a, a->uas.req, status, gw_sip_msg_phrase(resp), resp);
    if (m && has_sdp && gw_sip_msg_set_body(m, "application/sdp", (struct gw_span){ sdp, len }) != 0) {
        gw_sip_msg_free(m);
        return;
    }
    a->sdp_is_shown |= has_sdp;
    if (m)
        provisional(a, &m, has_sdp);
    gw_sip_msg_free(m);
}

void gw_invite_on_prack(struct gw_call_leg *leg, struct gw_sip_server *txn, const struct gw_sip_msg *req)
{
    struct gw_sip_msg *next;
    struct gw_span sdp;

    if (!leg->uas.txn ||
        !gw_reliable_on_prack(&leg->reliable, gw_sip_msg_get(req, "RAck", 0), gw_dialog_cseq(leg->uas.req))) {
        gw_calls_refuse(leg->call->cs, txn, req, leg->call->id, 481, NULL, NULL, NULL);
        return;
    }
    gw_call_timer_set(leg->call, GW_TIMER_RELIABLE, GW_NEVER);
    gw_sip_msg_free(leg->reliable_msg);
    leg->reliable_msg = NULL;
    if (gw_leg_find_sdp(req, &sdp)) {
        gw_offer_early(leg, txn, req, sdp);
    } else {
        next = gw_leg_response(leg, req, 200, NULL, NULL);
        if (!next || gw_sip_server_respond(txn, &next) != 0)
            gw_sip_server_drop(txn);
        gw_sip_msg_free(next);
    }
    next = leg->held[0];
    leg->held[0] = NULL;
    if (next && leg->state == GW_LEG_INVITED)
        send_reliably(leg, &next);
    gw_sip_msg_free(next);
    if (leg->held[1] && !leg->reliable.is_waiting) {
        next = leg->held[1];
        leg->held[1] = NULL;
        gw_sip_server_respond(leg->uas.txn, &next);
        gw_sip_msg_free(next);
    }
}

void gw_invite_on_reliable_timer(struct gw_call *c)
{
    struct gw_call_leg *a = gw_call_caller(c);
    struct gw_sip_msg *m;

    switch (gw_reliable_on_time(&a->reliable, gw_call_now_us(c))) {
    case GW_RELIABLE_NOTHING:
        break;
    case GW_RELIABLE_RESEND:
        m = a->reliable_msg && a->uas.txn ? gw_sip_msg_dup(a->reliable_msg) : NULL;
        if (m)
            gw_sip_server_respond(a->uas.txn, &m);
        gw_sip_msg_free(m);
        gw_call_timer_set(c, GW_TIMER_RELIABLE, a->reliable.next_us);
        break;
    case GW_RELIABLE_GIVE_UP: /* RFC 3262 s. 3: a 5xx; a held 2xx was not sent yet */
        if (a->state == GW_LEG_ACCEPTED) {
            a->state = GW_LEG_INVITED;
            a->uas.has_2xx = false;
        }
        gw_call_end(c, &(struct gw_call_end){ .status = 504, .cause = 504, .text = "no PRACK" });
        break;
    }
}
