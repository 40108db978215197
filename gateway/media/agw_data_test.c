/* Data channels through the access gateway: over ICE and DTLS of the client that nobody here wrote, SCTP by usrsctp at both
 * ends; on the core side plain sockets. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <test.h>
#include <unistd.h>

#include "datachannel/bfcp/bfcp_msg.h"
#include "datachannel/sctp/sctp_assoc.h"
#include "datachannel/t140/t140_red.h"
#include "gateway/base/clock.h"
#include "tests/harness/agw_rig.h"

enum { CORE_TCP = 3, CHANNEL = 9, STREAM = 2 };

#define CH_OWN "msrps://gw.example:9/s2;dc"
#define CH_PEER "msrps://browser.invalid:9/b1;dc"
#define CORE_OWN "msrp://127.0.0.1:21000/s1;tcp"
#define CORE_PEER "msrp://127.0.0.1:31000/z;tcp"

/* The browser's end of the association. */
static struct {
    struct rig *g;
    struct gw_sctp_host *host;
    struct gw_sctp_assoc *a;
    bool is_up, is_reset;
    unsigned messages;
    uint64_t octets;
    uint32_t ppid;
    char last[20000];
    size_t last_len;
    bool answers; /* MSRP: 200 to every SEND */
    char text[4000];
} b;

static void on_send(void *arg, struct gw_span p)
{
    (void)arg;
    wc_send_data(b.g->wc, p.ptr, p.len);
}

static void on_up(void *arg, unsigned in, unsigned out)
{
    (void)arg;
    b.is_up = in && out;
}

static void send_message(uint32_t ppid, const void *p, size_t len)
{
    struct gw_sctp_send how = { STREAM, ppid, false, -1, -1 };

    EQ(gw_sctp_send(b.a, &how, (struct gw_span){ p, len }), 0);
}

static void answer(const char *m)
{
    char tid[33], text[512];

    if (sscanf(m, "MSRP %32s SEND", tid) != 1 || !b.answers)
        return;
    snprintf(text, sizeof(text), "MSRP %s 200 OK\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER "\r\n-------%s$\r\n", tid,
             tid);
    send_message(GW_PPID_BINARY, text, strlen(text));
}

static void on_message(void *arg, uint16_t stream, uint32_t ppid, struct gw_span m)
{
    (void)arg;
    EQ(stream, STREAM);
    b.messages++;
    b.octets += m.len;
    b.ppid = ppid;
    b.last_len = m.len < sizeof(b.last) - 1 ? m.len : sizeof(b.last) - 1;
    memcpy(b.last, m.ptr, b.last_len);
    b.last[b.last_len] = 0;
    if (ppid == GW_PPID_STRING && strlen(b.text) + m.len < sizeof(b.text))
        strncat(b.text, m.ptr, m.len);
    answer(b.last);
}

static void on_stream(void *arg, uint16_t stream)
{
    (void)arg;
    (void)stream;
    b.is_reset = true;
}

static void on_own_reset(void *arg, uint16_t stream, int err)
{
    (void)arg;
    (void)stream;
    (void)err;
}

static void on_nothing(void *arg)
{
    (void)arg;
}

static void on_down(void *arg, int err)
{
    (void)arg;
    (void)err;
    b.is_up = false;
}

static const struct gw_sctp_events events = { on_send, on_up, on_message, on_stream, on_stream,
                                              on_own_reset, on_nothing, on_down };

static void on_record(void *arg, const void *p, size_t len)
{
    (void)arg;
    if (b.a)
        gw_sctp_input(b.a, (struct gw_span){ p, len });
}

/* Lets both ends run until *count >= n or the time is over. */
static bool run_until(const unsigned *count, unsigned n, unsigned ms)
{
    uint64_t end = gw_clock_us() + ms * GW_MS;

    while (*count < n && gw_clock_us() < end) {
        wc_run(b.g->wc, 2);
        if (b.host)
            gw_sctp_host_poll(b.host);
        rig_dispatch(b.g, 1);
    }
    return *count >= n;
}

