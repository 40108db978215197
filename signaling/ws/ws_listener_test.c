/* The front thread over real sockets on loopback: TLS, both families, the way of events and messages between threads.
 * What is said on a connection is conn_test.c's. */
#include "test.h"

#include <openssl/ssl.h>

#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/stats.h"
#include "signaling/ws/ws_listener.h"

static struct gw_ws *ws;
static struct gw_mbox *mbox;
static struct gw_conf *conf;
static SSL_CTX *client_ctx;

struct link {
    int fd;
    SSL *ssl;
};

static uint16_t free_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    EQ(bind(fd, (struct sockaddr *)&a, n), 0);
    getsockname(fd, (struct sockaddr *)&a, &n);
    close(fd);
    return ntohs(a.sin_port);
}

static bool start(uint16_t wss, uint16_t plain)
{
    char text[300], why[200] = "";
    int err;

    snprintf(text, sizeof(text), "wss_listen = 127.0.0.1:%u\nws_listen = 127.0.0.1:%u\nws_listen_more = [::1]:%u\n",
             wss, plain, plain);
    EQ(gw_conf_parse("test", text, strlen(text), &conf, why, sizeof(why)), 0);
    EQ(gw_mbox_new(64, &mbox), 0);
    err = gw_ws_new(conf, mbox, &ws, why, sizeof(why));
    if (err)
        gw_test_fail(__FILE__, __LINE__, "%s", why);
    client_ctx = SSL_CTX_new(TLS_client_method());
    return !err;
}

static void drop(void *e)
{
    gw_ws_event_free(e);
}

static void stop(void)
{
    gw_ws_free(ws);
    gw_mbox_free(mbox, drop);
    gw_conf_free(conf);
    SSL_CTX_free(client_ctx);
    EQ(gw_stats_read(GW_STAT_WS_CONNECTIONS), 0);
    EQ(gw_stats_read(GW_STAT_HTTP_CONNECTIONS), 0);
}

static struct link dial(const char *address, bool is_tls)
{
    struct link l = { .fd = -1 };
    struct sockaddr_storage ss;
    struct gw_addr a;
    struct timeval limit = { .tv_sec = 5 };

