/* Whole pages between fax terminals of spandsp at both ends of the gateway, all cases at once and faster than a
 * telephone line: UDPTL plain, over DTLS with and without ICE, and data channels towards UDPTL of the core, with losses
 * on either side. The pages that arrive are compared pixel by pixel (T38-011). */
#include <poll.h>
#include <spandsp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <test.h>
#include <unistd.h>

#include "bench/data_end.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/stats.h"
#include "gateway/media/agw.h"
#include "t38/udptl/udptl.h"
#include "tests/harness/fax_pages.h"

enum { STEP_US = 3000 /* for 20 ms of fax */, LIMIT_S = 80 };

enum access { PLAIN, DTLS, ICE, CHANNEL };

struct fax_case {
    const char *name;
    enum access access;
    bool is_from_core; /* the core's machine sends */
    int modems;
    bool has_ecm;
    int compression;
    enum gw_iq_ec ec[2];
    unsigned loss[2];     /* per cent, each way, of the access side and of the core's */
    unsigned versions[2]; /* T38FaxVersion of each side */
};

#define V27 T30_SUPPORT_V27TER
#define V29 (T30_SUPPORT_V27TER | T30_SUPPORT_V29)
#define V17 (T30_SUPPORT_V27TER | T30_SUPPORT_V29 | T30_SUPPORT_V17)
#define MH T30_SUPPORT_T4_1D_COMPRESSION
#define MR (T30_SUPPORT_T4_1D_COMPRESSION | T30_SUPPORT_T4_2D_COMPRESSION)
#define MMR (MR | T30_SUPPORT_T6_COMPRESSION)
#define RED GW_IQ_EC_REDUNDANCY
#define FEC GW_IQ_EC_FEC
#define NONE GW_IQ_EC_NONE

static const struct fax_case cases[] = {
    { "plain, V.17, ECM, MMR", PLAIN, false, V17, true, MMR, { NONE, NONE }, { 0, 0 }, { 2, 2 } },
    { "plain, V.27ter, MH", PLAIN, false, V27, false, MH, { RED, NONE }, { 0, 0 }, { 2, 2 } },
    { "plain, V.29, MR, from the core", PLAIN, true, V29, false, MR, { RED, RED }, { 0, 0 }, { 2, 2 } },
    { "plain, V.17, ECM, 5% lost on both sides, redundancy",
      PLAIN,
      false,
      V17,
      true,
      MMR,
      { RED, RED },
      { 5, 5 },
      { 2, 2 } },
    { "plain, V.17, ECM, 5% lost on both sides, FEC", PLAIN, true, V17, true, MR, { FEC, FEC }, { 5, 5 }, { 2, 2 } },
    { "plain, version 0 to version 2", PLAIN, false, V17, true, MH, { RED, RED }, { 0, 0 }, { 0, 2 } },
    { "DTLS, V.17, ECM, MMR", DTLS, false, V17, true, MMR, { RED, RED }, { 0, 0 }, { 2, 2 } },
    { "DTLS, V.27ter, ECM, 20% lost on the access side", DTLS, true, V27, true, MR, { RED, RED }, { 20, 0 }, { 2, 2 } },
    { "DTLS with ICE, V.17, MR", ICE, false, V17, false, MR, { RED, FEC }, { 0, 0 }, { 2, 2 } },
    { "channel, V.17, ECM, MMR", CHANNEL, false, V17, true, MMR, { NONE, RED }, { 0, 0 }, { 2, 2 } },
    { "channel, V.27ter, MH, 5% lost in the core, from the core",
      CHANNEL,
      true,
      V27,
      false,
      MH,
      { NONE, RED },
      { 0, 5 },
      { 2, 2 } },
    { "channel, V.17, ECM, FEC, 5% lost in the core",
      CHANNEL,
      false,
      V17,
      true,
      MR,
      { NONE, FEC },
      { 0, 5 },
      { 2, 2 } },
};
enum { CASES = sizeof(cases) / sizeof(cases[0]), MOST = 10 * CASES };

/* A fax terminal and the way of its packets. */
struct machine {
    const struct fax_case *c;
    t38_terminal_state_t *t;
    struct gw_udptl_tx tx;
    struct gw_udptl_rx rx;
    unsigned side;
    bool is_up, is_over;
    int result, pages;
    uint32_t dice;
    uint16_t seq; /* of IFPs of a channel */
    int fd;       /* UDPTL over UDP; -1: by `end` */
    struct gw_addr to;
    struct data_end end;
};

