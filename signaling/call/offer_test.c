/* Offers and answers after the call is up, late offers, and offers that meet. */
#include <stdlib.h>

#include "call_world.h"

/* ---- late offers, CAL-008 ---- */

/* core: INVITE without SDP -> browser: offers in 200 -> core: answers in ACK -> browser: gets it in ACK */
TEST(an_offerless_invite_of_the_core_is_offerless_for_the_browser)
{
    world_open();
    struct gw_sip_server *a = core_invite(NULL, NULL);
    struct gw_sip_client *b = last_sent("INVITE"); /* no media to ask for yet */
    STR_EQ(body_of(fake_client_request(b)), "");
    fake_answer(b, 180, "ann", BROWSER_CONTACT, NULL);
    EQ(fake_status(a), 180);
    fake_answer(b, 200, "ann", BROWSER_CONTACT, "v1");
    EQ(fake_acks(), 0);
    media();
    EQ(fake_status(a), 200);
    STR_EQ(last_body(a), "offer:v1");
    EQ(fake_acks(), 0); /* the browser's ACK brings the answer, which there is not yet */
    fake_ack(a, "v2");
    media();
    EQ(fake_acks(), 1);
    STR_EQ(body_of(fake_ack_sent(0)), "answer:v2");
    hang_up(a);
    world_close();
}

TEST(an_offerless_invite_of_the_access_side_is_offerless_for_the_core)
{
    world_open();
    struct gw_sip_server *a = browser_invite(NULL, NULL);
    struct gw_sip_client *b = last_sent("INVITE");
    CHECK(!gw_sip_msg_has_token(fake_client_request(b), "Supported", "100rel")); /* no offer in a reliable 1xx */
    fake_answer(b, 200, "bob", CORE_CONTACT, "v1");
    media();
    STR_EQ(last_body(a), "offer:v1");
    fake_ack(a, "v2");
    media();
    STR_EQ(body_of(fake_ack_sent(0)), "answer:v2");
    struct gw_sip_msg *again = gw_sip_msg_response(fake_client_request(b), 200, NULL, "bob");
    gw_calls_on_stray_2xx(calls, 0, again); /* repeated: the same ACK, SDP and all */
    gw_sip_msg_free(again);
    STR_EQ(body_of(fake_ack_sent(1)), "answer:v2");
    hang_up(a);
    world_close();
}

TEST(an_ack_without_the_answer_ends_both_sides)
{
    world_open();
    struct gw_sip_server *a = core_invite(NULL, NULL);
    struct gw_sip_client *b = last_sent("INVITE");
    fake_answer(b, 200, "ann", BROWSER_CONTACT, "v1");
    media();
    unsigned before = fake_sent();
    fake_ack(a, NULL);
    EQ(fake_acks(), 1); /* the browser's 200 is acknowledged, then ended */
    EQ(fake_sent(), before + 2);
    fake_answer(fake_client(before), 200, "x", NULL, NULL);
    fake_answer(fake_client(before + 1), 200, "x", NULL, NULL);
    world_close();
}

TEST(a_late_offer_without_use_is_488_and_bye)
{
    world_open();
    struct gw_sip_server *a = core_invite(NULL, NULL);
    fake_answer(last_sent("INVITE"), 200, "ann", BROWSER_CONTACT, "bad");
    EQ(fake_status(a), 488);
    EQ(fake_acks(), 1);
    fake_answer(last_sent("BYE"), 200, "ann", NULL, NULL);
    world_close();
}

TEST(a_late_offer_that_iq_cannot_serve_is_503_and_bye)
{
    world_open();
    struct gw_sip_server *a = core_invite(NULL, NULL);
    fake_answer(last_sent("INVITE"), 200, "ann", BROWSER_CONTACT, "v1");
    gw_agw_fake_reply_error(agw, GW_E_LIMIT);
    EQ(fake_status(a), 503);
    EQ(fake_acks(), 1);
    fake_answer(last_sent("BYE"), 200, "ann", NULL, NULL);
    world_close();
}

/* ---- re-INVITE and UPDATE ---- */

TEST(hold_by_the_browser)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    struct gw_sip_server *hold = from_caller(a, "INVITE", 8, NULL, "hold");
    media();
    struct gw_sip_client *out = last_sent("INVITE");
    STR_EQ(body_of(fake_client_request(out)), "offer:hold");
    STR_EQ(header_of(fake_client_request(out), "CSeq"), "2 INVITE");
    STR_EQ(gw_sip_msg_uri(fake_client_request(out)), "sip:bob@10.0.0.9:5070");
    fake_answer(out, 200, "bob", CORE_CONTACT, "held");
    EQ(fake_acks(), 2);
    media();
    EQ(fake_status(hold), 200);
    STR_EQ(last_body(hold), "answer:held");
    fake_ack(hold, NULL);
    hang_up(a);
    world_close();
}

