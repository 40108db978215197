#include "t38/udptl/udptl.h"

#include <stdlib.h>

#include "test.h"

/* The receiver's side of a test: what came, in order. An IFP of the test is its number in two octets and a varying
 * tail. */
static struct {
    unsigned n, lost;
    int last;
    bool is_ordered, is_right;
} got;

static size_t make_ifp(uint8_t *buf, unsigned number)
{
    size_t len = 2 + number * 7 % 40;

    for (size_t i = 0; i < len; i++)
        buf[i] = (uint8_t)(number * 31 + i + 1);
    buf[0] = (uint8_t)(number >> 8);
    buf[1] = (uint8_t)number;
    return len;
}

static void on_ifp(void *arg, struct gw_span ifp, unsigned lost)
{
    uint8_t want[64];
    int number;
    size_t len;

    (void)arg;
    got.lost += lost;
    if (ifp.len == 0)
        return;
    number = ((const uint8_t *)ifp.ptr)[0] << 8 | ((const uint8_t *)ifp.ptr)[1];
    len = make_ifp(want, (unsigned)number);
    got.n++;
    got.is_ordered &= number > got.last;
    got.last = number;
    /* what FEC recovers may carry trailing zeros (T.38 s. 9.1.4.2) */
    got.is_right &= ifp.len >= len && memcmp(ifp.ptr, want, len) == 0;
    for (size_t i = len; i < ifp.len; i++)
        got.is_right &= ((const uint8_t *)ifp.ptr)[i] == 0;
}

static void start(struct gw_udptl_rx *rx)
{
    gw_udptl_rx_init(rx);
    memset(&got, 0, sizeof(got));
    got.last = -1;
    got.is_ordered = got.is_right = true;
}

TEST(t38_001_the_packets_of_the_specification_are_read)
{
    static const uint8_t redundancy[] = { 0x00, 0x05, 0x08, 0xC0, 0x01, 0x80, 0x00, 0x02,
                                          0xFF, 0xC8, 0x01, 0x00, 0x01, 0x01, 0x06 };
    static const uint8_t fec[] = { 0x00, 0x06, 0x01, 0x04, 0x80, 0x01, 0x03, 0x01, 0x01, 0x06 };
    static const uint8_t v21_preamble[] = { 0x00, 0x00, 0x01, 0x06, 0x00, 0x00 };
    struct gw_udptl_packet p;
    uint8_t back[64];

    EQ(gw_udptl_parse(GW_SPAN(redundancy), &p), 0);
    EQ(p.seq, 5);
    EQ(p.primary.len, 8);
    EQ(p.nentries, 1);
    EQ(gw_udptl_write(&p, back, sizeof(back)), sizeof(redundancy));
    MEM_EQ(back, redundancy, sizeof(redundancy));
    EQ(gw_udptl_parse(GW_SPAN(fec), &p), 0);
    EQ(p.ec, GW_UDPTL_FEC);
    EQ(p.span, 3);
    EQ(gw_udptl_write(&p, back, sizeof(back)), sizeof(fec));
    MEM_EQ(back, fec, sizeof(fec));
    EQ(gw_udptl_parse(GW_SPAN(v21_preamble), &p), 0);
    EQ(p.ec, GW_UDPTL_NO_EC);
    for (size_t n = 0; n < 11; n++) /* every cut inside sequence number and primary */
        EQ(gw_udptl_parse((struct gw_span){ redundancy, n }, &p), GW_E_SHORT);
    for (size_t n = 11; n < sizeof(redundancy); n++) { /* a broken recovery part leaves the primary */
        EQ(gw_udptl_parse((struct gw_span){ redundancy, n }, &p), GW_E_TRAILING);
        EQ(p.primary.len, 8);
        EQ(p.nentries, 0);
    }
}

TEST(udptl_lengths_that_no_fax_needs_are_refused)
{
    static const uint8_t fragmented[] = { 0, 0, 0xc1, 0x00 };
    static const uint8_t too_many[] = { 0, 0, 1, 6, 0x00, 33 };
    struct gw_udptl_packet p;

    EQ(gw_udptl_parse(GW_SPAN(fragmented), &p), GW_E_RANGE);
    EQ(gw_udptl_parse(GW_SPAN(too_many), &p), GW_E_TRAILING);
}

/* Sends `count` IFPs; `drop(i)` says which packets the link loses. */
static void run(struct gw_udptl_tx *tx, struct gw_udptl_rx *rx, unsigned count, bool (*drop)(unsigned i))
{
    for (unsigned i = 0; i < count; i++) {
        uint8_t ifp[64], packet[1500];
        int n = gw_udptl_tx_send(tx, (struct gw_span){ ifp, make_ifp(ifp, i) }, packet, sizeof(packet));

        CHECK(n > 0);
        gw_udptl_rx_tick(rx, i * 30 * GW_MS, on_ifp, NULL);
        if (!drop(i))
            (void)!gw_udptl_rx_packet(rx, (struct gw_span){ packet, (size_t)n }, i * 30 * GW_MS, on_ifp, NULL);
    }
    gw_udptl_rx_tick(rx, GW_NEVER - 1, on_ifp, NULL);
}

static bool drop_bursts_of_three(unsigned i)
{
    return i % 10 >= 4 && i % 10 <= 6;
}

static bool drop_one_in_four(unsigned i)
{
    return i > 12 && i % 4 == 1; /* the first packets have little before them to be repaired from */
}

