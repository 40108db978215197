#include "datachannel/channel/channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#include "test.h"

/* The gateway's channels on one side; on the other a bare association that plays the browser. Time is a number, as in
 * sctp_test.c. */
enum { QUEUE = 4096 };

static uint64_t fake_us = 1000000000;

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    (void)zone;
    tv->tv_sec = (time_t)(fake_us / 1000000);
    tv->tv_usec = (suseconds_t)(fake_us % 1000000);
    return 0;
}

struct link {
    struct {
        size_t len;
        uint8_t octets[GW_SCTP_PACKET];
    } p[QUEUE];
    unsigned head, count;
};

static struct link to_gateway, to_browser;
static struct gw_sctp_host *hosts[2];
static struct gw_channels *gateway;
static struct gw_sctp_assoc *browser;

static void put(struct link *l, struct gw_span s)
{
    unsigned at = (l->head + l->count) % QUEUE;

    if (l->count == QUEUE)
        return;
    l->count++;
    l->p[at].len = s.len;
    memcpy(l->p[at].octets, s.ptr, s.len);
}

static bool get(struct link *l, uint8_t *buf, struct gw_span *out)
{
    if (!l->count)
        return false;
    memcpy(buf, l->p[l->head].octets, l->p[l->head].len);
    *out = (struct gw_span){ buf, l->p[l->head].len };
    l->head = (l->head + 1) % QUEUE;
    l->count--;
    return true;
}

/* ---- the browser ---- */

static struct {
    unsigned up, messages, acks, resets, own_resets;
    char last[64], order[256];
    uint32_t last_ppid;
    bool echoes_resets, is_down;
} b;

static void b_send(void *arg, struct gw_span p)
{
    (void)arg;
    put(&to_gateway, p);
}

static void b_up(void *arg, unsigned in, unsigned out)
{
    (void)arg;
    b.up += in && out;
}

static void b_message(void *arg, uint16_t stream, uint32_t ppid, struct gw_span m)
{
    (void)arg;
    if (ppid == GW_PPID_DCEP) {
        b.acks += gw_dcep_is_ack(m);
        return;
    }
    b.messages++;
    b.last_ppid = ppid;
    snprintf(b.last, sizeof(b.last), "%.*s", (int)(m.len < 60 ? m.len : 60), (const char *)m.ptr);
    if (strlen(b.order) < sizeof(b.order) - 2) {
        char c[2] = { (char)('0' + stream % 10), 0 };
        strcat(b.order, c);
    }
}

static void b_oversize(void *arg, uint16_t stream)
{
    (void)arg;
    (void)stream;
}

static void b_peer_reset(void *arg, uint16_t stream)
{
    (void)arg;
    b.resets++;
    if (b.echoes_resets)
        (void)gw_sctp_reset(browser, stream);
}

static void b_own_reset(void *arg, uint16_t stream, int err)
{
    (void)arg;
    (void)stream;
    b.own_resets += err == 0;
}

static void b_writable(void *arg)
{
    (void)arg;
}

static void b_down(void *arg, int err)
{
    (void)arg;
    (void)err;
    b.is_down = true;
}

static const struct gw_sctp_events browser_events = { b_send,       b_up,        b_message,  b_oversize,
                                                      b_peer_reset, b_own_reset, b_writable, b_down };

/* ---- the gateway ---- */

static struct {
    unsigned up, down, opened, closed, refused, messages, writable;
    enum gw_channel_cause cause, refused_cause;
    uint64_t octets;
    char last[64];
    bool was_string;
} g;

static void g_send(void *arg, struct gw_span p)
{
    (void)arg;
    put(&to_browser, p);
}

static void g_up(void *arg)
{
    (void)arg;
    g.up++;
}

static void g_down(void *arg, int err)
{
    (void)arg;
    (void)err;
    g.down++;
}

static bool g_ask(void *arg, const struct gw_channel_config *c)
{
    (void)arg;
    return strcmp(c->protocol, "msrp") == 0;
}

static void g_open(void *arg, struct gw_channel *ch)
{
    (void)arg;
    (void)ch;
    g.opened++;
}

