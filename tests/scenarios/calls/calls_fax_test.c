/* Calls that become a fax and voice again, with the real SDP: what the browser or phone, the core and the media say,
 * and what becomes of it (T38-010). */
#include "call_world.h"

#define FINGERPRINT "AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB"
#define ICE(setup)                                                                                                     \
    "c=IN IP4 0.0.0.0\r\na=ice-ufrag:Xy1z\r\na=ice-pwd:0123456789abcdefghijklmn\r\na=fingerprint:sha-256 " FINGERPRINT \
    "\r\na=setup:" setup "\r\n"
#define WIC(v) "v=0\r\no=- 4611 " v " IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define VOICE(setup, way)                                                                                              \
    "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n" ICE(setup) "a=mid:0\r\na=rtcp-mux\r\na=rtpmap:8 PCMA/8000\r\na=" way "\r\n"
#define DATA(setup) "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" ICE(setup) "a=mid:1\r\na=sctp-port:5000\r\n"
#define BOTH "a=group:BUNDLE 0 1\r\n"
#define FAX(id) "a=dcmap:" id " subprotocol=\"t38\"\r\na=dcsa:" id " T38FaxVersion:0\r\n"

#define PHONE(v) "v=0\r\no=bob 1 " v " IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n"
#define UE(v) "v=0\r\no=ue 1 " v " IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
#define CORE_VOICE "m=audio 30000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
#define CORE_FAX "m=image 31000 udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"

static bool has(const char *body, const char *what)
{
    return strstr(body, what) != NULL;
}

/* Voice between a browser and the core. */
static void up(struct gw_sip_server **a, struct gw_sip_client **b)
{
    *a = browser_invite(WIC("1") "a=group:BUNDLE 0\r\n" VOICE("actpass", "sendrecv"), NULL);
    media();
    *b = last_sent("INVITE");
    fake_answer(*b, 200, "bob", CORE_CONTACT "Allow: INVITE, ACK, BYE\n", PHONE("1") CORE_VOICE);
    media();
    EQ(fake_status(*a), 200);
    fake_ack(*a, NULL);
    media();
}

static const struct gw_iq_req *wanted(void)
{
    return gw_agw_fake_last(agw);
}

static bool is_voice_open(const struct gw_iq_req *q)
{
    return q->nstreams == 1 && q->streams[0].to_core && q->streams[0].to_access;
}

/* core: re-INVITE with image -> browser: its voice rests, a channel is offered -> takes it -> core: 200 with image */
TEST(T38_010_the_core_switches_the_call_of_a_browser_to_fax_and_back)
{
    struct gw_sip_server *a, *fax, *voice;
    struct gw_sip_client *b, *out;

    world_open();
    up(&a, &b);
    fax = from_callee(b, "bob", "INVITE", 1, NULL, PHONE("2") CORE_FAX);
    media();
    out = last_sent("INVITE");
    EQ(fake_client_flow(out), browser);
    CHECK(has(body_of(fake_client_request(out)), "a=group:BUNDLE 0 "));
    CHECK(has(body_of(fake_client_request(out)), "m=audio ") &&
          has(body_of(fake_client_request(out)), "a=inactive\r\n"));
    CHECK(has(body_of(fake_client_request(out)), "a=dcmap:1 subprotocol=\"t38\"\r\na=dcsa:1 T38FaxVersion:0\r\n"));
    fake_answer(out, 200, "f1", BROWSER_CONTACT, WIC("2") BOTH VOICE("active", "inactive") DATA("active") FAX("1"));
    CHECK(is_voice_open(wanted()) == false);
    EQ(wanted()->nchannels, 1);
    EQ(wanted()->channels[0].protocol, GW_IQ_T38);
    CHECK(wanted()->channels[0].to_core && wanted()->channels[0].to_access);
    EQ(wanted()->streams[0].npts, 0);
    media();
    EQ(fake_status(fax), 200);
    CHECK(has(last_body(fax), "m=image ") && has(last_body(fax), " udptl t38\r\n") && !has(last_body(fax), "m=audio"));
    fake_ack(fax, NULL);

    voice = from_callee(b, "bob", "INVITE", 2, NULL, PHONE("3") CORE_VOICE);
    media();
    out = last_sent("INVITE");
    CHECK(has(body_of(fake_client_request(out)), "a=sendrecv\r\n") &&
          !has(body_of(fake_client_request(out)), "a=inactive") && !has(body_of(fake_client_request(out)), "a=dcmap"));
    fake_answer(out, 200, "f1", BROWSER_CONTACT, WIC("3") BOTH VOICE("active", "sendrecv") DATA("active"));
    CHECK(is_voice_open(wanted()));
    media();
    EQ(fake_status(voice), 200);
    CHECK(has(last_body(voice), "m=audio ") && !has(last_body(voice), "m=image"));
    fake_ack(voice, NULL);
    media(); /* the channel and its port are given back */
    hang_up(a);
    world_close();
}

