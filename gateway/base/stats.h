/* Counters and gauges, one row each in stats.def. Adding is one relaxed atomic operation on a block of the calling
 * thread (no lock, no sharing of cache lines between threads); reading sums over the threads. Write the sums into the
 * sentences: rx = relayed + dropped_*. */
#ifndef GW_STATS_H
#define GW_STATS_H

#include <stddef.h>
#include <stdint.h>

enum gw_stat {
#define X(name, metric, labels, kind, text) GW_STAT_##name,
#include "gateway/base/stats.def"
#undef X
    GW_STAT_COUNT
};

void gw_stats_add(enum gw_stat stat, int64_t n);
static inline void gw_stats_inc(enum gw_stat stat)
{
    gw_stats_add(stat, 1);
}
int64_t gw_stats_read(enum gw_stat stat);

/* Prometheus text exposition format 0.0.4 into a fresh string that the caller frees; NULL without memory. */
char *gw_stats_write_prometheus(void);

#endif
