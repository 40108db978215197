/* Each failure of MSRP on each leg, as RFC 4975 s. 10 answers it, and what passes untouched. */
#include <stdio.h>

#include "datachannel/msrp/msrp_session.h"
#include "test.h"

#define CH_OWN "msrps://gw.example:9/s2;dc"
#define CH_PEER "msrps://browser.invalid:9/b1;dc"
#define CORE_OWN "msrp://10.0.0.5:21000/s1;tcp"
#define CORE_PEER "msrp://10.0.0.9:31000/z;tcp"

static struct gw_msrp_session *s;
static unsigned nseen;
static char seen[32][20000], core_text[70000];

static int on_send(void *arg, struct gw_span m)
{
    (void)arg;
    memcpy(seen[nseen % 32], m.ptr, m.len);
    seen[nseen++ % 32][m.len] = 0;
    return 0;
}

static void start(uint64_t max_body)
{
    struct gw_msrp_config c = {
        true, CH_OWN, CH_PEER, CORE_OWN, CORE_PEER, 65536, max_body, true, true, on_send, NULL
    };

    nseen = 0;
    EQ(gw_msrp_session_new(&c, &s), 0);
}

static const char *last(void)
{
    return nseen ? seen[(nseen - 1) % 32] : "";
}

static int client(const char *text)
{
    return gw_msrp_from_channel(s, gw_span_str(text), 0);
}

static void core(const char *text)
{
    EQ(gw_msrp_from_core(s, gw_span_str(text), 0), (ssize_t)strlen(text));
}

static const char *core_reads(void)
{
    struct gw_span p = gw_msrp_core_pending(s);

    memcpy(core_text, p.ptr ? p.ptr : "", p.len);
    core_text[p.len] = 0;
    gw_msrp_core_written(s, p.len);
    return core_text;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

#define C(tid, method, rest) "MSRP " tid " " method "\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER "\r\n" rest
#define P(tid, method, rest) "MSRP " tid " " method "\r\nTo-Path: " CORE_OWN "\r\nFrom-Path: " CORE_PEER "\r\n" rest
#define TEXT(tid) "Message-ID: m123\r\nContent-Type: a/b\r\n\r\nx\r\n-------" tid "$\r\n"

TEST(msrp_failures_of_a_client_are_answered_one_by_one)
{
    static const struct {
        const char *text;
        int status;
    } rows[] = {
        { C("aaa1", "SEND", "Message-ID: m123\r\nByte-Range: z\r\n-------aaa1$\r\n"), 400 },
        { C("aaa2", "SEND", TEXT("aaa2") "behind"), 400 }, /* octets behind the end-line of its SCTP message */
        { C("aaa3", "SEND", "Message-ID: m123\r\nContent-Type: a/b\r\n\r\nx"), 400 }, /* none */
        { "MSRP aaa4 SEND\r\nTo-Path: " CH_OWN "\r\nFrom-Path: msrps://x.y:1/z;dc\r\n" TEXT("aaa4"), 403 },
        { "MSRP aaa5 SEND\r\nTo-Path: msrps://gw.example:9/S2;dc\r\nFrom-Path: " CH_PEER "\r\n" TEXT("aaa5"), 481 },
        { C("aaa6", "AUTH", "-------aaa6$\r\n"), 501 },
        { C("aaa7", "JUGGLE", "-------aaa7$\r\n"), 501 },
        { C("aaa8", "SEND",
            "Message-ID: m123\r\nByte-Range: 100-*/*\r\nContent-Type: a/b\r\n\r\nabc\r\n-------aaa8+\r\n"),
          413 },
    };

    start(101);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char want[40];
        snprintf(want, sizeof(want), "MSRP aaa%u %d ", i + 1, rows[i].status);
        nseen = 0;
        CHECK(client(rows[i].text) != 0);
        EQ(nseen, 1);
        CHECK(begins(last(), want));
        CHECK(strstr(last(), "\r\nTo-Path: msrps://") && strstr(last(), "\r\nFrom-Path: msrps://gw.example"));
        STR_EQ(core_reads(), "");
    }
    gw_msrp_session_set_directions(s, true, false);
    CHECK(client(C("aaa9", "SEND", TEXT("aaa9"))) != 0);
    CHECK(begins(last(), "MSRP aaa9 403 "));
    EQ(client(C("aab1", "REPORT", "Message-ID: m123\r\nStatus: 000 200 OK\r\n-------aab1$\r\n")),
       0); /* s. 8.9: only content */
    CHECK(begins(core_reads(), "MSRP aab1 REPORT"));
    EQ(client(C("aab2", "SEND", "Message-ID: m123\r\n-------aab2$\r\n")), 0);
    gw_msrp_session_free(s);
}

