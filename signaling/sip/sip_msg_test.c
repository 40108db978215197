/* Messages and their pieces. The malformed ones follow the ideas of RFC 4475. */
#include "test.h"

#include <stdlib.h>

#include "sip_priv.h"

#define HEAD                                                                                                           \
    "Via: SIP/2.0/WSS k3f9.invalid;branch=z9hG4bKa1\r\n"                                                               \
    "Max-Forwards: 69\r\n"                                                                                             \
    "From: \"Ann, of A\" <sip:ann@ims.example>;tag=f1\r\n"                                                             \
    "To: <sip:bob@ims.example>\r\n"                                                                                    \
    "Call-ID: c1\r\n"

static struct gw_sip_msg *parse(const char *text)
{
    struct gw_sip_msg *m = NULL;
    char why[64] = "";

    if (gw_sip_msg_parse(gw_span_str(text), &m, why, sizeof(why)))
        gw_test_fail(__FILE__, __LINE__, "refused: %s\n%s", why, text);
    return m;
}

static void refused(const char *text, int err, const char *why)
{
    struct gw_sip_msg *m = NULL;
    char got[64] = "";

    EQ(gw_sip_msg_parse(gw_span_str(text), &m, got, sizeof(got)), err);
    STR_EQ(got, why);
    gw_sip_msg_free(m);
}

static char *join(char *buf, size_t size, const char *name, const char *value)
{
    strncat(buf, name, size - strlen(buf) - 1);
    strncat(buf, ": ", size - strlen(buf) - 1);
    strncat(buf, value, size - strlen(buf) - 1);
    strncat(buf, "\n", size - strlen(buf) - 1);
    return buf;
}

static char all[4096];
static void collect(void *arg, const char *name, const char *value)
{
    join(all, sizeof(all), name, value);
}

TEST(what_came_goes_out_as_it_came)
{
    static const char in[] =
        "INVITE sip:bob@ims.example SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\n"
        "X-Odd:  kept ,as;it=\"is\"\r\n"
        "Contact: <sip:a@b.invalid;transport=ws>;reg-id=1;+sip.instance=\"<urn:uuid:0c6,7>\";expires=600\r\n"
        "x-odd: second\r\n"
        "Supported: path, gruu,outbound\r\n"
        "Content-Length: 0\r\n\r\n";
    struct gw_sip_msg *m = parse(in);
    char *out;
    size_t len;

    memset(all, 0, sizeof(all));
    gw_sip_msg_each(m, collect, NULL);
    STR_EQ(all,
           "Via: SIP/2.0/WSS k3f9.invalid;branch=z9hG4bKa1\nMax-Forwards: 69\n"
           "From: \"Ann, of A\" <sip:ann@ims.example>;tag=f1\nTo: <sip:bob@ims.example>\nCall-ID: c1\nCSeq: 1 INVITE\n"
           "X-Odd: kept ,as;it=\"is\"\n"
           "Contact: <sip:a@b.invalid;transport=ws>;reg-id=1;+sip.instance=\"<urn:uuid:0c6,7>\";expires=600\n"
           "x-odd: second\nSupported: path, gruu, outbound\n");
    STR_EQ(gw_sip_msg_get(m, "k", 2), "outbound");
    CHECK(gw_sip_msg_get(m, "Supported", 3) == NULL);
    STR_EQ(gw_sip_msg_get(m, "X-ODD", 1), "second");
    CHECK(gw_sip_msg_has_token(m, "supported", "GRUU"));
    CHECK(!gw_sip_msg_has_token(m, "supported", "gru"));
    out = gw_sip_msg_write(m, &len);
    EQ(len, strlen(out));
    CHECK(strstr(out, "Supported: path, gruu, outbound\r\nContent-Length: 0\r\n\r\n") != NULL);
    free(out);
    gw_sip_msg_free(m);
}

