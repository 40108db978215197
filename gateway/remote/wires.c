#include "gateway/remote/wires.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/stats.h"
#include "gateway/base/wire.h"
#include "gateway/control/iq_json.h"
#include "gateway/dtls/tls_stream.h"

enum {
    EVENTS = 64,
    READS = 16, /* of one connection in a round */
    READ_OCTETS = 16384,
    TIMER = GW_WIRES, /* as an event's number */
    LISTENER,
    UNACKNOWLEDGED_MS = 4000,
};

struct wire {
    int fd; /* -1: unused */
    struct gw_tls *tls;
    uint64_t until_us; /* of the handshake */
    bool is_connecting, is_up;
    uint32_t events; /* that epoll waits for */
    unsigned uses;   /* a callback may have closed it, and another connection may have its number */
    uint8_t *in;
    size_t in_len, in_size;
};

struct gw_wires {
    struct gw_tls_trust *trust;
    struct gw_wire_events events;
    int epoll_fd, timer_fd, listen_fd;
    struct wire wires[GW_WIRES];
    uint8_t out[4 + GW_IQ_JSON_MAX];
};

/* ---- ends ---- */

void gw_wires_close(struct gw_wires *w, unsigned wire)
{
    struct wire *c = &w->wires[wire];

    if (c->fd < 0)
        return;
    if (c->is_up) { /* close_notify, if there is room for it */
        gw_tls_close(c->tls);
        struct gw_span last = gw_tls_pending(c->tls);
        if (last.len)
            (void)!send(c->fd, last.ptr, last.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    close(c->fd);
    gw_tls_free(c->tls);
    if (c->in)
        explicit_bzero(c->in, c->in_size);
    free(c->in);
    *c = (struct wire){ .fd = -1, .uses = c->uses + 1 };
}

static void down(struct gw_wires *w, unsigned wire, const char *why)
{
    bool was_up = w->wires[wire].is_up;

    gw_wires_close(w, wire);
    w->events.on_down(w->events.arg, wire, was_up, why);
}

static void tls_failed(struct gw_wires *w, unsigned wire)
{
    bool is_mismatch = gw_tls_cause(w->wires[wire].tls) == GW_E_MISMATCH;

    gw_stats_inc(GW_STAT_IQ_REFUSED_TLS);
    down(w, wire, is_mismatch ? "the peer's certificate is not one to be trusted" : "TLS failed");
}

/* ---- out ---- */

static void want(struct gw_wires *w, unsigned wire)
{
    struct wire *c = &w->wires[wire];
    size_t waits = gw_tls_pending(c->tls).len;
    struct epoll_event ev = { .data.u32 = wire };

    ev.events = (c->is_connecting || waits ? EPOLLOUT : 0) | (waits < GW_WIRE_QUEUE / 4 ? EPOLLIN : 0);
    if (ev.events != c->events && epoll_ctl(w->epoll_fd, EPOLL_CTL_MOD, c->fd, &ev) == 0)
        c->events = ev.events;
}

/* False: the connection is broken. */
static bool flush(struct wire *c)
{
    for (;;) {
        struct gw_span p = gw_tls_pending(c->tls);
        ssize_t n = p.len ? send(c->fd, p.ptr, p.len, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
        if (n <= 0)
            return n == 0 || errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
        gw_tls_sent(c->tls, (size_t)n);
    }
}

int gw_wires_send(struct gw_wires *w, unsigned wire, struct gw_span text)
{
    struct wire *c = &w->wires[wire];
    struct gw_writer out = gw_writer(w->out, sizeof(w->out));
    size_t at = 0, len;

    if (c->fd < 0 || !c->is_up)
        return GW_E_STATE;
    if (gw_tls_pending(c->tls).len > GW_WIRE_QUEUE)
        return GW_E_FULL;
    gw_write_u32(&out, (uint32_t)text.len);
    gw_write_bytes(&out, text.ptr, text.len);
    len = gw_writer_len(&out);
    while (at < len) {
        ssize_t n = gw_tls_write(c->tls, (struct gw_span){ w->out + at, len - at });
        if (n <= 0)
            break; /* what is broken shows when it is read from */
        at += (size_t)n;
    }
    explicit_bzero(w->out, len);
    flush(c);
    want(w, wire);
    return at == len ? 0 : GW_E_IO;
}

/* ---- in ---- */

/* Room for a message of `need` octets. */
static bool make_room(struct wire *c, size_t need)
{
    size_t size = c->in_size ? c->in_size : READ_OCTETS;
    uint8_t *grown;

    while (size < need)
        size *= 2;
    if (size == c->in_size)
        return true;
    grown = malloc(size);
    if (!grown)
        return false;
    if (c->in) {
        memcpy(grown, c->in, c->in_len);
        explicit_bzero(c->in, c->in_size);
    }
    free(c->in);
    c->in = grown;
    c->in_size = size;
    return true;
}

/* Hands on what is whole. False: the connection is gone. */
static bool messages(struct gw_wires *w, unsigned wire)
{
    struct wire *c = &w->wires[wire];
    size_t at = 0;
    unsigned uses = c->uses;

    while (c->in_len - at >= 4) {
        struct gw_reader r = gw_reader((struct gw_span){ c->in + at, 4 });
        size_t len = gw_read_u32(&r);
        if (len > GW_IQ_JSON_MAX) {
            gw_stats_inc(GW_STAT_IQ_BAD);
            down(w, wire, "a message is too long");
            return false;
        }
        if (c->in_len - at - 4 < len)
            break;
        w->events.on_message(w->events.arg, wire, (struct gw_span){ c->in + at + 4, len });
        if (c->uses != uses)
            return false;
        at += 4 + len;
    }
    c->in_len -= at;
    memmove(c->in, c->in + at, c->in_len);
    explicit_bzero(c->in + c->in_len, at);
    return true;
}

static bool came_up(struct gw_wires *w, unsigned wire)
{
    struct wire *c = &w->wires[wire];
    unsigned uses = c->uses;

    if (c->is_up || gw_tls_state(c->tls) != GW_TLS_UP)
        return true;
    c->is_up = true;
    c->until_us = GW_NEVER;
    w->events.on_up(w->events.arg, wire, gw_tls_peer_name(c->tls));
    return c->uses == uses;
}

/* What TLS has for us. False: the connection is gone. */
static bool decrypted(struct gw_wires *w, unsigned wire)
{
    struct wire *c = &w->wires[wire];
    ssize_t n;

    if (!came_up(w, wire))
        return false;
    do {
        if (!make_room(c, c->in_len + READ_OCTETS)) {
            down(w, wire, "out of memory");
            return false;
        }
        n = gw_tls_read(c->tls, c->in + c->in_len, c->in_size - c->in_len);
        if (n > 0) {
            c->in_len += (size_t)n;
            if (!messages(w, wire))
                return false;
        }
    } while (n > 0);
    if (gw_tls_state(c->tls) == GW_TLS_FAILED) {
        flush(c); /* the alert */
        tls_failed(w, wire);
        return false;
    }
    if (n < 0) {
        down(w, wire, "closed by the peer");
        return false;
    }
    return true;
}

static void on_readable(struct gw_wires *w, unsigned wire)
{
    struct wire *c = &w->wires[wire];
    uint8_t buf[READ_OCTETS];

    for (unsigned i = 0; i < READS; i++) {
        ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            down(w, wire, n == 0 ? "closed by the peer" : strerror(errno));
            return;
        }
        if (n < 0)
            break;
        gw_tls_input(c->tls, (struct gw_span){ buf, (size_t)n });
        if (!decrypted(w, wire))
            return;
    }
    if (!flush(c))
        down(w, wire, strerror(errno));
    else
        want(w, wire);
}

static void on_writable(struct gw_wires *w, unsigned wire)
{
    struct wire *c = &w->wires[wire];
    int err = 0;
    socklen_t len = sizeof(err);

    if (c->is_connecting) {
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
        if (err) {
            down(w, wire, strerror(err));
            return;
        }
        c->is_connecting = false;
        gw_tls_input(c->tls, (struct gw_span){ 0 }); /* the client says its first words */
    }
    if (!flush(c))
        down(w, wire, strerror(errno));
    else
        want(w, wire);
}

/* ---- beginnings ---- */

static int adopt(struct gw_wires *w, unsigned wire, int fd, bool is_client, uint64_t now_us)
{
    static const int on = 1, idle_ms = UNACKNOWLEDGED_MS;
    struct wire *c = &w->wires[wire];
    struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT, .data.u32 = wire };

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &idle_ms, sizeof(idle_ms));
    if (gw_tls_new_trusted(w->trust, is_client, &c->tls) != 0)
        return GW_E_NOMEM;
    if (epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0) {
        gw_tls_free(c->tls);
        c->tls = NULL;
        return GW_E_LIMIT;
    }
    c->fd = fd;
    c->events = ev.events;
    c->is_connecting = is_client;
    c->until_us = now_us + GW_WIRE_HANDSHAKE_S * GW_S;
    return 0;
}