TEST(msrp_006_failure_report_no_and_partial_decide_about_answers)
{
    start(0);
    CHECK(client("MSRP aaa1 SEND\r\nTo-Path: msrps://gw.example:9/no;dc\r\nFrom-Path: " CH_PEER
                 "\r\nMessage-ID: m123\r\nFailure-Report: no\r\n-------aaa1$\r\n") != 0);
    EQ(nseen, 0);
    CHECK(client("MSRP aaa2 SEND\r\nTo-Path: msrps://gw.example:9/no;dc\r\nFrom-Path: " CH_PEER
                 "\r\nMessage-ID: m123\r\nFailure-Report: partial\r\n-------aaa2$\r\n") != 0);
    CHECK(begins(last(), "MSRP aaa2 481 "));
    core(P("bbb1", "SEND", "Message-ID: m123\r\nFailure-Report: partial\r\n-------bbb1$\r\n"));
    EQ(nseen, 2);
    STR_EQ(core_reads(), ""); /* no 200 for partial */
    core("MSRP bbb2 SEND\r\nTo-Path: msrp://10.0.0.5:21000/no;tcp\r\nFrom-Path: " CORE_PEER
         "\r\nMessage-ID: m123\r\nFailure-Report: partial\r\n-------bbb2$\r\n");
    CHECK(begins(core_reads(), "MSRP bbb2 481 "));
    core("MSRP bbb3 SEND\r\nTo-Path: msrp://10.0.0.5:21000/no;tcp\r\nFrom-Path: " CORE_PEER
         "\r\nMessage-ID: m123\r\nFailure-Report: no\r\n-------bbb3$\r\n");
    STR_EQ(core_reads(), "");
    gw_msrp_session_free(s);
}

TEST(msrp_failures_of_the_core_are_answered_and_the_stream_goes_on)
{
    static char body[3001];

    start(2000);
    core(P("bbb1", "SEND", "Message-ID: m123\r\nByte-Range: z\r\nContent-Type: a/b\r\n\r\nx\r\n-------bbb1$\r\n")
             P("bbb2", "SEND", TEXT("bbb2")));
    STR_EQ(core_reads(),
           "MSRP bbb1 400 Unintelligible\r\nTo-Path: " CORE_PEER "\r\nFrom-Path: " CORE_OWN "\r\n-------bbb1$\r\n");
    EQ(nseen, 1);
    CHECK(begins(last(), "MSRP bbb2 SEND"));
    core("MSRP bbb3 SEND\r\nFrom-Path: " CORE_PEER "\r\nTo-Path: " CORE_OWN "\r\nMess");
    core("age-ID: m123\r\n-------bbb3$");
    core("\r\nMSRP bbb4 SEND\r\nTo-Path: " CORE_OWN "\r\nFrom-Path: " CORE_PEER "\r\n" TEXT("bbb4"));
    CHECK(begins(core_reads(), "MSRP bbb3 400 "));
    EQ(nseen, 2);
    core(P("bbb5", "AUTH", "-------bbb5$\r\n"));
    CHECK(begins(core_reads(), "MSRP bbb5 501 "));
    gw_msrp_session_set_directions(s, false, true);
    core(P("bbb6", "SEND", TEXT("bbb6")));
    CHECK(begins(core_reads(), "MSRP bbb6 403 "));
    gw_msrp_session_set_directions(s, true, true);
    core(P("bbb7", "SEND", "Message-ID: m123\r\nByte-Range: 1-*/5000\r\nContent-Type: a/b\r\n\r\n"));
    CHECK(begins(core_reads(), "MSRP bbb7 413 ")); /* at the head: it says how long it will be */
    core("any\r\n-------bbb7#\r\n");
    memset(body, 'x', 3000);
    core(P("bbb8", "SEND", "Message-ID: m123\r\nByte-Range: 1-*/*\r\nContent-Type: a/b\r\n\r\n"));
    core(body);
    CHECK(begins(core_reads(), "MSRP bbb8 413 ")); /* on the way */
    core("\r\n-------bbb8#\r\n");
    CHECK(strstr(last(), "\r\n-------bbb8#\r\n") != NULL); /* its begin was with the client */
    EQ(nseen, 3);
    core("MSRP bbb9 REPORT\r\nTo-Path: " CORE_OWN
         "\r\nStatus: 000 200 OK\r\n-------bbb9$\r\n"); /* wrong, and never answered */
    STR_EQ(core_reads(), "");
    core(P("bbc1", "SEND", TEXT("bbc1")));
    EQ(nseen, 4);
    gw_msrp_session_free(s);
}

