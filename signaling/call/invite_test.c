/* Provisional responses, forks, reliability: what the callee's side does and what the caller sees of it. */
#include <stdlib.h>

#include "call_world.h"

/* Two phones ring; each has early media of its own; the second one answers.
 * core                         gateway                      browser
 *  | 183 tag=x, SDP vx -------->| 183 tag=T, answer:vx ------->|
 *  | 183 tag=y, SDP vy -------->| 183 tag=T, no SDP ---------->|   core termination points at y now
 *  | 180 tag=x ---------------->| 180 tag=T, no SDP ---------->|
 *  | 200 tag=y, SDP vy -------->| 200 tag=T, answer:vx ------->|   the same answer as before */
TEST(forks_are_one_dialog_with_one_answer_for_the_browser) /* CAL-003, CAL-004; traps 4, 5 and 6 */
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    fake_answer(b, 183, "x", "Contact: <sip:x@10.0.0.21>\n", "vx");
    media();
    EQ(fake_status(a), 183);
    STR_EQ(last_body(a), "answer:vx");
    const struct gw_sip_msg *first = fake_last_response(a);
    unsigned asked = gw_agw_fake_requests(agw);
    fake_answer(b, 183, "y", "Contact: <sip:y@10.0.0.22>\n", "vy");
    media();
    EQ(gw_agw_fake_requests(agw), asked + 1); /* re-pointed */
    STR_EQ(last_body(a), "");
    fake_answer(b, 180, "x", "Contact: <sip:x@10.0.0.21>\n", NULL);
    EQ(fake_status(a), 180);
    STR_EQ(last_body(a), "");
    fake_answer(b, 200, "y", "Contact: <sip:y@10.0.0.22>\n", "vy");
    media();
    EQ(gw_agw_fake_requests(agw), asked + 1); /* nothing new: the context is left alone */
    EQ(fake_status(a), 200);
    STR_EQ(last_body(a), "answer:vx");
    for (unsigned i = 0; i < fake_responses(a); i++)
        STR_EQ(header_of(fake_response(a, i), "To"), header_of(first, "To"));
    STR_EQ(gw_sip_msg_uri(fake_ack_sent(0)), "sip:y@10.0.0.22");
    fake_ack(a, NULL);
    hang_up(a);
    world_close();
}

TEST(a_200_of_the_fork_not_heard_last_repoints_the_media)
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    fake_answer(b, 183, "x", "Contact: <sip:x@10.0.0.21>\n", "vx");
    media();
    fake_answer(b, 183, "y", "Contact: <sip:y@10.0.0.22>\n", "vy");
    media();
    unsigned asked = gw_agw_fake_requests(agw);
    gw_ms_fake_need_reoffer(); /* its codecs are not those of the answer that the browser has */
    fake_answer(b, 200, "x", "Contact: <sip:x@10.0.0.21>\n", "vx");
    EQ(gw_agw_fake_requests(agw), asked + 1);
    EQ(fake_status(a), 183); /* not before the media points there */
    media();
    EQ(fake_status(a), 200);
    STR_EQ(last_body(a), "answer:vx");
    fake_ack(a, NULL);
    struct gw_sip_client *again = last_sent("INVITE"); /* so the browser is offered what is true */
    EQ(fake_client_flow(again), browser);
    fake_answer(again, 200, "f1", BROWSER_CONTACT, "v3");
    media();
    hang_up(a);
    world_close();
}

TEST(a_second_200_gets_ack_and_bye) /* CAL-005 */
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    struct gw_sip_msg *other = gw_sip_msg_response(fake_client_request(b), 200, NULL, "other");
    gw_sip_msg_set(other, "Contact", "<sip:other@10.0.0.23>");
    gw_sip_msg_set(other, "Record-Route", "<sip:p9;lr>");
    gw_calls_on_stray_2xx(calls, 0, other);
    gw_sip_msg_free(other);
    EQ(fake_acks(), 2);
    STR_EQ(gw_sip_msg_uri(fake_ack_sent(1)), "sip:other@10.0.0.23");
    STR_EQ(header_of(fake_ack_sent(1), "Route"), "<sip:p9;lr>");
    struct gw_sip_client *bye = last_sent("BYE");
    STR_EQ(param_of(header_of(fake_client_request(bye), "To"), "tag"), "other");
    fake_answer(bye, 200, "other", NULL, NULL);
    EQ(counted(GW_STAT_CALL_EXTRA_2XX), 1);
    EQ(gw_calls_count(calls), 1);
    hang_up(a);
    world_close();
}

