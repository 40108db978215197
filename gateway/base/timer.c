#include "gateway/base/timer.h"

#include <stdlib.h>

static void place(struct gw_timer_heap *h, uint32_t i, struct gw_timer *t)
{
    h->v[i] = t;
    t->index = i;
}

static void sift_up(struct gw_timer_heap *h, uint32_t i, struct gw_timer *t)
{
    for (; i > 0 && t->at_us < h->v[(i - 1) / 2]->at_us; i = (i - 1) / 2)
        place(h, i, h->v[(i - 1) / 2]);
    place(h, i, t);
}

static void sift_down(struct gw_timer_heap *h, uint32_t i, struct gw_timer *t)
{
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child + 1 < h->count && h->v[child + 1]->at_us < h->v[child]->at_us)
            child++;
        if (child >= h->count || t->at_us <= h->v[child]->at_us)
            break;
        place(h, i, h->v[child]);
        i = child;
    }
    place(h, i, t);
}

static int grow(struct gw_timer_heap *h)
{
    uint32_t capacity = h->capacity ? h->capacity * 2 : 64;
    struct gw_timer **v = realloc(h->v, capacity * sizeof(h->v[0]));

    if (!v)
        return GW_E_NOMEM;
    h->v = v;
    h->capacity = capacity;
    return 0;
}

void gw_timer_heap_fini(struct gw_timer_heap *h)
{
    free(h->v);
    *h = (struct gw_timer_heap){ 0 };
}

int gw_timer_heap_start(struct gw_timer_heap *h, struct gw_timer *t, uint64_t at_us)
{
    if (at_us == GW_NEVER) {
        gw_timer_heap_stop(h, t);
        return 0;
    }
    if (t->at_us != GW_NEVER) { /* in the heap: move within it */
        uint64_t was = t->at_us;
        t->at_us = at_us;
        if (at_us < was)
            sift_up(h, t->index, t);
        else
            sift_down(h, t->index, t);
        return 0;
    }
    if (h->count == h->capacity && grow(h) != 0)
        return GW_E_NOMEM;
    t->at_us = at_us;
    sift_up(h, h->count++, t);
    return 0;
}

void gw_timer_heap_stop(struct gw_timer_heap *h, struct gw_timer *t)
{
    struct gw_timer *last;
    uint32_t i = t->index;

    if (t->at_us == GW_NEVER)
        return;
    t->at_us = GW_NEVER;
    last = h->v[--h->count];
    if (last == t)
        return;
    if (i > 0 && last->at_us < h->v[(i - 1) / 2]->at_us)
        sift_up(h, i, last);
    else
        sift_down(h, i, last);
}

uint64_t gw_timer_heap_next_us(const struct gw_timer_heap *h)
{
    return h->count ? h->v[0]->at_us : GW_NEVER;
}

void gw_timer_heap_fire(struct gw_timer_heap *h, uint64_t now_us)
{
    for (uint32_t most = h->count; most > 0 && h->count > 0 && h->v[0]->at_us <= now_us; most--) {
        struct gw_timer *t = h->v[0];
        gw_timer_heap_stop(h, t);
        t->cb(t->arg);
    }
}