TEST(compact_and_folded_headers_are_the_long_ones)
{
    struct gw_sip_msg *m =
        parse("OPTIONS sip:x SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1, SIP/2.0/TCP g;branch=z9hG4bK2\r\n"
              "f: <sip:a@b>\r\n  ;tag=1\r\nt: <sip:a@b>\r\ni: 1\r\nCSeq: 4\r\n OPTIONS\r\nl: 0\r\n\r\n");

    STR_EQ(gw_sip_msg_get(m, "Via", 1), "SIP/2.0/TCP g;branch=z9hG4bK2");
    STR_EQ(gw_sip_msg_get(m, "From", 0), "<sip:a@b> ;tag=1");
    STR_EQ(gw_sip_msg_get(m, "CSeq", 0), "4 OPTIONS");
    gw_sip_msg_free(m);
}

/* SIG-009: RFC 7118 s. 5 */
TEST(without_content_length_the_body_is_the_rest)
{
    struct gw_sip_msg *m =
        parse("INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n");

    SPAN_EQ(gw_sip_msg_body(m), "v=0\r\n");
    gw_sip_msg_free(m);
    m = parse("INVITE sip:x SIP/2.0\r\n" HEAD
              "CSeq: 1 INVITE\r\nContent-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0\r\n");
    SPAN_EQ(gw_sip_msg_body(m), "v=0"); /* shorter: cut */
    gw_sip_msg_free(m);
}

/* ERR-001: section 6, SIP */
TEST(a_refusal_names_the_header_at_fault)
{
    static const struct {
        const char *text;
        int err;
        const char *why;
    } bad[] = {
        { "INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: 1 OPTIONS\r\n\r\n", GW_E_SYNTAX, "CSeq Method Does Not Match" },
        { "INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: 36893488147419103232 INVITE\r\n\r\n", GW_E_SYNTAX, "Bad CSeq" },
        { "INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: INVITE\r\n\r\n", GW_E_SYNTAX, "Bad CSeq" },
        { "INVITE sip:x SIP/2.0\r\n" HEAD "\r\n", GW_E_SYNTAX, "Missing CSeq" },
        { "INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\nContent-Length: -1\r\n\r\n", GW_E_SYNTAX,
          "Bad Content-Length" },
        { "INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\nContent-Length: 9\r\n\r\n1", GW_E_SYNTAX,
          "Content-Length Beyond Message" },
        { "INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\nl: 1\r\nContent-Length: 2\r\n\r\n12", GW_E_SYNTAX,
          "Bad Content-Length" },
        { "INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\n\r\nv=0", GW_E_SYNTAX, "Missing Content-Type" },
        { "INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\nFrom: <sip:b@c>;tag=2\r\n\r\n", GW_E_SYNTAX,
          "More Than One From" },
        { "INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\nMax-Forwards: 1\r\n\r\n", GW_E_SYNTAX,
          "More Than One Max-Forwards" },
        { "INVITE sip:x SIP/3.0\r\n" HEAD "CSeq: 1 INVITE\r\n\r\n", GW_E_UNSUPPORTED, "Version Not Supported" },
        { "INVITE <sip:x> SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\n\r\n", GW_E_SYNTAX, "Bad Request-URI" },
        { "INVITE sip:a; b SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\n\r\n", GW_E_SYNTAX, "Bad Request-URI" },
        { "INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\nno colon here\r\n\r\n", GW_E_SYNTAX, "Bad Header Line" },
        { "INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\nSubject: \001\r\n\r\n", GW_E_SYNTAX, "Bad Subject" },
        { "INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\nContact: \"Joe <sip:joe@x>\r\n\r\n", GW_E_SYNTAX,
          "Bad Contact" },
        { "INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\nRoute: <sip:x\r\n\r\n", GW_E_SYNTAX, "Bad Route" },
        { "INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\nRefer-To: <\r\n\r\n", GW_E_SYNTAX, "Bad Refer-To" },
        { "INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\n", GW_E_SYNTAX, "Message Ends Within Headers" },
        { "hello", GW_E_SYNTAX, "Bad Start Line" },
        { "SIP/2.0 4294967301 no\r\n" HEAD "CSeq: 1 INVITE\r\n\r\n", GW_E_SYNTAX, "Bad Start Line" },
        { "\r\n\r\n", GW_E_SYNTAX, "Bad Start Line" },
    };

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refused(bad[i].text, bad[i].err, bad[i].why);
}

