#include "gateway/media/table.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/crypto.h"

static uint64_t mix(uint64_t v)
{
    v ^= v >> 32;
    v *= UINT64_C(0xd6e8feb86659fd93);
    v ^= v >> 32;
    v *= UINT64_C(0xd6e8feb86659fd93);
    return v ^ v >> 32;
}

static uint32_t hash_of(const struct gw_addr_table *t, const struct gw_addr *k)
{
    uint64_t a, b;
    uint32_t head;

    memcpy(&head, k, 4);
    memcpy(&a, k->ip, 8);
    memcpy(&b, k->ip + 8, 8);
    return (uint32_t)mix(mix(mix(t->seed ^ head) ^ a) ^ b);
}

int gw_addr_table_init(struct gw_addr_table *t, uint32_t capacity)
{
    t->slots = calloc(capacity, sizeof(*t->slots));
    t->mask = capacity - 1;
    t->count = 0;
    t->seed = gw_rand_u64();
    return t->slots ? 0 : GW_E_NOMEM;
}

void gw_addr_table_fini(struct gw_addr_table *t)
{
    free(t->slots);
    t->slots = NULL;
}

/* Where the key is, or the free slot where it would be. */
static uint32_t find(const struct gw_addr_table *t, const struct gw_addr *k, uint32_t hash)
{
    uint32_t i = hash & t->mask;

    while (t->slots[i].value && (t->slots[i].hash != hash || !gw_addr_eq(&t->slots[i].key, k)))
        i = (i + 1) & t->mask;
    return i;
}

static int grow(struct gw_addr_table *t)
{
    struct gw_addr_table bigger = { .mask = t->mask * 2 + 1, .count = t->count, .seed = t->seed };

    bigger.slots = calloc((size_t)bigger.mask + 1, sizeof(*bigger.slots));
    if (!bigger.slots)
        return GW_E_NOMEM;
    for (uint32_t i = 0; i <= t->mask; i++)
        if (t->slots[i].value)
            bigger.slots[find(&bigger, &t->slots[i].key, t->slots[i].hash)] = t->slots[i];
    free(t->slots);
    *t = bigger;
    return 0;
}

int gw_addr_table_put(struct gw_addr_table *t, const struct gw_addr *key, void *value)
{
    uint32_t hash = hash_of(t, key), i = find(t, key, hash);

    if (!t->slots[i].value) {
        if (t->count >= t->mask / 2) {
            int err = grow(t);
            if (err)
                return err;
            i = find(t, key, hash);
        }
        t->count++;
    }
    t->slots[i] = (struct gw_addr_table_slot){ *key, hash, value };
    return 0;
}

void *gw_addr_table_get(const struct gw_addr_table *t, const struct gw_addr *key)
{
    return t->slots[find(t, key, hash_of(t, key))].value;
}

void gw_addr_table_remove(struct gw_addr_table *t, const struct gw_addr *key, const void *value)
{
    uint32_t i = find(t, key, hash_of(t, key)), hole = i;

    if (!t->slots[i].value || t->slots[i].value != value)
        return;
    t->count--;
    for (;;) { /* pull back those that were pushed past the hole */
        uint32_t home;
        i = (i + 1) & t->mask;
        if (!t->slots[i].value)
            break;
        home = t->slots[i].hash & t->mask;
        if (((i - home) & t->mask) >= ((i - hole) & t->mask)) {
            t->slots[hole] = t->slots[i];
            hole = i;
        }
    }
    t->slots[hole].value = NULL;
}

struct gw_addr gw_addr_table_ufrag_key(const char *ufrag)
{
    struct gw_addr k = { 0 };

    memcpy(k.ip, ufrag, 8);
    return k;
}
