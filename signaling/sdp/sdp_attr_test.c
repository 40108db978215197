#include "signaling/sdp/sdp_attr.h"

#include "test.h"

#define S(text) gw_span_str(text)

TEST(rtpmap_has_name_clock_and_channels)
{
    struct gw_sdp_rtpmap r;
    struct gw_sdp_buf b = { 0 };

    EQ(gw_sdp_parse_rtpmap(S("111 opus/48000/2"), &r), 0);
    EQ(r.pt, 111);
    SPAN_EQ(r.name, "opus");
    EQ(r.clock_hz, 48000);
    EQ(r.channels, 2);
    gw_sdp_write_rtpmap(&b, &r);
    EQ(gw_sdp_parse_rtpmap(S("0 PCMU/8000"), &r), 0);
    EQ(r.channels, 1);
    gw_sdp_write_rtpmap(&b, &r);
    STR_EQ(b.text, "a=rtpmap:111 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\n");
    gw_sdp_buf_fini(&b);
    EQ(gw_sdp_parse_rtpmap(S("128 x/1"), &r), GW_E_RANGE);
    EQ(gw_sdp_parse_rtpmap(S("96 x"), &r), GW_E_SYNTAX);
    EQ(gw_sdp_parse_rtpmap(S("96 /8000"), &r), GW_E_SYNTAX);
    EQ(gw_sdp_parse_rtpmap(S("96 x/0"), &r), GW_E_RANGE);
    EQ(gw_sdp_parse_rtpmap(S("96 x/8000/"), &r), GW_E_SYNTAX);
    EQ(gw_sdp_parse_rtpmap(S("96 x/8000 y"), &r), GW_E_SYNTAX);
}

TEST(static_payload_types_need_no_rtpmap)
{
    struct gw_sdp_rtpmap r;
    struct gw_sdp_section none = { 0 };

    CHECK(gw_sdp_static_rtpmap(8, &r));
    SPAN_EQ(r.name, "PCMA");
    CHECK(gw_sdp_static_rtpmap(10, &r));
    EQ(r.channels, 2);
    CHECK(!gw_sdp_static_rtpmap(96, &r));
    CHECK(!gw_sdp_static_rtpmap(1, &r));
    EQ(gw_sdp_find_rtpmap(&none, 34, &r), 0);
    SPAN_EQ(r.name, "H263");
    EQ(gw_sdp_find_rtpmap(&none, 97, &r), GW_E_NOTFOUND);
}

TEST(fmtp_parameters_are_found_by_name)
{
    struct gw_sdp_fmtp f;
    struct gw_span v;

    EQ(gw_sdp_parse_fmtp(S("102 profile-level-id=42e01f; Packetization-Mode=1;x"), &f), 0);
    SPAN_EQ(f.fmt, "102");
    CHECK(gw_sdp_fmtp_param(f.params, "packetization-mode", &v));
    SPAN_EQ(v, "1");
    CHECK(gw_sdp_fmtp_param(f.params, "x", &v));
    CHECK(!gw_sdp_fmtp_param(f.params, "profile", &v));
    EQ(gw_sdp_parse_fmtp(S("126"), &f), GW_E_SYNTAX);
}

TEST(direction_is_seen_from_either_end)
{
    EQ(gw_sdp_direction_reverse(GW_SDP_SENDONLY), GW_SDP_RECVONLY);
    EQ(gw_sdp_direction_reverse(GW_SDP_RECVONLY), GW_SDP_SENDONLY);
    EQ(gw_sdp_direction_reverse(GW_SDP_SENDRECV), GW_SDP_SENDRECV);
    EQ(gw_sdp_direction_reverse(GW_SDP_INACTIVE), GW_SDP_INACTIVE);
    STR_EQ(gw_sdp_direction_text(GW_SDP_RECVONLY), "recvonly");
}

TEST(rtcp_may_name_an_address)
{
    struct gw_sdp_rtcp r;
    char text[GW_ADDR_TEXT];

    EQ(gw_sdp_parse_rtcp(S("53020"), &r), 0);
    EQ(r.port, 53020);
    EQ(r.addr.family, 0);
    EQ(gw_sdp_parse_rtcp(S("53020 IN IP6 2001:db8::1"), &r), 0);
    STR_EQ(gw_addr_text(&r.addr, text), "[2001:db8::1]:53020");
    EQ(gw_sdp_parse_rtcp(S("65536"), &r), GW_E_RANGE);
    EQ(gw_sdp_parse_rtcp(S("9 IN"), &r), GW_E_SYNTAX);
}

TEST(extmap_has_id_direction_uri_and_attributes)
{
    struct gw_sdp_extmap e;

    EQ(gw_sdp_parse_extmap(S("4/recvonly urn:ietf:params:rtp-hdrext:toffset long=1 x"), &e), 0);
    EQ(e.id, 4);
    CHECK(e.has_direction);
    EQ(e.direction, GW_SDP_RECVONLY);
    SPAN_EQ(e.uri, "urn:ietf:params:rtp-hdrext:toffset");
    SPAN_EQ(e.attributes, "long=1 x");
    EQ(gw_sdp_parse_extmap(S("4096 urn:x"), &e), 0);
    EQ(gw_sdp_parse_extmap(S("0 urn:x"), &e), GW_E_RANGE);
    EQ(gw_sdp_parse_extmap(S("256 urn:x"), &e), GW_E_RANGE);
    EQ(gw_sdp_parse_extmap(S("1/up urn:x"), &e), GW_E_SYNTAX);
    EQ(gw_sdp_parse_extmap(S("1"), &e), GW_E_SYNTAX);
}

