#include "datachannel/msrp/msrp_parse.h"

#include <stdio.h>
#include <stdlib.h>

#include "test.h"

static const char send[] = "MSRP a786hjs2 SEND\r\n"
                           "To-Path: msrp://biloxi.example.com:12763/kjhd37s2s20w2a;tcp\r\n"
                           "From-Path: msrp://atlanta.example.com:7654/jshA7weztas;tcp\r\n"
                           "Message-ID: 87652491\r\n"
                           "X-Unknown: stays\r\n"
                           "Byte-Range: 1-25/25\r\n"
                           "Content-Type: text/plain\r\n"
                           "\r\n"
                           "Hey Bob, are you there?\r\n\r\n" /* the second CRLF is of the end-line */
                           "-------a786hjs2$\r\n";

static const char report[] = "MSRP dkei38sd REPORT\r\n"
                             "To-Path: msrp://alicepc.example.com:7777/iau39soe2843z;tcp\r\n"
                             "From-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n"
                             "Message-ID: 12339sdqwer\r\n"
                             "Byte-Range: 1-106/106\r\n"
                             "Status: 000 200 OK\r\n"
                             "-------dkei38sd$\r\n";

static const char response[] = "MSRP d93kswow 200 OK\r\n"
                               "To-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n"
                               "From-Path: msrp://alicepc.example.com:7777/iau39soe2843z;tcp\r\n"
                               "-------d93kswow$\r\n";

TEST(msrp_001_send_report_and_response_are_read)
{
    struct gw_msrp_head h;
    struct gw_span body;
    char flag;

    EQ(gw_msrp_parse_chunk(gw_span_str(send), &h, &body, &flag), 0);
    EQ(h.method, GW_MSRP_SEND);
    SPAN_EQ(h.tid, "a786hjs2");
    SPAN_EQ(h.message_id, "87652491");
    EQ(h.range_start, 1);
    EQ(h.range_end, 25);
    SPAN_EQ(body, "Hey Bob, are you there?\r\n");
    EQ(flag, '$');
    EQ(h.failure, GW_MSRP_YES);
    EQ(h.success, GW_MSRP_NO);
    EQ(gw_msrp_parse_chunk(gw_span_str(report), &h, &body, &flag), 0);
    EQ(h.method, GW_MSRP_REPORT);
    EQ(h.report_status, 200);
    CHECK(!h.has_body);
    EQ(gw_msrp_parse_chunk(gw_span_str(response), &h, &body, &flag), 0);
    EQ(h.status, 200);
    SPAN_EQ(h.comment, "OK");
}

TEST(msrp_heads_cut_anywhere_ask_for_more)
{
    struct gw_msrp_head h;

    for (size_t n = 0; n < strlen(report) - strlen("-------dkei38sd$\r\n") + 17; n++)
        EQ(gw_msrp_parse_head((struct gw_span){ report, n }, &h), GW_E_AGAIN);
    EQ(gw_msrp_parse_head(gw_span_str(report), &h), 0);
}

TEST(msrp_wrong_heads_are_told_apart)
{
    static const struct {
        const char *text;
        int err;
    } rows[] = {
        { "GET / HTTP/1.1\r\n", GW_E_TYPE },
        { "MSRP abc SEND\r\n", GW_E_SYNTAX },                                 /* tid of three */
        { "MSRP abcd send\r\n", GW_E_SYNTAX },                                /* methods are upper case */
        { "MSRP abcd SEND\r\nFrom-Path: msrp://a:1/x;tcp\r\n", GW_E_SYNTAX }, /* To-Path is first */
        { "MSRP abcd SEND\r\nTo-Path: http://a\r\n", GW_E_SYNTAX },
        { "MSRP abcd SEND\nTo-Path: msrp://a:1/x;tcp\r\n", GW_E_SYNTAX }, /* bare LF */
        { "MSRP abcd SEND\r\nTo-Path: msrp://a:1/x;tcp\r\nFrom-Path: msrp://b:1/y;tcp\r\nByte-Range: 0-1/1\r\n",
          GW_E_SYNTAX },
        { "MSRP abcd SEND\r\nTo-Path: msrp://a:1/x;tcp\r\nFrom-Path: msrp://b:1/y;tcp\r\n\r\n",
          GW_E_SYNTAX }, /* body without type */
        { "MSRP abcd SEND\r\nTo-Path: msrp://a:1/x;tcp\r\nFrom-Path: msrp://b:1/y;tcp\r\nContent-Type: a/b\r\nX: y\r\n",
          GW_E_SYNTAX },
    };
    struct gw_msrp_head h = { 0 };
    char *long_head = malloc(GW_MSRP_HEADERS_MAX + 1);

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        EQ(gw_msrp_parse_head(gw_span_str(rows[i].text), &h), rows[i].err);
    SPAN_EQ(h.tid, "abcd"); /* for the 400 */
    memset(long_head, 'a', GW_MSRP_HEADERS_MAX);
    memcpy(long_head, "MSRP abcd SEND\r\nTo-Path: ", 25);
    EQ(gw_msrp_parse_head((struct gw_span){ long_head, GW_MSRP_HEADERS_MAX }, &h), GW_E_LIMIT);
    free(long_head);
}

static char body_seen[4096];
static size_t body_len;

static void on_body(void *arg, struct gw_span b)
{
    (void)arg;
    memcpy(body_seen + body_len, b.ptr, b.len);
    body_len += b.len;
}

