/* The demo core over the fake stack; its media sockets are real ones on loopback. */
#include "test.h"

#include <unistd.h>

#include "sip_fake.h"
#include "signaling/demo_core/demo_core.h"
#include "signaling/demo_core/demo_fixture.h"
#include "signaling/demo_core/registrar.h"
#include "signaling/sdp/sdp_attr.h"

static struct gw_demo *demo;

static void start(void)
{
    static const struct gw_demo_options options = { "ims.example", "demo", { 4, 0, 0, { 127, 0, 0, 1 } },
                                                    28400,         28499,  "/tmp/imsgw-demo-core-test",
                                                    NULL };
    struct gw_sip_handler handler;
    struct gw_sip_stack *stack = fake_sip_reset();

    EQ(gw_demo_new(&options, &demo), 0);
    gw_demo_handler(demo, &handler);
    fake_sip_set_handler(&handler);
    gw_demo_start(demo, stack);
}

static void stop(void)
{
    gw_demo_free(demo);
    demo = NULL;
    fake_sip_reset();
}

static struct gw_sip_server *invite(const char *user, const char *body)
{
    char text[2048];

    snprintf(text, sizeof(text),
             "INVITE sip:%s@ims.example SIP/2.0\nFrom: <sip:ann@ims.example>;tag=f1\nTo: <sip:%s@ims.example>\n"
             "Call-ID: c1\nCSeq: 1 INVITE\nContact: <sip:gw@10.0.0.1>\nContent-Type: application/sdp\n\n%s",
             user, user, body);
    return fake_request(0, text);
}

static const char offer[] =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 28390 RTP/AVP 111 101\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n"
    "m=video 28392 RTP/AVPF 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=sendonly\r\n"
    "m=message 9 TCP/MSRP *\r\na=path:msrp://127.0.0.1:28380/x;tcp\r\na=setup:actpass\r\nm=audio 9 RTP/SAVPF 0\r\n";

TEST(echo_answers_audio_video_and_chat_and_refuses_other_lines)
{
    struct gw_sip_server *t;
    struct gw_sdp *sdp = NULL;
    struct gw_sdp_error why;
    struct gw_span v;
    unsigned pos = 0;

    start();
    t = invite("echo", offer);
    EQ(fake_status(t), 200);
    EQ(gw_sdp_parse(gw_sip_msg_body(fake_last_response(t)), &sdp, &why), 0);
    if (sdp) {
        EQ(sdp->nmedia, 4);
        CHECK(sdp->media[0].port >= 28400 && sdp->media[0].port <= 28499);
        SPAN_EQ(sdp->media[0].fmts, "111 101");
        SPAN_EQ(sdp->media[1].proto, "RTP/AVPF");
        EQ(gw_sdp_direction(sdp, &sdp->media[1]), GW_SDP_RECVONLY);
        CHECK(sdp->media[2].port >= 28400 && sdp->media[2].port <= 28499);
        CHECK(gw_sdp_attr(&sdp->media[2].section, "setup", &pos, &v));
        SPAN_EQ(v, "passive");
        EQ(sdp->media[3].port, 0);
    }
    gw_sdp_free(sdp);
    fake_ack(t, NULL);
    stop();
}

