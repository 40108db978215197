#include "datachannel/msrp/msrp_session.h"

#include <stdio.h>
#include <stdlib.h>

#include "test.h"

#define CH_OWN "msrps://gw.example:9/s2;dc"
#define CH_PEER "msrps://browser.invalid:9/b1;dc"
#define CORE_OWN "msrp://10.0.0.5:21000/s1;tcp"
#define CORE_PEER "msrp://relay.example:2855/r;tcp msrp://10.0.0.9:31000/z;tcp"

/* What came to the channel, and what the browser does with it. */
static struct {
    unsigned n, room; /* messages; how many more it takes (a full channel) */
    char last[20000];
    size_t last_len;
    bool answers; /* 200 to every SEND, later, by browser_answers */
    unsigned nowed;
    char owed[256][GW_MSRP_TID_MAX + 1];
    char flags[512];
    unsigned nflags;
    uint64_t body;
    uint32_t hash;
    uint64_t next_start;
    unsigned responses;
    bool is_sane;
} b;

static struct gw_msrp_session *s;

static int on_send(void *arg, struct gw_span m)
{
    struct gw_msrp_head h;
    struct gw_span body;
    char flag;

    (void)arg;
    if (b.room == 0)
        return GW_E_FULL;
    b.room--;
    b.n++;
    memcpy(b.last, m.ptr, m.len);
    b.last[m.len] = 0;
    b.last_len = m.len;
    if (gw_msrp_parse_chunk(m, &h, &body, &flag) != 0 || m.len > GW_MSRP_PIECE) {
        b.is_sane = false;
        return 0;
    }
    if (h.method == GW_MSRP_RESPONSE) {
        b.responses++;
        return 0;
    }
    b.is_sane &= gw_span_is(h.to.uri[0], CH_PEER) && gw_span_is(h.from.uri[0], CH_OWN) && h.to.n == 1;
    b.flags[b.nflags++ % sizeof(b.flags)] = flag;
    if (h.method == GW_MSRP_SEND && h.has_range) {
        b.is_sane &= h.range_start == b.next_start || h.range_start == 1;
        b.next_start = h.range_start + body.len;
    }
    b.body += body.len;
    for (size_t i = 0; i < body.len; i++)
        b.hash = b.hash * 31 + ((const uint8_t *)body.ptr)[i];
    if (h.failure == GW_MSRP_YES && h.method == GW_MSRP_SEND)
        (void)gw_span_copy(h.tid, b.owed[b.nowed++ % 256], GW_MSRP_TID_MAX + 1);
    return 0;
}

static void browser_says(const char *text)
{
    (void)!gw_msrp_from_channel(s, gw_span_str(text), 0);
}

static void browser_answers(int status)
{
    while (b.nowed) {
        char text[512];
        snprintf(text, sizeof(text), "MSRP %s %d x\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER "\r\n-------%s$\r\n",
                 b.owed[b.nowed - 1], status, b.owed[b.nowed - 1]);
        b.nowed--;
        browser_says(text);
    }
}

static char core_text[70000];

/* What waits for the core, taken. */
static const char *core_reads(void)
{
    struct gw_span p = gw_msrp_core_pending(s);
    size_t n = p.len < sizeof(core_text) - 1 ? p.len : sizeof(core_text) - 1;

    memcpy(core_text, p.ptr ? p.ptr : "", n);
    core_text[n] = 0;
    gw_msrp_core_written(s, p.len);
    return core_text;
}

static void start(void)
{
    struct gw_msrp_config c = { true, CH_OWN, CH_PEER, CORE_OWN, CORE_PEER, 65536, 0, true, true, on_send, NULL };

    memset(&b, 0, sizeof(b));
    b.room = 1000000;
    b.is_sane = true;
    b.next_start = 1;
    EQ(gw_msrp_session_new(&c, &s), 0);
}

#define FROM_PEER "\r\nTo-Path: " CORE_OWN "\r\nFrom-Path: msrp://10.0.0.9:31000/z;tcp\r\n"
#define SEND_HEAD(tid, extra) "MSRP " tid " SEND" FROM_PEER "Message-ID: m123\r\n" extra

static void core_says(const char *text)
{
    EQ(gw_msrp_from_core(s, gw_span_str(text), 0), (ssize_t)strlen(text));
}