/* The browser leaves the dcmap out: the core hears 488 and goes on talking; the browser's voice is taken up again. */
TEST(T38_010_a_browser_without_fax_keeps_its_voice)
{
    struct gw_sip_server *a, *fax;
    struct gw_sip_client *b, *out, *again;

    world_open();
    up(&a, &b);
    fax = from_callee(b, "bob", "INVITE", 1, NULL, PHONE("2") CORE_FAX);
    media();
    out = last_sent("INVITE");
    fake_answer(out, 200, "f1", BROWSER_CONTACT, WIC("2") BOTH VOICE("active", "inactive") DATA("active"));
    EQ(wanted()->op, GW_IQ_RELEASE); /* the port of the fax */
    media();
    EQ(fake_status(fax), 488);
    fake_sip_advance(1);
    again = last_sent("INVITE");
    CHECK(again != out);
    EQ(fake_client_flow(again), browser);
    CHECK(has(body_of(fake_client_request(again)), "a=sendrecv\r\n"));
    CHECK(has(body_of(fake_client_request(again)),
              "a=group:BUNDLE 0 1\r\n")); /* the association stays (RFC 8864 s. 6.5) */
    CHECK(has(body_of(fake_client_request(again)), "a=sctp-port:5000\r\n"));
    CHECK(has(body_of(fake_client_request(again)), " 3 IN IP4 ")); /* it has seen the second (SDP-004) */
    fake_answer(again, 200, "f1", BROWSER_CONTACT, WIC("3") BOTH VOICE("active", "sendrecv") DATA("active"));
    CHECK(is_voice_open(wanted()));
    media();
    EQ(gw_calls_count(calls), 1);

    fax = from_callee(b, "bob", "INVITE", 2, NULL, PHONE("3") CORE_FAX); /* the page says no by SIP */
    media();
    fake_answer(last_sent("INVITE"), 606, "f1", NULL, NULL);
    media();
    EQ(fake_status(fax), 606);
    EQ(gw_calls_count(calls), 1);
    hang_up(a);
    world_close();
}

