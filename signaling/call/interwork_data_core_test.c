/* How the core is spoken to about data channels: TLS, CEMA, BFCP over UDP, and the policy of the operator. */
#include "signaling/call/interwork_data_test.h"

#define CORE_FP "a=fingerprint:sha-256 " FP "\r\n"
#define CHAT(proto, path, more) "m=message 31000 " proto " *\r\na=path:" path "\r\na=accept-types:*\r\n" more
#define CLIENT_CHAT(setup)                                                                                             \
    "a=dcmap:1 subprotocol=\"msrp\"\r\na=dcsa:1 path:msrps://b1.invalid:9/s1;dc\r\na=dcsa:1 msrp-cema\r\n"             \
    "a=dcsa:1 setup:" setup "\r\n"

static const struct gw_iq_term *core_term(const struct gw_iq_req *req)
{
    unsigned i = 0;

    while (i + 1 < req->nterms && req->terms[i].realm != GW_IQ_CORE)
        i++;
    return &req->terms[i];
}

static bool has(const struct session *s, const char *what)
{
    return strstr(s->text, what) != NULL;
}

TEST(MSRP_019_tls_of_msrp_has_the_active_side_as_its_client)
{
    struct session s;

    session_open(&s, ""); /* offered by the core */
    (void)offer(&s, CORE,
                PHONE_HEAD("1") CHAT("TCP/TLS/MSRP", "msrps://10.0.0.9:31000/z;tcp", "a=setup:actpass\r\n" CORE_FP));
    EQ(core_term(&s.req)->security, GW_IQ_TLS);
    CHECK(!has(&s, "a=dcsa:1 fingerprint"));
    (void)answer(&s, CLIENT_ANSWERS("0") CLIENT_CHAT("active"));
    CHECK(has(&s, "m=message 20004 TCP/TLS/MSRP *\r\n") && has(&s, "a=path:msrps://10.0.0.5:20004/"));
    CHECK(has(&s, "a=setup:active\r\na=fingerprint:sha-256 " OURS "\r\n"));
    EQ(core_term(&s.answer_req)->setup, GW_IQ_SETUP_ACTIVE);
    EQ(core_term(&s.answer_req)->nfingerprints, 1);
    session_close(&s);

    session_open(&s, "core_msrp = tls"); /* offered by us */
    (void)offer(&s, ACCESS, WIC_HEAD("2") "a=group:BUNDLE 0\r\n" DATA_HEAD MSRP_CHANNEL);
    CHECK(has(&s, " TCP/TLS/MSRP *\r\n") && has(&s, "a=setup:actpass\r\na=fingerprint:sha-256 " OURS "\r\n"));
    (void)answer(&s, PHONE_HEAD("1") CHAT("TCP/TLS/MSRP", "msrps://10.0.0.9:9/z;tcp", "a=setup:active\r\n" CORE_FP));
    EQ(core_term(&s.answer_req)->tcp_setup, GW_IQ_SETUP_PASSIVE);
    EQ(core_term(&s.answer_req)->setup, GW_IQ_SETUP_PASSIVE);
    session_close(&s);

    offer_refused("", CORE, PHONE_HEAD("1") CHAT("TCP/TLS/MSRP", "msrps://10.0.0.9:31000/z;tcp", "a=setup:active\r\n"),
                  GW_E_UNSUPPORTED, 488, 302, "unknown transport protocol"); /* no fingerprint: nobody to trust */
}

