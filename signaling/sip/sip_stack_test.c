/* Two stacks in this process: "gw" with a fake WebSocket, "core" as its peer on loopback; both loops are stepped in
 * turn. T1 is 10 ms, so that time-outs of 64*T1 pass while the loops run. */
#include "test.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/stats.h"
#include "signaling/ws/ws_listener.h"
#include "stack_priv.h"

struct side {
    struct gw_conf *conf;
    struct gw_sip_stack *stack;
    struct gw_sip_server *txn; /* last server transaction */
    struct gw_sip_msg *req;    /* last request, ACK, CANCEL and response seen */
    struct gw_sip_msg *ack, *cancel, *resp, *stray;
    unsigned nreq, nack, ncancel, nresp, nlast, nstray, no_ack, opened, closed;
    int answer; /* status to answer requests with at once; 0: not */
    gw_flow_id flow;
};

static struct side gw, core;
static char *ws_out[64]; /* what the fake WebSocket was given */
static unsigned nws_out, ws_close_code;
static unsigned t1_ms = 100;

static void keep(struct gw_sip_msg **slot, const struct gw_sip_msg *m)
{
    gw_sip_msg_free(*slot);
    *slot = gw_sip_msg_dup(m);
}

static void on_cancel(void *arg, const struct gw_sip_msg *m)
{
    struct side *s = arg;

    s->ncancel++;
    keep(&s->cancel, m);
    EQ(gw_sip_server_reply(s->txn, s->req, 487, NULL, NULL, NULL), 0);
}

static void on_txn_ack(void *arg, const struct gw_sip_msg *m)
{
    struct side *s = arg;

    s->nack++;
    keep(&s->ack, m);
    s->txn = NULL;
}

static void on_no_ack(void *arg)
{
    ((struct side *)arg)->no_ack++;
    ((struct side *)arg)->txn = NULL;
}

static const struct gw_sip_server_events events = { on_cancel, on_txn_ack, on_no_ack };

static void on_request(void *arg, struct gw_sip_server *txn, const struct gw_sip_msg *req)
{
    struct side *s = arg;

    s->nreq++;
    keep(&s->req, req);
    s->txn = txn;
    gw_sip_server_bind(txn, &events, s);
    if (s->answer)
        EQ(gw_sip_server_reply(txn, req, s->answer, NULL, "Contact", "<sip:there@127.0.0.1>"), 0);
}

static void on_ack(void *arg, gw_flow_id flow, const struct gw_sip_msg *m)
{
    ((struct side *)arg)->nstray++;
}

static void on_stray(void *arg, gw_flow_id flow, const struct gw_sip_msg *m)
{
    ((struct side *)arg)->nstray++;
    keep(&((struct side *)arg)->stray, m);
}

static void on_open(void *arg, gw_flow_id flow)
{
    ((struct side *)arg)->opened++;
    ((struct side *)arg)->flow = flow;
}

static void on_closed(void *arg, gw_flow_id flow)
{
    ((struct side *)arg)->closed++;
}

static void on_response(void *arg, struct gw_sip_client *t, const struct gw_sip_msg *m, bool is_last)
{
    struct side *s = arg;

    s->nresp++;
    s->nlast += is_last;
    keep(&s->resp, m);
}

static int fake_send(void *ws, uint64_t conn, char **data, size_t len, bool is_binary)
{
    if (nws_out == 64)
        return GW_E_FULL;
    ws_out[nws_out++] = strndup(*data, len); /* theirs has no NUL */
    free(*data);
    *data = NULL;
    return 0;
}

static int fake_close(void *ws, uint64_t conn, uint16_t code, const char *reason)
{
    ws_close_code = code;
    return 0;
}

static const struct gw_sip_ws_ops fake_ops = { fake_send, fake_close };

static void start_with(struct side *s, const char *listen, const char *more)
{
    static const char fmt[] = "domain = gw.example\nsip_listen = %s\nsip_t1 = %u\n%s";
    struct gw_sip_handler h = { on_request, on_ack, on_stray, on_open, on_closed, s };
    char text[600], why[200] = "";

    memset(s, 0, sizeof(*s));
    snprintf(text, sizeof(text), fmt, listen, t1_ms, more);
    EQ(gw_conf_parse("test", text, strlen(text), &s->conf, why, sizeof(why)), 0);
    EQ(gw_sip_stack_new(s->conf, &h, &s->stack), 0);
    gw_sip_stack_set_ws_ops(s->stack, &fake_ops, NULL);
}

static void start(struct side *s, const char *listen)
{
    start_with(s, listen, "");
}

