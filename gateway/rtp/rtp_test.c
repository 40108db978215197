#include "gateway/rtp/rtp.h"

#include "test.h"

#define LEN(a) (sizeof(a))

TEST(a_header_with_csrc_extension_and_padding)
{
    static const uint8_t pkt[] = {
        0xb2, 0xef, 0x12, 0x34,               /* version 2, padding, extension, 2 CSRC; marker, payload type 111 */
        0x00, 0x01, 0x02, 0x03,               /* time stamp */
        0xde, 0xad, 0xbe, 0xef,               /* SSRC */
        0,    0,    0,    1,    0,   0, 0, 2, /* CSRC list */
        0xbe, 0xde, 0x00, 0x01,               /* one-byte form, 1 word */
        0x10, 0x7f, 0x00, 0x00,               /* id 1, one octet */
        'a',  'b',  'c',  'd',  'e', 0, 0, 3, /* payload and padding */
    };
    struct gw_rtp h;

    EQ(gw_rtp_parse(GW_SPAN(pkt), &h), 0);
    EQ(h.marker, true);
    EQ(h.pt, 111);
    EQ(h.seq, 0x1234);
    EQ(h.ts, 0x00010203);
    EQ(h.ssrc, 0xdeadbeef);
    EQ(gw_rtp_ssrc(pkt), 0xdeadbeef);
    EQ(h.ncsrc, 2);
    EQ(h.ext_profile, 0xbede);
    EQ(h.ext_at, 24);
    EQ(h.ext_len, 4);
    EQ(h.header_len, 28);
    EQ(h.padding, 3);
    EQ(h.payload_len, 5);
    EQ(gw_rtp_header_len(pkt, LEN(pkt)), 28);
    for (size_t n = 0; n < 28; n++) {
        EQ(gw_rtp_parse((struct gw_span){ pkt, n }, &h), GW_E_SHORT);
        EQ(gw_rtp_header_len(pkt, n), GW_E_SHORT);
    }
    EQ(gw_rtp_parse((struct gw_span){ pkt, 28 }, &h), GW_E_RANGE); /* padding announced, none there */
}

TEST(a_wrong_version_or_padding_is_refused)
{
    uint8_t pkt[14] = { 0x40 };
    struct gw_rtp h;

    EQ(gw_rtp_parse(GW_SPAN(pkt), &h), GW_E_TYPE);
    pkt[0] = 0xa0;
    EQ(gw_rtp_parse(GW_SPAN(pkt), &h), GW_E_RANGE); /* count 0 */
    pkt[13] = 3;
    EQ(gw_rtp_parse(GW_SPAN(pkt), &h), GW_E_RANGE); /* longer than the payload */
    pkt[13] = 2;
    EQ(gw_rtp_parse(GW_SPAN(pkt), &h), 0);
    EQ(h.payload_len, 0);
}

/* TLS-007, RFC 5761 s. 4. */
TEST(rtcp_is_told_from_rtp_by_the_second_octet)
{
    for (unsigned t = 0; t < 256; t++) {
        uint8_t pkt[2] = { 0x80, (uint8_t)t };
        EQ(gw_rtp_is_rtcp(pkt, 2), t >= 192 && t <= 223);
        EQ(gw_rtp_is_rtcp(pkt, 1), false);
    }
}

TEST(the_payload_type_is_rewritten_and_the_marker_kept)
{
    uint8_t pkt[] = { 0x80, 0x80 | 111 };

    gw_rtp_set_pt(pkt, 96);
    EQ(pkt[1], 0x80 | 96);
    pkt[1] = 8;
    gw_rtp_set_pt(pkt, 0);
    EQ(pkt[1], 0);
}

static const uint8_t one_byte[] = {
    0x90, 111,  0,   1, 0, 0, 0, 0, 0, 0, 0, 9, /* extension */
    0xbe, 0xde, 0,   3,                         /* one-byte form, 3 words */
    0x10, 0x85,                                 /* id 1: audio level */
    0x22, 1,    2,   3,                         /* id 2: absolute send time */
    0x00,                                       /* padding between */
    0x40, '0',                                  /* id 4: mid "0" */
    0x31, 7,    8,                              /* id 3: transport-wide number */
    'p',  'a',  'y',
};

TEST(elements_are_found_in_the_one_byte_form)
{
    struct gw_rtp h;
    struct gw_span v;

    EQ(gw_rtp_parse(GW_SPAN(one_byte), &h), 0);
    EQ(gw_rtp_ext_find(one_byte, &h, 4, &v), 0);
    SPAN_EQ(v, "0");
    EQ(gw_rtp_ext_find(one_byte, &h, 3, &v), 0);
    SPAN_EQ(v, "\x07\x08");
    EQ(gw_rtp_ext_find(one_byte, &h, 5, &v), GW_E_NOTFOUND);
    EQ(gw_rtp_ext_find(one_byte, &h, 0, &v), GW_E_NOTFOUND);
}