TEST(a_message_over_64_kib_is_refused_as_too_large)
{
    static char big[GW_SIP_TEXT_MAX + 1024];
    size_t n = (size_t)snprintf(big, sizeof(big),
                                "INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\nContent-Type: a/b\r\n\r\n");

    memset(big + n, 'x', GW_SIP_TEXT_MAX + 1);
    big[n + GW_SIP_TEXT_MAX + 1] = '\0';
    refused(big, GW_E_LIMIT, "Message Too Large");
    big[n + GW_SIP_TEXT_MAX] = '\0';
    gw_sip_msg_free(parse(big));
}

TEST(what_a_browser_does_not_need_to_get_right_is_carried)
{
    /* a malformed header of no use to the gateway is not worth a call (RFC 4475 s. 3.3.5) */
    struct gw_sip_msg *m =
        parse("INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\nWarning: 1812 overture \"x\r\nDate: never\r\n\r\n");

    STR_EQ(gw_sip_msg_get(m, "Date", 0), "never");
    gw_sip_msg_free(m);
}

TEST(elements_are_put_in_where_they_belong)
{
    struct gw_sip_msg *m = gw_sip_msg_request("INVITE", "sip:x");
    char *text;

    EQ(gw_sip_msg_add(m, "Call-ID", "1"), 0);
    EQ(gw_sip_msg_add(m, "Route", "<sip:a;lr>, <sip:b,c;lr>"), 0);
    EQ(gw_sip_msg_add(m, "Subject", "a, b"), 0);
    EQ(gw_sip_msg_push(m, "Route", "<sip:first;lr>"), 0);
    EQ(gw_sip_msg_push(m, "Via", "SIP/2.0/UDP h"), 0);
    EQ(gw_sip_msg_add(m, "Route", "<sip:last;lr>"), 0);
    gw_sip_msg_remove_at(m, "Route", 1);
    EQ(gw_sip_msg_set(m, "Call-ID", gw_sip_msg_get(m, "Subject", 0)), 0);
    EQ(gw_sip_msg_add(m, "Subject", "x\r\nVia: forged"), GW_E_INVAL);
    EQ(gw_sip_msg_set(m, "Content-Length", "77"), 0);
    text = gw_sip_msg_write(m, NULL);
    STR_EQ(text, "INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nCall-ID: a, b\r\nRoute: <sip:first;lr>\r\n"
                 "Route: <sip:b,c;lr>\r\nRoute: <sip:last;lr>\r\nSubject: a, b\r\nContent-Length: 0\r\n\r\n");
    free(text);
    gw_sip_msg_free(m);
}

TEST(a_response_copies_what_rfc_3261_says)
{
    struct gw_sip_msg *req = parse("INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK0\r\n" HEAD
                                   "CSeq: 1 INVITE\r\nRecord-Route: <sip:p;lr>\r\nTimestamp: 4\r\n\r\n");
    struct gw_sip_msg *m = gw_sip_msg_response(req, 180, NULL, "t9");
    char *text = gw_sip_msg_write(m, NULL);

    STR_EQ(text, "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK0\r\nVia: SIP/2.0/WSS "
                 "k3f9.invalid;branch=z9hG4bKa1\r\n"
                 "Record-Route: <sip:p;lr>\r\nFrom: \"Ann, of A\" <sip:ann@ims.example>;tag=f1\r\n"
                 "To: <sip:bob@ims.example>;tag=t9\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n");
    EQ(gw_sip_msg_method(m), GW_SIP_INVITE);
    free(text);
    gw_sip_msg_free(m);
    m = gw_sip_msg_response(req, 100, NULL, "t9");
    STR_EQ(gw_sip_msg_get(m, "To", 0), "<sip:bob@ims.example>");
    STR_EQ(gw_sip_msg_get(m, "Timestamp", 0), "4");
    gw_sip_msg_free(m);
    gw_sip_msg_free(req);
}

