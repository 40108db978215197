#include "signaling/sdp/sdp.h"

#include <stdlib.h>

#include "signaling/sdp/sdp_attr.h"
#include "test.h"

static struct gw_sdp *parse(const char *text)
{
    struct gw_sdp *sdp = NULL;
    struct gw_sdp_error why = { 0, "" };

    EQ(gw_sdp_parse(gw_span_str(text), &sdp, &why), 0);
    STR_EQ(why.what, "");
    return sdp;
}

static void refused(const char *text, int err, unsigned line, const char *what)
{
    struct gw_sdp *sdp = NULL;
    struct gw_sdp_error why = { 0, "" };

    EQ(gw_sdp_parse(gw_span_str(text), &sdp, &why), err);
    EQ(why.line, line);
    STR_EQ(why.what, what);
    CHECK(sdp == NULL);
}

TEST(unknown_lines_survive_in_order)
{
    static const char text[] = "v=0\r\n"
                               "o=- 4611 2 IN IP4 127.0.0.1\r\n"
                               "s=-\r\n"
                               "y=a letter from tomorrow\r\n"
                               "t=0 0\r\n"
                               "a=tool:x:y\r\n"
                               "m=audio 49170/2 RTP/AVP 0 8\r\n"
                               "z=1\r\n"
                               "a=who-knows\r\n"
                               "c=IN IP4 192.0.2.1\r\n"
                               "m=video 0 RTP/AVPF 96\r\n";
    struct gw_sdp *sdp = parse(text);
    struct gw_sdp_buf b = { 0 };

    EQ(sdp->nmedia, 2);
    EQ(sdp->session.nlines, 6);
    EQ(sdp->media[0].section.nlines, 3);
    EQ(sdp->media[0].port, 49170);
    EQ(sdp->media[0].nports, 2);
    SPAN_EQ(sdp->media[0].proto, "RTP/AVP");
    SPAN_EQ(sdp->media[0].fmts, "0 8");
    EQ(sdp->media[1].port, 0);
    gw_sdp_write(sdp, &b);
    EQ(b.err, 0);
    STR_EQ(b.text, text);
    gw_sdp_buf_fini(&b);
    gw_sdp_free(sdp);
}

TEST(bare_line_feeds_and_a_missing_last_one_are_read)
{
    struct gw_sdp *sdp = parse("v=0\no=- 1 1 IN IP4 1.1.1.1\ns=-\nm=audio 9 RTP/AVP 0\na=sendonly");
    struct gw_sdp *tail = parse("v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\n\r\n\r\n");

    EQ(gw_sdp_direction(sdp, &sdp->media[0]), GW_SDP_SENDONLY);
    EQ(tail->nmedia, 0);
    gw_sdp_free(sdp);
    gw_sdp_free(tail);
}

TEST(errors_name_the_line_and_what_is_wrong)
{
    refused("", GW_E_SYNTAX, 0, "empty");
    refused("o=- 1 1 IN IP4 1.1.1.1\r\n", GW_E_SYNTAX, 1, "does not begin with v=0");
    refused("v=0\r\ns=-\r\n", GW_E_SYNTAX, 2, "no o= line");
    refused("v=0\r\no=x\r\nhello\r\n", GW_E_SYNTAX, 3, "not a type=value line");
    refused("v=0\r\no=x\r\n\r\ns=-\r\n", GW_E_SYNTAX, 4, "empty line");
    refused("v=0\r\no=x\r\nv=0\r\n", GW_E_SYNTAX, 3, "second v= line");
    refused("v=0\r\no=x\r\nm=audio 70000 RTP/AVP 0\r\n", GW_E_SYNTAX, 3, "port of m-line");
    refused("v=0\r\no=x\r\nm=audio 1/0 RTP/AVP 0\r\n", GW_E_SYNTAX, 3, "number of ports of m-line");
    refused("v=0\r\no=x\r\nm=audio 1\r\n", GW_E_SYNTAX, 3, "m-line too short");
    refused("v=0\r\no=x\r\nm=audio 1 RTP/AVP  \r\n", GW_E_SYNTAX, 3, "m-line without format");
    refused("v=0\r\no=x\r\ns=a\rb\r\n", GW_E_SYNTAX, 3, "NUL or CR inside a line");
}

