/* Fax of IMS phones, with the whole descriptions on the page: plain UDPTL, UDPTL over DTLS (TS 33.328 s. L.3, RFC
 * 7345), and voice that becomes a fax and voice again. */
#include "signaling/call/interwork_test.h"

static const struct gw_e2ae_input phone = { .client = GW_CLIENT_UE };
static const struct gw_e2ae_input registered = { .client = GW_CLIENT_UE, .has_udptl_dtls = true };

#define FAX(proto, port) "m=image " port " " proto " t38\r\n"
#define T38 "a=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxRateManagement:transferredTCF\r\n"
#define T38_UDPTL "a=T38FaxMaxDatagram:400\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"
#define OURS_UDPTL "a=T38FaxMaxDatagram:1400\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"
#define PEER_DTLS(setup) "a=fingerprint:sha-256 " FP "\r\na=setup:" setup "\r\n"
#define OUR_DTLS(setup) "a=fingerprint:sha-256 " OURS "\r\na=setup:" setup "\r\n"
#define VOICE(port) "m=audio " port " RTP/AVP 8\r\n"

TEST(T38_002_plain_udptl_is_anchored_with_the_correction_of_each_leg)
{
    struct session s;

    session_open_as(&s, "", &phone);
    STR_EQ(offer(&s, ACCESS,
                 UE_HEAD("1") FAX("udptl", "4000") T38 "a=T38FaxMaxDatagram:72\r\na=T38FaxUdpEC:t38UDPFEC\r\n"),
           TO_CORE("1") FAX("udptl", "20004") "c=IN IP4 10.0.0.5\r\nb=AS:46\r\n" T38 OURS_UDPTL "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") FAX("udptl", "31000") T38 T38_UDPTL),
           TO_ACCESS("1")
               FAX("udptl", "20002") "c=IN IP4 198.51.100.5\r\nb=AS:46\r\n" T38
                                     "a=T38FaxMaxDatagram:1400\r\na=T38FaxUdpEC:t38UDPFEC\r\na=sendrecv\r\n");
    EQ(s.answer_req.nstreams, 1);
    EQ(s.answer_req.streams[0].kind, GW_IQ_IMAGE);
    CHECK(s.answer_req.streams[0].to_core && s.answer_req.streams[0].to_access);
    EQ(s.answer_req.streams[0].udptl[ACCESS].ec, GW_IQ_EC_FEC);
    EQ(s.answer_req.streams[0].udptl[ACCESS].max_datagram, 150); /* it names an IFP: every terminal takes more */
    EQ(s.answer_req.streams[0].udptl[CORE].ec, GW_IQ_EC_REDUNDANCY);
    EQ(s.answer_req.streams[0].udptl[CORE].max_datagram, 400);
    for (unsigned i = 0; i < 2; i++) {
        EQ(s.answer_req.terms[i].security, GW_IQ_PLAIN);
        CHECK(s.answer_req.terms[i].has_rtcp_mux && s.answer_req.terms[i].has_remote);
        EQ(s.answer_req.terms[i].inactivity_s, 0);
    }
    session_close(&s);
}

TEST(T38_002_each_leg_is_sent_the_depth_of_correction_that_it_asks_for)
{
    static const struct {
        const char *wish;
        uint8_t ec, depth, span;
    } cases[] = {
        { "", GW_IQ_EC_FEC, 0, 0 },
        { "a=T38FaxUdpECDepth:1 2\r\na=T38FaxUdpFECMaxSpan:2\r\n", GW_IQ_EC_FEC, 2, 2 },
        { "a=T38FaxUdpECDepth:1 9\r\na=T38FaxUdpFECMaxSpan:9\r\n", GW_IQ_EC_FEC, 3, 0 },
        { "a=T38FaxUdpECDepth:5\r\n", GW_IQ_EC_FEC, 5, 0 },
        { "a=T38FaxUdpECDepth:200\r\n", GW_IQ_EC_FEC, 8, 0 },
        { "a=T38FaxUdpECDepth:0 0\r\n", GW_IQ_EC_NONE, 0, 0 },
    };
    struct session s;
    char text[1000];

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        session_open_as(&s, "", &phone);
        snprintf(text, sizeof(text), UE_HEAD("1") FAX("udptl", "4000") T38 "a=T38FaxUdpEC:t38UDPFEC\r\n%s",
                 cases[i].wish);
        CHECK(strstr(offer(&s, ACCESS, text), "Depth") == NULL && strstr(s.text, "Span") == NULL);
        CHECK(strstr(answer(&s, PHONE_HEAD("1") FAX("udptl", "31000") T38 T38_UDPTL), "Depth") == NULL);
        EQ(s.answer_req.streams[0].udptl[ACCESS].ec, cases[i].ec);
        EQ(s.answer_req.streams[0].udptl[ACCESS].ec_depth, cases[i].depth);
        EQ(s.answer_req.streams[0].udptl[ACCESS].fec_span, cases[i].span);
        EQ(s.answer_req.streams[0].udptl[CORE].ec_depth, 0);
        session_close(&s);
    }
}