/* browser: voice inactive and a channel -> core: image in place of audio, refused and then taken; then voice again */
TEST(T38_010_a_browser_switches_its_call_to_fax_and_back)
{
    static const char asks[] = WIC("2") BOTH VOICE("actpass", "inactive") DATA("actpass") FAX("0");
    struct gw_sip_server *a, *fax, *voice;
    struct gw_sip_client *b, *out;

    world_open();
    up(&a, &b);
    fax = from_caller(a, "INVITE", 8, NULL, asks);
    media();
    out = last_sent("INVITE");
    CHECK(has(body_of(fake_client_request(out)), "m=image ") && !has(body_of(fake_client_request(out)), "m=audio"));
    fake_answer(out, 488, "bob", NULL, NULL);
    media();
    EQ(fake_status(fax), 488);

    fax = from_caller(a, "INVITE", 9, NULL, asks);
    media();
    fake_answer(last_sent("INVITE"), 200, "bob", CORE_CONTACT, PHONE("2") CORE_FAX);
    media();
    EQ(fake_status(fax), 200);
    CHECK(has(last_body(fax), "m=audio ") && has(last_body(fax), "a=inactive\r\n") &&
          has(last_body(fax), "a=dcmap:0 "));
    fake_ack(fax, NULL);

    voice = from_caller(a, "INVITE", 10, NULL, WIC("3") BOTH VOICE("actpass", "sendrecv") DATA("actpass"));
    media();
    out = last_sent("INVITE");
    CHECK(has(body_of(fake_client_request(out)), "m=audio ") && !has(body_of(fake_client_request(out)), "m=image"));
    fake_answer(out, 200, "bob", CORE_CONTACT, PHONE("3") CORE_VOICE);
    media();
    EQ(fake_status(voice), 200);
    CHECK(has(last_body(voice), "a=sendrecv\r\n") && !has(last_body(voice), "a=dcmap"));
    fake_ack(voice, NULL);
    media();
    hang_up(a);
    world_close();
}

TEST(T38_010_voice_and_fax_side_by_side_the_core_takes_the_fax)
{
    struct gw_sip_server *a, *fax;
    struct gw_sip_client *b;

    world_open();
    up(&a, &b);
    fax = from_caller(a, "INVITE", 8, NULL, WIC("2") BOTH VOICE("actpass", "sendrecv") DATA("actpass") FAX("0"));
    media();
    CHECK(has(body_of(fake_client_request(last_sent("INVITE"))), "m=audio ") &&
          has(body_of(fake_client_request(last_sent("INVITE"))), "m=image "));
    fake_answer(last_sent("INVITE"), 200, "bob", CORE_CONTACT, PHONE("2") "m=audio 0 RTP/AVP 8\r\n" CORE_FAX);
    media();
    CHECK(has(last_body(fax), "m=audio ") && has(last_body(fax), "a=inactive\r\n") &&
          has(last_body(fax), "a=dcmap:0 "));
    fake_ack(fax, NULL);
    hang_up(a);
    world_close();
}

/* CAL-007: both sides want the fax at once; each is told 491 and comes again after a time of its own */
TEST(T38_010_switches_that_meet_get_491)
{
    static const char asks[] = WIC("2") BOTH VOICE("actpass", "inactive") DATA("actpass") FAX("0");
    struct gw_sip_server *a, *mine, *theirs;
    struct gw_sip_client *b, *out;

    world_open();
    up(&a, &b);
    mine = from_caller(a, "INVITE", 8, NULL, asks); /* the browser was first */
    media();
    out = last_sent("INVITE");
    theirs = from_callee(b, "bob", "INVITE", 1, NULL, PHONE("2") CORE_FAX);
    EQ(fake_status(theirs), 491);
    fake_answer(out, 491, "bob", NULL, NULL);
    media();
    EQ(fake_status(mine), 491);

    theirs = from_callee(b, "bob", "INVITE", 2, NULL, PHONE("2") CORE_FAX); /* the core was first */
    media();
    out = last_sent("INVITE");
    mine = from_caller(a, "INVITE", 9, NULL, asks);
    EQ(fake_status(mine), 491);
    fake_answer(out, 491, "f1", NULL, NULL);
    media();
    EQ(fake_status(theirs), 491);
    EQ(counted(GW_STAT_CALL_GLARE), 2);

    theirs = from_callee(b, "bob", "INVITE", 3, NULL, PHONE("2") CORE_FAX); /* and now alone */
    media();
    fake_answer(last_sent("INVITE"), 200, "f1", BROWSER_CONTACT,
                WIC("3") BOTH VOICE("active", "inactive") DATA("active") FAX("3"));
    media();
    EQ(fake_status(theirs), 200);
    fake_ack(theirs, NULL);
    hang_up(a);
    world_close();
}

