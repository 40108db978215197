/* Fax of a browser: data channels of T.38 and their m=image towards the core, with the whole descriptions on the page
 * (specs/data-media.md 6.1; TS 33.328 s. N.3). */
#include "signaling/call/interwork_data_test.h"

#define FAX_CHANNEL                                                                                                    \
    "a=dcmap:2 label=\"fax\";subprotocol=\"T38\"\r\na=dcsa:2 T38FaxVersion:3\r\na=dcsa:2 T38MaxBitRate:33600\r\n"      \
    "a=dcsa:2 T38FaxTranscodingMMR\r\na=dcsa:2 T38FaxFillBitRemoval:0\r\na=dcsa:2 "                                    \
    "T38FaxRateManagement:transferredTCF\r\na=dcsa:2 T38FaxMaxBuffer:2000\r\na=dcsa:2 T38FaxUdpEC:t38UDPNoEC\r\n"
#define CORE_FAX                                                                                                       \
    "T38FaxVersion:2\r\na=T38MaxBitRate:9600\r\na=T38FaxFillBitRemoval\r\na=T38FaxTranscodingMMR\r\n"                  \
    "a=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxBuffer:1000\r\na=T38FaxMaxDatagram:320\r\n"                   \
    "a=T38FaxUdpEC:t38UDPFEC\r\na=T38FaxUdpECDepth:1 3\r\n"

static const char wic_fax[] = WIC_HEAD("2") "a=group:BUNDLE 0\r\n" DATA_HEAD FAX_CHANNEL;

TEST(T38_004_a_channel_of_a_browser_becomes_udptl_of_the_core)
{
    struct session s;

    session_open(&s, "");
    STR_EQ(offer(&s, ACCESS, wic_fax),
           TO_CORE("1") "m=image 20004 udptl t38\r\nc=IN IP4 10.0.0.5\r\nb=AS:46\r\na=T38FaxVersion:2\r\n"
                        "a=T38MaxBitRate:14400\r\na=T38FaxTranscodingMMR\r\na=T38FaxRateManagement:transferredTCF\r\n"
                        "a=T38FaxMaxBuffer:2000\r\na=T38FaxMaxDatagram:1400\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"
                        "a=sendrecv\r\n");
    EQ(s.req.nterms, 2);
    CHECK(s.req.terms[1].has_rtcp_mux);
    EQ(s.req.terms[1].security, GW_IQ_PLAIN);
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=image 31000 UDPTL t38\r\na=" CORE_FAX),
           TO_ACCESS("1") "a=group:BUNDLE 0\r\na=ice-lite\r\n"
                          "m=application 40000 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE(
                              "1g1") "a=setup:passive\r\na=sctp-port:5000\r\n"
                                     "a=max-message-size:262144\r\na=dcmap:2 label=\"fax\";subprotocol=\"T38\"\r\n"
                                     "a=dcsa:2 T38FaxVersion:2\r\na=dcsa:2 T38MaxBitRate:9600\r\n"
                                     "a=dcsa:2 T38FaxTranscodingMMR\r\na=dcsa:2 T38FaxRateManagement:transferredTCF\r\n"
                                     "a=dcsa:2 T38FaxMaxBuffer:1000\r\na=dcsa:2 sendrecv\r\n");
    EQ(s.answer_req.nchannels, 1);
    EQ(s.answer_req.channels[0].protocol, GW_IQ_T38);
    EQ(s.answer_req.channels[0].stream, 2);
    CHECK(s.answer_req.channels[0].to_core && s.answer_req.channels[0].to_access);
    EQ(s.answer_req.channels[0].udptl.ec, GW_IQ_EC_FEC);
    EQ(s.answer_req.channels[0].udptl.ifp_version, 2);
    EQ(s.answer_req.channels[0].udptl.max_datagram, 320);
    EQ(s.answer_req.terms[1].remote_rtp.port, 31000);
    session_close(&s);
}

