#include "datachannel/sctp/sctp_assoc.h"

#include <stdlib.h>
#include <sys/time.h>

#include "test.h"

/* Two ends joined by a link in memory that can lose, double and swap packets. Time is a number: gw_sctp_tick for the
 * timers of usrsctp, and this for the time stamps it takes (a chunk is sent again only when both agree). */
enum { QUEUE = 4096 };

static uint64_t fake_us = 1000000000;

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    (void)zone;
    tv->tv_sec = (time_t)(fake_us / 1000000);
    tv->tv_usec = (suseconds_t)(fake_us % 1000000);
    return 0;
}

struct end {
    struct gw_sctp_host *host;
    struct gw_sctp_assoc *a;
    struct end *peer;
    struct {
        size_t len;
        uint8_t octets[GW_SCTP_PACKET];
    } * queue; /* towards this end */
    unsigned head, count;
    unsigned sent, too_long, streams, resets_seen, own_resets, messages, oversize, writable;
    uint64_t octets;
    uint16_t last_stream;
    uint32_t last_ppid, hash;
    int down;
    bool echoes;
};

static unsigned loss_percent;
static unsigned seed;

static unsigned dice(void) /* the same in every run */
{
    seed = seed * 1103515245 + 12345;
    return seed >> 16 & 0x7fff;
}

static void enqueue(struct end *to, struct gw_span p)
{
    unsigned at;

    if (to->count == QUEUE || !to->a) /* nobody there yet: lost */
        return;
    at = (to->head + to->count++) % QUEUE;
    to->queue[at].len = p.len;
    memcpy(to->queue[at].octets, p.ptr, p.len);
}

static void on_send(void *arg, struct gw_span packet)
{
    struct end *e = arg;

    e->sent++;
    if (packet.len > GW_SCTP_MTU + 12) /* SCTP-009: with DTLS, UDP and IPv6 around it no more than 1280 */
        e->too_long++;
    if (loss_percent && dice() % 100 < loss_percent)
        return;
    enqueue(e->peer, packet);
    if (loss_percent && dice() % 100 < loss_percent)
        enqueue(e->peer, packet);
    if (loss_percent && e->peer->count >= 2 && dice() % 100 < loss_percent) { /* the last two change places */
        unsigned i = (e->peer->head + e->peer->count - 1) % QUEUE, k = (e->peer->head + e->peer->count - 2) % QUEUE;
        typeof(e->peer->queue[0]) t = e->peer->queue[i];
        e->peer->queue[i] = e->peer->queue[k];
        e->peer->queue[k] = t;
    }
}

static void on_up(void *arg, unsigned in, unsigned out)
{
    struct end *e = arg;
    e->streams = in < out ? in : out;
}

static void on_message(void *arg, uint16_t stream, uint32_t ppid, struct gw_span m)
{
    struct end *e = arg;

    e->messages++;
    e->octets += m.len;
    e->last_stream = stream;
    e->last_ppid = ppid;
    for (size_t i = 0; i < m.len; i++)
        e->hash = e->hash * 31 + ((const uint8_t *)m.ptr)[i];
}

static void on_oversize(void *arg, uint16_t stream)
{
    (void)stream;
    ((struct end *)arg)->oversize++;
}

static void on_peer_reset(void *arg, uint16_t stream)
{
    struct end *e = arg;

    e->resets_seen++;
    if (e->echoes) /* RFC 8831 s. 6.7: the other side resets its own */
        EQ(gw_sctp_reset(e->a, stream), 0);
}

static void on_own_reset(void *arg, uint16_t stream, int err)
{
    (void)stream;
    ((struct end *)arg)->own_resets += err == 0;
}

static void on_writable(void *arg)
{
    ((struct end *)arg)->writable++;
}

static void on_down(void *arg, int err)
{
    ((struct end *)arg)->down = err;
}

static const struct gw_sctp_events events = { on_send,       on_up,        on_message,  on_oversize,
                                              on_peer_reset, on_own_reset, on_writable, on_down };
static struct end one, two;

static void deliver(struct end *e)
{
    while (e->count && e->a) {
        uint8_t copy[GW_SCTP_PACKET];
        size_t len = e->queue[e->head].len;
        memcpy(copy, e->queue[e->head].octets, len);
        e->head = (e->head + 1) % QUEUE;
        e->count--;
        gw_sctp_input(e->a, (struct gw_span){ copy, len });
    }
}

static struct end more[6][2]; /* further associations of the two hosts */

