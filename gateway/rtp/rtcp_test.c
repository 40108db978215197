#include "gateway/rtp/rtcp.h"

#include "test.h"

/* clang-format off */
#define RR 0x80, 201, 0, 1, 0, 0, 0, 0x11
#define SDES 0x81, 202, 0, 3, 0, 0, 0, 0x11, 1, 4, 'a', '@', 'b', 'c', 0, 0
#define BYE 0x81, 203, 0, 1, 0, 0, 0, 0x11
#define APP 0x80, 204, 0, 2, 0, 0, 0, 0x11, 'P', 'o', 'C', '1'
#define NACK 0x81, 205, 0, 3, 0, 0, 0, 0x11, 0, 0, 0, 0x22, 0, 77, 0, 0
#define TMMBR 0x83, 205, 0, 4, 0, 0, 0, 0x11, 0, 0, 0, 0, 0, 0, 0, 0x22, 0x10, 0, 0, 0x20
#define TCC 0x8f, 205, 0, 5, 0, 0, 0, 0x11, 0, 0, 0, 0x22, 0, 1, 0, 1, 0, 0, 0, 0, 0x20, 1, 0, 0
#define PLI 0x81, 206, 0, 2, 0, 0, 0, 0x11, 0, 0, 0, 0x22
#define FIR 0x84, 206, 0, 4, 0, 0, 0, 0x11, 0, 0, 0, 0, 0, 0, 0, 0x23, 5, 0, 0, 0
#define REMB 0x8f, 206, 0, 5, 0, 0, 0, 0x11, 0, 0, 0, 0, 'R', 'E', 'M', 'B', 1, 0x0a, 0, 0, 0, 0, 0, 0x22
#define XR 0x80, 207, 0, 1, 0, 0, 0, 0x11
/* clang-format on */

static const struct gw_rtcp_caps avp = { 0 };
static const struct gw_rtcp_caps all = {
    .has_avpf = true, .has_nack = true, .has_pli = true, .has_fir = true, .has_tmmbr = true, .has_rsize = true
};

static uint8_t buf[512];
static size_t len;
static struct gw_rtcp_seen seen;

static int filter(const void *in, size_t n, const struct gw_rtcp_caps *caps)
{
    memcpy(buf, in, len = n);
    return gw_rtcp_filter(buf, &len, sizeof(buf), caps, gw_span_str("gw@x"), &seen);
}

#define FILTERED(caps, in, want)                                                                                       \
    do {                                                                                                               \
        EQ(filter((in), sizeof(in), &(caps)), 0);                                                                      \
        EQ(len, sizeof(want));                                                                                         \
        MEM_EQ(buf, (want), sizeof(want));                                                                             \
    } while (0)

TEST(a_compound_is_walked_packet_by_packet)
{
    static const uint8_t in[] = { RR, SDES, PLI };
    struct gw_span rest = GW_SPAN(in);
    struct gw_rtcp p;
    struct gw_rtcp_feedback f;

    EQ(gw_rtcp_next(&rest, &p), 0);
    EQ(p.type, GW_RTCP_RR);
    EQ(gw_rtcp_next(&rest, &p), 0);
    EQ(p.type, GW_RTCP_SDES);
    EQ(p.count, 1);
    EQ(gw_rtcp_parse_feedback(&p, &f), GW_E_TYPE);
    EQ(gw_rtcp_next(&rest, &p), 0);
    EQ(p.type, GW_RTCP_PSFB);
    EQ(gw_rtcp_parse_feedback(&p, &f), 0);
    EQ(f.sender, 0x11);
    EQ(f.media, 0x22);
    EQ(f.fci.len, 0);
    EQ(rest.len, 0);
    EQ(gw_rtcp_next(&rest, &p), GW_E_SHORT);
    EQ(gw_rtcp_ssrc(in), 0x11);
}

