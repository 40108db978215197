/* What a browser and a phone say to each other through a call, SDP and all. */
#include "call_world.h"

#define FINGERPRINT "AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB"

static const char *webrtc(unsigned version, const char *setup, const char *direction)
{
    static char text[2][2048];
    static unsigned n;
    char *buf = text[n++ % 2];

    snprintf(buf, sizeof(text[0]),
             "v=0\r\no=- 4611 %u IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=msid-semantic: WMS s1\r\n"
             "m=audio 9 UDP/TLS/RTP/SAVPF 111 8 101\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n"
             "a=ice-ufrag:Xy1z\r\na=ice-pwd:0123456789abcdefghijklmn\r\na=fingerprint:sha-256 " FINGERPRINT "\r\n"
             "a=setup:%s\r\na=mid:0\r\na=%s\r\na=msid:s1 t1\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
             "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n",
             version, setup, direction);
    return buf;
}

static const char *phone(unsigned version, unsigned port, const char *direction)
{
    static char text[2][512];
    static unsigned n;
    char *buf = text[n++ % 2];

    snprintf(buf, sizeof(text[0]),
             "v=0\r\no=bob 1 %u IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio %u RTP/AVP 8 101\r\n"
             "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=%s\r\n",
             version, port, direction);
    return buf;
}

static bool has(const char *body, const char *what)
{
    return strstr(body, what) != NULL;
}

static void up(struct gw_sip_server **a, struct gw_sip_client **b)
{
    *a = browser_invite(webrtc(1, "actpass", "sendrecv"), NULL);
    media();
    *b = last_sent("INVITE");
    fake_answer(*b, 200, "bob", CORE_CONTACT "Allow: INVITE, ACK, BYE\n", phone(1, 30000, "sendrecv"));
    media();
    EQ(fake_status(*a), 200);
    fake_ack(*a, NULL);
}