static struct machine machines[MOST][2]; /* each case IMSGW_TEST_FAXES times */
static char folder[] = "/tmp/agw_fax_XXXXXX";
static struct gw_conf *conf;
static struct gw_agw *agw;
static struct gw_iq_reply reply;
static bool has_reply;
static struct gw_dtls_identity *identity;
static struct gw_sctp_host *host;

/* ---- terminals ---- */

static void name_of(char out[200], unsigned i, const char *what)
{
    snprintf(out, 200, "%s/%u_%s.tif", folder, i, what);
}

static bool is_lost(struct machine *m)
{
    m->dice = m->dice * 1103515245u + 12345u;
    return (m->dice >> 16) % 100 < m->c->loss[m->side];
}

static void put(struct machine *m, struct gw_span p)
{
    struct sockaddr_storage ss;
    socklen_t len;

    if (is_lost(m))
        return;
    if (m->fd < 0) {
        (void)!data_end_send(&m->end, p);
        return;
    }
    len = gw_addr_to_sockaddr(&m->to, &ss);
    (void)!sendto(m->fd, p.ptr, p.len, MSG_DONTWAIT, (struct sockaddr *)&ss, len);
}

static bool is_channel(const struct machine *m)
{
    return m->c->access == CHANNEL && m->side == 0;
}

static int on_tx(t38_core_state_t *core, void *arg, const uint8_t *ifp, int len, int count)
{
    struct machine *m = arg;
    uint8_t p[1400];
    int n = 0;

    (void)core;
    if (is_channel(m)) {
        put(m, (struct gw_span){ ifp, (size_t)len });
        return 0;
    }
    n = gw_udptl_tx_send(&m->tx, (struct gw_span){ ifp, (size_t)len }, p, sizeof(p));
    for (int i = 0; n > 0 && i < count; i++)
        put(m, (struct gw_span){ p, (size_t)n });
    return 0;
}

static void on_ifp(void *arg, struct gw_span ifp, unsigned lost)
{
    struct machine *m = arg;

    (void)lost;
    if (ifp.len)
        t38_core_rx_ifp_packet(t38_terminal_get_t38_core_state(m->t), ifp.ptr, (int)ifp.len,
                               (uint16_t)(m->rx.next_seq - 1));
}

static void take(struct machine *m, struct gw_span p)
{
    if (is_lost(m))
        return;
    if (is_channel(m))
        t38_core_rx_ifp_packet(t38_terminal_get_t38_core_state(m->t), p.ptr, (int)p.len, m->seq++);
    else
        (void)!gw_udptl_rx_packet(&m->rx, p, gw_clock_us(), on_ifp, m);
}

static void on_end_packet(struct data_end *e, struct gw_span p)
{
    take(e->arg, p);
}

static void on_phase_e(t30_state_t *t30, void *arg, int result)
{
    struct machine *m = arg;
    t30_stats_t stats;

    t30_get_transfer_statistics(t30, &stats);
    m->is_over = true;
    m->result = result;
    m->pages = stats.pages_tx + stats.pages_rx;
}

static void make_machine(struct machine *m, unsigned i, unsigned side)
{
    static const enum gw_udptl_ec ec[] = { GW_UDPTL_NO_EC, GW_UDPTL_REDUNDANCY, GW_UDPTL_FEC };
    const struct fax_case *c = m->c = &cases[i % CASES];
    bool is_sender = (side == 1) == c->is_from_core;
    t38_core_state_t *core;
    char name[200];
    t30_state_t *t30;

    m->side = side;
    m->fd = -1;
    m->dice = 77 * i + side;
    gw_udptl_tx_init(&m->tx, ec[c->ec[side]], 3, 3, 1100);
    gw_udptl_rx_init(&m->rx);
    m->t = t38_terminal_init(NULL, is_sender, on_tx, m);
    core = t38_terminal_get_t38_core_state(m->t);
    t30 = t38_terminal_get_t30_state(m->t);
    t38_set_t38_version(core, (int)c->versions[side]);
    t38_set_data_transport_protocol(core, T38_TRANSPORT_UDPTL);
    t30_set_tx_ident(t30, is_sender ? "111" : "222");
    t30_set_supported_modems(t30, c->modems);
    t30_set_ecm_capability(t30, c->has_ecm);
    t30_set_supported_compressions(t30, c->compression);
    t30_set_supported_image_sizes(t30, T30_SUPPORT_215MM_WIDTH | T30_SUPPORT_A4_LENGTH | T30_SUPPORT_UNLIMITED_LENGTH);
    t30_set_supported_resolutions(t30, T30_SUPPORT_STANDARD_RESOLUTION | T30_SUPPORT_FINE_RESOLUTION |
                                           T30_SUPPORT_R8_RESOLUTION);
    t30_set_phase_e_handler(t30, on_phase_e, m);
    name_of(name, is_sender ? 0 : i, is_sender ? "sent" : "got");
    if (is_sender)
        t30_set_tx_file(t30, name, -1, -1);
    else
        t30_set_rx_file(t30, name, -1);
}