TEST(msrp_015_a_message_of_the_browser_reaches_the_core_with_the_paths_of_that_leg)
{
    start();
    browser_says("MSRP abcd1234 SEND\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER "\r\nMessage-ID: m123\r\n"
                 "Byte-Range: 1-5/5\r\nX-Any: thing\r\nContent-Type: text/plain\r\n\r\nhello\r\n-------abcd1234$\r\n");
    STR_EQ(core_reads(),
           "MSRP abcd1234 SEND\r\nTo-Path: " CORE_PEER "\r\nFrom-Path: " CORE_OWN "\r\nMessage-ID: m123\r\n"
           "Byte-Range: 1-5/5\r\nX-Any: thing\r\nContent-Type: text/plain\r\n\r\nhello\r\n-------abcd1234$\r\n");
    core_says("MSRP abcd1234 200 OK\r\nTo-Path: " CORE_OWN "\r\nFrom-Path: msrp://relay.example:2855/r;tcp\r\n"
              "-------abcd1234$\r\n");
    STR_EQ(b.last, "MSRP abcd1234 200 OK\r\nTo-Path: " CH_PEER "\r\nFrom-Path: " CH_OWN "\r\n-------abcd1234$\r\n");
    EQ(gw_msrp_deadline_us(s), GW_NEVER);
    gw_msrp_session_free(s);
}

TEST(msrp_020_a_chunk_of_the_core_is_cut_and_answered_once)
{
    static char chunk[60000];
    size_t at = 0;
    uint32_t hash = 0;

    start();
    at += (size_t)sprintf(chunk, SEND_HEAD("tttt1", "Byte-Range: 1-*/50000\r\nContent-Type: a/b\r\n\r\n"));
    for (int i = 0; i < 50000; i++) {
        chunk[at] = "\r\n-------tttt1$x"[i % 16];
        hash = hash * 31 + (uint8_t)chunk[at++];
    }
    at += (size_t)sprintf(chunk + at, "\r\n-------tttt1$\r\n");
    for (size_t piece = 1; piece < 20000; piece = piece * 3 + 1) {
        b.n = b.nflags = b.nowed = 0;
        b.body = b.hash = 0;
        b.next_start = 1;
        for (size_t k = 0; k < at; k += piece) {
            size_t n = at - k < piece ? at - k : piece;
            EQ(gw_msrp_from_core(s, (struct gw_span){ chunk + k, n }, 0), (ssize_t)n);
        }
        CHECK(b.is_sane);
        EQ(b.body, 50000);
        EQ(b.hash, hash);
        EQ(b.n, 4);
        EQ(memcmp(b.flags, "+++$", 4), 0);
        STR_EQ(core_reads(), ""); /* no answer before every piece is answered */
        browser_answers(200);
        STR_EQ(core_reads(), "MSRP tttt1 200 OK\r\nTo-Path: msrp://10.0.0.9:31000/z;tcp\r\nFrom-Path: " CORE_OWN
                             "\r\n-------tttt1$\r\n");
    }
    gw_msrp_session_free(s);
}

TEST(msrp_003_messages_of_the_core_are_the_same_wherever_the_stream_is_cut)
{
    /* clang-format off */
    static const char all[] =
        SEND_HEAD("tida1111", "Byte-Range: 1-5/5\r\nContent-Type: text/plain\r\n\r\nhello\r\n-------tida1111$\r\n")
        "MSRP tidb2222 200 OK" FROM_PEER "-------tidb2222$\r\n"
        "MSRP tidc3333 REPORT" FROM_PEER "Message-ID: m123\r\nByte-Range: 1-5/5\r\nStatus: 000 200 OK\r\n"
        "-------tidc3333$\r\n"
        SEND_HEAD("tidd4444", "-------tidd4444$\r\n");
    /* clang-format on */
    size_t len = sizeof(all) - 1;

    for (size_t first = 0; first <= len; first++) { /* in two parts; 0: octet by octet */
        size_t step = first ? first : 1;

        start();
        for (size_t at = 0; at < len; at += step, step = first ? len - at : 1) {
            size_t n = step < len - at ? step : len - at;
            EQ(gw_msrp_from_core(s, (struct gw_span){ all + at, n }, 0), (ssize_t)n);
        }
        EQ(b.n, 4);
        EQ(b.responses, 1);
        EQ(b.body, 5);
        CHECK(b.is_sane);
        gw_msrp_session_free(s);
    }
}