TEST(a_browser_calls_a_phone)
{
    world_open();
    struct gw_sip_server *a = browser_invite(webrtc(1, "actpass", "sendrecv"), NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    const char *offer = body_of(fake_client_request(b));
    CHECK(has(offer, " RTP/AVP 111 8 101\r\n"));
    CHECK(!has(offer, "fingerprint") && !has(offer, "ice-") && !has(offer, "BUNDLE") &&
          !has(offer, "rtcp-mux")); /* SDP-003 */
    fake_answer(b, 183, "bob", CORE_CONTACT, phone(1, 30000, "sendrecv"));
    media();
    char early[2048];
    snprintf(early, sizeof(early), "%s", last_body(a));
    CHECK(has(early, " UDP/TLS/RTP/SAVPF 8 101\r\n"));
    CHECK(has(early, "a=ice-lite") && has(early, "a=setup:passive") && has(early, "a=group:BUNDLE 0"));
    fake_answer(b, 200, "bob", CORE_CONTACT, phone(1, 30000, "sendrecv"));
    media();
    STR_EQ(last_body(a), early); /* CAL-004: to the octet */
    fake_ack(a, NULL);
    hang_up(a);
    world_close();
}

TEST(the_core_termination_follows_the_fork_that_answers) /* CAL-003 */
{
    world_open();
    struct gw_sip_server *a = browser_invite(webrtc(1, "actpass", "sendrecv"), NULL);
    media();
    struct gw_sip_client *b = last_sent("INVITE");
    fake_answer(b, 183, "x", "Contact: <sip:x@10.0.0.21>\n", phone(1, 30000, "sendrecv"));
    media();
    fake_answer(b, 183, "y", "Contact: <sip:y@10.0.0.22>\n", phone(7, 30010, "sendrecv"));
    media();
    bool is_there = false;
    for (unsigned i = 0; i < gw_agw_fake_last(agw)->nterms; i++)
        is_there |= gw_agw_fake_last(agw)->terms[i].remote_rtp.port == 30010;
    CHECK(is_there);
    fake_answer(b, 200, "x", "Contact: <sip:x@10.0.0.21>\n", phone(1, 30000, "sendrecv"));
    media();
    is_there = false;
    for (unsigned i = 0; i < gw_agw_fake_last(agw)->nterms; i++)
        is_there |= gw_agw_fake_last(agw)->terms[i].remote_rtp.port == 30000;
    CHECK(is_there);
    STR_EQ(last_body(a), body_of(fake_response(a, 0)));
    fake_ack(a, NULL);
    EQ(fake_client_flow(last_sent("INVITE")), 0); /* the same codecs: no new offer for the browser */
    hang_up(a);
    world_close();
}

static bool core_goes_to(uint16_t port)
{
    bool is_there = false;

    for (unsigned i = 0; i < gw_agw_fake_last(agw)->nterms; i++)
        is_there |= gw_agw_fake_last(agw)->terms[i].remote_rtp.port == port;
    return is_there;
}

TEST(an_early_offer_of_the_phone_moves_its_media_and_is_answered_in_its_own_numbers) /* RFC 3311, RFC 6337 */
{
    struct gw_sip_server *a, *update;
    struct gw_sip_client *b;
    char first[2048];

    world_open();
    a = browser_invite(webrtc(1, "actpass", "sendrecv"), NULL);
    media();
    b = last_sent("INVITE");
    fake_answer(b, 183, "bob", CORE_CONTACT, phone(1, 30000, "sendrecv"));
    media();
    snprintf(first, sizeof(first), "%s", last_body(a));
    update = from_callee(b, "bob", "UPDATE", 1, NULL, phone(2, 30020, "sendonly"));
    media();
    EQ(fake_status(update), 200);
    CHECK(core_goes_to(30020));
    CHECK(has(last_body(update), " RTP/AVP 8 101\r\n") && has(last_body(update), "a=recvonly"));
    CHECK(!has(last_body(update), "opus") && !has(last_body(update), "ice-") && !has(last_body(update), "fingerprint"));
    update = from_callee(b, "bob", "UPDATE", 2, NULL,
                         "v=0\r\no=bob 1 3 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\n"
                         "t=0 0\r\nm=audio 30020 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n");
    EQ(fake_status(update), 488); /* nothing of what the browser has: the media stays as it was */
    update = from_callee(b, "bob", "UPDATE", 3, NULL, phone(4, 30020, "sendrecv"));
    media();
    CHECK(has(last_body(update), "a=sendrecv"));
    fake_answer(b, 200, "bob", CORE_CONTACT, phone(1, 30000, "sendrecv")); /* its first answer again: void */
    media();
    STR_EQ(last_body(a), first);
    fake_ack(a, NULL);
    EQ(fake_client_flow(last_sent("INVITE")), 0); /* held and resumed: nothing new for the browser */
    hang_up(a);
    world_close();
}

TEST(an_early_offer_of_the_calling_phone_is_answered_for_the_browser)
{
    struct gw_sip_server *a, *prack;
    struct gw_sip_client *b;
    char rack[64];

    world_open();
    a = core_invite(phone(1, 30000, "sendrecv"), "Require: 100rel\n");
    media();
    b = last_sent("INVITE");
    fake_answer(b, 183, "f1", BROWSER_CONTACT, webrtc(1, "active", "sendrecv"));
    media();
    CHECK(has(last_body(a), " RTP/AVP 8 101\r\n"));
    snprintf(rack, sizeof(rack), "RAck: %s 3 INVITE\n", header_of(fake_last_response(a), "RSeq"));
    prack = from_caller(a, "PRACK", 4, rack, phone(2, 30040, "sendonly"));
    media();
    EQ(fake_status(prack), 200);
    CHECK(core_goes_to(30040));
    CHECK(has(last_body(prack), " RTP/AVP 8 101\r\n") && has(last_body(prack), "a=recvonly"));
    fake_answer(b, 200, "f1", BROWSER_CONTACT, webrtc(1, "active", "sendrecv"));
    media();
    EQ(fake_status(a), 200);
    fake_ack(a, NULL);
    struct gw_sip_client *again = last_sent("INVITE");
    CHECK(has(body_of(fake_client_request(again)), "a=sendonly")); /* the hold reaches the browser */
    fake_answer(again, 200, "f1", BROWSER_CONTACT, webrtc(2, "active", "recvonly"));
    media();
    hang_up(a);
    world_close();
}

TEST(hold_and_resume_both_ways) /* SDP-019 */
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    up(&a, &b);
    static const struct {
        bool from_browser;
        const char *offered, *answered;
    } rows[] = { { true, "sendonly", "recvonly" },
                 { true, "sendrecv", "sendrecv" },
                 { false, "sendonly", "recvonly" },
                 { false, "sendrecv", "sendrecv" } };
    for (unsigned i = 0; i < 4; i++) {
        unsigned v = 10 + i;
        struct gw_sip_server *t = rows[i].from_browser
                                      ? from_caller(a, "INVITE", v, NULL, webrtc(v, "actpass", rows[i].offered))
                                      : from_callee(b, "bob", "INVITE", v, NULL, phone(v, 30000, rows[i].offered));
        media();
        struct gw_sip_client *out = last_sent("INVITE");
        CHECK(has(body_of(fake_client_request(out)), rows[i].offered));
        if (rows[i].from_browser)
            fake_answer(out, 200, "bob", CORE_CONTACT, phone(v, 30000, rows[i].answered));
        else
            fake_answer(out, 200, "f1", BROWSER_CONTACT, webrtc(v, "active", rows[i].answered));
        media();
        EQ(fake_status(t), 200);
        CHECK(has(last_body(t), rows[i].answered));
        fake_ack(t, NULL);
    }
    hang_up(a);
    world_close();
}

