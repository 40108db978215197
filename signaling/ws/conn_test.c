/* Connections of the front without sockets: octets in, octets out. The handshake is that of specs/signalling.md 1.1,
 * the refusals those of its section 6. */
#include "test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "conn.h"
#include "gateway/base/stats.h"
#include "site_priv.h"

static struct gw_site site;
static struct gw_conf *conf;
static struct gw_ws_conn *conn;
static struct gw_ws_event *events[64];
static unsigned nevents;
static bool is_full;
static uint64_t now;

static int on_event(void *arg, struct gw_ws_event **e)
{
    if (is_full || nevents == 64)
        return GW_E_FULL;
    events[nevents++] = *e;
    *e = NULL;
    return 0;
}

static void open_with(const char *settings)
{
    struct gw_addr peer, local;
    char why[200] = "";

    EQ(gw_conf_parse("test", settings, strlen(settings), &conf, why, sizeof(why)), 0);
    memset(&site, 0, sizeof(site));
    site.conf = conf;
    site.on_event = on_event;
    now = 1000 * GW_S;
    gw_addr_parse("192.0.2.7:4000", &peer);
    gw_addr_parse("192.0.2.1:8443", &local);
    EQ(gw_ws_conn_new(&site, 42, &peer, &local, true, false, now, &conn), 0);
}

static void finish(void)
{
    struct gw_ws_event *late = NULL;

    gw_ws_conn_free(conn, &late);
    gw_ws_event_free(late);
    for (unsigned i = 0; i < nevents; i++)
        gw_ws_event_free(events[i]);
    nevents = 0;
    is_full = false;
    gw_site_fini(&site);
    gw_conf_free(conf);
    EQ(gw_stats_read(GW_STAT_WS_CONNECTIONS), 0);
    EQ(gw_stats_read(GW_STAT_HTTP_CONNECTIONS), 0);
}

static void feed(const void *data, size_t len)
{
    gw_ws_conn_rx(conn, (struct gw_span){ data, len }, now);
}

static void say(const char *s)
{
    feed(s, strlen(s));
}

/* All that waits to be written, as a C string (and its length). */
static char sent[200000];
static size_t nsent;
static const char *take(void)
{
    struct gw_span out;

    nsent = 0;
    while ((out = gw_ws_conn_out(conn)).len) {
        memcpy(sent + nsent, out.ptr, out.len);
        nsent += out.len;
        gw_ws_conn_sent(conn, out.len);
    }
    sent[nsent] = '\0';
    return sent;
}

#define HANDSHAKE                                                                                                      \
    "Host: gw.ims.example\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"                                \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n"

static void open_ws(const char *settings)
{
    static const char in[] = "GET /sip HTTP/1.1\r\n" HANDSHAKE "\r\n";

    open_with(settings);
    say(in);
    CHECK(strncmp(take(), "HTTP/1.1 101 ", 13) == 0);
    EQ(nevents, 1);
}

/* A masked client frame. */
static void frame(uint8_t first, const void *data, size_t len)
{
    static uint8_t buf[80000];
    static const uint8_t mask[4] = { 1, 2, 3, 4 };
    const uint8_t *p = data;
    size_t n = 0;

    buf[n++] = first;
    if (len < 126) {
        buf[n++] = (uint8_t)(0x80 | len);
    } else if (len < 65536) {
        buf[n++] = 0x80 | 126;
        buf[n++] = (uint8_t)(len >> 8);
        buf[n++] = (uint8_t)len;
    } else {
        buf[n++] = 0x80 | 127;
        for (int i = 7; i >= 0; i--)
            buf[n++] = (uint8_t)((uint64_t)len >> (8 * i));
    }
    memcpy(buf + n, mask, 4);
    n += 4;
    for (size_t i = 0; i < len; i++)
        buf[n + i] = p[i] ^ mask[i & 3];
    feed(buf, n + len);
}

static void text(const char *s)
{
    frame(0x81, s, strlen(s));
}

static unsigned close_code(void)
{
    take();
    for (size_t i = 0; i + 4 <= nsent;) {
        size_t len = (uint8_t)sent[i + 1];

        if ((uint8_t)sent[i] == 0x88)
            return (unsigned)(uint8_t)sent[i + 2] << 8 | (uint8_t)sent[i + 3];
        i += 2 + len;
    }
    return 0;
}

