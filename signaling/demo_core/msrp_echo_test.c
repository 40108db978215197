#include "test.h"

#include <stdlib.h>

#include "signaling/demo_core/msrp_echo.h"

#define OWN "msrp://127.0.0.1:9000/bot;tcp"
#define PEER "msrp://10.0.0.1:7000/ann;tcp"
#define PATHS "To-Path: " OWN "\r\nFrom-Path: " PEER "\r\n"
#define TEXT(tid, id, more, range, body, flag)                                                                         \
    "MSRP " tid " SEND\r\n" PATHS "Message-ID: " id "\r\n" more "Byte-Range: " range                                   \
    "\r\nContent-Type: text/plain\r\n\r\n" body "\r\n-------" tid flag "\r\n"

static struct gw_msrp_echo *e;

static void start(void)
{
    EQ(gw_msrp_echo_new(OWN, &e), 0);
    EQ(gw_msrp_echo_set_peer(e, gw_span_str(PEER)), 0);
    gw_msrp_echo_up(e, false);
}

/* All that waits, up to `size`; a C string. */
static size_t take(char *buf, size_t size)
{
    struct gw_span p;
    size_t len = 0;

    while ((p = gw_msrp_echo_pending(e)).len && len + p.len < size) {
        memcpy(buf + len, p.ptr, p.len);
        len += p.len;
        gw_msrp_echo_written(e, p.len);
    }
    buf[len] = 0;
    return len;
}

static void ok(const char *sent) /* answers the SEND that begins at `sent` */
{
    char text[256], tid[64] = "";

    EQ(sscanf(sent, "MSRP %63s SEND", tid), 1);
    snprintf(text, sizeof(text), "MSRP %s 200 OK\r\n" PATHS "-------%s$\r\n", tid, tid);
    EQ(gw_msrp_echo_read(e, gw_span_str(text)), 0);
}

TEST(a_text_is_answered_with_the_same_text_whatever_the_segments)
{
    static const char text[] = TEXT("abcd1", "m001", "Success-Report: yes\r\n", "1-5/5", "hello", "$");
    char got[4096], *send, *report;

    start();
    for (size_t i = 0; i + 1 < sizeof(text); i++)
        EQ(gw_msrp_echo_read(e, (struct gw_span){ text + i, 1 }), 0);
    take(got, sizeof(got));
    CHECK(strncmp(got, "MSRP abcd1 200 OK\r\nTo-Path: " PEER "\r\nFrom-Path: " OWN "\r\n-------abcd1$\r\n", 90) == 0);
    report = strstr(got, " REPORT\r\n");
    CHECK(report && strstr(report, "Message-ID: m001\r\nByte-Range: 1-5/5\r\nStatus: 000 200 OK\r\n"));
    send = strstr(got, " SEND\r\n");
    CHECK(send && strstr(send, "Byte-Range: 1-5/5\r\nContent-Type: text/plain\r\n\r\nhello\r\n-------"));
    gw_msrp_echo_free(e);
}

TEST(a_file_comes_back_whole_in_chunks_and_waits_for_their_answers) /* RFC 4975 s. 5.1 */
{
    enum { SIZE = 3000000, OUT = 4000000 };
    char *body = malloc(SIZE), *got = malloc(OUT), *at, head[512];
    uint64_t from = 1, back = 0;
    unsigned chunks = 0;

    start();
    for (size_t i = 0; i < SIZE; i++)
        body[i] = (char)(i * 2654435761u >> 13);
    for (unsigned i = 0; i < 3; i++, from += SIZE / 3) {
        snprintf(head, sizeof(head),
                 "MSRP tid%u SEND\r\n" PATHS "Message-ID: file\r\nByte-Range: %u-*/%u\r\n"
                 "Content-Disposition: attachment\r\nContent-Type: image/png\r\n\r\n",
                 i, (unsigned)from, SIZE);
        EQ(gw_msrp_echo_read(e, gw_span_str(head)), 0);
        EQ(gw_msrp_echo_read(e, (struct gw_span){ body + from - 1, SIZE / 3 }), 0);
        snprintf(head, sizeof(head), "\r\n-------tid%u%c\r\n", i, i == 2 ? '$' : '+');
        EQ(gw_msrp_echo_read(e, gw_span_str(head)), 0);
    }
    for (;;) {
        size_t len = take(got, OUT), n = 0;

        for (char *p = got; (at = memmem(p, len - (size_t)(p - got), " SEND\r\n", 7)) != NULL; p = at, n++) {
            char *start_line = at, *data = (char *)memmem(at, len - (size_t)(at - got), "\r\n\r\n", 4) + 4, *end;

            CHECK(memmem(at, (size_t)(data - at), "Content-Disposition: attachment\r\nContent-Type: image/png", 56) !=
                  NULL);
            while (start_line > got && start_line[-1] != '\n')
                start_line--;
            end = memmem(data, len - (size_t)(data - got), "\r\n-------", 9);
            MEM_EQ(data, body + back, (size_t)(end - data));
            back += (uint64_t)(end - data);
            at = end;
            ok(start_line);
        }
        CHECK(n <= GW_MSRP_ECHO_UNANSWERED);
        chunks += (unsigned)n;
        if (n == 0)
            break;
    }
    EQ(back, SIZE);
    EQ(chunks, (SIZE + GW_MSRP_ECHO_CHUNK - 1) / GW_MSRP_ECHO_CHUNK);
    free(body);
    free(got);
    gw_msrp_echo_free(e);
}