static int tcp_listener(struct gw_addr *a)
{
    struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(sin);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    EQ(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
    EQ(listen(fd, 1), 0);
    getsockname(fd, (struct sockaddr *)&sin, &len);
    gw_addr_from_sockaddr((struct sockaddr *)&sin, a);
    return fd;
}

/* Reads exactly n octets of the core connection while the rest of the rig goes on. */
static size_t core_read(int fd, char *buf, size_t n, unsigned ms)
{
    uint64_t end = gw_clock_us() + ms * GW_MS;
    size_t got = 0;

    while (got < n && gw_clock_us() < end) {
        unsigned never = 0;
        ssize_t k = recv(fd, buf + got, n - got, MSG_DONTWAIT);
        if (k > 0)
            got += (size_t)k;
        else
            run_until(&never, 1, 5);
    }
    buf[got] = 0;
    return got;
}

/* The call of the rig with a channel beside its audio; `remote` is where the core listens, or family 0: it will connect. */
static void start(struct rig *g, enum gw_iq_protocol protocol, const struct gw_addr *remote)
{
    struct variant v = { .is_dtls_client = true };
    struct gw_iq_term *t;
    struct gw_iq_channel *c;
    unsigned up = 0;

    memset(&b, 0, sizeof(b));
    b.g = g;
    b.answers = true;
    rig_start(g, &v);
    g->want.terms[0].has_sctp = true;
    g->want.terms[0].sctp_port = 5000;
    g->want.terms[0].remote_sctp_port = 5001;
    g->want.terms[0].remote_max_message = 65536;
    t = &g->want.terms[g->want.nterms++];
    *t = (struct gw_iq_term){ .id = CORE_TCP, .realm = GW_IQ_CORE, .family = 4,
                              .transport = protocol == GW_IQ_T140 ? GW_IQ_UDP : GW_IQ_TCP, .has_remote = true };
    if (remote->family) {
        t->remote_rtp = *remote;
        t->tcp_setup = GW_IQ_SETUP_ACTIVE;
    }
    c = &g->want.channels[g->want.nchannels++];
    *c = (struct gw_iq_channel){ .id = CHANNEL, .protocol = (uint8_t)protocol, .access_term = RIG_ACCESS,
                                 .core_term = CORE_TCP, .to_core = true, .to_access = true, .stream = STREAM,
                                 .has_b2bua = true, .own_uri = CH_OWN, .peer_uri = CH_PEER, .core_uri = CORE_OWN,
                                 .core_path = CORE_PEER, .t140_pt = 98, .red_pt = 100, .generations = 2,
                                 .core_cps = 1000, .access_cps = 1000 };
    g->wc->on_data = on_record;
    rig_know_fingerprint(g);
    rig_reserve(g);
    rig_connect_ice(g);
    CHECK(wc_run_until(g->wc, &g->wc->is_dtls_up, 5000));
    EQ(gw_sctp_host_new(&b.host), 0);
    EQ(gw_sctp_new(b.host, &(struct gw_sctp_config){ 5001, 5000, 0, &events, NULL }, &b.a), 0);
    for (int i = 0; i < 500 && !(up = b.is_up && g->events[GW_IQ_SCTP_UP]); i++)
        run_until(&(unsigned){ 0 }, 1, 10);
    CHECK(up);
}

static void end(struct rig *g)
{
    gw_sctp_free(b.a);
    gw_sctp_host_free(b.host);
    b.a = NULL;
    rig_end(g);
}

TEST(msrp_passes_both_ways_between_a_channel_and_a_connection_of_ours)
{
    static char big[120000], buf[130000];
    struct gw_addr core;
    int listener = tcp_listener(&core), fd, n;
    struct rig g;

    start(&g, GW_IQ_MSRP, &core);
    media_both_ways(&g, 1); /* voice and data on one transport */
    fd = accept(listener, NULL, NULL);
    CHECK(run_until(&g.events[GW_IQ_TCP_UP], 1, 2000));

    n = sprintf(big, "MSRP abcd1234 SEND\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER "\r\nMessage-ID: m123\r\n"
                     "Content-Type: text/plain\r\n\r\nhello\r\n-------abcd1234$\r\n");
    send_message(GW_PPID_BINARY, big, (size_t)n);
    n = sprintf(big, "MSRP abcd1234 SEND\r\nTo-Path: " CORE_PEER "\r\nFrom-Path: " CORE_OWN "\r\nMessage-ID: m123\r\n"
                     "Content-Type: text/plain\r\n\r\nhello\r\n-------abcd1234$\r\n");
    EQ(core_read(fd, buf, (size_t)n, 3000), n);
    STR_EQ(buf, big);

    n = sprintf(big, "MSRP tttt1 SEND\r\nTo-Path: " CORE_OWN "\r\nFrom-Path: " CORE_PEER "\r\nMessage-ID: m124\r\n"
                     "Byte-Range: 1-*/100000\r\nContent-Type: a/b\r\n\r\n");
    memset(big + n, 'x', 100000);
    n += 100000;
    n += sprintf(big + n, "\r\n-------tttt1$\r\n");
    EQ(write(fd, big, (size_t)n), n);
    n = sprintf(big, "MSRP tttt1 200 OK\r\nTo-Path: " CORE_PEER "\r\nFrom-Path: " CORE_OWN "\r\n-------tttt1$\r\n");
    EQ(core_read(fd, buf, (size_t)n, 5000), n); /* answered once, when every piece was */
    STR_EQ(buf, big);
    EQ(b.messages, 7); /* of 16 KiB at most */
    close(fd);
    CHECK(run_until(&g.events[GW_IQ_TCP_LOST], 1, 2000));
    close(listener);
    end(&g);
}

TEST(iq_002_the_core_may_connect_and_a_second_connection_is_refused)
{
    struct gw_addr nobody = { 0 };
    struct sockaddr_storage ss;
    char buf[1000];
    socklen_t len;
    int fd, second;
    struct rig g;

    start(&g, GW_IQ_MSRP, &nobody);
    len = gw_addr_to_sockaddr(&g.reply.locals[2].rtp, &ss);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EQ(connect(fd, (struct sockaddr *)&ss, len), 0);
    CHECK(run_until(&g.events[GW_IQ_TCP_UP], 1, 2000));
    second = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EQ(connect(second, (struct sockaddr *)&ss, len), 0);
    EQ(core_read(second, buf, 1, 100), 0);
    EQ(recv(second, buf, 1, 0), 0); /* closed */
    EQ(write(fd, "GET / HTTP/1.1\r\n\r\n", 18), 18); /* first octets of something else close this connection alone */
    CHECK(run_until(&g.events[GW_IQ_TCP_LOST], 1, 2000));
    media_both_ways(&g, 1);
    close(fd);
    close(second);
    end(&g);
}

TEST(bfcp_011_messages_pass_octet_for_octet_and_wrong_ones_are_answered)
{
    static const uint8_t request[] = { 0x20, 0x01, 0, 1, 0, 0, 0x10, 0xe1, 0, 7, 4, 0xd2, 5, 4, 0, 1 };
    static const uint8_t status[] = { 0x20, 0x04, 0, 3, 0, 0, 0, 1, 0, 7, 0, 2, 0x1f, 0x0c, 0, 5, 0x25, 8, 0, 5, 0x0b, 4, 3, 0 };
    struct gw_addr core;
    int listener = tcp_listener(&core), fd;
    struct gw_bfcp_header h;
    char buf[200];
    struct rig g;

    start(&g, GW_IQ_BFCP, &core);
    fd = accept(listener, NULL, NULL);
    send_message(GW_PPID_BINARY, request, sizeof(request));
    EQ(core_read(fd, buf, sizeof(request), 3000), sizeof(request));
    MEM_EQ(buf, request, sizeof(request));
    for (size_t i = 0; i < sizeof(status); i++) { /* however TCP cuts it */
        EQ(write(fd, status + i, 1), 1);
        run_until(&(unsigned){ 0 }, 1, 3);
    }
    CHECK(run_until(&b.messages, 1, 2000));
    EQ(b.last_len, sizeof(status));
    MEM_EQ(b.last, status, sizeof(status));
    send_message(GW_PPID_BINARY, request, sizeof(request) - 4); /* shorter than it says */
    CHECK(run_until(&b.messages, 2, 2000));
    EQ(gw_bfcp_check((struct gw_span){ b.last, b.last_len }, &h), 0);
    EQ(h.primitive, GW_BFCP_ERROR);
    EQ(b.last[14], GW_BFCP_ERR_LENGTH);
    close(fd);
    close(listener);
    end(&g);
}

TEST(t140_text_becomes_rtp_with_redundancy_and_back)
{
    struct gw_addr phone;
    int fd = phone_socket(false, &phone);
    struct gw_t140_red red;
    uint8_t p[500], *text = p;
    char seen[100] = "";
    struct rig g;
    ssize_t n;

    start(&g, GW_IQ_T140, &phone);
    send_message(GW_PPID_STRING, "gr\xc3\xbc\xc3\x9f", 6);
    for (int i = 0; i < 60 && strlen(seen) < 6; i++) {
        run_until(&(unsigned){ 0 }, 1, 20);
        while ((n = phone_recv(fd, p, sizeof(p), true)) > 12) {
            EQ(p[1] & 0x7f, 100);
            EQ(gw_t140_red_parse((struct gw_span){ p + 12, (size_t)n - 12 }, 98, &red), 0);
            if (red.primary.len && memcmp(red.primary.ptr, "\xef\xbb\xbf", 3) != 0)
                strncat(seen, red.primary.ptr, red.primary.len);
        }
    }
    STR_EQ(seen, "gr\xc3\xbc\xc3\x9f");

    memcpy(p, "\x80\xe4\x00\x01\x00\x00\x00\x01\x00\x00\x00\x07\x62hello", 18);
    phone_send(fd, &g.reply.locals[2].rtp, p, 18);
    /* the second packet is lost; the third has its text */
    text = p;
    memcpy(text, "\x80\x64\x00\x03\x00\x00\x02\x58\x00\x00\x00\x07\xe2\x09\x60\x05\xe2\x04\xb0\x03\x62hello, you", 31);
    phone_send(fd, &g.reply.locals[2].rtp, p, 31);
    for (int i = 0; i < 100 && strlen(b.text) < 10; i++)
        run_until(&(unsigned){ 0 }, 1, 20);
    STR_EQ(b.text, "hello, you");
    EQ(b.ppid, GW_PPID_STRING);
    close(fd);
    end(&g);
}

TEST(dc_009_a_channel_that_signalling_did_not_join_is_reset_and_the_call_goes_on)
{
    static const uint8_t open[] = { 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 5, 'c', 'h', 'e', 's', 's' };
    struct gw_sctp_send how = { 4, GW_PPID_DCEP, false, -1, -1 };
    struct gw_addr nobody = { 0 };
    struct rig g;

    start(&g, GW_IQ_BFCP, &nobody);
    EQ(gw_sctp_send(b.a, &how, GW_SPAN(open)), 0);
    for (int i = 0; i < 100 && !b.is_reset; i++)
        run_until(&(unsigned){ 0 }, 1, 20);
    CHECK(b.is_reset);
    media_both_ways(&g, 1);
    end(&g);
}