TEST(rtcp_fb_of_one_format_or_all)
{
    struct gw_sdp_rtcp_fb f;

    EQ(gw_sdp_parse_rtcp_fb(S("96 nack pli"), &f), 0);
    EQ(f.pt, 96);
    SPAN_EQ(f.type, "nack");
    SPAN_EQ(f.param, "pli");
    EQ(gw_sdp_parse_rtcp_fb(S("* transport-cc"), &f), 0);
    CHECK(f.is_wildcard);
    EQ(f.param.len, 0);
    EQ(gw_sdp_parse_rtcp_fb(S("*"), &f), GW_E_SYNTAX);
    EQ(gw_sdp_parse_rtcp_fb(S("x nack"), &f), GW_E_SYNTAX);
}

TEST(groups_hold_whole_mids)
{
    struct gw_sdp_group g;
    struct gw_span mid;

    EQ(gw_sdp_parse_group(S("BUNDLE 0 audio 12"), &g), 0);
    SPAN_EQ(g.semantics, "BUNDLE");
    CHECK(gw_sdp_group_has(&g, S("audio")));
    CHECK(gw_sdp_group_has(&g, S("12")));
    CHECK(!gw_sdp_group_has(&g, S("1")));
    EQ(gw_sdp_parse_group(S("BUNDLE"), &g), 0);
    CHECK(!gw_sdp_group_has(&g, S("0")));
    EQ(gw_sdp_parse_group(S(""), &g), GW_E_SYNTAX);
    EQ(gw_sdp_parse_mid(S("{8a1}"), &mid), 0);
    EQ(gw_sdp_parse_mid(S("a b"), &mid), GW_E_SYNTAX);
    EQ(gw_sdp_parse_mid(S(""), &mid), GW_E_SYNTAX);
    EQ(gw_sdp_parse_mid(S("012345678901234567890123456789012"), &mid), GW_E_LIMIT);
}

TEST(ice_credentials_have_their_lengths)
{
    EQ(gw_sdp_check_ufrag(S("Xy1z")), 0);
    EQ(gw_sdp_check_ufrag(S("Xy1")), GW_E_RANGE);
    EQ(gw_sdp_check_ufrag(S("Xy1:")), GW_E_SYNTAX);
    EQ(gw_sdp_check_pwd(S("0123456789abcdefghij/+")), 0);
    EQ(gw_sdp_check_pwd(S("0123456789abcdefghijk")), GW_E_RANGE);
    EQ(gw_sdp_check_pwd(S("0123456789abcdefghijk ")), GW_E_SYNTAX);
}

#define FP32 "AB:CD:EF:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D"
#define FP20 "AB:CD:EF:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11"

TEST(SDP_015_fingerprints_in_any_case_md5_refused)
{
    struct gw_sdp_fingerprint f;
    struct gw_sdp_buf b = { 0 };

    EQ(gw_sdp_parse_fingerprint(S("SHA-256 " FP32), &f), 0);
    EQ(f.hash, GW_SDP_SHA256);
    EQ(f.len, 32);
    EQ(f.value[0], 0xab);
    EQ(f.value[31], 0x1d);
    gw_sdp_write_fingerprint(&b, &f);
    STR_EQ(b.text, "a=fingerprint:sha-256 " FP32 "\r\n");
    gw_sdp_buf_fini(&b);
    EQ(gw_sdp_parse_fingerprint(S("sha-1 ab:cd:ef:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11"), &f), 0);
    EQ(f.value[10], 8);
    EQ(gw_sdp_parse_fingerprint(S("sha-256 " FP20), &f), GW_E_SYNTAX);
    EQ(gw_sdp_parse_fingerprint(S("md5 AB:CD:EF:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D"), &f), GW_E_UNSUPPORTED);
    EQ(gw_sdp_parse_fingerprint(S("sha-1 AB-CD:EF:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11"), &f),
       GW_E_SYNTAX);
    EQ(gw_sdp_parse_fingerprint(S("sha-1 GB:CD:EF:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11"), &f),
       GW_E_SYNTAX);
    EQ(gw_sdp_parse_fingerprint(S("sha-1"), &f), GW_E_SYNTAX);
}

TEST(setup_and_tls_id)
{
    enum gw_sdp_setup s;

    EQ(gw_sdp_parse_setup(S("actpass"), &s), 0);
    EQ(s, GW_SDP_ACTPASS);
    EQ(gw_sdp_parse_setup(S("holdconn"), &s), 0);
    STR_EQ(gw_sdp_setup_text(s), "holdconn");
    EQ(gw_sdp_parse_setup(S(""), &s), GW_E_SYNTAX);
    EQ(gw_sdp_check_tls_id(S("abc3de65cddef001be82")), 0);
    EQ(gw_sdp_check_tls_id(S("abc3de65cddef001be8")), GW_E_RANGE);
    EQ(gw_sdp_check_tls_id(S("abc3de65cddef001be8:")), GW_E_SYNTAX);
}

TEST(E2A_001_indication_is_media_level_and_unknown_values_are_ignored)
{
    struct gw_sdp_line lines[] = {
        { 'a', gw_span_str("3ge2ae:tomorrow") },
        { 'a', gw_span_str("3ge2ae: applied") }, /* the blank is met */
        { 'a', gw_span_str("3ge2ae:requested") },
    };
    struct gw_sdp_section s = { 3, lines };

    EQ(gw_sdp_3ge2ae(&s), GW_SDP_3GE2AE_APPLIED);
    s.nlines = 1;
    EQ(gw_sdp_3ge2ae(&s), GW_SDP_3GE2AE_NONE);
    s = (struct gw_sdp_section){ 1, &lines[2] };
    EQ(gw_sdp_3ge2ae(&s), GW_SDP_3GE2AE_REQUESTED);
}
