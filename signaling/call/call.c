/* Life of one call: begun by an INVITE, ended by either side, by the media or by time; its timers. */
#include <stdio.h>
#include <string.h>

#include "gateway/base/crypto.h"
#include "gateway/trace/trace.h"
#include "signaling/call/call_priv.h"

enum { END_WAIT_S = 70 }; /* more than 64*T1 twice: a CANCEL without effect, then the BYE of a 2xx that crossed it */

uint64_t gw_call_now_us(const struct gw_call *c)
{
    return gw_ctl_now_us(c->cs->stack);
}

/* ---- timers: one of the control loop per call, armed for the earliest of the table ---- */

static void on_timer_c(struct gw_call *c)
{
    gw_call_end(c, &(struct gw_call_end){ .status = 408, .text = "no final response", .cause = 408 });
}

static void on_flow_timer(struct gw_call *c)
{
    gw_call_end(c, &(struct gw_call_end){ .status = 480, .cause = 480, .text = "connection of the browser lost" });
}

static void on_session_access(struct gw_call *c)
{
    gw_refresh_on_timer(&c->leg[GW_LEG_ACCESS]);
}

static void on_session_core(struct gw_call *c)
{
    gw_refresh_on_timer(&c->leg[GW_LEG_CORE]);
}

static void on_glare_timer(struct gw_call *c)
{
    gw_offer_own(&c->leg[c->ex.own_side]);
}

/* Every transaction ends by itself in 64*T1; a call that is still here has met something that nobody thought of. */
static void on_end_timer(struct gw_call *c)
{
    gw_log(GW_LOG_WARNING, "call", c->id, "a side never said its last word (access %u, core %u), given up",
           c->leg[GW_LEG_ACCESS].state, c->leg[GW_LEG_CORE].state);
    gw_stats_inc(GW_STAT_CALLS_ABANDONED);
    gw_leg_abandon(&c->leg[GW_LEG_ACCESS]);
    gw_leg_abandon(&c->leg[GW_LEG_CORE]);
    gw_call_check_over(c);
}

static void (*const timer_do[GW_CALL_TIMERS])(struct gw_call *c) = {
    [GW_TIMER_C] = on_timer_c,
    [GW_TIMER_EXPIRES] = on_timer_c,
    [GW_TIMER_FLOW] = on_flow_timer,
    [GW_TIMER_SESSION_ACCESS] = on_session_access,
    [GW_TIMER_SESSION_CORE] = on_session_core,
    [GW_TIMER_RELIABLE] = gw_invite_on_reliable_timer,
    [GW_TIMER_GLARE] = on_glare_timer,
    [GW_TIMER_IQ] = gw_media_release,
    [GW_TIMER_END] = on_end_timer,
};

static void arm(struct gw_call *c)
{
    uint64_t at = GW_NEVER, now = gw_call_now_us(c);

    for (unsigned t = 0; t < GW_CALL_TIMERS; t++)
        at = c->at_us[t] < at ? c->at_us[t] : at;
    if (at == GW_NEVER)
        gw_ctl_timer_stop(c->timer);
    else
        gw_ctl_timer_start(c->timer, at <= now ? 0 : (uint32_t)((at - now + GW_MS - 1) / GW_MS));
}

static void on_timer(void *arg)
{
    struct gw_call *c = arg;

    for (unsigned t = 0; t < GW_CALL_TIMERS; t++) {
        if (c->at_us[t] > gw_call_now_us(c))
            continue;
        c->at_us[t] = GW_NEVER;
        timer_do[t](c);
    }
    arm(c);
}

void gw_call_timer_set(struct gw_call *c, enum gw_call_timer t, uint64_t at_us)
{
    c->at_us[t] = at_us;
    arm(c);
}

/* ---- birth ---- */

static int copy(char **out, const char *s)
{
    if (!s)
        return 0;
    *out = strdup(s);
    return *out ? 0 : GW_E_NOMEM;
}

int gw_call_new(struct gw_calls *cs, const struct gw_call_setup *setup, struct gw_call **out)
{
    struct gw_call *c = calloc(1, sizeof(*c));
    int err;

    if (!c)
        return GW_E_NOMEM;
    c->cs = cs;
    gw_rand_token(c->id, 12);
    for (unsigned t = 0; t < GW_CALL_TIMERS; t++)
        c->at_us[t] = GW_NEVER;
    for (unsigned i = 0; i < 2; i++) {
        c->leg[i].call = c;
        c->leg[i].side = (uint8_t)i;
        gw_session_timer_init(&c->leg[i].timer);
        gw_reliable_init(&c->leg[i].reliable, gw_rand_u32());
    }
    c->leg[GW_LEG_ACCESS].flow = setup->access_flow;
    c->leg[GW_LEG_ACCESS].is_browser = setup->e2ae.client == GW_CLIENT_WIC;
    c->leg[setup->from_access ? GW_LEG_ACCESS : GW_LEG_CORE].is_caller = true;
    c->started_wall_us = gw_clock_wall_us();
    gw_calls_add(cs, c);
    err = copy(&c->identity, setup->identity);
    if (!err)
        err = copy(&c->icid, setup->icid);
    if (!err)
        err = copy(&c->access_network_info, setup->access_network_info);
    if (!err)
        err = gw_ctl_timer_new(cs->stack, on_timer, c, &c->timer);
    if (!err)
        err = gw_ms_new(cs->conf, &setup->e2ae, c->id, &c->ms);
    if (err) {
        gw_call_free(c);
        return err;
    }
    *out = c;
    return 0;
}