TEST(T38_008_a_channel_of_a_browser_becomes_udptl_over_dtls_where_the_operator_says_so)
{
    struct session s;

    session_open(&s, "core_fax = dtls");
    STR_EQ(offer(&s, ACCESS, wic_fax),
           TO_CORE("1") "m=image 20004 UDP/TLS/UDPTL t38\r\nc=IN IP4 10.0.0.5\r\nb=AS:46\r\n"
                        "a=fingerprint:sha-256 " OURS "\r\na=setup:actpass\r\na=T38FaxVersion:2\r\n"
                        "a=T38MaxBitRate:14400\r\na=T38FaxTranscodingMMR\r\na=T38FaxRateManagement:transferredTCF\r\n"
                        "a=T38FaxMaxBuffer:2000\r\na=T38FaxMaxDatagram:1400\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"
                        "a=sendrecv\r\n");
    EQ(s.req.terms[1].security, GW_IQ_DTLS);
    EQ(s.req.terms[1].dtls_generation, 1);
    CHECK(!s.req.terms[1].has_ice && s.req.terms[1].has_rtcp_mux);
    (void)answer(&s, PHONE_HEAD("1") "a=fingerprint:sha-256 " FP "\r\n"
                                     "m=image 31000 UDP/TLS/UDPTL t38\r\na=setup:passive\r\na=T38FaxVersion:0\r\n");
    CHECK(strstr(s.text, "a=dcsa:2 T38FaxVersion:0\r\n") != NULL);
    EQ(s.answer_req.terms[1].nfingerprints, 1);
    EQ(s.answer_req.terms[1].setup, GW_IQ_SETUP_ACTIVE);
    EQ(s.answer_req.channels[0].udptl.ifp_version, 0);
    EQ(s.answer_req.channels[0].udptl.ec, GW_IQ_EC_REDUNDANCY);
    EQ(s.answer_req.channels[0].udptl.max_datagram, 0);

    (void)offer(&s, CORE,
                PHONE_HEAD("2") "m=image 31002 UDP/TLS/UDPTL t38\r\na=fingerprint:sha-256 " FP
                                "\r\na=setup:actpass\r\n");
    (void)answer(&s, CLIENT_ANSWERS("0") "a=dcmap:2 label=\"fax\";subprotocol=\"T38\"\r\n");
    EQ(s.answer_req.terms[1].dtls_generation, 2); /* another place, another association (RFC 7345 s. 4.1) */
    session_close(&s);
}

TEST(T38_004_fax_of_the_core_is_offered_to_the_browser_as_a_channel)
{
    struct session s;

    session_open(&s, "");
    STR_EQ(offer(&s, CORE, PHONE_HEAD("1") "m=image 31000 udptl t38\r\na=" CORE_FAX),
           TO_ACCESS("1") "a=group:BUNDLE 0\r\na=ice-lite\r\n"
                          "m=application 40000 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE(
                              "1g1") "a=setup:actpass\r\na=3ge2ae:applied\r\na=sctp-port:5000\r\n"
                                     "a=max-message-size:262144\r\na=dcmap:1 subprotocol=\"t38\"\r\n"
                                     "a=dcsa:1 T38FaxVersion:2\r\na=dcsa:1 T38MaxBitRate:9600\r\n"
                                     "a=dcsa:1 T38FaxFillBitRemoval\r\na=dcsa:1 T38FaxTranscodingMMR\r\n"
                                     "a=dcsa:1 T38FaxRateManagement:transferredTCF\r\na=dcsa:1 T38FaxMaxBuffer:1000\r\n"
                                     "a=dcsa:1 sendrecv\r\n");
    STR_EQ(answer(&s, CLIENT_ANSWERS("0") "a=dcmap:1 subprotocol=\"t38\"\r\na=dcsa:1 T38FaxVersion:0\r\n"
                                          "a=dcsa:1 T38FaxTranscodingMMR\r\n"),
           TO_CORE("1") "m=image 20004 udptl t38\r\nc=IN IP4 10.0.0.5\r\nb=AS:46\r\na=T38FaxVersion:0\r\n"
                        "a=T38MaxBitRate:9600\r\na=T38FaxTranscodingMMR\r\na=T38FaxRateManagement:transferredTCF\r\n"
                        "a=T38FaxMaxBuffer:1000\r\na=T38FaxMaxDatagram:1400\r\na=T38FaxUdpEC:t38UDPFEC\r\n"
                        "a=sendrecv\r\n");
    EQ(s.answer_req.channels[0].udptl.ec, GW_IQ_EC_FEC);
    EQ(s.answer_req.channels[0].udptl.ifp_version, 0);
    session_close(&s);
}

