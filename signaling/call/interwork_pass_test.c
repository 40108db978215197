/* Media that the ends secure between themselves: whole session descriptions, before and after (TS 33.328
 * s. 7.2.2, 7.2.3, 7.3.2, 7.3.3). */
#include "signaling/call/interwork_test.h"

#define KEY_A "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^31|1:4"
#define KEY_B "inline:PS1uQCVeeCFCanVmcjkpPj0yZCQ5OWJaKjBhc2Rm"
#define MIKEY "mikey AQAFgM0XflABAAAAAAAAAAAAAAsAyONQ6gAAAAAGEEoo2pee4hp2UaDX8ZE22YwKAAAPZG9uYWxkQGR1Y2suY29t"

static const struct gw_e2ae_input phone = { .client = GW_CLIENT_UE };
static const struct gw_e2ae_input registered = { .client = GW_CLIENT_UE, .has_sdes_srtp = true };

TEST(E2A_008_sdes_without_an_indication_passes_with_its_keys)
{
    struct session s;

    session_open_as(&s, "", &phone);
    STR_EQ(offer(&s, ACCESS,
                 UE_HEAD("1") "m=audio 49170 RTP/SAVP 8 101\r\ni=voice\r\nb=AS:64\r\n"
                              "a=crypto:7 AES_CM_128_HMAC_SHA1_80 " KEY_A "\r\n"
                              "a=rtpmap:101 telephone-event/8000\r\na=rtcp:49999\r\na=rtcp-mux\r\na=ptime:20\r\n"),
           TO_CORE("1") "m=audio 20004 RTP/SAVP 8 101\r\ni=voice\r\nc=IN IP4 10.0.0.5\r\nb=AS:64\r\n"
                        "a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:KEY\r\n"
                        "a=rtpmap:101 telephone-event/8000\r\na=rtcp-mux\r\na=ptime:20\r\na=sendrecv\r\n");
    CHECK(strstr(s.raw, KEY_A "\r\n") != NULL);
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/SAVP 8\r\na=crypto:7 AES_CM_128_HMAC_SHA1_80 " KEY_B "\r\n"),
           TO_ACCESS("1") "m=audio 20002 RTP/SAVP 8\r\nc=IN IP4 198.51.100.5\r\n"
                          "a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:KEY\r\na=sendrecv\r\n");
    CHECK(strstr(s.raw, KEY_B "\r\n") != NULL);
    EQ(s.answer_req.nterms, 2);
    EQ(s.answer_req.terms[0].security, GW_IQ_PLAIN);
    EQ(s.answer_req.terms[1].security, GW_IQ_PLAIN);
    EQ(s.answer_req.terms[0].local.suite, GW_IQ_SUITE_NONE);
    EQ(s.answer_req.nstreams, 1);
    CHECK(s.answer_req.streams[0].is_opaque && s.answer_req.streams[0].to_core && s.answer_req.streams[0].to_access);
    session_close(&s);
}

TEST(E2A_011_what_the_core_secured_passes_to_a_registered_phone)
{
    struct session s;

    session_open_as(&s, "", &registered);
    STR_EQ(
        offer(&s, CORE, PHONE_HEAD("1") "m=audio 30000 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 " KEY_B "\r\n"),
        TO_ACCESS("1") "m=audio 20004 RTP/SAVP 8\r\nc=IN IP4 198.51.100.5\r\n"
                       "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY\r\na=sendrecv\r\n");
    CHECK(strstr(s.raw, "3ge2ae") == NULL); /* NOTE 2: nothing of ours is applied */
    session_close(&s);
}

TEST(E2A_019_mikey_tickets_pass_at_the_session_and_at_an_m_line)
{
    struct session s;

    session_open_as(&s, "", &phone);
    STR_EQ(offer(&s, ACCESS,
                 UE_HEAD("1") "a=key-mgmt:" MIKEY "\r\n"
                              "m=audio 49170 RTP/SAVP 8\r\n"
                              "m=video 49172 RTP/SAVP 96\r\na=rtpmap:96 H264/90000\r\na=key-mgmt:" MIKEY "\r\n"),
           TO_CORE("1") "a=key-mgmt:" MIKEY "\r\n"
                        "m=audio 20004 RTP/SAVP 8\r\nc=IN IP4 10.0.0.5\r\na=sendrecv\r\n"
                        "m=video 20008 RTP/SAVP 96\r\nc=IN IP4 10.0.0.5\r\na=rtpmap:96 H264/90000\r\na=key-mgmt:" MIKEY
                        "\r\na=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "a=key-mgmt:" MIKEY "\r\nm=audio 30000 RTP/SAVP 8\r\nm=video 0 RTP/SAVP 96\r\n"),
           TO_ACCESS("1") "a=key-mgmt:" MIKEY "\r\nm=audio 20002 RTP/SAVP 8\r\nc=IN IP4 198.51.100.5\r\na=sendrecv\r\n"
                          "m=video 0 RTP/SAVP 96\r\nc=IN IP4 198.51.100.5\r\na=inactive\r\n");
    session_close(&s);
}