/* Frees what there is, in any state: what the peers are still owed was sent, or the process ends. */
void gw_call_free(struct gw_call *c)
{
    gw_request_end_relays(c);
    for (unsigned i = 0; i < 2; i++)
        gw_leg_fini(&c->leg[i]);
    gw_offer_reset(c);
    for (unsigned i = 0; i < c->ndeferred; i++)
        gw_sip_msg_free(c->deferred[i].msg);
    gw_ms_free(c->ms);
    gw_ctl_timer_free(c->timer);
    free(c->identity);
    free(c->icid);
    free(c->access_network_info);
    free(c->caller);
    free(c->callee);
    free(c->counters);
    gw_calls_remove(c->cs, c);
    free(c);
}

/* ---- end ---- */

void gw_call_end(struct gw_call *c, const struct gw_call_end *why)
{
    static const char *const by[] = { "gateway", "access", "core" };

    if (c->state == GW_CALL_ENDING)
        return;
    c->state = GW_CALL_ENDING;
    c->ended_by = why->by;
    bool is_bye = why->msg && gw_sip_msg_is_request(why->msg) && gw_sip_msg_method(why->msg) == GW_SIP_BYE;
    c->cause = why->cause ? why->cause : is_bye ? 200 : why->status;
    c->ended_wall_us = gw_clock_wall_us();
    snprintf(c->why, sizeof(c->why), "%s", why->text ? why->text : "");
    for (unsigned t = 0; t < GW_CALL_TIMERS; t++)
        c->at_us[t] = GW_NEVER;
    gw_log(GW_LOG_INFO, "call", c->id, "ended by %s: %d %s", by[why->by], c->cause, c->why);
    gw_stats_inc(c->answered_wall_us ? GW_STAT_CALLS_ENDED_ANSWERED : GW_STAT_CALLS_ENDED_UNANSWERED);
    gw_request_end_relays(c);
    gw_leg_end(&c->leg[GW_LEG_ACCESS], why);
    gw_leg_end(&c->leg[GW_LEG_CORE], why);
    gw_offer_reset(c);
    for (unsigned i = 0; i < c->ndeferred; i++) { /* a 200 among them still gets its ACK and BYE */
        gw_invite_handle(c->deferred[i].leg, c->deferred[i].msg);
        gw_sip_msg_free(c->deferred[i].msg);
    }
    c->ndeferred = 0;
    c->at_us[GW_TIMER_END] = gw_call_now_us(c) + END_WAIT_S * GW_S;
    gw_media_release(c);
    arm(c);
    gw_call_check_over(c);
}

bool gw_call_is_over(const struct gw_call *c)
{
    return c->state == GW_CALL_ENDING && c->leg[0].state == GW_LEG_DONE && c->leg[1].state == GW_LEG_DONE &&
           c->is_released && c->iq_pending == 0;
}

void gw_call_check_over(struct gw_call *c)
{
    if (!gw_call_is_over(c))
        return;
    gw_call_timer_set(c, GW_TIMER_END, GW_NEVER);
    gw_record_write(c);
    gw_calls_reap_soon(c->cs);
}

/* The browser may come back on another connection (RFC 5626); before the call is up there is nothing to come back to.
 */
void gw_call_on_flow_lost(struct gw_call *c)
{
    struct gw_call_leg *leg = &c->leg[GW_LEG_ACCESS];

    leg->is_flow_lost = true;
    gw_trace_step(c->id, "WebSocket", false, "lost");
    if (c->state == GW_CALL_SETUP || c->cs->conf->flow_grace_s == 0) {
        on_flow_timer(c);
        return;
    }
    gw_log(GW_LOG_INFO, "call", c->id, "leg=access connection lost, waiting %llds for another",
           (long long)c->cs->conf->flow_grace_s);
    gw_call_timer_set(c, GW_TIMER_FLOW, gw_call_now_us(c) + (uint64_t)c->cs->conf->flow_grace_s * GW_S);
}
