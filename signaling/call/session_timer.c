#include "signaling/call/session_timer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"

enum { INTERVAL_MAX = 86400 };

void gw_session_timer_init(struct gw_session_timer *t)
{
    *t = (struct gw_session_timer){ .min_se = GW_SESSION_MIN_SE, .refresh_at_us = GW_NEVER, .expire_at_us = GW_NEVER };
}

static uint32_t seconds(const char *value)
{
    unsigned long n = value ? strtoul(value, NULL, 10) : 0;
    return n > INTERVAL_MAX ? INTERVAL_MAX : (uint32_t)n;
}

void gw_session_ask_read(const struct gw_sip_msg *m, struct gw_session_ask *out)
{
    const char *expires = gw_sip_msg_get(m, "Session-Expires", 0);

    *out = (struct gw_session_ask){ .interval_s = seconds(expires), .min_se = seconds(gw_sip_msg_get(m, "Min-SE", 0)) };
    if (!expires || gw_sip_param(expires, "refresher", out->refresher, sizeof(out->refresher)) != 0)
        out->refresher[0] = '\0';
    out->has_timer = gw_sip_msg_has_token(m, "Supported", "timer") || gw_sip_msg_has_token(m, "Require", "timer");
}

/* Half the interval to refresh; BYE at the end less the smaller of 32 s and a third (s. 10). */
static void arm(struct gw_session_timer *t, uint64_t now_us)
{
    uint32_t margin_s = t->interval_s / 3 < 32 ? t->interval_s / 3 : 32;

    if (!t->interval_s) {
        t->refresh_at_us = t->expire_at_us = GW_NEVER;
        return;
    }
    t->refresh_at_us = t->is_refresher ? now_us + t->interval_s * GW_S / 2 : GW_NEVER;
    t->expire_at_us = now_us + (t->interval_s - margin_s) * GW_S;
}

int gw_session_timer_on_request(struct gw_session_timer *t, const struct gw_session_ask *ask, uint32_t default_s,
                                bool is_lenient, uint64_t now_us)
{
    uint32_t interval_s = ask->interval_s;

    if (interval_s && interval_s < t->min_se && ask->has_timer && !is_lenient)
        return GW_E_RANGE;
    if (interval_s && interval_s < t->min_se && !is_lenient)
        interval_s = t->min_se; /* s. 9: who does not know timers did not mean it; a proxy put it in */
    if (!interval_s && default_s)
        interval_s = default_s < ask->min_se ? ask->min_se : default_s;
    t->interval_s = interval_s;
    /* The client refreshes if it can: it knows best when it is alive. One that cannot is refreshed by us. */
    t->is_refresher = !ask->has_timer || strcmp(ask->refresher, "uas") == 0;
    arm(t, now_us);
    return 0;
}

int gw_session_timer_write_response(const struct gw_session_timer *t, struct gw_sip_msg *resp, bool peer_has_timer)
{
    char text[48];
    int err;

    gw_sip_msg_remove(resp, "Session-Expires");
    if (!t->interval_s || !peer_has_timer)
        return 0;
    snprintf(text, sizeof(text), "%u;refresher=%s", t->interval_s, t->is_refresher ? "uas" : "uac");
    err = gw_sip_msg_set(resp, "Session-Expires", text);
    if (!err && !t->is_refresher)
        err = gw_sip_msg_add(resp, "Require", "timer");
    return err;
}

int gw_session_timer_write_request(const struct gw_session_timer *t, struct gw_sip_msg *req, uint32_t interval_s)
{
    bool is_running = t->interval_s != 0;
    char text[48];
    int err;

    gw_sip_msg_remove(req, "Session-Expires");
    gw_sip_msg_remove(req, "Min-SE");
    if (!interval_s)
        return 0;
    if (interval_s < t->min_se)
        interval_s = t->min_se;
    /* within a session the roles stay (s. 7.4); in the first INVITE the callee chooses */
    snprintf(text, sizeof(text), "%u%s", interval_s,
             !is_running       ? ""
             : t->is_refresher ? ";refresher=uac"
                               : ";refresher=uas");
    err = gw_sip_msg_set(req, "Session-Expires", text);
    snprintf(text, sizeof(text), "%u", t->min_se);
    return err ? err : gw_sip_msg_set(req, "Min-SE", text);
}

void gw_session_timer_on_response(struct gw_session_timer *t, const struct gw_sip_msg *resp, uint32_t asked_s,
                                  uint64_t now_us)
{
    struct gw_session_ask got;

    gw_session_ask_read(resp, &got);
    t->interval_s = got.interval_s ? got.interval_s : asked_s;
    t->is_refresher = !got.interval_s || strcmp(got.refresher, "uas") != 0;
    arm(t, now_us);
}

uint32_t gw_session_timer_on_422(struct gw_session_timer *t, const struct gw_sip_msg *resp)
{
    uint32_t min_se = seconds(gw_sip_msg_get(resp, "Min-SE", 0));

    if (min_se <= t->min_se)
        return 0; /* it asks for nothing new: asking again would go on for ever */
    t->min_se = min_se;
    return min_se;
}

uint64_t gw_session_timer_next_us(const struct gw_session_timer *t)
{
    return t->refresh_at_us < t->expire_at_us ? t->refresh_at_us : t->expire_at_us;
}