/* ---- the gateway ---- */

static struct gw_iq_notify last;
static struct gw_dtls_identity *expected; /* of the access side, instead of the one it has */

static void on_notify(void *arg, const struct gw_iq_notify *n)
{
    (void)arg;
    last = *n;
}

static void on_reply(void *arg, const struct gw_iq_reply *r)
{
    (void)arg;
    reply = *r;
    has_reply = true;
}

static int ask(const struct gw_iq_req *req)
{
    struct gw_iq_req *copy = malloc(sizeof(*copy));

    *copy = *req;
    has_reply = false;
    EQ(gw_agw_submit(agw, &copy, on_reply, NULL), 0);
    while (!has_reply) {
        struct pollfd p = { gw_agw_fd(agw), POLLIN, 0 };
        poll(&p, 1, 100);
        gw_agw_dispatch(agw);
    }
    return reply.err;
}

static int udp(struct gw_addr *a)
{
    struct sockaddr_storage ss;
    socklen_t len;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    EQ(gw_addr_parse_ip("127.0.0.1", 0, a), 0);
    len = gw_addr_to_sockaddr(a, &ss);
    EQ(bind(fd, (struct sockaddr *)&ss, len), 0);
    len = sizeof(ss);
    getsockname(fd, (struct sockaddr *)&ss, &len);
    EQ(gw_addr_from_sockaddr((struct sockaddr *)&ss, a), 0);
    return fd;
}

static void begin_gateway(bool is_large)
{
    static const uint16_t profile = GW_IQ_AEAD_AES_128_GCM;
    char text[300], why[256] = "";
    int err = GW_E_IO;

    gw_log_set_level(GW_LOG_ERROR);
    last = (struct gw_iq_notify){ 0 };
    for (int port = 24100; err && port < 25000; port += 100) {
        gw_conf_free(conf);
        conf = NULL;
        snprintf(text, sizeof(text),
                 "access_address = 127.0.0.1\naccess_port = %d\ncore_address = 127.0.0.1\ncore_port_min = "
                 "%d\ncore_port_max = %d\n",
                 port, is_large ? 46000 : port + 10, is_large ? 46999 : port + 99);
        EQ(gw_conf_parse("test", text, strlen(text), &conf, why, sizeof(why)), 0);
        err = gw_agw_new(conf, on_notify, NULL, &agw, why, sizeof(why));
    }
    if (err) {
        fprintf(stderr, "no free port for the gateway: %s\n", why);
        exit(1);
    }
    EQ(gw_agw_start(agw), 0);
    EQ(gw_dtls_identity_new(&profile, 1, &identity), 0);
    EQ(gw_sctp_init(true), 0);
    EQ(gw_sctp_host_new(&host), 0);
}

static void want_access(struct gw_iq_term *t, const struct fax_case *c, struct machine *m)
{
    struct gw_addr a;

    *t = (struct gw_iq_term){ .id = 1, .realm = GW_IQ_ACCESS, .family = 4, .has_rtcp_mux = true };
    if (c->access == PLAIN) {
        m->fd = udp(&t->remote_rtp);
        t->has_remote = true;
        return;
    }
    EQ(data_end_init(&m->end, true, identity, host), 0);
    m->end.arg = m;
    if (c->access == CHANNEL)
        m->end.on_message = on_end_packet;
    else
        m->end.on_record = on_end_packet;
    t->security = GW_IQ_DTLS;
    t->dtls_generation = 1;
    t->nfingerprints = 1;
    t->fingerprints[0] = *gw_dtls_identity_fingerprint(expected ? expected : identity);
    t->has_ice = c->access != DTLS;
    if (c->access == DTLS) {
        EQ(gw_addr_parse_ip("127.0.0.1", data_end_port(&m->end), &a), 0);
        t->has_remote = true;
        t->remote_rtp = a;
        return;
    }
    t->ice_generation = 1;
    strcpy(t->remote_ufrag, "faxfax");
    strcpy(t->remote_pwd, "faxfaxfaxfaxfaxfaxfaxfax");
    t->has_sctp = c->access == CHANNEL;
    t->sctp_port = t->remote_sctp_port = t->has_sctp ? 5000 : 0;
}

