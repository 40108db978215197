/* The console's sockets. What is said is in console_answer.c. */
#include "gateway/admin/console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "gateway/admin/console_priv.h"
#include "gateway/base/clock.h"
#include "gateway/base/stats.h"

struct client {
    int fd; /* -1: free */
    struct gw_addr peer;
    uint64_t serial, until_us;
    char *in; /* heap: GW_HTTP_HEAD_MAX + 1 octets, until the head is read */
    size_t in_len;
    char *out; /* then the answer; the connection ends behind it */
    size_t out_len, out_sent;
};

/* An epoll set of its own, as that of admin.c, with a clock that ticks while somebody is connected. */
struct gw_console {
    int epoll_fd, listen_fd, tick_fd;
    struct gw_console_site site;
    uint64_t serial;
    unsigned nclients;
    struct client clients[GW_CONSOLE_CLIENTS];
};

static void set_ticking(struct gw_console *k, bool is_on)
{
    struct itimerspec each = { { is_on, 0 }, { is_on, 0 } };

    timerfd_settime(k->tick_fd, 0, &each, NULL);
}

static void client_close(struct gw_console *k, struct client *c)
{
    close(c->fd); /* leaves the epoll set by itself */
    free(c->in);
    free(c->out);
    *c = (struct client){ .fd = -1 };
    if (--k->nclients == 0)
        set_ticking(k, false);
}

/* A free place, or that of whoever came first. */
static struct client *place(struct gw_console *k)
{
    struct client *oldest = &k->clients[0];

    for (unsigned i = 0; i < GW_CONSOLE_CLIENTS; i++) {
        if (k->clients[i].fd < 0)
            return &k->clients[i];
        if (k->clients[i].serial < oldest->serial)
            oldest = &k->clients[i];
    }
    gw_stats_inc(GW_STAT_ADMIN_REFUSED);
    client_close(k, oldest);
    return oldest;
}

