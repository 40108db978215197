#include "gateway/media/tcp.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "gateway/media/port.h"

enum {
    READ = 16384,
    CONNECT_S = 10, /* of trying to connect */
};

struct gw_tcp {
    struct gw_loop *loop;
    const struct gw_tcp_events *ev;
    void *arg;
    struct gw_addr local, remote, host;
    struct gw_loop_fd listener, conn;
    struct gw_timer timer;
    bool is_connecting, is_up, wants_write, is_reading, is_offering;
    unsigned refused;
    size_t nkept;
    uint8_t kept[READ]; /* what on_octets did not take */
};

static void close_fd(struct gw_tcp *t, struct gw_loop_fd *f)
{
    if (f->fd < 0)
        return;
    gw_loop_del_fd(t->loop, f);
    close(f->fd);
    f->fd = -1;
}

static void interest(struct gw_tcp *t)
{
    uint32_t events = (t->is_reading ? EPOLLIN : 0u) | (t->wants_write || t->is_connecting ? EPOLLOUT : 0u) | EPOLLRDHUP;

    /* a peer that closed while we do not read is seen when we read on */
    (void)gw_loop_mod_fd(t->loop, &t->conn, t->is_reading || t->wants_write || t->is_connecting ? events : 0);
}

static int listen_on(struct gw_tcp *t);

static void lose(struct gw_tcp *t, int err)
{
    close_fd(t, &t->conn);
    gw_timer_stop(t->loop, &t->timer);
    t->is_up = t->is_connecting = t->wants_write = false;
    t->nkept = 0;
    if (t->remote.family == 0 && t->listener.fd < 0)
        (void)listen_on(t);
    t->ev->on_lost(t->arg, err);
}

static void go_up(struct gw_tcp *t)
{
    t->is_up = true;
    t->is_connecting = false;
    t->is_reading = true;
    gw_timer_stop(t->loop, &t->timer);
    interest(t);
    t->ev->on_up(t->arg);
}

/* False: stop reading (kept octets wait), or the connection is gone. */
static bool offer(struct gw_tcp *t, const uint8_t *p, size_t n)
{
    ssize_t taken;

    t->is_offering = true;
    taken = t->ev->on_octets(t->arg, (struct gw_span){ p, n });
    t->is_offering = false;
    if (taken < 0) {
        lose(t, (int)taken);
        return false;
    }
    t->nkept = n - (size_t)taken;
    if (t->nkept)
        memmove(t->kept, p + taken, t->nkept);
    return t->nkept == 0;
}

static void read_all(struct gw_tcp *t)
{
    uint8_t buf[READ];

    for (int i = 0; i < 4 && t->is_up; i++) { /* then others have their turn; epoll is level-triggered */
        ssize_t n = recv(t->conn.fd, buf, sizeof(buf), 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            lose(t, n == 0 ? GW_E_CLOSED : GW_E_IO);
            return;
        }
        if (!offer(t, buf, (size_t)n)) {
            if (t->is_up) {
                t->is_reading = false;
                interest(t);
            }
            return;
        }
    }
}

