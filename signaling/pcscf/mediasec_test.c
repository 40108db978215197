/* The indications of IMS phones at registration (TS 24.229 s. 7.2A.7, TS 33.328 s. 7.1, L.3, G.2). */
#include "signaling/pcscf/mediasec.h"

#include "signaling/pcscf/pcscf_fixture.h"

#define PHONE "<sip:ann@192.0.2.7:5060>"

TEST(E2A_004_entries_are_read_as_phones_write_them)
{
    static const struct {
        const char *text;
        unsigned want;
    } rows[] = {
        { "sdes-srtp;mediasec", GW_MEDIASEC_SDES_SRTP },
        { "MSRP-TLS ; MediaSec", GW_MEDIASEC_MSRP_TLS },
        { "bfcp-tls;q=0.1;mediasec", GW_MEDIASEC_BFCP_TLS },
        { "udptl-dtls;mediasec;x=1", GW_MEDIASEC_UDPTL_DTLS },
        { "sdes-srtp", 0 }, /* not of the media plane */
        { "sdes-srtp;mediasecx", 0 },
        { "other;mediasec", 0 },
        { "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1;spi-s=2;port-c=3;port-s=4", 0 },
        { "", 0 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        EQ(gw_mediasec_of(gw_span_str(rows[i].text)), rows[i].want);
}

static struct gw_sip_server *registers(gw_flow_id flow, const char *more)
{
    char text[1500];

    snprintf(text, sizeof(text), REGISTER("ann", PHONE, "600") "%s", more);
    return fake_request(flow, text);
}

static unsigned lines_of(const struct gw_sip_server *t, const char *name)
{
    unsigned n = 0;

    while (gw_sip_msg_get(fake_last_response(t), name, n))
        n++;
    return n;
}

static const struct gw_e2ae_input *asks_for_a_call(gw_flow_id flow)
{
    (void)fake_request(flow, "INVITE sip:bob@ims.example SIP/2.0\nFrom: <sip:ann@ims.example>;tag=1\n"
                             "To: <sip:bob@ims.example>\nContact: " PHONE "\n");
    return &calls.setup.e2ae;
}

TEST(E2A_004_005_006_what_both_list_is_registered_each_by_itself)
{
    static const char ask[] = "Security-Client: sdes-srtp;mediasec, msrp-tls;mediasec\nRequire: mediasec\n"
                              "Proxy-Require: mediasec\n";
    struct gw_sip_server *t;
    gw_flow_id flow;

    setup("mediasec = sdes-srtp msrp-tls bfcp-tls\n");
    flow = fake_flow_open("UDP");
    t = registers(flow, ask);
    CHECK(sent("Security-Client") == NULL && sent("Proxy-Require") == NULL);
    fake_answer(fake_last_client(), 401, "reg", "WWW-Authenticate: Digest realm=\"ims.example\", nonce=\"n\"\n", NULL);
    EQ(lines_of(t, "Security-Server"), 3); /* as many lines as the network has, as its clients know it */
    STR_EQ(gw_sip_msg_get(fake_last_response(t), "Security-Server", 0), "sdes-srtp;mediasec");
    t = registers(flow, "Security-Client: sdes-srtp;mediasec\nSecurity-Client: msrp-tls;mediasec\n"
                        "Security-Verify: sdes-srtp;mediasec, msrp-tls;mediasec, bfcp-tls;mediasec\n");
    fake_answer(fake_last_client(), 200, "reg", "Contact: " PHONE ";expires=600\n", NULL);
    EQ(lines_of(t, "Security-Server"), 3);
    EQ(gw_stats_read(GW_STAT_MEDIASEC_MISMATCH), 0);
    EQ(asks_for_a_call(flow)->client, GW_CLIENT_UE);
    CHECK(asks_for_a_call(flow)->has_sdes_srtp && asks_for_a_call(flow)->has_msrp_tls);
    CHECK(!asks_for_a_call(flow)->has_bfcp_tls &&
          !asks_for_a_call(flow)->has_udptl_dtls); /* one side alone does not make it */
    t = registers(flow, "");                       /* without a list the one before stays */
    fake_answer(fake_last_client(), 200, "reg", "Contact: " PHONE ";expires=600\n", NULL);
    EQ(lines_of(t, "Security-Server"), 0);
    CHECK(asks_for_a_call(flow)->has_sdes_srtp);
    registers(flow, "Security-Client: bfcp-tls;mediasec\nSecurity-Verify: bfcp-tls;mediasec\n");
    fake_answer(fake_last_client(), 200, "reg", "Contact: " PHONE ";expires=600\n", NULL);
    CHECK(!asks_for_a_call(flow)->has_sdes_srtp && asks_for_a_call(flow)->has_bfcp_tls);
    EQ(gw_stats_read(GW_STAT_MEDIASEC_MISMATCH), 1);
    teardown();
}

TEST(what_is_offered_may_depend_on_the_access_network) /* each mechanism by itself */
{
    struct gw_sip_server *t;
    gw_flow_id flow;

    setup("mediasec = bfcp-tls sdes-srtp@3GPP-E-UTRAN-FDD@IEEE-802.11 msrp-tls@3GPP-E-UTRAN-FDD\n");
    flow = fake_flow_open("TLS");
    t = registers(flow, "Security-Client: sdes-srtp;mediasec\nP-Access-Network-Info: DSL; dsl-location=\"1\"\n");
    fake_answer(fake_last_client(), 200, "reg", "Contact: " PHONE ";expires=600\n", NULL);
    EQ(lines_of(t, "Security-Server"), 1);
    CHECK(!asks_for_a_call(flow)->has_sdes_srtp);
    t = registers(flow, "Security-Client: sdes-srtp;mediasec\nP-Access-Network-Info: ieee-802.11;i-wlan-node-id=ff\n");
    fake_answer(fake_last_client(), 200, "reg", "Contact: " PHONE ";expires=600\n", NULL);
    EQ(lines_of(t, "Security-Server"), 2);
    CHECK(asks_for_a_call(flow)->has_sdes_srtp);
    t = registers(flow, "Security-Client: sdes-srtp;mediasec\n"); /* it does not say where it is */
    fake_answer(fake_last_client(), 200, "reg", "Contact: " PHONE ";expires=600\n", NULL);
    EQ(lines_of(t, "Security-Server"), 1);
    CHECK(!asks_for_a_call(flow)->has_sdes_srtp);
    teardown();
}

TEST(a_phone_that_did_not_ask_is_told_only_where_the_network_does_so)
{
    struct gw_sip_server *t;

    setup("");
    t = registers(fake_flow_open("UDP"), "");
    fake_answer(fake_last_client(), 401, "reg", "WWW-Authenticate: Digest realm=\"ims.example\", nonce=\"n\"\n", NULL);
    EQ(lines_of(t, "Security-Server"), 0);
    teardown();
    setup("mediasec_always = yes\nmediasec = msrp-tls sdes-srtp dtls-srtp\n");
    t = registers(fake_flow_open("UDP"), "");
    fake_answer(fake_last_client(), 401, "reg", "WWW-Authenticate: Digest realm=\"ims.example\", nonce=\"n\"\n", NULL);
    EQ(lines_of(t, "Security-Server"), 3);
    t = registers(fake_flow_open("WSS"), ""); /* a browser's media is protected without a word */
    fake_answer(fake_last_client(), 401, "reg", "WWW-Authenticate: Digest realm=\"ims.example\", nonce=\"n\"\n", NULL);
    EQ(lines_of(t, "Security-Server"), 0);
    teardown();
}

TEST(ipsec_is_answered_as_unsupported) /* RFC 3329 s. 2.3.1 */
{
    static const char ipsec[] = "Security-Client: ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1;spi-s=2;port-c=3;port-s=4\n";
    struct gw_sip_server *t;
    char text[400];

    setup("");
    snprintf(text, sizeof(text), "%sRequire: sec-agree\nProxy-Require: sec-agree\n", ipsec);
    t = registers(fake_flow_open("UDP"), text);
    EQ(fake_status(t), 494);
    STR_EQ(gw_sip_msg_get(fake_last_response(t), "Security-Server", 0), "tls;q=0.1");
    EQ(fake_sent(), 0);
    t = registers(fake_flow_open("UDP"), ipsec); /* it would like to, and can do without */
    EQ(fake_status(t), 0);
    EQ(fake_sent(), 1);
    teardown();
}

TEST(E2A_015_emergency_calls_of_strangers_are_taken_where_the_operator_wants_it)
{
    static const char sos[] = "INVITE urn:service:sos SIP/2.0\nFrom: <sip:ann@ims.example>;tag=1\n"
                              "To: <urn:service:sos>\nContact: " PHONE "\n";

    setup("emergency_route = sip:ecscf.example;lr\n");
    (void)fake_request(fake_flow_open("UDP"), sos);
    CHECK(calls.setup.is_emergency && calls.setup.e2ae.is_emergency);
    STR_EQ(calls.next_hop, "sip:ecscf.example;lr");
    teardown();
    setup("emergency_route = sip:ecscf.example;lr\nemergency_unregistered = no\n");
    EQ(fake_status(fake_request(fake_flow_open("UDP"), sos)), 403);
    teardown();
}