TEST(T38_012_dtls_that_a_phone_requests_ends_here)
{
    struct session s;

    session_open_as(&s, "", &registered);
    STR_EQ(offer(&s, ACCESS,
                 UE_HEAD("1") FAX("UDP/TLS/UDPTL", "4000") PEER_DTLS("actpass") "a=3ge2ae:requested\r\n" T38 T38_UDPTL),
           TO_CORE("1") FAX("udptl", "20004") "c=IN IP4 10.0.0.5\r\nb=AS:46\r\n" T38 OURS_UDPTL "a=sendrecv\r\n");
    EQ(s.req.terms[0].security, GW_IQ_DTLS);
    CHECK(s.req.terms[0].has_rtcp_mux && !s.req.terms[0].has_ice);
    STR_EQ(answer(&s, PHONE_HEAD("1") FAX("udptl", "31000") T38 T38_UDPTL),
           TO_ACCESS("1") FAX("UDP/TLS/UDPTL", "20002") "c=IN IP4 198.51.100.5\r\nb=AS:46\r\n" OUR_DTLS("passive")
               T38 OURS_UDPTL "a=sendrecv\r\n");
    EQ(s.answer_req.terms[0].setup, GW_IQ_SETUP_PASSIVE);
    EQ(s.answer_req.terms[0].dtls_generation, 1);
    EQ(s.answer_req.terms[0].nfingerprints, 1);
    EQ(s.answer_req.terms[0].remote_rtp.port, 4000);
    EQ(s.answer_req.terms[1].security, GW_IQ_PLAIN);

    /* the same again changes nothing (E2A-016); another address is another association (T38-008) */
    (void)offer(&s, ACCESS,
                UE_HEAD("2") FAX("UDP/TLS/UDPTL", "4000") PEER_DTLS("actpass") "a=3ge2ae:requested\r\n" T38 T38_UDPTL);
    (void)answer(&s, PHONE_HEAD("2") FAX("udptl", "31000") T38 T38_UDPTL);
    EQ(s.answer_req.terms[0].dtls_generation, 1);
    (void)offer(&s, ACCESS,
                UE_HEAD("3") FAX("UDP/TLS/UDPTL", "4002") PEER_DTLS("actpass") "a=3ge2ae:requested\r\n" T38 T38_UDPTL);
    (void)answer(&s, PHONE_HEAD("3") FAX("udptl", "31000") T38 T38_UDPTL);
    EQ(s.answer_req.terms[0].dtls_generation, 2);
    session_close(&s);
}

TEST(T38_008_a_phone_with_ice_is_served_on_the_shared_port)
{
    struct session s;

    session_open_as(&s, "", &registered);
    (void)offer(&s, ACCESS,
                UE_HEAD("1") FAX("UDP/TLS/UDPTL", "9") "c=IN IP4 0.0.0.0\r\n" ICE
                                                       "a=setup:actpass\r\na=3ge2ae:requested\r\n" T38 T38_UDPTL);
    CHECK(s.req.terms[0].has_ice);
    EQ(s.req.terms[0].ice_generation, 1);
    STR_EQ(answer(&s, PHONE_HEAD("1") FAX("udptl", "31000") T38 T38_UDPTL),
           TO_ACCESS("1") "a=ice-lite\r\n" FAX("UDP/TLS/UDPTL", "40000") "c=IN IP4 198.51.100.5\r\nb=AS:46\r\n" OUR_ICE(
               "1g1") "a=setup:passive\r\n" T38 OURS_UDPTL "a=sendrecv\r\n");
    STR_EQ(s.answer_req.terms[0].remote_ufrag, "Xy1z");
    CHECK(!s.answer_req.terms[0].has_remote);
    CHECK(s.answer_req.streams[0].to_core && s.answer_req.streams[0].to_access);
    session_close(&s);
}