TEST(truncations_bad_versions_and_bad_padding_are_refused)
{
    uint8_t in[] = { RR, SDES, NACK };

    for (size_t n = 0; n <= sizeof(in); n++) { /* only at the seams of packets is it whole */
        bool whole = n == 8 || n == 24 || n == 40;
        EQ(gw_rtcp_check((struct gw_span){ in, n }, false), whole ? 0 : GW_E_SHORT);
    }
    in[8] = 0x41;
    EQ(gw_rtcp_check(GW_SPAN(in), false), GW_E_TYPE);
    in[8] = 0xa1; /* padding inside the compound */
    EQ(gw_rtcp_check(GW_SPAN(in), false), GW_E_RANGE);
    in[8] = 0x81;
    in[24] = 0xa1; /* at its end, but the count is 0 */
    EQ(gw_rtcp_check(GW_SPAN(in), false), GW_E_RANGE);
    in[39] = 4;
    EQ(gw_rtcp_check(GW_SPAN(in), false), 0);
    in[39] = 6;
    EQ(gw_rtcp_check(GW_SPAN(in), false), GW_E_RANGE);
    in[39] = 16;
    EQ(gw_rtcp_check(GW_SPAN(in), false), GW_E_RANGE);
}

TEST(bodies_shorter_than_their_type_are_refused)
{
    static const uint8_t rr_counts_two[] = { 0x82, 201, 0, 1, 0, 0, 0, 1 };
    static const uint8_t sr_short[] = { 0x80, 200, 0, 1, 0, 0, 0, 1 };
    static const uint8_t bye_counts_two[] = { RR, 0x82, 203, 0, 1, 0, 0, 0, 1 };
    static const uint8_t fir_without_fci[] = { RR, 0x84, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2 };
    static const uint8_t pli_short[] = { RR, 0x81, 206, 0, 1, 0, 0, 0, 1 };

    EQ(gw_rtcp_check(GW_SPAN(rr_counts_two), false), GW_E_SHORT);
    EQ(gw_rtcp_check(GW_SPAN(sr_short), false), GW_E_SHORT);
    EQ(gw_rtcp_check(GW_SPAN(bye_counts_two), false), GW_E_SHORT);
    EQ(gw_rtcp_check(GW_SPAN(fir_without_fci), false), GW_E_SHORT);
    EQ(gw_rtcp_check(GW_SPAN(pli_short), false), GW_E_SHORT);
}

/* RFC 5506. */
TEST(reduced_size_is_taken_only_where_it_may_come)
{
    static const uint8_t in[] = { PLI };

    EQ(gw_rtcp_check(GW_SPAN(in), false), GW_E_UNSUPPORTED);
    EQ(gw_rtcp_check(GW_SPAN(in), true), 0);
}

/* SDP-016: nothing that was not negotiated reaches an AVP peer. */
TEST(an_avp_peer_gets_reports_without_feedback)
{
    static const uint8_t in[] = { RR, SDES, NACK, PLI, FIR, REMB, TCC, TMMBR, XR, APP, BYE };
    static const uint8_t want[] = { RR, SDES, APP, BYE };

    FILTERED(avp, in, want);
    EQ(seen.has_pli, true);
    EQ(seen.has_fir, true);
    EQ(seen.is_keyframe_dropped, true);
    EQ(seen.media, 0x23);
    EQ(seen.has_bye, true);
    EQ(seen.passed, 4);
    EQ(seen.dropped, 7);
}

TEST(an_avpf_peer_gets_what_it_negotiated_and_never_remb_or_transport_cc)
{
    static const uint8_t in[] = { RR, SDES, NACK, REMB, PLI, FIR, TCC, TMMBR, XR };
    static const uint8_t want_all[] = { RR, SDES, NACK, PLI, FIR, TMMBR, XR };
    static const uint8_t want_nack[] = { RR, SDES, NACK, XR };
    static const uint8_t want_pli[] = { RR, SDES, PLI, XR };
    static const uint8_t want_fir[] = { RR, SDES, FIR, XR };
    struct gw_rtcp_caps nack = { .has_avpf = true, .has_nack = true }, pli = { .has_avpf = true, .has_pli = true },
                        fir = { .has_avpf = true, .has_fir = true };

    FILTERED(all, in, want_all);
    EQ(seen.is_keyframe_dropped, false);
    FILTERED(nack, in, want_nack);
    EQ(seen.is_keyframe_dropped, true);
    FILTERED(pli, in, want_pli);
    EQ(seen.is_keyframe_dropped, false); /* the PLI asks for what the FIR did */
    FILTERED(fir, in, want_fir);
    EQ(seen.is_keyframe_dropped, false);
}

