#include "test.h"

#include "signaling/demo_core/echo.h"

static uint8_t rtp[] = {
    0x80, 111, 0x12, 0x34, /* version 2, PT 111, sequence number */
    0,    0,   0x10, 0,    /* time stamp */
    1,    2,   3,    4,    /* SSRC of the caller */
    'd',  'a', 't',  'a',
};

static struct gw_echo heard(void)
{
    struct gw_echo e;
    char digit;

    memcpy(rtp + 8, "\x01\x02\x03\x04", 4);
    gw_echo_init(&e, false);
    e.ssrc = 0xcafe0001;
    CHECK(gw_echo_rtp(&e, rtp, sizeof(rtp), &digit));
    return e;
}

TEST(rtp_comes_back_under_our_ssrc_and_is_otherwise_the_same)
{
    static const uint8_t expected[] = { 0x80, 111, 0x12, 0x34, 0, 0, 0x10, 0, 0xca, 0xfe, 0, 1, 'd', 'a', 't', 'a' };

    heard();
    MEM_EQ(rtp, expected, sizeof(expected));
}

TEST(another_source_of_the_caller_is_another_source_of_ours)
{
    struct gw_echo e = heard();
    char digit;

    rtp[8] = 9;
    CHECK(gw_echo_rtp(&e, rtp, sizeof(rtp), &digit));
    CHECK(e.ssrc != 0xcafe0001);
    EQ(gw_echo_rtp(&e, rtp, 11, &digit), false); /* too short for RTP */
}

TEST(a_digit_is_told_once_though_its_end_comes_three_times)
{
    struct gw_echo e;
    char digit;
    uint8_t event[] = { 0x80, 101, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4, 5, 0x0a, 0, 160 }; /* digit 5 begins */

    gw_echo_init(&e, true);
    e.is_event[101] = true;
    EQ(gw_echo_rtp(&e, event, sizeof(event), &digit), false); /* dropped, as asked */
    EQ(digit, 0);
    event[13] |= 0x80; /* E bit */
    gw_echo_rtp(&e, event, sizeof(event), &digit);
    EQ(digit, '5');
    gw_echo_rtp(&e, event, sizeof(event), &digit);
    EQ(digit, 0);
    event[7] = 99; /* a new event */
    gw_echo_rtp(&e, event, sizeof(event), &digit);
    EQ(digit, '5');
    event[12] = 16; /* flash: no digit */
    event[7] = 100;
    gw_echo_rtp(&e, event, sizeof(event), &digit);
    EQ(digit, 0);
}

TEST(a_sender_report_is_answered_with_the_same_clock_under_our_ssrc)
{
    struct gw_echo e = heard();
    uint8_t sr[28] = { 0x80, 200, 0, 6, 1, 2, 3, 4, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff }, out[GW_ECHO_RTCP];
    bool wants_picture;

    EQ(gw_echo_rtcp(&e, GW_SPAN(sr), out, &wants_picture), 52 + 16);
    EQ(wants_picture, false);
    EQ(out[1], 200);
    MEM_EQ(out + 4, "\xca\xfe\x00\x01\xaa\xbb\xcc\xdd\xee\xff", 10);
    MEM_EQ(out + 28, "\x01\x02\x03\x04", 4);      /* the report is about the caller */
    MEM_EQ(out + 28 + 16, "\xcc\xdd\xee\xff", 4); /* last SR */
}

TEST(a_wish_for_our_picture_is_a_wish_for_the_callers)
{
    struct gw_echo e = heard();
    uint8_t fb[] = { 0x80, 201, 0, 1, 1, 2, 3, 4,                     /* RR */
                     0x81, 206, 0, 2, 1, 2, 3, 4, 0xca, 0xfe, 0, 1 }; /* PLI */
    uint8_t out[GW_ECHO_RTCP];
    bool wants_picture;
    size_t len = gw_echo_rtcp(&e, GW_SPAN(fb), out, &wants_picture);

    EQ(wants_picture, true);
    EQ(len, 32 + 16 + 12);
    MEM_EQ(out + 48, "\x81\xce\x00\x02\xca\xfe\x00\x01\x01\x02\x03\x04", 12);
    for (size_t n = 1; n < sizeof(fb); n++) /* no truncation is answered or read beyond */
        if (n != 8)
            EQ(gw_echo_rtcp(&e, (struct gw_span){ fb, n }, out, &wants_picture), 0);
}
