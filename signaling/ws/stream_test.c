/* SIP messages out of a stream of octets (RFC 3261 s. 18.3, RFC 5626 s. 4.4.1). */
#include "stream.h"

#include <test.h>

#define A "OPTIONS sip:a SIP/2.0\r\nContent-Length: 5\r\n\r\nhello"
#define B "SIP/2.0 200 OK\r\nl : 0\r\n\r\n"

TEST(messages_are_cut_where_they_end_however_they_come)
{
    static const char all[] = "\r\n" A "\r\n\r\n" B "\r\n" A;

    for (size_t cut = 1; cut <= sizeof(all); cut++) {
        struct gw_ws_stream s = { 0 };
        char seen[200] = "";
        struct gw_span m;
        int what;

        for (size_t at = 0; at < sizeof(all) - 1; at += cut) {
            size_t n = sizeof(all) - 1 - at < cut ? sizeof(all) - 1 - at : cut;
            EQ(gw_ws_stream_put(&s, (struct gw_span){ all + at, n }), 0);
            while ((what = gw_ws_stream_next(&s, &m)) > 0) {
                if (what == GW_WS_STREAM_PING)
                    strcat(seen, "<ping>");
                else
                    strncat(seen, m.ptr, m.len);
            }
            EQ(what, GW_WS_STREAM_MORE);
        }
        STR_EQ(seen, A "<ping>" B A);
        gw_ws_stream_fini(&s);
    }
}

static int first(const char *text)
{
    struct gw_ws_stream s = { 0 };
    struct gw_span m;
    int what;

    EQ(gw_ws_stream_put(&s, gw_span_str(text)), 0);
    what = gw_ws_stream_next(&s, &m);
    gw_ws_stream_fini(&s);
    return what;
}

TEST(a_stream_whose_next_message_cannot_be_found_is_over)
{
    static char big[GW_WS_STREAM_HEAD + 10];

    EQ(first("OPTIONS sip:a SIP/2.0\r\nFrom: x\r\n\r\n"), GW_E_SYNTAX);
    EQ(first("OPTIONS sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n"), GW_E_SYNTAX);
    EQ(first("OPTIONS sip:a SIP/2.0\r\nContent-Length: 1x\r\n\r\n"), GW_E_SYNTAX);
    EQ(first("OPTIONS sip:a SIP/2.0\r\nContent-Length: 99999999999999999999\r\n\r\n"), GW_E_LIMIT);
    memset(big, 'x', sizeof(big) - 1);
    EQ(first(big), GW_E_LIMIT);
    EQ(first("OPTIONS sip:a SIP/2.0\r\nContent-Length: 60000\r\n\r\n"), GW_WS_STREAM_MORE);
}
