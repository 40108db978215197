/* A fax between sides of every kind; time is a number. */
#include "t38/relay/t38_relay.h"

#include <stdlib.h>

#include "test.h"

static struct {
    unsigned n[2];
    bool is_full;
    size_t len[2];
    uint8_t last[2][1500];
    struct gw_udptl_rx rx; /* what the far end of side 1 makes of it, if that is UDPTL */
    bool loses;
    unsigned got, lost, wrong;
    uint16_t next;
} w;

static struct gw_t38_relay *r;
static uint64_t now;

/* HDLC data of three octets, the last of which is a number. */
static size_t data(uint8_t *buf, uint8_t number)
{
    static const uint8_t ifp[] = { 0xC0, 0x01, 0x80, 0x00, 0x02, 0xFF, 0xC8, 0x00 };

    memcpy(buf, ifp, sizeof(ifp));
    buf[7] = number;
    return sizeof(ifp);
}

static void on_ifp(void *arg, struct gw_span ifp, unsigned lost)
{
    const uint8_t *p = ifp.ptr;

    (void)arg;
    w.lost += lost;
    w.next = (uint16_t)(w.next + lost);
    if (!ifp.len)
        return;
    w.wrong += ifp.len != 8 || p[7] != (uint8_t)w.next;
    w.next++;
    w.got++;
}

static bool on_send(void *arg, unsigned side, struct gw_span p)
{
    bool is_udptl = arg != NULL;

    if (w.is_full)
        return false;
    w.n[side]++;
    w.len[side] = p.len;
    memcpy(w.last[side], p.ptr, p.len);
    if (side == 1 && is_udptl && !(w.loses && w.n[1] % 5 == 0))
        (void)!gw_udptl_rx_packet(&w.rx, p, now, on_ifp, NULL);
    return true;
}

static void start(struct gw_t38_side a, struct gw_t38_side b)
{
    static int yes;
    struct gw_t38_config c = { { a, b }, on_send, b.is_udptl ? &yes : NULL };

    memset(&w, 0, sizeof(w));
    gw_udptl_rx_init(&w.rx);
    now = GW_S;
    EQ(gw_t38_relay_new(&c, &r), 0);
}

static const struct gw_t38_side redundancy = { true, GW_UDPTL_REDUNDANCY, 2, 0, 0, 0 },
                                fec = { true, GW_UDPTL_FEC, 2, 0, 0, 0 }, none = { true, GW_UDPTL_NO_EC, 2, 0, 0, 0 },
                                old = { true, GW_UDPTL_REDUNDANCY, 0, 0, 0, 0 },
                                channel = { false, GW_UDPTL_NO_EC, 2, 0, 0, 0 };

/* `count` IFPs of a terminal at side 0, of whose packets every one with drop(i) is lost. */
static void run(enum gw_udptl_ec ec, unsigned count, bool (*drop)(unsigned i))
{
    static struct gw_udptl_tx tx;

    gw_udptl_tx_init(&tx, ec, 3, 3, 1400);
    for (unsigned i = 0; i < count; i++, now += 30 * GW_MS) {
        uint8_t ifp[16], p[1500];
        int n = gw_udptl_tx_send(&tx, (struct gw_span){ ifp, data(ifp, (uint8_t)i) }, p, sizeof(p));
        while (gw_t38_relay_deadline_us(r) <= now)
            gw_t38_relay_expire(r, now);
        if (!drop(i))
            EQ(gw_t38_relay_input(r, 0, (struct gw_span){ p, (size_t)n }, now), 0);
        if (i % 3 == 0 && !drop(i))
            EQ(gw_t38_relay_input(r, 0, (struct gw_span){ p, (size_t)n }, now), GW_E_REPLAY);
    }
    for (int i = 0; i < 20 && gw_t38_relay_deadline_us(r) != GW_NEVER; i++) {
        now = gw_t38_relay_deadline_us(r);
        gw_t38_relay_expire(r, now);
    }
    EQ(gw_t38_relay_deadline_us(r), GW_NEVER);
    gw_udptl_rx_tick(&w.rx, GW_NEVER - 1, on_ifp, NULL);
}

static bool one_in_five(unsigned i)
{
    return i > 12 && i % 5 == 2;
}

static bool bursts_of_five(unsigned i)
{
    return i % 50 >= 20 && i % 50 < 25;
}

static bool nothing(unsigned i)
{
    (void)i;
    return false;
}

