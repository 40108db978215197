/* The epoll loop of one thread, its file descriptors and its timers. Everything of a loop is called from its own thread
 * (asserted), but gw_loop_stop. Before gw_loop_run and after it has returned, that is whoever holds the loop: so one
 * thread may fill a loop, another run it, and the first free it after the join. */
#ifndef GW_LOOP_H
#define GW_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/base/timer.h"

struct gw_loop;

struct gw_loop_fd {
    int fd;
    void (*cb)(void *arg, uint32_t epoll_events);
    void *arg;
};

int gw_loop_new(struct gw_loop **out);
void gw_loop_free(struct gw_loop *l);

/* Runs until gw_loop_stop, which may also come before. A round is: events, due timers, `idle` (may be NULL; e.g.
 * flushes a batch). The round in which the stop arrives is finished. */
void gw_loop_run(struct gw_loop *l, void (*idle)(void *arg), void *arg);
void gw_loop_stop(struct gw_loop *l); /* any thread, also a signal handler */

/* The time read once per round; outside gw_loop_run the time now. */
uint64_t gw_loop_now_us(const struct gw_loop *l);
void gw_loop_assert_current(const struct gw_loop *l);

/* An adaptive tick: sleep at least this long between rounds (0 to 1000), so that a round takes more packets. */
void gw_loop_set_tick_us(struct gw_loop *l, uint32_t tick_us);

/* `f` is owned by the caller and stays put until deleted. `epoll_events`: EPOLLIN | EPOLLOUT | EPOLLET. */
int gw_loop_add_fd(struct gw_loop *l, struct gw_loop_fd *f, uint32_t epoll_events);
int gw_loop_mod_fd(struct gw_loop *l, struct gw_loop_fd *f, uint32_t epoll_events);
/* Safe inside its own or another fd's callback: no event of this round reaches it afterwards. */
void gw_loop_del_fd(struct gw_loop *l, struct gw_loop_fd *f);

void gw_timer_init(struct gw_timer *t, void (*cb)(void *arg), void *arg);
/* (Re)starts. */
int gw_timer_start(struct gw_loop *l, struct gw_timer *t, uint64_t at_us);
void gw_timer_stop(struct gw_loop *l, struct gw_timer *t);

#endif
