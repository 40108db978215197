#include "bench/load.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/hist.h"
#include "bench/stun_client.h"
#include "gateway/base/clock.h"
#include "gateway/base/crypto.h"
#include "gateway/dtls/dtls_session.h"
#include "gateway/rtp/rtp.h"
#include "gateway/srtp/srtp_session.h"

enum { BATCH = 64, MTU = 1500, CHECK_US = 100000, CONSENT_US = 5000000, SLEEP_US = 50 };
enum { BROWSER, PHONE };

enum call_state { IDLE, CHECKING, HANDSHAKE, CONNECTED };

struct call {
    struct load *load;
    enum call_state state;
    bool has_remote;
    char ufrag[9], pwd[25];
    struct load_remote remote;
    struct sockaddr_in access, core;
    struct gw_dtls *dtls;
    struct gw_srtp_session *tx, *rx;
    uint16_t seq[2];
    uint32_t ts[2];
    uint64_t check_at_us;
};

struct batch {
    int fd;
    unsigned n;
    struct mmsghdr msg[BATCH];
    struct iovec iov[BATCH];
    struct sockaddr_in addr[BATCH];
    char ctl[BATCH][128];
    uint8_t buf[BATCH][MTU];
};

struct load {
    struct load_conf conf;
    struct call *calls;
    unsigned *busy; /* calls that are setting up */
    unsigned nbusy, next, connected;
    struct gw_dtls_identity *identity;
    struct batch out[2], in;
    struct hist delay;
    struct load_result r;
    uint64_t sent_at_ns; /* time put into the packets of a batch */
    unsigned consent;    /* whose turn it is */
};

static uint64_t wall_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t); /* the clock of SO_TIMESTAMPNS */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint32_t end_ip(int side, unsigned call)
{
    return (side == BROWSER ? 0x7f010000u : 0x7f020000u) + call + 1;
}

static uint32_t ssrc_of(int side, unsigned call)
{
    return (side == BROWSER ? 0x10000000u : 0x20000000u) + call;
}

static struct sockaddr_in sockaddr_of(const struct gw_addr *a)
{
    struct sockaddr_storage ss;
    struct sockaddr_in in;

    gw_addr_to_sockaddr(a, &ss);
    memcpy(&in, &ss, sizeof(in));
    return in;
}

static void flush(struct batch *b)
{
    for (unsigned done = 0; done < b->n;) {
        int n = sendmmsg(b->fd, b->msg + done, b->n - done, 0);
        if (n <= 0 && errno == EINTR)
            continue;
        if (n <= 0) /* e.g. the other end's socket is gone: that one is lost */
            n = 1;
        done += (unsigned)n;
    }
    b->n = 0;
}

/* Room for one datagram from this end; filled in by the caller, then sent by `queue`. */
static uint8_t *room(struct batch *b)
{
    if (b->n == BATCH)
        flush(b);
    return b->buf[b->n];
}

static void queue(struct batch *b, uint32_t from, const struct sockaddr_in *to, size_t len)
{
    struct mmsghdr *m = &b->msg[b->n];
    struct cmsghdr *c = (struct cmsghdr *)(void *)b->ctl[b->n];
    struct in_pktinfo pi = { .ipi_spec_dst.s_addr = htonl(from) };

    b->addr[b->n] = *to;
    b->iov[b->n] = (struct iovec){ b->buf[b->n], len };
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof(pi));
    memcpy(CMSG_DATA(c), &pi, sizeof(pi));
    *m = (struct mmsghdr){ .msg_hdr = { .msg_name = &b->addr[b->n],
                                        .msg_namelen = sizeof(b->addr[0]),
                                        .msg_iov = &b->iov[b->n],
                                        .msg_iovlen = 1,
                                        .msg_control = c,
                                        .msg_controllen = CMSG_SPACE(sizeof(pi)) } };
    b->n++;
}