static void stop(struct side *s)
{
    gw_sip_stack_free(s->stack);
    gw_conf_free(s->conf);
    gw_sip_msg_free(s->req);
    gw_sip_msg_free(s->ack);
    gw_sip_msg_free(s->cancel);
    gw_sip_msg_free(s->resp);
    gw_sip_msg_free(s->stray);
}

static void setup(void)
{
    start(&gw, "127.0.0.1:0");
    start(&core, "127.0.0.1:0");
    nws_out = ws_close_code = 0;
}

static void teardown(void)
{
    stop(&gw);
    stop(&core);
    for (unsigned i = 0; i < nws_out; i++)
        free(ws_out[i]);
    EQ(gw_stats_read(GW_STAT_SIP_CLIENTS), 0);
    EQ(gw_stats_read(GW_STAT_SIP_SERVERS), 0);
    EQ(gw_stats_read(GW_STAT_SIP_FLOWS), 0);
}

static void setup_with_t1(unsigned ms)
{
    t1_ms = ms;
    setup();
    t1_ms = 100;
}

static void setup_fast(void) /* 64*T1 is the point */
{
    setup_with_t1(10);
}

static void setup_brisk(void) /* 64*T1 has to pass, but must not before the rest is done */
{
    setup_with_t1(40);
}

/* Runs both loops until *counter is at least n, or 10 s. */
static bool reach(const unsigned *counter, unsigned n)
{
    uint64_t end = gw_clock_us() + 10 * GW_S;

    while (*counter < n && gw_clock_us() < end) {
        gw_sip_stack_step(gw.stack, 1);
        gw_sip_stack_step(core.stack, 1);
    }
    return *counter >= n;
}

static void run_ms(unsigned ms)
{
    uint64_t end = gw_clock_us() + ms * GW_MS;

    for (unsigned rounds = 0; rounds < 20 || gw_clock_us() < end; rounds++) {
        gw_sip_stack_step(gw.stack, 1);
        gw_sip_stack_step(core.stack, 1);
    }
}

static void ws_event(enum gw_ws_event_type type, uint64_t conn, const char *text)
{
    size_t n = text ? strlen(text) : 0;
    struct gw_ws_event *e = calloc(1, sizeof(*e) + n + 1);
    void *item = e;

    e->type = type;
    e->conn = conn;
    e->is_tls = true;
    e->len = n;
    gw_addr_parse("192.0.2.9:4444", &e->peer);
    if (n)
        memcpy(e->data, text, n);
    EQ(gw_mbox_push(gw_sip_stack_ws_events(gw.stack), &item), 0);
}

static struct gw_sip_msg *request(const char *method, const char *uri, const char *call_id)
{
    struct gw_sip_msg *m = gw_sip_msg_request(method, uri);
    char cseq[40];

    snprintf(cseq, sizeof(cseq), "1 %s", method);
    gw_sip_msg_add(m, "From", "<sip:ann@gw.example>;tag=f");
    gw_sip_msg_add(m, "To", "<sip:bob@core.example>");
    gw_sip_msg_add(m, "Call-ID", call_id);
    gw_sip_msg_add(m, "CSeq", cseq);
    gw_sip_msg_add(m, "Contact", "<sip:ann@127.0.0.1>");
    return m;
}

static struct gw_sip_client *send_core(const char *method, const char *call_id, const char *params)
{
    char uri[400];
    struct gw_sip_target to = { .uri = uri };
    struct gw_sip_msg *m = request(method, "sip:bob@core.example", call_id);
    struct gw_sip_client *t = NULL;

    snprintf(uri, sizeof(uri), "sip:%s%s", gw_sip_stack_host(core.stack, false), params);
    EQ(gw_sip_client_send(gw.stack, &m, &to, on_response, &gw, &t), 0);
    CHECK(m == NULL);
    return t;
}

static void ack_core(const char *call_id)
{
    char uri[400];
    struct gw_sip_target to = { .uri = uri };
    struct gw_sip_msg *m = request("ACK", "sip:bob@core.example", call_id);

    snprintf(uri, sizeof(uri), "sip:%s", gw_sip_stack_host(core.stack, false));
    gw_sip_msg_set(m, "To", gw_sip_msg_get(gw.resp, "To", 0));
    EQ(gw_sip_send_ack(gw.stack, &m, &to), 0);
}

/* ---- core side, on nta ---- */

