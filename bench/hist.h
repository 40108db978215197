/* A histogram of microseconds with steps of at most 3%. */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>
#include <string.h>

enum { HIST_SUB = 32, HIST_SLOTS = 28 * HIST_SUB };

struct hist {
    uint64_t n, slot[HIST_SLOTS];
    uint32_t max;
};

static inline void hist_add(struct hist *h, uint32_t us)
{
    unsigned shift = us < 2 * HIST_SUB ? 0 : 26u - (unsigned)__builtin_clz(us); /* keeps six bits */
    unsigned at = shift * HIST_SUB + (us >> shift);

    h->slot[at < HIST_SLOTS ? at : HIST_SLOTS - 1]++;
    h->n++;
    if (us > h->max)
        h->max = us;
}

/* The value that `part` of all are not above. */
static inline uint32_t hist_at(const struct hist *h, double part)
{
    uint64_t want = (uint64_t)((double)h->n * part), seen = 0;

    for (unsigned at = 0; at < HIST_SLOTS; at++) {
        seen += h->slot[at];
        if (seen > want || seen == h->n) {
            unsigned shift = at < 2 * HIST_SUB ? 0 : at / HIST_SUB - 1;
            return (at - shift * HIST_SUB) << shift;
        }
    }
    return 0;
}

#endif
