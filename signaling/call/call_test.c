/* Plain calls, both ways: each test is a call flow. */
#include "call_world.h"

/* browser           gateway             core
 *   | INVITE v1 ------>|                  |
 *   |                  | INVITE offer:v1 ->|
 *   |<---------- 180   |<----------- 180  |
 *   |<- 200 answer:v2  |<---------- 200 v2|
 *   | ACK ------------>|------------- ACK>|
 *   | BYE ------------>|------------- BYE>| */
TEST(browser_calls_core_answers_browser_hangs_up)
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", "Subject: hello\nP-Charging-Vector: icid-value=\"forged\"\n"
                                                   "P-Access-Network-Info: IEEE-802.11;i-wlan-node-id=ff, "
                                                   "3GPP-GERAN;network-provided\n");
    EQ(fake_sent(), 0); /* nothing goes out before there is media to offer */
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    const struct gw_sip_msg *inv = fake_client_request(b);
    STR_EQ(gw_sip_msg_uri(inv), "sip:bob@ims.example");
    STR_EQ(body_of(inv), "offer:v1");
    STR_EQ(header_of(inv, "Route"), "<sip:orig@scscf.ims.example;lr>");
    STR_EQ(header_of(inv, "Subject"), "hello");
    STR_EQ(header_of(inv, "P-Asserted-Identity"), "<sip:ann@ims.example>");
    CHECK(strstr(header_of(inv, "P-Charging-Vector"), "icid-1"));
    STR_EQ(header_of(inv, "P-Access-Network-Info"), "IEEE-802.11;i-wlan-node-id=ff");
    STR_EQ(header_of(inv, "Max-Forwards"), "69");
    STR_EQ(header_of(inv, "Session-Expires"), "1800");
    STR_EQ(header_of(inv, "Min-SE"), "90");
    CHECK(gw_sip_msg_has_token(inv, "Supported", "100rel"));
    CHECK(strcmp(header_of(inv, "Call-ID"), header_of(fake_server_request(a), "Call-ID")) != 0); /* SIG-019 */
    CHECK(strcmp(param_of(header_of(inv, "From"), "tag"), "f1") != 0);

    fake_answer(b, 180, "bob", CORE_CONTACT "P-Charging-Vector: icid-value=\"their\"\n", NULL);
    EQ(fake_status(a), 180);
    STR_EQ(last_body(a), "");
    fake_answer(b, 200, "bob", CORE_CONTACT "Record-Route: <sip:p1;lr>, <sip:p2;lr>\n", "v2");
    EQ(fake_acks(), 1);
    STR_EQ(gw_sip_msg_uri(fake_ack_sent(0)), "sip:bob@10.0.0.9:5070");
    STR_EQ(header_of(fake_ack_sent(0), "Route"), "<sip:p2;lr>"); /* reversed: RFC 3261 s. 12.1.2 */
    EQ(fake_status(a), 180);                                     /* not before the media is ready */
    media();
    EQ(fake_status(a), 200);
    STR_EQ(last_body(a), "answer:v2");
    STR_EQ(header_of(fake_last_response(a), "P-Charging-Vector"), ""); /* REG-003 */
    fake_ack(a, NULL);

    struct gw_sip_server *bye = from_caller(a, "BYE", 8, "Reason: Q.850;cause=16\n", NULL);
    EQ(fake_status(bye), 200);
    struct gw_sip_client *bye_out = last_sent("BYE");
    STR_EQ(header_of(fake_client_request(bye_out), "Reason"), "Q.850;cause=16");
    STR_EQ(param_of(header_of(fake_client_request(bye_out), "To"), "tag"), "bob");
    STR_EQ(header_of(fake_client_request(bye_out), "CSeq"), "2 BYE");
    fake_answer(bye_out, 200, "bob", NULL, NULL);
    media();
    EQ(counted(GW_STAT_CALLS_ENDED_ANSWERED), 1);
    world_close();
}