TEST(msrp_010_413_of_the_browser_stops_the_message)
{
    static char body[20001];
    char text[512];

    start();
    memset(body, 'x', 20000);
    core_says(SEND_HEAD("tttt1", "Byte-Range: 1-*/100000\r\nContent-Type: a/b\r\n\r\n"));
    core_says(body);
    EQ(b.n, 1);
    browser_answers(413);
    STR_EQ(core_reads(),
           "MSRP tttt1 413 x\r\nTo-Path: msrp://10.0.0.9:31000/z;tcp\r\nFrom-Path: " CORE_OWN "\r\n-------tttt1$\r\n");
    core_says(body);
    core_says("\r\n-------tttt1#\r\n");
    EQ(b.n, 2);
    EQ(b.flags[1], '#');
    STR_EQ(core_reads(), "");
    snprintf(text, sizeof(text), SEND_HEAD("tttt2", "Content-Type: a/b\r\n\r\nnext\r\n-------tttt2$\r\n"));
    core_says(text); /* the stream goes on */
    EQ(b.n, 3);
    gw_msrp_session_free(s);
}

TEST(msrp_021_a_full_channel_stops_the_stream_and_loses_nothing)
{
    static char in[400000];
    size_t len, at = 0;
    uint32_t hash = 0;
    unsigned waits = 0;

    start();
    len =
        (size_t)sprintf(in, SEND_HEAD("tttt1", "Failure-Report: no\r\nByte-Range: 1-*/*\r\nContent-Type: a/b\r\n\r\n"));
    for (int i = 0; i < 300000; i++) {
        in[len] = (char)('a' + i % 23);
        hash = hash * 31 + (uint8_t)in[len++];
    }
    len += (size_t)sprintf(in + len, "\r\n-------tttt1$\r\n");
    b.room = 0;
    while (at < len && waits < 1000) {
        ssize_t n = gw_msrp_from_core(s, (struct gw_span){ in + at, len - at < 7000 ? len - at : 7000 }, 0);
        CHECK(n >= 0);
        at += (size_t)n;
        if (n == 0) { /* full: one place comes free */
            waits++;
            b.room = 1;
        }
    }
    b.room = 1;
    (void)gw_msrp_channel_writable(s, 0);
    EQ(b.body, 300000);
    EQ(b.hash, hash);
    CHECK(b.is_sane);
    CHECK(waits > 10);
    STR_EQ(core_reads(), ""); /* Failure-Report: no (MSRP-006) */
    gw_msrp_session_free(s);
}

TEST(msrp_unanswered_pieces_bound_what_is_read)
{
    static char body[2000001];
    ssize_t n;

    start();
    memset(body, 'x', 2000000);
    core_says(SEND_HEAD("tttt1", "Byte-Range: 1-*/*\r\nContent-Type: a/b\r\n\r\n"));
    n = gw_msrp_from_core(s, gw_span_str(body), 0);
    CHECK(n > 0 && n < 2000000);
    EQ(b.n, GW_MSRP_OPEN_PIECES);
    EQ(gw_msrp_from_core(s, gw_span_str(body), 0), 0);
    browser_answers(200);
    CHECK(gw_msrp_from_core(s, gw_span_str(body), 0) > 0);
    gw_msrp_session_free(s);
}

TEST(msrp_a_pipeline_of_messages_is_read_no_faster_than_it_can_be_answered) /* each of them once, none forgotten */
{
    static char stream[40 * 500];
    size_t len = 0, taken = 0;
    unsigned answered = 0;

    start();
    for (unsigned i = 0; i < 40; i++)
        len +=
            (size_t)snprintf(stream + len, sizeof(stream) - len,
                             "MSRP pipe%04u SEND\r\nTo-Path: " CORE_OWN "\r\nFrom-Path: msrp://10.0.0.9:31000/z;tcp\r\n"
                             "Message-ID: message%u\r\nContent-Type: text/plain\r\n\r\nhello\r\n-------pipe%04u$\r\n",
                             i, i, i);
    for (unsigned rounds = 0; taken < len && rounds < 10; rounds++) {
        ssize_t n = gw_msrp_from_core(s, (struct gw_span){ stream + taken, len - taken }, 0);
        CHECK(n > 0);
        taken += n > 0 ? (size_t)n : len;
        browser_answers(200);
        for (const char *p = core_reads(); (p = strstr(p, " 200 ")); p++)
            answered++;
    }
    EQ(taken, len);
    EQ(answered, 40);
    CHECK(b.is_sane);
    gw_msrp_session_free(s);
}