static void accept_client(struct gw_console *k)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    int fd = accept4(k->listen_fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct epoll_event ev = { .events = EPOLLIN };
    char *in = fd >= 0 ? malloc(GW_HTTP_HEAD_MAX + 1) : NULL;
    struct client *c;

    if (!in) {
        if (fd >= 0)
            close(fd);
        return;
    }
    c = place(k);
    *c = (struct client){ .fd = fd, .serial = ++k->serial, .in = in };
    c->until_us = gw_clock_us() + GW_CONSOLE_LIFE_MS * GW_MS;
    if (k->nclients++ == 0)
        set_ticking(k, true);
    ev.data.ptr = c;
    if (gw_addr_from_sockaddr((struct sockaddr *)&ss, &c->peer) != 0 ||
        epoll_ctl(k->epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
        client_close(k, c);
}

/* Reads what there is of the head; with all of it, or too much, there is an answer. False: the client is gone. */
static bool read_head(struct gw_console *k, struct client *c)
{
    ssize_t n = recv(c->fd, c->in + c->in_len, GW_HTTP_HEAD_MAX + 1 - c->in_len, 0);
    struct gw_console_answer answer = { 0 };
    struct gw_http_req r;
    int err;

    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    c->in_len += (size_t)n;
    err = gw_http_parse((struct gw_span){ c->in, c->in_len }, &r);
    if (err == GW_E_AGAIN)
        return true;
    if (err)
        err = gw_console_answer_bad(err, &answer);
    else
        err = gw_console_answer(&k->site, &r, &c->peer, &answer);
    c->out = answer.text;
    c->out_len = answer.len;
    return err == 0;
}

/* True while there is more to send. */
static bool send_more(struct client *c)
{
    ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    c->out_sent += (size_t)n;
    return c->out_sent < c->out_len;
}

/* A refused body is read away before the end: a close with unread octets is a reset, which would take the answer with
 * it.
 */
static void finish(struct gw_console *k, struct client *c)
{
    char rest[4096];

    shutdown(c->fd, SHUT_WR);
    for (int i = 0; i < 16 && recv(c->fd, rest, sizeof(rest), 0) > 0; i++)
        ;
    client_close(k, c);
}

static void on_client(struct gw_console *k, struct client *c, uint32_t events)
{
    struct epoll_event ev = { .events = EPOLLOUT, .data.ptr = c };

    if ((events & EPOLLERR) || (!c->out && !read_head(k, c))) {
        client_close(k, c);
        return;
    }
    if (!c->out)
        return;
    if (send_more(c))
        epoll_ctl(k->epoll_fd, EPOLL_CTL_MOD, c->fd, &ev);
    else
        finish(k, c);
}

void gw_console_tick(struct gw_console *k, uint64_t now_us)
{
    for (unsigned i = 0; i < GW_CONSOLE_CLIENTS; i++)
        if (k->clients[i].fd >= 0 && now_us >= k->clients[i].until_us) {
            gw_stats_inc(GW_STAT_ADMIN_REFUSED);
            client_close(k, &k->clients[i]);
        }
}

void gw_console_dispatch(struct gw_console *k)
{
    struct epoll_event ev[GW_CONSOLE_CLIENTS + 2];
    int n = epoll_wait(k->epoll_fd, ev, GW_CONSOLE_CLIENTS + 2, 0);
    bool is_accepting = false;
    uint64_t ticks;

    for (int i = 0; i < n; i++) {
        struct client *c = ev[i].data.ptr;
        if (!c)
            is_accepting = true;
        else if (ev[i].data.ptr == k)
            (void)!read(k->tick_fd, &ticks, sizeof(ticks));
        else if (c->fd >= 0)
            on_client(k, c, ev[i].events);
    }
    gw_console_tick(k, gw_clock_us());
    if (is_accepting) /* after the others: it may take the place of one */
        accept_client(k);
}

/* ---- life ---- */

static int start(struct gw_console *k)
{
    struct epoll_event listening = { .events = EPOLLIN }, ticking = { .events = EPOLLIN, .data.ptr = k };
    struct sockaddr_storage ss;
    socklen_t len = gw_addr_to_sockaddr(&k->site.conf->admin_listen, &ss);
    int on = 1;

    k->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    k->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    k->listen_fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (k->epoll_fd < 0 || k->tick_fd < 0 || k->listen_fd < 0)
        return GW_E_IO;
    if (setsockopt(k->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        (ss.ss_family == AF_INET6 && setsockopt(k->listen_fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
        bind(k->listen_fd, (struct sockaddr *)&ss, len) != 0 || listen(k->listen_fd, GW_CONSOLE_CLIENTS) != 0)
        return GW_E_IO;
    return epoll_ctl(k->epoll_fd, EPOLL_CTL_ADD, k->listen_fd, &listening) == 0 &&
                   epoll_ctl(k->epoll_fd, EPOLL_CTL_ADD, k->tick_fd, &ticking) == 0
               ? 0
               : GW_E_IO;
}

int gw_console_new(const struct gw_conf *conf, const struct gw_admin_verb *verbs, unsigned nverbs, void *ctx,
                   struct gw_console **out, char *why, size_t why_size)
{
    struct gw_console *k;

    *out = NULL;
    if (!conf->admin_listen.port)
        return 0;
    k = calloc(1, sizeof(*k));
    if (!k)
        return GW_E_NOMEM;
    for (unsigned i = 0; i < GW_CONSOLE_CLIENTS; i++)
        k->clients[i].fd = -1;
    k->epoll_fd = k->listen_fd = k->tick_fd = -1;
    k->site = (struct gw_console_site){ conf, verbs, nverbs, ctx, false };
    if (start(k) != 0) {
        snprintf(why, why_size, "cannot listen there: %s", strerror(errno));
        gw_console_free(k);
        return GW_E_IO;
    }
    *out = k;
    return 0;
}

void gw_console_free(struct gw_console *k)
{
    if (!k)
        return;
    for (unsigned i = 0; i < GW_CONSOLE_CLIENTS; i++)
        if (k->clients[i].fd >= 0)
            client_close(k, &k->clients[i]);
    if (k->listen_fd >= 0)
        close(k->listen_fd);
    if (k->tick_fd >= 0)
        close(k->tick_fd);
    if (k->epoll_fd >= 0)
        close(k->epoll_fd);
    free(k);
}

void gw_console_reload(struct gw_console *k, const struct gw_conf *conf)
{
    if (k)
        k->site.conf = conf;
}

void gw_console_drain(struct gw_console *k)
{
    if (k)
        k->site.is_draining = true;
}

int gw_console_fd(const struct gw_console *k)
{
    return k->epoll_fd;
}

int gw_console_addr(const struct gw_console *k, struct gw_addr *out)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);

    return getsockname(k->listen_fd, (struct sockaddr *)&ss, &len) == 0
               ? gw_addr_from_sockaddr((struct sockaddr *)&ss, out)
               : GW_E_IO;
}