TEST(a_request_goes_to_the_core_and_its_answer_comes_back)
{
    static const char *const transports[] = { "", ";transport=tcp" };

    setup();
    for (unsigned i = 0; i < 2; i++) {
        core.answer = 202;
        send_core("MESSAGE", i ? "m1" : "m0", transports[i]);
        CHECK(reach(&gw.nlast, i + 1));
        EQ(gw_sip_msg_status(gw.resp), 202);
        STR_EQ(gw_sip_msg_get(core.req, "Max-Forwards", 0), "70");
        CHECK(strstr(gw_sip_msg_get(core.req, "Via", 0), i ? "TCP" : "UDP") != NULL);
    }
    teardown();
}

TEST(a_large_request_goes_over_tcp)
{
    char uri[400];
    struct gw_sip_target to = { .uri = uri };
    struct gw_sip_msg *m = request("MESSAGE", "sip:bob@core.example", "big");
    char body[1400];

    setup();
    core.answer = 200;
    snprintf(uri, sizeof(uri), "sip:%s", gw_sip_stack_host(core.stack, false));
    memset(body, 'x', sizeof(body));
    gw_sip_msg_set_body(m, "text/plain", (struct gw_span){ body, sizeof(body) });
    EQ(gw_sip_client_send(gw.stack, &m, &to, on_response, &gw, NULL), 0);
    CHECK(reach(&gw.nlast, 1));
    CHECK(strstr(gw_sip_msg_get(core.req, "Via", 0), "TCP") != NULL); /* RFC 3261 s. 18.1.1 */
    EQ(gw_sip_msg_body(core.req).len, sizeof(body));
    teardown();
}

TEST(an_invite_is_answered_and_acknowledged)
{
    setup();
    send_core("INVITE", "i1", "");
    CHECK(reach(&core.nreq, 1));
    EQ(gw_sip_server_reply(core.txn, core.req, 180, NULL, NULL, NULL), 0);
    CHECK(reach(&gw.nresp, 1));
    EQ(gw_sip_msg_status(gw.resp), 180);
    EQ(gw_sip_server_reply(core.txn, core.req, 200, NULL, "Contact", "<sip:bob@127.0.0.1>"), 0);
    CHECK(reach(&gw.nlast, 1));
    EQ(gw_sip_msg_status(gw.resp), 200);
    run_ms(250); /* the 2xx is repeated over UDP; the handler sees it once */
    EQ(gw.nresp, 2);
    EQ(gw.nstray, 0);
    ack_core("i1");
    CHECK(reach(&core.nack, 1));
    STR_EQ(gw_sip_msg_get(core.ack, "Call-ID", 0), "i1");
    run_ms(100);
    EQ(core.nack, 1);
    EQ(core.nstray, 0);
    teardown();
}

/* CAL-009 */
TEST(a_2xx_without_ack_is_told)
{
    setup_fast();
    core.answer = 200;
    send_core("INVITE", "i2", "");
    CHECK(reach(&core.no_ack, 1));
    EQ(core.nack, 0);
    teardown();
}

TEST(cancel_waits_for_a_provisional_and_ends_in_487)
{
    static const char *const transports[] = { "", ";transport=tcp" };

    for (unsigned i = 0; i < 2; i++) {
        struct gw_sip_client *t;

        setup();
        t = send_core("INVITE", "c1", transports[i]);
        gw_sip_client_cancel(t, "SIP;cause=487;text=\"no longer\"");
        CHECK(reach(&core.nreq, 1));
        EQ(core.ncancel, 0);
        CHECK(reach(&core.ncancel, 1)); /* after the automatic 100 */
        STR_EQ(gw_sip_msg_get(core.cancel, "Reason", 0), "SIP;cause=487;text=\"no longer\"");
        CHECK(reach(&gw.nlast, 1));
        EQ(gw_sip_msg_status(gw.resp), 487);
        run_ms(50);
        EQ(core.nstray, 0); /* the ACK was absorbed */
        teardown();
    }
}

TEST(a_refused_invite_is_acknowledged_by_the_stack)
{
    setup();
    core.answer = 486;
    send_core("INVITE", "i3", "");
    CHECK(reach(&gw.nlast, 1));
    EQ(gw_sip_msg_status(gw.resp), 486);
    run_ms(50);
    EQ(core.nstray + core.nack, 0);
    teardown();
}

/* ERR-001: core unreachable / timeout */
TEST(no_answer_is_408_and_no_transport_is_503)
{
    struct gw_sip_target nowhere = { .uri = "sip:127.0.0.1:1;transport=tcp" };
    struct gw_sip_msg *m = request("OPTIONS", "sip:x", "t2");
    struct gw_sip_client *t;

    setup_fast();
    send_core("OPTIONS", "t1", "");
    CHECK(reach(&gw.nlast, 1));
    EQ(gw_sip_msg_status(gw.resp), 408);
    EQ(gw_sip_client_send(gw.stack, &m, &nowhere, on_response, &gw, &t), 0);
    CHECK(reach(&gw.nlast, 2));
    EQ(gw_sip_msg_status(gw.resp), 503);
    EQ(gw_stats_read(GW_STAT_SIP_TIMEOUT), 1);
    teardown();
}

