#include "signaling/sdp/sdp_attr.h"

#include "test.h"

TEST(dc_001_dcmap_is_read_with_quotes_and_percent_signs)
{
    struct gw_sdp_dcmap m;

    EQ(gw_sdp_parse_dcmap(gw_span_str("2 label=\"a;b%22c\";subprotocol=\"MSRP\";ordered=true;priority=512;new=1"), &m),
       0);
    EQ(m.id, 2);
    STR_EQ(m.label, "a;b\"c");
    STR_EQ(m.subprotocol, "msrp"); /* DC-010 */
    CHECK(m.is_ordered && !m.has_max_retr && !m.has_max_time);
    EQ(gw_sdp_parse_dcmap(gw_span_str("0"), &m), 0);
    STR_EQ(m.subprotocol, "");
    EQ(gw_sdp_parse_dcmap(gw_span_str("7 ordered=false;max-time=100"), &m), 0);
    CHECK(!m.is_ordered && m.has_max_time);
}

TEST(dc_002_both_limits_together_and_bad_grammar_are_refused)
{
    static const char *const bad[] = { "",
                                       "x",
                                       "65535",
                                       "123456",
                                       "1 label=chat",
                                       "1 label=\"a",
                                       "1 label=\"%4\"",
                                       "1 label=\"%zz\"",
                                       "1 max-retr=",
                                       "1 max-retr=-1",
                                       "1 priority=65536",
                                       "1 label=\"%00\"" };
    struct gw_sdp_dcmap m;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(gw_sdp_parse_dcmap(gw_span_str(bad[i]), &m) != 0);
    EQ(gw_sdp_parse_dcmap(gw_span_str("1 max-retr=3;max-time=100"), &m), GW_E_INVAL);
}

TEST(dc_006_attributes_of_a_channel_are_found_and_others_passed_over)
{
    static const char text[] =
        "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
        "a=dcsa:2 path:msrps://a:1/x;dc\r\na=dcsa:4 sendonly\r\na=dcsa:x y\r\na=dcsa:2\r\na=dcsa:2 msrp-cema\r\n";
    struct gw_span name, value, whole;
    struct gw_sdp_error why;
    struct gw_sdp *sdp;
    unsigned pos = 0;

    EQ(gw_sdp_parse(gw_span_str(text), &sdp, &why), 0);
    CHECK(gw_sdp_dcsa(&sdp->media[0].section, 2, &pos, &name, &value, &whole));
    SPAN_EQ(name, "path");
    SPAN_EQ(value, "msrps://a:1/x;dc");
    CHECK(gw_sdp_dcsa(&sdp->media[0].section, 2, &pos, &name, &value, &whole));
    SPAN_EQ(whole, "msrp-cema");
    CHECK(!gw_sdp_dcsa(&sdp->media[0].section, 2, &pos, &name, &value, &whole));
    gw_sdp_free(sdp);
}

static int sctp_of(const char *m, struct gw_sdp_sctp *out)
{
    char text[512];
    struct gw_sdp_error why;
    struct gw_sdp *sdp;
    int err;

    snprintf(text, sizeof(text), "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\n%s", m);
    EQ(gw_sdp_parse(gw_span_str(text), &sdp, &why), 0);
    err = gw_sdp_parse_sctp(&sdp->media[0], out);
    gw_sdp_free(sdp);
    return err;
}

TEST(sctp_003_004_005_an_association_is_read_in_both_syntaxes)
{
    struct gw_sdp_sctp a;

    EQ(sctp_of("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5001\r\na=max-message-size:0\r\n", &a),
       0);
    CHECK(!a.is_old && a.port == 5001 && a.max_message == 0);
    EQ(sctp_of("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", &a), GW_E_NOTFOUND);
    EQ(sctp_of("m=application 9 UDP/DTLS/SCTP bfcp\r\na=sctp-port:5001\r\n", &a), GW_E_UNSUPPORTED);
    EQ(sctp_of("m=application 9 DTLS/SCTP 5002\r\na=sctpmap:5000 x 1\r\na=sctpmap:5002 webrtc-datachannel 1024\r\n",
               &a),
       0);
    CHECK(a.is_old && a.port == 5002 && a.max_message == 65536);
    EQ(sctp_of("m=application 9 DTLS/SCTP 5002\r\n", &a), GW_E_UNSUPPORTED);
    EQ(sctp_of("m=application 9 DTLS/SCTP x\r\na=sctpmap:x webrtc-datachannel\r\n", &a), GW_E_NOTFOUND);
}

TEST(msrp_016_the_address_of_a_path_is_that_of_its_first_uri)
{
    struct gw_addr a;
    char text[GW_ADDR_TEXT];

    EQ(gw_sdp_parse_msrp_address(gw_span_str("msrp://u@10.0.0.9:31000/z;tcp msrp://10.0.0.8:1/y;tcp"), &a), 0);
    STR_EQ(gw_addr_text(&a, text), "10.0.0.9:31000");
    EQ(gw_sdp_parse_msrp_address(gw_span_str("msrps://[2001:db8::9]:1/z;tcp"), &a), 0);
    EQ(a.family, 6);
    EQ(gw_sdp_parse_msrp_address(gw_span_str("msrp://relay.example.com:2855/z;tcp"), &a), GW_E_UNSUPPORTED);
    EQ(gw_sdp_parse_msrp_address(gw_span_str("msrp:10.0.0.9"), &a), GW_E_SYNTAX);
    EQ(gw_sdp_parse_msrp_address(gw_span_str(""), &a), GW_E_SYNTAX);
}
