#include "bench/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/target.h"
#include "gateway/media/agw.h"

int child_start(struct child *c, int core, void (*run)(int fd, void *arg), void *arg)
{
    int s[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) != 0)
        return GW_E_IO;
    fflush(NULL); /* what waited would be printed again by the child */
    c->pid = fork();
    if (c->pid == 0) {
        if (s[1] != 3)
            dup2(s[1], 3);
        close_range(4, ~0U, 0); /* another child's socket must end with our parent */
        task_pin(0, core);
        run(3, arg);
        fflush(NULL);
        _exit(0);
    }
    close(s[1]);
    c->fd = s[0];
    if (c->pid < 0) {
        close(c->fd);
        return GW_E_IO;
    }
    return 0;
}

void child_end(struct child *c)
{
    close(c->fd);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

bool child_read(int fd, void *p, size_t n)
{
    for (ssize_t got; n; n -= (size_t)got, p = (char *)p + got)
        if ((got = read(fd, p, n)) <= 0)
            return false;
    return true;
}

bool child_write(int fd, const void *p, size_t n)
{
    for (ssize_t put; n; n -= (size_t)put, p = (const char *)p + put)
        if ((put = send(fd, p, n, MSG_NOSIGNAL)) <= 0)
            return false;
    return true;
}

/* ---- the gateway ---- */

static void on_notify(void *arg, const struct gw_iq_notify *n)
{
    (void)arg;
    (void)n;
}

static void on_reply(void *arg, const struct gw_iq_reply *r)
{
    (void)child_write(*(int *)arg, r, sizeof(*r));
}

static void serve(struct gw_agw *agw, int fd)
{
    for (;;) {
        struct pollfd p[2] = { { gw_agw_fd(agw), POLLIN, 0 }, { fd, POLLIN, 0 } };
        struct gw_iq_req *req;
        poll(p, 2, -1);
        if (p[0].revents)
            gw_agw_dispatch(agw);
        if (!p[1].revents)
            continue;
        req = malloc(sizeof(*req));
        if (!req || !child_read(fd, req, sizeof(*req))) {
            free(req);
            return;
        }
        if (gw_agw_submit(agw, &req, on_reply, &fd) != 0)
            free(req);
    }
}

void agw_child_run(int fd, void *arg)
{
    const char *text = arg;
    struct gw_conf *conf = NULL;
    struct gw_agw *agw = NULL;
    char why[300] = "";

    if (gw_conf_parse("bench", text, strlen(text), &conf, why, sizeof(why)) == 0 &&
        gw_agw_new(conf, on_notify, NULL, &agw, why, sizeof(why)) == 0 && gw_agw_start(agw) == 0)
        serve(agw, fd);
    else
        fprintf(stderr, "imsgw: %s\n", why);
    gw_agw_free(agw);
    gw_conf_free(conf);
}

const struct gw_iq_reply *agw_child_ask(struct child *c, const struct gw_iq_req *req)
{
    static struct gw_iq_reply reply;

    if (!child_write(c->fd, req, sizeof(*req)) || !child_read(c->fd, &reply, sizeof(reply))) {
        fprintf(stderr, "imsgw: ended\n");
        return NULL;
    }
    if (reply.err) {
        fprintf(stderr, "imsgw: %s\n", gw_err_text(reply.err));
        return NULL;
    }
    return &reply;
}