TEST(elements_are_found_in_the_two_byte_form_and_empty_ones_too)
{
    static const uint8_t pkt[] = { 0x90, 111, 0,   1, 0, 0, 0, 0,  0, 0, 0, 9, 0x10, 0x05,
                                   0,    3,   200, 3, 1, 2, 3, 17, 0, 0, 4, 2, 'h',  'i', /* ids 200, 17, 4 */
                                   'p' };
    struct gw_rtp h;
    struct gw_span v;

    EQ(gw_rtp_parse(GW_SPAN(pkt), &h), 0);
    EQ(gw_rtp_ext_find(pkt, &h, 4, &v), 0);
    SPAN_EQ(v, "hi");
    EQ(gw_rtp_ext_find(pkt, &h, 17, &v), 0);
    EQ(v.len, 0);
    EQ(gw_rtp_ext_find(pkt, &h, 200, &v), 0);
    EQ(v.len, 3);
}

TEST(listed_elements_stay_renumbered_and_the_others_go)
{
    static const uint8_t want[] = { 0x90, 111,  0, 1, 0,    0,    0,    0,   0,   0,   0,  9,
                                    0xbe, 0xde, 0, 1, 0x50, 0x85, 0xe0, '0', 'p', 'a', 'y' };
    static const struct gw_rtp_ext_map map[] = { { 1, 5 }, { 4, 14 } };
    uint8_t pkt[LEN(one_byte)];
    size_t len = LEN(pkt);
    struct gw_rtp h, again;

    memcpy(pkt, one_byte, len);
    EQ(gw_rtp_parse(GW_SPAN(pkt), &h), 0);
    gw_rtp_ext_rewrite(pkt, &len, &h, map, 2);
    EQ(len, LEN(want));
    MEM_EQ(pkt, want, LEN(want));
    EQ(gw_rtp_parse((struct gw_span){ pkt, len }, &again), 0);
    EQ(h.header_len, again.header_len);
    EQ(h.ext_at, again.ext_at);
    EQ(h.ext_len, again.ext_len);
    EQ(h.payload_len, again.payload_len);
}

TEST(an_extension_without_a_listed_element_goes_as_a_whole)
{
    static const struct gw_rtp_ext_map too_big[] = { { 1, 15 } };
    static const uint8_t want[] = { 0x80, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 'p', 'a', 'y' };

    for (unsigned n = 0; n < 2; n++) { /* none listed; one whose new id does not fit the form */
        uint8_t pkt[LEN(one_byte)];
        size_t len = LEN(pkt);
        struct gw_rtp h;
        memcpy(pkt, one_byte, len);
        EQ(gw_rtp_parse(GW_SPAN(pkt), &h), 0);
        gw_rtp_ext_rewrite(pkt, &len, &h, too_big, n);
        EQ(len, LEN(want));
        MEM_EQ(pkt, want, LEN(want));
        EQ(h.header_len, 12);
        EQ(h.has_ext, false);
    }
}

TEST(an_extension_of_another_profile_goes)
{
    static const struct gw_rtp_ext_map map[] = { { 1, 1 } };
    uint8_t pkt[] = { 0x90, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0x12, 0x34, 0, 1, 0x10, 1, 2, 3, 'p' };
    size_t len = LEN(pkt);
    struct gw_rtp h;

    EQ(gw_rtp_parse(GW_SPAN(pkt), &h), 0);
    gw_rtp_ext_rewrite(pkt, &len, &h, map, 1);
    EQ(len, 13);
    EQ(pkt[12], 'p');
}

/* RFC 8285 s. 4.2: id 15 ends the list; an element over the end is not read. */
TEST(what_follows_id_15_or_runs_over_the_end_is_not_read)
{
    static const struct gw_rtp_ext_map map[] = { { 1, 1 }, { 3, 3 } };
    static const uint8_t lists[2][4] = { { 0x10, 1, 0xf0, 0x30 }, { 0x10, 1, 0x33, 0x30 } };

    for (unsigned i = 0; i < 2; i++) {
        uint8_t pkt[] = { 0x90, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0xbe, 0xde, 0, 1, 0, 0, 0, 0, 'p' };
        size_t len = LEN(pkt);
        struct gw_rtp h;
        struct gw_span v;
        memcpy(pkt + 16, lists[i], 4);
        EQ(gw_rtp_parse(GW_SPAN(pkt), &h), 0);
        EQ(gw_rtp_ext_find(pkt, &h, 3, &v), GW_E_NOTFOUND);
        gw_rtp_ext_rewrite(pkt, &len, &h, map, 2);
        EQ(len, LEN(pkt));
        MEM_EQ(pkt + 16, "\x10\x01\x00\x00", 4);
    }
}