TEST(a_refused_offer_leaves_the_session_as_it_was)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    struct gw_sip_server *video = from_caller(a, "INVITE", 8, NULL, "video");
    media();
    fake_answer(last_sent("INVITE"), 488, "bob", "Warning: 304 x \"no video\"\n", NULL);
    EQ(fake_responses(video), 0); /* first the media is as before */
    media();
    EQ(fake_status(video), 488);
    STR_EQ(header_of(fake_last_response(video), "Warning"), "304 x \"no video\"");
    EQ(gw_calls_count(calls), 1);
    struct gw_sip_server *again = from_caller(a, "INVITE", 9, NULL, "audio");
    media();
    fake_answer(last_sent("INVITE"), 200, "bob", CORE_CONTACT, "audio");
    media();
    EQ(fake_status(again), 200);
    fake_ack(again, NULL);
    hang_up(a);
    world_close();
}

TEST(no_media_for_more_is_500_and_the_call_goes_on)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    struct gw_sip_server *video = from_caller(a, "INVITE", 8, NULL, "video");
    gw_agw_fake_reply_error(agw, GW_E_LIMIT);
    EQ(fake_status(video), 500);
    STR_EQ(header_of(fake_last_response(video), "Retry-After"), "30");
    struct gw_sip_server *bad = from_caller(a, "INVITE", 9, NULL, "bad");
    EQ(fake_status(bad), 488);
    EQ(gw_calls_count(calls), 1);
    hang_up(a);
    world_close();
}

TEST(a_dialog_that_is_gone_ends_the_call)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    struct gw_sip_server *hold = from_caller(a, "INVITE", 8, NULL, "hold");
    media();
    fake_answer(last_sent("INVITE"), 481, "bob", NULL, NULL);
    media();
    EQ(fake_status(hold), 487);
    struct gw_sip_client *bye = last_sent("BYE"); /* to the browser alone */
    EQ(fake_client_flow(bye), browser);
    fake_answer(bye, 200, "x", NULL, NULL);
    world_close();
}

/* ---- offers in early dialogs: the gateway answers for the browser ---- */

TEST(an_early_offer_of_the_callee_is_answered_and_told_to_the_browser_later) /* RFC 6337 s. 2.2.2 */
{
    static const char reliable[] = CORE_CONTACT "Require: 100rel\nRSeq: 7\n";
    struct gw_sip_server *a, *update;
    struct gw_sip_client *b;

    world_open();
    a = browser_invite("v1", NULL);
    media();
    b = last_sent("INVITE");
    fake_answer(b, 180, "bob", CORE_CONTACT, NULL);
    update = from_callee(b, "bob", "UPDATE", 1, NULL, "v0"); /* our own offer is open */
    EQ(fake_status(update), 491);
    fake_answer(b, 183, "bob", reliable, "v2");
    fake_answer(last_sent("PRACK"), 200, "bob", NULL, NULL);
    media();
    STR_EQ(last_body(a), "answer:v2");
    EQ(fake_status(from_callee(b, "bob", "UPDATE", 2, NULL, "bad")), 488);
    gw_ms_fake_need_reoffer();
    update = from_callee(b, "bob", "UPDATE", 3, NULL, "v3");
    EQ(fake_responses(update), 0); /* not before Iq has it */
    media();
    EQ(fake_status(update), 200);
    STR_EQ(last_body(update), "early:v3");
    fake_answer(b, 180, "bob", CORE_CONTACT, "v2"); /* the answer of before, repeated: not one any more */
    fake_answer(b, 200, "bob", CORE_CONTACT, "v2");
    STR_EQ(last_body(a), "answer:v2"); /* the browser has one answer, always */
    fake_ack(a, NULL);
    struct gw_sip_client *out = last_sent("INVITE");
    EQ(fake_client_flow(out), browser);
    STR_EQ(body_of(fake_client_request(out)), "offer:v3");
    fake_answer(out, 200, "f1", BROWSER_CONTACT, "v4");
    media();
    hang_up(a);
    world_close();
}

TEST(an_early_offer_of_one_fork_is_not_the_answer_of_another)
{
    struct gw_sip_server *a, *update;
    struct gw_sip_client *b;

    world_open();
    a = browser_invite("v1", NULL);
    media();
    b = last_sent("INVITE");
    fake_answer(b, 183, "x", "Contact: <sip:x@10.0.0.21>\n", "vx");
    media();
    fake_answer(b, 183, "y", "Contact: <sip:y@10.0.0.22>\n", "vy");
    media();
    update = from_callee(b, "x", "UPDATE", 1, NULL, "vx2");
    media();
    STR_EQ(last_body(update), "early:vx2");
    update = from_callee(b, "y", "UPDATE", 1, NULL, "vy2");
    media();
    STR_EQ(last_body(update), "early:vy2");
    fake_answer(b, 200, "x", "Contact: <sip:x@10.0.0.21>\n", NULL); /* x wins: its offer counts, not its first answer */
    media();
    EQ(fake_status(a), 200);
    fake_ack(a, NULL);
    hang_up(a);
    world_close();
}