TEST(t38_002_each_side_has_the_correction_of_its_own)
{
    const struct gw_t38_side *sides[] = { &redundancy, &fec, &none };
    struct gw_t38_counts n;

    for (unsigned i = 0; i < 3; i++)
        for (unsigned k = 0; k < 3; k++) {
            start(*sides[i], *sides[k]);
            w.loses = k != 2; /* the far side loses too, and repairs */
            run(sides[i]->ec, 200, i == 2 ? nothing : one_in_five);
            EQ(w.lost, 0);
            EQ(w.got, 200);
            EQ(w.wrong, 0);
            gw_t38_relay_counts(r, 0, &n);
            EQ(n.ifps, 200);
            EQ(n.lost, 0);
            CHECK(i == 2 ? n.recovered == 0 : n.recovered > 30);
            CHECK(n.repeated > 30); /* T38-007: none of them went on */
            gw_t38_relay_free(r);
        }
}

/* What the last packet to side 1 had for repair. */
static struct gw_udptl_packet sent_with(enum gw_udptl_ec ec, uint8_t depth, uint8_t span)
{
    struct gw_t38_side far = { true, ec, 2, 0, depth, span };
    struct gw_udptl_packet p = { 0 };

    start(redundancy, far);
    run(GW_UDPTL_REDUNDANCY, 40, nothing);
    EQ(w.lost, 0);
    EQ(gw_udptl_parse((struct gw_span){ w.last[1], w.len[1] }, &p), 0);
    EQ(p.ec, ec);
    gw_t38_relay_free(r);
    return p;
}

TEST(T38_002_a_side_is_sent_as_much_for_repair_as_it_asks_for)
{
    EQ(sent_with(GW_UDPTL_REDUNDANCY, 0, 0).nentries, GW_T38_REDUNDANCY);
    EQ(sent_with(GW_UDPTL_REDUNDANCY, 1, 0).nentries, 1);
    EQ(sent_with(GW_UDPTL_REDUNDANCY, 8, 0).nentries, 8);
    EQ(sent_with(GW_UDPTL_FEC, 0, 0).nentries, GW_T38_FEC_ENTRIES);
    EQ(sent_with(GW_UDPTL_FEC, 0, 0).span, GW_T38_FEC_SPAN);
    EQ(sent_with(GW_UDPTL_FEC, 2, 2).nentries, 2);
    EQ(sent_with(GW_UDPTL_FEC, 2, 2).span, 2);
}

TEST(t38_006_holes_stay_visible_on_udptl_and_spoil_the_frame_on_a_channel)
{
    static const uint8_t fcs_ok[] = { 0xC0, 0x01, 0x10 }, fcs_bad[] = { 0xC0, 0x01, 0x18 };
    static struct gw_udptl_tx tx;
    struct gw_t38_counts n;
    uint8_t p[200], ifp[16];
    int len;

    start(redundancy, redundancy);
    run(GW_UDPTL_REDUNDANCY, 200, bursts_of_five);
    EQ(w.lost, 8); /* two of each five could not be repaired, and the far end knows */
    EQ(w.got, 192);
    EQ(w.wrong, 0);
    gw_t38_relay_counts(r, 0, &n);
    EQ(n.lost, 8);
    gw_t38_relay_free(r);

    start(none, channel);
    gw_udptl_tx_init(&tx, GW_UDPTL_NO_EC, 0, 0, 1400);
    for (unsigned i = 0; i < 6; i++) { /* data, frame check, twice; then data is lost before the third */
        bool is_check = i % 2;
        len = gw_udptl_tx_send(&tx, is_check ? GW_SPAN(fcs_ok) : (struct gw_span){ ifp, data(ifp, (uint8_t)i) }, p,
                               sizeof(p));
        if (i != 2)
            (void)!gw_t38_relay_input(r, 0, (struct gw_span){ p, (size_t)len }, now);
        now += 50 * GW_MS;
        gw_t38_relay_expire(r, now);
        if (i == 1 || i == 5)
            MEM_EQ(w.last[1], fcs_ok, 3);
        if (i == 3)
            MEM_EQ(w.last[1], fcs_bad, 3); /* a damaged frame must not be taken as good */
    }
    EQ(w.n[1], 5);
    gw_t38_relay_free(r);
}

