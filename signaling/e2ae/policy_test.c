#include "signaling/e2ae/policy.h"

#include "test.h"

/* One line per row of the decision: what comes in, what is decided. */
struct row {
    bool from_access;
    enum gw_client client;
    enum gw_e2ae_media media;
    enum gw_e2ae_security security;
    const char *flags; /* q requested, s/m/b/u registered, e emergency, r rcs51, c core SDES allowed */
    enum gw_e2ae_action want;
    int warn;
};

static void check(const struct row *r, size_t n)
{
    for (size_t i = 0; i < n; i++, r++) {
        struct gw_e2ae_input in = { .client = r->client,
                                    .has_sdes_srtp = strchr(r->flags, 's'),
                                    .has_msrp_tls = strchr(r->flags, 'm'),
                                    .has_bfcp_tls = strchr(r->flags, 'b'),
                                    .has_udptl_dtls = strchr(r->flags, 'u'),
                                    .is_emergency = strchr(r->flags, 'e') };
        struct gw_e2ae_policy policy = { .is_rcs51 = strchr(r->flags, 'r'), .has_core_sdes = strchr(r->flags, 'c') };
        struct gw_e2ae_decision d =
            gw_e2ae_decide(&policy, &in, r->from_access, r->media, r->security, strchr(r->flags, 'q') != NULL);

        if (d.action != r->want || d.warn != r->warn)
            gw_test_fail(__FILE__, __LINE__, "row %zu: action %d warn %d (%s)", i, d.action, d.warn, d.text);
    }
}

#define CHECK_ROWS(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))
#define WIC GW_CLIENT_WIC
#define UE GW_CLIENT_UE
#define RTP GW_E2AE_RTP
#define MSRP GW_E2AE_MSRP
#define BFCP GW_E2AE_BFCP
#define UDPTL GW_E2AE_UDPTL
#define SCTP GW_E2AE_SCTP
#define PLAIN GW_E2AE_PLAIN
#define SDES GW_E2AE_SDES
#define DTLS GW_E2AE_DTLS
#define KMS GW_E2AE_KMS
#define BARE GW_E2AE_BARE
#define PROTECT GW_E2AE_PROTECT
#define PASS GW_E2AE_PASS
#define CLEAR GW_E2AE_CLEAR
#define REFUSE GW_E2AE_REFUSE

TEST(E2A_013_a_browser_is_always_protected)
{
    static const struct row rows[] = {
        { true, WIC, RTP, DTLS, "", PROTECT, 0 },    { true, WIC, RTP, DTLS, "q", PROTECT, 0 },
        { true, WIC, RTP, DTLS, "e", PROTECT, 0 },   { true, WIC, SCTP, DTLS, "", PROTECT, 0 },
        { true, WIC, RTP, PLAIN, "", REFUSE, 302 },  { true, WIC, RTP, SDES, "qs", REFUSE, 302 },
        { true, WIC, RTP, KMS, "", REFUSE, 302 },    { true, WIC, RTP, BARE, "", REFUSE, 302 },
        { true, WIC, MSRP, DTLS, "q", REFUSE, 302 },
    };
    CHECK_ROWS(rows);
}

TEST(E2A_007_008_009_a_phone_offers_sdes)
{
    static const struct row rows[] = {
        { true, UE, RTP, SDES, "qs", PROTECT, 0 },    /* E2A-007 */
        { true, UE, RTP, SDES, "qmbu", REFUSE, 399 }, /* E2A-009, and E2A-005: only its own registration counts */
        { true, UE, RTP, SDES, "s", PASS, 0 },        /* E2A-008 */
        { true, UE, RTP, SDES, "", PASS, 0 },         { true, UE, RTP, KMS, "s", PASS, 0 }, /* E2A-019 */
        { true, UE, RTP, PLAIN, "qs", CLEAR, 0 },     { true, UE, RTP, PLAIN, "", CLEAR, 0 },
        { true, UE, RTP, DTLS, "", PASS, 0 },         { true, UE, RTP, BARE, "qs", REFUSE, 399 },
    };
    CHECK_ROWS(rows);
}

