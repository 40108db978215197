#include "gateway/base/stats.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Blocks are never freed: a thread's counts outlive it. The number of threads that ever count is small and fixed. */
struct block {
    struct block *next;
    _Atomic int64_t v[GW_STAT_COUNT];
} __attribute__((aligned(64)));

static struct block *_Atomic blocks;
static _Thread_local struct block *mine;

static const struct {
    const char *metric, *labels, *kind, *text;
} rows[GW_STAT_COUNT] = {
#define COUNTER "counter"
#define GAUGE "gauge"
#define X(name, metric, labels, kind, text) { metric, labels, kind, text },
#include "gateway/base/stats.def"
#undef X
};

static struct block *block_new(void)
{
    struct block *b = aligned_alloc(64, sizeof(*b));

    if (!b)
        abort();
    memset(b, 0, sizeof(*b));
    b->next = atomic_load(&blocks);
    while (!atomic_compare_exchange_weak(&blocks, &b->next, b))
        ;
    return b;
}

void gw_stats_add(enum gw_stat stat, int64_t n)
{
    if (!mine)
        mine = block_new();
    /* only this thread writes the block: a load and a store, not a locked add */
    atomic_store_explicit(&mine->v[stat], atomic_load_explicit(&mine->v[stat], memory_order_relaxed) + n,
                          memory_order_relaxed);
}

int64_t gw_stats_read(enum gw_stat stat)
{
    int64_t sum = 0;

    for (struct block *b = atomic_load(&blocks); b; b = b->next)
        sum += atomic_load_explicit(&b->v[stat], memory_order_relaxed);
    return sum;
}

char *gw_stats_write_prometheus(void)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    if (!f)
        return NULL;
    for (unsigned i = 0; i < GW_STAT_COUNT; i++) {
        if (i == 0 || strcmp(rows[i].metric, rows[i - 1].metric) != 0)
            fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", rows[i].metric, rows[i].text, rows[i].metric, rows[i].kind);
        fprintf(f, "%s%s%s%s %lld\n", rows[i].metric, *rows[i].labels ? "{" : "", rows[i].labels,
                *rows[i].labels ? "}" : "", (long long)gw_stats_read((enum gw_stat)i));
    }
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