/* SIG-001, SIG-002: RFC 6455 s. 1.3, its own example */
TEST(the_handshake_is_answered_with_accept_and_sip)
{
    static const char in[] =
        "GET /sip?access_token=a%2eb HTTP/1.1\r\nHost: gw.ims.example\r\nUPGRADE: foo, WebSocket\r\n"
        "connection: keep-alive, UPGRADE\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp, sip\r\nOrigin: https://gw.ims.example\r\n\r\n";

    open_with("");
    for (size_t i = 0; i < strlen(in); i++) /* octet by octet */
        feed(in + i, 1);
    STR_EQ(take(), "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n");
    EQ(nevents, 1);
    EQ(events[0]->type, GW_WS_OPEN);
    EQ(events[0]->conn, 42);
    EQ(events[0]->is_tls, 1);
    STR_EQ(events[0]->host, "gw.ims.example");
    STR_EQ(events[0]->data, "a.b");
    finish();
}

/* ERR-001, SIG-001, SIG-004 */
TEST(every_refusal_of_a_handshake_has_its_answer)
{
    static const struct {
        const char *settings, *in, *answer;
    } rows[] = {
        { "", "POST /sip HTTP/1.1\r\n" HANDSHAKE "\r\n", "HTTP/1.1 405 " },
        { "", "GET /sip HTTP/1.0\r\n" HANDSHAKE "\r\n", "HTTP/1.1 400 " },
        { "", "GET /sip HTTP/2.0\r\n\r\n", "HTTP/1.1 400 " },
        { "", "GET /sip HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 " },
        { "", "GET /sip HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", "HTTP/1.1 400 " },
        { "", "GET /sip HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n", "HTTP/1.1 400 " },
        { "", "GET /sip HTTP/1.1\r\nHost: a\r\n" HANDSHAKE "\r\n", "HTTP/1.1 400 " },
        { "",
          "GET /sip HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: "
          "8\r\n\r\n",
          "HTTP/1.1 426 " },
        { "",
          "GET /sip HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Key: c2hvcnQ=\r\nSec-WebSocket-Protocol: sip\r\n\r\n",
          "HTTP/1.1 400 " },
        { "",
          "GET /sip HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat\r\n\r\n",
          "HTTP/1.1 400 " },
        { "", "GET /sip HTTP/1.1\r\nOrigin: https://evil.example\r\n" HANDSHAKE "\r\n", "HTTP/1.1 403 " },
        { "", "GET /sip HTTP/1.1\r\nOrigin: null\r\n" HANDSHAKE "\r\n", "HTTP/1.1 403 " },
        { "ws_origins = https://app.example\n",
          "GET /sip HTTP/1.1\r\nOrigin: https://gw.ims.example\r\n" HANDSHAKE "\r\n", "HTTP/1.1 403 " },
        { "ws_origins = https://app.example\n", "GET / HTTP/1.1\r\nOrigin: https://App.example\r\n" HANDSHAKE "\r\n",
          "HTTP/1.1 101 " },
        { "ws_origins = *\n", "GET /sip HTTP/1.1\r\nOrigin: https://any.example\r\n" HANDSHAKE "\r\n",
          "HTTP/1.1 101 " },
        { "ws_origin_required = yes\n", "GET /sip HTTP/1.1\r\n" HANDSHAKE "\r\n", "HTTP/1.1 403 " },
        { "ws_hosts = other.example\n", "GET /sip HTTP/1.1\r\n" HANDSHAKE "\r\n", "HTTP/1.1 403 " },
        { "ws_hosts = gw.ims.example\n", "GET /sip HTTP/1.1\r\n" HANDSHAKE "\r\n", "HTTP/1.1 101 " },
        { "", "GET /nothing HTTP/1.1\r\n" HANDSHAKE "\r\n", "HTTP/1.1 404 " },
        { "", "GET /sip HTTP/1.1\r\nContent-Length: 3\r\n" HANDSHAKE "\r\nabc", "HTTP/1.1 400 " },
        { "", "GET /sip HTTP/1.1\r\nHost : smuggled\r\n\r\n", "HTTP/1.1 400 " },
        { "", "\x16\x03\x01\x02\n", "HTTP/1.1 400 " },
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool is_open = strstr(rows[i].answer, "101") != NULL;

        open_with(rows[i].settings);
        say(rows[i].in);
        if (strncmp(take(), rows[i].answer, strlen(rows[i].answer)) != 0)
            gw_test_fail(__FILE__, __LINE__, "row %u: %sgot %s", i, rows[i].in, sent);
        EQ(nevents, is_open);
        if (strstr(rows[i].answer, "426"))
            CHECK(strstr(sent, "\r\nSec-WebSocket-Version: 13\r\n") != NULL);
        if (strstr(rows[i].in, "chat"))
            CHECK(strstr(sent, "\r\nSec-WebSocket-Protocol: sip\r\n") != NULL);
        if (strstr(rows[i].answer, "405"))
            CHECK(strstr(sent, "\r\nAllow: GET, HEAD\r\n") != NULL);
        finish();
    }
}

