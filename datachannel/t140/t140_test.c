#include "datachannel/t140/t140_rx.h"
#include "datachannel/t140/t140_tx.h"

#include <stdlib.h>

#include "test.h"

static char seen[65536];
static size_t nseen;

static void on_text(void *arg, struct gw_span text)
{
    (void)arg;
    memcpy(seen + nseen, text.ptr, text.len);
    nseen += text.len;
    seen[nseen] = 0;
}

static void clear(void)
{
    nseen = 0;
    seen[0] = 0;
}

TEST(t140_006_red_is_read_and_written_octet_for_octet)
{
    static const uint8_t payload[] = {
        0x80 | 98, 0x09, 0x60, 0x01, /* 600 ms ago, 1 octet */
        0x80 | 98, 0x04, 0xb0, 0x02, /* 300 ms ago, 2 octets */
        98,                          /* primary */
        'a',       'b',  'c',  'd',  'e',
    };
    struct gw_t140_red red;
    uint8_t back[32];

    EQ(gw_t140_red_parse(GW_SPAN(payload), 98, &red), 0);
    EQ(red.n, 2);
    EQ(red.old[0].offset, 600);
    SPAN_EQ(red.old[1].text, "bc");
    SPAN_EQ(red.primary, "de");
    EQ(gw_t140_red_write(&red, 98, back, sizeof(back)), sizeof(payload));
    MEM_EQ(back, payload, sizeof(payload));
    EQ(gw_t140_red_parse(GW_SPAN(payload), 99, &red), GW_E_TYPE);
    for (size_t n = 0; n < 12; n++)
        EQ(gw_t140_red_parse((struct gw_span){ payload, n }, 98, &red), GW_E_SHORT);
}

static struct gw_t140_tx tx;
static struct gw_t140_rx rx;
static struct gw_t140_packet packet;

TEST(t140_007_text_after_idle_goes_at_once_with_the_marker)
{
    gw_t140_tx_init(&tx, 98, 2, 30, 0);
    CHECK(gw_t140_tx_poll(&tx, 0, &packet)); /* the byte order mark */
    CHECK(packet.marker);
    for (uint64_t now = 0; now < 2 * GW_S; now += GW_MS)
        while (gw_t140_tx_poll(&tx, now, &packet))
            CHECK(!packet.marker);
    EQ(tx.next_at_us, GW_NEVER);
    EQ(gw_t140_tx_text(&tx, gw_span_str("a"), 5 * GW_S), 0);
    EQ(tx.next_at_us, 5 * GW_S);
    CHECK(gw_t140_tx_poll(&tx, 5 * GW_S, &packet));
    CHECK(packet.marker);
    EQ(gw_t140_tx_text(&tx, gw_span_str("b"), 5 * GW_S + 1000), 0);
    CHECK(!gw_t140_tx_poll(&tx, 5 * GW_S + 299999, &packet)); /* collected for 300 ms */
    CHECK(gw_t140_tx_poll(&tx, 5 * GW_S + 300000, &packet));
    CHECK(!packet.marker);
}

TEST(t140_010_empty_blocks_repeat_the_last_text_and_then_stop)
{
    unsigned packets = 0;

    gw_t140_tx_init(&tx, 98, 2, 30, 0);
    while (tx.next_at_us != GW_NEVER)
        while (gw_t140_tx_poll(&tx, tx.next_at_us, &packet))
            packets++;
    EQ(packets, 3); /* the mark itself and two empty ones that carry it as redundancy */
}

TEST(t140_012_characters_are_never_cut)
{
    gw_t140_tx_init(&tx, 98, 0, 1000, 0);
    gw_t140_tx_poll(&tx, 0, &packet);
    EQ(gw_t140_tx_text(&tx, gw_span_str("\xe2\x82"), GW_S), 0); /* the euro sign in two messages */
    EQ(tx.queued, 0);
    EQ(gw_t140_tx_text(&tx, gw_span_str("\xac!"), GW_S + 1000), 0);
    CHECK(gw_t140_tx_poll(&tx, GW_S + 1000, &packet));
    EQ(packet.len, 4);
    MEM_EQ(packet.payload, "\xe2\x82\xac!", 4);
    CHECK(!gw_t140_tx_poll(&tx, 2 * GW_S, &packet));
    EQ(gw_t140_tx_text(&tx, gw_span_str("\xe2\x82"), 2 * GW_S), 0); /* and one whose rest never comes */
    EQ(tx.next_at_us, 2 * GW_S + 500000);
    CHECK(gw_t140_tx_poll(&tx, 2 * GW_S + 500000, &packet));
    MEM_EQ(packet.payload, "\xef\xbf\xbd", 3);
    EQ(tx.replaced, 1);
}

