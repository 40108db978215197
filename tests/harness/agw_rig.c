#include "tests/harness/agw_rig.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <test.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"

static void on_notify(void *arg, const struct gw_iq_notify *n)
{
    struct rig *g = arg;

    g->last = *n;
    if (n->event < 16) {
        g->events[n->event]++;
        g->cause[n->event] = n->cause;
    }
}

static void on_reply(void *arg, const struct gw_iq_reply *r)
{
    struct rig *g = arg;

    g->reply = *r;
    g->has_reply = true;
}

void rig_dispatch(struct rig *g, int ms)
{
    struct pollfd p = { gw_agw_fd(g->agw), POLLIN, 0 };

    if (poll(&p, 1, ms) > 0)
        gw_agw_dispatch(g->agw);
}

int rig_ask(struct rig *g, const struct gw_iq_req *req)
{
    static uint64_t txn;
    struct gw_iq_req *copy = malloc(sizeof(*copy));
    uint64_t end = gw_clock_us() + 3 * GW_S;

    *copy = *req;
    copy->ctx = g->ctx;
    if (!copy->txn)
        copy->txn = ++txn;
    g->has_reply = false;
    EQ(gw_agw_submit(g->agw, &copy, on_reply, g), 0);
    while (!g->has_reply && gw_clock_us() < end)
        rig_dispatch(g, 100);
    CHECK(g->has_reply);
    return g->has_reply ? g->reply.err : GW_E_TIMEOUT;
}