/* ERR-001 */
TEST(a_head_that_is_too_large_is_431_and_a_slow_one_is_cut_off)
{
    static char big[GW_HTTP_HEAD_MAX + 100];
    int n = snprintf(big, sizeof(big), "GET / HTTP/1.1\r\nX: ");

    memset(big + n, 'a', sizeof(big) - (size_t)n);
    open_with("");
    feed(big, sizeof(big));
    CHECK(strncmp(take(), "HTTP/1.1 431 ", 13) == 0);
    CHECK(!gw_ws_conn_is_done(conn)); /* the rest is read away first, or the answer is lost in a reset */
    gw_ws_conn_tick(conn, now += 3 * GW_S);
    CHECK(gw_ws_conn_is_done(conn));
    finish();
    open_with("");
    say("GET / HT");
    gw_ws_conn_tick(conn, now += 9 * GW_S);
    CHECK(!gw_ws_conn_is_done(conn));
    gw_ws_conn_tick(conn, now += 2 * GW_S);
    CHECK(gw_ws_conn_is_done(conn));
    finish();
}

/* ERR-001 */
TEST(limits_and_draining_answer_503_with_retry_after)
{
    static const char in[] = "GET /sip HTTP/1.1\r\n" HANDSHAKE "\r\n";
    struct gw_addr a;

    gw_addr_parse("192.0.2.7:1", &a);
    open_with("ws_max_per_address = 2\n");
    EQ(gw_site_enter(&site, &a), 0);
    EQ(gw_site_enter(&site, &a), 0);
    say(in);
    CHECK(strncmp(take(), "HTTP/1.1 503 ", 13) == 0);
    CHECK(strstr(sent, "\r\nRetry-After: ") != NULL);
    gw_site_leave(&site, &a);
    EQ(gw_site_enter(&site, &a), 0);
    finish();
    open_with("");
    site.is_draining = true;
    say(in);
    CHECK(strncmp(take(), "HTTP/1.1 503 ", 13) == 0);
    finish();
    open_with("");
    site.is_draining = true;
    say("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(strncmp(take(), "HTTP/1.1 503 ", 13) == 0);
    finish();
}

TEST(only_a_trusted_proxy_names_the_client)
{
    static const char in[] =
        "GET /sip HTTP/1.1\r\nX-Forwarded-For: 203.0.113.1, 198.51.100.9, 10.0.0.3\r\n" HANDSHAKE "\r\n";
    char ip[GW_ADDR_TEXT];

    open_with("");
    say(in);
    STR_EQ(gw_addr_ip_text(&events[0]->peer, ip), "192.0.2.7");
    finish();
    open_with("trusted_proxies = 192.0.2.0/24 10.0.0.0/8\n");
    say(in);
    STR_EQ(gw_addr_ip_text(&events[0]->peer, ip), "198.51.100.9"); /* what stands before it is hearsay */
    finish();
}

/* SIG-007, SIG-008 */
TEST(one_message_each_way_is_one_message)
{
    open_ws("");
    text("OPTIONS sip:x SIP/2.0\r\n\r\n");
    frame(0x82, "\xff\x00\x01", 3);
    EQ(nevents, 3);
    EQ(events[1]->type, GW_WS_MESSAGE);
    EQ(events[1]->is_binary, 0);
    STR_EQ(events[1]->data, "OPTIONS sip:x SIP/2.0\r\n\r\n");
    EQ(events[2]->is_binary, 1);
    EQ(events[2]->len, 3);
    gw_ws_conn_send(conn, gw_span_str("SIP/2.0 200 OK\r\n\r\n"), false, now);
    take();
    EQ(nsent, 2 + 18);
    EQ((uint8_t)sent[0], 0x81); /* text, final, not masked */
    EQ(sent[1], 18);
    gw_ws_conn_send(conn, gw_span_str("\xff"), true, now);
    EQ((uint8_t)take()[0], 0x82);
    finish();
}

/* SIG-006 */
TEST(fragments_are_joined_with_control_frames_between)
{
    open_ws("");
    frame(0x01, "OPTI", 4);
    frame(0x89, "hi", 2);
    frame(0x00, "ONS \xc3", 5);
    frame(0x80, "\xa9", 1); /* a character cut by the frames */
    EQ(nevents, 2);
    STR_EQ(events[1]->data, "OPTIONS \xc3\xa9");
    STR_EQ(take(), "\x8a\x02hi"); /* Pong with the same payload */
    finish();
}

/* SIG-010 */
TEST(a_double_crlf_is_answered_by_one)
{
    open_ws("");
    text("\r\n\r\n");
    STR_EQ(take(), "\x81\x02\r\n");
    text("\r\n");
    EQ(nevents, 1);
    EQ(strlen(take()), 0);
    finish();
}

/* SIG-005, ERR-001 */
TEST(frames_against_the_protocol_close_with_their_code)
{
    static const struct {
        const char *in;
        size_t len;
        unsigned code;
    } rows[] = {
        { "\x81\x03"
          "abc",
          5, 1002 },                                        /* not masked */
        { "\xc1\x81\0\0\0\0a", 7, 1002 },                   /* RSV1 */
        { "\x83\x80\0\0\0\0", 6, 1002 },                    /* reserved opcode */
        { "\x8b\x80\0\0\0\0", 6, 1002 },                    /* reserved control opcode */
        { "\x09\x80\0\0\0\0", 6, 1002 },                    /* fragmented Ping */
        { "\x89\xfe\0\x7e\0\0\0\0", 8, 1002 },              /* long Ping */
        { "\x80\x81\0\0\0\0a", 7, 1002 },                   /* continuation of nothing */
        { "\x01\x81\0\0\0\0a\x81\x81\0\0\0\0a", 14, 1002 }, /* a new message inside one */
        { "\x81\xfe\0\x05\0\0\0\0", 8, 1002 },              /* not the shortest length form */
        { "\x81\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", 14, 1002 },
        { "\x81\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 14, 1002 }, /* length over 2^63 */
        { "\x88\x81\0\0\0\0a", 7, 1002 },                   /* Close with half a code */
        { "\x88\x82\0\0\0\0\x03\xed", 8, 1002 },            /* Close 1005 */
        { "\x81\x82\0\0\0\0\xff\xfe", 8, 1007 },
        { "\x81\x81\0\0\0\0\xc3", 7, 1007 },                  /* a character cut by the end */
        { "\x82\xff\0\0\0\0\0\x01\0\x01\0\0\0\0", 14, 1009 }, /* 65537 octets */
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned code;

        open_ws("");
        feed(rows[i].in, rows[i].len);
        code = close_code();
        if (code != rows[i].code)
            gw_test_fail(__FILE__, __LINE__, "row %u: closed with %u, expected %u", i, code, rows[i].code);
        text("OPTIONS sip:x SIP/2.0\r\n\r\n"); /* too late */
        EQ(nevents, 1);
        gw_ws_conn_tick(conn, now += 3 * GW_S);
        CHECK(gw_ws_conn_is_done(conn));
        finish();
    }
}

TEST(a_slow_sender_of_what_is_not_read_hears_the_close_before_the_end)
{
    open_ws("");
    feed("\x82\xff\0\0\0\0\0\x10\0\0\0\0\0\0", 14); /* 1 MiB is to come */
    EQ(close_code(), 1009);
    for (int i = 0; i < 7; i++) {
        gw_ws_conn_tick(conn, now += GW_S);
        CHECK(!gw_ws_conn_is_done(conn));
        say("more");
    }
    gw_ws_conn_tick(conn, now += 3 * GW_S);
    CHECK(gw_ws_conn_is_done(conn));
    finish();
    open_ws("");
    feed("\x82\xff\0\0\0\0\0\x10\0\0\0\0\0\0", 14);
    EQ(close_code(), 1009);
    for (int i = 0; i < 11; i++) { /* for ever is too long */
        say("more");
        gw_ws_conn_tick(conn, now += GW_S);
    }
    CHECK(gw_ws_conn_is_done(conn));
    finish();
}

TEST(a_message_may_have_64_kib_also_in_fragments)
{
    static char big[GW_WS_MESSAGE_MAX + 1];

    memset(big, 'a', sizeof(big));
    open_ws("");
    frame(0x81, big, GW_WS_MESSAGE_MAX);
    EQ(nevents, 2);
    EQ(events[1]->len, GW_WS_MESSAGE_MAX);
    frame(0x01, big, GW_WS_MESSAGE_MAX);
    frame(0x80, big, 1);
    EQ(close_code(), 1009);
    finish();
}

TEST(a_close_is_answered_with_its_code)
{
    open_ws("");
    frame(0x88,
          "\x0b\xb9"
          "bye",
          5); /* 3001 */
    EQ(close_code(), 3001);
    CHECK(gw_ws_conn_is_done(conn));
    finish();
    open_ws("");
    gw_ws_conn_close(conn, 1008, "no", now);
    EQ(close_code(), 1008);
    CHECK(!gw_ws_conn_is_done(conn));
    frame(0x88, "\x03\xf0", 2);
    CHECK(gw_ws_conn_is_done(conn));
    finish();
}

TEST(pings_go_out_and_two_unanswered_end_it)
{
    open_ws("");
    text("OPTIONS sip:x SIP/2.0\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        gw_ws_conn_tick(conn, now += 25 * GW_S);
        STR_EQ(take(), "\x89");
        frame(0x8a, "", 0);
    }
    gw_ws_conn_tick(conn, now += 25 * GW_S);
    gw_ws_conn_tick(conn, now += 25 * GW_S);
    EQ(close_code(), 0);
    gw_ws_conn_tick(conn, now += 25 * GW_S);
    EQ(close_code(), 1001);
    finish();
}

TEST(a_silent_connection_and_a_loud_one_are_closed)
{
    open_ws("ws_silence = 60\n");
    gw_ws_conn_tick(conn, now += 61 * GW_S);
    EQ(close_code(), 1008);
    finish();
    open_ws("ws_message_rate = 10\n");
    for (int i = 0; i < 40; i++) /* four seconds' worth at once */
        text("OPTIONS");
    EQ(nevents, 41);
    now += GW_S / 10;
    text("OPTIONS");
    EQ(nevents, 42);
    text("OPTIONS");
    EQ(nevents, 42);
    EQ(close_code(), 1008);
    finish();
}

TEST(a_reader_that_is_too_slow_is_closed_1013)
{
    static char big[60000];

    memset(big, 'a', sizeof(big));
    open_ws("ws_send_queue = 64\n");
    gw_ws_conn_send(conn, (struct gw_span){ big, sizeof(big) }, false, now);
    gw_ws_conn_send(conn, (struct gw_span){ big, 1000 }, false, now);
    gw_ws_conn_send(conn, (struct gw_span){ big, 10000 }, false, now); /* 71 KB */
    take();
    EQ(nsent, 4 + 60000 + 4 + 8); /* what had begun, and the Close: 2 + 2 + "too slow" */
    EQ((unsigned)(uint8_t)sent[4 + 60000 + 2] << 8 | (uint8_t)sent[4 + 60000 + 3], 1013);
    finish();
}

TEST(a_control_thread_that_is_behind_costs_the_connection_not_the_event)
{
    struct gw_ws_event *late = NULL;

    open_ws("");
    is_full = true;
    text("OPTIONS sip:x SIP/2.0\r\n\r\n");
    EQ(close_code(), 1013);
    gw_ws_conn_free(conn, &late);
    conn = NULL;
    CHECK(late && late->type == GW_WS_CLOSED && late->conn == 42);
    gw_ws_event_free(late);
    finish();
}

/* ---- HTTP ---- */

static char *make_root(void)
{
    static char dir[64];
    char path[160];
    FILE *f;

    strcpy(dir, "/tmp/imsgw-site-XXXXXX");
    if (!mkdtemp(dir))
        return NULL;
    snprintf(path, sizeof(path), "%s/index.html", dir);
    if ((f = fopen(path, "w"))) {
        fputs("<p>page", f);
        fclose(f);
    }
    snprintf(path, sizeof(path), "%s/.hidden", dir);
    if ((f = fopen(path, "w")))
        fclose(f);
    snprintf(path, sizeof(path), "%s/out.txt", dir);
    if (symlink("/etc/hostname", path))
        return NULL;
    return dir;
}

TEST(the_page_is_served_and_nothing_else)
{
    static const char *const missing[] = { "/.hidden",
                                           "/../../../../etc/passwd",
                                           "/%2e%2e/%2e%2e/etc/passwd",
                                           "/out.txt",
                                           "/a%00",
                                           "/..%5c",
                                           "/nothing",
                                           "//etc/passwd" };
    char settings[200], in[400], etag[80] = "", *dir = make_root(), *p;

    snprintf(settings, sizeof(settings), "web_root = %s\n", dir);
    open_with(settings);
    say("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /index.html HTTP/1.1\r\nHost: a\r\n\r\n");
    take();
    CHECK(strncmp(sent, "HTTP/1.1 200 OK\r\n", 17) == 0);
    CHECK(strstr(sent, "\r\nContent-Type: text/html; charset=utf-8\r\n") != NULL);
    CHECK(strstr(sent, "\r\nX-Content-Type-Options: nosniff\r\n") != NULL);
    CHECK(strstr(sent, "\r\nContent-Security-Policy: ") != NULL);
    CHECK(strstr(sent, "\r\n\r\n<p>pageHTTP/1.1 200 OK\r\n") != NULL); /* the second request of the same connection */
    p = strstr(sent, "ETag: ");
    CHECK(p && sscanf(p, "ETag: %79s", etag) == 1);
    snprintf(in, sizeof(in), "GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: %s\r\n\r\n", etag);
    say(in);
    CHECK(strncmp(take(), "HTTP/1.1 304 ", 13) == 0);
    CHECK(strstr(sent, "<p>page") == NULL);
    say("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(strstr(take(), "\r\nContent-Length: 7\r\n") != NULL && !strstr(sent, "<p>page"));
    for (unsigned i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        snprintf(in, sizeof(in), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", missing[i]);
        say(in);
        if (strncmp(take(), "HTTP/1.1 404 ", 13) != 0)
            gw_test_fail(__FILE__, __LINE__, "%s: %s", missing[i], sent);
    }
    finish();
    snprintf(in, sizeof(in), "rm -r %s", dir);
    EQ(system(in), 0);
}

TEST(the_page_is_told_its_turn_servers)
{
    char *dir = make_root(), settings[300], in[200], user[GW_SITE_TURN_USER], password[GW_SITE_TURN_PASSWORD];
    unsigned long long until = 0;
    struct timespec t;

    gw_site_turn_credential("north", 1700043200, user, password);
    STR_EQ(user, "1700043200:web");
    STR_EQ(password, "dWCDx2EAknP+RZ2qYf/utcnBhhM="); /* of another implementation of HMAC-SHA1 */

    snprintf(settings, sizeof(settings),
             "web_root = %s\nturn_uris = turn:a.example:3478?transport=tcp stun:b.example\n"
             "turn_secret = north\nturn_lifetime = 60\n",
             dir);
    open_with(settings);
    clock_gettime(CLOCK_REALTIME, &t);
    say("GET /config.json HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(strncmp(take(), "HTTP/1.1 200 OK\r\n", 17) == 0);
    CHECK(strstr(sent, "\r\nCache-Control: no-store\r\n") != NULL);
    CHECK(
        strstr(sent, "{\"domain\":\"ims.example\",\"iceServers\":[{\"urls\":\"turn:a.example:3478?transport=tcp\",") !=
        NULL);
    CHECK(strstr(sent, "{\"urls\":\"stun:b.example\"}]}") != NULL);
    CHECK(strstr(sent, "\"username\":\"") && sscanf(strstr(sent, "\"username\":\"") + 12, "%llu:web", &until) == 1);
    CHECK(until >= (unsigned long long)t.tv_sec + 60 && until <= (unsigned long long)t.tv_sec + 70);
    gw_site_turn_credential("north", until, user, password);
    CHECK(strstr(sent, password) != NULL && !strstr(sent, "north"));
    snprintf(in, sizeof(in), "echo '{}' > %s/config.json", dir);
    EQ(system(in), 0);
    say("GET /config.json HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(strstr(take(), "\r\n\r\n{}\n") != NULL); /* the operator's own goes first */
    finish();
    snprintf(in, sizeof(in), "rm -r %s", dir);
    EQ(system(in), 0);
}

TEST(health_and_metrics)
{
    open_with("");
    say("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(strstr(take(), "\r\n\r\nok\n") != NULL);
    say("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(strncmp(take(), "HTTP/1.1 403 ", 13) == 0); /* not from 192.0.2.7 by default */
    finish();
    open_with("metrics_networks = 192.0.2.0/24\n");
    say("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(strstr(take(), "\nimsgw_http_connections 1\n") != NULL);
    gw_ws_conn_tick(conn, now += 16 * GW_S); /* keep-alive ends */
    CHECK(gw_ws_conn_is_done(conn));
    finish();
}