TEST(T38_012_a_registered_phone_is_offered_dtls)
{
    struct session s;

    session_open_as(&s, "", &registered);
    STR_EQ(offer(&s, CORE, PHONE_HEAD("1") FAX("udptl", "31000") T38 T38_UDPTL),
           TO_ACCESS("1") FAX("UDP/TLS/UDPTL", "20004") "c=IN IP4 198.51.100.5\r\nb=AS:46\r\n" OUR_DTLS(
               "actpass") "a=3ge2ae:applied\r\n" T38 OURS_UDPTL "a=sendrecv\r\n");
    EQ(s.req.terms[1].security, GW_IQ_DTLS);
    EQ(s.req.terms[1].dtls_generation, 1);
    STR_EQ(answer(&s, UE_HEAD("1") FAX("UDP/TLS/UDPTL", "4000") PEER_DTLS("passive") T38 T38_UDPTL),
           TO_CORE("1") FAX("udptl", "20002") "c=IN IP4 10.0.0.5\r\nb=AS:46\r\n" T38 OURS_UDPTL "a=sendrecv\r\n");
    EQ(s.answer_req.terms[1].setup, GW_IQ_SETUP_ACTIVE);
    EQ(s.answer_req.terms[1].nfingerprints, 1);
    session_close(&s);
}

TEST(T38_012_what_was_not_registered_or_not_requested)
{
    static const char asked[] =
        UE_HEAD("1") FAX("UDP/TLS/UDPTL", "4000") PEER_DTLS("actpass") "a=3ge2ae:requested\r\n" T38;
    struct session s;
    int err = 0;

    session_open_as(&s, "", &phone);
    CHECK(offer_err(&s, ACCESS, asked, &err) == NULL);
    EQ(err, GW_E_UNSUPPORTED);
    STR_EQ(s.why.text, "e2ae requested but not registered");
    session_close(&s);
    session_open_as(&s, "", &phone); /* end to end: nothing of it is ours (TS 33.328 s. 7.2.2) */
    STR_EQ(offer(&s, ACCESS, UE_HEAD("1") FAX("UDP/TLS/UDPTL", "4000") PEER_DTLS("actpass") T38 T38_UDPTL),
           TO_CORE("1") FAX("UDP/TLS/UDPTL", "20004") "c=IN IP4 10.0.0.5\r\n" PEER_DTLS("actpass") T38 T38_UDPTL
           "a=sendrecv\r\n");
    (void)answer(&s, PHONE_HEAD("1") FAX("UDP/TLS/UDPTL", "31000") PEER_DTLS("active") T38 T38_UDPTL);
    CHECK(s.answer_req.streams[0].is_opaque);
    EQ(s.answer_req.terms[0].security, GW_IQ_PLAIN);
    session_close(&s);
    session_open_as(&s, "", &phone);
    STR_EQ(offer(&s, CORE, PHONE_HEAD("1") FAX("udptl", "31000") T38 T38_UDPTL),
           TO_ACCESS("1") FAX("udptl", "20004") "c=IN IP4 198.51.100.5\r\nb=AS:46\r\n" T38 OURS_UDPTL "a=sendrecv\r\n");
    session_close(&s);
}

TEST(T38_008_an_operator_may_want_dtls_in_the_core)
{
    struct session s;

    session_open_as(&s, "core_fax = dtls", &phone);
    STR_EQ(offer(&s, ACCESS, UE_HEAD("1") FAX("udptl", "4000") T38 T38_UDPTL),
           TO_CORE("1") FAX("UDP/TLS/UDPTL", "20004") "c=IN IP4 10.0.0.5\r\nb=AS:46\r\n" OUR_DTLS("actpass")
               T38 OURS_UDPTL "a=sendrecv\r\n");
    (void)answer(&s, PHONE_HEAD("1") FAX("UDP/TLS/UDPTL", "31000") PEER_DTLS("active") T38 T38_UDPTL);
    EQ(s.answer_req.terms[1].setup, GW_IQ_SETUP_PASSIVE);
    session_close(&s);
}