TEST(an_early_offer_of_the_caller_in_prack_or_update_is_answered)
{
    struct gw_sip_server *a, *prack, *update;
    char rack[64];

    world_open();
    a = core_invite("v1", "Require: 100rel\n");
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    fake_answer(b, 180, "f1", BROWSER_CONTACT, NULL);
    EQ(fake_status(from_caller(a, "UPDATE", 4, NULL, "v0")), 500); /* its first offer is open (RFC 3311 s. 5.2) */
    snprintf(rack, sizeof(rack), "RAck: %s 3 INVITE\n", header_of(fake_last_response(a), "RSeq"));
    EQ(fake_status(from_caller(a, "PRACK", 5, rack, NULL)), 200);
    fake_answer(b, 183, "f1", BROWSER_CONTACT, "v2");
    media();
    snprintf(rack, sizeof(rack), "RAck: %s 3 INVITE\n", header_of(fake_last_response(a), "RSeq"));
    prack = from_caller(a, "PRACK", 6, rack, "v3");
    media();
    EQ(fake_status(prack), 200);
    STR_EQ(last_body(prack), "early:v3");
    gw_ms_fake_need_reoffer();
    update = from_caller(a, "UPDATE", 7, NULL, "v4");
    media();
    EQ(fake_status(update), 200);
    STR_EQ(last_body(update), "early:v4");
    fake_answer(b, 200, "f1", BROWSER_CONTACT, "v2");
    media();
    EQ(fake_status(a), 200);
    STR_EQ(last_body(a), ""); /* all was said reliably */
    fake_ack(a, NULL);
    struct gw_sip_client *out = last_sent("INVITE");
    STR_EQ(body_of(fake_client_request(out)), "offer:v4");
    fake_answer(out, 200, "f1", BROWSER_CONTACT, "v5");
    media();
    hang_up(a);
    world_close();
}

TEST(an_early_offer_ends_with_its_call)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    a = browser_invite("v1", NULL);
    media();
    b = last_sent("INVITE");
    fake_answer(b, 183, "bob", CORE_CONTACT, "v2");
    media();
    (void)from_callee(b, "bob", "UPDATE", 1, NULL, "v3"); /* with Iq */
    fake_cancel(a);
    media();
    EQ(fake_status(a), 487);
    fake_answer(b, 487, "bob", NULL, NULL);
    world_close();
}

TEST(update_of_the_core_is_a_reinvite_for_a_client_without_update) /* SIP.js */
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    a = browser_invite("v1", "Allow: ACK, BYE, CANCEL, INFO, INVITE, MESSAGE, NOTIFY, OPTIONS, PRACK, REFER\n");
    media();
    b = last_sent("INVITE");
    fake_answer(b, 200, "bob", CORE_CONTACT, "v2");
    media();
    fake_ack(a, NULL);
    struct gw_sip_server *update = from_callee(b, "bob", "UPDATE", 2, NULL, "v4");
    media();
    struct gw_sip_client *out = last_sent("INVITE");
    EQ(fake_client_flow(out), browser);
    STR_EQ(body_of(fake_client_request(out)), "offer:v4");
    unsigned acks = fake_acks();
    fake_answer(out, 200, "f1", BROWSER_CONTACT, "v5");
    EQ(fake_acks(), acks + 1);
    media();
    EQ(fake_status(update), 200);
    STR_EQ(last_body(update), "answer:v5");
    hang_up(a);
    world_close();
}

TEST(update_stays_update_where_it_is_allowed)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b); /* the core's 200 allows UPDATE */
    struct gw_sip_server *update = from_caller(a, "UPDATE", 8, NULL, "v3");
    media();
    struct gw_sip_client *out = last_sent("UPDATE");
    unsigned acks = fake_acks();
    fake_answer(out, 200, "bob", CORE_CONTACT, "v4");
    media();
    EQ(fake_acks(), acks);
    EQ(fake_status(update), 200);
    STR_EQ(last_body(update), "answer:v4");
    hang_up(a);
    world_close();
}

TEST(an_offerless_reinvite_asks_the_other_side) /* CAL-008 */
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    struct gw_sip_server *ask = from_callee(b, "bob", "INVITE", 1, NULL, NULL);
    struct gw_sip_client *out = last_sent("INVITE");
    EQ(fake_client_flow(out), browser);
    STR_EQ(body_of(fake_client_request(out)), "");
    unsigned acks = fake_acks();
    fake_answer(out, 200, "f1", BROWSER_CONTACT, "v3");
    media();
    EQ(fake_acks(), acks);
    STR_EQ(last_body(ask), "offer:v3");
    fake_ack(ask, "v4");
    media();
    EQ(fake_acks(), acks + 1);
    STR_EQ(body_of(fake_ack_sent(acks)), "answer:v4");
    hang_up(a);
    world_close();
}