int gw_wires_connect(struct gw_wires *w, unsigned wire, const struct gw_addr *to, uint64_t now_us)
{
    struct sockaddr_storage ss;
    socklen_t len = gw_addr_to_sockaddr(to, &ss);
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err;

    if (fd < 0)
        return GW_E_LIMIT;
    err = connect(fd, (struct sockaddr *)&ss, len) == 0 || errno == EINPROGRESS ? 0 : GW_E_IO;
    if (!err)
        err = adopt(w, wire, fd, true, now_us);
    if (err)
        close(fd);
    return err;
}

static void on_connection(struct gw_wires *w, uint64_t now_us)
{
    int fd;

    while ((fd = accept4(w->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        unsigned i = 0;
        while (i < GW_WIRES && w->wires[i].fd >= 0)
            i++;
        if (i == GW_WIRES || adopt(w, i, fd, false, now_us) != 0)
            close(fd);
    }
}

int gw_wires_listen(struct gw_wires *w, const struct gw_addr *at)
{
    static const int on = 1;
    struct epoll_event ev = { .events = EPOLLIN, .data.u32 = LISTENER };
    struct sockaddr_storage ss;
    socklen_t len = gw_addr_to_sockaddr(at, &ss);

    w->listen_fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (w->listen_fd < 0)
        return GW_E_LIMIT;
    setsockopt(w->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(w->listen_fd, (struct sockaddr *)&ss, len) != 0 || listen(w->listen_fd, GW_WIRES) != 0 ||
        epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->listen_fd, &ev) != 0)
        return GW_E_IO;
    return 0;
}

/* ---- rounds ---- */

void gw_wires_dispatch(struct gw_wires *w, uint64_t now_us)
{
    struct epoll_event ev[EVENTS];
    uint64_t count;
    unsigned uses[GW_WIRES];
    int n = epoll_wait(w->epoll_fd, ev, EVENTS, 0);

    for (unsigned i = 0; i < GW_WIRES; i++)
        uses[i] = w->wires[i].uses;
    for (int i = 0; i < n; i++) {
        unsigned wire = ev[i].data.u32;
        if (wire == TIMER) {
            (void)!read(w->timer_fd, &count, sizeof(count));
        } else if (wire == LISTENER) {
            on_connection(w, now_us);
        } else {
            if (ev[i].events & (EPOLLOUT | EPOLLERR) && uses[wire] == w->wires[wire].uses && w->wires[wire].fd >= 0)
                on_writable(w, wire);
            if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && uses[wire] == w->wires[wire].uses &&
                w->wires[wire].fd >= 0)
                on_readable(w, wire);
        }
    }
    for (unsigned i = 0; i < GW_WIRES; i++)
        if (w->wires[i].fd >= 0 && w->wires[i].until_us <= now_us) {
            gw_stats_inc(GW_STAT_IQ_REFUSED_TLS);
            down(w, i, "no handshake in time");
        }
}

