/* The timers of one loop: a binary heap of deadlines, pure (the clock is an argument). Rooms use gw_timer_start() of
 * loop.h; this header is for the loop and its tests. */
#ifndef GW_TIMER_H
#define GW_TIMER_H

#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"

/* Embedded in its owner's struct, which outlives it or stops it. */
struct gw_timer {
    uint64_t at_us; /* GW_NEVER when stopped */
    uint32_t index; /* in the heap */
    void (*cb)(void *arg);
    void *arg;
};

struct gw_timer_heap {
    struct gw_timer **v; /* v[0] is due first */
    uint32_t count, capacity;
};

void gw_timer_heap_fini(struct gw_timer_heap *h);
/* (Re)starts; at_us GW_NEVER stops. GW_E_NOMEM: the timer is stopped. */
int gw_timer_heap_start(struct gw_timer_heap *h, struct gw_timer *t, uint64_t at_us);
void gw_timer_heap_stop(struct gw_timer_heap *h, struct gw_timer *t);
uint64_t gw_timer_heap_next_us(const struct gw_timer_heap *h); /* GW_NEVER: none */
/* Calls back what is due. Callbacks may start and stop any timer. A timer that restarts itself in the past is called
 * again in the next round, so that a round ends. */
void gw_timer_heap_fire(struct gw_timer_heap *h, uint64_t now_us);

#endif