TEST(t140_013_byte_order_mark_first_outbound_and_removed_inbound)
{
    gw_t140_tx_init(&tx, 98, 0, 1000, 0);
    CHECK(gw_t140_tx_poll(&tx, 0, &packet));
    MEM_EQ(packet.payload, "\xef\xbb\xbf", 3);
    EQ(gw_t140_tx_text(&tx, gw_span_str("\xef\xbb\xbfhi"), GW_S), 0);
    CHECK(gw_t140_tx_poll(&tx, GW_S, &packet));
    EQ(packet.len, 2);
    clear();
    gw_t140_rx_init(&rx, 100, 98);
    EQ(gw_t140_rx_packet(&rx, 1, 1, 98, gw_span_str("\xef\xbb\xbfhi"), 0, on_text, NULL), 0);
    STR_EQ(seen, "hi");
}

TEST(t140_002_the_rate_holds_over_any_ten_seconds_and_nothing_is_lost)
{
    static char text[3001];
    uint64_t at[400], now = 0;
    size_t chars[400], n = 0, total = 0;

    memset(text, 'x', 3000);
    gw_t140_tx_init(&tx, 98, 2, 20, 0);
    while (gw_t140_tx_poll(&tx, 0, &packet))
        ;
    EQ(gw_t140_tx_text(&tx, gw_span_str(text), 0), 0);
    while (tx.queued && now < 1000 * GW_S) {
        struct gw_t140_red red;
        now = tx.next_at_us;
        if (!gw_t140_tx_poll(&tx, now, &packet))
            continue;
        EQ(gw_t140_red_parse((struct gw_span){ packet.payload, packet.len }, 98, &red), 0);
        if (red.primary.len == 0)
            continue;
        at[n] = now;
        chars[n++] = red.primary.len;
        total += red.primary.len;
    }
    EQ(total, 3000);
    for (size_t i = 0; i < n; i++) {
        size_t sum = 0;
        for (size_t k = i; k < n && at[k] < at[i] + 10 * GW_S; k++)
            sum += chars[k];
        CHECK(sum <= 200);
    }
}

/* A core link that loses, doubles and reorders: every character arrives or is marked, none twice, none out of order. */
TEST(t140_009_thirty_percent_loss_shows_every_character_or_a_mark)
{
    static struct {
        uint16_t seq;
        size_t len;
        uint8_t payload[sizeof(packet.payload)];
    } link[4000];
    unsigned sent = 0, letters = 0, marks = 0;
    uint16_t seq = 65000;
    int last = -1;

    srand(7);
    clear();
    gw_t140_tx_init(&tx, 98, 2, 1000, 0);
    gw_t140_rx_init(&rx, 100, 98);
    for (uint64_t now = 0; now < 600 * GW_S; now += 100 * GW_MS) {
        char c[8];
        if (now % (300 * GW_MS) == 0 && letters < 1500) {
            snprintf(c, sizeof(c), "%05u", letters++); /* each a number of five digits */
            EQ(gw_t140_tx_text(&tx, gw_span_str(c), now), 0);
        }
        while (gw_t140_tx_poll(&tx, now, &packet) && sent < 4000) {
            link[sent].seq = seq++;
            link[sent].len = packet.len;
            memcpy(link[sent++].payload, packet.payload, packet.len);
        }
    }
    for (unsigned i = 0; i < sent; i++) {
        unsigned k = i % 7 == 3 && i + 1 < sent ? i + 1 : i % 7 == 4 ? i - 1 : i; /* neighbours change places */
        gw_t140_rx_tick(&rx, i * 300 * GW_MS, on_text, NULL);
        for (int twice = 0; twice < (i % 5 == 0 ? 2 : 1); twice++)
            if (rand() % 10 >= 3)
                (void)!gw_t140_rx_packet(&rx, 1, link[k].seq, 100, (struct gw_span){ link[k].payload, link[k].len },
                                         i * 300 * GW_MS, on_text, NULL);
    }
    gw_t140_rx_tick(&rx, GW_NEVER - 1, on_text, NULL);
    for (size_t at = 0; at < nseen;) {
        if ((uint8_t)seen[at] == 0xef) {
            marks++;
            at += 3;
            continue;
        }
        CHECK(at + 5 <= nseen);
        int number = atoi((char[]){ seen[at], seen[at + 1], seen[at + 2], seen[at + 3], seen[at + 4], 0 });
        CHECK(number > last);
        CHECK(number - last == 1 || marks); /* what is missing was marked */
        marks = number - last == 1 ? marks : 0;
        last = number;
        at += 5;
    }
    CHECK(last > 1400);
    CHECK(rx.recovered > 300);
}