static void run(unsigned ms)
{
    for (unsigned t = 0; t < ms; t += 10) {
        for (int round = 0; round < 50 && (one.count || two.count); round++) {
            deliver(&one);
            deliver(&two);
        }
        for (int i = 0; i < 6 * 2 * 4; i++)
            deliver(&more[i / 2 % 6][i % 2]);
        fake_us += 10000;
        gw_sctp_tick(10);
        gw_sctp_host_poll(one.host);
        gw_sctp_host_poll(two.host);
    }
}

static void open_end(struct end *e, struct end *peer, uint16_t local, uint16_t remote, uint32_t max_message)
{
    struct gw_sctp_config c = { local, remote, max_message, &events, e };

    memset(e, 0, sizeof(*e));
    e->peer = peer;
    e->queue = malloc(QUEUE * sizeof(*e->queue));
    EQ(gw_sctp_host_new(&e->host), 0);
    EQ(gw_sctp_new(e->host, &c, &e->a), 0);
}

static void open_both(uint32_t max_message)
{
    static bool is_up;

    if (!is_up)
        EQ(gw_sctp_init(false), 0);
    is_up = true;
    seed = 1;
    loss_percent = 0;
    memset(&two, 0, sizeof(two));
    open_end(&one, &two, 5000, 5001, max_message);
    open_end(&two, &one, 5001, 5000, max_message);
    run(3000); /* the first INIT went before the other end was there */
    EQ(one.streams, GW_SCTP_STREAMS);
    EQ(two.streams, GW_SCTP_STREAMS);
}

static void close_both(void)
{
    gw_sctp_free(one.a);
    gw_sctp_free(two.a);
    gw_sctp_host_free(one.host);
    gw_sctp_host_free(two.host);
    free(one.queue);
    free(two.queue);
    EQ(gw_sctp_count(), 0);
}

static const struct gw_sctp_send reliable = { 2, GW_PPID_BINARY, false, -1, -1 };

TEST(sctp_002_both_ends_connect_with_their_own_ports)
{
    open_both(0);
    EQ(gw_sctp_send(one.a, &reliable, gw_span_str("hello")), 0);
    run(100);
    EQ(two.messages, 1);
    EQ(two.last_stream, 2);
    EQ(two.last_ppid, GW_PPID_BINARY);
    EQ(gw_sctp_send(one.a, &(struct gw_sctp_send){ GW_SCTP_STREAMS, 53, false, -1, -1 }, gw_span_str("x")), GW_E_RANGE);
    EQ(gw_sctp_send(one.a, &reliable, gw_span_str("")), GW_E_INVAL);
    close_both();
}

TEST(sctp_012_and_sctp_009_large_messages_come_whole_through_a_bad_link)
{
    static uint8_t big[120000];
    uint32_t hash = 0;
    unsigned sent = 0;

    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (uint8_t)(i * 7 + i / 251);
    open_both(0);
    loss_percent = 5;
    for (int i = 0; i < 20000 && (sent < 10 || two.messages < 10); i++) {
        if (sent < 10 && gw_sctp_send(one.a, &reliable, GW_SPAN(big)) == 0) {
            for (size_t k = 0; k < sizeof(big); k++)
                hash = hash * 31 + big[k];
            sent++;
        }
        run(10);
    }
    EQ(one.down, 0);
    EQ(two.down, 0);
    EQ(two.oversize, 0);
    EQ(two.messages, 10);
    EQ(two.octets, 10 * sizeof(big));
    EQ(two.hash, hash);
    EQ(one.too_long + two.too_long, 0);
    close_both();
}

TEST(sctp_013_a_reader_that_stops_closes_the_window_and_loses_nothing)
{
    static uint8_t chunk[16000];
    unsigned sent = 0, before;

    open_both(0);
    gw_sctp_pause(two.a);
    for (int i = 0; i < 500; i++) {
        while (gw_sctp_send(one.a, &reliable, GW_SPAN(chunk)) == 0)
            sent++;
        run(20);
    }
    EQ(two.messages, 0);
    CHECK(sent * sizeof(chunk) < 3u * GW_SCTP_BUFFER); /* bounded by the two buffers */
    CHECK(sent > 10);
    before = one.writable;
    gw_sctp_resume(two.a);
    run(5000);
    EQ(two.messages, sent);
    CHECK(one.writable > before); /* the sender was told */
    close_both();
}

