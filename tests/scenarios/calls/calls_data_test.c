/* Calls with data channels: what the browser, the core and the media say, and what becomes of it. */
#include "call_world.h"

#define FINGERPRINT "AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB"
#define ICE(setup)                                                                                                     \
    "c=IN IP4 0.0.0.0\r\na=ice-ufrag:Xy1z\r\na=ice-pwd:0123456789abcdefghijklmn\r\na=fingerprint:sha-256 " FINGERPRINT \
    "\r\na=setup:" setup "\r\n"
#define WIC "v=0\r\no=- 4611 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define PHONE "v=0\r\no=bob 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n"
#define VOICE(setup) "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n" ICE(setup) "a=mid:0\r\na=rtcp-mux\r\na=rtpmap:8 PCMA/8000\r\n"
#define DATA(setup, mid)                                                                                               \
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" ICE(setup) "a=mid:" mid "\r\na=sctp-port:5000\r\n"
#define CHAT "a=dcmap:0 subprotocol=\"msrp\"\r\na=dcsa:0 path:msrps://b.invalid:9/s;dc\r\na=dcsa:0 setup:active\r\n"
#define CORE_VOICE "m=audio 30000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
#define CORE_CHAT                                                                                                      \
    "m=message 31000 TCP/MSRP *\r\na=path:msrp://10.0.0.9:31000/z;tcp\r\na=accept-types:*\r\na=setup:passive\r\n"

static bool has(const char *body, const char *what)
{
    return strstr(body, what) != NULL;
}

static void notify(uint8_t event, uint8_t term, uint8_t channel, int cause)
{
    struct gw_iq_notify n = { .ctx = gw_agw_fake_last(agw)->ctx,
                              .event = event,
                              .term = term,
                              .stream = channel,
                              .cause = cause,
                              .sctp_stream = 2,
                              .protocol = GW_IQ_MSRP };

    memcpy(n.call, gw_agw_fake_last(agw)->call, sizeof(n.call));
    gw_calls_on_notify(calls, &n);
    fake_sip_advance(0);
    media();
}

static void up(const char *offer, const char *answer, struct gw_sip_server **a, struct gw_sip_client **b)
{
    *a = browser_invite(offer, NULL);
    media();
    *b = last_sent("INVITE");
    fake_answer(*b, 200, "bob", CORE_CONTACT "Allow: INVITE, ACK, BYE\n", answer);
    media();
    EQ(fake_status(*a), 200);
    fake_ack(*a, NULL);
    media();
}

TEST(a_call_of_channels_alone_both_ways)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    up(WIC "a=group:BUNDLE 0\r\n" DATA("actpass", "0") CHAT, PHONE CORE_CHAT, &a, &b);
    CHECK(has(last_body(a), "a=dcmap:0 ") && !has(body_of(fake_client_request(b)), "m=audio"));
    EQ(gw_agw_fake_last(agw)->terms[0].inactivity_s, 0); /* silence of a chat is no fault */
    hang_up(a);
    a = core_invite(PHONE CORE_CHAT, NULL);
    media();
    b = last_sent("INVITE");
    CHECK(has(body_of(fake_client_request(b)), "a=dcmap:1 subprotocol=\"msrp\"\r\n"));
    fake_answer(b, 200, "ann", BROWSER_CONTACT,
                WIC "a=group:BUNDLE 0\r\n" DATA(
                    "active", "0") "a=dcmap:1 subprotocol=\"msrp\"\r\na=dcsa:1 path:msrps://b.invalid:9/s;dc\r\n");
    media();
    CHECK(has(last_body(a), "m=message ") && !has(last_body(a), "m=message 0"));
    fake_ack(a, NULL);
    hang_up(a);
    world_close();
}

TEST(a_page_without_dcmap_has_its_voice_and_no_chat)
{
    world_open();
    struct gw_sip_server *a = core_invite(PHONE CORE_VOICE CORE_CHAT, NULL);
    media();
    fake_answer(last_sent("INVITE"), 200, "ann", BROWSER_CONTACT,
                WIC "a=group:BUNDLE 0 1\r\n" VOICE("active") DATA("active", "1"));
    media();
    EQ(fake_status(a), 200);
    CHECK(has(last_body(a), "m=audio ") && has(last_body(a), "m=message 0 TCP/MSRP *\r\n"));
    fake_ack(a, NULL);
    EQ(gw_agw_fake_pending(agw)->op, GW_IQ_RELEASE); /* its port */
    EQ(gw_agw_fake_pending(agw)->nterms, 1);
    media();
    EQ(gw_agw_fake_contexts(agw), 1);
    hang_up(a);
    world_close();
}

TEST(a_late_offer_of_the_browser_has_its_channels)
{
    world_open();
    struct gw_sip_server *a = core_invite(NULL, NULL);
    fake_answer(last_sent("INVITE"), 200, "ann", BROWSER_CONTACT,
                WIC "a=group:BUNDLE 0 1\r\n" VOICE("actpass") DATA("actpass", "1") CHAT);
    media();
    CHECK(has(last_body(a), "m=audio ") && has(last_body(a), "m=message "));
    fake_ack(a, PHONE CORE_VOICE "m=message 0 TCP/MSRP *\r\n");
    media();
    CHECK(has(body_of(fake_ack_sent(0)), "m=application ") && !has(body_of(fake_ack_sent(0)), "dcmap"));
    hang_up(a);
    world_close();
}