TEST(msrp_003_the_end_line_is_found_across_any_read_boundary)
{
    static const char body[] = "a\r\n-------abcX\r\n-------abcdX\r\n\r\n\r\n-------abcd%\r\n-------abcd$\rno";
    static const char text[] = "a\r\n-------abcX\r\n-------abcdX\r\n\r\n\r\n-------abcd%\r\n-------abcd$\rno"
                               "\r\n-------abcd+\r\nMSRP next";

    for (size_t piece = 1; piece < sizeof(text); piece++) {
        struct gw_msrp_scan s;
        struct gw_span in = { NULL, 0 };
        int flag = 0;

        body_len = 0;
        gw_msrp_scan_init(&s, gw_span_str("abcd"));
        for (size_t at = 0; at < sizeof(text) - 1 && !flag; at += piece) {
            in = (struct gw_span){ text + at, sizeof(text) - 1 - at < piece ? sizeof(text) - 1 - at : piece };
            flag = gw_msrp_scan(&s, &in, on_body, NULL);
        }
        EQ(flag, '+');
        EQ(body_len, strlen(body));
        MEM_EQ(body_seen, body, strlen(body));
        if (piece >= sizeof(text) - 1)
            SPAN_EQ(in, "MSRP next");
    }
}

TEST(msrp_022_a_second_message_in_a_chunk_is_refused)
{
    struct gw_msrp_head h;
    struct gw_span body;
    char flag, text[2048];

    snprintf(text, sizeof(text), "%s%s", send, response);
    EQ(gw_msrp_parse_chunk(gw_span_str(text), &h, &body, &flag), GW_E_SYNTAX);
    snprintf(text, sizeof(text), "%s%s", response, send);
    EQ(gw_msrp_parse_chunk(gw_span_str(text), &h, &body, &flag), GW_E_SYNTAX);
    /* an end-line inside the body, so that what follows would be read as a new request */
    snprintf(text, sizeof(text),
             "MSRP abcd SEND\r\nTo-Path: msrp://a:1/x;tcp\r\nFrom-Path: msrp://b:1/y;tcp\r\nContent-Type: a/b\r\n\r\n"
             "hi\r\n-------abcd$\r\n%s\r\n-------abcd$\r\n",
             response);
    EQ(gw_msrp_parse_chunk(gw_span_str(text), &h, &body, &flag), GW_E_SYNTAX);
}

TEST(msrp_011_uris_are_compared_as_rfc_4975_says)
{
    static const struct {
        const char *a, *b;
        bool eq;
    } rows[] = {
        { "msrp://a.example:7/x;tcp", "MSRP://A.EXAMPLE:7/x;TCP", true },
        { "msrp://a.example:7/x;tcp", "msrp://bob@a.example:7/x;tcp;p=1", true },
        { "msrp://a.example:7/x;tcp", "msrps://a.example:7/x;tcp", false },
        { "msrp://a.example:7/x;tcp", "msrp://a.example:7/X;tcp", false }, /* sessions keep their case */
        { "msrp://a.example:7/x;tcp", "msrp://a.example:8/x;tcp", false },
        { "msrp://a.example:2855/x;tcp", "msrp://a.example/x;tcp", false }, /* explicit never equals absent */
        { "msrp://a.example:7/x;tcp", "msrp://a.example:7;tcp", false },
        { "msrp://a.example:7/x;tcp", "msrp://a.example:7/x;dc", false },
        { "msrp://[2001:db8::1]:7/x;tcp", "msrp://[2001:DB8::1]:7/x;tcp", true },
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        EQ(gw_msrp_uri_eq(gw_span_str(rows[i].a), gw_span_str(rows[i].b)), rows[i].eq);
}

TEST(msrp_a_head_for_the_other_leg_keeps_what_is_not_ours)
{
    struct gw_msrp_head h;
    struct gw_span body;
    struct gw_msrp_rewrite w = { gw_span_str("newt"),
                                 gw_span_str("msrps://a:1/s;dc"),
                                 gw_span_str("msrps://b:2/t;dc"),
                                 true,
                                 1,
                                 GW_MSRP_UNKNOWN,
                                 25 };
    char flag, buf[1024];
    int n;

    EQ(gw_msrp_parse_chunk(gw_span_str(send), &h, &body, &flag), 0);
    n = gw_msrp_write_head(&h, &w, buf, sizeof(buf));
    CHECK(n > 0);
    buf[n > 0 ? n : 0] = 0;
    STR_EQ(buf, "MSRP newt SEND\r\nTo-Path: msrps://a:1/s;dc\r\nFrom-Path: msrps://b:2/t;dc\r\nMessage-ID: 87652491\r\n"
                "X-Unknown: stays\r\nByte-Range: 1-*/25\r\nContent-Type: text/plain\r\n\r\n");
    EQ(gw_msrp_write_head(&h, &w, buf, (size_t)n - 1), GW_E_LIMIT);
    n = gw_msrp_write_response(&h, 481, "No such session", buf, sizeof(buf));
    buf[n > 0 ? n : 0] = 0;
    STR_EQ(buf, "MSRP a786hjs2 481 No such session\r\n"
                "To-Path: msrp://atlanta.example.com:7654/jshA7weztas;tcp\r\n"
                "From-Path: msrp://biloxi.example.com:12763/kjhd37s2s20w2a;tcp\r\n-------a786hjs2$\r\n");
}
