/* MSRP and BFCP of IMS phones: whole session descriptions, before and after, and what Iq is asked (TS 33.328
 * s. 7.2.1, 7.3.1, G.2; TS 23.334 s. 5.11.2). */
#include "signaling/call/interwork_test.h"

static const struct gw_e2ae_input plain = { .client = GW_CLIENT_UE };
static const struct gw_e2ae_input registered = { .client = GW_CLIENT_UE, .has_msrp_tls = true, .has_bfcp_tls = true };

/* Tokens of our MSRP URIs are random. */
static const char *without_tokens(struct session *s)
{
    char *p = s->text;

    while ((p = strstr(p, "a=path:msrp"))) {
        char *at = strstr(p, "://"), *end;
        at = at ? strchr(at + 3, '/') : NULL;
        end = at ? strstr(at, ";tcp") : NULL;
        if (end && end - at == 17) {
            memmove(at + 2, end, strlen(end) + 1);
            at[1] = 'T';
        }
        p++;
    }
    return s->text;
}

#define PHONE_PATH "msrps://192.0.2.9:49152/phone;tcp"
#define CORE_PATH "msrp://10.0.0.9:9000/core;tcp"

TEST(SIG_E2A_005_msrp_over_tls_of_a_phone_is_plain_in_the_core)
{
    struct session s;

    session_open_as(&s, "", &registered);
    (void)offer(&s, ACCESS,
                UE_HEAD("1") "m=message 49152 TCP/TLS/MSRP *\r\na=3ge2ae:requested\r\na=setup:actpass\r\n"
                             "a=fingerprint:sha-256 " FP "\r\na=path:" PHONE_PATH "\r\na=accept-types:text/plain\r\n");
    STR_EQ(without_tokens(&s), TO_CORE("1") "m=message 20004 TCP/MSRP *\r\nc=IN IP4 10.0.0.5\r\na=setup:actpass\r\n"
                                            "a=path:msrp://10.0.0.5:20004/T;tcp\r\na=accept-types:text/plain\r\n"
                                            "a=sendrecv\r\n");
    EQ(s.req.nterms, 2);
    EQ(s.req.terms[0].security, GW_IQ_TLS);
    EQ(s.req.terms[0].transport, GW_IQ_TCP);
    EQ(s.req.terms[0].tcp_setup, GW_IQ_SETUP_PASSIVE); /* it may be behind NAT: it connects, and is the client of TLS */
    EQ(s.req.terms[0].setup, GW_IQ_SETUP_PASSIVE);
    EQ(s.req.terms[0].nfingerprints, 1);
    EQ(s.req.terms[1].security, GW_IQ_PLAIN);
    EQ(s.req.nchannels, 1); /* it listens before the core hears of it */
    (void)answer(&s, PHONE_HEAD("1") "m=message 9000 TCP/MSRP *\r\na=setup:passive\r\na=path:" CORE_PATH
                                     "\r\na=accept-types:*\r\na=recvonly\r\n");
    STR_EQ(without_tokens(&s),
           TO_ACCESS("1") "m=message 20002 TCP/TLS/MSRP *\r\nc=IN IP4 198.51.100.5\r\na=setup:passive\r\n"
                          "a=path:msrps://198.51.100.5:20002/T;tcp\r\na=fingerprint:sha-256 " OURS
                          "\r\na=accept-types:*\r\na=recvonly\r\n");
    EQ(s.answer_req.terms[1].tcp_setup, GW_IQ_SETUP_ACTIVE);
    EQ(s.answer_req.nchannels, 1);
    CHECK(gw_ms_is_sole_connection(s.ms, s.answer_req.channels[0].id));
    CHECK(!gw_ms_connection_lost(s.ms, s.answer_req.channels[0].id));
    EQ(s.answer_req.nstreams, 0);
    CHECK(s.answer_req.channels[0].has_b2bua && !s.answer_req.channels[0].is_agnostic);
    CHECK(s.answer_req.channels[0].to_core && !s.answer_req.channels[0].to_access);
    STR_EQ(s.answer_req.channels[0].peer_uri, PHONE_PATH);
    STR_EQ(s.answer_req.channels[0].core_path, CORE_PATH);
    CHECK(strncmp(s.answer_req.channels[0].own_uri, "msrps://198.51.100.5:20002/", 27) == 0);
    session_close(&s);
}