TEST(DC_009_a_channel_in_band_is_offered_to_the_core_again_after_a_glare)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b, *own;

    world_open();
    up(WIC "a=group:BUNDLE 0 1\r\n" VOICE("actpass") DATA("actpass", "1"), PHONE CORE_VOICE, &a, &b);
    notify(GW_IQ_CHANNEL_OPENED, 1, 0, 0);
    own = last_sent("INVITE");
    CHECK(own != b && fake_client_flow(own) == 0);
    CHECK(has(body_of(fake_client_request(own)), "m=message "));
    fake_answer(own, 491, "bob", NULL, NULL);
    media();
    fake_sip_advance(4000);
    media();
    CHECK(last_sent("INVITE") != own);
    own = last_sent("INVITE");
    CHECK(has(body_of(fake_client_request(own)), "m=message "));
    fake_answer(own, 200, "bob", CORE_CONTACT, PHONE CORE_VOICE CORE_CHAT);
    media();
    EQ(gw_agw_fake_last(agw)->op, GW_IQ_CONFIGURE);
    EQ(gw_agw_fake_last(agw)->nchannels, 1);
    EQ(gw_agw_fake_last(agw)->channels[0].stream, 2);
    hang_up(a);
    world_close();
}

TEST(DC_009_a_channel_in_band_that_the_core_refuses_is_given_back)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    up(WIC "a=group:BUNDLE 0 1\r\n" VOICE("actpass") DATA("actpass", "1"), PHONE CORE_VOICE, &a, &b);
    notify(GW_IQ_CHANNEL_OPENED, 1, 0, 0);
    fake_answer(last_sent("INVITE"), 488, "bob", NULL, NULL);
    media();
    EQ(gw_agw_fake_last(agw)->op, GW_IQ_RELEASE);
    EQ(gw_agw_fake_last(agw)->nterms, 1);
    gw_agw_fake_fail_nth_reply(agw, 1, GW_E_LIMIT); /* and one that gets no port */
    notify(GW_IQ_CHANNEL_OPENED, 1, 0, 0);
    EQ(gw_agw_fake_last(agw)->op, GW_IQ_RELEASE);
    EQ(gw_agw_fake_last(agw)->nterms, 0);
    EQ(gw_agw_fake_last(agw)->channels[0].stream, 2);
    EQ(gw_agw_fake_contexts(agw), 1);
    hang_up(a);
    world_close();
}

TEST(MSRP_028_a_lost_connection_is_made_anew_once_in_a_while)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b, *own;

    world_open();
    up(WIC "a=group:BUNDLE 0 1\r\n" VOICE("actpass") DATA("actpass", "1") CHAT, PHONE CORE_VOICE CORE_CHAT, &a, &b);
    uint8_t id = gw_agw_fake_last(agw)->channels[0].id;
    notify(GW_IQ_TCP_UP, 0, id, 0);
    notify(GW_IQ_TCP_LOST, 0, id, GW_E_MISMATCH);
    fake_sip_advance(1000);
    media();
    EQ(counted(GW_STAT_CALL_MEDIA_SECURITY), 1);
    CHECK(last_sent("INVITE") == b); /* who has another certificate is not asked again */
    notify(GW_IQ_TCP_LOST, 0, id, GW_E_CLOSED);
    CHECK(last_sent("INVITE") == b); /* the peer may be about to say why */
    fake_sip_advance(1000);
    media();
    own = last_sent("INVITE");
    CHECK(own != b && has(body_of(fake_client_request(own)), "m=message "));
    fake_answer(own, 200, "bob", CORE_CONTACT, PHONE CORE_VOICE CORE_CHAT);
    media();
    bool is_new = false;
    for (unsigned i = 0; i < gw_agw_fake_last(agw)->nterms; i++)
        is_new |= gw_agw_fake_last(agw)->terms[i].tcp_generation == 1;
    CHECK(is_new);
    notify(GW_IQ_TCP_LOST, 0, id, GW_E_CLOSED);
    fake_sip_advance(2000);
    media();
    CHECK(last_sent("INVITE") == own);
    hang_up(a);
    world_close();
}

TEST(a_call_whose_only_association_is_lost_is_over)
{
    struct gw_sip_server *a;
    struct gw_sip_client *b;

    world_open();
    up(WIC "a=group:BUNDLE 0\r\n" DATA("actpass", "0") CHAT, PHONE CORE_CHAT, &a, &b);
    uint8_t id = gw_agw_fake_last(agw)->channels[0].id;
    notify(GW_IQ_SCTP_UP, 1, 0, 0);
    unsigned before = fake_sent();
    notify(GW_IQ_CHANNEL_CLOSED, 1, id, GW_E_CLOSED);
    for (unsigned i = before; i < before + 2; i++) {
        STR_EQ(method_of(fake_client(i)), "BYE");
        fake_answer(fake_client(i), 200, "bob", NULL, NULL);
    }
    media();
    EQ(counted(GW_STAT_CALL_MEDIA_LOST), 1);
    world_close();
}