static int socket_new(uint16_t port)
{
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
    int one = 1, size = 16 << 20, fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one));
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    if (bind(fd, (struct sockaddr *)&any, sizeof(any)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int load_new(const struct load_conf *conf, struct load **out)
{
    struct load *l = calloc(1, sizeof(*l));
    int err = GW_E_NOMEM;

    if (!l)
        return err;
    l->conf = *conf;
    l->out[BROWSER].fd = l->out[PHONE].fd = -1;
    l->calls = calloc(conf->calls, sizeof(*l->calls));
    l->busy = calloc(conf->calls, sizeof(*l->busy));
    if (!l->calls || !l->busy)
        goto out;
    err = GW_E_IO;
    l->out[BROWSER].fd = socket_new(conf->browser_port);
    l->out[PHONE].fd = socket_new(conf->phone_port);
    if (l->out[BROWSER].fd < 0 || l->out[PHONE].fd < 0)
        goto out;
    err = gw_dtls_identity_new(&conf->suite, 1, &l->identity);
    if (err)
        goto out;
    for (unsigned i = 0; i < conf->calls; i++) {
        struct call *c = &l->calls[i];
        c->load = l;
        gw_rand_token(c->ufrag, 8);
        gw_rand_token(c->pwd, 24);
        c->seq[0] = c->seq[1] = 1;
    }
    prctl(PR_SET_TIMERSLACK, 1000UL);
    *out = l;
    l = NULL;
out:
    load_free(l);
    return err;
}

void load_free(struct load *l)
{
    if (!l)
        return;
    for (unsigned i = 0; l->calls && i < l->conf.calls; i++) {
        gw_dtls_free(l->calls[i].dtls);
        gw_srtp_session_free(l->calls[i].tx);
        gw_srtp_session_free(l->calls[i].rx);
    }
    if (l->out[BROWSER].fd >= 0)
        close(l->out[BROWSER].fd);
    if (l->out[PHONE].fd >= 0)
        close(l->out[PHONE].fd);
    if (l->identity)
        gw_dtls_identity_unref(l->identity);
    free(l->calls);
    free(l->busy);
    free(l);
}

static struct gw_addr addr_of(uint32_t ip, uint16_t port)
{
    struct gw_addr a = { .family = 4, .port = port };

    ip = htonl(ip);
    memcpy(a.ip, &ip, 4);
    return a;
}

void load_local(const struct load *l, unsigned call, struct load_local *out)
{
    memcpy(out->ufrag, l->calls[call].ufrag, sizeof(out->ufrag));
    memcpy(out->pwd, l->calls[call].pwd, sizeof(out->pwd));
    out->fingerprint = *gw_dtls_identity_fingerprint(l->identity);
    out->ssrc = ssrc_of(BROWSER, call);
    out->browser = addr_of(end_ip(BROWSER, call), l->conf.browser_port);
    out->phone = addr_of(end_ip(PHONE, call), l->conf.phone_port);
}

void load_remote(struct load *l, unsigned call, const struct load_remote *remote)
{
    struct call *c = &l->calls[call];

    c->remote = *remote;
    c->access = sockaddr_of(&remote->access);
    c->core = sockaddr_of(&remote->core);
    c->has_remote = true;
}

int load_keys(struct load *l, unsigned call, const struct gw_iq_crypto *tx, const struct gw_iq_crypto *rx)
{
    struct call *c = &l->calls[call];
    int err = gw_srtp_session_new(GW_SRTP_SEND, tx, GW_SRTP_FAST, &c->tx);

    if (!err)
        err = gw_srtp_session_new(GW_SRTP_RECV, rx, GW_SRTP_FAST, &c->rx);
    if (!err) {
        c->state = CONNECTED;
        l->connected++;
    }
    return err;
}

void load_static_key(uint16_t suite, unsigned call, unsigned dir, struct gw_iq_crypto *out)
{
    const struct gw_srtp_suite *su = gw_srtp_suite_find(suite);
    uint8_t seed[12] = "load", hash[2][32];

    memcpy(seed + 4, &call, 4);
    memcpy(seed + 8, &dir, 4);
    gw_sha256(GW_SPAN(seed), hash[0]);
    gw_sha256(GW_SPAN(hash[0]), hash[1]);
    *out = (struct gw_iq_crypto){ .suite = suite, .key_len = (uint8_t)(su->key_len + su->salt_len) };
    memcpy(out->key, hash, sizeof(out->key));
}

static void check_send(struct call *c, uint64_t now_us, uint64_t again_us)
{
    struct load *l = c->load;
    unsigned i = (unsigned)(c - l->calls);
    char user[GW_IQ_UFRAG + 16];
    uint8_t txn[12];

    gw_rand_bytes(txn, sizeof(txn));
    snprintf(user, sizeof(user), "%s:%s", c->remote.ufrag, c->ufrag);
    c->check_at_us = now_us + again_us;
    queue(&l->out[BROWSER], end_ip(BROWSER, i), &c->access,
          stun_request(room(&l->out[BROWSER]), txn, user, c->remote.pwd));
}

static void on_dtls_send(void *arg, struct gw_span d)
{
    struct call *c = arg;
    struct load *l = c->load;

    memcpy(room(&l->out[BROWSER]), d.ptr, d.len);
    queue(&l->out[BROWSER], end_ip(BROWSER, (unsigned)(c - l->calls)), &c->access, d.len);
}

static void dtls_start(struct call *c, uint64_t now_us)
{
    struct gw_dtls_config conf = {
        .identity = c->load->identity, .is_client = true, .needs_srtp = true, .send = on_dtls_send, .arg = c
    };
    c->state = HANDSHAKE;
    if (gw_dtls_new(&conf, &c->dtls) == 0)
        gw_dtls_start(c->dtls, now_us);
    if (c->dtls)
        gw_dtls_set_fingerprints(c->dtls, &c->remote.fingerprint, 1);
}

static void media_send(struct load *l, int side, unsigned call);

static void dtls_look(struct call *c)
{
    struct gw_dtls_keys k;
    struct gw_iq_crypto tx = { 0 }, rx = { 0 };

    if (c->state != HANDSHAKE || gw_dtls_keys(c->dtls, &k) != 0)
        return;
    tx.suite = rx.suite = k.suite;
    tx.key_len = rx.key_len = k.key_len;
    memcpy(tx.key, k.local, k.key_len);
    memcpy(rx.key, k.remote, k.key_len);
    if (load_keys(c->load, (unsigned)(c - c->load->calls), &tx, &rx) == 0)
        media_send(c->load, BROWSER, (unsigned)(c - c->load->calls)); /* as browsers do: at once */
}

static void on_rtp(struct load *l, int side, unsigned call, uint8_t *p, size_t len, uint64_t at_ns)
{
    struct call *c = &l->calls[call];
    int dir = side == PHONE ? 0 : 1;
    uint64_t sent_ns;
    uint32_t source;

    if (gw_rtp_is_rtcp(p, len))
        return;
    if (side == BROWSER && (!c->rx || gw_srtp_unprotect_rtp(c->rx, p, &len) != 0)) {
        l->r.forged++;
        return;
    }
    if (len != 12 + l->conf.payload || p[len - 1] != 0x55 || (p[1] & 0x7f) != l->conf.pt) {
        l->r.damaged++;
        return;
    }
    memcpy(&source, p + 20, sizeof(source)); /* not the header's: some write their own */
    if (source != ssrc_of(1 - side, call)) {
        l->r.misrouted++;
        return;
    }
    memcpy(&sent_ns, p + 12, sizeof(sent_ns));
    l->r.received[dir]++;
    hist_add(&l->delay, at_ns > sent_ns ? (uint32_t)((at_ns - sent_ns) / 1000) : 0);
}

static void on_datagram(struct load *l, int side, unsigned call, uint8_t *p, size_t len, const struct sockaddr_in *from,
                        uint64_t at_ns)
{
    struct call *c = &l->calls[call];
    uint64_t now_us = gw_clock_us();

    if (len == 0)
        return;
    if (p[0] >= 128) {
        on_rtp(l, side, call, p, len, at_ns);
    } else if (side == BROWSER && p[0] >= 20 && p[0] < 64 && c->dtls) {
        (void)gw_dtls_input(c->dtls, (struct gw_span){ p, len }, now_us);
        dtls_look(c);
    } else if (side == BROWSER && stun_is_success(p, len) && c->state == CHECKING) {
        dtls_start(c, now_us);
    } else if (side == BROWSER && stun_is_request(p, len)) {
        queue(&l->out[BROWSER], end_ip(BROWSER, call), from, stun_success(room(&l->out[BROWSER]), p, from, c->pwd));
    }
}

/* One batch of one side; false when there was nothing. */
static bool receive(struct load *l, int side)
{
    struct batch *b = &l->in;
    int n;

    for (unsigned i = 0; i < BATCH; i++) {
        b->iov[i] = (struct iovec){ b->buf[i], MTU };
        b->msg[i] = (struct mmsghdr){ .msg_hdr = { .msg_name = &b->addr[i],
                                                   .msg_namelen = sizeof(b->addr[i]),
                                                   .msg_iov = &b->iov[i],
                                                   .msg_iovlen = 1,
                                                   .msg_control = b->ctl[i],
                                                   .msg_controllen = sizeof(b->ctl[i]) } };
    }
    n = recvmmsg(l->out[side].fd, b->msg, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        struct msghdr *m = &b->msg[i].msg_hdr;
        uint32_t call = UINT32_MAX;
        uint64_t at_ns = 0;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
            struct in_pktinfo pi;
            struct timespec t;
            if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
                memcpy(&pi, CMSG_DATA(c), sizeof(pi));
                call = ntohl(pi.ipi_addr.s_addr) - end_ip(side, 0);
            } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
                memcpy(&t, CMSG_DATA(c), sizeof(t));
                at_ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
            }
        }
        if (call < l->conf.calls)
            on_datagram(l, side, call, b->buf[i], b->msg[i].msg_len, &b->addr[i], at_ns);
    }
    return n > 0;
}

