/* Large MSRP messages through a worker, both ways, over ICE, DTLS and SCTP on one side and TCP on the other: whole, in
 * bounded memory, with receivers that stop and links that lose. IMSGW_TEST_MB sets the size of the plain transfers. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <test.h>
#include <unistd.h>

#include "datachannel/msrp/msrp_parse.h"
#include "gateway/base/clock.h"
#include "tests/harness/data_rig.h"

enum { PIECE = 16000, OWED = 128 };

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
enum { GROWTH_KB = 8192 };
#else
enum { GROWTH_KB = 1 << 30 }; /* a sanitizer keeps what was freed */
#endif

struct flow {
    uint64_t total, put, got;
    bool is_done, is_bad; /* bad: an octet or a header was wrong */
    unsigned answers;     /* 200 that came back */
};

static struct flow to_core, to_client;
static uint64_t stop_us, stopped_at; /* the receiver stops in the middle for so long */
static size_t rss_start, rss_max;

/* The octets of a transfer follow from their place in it, so that both ends can make them. */
static void fill(uint8_t *p, uint64_t at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)((at + i) * 2654435761u >> 13);
}

static size_t rss_kb(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long total = 0, resident = 0;

    if (f && fscanf(f, "%lu %lu", &total, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return resident * 4;
}

static void check_octets(struct flow *f, struct gw_span body)
{
    uint8_t want[PIECE * 2];

    for (size_t at = 0; at < body.len;) {
        size_t n = body.len - at < sizeof(want) ? body.len - at : sizeof(want);
        fill(want, f->got, n);
        f->is_bad |= memcmp(want, (const uint8_t *)body.ptr + at, n) != 0;
        f->got += n;
        at += n;
    }
}

static bool has_stopped(const struct flow *f)
{
    if (!stop_us || !f->total || f->got < f->total / 2)
        return false;
    if (!stopped_at)
        stopped_at = gw_clock_us();
    return gw_clock_us() - stopped_at < stop_us;
}

/* ---- the browser ---- */

static unsigned unanswered;                  /* SENDs of the browser */
static char owed[OWED][GW_MSRP_TID_MAX + 1]; /* answers of the browser that SCTP had no room for */
static unsigned nowed;

static void browser_sends(void)
{
    static const struct gw_sctp_send how = { RIG_SCTP_STREAM, GW_PPID_BINARY, false, -1, -1 };
    static uint8_t m[PIECE + 600];

    while (to_core.put < to_core.total && unanswered < OWED) {
        uint64_t left = to_core.total - to_core.put;
        unsigned tid = (unsigned)(to_core.put / PIECE);
        size_t n = left < PIECE ? (size_t)left : PIECE;
        int len = sprintf((char *)m,
                          "MSRP b%07x SEND\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER "\r\nMessage-ID: file1\r\n"
                          "Byte-Range: %llu-*/%llu\r\nContent-Type: a/b\r\n\r\n",
                          tid, (unsigned long long)to_core.put + 1, (unsigned long long)to_core.total);
        fill(m + len, to_core.put, n);
        len += (int)n;
        len += sprintf((char *)m + len, "\r\n-------b%07x%c\r\n", tid, n == left ? '$' : '+');
        if (gw_sctp_send(b.a, &how, (struct gw_span){ m, (size_t)len }) != 0)
            return;
        to_core.put += n;
        unanswered++;
    }
}

static void browser_answers(void)
{
    static const struct gw_sctp_send how = { RIG_SCTP_STREAM, GW_PPID_BINARY, false, -1, -1 };

    while (nowed) {
        char text[512];
        int n = snprintf(text, sizeof(text),
                         "MSRP %s 200 OK\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER "\r\n-------%s$\r\n",
                         owed[nowed - 1], owed[nowed - 1]);
        if (gw_sctp_send(b.a, &how, (struct gw_span){ text, (size_t)n }) != 0)
            return;
        nowed--;
    }
}

static void on_message(uint16_t stream, struct gw_span m)
{
    struct gw_msrp_head h;
    struct gw_span body;
    char flag;

    (void)stream;
    if (gw_msrp_parse_chunk(m, &h, &body, &flag) != 0) {
        to_client.is_bad = true;
    } else if (h.method == GW_MSRP_RESPONSE) {
        unanswered--;
        to_core.answers += h.status == 200;
        to_core.is_bad |= h.status != 200;
    } else {
        to_client.is_bad |= h.range_start != to_client.got + 1 || nowed == OWED;
        check_octets(&to_client, body);
        to_client.is_done |= flag == '$';
        (void)!gw_span_copy(h.tid, owed[nowed++], sizeof(owed[0]));
        browser_answers();
        if (has_stopped(&to_client))
            gw_sctp_pause(b.a);
    }
}

/* ---- the core ---- */

static struct {
    int fd;
    bool in_body;
    size_t len;
    uint8_t in[65536];
    struct gw_msrp_scan scan;
    struct gw_msrp_head h;
    char tid[GW_MSRP_TID_MAX + 1];
    size_t out_at, out_len;
    char out[65536];
} core;

static void core_answers(const char *tid)
{
    core.out_len += (size_t)snprintf(
        core.out + core.out_len, sizeof(core.out) - core.out_len,
        "MSRP %s 200 OK\r\nTo-Path: " CORE_OWN "\r\nFrom-Path: " CORE_PEER "\r\n-------%s$\r\n", tid, tid);
}

static void on_body(void *arg, struct gw_span body)
{
    (void)arg;
    check_octets(&to_core, body);
}

/* Takes whole heads, and bodies in pieces; the answer to the core's own SEND has no body. */
static size_t core_takes(struct gw_span in)
{
    struct gw_span rest = in;
    size_t used = 0;
    int flag, err;

    if (core.in_body) {
        flag = gw_msrp_scan(&core.scan, &rest, on_body, NULL);
        if (flag) {
            core.in_body = false;
            to_core.is_done |= flag == '$';
            core_answers(core.tid);
        }
        return in.len - rest.len;
    }
    err = gw_msrp_parse_head(in, &core.h);
    if (err == GW_E_AGAIN)
        return 0;
    if (err) {
        to_core.is_bad = true;
        return in.len;
    }
    if (core.h.has_body) {
        to_core.is_bad |= core.h.range_start != to_core.got + 1;
        (void)!gw_span_copy(core.h.tid, core.tid, sizeof(core.tid));
        gw_msrp_scan_init(&core.scan, core.h.tid);
        core.in_body = true;
        return core.h.len;
    }
    rest = (struct gw_span){ (const uint8_t *)in.ptr + core.h.len, in.len - core.h.len };
    if (gw_msrp_end_line(rest, core.h.tid, &used) == 0)
        return 0;
    to_client.answers += core.h.status == 200;
    return core.h.len + used;
}

static void core_reads(void)
{
    size_t at = 0, n = 1;
    ssize_t got;

    if (has_stopped(&to_core) || core.out_len > sizeof(core.out) / 2)
        return;
    got = recv(core.fd, core.in + core.len, sizeof(core.in) - core.len, MSG_DONTWAIT);
    core.len += got > 0 ? (size_t)got : 0;
    while (n && at < core.len && core.out_len < sizeof(core.out) - 1000) {
        n = core_takes((struct gw_span){ core.in + at, core.len - at });
        at += n;
    }
    memmove(core.in, core.in + at, core.len - at);
    core.len -= at;
}

/* More of the core's own message. */
static void core_makes(void)
{
    size_t n = PIECE < to_client.total - to_client.put ? PIECE : (size_t)(to_client.total - to_client.put);

    if (!to_client.put)
        core.out_len = (size_t)sprintf(core.out,
                                       "MSRP core1 SEND\r\nTo-Path: " CORE_OWN "\r\nFrom-Path: " CORE_PEER
                                       "\r\nMessage-ID: file2\r\nByte-Range: 1-*/%llu\r\nContent-Type: a/b\r\n\r\n",
                                       (unsigned long long)to_client.total);
    fill((uint8_t *)core.out + core.out_len, to_client.put, n);
    core.out_len += n;
    to_client.put += n;
    if (to_client.put == to_client.total)
        core.out_len += (size_t)sprintf(core.out + core.out_len, "\r\n-------core1$\r\n");
}

static void core_writes(void)
{
    ssize_t n = 1;

    while (n > 0) {
        if (core.out_at == core.out_len) {
            core.out_at = core.out_len = 0;
            if (to_client.put == to_client.total)
                return;
            core_makes();
        }
        n = send(core.fd, core.out + core.out_at, core.out_len - core.out_at, MSG_DONTWAIT | MSG_NOSIGNAL);
        core.out_at += n > 0 ? (size_t)n : 0;
    }
}

/* ---- a transfer ---- */

static bool is_over(void)
{
    bool up = to_core.is_done && unanswered == 0, down = to_client.is_done && (to_client.answers || !to_client.total);

    return (up && down) || to_core.is_bad || to_client.is_bad;
}

static void transfer(struct rig *g, uint64_t octets_up, uint64_t octets_down, unsigned seconds)
{
    uint64_t begin = gw_clock_us(), end = begin + seconds * GW_S;

    to_core = (struct flow){ .total = octets_up, .is_done = !octets_up };
    to_client = (struct flow){ .total = octets_down, .is_done = !octets_down };
    unanswered = nowed = 0;
    stopped_at = 0;
    rss_start = rss_max = 0;
    b.on_message = on_message;
    while (!is_over() && gw_clock_us() < end) {
        size_t rss;
        browser_answers();
        browser_sends();
        core_reads();
        core_writes();
        run_for(1);
        if (stopped_at && !has_stopped(&to_client))
            gw_sctp_resume(b.a);
        rss = rss_kb();
        rss_max = rss > rss_max ? rss : rss_max;
        if (!rss_start && to_core.got + to_client.got > (octets_up + octets_down) / 20)
            rss_start = rss; /* all that a transfer needs has been made */
    }
    CHECK(!to_core.is_bad && !to_client.is_bad);
    EQ(to_core.got, octets_up);
    EQ(to_client.got, octets_down);
    EQ(g->events[GW_IQ_TCP_LOST], 0);
    EQ(to_client.answers, octets_down != 0);
    printf("     %llu KB up, %llu KB down: %.1f MB/s, resident memory grew by %ld KB\n",
           (unsigned long long)octets_up / 1000, (unsigned long long)octets_down / 1000,
           (double)(octets_up + octets_down) / (double)(gw_clock_us() - begin), (long)(rss_max - rss_start));
}

static void begin_call(struct rig *g)
{
    static const struct gw_addr nobody;

    memset(&core, 0, sizeof(core));
    data_start(g, GW_IQ_MSRP, &nobody, NULL);
    core.fd = tcp_connect(&g->reply.locals[2].rtp);
    CHECK(run_until(&g->events[GW_IQ_TCP_UP], 1, 2000));
}

static void end_call(struct rig *g)
{
    close(core.fd);
    data_end(g);
}

static unsigned wanted(const char *name, unsigned usual)
{
    const char *text = getenv(name);

    return text && atoi(text) > 0 ? (unsigned)atoi(text) : usual;
}

TEST(msrp_021_a_large_message_each_way_is_whole_and_memory_stays)
{
    unsigned mb = wanted("IMSGW_TEST_MB", 16);
    struct rig g;

    stop_us = 0;
    begin_call(&g);
    transfer(&g, mb * 1000000ull, 0, 60 + mb);
    CHECK(rss_max - rss_start < GROWTH_KB);
    transfer(&g, 0, mb * 1000000ull, 60 + mb);
    CHECK(rss_max - rss_start < GROWTH_KB);
    end_call(&g);
}

TEST(sctp_013_receivers_that_stop_reading_lose_nothing)
{
    struct rig g;

    stop_us = wanted("IMSGW_TEST_STOP_S", 2) * GW_S;
    begin_call(&g);
    transfer(&g, 5000000, 0, 60);
    CHECK(stopped_at != 0);
    CHECK(rss_max - rss_start < GROWTH_KB);
    transfer(&g, 0, 5000000, 60);
    CHECK(stopped_at != 0);
    CHECK(rss_max - rss_start < GROWTH_KB);
    end_call(&g);
}

TEST(sctp_a_link_that_loses_repeats_and_reorders_loses_no_octet)
{
    static const struct bad_link_odds odds = { .loss = 5, .repeat = 3, .reorder = 5, .seed = 7 };
    struct rig g;

    stop_us = 0;
    data_bad_link = &odds;
    begin_call(&g);
    transfer(&g, 2000000, 2000000, 120);
    end_call(&g);
    data_bad_link = NULL;
}