TEST(every_bound_is_kept)
{
    struct gw_sdp_buf b = { 0 };
    struct gw_sdp *sdp;
    char *text;

    gw_sdp_printf(&b, "v=0\r\no=x\r\n");
    for (int i = 0; i < GW_SDP_MEDIA; i++)
        gw_sdp_printf(&b, "m=audio 1 RTP/AVP 0\r\n");
    sdp = parse(b.text);
    EQ(sdp->nmedia, GW_SDP_MEDIA);
    gw_sdp_free(sdp);
    gw_sdp_printf(&b, "m=audio 1 RTP/AVP 0\r\n");
    refused(b.text, GW_E_LIMIT, GW_SDP_MEDIA + 3, "too many m-lines");
    gw_sdp_buf_fini(&b);

    gw_sdp_printf(&b, "v=0\r\no=x\r\nm=audio 1 RTP/AVP 0\r\n");
    for (int i = 0; i < GW_SDP_LINES; i++)
        gw_sdp_printf(&b, "a=x\r\n");
    sdp = parse(b.text);
    EQ(sdp->media[0].section.nlines, GW_SDP_LINES);
    gw_sdp_free(sdp);
    gw_sdp_printf(&b, "a=x\r\n");
    refused(b.text, GW_E_LIMIT, GW_SDP_LINES + 4, "too many lines in a section");
    gw_sdp_buf_fini(&b);

    gw_sdp_printf(&b, "v=0\r\no=%0*d\r\n", GW_SDP_LINE - 2, 1);
    gw_sdp_free(parse(b.text));
    gw_sdp_printf(&b, "s=%0*d\r\n", GW_SDP_LINE - 1, 1);
    refused(b.text, GW_E_LIMIT, 3, "line too long");
    gw_sdp_buf_fini(&b);

    text = malloc(GW_SDP_SIZE + 2);
    memset(text, 'a', GW_SDP_SIZE + 1);
    text[GW_SDP_SIZE + 1] = 0;
    refused(text, GW_E_LIMIT, 0, "too long");
    free(text);
    while (!b.err)
        gw_sdp_printf(&b, "%01000d", 1);
    EQ(b.err, GW_E_LIMIT); /* what is written is bounded too */
    gw_sdp_buf_fini(&b);
}

TEST(attributes_are_inherited_from_the_session)
{
    struct gw_sdp *sdp = parse("v=0\r\no=x\r\nc=IN IP4 192.0.2.1\r\na=ice-ufrag:sess\r\na=inactive\r\n"
                               "m=audio 1000 RTP/AVP 0\r\na=ice-ufrag:media\r\na=recvonly\r\n"
                               "m=video 2000 RTP/AVP 96\r\nc=IN IP6 2001:db8::2\r\n");
    struct gw_addr addr;
    struct gw_span v;
    char text[GW_ADDR_TEXT];

    CHECK(gw_sdp_inherit(sdp, &sdp->media[0], "ice-ufrag", &v));
    SPAN_EQ(v, "media");
    CHECK(gw_sdp_inherit(sdp, &sdp->media[1], "ice-ufrag", &v));
    SPAN_EQ(v, "sess");
    CHECK(!gw_sdp_inherit(sdp, &sdp->media[1], "ice-pwd", &v));
    EQ(gw_sdp_direction(sdp, &sdp->media[0]), GW_SDP_RECVONLY);
    EQ(gw_sdp_direction(sdp, &sdp->media[1]), GW_SDP_INACTIVE);
    EQ(gw_sdp_address(sdp, &sdp->media[0], &addr), 0);
    STR_EQ(gw_addr_text(&addr, text), "192.0.2.1:1000");
    EQ(gw_sdp_address(sdp, &sdp->media[1], &addr), 0);
    STR_EQ(gw_addr_text(&addr, text), "[2001:db8::2]:2000");
    gw_sdp_free(sdp);
}

TEST(an_address_is_never_a_name_nor_multicast)
{
    struct gw_addr a;

    EQ(gw_sdp_parse_connection(gw_span_str("IN IP4 host.example"), &a), GW_E_UNSUPPORTED);
    EQ(gw_sdp_parse_connection(gw_span_str("IN IP4 224.2.1.1/127"), &a), GW_E_UNSUPPORTED);
    EQ(gw_sdp_parse_connection(gw_span_str("IN IP6 ff02::1"), &a), GW_E_UNSUPPORTED);
    EQ(gw_sdp_parse_connection(gw_span_str("IN IP6 192.0.2.1"), &a), GW_E_SYNTAX);
    EQ(gw_sdp_parse_connection(gw_span_str("IN IP4"), &a), GW_E_SYNTAX);
    EQ(gw_sdp_parse_connection(gw_span_str("ATM IP4 1.2.3.4"), &a), GW_E_SYNTAX);
    EQ(gw_sdp_parse_connection(gw_span_str("IN IP4 1.2.3.4 x"), &a), GW_E_SYNTAX);
    EQ(gw_sdp_parse_connection(gw_span_str("IN IP4 0.0.0.0"), &a), 0);
}

TEST(an_m_line_without_any_address_is_told_so)
{
    struct gw_sdp *sdp = parse("v=0\r\no=x\r\nm=audio 1 RTP/AVP 0\r\n");
    struct gw_addr a;

    EQ(gw_sdp_address(sdp, &sdp->media[0], &a), GW_E_NOTFOUND);
    gw_sdp_free(sdp);
}
