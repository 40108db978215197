/* The same for SDES: phones on the access side, cores that want it (specs 4.5; RFC 4568, TS 33.328 annex E). */
#include "signaling/call/interwork_test.h"

TEST(SDP_020_021_E2A_007_018_a_phone_offers_sdes) /* a key of our own under the same tag and suite, without lifetime;
                                                     nothing of it reaches the core */
{
    struct session s;

    const struct gw_e2ae_input in = { .client = GW_CLIENT_UE, .has_sdes_srtp = true };

    session_open_as(&s, "", &in);
    STR_EQ(
        offer(&s, ACCESS,
              UE_HEAD(
                  "1") "m=audio 49170 RTP/SAVP 8\r\n"
                       "a=3ge2ae:requested\r\n"
                       "a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^31|1:4\r\n"
                       "a=crypto:4 AES_CM_128_HMAC_SHA1_32 inline:PS1uQCVeeCFCanVmcjkpPj0yZCQ5OWJaKjBhc2Rm\r\n"),
        TO_CORE("1") "m=audio 20004 RTP/AVP 8\r\n"
                     "c=IN IP4 10.0.0.5\r\n"
                     "b=AS:80\r\n"
                     "a=rtpmap:8 PCMA/8000\r\n"
                     "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"),
           TO_ACCESS("1") "m=audio 20002 RTP/SAVP 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:KEY\r\n"
                          "a=rtpmap:8 PCMA/8000\r\n"
                          "a=sendrecv\r\n");
    EQ(s.answer_req.terms[0].remote.suite, GW_IQ_AES_CM_128_HMAC_SHA1_80);
    EQ(s.answer_req.terms[0].remote.mki_len, 4);
    CHECK(memcmp(s.answer_req.terms[0].remote.key, s.answer_req.terms[0].local.key, 30) != 0);
    EQ(s.answer_req.terms[1].security, GW_IQ_PLAIN);
    session_close(&s);
}

TEST(SDP_001_a_phones_savpf_stays_feedback) /* SAVPF and AVPF, never SAVPF and AVP (TS 23.334 s. 5.11.2.1) */
{
    struct session s;

    const struct gw_e2ae_input in = { .client = GW_CLIENT_UE, .has_sdes_srtp = true };

    session_open_as(&s, "", &in);
    STR_EQ(offer(&s, ACCESS,
                 UE_HEAD("1") "m=video 49172 RTP/SAVPF 96\r\n"
                              "a=3ge2ae:requested\r\n"
                              "a=rtpmap:96 VP8/90000\r\n"
                              "a=rtcp-fb:96 nack pli\r\n"
                              "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"),
           TO_CORE("1") "m=video 20004 RTP/AVPF 96\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:1500\r\n"
                        "a=rtpmap:96 VP8/90000\r\n"
                        "a=rtcp-fb:96 nack pli\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=video 30002 RTP/AVPF 96\r\n"
                                      "a=rtpmap:96 VP8/90000\r\n"
                                      "a=rtcp-fb:96 nack pli\r\n"),
           TO_ACCESS("1") "m=video 20002 RTP/SAVPF 96\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY\r\n"
                          "a=rtpmap:96 VP8/90000\r\n"
                          "a=rtcp-fb:96 nack pli\r\n"
                          "a=sendrecv\r\n");
    session_close(&s);
}

