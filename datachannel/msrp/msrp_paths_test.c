/* MSRP between two connections: paths are rewritten, all else is as it came (TS 23.334 s. 5.11.3, RFC 4975). */
#include "datachannel/msrp/msrp_paths.h"

#include <test.h>

#define OWN0 "msrps://198.51.100.5:20002/aaaa;tcp"
#define OWN1 "msrp://10.0.0.5:20004/bbbb;tcp"
#define PHONE "msrps://192.0.2.9:49152/phone;tcp"
#define CORE "msrp://relay.example:2855/r1;tcp msrp://10.0.0.9:9000/core;tcp"

static char got[2][65536];
static size_t ngot[2];

static void on_out(void *arg, unsigned side, struct gw_span o)
{
    (void)arg;
    CHECK(ngot[side] + o.len < sizeof(got[side]));
    memcpy(got[side] + ngot[side], o.ptr, o.len);
    ngot[side] += o.len;
    got[side][ngot[side]] = 0;
}

static struct gw_msrp_paths *open_paths(void)
{
    const struct gw_msrp_paths_config c = { { { OWN0, PHONE, true }, { OWN1, CORE, true } }, on_out, NULL };
    struct gw_msrp_paths *p = NULL;

    ngot[0] = ngot[1] = 0;
    got[0][0] = got[1][0] = 0;
    EQ(gw_msrp_paths_new(&c, &p), 0);
    return p;
}

static int say(struct gw_msrp_paths *p, unsigned from, const char *text)
{
    return gw_msrp_paths_input(p, from, gw_span_str(text));
}

#define HEAD(tid, what, to, from) "MSRP " tid " " what "\r\nTo-Path: " to "\r\nFrom-Path: " from "\r\n"
#define MORE "Message-ID: m9x1\r\nByte-Range: 1-5/5\r\nX-Kept: as it  is\r\nContent-Type: text/plain\r\n\r\nhello\r\n"

TEST(paths_of_the_other_leg_and_all_else_as_it_came)
{
    struct gw_msrp_paths *p = open_paths();

    EQ(say(p, 0, HEAD("abcd", "SEND", OWN0, PHONE) MORE "-------abcd$\r\n"), 0);
    STR_EQ(got[1], HEAD("abcd", "SEND", CORE, OWN1) MORE "-------abcd$\r\n");
    EQ(say(p, 1, HEAD("abcd", "200 OK", OWN1, "msrp://relay.example:2855/r1;tcp") "-------abcd$\r\n"), 0);
    STR_EQ(got[0], HEAD("abcd", "200 OK", PHONE, OWN0) "-------abcd$\r\n");
    ngot[0] = 0;
    EQ(say(p, 1, HEAD("efgh", "SEND", OWN1, CORE) MORE "-------efgh+\r\n"), 0);
    STR_EQ(got[0], HEAD("efgh", "SEND", PHONE, OWN0) MORE "-------efgh+\r\n");
    ngot[1] = 0;
    EQ(say(p, 0, HEAD("efgh", "200 OK", OWN0, PHONE) "-------efgh$\r\n"), 0);
    STR_EQ(got[1], HEAD("efgh", "200 OK", "msrp://relay.example:2855/r1;tcp", OWN1) "-------efgh$\r\n");
    EQ(gw_msrp_paths_counts(p)->messages[0], 2);
    EQ(gw_msrp_paths_counts(p)->octets[0], 5);
    gw_msrp_paths_free(p);
}

TEST(octets_may_come_one_by_one_or_all_at_once)
{
    static const char two[] = HEAD("abcd", "SEND", OWN0, PHONE) MORE
        "-------abcd$\r\n" HEAD("bodyless", "SEND", OWN0, PHONE) "Message-ID: m1x1\r\n-------bodyless$\r\n" HEAD(
            "ijkl", "REPORT", OWN0, PHONE) "Status: 000 200\r\n-------ijkl$\r\n";
    static const char want[] = HEAD("abcd", "SEND", CORE, OWN1) MORE
        "-------abcd$\r\n" HEAD("bodyless", "SEND", CORE, OWN1) "Message-ID: m1x1\r\n-------bodyless$\r\n" HEAD(
            "ijkl", "REPORT", CORE, OWN1) "Status: 000 200\r\n-------ijkl$\r\n";

    for (size_t cut = 1; cut < sizeof(two); cut += cut < 8 ? 1 : 37) {
        struct gw_msrp_paths *p = open_paths();
        for (size_t at = 0; at < sizeof(two) - 1; at += cut) {
            size_t n = sizeof(two) - 1 - at < cut ? sizeof(two) - 1 - at : cut;
            EQ(gw_msrp_paths_input(p, 0, (struct gw_span){ two + at, n }), 0);
        }
        STR_EQ(got[1], want);
        gw_msrp_paths_free(p);
    }
}