TEST(a_stray_200_after_the_call_gets_ack_and_bye)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    call_up(&a, &b);
    struct gw_sip_msg *late = gw_sip_msg_response(fake_client_request(b), 200, NULL, "late");
    gw_sip_msg_set(late, "Contact", "<sip:late@10.0.0.24>");
    hang_up(a);
    media();
    EQ(gw_calls_count(calls), 0);
    gw_calls_on_stray_2xx(calls, 0, late);
    EQ(fake_acks(), 2);
    fake_answer(last_sent("BYE"), 200, "late", NULL, NULL);
    gw_sip_msg_free(late);
    world_close();
}

TEST(early_dialogs_are_bounded)
{
    char tag[8], contact[64];

    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    for (unsigned i = 0; i < 14; i++) {
        snprintf(tag, sizeof(tag), "t%u", i);
        snprintf(contact, sizeof(contact), "Contact: <sip:t%u@10.0.0.21>\n", i);
        fake_answer(b, 180, tag, contact, NULL);
    }
    EQ(counted(GW_STAT_CALL_EARLY_LIMIT), 2);
    fake_answer(b, 200, "t13", "Contact: <sip:t13@10.0.0.21>\n", "v2"); /* who answers is taken all the same */
    media();
    EQ(fake_status(a), 200);
    fake_ack(a, NULL);
    hang_up(a);
    world_close();
}

TEST(messages_that_come_while_iq_works_wait_in_order)
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    fake_answer(b, 183, "x", "Contact: <sip:x@10.0.0.21>\n",
                "vx"); /* the answer is with the access gateway, and now: */
    fake_answer(b, 180, "x", "Contact: <sip:x@10.0.0.21>\n", NULL);
    fake_answer(b, 200, "x", "Contact: <sip:x@10.0.0.21>\n", "vx");
    EQ(fake_responses(a), 0);
    EQ(fake_acks(), 0);
    media();
    EQ(fake_responses(a), 3);
    EQ(gw_sip_msg_status(fake_response(a, 0)), 183);
    EQ(gw_sip_msg_status(fake_response(a, 1)), 180);
    EQ(gw_sip_msg_status(fake_response(a, 2)), 200);
    EQ(fake_acks(), 1);
    fake_ack(a, NULL);
    hang_up(a);
    world_close();
}

TEST(a_200_while_iq_works_is_ended_when_the_caller_cancels)
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    fake_answer(b, 183, "x", "Contact: <sip:x@10.0.0.21>\n", "vx");
    fake_answer(b, 200, "x", "Contact: <sip:x@10.0.0.21>\n", "vx");
    fake_cancel(a);
    EQ(fake_status(a), 487);
    EQ(fake_acks(), 1);
    fake_answer(last_sent("BYE"), 200, "x", NULL, NULL);
    world_close();
}

/* ---- 100rel, CAL-002 ---- */

TEST(a_reliable_183_of_the_core_is_pracked_and_hidden_from_the_browser)
{
    world_open();
    world_setup.nroutes = 0;
    world_setup.next_hop = "sip:icscf.ims.example;lr"; /* for what has no route: the first INVITE alone */
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    STR_EQ(fake_client_next_hop(b), "sip:icscf.ims.example;lr");
    static const char headers[] = "Contact: <sip:x@10.0.0.21>\nRequire: 100rel\nRSeq: 71\n";
    fake_answer(b, 183, "x", headers, "vx");
    struct gw_sip_client *prack = last_sent("PRACK");
    STR_EQ(header_of(fake_client_request(prack), "RAck"), "71 1 INVITE");
    STR_EQ(header_of(fake_client_request(prack), "CSeq"), "2 PRACK");
    CHECK(fake_client_next_hop(prack) == NULL);
    STR_EQ(gw_sip_msg_uri(fake_client_request(prack)), "sip:x@10.0.0.21");
    fake_answer(prack, 200, "x", NULL, NULL);
    media();
    EQ(fake_status(a), 183);
    STR_EQ(header_of(fake_last_response(a), "Require"), "");
    STR_EQ(header_of(fake_last_response(a), "RSeq"), "");
    unsigned sent = fake_sent(), said = fake_responses(a);
    fake_answer(b, 183, "x", headers, "vx"); /* repeated: neither PRACK nor 183 again */
    fake_answer(b, 180, "x", "Contact: <sip:x@10.0.0.21>\nRequire: 100rel\nRSeq: 73\n", NULL); /* 72 is missing */
    EQ(fake_sent(), sent);
    EQ(fake_responses(a), said);
    fake_answer(b, 180, "x", "Contact: <sip:x@10.0.0.21>\nRequire: 100rel\nRSeq: 72\n", NULL);
    STR_EQ(header_of(fake_client_request(last_sent("PRACK")), "RAck"), "72 1 INVITE");
    fake_answer(last_sent("PRACK"), 200, "x", NULL, NULL);
    fake_answer(b, 200, "x", "Contact: <sip:x@10.0.0.21>\n", NULL); /* no SDP: the reliable 183 had it */
    media();
    EQ(fake_status(a), 200);
    STR_EQ(last_body(a), "answer:vx"); /* trap 4: a 2xx without body is fatal for JsSIP */
    fake_ack(a, NULL);
    hang_up(a);
    world_close();
}

