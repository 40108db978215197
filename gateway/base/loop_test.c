#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/base/loop.h"

/* ---- the heap, on a clock that is a number ---- */

static unsigned fired[512], nfired;

struct numbered {
    struct gw_timer t;
    unsigned n;
};

static void on_numbered(void *arg)
{
    fired[nfired++] = ((struct numbered *)arg)->n;
}

TEST(timers_fire_in_the_order_of_their_deadlines)
{
    struct gw_timer_heap h = { 0 };
    static struct numbered v[300]; /* more than the first capacity */

    nfired = 0;
    for (unsigned i = 0; i < 300; i++) {
        v[i].n = (i * 7919) % 300; /* a permutation: 7919 is prime */
        gw_timer_init(&v[i].t, on_numbered, &v[i]);
        EQ(gw_timer_heap_start(&h, &v[i].t, 1000 + v[i].n), 0);
    }
    EQ(gw_timer_heap_next_us(&h), 1000);
    gw_timer_heap_fire(&h, 999);
    EQ(nfired, 0);
    gw_timer_heap_fire(&h, 1149);
    EQ(nfired, 150);
    gw_timer_heap_fire(&h, 5000);
    EQ(nfired, 300);
    for (unsigned i = 0; i < 300; i++)
        EQ(fired[i], i);
    EQ(gw_timer_heap_next_us(&h), GW_NEVER);
    gw_timer_heap_fini(&h);
}

TEST(stopped_and_moved_timers_keep_the_order_of_the_others)
{
    struct gw_timer_heap h = { 0 };
    static struct numbered v[100];

    nfired = 0;
    for (unsigned i = 0; i < 100; i++) {
        v[i].n = i;
        gw_timer_init(&v[i].t, on_numbered, &v[i]);
        gw_timer_heap_start(&h, &v[i].t, 100 + (i * 37) % 100);
    }
    for (unsigned i = 0; i < 100; i += 3)
        gw_timer_heap_stop(&h, &v[i].t);
    for (unsigned i = 0; i < 100; i++) /* the rest in order of i, every third comes back */
        EQ(gw_timer_heap_start(&h, &v[i].t, 1000 + i), 0);
    gw_timer_heap_start(&h, &v[50].t, GW_NEVER); /* the same as stop */
    gw_timer_heap_stop(&h, &v[50].t);            /* twice is once */
    gw_timer_heap_fire(&h, 2000);
    EQ(nfired, 99);
    for (unsigned i = 0; i < 99; i++)
        EQ(fired[i], i < 50 ? i : i + 1);
    gw_timer_heap_fini(&h);
}

struct again {
    struct gw_timer_heap h;
    struct gw_timer t, other;
    unsigned count;
};

static void on_again(void *arg)
{
    struct again *a = arg;

    a->count++;
    gw_timer_heap_stop(&a->h, &a->other);
    gw_timer_heap_start(&a->h, &a->t, 0);
}

static void on_never(void *arg)
{
    (void)arg;
    CHECK(!"a stopped timer was called");
}

TEST(a_timer_that_restarts_in_the_past_does_not_hold_the_round)
{
    struct again a = { 0 };

    gw_timer_init(&a.t, on_again, &a);
    gw_timer_init(&a.other, on_never, NULL);
    gw_timer_heap_start(&a.h, &a.t, 5);
    gw_timer_heap_start(&a.h, &a.other, 6);
    gw_timer_heap_fire(&a.h, 10);
    CHECK(a.count >= 1 && a.count <= 2); /* as many as there were timers, at most */
    EQ(gw_timer_heap_next_us(&a.h), 0);
    gw_timer_heap_fini(&a.h);
}

/* ---- the loop ---- */

struct pair {
    struct gw_loop *loop;
    struct gw_loop_fd f[2];
    unsigned calls;
};

static void on_either(void *arg, uint32_t epoll_events)
{
    struct pair *p = arg;

    CHECK(epoll_events & EPOLLIN);
    p->calls++;
    gw_loop_del_fd(p->loop, &p->f[0]); /* both were readable in this round */
    gw_loop_del_fd(p->loop, &p->f[1]);
    p->f[0].cb = p->f[1].cb = NULL; /* a late event would crash */
    gw_loop_stop(p->loop);
}

TEST(a_deleted_fd_gets_no_event_of_the_same_round)
{
    struct pair p = { 0 };

    EQ(gw_loop_new(&p.loop), 0);
    for (int i = 0; i < 2; i++) {
        p.f[i] = (struct gw_loop_fd){ .fd = eventfd(1, EFD_NONBLOCK), .cb = on_either, .arg = &p };
        EQ(gw_loop_add_fd(p.loop, &p.f[i], EPOLLIN), 0);
    }
    gw_loop_run(p.loop, NULL, NULL);
    EQ(p.calls, 1);
    for (int i = 0; i < 2; i++)
        close(p.f[i].fd);
    gw_loop_free(p.loop);
}

static void count_idle(void *arg)
{
    (*(unsigned *)arg)++;
}

static void on_stop_timer(void *arg)
{
    gw_loop_stop(arg);
}

TEST(a_due_timer_wakes_the_loop_and_idle_follows_each_round)
{
    struct gw_loop *l;
    struct gw_timer t;
    unsigned rounds = 0;
    uint64_t before = gw_clock_us();

    EQ(gw_loop_new(&l), 0);
    gw_timer_init(&t, on_stop_timer, l);
    gw_loop_set_tick_us(l, 1000000); /* clamped to a millisecond */
    EQ(gw_timer_start(l, &t, gw_loop_now_us(l) + 3 * GW_MS), 0);
    gw_loop_run(l, count_idle, &rounds);
    CHECK(gw_clock_us() - before >= 3 * GW_MS);
    CHECK(rounds >= 2); /* the timer's, and the one that saw the stop */
    gw_loop_free(l);
}

TEST(a_stop_before_the_run_is_not_lost)
{
    struct gw_loop *l;
    unsigned rounds = 0;

    EQ(gw_loop_new(&l), 0);
    gw_loop_stop(l);
    gw_loop_run(l, count_idle, &rounds);
    EQ(rounds, 1);
    gw_loop_free(l);
}

static void *run_loop(void *arg)
{
    gw_loop_run(arg, NULL, NULL);
    return NULL;
}

TEST(another_thread_stops_the_loop)
{
    struct gw_loop *l;
    pthread_t th;

    EQ(gw_loop_new(&l), 0);
    EQ(pthread_create(&th, NULL, run_loop, l), 0);
    gw_loop_stop(l);
    EQ(pthread_join(th, NULL), 0);
    gw_loop_free(l);
}

static struct gw_loop *signalled;

static void on_signal(int sig)
{
    (void)sig;
    gw_loop_stop(signalled);
}

static void on_raise(void *arg)
{
    (void)arg;
    raise(SIGUSR1);
}

TEST(a_signal_handler_stops_the_loop)
{
    struct sigaction sa = { .sa_handler = on_signal }, old;
    struct gw_timer t;

    EQ(gw_loop_new(&signalled), 0);
    sigaction(SIGUSR1, &sa, &old);
    gw_timer_init(&t, on_raise, NULL);
    EQ(gw_timer_start(signalled, &t, 0), 0);
    gw_loop_run(signalled, NULL, NULL);
    sigaction(SIGUSR1, &old, NULL);
    gw_loop_free(signalled);
}