TEST(E2A_005_012_a_phone_offers_msrp_bfcp_or_fax)
{
    static const struct row rows[] = {
        { true, UE, MSRP, DTLS, "qm", PROTECT, 0 },  { true, UE, MSRP, DTLS, "qs", REFUSE, 399 },
        { true, UE, MSRP, DTLS, "", PASS, 0 },       { true, UE, MSRP, DTLS, "r", PROTECT, 0 }, /* E2A-012 */
        { true, UE, MSRP, PLAIN, "qm", CLEAR, 0 },   { true, UE, BFCP, DTLS, "qb", PROTECT, 0 },
        { true, UE, BFCP, DTLS, "qm", REFUSE, 399 }, { true, UE, BFCP, DTLS, "r", PASS, 0 },
        { true, UE, UDPTL, DTLS, "qu", PROTECT, 0 }, { true, UE, UDPTL, DTLS, "", PASS, 0 },
        { true, UE, UDPTL, PLAIN, "", CLEAR, 0 },    { true, UE, MSRP, BARE, "", REFUSE, 399 },
        { true, UE, SCTP, DTLS, "", REFUSE, 302 },   { true, UE, GW_E2AE_OTHER, PLAIN, "", REFUSE, 302 },
    };
    CHECK_ROWS(rows);
}

TEST(E2A_015_emergency_calls_are_never_secured_end_to_end)
{
    static const struct row rows[] = {
        { true, UE, RTP, SDES, "qse", PROTECT, 0 },   { true, UE, RTP, SDES, "se", REFUSE, 399 },
        { true, UE, RTP, SDES, "qe", REFUSE, 399 },   { true, UE, RTP, KMS, "e", REFUSE, 399 },
        { true, UE, RTP, DTLS, "e", REFUSE, 399 },    { true, UE, RTP, PLAIN, "e", CLEAR, 0 },
        { true, UE, MSRP, DTLS, "me", REFUSE, 399 },  { true, UE, BFCP, DTLS, "be", REFUSE, 399 },
        { true, UE, UDPTL, DTLS, "ue", REFUSE, 399 }, { true, UE, MSRP, DTLS, "qme", PROTECT, 0 },
        { true, UE, MSRP, DTLS, "re", REFUSE, 399 }, /* the policy of RCS is no registration */
        { true, UE, MSRP, PLAIN, "e", CLEAR, 0 },
    };
    CHECK_ROWS(rows);
}

TEST(E2A_010_011_the_core_offers)
{
    static const struct row rows[] = {
        { false, WIC, RTP, PLAIN, "", PROTECT, 0 },   { false, WIC, RTP, SDES, "c", PROTECT, 0 },
        { false, WIC, RTP, SDES, "", REFUSE, 399 },   { false, WIC, RTP, KMS, "c", REFUSE, 399 },
        { false, WIC, RTP, DTLS, "c", REFUSE, 302 },  { false, WIC, RTP, BARE, "c", REFUSE, 399 },
        { false, WIC, MSRP, PLAIN, "", PROTECT, 0 },  { false, WIC, BFCP, PLAIN, "", PROTECT, 0 },
        { false, WIC, UDPTL, PLAIN, "", PROTECT, 0 }, { false, WIC, MSRP, DTLS, "", PROTECT, 0 },
        { false, WIC, BFCP, DTLS, "", PROTECT, 0 },   { false, WIC, MSRP, BARE, "", REFUSE, 302 },
        { false, UE, RTP, PLAIN, "s", PROTECT, 0 },                                           /* E2A-010 */
        { false, UE, RTP, PLAIN, "mbu", CLEAR, 0 },   { false, UE, RTP, SDES, "s", PASS, 0 }, /* E2A-011 */
        { false, UE, RTP, KMS, "s", PASS, 0 },        { false, UE, RTP, BARE, "s", REFUSE, 399 },
        { false, UE, MSRP, PLAIN, "m", PROTECT, 0 },  { false, UE, MSRP, PLAIN, "", CLEAR, 0 },
        { false, UE, MSRP, PLAIN, "r", PROTECT, 0 },  { false, UE, BFCP, PLAIN, "r", CLEAR, 0 },
        { false, UE, BFCP, PLAIN, "b", PROTECT, 0 },  { false, UE, UDPTL, PLAIN, "u", PROTECT, 0 },
        { false, UE, MSRP, DTLS, "m", PASS, 0 },
    };
    CHECK_ROWS(rows);
}

TEST(E2A_002_an_indication_from_the_core_decides_nothing)
{
    static const struct row rows[] = {
        { false, UE, RTP, PLAIN, "q", CLEAR, 0 },
        { false, UE, RTP, SDES, "q", PASS, 0 },
        { false, WIC, RTP, SDES, "q", REFUSE, 399 },
    };
    CHECK_ROWS(rows);
}

