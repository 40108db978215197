/* IMS phones on UDP: flows, keep-alives, and what an unreliable transport asks of transactions (RFC 3261 s. 17, RFC
 * 3581, RFC 5626). A real stack and a plain socket. */
#include "test.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "stack_priv.h"

enum { T1 = 100 };

static struct {
    struct gw_conf *conf;
    struct gw_sip_stack *stack;
    int phone;
    struct gw_addr gateway;
    unsigned requests, opened, closed, responses;
    int answer, status;
    gw_flow_id flow;
    struct gw_sip_server *txn;
} w;

static void on_request(void *arg, struct gw_sip_server *t, const struct gw_sip_msg *req)
{
    w.requests++;
    w.flow = gw_sip_server_flow(t);
    w.txn = t;
    if (w.answer)
        EQ(gw_sip_server_reply(t, req, w.answer, NULL, NULL, NULL), 0);
}

static void on_open(void *arg, gw_flow_id flow)
{
    w.opened++;
}

static void on_closed(void *arg, gw_flow_id flow)
{
    w.closed++;
}

static void on_response(void *arg, struct gw_sip_client *t, const struct gw_sip_msg *m, bool is_last)
{
    w.responses++;
    w.status = gw_sip_msg_status(m);
}

static void start(void)
{
    const struct gw_sip_handler h = { on_request, NULL, NULL, on_open, on_closed, NULL };
    struct gw_addr a = { 4, 0, 0, { 127, 0, 0, 1 } };
    struct sockaddr_storage ss;
    socklen_t n = gw_addr_to_sockaddr(&a, &ss);
    char text[256], why[128] = "";
    int err = GW_E_IO;

    memset(&w, 0, sizeof(w));
    for (unsigned port = 23950; err && port < 23999; port++) {
        gw_conf_free(w.conf);
        w.conf = NULL;
        snprintf(text, sizeof(text), "sip_listen = 127.0.0.1:0\naccess_udp = 127.0.0.1:%u\nsip_t1 = %d\n", port, T1);
        EQ(gw_conf_parse("test", text, strlen(text), &w.conf, why, sizeof(why)), 0);
        STR_EQ(why, "");
        err = gw_sip_stack_new(w.conf, &h, &w.stack);
    }
    EQ(err, 0);
    w.gateway = w.conf->access_udp;
    w.phone = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    EQ(bind(w.phone, (struct sockaddr *)&ss, n), 0);
    n = gw_addr_to_sockaddr(&w.gateway, &ss);
    EQ(connect(w.phone, (struct sockaddr *)&ss, n), 0);
}

static void stop(void)
{
    close(w.phone);
    gw_sip_stack_free(w.stack);
    gw_conf_free(w.conf);
}

static void say(const char *text, size_t len)
{
    EQ(send(w.phone, text, len, 0), (ssize_t)len);
}

/* What comes within the time; empty: nothing. */
static const char *hear(unsigned ms)
{
    static char buf[4096];
    uint64_t end = gw_clock_us() + ms * GW_MS;
    ssize_t n;

    do {
        gw_sip_stack_step(w.stack, 5);
        n = recv(w.phone, buf, sizeof(buf) - 1, 0);
    } while (n < 0 && gw_clock_us() < end);
    buf[n > 0 ? n : 0] = 0;
    return buf;
}

static const char *request(const char *method, const char *branch, unsigned cseq)
{
    static char text[600];

    snprintf(text, sizeof(text),
             "%s sip:bob@ims.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK%s;rport\r\n"
             "From: <sip:ann@ims.example>;tag=a\r\nTo: <sip:bob@ims.example>%s\r\nCall-ID: c1\r\nCSeq: %u %s\r\n"
             "Max-Forwards: 70\r\nContact: <sip:ann@192.0.2.7>\r\nContent-Length: 0\r\n\r\n",
             method, branch, strcmp(method, "ACK") == 0 ? ";tag=b" : "", cseq, method);
    return text;
}

static void ask(const char *method, const char *branch, unsigned cseq)
{
    const char *text = request(method, branch, cseq);

    say(text, strlen(text));
}

TEST(a_request_is_answered_where_it_came_from_and_once_however_often_it_comes)
{
    char first[4096], port[40];
    struct gw_flow_info info;

    start();
    w.answer = 200;
    ask("REGISTER", "1", 1);
    snprintf(first, sizeof(first), "%s", hear(1000));
    CHECK(strncmp(first, "SIP/2.0 200 OK\r\n", 16) == 0);
    EQ(gw_sip_flow_info(w.stack, w.flow, &info), 0);
    STR_EQ(info.transport, "UDP");
    snprintf(port, sizeof(port), ";rport=%u;received=127.0.0.1", info.peer.port);
    CHECK(strstr(first, port) != NULL);
    ask("REGISTER", "1", 1); /* its answer was lost */
    STR_EQ(hear(1000), first);
    EQ(w.requests, 1);
    EQ(w.opened, 1);
    ask("OPTIONS", "2", 2);
    CHECK(strncmp(hear(1000), "SIP/2.0 200", 11) == 0);
    EQ(w.requests, 2);
    EQ(w.opened, 1); /* the same flow */
    gw_sip_flow_close(w.stack, w.flow, 0, NULL);
    EQ(w.closed, 1);
    stop();
}