/* A phone: the same m-line is voice, fax, voice. A 200 that takes nothing is a refusal, and voice is offered again. */
TEST(T38_010_a_phone_switches_and_one_that_takes_nothing_goes_on_talking)
{
    struct gw_sip_server *a, *fax;
    struct gw_sip_client *b, *out;

    world_open();
    world_setup.e2ae.client = GW_CLIENT_UE;
    a = browser_invite(UE("1") "m=audio 4000 RTP/AVP 8\r\n", NULL);
    media();
    b = last_sent("INVITE");
    fake_answer(b, 200, "bob", CORE_CONTACT "Allow: INVITE, ACK, BYE\n", PHONE("1") CORE_VOICE);
    media();
    fake_ack(a, NULL);
    fax = from_callee(b, "bob", "INVITE", 1, NULL, PHONE("2") CORE_FAX);
    media();
    out = last_sent("INVITE");
    CHECK(has(body_of(fake_client_request(out)), "m=image ") && !has(body_of(fake_client_request(out)), "m=audio"));
    fake_answer(out, 200, "f1", BROWSER_CONTACT, UE("2") "m=image 0 udptl t38\r\n");
    media();
    EQ(fake_status(fax), 488);
    fake_sip_advance(1);
    CHECK(last_sent("INVITE") != out);
    out = last_sent("INVITE");
    CHECK(has(body_of(fake_client_request(out)), "m=audio ") && !has(body_of(fake_client_request(out)), "m=image"));
    fake_answer(out, 200, "f1", BROWSER_CONTACT, UE("3") "m=audio 4000 RTP/AVP 8\r\n");
    CHECK(is_voice_open(wanted()));
    media();

    fax = from_caller(a, "INVITE", 8, NULL, UE("4") "m=image 4002 udptl t38\r\n"); /* and the other way */
    media();
    fake_answer(last_sent("INVITE"), 200, "bob", CORE_CONTACT, PHONE("3") CORE_FAX);
    EQ(wanted()->nstreams, 2);
    CHECK(!wanted()->streams[0].to_core && wanted()->streams[1].to_core);
    EQ(wanted()->streams[1].kind, GW_IQ_IMAGE);
    media();
    EQ(fake_status(fax), 200);
    CHECK(has(last_body(fax), "m=image ") && !has(last_body(fax), "m=image 0"));
    fake_ack(fax, NULL);
    hang_up(a);
    world_close();
}

TEST(T38_009_a_wrong_fingerprint_ends_the_fax_with_its_reason)
{
    struct gw_sip_server *a;
    struct gw_iq_notify n = { .event = GW_IQ_DTLS_FAILED, .term = 2, .cause = GW_E_MISMATCH };

    world_open_with("core_fax = dtls\n");
    a = browser_invite(WIC("1") "a=group:BUNDLE 1\r\n" DATA("actpass") FAX("0"), NULL);
    media();
    fake_answer(last_sent("INVITE"), 200, "bob", CORE_CONTACT,
                PHONE("1") "m=image 31000 UDP/TLS/UDPTL t38\r\na=fingerprint:sha-256 " FINGERPRINT
                           "\r\na=setup:active\r\na=T38FaxVersion:0\r\n");
    media();
    fake_ack(a, NULL);
    n.ctx = wanted()->ctx;
    memcpy(n.call, wanted()->call, sizeof(n.call));
    gw_calls_on_notify(calls, &n);
    CHECK(has(header_of(fake_client_request(last_sent("BYE")), "Reason"), "cause=488"));
    EQ(counted(GW_STAT_CALL_MEDIA_SECURITY), 1);
    for (unsigned i = 0; i < fake_sent(); i++)
        if (strcmp(method_of(fake_client(i)), "BYE") == 0)
            fake_answer(fake_client(i), 200, "x", NULL, NULL);
    media();
    world_close();
}
