#include "gateway/admin/admin.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/base/stats.h"

struct client {
    int fd; /* -1: free */
    char in[GW_ADMIN_REQUEST];
    size_t in_len;
    char *out; /* the reply being sent; no request is read meanwhile */
    size_t out_len, out_sent;
};

/* An epoll set of its own, watched as one descriptor by the control thread's loop: so the room needs no loop's API. */
struct gw_admin {
    int epoll_fd, listen_fd;
    bool is_bound;
    struct sockaddr_un addr;
    const struct gw_admin_verb *verbs;
    unsigned nverbs;
    void *ctx;
    struct client clients[GW_ADMIN_CLIENTS];
};

static void client_close(struct client *c)
{
    close(c->fd); /* leaves the epoll set by itself */
    free(c->out);
    *c = (struct client){ .fd = -1 };
}

/* True: somebody listens there. A leftover is removed. */
static bool is_alive(const struct sockaddr_un *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive = fd >= 0 && (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN);

    if (fd >= 0 && !alive && errno == ECONNREFUSED)
        unlink(addr->sun_path);
    if (fd >= 0)
        close(fd);
    return alive;
}

static int bind_path(struct gw_admin *a, const char *path, char *why, size_t why_size)
{
    struct epoll_event ev = { .events = EPOLLIN };
    struct stat st;

    if (strlen(path) >= sizeof(a->addr.sun_path)) {
        snprintf(why, why_size, "%s: longer than %zu octets", path, sizeof(a->addr.sun_path) - 1);
        return GW_E_LIMIT;
    }
    a->addr.sun_family = AF_UNIX;
    strcpy(a->addr.sun_path, path);
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && is_alive(&a->addr)) {
        snprintf(why, why_size, "%s: another process answers there", path);
        return GW_E_EXISTS;
    }
    /* the mode of the unbound socket becomes that of the file: no moment with a wider one */
    if (fchmod(a->listen_fd, 0600) != 0 || bind(a->listen_fd, (struct sockaddr *)&a->addr, sizeof(a->addr)) != 0) {
        snprintf(why, why_size, "%s: %s", path, strerror(errno));
        return GW_E_IO;
    }
    a->is_bound = true;
    if (listen(a->listen_fd, GW_ADMIN_CLIENTS) != 0 || epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, a->listen_fd, &ev) != 0) {
        snprintf(why, why_size, "%s: %s", path, strerror(errno));
        return GW_E_IO;
    }
    return 0;
}

int gw_admin_new(const char *path, const struct gw_admin_verb *verbs, unsigned nverbs, void *ctx, struct gw_admin **out,
                 char *why, size_t why_size)
{
    struct gw_admin *a = calloc(1, sizeof(*a));
    int err;

    if (!a)
        return GW_E_NOMEM;
    for (unsigned i = 0; i < GW_ADMIN_CLIENTS; i++)
        a->clients[i].fd = -1;
    a->verbs = verbs;
    a->nverbs = nverbs;
    a->ctx = ctx;
    a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    a->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (a->epoll_fd < 0 || a->listen_fd < 0) {
        snprintf(why, why_size, "%s: %s", path, strerror(errno));
        err = GW_E_IO;
    } else {
        err = bind_path(a, path, why, why_size);
    }
    if (err) {
        gw_admin_free(a);
        return err;
    }
    *out = a;
    return 0;
}

void gw_admin_free(struct gw_admin *a)
{
    if (!a)
        return;
    for (unsigned i = 0; i < GW_ADMIN_CLIENTS; i++)
        if (a->clients[i].fd >= 0)
            client_close(&a->clients[i]);
    if (a->is_bound)
        unlink(a->addr.sun_path);
    if (a->listen_fd >= 0)
        close(a->listen_fd);
    if (a->epoll_fd >= 0)
        close(a->epoll_fd);
    free(a);
}

int gw_admin_fd(const struct gw_admin *a)
{
    return a->epoll_fd;
}

static void accept_client(struct gw_admin *a)
{
    static const char busy[] = "{\"ok\":false,\"error\":\"too many clients\"}\n";
    int fd = accept4(a->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    for (unsigned i = 0; i < GW_ADMIN_CLIENTS; i++) {
        struct client *c = &a->clients[i];
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
        if (c->fd >= 0)
            continue;
        if (epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
            break;
        c->fd = fd;
        return;
    }
    gw_stats_inc(GW_STAT_ADMIN_REFUSED);
    (void)!send(fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL);
    close(fd);
}

/* Answers the request lines there are, one by one, until a reply does not fit the socket. False: the client is gone. */
static bool serve(struct gw_admin *a, struct client *c)
{
    for (;;) {
        char *newline;
        size_t line;

        while (c->out_sent < c->out_len) {
            ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
            if (n < 0)
                return errno == EAGAIN || errno == EINTR;
            c->out_sent += (size_t)n;
        }
        free(c->out);
        c->out = NULL;
        c->out_len = c->out_sent = 0;
        newline = memchr(c->in, '\n', c->in_len);
        if (!newline)
            return c->in_len < sizeof(c->in); /* a line longer than any request */
        line = (size_t)(newline - c->in);
        c->out = gw_admin_answer(a->verbs, a->nverbs, a->ctx, c->in, line);
        if (!c->out)
            return false;
        c->out_len = strlen(c->out);
        c->in_len -= line + 1;
        memmove(c->in, newline + 1, c->in_len);
    }
}

static void on_client(struct gw_admin *a, struct client *c, uint32_t events)
{
    struct epoll_event ev = { .data.ptr = c };

    if ((events & (EPOLLIN | EPOLLHUP)) && !c->out) {
        ssize_t n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, 0);
        if (n > 0) {
            c->in_len += (size_t)n;
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            client_close(c);
            return;
        }
    }
    if ((events & EPOLLERR) || !serve(a, c)) {
        client_close(c);
        return;
    }
    ev.events = c->out ? EPOLLOUT : EPOLLIN;
    epoll_ctl(a->epoll_fd, EPOLL_CTL_MOD, c->fd, &ev);
}

void gw_admin_dispatch(struct gw_admin *a)
{
    struct epoll_event ev[GW_ADMIN_CLIENTS + 1];
    int n = epoll_wait(a->epoll_fd, ev, GW_ADMIN_CLIENTS + 1, 0);

    for (int i = 0; i < n; i++) {
        struct client *c = ev[i].data.ptr;
        if (!c)
            accept_client(a);
        else if (c->fd >= 0)
            on_client(a, c, ev[i].events);
    }
}
