#include "gateway/base/lines.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/mbox.h"

struct line {
    size_t len;
    bool is_last; /* from gw_lines_free: nothing follows */
    char text[];
};

struct gw_lines {
    struct gw_mbox *queue;
    int fd;
    bool owns_fd;
    enum gw_stat dropped;
    pthread_t thread;
};

static struct line *line_new(const char *text, size_t len)
{
    struct line *line = malloc(sizeof(*line) + len);

    if (!line)
        return NULL;
    line->len = len;
    line->is_last = false;
    if (len)
        memcpy(line->text, text, len);
    return line;
}

/* One write, and more only where the target took a part (a pipe that fills up). */
static bool write_all(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t n = write(fd, text, len);
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            struct pollfd p = { .fd = fd, .events = POLLOUT };
            poll(&p, 1, 1000);
        } else {
            return false;
        }
    }
    return true;
}

static void *run(void *arg)
{
    struct gw_lines *l = arg;

    for (;;) {
        struct pollfd p = { .fd = gw_mbox_fd(l->queue), .events = POLLIN };
        struct line *line;
        poll(&p, 1, -1);
        while ((line = gw_mbox_take(l->queue))) {
            bool is_last = line->is_last;
            if (!is_last && !write_all(l->fd, line->text, line->len))
                gw_stats_inc(l->dropped);
            free(line);
            if (is_last)
                return NULL;
        }
    }
}

int gw_lines_new(int fd, bool owns_fd, unsigned capacity, enum gw_stat dropped, struct gw_lines **out)
{
    struct gw_lines *l = calloc(1, sizeof(*l));
    sigset_t all, old;
    int err;

    if (!l)
        return GW_E_NOMEM;
    l->fd = fd;
    l->dropped = dropped;
    err = gw_mbox_new(capacity, &l->queue);
    if (err)
        goto fail;
    sigfillset(&all); /* signals are for the threads that expect them */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = pthread_create(&l->thread, NULL, run, l) == 0 ? 0 : GW_E_NOMEM;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err)
        goto fail;
    pthread_setname_np(l->thread, "lines");
    l->owns_fd = owns_fd;
    *out = l;
    return 0;
fail:
    gw_mbox_free(l->queue, free);
    free(l);
    return err;
}

static struct timespec in_ms(unsigned ms)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_sec += ms / 1000;
    ts.tv_nsec += (long)(ms % 1000) * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_nsec -= 1000000000;
        ts.tv_sec++;
    }
    return ts;
}

int gw_lines_free(struct gw_lines *l, unsigned wait_ms)
{
    struct timespec until = in_ms(wait_ms);
    struct line *last;

    if (!l)
        return 0;
    last = line_new("", 0);
    if (last)
        last->is_last = true;
    while (last && gw_mbox_push(l->queue, (void **)&last) == GW_E_FULL) { /* room comes as lines are written */
        struct timespec now = in_ms(0), pause = { .tv_nsec = 1000000 };
        if (now.tv_sec > until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec > until.tv_nsec)) {
            free(last);
            pthread_detach(l->thread);
            return GW_E_TIMEOUT;
        }
        nanosleep(&pause, NULL);
    }
    if (pthread_timedjoin_np(l->thread, NULL, &until) != 0) {
        pthread_detach(l->thread);
        return GW_E_TIMEOUT;
    }
    gw_mbox_free(l->queue, free);
    if (l->owns_fd)
        close(l->fd);
    free(l);
    return 0;
}

void gw_lines_put(struct gw_lines *l, const char *text, size_t len)
{
    struct line *line = line_new(text, len);

    if (!line || gw_mbox_push(l->queue, (void **)&line) != 0)
        gw_stats_inc(l->dropped);
    free(line);
}