TEST(t140_008_a_late_packet_fills_the_hole_within_a_second)
{
    clear();
    gw_t140_rx_init(&rx, 0xff, 98);
    EQ(gw_t140_rx_packet(&rx, 1, 10, 98, gw_span_str("a"), 0, on_text, NULL), 0);
    EQ(gw_t140_rx_packet(&rx, 1, 12, 98, gw_span_str("c"), 0, on_text, NULL), 0);
    STR_EQ(seen, "a");
    EQ(gw_t140_rx_packet(&rx, 1, 11, 98, gw_span_str("b"), 500000, on_text, NULL), 0);
    STR_EQ(seen, "abc");
    EQ(gw_t140_rx_packet(&rx, 1, 11, 98, gw_span_str("b"), 500000, on_text, NULL), GW_E_REPLAY);
    EQ(gw_t140_rx_packet(&rx, 1, 15, 98, gw_span_str("f"), GW_S, on_text, NULL), 0);
    gw_t140_rx_tick(&rx, 2 * GW_S - 1, on_text, NULL);
    STR_EQ(seen, "abc");
    gw_t140_rx_tick(&rx, 2 * GW_S, on_text, NULL);
    STR_EQ(seen, "abc\xef\xbf\xbd\xef\xbf\xbd"
                 "f");
}

TEST(t140_008_the_first_packet_that_arrives_brings_what_was_lost_before_it)
{
    struct gw_t140_red red = { .n = 2,
                               .old = { { 600, gw_span_str("a") }, { 300, gw_span_str("b") } },
                               .primary = gw_span_str("c") };
    uint8_t payload[64];
    int len = gw_t140_red_write(&red, 98, payload, sizeof(payload));

    clear();
    CHECK(len > 0);
    gw_t140_rx_init(&rx, 100, 98);
    EQ(gw_t140_rx_packet(&rx, 1, 1, 100, (struct gw_span){ payload, (size_t)len }, 0, on_text, NULL), 0);
    STR_EQ(seen, "abc");
    EQ(gw_t140_rx_packet(&rx, 1, 0, 98, gw_span_str("b"), 0, on_text, NULL), GW_E_REPLAY);
    EQ(gw_t140_rx_packet(&rx, 2, 9, 100, (struct gw_span){ payload, (size_t)len }, 0, on_text, NULL), 0);
    STR_EQ(seen, "abcc"); /* another source: how much of it was shown under its old name is not known */
}

TEST(t140_a_full_queue_takes_nothing)
{
    static char text[4001];

    memset(text, 'x', 4000);
    gw_t140_tx_init(&tx, 98, 2, 1, 0);
    EQ(gw_t140_tx_text(&tx, gw_span_str(text), 0), 0);
    EQ(gw_t140_tx_text(&tx, gw_span_str(text), 0), 0);
    EQ(gw_t140_tx_text(&tx, gw_span_str(text), 0), GW_E_FULL);
    EQ(tx.queued, 8003);
}