TEST(an_invite_that_requires_100rel_gets_reliable_provisionals)
{
    world_open();
    struct gw_sip_server *a = core_invite("v1", "Require: 100rel\n");
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    STR_EQ(header_of(fake_client_request(b), "Require"), "");
    fake_answer(b, 180, "ann", BROWSER_CONTACT, NULL);
    EQ(fake_status(a), 180);
    CHECK(gw_sip_msg_has_token(fake_last_response(a), "Require", "100rel"));
    unsigned rseq = (unsigned)atoi(header_of(fake_last_response(a), "RSeq"));
    CHECK(rseq > 0);
    fake_sip_advance(501); /* sent again after T1, then after 2*T1 */
    EQ(fake_responses(a), 2);
    fake_sip_advance(1001);
    EQ(fake_responses(a), 3);

    char rack[64];
    snprintf(rack, sizeof(rack), "RAck: %u 99 INVITE\n", rseq);
    EQ(fake_status(from_caller(a, "PRACK", 4, rack, NULL)), 481);
    snprintf(rack, sizeof(rack), "RAck: %u 3 INVITE\n", rseq);
    EQ(fake_status(from_caller(a, "PRACK", 5, rack, NULL)), 200);
    EQ(fake_status(from_caller(a, "PRACK", 6, rack, NULL)), 481); /* nothing waits any more */
    fake_sip_advance(20000);
    EQ(fake_responses(a), 3);

    fake_answer(b, 183, "ann", BROWSER_CONTACT, "v2");
    media();
    EQ(atoi(header_of(fake_last_response(a), "RSeq")), rseq + 1);
    STR_EQ(last_body(a), "answer:v2");
    fake_answer(b, 200, "ann", BROWSER_CONTACT, "v2");
    media();
    EQ(fake_status(a), 183); /* not before the PRACK of the answer (RFC 3262 s. 3) */
    snprintf(rack, sizeof(rack), "RAck: %u 3 INVITE\n", rseq + 1);
    EQ(fake_status(from_caller(a, "PRACK", 7, rack, NULL)), 200);
    EQ(fake_status(a), 200);
    STR_EQ(last_body(a), ""); /* the answer went reliably (RFC 6337 s. 2.2) */
    fake_ack(a, NULL);
    hang_up(a);
    world_close();
}

TEST(no_prack_is_5xx)
{
    world_open();
    struct gw_sip_server *a = core_invite("v1", "Require: 100rel\n");
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    fake_answer(b, 183, "ann", BROWSER_CONTACT, "v2");
    media();
    fake_answer(b, 200, "ann", BROWSER_CONTACT, "v2"); /* held back for the PRACK that does not come */
    media();
    fake_sip_advance(32001);
    EQ(fake_status(a), 504);
    fake_answer(last_sent("BYE"), 200, "ann", NULL, NULL);
    world_close();
}

/* ---- session timer asked by 422, CAL-001 ---- */

TEST(a_422_is_answered_with_its_min_se)
{
    world_open();
    struct gw_sip_server *a = browser_invite("v1", NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    fake_answer(b, 422, "x", "Min-SE: 3600\n", NULL);
    struct gw_sip_client *again = last_sent("INVITE");
    CHECK(again != b);
    STR_EQ(header_of(fake_client_request(again), "Session-Expires"), "3600");
    STR_EQ(header_of(fake_client_request(again), "Min-SE"), "3600");
    STR_EQ(header_of(fake_client_request(again), "CSeq"), "2 INVITE");
    STR_EQ(header_of(fake_client_request(again), "Call-ID"), header_of(fake_client_request(b), "Call-ID"));
    STR_EQ(body_of(fake_client_request(again)), "offer:v1");
    EQ(fake_responses(a), 0);
    fake_answer(again, 422, "x", "Min-SE: 3600\n", NULL); /* asks for nothing new: given up, and no 422 to a browser */
    EQ(fake_status(a), 500);
    world_close();
}