static bool receive_all(struct load *l)
{
    bool any = false;

    for (unsigned rounds = 0; rounds < 16; rounds++) {
        bool a = receive(l, BROWSER), b = receive(l, PHONE);
        if (!a && !b)
            break;
        any = true;
    }
    flush(&l->out[BROWSER]);
    return any;
}

static void nap(void)
{
    struct timespec t = { 0, SLEEP_US * 1000 };

    nanosleep(&t, NULL);
}

/* Retransmissions and time-outs of the calls that are setting up; those that are done make room for others. */
static void setup_step(struct load *l, unsigned parallel, unsigned limit, uint64_t now_us)
{
    for (unsigned k = 0; k < l->nbusy;) {
        struct call *c = &l->calls[l->busy[k]];
        if (c->state == CONNECTED) {
            l->busy[k] = l->busy[--l->nbusy];
            continue;
        }
        if (c->state == CHECKING && now_us >= c->check_at_us)
            check_send(c, now_us, CHECK_US);
        if (c->state == HANDSHAKE && c->dtls && now_us >= gw_dtls_deadline_us(c->dtls))
            gw_dtls_expire(c->dtls, now_us);
        k++;
    }
    while (l->nbusy < parallel && l->next < limit) {
        struct call *c = &l->calls[l->next];
        if (c->has_remote && c->state == IDLE) {
            l->busy[l->nbusy++] = l->next;
            c->state = CHECKING;
            check_send(c, now_us, CHECK_US);
        }
        l->next++;
    }
    flush(&l->out[BROWSER]);
}