TEST(t38_005_versions_are_converted_both_ways)
{
    static const uint8_t ok_1998[] = { 0xC0, 0x01, 0x20 }, ok_2002[] = { 0xC0, 0x01, 0x10 };
    static const uint8_t v34[] = { 0x20, 0xC0 }; /* not in the form of 1998 */
    static struct gw_udptl_tx tx;
    struct gw_udptl_packet got;
    struct gw_t38_counts n;
    uint8_t p[200];
    int len;

    for (unsigned from = 0; from < 2; from++) {
        start(old, redundancy);
        gw_udptl_tx_init(&tx, GW_UDPTL_NO_EC, 0, 0, 1400);
        len = gw_udptl_tx_send(&tx, from ? GW_SPAN(ok_2002) : GW_SPAN(ok_1998), p, sizeof(p));
        EQ(gw_t38_relay_input(r, from, (struct gw_span){ p, (size_t)len }, now), 0);
        EQ(gw_udptl_parse((struct gw_span){ w.last[!from], w.len[!from] }, &got), 0);
        CHECK(gw_span_eq(got.primary, from ? GW_SPAN(ok_1998) : GW_SPAN(ok_2002)));
        gw_t38_relay_free(r);
    }
    start(old, redundancy);
    gw_udptl_tx_init(&tx, GW_UDPTL_NO_EC, 0, 0, 1400);
    len = gw_udptl_tx_send(&tx, GW_SPAN(v34), p, sizeof(p));
    (void)!gw_t38_relay_input(r, 1, (struct gw_span){ p, (size_t)len }, now);
    EQ(w.n[0], 0);
    gw_t38_relay_counts(r, 1, &n);
    EQ(n.malformed, 1);
    gw_t38_relay_free(r);
}

TEST(t38_a_channel_has_bare_ifps_and_the_last_packet_before_a_pause_is_repeated)
{
    static const uint8_t ced[] = { 0x04 };
    struct gw_udptl_packet got;
    struct gw_t38_counts n;

    start(channel, redundancy);
    EQ(gw_t38_relay_input(r, 0, GW_SPAN(ced), now), 0);
    EQ(gw_udptl_parse((struct gw_span){ w.last[1], w.len[1] }, &got), 0);
    EQ(got.seq, 0);
    CHECK(gw_span_eq(got.primary, GW_SPAN(ced)));
    for (unsigned i = 1; i <= GW_T38_REPEATS; i++) {
        EQ(gw_t38_relay_deadline_us(r), now + GW_T38_PAUSE_US);
        now += GW_T38_PAUSE_US;
        gw_t38_relay_expire(r, now);
        EQ(w.n[1], 1 + i);
    }
    EQ(gw_t38_relay_deadline_us(r), GW_NEVER);
    CHECK(gw_t38_relay_input(r, 0, gw_span_str("\x04 and more"), now) != 0);
    CHECK(gw_t38_relay_input(r, 0, (struct gw_span){ NULL, 0 }, now) != 0);
    EQ(gw_t38_relay_input(r, 1, (struct gw_span){ w.last[1], w.len[1] }, now), 0);
    EQ(w.len[0], 1);
    w.is_full = true;
    EQ(gw_t38_relay_input(r, 0, GW_SPAN(ced), now), 0);
    gw_t38_relay_counts(r, 0, &n);
    EQ(n.ifps, 1);
    EQ(n.dropped, 1);
    EQ(n.malformed, 2);
    gw_t38_relay_free(r);
}

TEST(t38_an_ifp_that_is_none_in_either_form_goes_no_further)
{
    static const uint8_t wrong[] = { 0xC0, 0x05, 0x80, 0x00 }; /* five fields, and one is there */
    static const uint8_t good[] = { 0x00 };
    struct gw_udptl_tx tx;
    struct gw_t38_counts n;
    uint8_t p[100];

    start(none, none);
    gw_udptl_tx_init(&tx, GW_UDPTL_NO_EC, 0, 1, 400);
    for (int i = 0; i < 3; i++) {
        struct gw_span ifp = i == 1 ? (struct gw_span){ wrong, sizeof(wrong) } : (struct gw_span){ good, sizeof(good) };
        int len = gw_udptl_tx_send(&tx, ifp, p, sizeof(p));
        CHECK(len > 0);
        EQ(gw_t38_relay_input(r, 0, (struct gw_span){ p, (size_t)len }, now), 0);
    }
    gw_t38_relay_counts(r, 0, &n);
    EQ(n.ifps, 2);
    EQ(n.malformed, 1);
    EQ(w.n[1], 2);
    EQ(w.last[1][1], 2); /* the hole is where the wrong one was */
    gw_t38_relay_free(r);
}