TEST(BFCP_009_tls_of_bfcp_has_the_answerer_as_its_server)
{
    struct session s;

    session_open(&s, "");
    (void)offer(
        &s, CORE,
        PHONE_HEAD("1") "m=application 32000 TCP/TLS/BFCP *\r\na=setup:passive\r\na=connection:new\r\n" CORE_FP);
    (void)answer(&s, CLIENT_ANSWERS("0") "a=dcmap:1 subprotocol=\"bfcp\"\r\n");
    EQ(core_term(&s.answer_req)->tcp_setup, GW_IQ_SETUP_ACTIVE); /* we connect ... */
    EQ(core_term(&s.answer_req)->setup, GW_IQ_SETUP_PASSIVE);    /* ... and are the TLS server */
    session_close(&s);

    session_open(&s, "core_bfcp = tls");
    (void)offer(&s, ACCESS, WIC_HEAD("2") "a=group:BUNDLE 0\r\n" DATA_HEAD BFCP_CHANNEL);
    (void)answer(&s,
                 PHONE_HEAD("1") "m=application 9 TCP/TLS/BFCP *\r\na=setup:active\r\na=connection:new\r\n" CORE_FP);
    EQ(core_term(&s.answer_req)->tcp_setup, GW_IQ_SETUP_PASSIVE);
    EQ(core_term(&s.answer_req)->setup, GW_IQ_SETUP_ACTIVE);
    session_close(&s);
}

TEST(BFCP_008_bfcp_over_udp_is_version_2_there_and_1_here)
{
    struct session s;

    session_open(&s, "core_bfcp = udp");
    (void)offer(&s, ACCESS, WIC_HEAD("2") "a=group:BUNDLE 0\r\n" DATA_HEAD BFCP_CHANNEL);
    CHECK(has(&s, "m=application 20004 UDP/BFCP *\r\n") && has(&s, "a=bfcpver:2\r\na=floorctrl:c-only\r\n"));
    CHECK(!has(&s, "a=setup") && !has(&s, "a=connection") && !has(&s, "bfcpver:1"));
    EQ(core_term(&s.req)->transport, GW_IQ_UDP);
    (void)answer(&s, PHONE_HEAD("1") "m=application 32000 UDP/BFCP *\r\na=floorctrl:s-only\r\na=bfcpver:2\r\n");
    CHECK(has(&s, "a=dcsa:2 floorctrl:s-only\r\n") && !has(&s, "bfcpver"));
    session_close(&s);
    offer_refused("", CORE, PHONE_HEAD("1") "m=application 32000 UDP/BFCP *\r\na=bfcpver:1\r\n", GW_E_UNSUPPORTED, 488,
                  306, "BFCP version not carried");
}

TEST(MSRP_014_under_cema_path_and_role_pass_both_ways)
{
    struct session s;

    session_open(&s, ""); /* c= and m= are of a middlebox, the path is the endpoint's */
    (void)offer(&s, CORE,
                PHONE_HEAD("1") CHAT("TCP/MSRP", "msrp://10.7.7.7:4000/z;tcp", "a=msrp-cema\r\na=setup:actpass\r\n"));
    CHECK(has(&s, "a=dcsa:1 path:msrp://10.7.7.7:4000/z;tcp\r\na=dcsa:1 msrp-cema\r\na=dcsa:1 setup:actpass\r\n"));
    (void)answer(&s, CLIENT_ANSWERS("0") CLIENT_CHAT("active"));
    CHECK(has(&s, "a=path:msrps://b1.invalid:9/s1;dc\r\na=msrp-cema\r\na=setup:active\r\n"));
    CHECK(!s.answer_req.channels[0].has_b2bua && !s.answer_req.channels[0].is_agnostic);
    EQ(core_term(&s.answer_req)->tcp_setup, GW_IQ_SETUP_ACTIVE);
    EQ(core_term(&s.answer_req)->remote_rtp.port, 31000); /* not the path's */
    session_close(&s);

    session_open(&s, "application_mode = agnostic"); /* the browser waits: so do we */
    (void)offer(&s, CORE,
                PHONE_HEAD("1") CHAT("TCP/MSRP", "msrp://10.7.7.7:4000/z;tcp", "a=msrp-cema\r\na=setup:active\r\n"));
    CHECK(has(&s, "a=dcsa:1 setup:active\r\n"));
    (void)answer(&s, CLIENT_ANSWERS("0") CLIENT_CHAT("passive"));
    CHECK(has(&s, "a=setup:passive\r\n") && s.answer_req.channels[0].is_agnostic);
    EQ(core_term(&s.answer_req)->tcp_setup, GW_IQ_SETUP_PASSIVE);
    session_close(&s);

    session_open(&s, "core_cema = no"); /* MSRP-015: as if it had not been offered */
    (void)offer(&s, CORE,
                PHONE_HEAD("1") CHAT("TCP/MSRP", "msrp://10.0.0.9:31000/z;tcp", "a=msrp-cema\r\na=setup:actpass\r\n"));
    CHECK(has(&s, "a=dcsa:1 path:msrps://198.51.100.5:40000/"));
    (void)answer(&s, CLIENT_ANSWERS("0") CLIENT_CHAT("active"));
    CHECK(has(&s, "a=path:msrp://10.0.0.5:20004/") && !has(&s, "msrp-cema"));
    CHECK(s.answer_req.channels[0].has_b2bua);
    session_close(&s);
}