TEST(every_input_has_a_rule)
{
    for (unsigned bits = 0; bits < 1u << 9; bits++)
        for (int media = GW_E2AE_RTP; media <= GW_E2AE_OTHER; media++)
            for (int sec = GW_E2AE_PLAIN; sec <= GW_E2AE_BARE; sec++) {
                struct gw_e2ae_input in = { bits & 1 ? UE : WIC, bits & 2, bits & 2, bits & 2, bits & 2, bits & 4 };
                struct gw_e2ae_policy policy = { bits & 8, bits & 16 };
                struct gw_e2ae_decision d = gw_e2ae_decide(&policy, &in, bits & 32, (enum gw_e2ae_media)media,
                                                           (enum gw_e2ae_security)sec, bits & 64);

                CHECK(strcmp(d.text, "no rule for this m-line") != 0);
                EQ(d.action == GW_E2AE_REFUSE, d.warn != 0);
                if (in.client == WIC) /* a browser gets protected media or none (E2A-013) */
                    CHECK(d.action == GW_E2AE_PROTECT || d.action == GW_E2AE_REFUSE);
            }
}

static void classify(const char *lines, enum gw_e2ae_media media, enum gw_e2ae_security security)
{
    char text[1024];
    struct gw_sdp *sdp = NULL;
    struct gw_sdp_error why;
    enum gw_e2ae_media m = GW_E2AE_OTHER;
    enum gw_e2ae_security s = GW_E2AE_PLAIN;

    snprintf(text, sizeof(text), "v=0\r\no=x\r\n%s", lines);
    EQ(gw_sdp_parse(gw_span_str(text), &sdp, &why), 0);
    gw_e2ae_classify(sdp, &sdp->media[0], &m, &s);
    if (m != media || s != security)
        gw_test_fail(__FILE__, __LINE__, "%s is media %d security %d", lines, m, s);
    gw_sdp_free(sdp);
}

TEST(m_lines_are_classified_by_transport_and_keys)
{
    classify("m=audio 1 RTP/AVP 0\r\n", RTP, PLAIN);
    classify("m=audio 1 RTP/AVPF 0\r\na=crypto:1 x\r\n", RTP, PLAIN); /* opportunistic (RFC 8643): as AVP */
    classify("m=audio 1 RTP/SAVP 0\r\na=crypto:1 x\r\n", RTP, SDES);
    classify("m=audio 1 RTP/SAVP 0\r\na=crypto:1 x\r\na=key-mgmt:mikey x\r\n", RTP, SDES);
    classify("m=audio 1 RTP/SAVP 0\r\na=key-mgmt:mikey x\r\n", RTP, KMS);
    classify("a=key-mgmt:mikey x\r\nm=audio 1 RTP/SAVP 0\r\n", RTP, KMS);
    classify("m=audio 1 RTP/SAVP 0\r\n", RTP, BARE);
    classify("m=audio 1 RTP/SAVPF 0\r\na=fingerprint:sha-1 x\r\n", RTP, DTLS); /* browsers of old */
    classify("a=fingerprint:sha-1 x\r\nm=audio 1 UDP/TLS/RTP/SAVPF 0\r\n", RTP, DTLS);
    classify("m=audio 1 UDP/TLS/RTP/SAVPF 0\r\na=fingerprint:x\r\na=crypto:1 x\r\n", RTP, DTLS);
    classify("m=audio 1 UDP/TLS/RTP/SAVPF 0\r\n", RTP, BARE);
    classify("m=message 1 TCP/MSRP *\r\n", MSRP, PLAIN);
    classify("m=message 1 TCP/TLS/MSRP *\r\na=fingerprint:x\r\n", MSRP, DTLS);
    classify("m=application 1 TCP/TLS/BFCP *\r\na=fingerprint:x\r\n", BFCP, DTLS);
    classify("m=image 1 udptl t38\r\n", UDPTL, PLAIN);
    classify("m=image 1 UDPTL t38\r\n", UDPTL, PLAIN);
    classify("m=application 1 UDP/DTLS/SCTP webrtc-datachannel\r\na=fingerprint:x\r\n", SCTP, DTLS);
    classify("m=audio 1 TCP/RTP/AVP 0\r\n", GW_E2AE_OTHER, PLAIN);
}
