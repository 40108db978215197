#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/admin/console_priv.h"
#include "gateway/base/clock.h"

#define TOKEN "a-token-of-24-characters"

/* ---- verbs of a gateway that is not there ---- */

static int looked, changed;
static char last[128];

static int do_look(void *ctx, const char *arg, char **json)
{
    looked++;
    snprintf(last, sizeof(last), "%s", arg);
    *json = strdup("[1]");
    return 0;
}

static int do_change(void *ctx, const char *arg, char **json)
{
    changed++;
    snprintf(last, sizeof(last), "%s", arg);
    return strcmp(arg, "twice") == 0 ? GW_E_STATE : 0;
}

static int do_fail(void *ctx, const char *arg, char **json)
{
    return GW_E_NOTFOUND;
}

static const struct gw_admin_verb verbs[] = {
    { "look", "", false, "looks", do_look },
    { "one", "ID", false, "looks at one", do_look },
    { "change", "HOW", true, "changes", do_change },
    { "fail", "ID", false, "fails", do_fail },
};

/* ---- requests without a socket ---- */

static struct gw_conf *conf;
static struct gw_console_site site;
static char answer[128 * 1024];

static void configure(const char *text)
{
    char why[256] = "";

    gw_conf_free(conf);
    conf = NULL;
    EQ(gw_conf_parse("test", text, strlen(text), &conf, why, sizeof(why)), 0);
    STR_EQ(why, "");
    site = (struct gw_console_site){ conf, verbs, sizeof(verbs) / sizeof(verbs[0]), NULL, false };
    looked = changed = 0;
}

/* The status; the whole is in `answer`. */
static int asked(const char *from, const char *request)
{
    struct gw_console_answer out = { 0 };
    struct gw_http_req r;
    struct gw_addr peer;
    int err;

    EQ(gw_addr_parse_ip(from, 0, &peer), 0);
    err = gw_http_parse(gw_span_str(request), &r);
    EQ(err ? gw_console_answer_bad(err, &out) : gw_console_answer(&site, &r, &peer, &out), 0);
    snprintf(answer, sizeof(answer), "%s", out.text);
    EQ(strlen(out.text), out.len);
    free(out.text);
    return out.status;
}

static int ask(const char *line, const char *headers)
{
    char text[1024];

    snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: 127.0.0.1:9090\r\n%s\r\n", line, headers);
    return asked("127.0.0.1", text);
}

static void says(const char *text)
{
    if (!strstr(answer, text))
        gw_test_fail(__FILE__, __LINE__, "<<%s>> lacks <<%s>>", answer, text);
}

#define BEARER "Authorization: Bearer " TOKEN "\r\n"

TEST(looking_is_free_from_this_machine_and_answers_as_the_admin_socket)
{
    configure("");
    EQ(ask("GET /api/look", ""), 200);
    says("\r\n\r\n{\"ok\":true,\"data\":[1]}\n");
    says("Content-Type: application/json\r\n");
    says("Cache-Control: no-store\r\n");
    EQ(ask("GET /api/one/a%20b%2fc?x=y", ""), 200);
    STR_EQ(last, "a b/c");
    EQ(ask("GET /api/fail/x", ""), 404);
    says("{\"ok\":false,\"error\":\"not found\"}\n");
    EQ(ask("GET /api/one", ""), 400);
    says("argument missing");
    EQ(ask("GET /api/nothing", ""), 404);
    EQ(ask("GET /api/help", ""), 200);
    says("\"verb\":\"change\"");
    EQ(looked, 2);
}

TEST(changing_takes_the_token_and_a_post)
{
    configure("admin_token = " TOKEN);
    EQ(ask("GET /api/change/now", BEARER), 405);
    says("Allow: POST\r\n");
    EQ(ask("POST /api/look", BEARER), 405);
    EQ(ask("POST /api/change/now", ""), 401);
    says("WWW-Authenticate: Bearer");
    EQ(ask("POST /api/change/now", "Authorization: Bearer " TOKEN "x\r\n"), 401);
    EQ(ask("POST /api/change/now", "Authorization: Bearer a-token-of-24-character\r\n"), 401);
    EQ(ask("POST /api/change/now", "Authorization: Basic " TOKEN "\r\n"), 401);
    EQ(ask("POST /api/change/now?token=" TOKEN, ""), 401);
    EQ(changed, 0);
    EQ(ask("POST /api/change/now", BEARER "Content-Length: 0\r\n"), 200);
    EQ(changed, 1);
    STR_EQ(last, "now");
    EQ(ask("POST /api/change/twice", BEARER), 409);
    EQ(ask("GET /api/look", "Authorization: Bearer wrong\r\n"), 401); /* so a page can ask whether it is right */
    configure("");
    EQ(ask("POST /api/change/now", "Authorization: Bearer \r\n"), 403);
    says("no admin_token is configured");
    EQ(changed, 0);
}