TEST(MSRP_016_cema_that_the_core_does_not_know_is_given_up_where_it_must_be)
{
    struct session s;
    char *out = NULL;
    size_t len;

    session_open(&s, "core_cema = first");
    (void)offer(&s, ACCESS, WIC_HEAD("2") "a=group:BUNDLE 0\r\n" DATA_HEAD MSRP_CHANNEL);
    CHECK(has(&s, "a=path:msrps://b1.invalid:9/s1;dc\r\na=msrp-cema\r\na=setup:active\r\n"));
    (void)answer(&s, PHONE_HEAD("1") CHAT("TCP/MSRP", "msrp://10.0.0.9:31000/z;tcp", "a=setup:passive\r\n"));
    CHECK(has(&s, "a=dcsa:0 path:msrp://10.0.0.9:31000/z;tcp\r\n")); /* we connect: it need not know */
    CHECK(!s.answer_req.channels[0].has_b2bua && !gw_ms_wants_offer(s.ms, CORE));
    session_close(&s);

    session_open(&s, "core_cema = first");
    (void)offer(&s, ACCESS, WIC_HEAD("2") "a=group:BUNDLE 0\r\n" DATA_HEAD MSRP_CHANNEL);
    (void)answer(&s, PHONE_HEAD("1") CHAT("TCP/MSRP", "msrp://10.0.0.9:9/z;tcp", "a=setup:active\r\n"));
    CHECK(has(&s, "a=dcsa:0 path:msrps://198.51.100.5:40000/")); /* it would go where the path says */
    CHECK(s.answer_req.channels[0].has_b2bua && gw_ms_wants_offer(s.ms, CORE));
    CHECK(!gw_ms_wants_offer(s.ms, ACCESS));
    EQ(gw_ms_reoffer(s.ms, CORE, &out, &len), 0);
    CHECK(strstr(out, "a=path:msrp://10.0.0.5:20004/") && !strstr(out, "msrp-cema"));
    CHECK(!gw_ms_wants_offer(s.ms, CORE));
    free(out);
    session_close(&s);

    offer_refused("", CORE, PHONE_HEAD("1") CHAT("TCP/MSRP", "msrp://10.7.7.7:4000/z;tcp", "a=setup:passive\r\n"),
                  GW_E_UNSUPPORTED, 488, 399, "MSRP path and connection address differ");
}

TEST(MSRP_023_a_path_over_relays_is_kept_whole)
{
    static const char path[] = "msrp://10.0.0.9:31000/r;tcp msrp://10.0.0.8:31002/z;tcp";
    char text[2048];
    struct session s;

    session_open(&s, "");
    snprintf(text, sizeof(text), "%sm=message 31000 TCP/MSRP *\r\na=path:%s\r\na=setup:actpass\r\n", PHONE_HEAD("1"),
             path);
    (void)offer(&s, CORE, text);
    (void)answer(&s, CLIENT_ANSWERS("0") CLIENT_CHAT("active"));
    STR_EQ(s.answer_req.channels[0].core_path, path);
    session_close(&s);
}

