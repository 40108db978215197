/* The least that can be done: a thread that reads the browsers' datagrams from one socket, unprotects and sends them on
 * a connected one, and back; keys are given, a table index is the session logic. Woken as the gateway is under load: by
 * a tick of one millisecond. */
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/target.h"
#include "gateway/srtp/srtp_session.h"

enum { BATCH = 64, MTU = 1600, TICK_US = 1000, PORT = 22690 };

struct bare_call {
    int fd;
    struct sockaddr_in browser;
    struct gw_srtp_session *tx, *rx;
};

static struct bare_call *calls;
static unsigned ncalls;
static int shared, epoll_fd;
static pthread_t thread;
static atomic_bool is_ending;
static _Atomic int tid;

static struct mmsghdr in[BATCH], out[BATCH];
static struct iovec iov[BATCH], out_iov[BATCH];
static struct sockaddr_in from[BATCH];
static uint8_t buf[BATCH][MTU], out_buf[BATCH][MTU];
static unsigned nout;

static void flush(void)
{
    for (unsigned done = 0; done < nout;) {
        int n = sendmmsg(shared, out + done, nout - done, 0);
        done += n > 0 ? (unsigned)n : 1;
    }
    nout = 0;
}

static void from_browsers(void)
{
    int n;

    do {
        for (unsigned i = 0; i < BATCH; i++) {
            iov[i] = (struct iovec){ buf[i], MTU };
            in[i].msg_hdr = (struct msghdr){
                .msg_name = &from[i], .msg_namelen = sizeof(from[i]), .msg_iov = &iov[i], .msg_iovlen = 1
            };
        }
        n = recvmmsg(shared, in, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++) {
            unsigned call = ntohl(from[i].sin_addr.s_addr) - 0x7f010001u;
            size_t len = in[i].msg_len;
            if (call < ncalls && buf[i][0] >= 128 && gw_srtp_unprotect_rtp(calls[call].rx, buf[i], &len) == 0)
                (void)!send(calls[call].fd, buf[i], len, MSG_DONTWAIT);
        }
    } while (n == BATCH);
}

static void from_phone(struct bare_call *c)
{
    for (;;) {
        ssize_t n = recv(c->fd, out_buf[nout], MTU, MSG_DONTWAIT);
        size_t len = (size_t)n;
        if (n <= 0)
            return;
        if (gw_srtp_protect_rtp(c->tx, out_buf[nout], &len, MTU) != 0)
            continue;
        out_iov[nout] = (struct iovec){ out_buf[nout], len };
        out[nout].msg_hdr = (struct msghdr){
            .msg_name = &c->browser, .msg_namelen = sizeof(c->browser), .msg_iov = &out_iov[nout], .msg_iovlen = 1
        };
        if (++nout == BATCH)
            flush();
    }
}

static void *run(void *arg)
{
    struct epoll_event ev[256];

    (void)arg;
    tid = gettid();
    while (!is_ending) {
        struct timespec tick = { 0, TICK_US * 1000 };
        int n = epoll_wait(epoll_fd, ev, 256, 20);
        for (int i = 0; i < n; i++)
            if (ev[i].data.ptr)
                from_phone(ev[i].data.ptr);
            else
                from_browsers();
        flush();
        nanosleep(&tick, NULL);
    }
    return NULL;
}

static int udp(uint16_t port)
{
    struct sockaddr_in sin = { .sin_family = AF_INET,
                               .sin_port = htons(port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int size = 4 << 20, fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (port && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0) {
        perror("bare: bind");
        exit(1);
    }
    return fd;
}

static void watch(int fd, void *ptr)
{
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = ptr };

    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
        perror("bare: epoll_ctl");
}

static void make_call(struct load *l, const struct load_conf *lc, unsigned i)
{
    struct bare_call *c = &calls[i];
    struct sockaddr_storage ss;
    struct sockaddr_in own;
    socklen_t len = sizeof(own);
    struct gw_iq_crypto up, down;
    struct load_local local;
    struct load_remote remote = { 0 };

    load_local(l, i, &local);
    load_static_key(lc->suite, i, 0, &up);
    load_static_key(lc->suite, i, 1, &down);
    if (gw_srtp_session_new(GW_SRTP_RECV, &up, GW_SRTP_FAST, &c->rx) != 0 ||
        gw_srtp_session_new(GW_SRTP_SEND, &down, GW_SRTP_FAST, &c->tx) != 0)
        exit(1);
    c->fd = udp(0);
    getsockname(c->fd, (struct sockaddr *)&own, &len);
    len = gw_addr_to_sockaddr(&local.phone, &ss);
    if (connect(c->fd, (struct sockaddr *)&ss, len) != 0)
        perror("bare: connect");
    gw_addr_to_sockaddr(&local.browser, &ss);
    memcpy(&c->browser, &ss, sizeof(c->browser));
    watch(c->fd, c);
    gw_addr_parse_ip("127.0.0.1", PORT, &remote.access);
    gw_addr_parse_ip("127.0.0.1", ntohs(own.sin_port), &remote.core);
    load_remote(l, i, &remote);
    load_keys(l, i, &up, &down);
}

static int start(struct load *l, const struct load_conf *lc, int core)
{
    ncalls = lc->calls;
    calls = calloc(ncalls, sizeof(*calls));
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    shared = udp(PORT);
    watch(shared, NULL);
    for (unsigned i = 0; i < ncalls; i++)
        make_call(l, lc, i);
    is_ending = false;
    tid = 0;
    if (pthread_create(&thread, NULL, run, NULL) != 0)
        return GW_E_LIMIT;
    while (!tid)
        usleep(1000);
    task_pin(tid, core);
    return 0;
}

static double cpu_s(void)
{
    return task_cpu_s(getpid(), tid);
}

static void stop(void)
{
    is_ending = true;
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < ncalls; i++) {
        close(calls[i].fd);
        gw_srtp_session_free(calls[i].rx);
        gw_srtp_session_free(calls[i].tx);
    }
    free(calls);
    close(shared);
    close(epoll_fd);
}

const struct target target_bare = { "bare loop", start, NULL, cpu_s, NULL, stop };