TEST(dtls_srtp_of_two_phones_passes_without_their_ice)
{
    struct session s;

    session_open_as(&s, "", &phone);
    STR_EQ(offer(&s, ACCESS,
                 UE_HEAD("1") "a=fingerprint:sha-256 " FP "\r\na=ice-ufrag:Xy1z\r\na=ice-pwd:0123456789abcdefghijkl\r\n"
                              "m=audio 49170 UDP/TLS/RTP/SAVP 8\r\na=setup:actpass\r\n"
                              "a=candidate:1 1 udp 1 192.0.2.9 49170 typ host\r\n"),
           TO_CORE("1") "a=fingerprint:sha-256 " FP "\r\n"
                        "m=audio 20004 UDP/TLS/RTP/SAVP 8\r\nc=IN IP4 10.0.0.5\r\na=setup:actpass\r\na=sendrecv\r\n");
    EQ(s.req.terms[0].security, GW_IQ_PLAIN);
    EQ(s.req.terms[0].has_ice, false);
    session_close(&s);
}

TEST(not_anchored_it_goes_from_end_to_end) /* and Iq hears nothing of it */
{
    struct session s;

    session_open_as(&s, "e2e_anchor = no\n", &phone);
    STR_EQ(offer(&s, ACCESS,
                 UE_HEAD("1") "m=audio 49170 RTP/SAVP 8\r\na=rtcp:49999\r\n"
                              "a=crypto:7 AES_CM_128_HMAC_SHA1_80 " KEY_A "\r\n"),
           TO_CORE("1") "m=audio 49170 RTP/SAVP 8\r\nc=IN IP4 192.0.2.9\r\na=rtcp:49999\r\n"
                        "a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:KEY\r\na=sendrecv\r\n");
    EQ(s.req.op, GW_IQ_CONFIGURE);
    EQ(s.req.nterms + s.req.nstreams, 0);
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/SAVP 8\r\na=crypto:7 AES_CM_128_HMAC_SHA1_80 " KEY_B "\r\n"),
           TO_ACCESS("1") "m=audio 30000 RTP/SAVP 8\r\nc=IN IP4 10.0.0.9\r\n"
                          "a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:KEY\r\na=sendrecv\r\n");
    EQ(s.answer_req.nterms + s.answer_req.nstreams, 0);
    session_close(&s);
}

TEST(E2A_006_a_session_mixes_protected_end_to_end_and_plain_streams)
{
    struct session s;

    session_open_as(&s, "", &registered);
    STR_EQ(
        offer(&s, ACCESS,
              UE_HEAD("1") "m=audio 49170 RTP/SAVP 8\r\na=3ge2ae:requested\r\n"
                           "a=crypto:1 AES_CM_128_HMAC_SHA1_80 " KEY_B "\r\n"
                           "m=video 49172 RTP/SAVP 31\r\na=crypto:2 AES_CM_128_HMAC_SHA1_80 " KEY_A "\r\n"
                           "m=audio 49174 RTP/AVP 0\r\n"),
        TO_CORE(
            "1") "m=audio 20004 RTP/AVP 8\r\nc=IN IP4 10.0.0.5\r\nb=AS:80\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n"
                 "m=video 20008 RTP/SAVP 31\r\nc=IN IP4 10.0.0.5\r\n"
                 "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:KEY\r\na=sendrecv\r\n"
                 "m=audio 20012 RTP/AVP 0\r\nc=IN IP4 10.0.0.5\r\nb=AS:80\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n");
    CHECK(strstr(s.raw, KEY_A) != NULL && strstr(s.raw, KEY_B) == NULL);
    session_close(&s);
}

TEST(end_to_end_may_become_protected_by_a_later_offer)
{
    struct session s;

    session_open_as(&s, "", &registered);
    (void)offer(&s, ACCESS,
                UE_HEAD("1") "m=audio 49170 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 " KEY_B "\r\n");
    (void)answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 " KEY_B "\r\n");
    STR_EQ(
        offer(&s, ACCESS,
              UE_HEAD("2") "m=audio 49170 RTP/SAVP 8\r\na=3ge2ae:requested\r\n"
                           "a=crypto:1 AES_CM_128_HMAC_SHA1_80 " KEY_B "\r\n"),
        TO_CORE(
            "2") "m=audio 20004 RTP/AVP 8\r\nc=IN IP4 10.0.0.5\r\nb=AS:80\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n");
    (void)answer(&s, PHONE_HEAD("2") "m=audio 30000 RTP/AVP 8\r\n");
    CHECK(!s.answer_req.streams[0].is_opaque);
    EQ(s.answer_req.terms[0].security, GW_IQ_SDES);
    session_close(&s);
}