static void on_conn(void *arg, uint32_t events)
{
    struct gw_tcp *t = arg;

    if (t->is_connecting) {
        int err = 0;
        socklen_t len = sizeof(err);
        if (getsockopt(t->conn.fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0 || err)
            lose(t, GW_E_IO);
        else if (events & EPOLLOUT)
            go_up(t);
        return;
    }
    if (events & EPOLLOUT && t->wants_write) {
        t->wants_write = false;
        interest(t);
        t->ev->on_writable(t->arg);
    }
    if (!t->is_up)
        return;
    if (events & (EPOLLERR | EPOLLHUP) && !t->is_reading)
        lose(t, GW_E_CLOSED);
    else if (t->is_reading && events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
        read_all(t);
}

static void on_timer(void *arg)
{
    lose(arg, GW_E_TIMEOUT);
}

static int watch(struct gw_tcp *t, struct gw_loop_fd *f, int fd, void (*cb)(void *, uint32_t), uint32_t events)
{
    f->fd = fd;
    f->cb = cb;
    f->arg = t;
    if (gw_loop_add_fd(t->loop, f, events) == 0)
        return 0;
    close(fd);
    f->fd = -1;
    return GW_E_LIMIT;
}

/* One connection belongs to a session; a second one is closed (RFC 4975 s. 5.4: 506 in its own words needs a request). */
static void on_listener(void *arg, uint32_t events)
{
    struct gw_tcp *t = arg;
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    struct gw_addr from;
    int one = 1, fd = accept4(t->listener.fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)events;
    if (fd < 0)
        return;
    if (t->conn.fd >= 0 || gw_addr_from_sockaddr((struct sockaddr *)&ss, &from) != 0 ||
        (t->host.family && !gw_addr_eq_ip(&t->host, &from))) {
        t->refused++;
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (watch(t, &t->conn, fd, on_conn, EPOLLIN) == 0)
        go_up(t);
}

static int listen_with(struct gw_tcp *t, int fd)
{
    if (listen(fd, 4) != 0) {
        close(fd);
        return GW_E_IO;
    }
    return watch(t, &t->listener, fd, on_listener, EPOLLIN);
}

static int listen_on(struct gw_tcp *t)
{
    int fd, err = gw_port_tcp(&t->local, &fd);

    return err ? err : listen_with(t, fd);
}

int gw_tcp_new(struct gw_loop *loop, const struct gw_addr *local, int fd, const struct gw_tcp_events *ev, void *arg,
               struct gw_tcp **out)
{
    struct gw_tcp *t = calloc(1, sizeof(*t));
    int err;

    if (!t) {
        close(fd);
        return GW_E_NOMEM;
    }
    t->loop = loop;
    t->ev = ev;
    t->arg = arg;
    t->local = *local;
    t->listener.fd = t->conn.fd = -1;
    gw_timer_init(&t->timer, on_timer, t);
    err = listen_with(t, fd);
    if (err) {
        free(t);
        return err;
    }
    *out = t;
    return 0;
}

void gw_tcp_free(struct gw_tcp *t)
{
    if (!t)
        return;
    gw_timer_stop(t->loop, &t->timer);
    close_fd(t, &t->conn);
    close_fd(t, &t->listener);
    free(t);
}

void gw_tcp_connect(struct gw_tcp *t, const struct gw_addr *remote)
{
    struct sockaddr_storage ss;
    socklen_t len = gw_addr_to_sockaddr(remote, &ss);
    int fd, err;

    if (t->conn.fd >= 0 && (gw_addr_eq(&t->remote, remote) || t->remote.family == 0))
        return;
    t->remote = *remote;
    close_fd(t, &t->listener);
    close_fd(t, &t->conn);
    err = gw_port_tcp(&t->local, &fd);
    if (!err && connect(fd, (struct sockaddr *)&ss, len) != 0 && errno != EINPROGRESS) {
        close(fd);
        err = GW_E_IO;
    }
    t->is_connecting = true;
    if (!err)
        err = watch(t, &t->conn, fd, on_conn, EPOLLOUT);
    /* also a failure at once is told from the loop, never from inside this call */
    if (gw_timer_start(t->loop, &t->timer, gw_loop_now_us(t->loop) + (err ? 0 : CONNECT_S * GW_S)) != 0)
        t->is_connecting = false;
}

void gw_tcp_expect(struct gw_tcp *t, const struct gw_addr *host)
{
    t->host = *host;
}

bool gw_tcp_is_up(const struct gw_tcp *t)
{
    return t->is_up;
}

ssize_t gw_tcp_write(struct gw_tcp *t, struct gw_span octets)
{
    ssize_t n;

    if (!t->is_up)
        return GW_E_STATE;
    n = send(t->conn.fd, octets.ptr, octets.len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return GW_E_IO; /* the loop sees the same and tells on_lost */
    if (n < 0)
        n = 0;
    if ((size_t)n < octets.len && !t->wants_write) {
        t->wants_write = true;
        interest(t);
    }
    return n;
}

void gw_tcp_read_on(struct gw_tcp *t)
{
    if (!t->is_up || t->is_reading || t->is_offering)
        return;
    if (t->nkept) {
        uint8_t again[READ];
        size_t n = t->nkept;
        memcpy(again, t->kept, n);
        t->nkept = 0;
        if (!offer(t, again, n))
            return;
    }
    t->is_reading = true;
    interest(t);
}

unsigned gw_tcp_refused(const struct gw_tcp *t)
{
    return t->refused;
}