TEST(msrp_009_wrong_sessions_paths_and_methods_are_answered)
{
    static const struct {
        const char *text, *answer;
    } rows[] = {
        { "MSRP aaaa SEND\r\nTo-Path: msrps://gw.example:9/other;dc\r\nFrom-Path: " CH_PEER
          "\r\nMessage-ID: m123\r\n-------aaaa$\r\n",
          "MSRP aaaa 481 " },
        { "MSRP aaab SEND\r\nTo-Path: " CH_OWN
          "\r\nFrom-Path: msrps://someone.else:9/b1;dc\r\nMessage-ID: m123\r\n-------aaab$\r\n",
          "MSRP aaab 403 " },
        { "MSRP aaac DANCE\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER "\r\n-------aaac$\r\n", "MSRP aaac 501 " },
        { "MSRP aaad SEND\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER "\r\nByte-Range: x\r\n-------aaad$\r\n",
          "MSRP aaad 400 " },
    };

    start();
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        browser_says(rows[i].text);
        EQ(strncmp(b.last, rows[i].answer, strlen(rows[i].answer)), 0);
        STR_EQ(core_reads(), "");
    }
    core_says("MSRP bbbb SEND\r\nTo-Path: msrp://10.0.0.5:21000/other;tcp\r\nFrom-Path: msrp://10.0.0.9:31000/z;tcp\r\n"
              "Message-ID: m123\r\n-------bbbb$\r\n");
    EQ(strncmp(core_reads(), "MSRP bbbb 481 ", 14), 0);
    core_says("MSRP bbbc DANCE\r\nTo-Path: " CORE_OWN "\r\nFrom-Path: msrp://10.0.0.9:31000/z;tcp\r\n-------bbbc$\r\n");
    EQ(strncmp(core_reads(), "MSRP bbbc 501 ", 14), 0);
    EQ(gw_msrp_from_core(s, gw_span_str("GET / HTTP/1.1\r\n"), 0), GW_E_TYPE);
    gw_msrp_session_free(s);
}

TEST(msrp_014_in_transport_mode_paths_pass_as_they_are_both_ways)
{
    struct gw_msrp_config c = { false, CH_OWN, CH_PEER, CORE_OWN, "", 65536, 0, true, true, on_send, NULL };
    const char *text =
        "MSRP abcd1234 SEND\r\nTo-Path: msrp://relay.example:2855/r;tcp msrp://10.0.0.9:31000/z;tcp\r\n"
        "From-Path: msrps://some.one:9/b7;dc\r\nMessage-ID: m123\r\nByte-Range: 1-5/5\r\nX-Any: thing\r\n"
        "Content-Type: text/plain\r\n\r\nhello\r\n-------abcd1234$\r\n";
    const char *answer =
        "MSRP abcd1234 200 OK\r\nTo-Path: msrps://some.one:9/b7;dc\r\nFrom-Path: msrp://relay.example:2855/r;tcp"
        "\r\n-------abcd1234$\r\n";
    static char body[40001];

    memset(&b, 0, sizeof(b));
    b.room = 1000;
    EQ(gw_msrp_session_new(&c, &s), 0);
    browser_says(text);
    STR_EQ(core_reads(), text);
    core_says(answer);
    STR_EQ(b.last, answer);
    core_says("MSRP tttt1 SEND\r\nTo-Path: msrps://some.one:9/b7;dc\r\nFrom-Path: msrp://relay.example:2855/r;tcp "
              "msrp://10.0.0.9:31000/z;tcp\r\nMessage-ID: m124\r\nContent-Type: text/plain\r\n\r\n");
    memset(body, 'x', 40000);
    core_says(body);
    core_says("\r\n-------tttt1$\r\n");
    EQ(b.body, 40000);
    EQ(memcmp(b.flags, "++$", 3), 0);
    CHECK(strstr(b.last, "To-Path: msrps://some.one:9/b7;dc\r\nFrom-Path: msrp://relay.example:2855/r;tcp "
                         "msrp://10.0.0.9:31000/z;tcp\r\nMessage-ID: m124\r\n") != NULL);
    gw_msrp_session_free(s);
}

TEST(msrp_a_session_opened_in_band_learns_both_paths_and_the_core_waits_for_it)
{
    struct gw_msrp_config c = { true, "", NULL, CORE_OWN, CORE_PEER, 65536, 0, true, true, on_send, NULL };
    const char *first = SEND_HEAD("tttt1", "Content-Type: a/b\r\n\r\nx\r\n-------tttt1$\r\n");

    memset(&b, 0, sizeof(b));
    b.room = 1000;
    EQ(gw_msrp_session_new(&c, &s), 0);
    EQ(gw_msrp_from_core(s, gw_span_str(first), 0), 0);
    browser_says("MSRP abcd1234 SEND\r\nTo-Path: msrps://any.thing:1/a;dc\r\nFrom-Path: " CH_PEER
                 "\r\nMessage-ID: m123\r\n-------abcd1234$\r\n");
    EQ(strncmp(core_reads(), "MSRP abcd1234 SEND\r\nTo-Path: " CORE_PEER, 28 + sizeof(CORE_PEER)), 0);
    core_says(first);
    CHECK(strstr(b.last, "To-Path: " CH_PEER "\r\nFrom-Path: msrps://any.thing:1/a;dc\r\n") != NULL);
    browser_says("MSRP abcd1235 SEND\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER
                 "\r\nMessage-ID: m123\r\n-------abcd1235$\r\n");
    EQ(strncmp(b.last, "MSRP abcd1235 481 ", 18), 0);
    gw_msrp_session_free(s);
}