TEST(msrp_wrong_heads_without_an_end_and_too_many_of_them_end_the_connection)
{
    static char junk[20001];

    start(0);
    core("MSRP bbb1 SEND\r\nnonsense\r\n");
    memset(junk, 'x', 20000);
    EQ(gw_msrp_from_core(s, gw_span_str(junk), 0), GW_E_SYNTAX);
    gw_msrp_session_free(s);
    start(0);
    for (int i = 0; i < GW_MSRP_BAD_IN_A_ROW; i++)
        core("MSRP bbb1 SEND\r\nnonsense\r\n-------bbb1$\r\n");
    CHECK(gw_msrp_from_core(s, gw_span_str("MSRP bbb1 SEND\r\nnonsense\r\n-------bbb1$\r\n"), 0) < 0);
    gw_msrp_session_free(s);
}

TEST(msrp_008_and_msrp_028_what_a_lost_connection_leaves_unanswered)
{
    start(0);
    EQ(client(C("aaa1", "SEND", TEXT("aaa1"))), 0);
    EQ(client(C("aaa2", "NICKNAME", "Use-Nickname: \"x\"\r\n-------aaa2$\r\n")), 0);
    core("MSRP aaa1 200 OK\r\nTo-Path: " CORE_OWN "\r\nFrom-Path: " CORE_PEER "\r\n-------aaa1$\r\n");
    core(P("bbb1", "SEND", "Message-ID: m124\r\nByte-Range: 1-*/9\r\nContent-Type: a/b\r\n\r\nabc"));
    nseen = 0;
    gw_msrp_core_lost(s, 0);
    EQ(nseen, 2);
    CHECK(begins(seen[0], "MSRP aaa2 481 "));
    CHECK(begins(seen[1], "MSRP bbb1 SEND") && strstr(seen[1], "\r\nabc\r\n-------bbb1#\r\n"));
    gw_msrp_core_up(s); /* made anew: messages go again, also one with the same Message-ID (RFC 4975 s. 5.4) */
    EQ(client(C("aaa3", "SEND", TEXT("aaa3"))), 0);
    CHECK(strstr(core_reads(), "MSRP aaa3 SEND") != NULL);
    gw_msrp_expire(s, GW_MSRP_ANSWER_US);
    CHECK(begins(last(), "MSRP aaa3 408 "));
    core(P("bbb2", "SEND", TEXT("bbb2")));
    gw_msrp_channel_lost(s, 0);
    CHECK(begins(core_reads(), "MSRP bbb2 481 "));
    gw_msrp_session_free(s);
}