TEST(core_calls_browser_answers_core_hangs_up)
{
    world_open();
    struct gw_sip_server *a = core_invite("v1", NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    const struct gw_sip_msg *inv = fake_client_request(b);
    EQ(fake_client_flow(b), browser);
    STR_EQ(gw_sip_msg_uri(inv), "sip:u8@k3f9.invalid;transport=ws");
    STR_EQ(header_of(inv, "To"), "<sip:+491234567@ims.example;user=phone>"); /* SIG-018: JsSIP knows no tel: */
    CHECK(strstr(header_of(inv, "From"), "\"Carol\" <sip:+4915112345@ims.example;user=phone>;tag=") != NULL);
    STR_EQ(header_of(inv, "P-Asserted-Identity"), "<sip:carol@ims.example>");
    STR_EQ(header_of(inv, "P-Charging-Vector"), "");
    STR_EQ(header_of(inv, "Route"), "");
    CHECK(!gw_sip_msg_has_token(inv, "Supported", "100rel")); /* CAL-002: not shown to a browser */
    CHECK(strstr(header_of(inv, "Contact"), ";transport=ws>"));
    fake_answer(b, 180, "ann", BROWSER_CONTACT, NULL);
    EQ(fake_status(a), 180);
    fake_answer(b, 200, "ann", BROWSER_CONTACT, "v2");
    media();
    EQ(fake_status(a), 200);
    STR_EQ(last_body(a), "answer:v2");
    STR_EQ(header_of(fake_last_response(a), "P-Asserted-Identity"), "<sip:ann@ims.example>");
    STR_EQ(header_of(fake_last_response(a), "From"), "\"Carol\" <tel:+4915112345>;tag=c1");
    fake_ack(a, NULL);
    hang_up(a);
    world_close();
}

TEST(the_callee_hangs_up)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    EQ(fake_status(from_callee(b, "bob", "BYE", 1, NULL, NULL)), 200);
    struct gw_sip_client *bye = last_sent("BYE");
    EQ(fake_client_flow(bye), browser);
    STR_EQ(gw_sip_msg_uri(fake_client_request(bye)), "sip:u8@k3f9.invalid;transport=ws");
    fake_answer(bye, 200, "f1", NULL, NULL);
    world_close();
}

TEST(cancel_ends_both_legs)
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    fake_answer(b, 180, "bob", CORE_CONTACT, NULL);
    fake_cancel(a);
    EQ(fake_status(a), 487);
    CHECK(fake_client_was_cancelled(b));
    media();
    EQ(gw_calls_count(calls), 1); /* until the core has said its last word */
    fake_answer(b, 487, "bob", NULL, NULL);
    world_close();
}

TEST(cancel_crossing_a_200_gives_ack_and_bye) /* CAL-006 */
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    fake_answer(b, 180, "bob", CORE_CONTACT, NULL);
    fake_cancel(a);
    EQ(fake_status(a), 487);
    fake_answer(b, 200, "bob", CORE_CONTACT, "v2");
    EQ(fake_acks(), 1);
    fake_answer(last_sent("BYE"), 200, "bob", NULL, NULL);
    world_close();
}

TEST(cancel_while_media_is_reserved_releases_what_comes)
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    fake_cancel(a);
    EQ(fake_status(a), 487);
    EQ(fake_sent(), 0);
    media(); /* the reply tells the context, which is then released */
    EQ(gw_agw_fake_requests(agw), 2);
    EQ(gw_agw_fake_contexts(agw), 0);
    world_close();
}

TEST(a_callee_that_never_answers_a_cancel_is_given_up)
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    fake_answer(b, 180, "bob", CORE_CONTACT, NULL);
    fake_cancel(a);
    media();
    fake_sip_advance(69 * 1000);
    EQ(gw_calls_count(calls), 1);
    fake_sip_advance(1001);
    CHECK(fake_client_was_dropped(b));
    EQ(counted(GW_STAT_CALLS_ABANDONED), 1);
    world_close();
}