TEST(E2A_010_a_registered_phone_is_offered_tls_and_applied)
{
    struct session s;

    session_open_as(&s, "", &registered);
    (void)offer(&s, CORE,
                PHONE_HEAD("1") "m=message 9000 TCP/MSRP *\r\na=path:" CORE_PATH "\r\na=accept-types:text/plain\r\n"
                                "m=application 9002 TCP/BFCP *\r\na=setup:passive\r\na=connection:new\r\n"
                                "a=floorctrl:s-only\r\na=confid:1\r\n");
    STR_EQ(without_tokens(&s),
           TO_ACCESS("1") "m=message 20004 TCP/TLS/MSRP *\r\nc=IN IP4 198.51.100.5\r\na=setup:actpass\r\n"
                          "a=path:msrps://198.51.100.5:20004/T;tcp\r\na=fingerprint:sha-256 " OURS
                          "\r\na=3ge2ae:applied\r\na=accept-types:text/plain\r\na=sendrecv\r\n"
                          "m=application 20008 TCP/TLS/BFCP *\r\nc=IN IP4 198.51.100.5\r\na=setup:actpass\r\n"
                          "a=connection:new\r\na=fingerprint:sha-256 " OURS "\r\na=3ge2ae:applied\r\n"
                          "a=floorctrl:s-only\r\na=confid:1\r\na=sendrecv\r\n");
    EQ(s.req.terms[0].tcp_setup, GW_IQ_SETUP_PASSIVE); /* without a word the offerer connects */
    EQ(s.req.terms[2].tcp_setup, GW_IQ_SETUP_ACTIVE);
    (void)answer(&s, UE_HEAD("1") "m=message 49152 TCP/TLS/MSRP *\r\na=setup:active\r\na=fingerprint:sha-256 " FP
                                  "\r\na=path:" PHONE_PATH "\r\na=accept-types:text/plain\r\n"
                                  "m=application 49154 TCP/TLS/BFCP *\r\na=setup:active\r\na=connection:new\r\n"
                                  "a=fingerprint:sha-256 " FP "\r\na=floorctrl:c-only\r\n");
    EQ(s.answer_req.terms[1].setup, GW_IQ_SETUP_PASSIVE); /* MSRP: who connects is the client of TLS */
    EQ(s.answer_req.terms[3].setup, GW_IQ_SETUP_ACTIVE);  /* BFCP: the answerer is its server */
    EQ(s.answer_req.terms[3].tcp_setup, GW_IQ_SETUP_PASSIVE);
    EQ(s.answer_req.nchannels, 2);
    session_close(&s);
}

TEST(E2A_012_rcs_protects_msrp_without_an_indication_where_the_operator_wants_it)
{
    struct session s;

    session_open_as(&s, "rcs51 = yes\n", &plain);
    (void)offer(&s, CORE, PHONE_HEAD("1") "m=message 9000 TCP/MSRP *\r\na=path:" CORE_PATH "\r\na=accept-types:*\r\n");
    CHECK(strstr(s.text, "TCP/TLS/MSRP") != NULL);
    session_close(&s);
    session_open_as(&s, "rcs51 = yes\n", &plain);
    (void)offer(&s, ACCESS,
                UE_HEAD("1") "m=message 49152 TCP/TLS/MSRP *\r\na=fingerprint:sha-256 " FP "\r\na=path:" PHONE_PATH
                             "\r\na=accept-types:text/plain\r\n");
    CHECK(strstr(s.text, " TCP/MSRP") != NULL);
    session_close(&s);
}

TEST(msrp_in_clear_passes_the_gateway_too)
{
    struct session s;

    session_open_as(&s, "", &plain);
    (void)offer(&s, ACCESS,
                UE_HEAD("1") "m=message 49152 TCP/MSRP *\r\na=setup:active\r\na=path:msrp://192.0.2.9:49152/p;tcp\r\n"
                             "a=accept-types:text/plain\r\n");
    CHECK(strstr(without_tokens(&s), "m=message 20004 TCP/MSRP *\r\n") != NULL);
    CHECK(strstr(s.text, "3ge2ae") == NULL);
    session_close(&s);
}