void gw_wires_set_timer(struct gw_wires *w, uint64_t at_us)
{
    struct itimerspec t = { 0 };

    if (at_us != GW_NEVER) {
        t.it_value.tv_sec = (time_t)(at_us / GW_S);
        t.it_value.tv_nsec = (long)(at_us % GW_S * 1000) + 1; /* never 0, which would stop it */
    }
    timerfd_settime(w->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

int gw_wires_fd(const struct gw_wires *w)
{
    return w->epoll_fd;
}

int gw_wires_new(struct gw_tls_trust *trust, const struct gw_wire_events *events, struct gw_wires **out)
{
    struct epoll_event ev = { .events = EPOLLIN, .data.u32 = TIMER };
    struct gw_wires *w = calloc(1, sizeof(*w));

    if (!w)
        return GW_E_NOMEM;
    w->trust = trust;
    w->events = *events;
    w->listen_fd = -1;
    for (unsigned i = 0; i < GW_WIRES; i++)
        w->wires[i].fd = -1;
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (w->epoll_fd < 0 || w->timer_fd < 0 || epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->timer_fd, &ev) != 0) {
        gw_wires_free(w);
        return GW_E_LIMIT;
    }
    *out = w;
    return 0;
}

void gw_wires_free(struct gw_wires *w)
{
    if (!w)
        return;
    for (unsigned i = 0; i < GW_WIRES; i++)
        gw_wires_close(w, i);
    if (w->listen_fd >= 0)
        close(w->listen_fd);
    if (w->timer_fd >= 0)
        close(w->timer_fd);
    if (w->epoll_fd >= 0)
        close(w->epoll_fd);
    free(w);
}