static bool drop_none(unsigned i)
{
    (void)i;
    return false;
}

static bool drop_burst_of_five(unsigned i)
{
    return i >= 20 && i < 25;
}

TEST(t38_002_redundancy_of_three_repairs_bursts_of_three)
{
    static struct gw_udptl_tx tx;
    static struct gw_udptl_rx rx;

    start(&rx);
    gw_udptl_tx_init(&tx, GW_UDPTL_REDUNDANCY, 3, 0, 1400);
    run(&tx, &rx, 1000, drop_bursts_of_three);
    EQ(got.n, 1000);
    EQ(got.lost, 0);
    CHECK(got.is_ordered && got.is_right);
    EQ(rx.n.recovered, 300);
}

TEST(t38_001_fec_repairs_what_its_interleaving_covers)
{
    static struct gw_udptl_tx tx;
    static struct gw_udptl_rx rx;

    start(&rx);
    gw_udptl_tx_init(&tx, GW_UDPTL_FEC, 3, 3, 1400);
    run(&tx, &rx, 1000, drop_one_in_four);
    EQ(got.n, 1000);
    EQ(got.lost, 0);
    CHECK(got.is_ordered && got.is_right);
}

TEST(t38_006_a_hole_beyond_repair_is_told_and_nothing_else_is_lost)
{
    static struct gw_udptl_tx tx;
    static struct gw_udptl_rx rx;

    start(&rx);
    gw_udptl_tx_init(&tx, GW_UDPTL_REDUNDANCY, 2, 0, 1400);
    run(&tx, &rx, 100, drop_burst_of_five);
    EQ(got.n, 97);
    EQ(got.lost, 3);
    CHECK(got.is_ordered && got.is_right);
}

TEST(t38_001_sequence_numbers_wrap)
{
    static struct gw_udptl_tx tx;
    static struct gw_udptl_rx rx;

    start(&rx);
    gw_udptl_tx_init(&tx, GW_UDPTL_REDUNDANCY, 1, 0, 1400);
    tx.next_seq = 65530;
    run(&tx, &rx, 20, drop_none);
    EQ(got.n, 20);
    EQ(got.lost, 0);
}

TEST(t38_007_reordered_and_doubled_packets_deliver_each_ifp_once)
{
    static struct gw_udptl_tx tx;
    static struct gw_udptl_rx rx;
    static uint8_t packets[400][200];
    static int len[400];

    start(&rx);
    gw_udptl_tx_init(&tx, GW_UDPTL_NO_EC, 0, 0, 1400);
    for (unsigned i = 0; i < 400; i++) {
        uint8_t ifp[64];
        len[i] = gw_udptl_tx_send(&tx, (struct gw_span){ ifp, make_ifp(ifp, i) }, packets[i], sizeof(packets[i]));
    }
    for (unsigned i = 0; i < 400; i++) {
        unsigned k = i / 4 * 4 + (3 - i % 4); /* groups of four backwards */
        for (int twice = 0; twice < 2; twice++)
            (void)!gw_udptl_rx_packet(&rx, (struct gw_span){ packets[k], (size_t)len[k] }, i * GW_MS, on_ifp, NULL);
    }
    EQ(got.n, 400);
    EQ(got.lost, 0);
    CHECK(got.is_ordered && got.is_right);
    EQ(rx.n.duplicates, 400);
}

TEST(t38_002_recovery_parts_give_way_to_the_datagram_limit)
{
    static struct gw_udptl_tx tx;
    uint8_t ifp[100] = { 1 }, packet[400];
    struct gw_udptl_packet p;
    int n = 0;

    gw_udptl_tx_init(&tx, GW_UDPTL_REDUNDANCY, 3, 0, 210);
    for (int i = 0; i < 5; i++)
        n = gw_udptl_tx_send(&tx, GW_SPAN(ifp), packet, sizeof(packet));
    EQ(gw_udptl_parse((struct gw_span){ packet, (size_t)n }, &p), 0);
    EQ(p.nentries, 1);
    EQ(gw_udptl_tx_send(&tx, (struct gw_span){ packet, 209 }, packet, sizeof(packet)), GW_E_LIMIT);
}

TEST(t38_006_skipped_numbers_show_as_a_hole)
{
    static struct gw_udptl_tx tx;
    static struct gw_udptl_rx rx;
    uint8_t ifp[64], packet[200];
    int n;

    start(&rx);
    gw_udptl_tx_init(&tx, GW_UDPTL_REDUNDANCY, 2, 0, 1400);
    n = gw_udptl_tx_send(&tx, (struct gw_span){ ifp, make_ifp(ifp, 0) }, packet, sizeof(packet));
    EQ(gw_udptl_rx_packet(&rx, (struct gw_span){ packet, (size_t)n }, 0, on_ifp, NULL), 0);
    gw_udptl_tx_skip(&tx, 2);
    n = gw_udptl_tx_send(&tx, (struct gw_span){ ifp, make_ifp(ifp, 3) }, packet, sizeof(packet));
    EQ(gw_udptl_rx_packet(&rx, (struct gw_span){ packet, (size_t)n }, 0, on_ifp, NULL), 0);
    EQ(got.n, 1);
    EQ(rx.hold_until_us, GW_UDPTL_REORDER_US);
    gw_udptl_rx_tick(&rx, rx.hold_until_us, on_ifp, NULL);
    EQ(got.n, 2);
    EQ(got.lost, 2);
}
