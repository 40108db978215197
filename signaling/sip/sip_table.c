/* Chained hash table; grows, never shrinks. */
#include <stdlib.h>

#include "stack_priv.h"

uint64_t gw_sip_hash(uint64_t seed, const char *text) /* FNV-1a */
{
    uint64_t h = UINT64_C(14695981039346656037) ^ seed;

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return h ^ h >> 29;
}

static int grow(struct gw_sip_table *t)
{
    unsigned n = t->nbuckets ? 2 * t->nbuckets : 64;
    struct gw_sip_node **b = calloc(n, sizeof(*b));

    if (!b)
        return GW_E_NOMEM;
    for (unsigned i = 0; i < t->nbuckets; i++) {
        for (struct gw_sip_node *e = t->buckets[i], *next; e; e = next) {
            next = e->next;
            e->next = b[e->hash % n];
            b[e->hash % n] = e;
        }
    }
    free(t->buckets);
    t->buckets = b;
    t->nbuckets = n;
    return 0;
}

int gw_sip_table_add(struct gw_sip_table *t, struct gw_sip_node *n, uint64_t hash)
{
    if (t->count >= t->nbuckets && grow(t) && !t->nbuckets)
        return GW_E_NOMEM; /* a fuller table is only slower */
    n->hash = hash;
    n->next = t->buckets[hash % t->nbuckets];
    t->buckets[hash % t->nbuckets] = n;
    n->is_in = true;
    t->count++;
    return 0;
}

void gw_sip_table_remove(struct gw_sip_table *t, struct gw_sip_node *n)
{
    if (!n->is_in)
        return;
    for (struct gw_sip_node **p = &t->buckets[n->hash % t->nbuckets]; *p; p = &(*p)->next) {
        if (*p == n) {
            *p = n->next;
            n->is_in = false;
            t->count--;
            return;
        }
    }
}

static struct gw_sip_node *same_hash(struct gw_sip_node *n, uint64_t hash)
{
    while (n && n->hash != hash)
        n = n->next;
    return n;
}

struct gw_sip_node *gw_sip_table_find(const struct gw_sip_table *t, uint64_t hash)
{
    return t->nbuckets ? same_hash(t->buckets[hash % t->nbuckets], hash) : NULL;
}

struct gw_sip_node *gw_sip_table_next(const struct gw_sip_node *n)
{
    return same_hash(n->next, n->hash);
}

struct gw_sip_node *gw_sip_table_any(const struct gw_sip_table *t)
{
    for (unsigned i = 0; t->count && i < t->nbuckets; i++)
        if (t->buckets[i])
            return t->buckets[i];
    return NULL;
}

void gw_sip_table_fini(struct gw_sip_table *t)
{
    free(t->buckets);
    *t = (struct gw_sip_table){ 0 };
}
