#include "gateway/remote/id_table.h"

#include <stdlib.h>

enum { AT_START = 64 };

int gw_id_table_init(struct gw_id_table *t)
{
    *t = (struct gw_id_table){ calloc(AT_START, sizeof(*t->slots)), AT_START - 1, 0 };
    return t->slots ? 0 : GW_E_NOMEM;
}

void gw_id_table_fini(struct gw_id_table *t)
{
    free(t->slots);
    t->slots = NULL;
}

static uint32_t home(const struct gw_id_table *t, uint64_t id)
{
    return (uint32_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & t->mask;
}

/* Where the id is, or the free slot where it would be. */
static uint32_t find(const struct gw_id_table *t, uint64_t id)
{
    uint32_t i = home(t, id);

    while (t->slots[i].value && t->slots[i].id != id)
        i = (i + 1) & t->mask;
    return i;
}

static int grow(struct gw_id_table *t)
{
    struct gw_id_table bigger = { .mask = t->mask * 2 + 1, .count = t->count };

    bigger.slots = calloc((size_t)bigger.mask + 1, sizeof(*bigger.slots));
    if (!bigger.slots)
        return GW_E_NOMEM;
    for (uint32_t i = 0; i <= t->mask; i++)
        if (t->slots[i].value)
            bigger.slots[find(&bigger, t->slots[i].id)] = t->slots[i];
    free(t->slots);
    *t = bigger;
    return 0;
}

int gw_id_table_put(struct gw_id_table *t, uint64_t id, void *value)
{
    uint32_t i = find(t, id);

    if (!t->slots[i].value) {
        if ((t->count + 1) * 2 > t->mask && grow(t) != 0)
            return GW_E_NOMEM;
        i = find(t, id);
        t->count++;
    }
    t->slots[i] = (struct gw_id_slot){ id, value };
    return 0;
}

void *gw_id_table_get(const struct gw_id_table *t, uint64_t id)
{
    return t->slots[find(t, id)].value;
}

void gw_id_table_remove(struct gw_id_table *t, uint64_t id)
{
    uint32_t hole = find(t, id);

    if (!t->slots[hole].value)
        return;
    t->count--;
    /* What probing would not find any more behind the hole moves into it. */
    for (uint32_t i = (hole + 1) & t->mask; t->slots[i].value; i = (i + 1) & t->mask)
        if (((i - home(t, t->slots[i].id)) & t->mask) >= ((i - hole) & t->mask)) {
            t->slots[hole] = t->slots[i];
            hole = i;
        }
    t->slots[hole].value = NULL;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

uint64_t *gw_id_table_sorted(const struct gw_id_table *t, uint32_t *n)
{
    uint64_t *ids = t->count ? calloc(t->count, sizeof(*ids)) : NULL;

    *n = 0;
    for (uint32_t i = 0; ids && i <= t->mask; i++)
        if (t->slots[i].value)
            ids[(*n)++] = t->slots[i].id;
    if (ids)
        qsort(ids, *n, sizeof(*ids), compare);
    return ids;
}