/* SIG-012: RFC 7118 appendix A */
TEST(an_invalid_host_is_never_routed_on)
{
    struct gw_sip_target to = { .uri = NULL };
    struct gw_sip_msg *m = request("MESSAGE", "sip:u8@k3f9.invalid;transport=ws", "n1");

    setup();
    EQ(gw_sip_client_send(gw.stack, &m, &to, on_response, &gw, NULL), 0);
    EQ(gw.nresp, 0); /* told later, not inside */
    CHECK(reach(&gw.nlast, 1));
    EQ(gw_sip_msg_status(gw.resp), 430);
    teardown();
}

TEST(a_dropped_server_transaction_answers_500)
{
    setup();
    send_core("OPTIONS", "d1", "");
    CHECK(reach(&core.nreq, 1));
    gw_sip_server_drop(core.txn);
    CHECK(reach(&gw.nlast, 1));
    EQ(gw_sip_msg_status(gw.resp), 500);
    teardown();
}

/* RFC 3261 s. 16.3 item 3 */
TEST(a_request_without_hops_left_is_483)
{
    char uri[400];
    struct gw_sip_target to = { .uri = uri };
    struct gw_sip_msg *m = request("OPTIONS", "sip:x", "h1");

    setup();
    snprintf(uri, sizeof(uri), "sip:%s", gw_sip_stack_host(core.stack, false));
    gw_sip_msg_set(m, "Max-Forwards", "0");
    EQ(gw_sip_client_send(gw.stack, &m, &to, on_response, &gw, NULL), 0);
    CHECK(reach(&gw.nlast, 1));
    EQ(gw_sip_msg_status(gw.resp), 483);
    EQ(core.nreq, 0);
    teardown();
}

TEST(a_reliable_provisional_waits_for_its_prack)
{
    char uri[400], rack[64];
    struct gw_sip_target to = { .uri = uri };
    struct gw_sip_msg *m = request("INVITE", "sip:bob@core.example", "p1"), *p;

    setup();
    snprintf(uri, sizeof(uri), "sip:%s", gw_sip_stack_host(core.stack, false));
    gw_sip_msg_add(m, "Supported", "100rel");
    EQ(gw_sip_client_send(gw.stack, &m, &to, on_response, &gw, NULL), 0);
    CHECK(reach(&core.nreq, 1));
    EQ(gw_sip_server_reply(core.txn, core.req, 183, NULL, "Require", "100rel"), 0);
    CHECK(reach(&gw.nresp, 1));
    CHECK(gw_sip_msg_get(gw.resp, "RSeq", 0) != NULL);
    core.answer = 200;
    p = request("PRACK", "sip:bob@core.example", "p1");
    gw_sip_msg_set(p, "CSeq", "2 PRACK");
    gw_sip_msg_set(p, "To", gw_sip_msg_get(gw.resp, "To", 0));
    snprintf(rack, sizeof(rack), "%s 1 INVITE", gw_sip_msg_get(gw.resp, "RSeq", 0));
    gw_sip_msg_add(p, "RAck", rack);
    EQ(gw_sip_client_send(gw.stack, &p, &to, on_response, &gw, NULL), 0);
    CHECK(reach(&core.nreq, 2)); /* it may carry an offer: the handler answers it */
    EQ(gw_sip_msg_method(core.req), GW_SIP_PRACK);
    CHECK(reach(&gw.nlast, 1));
    EQ(gw_sip_msg_method(gw.resp), GW_SIP_PRACK);
    teardown();
}

static uint16_t free_port(int family)
{
    struct sockaddr_storage ss;
    struct gw_addr a;
    socklen_t n = sizeof(ss);
    int fd = socket(family, SOCK_STREAM, 0);

    gw_addr_parse(family == AF_INET6 ? "[::1]:0" : "127.0.0.1:0", &a);
    EQ(bind(fd, (struct sockaddr *)&ss, gw_addr_to_sockaddr(&a, &ss)), 0);
    getsockname(fd, (struct sockaddr *)&ss, &n);
    gw_addr_from_sockaddr((struct sockaddr *)&ss, &a);
    close(fd);
    return a.port;
}