TEST(a_request_for_another_session_is_481_and_the_next_one_passes)
{
    struct gw_msrp_paths *p = open_paths();

    EQ(say(p, 0, HEAD("abcd", "SEND", "msrps://198.51.100.5:20002/zzzz;tcp", PHONE) MORE "-------abcd$\r\n"), 0);
    STR_EQ(got[1], "");
    STR_EQ(got[0], "MSRP abcd 481 No such session\r\nTo-Path: " PHONE
                   "\r\nFrom-Path: msrps://198.51.100.5:20002/zzzz;tcp\r\n-------abcd$\r\n");
    EQ(say(p, 0, HEAD("efgh", "SEND", OWN0, PHONE) MORE "-------efgh$\r\n"), 0);
    STR_EQ(got[1], HEAD("efgh", "SEND", CORE, OWN1) MORE "-------efgh$\r\n");
    EQ(gw_msrp_paths_counts(p)->refused[0], 1);
    gw_msrp_paths_free(p);
}

TEST(an_answer_of_ours_waits_for_the_end_of_a_message_on_its_way)
{
    struct gw_msrp_paths *p = open_paths();

    EQ(say(p, 1, HEAD("long", "SEND", OWN1, CORE) "Message-ID: m1x1\r\nContent-Type: a/b\r\n\r\nhalf"), 0);
    ngot[0] = 0;
    got[0][0] = 0;
    EQ(say(p, 0, HEAD("abcd", "AUTH", OWN0, PHONE) "-------abcd$\r\n"), 0);
    STR_EQ(got[0], "");
    EQ(say(p, 1, " whole\r\n-------long$\r\n"), 0);
    STR_EQ(got[0], " whole\r\n-------long$\r\nMSRP abcd 501 Method not supported\r\nTo-Path: " PHONE
                   "\r\nFrom-Path: " OWN0 "\r\n-------abcd$\r\n");
    gw_msrp_paths_free(p);
}

TEST(a_direction_that_is_closed_is_403)
{
    struct gw_msrp_paths *p = open_paths();

    gw_msrp_paths_allow(p, 0, false);
    EQ(say(p, 0, HEAD("abcd", "SEND", OWN0, PHONE) MORE "-------abcd$\r\n"), 0);
    STR_EQ(got[1], "");
    CHECK(strncmp(got[0], "MSRP abcd 403 Direction\r\n", 25) == 0);
    EQ(say(p, 0, HEAD("efgh", "REPORT", OWN0, PHONE) "Status: 000 200\r\n-------efgh$\r\n"), 0);
    CHECK(strstr(got[1], "efgh REPORT") != NULL);
    gw_msrp_paths_free(p);
}

TEST(what_is_not_msrp_ends_the_connection)
{
    struct gw_msrp_paths *p = open_paths();
    static char big[GW_MSRP_HEADERS_MAX + 100];

    CHECK(say(p, 0, "GET / HTTP/1.1\r\n\r\n") < 0);
    gw_msrp_paths_reset(p);
    memset(big, 'x', sizeof(big) - 1);
    memcpy(big, "MSRP abcd SEND\r\nTo-Path: ", 25);
    CHECK(say(p, 0, big) < 0);
    gw_msrp_paths_reset(p);
    EQ(say(p, 1, HEAD("abcd", "REPORT", OWN1, CORE) "Content-Type: a/b\r\n\r\n"), 0);
    CHECK(say(p, 1, big) < 0); /* the body of anything but SEND is short (RFC 4975 s. 7.1) */
    gw_msrp_paths_free(p);
}