TEST(T38_010_voice_becomes_a_fax_and_voice_again_in_its_place)
{
    struct gw_iq_req req;
    struct session s;
    size_t len;
    char *voice;

    session_open_as(&s, "", &phone);
    (void)offer(&s, ACCESS, UE_HEAD("1") VOICE("4000"));
    (void)answer(&s, PHONE_HEAD("1") VOICE("30000"));
    voice = strdup(gw_ms_current(s.ms, ACCESS, &len));
    EQ(s.answer_req.streams[0].kind, GW_IQ_AUDIO);

    STR_EQ(offer(&s, CORE, PHONE_HEAD("2") FAX("udptl", "31000") T38 T38_UDPTL), /* refused: nothing has changed */
           TO_ACCESS("2") FAX("udptl", "20008") "c=IN IP4 198.51.100.5\r\nb=AS:46\r\n" T38 OURS_UDPTL "a=sendrecv\r\n");
    EQ(s.req.nterms, 2);
    EQ(gw_ms_rollback(s.ms, &req), 0);
    EQ(req.op, GW_IQ_RELEASE);
    EQ(req.nterms, 2);
    STR_EQ(gw_ms_current(s.ms, ACCESS, &len), voice);

    (void)offer(&s, CORE, PHONE_HEAD("3") FAX("udptl", "31000") T38 T38_UDPTL);
    STR_EQ(answer(&s, UE_HEAD("2") FAX("udptl", "4002") T38 T38_UDPTL),
           TO_CORE("2") FAX("udptl", "20010") "c=IN IP4 10.0.0.5\r\nb=AS:46\r\n" T38 OURS_UDPTL "a=sendrecv\r\n");
    EQ(s.answer_req.nstreams, 2);
    CHECK(!s.answer_req.streams[0].to_core && !s.answer_req.streams[0].to_access); /* voice rests, on its ports */
    EQ(s.answer_req.streams[1].kind, GW_IQ_IMAGE);
    CHECK(s.answer_req.streams[1].to_core && s.answer_req.streams[1].to_access);

    STR_EQ(offer(&s, ACCESS, UE_HEAD("3") VOICE("4000")),
           TO_CORE("3") VOICE("20004") "c=IN IP4 10.0.0.5\r\n"
                                       "b=AS:80\r\na=rtpmap:8 PCMA/8000\r\n"
                                       "a=sendrecv\r\n");
    EQ(s.req.nterms, 0);
    STR_EQ(answer(&s, PHONE_HEAD("4") VOICE("30000")),
           TO_ACCESS("3") VOICE("20002") "c=IN IP4 198.51.100.5\r\n"
                                         "a=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n");
    CHECK(s.answer_req.streams[0].to_core && s.answer_req.streams[0].to_access);
    CHECK(!s.answer_req.streams[1].to_core && !s.answer_req.streams[1].to_access);
    free(voice);
    session_close(&s);
}

TEST(T38_010_voice_and_fax_in_one_offer_are_answered_each_by_itself)
{
    struct session s;

    session_open_as(&s, "", &phone);
    (void)offer(&s, ACCESS, UE_HEAD("1") VOICE("4000") FAX("udptl", "4002") T38 T38_UDPTL);
    CHECK(strstr(s.text, "m=audio 20004 ") && strstr(s.text, "m=image 20008 "));
    (void)answer(&s, PHONE_HEAD("1") VOICE("30000") FAX("udptl", "0"));
    CHECK(strstr(s.text, "m=audio 20002 ") && strstr(s.text, "m=image 0 udptl t38\r\n"));
    (void)offer(&s, CORE, PHONE_HEAD("2") VOICE("0") FAX("udptl", "31000") T38 T38_UDPTL); /* voice off, fax on */
    CHECK(strstr(s.text, "m=audio 0 ") && strstr(s.text, "m=image 20006 udptl t38\r\n"));
    (void)answer(&s, UE_HEAD("2") VOICE("0") FAX("udptl", "4002") T38 T38_UDPTL);
    CHECK(strstr(s.text, "m=audio 0 ") && strstr(s.text, "m=image 20008 udptl t38\r\n"));
    session_close(&s);
}
