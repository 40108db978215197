/* Two small hash tables of a worker: source address -> termination, and own ICE user fragment -> termination. Open
 * addressing, linear probing, no tombstones. Only put allocates, and only to grow. */
#ifndef GW_ADDR_TABLE_H
#define GW_ADDR_TABLE_H

#include "gateway/base/addr.h"
#include "gateway/base/err.h"

struct gw_addr_table_slot {
    struct gw_addr key;
    uint32_t hash;
    void *value; /* NULL: free */
};

struct gw_addr_table {
    struct gw_addr_table_slot *slots;
    uint32_t mask, count; /* capacity - 1 */
    uint64_t seed;        /* so that a peer cannot choose ports that collide */
};

int gw_addr_table_init(struct gw_addr_table *t, uint32_t capacity); /* a power of two */
void gw_addr_table_fini(struct gw_addr_table *t);

/* Replaces. GW_E_NOMEM. */
GW_MUST_CHECK int gw_addr_table_put(struct gw_addr_table *t, const struct gw_addr *key, void *value);
void *gw_addr_table_get(const struct gw_addr_table *t, const struct gw_addr *key);
/* Only if it still maps to `value`: an address may have moved to another termination since. */
void gw_addr_table_remove(struct gw_addr_table *t, const struct gw_addr *key, const void *value);

/* An 8-character ufrag as a key of the same table type. */
struct gw_addr gw_addr_table_ufrag_key(const char *ufrag);

#endif