TEST(another_machine_sees_nothing_without_the_token)
{
    static const char get[] = "GET /api/look HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n",
                      with[] = "GET /api/look HTTP/1.1\r\nHost: 192.0.2.1\r\n" BEARER "\r\n",
                      metrics[] = "GET /metrics HTTP/1.1\r\nHost: gw.example\r\n\r\n";

    configure("");
    EQ(asked("192.0.2.9", get), 403);
    EQ(asked("192.0.2.9", metrics), 403);
    configure("admin_token = " TOKEN "\nmetrics_networks = 192.0.2.0/24");
    EQ(asked("192.0.2.9", get), 401);
    EQ(ask("GET /api/look", "X-Forwarded-For: 192.0.2.9\r\n"), 401); /* through a proxy on this machine */
    EQ(ask("GET /api/look", "Forwarded: for=192.0.2.9\r\n"), 401);
    EQ(looked, 0);
    EQ(asked("192.0.2.9", with), 200);
    EQ(asked("192.0.2.9", metrics), 200);
    says("imsgw_admin_requests_total");
    EQ(asked("198.51.100.9", metrics), 403);
}

TEST(a_page_of_another_name_gets_no_answer)
{
    static const char *const ours[] = { "127.0.0.1", "127.0.0.1:9090", "[::1]:9090",
                                        "localhost", "LOCALHOST:80",   "console.example:443" },
                             *const others[] = {
                                 "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "",
                                 "localhost:x",  "console.example.evil"
                             };
    char text[256];

    configure("admin_hosts = console.example");
    for (unsigned i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        snprintf(text, sizeof(text), "GET /api/look HTTP/1.1\r\nHost: %s\r\n\r\n", ours[i]);
        EQ(asked("127.0.0.1", text), 200);
    }
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        snprintf(text, sizeof(text), "GET /api/look HTTP/1.1\r\nHost: %s\r\n\r\n", others[i]);
        EQ(asked("127.0.0.1", text), 403);
    }
    EQ(asked("127.0.0.1", "GET /api/look HTTP/1.1\r\n\r\n"), 400);
    EQ(asked("127.0.0.1", "GET /api/look HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"), 400);
    EQ(ask("GET /api/look", "Origin: https://evil.example\r\n"), 200);
    CHECK(!strstr(answer, "Access-Control"));
    says("Cross-Origin-Resource-Policy: same-origin\r\n");
    says("Content-Security-Policy: default-src 'none';");
    says("frame-ancestors 'none'");
    says("X-Content-Type-Options: nosniff\r\n");
}

TEST(what_cannot_be_served_is_refused_with_its_status)
{
    static char long_head[GW_HTTP_HEAD_MAX + 64];

    configure("");
    EQ(ask("DELETE /api/look", ""), 405);
    says("Allow: GET, POST\r\n");
    EQ(ask("POST /", ""), 405);
    EQ(ask("POST /api/change/now", "Content-Length: 5\r\n"), 413);
    EQ(ask("POST /api/change/now", "Transfer-Encoding: chunked\r\n"), 413);
    EQ(ask("GET /api/one/%zz", ""), 400);
    EQ(ask("GET /api/one/%00", ""), 400);
    EQ(ask("GET /", ""), 404);
    says("no console_root is configured");
    EQ(asked("127.0.0.1", "nonsense\r\n\r\n"), 400);
    memset(long_head, 'a', sizeof(long_head) - 1);
    memcpy(long_head, "GET /", 5);
    EQ(asked("127.0.0.1", long_head), 431);
    EQ(changed, 0);
}

TEST(health_and_draining)
{
    configure("");
    EQ(asked("192.0.2.9", "GET /healthz HTTP/1.1\r\nHost: whatever\r\n\r\n"), 200);
    site.is_draining = true;
    EQ(asked("192.0.2.9", "GET /healthz HTTP/1.1\r\nHost: whatever\r\n\r\n"), 503);
}

TEST(the_page_is_served_and_nothing_beside_it)
{
    char dir[] = "/tmp/console_test.XXXXXX", name[64], text[128];
    FILE *f;

    CHECK(mkdtemp(dir) != NULL);
    snprintf(name, sizeof(name), "%s/index.html", dir);
    f = fopen(name, "w");
    fputs("<p>here", f);
    fclose(f);
    snprintf(text, sizeof(text), "console_root = %s", dir);
    configure(text);
    EQ(ask("GET /", ""), 200);
    says("Content-Type: text/html");
    says("\r\n\r\n<p>here");
    EQ(ask("GET /%2e%2e/etc/passwd", ""), 404);
    EQ(ask("GET /other.js", ""), 404);
    unlink(name);
    rmdir(dir);
}

/* ---- with sockets ---- */

static struct gw_console *k;
static struct gw_addr at;