static void send_to(const char *uri, const char *call_id)
{
    struct gw_sip_target to = { .uri = uri };
    struct gw_sip_msg *m = request("MESSAGE", "sip:bob@core.example", call_id);

    EQ(gw_sip_client_send(gw.stack, &m, &to, on_response, &gw, NULL), 0);
}

TEST(the_core_is_reached_over_ipv6)
{
    char more[80], uri[80];
    uint16_t port = free_port(AF_INET6);

    snprintf(more, sizeof(more), "sip_listen_more = [::1]:%u\n", port);
    start_with(&core, "127.0.0.1:0", more);
    snprintf(more, sizeof(more), "sip_listen_more = [::1]:%u\n", free_port(AF_INET6));
    start_with(&gw, "127.0.0.1:0", more);
    core.answer = 200;
    snprintf(uri, sizeof(uri), "sip:[::1]:%u", port);
    send_to(uri, "v6");
    CHECK(reach(&gw.nlast, 1));
    EQ(gw_sip_msg_status(gw.resp), 200);
    CHECK(strstr(gw_sip_msg_get(core.req, "Via", 0), "[::1]:") != NULL);
    teardown();
}

/* Certificates by the command, so that the room keeps clear of OpenSSL: one authority, one leaf for both sides, and one
 * that nobody signed. */
static bool make_certs(const char *dir)
{
    char cmd[1500];

    snprintf(cmd, sizeof(cmd),
             "cd %s && exec 2>log && "
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout ca.key "
             "-out ca.pem && "
             "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1 -keyout key.pem -out "
             "csr && "
             "printf 'subjectAltName=IP:127.0.0.1,DNS:127.0.0.1' >ext && "
             "openssl x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out cert.pem && "
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1 "
             "-keyout own.key -out own.pem",
             dir);
    return system(cmd) == 0;
}

static void start_tls(struct side *s, const char *dir, uint16_t port, const char *cert, const char *key)
{
    char more[400];

    snprintf(more, sizeof(more), "sips_listen = 127.0.0.1:%u\ntls_cert = %s/%s\ntls_key = %s/%s\nsips_ca = %s/ca.pem\n",
             port, dir, cert, dir, key, dir);
    start_with(s, "127.0.0.1:0", more);
}

static void reach_over_tls(void)
{
    char dir[] = "/tmp/imsgw-sips-XXXXXX", uri[80], cmd[80];
    uint16_t port = free_port(AF_INET);

    CHECK(mkdtemp(dir) != NULL && make_certs(dir));
    start_tls(&core, dir, port, "cert.pem", "key.pem");
    start_tls(&gw, dir, free_port(AF_INET), "cert.pem", "key.pem");
    core.answer = 200;
    snprintf(uri, sizeof(uri), "sip:127.0.0.1:%u;transport=tls", port);
    send_to(uri, "tls1");
    CHECK(reach(&gw.nlast, 1));
    EQ(gw_sip_msg_status(gw.resp), 200);
    CHECK(strstr(gw_sip_msg_get(core.req, "Via", 0), "SIP/2.0/TLS ") != NULL);
    teardown();
    start_tls(&core, dir, port, "cert.pem", "key.pem");
    start_tls(&gw, dir, free_port(AF_INET), "own.pem", "own.key");
    core.answer = 200;
    send_to(uri, "tls2");
    CHECK(reach(&gw.nlast, 1));
    EQ(gw_sip_msg_status(gw.resp) == 503 || gw_sip_msg_status(gw.resp) == 408, 1);
    EQ(core.nreq, 0);
    teardown();
    snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
    EQ(system(cmd), 0);
}

/* In a process of its own, that ends without looking for leaks: sofia 1.12.11 never frees the SSL of a connection. */
TEST(the_core_is_reached_over_tls_by_who_its_authority_signed)
{
    unsigned before = gw_test_failures();
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        reach_over_tls();
        _exit(gw_test_failures() != before);
    }
    EQ(waitpid(pid, &status, 0), pid);
    EQ(status, 0);
}

/* ---- access side, on the fake WebSocket ---- */

#define WS_HEAD                                                                                                        \
    "Via: SIP/2.0/WSS k3f9.invalid;branch=z9hG4bKa1\r\nFrom: <sip:ann@gw.example>;tag=f1\r\nTo: "                      \
    "<sip:bob@gw.example>\r\n"                                                                                         \
    "Call-ID: w1\r\n"

static void open_ws_with(void (*set)(void))
{
    set();
    ws_event(GW_WS_OPEN, 7, NULL);
    CHECK(reach(&gw.opened, 1));
}