TEST(reduced_size_becomes_a_compound_for_a_peer_without_it)
{
    static const uint8_t in[] = { PLI };
    static const uint8_t want[] = { RR, 0x81, 202, 0, 3, 0, 0, 0, 0x11, 1, 4, 'g', 'w', '@', 'x', 0, 0, PLI };
    static const uint8_t sdes_first[] = { SDES, FIR }, want_sdes[] = { RR, SDES, FIR };
    struct gw_rtcp_caps caps = all;

    FILTERED(all, in, in);
    caps.has_rsize = false;
    FILTERED(caps, in, want);
    EQ(gw_rtcp_check((struct gw_span){ buf, len }, false), 0);
    FILTERED(caps, sdes_first, want_sdes);
}

TEST(a_chunk_ends_with_a_null_octet_whatever_the_length_of_the_cname)
{
    static const uint8_t in[] = { PLI };
    struct gw_rtcp_caps caps = all;
    char cname[100];

    caps.has_rsize = false;
    memset(cname, 'c', sizeof(cname));
    for (size_t n = 0; n < sizeof(cname); n++) {
        size_t used = n < GW_RTCP_CNAME ? n : GW_RTCP_CNAME;
        memcpy(buf, in, len = sizeof(in));
        EQ(gw_rtcp_filter(buf, &len, sizeof(in) + GW_RTCP_HEAD_MAX, &caps, (struct gw_span){ cname, n }, &seen), 0);
        EQ(gw_rtcp_check((struct gw_span){ buf, len }, false), 0);
        EQ(buf[17], used);
        EQ(buf[18 + used], 0);
        MEM_EQ(buf + len - sizeof(in), in, sizeof(in));
    }
    memcpy(buf, in, len = sizeof(in));
    EQ(gw_rtcp_filter(buf, &len, sizeof(in) + 8, &caps, gw_span_str("c"), &seen), GW_E_LIMIT);
    EQ(len, sizeof(in));
    MEM_EQ(buf, in, sizeof(in));
}

TEST(nothing_is_left_of_a_datagram_of_what_the_peer_does_not_know)
{
    static const uint8_t in[] = { REMB };

    EQ(filter(in, sizeof(in), &avp), 0);
    EQ(len, 0);
    EQ(filter(in, sizeof(in), &all), 0);
    EQ(len, 0);
    EQ(filter(in, sizeof(in) - 1, &all), GW_E_SHORT);
    EQ(len, sizeof(in) - 1);
}

TEST(a_key_frame_request_is_a_pli_or_else_a_fir)
{
    static const uint8_t pli[] = { PLI };
    static const uint8_t fir[] = { 0x84, 206, 0, 4, 0, 0, 0, 0x11, 0, 0, 0, 0, 0, 0, 0, 0x22, 9, 0, 0, 0 };
    static const uint8_t compound[] = { RR, SDES, PLI };
    struct gw_rtcp_caps caps = all;

    EQ(gw_rtcp_write_keyframe(buf, &len, sizeof(buf), &caps, gw_span_str("a@bc"), 0x11, 0x22, 9), 0);
    EQ(len, sizeof(pli));
    MEM_EQ(buf, pli, sizeof(pli));
    caps.has_rsize = false;
    EQ(gw_rtcp_write_keyframe(buf, &len, sizeof(buf), &caps, gw_span_str("a@bc"), 0x11, 0x22, 9), 0);
    EQ(len, sizeof(compound));
    MEM_EQ(buf, compound, sizeof(compound));
    EQ(gw_rtcp_write_keyframe(buf, &len, sizeof(compound) - 1, &caps, gw_span_str("a@bc"), 1, 2, 9), GW_E_LIMIT);
    EQ(gw_rtcp_write_keyframe(buf, &len, 5, &caps, gw_span_str("a@bc"), 1, 2, 9), GW_E_LIMIT);
    caps.has_rsize = true;
    caps.has_pli = false;
    EQ(gw_rtcp_write_keyframe(buf, &len, sizeof(buf), &caps, gw_span_str("a@bc"), 0x11, 0x22, 9), 0);
    EQ(len, sizeof(fir));
    MEM_EQ(buf, fir, sizeof(fir));
    caps.has_fir = false;
    EQ(gw_rtcp_write_keyframe(buf, &len, sizeof(buf), &caps, gw_span_str("a@bc"), 1, 2, 9), GW_E_UNSUPPORTED);
    EQ(gw_rtcp_write_keyframe(buf, &len, sizeof(buf), &avp, gw_span_str("a@bc"), 1, 2, 9), GW_E_UNSUPPORTED);
}

