#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "gateway/media/port.h"
#include "gateway/media/tcp_priv.h"

enum {
    CONNECT_S = 10, /* of trying to connect, and of the handshake of TLS */
    SECOND_S = 5,   /* that a second connection may take to say what it wants */
};

static void close_fd(struct gw_tcp *t, struct gw_loop_fd *f)
{
    if (f->fd < 0)
        return;
    gw_loop_del_fd(t->loop, f);
    close(f->fd);
    f->fd = -1;
}

void gw_tcp_interest(struct gw_tcp *t)
{
    uint32_t events =
        (t->is_reading ? EPOLLIN : 0u) | (t->wants_write || t->is_connecting ? EPOLLOUT : 0u) | EPOLLRDHUP;

    /* a peer that closed while we do not read is seen when we read on */
    (void)gw_loop_mod_fd(t->loop, &t->conn, t->is_reading || t->wants_write || t->is_connecting ? events : 0);
}

static int listen_on(struct gw_tcp *t);

/* Without a word to the owner. */
static void drop(struct gw_tcp *t)
{
    if (t->tls && t->conn.fd >= 0) {
        gw_tls_close(t->tls);
        gw_tcp_tls_flush(t); /* close_notify, or the alert; if it does not fit it is not worth waiting for */
    }
    gw_tls_free(t->tls);
    t->tls = NULL;
    close_fd(t, &t->conn);
    gw_timer_stop(t->loop, &t->timer);
    t->is_up = t->is_connecting = t->wants_write = t->is_reading = false;
    t->nkept = 0;
}

void gw_tcp_lose(struct gw_tcp *t, int err)
{
    drop(t);
    if (t->remote.family == 0 && t->listener.fd < 0)
        (void)listen_on(t);
    t->ev->on_lost(t->arg, err);
}

bool gw_tcp_arm(struct gw_tcp *t)
{
    return gw_timer_start(t->loop, &t->timer, gw_loop_now_us(t->loop) + CONNECT_S * GW_S) == 0;
}

static void on_conn(void *arg, uint32_t events)
{
    struct gw_tcp *t = arg;
    int err = 0;
    socklen_t len = sizeof(err);

    if (!t->is_connecting)
        gw_tcp_event(t, events);
    else if (getsockopt(t->conn.fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0 || err)
        gw_tcp_lose(t, GW_E_IO);
    else if (events & EPOLLOUT)
        gw_tcp_established(t);
}

static void on_timer(void *arg)
{
    gw_tcp_lose(arg, GW_E_TIMEOUT);
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

/* ---- a second connection ---- */

static void end_second(struct gw_tcp *t)
{
    close_fd(t, &t->second);
    gw_timer_stop(t->loop, &t->second_timer);
}

static void on_second_timer(void *arg)
{
    end_second(arg);
}

/* Once answered it is read until its end: a close with octets unread would take the answer back. */
static void on_second(void *arg, uint32_t events)
{
    struct gw_tcp *t = arg;
    char answer[2 * GW_TCP_SECOND];
    ssize_t n;
    int len = 0;

    (void)events;
    if (t->is_second_answered)
        t->nsecond = 0;
    n = recv(t->second.fd, t->said + t->nsecond, sizeof(t->said) - t->nsecond, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0 && t->is_second_answered)
        return;
    if (n > 0) {
        t->nsecond += (size_t)n;
        len = t->ev->on_second(t->arg, (struct gw_span){ t->said, t->nsecond }, answer, sizeof(answer));
        if (len == 0 && t->nsecond < sizeof(t->said))
            return;
    }
    if (len <= 0 || send(t->second.fd, answer, (size_t)len, MSG_NOSIGNAL) != len ||
        shutdown(t->second.fd, SHUT_WR) != 0)
        end_second(t);
    t->is_second_answered = true;
}

/* One connection belongs to a session; a second one is told so where the protocol has a word for it (RFC 4975 s. 5.4:
 * 506). */
static void refuse(struct gw_tcp *t, int fd)
{
    if (!t->ev->on_second || t->identity || t->second.fd >= 0 || !t->is_up) {
        close(fd);
        return;
    }
    t->nsecond = 0;
    t->is_second_answered = false;
    if (watch(t, &t->second, fd, on_second, EPOLLIN) != 0)
        return;
    if (gw_timer_start(t->loop, &t->second_timer, gw_loop_now_us(t->loop) + SECOND_S * GW_S) != 0)
        end_second(t);
}

/* ---- listening ---- */

static void on_listener(void *arg, uint32_t events)
{
    struct gw_tcp *t = arg;
    int one = 1, fd = accept4(t->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)events;
    if (fd < 0)
        return;
    if (t->conn.fd >= 0) {
        refuse(t, fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (watch(t, &t->conn, fd, on_conn, EPOLLIN) == 0)
        gw_tcp_established(t);
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
    t->listener.fd = t->conn.fd = t->second.fd = -1;
    gw_timer_init(&t->timer, on_timer, t);
    gw_timer_init(&t->second_timer, on_second_timer, t);
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
    drop(t);
    end_second(t);
    close_fd(t, &t->listener);
    gw_dtls_identity_unref(t->identity);
    free(t);
}

void gw_tcp_connect(struct gw_tcp *t, const struct gw_addr *remote)
{
    struct sockaddr_storage ss;
    socklen_t len = gw_addr_to_sockaddr(remote, &ss);
    int fd, err;

    if (gw_addr_eq(&t->remote, remote) || (t->conn.fd >= 0 && t->remote.family == 0))
        return;
    t->remote = *remote;
    close_fd(t, &t->listener);
    drop(t);
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

bool gw_tcp_is_up(const struct gw_tcp *t)
{
    return t->is_up;
}

bool gw_tcp_is_connecting(const struct gw_tcp *t)
{
    return !t->is_up && t->conn.fd >= 0;
}

void gw_tcp_renew(struct gw_tcp *t)
{
    static const struct linger at_once = { 1, 0 };

    if (t->conn.fd >= 0) /* without TIME_WAIT, which would keep the same two ports from meeting again */
        setsockopt(t->conn.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    drop(t);
    end_second(t);
    t->remote.family = 0;
    if (t->listener.fd < 0)
        (void)listen_on(t);
}

void gw_tcp_secure(struct gw_tcp *t, struct gw_dtls_identity *identity, bool is_client,
                   const struct gw_iq_fingerprint *list, unsigned n)
{
    if (!t->identity)
        t->identity = gw_dtls_identity_ref(identity);
    t->is_tls_client = is_client;
    t->nfingerprints = n;
    memcpy(t->fingerprints, list, n * sizeof(*list));
    if (t->tls)
        gw_tcp_tls_on(t);
}

const char *gw_tcp_cipher(const struct gw_tcp *t)
{
    return t->tls && t->is_up ? gw_tls_name(t->tls) : "";
}