static void open_ws(void)
{
    open_ws_with(setup);
}

static bool ws_says(unsigned i, const char *text)
{
    return i < nws_out && strstr(ws_out[i], text);
}

/* SIG-007, SIG-011 */
TEST(a_request_of_a_browser_is_answered_on_its_connection)
{
    struct gw_flow_info info;

    open_ws();
    EQ(gw_sip_flow_info(gw.stack, 7, &info), 0);
    STR_EQ(info.transport, "WSS");
    gw.answer = 200;
    ws_event(GW_WS_MESSAGE, 7, "REGISTER sip:gw.example SIP/2.0\r\n" WS_HEAD "CSeq: 1 REGISTER\r\n\r\n");
    CHECK(reach(&nws_out, 1));
    CHECK(ws_says(0, "SIP/2.0 200 OK\r\nVia: SIP/2.0/WSS k3f9.invalid;branch=z9hG4bKa1\r\nFrom: "));
    STR_EQ(gw_sip_msg_get(gw.req, "Max-Forwards", 0), "70"); /* was absent */
    EQ(gw.flow, 7);
    teardown();
}

TEST(an_invite_of_a_browser_gets_100_then_200_until_its_ack)
{
    unsigned n;

    open_ws_with(setup_brisk);
    ws_event(GW_WS_MESSAGE, 7, "INVITE sip:bob@gw.example SIP/2.0\r\n" WS_HEAD "CSeq: 1 INVITE\r\n\r\n");
    CHECK(reach(&gw.nreq, 1));
    CHECK(reach(&nws_out, 1));
    CHECK(ws_says(0, "SIP/2.0 100 Trying"));
    EQ(gw_sip_server_flow(gw.txn), 7);
    EQ(gw_sip_server_reply(gw.txn, gw.req, 200, NULL, NULL, NULL), 0);
    CHECK(reach(&nws_out, 4)); /* repeated, RFC 3261 s. 13.3.1.4 */
    CHECK(ws_says(3, "SIP/2.0 200 OK"));
    ws_event(
        GW_WS_MESSAGE, 7,
        "ACK sip:bob@gw.example SIP/2.0\r\nVia: SIP/2.0/WSS k3f9.invalid;branch=z9hG4bKa2\r\n"
        "From: <sip:ann@gw.example>;tag=f1\r\nTo: <sip:bob@gw.example>;tag=x\r\nCall-ID: w1\r\nCSeq: 1 ACK\r\n\r\n");
    CHECK(reach(&gw.nack, 1));
    n = nws_out;
    run_ms(100);
    EQ(nws_out, n);
    teardown();
}

TEST(a_cancelled_invite_of_a_browser_is_487_and_its_ack_absorbed)
{
    open_ws();
    ws_event(GW_WS_MESSAGE, 7, "INVITE sip:bob@gw.example SIP/2.0\r\n" WS_HEAD "CSeq: 1 INVITE\r\n\r\n");
    ws_event(GW_WS_MESSAGE, 7, "CANCEL sip:bob@gw.example SIP/2.0\r\n" WS_HEAD "CSeq: 1 CANCEL\r\n\r\n");
    CHECK(reach(&nws_out, 2));
    EQ(gw.ncancel, 1);
    CHECK(ws_says(0, "SIP/2.0 200 OK") && ws_says(0, "CSeq: 1 CANCEL"));
    CHECK(ws_says(1, "SIP/2.0 487 ") && ws_says(1, "CSeq: 1 INVITE"));
    ws_event(GW_WS_MESSAGE, 7, "ACK sip:bob@gw.example SIP/2.0\r\n" WS_HEAD "CSeq: 1 ACK\r\n\r\n");
    run_ms(20);
    EQ(gw.nstray + gw.nack, 0);
    EQ(gw_stats_read(GW_STAT_SIP_SERVERS), 0);
    ws_event(GW_WS_MESSAGE, 7, "CANCEL sip:bob@gw.example SIP/2.0\r\n" WS_HEAD "CSeq: 1 CANCEL\r\n\r\n");
    CHECK(reach(&nws_out, 3));
    CHECK(ws_says(2, "SIP/2.0 481 "));
    teardown();
}

static struct gw_sip_client *invite_browser(const char *call_id)
{
    struct gw_sip_target to = { .flow = 7 };
    struct gw_sip_msg *m = request("INVITE", "sip:u8@k3f9.invalid;transport=ws", call_id);
    struct gw_sip_client *t = NULL;

    gw_sip_msg_push(m, "Via", "SIP/2.0/UDP upstream;branch=z9hG4bKup");
    EQ(gw_sip_client_send(gw.stack, &m, &to, on_response, &gw, &t), 0);
    return t;
}

