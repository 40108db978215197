/* Session timers of the legs, lost connections, reports of the media: how a call ends when a side vanishes. */
#include "call_world.h"

static void close_both(unsigned before)
{
    EQ(fake_sent(), before + 2);
    fake_answer(fake_client(before), 200, "x", NULL, NULL);
    fake_answer(fake_client(before + 1), 200, "x", NULL, NULL);
}

TEST(each_leg_has_its_own_session_timer) /* CAL-001 */
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", "Supported: timer\nSession-Expires: 90\n");
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    STR_EQ(header_of(fake_client_request(b), "Session-Expires"), "1800");
    fake_answer(b, 200, "bob", CORE_CONTACT "Session-Expires: 600;refresher=uas\nRequire: timer\n", "v2");
    media();
    STR_EQ(header_of(fake_last_response(a), "Session-Expires"), "90;refresher=uac");
    fake_ack(a, NULL);
    for (unsigned i = 0; i < 5; i++) { /* JsSIP refreshes at half, by UPDATE without SDP; answered here */
        fake_sip_advance(45000);
        struct gw_sip_server *update =
            from_caller(a, "UPDATE", 8 + i, "Supported: timer\nSession-Expires: 90;refresher=uac\n", NULL);
        EQ(fake_status(update), 200);
        STR_EQ(header_of(fake_last_response(update), "Session-Expires"), "90;refresher=uac");
    }
    EQ(gw_calls_count(calls), 1);
    unsigned before = fake_sent();
    fake_sip_advance(61000); /* then it is silent: BYE to both at expiry less a third */
    EQ(counted(GW_STAT_CALL_SESSIONS_EXPIRED), 1);
    CHECK(strstr(header_of(fake_client_request(fake_client(before)), "Reason"), "session expired"));
    close_both(before);
    world_close();
}

TEST(the_core_is_refreshed_by_update_where_it_may) /* RFC 4028 s. 7.4 */
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b); /* allows UPDATE, knows no timers: we refresh */
    fake_sip_advance(900 * 1000);
    struct gw_sip_client *update = last_sent("UPDATE");
    EQ(fake_client_flow(update), 0);
    STR_EQ(body_of(fake_client_request(update)), "");
    STR_EQ(header_of(fake_client_request(update), "Session-Expires"), "1800;refresher=uac");
    fake_answer(update, 200, "bob", CORE_CONTACT, NULL);
    fake_sip_advance(900 * 1000);
    CHECK(last_sent("UPDATE") != update);
    unsigned before = fake_sent();
    fake_answer(last_sent("UPDATE"), 481, "bob", NULL, NULL); /* it has forgotten the call */
    EQ(fake_sent(), before + 1);
    EQ(fake_client_flow(last_sent("BYE")), browser);
    fake_answer(last_sent("BYE"), 200, "x", NULL, NULL);
    world_close();
}

TEST(a_refresh_without_any_answer_ends_the_call)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    fake_sip_advance(900 * 1000);
    fake_answer(last_sent("UPDATE"), 503, "bob", NULL, NULL); /* tried again until the time is up */
    unsigned tries = 0;
    for (unsigned i = 0; i < 500 && gw_calls_count(calls) && strcmp(method_of(fake_last_client()), "UPDATE") == 0;
         i++) {
        fake_sip_advance(2000);
        struct gw_sip_client *c = fake_last_client();
        if (strcmp(method_of(c), "UPDATE") != 0)
            break;
        fake_answer(c, 503, "bob", NULL, NULL);
        tries++;
    }
    CHECK(tries > 100);
    EQ(counted(GW_STAT_CALL_SESSIONS_EXPIRED), 1);
    close_both(fake_sent() - 2);
    world_close();
}

TEST(a_core_without_update_is_refreshed_by_reinvite)
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    fake_answer(last_sent("INVITE"), 200, "bob", CORE_CONTACT "Allow: INVITE, ACK, BYE\n", "v2");
    media();
    fake_ack(a, NULL);
    fake_sip_advance(900 * 1000);
    struct gw_sip_client *refresh = last_sent("INVITE");
    EQ(fake_client_flow(refresh), 0);
    CHECK(body_of(fake_client_request(refresh))[0]);
    fake_answer(refresh, 200, "bob", CORE_CONTACT, "v2");
    media();
    EQ(fake_acks(), 2);
    hang_up(a);
    world_close();
}

TEST(a_browser_that_comes_back_keeps_its_call) /* RFC 5626; specs 1.4 */
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    fake_flow_close(browser);
    fake_sip_advance(20 * 1000);
    EQ(gw_calls_count(calls), 1);
    gw_flow_id other = fake_flow_open("WSS");
    gw_calls_on_flow_moved(calls, browser, other, "<sip:u8@new.invalid;transport=ws>");
    fake_sip_advance(60 * 1000);
    EQ(gw_calls_count(calls), 1);
    EQ(fake_status(from_callee(b, "bob", "BYE", 1, NULL, NULL)), 200);
    struct gw_sip_client *bye = last_sent("BYE");
    EQ(fake_client_flow(bye), other);
    STR_EQ(gw_sip_msg_uri(fake_client_request(bye)), "sip:u8@new.invalid;transport=ws");
    fake_answer(bye, 200, "x", NULL, NULL);
    world_close();
}

TEST(a_browser_that_stays_away_loses_its_call)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    unsigned before = fake_sent();
    fake_flow_close(browser);
    fake_sip_advance(30001);
    EQ(fake_sent(), before + 1); /* BYE to the core alone */
    struct gw_sip_client *bye = last_sent("BYE");
    EQ(fake_client_flow(bye), 0);
    fake_answer(bye, 200, "bob", NULL, NULL);
    world_close();
}