TEST(a_caller_that_falls_silent_is_sent_away_and_one_on_hold_is_not)
{
    static const char held[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                               "m=audio 28390 RTP/AVP 0\r\na=inactive\r\n";

    start();
    fake_ack(invite("echo", held), NULL);
    fake_sip_advance(200000);
    EQ(fake_sent(), 0);
    stop();
    start();
    fake_ack(invite("echo", offer), NULL);
    fake_sip_advance(66000);
    EQ(fake_sent(), 1);
    STR_EQ(gw_sip_msg_method_name(fake_client_request(fake_last_client())), "BYE");
    STR_EQ(gw_sip_msg_uri(fake_client_request(fake_last_client())), "sip:gw@10.0.0.1");
    stop();
}

TEST(busy_is_busy_and_noanswer_rings_until_it_is_cancelled)
{
    struct gw_sip_server *t;

    start();
    EQ(fake_status(invite("busy", offer)), 486);
    t = invite("noanswer", offer);
    EQ(fake_status(t), 180);
    fake_cancel(t);
    EQ(fake_status(t), 487);
    t = invite("noanswer", offer);
    fake_sip_advance(130000);
    EQ(fake_status(t), 480);
    stop();
}

/* RFC 3264 s. 4: the offer in the 2xx, the answer in its ACK. */
TEST(a_late_offer_is_voice_and_its_answer_comes_in_the_ack)
{
    static const char answer[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                                 "m=audio 28390 RTP/AVP 8\r\n";
    struct gw_sip_server *t;
    struct gw_span body;

    start();
    t = invite("echo", "");
    EQ(fake_status(t), 200);
    body = gw_sip_msg_body(fake_last_response(t));
    CHECK(memmem(body.ptr, body.len, "m=audio ", 8) != NULL);
    fake_ack(t, answer);
    EQ(fake_sent(), 0);
    stop();

    start();
    t = invite("echo", "");
    fake_ack(t, NULL);
    EQ(gw_sip_msg_method(fake_client_request(fake_last_client())), GW_SIP_BYE);
    EQ(fake_status(invite("early", "")), 488);
    stop();
}

TEST(nobody_is_404_and_an_unknown_dialog_481)
{
    start();
    EQ(fake_status(invite("nobody", offer)), 404);
    EQ(fake_status(fake_request(0, "MESSAGE tel:+4930123 SIP/2.0\nFrom: <sip:ann@ims.example>;tag=f1\n"
                                   "To: <tel:+4930123>\nCall-ID: c8\nCSeq: 2 MESSAGE\n\n")),
       404);
    EQ(fake_status(fake_request(0, "BYE sip:endpoint@10.0.0.5:5060 SIP/2.0\nFrom: <sip:ann@ims.example>;tag=f1\n"
                                   "To: <sip:echo@ims.example>;tag=none\nCall-ID: c9\nCSeq: 2 BYE\n\n")),
       481);
    stop();
}

TEST(early_answers_twice_alike)
{
    struct gw_sip_server *t;
    char answer[2048];

    start();
    t = invite("early", offer);
    EQ(fake_status(t), 183);
    snprintf(answer, sizeof(answer), "%.*s", (int)gw_sip_msg_body(fake_last_response(t)).len,
             (const char *)gw_sip_msg_body(fake_last_response(t)).ptr);
    fake_sip_advance(4000);
    EQ(fake_responses(t), 1);
    fake_sip_advance(1000);
    EQ(fake_status(t), 200);
    SPAN_EQ(gw_sip_msg_body(fake_last_response(t)), answer);
    fake_ack(t, NULL);
    t = invite("early", offer);
    fake_cancel(t);
    EQ(fake_status(t), 487);
    fake_sip_advance(10000); /* and nothing more */
    EQ(fake_responses(t), 2);
    stop();
}

static const char *sdp_of(const struct gw_sip_msg *m, char *buf, size_t size)
{
    snprintf(buf, size, "%.*s", (int)gw_sip_msg_body(m).len, (const char *)gw_sip_msg_body(m).ptr);
    return buf;
}

static int ask(const char *words)
{
    char text[1024];

    snprintf(text, sizeof(text),
             "MESSAGE sip:echo@ims.example SIP/2.0\nFrom: <sip:ann@ims.example>;tag=m\nTo: <sip:echo@ims.example>\n"
             "Content-Type: text/plain\n\n%s",
             words);
    return fake_status(fake_request(0, text));
}

TEST(a_user_who_asks_is_called_and_may_ask_for_more_and_for_less)
{
    static const char answer[] =
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        "m=message 28380 TCP/MSRP *\r\na=path:msrp://127.0.0.1:28380/x;tcp\r\na=setup:active\r\n";
    char both[1024], sdp[2048], none[256];
    struct gw_sip_client *c;

    start();
    EQ(ask("call me chat"), 480); /* not registered */
    register_ann();
    EQ(ask("call me dance"), 480);
    EQ(ask("what is this"), 488);
    EQ(ask("add audio"), 480);
    EQ(fake_sent(), 0);
    EQ(ask("call me chat"), 200);
    c = fake_last_client();
    STR_EQ(gw_sip_msg_uri(fake_client_request(c)), "sip:u8@k3.invalid;transport=ws");
    STR_EQ(gw_sip_msg_get(fake_client_request(c), "Route", 0), "<sip:token@gw.example;lr;ob>");
    CHECK(strstr(sdp_of(fake_client_request(c), sdp, sizeof(sdp)), "a=setup:actpass\r\n"));
    EQ(ask("add audio"), 491); /* not while an offer is out */
    fake_answer(c, 200, "t1", "Contact: <sip:ann@10.0.0.1>\nRecord-Route: <sip:a;lr>\nRecord-Route: <sip:b;lr>\n",
                answer);
    EQ(fake_acks(), 1);
    STR_EQ(gw_sip_msg_uri(fake_ack_sent(0)), "sip:ann@10.0.0.1");
    STR_EQ(gw_sip_msg_get(fake_ack_sent(0), "Route", 0), "<sip:b;lr>");

    EQ(ask("add audio"), 200);
    c = fake_last_client();
    sdp_of(fake_client_request(c), sdp, sizeof(sdp));
    CHECK(strstr(sdp, "m=message 28400 TCP/MSRP *\r\n") && strstr(sdp, "m=audio 28402 RTP/AVP 0 8 101\r\n"));
    fake_answer(c, 488, NULL, NULL, NULL); /* and what stood stands */
    EQ(ask("add audio"), 200);
    c = fake_last_client();
    snprintf(both, sizeof(both), "%sm=audio 28390 RTP/AVP 0\r\n", answer);
    fake_answer(c, 200, NULL, NULL, both);
    EQ(ask("drop chat"), 200);
    c = fake_last_client();
    CHECK(strstr(sdp_of(fake_client_request(c), sdp, sizeof(sdp)), "m=message 0 TCP/MSRP"));
    snprintf(none, sizeof(none),
             "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
             "m=message 0 TCP/MSRP *\r\nm=audio 28390 RTP/AVP 0\r\n");
    fake_answer(c, 200, NULL, NULL, none);
    EQ(ask("hang up"), 200);
    STR_EQ(gw_sip_msg_method_name(fake_client_request(fake_last_client())), "BYE");
    EQ(ask("hang up"), 480);
    stop();
}

TEST(nobody_is_rung_for_ever)
{
    start();
    register_ann();
    EQ(ask("call me audio"), 200);
    fake_sip_advance(130000);
    CHECK(fake_client_was_cancelled(fake_client(0)));
    stop();
}

TEST(text_and_floor_are_answered_with_what_they_need) /* RFC 4103, RFC 8856 */
{
    static const char both[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                               "m=text 28390 RTP/AVP 99 97\r\na=rtpmap:97 t140/1000\r\na=rtpmap:99 red/1000\r\n"
                               "a=fmtp:99 97/97/97\r\na=sendonly\r\n"
                               "m=application 28392 TCP/BFCP *\r\na=floorctrl:c-only s-only\r\na=setup:actpass\r\n"
                               "m=application 28394 TCP/BFCP *\r\na=floorctrl:s-only\r\na=setup:actpass\r\n";
    struct gw_sip_server *t;
    char sdp[2048];

    start();
    t = invite("echo", both);
    EQ(fake_status(t), 200);
    sdp_of(fake_last_response(t), sdp, sizeof(sdp));
    CHECK(strstr(sdp, "m=text 28400 RTP/AVP 99 97\r\na=rtpmap:97 t140/1000\r\na=fmtp:97 cps=30\r\n"
                      "a=rtpmap:99 red/1000\r\na=fmtp:99 97/97/97\r\na=recvonly\r\n"));
    CHECK(strstr(sdp, "m=application 28402 TCP/BFCP *\r\na=floorctrl:s-only\r\na=confid:1\r\na=userid:1\r\n"
                      "a=floorid:1\r\na=setup:passive\r\na=connection:new\r\n"));
    CHECK(strstr(sdp, "m=application 0 TCP/BFCP *\r\n"));
    fake_ack(t, NULL);
    register_ann();
    EQ(ask("call me text floor video chat"), 200);
    sdp_of(fake_client_request(fake_last_client()), sdp, sizeof(sdp));
    CHECK(strstr(sdp, "m=text 28404 RTP/AVP 100 98\r\n") && strstr(sdp, "m=application 28406 TCP/BFCP *\r\n") &&
          strstr(sdp, "a=userid:2\r\n") && strstr(sdp, "a=setup:actpass\r\n") && strstr(sdp, "VP8/90000"));
    stop();
}