    EQ(gw_addr_parse(address, &a), 0);
    l.fd = socket(a.family == 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(l.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    EQ(connect(l.fd, (struct sockaddr *)&ss, gw_addr_to_sockaddr(&a, &ss)), 0);
    if (is_tls) {
        l.ssl = SSL_new(client_ctx);
        SSL_set_fd(l.ssl, l.fd);
        if (SSL_connect(l.ssl) != 1) {
            SSL_free(l.ssl);
            l.ssl = NULL;
        }
    }
    return l;
}

static void hang_up(struct link *l)
{
    SSL_free(l->ssl);
    close(l->fd);
}

static void say(struct link *l, const void *data, size_t len)
{
    if (l->ssl)
        EQ(SSL_write(l->ssl, data, (int)len), (int)len);
    else
        EQ(write(l->fd, data, len), (ssize_t)len);
}

/* Reads until buf holds `until` or the other side ends. */
static char heard[100000];
static bool hear(struct link *l, const char *until)
{
    size_t n = 0;
    ssize_t got;

    while (n < sizeof(heard) - 1) {
        size_t room = sizeof(heard) - 1 - n;

        got = l->ssl ? SSL_read(l->ssl, heard + n, (int)room) : read(l->fd, heard + n, room);
        if (got <= 0)
            break;
        n += (size_t)got;
        heard[n] = '\0';
        if (until && memmem(heard, n, until, strlen(until)))
            return true;
    }
    heard[n] = '\0';
    return !until;
}

static struct gw_ws_event *event(enum gw_ws_event_type type)
{
    struct pollfd p = { .fd = gw_mbox_fd(mbox), .events = POLLIN };
    struct gw_ws_event *e;

    EQ(poll(&p, 1, 5000), 1);
    e = gw_mbox_take(mbox);
    if (!e || e->type != type)
        gw_test_fail(__FILE__, __LINE__, "event %d, expected %d", e ? (int)e->type : -1, (int)type);
    return e;
}

static const char upgrade[] = "GET /sip HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Protocol: sip\r\n\r\n";

static void talk(const char *address, bool is_tls, uint16_t port)
{
    static const uint8_t options[] = { 0x81, 0x87, 0, 0, 0, 0, 'O', 'P', 'T', 'I', 'O', 'N', 'S' };
    struct link l = dial(address, is_tls);
    struct gw_ws_event *open, *e;
    char *data = strdup("SIP/2.0 200 OK");

    say(&l, upgrade, strlen(upgrade));
    CHECK(hear(&l, "\r\n\r\n"));
    CHECK(strncmp(heard, "HTTP/1.1 101 ", 13) == 0);
    open = event(GW_WS_OPEN);
    if (!open)
        return;
    EQ(open->is_tls, is_tls);
    EQ(open->local.port, port);
    CHECK(gw_addr_is_loopback(&open->peer) && open->peer.port != 0);
    say(&l, options, sizeof(options));
    e = event(GW_WS_MESSAGE);
    STR_EQ(e->data, "OPTIONS");
    CHECK(e->conn == open->conn);
    gw_ws_event_free(e);
    EQ(gw_ws_send(ws, open->conn, &data, 14, false), 0);
    CHECK(data == NULL);
    CHECK(hear(&l, "\x81\x0eSIP/2.0 200 OK"));
    hang_up(&l);
    e = event(GW_WS_CLOSED);
    CHECK(e->conn == open->conn);
    gw_ws_event_free(e);
    gw_ws_event_free(open);
}

TEST(messages_go_both_ways_over_tls_tcp_and_ipv6)
{
    uint16_t wss = free_port(), plain = free_port();
    char address[64];

    if (start(wss, plain)) {
        snprintf(address, sizeof(address), "127.0.0.1:%u", wss);
        talk(address, true, wss);
        snprintf(address, sizeof(address), "127.0.0.1:%u", plain);
        talk(address, false, plain);
        snprintf(address, sizeof(address), "[::1]:%u", plain);
        talk(address, false, plain);
    }
    stop();
}

/* TLS-003, TLS-004 as far as the front goes */
TEST(old_tls_and_suites_without_aead_or_forward_secrecy_are_refused)
{
    static const struct {
        int version;
        const char *suites;
        bool is_good;
    } rows[] = {
        { TLS1_3_VERSION, NULL, true },
        { TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", true },
        { TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384", true },
        { TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256", false },
        { TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA:AES128-GCM-SHA256", false },
        { TLS1_2_VERSION, "ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0", false },
        { TLS1_2_VERSION, "PSK-AES128-GCM-SHA256", false },
        { TLS1_1_VERSION, "DEFAULT:@SECLEVEL=0", false },
    };
    uint16_t wss = free_port();
    char address[64];

    if (start(wss, 0)) {
        snprintf(address, sizeof(address), "127.0.0.1:%u", wss);
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            struct link l;

            SSL_CTX_free(client_ctx);
            client_ctx = SSL_CTX_new(TLS_client_method());
            SSL_CTX_set_min_proto_version(client_ctx, rows[i].version);
            SSL_CTX_set_max_proto_version(client_ctx, rows[i].version);
            if (rows[i].suites)
                EQ(SSL_CTX_set_cipher_list(client_ctx, rows[i].suites), 1);
            l = dial(address, true);
            if ((l.ssl != NULL) != rows[i].is_good)
                gw_test_fail(__FILE__, __LINE__, "row %u", i);
            hang_up(&l);
        }
    }
    stop();
}

TEST(closing_and_freeing_end_connections_with_their_code)
{
    uint16_t plain = free_port();
    struct gw_ws_event *open, *e;
    struct link a, b;
    char address[64];

    if (start(0, plain)) {
        snprintf(address, sizeof(address), "127.0.0.1:%u", plain);
        a = dial(address, false);
        say(&a, upgrade, strlen(upgrade));
        CHECK(hear(&a, "\r\n\r\n"));
        open = event(GW_WS_OPEN);
        EQ(gw_ws_close(ws, open->conn, 1008, "no"), 0);
        CHECK(hear(&a, "\x88\x04\x03\xf0no"));
        hang_up(&a);
        e = event(GW_WS_CLOSED);
        gw_ws_event_free(e);
        gw_ws_event_free(open);
        b = dial(address, false);
        say(&b, upgrade, strlen(upgrade));
        CHECK(hear(&b, "\r\n\r\n"));
        gw_ws_event_free(event(GW_WS_OPEN));
        gw_ws_drain(ws);
        a = dial(address, false);
        say(&a, upgrade, strlen(upgrade));
        CHECK(hear(&a, NULL));
        CHECK(strncmp(heard, "HTTP/1.1 503 ", 13) == 0);
        hang_up(&a);
        gw_ws_free(ws); /* waits for b no longer than two seconds */
        ws = NULL;
        CHECK(hear(&b, NULL));
        CHECK(memcmp(heard, "\x88\x0f\x03\xe9shutting down", 17) == 0);
        hang_up(&b);
        gw_ws_event_free(event(GW_WS_CLOSED));
    }
    stop();
}

TEST(an_address_in_use_is_told)
{
    uint16_t plain = free_port();
    struct gw_ws *second = NULL;
    char why[200] = "", expected[80];

    if (start(0, plain)) {
        CHECK(gw_ws_new(conf, mbox, &second, why, sizeof(why)) != 0);
        snprintf(expected, sizeof(expected), "cannot listen on ws 127.0.0.1:%u", plain);
        STR_EQ(why, expected);
    }
    stop();
}

TEST(a_certificate_that_cannot_be_read_is_told)
{
    static const char text[] = "wss_listen = 127.0.0.1:1\ntls_cert = /nonexistent.pem\n";
    char why[200] = "";

    EQ(gw_conf_parse("test", text, strlen(text), &conf, why, sizeof(why)), 0);
    CHECK(gw_ws_new(conf, NULL, &ws, why, sizeof(why)) != 0);
    STR_EQ(why, "tls_cert: /nonexistent.pem: no certificate in PEM can be read");
    gw_conf_free(conf);
}