static uint64_t make_call(unsigned i)
{
    static struct gw_iq_req req;
    const struct fax_case *c = &cases[i % CASES];
    struct gw_iq_udptl side[2];
    struct machine *a = &machines[i][0], *b = &machines[i][1];
    struct sockaddr_storage ss;

    make_machine(a, i, 0);
    make_machine(b, i, 1);
    for (unsigned k = 0; k < 2; k++)
        side[k] = (struct gw_iq_udptl){ (uint8_t)c->ec[k], (uint8_t)c->versions[k], 400 };
    req = (struct gw_iq_req){ .op = GW_IQ_RESERVE_CONFIGURE, .call = "fax", .nterms = 2 };
    want_access(&req.terms[0], c, a);
    req.terms[1] =
        (struct gw_iq_term){ .id = 2, .realm = GW_IQ_CORE, .family = 4, .has_rtcp_mux = true, .has_remote = true };
    b->fd = udp(&req.terms[1].remote_rtp);
    if (c->access == CHANNEL) {
        req.nchannels = 1;
        req.channels[0] = (struct gw_iq_channel){ .id = 9,
                                                  .protocol = GW_IQ_T38,
                                                  .access_term = 1,
                                                  .core_term = 2,
                                                  .to_core = true,
                                                  .to_access = true,
                                                  .stream = 2,
                                                  .udptl = side[1] };
    } else {
        req.nstreams = 1;
        req.streams[0] = (struct gw_iq_stream){ .id = 1,
                                                .kind = GW_IQ_IMAGE,
                                                .access_term = 1,
                                                .core_term = 2,
                                                .to_core = true,
                                                .to_access = true,
                                                .udptl = { side[0], side[1] } };
    }
    EQ(ask(&req), 0);
    b->to = reply.locals[1].rtp;
    b->is_up = true;
    a->to = reply.locals[0].rtp;
    a->is_up = c->access == PLAIN;
    if (c->access == PLAIN)
        return reply.ctx;
    gw_addr_to_sockaddr(c->access == DTLS ? &reply.locals[0].rtp : &reply.locals[0].candidates[0], &ss);
    memcpy(&a->end.peer, &ss, sizeof(a->end.peer));
    a->end.expected = reply.locals[0].fingerprint;
    if (c->access != DTLS)
        snprintf(a->end.user, sizeof(a->end.user), "%s:faxfax", reply.locals[0].ufrag);
    strcpy(a->end.pwd, reply.locals[0].pwd);
    return reply.ctx;
}

static void drop_call(unsigned i, uint64_t ctx)
{
    struct gw_iq_req release = { .op = GW_IQ_RELEASE, .ctx = ctx };

    EQ(ask(&release), 0);
    for (unsigned k = 0; k < 2; k++) {
        struct machine *m = &machines[i][k];
        t38_terminal_free(m->t);
        if (m->fd >= 0)
            close(m->fd);
        else
            data_end_fini(&m->end);
    }
}

static void end_gateway(void)
{
    EQ(gw_stats_read(GW_STAT_CONTEXTS), 0);
    gw_agw_free(agw);
    gw_conf_free(conf);
    conf = NULL;
    gw_sctp_host_free(host);
    gw_dtls_identity_unref(identity);
}

/* ---- running ---- */

static void receive(struct machine *m)
{
    uint8_t p[2000];
    ssize_t n;

    if (m->fd < 0) {
        data_end_turn(&m->end);
        m->is_up = m->c->access == CHANNEL ? m->end.is_up : m->end.is_dtls_up;
        return;
    }
    while ((n = recv(m->fd, p, sizeof(p), MSG_DONTWAIT)) > 0)
        take(m, (struct gw_span){ p, (size_t)n });
    gw_udptl_rx_tick(&m->rx, gw_clock_us(), on_ifp, m);
}

static bool run_step(unsigned i)
{
    struct machine *a = &machines[i][0], *b = &machines[i][1];

    receive(a);
    receive(b);
    if (!a->is_up || !b->is_up)
        return false;
    for (unsigned k = 0; k < 2; k++)
        if (!machines[i][k].is_over)
            t38_terminal_send_timeout(machines[i][k].t, 160);
    return a->is_over && b->is_over;
}