TEST(rejection_and_redirection_are_passed_on)
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    fake_answer(last_sent("INVITE"), 486, "bob", "Warning: 399 x \"busy\"\n", NULL);
    EQ(fake_status(a), 486);
    STR_EQ(header_of(fake_last_response(a), "Warning"), "399 x \"busy\"");
    media();
    a = browser_invite("v1", NULL);
    media();
    fake_answer(last_sent("INVITE"), 302, "bob", "Contact: <sip:other@ims.example>\n", NULL);
    EQ(fake_status(a), 302);
    STR_EQ(header_of(fake_last_response(a), "Contact"), "<sip:other@ims.example>");
    media();
    a = browser_invite("v1", NULL);
    media();
    fake_answer(last_sent("INVITE"), 407, "bob", "Proxy-Authenticate: Digest realm=\"x\", nonce=\"n\"\n", NULL);
    EQ(fake_status(a), 407); /* REG-005: the challenge is for the browser */
    STR_EQ(header_of(fake_last_response(a), "Proxy-Authenticate"), "Digest realm=\"x\", nonce=\"n\"");
    world_close();
}

TEST(a_browser_whose_connection_is_gone_is_480_for_the_core)
{
    world_open();
    struct gw_sip_server *a = core_invite("v1", NULL);
    media();
    fake_answer(last_sent("INVITE"), 430, "gw", NULL, NULL);
    EQ(fake_status(a), 480);
    world_close();
}

TEST(no_final_response_is_408_after_timer_c)
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    fake_sip_advance(180 * 1000);
    fake_answer(b, 180, "bob", CORE_CONTACT, NULL); /* starts it anew (RFC 3261 s. 16.7) */
    fake_sip_advance(184 * 1000);
    EQ(fake_status(a), 180);
    fake_sip_advance(1001);
    EQ(fake_status(a), 408);
    CHECK(fake_client_was_cancelled(b));
    fake_answer(b, 487, "bob", NULL, NULL);
    world_close();
}

TEST(expires_of_the_invite_is_kept)
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", "Expires: 20\n");
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    STR_EQ(header_of(fake_client_request(b), "Expires"), "20");
    fake_answer(b, 180, "bob", CORE_CONTACT, NULL);
    fake_sip_advance(20001);
    EQ(fake_status(a), 408);
    fake_answer(b, 487, "bob", NULL, NULL);
    world_close();
}

TEST(no_ack_ends_the_call) /* CAL-009; the 2xx is repeated by the stack until then */
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    fake_answer(b, 200, "bob", CORE_CONTACT, "v2");
    media();
    unsigned before = fake_sent();
    fake_no_ack(a);
    EQ(fake_sent(), before + 2);
    STR_EQ(method_of(fake_client(before)), "BYE");
    STR_EQ(method_of(fake_client(before + 1)), "BYE");
    fake_answer(fake_client(before), 200, "x", NULL, NULL);
    fake_answer(fake_client(before + 1), 200, "x", NULL, NULL);
    world_close();
}

TEST(bye_of_the_callee_before_the_ack_waits_for_it) /* RFC 3261 s. 15: no BYE before the ACK */
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    fake_answer(b, 200, "bob", CORE_CONTACT, "v2");
    media();
    unsigned before = fake_sent();
    EQ(fake_status(from_callee(b, "bob", "BYE", 1, NULL, NULL)), 200);
    EQ(fake_sent(), before);
    fake_ack(a, NULL);
    fake_answer(last_sent("BYE"), 200, "x", NULL, NULL);
    world_close();
}

TEST(both_sides_hang_up_at_once)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    EQ(fake_status(from_caller(a, "BYE", 8, NULL, NULL)), 200);
    struct gw_sip_client *bye = last_sent("BYE");
    EQ(fake_status(from_callee(b, "bob", "BYE", 1, NULL, NULL)), 200);
    fake_answer(bye, 200, "bob", NULL, NULL);
    world_close();
}

