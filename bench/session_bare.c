/* The least that can be done for a session: SCTP over DTLS (usrsctp and OpenSSL) with an array index as session logic,
 * text and fax packets passed on as they come; of UDPTL two connected sockets, and the tick of one millisecond that the
 * gateway has under load. No error correction, no pacing. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/session.h"
#include "datachannel/t140/t140_red.h"

enum { EVENTS = 256, MTU = 1600, TICK_NS = 1000000 };

/* A session's end here: where what comes to `fd` goes. */
struct leg {
    unsigned i;
    int fd, other;
    struct data_end end;
    uint16_t seq;
};

static struct child loop;
static struct {
    enum session_kind kind;
    unsigned n;
} conf;

static struct leg *legs[2];
static struct gw_sctp_host *host;
static int epoll_fd;

static void watch(int fd, void *what)
{
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = what };

    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
        perror("bare: epoll");
}

/* A socket connected to the phone. */
static int udp(unsigned side, unsigned i, struct gw_addr *own)
{
    struct gw_addr phone = session_phone(side, i);
    struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_storage ss;
    socklen_t len = gw_addr_to_sockaddr(&phone, &ss);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0 || connect(fd, (struct sockaddr *)&ss, len) != 0)
        perror("bare: socket");
    len = sizeof(sin);
    getsockname(fd, (struct sockaddr *)&sin, &len);
    gw_addr_from_sockaddr((struct sockaddr *)&sin, own);
    return fd;
}

static void on_message(struct data_end *e, struct gw_span m)
{
    struct leg *l = e->arg;
    uint8_t p[MTU] = { 0x80, SESSION_T140_PT };
    size_t header = conf.kind == SESSION_TEXT ? 12 : 2;

    if (header + m.len > sizeof(p))
        return;
    p[header == 2 ? 0 : 2] = (uint8_t)(l->seq >> 8);
    p[header == 2 ? 1 : 3] = (uint8_t)l->seq++;
    memcpy(p + header, m.ptr, m.len);
    (void)!send(l->other, p, header + m.len, 0);
}

static void from_core(struct leg *l)
{
    struct data_end *browser = &legs[SESSION_ACCESS][l->i].end;
    struct gw_t140_red red;
    uint8_t p[MTU];

    for (ssize_t n; (n = recv(l->fd, p, sizeof(p), MSG_DONTWAIT)) > 0;) {
        if (conf.kind == SESSION_UDPTL)
            (void)!send(l->other, p, (size_t)n, 0);
        else if (conf.kind == SESSION_FAX)
            (void)!data_end_send(browser, (struct gw_span){ p, (size_t)n });
        else if (n > 12 && gw_t140_red_parse((struct gw_span){ p + 12, (size_t)n - 12 }, SESSION_T140_PT, &red) == 0)
            (void)!data_end_send(browser, red.primary);
    }
}

static void serve_join(int fd)
{
    struct gw_addr at[2];
    struct leg *a, *c;
    unsigned i;

    if (!child_read(fd, &i, sizeof(i)) || i >= conf.n)
        _exit(0);
    a = &legs[SESSION_ACCESS][i];
    c = &legs[SESSION_CORE][i];
    a->i = c->i = i;
    c->fd = udp(SESSION_CORE, i, &at[SESSION_CORE]);
    watch(c->fd, c);
    if (conf.kind == SESSION_UDPTL) {
        a->fd = c->other = udp(SESSION_ACCESS, i, &at[SESSION_ACCESS]);
        watch(a->fd, a);
    } else if (data_end_init(&a->end, false, session_identity, host) == 0) {
        a->end.expected = *gw_dtls_identity_fingerprint(session_identity);
        a->end.on_message = on_message;
        a->end.arg = a;
        gw_addr_parse_ip("127.0.0.1", data_end_port(&a->end), &at[SESSION_ACCESS]);
        watch(a->end.fd, a);
    }
    a->other = c->fd;
    (void)child_write(fd, at, sizeof(at));
}

static void run(int fd, void *arg)
{
    static int host_mark, order_mark;
    struct timespec tick = { 0, TICK_NS };
    struct epoll_event ev[EVENTS];

    (void)arg;
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    legs[0] = calloc(conf.n, sizeof(*legs[0]));
    legs[1] = calloc(conf.n, sizeof(*legs[1]));
    if (conf.kind != SESSION_UDPTL && gw_sctp_init(true) == 0 && gw_sctp_host_new(&host) == 0)
        watch(gw_sctp_host_fd(host), &host_mark);
    watch(fd, &order_mark);
    for (;;) {
        int n = epoll_wait(epoll_fd, ev, EVENTS, -1);
        for (int k = 0; k < n; k++) {
            struct leg *l = ev[k].data.ptr;
            if (ev[k].data.ptr == &order_mark)
                serve_join(fd);
            else if (ev[k].data.ptr == &host_mark)
                gw_sctp_host_poll(host);
            else if (l >= legs[SESSION_ACCESS] && l < legs[SESSION_ACCESS] + conf.n && conf.kind != SESSION_UDPTL)
                data_end_turn(&l->end);
            else
                from_core(l);
        }
        if (conf.kind == SESSION_UDPTL)
            nanosleep(&tick, NULL);
    }
}

static int start(enum session_kind kind, unsigned n, int core)
{
    conf.kind = kind;
    conf.n = n;
    return child_start(&loop, core, run, NULL);
}

static int join(enum session_kind kind, struct session *s)
{
    struct sockaddr_storage ss;

    if (!child_write(loop.fd, &s->i, sizeof(s->i)) || !child_read(loop.fd, s->to, sizeof(s->to)))
        return GW_E_IO;
    if (kind == SESSION_UDPTL)
        return 0;
    gw_addr_to_sockaddr(&s->to[SESSION_ACCESS], &ss);
    memcpy(&s->end.peer, &ss, sizeof(s->end.peer));
    s->end.expected = *gw_dtls_identity_fingerprint(session_identity);
    return 0;
}

static pid_t pid(void)
{
    return loop.pid;
}

static void stop(void)
{
    child_end(&loop);
}

const struct session_target session_bare = { "bare loop", { true, true, true }, start, join, pid, stop };