TEST(cema_of_a_phone_passes_where_the_operator_wants_it) /* RFC 6714 */
{
    struct session s;

    session_open_as(&s, "core_cema = first\n", &plain);
    STR_EQ(offer(&s, ACCESS,
                 UE_HEAD("1") "m=message 49152 TCP/MSRP *\r\na=setup:active\r\na=msrp-cema\r\n"
                              "a=path:msrp://phone.example:49152/p;tcp\r\na=accept-types:text/plain\r\n"),
           TO_CORE("1") "m=message 20004 TCP/MSRP *\r\nc=IN IP4 10.0.0.5\r\na=setup:actpass\r\n"
                        "a=path:msrp://phone.example:49152/p;tcp\r\na=msrp-cema\r\na=accept-types:text/plain\r\n"
                        "a=sendrecv\r\n");
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=message 9000 TCP/MSRP *\r\na=setup:passive\r\na=msrp-cema\r\na=path:" CORE_PATH
                                      "\r\na=accept-types:*\r\n"),
           TO_ACCESS("1") "m=message 20002 TCP/MSRP *\r\nc=IN IP4 198.51.100.5\r\na=setup:passive\r\n"
                          "a=path:" CORE_PATH "\r\na=msrp-cema\r\na=accept-types:*\r\na=sendrecv\r\n");
    CHECK(!s.answer_req.channels[0].has_b2bua);
    session_close(&s);
}

TEST(E2A_008_tls_without_an_indication_passes_end_to_end)
{
    struct session s;

    session_open_as(&s, "", &registered);
    STR_EQ(offer(&s, ACCESS,
                 UE_HEAD("1") "m=message 49152 TCP/TLS/MSRP *\r\na=setup:actpass\r\na=msrp-cema\r\n"
                              "a=fingerprint:sha-256 " FP "\r\na=path:" PHONE_PATH "\r\na=accept-types:text/plain\r\n"),
           TO_CORE("1") "m=message 20004 TCP/TLS/MSRP *\r\nc=IN IP4 10.0.0.5\r\na=setup:actpass\r\na=msrp-cema\r\n"
                        "a=fingerprint:sha-256 " FP "\r\na=path:" PHONE_PATH
                        "\r\na=accept-types:text/plain\r\na=sendrecv\r\n");
    EQ(s.req.terms[0].security, GW_IQ_PLAIN);
    STR_EQ(answer(&s, PHONE_HEAD("1") "m=message 9000 TCP/TLS/MSRP *\r\na=setup:active\r\na=msrp-cema\r\n"
                                      "a=fingerprint:sha-256 " OURS "\r\na=path:" CORE_PATH "\r\na=accept-types:*\r\n"),
           TO_ACCESS("1") "m=message 20002 TCP/TLS/MSRP *\r\nc=IN IP4 198.51.100.5\r\na=setup:active\r\na=msrp-cema\r\n"
                          "a=fingerprint:sha-256 " OURS "\r\na=path:" CORE_PATH
                          "\r\na=accept-types:*\r\na=sendrecv\r\n");
    EQ(s.answer_req.terms[1].tcp_setup, GW_IQ_SETUP_PASSIVE); /* the answerer connects to us, and we to the offerer */
    EQ(s.answer_req.terms[0].tcp_setup, GW_IQ_SETUP_ACTIVE);
    CHECK(s.answer_req.channels[0].is_agnostic && !s.answer_req.channels[0].has_b2bua);
    session_close(&s);
}

