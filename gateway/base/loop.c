#include "gateway/base/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_PER_ROUND = 128, TICK_MAX_US = 1000 };

struct gw_loop {
    int epoll_fd, stop_fd;
    _Atomic bool is_running;
    pthread_t thread; /* valid while is_running */
    bool is_stopping;
    bool lacks_pwait2; /* kernel before 5.11: deadlines round up to a millisecond */
    uint32_t tick_us;
    uint64_t now_us;
    struct gw_timer_heap timers;
    struct epoll_event events[EVENTS_PER_ROUND];
    int nevents, event; /* those of this round and the one being delivered */
};

int gw_loop_new(struct gw_loop **out)
{
    struct gw_loop *l = calloc(1, sizeof(*l));
    struct epoll_event ev = { .events = EPOLLIN };

    if (!l)
        return GW_E_NOMEM;
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->epoll_fd < 0 || l->stop_fd < 0 || epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->stop_fd, &ev) < 0) {
        gw_loop_free(l);
        return GW_E_IO;
    }
    *out = l;
    return 0;
}

void gw_loop_free(struct gw_loop *l)
{
    if (!l)
        return;
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    if (l->stop_fd >= 0)
        close(l->stop_fd);
    gw_timer_heap_fini(&l->timers);
    free(l);
}

void gw_loop_stop(struct gw_loop *l)
{
    int saved = errno; /* a signal handler leaves errno alone */
    uint64_t one = 1;
    ssize_t n = write(l->stop_fd, &one, sizeof(one));

    (void)n; /* EAGAIN would mean that 2^64 - 2 stops are waiting */
    errno = saved;
}

void gw_loop_assert_current(const struct gw_loop *l)
{
    assert(!atomic_load_explicit(&l->is_running, memory_order_acquire) || pthread_equal(l->thread, pthread_self()));
}

uint64_t gw_loop_now_us(const struct gw_loop *l)
{
    return atomic_load_explicit(&l->is_running, memory_order_relaxed) ? l->now_us : gw_clock_us();
}

void gw_loop_set_tick_us(struct gw_loop *l, uint32_t tick_us)
{
    l->tick_us = tick_us < TICK_MAX_US ? tick_us : TICK_MAX_US;
}

static struct timespec timespec_of(uint64_t us)
{
    return (struct timespec){ .tv_sec = (time_t)(us / GW_S), .tv_nsec = (long)(us % GW_S * 1000) };
}

/* Rounds begin at least a tick apart, so that each takes a batch; a round that took longer is followed at once. */
static void sleep_tick(const struct gw_loop *l)
{
    uint64_t until = l->now_us + l->tick_us, now = gw_clock_us();
    struct timespec ts;

    if (l->tick_us == 0 || now >= until)
        return;
    ts = timespec_of(until - now);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL); /* cut short by a signal: an earlier round does no harm */
}

static void wait_events(struct gw_loop *l)
{
    uint64_t due = gw_timer_heap_next_us(&l->timers), now = gw_clock_us();
    uint64_t wait_us = due == GW_NEVER ? GW_NEVER : due > now ? due - now : 0;

    l->nevents = -1;
    errno = 0;
    if (!l->lacks_pwait2) {
        struct timespec ts = timespec_of(wait_us);
        l->nevents = epoll_pwait2(l->epoll_fd, l->events, EVENTS_PER_ROUND, wait_us == GW_NEVER ? NULL : &ts, NULL);
        l->lacks_pwait2 = l->nevents < 0 && errno == ENOSYS;
    }
    if (l->lacks_pwait2) {
        uint64_t ms = (wait_us + GW_MS - 1) / GW_MS;
        int timeout = wait_us == GW_NEVER ? -1 : ms > 60000 ? 60000 : (int)ms; /* woken early: waits again */
        l->nevents = epoll_wait(l->epoll_fd, l->events, EVENTS_PER_ROUND, timeout);
    }
    if (l->nevents < 0) {
        assert(errno == EINTR); /* any other is a bug of ours: EBADF, EFAULT, EINVAL */
        l->nevents = 0;
    }
}

static void deliver(struct gw_loop *l)
{
    for (l->event = 0; l->event < l->nevents; l->event++) {
        struct epoll_event *ev = &l->events[l->event];
        struct gw_loop_fd *f = ev->data.ptr;
        uint64_t v;

        if (f)
            f->cb(f->arg, ev->events);
        else if (ev->events) /* not one that del_fd struck out */
            l->is_stopping = read(l->stop_fd, &v, sizeof(v)) == sizeof(v);
    }
    l->nevents = 0;
}

void gw_loop_run(struct gw_loop *l, void (*idle)(void *arg), void *arg)
{
    l->thread = pthread_self();
    l->now_us = gw_clock_us();
    atomic_store_explicit(&l->is_running, true, memory_order_release);
    l->is_stopping = false;
    while (!l->is_stopping) {
        sleep_tick(l);
        wait_events(l);
        l->now_us = gw_clock_us();
        deliver(l);
        gw_timer_heap_fire(&l->timers, l->now_us);
        if (idle)
            idle(arg);
    }
    atomic_store_explicit(&l->is_running, false, memory_order_release);
}

static int control_fd(struct gw_loop *l, int op, struct gw_loop_fd *f, uint32_t epoll_events)
{
    struct epoll_event ev = { .events = epoll_events, .data.ptr = f };

    gw_loop_assert_current(l);
    return epoll_ctl(l->epoll_fd, op, f->fd, &ev) == 0 ? 0 : errno == ENOMEM || errno == ENOSPC ? GW_E_LIMIT : GW_E_IO;
}

int gw_loop_add_fd(struct gw_loop *l, struct gw_loop_fd *f, uint32_t epoll_events)
{
    return control_fd(l, EPOLL_CTL_ADD, f, epoll_events);
}

int gw_loop_mod_fd(struct gw_loop *l, struct gw_loop_fd *f, uint32_t epoll_events)
{
    return control_fd(l, EPOLL_CTL_MOD, f, epoll_events);
}

void gw_loop_del_fd(struct gw_loop *l, struct gw_loop_fd *f)
{
    gw_loop_assert_current(l);
    epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, f->fd, NULL);
    for (int i = l->event + 1; i < l->nevents; i++) /* its owner may free it now, and another be put in its place */
        if (l->events[i].data.ptr == f)
            l->events[i] = (struct epoll_event){ 0 };
}

void gw_timer_init(struct gw_timer *t, void (*cb)(void *arg), void *arg)
{
    *t = (struct gw_timer){ .at_us = GW_NEVER, .cb = cb, .arg = arg };
}

int gw_timer_start(struct gw_loop *l, struct gw_timer *t, uint64_t at_us)
{
    gw_loop_assert_current(l);
    return gw_timer_heap_start(&l->timers, t, at_us);
}

void gw_timer_stop(struct gw_loop *l, struct gw_timer *t)
{
    gw_loop_assert_current(l);
    gw_timer_heap_stop(&l->timers, t);
}