static void g_message(void *arg, struct gw_channel *ch, bool is_string, struct gw_span m)
{
    (void)arg;
    (void)ch;
    g.messages++;
    g.octets += m.len;
    g.was_string = is_string;
    snprintf(g.last, sizeof(g.last), "%.*s", (int)(m.len < 60 ? m.len : 60), (const char *)m.ptr);
}

static void g_writable(void *arg, struct gw_channel *ch)
{
    (void)arg;
    (void)ch;
    g.writable++;
}

static void g_close(void *arg, struct gw_channel *ch, enum gw_channel_cause cause)
{
    (void)arg;
    (void)ch;
    g.closed++;
    g.cause = cause;
}

static void g_refused(void *arg, uint16_t stream, enum gw_channel_cause cause)
{
    (void)arg;
    (void)stream;
    g.refused++;
    g.refused_cause = cause;
}

static const struct gw_channels_events gateway_events = { g_send,    g_up,       g_down,  g_ask,    g_open,
                                                          g_message, g_writable, g_close, g_refused };

static void run(unsigned ms)
{
    for (unsigned t = 0; t < ms; t += 10) {
        uint8_t buf[GW_SCTP_PACKET];
        struct gw_span p;
        for (int round = 0; round < 100; round++) {
            while (gateway && get(&to_gateway, buf, &p))
                gw_channels_input(gateway, p);
            while (browser && get(&to_browser, buf, &p))
                gw_sctp_input(browser, p);
        }
        fake_us += 10000;
        gw_sctp_tick(10);
        gw_sctp_host_poll(hosts[0]);
        gw_sctp_host_poll(hosts[1]);
    }
}

static void open_both(void)
{
    static bool is_up;
    struct gw_channels_config gc = { 5000, 5000, false, false, 65536, 262144, &gateway_events, NULL };
    struct gw_sctp_config bc = { 5000, 5000, 0, &browser_events, NULL };

    if (!is_up)
        EQ(gw_sctp_init(false), 0);
    is_up = true;
    memset(&b, 0, sizeof(b));
    memset(&g, 0, sizeof(g));
    b.echoes_resets = true;
    memset(&to_gateway, 0, sizeof(to_gateway));
    memset(&to_browser, 0, sizeof(to_browser));
    EQ(gw_sctp_host_new(&hosts[0]), 0);
    EQ(gw_sctp_host_new(&hosts[1]), 0);
    EQ(gw_channels_new(hosts[0], &gc, &gateway), 0);
    EQ(gw_sctp_new(hosts[1], &bc, &browser), 0);
}

static void close_both(void)
{
    gw_channels_free(gateway);
    gw_sctp_free(browser);
    gateway = NULL;
    browser = NULL;
    gw_sctp_host_free(hosts[0]);
    gw_sctp_host_free(hosts[1]);
    EQ(gw_sctp_count(), 0);
}

static const struct gw_channel_config msrp2 = { 2, "msrp", true, -1, -1, 256 };

static void browser_sends(uint16_t stream, uint32_t ppid, const char *text)
{
    EQ(gw_sctp_send(browser, &(struct gw_sctp_send){ stream, ppid, false, -1, -1 }, gw_span_str(text)), 0);
}

static void browser_opens(uint16_t stream, const char *protocol, bool is_ordered)
{
    struct gw_dcep_open open = { is_ordered, GW_DCEP_RELIABLE, 0, 256, gw_span_str(""), gw_span_str(protocol) };
    uint8_t buf[256];
    int n = gw_dcep_write_open(&open, buf, sizeof(buf));

    EQ(gw_sctp_send(browser, &(struct gw_sctp_send){ stream, GW_PPID_DCEP, false, -1, -1 },
                    (struct gw_span){ buf, (size_t)n }),
       0);
}

TEST(dc_008_a_declared_channel_opens_with_the_association_and_keeps_what_was_queued)
{
    struct gw_channel *ch;

    open_both();
    EQ(gw_channels_declare(gateway, &msrp2, &ch), 0);
    EQ(gw_channel_send(ch, false, gw_span_str("early")), 0);
    EQ(g.opened, 0);
    run(3000);
    EQ(g.opened, 1);
    STR_EQ(b.last, "early");
    EQ(b.last_ppid, GW_PPID_BINARY);
    browser_sends(2, GW_PPID_STRING, "hi");
    run(100);
    STR_EQ(g.last, "hi");
    CHECK(g.was_string);
    EQ(gw_channels_declare(gateway, &msrp2, &ch), 0); /* repeated in a later offer */
    EQ(g.opened, 1);
    close_both();
}