TEST(late_offers_both_ways) /* CAL-008 */
{
    world_open();
    struct gw_sip_server *a = core_invite(NULL, NULL);
    struct gw_sip_client *b = last_sent("INVITE");
    fake_answer(b, 200, "ann", BROWSER_CONTACT, webrtc(1, "actpass", "sendrecv"));
    media();
    CHECK(has(last_body(a), " RTP/AVP 111 8 101\r\n"));
    fake_ack(a, phone(1, 30000, "sendrecv"));
    media();
    CHECK(has(body_of(fake_ack_sent(0)), " UDP/TLS/RTP/SAVPF 8 101\r\n"));
    struct gw_sip_server *ask = from_caller(a, "INVITE", 10, NULL, NULL); /* and once more, in the dialog */
    fake_answer(last_sent("INVITE"), 200, "ann", BROWSER_CONTACT, webrtc(2, "actpass", "sendrecv"));
    media();
    EQ(fake_status(ask), 200);
    fake_ack(ask, phone(2, 30000, "sendrecv"));
    media();
    EQ(fake_acks(), 2);
    hang_up(a);
    world_close();
}

TEST(a_phone_without_update_is_refreshed_with_the_same_sdp)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;
    char before[1024];

    world_open();
    up(&a, &b);
    snprintf(before, sizeof(before), "%s", body_of(fake_client_request(b)));
    fake_sip_advance(900 * 1000);
    struct gw_sip_client *refresh = last_sent("INVITE");
    CHECK(refresh != b);
    EQ(fake_client_flow(refresh), 0);
    CHECK(has(body_of(fake_client_request(refresh)), "m=audio "));
    fake_answer(refresh, 200, "bob", CORE_CONTACT, phone(1, 30000, "sendrecv"));
    media();
    EQ(fake_acks(), 2);
    struct gw_sip_server *hold = from_caller(a, "INVITE", 9, NULL, webrtc(2, "actpass", "inactive")); /* and goes on */
    media();
    fake_answer(last_sent("INVITE"), 200, "bob", CORE_CONTACT, phone(2, 30000, "inactive"));
    media();
    EQ(fake_status(hold), 200);
    fake_ack(hold, NULL);
    hang_up(a);
    world_close();
}

TEST(offers_that_cannot_be_served)
{
    world_open();
    struct gw_sip_server *a = browser_invite("this is no SDP", NULL);
    EQ(fake_status(a), 400);
    media();
    a = browser_invite("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\nc=IN IP4 1.2.3.4\r\n",
                       NULL);
    EQ(fake_status(a), 488);
    CHECK(header_of(fake_last_response(a), "Warning")[0] == '3');
    EQ(gw_agw_fake_requests(agw), 0);
    world_close();
}

TEST(a_refused_offer_and_one_that_comes_after_it)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    up(&a, &b);
    struct gw_sip_server *t = from_caller(a, "INVITE", 8, NULL, webrtc(2, "actpass", "inactive"));
    media();
    fake_answer(last_sent("INVITE"), 488, "bob", NULL, NULL);
    media();
    EQ(fake_status(t), 488);
    t = from_caller(a, "INVITE", 9, NULL, webrtc(3, "actpass", "sendonly"));
    media();
    fake_answer(last_sent("INVITE"), 200, "bob", CORE_CONTACT, phone(2, 30000, "recvonly"));
    media();
    EQ(fake_status(t), 200);
    fake_ack(t, NULL);
    hang_up(a);
    world_close();
}