TEST(a_refusal_of_an_invite_is_repeated_until_its_ack)
{
    char first[4096];

    start();
    w.answer = 486;
    ask("INVITE", "1", 1);
    snprintf(first, sizeof(first), "%s", hear(1000));
    CHECK(strncmp(first, "SIP/2.0 486", 11) == 0);
    STR_EQ(hear(5 * T1), first);
    STR_EQ(hear(5 * T1), first);
    ask("ACK", "1", 1);
    STR_EQ(hear(10 * T1), "");
    EQ(w.requests, 1);
    stop();
}

TEST(our_request_is_repeated_until_it_is_answered_and_a_repeated_refusal_acknowledged_again)
{
    struct gw_sip_target to = { 0 };
    struct gw_sip_msg *m;
    char first[4096], answer[4096], tags[600], *end;

    start();
    w.answer = 200;
    ask("REGISTER", "1", 1);
    (void)hear(1000);
    m = gw_sip_msg_request("INVITE", "sip:ann@192.0.2.7");
    EQ(gw_sip_msg_add(m, "From", "<sip:bob@ims.example>;tag=x"), 0);
    EQ(gw_sip_msg_add(m, "To", "<sip:ann@ims.example>"), 0);
    EQ(gw_sip_msg_add(m, "Call-ID", "c2"), 0);
    EQ(gw_sip_msg_add(m, "CSeq", "1 INVITE"), 0);
    to.flow = w.flow;
    EQ(gw_sip_client_send(w.stack, &m, &to, on_response, NULL, NULL), 0);
    snprintf(first, sizeof(first), "%s", hear(1000));
    CHECK(strncmp(first, "INVITE sip:ann@192.0.2.7 SIP/2.0\r\n", 34) == 0);
    CHECK(strstr(first, "Via: SIP/2.0/UDP 127.0.0.1:") != NULL);
    CHECK(strstr(first, ";rport") != NULL);
    STR_EQ(hear(5 * T1), first);
    end = strstr(first, "Via: ");
    snprintf(tags, sizeof(tags), "%.*s", (int)(strstr(end, "\r\n") - end), end); /* our Via */
    snprintf(answer, sizeof(answer),
             "SIP/2.0 486 Busy Here\r\n%s\r\nFrom: <sip:bob@ims.example>;tag=x\r\nTo: <sip:ann@ims.example>;tag=y\r\n"
             "Call-ID: c2\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
             tags);
    say(answer, strlen(answer));
    do
        snprintf(first, sizeof(first), "%s", hear(1000));
    while (strncmp(first, "INVITE", 6) == 0); /* one more may have been on its way */
    CHECK(strncmp(first, "ACK sip:ann@192.0.2.7 SIP/2.0", 29) == 0);
    EQ(w.status, 486);
    say(answer, strlen(answer));
    STR_EQ(hear(1000), first);
    EQ(w.responses, 1);
    STR_EQ(hear(10 * T1), "");
    stop();
}

TEST(keep_alives_are_answered_and_noise_opens_no_flow)
{
    static const char stun[] = "\0\1\0\0\x21\x12\xa4\x42"
                               "abcdefghijkl";
    struct pollfd p;
    uint8_t buf[100];

    start();
    w.answer = 200;
    say("\r\n\r\n", 4); /* of a stranger */
    say("noise that is no SIP\r\n", 22);
    say("SIP/2.0 200 OK\r\n\r\n", 18);
    STR_EQ(hear(200), "");
    EQ(w.opened, 0);
    say(stun, 20);
    gw_sip_stack_step(w.stack, 50);
    p = (struct pollfd){ w.phone, POLLIN, 0 };
    EQ(poll(&p, 1, 1000), 1);
    EQ(recv(w.phone, buf, sizeof(buf), 0), 32);
    MEM_EQ(buf,
           "\1\1\0\x0c\x21\x12\xa4\x42"
           "abcdefghijkl\0\x20\0\x08\0\1",
           26);
    EQ(buf[28] ^ 0x21, 127);
    EQ(buf[31] ^ 0x42, 1);
    ask("OPTIONS", "1", 1);
    (void)hear(1000);
    EQ(w.opened, 1);
    say("\r\n\r\n", 4);
    STR_EQ(hear(1000), "\r\n");
    stop();
}