static void judge(unsigned i, uint64_t ctx)
{
    const struct fax_case *c = &cases[i % CASES];
    struct gw_iq_direction *way;
    char name[200];
    unsigned wrong;

    name_of(name, i, "got");
    drop_call(i, ctx);
    EQ(reply.ncounters, 1);
    way = &reply.counters[0].dir[c->is_from_core];
    wrong = fax_compare(name);
    printf("     %s: result %d %d, %u wrong rows; %llu IFPs, %llu recovered, %llu lost\n", c->name,
           machines[i][0].result, machines[i][1].result, wrong, (unsigned long long)way->packets,
           (unsigned long long)way->recovered, (unsigned long long)way->lost);
    EQ(machines[i][0].result, T30_ERR_OK);
    EQ(machines[i][1].result, T30_ERR_OK);
    EQ(wrong, 0);
    CHECK(way->packets > 50);
    if (c->loss[c->is_from_core ? 1 : 0])
        CHECK(way->recovered > 0);
    remove(name);
}

TEST(t38_011_pages_are_the_same_pixel_by_pixel_over_every_way_and_correction)
{
    const char *text = getenv("IMSGW_TEST_FAXES");
    unsigned times = text && atoi(text) > 0 && atoi(text) <= MOST / CASES ? (unsigned)atoi(text) : 1, n = times * CASES,
             over = 0;
    unsigned step_us = times > 1 ? 20000 : STEP_US; /* many at the pace of a line, few faster */
    uint64_t ctx[MOST], begin, next;
    char name[200];

    CHECK(mkdtemp(folder) != NULL);
    name_of(name, 0, "sent");
    fax_draw(name);
    begin_gateway(times > 1);
    for (unsigned i = 0; i < n; i++)
        ctx[i] = make_call(i);
    next = begin = gw_clock_us();
    while (over < n && gw_clock_us() - begin < LIMIT_S * GW_S) {
        over = 0;
        for (unsigned i = 0; i < n; i++)
            over += run_step(i);
        gw_sctp_host_poll(host);
        gw_agw_dispatch(agw);
        next += step_us;
        if (next > gw_clock_us())
            usleep((unsigned)(next - gw_clock_us()));
        else
            next = gw_clock_us();
    }
    EQ(over, n);
    for (unsigned i = 0; i < n; i++)
        judge(i, ctx[i]);
    remove(name);
    rmdir(folder);
    end_gateway();
}

TEST(t38_009_a_wrong_fingerprint_ends_a_fax_and_wrong_packets_are_counted)
{
    static const char *const wrong[] = { "", "x", "\x00\x01\xc1\x00 fragmented", "\x00\x02\x7f short" };
    struct gw_iq_req req = { .op = GW_IQ_AUDIT };
    struct machine *a = &machines[0][0], *b = &machines[0][1];
    uint64_t end;

    begin_gateway(false);
    EQ(gw_dtls_identity_new(&(uint16_t){ GW_IQ_AEAD_AES_128_GCM }, 1, &expected), 0);
    req.ctx = make_call(6); /* DTLS without ICE */
    a = &machines[6][0];
    end = gw_clock_us() + 3 * GW_S;
    while (!last.event && gw_clock_us() < end) {
        data_end_turn(&a->end);
        gw_agw_dispatch(agw);
    }
    EQ(last.event, GW_IQ_DTLS_FAILED);
    EQ(last.cause, GW_E_MISMATCH);
    drop_call(6, req.ctx);
    gw_dtls_identity_unref(expected);
    expected = NULL;

    req.ctx = make_call(0); /* plain */
    a = &machines[0][0];
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        put(a, (struct gw_span){ wrong[i], i == 2 ? 16 : strlen(wrong[i]) });
    for (uint16_t i = 0; i < 3; i++) { /* and three packets of a good one: no-signal, with no recovery */
        uint8_t p[6] = { 0, (uint8_t)i, 1, 0, 0, 0 };
        put(a, (struct gw_span){ p, sizeof(p) });
    }
    usleep(100000);
    EQ(ask(&req), 0);
    EQ(reply.counters[0].kind, GW_IQ_IMAGE);
    EQ(reply.counters[0].dir[0].packets, 3);
    EQ(reply.counters[0].dir[0].dropped, 4);
    CHECK(b->fd >= 0);
    drop_call(0, req.ctx);
    end_gateway();
}