TEST(dc_009_known_protocols_are_accepted_in_band_and_others_reset)
{
    open_both();
    run(3000);
    browser_opens(4, "MSRP", true); /* names are compared without case (DC-010) */
    run(200);
    EQ(b.acks, 1);
    EQ(g.opened, 1);
    browser_sends(4, GW_PPID_BINARY, "first");
    run(100);
    STR_EQ(g.last, "first");
    browser_opens(6, "chess", true);
    run(500);
    EQ(b.acks, 1);
    EQ(g.refused_cause, GW_CHANNEL_UNKNOWN_PROTOCOL);
    EQ(b.resets, 1);
    browser_opens(8, "msrp", false); /* unordered MSRP */
    run(500);
    EQ(g.refused_cause, GW_CHANNEL_UNFIT);
    browser_opens(9, "msrp", true); /* odd ids are ours */
    run(500);
    EQ(g.refused_cause, GW_CHANNEL_PARITY);
    browser_sends(12, GW_PPID_BINARY, "nobody");
    run(500);
    EQ(g.refused_cause, GW_CHANNEL_NO_CHANNEL);
    EQ(g.refused, 4);
    EQ(b.resets, 4);
    browser_sends(4, GW_PPID_BINARY, "still here");
    run(100);
    STR_EQ(g.last, "still here");
    close_both();
}

TEST(sctp_004_no_message_is_larger_than_the_peer_takes)
{
    static uint8_t big[65537];
    struct gw_channel *ch;

    open_both(); /* 65536 */
    EQ(gw_channels_declare(gateway, &msrp2, &ch), 0);
    run(3000);
    EQ(gw_channel_max_message(ch), 65536);
    EQ(gw_channel_send(ch, false, GW_SPAN(big)), GW_E_LIMIT);
    EQ(gw_channel_send(ch, false, (struct gw_span){ big, 65536 }), 0);
    run(1000);
    EQ(b.messages, 1);
    close_both();
}

TEST(dcep_002_dcep_004_dcep_006_an_open_has_the_parity_of_its_role_and_data_may_follow_at_once)
{
    open_both(); /* the browser is the DTLS client */
    run(3000);
    browser_opens(5, "msrp", true);
    run(200);
    EQ(g.opened, 0);
    EQ(g.refused, 1);
    EQ(g.refused_cause, GW_CHANNEL_PARITY);
    EQ(b.acks, 0);
    browser_opens(6, "msrp", true);
    browser_sends(6, GW_PPID_BINARY, "one"); /* before the ACK */
    browser_sends(6, GW_PPID_BINARY, "two");
    run(200);
    EQ(g.opened, 1);
    EQ(b.acks, 1); /* with PPID 50: b_message counts no other */
    EQ(g.messages, 2);
    STR_EQ(g.last, "two");
    close_both();
}

TEST(dcep_003_a_second_open_closes_the_channel)
{
    open_both();
    run(3000);
    browser_opens(4, "msrp", true);
    run(100);
    browser_opens(4, "msrp", true);
    run(1000);
    EQ(b.acks, 1);
    EQ(g.closed, 1);
    EQ(g.cause, GW_CHANNEL_BAD_DCEP);
    close_both();
}

TEST(dcep_008_what_is_queued_arrives_before_the_close)
{
    struct gw_channel *ch;

    open_both();
    EQ(gw_channels_declare(gateway, &msrp2, &ch), 0);
    run(3000);
    for (int i = 0; i < 40; i++)
        EQ(gw_channel_send(ch, false, gw_span_str("queued")), 0);
    gw_channel_close(ch);
    EQ(gw_channel_send(ch, false, gw_span_str("late")), GW_E_STATE);
    run(1000);
    EQ(b.messages, 40);
    EQ(b.resets, 1);
    EQ(g.closed, 1);
    EQ(g.cause, GW_CHANNEL_BY_US);
    EQ(gw_channels_declare(gateway, &msrp2, &ch), 0); /* the id is free again (DCEP-007) */
    EQ(gw_channel_send(ch, false, gw_span_str("again")), 0);
    run(200);
    STR_EQ(b.last, "again");
    close_both();
}