static void listening(void)
{
    char why[256] = "";
    struct gw_addr any;

    configure("admin_listen = 127.0.0.1:1");
    EQ(gw_addr_parse("127.0.0.1:0", &any), 0);
    for (int i = 0; i < 50 && !k; i++) { /* a port that is free now may be gone a moment later */
        struct sockaddr_storage ss;
        socklen_t len = gw_addr_to_sockaddr(&any, &ss);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        EQ(bind(fd, (struct sockaddr *)&ss, len), 0);
        EQ(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
        EQ(gw_addr_from_sockaddr((struct sockaddr *)&ss, &conf->admin_listen), 0);
        close(fd);
        (void)gw_console_new(conf, verbs, sizeof(verbs) / sizeof(verbs[0]), NULL, &k, why, sizeof(why));
    }
    CHECK(k != NULL);
    EQ(gw_console_addr(k, &at), 0);
}

static void stop(void)
{
    gw_console_free(k);
    k = NULL;
}

static int client(void)
{
    struct sockaddr_storage ss;
    socklen_t len = gw_addr_to_sockaddr(&at, &ss);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    EQ(connect(fd, (struct sockaddr *)&ss, len), 0);
    EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void dispatch(void)
{
    struct pollfd p = { .fd = gw_console_fd(k), .events = POLLIN };

    for (int i = 0; i < 100 && poll(&p, 1, 5) == 1; i++)
        gw_console_dispatch(k);
}

/* What came until the connection ended; NULL: it stands. */
static const char *received(int fd)
{
    size_t len = 0;

    for (int quiet = 0; quiet < 5; quiet++) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        ssize_t n;
        gw_console_dispatch(k);
        if (poll(&p, 1, 5) != 1)
            continue;
        n = recv(fd, answer + len, sizeof(answer) - 1 - len, 0);
        if (n <= 0)
            return answer[len] = 0, answer;
        len += (size_t)n;
        quiet = 0;
    }
    return NULL;
}

static void sends(int fd, const char *text)
{
    EQ(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    dispatch();
}

TEST(off_by_default)
{
    char why[64] = "";

    configure("");
    EQ(gw_console_new(conf, verbs, 1, NULL, &k, why, sizeof(why)), 0);
    CHECK(k == NULL);
    gw_console_drain(NULL);
    gw_console_reload(NULL, conf);
    gw_console_free(NULL);
}

TEST(a_request_may_come_in_pieces_and_its_answer_ends_the_connection)
{
    static const char text[] = "GET /api/look HTTP/1.1\r\nHost: localhost\r\n\r\n";
    int fd;

    listening();
    fd = client();
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        EQ(send(fd, text + i, 1, 0), 1);
        dispatch();
    }
    CHECK(received(fd) != NULL);
    says("200 OK");
    says("Connection: close\r\n");
    close(fd);
    fd = client();
    sends(fd, "POST /api/change/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n123456789");
    CHECK(received(fd) != NULL);
    says("413 ");
    close(fd);
    stop();
}

TEST(who_is_silent_or_one_too_many_goes)
{
    int fd[GW_CONSOLE_CLIENTS + 1];

    listening();
    for (int i = 0; i <= GW_CONSOLE_CLIENTS; i++) {
        fd[i] = client();
        dispatch();
    }
    CHECK(received(fd[0]) != NULL); /* the oldest made room */
    CHECK(received(fd[1]) == NULL);
    sends(fd[GW_CONSOLE_CLIENTS], "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(received(fd[GW_CONSOLE_CLIENTS]) != NULL);
    says("200 OK");
    sends(fd[1], "GET /api/look HT");
    gw_console_tick(k, gw_clock_us() + (GW_CONSOLE_LIFE_MS - 5000) * GW_MS);
    CHECK(received(fd[1]) == NULL);
    gw_console_tick(k, gw_clock_us() + GW_CONSOLE_LIFE_MS * GW_MS);
    CHECK(received(fd[1]) != NULL);
    STR_EQ(answer, "");
    EQ(looked, 0);
    for (int i = 0; i <= GW_CONSOLE_CLIENTS; i++)
        close(fd[i]);
    stop();
}

TEST(a_new_configuration_has_a_new_token)
{
    struct gw_conf *new = NULL;
    static const char text[] = "admin_token = " TOKEN;
    char why[64];
    int fd;

    listening();
    EQ(gw_conf_parse("test", text, strlen(text), &new, why, sizeof(why)), 0);
    gw_console_reload(k, new);
    fd = client();
    sends(fd, "POST /api/change/now HTTP/1.1\r\nHost: localhost\r\n" BEARER "\r\n");
    CHECK(received(fd) != NULL);
    says("200 OK");
    EQ(changed, 1);
    close(fd);
    stop();
    gw_conf_free(new);
    gw_conf_free(conf);
    conf = NULL;
}