TEST(E2A_010_a_registered_phone_is_offered_sdes) /* with applied and a key for each suite */
{
    struct session s;

    const struct gw_e2ae_input in = { .client = GW_CLIENT_UE, .has_sdes_srtp = true };

    session_open_as(&s, "", &in);
    STR_EQ(offer(&s, CORE,
                 PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"
                                 "a=3ge2ae:applied\r\n"),
           TO_ACCESS("1") "m=audio 20004 RTP/SAVP 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY\r\n"
                          "a=crypto:2 AEAD_AES_256_GCM inline:KEY\r\n"
                          "a=crypto:3 AEAD_AES_128_GCM inline:KEY\r\n"
                          "a=3ge2ae:applied\r\n"
                          "a=rtpmap:8 PCMA/8000\r\n"
                          "a=sendrecv\r\n");
    STR_EQ(
        answer(&s,
               UE_HEAD("1") "m=audio 49170 RTP/SAVP 8\r\n"
                            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"),
        TO_CORE("1") "m=audio 20002 RTP/AVP 8\r\n"
                     "c=IN IP4 10.0.0.5\r\n"
                     "b=AS:80\r\n"
                     "a=rtpmap:8 PCMA/8000\r\n"
                     "a=sendrecv\r\n");
    EQ(s.answer_req.terms[1].security, GW_IQ_SDES);
    EQ(s.answer_req.terms[1].remote.suite, GW_IQ_AES_CM_128_HMAC_SHA1_80);
    session_close(&s);
}

TEST(E2A_010_a_phone_that_did_not_register_is_left_alone)
{
    struct session s;

    const struct gw_e2ae_input in = { .client = GW_CLIENT_UE };

    session_open_as(&s, "", &in);
    STR_EQ(offer(&s, CORE, PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"), TO_ACCESS("1") "m=audio 20004 RTP/AVP 8\r\n"
                                                                                          "c=IN IP4 198.51.100.5\r\n"
                                                                                          "a=rtpmap:8 PCMA/8000\r\n"
                                                                                          "a=sendrecv\r\n");
    STR_EQ(answer(&s, UE_HEAD("1") "m=audio 49170 RTP/AVP 8\r\n"), TO_CORE("1") "m=audio 20002 RTP/AVP 8\r\n"
                                                                                "c=IN IP4 10.0.0.5\r\n"
                                                                                "b=AS:80\r\n"
                                                                                "a=rtpmap:8 PCMA/8000\r\n"
                                                                                "a=sendrecv\r\n");
    session_close(&s);
}

TEST(E2A_001_plain_media_of_a_phone_passes_without_its_indication)
{
    struct session s;

    const struct gw_e2ae_input in = { .client = GW_CLIENT_UE, .has_sdes_srtp = true };

    session_open_as(&s, "", &in);
    STR_EQ(offer(&s, ACCESS,
                 UE_HEAD("1") "m=audio 49170 RTP/AVP 8\r\n"
                              "a=3ge2ae:requested\r\n"),
           TO_CORE("1") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"), TO_ACCESS("1") "m=audio 20002 RTP/AVP 8\r\n"
                                                                                     "c=IN IP4 198.51.100.5\r\n"
                                                                                     "a=rtpmap:8 PCMA/8000\r\n"
                                                                                     "a=sendrecv\r\n");
    session_close(&s);
}

TEST(E2A_013_a_browser_towards_a_core_that_wants_sdes) /* DTLS on one side, SDES on the other, keys unrelated */
{
    struct session s;

    session_open(&s, "core_proto = savp\n");
    STR_EQ(offer(&s, ACCESS,
                 WIC_HEAD("1") "a=group:BUNDLE 0\r\n"
                               "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"
                               "c=IN IP4 0.0.0.0\r\n" ICE "a=setup:actpass\r\n"
                               "a=mid:0\r\n"
                               "a=rtcp-mux\r\n"
                               "a=rtpmap:8 PCMA/8000\r\n"
                               "a=sendrecv\r\n"),
           TO_CORE("1") "m=audio 20004 RTP/SAVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY\r\n"
                        "a=crypto:2 AEAD_AES_256_GCM inline:KEY\r\n"
                        "a=crypto:3 AEAD_AES_128_GCM inline:KEY\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/SAVP 8\r\n"
                                      "a=crypto:2 AEAD_AES_256_GCM "
                                      "inline:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDFhYmNkZWZnaGlqa2w=\r\n"),
           TO_ACCESS("1") "a=group:BUNDLE 0\r\n"
                          "a=ice-lite\r\n"
                          "m=audio 40000 UDP/TLS/RTP/SAVPF 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=mid:0\r\n" OUR_ICE("1g1") "a=setup:passive\r\n"
                                                       "a=rtcp-mux\r\n"
                                                       "a=msid:imsgw imsgw1\r\n"
                                                       "a=rtpmap:8 PCMA/8000\r\n"
                                                       "a=sendrecv\r\n");
    EQ(s.answer_req.terms[0].security, GW_IQ_DTLS);
    EQ(s.answer_req.terms[1].remote.suite, GW_IQ_AEAD_AES_256_GCM);
    session_close(&s);
}

TEST(SDP_019_E2A_017_an_unchanged_crypto_line_is_answered_as_before)
{
    struct session s;

    const struct gw_e2ae_input in = { .client = GW_CLIENT_UE, .has_sdes_srtp = true };

    session_open_as(&s, "", &in);
    STR_EQ(offer(&s, ACCESS,
                 UE_HEAD("1") "m=audio 49170 RTP/SAVP 8\r\n"
                              "a=3ge2ae:requested\r\n"
                              "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"),
           TO_CORE("1") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"),
           TO_ACCESS("1") "m=audio 20002 RTP/SAVP 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY\r\n"
                          "a=rtpmap:8 PCMA/8000\r\n"
                          "a=sendrecv\r\n");
    char *first = strdup(s.raw);
    STR_EQ(
        offer(
            &s, ACCESS,
            UE_HEAD("1") "m=audio 49170 RTP/SAVP 8\r\n"
                         "a=3ge2ae:requested\r\n"
                         "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20\r\n"),
        TO_CORE("1") "m=audio 20004 RTP/AVP 8\r\n"
                     "c=IN IP4 10.0.0.5\r\n"
                     "b=AS:80\r\n"
                     "a=rtpmap:8 PCMA/8000\r\n"
                     "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"),
           TO_ACCESS("1") "m=audio 20002 RTP/SAVP 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY\r\n"
                          "a=rtpmap:8 PCMA/8000\r\n"
                          "a=sendrecv\r\n");
    STR_EQ(s.raw, first); /* the key too */
    free(first);
    session_close(&s);
}