TEST(msrp_025_interruption_nicknames_composing_and_empty_messages_pass)
{
    static const char *const texts[] = {
        /* behind the paths; the tid is aaa1 */
        "Message-ID: m123\r\nByte-Range: 1-*/9\r\nContent-Type: a/b\r\n\r\nabc\r\n-------aaa1+\r\n",
        "Message-ID: m123\r\nByte-Range: 4-*/9\r\nContent-Type: a/b\r\n\r\nabc\r\n-------aaa1#\r\n",
        "Message-ID: m123\r\nByte-Range: 1-0/0\r\n-------aaa1$\r\n", /* keeps the connection alive */
        /* a body without octets */
        "Message-ID: m123\r\nByte-Range: 1-0/0\r\nContent-Type: text/plain\r\n\r\n\r\n-------aaa1$\r\n",
        ("Message-ID: m123\r\nSuccess-Report: yes\r\nX-Unknown: 1\r\n"
         "Content-Type: application/im-iscomposing+xml\r\n\r\n<a/>\r\n-------aaa1$\r\n"),
        ("Message-ID: m123\r\nContent-Type: message/cpim\r\n\r\nTo: <sip:a@b>\r\n\r\n"
         "Content-Type: text/plain\r\n\r\nhi\r\n-------aaa1$\r\n"),
    };
    char text[2000], want[2000];

    start(0);
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        snprintf(text, sizeof(text), C("aaa1", "SEND", "%s"), texts[i]);
        snprintf(want, sizeof(want), "MSRP aaa1 SEND\r\nTo-Path: " CORE_PEER "\r\nFrom-Path: " CORE_OWN "\r\n%s",
                 texts[i]);
        EQ(client(text), 0);
        STR_EQ(core_reads(), want);
        snprintf(text, sizeof(text), P("aaa1", "SEND", "%s"), texts[i]);
        snprintf(want, sizeof(want), "MSRP aaa1 SEND\r\nTo-Path: " CH_PEER "\r\nFrom-Path: " CH_OWN "\r\n%s", texts[i]);
        core(text);
        if (!strstr(texts[i], "Byte-Range: 1-0/0"))
            STR_EQ(last(), want);
        else
            CHECK(strstr(last(), "-------aaa1$\r\n") && begins(last(), "MSRP aaa1 SEND\r\nTo-Path: " CH_PEER));
        EQ(client("MSRP aaa1 200 OK\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER "\r\n-------aaa1$\r\n"), 0);
        CHECK(begins(core_reads(), "MSRP aaa1 200 "));
        core("MSRP aaa1 200 OK\r\nTo-Path: " CORE_OWN "\r\nFrom-Path: " CORE_PEER "\r\n-------aaa1$\r\n");
    }
    EQ(client(C("nick1", "NICKNAME", "Use-Nickname: \"Al\"\r\n-------nick1$\r\n")), 0);
    STR_EQ(core_reads(), "MSRP nick1 NICKNAME\r\nTo-Path: " CORE_PEER "\r\nFrom-Path: " CORE_OWN
                         "\r\nUse-Nickname: \"Al\"\r\n-------nick1$\r\n");
    core("MSRP nick1 425 Nickname reserved\r\nTo-Path: " CORE_OWN "\r\nFrom-Path: " CORE_PEER "\r\n-------nick1$\r\n");
    CHECK(begins(last(), "MSRP nick1 425 Nickname reserved\r\nTo-Path: " CH_PEER));
    core(P("nick2", "NICKNAME", "Use-Nickname: \"Bo\"\r\n-------nick2$\r\n"));
    STR_EQ(last(), "MSRP nick2 NICKNAME\r\nTo-Path: " CH_PEER "\r\nFrom-Path: " CH_OWN
                   "\r\nUse-Nickname: \"Bo\"\r\n-------nick2$\r\n");
    EQ(client("MSRP nick2 424 Malformed\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER "\r\n-------nick2$\r\n"), 0);
    CHECK(begins(core_reads(), "MSRP nick2 424 "));
    EQ(gw_msrp_deadline_us(s), GW_NEVER);
    gw_msrp_session_free(s);
}
