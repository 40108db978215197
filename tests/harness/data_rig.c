#include "tests/harness/data_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <test.h>
#include <unistd.h>

#include "gateway/base/clock.h"

struct browser b;
const struct bad_link_odds *data_bad_link;

bool data_refused;

static struct bad_link *link_between;

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

void send_on(uint16_t stream, uint32_t ppid, const void *p, size_t len)
{
    struct gw_sctp_send how = { stream, ppid, false, -1, -1 };

    EQ(gw_sctp_send(b.a, &how, (struct gw_span){ p, len }), 0);
}

void send_message(uint32_t ppid, const void *p, size_t len)
{
    send_on(RIG_SCTP_STREAM, ppid, p, len);
}

static void answer(const char *m)
{
    char tid[33], text[512];

    if (sscanf(m, "MSRP %32s SEND", tid) != 1 || !b.answers)
        return;
    snprintf(text, sizeof(text), "MSRP %s 200 OK\r\nTo-Path: " CH_OWN "\r\nFrom-Path: " CH_PEER "\r\n-------%s$\r\n",
             tid, tid);
    send_message(GW_PPID_BINARY, text, strlen(text));
}

static void on_message(void *arg, uint16_t stream, uint32_t ppid, struct gw_span m)
{
    (void)arg;
    b.stream = stream;
    if (ppid == GW_PPID_DCEP) {
        b.acks++;
        return;
    }
    if (b.on_message) {
        b.on_message(stream, m);
        return;
    }
    b.messages++;
    b.octets += m.len;
    b.ppid = ppid;
    b.last_len = m.len < sizeof(b.last) - 1 ? m.len : sizeof(b.last) - 1;
    memcpy(b.last, m.ptr, b.last_len);
    b.last[b.last_len] = 0;
    if (strlen(b.text) + m.len < sizeof(b.text))
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

static void on_writable(void *arg)
{
    (void)arg;
    if (b.on_writable)
        b.on_writable();
}

static void on_down(void *arg, int err)
{
    (void)arg;
    (void)err;
    b.is_up = false;
    b.is_down = true;
}

static const struct gw_sctp_events events = { on_send,   on_up,        on_message,  on_stream,
                                              on_stream, on_own_reset, on_writable, on_down };

static void on_record(void *arg, const void *p, size_t len)
{
    (void)arg;
    if (b.a)
        gw_sctp_input(b.a, (struct gw_span){ p, len });
}

bool run_until(const unsigned *count, unsigned n, unsigned ms)
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

void run_for(unsigned ms)
{
    unsigned never = 0;

    run_until(&never, 1, ms);
}

/* ---- the core ---- */

int tcp_connect(const struct gw_addr *to)
{
    struct sockaddr_storage ss;
    socklen_t len = gw_addr_to_sockaddr(to, &ss);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    EQ(connect(fd, (struct sockaddr *)&ss, len), 0);
    return fd;
}

int tcp_listener(struct gw_addr *a)
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

size_t core_read(int fd, char *buf, size_t n, unsigned ms)
{
    uint64_t end = gw_clock_us() + ms * GW_MS;
    size_t got = 0;

    while (got < n && gw_clock_us() < end) {
        ssize_t k = recv(fd, buf + got, n - got, MSG_DONTWAIT);
        if (k > 0)
            got += (size_t)k;
        else if (k == 0)
            break;
        else
            run_for(5);
    }
    buf[got] = 0;
    return got;
}

bool core_is_closed(int fd, unsigned ms)
{
    uint64_t end = gw_clock_us() + ms * GW_MS;
    char c[4096];

    while (gw_clock_us() < end) {
        ssize_t k = recv(fd, c, sizeof(c), MSG_DONTWAIT);
        if (k == 0 || (k < 0 && errno != EAGAIN))
            return true;
        if (k < 0)
            run_for(5);
    }
    return false;
}

/* ---- TLS ---- */

struct tls_peer_inner {
    SSL_CTX *ctx;
    SSL *ssl;
};

static int take_any(X509_STORE_CTX *store, void *arg)
{
    (void)store;
    (void)arg;
    return 1; /* only the fingerprint counts */
}

static void digest(X509 *x, struct gw_iq_fingerprint *f)
{
    unsigned n = sizeof(f->value);

    *f = (struct gw_iq_fingerprint){ .hash = GW_IQ_SHA256, .len = 32 };
    EQ(X509_digest(x, EVP_sha256(), f->value, &n), 1);
}

void tls_peer_new(struct tls_peer *p)
{
    EVP_PKEY *key = EVP_RSA_gen(2048); /* as most softphones have, other than ours */
    X509 *x = X509_new();

    p->in = calloc(1, sizeof(*p->in));
    p->in->ctx = SSL_CTX_new(TLS_method());
    X509_set_version(x, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_sign(x, key, EVP_sha256());
    digest(x, &p->fingerprint);
    EQ(SSL_CTX_use_certificate(p->in->ctx, x), 1);
    EQ(SSL_CTX_use_PrivateKey(p->in->ctx, key), 1);
    SSL_CTX_set_verify(p->in->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(p->in->ctx, take_any, NULL);
    X509_free(x);
    EVP_PKEY_free(key);
}

void tls_peer_free(struct tls_peer *p)
{
    SSL_free(p->in->ssl);
    SSL_CTX_free(p->in->ctx);
    free(p->in);
    ERR_clear_error();
}

bool tls_peer_shake(struct tls_peer *p, int fd, bool is_client, struct gw_iq_fingerprint *seen)
{
    SSL *ssl = p->in->ssl = SSL_new(p->in->ctx);
    uint64_t end = gw_clock_us() + 3 * GW_S;
    X509 *x;
    int ret;

    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    SSL_set_fd(ssl, fd);
    if (is_client)
        SSL_set_connect_state(ssl);
    else
        SSL_set_accept_state(ssl);
    while ((ret = SSL_do_handshake(ssl)) != 1 && SSL_get_error(ssl, ret) <= SSL_ERROR_WANT_WRITE &&
           SSL_get_error(ssl, ret) != SSL_ERROR_SSL && gw_clock_us() < end)
        run_for(5);
    ERR_clear_error();
    x = SSL_get1_peer_certificate(ssl);
    if (x)
        digest(x, seen);
    X509_free(x);
    return ret == 1;
}

bool tls_peer_write(struct tls_peer *p, const void *octets, size_t n)
{
    return SSL_write(p->in->ssl, octets, (int)n) == (int)n;
}

size_t tls_peer_read(struct tls_peer *p, char *buf, size_t n, unsigned ms)
{
    uint64_t end = gw_clock_us() + ms * GW_MS;
    size_t got = 0;

    while (got < n && gw_clock_us() < end) {
        int k = SSL_read(p->in->ssl, buf + got, (int)(n - got));
        if (k > 0)
            got += (size_t)k;
        else if (SSL_get_error(p->in->ssl, k) != SSL_ERROR_WANT_READ)
            break;
        else
            run_for(5);
    }
    buf[got] = 0;
    ERR_clear_error();
    return got;
}

/* ---- the call ---- */

struct gw_sctp_assoc *data_associate(uint16_t own, uint16_t peer)
{
    struct gw_sctp_assoc *a = NULL;

    EQ(gw_sctp_new(b.host, &(struct gw_sctp_config){ own, peer, 0, &events, NULL }, &a), 0);
    return a;
}

void data_start(struct rig *g, enum gw_iq_protocol protocol, const struct gw_addr *remote, data_change *change)
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
    *t = (struct gw_iq_term){ .id = RIG_CORE_DATA,
                              .realm = GW_IQ_CORE,
                              .family = 4,
                              .transport = protocol == GW_IQ_T140 ? GW_IQ_UDP : GW_IQ_TCP,
                              .has_remote = true };
    if (remote->family) {
        t->remote_rtp = *remote;
        t->tcp_setup = GW_IQ_SETUP_ACTIVE;
    }
    c = &g->want.channels[g->want.nchannels++];
    *c = (struct gw_iq_channel){ .id = RIG_CHANNEL,
                                 .protocol = (uint8_t)protocol,
                                 .access_term = RIG_ACCESS,
                                 .core_term = RIG_CORE_DATA,
                                 .to_core = true,
                                 .to_access = true,
                                 .stream = RIG_SCTP_STREAM,
                                 .has_b2bua = true,
                                 .own_uri = CH_OWN,
                                 .peer_uri = CH_PEER,
                                 .core_uri = CORE_OWN,
                                 .core_path = CORE_PEER,
                                 .t140_pt = 98,
                                 .red_pt = 100,
                                 .generations = 2,
                                 .core_cps = 1000,
                                 .access_cps = 1000 };
    rig_know_fingerprint(g);
    if (change)
        change(g, t, c);
    g->wc->on_data = on_record;
    rig_reserve(g);
    if (data_bad_link) {
        struct gw_addr front;
        link_between = bad_link_new(&g->access.candidates[0], data_bad_link, &front);
        wc_set_remote(g->wc, g->access.ufrag, g->access.pwd, "127.0.0.1", front.port);
    } else {
        rig_connect_ice(g);
    }
    if (data_refused)
        return;
    CHECK(wc_run_until(g->wc, &g->wc->is_dtls_up, 25000));
    EQ(gw_sctp_host_new(&b.host), 0);
    b.a = data_associate(5001, 5000);
    for (int i = 0; i < 500 && !(up = b.is_up && g->events[GW_IQ_SCTP_UP]); i++)
        run_until(&(unsigned){ 0 }, 1, 10);
    CHECK(up);
}

void data_ask_again(struct rig *g)
{
    EQ(rig_ask(g, &g->want), 0);
}

void data_end(struct rig *g)
{
    gw_sctp_free(b.a);
    gw_sctp_host_free(b.host);
    b.a = NULL;
    if (link_between)
        bad_link_free(link_between);
    link_between = NULL;
    rig_end(g);
}
