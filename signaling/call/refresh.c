/* Session timers at work: refreshes of ours, and the end of a session that nobody refreshed (RFC 4028 s. 10). */
#include "signaling/call/call_priv.h"

enum { RETRY_MS = 2000 };

static enum gw_call_timer timer_of(const struct gw_call_leg *leg)
{
    return leg->side == GW_LEG_ACCESS ? GW_TIMER_SESSION_ACCESS : GW_TIMER_SESSION_CORE;
}

void gw_refresh_schedule(struct gw_call_leg *leg)
{
    if (leg->call->state != GW_CALL_ENDING)
        gw_call_timer_set(leg->call, timer_of(leg), gw_session_timer_next_us(&leg->timer));
}

static void try_again(struct gw_call_leg *leg)
{
    leg->timer.refresh_at_us = gw_call_now_us(leg->call) + RETRY_MS * GW_MS;
    gw_refresh_schedule(leg);
}

static void on_response(void *arg, struct gw_sip_client *t, const struct gw_sip_msg *resp, bool is_last)
{
    struct gw_call_leg *leg = arg;
    int status = resp ? gw_sip_msg_status(resp) : 0;

    if (is_last)
        leg->refresh = NULL;
    if (status < 200 || leg->call->state == GW_CALL_ENDING)
        return;
    if (status < 300) {
        gw_leg_learn(leg, resp);
        gw_dialog_refresh_target(&leg->dlg, resp);
        gw_session_timer_on_response(&leg->timer, resp, leg->asked_s, gw_call_now_us(leg->call));
        gw_refresh_schedule(leg);
    } else if (status == 481 || status == 408) {
        gw_leg_closed(leg);
        gw_call_end(leg->call,
                    &(struct gw_call_end){ .status = status, .cause = status, .text = "session refresh failed" });
    } else if (status == 422) {
        uint32_t interval_s = gw_session_timer_on_422(&leg->timer, resp);
        if (interval_s) {
            leg->timer.interval_s = interval_s;
            try_again(leg);
        }
    } else {
        if (status == 405 || status == 501)
            leg->peer_has_update = false;
        try_again(leg);
    }
}

static void refresh(struct gw_call_leg *leg)
{
    struct gw_sip_msg *m;

    leg->timer.refresh_at_us = GW_NEVER;
    gw_refresh_schedule(leg);
    if (!leg->peer_has_update) {
        gw_offer_own(leg); /* re-INVITE with the SDP unchanged, same o= version */
        return;
    }
    m = leg->refresh ? NULL : gw_leg_request(leg, &leg->dlg, "UPDATE", NULL);
    if (!m)
        return;
    leg->asked_s = leg->timer.interval_s;
    if (gw_session_timer_write_request(&leg->timer, m, leg->asked_s) != 0 ||
        gw_leg_send(leg, &m, on_response, leg, &leg->refresh) != 0)
        try_again(leg);
    gw_sip_msg_free(m);
}

void gw_refresh_on_timer(struct gw_call_leg *leg)
{
    uint64_t now = gw_call_now_us(leg->call);

    if (now >= leg->timer.expire_at_us) {
        gw_stats_inc(GW_STAT_CALL_SESSIONS_EXPIRED);
        gw_call_end(leg->call, &(struct gw_call_end){ .status = 408, .cause = 408, .text = "session expired" });
        return;
    }
    if (now < leg->timer.refresh_at_us)
        gw_refresh_schedule(leg);
    else if (leg->state == GW_LEG_CONFIRMED)
        refresh(leg);
    else
        try_again(leg);
}