TEST(MSRP_024_025_attributes_of_files_and_rooms_pass_as_they_are)
{
    static const char file[] = "a=file-selector:name:\"a;b %41.txt\" type:text/plain size:5 hash:sha-1:AA:BB\r\n";
    static const char more[] =
        "a=file-transfer-id:xyz\r\na=file-disposition:attachment\r\na=file-date:creation:\"now\"\r\n"
        "a=file-range:1-*\r\na=max-size:100\r\na=accept-wrapped-types:*\r\n"
        "a=chatroom:nickname private-messages\r\n";
    char text[2048];
    struct session s;

    session_open(&s, "");
    snprintf(text, sizeof(text),
             "%sm=message 31000 TCP/MSRP *\r\na=path:msrp://10.0.0.9:31000/z;tcp\r\n%s%sa=sendonly\r\n",
             PHONE_HEAD("1"), file, more);
    (void)offer(&s, CORE, text);
    CHECK(has(
        &s, "a=dcsa:1 file-selector:name:\"a;b %41.txt\" type:text/plain size:5 hash:sha-1:AA:BB\r\n"
            "a=dcsa:1 file-transfer-id:xyz\r\na=dcsa:1 file-disposition:attachment\r\n"
            "a=dcsa:1 file-date:creation:\"now\"\r\na=dcsa:1 file-range:1-*\r\na=dcsa:1 max-size:100\r\n"
            "a=dcsa:1 accept-wrapped-types:*\r\na=dcsa:1 chatroom:nickname private-messages\r\na=dcsa:1 sendonly\r\n"));
    (void)answer(&s,
                 CLIENT_ANSWERS("0") CLIENT_CHAT("active") "a=dcsa:1 file-transfer-id:xyz\r\na=dcsa:1 recvonly\r\n"
                                                           "a=dcsa:3 file-range:5-6\r\n"); /* DC-006: of no channel */
    CHECK(has(&s, "a=file-transfer-id:xyz\r\na=accept-types:*\r\na=recvonly\r\n") && !has(&s, "5-6"));
    CHECK(!s.answer_req.channels[0].to_core && s.answer_req.channels[0].to_access);
    session_close(&s);
}

TEST(T140_003_005_006_generations_and_rates_are_of_each_side)
{
    struct session s;

    session_open(&s, "t140_generations = 3\nt140_cps = 40");
    (void)offer(&s, ACCESS,
                WIC_HEAD("2") "a=group:BUNDLE 0\r\n" DATA_HEAD "a=dcmap:4 subprotocol=\"t140\"\r\n"
                              "a=dcsa:4 fmtp:98 cps=5\r\n"); /* any but t140 is ignored */
    CHECK(has(&s, "a=fmtp:99 98/98/98/98\r\na=fmtp:98 cps=40\r\n"));
    (void)answer(&s, PHONE_HEAD("1") "m=text 33000 RTP/AVP 99 98\r\na=rtpmap:98 t140/1000\r\na=rtpmap:99 red/1000\r\n"
                                     "a=fmtp:99 98/98\r\na=hlang-send:en\r\n");
    EQ(s.answer_req.channels[0].generations, 1);
    EQ(s.answer_req.channels[0].core_cps, 40);
    CHECK(has(&s, "a=dcsa:4 hlang-send:en\r\n") && !has(&s, "\r\na=hlang"));
    session_close(&s);

    session_open(&s, "t140_generations = 0");
    (void)offer(&s, ACCESS, WIC_HEAD("2") "a=group:BUNDLE 0\r\n" DATA_HEAD TEXT_CHANNEL);
    CHECK(has(&s, "m=text 20004 RTP/AVP 98\r\n") && !has(&s, "red/1000"));
    session_close(&s);
}