TEST(T38_008_fax_over_dtls_of_the_core_ends_here)
{
    struct session s;

    session_open(&s, "");
    (void)offer(&s, CORE,
                PHONE_HEAD("1") "m=image 31000 UDP/TLS/UDPTL t38\r\na=fingerprint:sha-256 " FP
                                "\r\na=setup:actpass\r\na=tls-id:abcdefghijklmnopqrst\r\n");
    STR_EQ(answer(&s, CLIENT_ANSWERS("0") "a=dcmap:1 subprotocol=\"t38\"\r\n"),
           TO_CORE("1") "m=image 20004 UDP/TLS/UDPTL t38\r\nc=IN IP4 10.0.0.5\r\nb=AS:46\r\n"
                        "a=fingerprint:sha-256 " OURS "\r\na=setup:passive\r\na=tls-id:TLSID\r\n"
                        "a=T38FaxRateManagement:transferredTCF\r\na=sendrecv\r\n");
    EQ(s.answer_req.terms[1].setup, GW_IQ_SETUP_PASSIVE);
    EQ(s.answer_req.terms[1].nfingerprints, 1);
    session_close(&s);
}

TEST(T38_004_lines_that_are_no_fax_we_carry_are_refused)
{
    struct session s;

    offer_refused("", CORE, PHONE_HEAD("1") "m=image 31000 udptl other\r\n", GW_E_UNSUPPORTED, 488, 305,
                  "Only t38 is carried over UDPTL");
    offer_refused("", CORE, PHONE_HEAD("1") "m=image 31000 UDP/TLS/UDPTL t38\r\n", GW_E_UNSUPPORTED, 488, 302,
                  "unknown transport protocol");
    offer_refused("", CORE, PHONE_HEAD("1") "m=image 31000 RTP/AVP 96\r\n", GW_E_UNSUPPORTED, 488, 304,
                  "Media type not carried");
    offer_refused("", CORE,
                  PHONE_HEAD("1") "m=image 31000 UDP/TLS/UDPTL t38\r\na=fingerprint:sha-256 " FP
                                  "\r\na=setup:holdconn\r\n",
                  GW_E_UNSUPPORTED, 488, 302, "a=setup:holdconn");
    session_open(&s, "");
    (void)offer(&s, ACCESS, wic_fax);
    EQ(gw_ms_answer(s.ms, gw_span_str(PHONE_HEAD("1") "m=image 31000 udptl t38\r\na=T38FaxRateManagement:localTCF\r\n"),
                    &s.answer_req, &s.why),
       GW_E_UNSUPPORTED);
    STR_EQ(s.why.text, "Answer changes T38FaxRateManagement");
    session_close(&s);
}

TEST(DC_009_a_fax_channel_that_came_in_band_is_offered_with_the_defaults)
{
    static const char silent[] = WIC_HEAD("2") "a=group:BUNDLE 0\r\n" DATA_HEAD MSRP_CHANNEL;
    const struct gw_iq_notify n = { .event = GW_IQ_CHANNEL_OPENED, .term = 1, .protocol = GW_IQ_T38, .sctp_stream = 8 };
    struct gw_iq_reply reply;
    struct session s;
    char *text = NULL;
    size_t len;

    session_open(&s, "");
    (void)offer(&s, ACCESS, silent);
    (void)answer(&s, PHONE_HEAD("1") "m=message 31000 TCP/MSRP *\r\na=path:msrp://10.0.0.9:31000/z;tcp\r\n");
    gw_ms_channel_opened(s.ms, &n);
    EQ(gw_ms_offer_own(s.ms, &s.req), 0);
    reply = test_reply(&s.req);
    EQ(gw_ms_offer_out(s.ms, &reply, &text, &len), 0);
    CHECK(strstr(text, "m=image 20006 udptl t38\r\nc=IN IP4 10.0.0.5\r\nb=AS:46\r\na=T38FaxVersion:0\r\n"
                       "a=T38MaxBitRate:14400\r\na=T38FaxRateManagement:transferredTCF\r\n") != NULL);
    free(text);
    session_close(&s);
}