TEST(E2A_016_an_unchanged_description_leaves_the_connections_alone_and_a_new_fingerprint_does_not)
{
    struct session s;
    static const char first[] =
        UE_HEAD("1") "m=message 49152 TCP/TLS/MSRP *\r\na=3ge2ae:requested\r\na=setup:actpass\r\n"
                     "a=fingerprint:sha-256 " FP "\r\na=path:" PHONE_PATH "\r\na=accept-types:text/plain\r\n";
    static const char core[] =
        PHONE_HEAD("1") "m=message 9000 TCP/MSRP *\r\na=setup:passive\r\na=path:" CORE_PATH "\r\na=accept-types:*\r\n";
    uint32_t was;
    char *token;

    session_open_as(&s, "", &registered);
    (void)offer(&s, ACCESS, first);
    (void)answer(&s, core);
    was = s.answer_req.terms[0].tcp_generation;
    token = strdup(s.answer_req.channels[0].own_uri);
    (void)offer(&s, ACCESS, first);
    (void)answer(&s, core);
    EQ(s.answer_req.terms[0].tcp_generation, was);
    EQ(s.answer_req.terms[1].tcp_generation, 0);
    STR_EQ(s.answer_req.channels[0].own_uri, token);
    (void)offer(&s, ACCESS,
                UE_HEAD("2") "m=message 49152 TCP/TLS/MSRP *\r\na=3ge2ae:requested\r\na=setup:actpass\r\n"
                             "a=fingerprint:sha-256 " OURS "\r\na=path:" PHONE_PATH
                             "\r\na=accept-types:text/plain\r\n");
    (void)answer(&s, core);
    EQ(s.answer_req.terms[0].tcp_generation, was + 1);
    EQ(s.answer_req.terms[1].tcp_generation, 0);
    free(token);
    session_close(&s);
}

TEST(voice_and_messages_of_a_phone_in_one_session)
{
    struct session s;

    session_open_as(&s, "", &registered);
    (void)offer(&s, ACCESS,
                UE_HEAD("1") "m=audio 49170 RTP/AVP 8\r\n"
                             "m=message 49152 TCP/TLS/MSRP *\r\na=3ge2ae:requested\r\na=setup:active\r\n"
                             "a=fingerprint:sha-256 " FP "\r\na=path:" PHONE_PATH "\r\na=accept-types:*\r\n");
    (void)answer(&s, PHONE_HEAD("1") "m=audio 30000 RTP/AVP 8\r\nm=message 0 TCP/MSRP *\r\n");
    CHECK(strstr(s.text, "m=message 0 TCP/TLS/MSRP *\r\n") != NULL);
    EQ(s.answer_req.nstreams, 1);
    session_close(&s);
}

static void refused(const struct gw_e2ae_input *in, enum gw_leg from, const char *sdp, int warn, const char *text)
{
    struct session s;
    int err = 0;

    session_open_as(&s, "", in);
    CHECK(offer_err(&s, from, sdp, &err) == NULL);
    EQ(err, GW_E_UNSUPPORTED);
    EQ(s.why.status, 488);
    EQ(s.why.warn, warn);
    STR_EQ(s.why.text, text);
    session_close(&s);
}

TEST(E2A_009_what_cannot_be_joined_is_refused_in_words)
{
    refused(&plain, ACCESS,
            UE_HEAD("1") "m=message 49152 TCP/TLS/MSRP *\r\na=3ge2ae:requested\r\na=fingerprint:sha-256 " FP
                         "\r\na=path:" PHONE_PATH "\r\n",
            399, "e2ae requested but not registered");
    refused(&registered, ACCESS,
            UE_HEAD("1") "m=message 49152 TCP/TLS/MSRP *\r\na=3ge2ae:requested\r\na=path:" PHONE_PATH "\r\n", 399,
            "no fingerprint");
    refused(&registered, ACCESS,
            UE_HEAD("1") "m=message 49152 TCP/TLS/MSRP *\r\na=3ge2ae:requested\r\na=fingerprint:sha-256 " FP "\r\n",
            306, "MSRP without a=path");
    refused(
        &plain, ACCESS,
        UE_HEAD("1") "m=message 49152 TCP/MSRP *\r\na=path:msrp://r.example:2855/1;tcp msrp://192.0.2.9:1/2;tcp\r\n",
        399, "MSRP relays on the access side are not carried");
    refused(&plain, ACCESS, UE_HEAD("1") "m=application 49152 UDP/BFCP *\r\n", 302, "Transport not carried");
}
