/* The same for DTLS, ICE and what is refused (specs 4.4, 4.6, 6; TS 33.328 s. 7.4). */
#include "signaling/call/interwork_test.h"

TEST(SDP_012_the_roles_of_table_4_4) /* a passive offer makes us the DTLS client */
{
    struct session s;

    session_open(&s, "");
    STR_EQ(offer(&s, ACCESS,
                 WIC_HEAD("1") "a=group:BUNDLE 0\r\n"
                               "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                               "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:passive\r\n"
                               "a=mid:0\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:8 PCMA/8000\r\n"
                               "a=sendrecv\r\n"),
           TO_CORE("1") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"),
           TO_ACCESS("1") "a=group:BUNDLE 0\r\n"
                          "a=ice-lite\r\n"
                          "m=audio 40000 UDP/TLS/RTP/SAVPF 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE("1g1") "a=setup:active\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=rtpmap:8 PCMA/8000\r\n"
                                                       "a=sendrecv\r\n");
    EQ(s.answer_req.terms[0].setup, GW_IQ_SETUP_ACTIVE);
    session_close(&s);
}

TEST(SDP_015_the_strongest_hash_counts)
{
    struct session s;

    session_open(&s, "");
    STR_EQ(offer(&s, ACCESS,
                 WIC_HEAD("1") "a=group:BUNDLE 0\r\n"
                               "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                               "c=IN IP4 0.0.0.0\r\n"
                               "a=ice-ufrag:Xy1z\r\n"
                               "a=ice-pwd:0123456789abcdefghijkl\r\n"
                               "a=fingerprint:sha-1 11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11\r\n"
                               "a=fingerprint:md5 22:22:22:22:22:22:22:22:22:22:22:22:22:22:22:22\r\n"
                               "a=fingerprint:sha-256 "
                               "6b:8b:f0:65:5f:78:e2:51:3b:ac:6f:f3:3f:46:1b:35:dc:b8:5f:64:1a:24:c2:43:f0:a1:58:d0:a1:"
                               "2c:19:08\r\n"
                               "a=setup:actpass\r\n"
                               "a=mid:0\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:8 PCMA/8000\r\n"
                               "a=sendrecv\r\n"),
           TO_CORE("1") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendrecv\r\n");
    EQ(s.req.terms[0].nfingerprints, 1);
    EQ(s.req.terms[0].fingerprints[0].hash, GW_IQ_SHA256);
    EQ(s.req.terms[0].fingerprints[0].value[1], 0x8b);
    session_close(&s);
}

TEST(SDP_018_025_mixed_sessions_are_decided_line_by_line) /* the SDES line of the core has no usable key: it is refused,
                                                             the call is not */
{
    struct session s;

    session_open(&s, "");
    STR_EQ(offer(&s, CORE,
                 PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"
                                 "m=video 30002 RTP/SAVP 96\r\n"
                                 "a=rtpmap:96 VP8/90000\r\n"
                                 "a=crypto:1 F8_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"),
           TO_ACCESS("1") "a=group:BUNDLE 0\r\n"
                          "a=ice-lite\r\n"
                          "m=audio 40000 UDP/TLS/RTP/SAVPF 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE("2g1") "a=setup:actpass\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=3ge2ae:applied\r\n"
                                                       "a=rtpmap:8 PCMA/8000\r\n"
                                                       "a=sendrecv\r\n");
    STR_EQ(answer(&s, WIC_HEAD("1") "a=group:BUNDLE 0\r\n"
                                    "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                                    "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:active\r\n"
                                    "a=mid:0\r\n"
                                    "a=rtcp-mux\r\n"
                                    "a=rtpmap:8 PCMA/8000\r\n"
                                    "a=sendrecv\r\n"),
           TO_CORE("1") "m=audio 20002 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendrecv\r\n"
                        "m=video 0 RTP/SAVP 96\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "a=inactive\r\n");
    session_close(&s);
}

TEST(SDP_019_E2A_016_017_hold_and_resume_change_no_key)
{
    struct session s;

    session_open(&s, "");
    STR_EQ(offer(&s, ACCESS,
                 WIC_HEAD("1") "a=group:BUNDLE 0\r\n"
                               "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                               "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\n"
                               "a=mid:0\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:8 PCMA/8000\r\n"
                               "a=sendrecv\r\n"),
           TO_CORE("1") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"),
           TO_ACCESS("1") "a=group:BUNDLE 0\r\n"
                          "a=ice-lite\r\n"
                          "m=audio 40000 UDP/TLS/RTP/SAVPF 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE("1g1") "a=setup:passive\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=rtpmap:8 PCMA/8000\r\n"
                                                       "a=sendrecv\r\n");
    STR_EQ(offer(&s, ACCESS,
                 WIC_HEAD("2") "a=group:BUNDLE 0\r\n"
                               "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                               "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\n"
                               "a=mid:0\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:8 PCMA/8000\r\n"
                               "a=sendonly\r\n"),
           TO_CORE("2") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendonly\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("2") "m=audio 30000 RTP/AVP 8\r\n"
                                      "a=recvonly\r\n"),
           TO_ACCESS("2") "a=group:BUNDLE 0\r\n"
                          "a=ice-lite\r\n"
                          "m=audio 40000 UDP/TLS/RTP/SAVPF 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE("1g1") "a=setup:passive\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=rtpmap:8 PCMA/8000\r\n"
                                                       "a=recvonly\r\n");
    EQ(s.answer_req.terms[0].ice_generation, 1);
    EQ(s.answer_req.terms[0].dtls_generation, 1);
    CHECK(s.answer_req.streams[0].to_core && !s.answer_req.streams[0].to_access);
    STR_EQ(offer(&s, CORE,
                 PHONE_HEAD("3") "m=audio 30000 RTP/AVP 8\r\n"
                                 "a=sendrecv\r\n"),
           TO_ACCESS("3") "a=group:BUNDLE 0\r\n"
                          "a=ice-lite\r\n"
                          "m=audio 40000 UDP/TLS/RTP/SAVPF 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE("1g1") "a=setup:actpass\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=3ge2ae:applied\r\n"
                                                       "a=rtpmap:8 PCMA/8000\r\n"
                                                       "a=sendrecv\r\n");
    STR_EQ(answer(&s, WIC_HEAD("3") "a=group:BUNDLE 0\r\n"
                                    "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                                    "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:active\r\n"
                                    "a=mid:0\r\n"
                                    "a=rtcp-mux\r\n"
                                    "a=rtpmap:8 PCMA/8000\r\n"
                                    "a=sendrecv\r\n"),
           TO_CORE("3") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendrecv\r\n");
    EQ(s.answer_req.terms[0].ice_generation, 1);
    EQ(s.answer_req.terms[0].dtls_generation, 1);
    CHECK(s.answer_req.streams[0].to_core && s.answer_req.streams[0].to_access);
    session_close(&s);
}

TEST(TLS_010_an_ice_restart_keeps_dtls)
{
    struct session s;

    session_open(&s, "");
    STR_EQ(offer(&s, ACCESS,
                 WIC_HEAD("1") "a=group:BUNDLE 0\r\n"
                               "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                               "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\n"
                               "a=mid:0\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:8 PCMA/8000\r\n"
                               "a=sendrecv\r\n"),
           TO_CORE("1") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"),
           TO_ACCESS("1") "a=group:BUNDLE 0\r\n"
                          "a=ice-lite\r\n"
                          "m=audio 40000 UDP/TLS/RTP/SAVPF 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE("1g1") "a=setup:passive\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=rtpmap:8 PCMA/8000\r\n"
                                                       "a=sendrecv\r\n");
    STR_EQ(offer(&s, ACCESS,
                 WIC_HEAD("2") "a=group:BUNDLE 0\r\n"
                               "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                               "c=IN IP4 0.0.0.0\r\n"
                               "a=ice-ufrag:Qq2w\r\n"
                               "a=ice-pwd:9876543210abcdefghijkl\r\n"
                               "a=fingerprint:sha-256 " FP "\r\n"
                               "a=setup:actpass\r\n"
                               "a=mid:0\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:8 PCMA/8000\r\n"
                               "a=sendrecv\r\n"),
           TO_CORE("1") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"),
           TO_ACCESS("2") "a=group:BUNDLE 0\r\n"
                          "a=ice-lite\r\n"
                          "m=audio 40000 UDP/TLS/RTP/SAVPF 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE("1g2") "a=setup:passive\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=rtpmap:8 PCMA/8000\r\n"
                                                       "a=sendrecv\r\n");
    EQ(s.answer_req.terms[0].ice_generation, 2);
    EQ(s.answer_req.terms[0].dtls_generation, 1);
    session_close(&s);
}

TEST(SDP_012_holdconn_is_refused)
{
    struct session s;
    const struct gw_e2ae_input in = { .client = GW_CLIENT_WIC };
    int err = 0;

    session_open_as(&s, "", &in);
    CHECK(offer_err(&s, ACCESS,
                    WIC_HEAD("1") "a=group:BUNDLE 0\r\n"
                                  "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                                  "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:holdconn\r\n"
                                  "a=mid:0\r\n"
                                  "a=rtcp-mux\r\n"
                                  "a=rtpmap:8 PCMA/8000\r\n"
                                  "a=sendrecv\r\n",
                    &err) == NULL);
    EQ(err, GW_E_UNSUPPORTED);
    EQ(s.why.status, 488);
    EQ(s.why.warn, 302);
    STR_EQ(s.why.text, "a=setup:holdconn");
    session_close(&s);
}

TEST(SDP_015_md5_alone_is_refused)
{
    struct session s;
    const struct gw_e2ae_input in = { .client = GW_CLIENT_WIC };
    int err = 0;

    session_open_as(&s, "", &in);
    CHECK(offer_err(&s, ACCESS,
                    WIC_HEAD("1") "a=group:BUNDLE 0\r\n"
                                  "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                                  "c=IN IP4 0.0.0.0\r\n"
                                  "a=ice-ufrag:Xy1z\r\n"
                                  "a=ice-pwd:0123456789abcdefghijkl\r\n"
                                  "a=fingerprint:md5 22:22:22:22:22:22:22:22:22:22:22:22:22:22:22:22\r\n"
                                  "a=setup:actpass\r\n"
                                  "a=mid:0\r\n"
                                  "a=rtcp-mux\r\n"
                                  "a=rtpmap:8 PCMA/8000\r\n"
                                  "a=sendrecv\r\n",
                    &err) == NULL);
    EQ(err, GW_E_UNSUPPORTED);
    EQ(s.why.status, 488);
    EQ(s.why.warn, 302);
    STR_EQ(s.why.text, "no usable fingerprint");
    session_close(&s);
}

TEST(SDP_025_nothing_usable_is_488)
{
    struct session s;
    const struct gw_e2ae_input in = { .client = GW_CLIENT_WIC };
    int err = 0;

    session_open_as(&s, "", &in);
    CHECK(offer_err(&s, ACCESS,
                    WIC_HEAD("1") "a=group:BUNDLE 0\r\n"
                                  "m=model 9 XYZ/ABC 1\r\n"
                                  "c=IN IP4 0.0.0.0\r\n",
                    &err) == NULL);
    EQ(err, GW_E_UNSUPPORTED);
    EQ(s.why.status, 488);
    EQ(s.why.warn, 302);
    STR_EQ(s.why.text, "unknown transport protocol");
    session_close(&s);
}

TEST(E2A_019_key_mgmt_to_a_browser_is_refused)
{
    struct session s;
    const struct gw_e2ae_input in = { .client = GW_CLIENT_WIC };
    int err = 0;

    session_open_as(&s, "", &in);
    CHECK(offer_err(&s, CORE,
                    PHONE_HEAD("1") "m=audio 30000 RTP/SAVP 8\r\n"
                                    "a=key-mgmt:mikey AQAFgM\r\n",
                    &err) == NULL);
    EQ(err, GW_E_UNSUPPORTED);
    EQ(s.why.status, 488);
    EQ(s.why.warn, 399);
    STR_EQ(s.why.text, "a browser cannot do MIKEY");
    session_close(&s);
}
