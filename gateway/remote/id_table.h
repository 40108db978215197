/* A hash table from the id of a context to what is known of it. Open addressing, linear probing, no tombstones. */
#ifndef GW_ID_TABLE_H
#define GW_ID_TABLE_H

#include <stdint.h>

#include "gateway/base/err.h"

struct gw_id_slot {
    uint64_t id;
    void *value; /* NULL: free */
};

struct gw_id_table {
    struct gw_id_slot *slots;
    uint32_t mask, count; /* capacity - 1 */
};

int gw_id_table_init(struct gw_id_table *t);
void gw_id_table_fini(struct gw_id_table *t); /* values are left */

GW_MUST_CHECK int gw_id_table_put(struct gw_id_table *t, uint64_t id, void *value); /* replaces */
void *gw_id_table_get(const struct gw_id_table *t, uint64_t id);
void gw_id_table_remove(struct gw_id_table *t, uint64_t id);

/* All ids, ascending, into a fresh array; *n. NULL without memory or without ids. */
uint64_t *gw_id_table_sorted(const struct gw_id_table *t, uint32_t *n);

#endif