/* What the browser says to the i-th message it got. */
static void browser_answers(unsigned i, const char *status, const char *to_tag)
{
    struct gw_sip_msg *m = NULL, *r;
    char *text, tail[64];

    if (i >= nws_out || gw_sip_msg_parse(gw_span_str(ws_out[i]), &m, NULL, 0))
        return;
    r = gw_sip_msg_response(m, atoi(status), NULL, to_tag);
    text = gw_sip_msg_write(r, NULL);
    ws_event(GW_WS_MESSAGE, 7, text);
    snprintf(tail, sizeof(tail), "%s", status);
    free(text);
    gw_sip_msg_free(r);
    gw_sip_msg_free(m);
}

TEST(a_browser_is_called_with_one_via_and_its_2xx_repeats_are_acknowledged)
{
    struct gw_sip_target to = { .flow = 7 };
    struct gw_sip_msg *ack;

    open_ws_with(setup_brisk);
    invite_browser("b1");
    EQ(nws_out, 1);
    CHECK(ws_says(0, "SIP/2.0\r\nVia: SIP/2.0/WSS gw.example;branch=z9hG4bK"));
    CHECK(!ws_says(0, "upstream"));
    browser_answers(0, "180", "t");
    CHECK(reach(&gw.nresp, 1));
    browser_answers(0, "200", "t");
    CHECK(reach(&gw.nlast, 1));
    ack = request("ACK", "sip:u8@k3f9.invalid;transport=ws", "b1");
    EQ(gw_sip_send_ack(gw.stack, &ack, &to), 0);
    EQ(nws_out, 2);
    browser_answers(0, "200", "t");
    CHECK(reach(&nws_out, 3));
    STR_EQ(ws_out[2], ws_out[1]);
    EQ(gw.nresp, 2);
    EQ(gw.nstray, 0);
    run_ms(2700); /* 64*T1: forgotten */
    EQ(gw_stats_read(GW_STAT_SIP_CLIENTS), 0);
    browser_answers(0, "200", "t");
    CHECK(reach(&gw.nstray, 1));
    teardown();
}

TEST(a_browser_that_refuses_gets_its_ack_with_the_same_branch)
{
    open_ws();
    invite_browser("b2");
    browser_answers(0, "486", "t");
    CHECK(reach(&gw.nlast, 1));
    EQ(gw_sip_msg_status(gw.resp), 486);
    CHECK(ws_says(1, "ACK sip:u8@k3f9.invalid;transport=ws SIP/2.0\r\nVia: SIP/2.0/WSS gw.example;branch=z9hG4bK"));
    CHECK(ws_says(1, "To: <sip:bob@core.example>;tag=t"));
    EQ(strncmp(strstr(ws_out[0], "branch="), strstr(ws_out[1], "branch="), 30), 0);
    teardown();
}

TEST(a_browser_is_cancelled_after_its_first_response)
{
    struct gw_sip_client *t;

    open_ws();
    t = invite_browser("b3");
    gw_sip_client_cancel(t, "SIP;cause=200;text=\"Call completed elsewhere\"");
    EQ(nws_out, 1);
    browser_answers(0, "180", "t");
    CHECK(reach(&nws_out, 2));
    CHECK(ws_says(1, "CANCEL ") && ws_says(1, "Reason: SIP;cause=200;text=\"Call completed elsewhere\""));
    browser_answers(1, "200", "t"); /* to the CANCEL */
    browser_answers(0, "487", "t");
    CHECK(reach(&gw.nlast, 1));
    EQ(gw_sip_msg_status(gw.resp), 487);
    CHECK(ws_says(2, "ACK "));
    teardown();
}

TEST(a_silent_browser_is_408_and_a_lost_connection_430)
{
    open_ws_with(setup_fast);
    invite_browser("b4");
    CHECK(reach(&gw.nlast, 1));
    EQ(gw_sip_msg_status(gw.resp), 408);
    invite_browser("b5");
    ws_event(GW_WS_CLOSED, 7, NULL);
    CHECK(reach(&gw.nlast, 2));
    EQ(gw_sip_msg_status(gw.resp), 430);
    EQ(gw.closed, 1);
    invite_browser("b6"); /* the flow is gone */
    CHECK(reach(&gw.nlast, 3));
    EQ(gw_sip_msg_status(gw.resp), 430);
    teardown();
}