TEST(dcep_007_an_id_is_not_free_before_both_resets)
{
    struct gw_channel *ch;

    open_both();
    b.echoes_resets = false;
    EQ(gw_channels_declare(gateway, &msrp2, &ch), 0);
    run(3000);
    gw_channel_close(ch);
    run(1000);
    EQ(g.closed, 0);
    EQ(gw_channels_declare(gateway, &msrp2, &ch), GW_E_EXISTS);
    EQ(gw_sctp_reset(browser, 2), 0);
    run(1000);
    EQ(g.closed, 1);
    close_both();
}

TEST(sctp_016_an_unknown_ppid_closes_the_channel_and_empty_messages_say_nothing)
{
    struct gw_channel *ch;

    open_both();
    EQ(gw_channels_declare(gateway, &msrp2, &ch), 0);
    run(3000);
    browser_sends(2, GW_PPID_BINARY_EMPTY, "x"); /* SCTP-017 */
    run(100);
    EQ(g.messages, 0);
    browser_sends(2, 4711, "x");
    run(1000);
    EQ(g.cause, GW_CHANNEL_BAD_PPID);
    EQ(g.closed, 1);
    close_both();
}

TEST(sctp_014_a_stopped_channel_holds_up_no_other_below_its_bound)
{
    struct gw_channel *slow, *fast;
    struct gw_channel_config bfcp4 = { 4, "bfcp", true, -1, -1, 256 };
    static char big[16001];

    memset(big, 'x', 16000);
    open_both();
    EQ(gw_channels_declare(gateway, &msrp2, &slow), 0);
    EQ(gw_channels_declare(gateway, &bfcp4, &fast), 0);
    run(3000);
    gw_channel_stop(slow);
    for (int i = 0; i < 10; i++)
        browser_sends(2, GW_PPID_BINARY, big);
    browser_sends(4, GW_PPID_BINARY, "floor");
    run(1000);
    EQ(g.messages, 1);
    STR_EQ(g.last, "floor");
    gw_channel_start(slow);
    EQ(g.messages, 11);
    EQ(g.octets, 160005);
    close_both();
}

TEST(sctp_013_past_the_bound_the_association_waits_and_loses_nothing)
{
    struct gw_channel *slow;
    static char big[16001];
    unsigned sent = 0;

    memset(big, 'x', 16000);
    open_both();
    EQ(gw_channels_declare(gateway, &msrp2, &slow), 0);
    run(3000);
    gw_channel_stop(slow);
    for (int i = 0; i < 400; i++) {
        while (gw_sctp_send(browser, &(struct gw_sctp_send){ 2, 53, false, -1, -1 }, gw_span_str(big)) == 0)
            sent++;
        run(20);
    }
    CHECK(sent * 16000u < 4u * GW_SCTP_BUFFER);
    gw_channel_start(slow);
    run(4000);
    EQ(g.messages, sent);
    close_both();
}

TEST(channel_turns_let_a_short_message_pass_a_long_queue)
{
    struct gw_channel *file, *floor;
    struct gw_channel_config bfcp4 = { 4, "bfcp", true, -1, -1, 512 };
    static char big[16001];
    int n = 0;

    memset(big, 'x', 16000);
    open_both();
    EQ(gw_channels_declare(gateway, &msrp2, &file), 0);
    EQ(gw_channels_declare(gateway, &bfcp4, &floor), 0);
    run(3000);
    while (gw_channel_send(file, false, gw_span_str(big)) == 0)
        n++;
    EQ(gw_channel_send(floor, false, gw_span_str("floor")), 0);
    CHECK(n >= 16);
    run(3000);
    EQ(b.messages, n + 1);
    CHECK(strchr(b.order, '4') - b.order < 8); /* not behind the whole file */
    EQ(g.writable, 1);
    close_both();
}