TEST(a_200_repeated_after_its_transaction_is_acknowledged_again)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    EQ(fake_acks(), 1);
    struct gw_sip_msg *again = gw_sip_msg_response(fake_client_request(b), 200, NULL, "bob");
    gw_calls_on_stray_2xx(calls, 0, again);
    gw_sip_msg_free(again);
    EQ(fake_acks(), 2);
    STR_EQ(header_of(fake_ack_sent(1), "CSeq"), header_of(fake_ack_sent(0), "CSeq"));
    hang_up(a);
    world_close();
}

TEST(no_media_left_is_503_with_retry_after)
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    gw_agw_fake_reply_error(agw, GW_E_LIMIT);
    EQ(fake_status(a), 503);
    STR_EQ(header_of(fake_last_response(a), "Retry-After"), "30");
    EQ(fake_sent(), 0);
    EQ(counted(GW_STAT_CALL_OFFERS_REFUSED), 1);
    media();
    gw_agw_fake_fail_submits(agw, 1);
    a = browser_invite("v1", NULL);
    EQ(fake_status(a), 503);
    world_close();
}

TEST(an_offer_without_use_is_488_with_warning)
{
    world_open();
    struct gw_sip_server *a = browser_invite("bad", NULL);
    EQ(fake_status(a), 488);
    STR_EQ(header_of(fake_last_response(a), "Warning"), "304 ims.example \"No media type\"");
    EQ(gw_agw_fake_requests(agw), 0);
    world_close();
}

TEST(an_answer_without_use_ends_the_call)
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    fake_answer(b, 200, "bob", CORE_CONTACT, "bad");
    EQ(fake_acks(), 1);
    EQ(fake_status(a), 488);
    struct gw_sip_client *bye = last_sent("BYE");
    CHECK(strstr(header_of(fake_client_request(bye), "Reason"), "cause=488"));
    fake_answer(bye, 200, "bob", NULL, NULL);
    world_close();
}

TEST(the_limit_of_calls_is_503)
{
    world_open_with("calls_max = 1\n");
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    struct gw_sip_server *second = browser_invite("v1", NULL);
    EQ(fake_status(second), 503);
    STR_EQ(header_of(fake_last_response(second), "Retry-After"), "30");
    EQ(counted(GW_STAT_CALL_REQUESTS_REFUSED), 1);
    fake_cancel(a);
    fake_answer(last_sent("INVITE"), 487, "bob", NULL, NULL);
    world_close();
}

TEST(invites_that_cannot_be_served_are_refused)
{
    static const struct {
        const char *headers;
        int status;
        const char *header, *value;
    } rows[] = {
        { "Require: precondition\n", 420, "Unsupported", "precondition" },
        { "Require: x-unknown\n", 420, "Unsupported", "x-unknown" },
        { "Content-Type: text/plain\n", 415, "Accept", "application/sdp" },
        { "Content-Encoding: gzip\n", 415, "Accept-Encoding", "identity" },
        { "Supported: timer\nSession-Expires: 60\n", 422, "Min-SE", "90" },
    };
    world_open();
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gw_sip_server *a = core_invite("v1", rows[i].headers);
        EQ(fake_status(a), rows[i].status);
        STR_EQ(header_of(fake_last_response(a), rows[i].header), rows[i].value);
    }
    EQ(counted(GW_STAT_CALL_REQUESTS_REFUSED), 5);
    EQ(gw_calls_count(calls), 0);
    world_close();
}

TEST(every_call_is_released_when_the_gateway_stops)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    struct gw_sip_server *ringing = browser_invite("v1", NULL);
    media();
    struct gw_sip_client *b2 = last_sent("INVITE");
    unsigned before = fake_sent();
    gw_calls_release_all(calls, NULL, NULL);
    EQ(fake_status(ringing), 503);
    CHECK(fake_client_was_cancelled(b2));
    EQ(fake_sent(), before + 2); /* BYE both ways for the one that is up */
    fake_answer(fake_client(before), 200, "x", NULL, NULL);
    fake_answer(fake_client(before + 1), 200, "x", NULL, NULL);
    fake_answer(b2, 487, "bob", NULL, NULL);
    world_close();
}