unsigned load_connect(struct load *l, unsigned parallel, unsigned timeout_ms)
{
    uint64_t end_us = gw_clock_us() + timeout_ms * GW_MS;

    l->next = 0;
    while (gw_clock_us() < end_us) {
        setup_step(l, parallel, l->conf.calls - l->conf.reserved, gw_clock_us());
        if (l->nbusy == 0 && l->next == l->conf.calls - l->conf.reserved)
            break;
        if (!receive_all(l))
            nap();
    }
    return l->connected;
}

static void media_send(struct load *l, int side, unsigned call)
{
    struct call *c = &l->calls[call];

    if (c->state != CONNECTED)
        return;
    for (unsigned k = 0; k < l->conf.burst; k++) {
        uint8_t *p = room(&l->out[side]);
        size_t len = 12 + l->conf.payload;
        uint32_t source = ssrc_of(side, call), ssrc = htonl(source), ts = htonl(c->ts[side]);
        p[0] = 0x80;
        p[1] = (uint8_t)(l->conf.pt | (k + 1 == l->conf.burst && l->conf.burst > 1 ? 0x80 : 0));
        p[2] = (uint8_t)(c->seq[side] >> 8);
        p[3] = (uint8_t)c->seq[side]++;
        memcpy(p + 4, &ts, 4);
        memcpy(p + 8, &ssrc, 4);
        memset(p + 24, 0x55, l->conf.payload - 12);
        memcpy(p + 20, &source, 4);
        memcpy(p + 12, &l->sent_at_ns, 8);
        if (side == BROWSER && gw_srtp_protect_rtp(c->tx, p, &len, MTU) != 0)
            continue;
        queue(&l->out[side], end_ip(side, call), side == BROWSER ? &c->access : &c->core, len);
        l->r.sent[side]++;
    }
    c->ts[side] += l->conf.interval_us * 8 / 1000;
}