/* ERR-001: section 6, SIP */
TEST(bad_messages_are_answered_with_their_fault_and_twenty_close_1008)
{
    static const struct {
        const char *text, *answer;
    } rows[] = {
        { "INVITE sip:x SIP/2.0\r\n" WS_HEAD "CSeq: 1 OPTIONS\r\n\r\n", "SIP/2.0 400 CSeq Method Does Not Match\r\n" },
        { "INVITE sip:x SIP/2.0\r\n" WS_HEAD "CSeq: x INVITE\r\n\r\n", "SIP/2.0 400 Bad CSeq\r\n" },
        { "INVITE sip:x SIP/2.0\r\n" WS_HEAD "CSeq: 1 INVITE\r\nContent-Length: 5\r\n\r\n",
          "SIP/2.0 400 Content-Length Beyond Message\r\n" },
        { "INVITE sip:x SIP/3.0\r\n" WS_HEAD "CSeq: 1 INVITE\r\n\r\n", "SIP/2.0 505 Version Not Supported\r\n" },
        { "INVITE nobody:x SIP/2.0\r\n" WS_HEAD "CSeq: 1 INVITE\r\n\r\n", "SIP/2.0 416 " },
        { "INVITE sip:x SIP/2.0\r\n" WS_HEAD "CSeq: 1 INVITE\r\nMax-Forwards: 0\r\n\r\n", "SIP/2.0 483 " },
    };

    open_ws();
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ws_event(GW_WS_MESSAGE, 7, rows[i].text);
        CHECK(reach(&nws_out, i + 1));
        if (!ws_says(i, rows[i].answer))
            gw_test_fail(__FILE__, __LINE__, "%s\nanswered with %s", rows[i].text, i < nws_out ? ws_out[i] : "nothing");
    }
    EQ(gw.nreq, 0);
    for (unsigned i = 4; i < 19; i++) /* four of the above were no SIP; 416 and 483 were */
        ws_event(GW_WS_MESSAGE, 7, "GET / HTTP/1.1\r\n\r\n");
    run_ms(10);
    EQ(ws_close_code, 0);
    ws_event(GW_WS_MESSAGE, 7, "INVITE sip:x SIP/2.0\r\n\r\n"); /* unanswerable */
    run_ms(10);
    EQ(ws_close_code, 1008);
    EQ(nws_out, 6);
    teardown();
}

TEST(a_message_too_large_is_513)
{
    size_t n = GW_SIP_TEXT_MAX + 2000;
    char *text = malloc(n);
    int at = snprintf(text, n, "MESSAGE sip:x SIP/2.0\r\n" WS_HEAD "CSeq: 1 MESSAGE\r\nContent-Type: a/b\r\n\r\n");

    memset(text + at, 'x', n - (size_t)at);
    text[n - 1] = '\0';
    open_ws();
    ws_event(GW_WS_MESSAGE, 7, text);
    CHECK(reach(&nws_out, 1));
    CHECK(ws_says(0, "SIP/2.0 513 Message Too Large"));
    free(text);
    teardown();
}

/* ERR-001 */
TEST(too_many_requests_in_work_are_503_with_retry_after)
{
    char text[600];

    start_with(&gw, "127.0.0.1:0", "sip_transactions = 16\n");
    start(&core, "127.0.0.1:0");
    nws_out = 0;
    ws_event(GW_WS_OPEN, 7, NULL);
    for (int i = 0; i < 17; i++) {
        snprintf(text, sizeof(text), "OPTIONS sip:x SIP/2.0\r\n" WS_HEAD "CSeq: %d OPTIONS\r\n\r\n", i);
        ws_event(GW_WS_MESSAGE, 7, text);
    }
    CHECK(reach(&nws_out, 1));
    EQ(gw.nreq, 16);
    CHECK(ws_says(0, "SIP/2.0 503 ") && ws_says(0, "CSeq: 16 OPTIONS") && ws_says(0, "\r\nRetry-After: 10\r\n"));
    teardown();
}

static unsigned fired;
static void count_up(void *arg)
{
    fired++;
}

TEST(timers_fire_once_and_stopped_ones_never)
{
    struct gw_ctl_timer *a, *b;

    setup();
    fired = 0;
    EQ(gw_ctl_timer_new(gw.stack, count_up, NULL, &a), 0);
    EQ(gw_ctl_timer_new(gw.stack, count_up, NULL, &b), 0);
    gw_ctl_timer_start(a, 5);
    gw_ctl_timer_start(b, 5);
    gw_ctl_timer_stop(b);
    CHECK(reach(&fired, 1));
    run_ms(30);
    EQ(fired, 1);
    gw_ctl_timer_free(a);
    gw_ctl_timer_free(b);
    teardown();
}