TEST(sender_info_and_report_blocks_are_read)
{
    static const uint8_t in[] = {
        0x81, 200,  0,    12,   0,    0,    0,    7, /* SR, one block, SSRC 7 */
        0xe0, 0,    0,    1,    0x80, 0,    0,    0,    0, 0, 0, 160, 0, 0, 0, 10, 0,
        0,    6,    64,                                                           /* NTP, RTP, packets, octets */
        0,    0,    0,    9,    64,   0xff, 0xff, 0xfe, 0, 1, 0, 2,   0, 0, 0, 3, /* SSRC 9, 1/4 lost, -2, max, jitter
                                                                                   */
        0xaa, 0xbb, 0xcc, 0xdd, 0,    1,    0,    0,                              /* LSR, DLSR 1 s */
    };
    struct gw_span rest = GW_SPAN(in);
    struct gw_rtcp p;
    struct gw_rtcp_sender sr;
    struct gw_rtcp_block b;

    EQ(gw_rtcp_next(&rest, &p), 0);
    EQ(gw_rtcp_parse_sr(&p, &sr), 0);
    EQ(sr.ssrc, 7);
    EQ(sr.ntp, 0xe000000180000000);
    EQ(sr.rtp_ts, 160);
    EQ(sr.packets, 10);
    EQ(sr.octets, 1600);
    EQ(gw_rtcp_parse_block(&p, 0, &b), 0);
    EQ(b.ssrc, 9);
    EQ(b.fraction_lost, 64);
    EQ(b.lost, -2);
    EQ(b.max_seq, 0x10002);
    EQ(b.jitter, 3);
    EQ(b.lsr, 0xaabbccdd);
    EQ(b.dlsr, 65536);
    EQ(gw_rtcp_parse_block(&p, 1, &b), GW_E_NOTFOUND);
}

TEST(the_round_trip_is_the_time_away_less_the_time_held)
{
    uint8_t sr[28] = { 0x80, 200, 0, 6, 0, 0, 0, 7, 0, 0, 0xaa, 0xbb, 0xcc, 0xdd, 0, 0 };
    uint8_t rr[32] = { 0x81, 201, 0, 7, 0, 0, 0, 9, 0, 0, 0, 7 };
    struct gw_rtcp_rtt rtt = { 0 };

    memcpy(rr + 24, sr + 10, 4); /* LSR: the middle of the NTP time */
    rr[29] = 1;                  /* DLSR: 1 s */
    gw_rtcp_rtt_on_received(&rtt, GW_SPAN(rr), 5000000);
    EQ(rtt.rtt_us, 0); /* nothing was sent yet */
    gw_rtcp_rtt_on_sent(&rtt, GW_SPAN(sr), 5000000);
    gw_rtcp_rtt_on_received(&rtt, GW_SPAN(rr), 6030000);
    EQ(rtt.rtt_us, 30000);
    gw_rtcp_rtt_on_received(&rtt, GW_SPAN(rr), 5900000); /* held for longer than away: a liar */
    EQ(rtt.rtt_us, 30000);
    gw_rtcp_rtt_on_received(&rtt, GW_SPAN(rr), 6000000);
    EQ(rtt.rtt_us, 1);
    for (unsigned i = 0; i < 4; i++) { /* pushed out by four younger ones */
        sr[13] = (uint8_t)i;
        gw_rtcp_rtt_on_sent(&rtt, GW_SPAN(sr), 7000000);
    }
    gw_rtcp_rtt_on_received(&rtt, GW_SPAN(rr), 6030000);
    EQ(rtt.rtt_us, 1);
}
