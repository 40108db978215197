/* The octets of a connection, plain or through TLS. */
#include <errno.h>
#include <sys/epoll.h>

#include "gateway/media/tcp_priv.h"

enum { TURNS = 4 }; /* reads in a row; then others have their turn: epoll is level-triggered */

static void go_up(struct gw_tcp *t)
{
    t->is_up = true;
    t->is_reading = true;
    gw_timer_stop(t->loop, &t->timer);
    gw_tcp_interest(t);
    t->ev->on_up(t->arg);
}

static void stop_reading(struct gw_tcp *t)
{
    t->is_reading = false;
    gw_tcp_interest(t);
}

/* False: stop reading (kept octets wait), or the connection is gone. */
static bool offer(struct gw_tcp *t, const uint8_t *p, size_t n)
{
    ssize_t taken;

    t->is_offering = true;
    taken = t->ev->on_octets(t->arg, (struct gw_span){ p, n });
    t->is_offering = false;
    if (taken < 0) {
        gw_tcp_lose(t, (int)taken);
        return false;
    }
    t->nkept = n - (size_t)taken;
    if (t->nkept) {
        memmove(t->kept, p + taken, t->nkept);
        stop_reading(t);
    }
    return t->nkept == 0;
}

/* ---- TLS ---- */

void gw_tcp_tls_flush(struct gw_tcp *t)
{
    struct gw_span p;

    while ((p = gw_tls_pending(t->tls)).len) {
        ssize_t n = send(t->conn.fd, p.ptr, p.len, MSG_NOSIGNAL);
        if (n <= 0)
            break; /* an error is seen by the loop, too */
        gw_tls_sent(t->tls, (size_t)n);
    }
    if ((p.len != 0) != t->wants_write) {
        t->wants_write = p.len != 0;
        gw_tcp_interest(t);
    }
}

/* What TLS has made of what came. False: do not read on. */
static bool take_tls(struct gw_tcp *t)
{
    uint8_t buf[GW_TLS_RECORD];
    ssize_t n = 0;

    gw_tcp_tls_flush(t);
    switch (gw_tls_state(t->tls)) {
    case GW_TLS_HANDSHAKE:
        return true;
    case GW_TLS_UNVERIFIED: /* signalling will say whom to expect; what comes meanwhile waits in the kernel */
        gw_timer_stop(t->loop, &t->timer);
        stop_reading(t);
        return false;
    case GW_TLS_FAILED:
        gw_tcp_lose(t, gw_tls_cause(t->tls));
        return false;
    default:
        break;
    }
    if (!t->is_up)
        go_up(t);
    while (t->is_up && (n = gw_tls_read(t->tls, buf, sizeof(buf))) > 0)
        if (!offer(t, buf, (size_t)n))
            return false;
    if (t->is_up && n < 0)
        gw_tcp_lose(t, (int)n);
    return t->is_up;
}

void gw_tcp_tls_on(struct gw_tcp *t)
{
    gw_tls_set_fingerprints(t->tls, t->fingerprints, t->nfingerprints);
    if (gw_tls_state(t->tls) == GW_TLS_HANDSHAKE || (t->is_up && gw_tls_state(t->tls) == GW_TLS_UP))
        return;
    (void)take_tls(t);
}

static void begin_tls(struct gw_tcp *t)
{
    if (gw_tls_new(t->identity, t->is_tls_client, &t->tls) != 0 || !gw_tcp_arm(t)) {
        gw_tcp_lose(t, GW_E_NOMEM);
        return;
    }
    t->is_reading = true;
    gw_tcp_interest(t);
    gw_tls_set_fingerprints(t->tls, t->fingerprints, t->nfingerprints);
    gw_tls_input(t->tls, (struct gw_span){ 0 }); /* a client speaks first */
    (void)take_tls(t);
}

void gw_tcp_established(struct gw_tcp *t)
{
    t->is_connecting = false;
    if (t->identity)
        begin_tls(t);
    else
        go_up(t);
}

/* ---- reading ---- */

static void read_some(struct gw_tcp *t)
{
    uint8_t buf[GW_TCP_READ];

    for (int i = 0; i < TURNS && t->is_reading; i++) {
        ssize_t n = recv(t->conn.fd, buf, sizeof(buf), 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            gw_tcp_lose(t, n == 0 ? GW_E_CLOSED : GW_E_IO);
            return;
        }
        if (t->tls)
            gw_tls_input(t->tls, (struct gw_span){ buf, (size_t)n });
        if (t->tls ? !take_tls(t) : !offer(t, buf, (size_t)n))
            return;
    }
}

void gw_tcp_read_on(struct gw_tcp *t)
{
    if (!t->is_up || t->is_reading || t->is_offering)
        return;
    if (t->nkept) {
        uint8_t again[GW_TCP_READ];
        size_t n = t->nkept;
        memcpy(again, t->kept, n);
        t->nkept = 0;
        if (!offer(t, again, n))
            return;
    }
    t->is_reading = true;
    if (t->tls && !take_tls(t))
        return;
    gw_tcp_interest(t);
}

/* ---- writing ---- */

static ssize_t write_tls(struct gw_tcp *t, struct gw_span octets)
{
    size_t taken = 0;

    while (taken < octets.len) {
        ssize_t n;
        gw_tcp_tls_flush(t);
        if (t->wants_write) /* at most one record waits here */
            break;
        n = gw_tls_write(t->tls, (struct gw_span){ (const uint8_t *)octets.ptr + taken, octets.len - taken });
        if (n < 0)
            return n;
        taken += (size_t)n;
    }
    gw_tcp_tls_flush(t);
    return (ssize_t)taken;
}

ssize_t gw_tcp_write(struct gw_tcp *t, struct gw_span octets)
{
    ssize_t n;

    if (!t->is_up)
        return GW_E_STATE;
    if (t->tls)
        return write_tls(t, octets);
    n = send(t->conn.fd, octets.ptr, octets.len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return GW_E_IO; /* the loop sees the same and tells on_lost */
    if (n < 0)
        n = 0;
    if ((size_t)n < octets.len && !t->wants_write) {
        t->wants_write = true;
        gw_tcp_interest(t);
    }
    return n;
}

void gw_tcp_event(struct gw_tcp *t, uint32_t events)
{
    if (events & EPOLLOUT && t->wants_write) {
        if (t->tls)
            gw_tcp_tls_flush(t);
        else
            t->wants_write = false;
        gw_tcp_interest(t);
        if (t->is_up && !t->wants_write)
            t->ev->on_writable(t->arg);
    }
    if (t->conn.fd < 0)
        return;
    if (events & (EPOLLERR | EPOLLHUP) && !t->is_reading)
        gw_tcp_lose(t, GW_E_CLOSED);
    else if (t->is_reading && events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
        read_some(t);
}