TEST(msrp_three_wrong_messages_in_a_row_close_the_channel)
{
    start();
    EQ(gw_msrp_from_channel(s, gw_span_str("junk"), 0), GW_E_SYNTAX);
    EQ(gw_msrp_from_channel(s, gw_span_str("junk"), 0), GW_E_SYNTAX);
    EQ(gw_msrp_from_channel(s, gw_span_str("junk"), 0), GW_E_CLOSED);
    gw_msrp_session_free(s);
}

TEST(msrp_008_no_answer_in_thirty_seconds_is_a_408)
{
    start();
    browser_says("MSRP abcd1234 SEND\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER
                 "\r\nMessage-ID: m123\r\n-------abcd1234$\r\n");
    core_reads();
    EQ(gw_msrp_deadline_us(s), 30 * GW_S);
    gw_msrp_expire(s, 30 * GW_S);
    EQ(strncmp(b.last, "MSRP abcd1234 408 ", 18), 0);
    core_says(SEND_HEAD("tttt1", "Content-Type: a/b\r\n\r\nx\r\n-------tttt1$\r\n"));
    gw_msrp_expire(s, 60 * GW_S);
    EQ(strncmp(core_reads(), "MSRP tttt1 408 ", 15), 0);
    EQ(gw_msrp_deadline_us(s), GW_NEVER);
    gw_msrp_session_free(s);
}

TEST(msrp_028_a_lost_connection_in_the_middle_of_a_chunk_is_told)
{
    static char body[5001];

    start();
    memset(body, 'x', 5000);
    browser_says("MSRP abcd1234 SEND\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER
                 "\r\nMessage-ID: m123\r\n-------abcd1234$\r\n");
    core_says(SEND_HEAD("tttt1", "Byte-Range: 1-*/100000\r\nContent-Type: a/b\r\n\r\n"));
    core_says(body);
    gw_msrp_core_lost(s, 0);
    EQ(b.responses, 1); /* 481 to the browser's own request */
    EQ(b.n, 2);
    EQ(b.flags[0], '#'); /* the begun message ends */
    browser_says("MSRP abcd9999 SEND\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER
                 "\r\nMessage-ID: m123\r\n-------abcd9999$\r\n");
    EQ(strncmp(b.last, "MSRP abcd9999 481 ", 18), 0);
    gw_msrp_session_free(s);
}

TEST(msrp_027_a_report_overtakes_between_pieces_and_is_never_answered)
{
    start();
    core_says("MSRP rrrr REPORT\r\nTo-Path: " CORE_OWN
              "\r\nFrom-Path: msrp://10.0.0.9:31000/z;tcp\r\nMessage-ID: m123\r\n"
              "Byte-Range: 1-5/5\r\nStatus: 000 200 OK\r\n-------rrrr$\r\n");
    EQ(b.n, 1);
    CHECK(strstr(b.last, "Status: 000 200 OK\r\n") != NULL); /* MSRP-007 */
    STR_EQ(core_reads(), "");
    browser_says("MSRP rrrs REPORT\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER
                 "\r\nMessage-ID: m123\r\nStatus: 000 413 no\r\n"
                 "-------rrrs$\r\n");
    CHECK(strstr(core_reads(), "Status: 000 413 no\r\n") != NULL);
    EQ(b.n, 1);
    gw_msrp_session_free(s);
}

TEST(msrp_a_slow_core_asks_to_stop_the_channel)
{
    static char text[66000];
    int n = sprintf(text, "MSRP abcd1234 SEND\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER "\r\nMessage-ID: m123\r\n"
                          "Failure-Report: no\r\nByte-Range: 1-60000/*\r\nContent-Type: a/b\r\n\r\n");

    start();
    memset(text + n, 'x', 60000);
    strcpy(text + n + 60000, "\r\n-------abcd1234+\r\n");
    for (int i = 0; i < 5; i++)
        browser_says(text);
    CHECK(gw_msrp_core_is_full(s));
    CHECK(strstr(core_reads(), "Byte-Range: 1-*/*\r\n") != NULL); /* above 2048 octets: interruptible (MSRP-004) */
    CHECK(!gw_msrp_core_is_full(s));
    gw_msrp_session_free(s);
}
