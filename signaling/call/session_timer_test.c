#include "signaling/call/session_timer.h"

#include "gateway/base/clock.h"
#include "test.h"

static struct gw_sip_msg *with(const char *expires, const char *min_se, const char *supported)
{
    struct gw_sip_msg *m = gw_sip_msg_request("INVITE", "sip:bob@ims.example");

    if (expires)
        gw_sip_msg_set(m, "Session-Expires", expires);
    if (min_se)
        gw_sip_msg_set(m, "Min-SE", min_se);
    if (supported)
        gw_sip_msg_set(m, "Supported", supported);
    return m;
}

static int ask(struct gw_session_timer *t, const char *expires, const char *min_se, const char *supported,
               bool is_lenient)
{
    struct gw_sip_msg *m = with(expires, min_se, supported);
    struct gw_session_ask a;

    gw_session_ask_read(m, &a);
    gw_sip_msg_free(m);
    return gw_session_timer_on_request(t, &a, is_lenient ? 0 : 1800, is_lenient, 10 * GW_S);
}

TEST(jssip_refreshes_every_90_seconds_itself)
{
    struct gw_session_timer t;

    gw_session_timer_init(&t);
    EQ(ask(&t, "90", NULL, "timer,ice", true), 0);
    EQ(t.interval_s, 90);
    CHECK(!t.is_refresher);
    EQ(t.refresh_at_us, GW_NEVER);
    EQ(t.expire_at_us, (10 + 90 - 30) * GW_S); /* a third before the end (RFC 4028 s. 10) */
    struct gw_sip_msg *ok = with(NULL, NULL, NULL);
    EQ(gw_session_timer_write_response(&t, ok, true), 0);
    STR_EQ(gw_sip_msg_get(ok, "Session-Expires", 0), "90;refresher=uac");
    CHECK(gw_sip_msg_has_token(ok, "Require", "timer"));
    gw_sip_msg_free(ok);
    gw_session_timer_init(&t);
    EQ(ask(&t, "60", NULL, "timer", true), 0); /* never 422 towards a browser */
}

TEST(a_browser_without_timers_has_none)
{
    struct gw_session_timer t;

    gw_session_timer_init(&t);
    EQ(ask(&t, NULL, NULL, "outbound", true), 0);
    EQ(t.interval_s, 0);
    EQ(gw_session_timer_next_us(&t), GW_NEVER);
    struct gw_sip_msg *ok = with(NULL, NULL, NULL);
    EQ(gw_session_timer_write_response(&t, ok, false), 0);
    CHECK(!gw_sip_msg_get(ok, "Session-Expires", 0));
    gw_sip_msg_free(ok);
}

TEST(a_core_without_timers_is_refreshed_by_us)
{
    struct gw_session_timer t;

    gw_session_timer_init(&t);
    EQ(ask(&t, NULL, NULL, NULL, false), 0);
    EQ(t.interval_s, 1800);
    CHECK(t.is_refresher);
    EQ(t.refresh_at_us, (10 + 900) * GW_S);
    EQ(t.expire_at_us, (10 + 1800 - 32) * GW_S);
}

TEST(the_core_may_choose_us_as_refresher)
{
    struct gw_session_timer t;

    gw_session_timer_init(&t);
    EQ(ask(&t, "600;refresher=uas", "120", "timer", false), 0);
    CHECK(t.is_refresher);
    struct gw_sip_msg *ok = with(NULL, NULL, NULL);
    EQ(gw_session_timer_write_response(&t, ok, true), 0);
    STR_EQ(gw_sip_msg_get(ok, "Session-Expires", 0), "600;refresher=uas");
    CHECK(!gw_sip_msg_has_token(ok, "Require", "timer"));
    gw_sip_msg_free(ok);
}

TEST(too_small_an_interval_is_422_only_for_who_knows_timers)
{
    struct gw_session_timer t;

    gw_session_timer_init(&t);
    EQ(ask(&t, "89", NULL, "timer", false), GW_E_RANGE);
    EQ(ask(&t, "89", NULL, NULL, false), 0); /* put in by a proxy: raised (s. 8.2) */
    EQ(t.interval_s, 90);
}

TEST(our_invite_and_its_answers)
{
    struct gw_session_timer t;
    struct gw_sip_msg *req = with(NULL, NULL, NULL);

    gw_session_timer_init(&t);
    EQ(gw_session_timer_write_request(&t, req, 1800), 0);
    STR_EQ(gw_sip_msg_get(req, "Session-Expires", 0), "1800"); /* the callee chooses the refresher */
    STR_EQ(gw_sip_msg_get(req, "Min-SE", 0), "90");
    gw_sip_msg_free(req);

    struct gw_sip_msg *ok = with("1200;refresher=uas", NULL, NULL);
    gw_session_timer_on_response(&t, ok, 1800, 0);
    EQ(t.interval_s, 1200);
    CHECK(!t.is_refresher);
    gw_sip_msg_free(ok);
    ok = with("1200;refresher=uac", NULL, NULL);
    gw_session_timer_on_response(&t, ok, 1800, 0);
    CHECK(t.is_refresher);
    gw_sip_msg_free(ok);
    ok = with(NULL, NULL, NULL);
    gw_session_timer_on_response(&t, ok, 1800, 0); /* knows no timers: refreshed by us all the same (s. 7.2) */
    CHECK(t.is_refresher);
    EQ(t.interval_s, 1800);
    gw_session_timer_on_response(&t, ok, 0, 0); /* a browser: its connection tells when it is gone */
    EQ(gw_session_timer_next_us(&t), GW_NEVER);
    gw_sip_msg_free(ok);
}

TEST(a_422_raises_min_se_and_never_twice_the_same)
{
    struct gw_session_timer t;
    struct gw_sip_msg *resp = with(NULL, "300", NULL);

    gw_session_timer_init(&t);
    EQ(gw_session_timer_on_422(&t, resp), 300);
    EQ(gw_session_timer_on_422(&t, resp), 0);
    gw_sip_msg_free(resp);
    resp = with(NULL, NULL, NULL);
    EQ(gw_session_timer_on_422(&t, resp), 0);
    gw_sip_msg_free(resp);
}

TEST(absurd_intervals_are_bounded)
{
    struct gw_session_timer t;

    gw_session_timer_init(&t);
    EQ(ask(&t, "99999999999", NULL, "timer", false), 0);
    EQ(t.interval_s, 86400);
}
