#include "signaling/pcscf/table.h"

#include <stdlib.h>

#include "gateway/base/crypto.h"

int gw_table_init(struct gw_table *t, unsigned expected)
{
    uint64_t n = 16;

    while (n < expected && n < (UINT64_C(1) << 24))
        n <<= 1;
    *t = (struct gw_table){ .mask = n - 1, .seed = gw_rand_u64() };
    t->buckets = calloc(n, sizeof(*t->buckets));
    return t->buckets ? 0 : GW_E_NOMEM;
}

void gw_table_fini(struct gw_table *t)
{
    free(t->buckets);
    *t = (struct gw_table){ 0 };
}

/* FNV-1a from a random start, and a last mixing, as the mask takes the low bits. */
uint64_t gw_table_hash(const struct gw_table *t, struct gw_span key)
{
    const uint8_t *p = key.ptr;
    uint64_t h = UINT64_C(14695981039346656037) ^ t->seed;

    for (size_t i = 0; i < key.len; i++)
        h = (h ^ p[i]) * UINT64_C(1099511628211);
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    return h ^ h >> 33;
}

void gw_table_insert(struct gw_table *t, struct gw_table_node *n, struct gw_span key)
{
    uint64_t hash = gw_table_hash(t, key);
    struct gw_table_node **bucket = &t->buckets[hash & t->mask];

    *n = (struct gw_table_node){ .next = *bucket, .link = bucket, .hash = hash };
    if (n->next)
        n->next->link = &n->next;
    *bucket = n;
    t->n++;
}

void gw_table_remove(struct gw_table *t, struct gw_table_node *n)
{
    if (!n->link)
        return;
    *n->link = n->next;
    if (n->next)
        n->next->link = n->link;
    n->link = NULL;
    n->next = NULL;
    t->n--;
}

static struct gw_table_node *same(struct gw_table_node *n, uint64_t hash)
{
    while (n && n->hash != hash)
        n = n->next;
    return n;
}

struct gw_table_node *gw_table_first(const struct gw_table *t, uint64_t hash)
{
    return t->buckets ? same(t->buckets[hash & t->mask], hash) : NULL;
}

struct gw_table_node *gw_table_next(const struct gw_table_node *n)
{
    return same(n->next, n->hash);
}