TEST(the_sdp_of_a_multipart_is_found)
{
    struct gw_sip_msg *m =
        parse("INVITE sip:x SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\n"
              "Content-Type: multipart/mixed; boundary=\"b 1\"\r\n\r\n"
              "preamble --b 1\r\n--b 12\r\n--b 1 \r\nContent-Type: text/x\r\n\r\nno\r\n"
              "--b 1\r\nContent-Disposition: session\r\nc: Application/SDP;x=y\r\n\r\nv=0\r\n\r\n--b 1--\r\nend");
    struct gw_span part;

    CHECK(gw_sip_msg_find_body(m, "application/sdp", &part));
    SPAN_EQ(part, "v=0\r\n");
    CHECK(!gw_sip_msg_find_body(m, "application/xml", &part));
    gw_sip_msg_free(m);
}

TEST(uris_and_parameters_are_taken_out_of_headers)
{
    char buf[64];
    struct gw_sip_uri u;

    EQ(gw_sip_uri_of("\"a <b> c\" <sip:x@y;lr>;tag=1", buf, sizeof(buf)), 0);
    STR_EQ(buf, "sip:x@y;lr");
    EQ(gw_sip_uri_of("sip:x@y;tag=1", buf, sizeof(buf)), 0);
    STR_EQ(buf, "sip:x@y");
    EQ(gw_sip_uri_of("*", buf, sizeof(buf)), GW_E_SYNTAX);
    EQ(gw_sip_param("<sip:x;tag=no>; Tag = \"a\\\"b;c\";ob", "tag", buf, sizeof(buf)), 0);
    STR_EQ(buf, "a\"b;c");
    EQ(gw_sip_param("<sip:x>;a=\";tag=no\";ob", "tag", buf, sizeof(buf)), GW_E_NOTFOUND);
    EQ(gw_sip_param("<sip:x>;ob", "ob", buf, sizeof(buf)), 0);
    STR_EQ(buf, "");
    EQ(gw_sip_param("SIP/2.0/UDP h;branch=z9", "branch", buf, sizeof(buf)), 0);
    STR_EQ(buf, "z9");
    EQ(gw_sip_param("<sip:x>;tag=abcdef", "tag", buf, 4), GW_E_LIMIT);
    EQ(gw_sip_uri_parse("SIPS:a%40b;c=d:pw@[2001:db8::1]:5061;transport=ws;lr?x=y", &u), 0);
    STR_EQ(u.scheme, "sips");
    STR_EQ(u.user, "a%40b;c=d");
    STR_EQ(u.host, "[2001:db8::1]");
    EQ(u.port, 5061);
    EQ(gw_sip_uri_param(&u, "LR", buf, sizeof(buf)), 0);
    EQ(gw_sip_uri_param(&u, "transport", buf, sizeof(buf)), 0);
    STR_EQ(buf, "ws");
    EQ(gw_sip_uri_parse("tel:+1-555;phone-context=x", &u), 0);
    STR_EQ(u.user, "+1-555");
    STR_EQ(u.params, "phone-context=x");
    EQ(gw_sip_uri_parse("sip:", &u), GW_E_SYNTAX);
    EQ(gw_sip_uri_parse("sip:a@", &u), GW_E_SYNTAX);
    EQ(gw_sip_uri_parse("sip:a@b:0", &u), GW_E_SYNTAX);
    EQ(gw_sip_uri_parse("sip:a@b:65536", &u), GW_E_SYNTAX);
    EQ(gw_sip_uri_parse("no-scheme", &u), GW_E_SYNTAX);
}