TEST(dcep_007_a_reset_goes_both_ways_after_what_was_queued)
{
    open_both(0);
    two.echoes = true;
    for (int i = 0; i < 20; i++)
        EQ(gw_sctp_send(one.a, &reliable, gw_span_str("before the reset")), 0);
    EQ(gw_sctp_reset(one.a, 2), 0);
    run(2000);
    EQ(two.messages, 20);
    EQ(two.resets_seen, 1);
    EQ(one.resets_seen, 1);
    EQ(one.own_resets, 1);
    EQ(two.own_resets, 1);
    EQ(gw_sctp_send(one.a, &reliable, gw_span_str("reused")), 0);
    run(200);
    EQ(two.messages, 21);
    close_both();
}

TEST(sctp_a_message_above_the_limit_is_not_collected)
{
    static uint8_t big[100000];

    open_both(65536);
    EQ(gw_sctp_send(one.a, &reliable, GW_SPAN(big)), 0);
    EQ(gw_sctp_send(one.a, &(struct gw_sctp_send){ 4, 53, false, -1, -1 }, gw_span_str("after")), 0);
    run(1000);
    EQ(two.oversize, 1);
    EQ(two.messages, 1); /* the other stream lives */
    EQ(two.last_stream, 4);
    close_both();
}

TEST(sctp_an_abort_is_told_to_the_peer)
{
    open_both(0);
    gw_sctp_free(one.a);
    one.a = NULL;
    run(200);
    EQ(two.down, GW_E_CLOSED);
    EQ(gw_sctp_send(two.a, &reliable, gw_span_str("x")), GW_E_STATE);
    close_both();
}

TEST(sctp_silence_is_a_timeout)
{
    open_both(0);
    EQ(gw_sctp_send(one.a, &reliable, gw_span_str("anyone?")), 0);
    loss_percent = 100;
    run(400000);
    EQ(one.down, GW_E_TIMEOUT);
    close_both();
}

TEST(sctp_heartbeats_keep_an_idle_association_and_find_out_that_its_peer_is_gone)
{
    unsigned before;

    open_both(0);
    before = one.sent;
    run(120000);
    CHECK(one.sent > before); /* nothing was sent by anybody */
    EQ(one.down, 0);
    loss_percent = 100;
    run(900000);
    EQ(one.down, GW_E_TIMEOUT);
    EQ(two.down, GW_E_TIMEOUT);
    close_both();
}

TEST(sctp_each_association_of_a_host_has_its_own_packets_and_its_own_end)
{
    open_both(0);
    for (int i = 0; i < 12; i++) {
        struct end *e = &more[i / 2][i % 2];
        struct gw_sctp_config c = { 5000, 5000, 0, &events, e };
        *e = (struct end){ .peer = &more[i / 2][1 - i % 2], .queue = malloc(QUEUE * sizeof(*e->queue)) };
        EQ(gw_sctp_new(i % 2 ? two.host : one.host, &c, &e->a), 0);
    }
    run(3000);
    for (unsigned i = 0; i < 6; i++)
        EQ(gw_sctp_send(more[i][0].a, &reliable, (struct gw_span){ "abcdef", i + 1 }), 0);
    run(100);
    for (unsigned i = 0; i < 6; i++) {
        EQ(more[i][1].messages, 1);
        EQ(more[i][1].octets, i + 1);
        EQ(more[i][0].messages, 0);
    }
    EQ(two.messages, 0);
    gw_sctp_free(more[2][0].a); /* its ABORT is for its own peer */
    more[2][0].a = NULL;
    run(100);
    EQ(more[2][1].down, GW_E_CLOSED);
    EQ(two.down, 0);
    loss_percent = 100;
    run(900000); /* of the others only the timers speak, in the same turns */
    for (unsigned i = 0; i < 12; i++)
        if (i / 2 != 2)
            EQ(more[i / 2][i % 2].down, GW_E_TIMEOUT);
    for (unsigned i = 0; i < 12; i++) {
        gw_sctp_free(more[i / 2][i % 2].a);
        free(more[i / 2][i % 2].queue);
    }
    memset(more, 0, sizeof(more));
    close_both();
}

TEST(sctp_a_peer_that_begins_anew_ends_the_association)
{
    struct gw_sctp_config c = { 5000, 5001, 0, &events, &one };

    open_both(0);
    loss_percent = 100; /* its ABORT is lost, as with a page that crashed */
    gw_sctp_free(one.a);
    loss_percent = 0;
    one.streams = one.head = one.count = 0;
    EQ(gw_sctp_new(one.host, &c, &one.a), 0);
    run(5000);
    EQ(two.down, GW_E_STATE);
    close_both();
}