TEST(a_caller_whose_connection_is_lost_before_the_answer_is_cancelled)
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    fake_answer(b, 180, "bob", CORE_CONTACT, NULL);
    fake_flow_close(browser);
    CHECK(fake_client_was_cancelled(b));
    CHECK(fake_server_was_dropped(a));
    fake_answer(b, 487, "bob", NULL, NULL);
    world_close();
}

TEST(another_connection_may_not_speak_in_the_dialog) /* specs 2.3 */
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    fake_flow_open("WSS");
    gw_flow_id owner = browser;
    world_setup.access_flow = browser;
    char text[1024];
    snprintf(text, sizeof(text), "BYE sip:gw SIP/2.0\nFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: 9 BYE\n",
             header_of(fake_server_request(a), "From"), header_of(fake_last_response(a), "To"),
             header_of(fake_server_request(a), "Call-ID"));
    EQ(fake_status(fake_request(owner + 1, text)), 403);
    EQ(gw_calls_count(calls), 1);
    hang_up(a);
    world_close();
}

/* ---- reports of the media, specs 6 ---- */

static void notify(uint8_t event, int cause)
{
    struct gw_iq_notify n = { .ctx = gw_agw_fake_last(agw)->ctx, .event = event, .cause = cause };
    memcpy(n.call, gw_agw_fake_last(agw)->call, sizeof(n.call));
    gw_calls_on_notify(calls, &n);
}

TEST(a_fingerprint_mismatch_ends_the_call)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    notify(GW_IQ_ICE_UP, 0);
    notify(GW_IQ_DTLS_UP, 0);
    EQ(gw_calls_count(calls), 1);
    unsigned before = fake_sent();
    notify(GW_IQ_DTLS_FAILED, GW_E_MISMATCH);
    STR_EQ(header_of(fake_client_request(last_sent("BYE")), "Reason"), "SIP;cause=488;text=\"media security\"");
    EQ(counted(GW_STAT_CALL_MEDIA_SECURITY), 1);
    close_both(before);
    world_close();
}

TEST(lost_consent_and_silence_end_the_call_unless_policy_keeps_it)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    unsigned before = fake_sent();
    notify(GW_IQ_CONSENT_LOST, 0);
    close_both(before);
    world_close();

    world_open_with("media_loss = keep\n");
    call_up(&a, &b);
    notify(GW_IQ_MEDIA_INACTIVE, 0);
    EQ(counted(GW_STAT_CALL_MEDIA_LOST), 1);
    EQ(gw_calls_count(calls), 1);
    hang_up(a);
    world_close();
}

TEST(a_worker_out_of_service_ends_its_calls_without_a_release)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    unsigned before = fake_sent(), asked = gw_agw_fake_requests(agw);
    notify(GW_IQ_OUT_OF_SERVICE, 0);
    close_both(before);
    media();
    EQ(gw_agw_fake_requests(agw), asked);
    EQ(gw_calls_count(calls), 0);
    notify(GW_IQ_DTLS_FAILED, 0); /* late: nobody's */
    EQ(counted(GW_STAT_CALL_LATE_NOTIFIES), 1);
    gw_agw_fake_forget(agw);
    world_close();
}

TEST(a_release_that_times_out_is_tried_again)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    EQ(fake_status(from_caller(a, "BYE", 8, NULL, NULL)), 200);
    fake_answer(last_sent("BYE"), 200, "x", NULL, NULL);
    gw_agw_fake_reply_error(agw, GW_E_TIMEOUT);
    EQ(gw_calls_count(calls), 1);
    fake_sip_advance(501);
    EQ(gw_agw_fake_last(agw)->op, GW_IQ_RELEASE);
    world_close();
}

TEST(a_release_that_finds_the_queue_full_is_tried_again)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    gw_agw_fake_fail_submits(agw, 1);
    EQ(fake_status(from_caller(a, "BYE", 8, NULL, NULL)), 200);
    fake_answer(last_sent("BYE"), 200, "x", NULL, NULL);
    EQ(gw_calls_count(calls), 1);
    fake_sip_advance(501);
    world_close();
}

/* ---- pictures, RFC 5168 ---- */

TEST(pictures_are_asked_for_both_ways)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    notify(GW_IQ_PICTURE_FAST_UPDATE, 0);
    struct gw_sip_client *info = last_sent("INFO");
    STR_EQ(header_of(fake_client_request(info), "Content-Type"), "application/media_control+xml");
    CHECK(strstr(body_of(fake_client_request(info)), "picture_fast_update"));
    unsigned before = fake_sent();
    notify(GW_IQ_PICTURE_FAST_UPDATE, 0); /* at most one a second */
    EQ(fake_sent(), before);
    fake_sip_advance(1001);
    notify(GW_IQ_PICTURE_FAST_UPDATE, 0);
    EQ(fake_sent(), before + 1);
    fake_answer(info, 200, "bob", NULL, NULL);
    fake_answer(last_sent("INFO"), 200, "bob", NULL, NULL);

    struct gw_sip_server *theirs = from_callee(
        b, "bob", "INFO", 1, "Content-Type: application/media_control+xml\n",
        "<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>");
    EQ(fake_status(theirs), 200);
    EQ(gw_agw_fake_last(agw)->op, GW_IQ_KEYFRAME);
    EQ(gw_agw_fake_last(agw)->nstreams, 1);
    EQ(gw_agw_fake_last(agw)->streams[0].id, 2);
    EQ(fake_client_flow(fake_last_client()), 0); /* the browser heard nothing of it */
    hang_up(a);
    world_close();
}