TEST(SDP_024_clear_srtp_is_chosen_only_when_the_operator_names_it)
{
    struct session s;

    const struct gw_e2ae_input in = { .client = GW_CLIENT_UE, .has_sdes_srtp = true };

    session_open_as(&s, "", &in);
    STR_EQ(offer(&s, ACCESS,
                 UE_HEAD("1") "m=audio 49170 RTP/SAVP 8\r\n"
                              "a=3ge2ae:requested\r\n"
                              "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz "
                              "UNENCRYPTED_SRTP\r\n"
                              "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPj0yZCQ5OWJaKjBhc2Rm\r\n"),
           TO_CORE("1") "m=audio 20004 RTP/AVP 8\r\n"
                        "c=IN IP4 10.0.0.5\r\n"
                        "b=AS:80\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\n"),
           TO_ACCESS("1") "m=audio 20002 RTP/SAVP 8\r\n"
                          "c=IN IP4 198.51.100.5\r\n"
                          "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:KEY\r\n"
                          "a=rtpmap:8 PCMA/8000\r\n"
                          "a=sendrecv\r\n");
    session_close(&s);
}

TEST(SDP_022_a_suite_that_is_not_configured_is_refused)
{
    struct session s;
    const struct gw_e2ae_input in = { .client = GW_CLIENT_UE, .has_sdes_srtp = true };
    int err = 0;

    session_open_as(&s, "", &in);
    CHECK(
        offer_err(&s, ACCESS,
                  UE_HEAD("1") "m=audio 49170 RTP/SAVP 8\r\n"
                               "a=3ge2ae:requested\r\n"
                               "a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n",
                  &err) == NULL);
    EQ(err, GW_E_UNSUPPORTED);
    EQ(s.why.status, 488);
    EQ(s.why.warn, 399);
    STR_EQ(s.why.text, "No acceptable crypto line");
    session_close(&s);
}

TEST(E2A_009_an_indication_without_registration_is_refused)
{
    struct session s;
    const struct gw_e2ae_input in = { .client = GW_CLIENT_UE };
    int err = 0;

    session_open_as(&s, "", &in);
    CHECK(
        offer_err(&s, ACCESS,
                  UE_HEAD("1") "m=audio 49170 RTP/SAVP 8\r\n"
                               "a=3ge2ae:requested\r\n"
                               "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n",
                  &err) == NULL);
    EQ(err, GW_E_UNSUPPORTED);
    EQ(s.why.status, 488);
    EQ(s.why.warn, 399);
    STR_EQ(s.why.text, "e2ae requested but not registered");
    session_close(&s);
}

TEST(E2A_015_an_emergency_call_is_not_secured_end_to_end)
{
    struct session s;
    const struct gw_e2ae_input in = { .client = GW_CLIENT_UE, .is_emergency = true };
    int err = 0;

    session_open_as(&s, "", &in);
    CHECK(
        offer_err(&s, ACCESS,
                  UE_HEAD("1") "m=audio 49170 RTP/SAVP 8\r\n"
                               "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n",
                  &err) == NULL);
    EQ(err, GW_E_UNSUPPORTED);
    EQ(s.why.status, 488);
    EQ(s.why.warn, 399);
    STR_EQ(s.why.text, "no end-to-end security in emergency calls");
    session_close(&s);
}