TEST(an_offerless_reinvite_that_is_refused_changes_nothing)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    struct gw_sip_server *ask = from_callee(b, "bob", "INVITE", 1, NULL, NULL);
    fake_answer(last_sent("INVITE"), 500, "f1", NULL, NULL);
    EQ(fake_status(ask), 500);
    EQ(gw_calls_count(calls), 1);
    hang_up(a);
    world_close();
}

TEST(an_unchanged_reinvite_is_answered_by_the_gateway) /* a refresh: the other leg has a timer of its own */
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    unsigned sent = fake_sent(), asked = gw_agw_fake_requests(agw);
    struct gw_sip_server *same = from_caller(a, "INVITE", 8, NULL, "v1");
    EQ(fake_status(same), 200);
    STR_EQ(last_body(same), "answer:v2");
    fake_ack(same, NULL);
    EQ(fake_sent(), sent);
    EQ(gw_agw_fake_requests(agw), asked);
    hang_up(a);
    world_close();
}

TEST(a_cancelled_reinvite_is_cancelled_on_the_other_leg)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    struct gw_sip_server *hold = from_caller(a, "INVITE", 8, NULL, "hold");
    media();
    struct gw_sip_client *out = last_sent("INVITE");
    fake_cancel(hold);
    CHECK(fake_client_was_cancelled(out));
    fake_answer(out, 487, "bob", NULL, NULL);
    media();
    EQ(fake_status(hold), 487);
    EQ(gw_calls_count(calls), 1);
    hang_up(a);
    world_close();
}

TEST(a_bye_in_the_middle_of_an_offer_ends_all)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    struct gw_sip_server *hold = from_caller(a, "INVITE", 8, NULL, "hold"); /* with Iq now */
    EQ(fake_status(from_callee(b, "bob", "BYE", 1, NULL, NULL)), 200);
    EQ(fake_status(hold), 487);
    fake_answer(last_sent("BYE"), 200, "f1", NULL, NULL);
    world_close();
}

/* ---- glare, CAL-007 ---- */

TEST(offers_that_meet_get_491)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    struct gw_sip_server *mine = from_caller(a, "INVITE", 8, NULL, "v3");
    media();
    struct gw_sip_client *out = last_sent("INVITE");
    struct gw_sip_server *theirs = from_callee(b, "bob", "INVITE", 1, NULL, "v4"); /* meets ours */
    EQ(fake_status(theirs), 491);
    struct gw_sip_server *second = from_caller(a, "INVITE", 9, NULL, "v5"); /* the first is not answered yet */
    EQ(fake_status(second), 500);
    CHECK(atoi(header_of(fake_last_response(second), "Retry-After")) <= 10);
    EQ(counted(GW_STAT_CALL_GLARE), 2);
    fake_answer(out, 491, "bob", NULL, NULL); /* they refuse ours too: so the browser hears it */
    media();
    EQ(fake_status(mine), 491);
    EQ(gw_calls_count(calls), 1);
    hang_up(a);
    world_close();
}

TEST(the_gateways_own_offer_is_tried_again_after_glare)
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    fake_answer(b, 183, "x", "Contact: <sip:x@10.0.0.21>\n", "vx");
    media();
    gw_ms_fake_need_reoffer();
    fake_answer(b, 200, "y", "Contact: <sip:y@10.0.0.22>\n", "vy");
    media();
    fake_ack(a, NULL);
    struct gw_sip_client *own = last_sent("INVITE");
    EQ(fake_client_flow(own), browser);
    fake_answer(own, 491, "f1", NULL, NULL);
    media();
    fake_sip_advance(2001); /* the Call-ID of this leg is the browser's: 0 to 2 s (RFC 3261 s. 14.1) */
    struct gw_sip_client *again = last_sent("INVITE");
    CHECK(again != own);
    fake_answer(again, 200, "f1", BROWSER_CONTACT, "v3");
    media();
    hang_up(a);
    world_close();
}

TEST(requests_out_of_order_or_of_strangers_are_refused)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    struct gw_sip_server *low =
        from_caller(a, "INFO", 3, NULL, NULL); /* lower CSeq than the INVITE (RFC 3261 s. 12.2.2) */
    EQ(fake_status(low), 500);
    EQ(fake_status(from_callee(b, "stranger", "BYE", 1, NULL, NULL)), 481);
    EQ(gw_calls_count(calls), 1);
    hang_up(a);
    world_close();
}
