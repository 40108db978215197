#include "tcp.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READS = 16 }; /* of one turn: other calls share the loop */

static void watch(struct gw_demo_tcp *t, int fd, int op, uint32_t events)
{
    struct epoll_event e = { .events = events, .data.fd = fd };

    (void)epoll_ctl(t->epoll, op, fd, &e);
}

static void lose(struct gw_demo_tcp *t)
{
    close(t->fd);
    t->fd = -1;
    t->is_up = false;
    t->ev->on_lost(t->arg);
}

static void write_pending(struct gw_demo_tcp *t)
{
    struct gw_span p;

    while (t->is_up && (p = t->ev->pending(t->arg)).len) {
        ssize_t n = send(t->fd, p.ptr, p.len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break; /* a connection that is gone tells so when it is read */
        t->ev->on_written(t->arg, (size_t)n);
    }
    if (t->is_up)
        watch(t, t->fd, EPOLL_CTL_MOD, t->ev->pending(t->arg).len ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void up(struct gw_demo_tcp *t)
{
    int on = 1;

    (void)setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    t->is_up = true;
    t->ev->on_up(t->arg);
}

static void on_accept(struct gw_demo_tcp *t)
{
    int fd;

    while ((fd = accept4(t->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (t->fd >= 0) {
            close(fd); /* one session, one connection */
            continue;
        }
        t->fd = fd;
        watch(t, fd, EPOLL_CTL_ADD, EPOLLIN);
        up(t);
    }
}

static void on_connection(struct gw_demo_tcp *t, uint32_t events)
{
    uint8_t buf[16384];
    int err = 0;
    socklen_t size = sizeof(err);

    if (!t->is_up) {
        if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &err, &size) != 0 || err) {
            lose(t);
            return;
        }
        up(t);
    }
    for (unsigned i = 0; i < READS && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)); i++) {
        ssize_t n = recv(t->fd, buf, sizeof(buf), 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0 || !t->ev->on_octets(t->arg, (struct gw_span){ buf, (size_t)n })) {
            lose(t);
            return;
        }
    }
    write_pending(t);
}

static void on_ready(void *arg)
{
    struct gw_demo_tcp *t = arg;
    struct epoll_event e[2];
    int n = epoll_wait(t->epoll, e, 2, 0);

    for (int i = 0; i < n; i++) {
        if (e[i].data.fd == t->listener)
            on_accept(t);
        else if (e[i].data.fd == t->fd)
            on_connection(t, e[i].events);
    }
}

int gw_demo_tcp_open(struct gw_demo_tcp *t, struct gw_demo_media *m, const struct gw_demo_tcp_events *ev, void *arg,
                     uint16_t *port)
{
    int err;

    *t = (struct gw_demo_tcp){
        .stack = m->stack, .ev = ev, .arg = arg, .epoll = -1, .listener = -1, .fd = -1, .local = m->addr
    };
    err = gw_demo_open_ports(m, SOCK_STREAM, &t->listener, 1, port);
    t->local.port = *port;
    t->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!err && (t->epoll < 0 || listen(t->listener, 4) != 0))
        err = GW_E_IO;
    if (!err)
        err = gw_ctl_watch(t->stack, t->epoll, on_ready, t);
    if (err) {
        gw_demo_tcp_close(t);
        return err;
    }
    watch(t, t->listener, EPOLL_CTL_ADD, EPOLLIN);
    return 0;
}

void gw_demo_tcp_close(struct gw_demo_tcp *t)
{
    if (t->epoll >= 0) {
        gw_ctl_unwatch(t->stack, t->epoll);
        close(t->epoll);
    }
    if (t->fd >= 0)
        close(t->fd);
    if (t->listener >= 0)
        close(t->listener);
    t->epoll = t->fd = t->listener = -1;
    t->is_up = false;
}

void gw_demo_tcp_connect(struct gw_demo_tcp *t, const struct gw_addr *remote)
{
    struct sockaddr_storage ss;
    int on = 1, fd;

    if (t->fd >= 0)
        return;
    fd = socket(remote->family == 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    /* from the port that the SDP names, while it listens (RFC 4145 s. 4: the active side may use any) */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    (void)connect(fd, (struct sockaddr *)&ss, gw_addr_to_sockaddr(remote, &ss));
    t->fd = fd;
    watch(t, fd, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

void gw_demo_tcp_push(struct gw_demo_tcp *t)
{
    write_pending(t);
}