TEST(wrong_requests_get_their_answer_and_the_session_goes_on) /* RFC 4975 s. 7.2, 10 */
{
    char got[8192];

    start();
    EQ(gw_msrp_echo_read(e, gw_span_str("MSRP aaaa SEND\r\nTo-Path: msrp://127.0.0.1:9000/other;tcp\r\nFrom-Path: " PEER
                                        "\r\nMessage-ID: xxxx\r\n-------aaaa$\r\n")),
       0);
    EQ(gw_msrp_echo_read(e, gw_span_str("MSRP bbbb DANCE\r\n" PATHS "-------bbbb$\r\n")), 0);
    EQ(gw_msrp_echo_read(e, gw_span_str(TEXT("cccc", "yyyy", "", "7-11/11", "world", "$"))),
       0); /* never heard of its begin */
    EQ(gw_msrp_echo_read(e, gw_span_str(TEXT("dddd", "zzzz", "Failure-Report: partial\r\n", "1-2/2", "hi", "$"))), 0);
    take(got, sizeof(got));
    CHECK(strstr(got, "MSRP aaaa 481 ") && strstr(got, "MSRP bbbb 501 ") && strstr(got, "MSRP cccc 413 "));
    CHECK(!strstr(got, "MSRP dddd") && strstr(got, "\r\n\r\nhi\r\n"));
    EQ(gw_msrp_echo_read(e, gw_span_str("GET / HTTP/1.1\r\n\r\n")), GW_E_TYPE);
    gw_msrp_echo_free(e);
}

TEST(an_error_ends_what_is_going_back_with_the_sign_of_its_end) /* RFC 4975 s. 10.5 */
{
    enum { SIZE = 2000000, OUT = 4000000 };
    char *got = calloc(1, OUT), *body = calloc(1, SIZE), head[512], tid[64] = "";
    size_t len;

    start();
    snprintf(head, sizeof(head), "MSRP eeee SEND\r\n" PATHS "Message-ID: file\r\nContent-Type: a/b\r\n\r\n");
    EQ(gw_msrp_echo_read(e, gw_span_str(head)), 0);
    EQ(gw_msrp_echo_read(e, (struct gw_span){ body, SIZE }), 0);
    EQ(gw_msrp_echo_read(e, gw_span_str("\r\n-------eeee$\r\n")), 0);
    take(got, OUT);
    EQ(sscanf(strstr(got, "eeee$\r\n") + 7, "MSRP %63s SEND", tid), 1);
    snprintf(head, sizeof(head), "MSRP %s 413 Stop\r\n" PATHS "-------%s$\r\n", tid, tid);
    EQ(gw_msrp_echo_read(e, gw_span_str(head)), 0);
    len = take(got, OUT);
    CHECK(len < 1024 && memmem(got, len, "#\r\n", 3));
    EQ(take(got, OUT), 0);
    free(got);
    free(body);
    gw_msrp_echo_free(e);
}

TEST(who_connects_speaks_first_and_a_lost_connection_starts_over) /* RFC 4975 s. 5.4 */
{
    char got[4096];

    EQ(gw_msrp_echo_new(OWN, &e), 0);
    EQ(gw_msrp_echo_set_peer(e, gw_span_str(PEER)), 0);
    gw_msrp_echo_up(e, true);
    take(got, sizeof(got));
    CHECK(strstr(got, " SEND\r\nTo-Path: " PEER "\r\nFrom-Path: " OWN "\r\n") && strstr(got, "Byte-Range: 1-0/0\r\n"));
    ok(got);
    EQ(gw_msrp_echo_read(e, gw_span_str(TEXT("ffff", "mmmm", "", "1-2/2", "hi", "$"))), 0);
    take(got, sizeof(got));
    CHECK(strstr(got, "\r\n\r\nhi\r\n"));
    gw_msrp_echo_lost(e);
    gw_msrp_echo_up(e, false);
    EQ(take(got, sizeof(got)), 0); /* not before the other side is known to be there */
    EQ(gw_msrp_echo_read(e, gw_span_str("MSRP gggg SEND\r\n" PATHS "Message-ID: qqqq\r\n-------gggg$\r\n")), 0);
    take(got, sizeof(got));
    CHECK(strstr(got, "\r\n\r\nhi\r\n"));
    gw_msrp_echo_free(e);
}