enum { CLOCK = 8000, STEP = 160, STEP_US = 20000 };

/* `n` packets in order at the right times, from `seq`. */
static void run(struct gw_rtp_source *s, uint32_t seq, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        gw_rtp_source_on_packet(s, (uint16_t)(seq + i), (seq + i) * STEP, (uint64_t)(seq + i) * STEP_US);
}

TEST(a_source_in_order_over_two_roll_overs_loses_nothing)
{
    struct gw_rtp_source s;
    struct gw_rtp_report r;

    gw_rtp_source_init(&s, 1, CLOCK);
    run(&s, 65000, 140000);
    EQ(gw_rtp_source_lost(&s), 0);
    EQ(s.received, 140000);
    EQ(gw_rtp_source_jitter_us(&s), 0);
    gw_rtp_source_report(&s, &r);
    EQ(r.max_seq, 65000 + 140000 - 1);
    EQ(r.lost, 0);
    EQ(r.fraction_lost, 0);
}

TEST(gaps_count_as_loss_until_late_packets_fill_them)
{
    struct gw_rtp_source s;
    struct gw_rtp_report r;

    gw_rtp_source_init(&s, 1, CLOCK);
    run(&s, 65530, 3);
    run(&s, 65536, 2); /* 65533 to 65535 are missing: over the roll-over */
    EQ(gw_rtp_source_lost(&s), 3);
    gw_rtp_source_report(&s, &r);
    EQ(r.lost, 3);
    EQ(r.fraction_lost, 3 * 256 / 8);
    run(&s, 65533, 2);
    EQ(gw_rtp_source_lost(&s), 1);
    run(&s, 65538, 2);
    gw_rtp_source_report(&s, &r); /* this interval: 2 expected, 4 came */
    EQ(r.lost, 1);
    EQ(r.fraction_lost, 0);
    run(&s, 65538, 2); /* duplicates may make the report negative, the counter never */
    EQ(gw_rtp_source_lost(&s), 0);
    gw_rtp_source_report(&s, &r);
    EQ(r.lost, -1);
}

/* A.1: one packet far off is a stray, two in a row are a restart; loss before it is not forgotten. */
TEST(a_jump_is_believed_when_the_next_packet_confirms_it)
{
    struct gw_rtp_source s;
    struct gw_rtp_report r;

    gw_rtp_source_init(&s, 1, CLOCK);
    run(&s, 100, 1);
    run(&s, 105, 1);
    EQ(gw_rtp_source_lost(&s), 4);
    run(&s, 40000, 1);
    EQ(s.received, 2);
    run(&s, 106, 1);
    EQ(gw_rtp_source_lost(&s), 4);
    run(&s, 40000, 2);
    EQ(gw_rtp_source_lost(&s), 4);
    gw_rtp_source_report(&s, &r);
    EQ(r.max_seq, 40001);
    EQ(r.lost, 4);
    run(&s, 40004, 1);
    EQ(gw_rtp_source_lost(&s), 6);
}

/* A.8: packets alternately 5 ms late and on time differ by 40 clock units each; the estimate goes to 40. */
TEST(jitter_is_the_mean_deviation_of_the_spacing)
{
    struct gw_rtp_source s;

    gw_rtp_source_init(&s, 1, CLOCK);
    for (unsigned i = 0; i < 500; i++)
        gw_rtp_source_on_packet(&s, (uint16_t)i, i * STEP, (uint64_t)i * STEP_US + (i % 2 ? 5000 : 0));
    CHECK(gw_rtp_source_jitter_us(&s) > 4500 && gw_rtp_source_jitter_us(&s) <= 5000);
    gw_rtp_source_init(&s, 1, 0);
    run(&s, 1, 10);
    EQ(gw_rtp_source_jitter_us(&s), 0);
}

TEST(wild_time_stamps_do_not_overflow_the_jitter)
{
    struct gw_rtp_source s;

    gw_rtp_source_init(&s, 1, 90000);
    for (unsigned i = 0; i < 1000; i++)
        gw_rtp_source_on_packet(&s, (uint16_t)i, i % 2 ? 0x80000000 : 0, i);
    CHECK(s.jitter_x16 > 0x70000000 && s.jitter_x16 <= 0x80000000);
}