int phone_socket(bool is_ipv6, struct gw_addr *a)
{
    struct sockaddr_storage ss;
    socklen_t len;
    struct timeval second = { .tv_sec = 1 };
    int fd = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    EQ(gw_addr_parse_ip(is_ipv6 ? "::1" : "127.0.0.1", 0, a), 0);
    len = gw_addr_to_sockaddr(a, &ss);
    EQ(bind(fd, (struct sockaddr *)&ss, len), 0);
    len = sizeof(ss);
    getsockname(fd, (struct sockaddr *)&ss, &len);
    EQ(gw_addr_from_sockaddr((struct sockaddr *)&ss, a), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
    return fd;
}

void phone_send(int fd, const struct gw_addr *to, const void *p, size_t len)
{
    struct sockaddr_storage ss;
    socklen_t n = gw_addr_to_sockaddr(to, &ss);

    EQ(sendto(fd, p, len, 0, (struct sockaddr *)&ss, n), (ssize_t)len);
}

static void start(struct rig *g, const struct variant *v)
{
    char text[512], why[256];
    int err = GW_E_IO;

    memset(g, 0, sizeof(*g));
    for (unsigned i = 0; i < GW_STAT_COUNT; i++)
        g->before[i] = gw_stats_read((enum gw_stat)i);
    gw_log_set_level(GW_LOG_ERROR);
    for (int port = RIG_PORT; err && port < RIG_PORT + 800; port += 100) { /* other tests may run beside this one */
        gw_conf_free(g->conf);
        g->conf = NULL;
        snprintf(text, sizeof(text),
                 "access_address = 127.0.0.1 ::1\naccess_port = %d\ncore_address = 127.0.0.1 ::1\ncore_port_min = %d\n"
                 "core_port_max = %d\n%s\n",
                 port, port + 10, port + 99, v->conf ? v->conf : "");
        EQ(gw_conf_parse("test", text, strlen(text), &g->conf, why, sizeof(why)), 0);
        err = gw_agw_new(g->conf, on_notify, g, &g->agw, why, sizeof(why));
    }
    if (err) {
        fprintf(stderr, "no free port for the gateway: %s\n", why);
        exit(1);
    }
    EQ(gw_agw_start(g->agw), 0);
    g->rtp = phone_socket(v->is_ipv6_core, &g->rtp_addr);
    g->rtcp = phone_socket(v->is_ipv6_core, &g->rtcp_addr);
}

/* What signalling asks for when a browser calls a phone: reserve both ends, one audio stream. */
static void want_call(struct rig *g, const struct variant *v)
{
    struct gw_iq_req *w = &g->want;
    struct gw_iq_stream *s = &w->streams[0];

    w->op = GW_IQ_RESERVE_CONFIGURE;
    strcpy(w->call, "testcall");
    w->nterms = 2;
    w->terms[0] = (struct gw_iq_term){
        .id = RIG_ACCESS,
        .realm = GW_IQ_ACCESS,
        .security = GW_IQ_DTLS,
        .family = 4,
        .has_ice = true,
        .has_rtcp_mux = true,
        .ice_generation = 1,
        .dtls_generation = 1,
        .setup = v->is_dtls_client ? GW_IQ_SETUP_PASSIVE : GW_IQ_SETUP_ACTIVE,
    };
    w->terms[1] = (struct gw_iq_term){ .id = RIG_CORE, .realm = GW_IQ_CORE, .family = v->is_ipv6_core ? 6 : 4 };
    w->nstreams = 1;
    *s = (struct gw_iq_stream){
        .id = RIG_STREAM,
        .kind = GW_IQ_AUDIO,
        .access_term = RIG_ACCESS,
        .core_term = RIG_CORE,
        .to_core = true,
        .to_access = true,
        .npts = 2,
        .pts = { { 111, 96, 48000 }, { 0, 0, 8000 } },
        .nexts = 1,
        .exts = { { 3, 5 } },
        .access_has_pli = true,
        .access_has_fir = true,
        .access_has_nack = true,
        .access_has_rsize = true,
        .core_has_avpf = v->has_core_avpf,
        .core_has_pli = v->has_core_avpf,
    };
}

void rig_know_fingerprint(struct rig *g)
{
    struct gw_iq_fingerprint *f = &g->want.terms[0].fingerprints[0];

    g->want.terms[0].nfingerprints = 1;
    *f = (struct gw_iq_fingerprint){ .hash = GW_IQ_SHA256, .len = 32 };
    memcpy(f->value, g->wc->fingerprint, 32);
}

void rig_start(struct rig *g, const struct variant *v)
{
    struct wc_options o = { .is_dtls_client = v->is_dtls_client,
                            .is_ipv6 = v->is_ipv6_access,
                            .profiles = v->profiles };

    start(g, v);
    g->is_ipv6_access = v->is_ipv6_access;
    g->wc = wc_new(&o);
    want_call(g, v);
    strcpy(g->want.terms[0].remote_ufrag, g->wc->ufrag);
    strcpy(g->want.terms[0].remote_pwd, g->wc->pwd);
    g->want.terms[1].has_remote = true;
    g->want.terms[1].remote_rtp = g->rtp_addr;
    g->want.terms[1].remote_rtcp = g->rtcp_addr;
}

void rig_reserve(struct rig *g)
{
    EQ(rig_ask(g, &g->want), 0);
    g->ctx = g->reply.ctx;
    EQ(g->reply.nlocals, g->want.nterms);
    g->access = g->reply.locals[0];
    g->core = g->reply.locals[1];
}

void rig_connect_ice(struct rig *g)
{
    wc_set_remote(g->wc, g->access.ufrag, g->access.pwd, g->is_ipv6_access ? "::1" : "127.0.0.1",
                  g->access.candidates[0].port);
}

size_t make_rtp(uint8_t *p, uint8_t pt, uint16_t seq, uint32_t ssrc)
{
    memset(p, 0, 12 + 160);
    p[0] = 0x80;
    p[1] = pt;
    p[2] = (uint8_t)(seq >> 8);
    p[3] = (uint8_t)seq;
    p[7] = (uint8_t)seq;
    p[8] = (uint8_t)(ssrc >> 24);
    p[9] = (uint8_t)(ssrc >> 16);
    p[10] = (uint8_t)(ssrc >> 8);
    p[11] = (uint8_t)ssrc;
    for (int i = 0; i < 160; i++)
        p[12 + i] = (uint8_t)(i ^ seq);
    return 12 + 160;
}

void rig_end(struct rig *g)
{
    struct gw_iq_req r = { .op = GW_IQ_RELEASE };
    int64_t in = 0, out = 0;

    if (g->ctx)
        EQ(rig_ask(g, &r), 0);
    wc_free(g->wc);
    gw_agw_free(g->agw);
    gw_conf_free(g->conf);
    close(g->rtp);
    close(g->rtcp);
    for (unsigned i = 0; i < GW_STAT_COUNT; i++) {
        int64_t n = gw_stats_read((enum gw_stat)i) - g->before[i];
        in += i >= GW_STAT_MEDIA_RX_ACCESS && i <= GW_STAT_MEDIA_RX_CORE ? n : 0;
        out += i >= GW_STAT_MEDIA_RELAYED_ACCESS && i <= GW_STAT_MEDIA_DROPPED_SEND ? n : 0;
    }
    EQ(in, out); /* received = relayed + handled + dropped */
    EQ(gw_stats_read(GW_STAT_CONTEXTS), 0);
    EQ(gw_stats_read(GW_STAT_HANDSHAKES), 0);
}

void media_both_ways(struct rig *g, uint16_t seq)
{
    uint8_t p[512], q[2048];
    unsigned had = g->wc->nrtp;
    size_t len = make_rtp(p, 111, seq, 0x11111111);
    ssize_t n;

    for (uint16_t i = 0; i < 5; i++) {
        make_rtp(p, 111, (uint16_t)(seq + i), 0x11111111);
        CHECK(wc_send_rtp(g->wc, p, len));
        n = recv(g->rtp, q, sizeof(q), 0);
        EQ(n, (ssize_t)len);
        EQ(q[1], 96); /* the core's payload type */
        p[1] = 96;
        MEM_EQ(p, q, len); /* SSRC, sequence, time stamp and payload untouched */
    }
    for (uint16_t i = 0; i < 5; i++) {
        make_rtp(p, 0, (uint16_t)(seq + i), 0x22222222);
        phone_send(g->rtp, &g->core.rtp, p, len);
    }
    CHECK(wc_run_count(g->wc, &g->wc->nrtp, had + 5, 2000));
    EQ(g->wc->rtp.len, len);
    MEM_EQ(g->wc->rtp.octets, p, len);
    EQ(g->wc->nbad, 0);
}

void rig_call(struct rig *g, const struct variant *v)
{
    rig_start(g, v);
    rig_know_fingerprint(g);
    rig_reserve(g);
    rig_connect_ice(g);
    CHECK(wc_run_until(g->wc, &g->wc->is_dtls_up, 5000));
    CHECK(rig_wait_event(g, GW_IQ_DTLS_UP, 1, 2000));
    MEM_EQ(g->wc->peer_fingerprint, g->access.fingerprint.value, 32);
}

bool rig_wait_event(struct rig *g, enum gw_iq_event e, unsigned n, unsigned ms)
{
    uint64_t end = gw_clock_us() + ms * GW_MS;

    while (g->events[e] < n && gw_clock_us() < end) {
        rig_dispatch(g, 1);
        wc_run(g->wc, 2);
    }
    return g->events[e] >= n;
}

int64_t rig_grew(struct rig *g, enum gw_stat s, int64_t n)
{
    uint64_t end = gw_clock_us() + GW_S;

    while (gw_stats_read(s) - g->before[s] < n && gw_clock_us() < end)
        wc_run(g->wc, 2);
    return gw_stats_read(s) - g->before[s];
}

ssize_t phone_recv(int fd, void *p, size_t size, bool is_now)
{
    return recv(fd, p, size, is_now ? MSG_DONTWAIT : 0);
}