/* RFC 7675: a check now and then on every call, one call after the other. */
static void consent_step(struct load *l, uint64_t now_us)
{
    for (unsigned n = 0; n < 4; n++) {
        struct call *c = &l->calls[l->consent];
        if (c->state == CONNECTED && c->has_remote) {
            if (now_us < c->check_at_us)
                return;
            check_send(c, now_us, CONSENT_US);
        }
        l->consent = (l->consent + 1) % l->conf.calls;
    }
}

void load_run(struct load *l, double seconds, struct load_result *out)
{
    uint64_t slots = 2 * (uint64_t)l->conf.calls, k = 0, start_us = gw_clock_us();
    uint64_t end_us = start_us + (uint64_t)(seconds * 1e6);
    double cpu = cpu_s();
    unsigned first = l->next, connected = l->connected;

    memset(&l->r, 0, sizeof(l->r));
    memset(&l->delay, 0, sizeof(l->delay));
    for (;;) {
        uint64_t now_us = gw_clock_us(), due = (now_us - start_us) * slots / l->conf.interval_us;
        if (now_us >= end_us)
            break;
        l->sent_at_ns = wall_ns();
        for (unsigned n = 0; k < due && n < BATCH; k++, n++)
            media_send(l, k % 2 ? PHONE : BROWSER, (unsigned)(k / 2 % l->conf.calls));
        consent_step(l, now_us);
        if (l->conf.reserved) {
            uint64_t begun = first + (now_us - start_us) * l->conf.setups / GW_S;
            setup_step(l, UINT_MAX, begun < l->conf.calls ? (unsigned)begun : l->conf.calls, now_us);
        }
        flush(&l->out[BROWSER]);
        flush(&l->out[PHONE]);
        if (!receive_all(l) && k >= due)
            nap();
    }
    l->r.generator_cpu = (cpu_s() - cpu) / seconds;
    for (end_us = gw_clock_us() + 300 * GW_MS; gw_clock_us() < end_us;)
        if (!receive_all(l))
            nap();
    l->r.seconds = seconds;
    l->r.setups = l->connected - connected;
    l->r.p50_us = hist_at(&l->delay, 0.5);
    l->r.p99_us = hist_at(&l->delay, 0.99);
    l->r.p999_us = hist_at(&l->delay, 0.999);
    l->r.max_us = l->delay.max;
    *out = l->r;
}
